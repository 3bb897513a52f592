/* SPDX-License-Identifier: MIT */
/* What is known of the contact that is explained: found by merge_explain.c, told by
 * merge_explain_text.c and merge_explain_json.c. Nobody else includes it. */
#ifndef STEWARD_JOB_MERGE_EXPLAIN_INTERNAL_H
#define STEWARD_JOB_MERGE_EXPLAIN_INTERNAL_H

#include "job/merge_explain.h"
#include "job/merge_plan_internal.h"

enum { EXPLAIN_LINES = 16, EXPLAIN_MEMBERS = 25 };

struct explained {
    struct arena arena;
    const struct merge_plan *plan;
    const struct rules *rules;
    struct trace trace;
    str id;
    uint64_t lines[EXPLAIN_LINES]; /* where its rows begin, the first ones */
    size_t line_count;             /* of all its rows */
    bool bad;
    str terms[RULES_MAX_TERMS]; /* in their forms */
    uint32_t facts;
    bool has_key[RULES_MAX_KEYS];
    enum action action;
    str strategy;
    str survivor; /* its id */
    str reason;
};

/* "exactly 1 cxp" */
void explain_condition(const struct rules *rules, const struct rule_condition *condition,
                       struct buf *out);
/* "prefer real" */
void explain_step(const struct rules *rules, const struct rule_step *step, struct buf *out);
void explain_id(const struct explained *e, uint32_t row, struct buf *out);

static inline bool explain_has_fact(const struct explained *e, size_t fact)
{
    return (e->facts >> fact & 1) != 0;
}

void explain_text(const struct explained *e, struct buf *out);
void explain_json(const struct explained *e, struct buf *out);

#endif
