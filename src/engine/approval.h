/* SPDX-License-Identifier: MIT */
/*
 * Approving and refusing changes of a run that is planned (E2).
 *
 * An approval is kept in the journal's memory, `approval/<run>/plan`, `approval/<run>/strategy/<name>`
 * or `approval/<run>/change/<id>`, as {"plan":"<plan hash>","by":"<user>@<host>","at":"<RFC 3339>"}. A
 * run without any approval is applied whole, as is one whose plan was approved whole. Where changes or
 * strategies were approved, exactly those are applied: before anything is sent the others become
 * `refused`. That step is idempotent, and the run is still `planned` while it lasts, so a kill in
 * between does no harm.
 *
 * A refusal is a change's state, at once and for good, and for a job that remembers_refusals a
 * cannot-link between the two records (store/memory_link.h).
 *
 * A strategy's name covers a change whose strategy is that name, or a path joined by '+'. To approve a
 * path, every part of it must be approved; to refuse it, one part is enough.
 */
#ifndef STEWARD_ENGINE_APPROVAL_H
#define STEWARD_ENGINE_APPROVAL_H

#include "engine/engine.h"

enum { APPROVAL_PREFIX = 4 };

struct approval_choice {
    const char *const *ids; /* of changes, or unique beginnings of at least APPROVAL_PREFIX */
    size_t id_count;
    const char *strategy; /* NULL: none */
};

struct approval_outcome {
    bool whole;        /* approved as a whole */
    uint64_t refused;  /* by engine_refuse, now */
    uint64_t approved; /* planned changes that `apply` would carry out */
    uint64_t left;     /* planned changes */
    char by[320];
    char at[CLOCK_TEXT_BYTES];
};

/* Without ids and strategy: the whole plan. Nothing is approved where one id is wrong: ERR_USAGE, none or
 * several changes begin so; ERR_REFUSED, the change is refused already or the run is not `planned`. */
bool engine_approve(struct engine *engine, int64_t run, const struct approval_choice *choice,
                    struct approval_outcome *ret, struct err *err) MUST_CHECK;

/* The same errors. Of a strategy, what is refused already is passed over. */
bool engine_refuse(struct engine *engine, const struct job *job, int64_t run,
                   const struct approval_choice *choice, struct approval_outcome *ret,
                   struct err *err) MUST_CHECK;

/* --- what is approved ------------------------------------------------------------------------ */

struct approval;

/* ERR_CORRUPT where it belongs to another plan than the run's. */
struct approval *approval_load(struct journal *journal, const struct run *run,
                               struct err *err) MUST_CHECK;
void approval_free(struct approval *approval);
DEFINE_AUTO(struct approval, approval_free)

/* Some of the plan was approved, and not all of it: what is not covered will be refused. */
bool approval_is_partial(const struct approval *approval);
bool approval_covers(const struct approval *approval, const struct plan_change *change);

/* Planned changes that are covered, or all where it is not partial. */
bool approval_count(struct engine *engine, const struct run *run, const struct approval *approval,
                    uint64_t *ret, struct err *err) MUST_CHECK;

/* For engine_apply: refuses what is not covered. Failpoint: apply.after_refusals. */
bool approval_settle(struct engine *engine, const struct run *run, struct err *err) MUST_CHECK;

#endif
