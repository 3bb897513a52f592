/* SPDX-License-Identifier: MIT */
/*
 * Whether a plan of merges is still what its inputs would give: the CSV file, the map of its columns,
 * the rule set with its lists, and what people decided about pairs meanwhile.
 */
#ifndef STEWARD_JOB_MERGE_FRESH_H
#define STEWARD_JOB_MERGE_FRESH_H

#include "job/merge.h"
#include "job/merge_plan.h"

/* After `plan` was run: adds facts of its files. A source that was read into the workspace has none. */
bool merge_fresh_note(struct job_run *run, const struct merge_options *options, const char *rules,
                      struct merge_plan *plan, struct err *err) MUST_CHECK;

/* job->fresh. */
bool merge_fresh(struct job_run *run, const struct run *planned, struct err *err) MUST_CHECK;

#endif
