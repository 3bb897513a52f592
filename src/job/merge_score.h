/* SPDX-License-Identifier: MIT */
/*
 * How well a plan agrees with what people have decided: their labels stand in columns of the input
 * (match/rules_labels.h).
 *
 * Over the good rows, for `merge` and for `keep`: how many rows the rules decided so, how many are
 * labelled so, how many both. The same by strategy, where the input has a column for it: there a row
 * counts as decided for the strategy that merged it (the first of "a+b"), a kept one for each that
 * merged into it, and as labelled for the strategy that its label names; both where these are the
 * same.
 */
#ifndef STEWARD_JOB_MERGE_SCORE_H
#define STEWARD_JOB_MERGE_SCORE_H

#include "job/merge_plan.h"
#include "match/decide.h"

enum { MERGE_SCORE_ROWS = 100000 }; /* kept of the rows that disagree */

enum score_label { LABEL_NONE, LABEL_MERGE, LABEL_KEEP };

struct score_measure {
    uint64_t decided;
    uint64_t labelled;
    uint64_t agreed;
};

struct score_part {
    const char *name; /* of the strategy */
    struct score_measure merge;
    struct score_measure keep;
};

/* A row whose label is another action, or the same with another strategy. */
struct score_row {
    uint64_t line;
    const char *id;
    enum score_label label;
    uint32_t label_strategy; /* 1 is the first; 0: none */
    enum action action;
    const char *strategy; /* "a+b", "" where none */
    const char *reason;
};

struct merge_score {
    struct arena arena;
    uint64_t good; /* rows */
    uint64_t bad;
    const char *merge_label; /* the words of the rule set */
    const char *keep_label;
    struct score_measure merge;
    struct score_measure keep;
    struct score_part *strategies; /* in their order */
    size_t strategy_count;         /* 0: the input has no column for it */
    uint64_t other_action;         /* rows that disagree */
    uint64_t other_strategy;
    struct score_row *rows; /* the first MERGE_SCORE_ROWS of them */
    size_t row_count;
    /* while it is made */
    size_t row_room;
    int action_index; /* of the columns in the input */
    int strategy_index;
};

void merge_score_done(struct merge_score *score);

/* Before the plan is run: finds the label columns. ERR_USAGE where the rule set has no labels,
 * ERR_INPUT where the input has no such column. */
bool merge_score_begin(struct merge_score *score, const struct merge_plan *plan,
                       struct err *err) MUST_CHECK;

/* After merge_plan_run. */
bool merge_score_measure(struct merge_score *score, const struct merge_plan *plan,
                         struct err *err) MUST_CHECK;

#endif
