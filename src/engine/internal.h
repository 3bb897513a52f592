/* SPDX-License-Identifier: MIT */
/* What the files of engine/ share and nobody else sees. */
#ifndef STEWARD_ENGINE_INTERNAL_H
#define STEWARD_ENGINE_INTERNAL_H

#include "engine/engine.h"

struct engine {
    struct engine_options options;
    int workspace_fd;
    struct lock *lock;
    struct log *log;
    struct journal *journal;
};

/* Limiter, vault, call statistics and names for one command on one run. */
bool engine_job_run_init(struct engine *engine, const struct job *job, const struct run *run,
                         const struct plan_header *plan, struct job_run *ret,
                         struct err *err) MUST_CHECK;
void engine_job_run_done(struct job_run *run);

#endif
