/* SPDX-License-Identifier: MIT */
/*
 * What the merge planner is told of earlier decisions: links between contacts (store/memory_link.h), and
 * the merges through which they are inherited.
 *
 *   links    from the memory of the workspace; where there are any, every verified and not undone
 *            merge of its runs whose contacts they reach (plan files joined with the journal)
 *   missing  after planning: links that name a contact which the file does not have (any more). They
 *            do no harm and no good, so people are told
 */
#ifndef STEWARD_JOB_MERGE_MEMORY_H
#define STEWARD_JOB_MERGE_MEMORY_H

#include "engine/job.h"
#include "job/merge_plan.h"
#include "match/links.h"

/* No links: an empty one. A plan file that is gone or damaged is an error: without it a link might be
 * passed over. */
struct links *merge_memory_links(struct journal *journal, int workspace_fd,
                                 struct err *err) MUST_CHECK;

/* Which links name a contact that the file of `plan`, which was run, does not have, where one that was
 * merged lives on in its survivor: counted, and kept for `steward links list` in the place of what the
 * plan before found. */
bool merge_memory_note(struct job_run *run, const struct links *links, struct merge_plan *plan,
                       uint64_t *ret_stale, struct err *err) MUST_CHECK;

/* Before a plan is applied: has somebody decided meanwhile that two of those whom it would make one are
 * never to be? ERR_REFUSED. Changes that are refused, or not approved, do not count. */
bool merge_memory_check(struct job_run *run, const struct run *planned, struct err *err) MUST_CHECK;

/* Gives out the ids that the last plan did not find, and its run. */
bool merge_memory_noted(struct journal *journal, int64_t *ret_run, void (*each)(void *ctx, str id),
                        void *ctx, struct err *err) MUST_CHECK;

#endif
