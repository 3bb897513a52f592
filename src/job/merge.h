/* SPDX-License-Identifier: MIT */
/*
 * The job `merge`: duplicate contacts of DevRev into their survivors (docs/merge.md).
 *
 *   plan     a CSV file, or a source that is read into one (job/source.h), and a rule set decide
 *            (job/merge_plan.h)
 *   check    both contacts are read by the plan's ids; what decided must be unchanged
 *   capture  both contacts with works, conversations, timelines, links and attachments are backed up
 *   apply    one rev-users.merge
 *   confirm  the loser's primary_identity is the survivor, every recorded ticket and conversation is
 *            with the survivor, and the survivor's own fields are what they were
 *
 * What confirm and verify compare with is read from the sealed backup (metadata/contact_info.json), so
 * another process can go on where this one was killed.
 */
#ifndef STEWARD_JOB_MERGE_H
#define STEWARD_JOB_MERGE_H

#include "engine/job.h"

struct merge_score; /* job/merge_score.h */

/* What plan() takes as `options`. */
struct merge_options {
    const char *csv_path; /* not used with a source */
    const char *source;   /* "snowflake", "devrev"; NULL: the CSV file */
    const char *query;    /* of snowflake, NULL: the one that ships */
    const char *rules;    /* NULL: "revu-pairs" */
    const char *map;      /* headers of the input (match/columns_map.h), NULL: the rule set's */
    const char *csv_out;  /* NULL: none */
    bool strict;
    int threads;               /* 0: as the planner likes */
    struct merge_score *score; /* NULL: not wanted; filled where the plan was made */
};

extern const struct job merge_job;
extern const struct job merge_undo_job; /* merge_undo.h */

/* Reads the rows of a CSV file and counts them, as planning would; writes nothing. */
bool merge_validate(const struct merge_options *options, struct plan_summary *ret,
                    struct err *err) MUST_CHECK;

#endif
