/* SPDX-License-Identifier: MIT */
/*
 * Whoever watches a run while it works: progress, control from outside, alerts, metrics, profile. None is a
 * reason not to run, but for progress, without whose thread there would be no statistics.
 */
#ifndef STEWARD_ENGINE_WATCH_H
#define STEWARD_ENGINE_WATCH_H

#include "engine/engine.h"
#include "engine/schedule.h"

struct watch;
struct profile;

/* Before the workers start. Everything is borrowed until watch_stop. */
struct watch *watch_start(struct job_run *run, const struct job *job, struct schedule *schedule,
                          enum progress_mode mode, struct err *err) MUST_CHECK;
/* What the workers count their time in, NULL: nothing (--profile). NULL is fine. */
struct profile *watch_profile(struct watch *watch);
/* When they have ended. NULL is fine. */
void watch_stop(struct watch *watch);
/* How the run ended: told to those who want to know. `run` was read before it moved to `state`. NULL is
 * fine. */
void watch_ended(struct watch *watch, const struct run *run, enum run_state state,
                 const char *reason);
void watch_free(struct watch *watch);
DEFINE_AUTO(struct watch, watch_free)

#endif
