/* SPDX-License-Identifier: MIT */
/* How a plan agrees with the labels, as people and programs read it. */
#ifndef STEWARD_COMMAND_SCORE_H
#define STEWARD_COMMAND_SCORE_H

#include <stdio.h>

#include "engine/engine.h"
#include "job/merge_score.h"

/* The table, and the first rows that disagree. */
void score_table(const struct merge_score *score, FILE *out);

/* schemas/score.schema.json, with all of them. */
void score_json(const struct merge_score *score, const struct run *run, FILE *out);

#endif
