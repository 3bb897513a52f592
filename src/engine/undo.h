/* SPDX-License-Identifier: MIT */
/*
 * Undo: a run that puts another one back. It is a run like any other, of the job that job->undo names,
 * with a plan, backups, a journal and a report of its own; apply, resume, verify and report know nothing
 * special about it. Here is what the engine adds:
 *
 *   planning  which changes of the run are to be undone: those that are `verified`, and those that are
 *             `unknown` (the job reads whether they have happened). What another undo may have done
 *             already and nobody has settled is left out
 *   begin     before anything is sent: changes that somebody else has undone since the plan was made
 *             are skipped
 *   verified  an undo that is verified moves the change that it undoes to `undone`
 *   end       the same once more for all of them, because a kill may have come between the two; and the
 *             run that was undone becomes `undone` when nothing of it is left
 *
 * Each undo change says in the plan's first column which change it undoes.
 */
#ifndef STEWARD_ENGINE_UNDO_H
#define STEWARD_ENGINE_UNDO_H

#include "engine/engine.h"

/* Plans the undo of `run`, whose job is `job`. `only`: a change's id or a unique prefix of it of at
 * least UNDO_PREFIX characters, empty: all. *ret_run 0: nothing is left to undo, and nothing was
 * planned. ERR_REFUSED: it cannot be undone, or not now. */
enum { UNDO_PREFIX = 4 };
bool engine_plan_undo(struct engine *engine, const struct job *job, const struct run *run, str only,
                      int64_t *ret_run, struct plan_summary *ret, struct err *err) MUST_CHECK;

/* "7/12": change 12 of run 7, for the column UNDO_ORIGIN. */
void undo_origin_text(int64_t run, uint64_t seq, struct buf *out);

/* The run that `run` undoes; 0: it is no undo. */
int64_t undo_of(const struct run *run);

/* Is this the plan of an undo? */
bool undo_is_plan(const struct plan_header *header);

/* --- for engine.c ---------------------------------------------------------------------------- */

/* Both do nothing for a run that is no undo. */
bool undo_begin(struct engine *engine, int64_t run, struct err *err) MUST_CHECK;
bool undo_end(struct engine *engine, int64_t run, struct err *err) MUST_CHECK;

/* For executor.verified; `ctx` is the engine. */
void undo_verified(void *ctx, const struct job_change *change);

#endif
