/* SPDX-License-Identifier: MIT */
/*
 * A small input drawn from a large one: whole groups of contacts that a rule set looks at together, so
 * that planning the sample decides each of its contacts as planning the whole would.
 *
 * A group is everything that hangs together by keys of the rule set (blocked ones too, over any number
 * of steps) or by the same id; only groups of two contacts or more are drawn. A group is never cut.
 * Rows are copied byte for byte, below the header, in the order of the input. The same input, rules,
 * size and seed give the same bytes.
 */
#ifndef STEWARD_JOB_SAMPLE_H
#define STEWARD_JOB_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sample_options {
    const char *input;
    const char *output; /* replaced where it exists; never the input (ERR_USAGE) */
    const char *rules;  /* as struct merge_plan_options has them */
    const char *map;
    uint64_t size; /* groups */
    uint64_t seed;
};

struct sample_result {
    uint64_t groups;
    uint64_t rows;
    uint64_t input_groups; /* of two contacts or more */
    uint64_t input_rows;
};

/* Fewer groups than wanted: all of them. None: ERR_INPUT, and no file. Other errors as
 * merge_plan_open's. */
bool sample_draw(const struct sample_options *options, struct sample_result *ret,
                 struct err *err) MUST_CHECK;

#endif
