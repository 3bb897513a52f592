/* SPDX-License-Identifier: MIT */
/*
 * Where the time of a run went (--profile, E19): by phase of a change's life, by call, waiting for the
 * limit, for answers and for the journal. Each worker counts for itself: two clock reads at a change of
 * phase, no lock, no allocation; what a call took is told by net/callstats.h in the worker's own thread.
 *
 * Order: profile_new, in each worker profile_begin ... profile_end, and when they have ended the table and
 * the file. A worker is always in exactly one phase, so that the phases add up to its life.
 */
#ifndef STEWARD_ENGINE_PROFILE_H
#define STEWARD_ENGINE_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#define PROFILE_PHASES(X)                                                                          \
    X(PROFILE_CHECK, "check")                                                                      \
    X(PROFILE_CAPTURE, "capture")                                                                  \
    X(PROFILE_APPLY, "apply")                                                                      \
    X(PROFILE_CONFIRM, "confirm")                                                                  \
    X(PROFILE_FINISH, "finish")                                                                    \
    X(PROFILE_JOURNAL, "journal")                                                                  \
    X(PROFILE_CONCLUDE, "backup logs")                                                             \
    X(PROFILE_ENGINE, "engine")                                                                    \
    X(PROFILE_IDLE, "nothing to do")

enum profile_phase {
#define X(phase, name) phase,
    PROFILE_PHASES(X)
#undef X
        PROFILE_PHASE_COUNT
};

struct profile;

/* CPU time so far, of the calling thread or of the whole process; for tests. */
typedef int64_t (*profile_cpu_fn)(bool process);
/* `cpu` NULL: the system's. */
struct profile *profile_new(const struct clock *clock, profile_cpu_fn cpu);
void profile_free(struct profile *profile);
DEFINE_AUTO(struct profile, profile_free)

/* The calling thread is a worker from here to there, in PROFILE_ENGINE. NULL: nothing is counted. */
void profile_begin(struct profile *profile);
void profile_end(struct profile *profile);

/* The calling thread's phase from now on; returns the one it leaves. Of a thread that has not begun: nothing. */
enum profile_phase profile_enter(enum profile_phase phase);

/* For people: lines. `remote` names what the calls were made to. */
void profile_table(const struct profile *profile, int64_t run, const char *remote, struct buf *out);

/* All workers together, and each of them, in speedscope's file format; or as stacks with microseconds, one a
 * line, as the flamegraph tools read them. */
void profile_speedscope(const struct profile *profile, int64_t run, const char *remote,
                        struct buf *out);
void profile_folded(const struct profile *profile, const char *remote, struct buf *out);

#endif
