/* SPDX-License-Identifier: MIT */
/*
 * Progress of a run on stderr while it works (E12): a live block on a terminal (base/live.h), a plain line
 * every ten seconds elsewhere, a line of JSON every two seconds for programs; engine/progress_text.h says
 * what they hold. Always says why it waits. Also hands it and the call statistics to the journal every
 * two seconds, so that `steward show` and a report after a crash know them.
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
/* Ends the thread, draws the last time, hands the last statistics over. */
void progress_stop(struct progress *progress);

#endif
