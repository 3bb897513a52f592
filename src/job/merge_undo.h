/* SPDX-License-Identifier: MIT */
/*
 * The undo of a merge. DevRev has no such call, so it is compensation: the loser is created anew from
 * its backup, under a new id, and gets back what the merge gave away. What somebody has changed since
 * stays as it is, and is said.
 *
 *   plan     one change for each merge; no remote and no backup is read
 *   check    the merge's backup is whole; the loser still is in the survivor, the survivor alive
 *   capture  both contacts as they are now, with everything that hangs on them: as for a merge
 *   apply    the survivor gives back a reference that it carried (harmless to repeat), then one
 *            rev-users.create
 *   confirm  the new contact: by the id that came back, or found by what it was created with
 *   finish   tickets and conversations that the loser had go over to the new contact where they still
 *            are the survivor's; read back; a cannot-link of both ids with the survivor
 *
 * Files: merge_undo_plan.c, merge_undo.c (check, verify), merge_undo_contact.c (create, find),
 * merge_undo_items.c (tickets and conversations).
 */
#ifndef STEWARD_JOB_MERGE_UNDO_H
#define STEWARD_JOB_MERGE_UNDO_H

#include "job/merge_internal.h"

/* The plan's first columns, before those of the merge's plan. */
enum undo_column {
    UNDO_COLUMN_ORIGIN, /* the engine's */
    UNDO_COLUMN_CHANGE, /* id of the merge's change */
    UNDO_COLUMN_STATE,  /* of that change: "verified", "unknown" */
    UNDO_COLUMN_BACKUP,
    UNDO_COLUMN_TICKETS, /* how many the loser had */
    UNDO_COLUMN_CONVERSATIONS,
    UNDO_COLUMN_CARRIED, /* "yes": the survivor carries the loser's external reference */
    UNDO_COLUMNS,
};

struct merge_undo {
    struct merge_record origin; /* as it was before the merge */
    bool read;
    const char *created; /* id of the contact that took the loser's place; NULL: not known */
};

/* The change's, with what the merge's backup says. */
bool merge_undo_get(struct merge_worker *worker, struct job_change *change, struct merge_undo **ret,
                    struct err *err) MUST_CHECK;

/* What a column of an undo's plan says of a change. */
str merge_undo_column(const struct job_change *change, enum undo_column column);

/* --- the new contact (merge_undo_contact.c) ---------------------------------------------------- */

enum undo_found { UNDO_NONE, UNDO_ONE, UNDO_SEVERAL };

/* The contact that an earlier send has made, into undo->created where it is one. */
bool merge_undo_find(struct merge_worker *worker, struct job_change *change,
                     struct merge_undo *undo, enum undo_found *ret, struct err *err) MUST_CHECK;

/* The body of rev-users.create. */
enum { UNDO_WITH_REFERENCE = 1, UNDO_WITH_CUSTOM = 2 };
json_t *merge_undo_request(const json_t *was, unsigned with);

/* Names of the fields that could be set and are not what they were, joined by ", ". */
void merge_undo_differences(const json_t *was, const json_t *now, struct buf *out);

/* --- tickets and conversations (merge_undo_items.c) --------------------------------------------- */

/* How many of the loser's tickets and conversations are not the new contact's. */
bool merge_undo_missing(struct merge_worker *worker, struct job_change *change,
                        struct merge_undo *undo, size_t *ret_tickets, size_t *ret_conversations,
                        struct err *err) MUST_CHECK;

/* --- the steps ----------------------------------------------------------------------------------- */

bool merge_undo_plan(struct job_run *run, const void *options, const char *path,
                     struct plan_summary *ret, struct err *err) MUST_CHECK;
bool merge_undo_check(void *worker, struct job_change *change, struct err *err) MUST_CHECK;
bool merge_undo_capture(void *worker, struct job_change *change, struct err *err) MUST_CHECK;
bool merge_undo_apply(void *worker, struct job_change *change, struct err *err) MUST_CHECK;
enum confirm_result merge_undo_confirm(void *worker, struct job_change *change, struct err *err);
enum confirm_result merge_undo_finish(void *worker, struct job_change *change, struct err *err);
bool merge_undo_verify(void *worker, struct job_change *change,
                       void (*difference)(void *ctx, const char *text), void *ctx,
                       struct err *err) MUST_CHECK;
void merge_undo_describe(const struct plan_header *plan, const struct plan_change *change,
                         struct buf *out);

extern const char *const merge_undo_limits[];

#endif
