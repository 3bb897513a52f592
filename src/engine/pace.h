/* SPDX-License-Identifier: MIT */
/*
 * What the engine makes of a remote's pressure (net/pressure.h): settings in, log lines, audit entries
 * and statistics out.
 */
#ifndef STEWARD_ENGINE_PACE_H
#define STEWARD_ENGINE_PACE_H

#include "engine/job.h"

/* Over run->limiter; `run` and `remote` must outlive it. */
struct pressure *pace_new(struct job_run *run, const char *remote);

/* {"breaker_opened":1,"breaker_ms":61000,"writes_held_back":3,"cuts":2,"retries_delayed":0}: what
 * this process met, for the journal's statistics of a run. */
void pace_json(struct pressure *pressure, struct buf *out);

#endif
