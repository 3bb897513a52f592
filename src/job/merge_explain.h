/* SPDX-License-Identifier: MIT */
/*
 * Why one contact of a file is kept, merged or left to people: its values, facts and keys, what each
 * strategy found, what the guards said. The file is planned as by `steward merge`, so what is told here
 * is what would be done; nothing is written.
 */
#ifndef STEWARD_JOB_MERGE_EXPLAIN_H
#define STEWARD_JOB_MERGE_EXPLAIN_H

#include "job/merge_plan.h"

/* Appends the explanation: text, or one JSON document (schemas/rules-explain.schema.json). ERR_NOT_FOUND
 * where no row has that id; otherwise the errors of merge_plan_open and merge_plan_run. `csv_out` and
 * `strict` are not looked at. */
bool merge_explain(const struct merge_plan_options *options, str id, bool json, struct buf *out,
                   struct err *err) MUST_CHECK;

#endif
