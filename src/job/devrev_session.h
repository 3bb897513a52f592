/* SPDX-License-Identifier: MIT */
/*
 * The client of DevRev as jobs open it: from the run's settings, over the workspace's limit.
 */
#ifndef STEWARD_JOB_DEVREV_SESSION_H
#define STEWARD_JOB_DEVREV_SESSION_H

#include "engine/job.h"
#include "remote/devrev.h"

/* For workers: over what the engine lends to the run. */
struct devrev_shared *devrev_session_shared(struct job_run *run, struct err *err) MUST_CHECK;

/* For planning, when the engine has not opened a limiter yet: one connection with all it needs.
 * `rate_calls` and `rate_period_ms` are the job's, for where RATE_LIMIT_CALLS is not set. */
struct devrev_session {
    struct limiter *limiter;
    struct devrev_shared *shared;
    struct devrev *devrev;
};

bool devrev_session_open(struct job_run *run, int64_t rate_calls, int64_t rate_period_ms,
                         struct devrev_session *ret, struct err *err) MUST_CHECK;
void devrev_session_close(struct devrev_session *session);
#define AUTO_DEVREV_SESSION CLEANUP(devrev_session_close)

/* An id as messages show it: printable and short, for a plan's ids come from a file and may be anything. */
const char *shown_id(struct arena *arena, str id);

#endif
