/* SPDX-License-Identifier: MIT */
/*
 * The files that a plan was made from. A plan is applied as it is, so a file that has changed since
 * makes it stale: what a person would see in it now is not what was decided from (E2).
 *
 * A fact of planning (job_run.facts), <name> as the job calls the file:
 *   "<name>":{"path":"/...","bytes":n,"mtime_ns":n,"ctime_ns":n,"inode":n,"device":n,"xxh3":"<hex>"}
 * Not in the plan file: the same input makes the same plan, wherever and whenever it lies there. Where
 * size, times and inode are the same the content is not read again. The hash finds accidents; it is no
 * proof against somebody who forges.
 */
#ifndef STEWARD_JOB_INPUTS_H
#define STEWARD_JOB_INPUTS_H

#include "engine/job.h"

/* Reads all of `fd`, a regular file that was planned from and that `path` names, and adds the fact. It
 * must not change meanwhile, which the caller checks. `threads`: how many read. */
bool inputs_note(struct job_run *run, const char *name, int fd, const char *path, int threads,
                 struct err *err) MUST_CHECK;

/* ERR_REFUSED where one of the run's files has changed. One that is gone is only logged: the plan holds
 * all that is needed. `log` may be NULL. */
bool inputs_check(const struct run *run, struct log *log, struct err *err) MUST_CHECK;

#endif
