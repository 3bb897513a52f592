/* SPDX-License-Identifier: MIT */
/* What the files backfill*.c share. */
#ifndef STEWARD_JOB_BACKFILL_INTERNAL_H
#define STEWARD_JOB_BACKFILL_INTERNAL_H

#include "format/csv.h"
#include "job/backfill.h"
#include "job/user_groups.h"

/* The columns of the CSV, in this order. */
enum backfill_cell { CELL_ISSUE, CELL_CREATOR, CELL_ASSIGNED, CELL_GROUP, CELL_COUNT };

/* The columns of the plan; in the plan of an undo they stand behind UNDO_ORIGIN. */
enum backfill_column {
    COLUMN_FIELD, /* before: what the CSV says is there (undo: what we wrote); after: what is written */
    COLUMN_CREATOR, /* who must have created the issue */
    COLUMN_GROUP,   /* after: the group's display id and name, for people */
    COLUMN_COUNT
};

/* Kinds of changes, by what may be there before: nothing; anything; only what we wrote. */
#define BACKFILL_FILL "fill-field"
#define BACKFILL_OVERWRITE "overwrite-field"
#define BACKFILL_RESTORE "restore-field"

/* --- rows (backfill_rows.c) ------------------------------------------------------------------- */

struct backfill_rows;

/* Opens the file, finds its columns and, going over it, the issues that stand there twice. */
struct backfill_rows *backfill_rows_open(int dirfd, const char *path, const struct stop *stop,
                                         struct err *err) MUST_CHECK;
void backfill_rows_free(struct backfill_rows *rows);
DEFINE_AUTO(struct backfill_rows, backfill_rows_free)

int backfill_rows_fd(const struct backfill_rows *rows);

struct backfill_row {
    uint64_t line;
    str cell[CELL_COUNT]; /* trimmed; of a bad row maybe none */
    bool bad;
    bool repeated;    /* the same issue and content as an earlier row */
    char reason[128]; /* of a bad row, without personal data */
};

/* `tenant` (may be empty): ids of another one are bad. *ret_more false: the end. */
bool backfill_rows_next(struct backfill_rows *rows, str tenant, struct backfill_row *ret,
                        bool *ret_more, struct err *err) MUST_CHECK;

/* --- the field (backfill_field.c) -------------------------------------------------------------- */

/* The tenant's schema has the field for issues, and it takes the id of a group. ERR_CONFIG otherwise. */
bool backfill_field_check(struct devrev *devrev, str field, struct err *err) MUST_CHECK;

/* The field's value of an issue as text: an id, or the id of a summary object. "" where it is empty. */
str backfill_field_value(const json_t *work, str field);

/* The request that sets it; `value` empty: clears it. `work` is the issue as it was read: the field of a
 * subtype needs its name. */
json_t *backfill_field_request(const json_t *work, str id, str field, str value);

bool backfill_plan(struct job_run *run, const void *options, const char *path,
                   struct plan_summary *ret, struct err *err);
bool backfill_undo_plan(struct job_run *run, const void *options, const char *path,
                        struct plan_summary *ret, struct err *err);

#endif
