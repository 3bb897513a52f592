/* SPDX-License-Identifier: MIT */
/*
 * The job `backfill`: fills one field of many issues with the group of who created them (B1
 * to B5).
 *
 *   plan     CSV rows `issue_id,creator_user_id,assigned_group,creator_group` and the tenant's groups
 *            (job/user_groups.h) give one change an issue; the field is held against the tenant's schema
 *            first
 *   check    works.get: gone, another creator, or a different value there: skipped for drift
 *   apply    works.update with the one custom field; nothing where it is right already
 *   confirm  works.get until the field shows it
 *
 * So an issue costs three calls, two where it is right already. DevRev has no call that reads or writes
 * several issues by their ids. The pre-image is one value and lies in the journal: a change's backup is
 * "journal".
 */
#ifndef STEWARD_JOB_BACKFILL_H
#define STEWARD_JOB_BACKFILL_H

#include "engine/job.h"

extern const struct job backfill_job;
extern const struct job backfill_undo_job;

#define BACKFILL_FIELD "tnt__creator_group"

struct backfill_options {
    const char *csv_path;
    const char *source;  /* NULL: the CSV file; "snowflake" */
    const char *query;   /* snowflake: NULL: the one that ships */
    const char *field;   /* NULL: BACKFILL_FIELD */
    bool overwrite;      /* also where a different value is there */
    bool strict;         /* one bad row is enough to plan nothing */
    const char *csv_out; /* the decision for every row; NULL: none */
};

/* Reads and judges every row of a CSV file, without the remote; bad rows are counted, the first ones are
 * named. ERR_INPUT where the file is of no use. */
bool backfill_validate(const char *csv_path, const struct stop *stop, struct plan_summary *ret,
                       struct err *err) MUST_CHECK;

/* What `validate groups` finds. */
struct backfill_groups_report {
    void (*group)(void *ctx, str id, str display_id, str name, size_t members);
    void (*ambiguous)(void *ctx, str user, str groups); /* "GROUP-1, GROUP-2" */
    void *ctx;
};
/* Lists the tenant's groups and holds the field against the schema; `run` as for planning. */
bool backfill_check_groups(struct job_run *run, const char *field,
                           const struct backfill_groups_report *report, struct err *err) MUST_CHECK;

#endif
