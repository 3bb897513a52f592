/* SPDX-License-Identifier: MIT */
/*
 * Once more over the input of a plan that has been run, each row with its decision: for what is
 * measured about a plan and is no part of it. One thread.
 */
#ifndef STEWARD_JOB_MERGE_WALK_H
#define STEWARD_JOB_MERGE_WALK_H

#include "format/csv.h"
#include "job/merge_plan.h"
#include "match/decide.h"

struct merge_walk_row {
    const struct csv_row *csv;
    const str *cells; /* of the rules' columns, in their order; NULL where the row cannot be read */
    bool bad;
    bool repeat;        /* a good row whose contact stands in an earlier row too */
    uint32_t decided;   /* the row whose decision counts, for decisions_*() */
    enum action action; /* of a bad row: review */
};

/* False, with `err` filled, ends the walk. */
typedef bool (*merge_walk_fn)(void *ctx, const struct merge_walk_row *row, struct err *err);

/* After merge_plan_run. ERR_INPUT where the file has changed since, ERR_INTERRUPTED. */
bool merge_walk(const struct merge_plan *plan, merge_walk_fn each, void *ctx,
                struct err *err) MUST_CHECK;

/* Columns of the input that the rules do not read; as csv_header_match. */
bool merge_walk_columns(const struct merge_plan *plan, struct csv_column *columns, size_t count,
                        struct err *err) MUST_CHECK;

const struct rules *merge_walk_rules(const struct merge_plan *plan);
const struct decisions *merge_walk_decisions(const struct merge_plan *plan);

#endif
