/* SPDX-License-Identifier: MIT */
/* What apply and resume have in common. */
#ifndef STEWARD_COMMAND_WORK_H
#define STEWARD_COMMAND_WORK_H

#include "command/session.h"

/* Pace and safety of a run; NULL-terminated. */
extern const struct option work_options[];

/* Calls `work` with the run's job, prints where the run stands, and returns the exit code. */
int work_on_run(struct session *session, int64_t run,
                bool (*work)(struct engine *engine, const struct job *job, int64_t run,
                             struct err *err),
                struct err *err);

#endif
