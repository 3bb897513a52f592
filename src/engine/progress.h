/* SPDX-License-Identifier: MIT */
/*
 * Progress of a run on stderr while it works (E12): a live line on a terminal, a plain line every
 * ten seconds elsewhere. Always says why it waits. Also hands the call statistics to the journal
 * every few seconds, so that a report after a crash knows them.
 */
#ifndef STEWARD_ENGINE_PROGRESS_H
#define STEWARD_ENGINE_PROGRESS_H

#include "engine/engine.h"
#include "engine/schedule.h"

struct progress;

struct progress_options {
    enum progress_mode mode;
    struct job_run *run;
    struct journal *journal;
    struct schedule *schedule;
};

struct progress *progress_start(const struct progress_options *options, struct err *err) MUST_CHECK;
/* Ends the thread, draws the last line, hands the last statistics over. */
void progress_stop(struct progress *progress);

/* One line without line end, at most `width` columns (0: no limit). Pure, for tests. */
void progress_line(const struct schedule_counts *counts, uint64_t calls,
                   const struct limiter_state *limit, const struct pressure_state *pressure,
                   int64_t elapsed_ms, size_t width, struct buf *out);

#endif
