/* SPDX-License-Identifier: MIT */
/*
 * The journal: SQLite file `steward.db` in the workspace, the one truth about what happened.
 *
 * WAL, synchronous=FULL, STRICT tables, no mmap. Exactly one connection ever writes or checkpoints:
 * Debian's 3.40.1 has the WAL-reset bug (fixed in 3.51.3). It belongs to the writer
 * thread that journal_open starts in JOURNAL_WRITE mode; the workspace lock (store/lock.h) must be
 * held. JOURNAL_READ opens mode=ro beside a living writer and serves show, runs, report.
 *
 * Group commit: callers hand a request to the writer and wait; the writer takes all that is queued
 * into one transaction and one fsync, then wakes them. A caller that got true may rely on the disk.
 * Any thread may call. A failed commit is fatal: err.fatal is set, every later call that writes
 * fails with the same error. Reading goes through read-only connections in the caller's thread, in
 * both modes; a callback may call the journal again. Failpoints: journal.before_commit
 * journal.after_commit.
 *
 * Tables (schema version in PRAGMA user_version; a newer one is refused with ERR_CORRUPT):
 *   run      one row a run, with its plan's hash and totals
 *   change   one row for each change that left `planned`
 *   tally    run, state, n: kept in the same transaction, so that counting a million changes is a
 *            look-up
 *   stat     run, session, JSON: call counts and latencies of each process that worked on the run
 *   audit    append-only hash chain (store/audit.h): one entry a transition, request and decision;
 *            audit_head keeps its end
 *   memory   key, value: cannot-link, high-water marks
 */
#ifndef STEWARD_STORE_JOURNAL_H
#define STEWARD_STORE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "store/audit.h"
#include "store/plan.h"

#define CHANGE_STATES(X)                                                                           \
    X(CHANGE_PLANNED, "planned")                                                                   \
    X(CHANGE_BACKED_UP, "backed_up")                                                               \
    X(CHANGE_SENT, "sent")                                                                         \
    X(CHANGE_VERIFIED, "verified")                                                                 \
    X(CHANGE_FAILED, "failed")                                                                     \
    X(CHANGE_SKIPPED, "skipped")                                                                   \
    X(CHANGE_UNKNOWN, "unknown")                                                                   \
    X(CHANGE_UNDONE, "undone")                                                                     \
    X(CHANGE_REFUSED, "refused")

enum change_state {
#define X(state, name) state,
    CHANGE_STATES(X)
#undef X
        CHANGE_STATE_COUNT
};

#define RUN_STATES(X)                                                                              \
    X(RUN_PLANNING, "planning")                                                                    \
    X(RUN_PLANNED, "planned")                                                                      \
    X(RUN_APPLYING, "applying")                                                                    \
    X(RUN_PAUSED, "paused")                                                                        \
    X(RUN_INTERRUPTED, "interrupted")                                                              \
    X(RUN_DONE, "done")                                                                            \
    X(RUN_FAILED, "failed")                                                                        \
    X(RUN_UNDONE, "undone")

enum run_state {
#define X(state, name) state,
    RUN_STATES(X)
#undef X
        RUN_STATE_COUNT
};

const char *change_state_name(enum change_state state);
const char *run_state_name(enum run_state state);
bool change_state_parse(str name, enum change_state *ret);
bool run_state_parse(str name, enum run_state *ret);

/* The table of allowed moves: planned -> backed_up skipped failed refused; backed_up -> backed_up
 * (captured again) sent skipped failed; sent -> verified failed unknown, and backed_up where it is
 * proven that nothing was applied; unknown -> verified failed (proven not applied) ; verified ->
 * undone; unknown -> undone. */
bool change_move_allowed(enum change_state from, enum change_state to);

/* planning -> planned failed; planned -> applying; applying -> paused interrupted done failed;
 * paused interrupted done -> applying; done -> undone. (`applying` may stay after a kill.) */
bool run_move_allowed(enum run_state from, enum run_state to);

struct run {
    int64_t id;
    enum run_state state;
    char job[32];
    char rules[128];
    char source[512];   /* as the user gave it, for people */
    char plan_path[64]; /* below the workspace */
    bool has_plan;
    struct plan_totals plan;
    int64_t planned_at_ms; /* 0: not yet */
    int64_t started_at_ms;
    int64_t finished_at_ms;
    char stop_reason[320];               /* why it is paused, failed or interrupted; "" otherwise */
    uint64_t counts[CHANGE_STATE_COUNT]; /* every change once; planned = the plan's total less the
                                            rest */
    str options; /* JSON of the options it was planned with; owned by the arena given on reading */
};

struct change_row {
    uint64_t seq;
    uint8_t id[CHANGE_ID_BYTES];
    enum change_state state;
    bool acknowledged;  /* the remote answered the last send with success */
    int attempts;       /* times sent */
    int64_t sent_at_ms; /* last intent */
    int64_t updated_at_ms;
    enum err_kind error_kind;
    char error[512];  /* "" none */
    char backup[384]; /* below the workspace, "" none; holds an address: never log it */
    char detail[512]; /* the job's own JSON, "" none */
};

enum journal_mode { JOURNAL_READ, JOURNAL_WRITE };

struct journal;

/* `path` is the file. WRITE creates it (0600) where missing; READ of a missing file is
 * ERR_NOT_FOUND. Not a database, damaged (quick check of the header and schema), newer: ERR_CORRUPT
 * with a hint. */
struct journal *journal_open(const char *path, enum journal_mode mode, const struct clock *clock,
                             struct err *err) MUST_CHECK;
void journal_close(struct journal *journal);
DEFINE_AUTO(struct journal, journal_close)

/* --- runs ---------------------------------------------------------------------------------- */

/* A new run in RUN_PLANNING; its number counts up. `run`: job, rules, source, options are read. */
bool journal_run_new(struct journal *journal, const struct run *run, int64_t *ret_id,
                     struct err *err) MUST_CHECK;
/* PLANNING -> PLANNED with the finished plan. `options` takes the place of those that the run was
 * begun with; STR_NONE: they stay. */
bool journal_run_planned(struct journal *journal, int64_t id, const char *plan_path,
                         const struct plan_totals *totals, str options, struct err *err) MUST_CHECK;
/* `reason` may be NULL. Stamps started_at on the first APPLYING, finished_at on DONE, FAILED and
 * UNDONE; APPLYING clears finished_at. A move that is not allowed: ERR_INTERNAL. */
bool journal_run_move(struct journal *journal, int64_t id, enum run_state to, const char *reason,
                      struct err *err) MUST_CHECK;

bool journal_run_get(struct journal *journal, int64_t id, struct arena *arena, struct run *ret,
                     struct err *err) MUST_CHECK; /* unknown: ERR_NOT_FOUND */
bool journal_run_last(struct journal *journal, int64_t *ret_id, struct err *err) MUST_CHECK;
/* Oldest first; the callback returns false to stop. */
bool journal_run_each(struct journal *journal, bool (*each)(void *ctx, const struct run *run),
                      void *ctx, struct err *err) MUST_CHECK;

/* --- changes ------------------------------------------------------------------------------- */

struct transition {
    int64_t run;
    uint64_t seq;
    uint8_t id[CHANGE_ID_BYTES];
    enum change_state from; /* checked against the journal: ERR_INTERNAL where it differs */
    enum change_state to;
    bool acknowledged;       /* the remote said yes; kept until the next move to SENT starts anew */
    bool count_attempt;      /* SENT: one more attempt, sent_at = now */
    const struct err *error; /* may be NULL: none */
    const char *backup;      /* NULL: unchanged; at most 383 bytes */
    const char *detail;      /* NULL: unchanged; JSON, at most 511 bytes */
};

/* Durable when it returns true. A move that does not fit the journal's state, a run without plan or
 * a seq beyond it is ERR_INTERNAL and changes nothing; other callers are not touched by it. */
bool journal_move(struct journal *journal, const struct transition *transition,
                  struct err *err) MUST_CHECK;
/* Many at once, in one commit: durable when it returns true. Each is judged by itself; false: at least
 * one does not fit (err says which kind), the others are made. */
bool journal_move_all(struct journal *journal, const struct transition *transitions, size_t count,
                      struct err *err) MUST_CHECK;
/* Records the acknowledgement of a sent change; durable. */
bool journal_acknowledge(struct journal *journal, int64_t run, uint64_t seq,
                         struct err *err) MUST_CHECK;
/* The same, not waited for; durable before any later transition is, and soon. */
void journal_acknowledge_later(struct journal *journal, int64_t run, uint64_t seq);

/* Rows in order of seq. */
bool journal_change_each(struct journal *journal, int64_t run,
                         bool (*each)(void *ctx, const struct change_row *row), void *ctx,
                         struct err *err) MUST_CHECK;
/* Only seq and state, in order of seq: a million rows in well under half a second (resume). */
bool journal_state_each(struct journal *journal, int64_t run,
                        bool (*each)(void *ctx, uint64_t seq, enum change_state state), void *ctx,
                        struct err *err) MUST_CHECK;
/* *ret_found false: still `planned`. */
bool journal_change_get(struct journal *journal, int64_t run, uint64_t seq, struct change_row *ret,
                        bool *ret_found, struct err *err) MUST_CHECK;

/* --- statistics, audit, memory -------------------------------------------------------------- */

/* The calls and latencies of this process on this run, as JSON; replaces what the same session gave
 * before. Not waited for. */
void journal_stat(struct journal *journal, int64_t run, const char *session, str json);
bool journal_stat_each(struct journal *journal, int64_t run,
                       bool (*each)(void *ctx, str session, str json), void *ctx,
                       struct err *err) MUST_CHECK;

/* Appends an audit entry (decision, request, note); not waited for, but in order before any later
 * transition. `detail` is JSON without personal data (what is not JSON is kept as a JSON string).
 * Run and change moves write their entries themselves: events "run" and "change". */
void journal_audit(struct journal *journal, int64_t run, const char *event, str detail);

/* Entries of a run (0: all) in order; `body` is the JSON line of store/audit.h. */
bool journal_audit_each(struct journal *journal, int64_t run,
                        bool (*each)(void *ctx, uint64_t seq, str body), void *ctx,
                        struct err *err) MUST_CHECK;

/* Walks the chain: changed, missing, out of order; missing ones at the end too. */
bool journal_audit_verify(struct journal *journal, struct audit_walk *ret,
                          struct err *err) MUST_CHECK;

/* The same, and where the chain is whole its last word on each run and change against the tables: a
 * state, a plan or a count that somebody changed there without an entry. `noted`: a hash to look for
 * on the way, as long as `ret` is used; NULL: none. */
struct audit_difference {
    uint64_t count;
    char first[256]; /* "" none */
};
bool journal_audit_compare(struct journal *journal, const uint8_t *noted, struct audit_walk *ret,
                           struct audit_difference *ret_difference, struct err *err) MUST_CHECK;

/* What outlives runs (cannot-link pairs, high-water marks). Durable. `value` STR_NONE removes. */
bool journal_memory_put(struct journal *journal, str key, str value, struct err *err) MUST_CHECK;
/* Many at once, in one commit. */
struct journal_memo {
    str key;
    str value;
};
bool journal_memory_put_all(struct journal *journal, const struct journal_memo *memos, size_t count,
                            struct err *err) MUST_CHECK;
/* Keys that start with `prefix`, in byte order. */
bool journal_memory_each(struct journal *journal, str prefix,
                         bool (*each)(void *ctx, str key, str value), void *ctx,
                         struct err *err) MUST_CHECK;

#endif
