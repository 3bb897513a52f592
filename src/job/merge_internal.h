/* SPDX-License-Identifier: MIT */
/*
 * What the files merge_*.c share. One change is worked on by one thread at a time, and so is its data.
 */
#ifndef STEWARD_JOB_MERGE_INTERNAL_H
#define STEWARD_JOB_MERGE_INTERNAL_H

#include "base/map.h"
#include "engine/job.h"
#include "job/devrev_session.h"
#include "remote/devrev.h"

/* The two contacts of a change. */
enum merge_side { MERGE_LOSER, MERGE_SURVIVOR, MERGE_SIDES };

struct merge_worker {
    struct job_run *run;
    struct devrev *devrev;
    bool threads_listed; /* the remote has listed replies of a comment */
    int threads_refused; /* or has not taken a comment as an object, so often */
};

/* How a side is tied to a work or conversation. */
enum merge_role {
    MERGE_REPORTED = 1,
    MERGE_CREATED = 2,
    MERGE_OWNED = 4,
    MERGE_CONTACT = 8, /* contact of an opportunity */
    MERGE_MEMBER = 16, /* of a conversation */
};

/* Another contact that is tied to the same thing. */
struct merge_other {
    str id;
    unsigned roles;
};

struct merge_item {
    str id;
    str display_id;
    unsigned roles[MERGE_SIDES]; /* merge_role */
    struct merge_other *others;
    size_t other_count;
};

/* What must be known later, with the backup as its only source: metadata/contact_info.json. */
struct merge_record {
    int64_t captured_ms;
    str id[MERGE_SIDES]; /* the remote's own ids */
    str display_id[MERGE_SIDES];
    json_t *contact[MERGE_SIDES]; /* rev_user as it was */
    struct merge_item *works;
    size_t work_count;
    struct merge_item *conversations;
    size_t conversation_count;
};

/* What hangs on job_change.data from check to forget. */
struct merge_data {
    struct devrev_answer contact[MERGE_SIDES]; /* rev-users.get, by check */
    bool checked;
    bool already_merged; /* by an earlier send of this change */
    bool recorded;       /* `record` is filled */
    struct merge_record record;
    int looks;              /* calls of confirm */
    bool reference_differs; /* confirm: the survivor shows another external reference than it had */
    struct buf api_log;     /* lines for the backup's logs, until they are written */
    struct buf error_log;
    struct buf operation_log;
    bool logs_made;          /* all three files are there */
    struct merge_undo *undo; /* of an undo (merge_undo.h) */
};

/* The change's data, made on first use. Its calls are noted in its api_log from here on. */
struct merge_data *merge_data_of(struct merge_worker *worker, struct job_change *change);
void merge_forget(struct job_change *change);
void merge_undo_done(struct merge_undo *undo);

/* rev-users.get of both contacts by the plan's ids, into data->contact. ERR_DRIFT: the remote does not
 * know one of them. */
bool merge_read_contacts(struct merge_worker *worker, struct job_change *change,
                         struct err *err) MUST_CHECK;
/* rev-users.get; *ret is the rev_user in `answer`. */
bool merge_get_contact(struct merge_worker *worker, str id, struct devrev_answer *answer,
                       const json_t **ret, struct err *err) MUST_CHECK;
/* Deleted, deactivated, locked: ERR_DRIFT. `id` is for the message. */
bool merge_check_alive(const char *id, const json_t *contact, struct err *err) MUST_CHECK;
/* The `rev_user` of a rev-users.get answer; NULL with ERR_PROTOCOL where it has none with an id. */
const json_t *merge_rev_user(const struct devrev_answer *answer, struct err *err);

/* Text of a member, "" where it is not text. The view lives as long as the object. */
str merge_text(const json_t *object, const char *key);

/* The contact that `contact` is merged into: its primary_identity, unless that is itself. Empty: none. */
str merge_primary(const json_t *contact);

/* The record, from memory or out of the sealed backup. */
bool merge_record_get(struct merge_worker *worker, struct job_change *change,
                      const struct merge_record **ret, struct err *err) MUST_CHECK;
/* The record of any sealed backup. */
bool merge_record_read(struct merge_worker *worker, const char *path, struct arena *arena,
                       struct merge_record *ret, struct err *err) MUST_CHECK;
void merge_record_done(struct merge_record *record);

/* Tickets and conversations of both sides into the change's detail, for the report. `confirmed`: all
 * of them were seen with the survivor. */
void merge_record_counts(const struct merge_record *record, bool confirmed,
                         struct job_change *change);

/* contact_info.json: written from the raw contacts and the record, and read back. */
void merge_record_encode(const struct merge_record *record, const char *change, int64_t at_ms,
                         const str raw[MERGE_SIDES], struct buf *out);
bool merge_record_decode(str bytes, struct arena *arena, struct merge_record *ret,
                         struct err *err) MUST_CHECK;
/* ["loser","survivor"] of those that have one of `roles` */
void merge_sides_json(const struct merge_item *item, unsigned roles, struct buf *out);

/* --- logs of the backup (merge_log.c) ------------------------------------------------------- */

/* A line for merge_operations.log; `event` is a constant, `detail` public or "". */
void merge_note(struct merge_worker *worker, struct job_change *change, const char *event,
                const char *detail);
/* A line for errors.log. */
void merge_note_error(struct merge_worker *worker, struct job_change *change, const char *step,
                      const struct err *err);
/* Writes what was noted to an open backup. Failing only logs. */
void merge_log_flush(struct merge_worker *worker, struct merge_data *data, struct backup *backup);
/* metadata/merge_state.json with the given state and what the capture counted (JSON members or ""). */
bool merge_state_write(struct merge_worker *worker, struct job_change *change,
                       struct backup *backup, const char *state, str more,
                       struct err *err) MUST_CHECK;

/* --- comparing (merge_compare.c) ------------------------------------------------------------- */

/* A field of a rev_user as text: "email", "rev_org.display_name", "custom_fields.tnt__tier". Text,
 * numbers, "true" and "false"; anything else and a missing one is "". */
str merge_field(struct arena *arena, const json_t *contact, str path);

/* Equal as fields of a contact: a missing value, null and an empty one are the same, lists have no
 * order. */
bool merge_same_value(const json_t *a, const json_t *b);

/* Names of the survivor's kept fields that differ, joined by ", ": "" where none does. `except`: a field
 * that is not looked at, "" none. */
void merge_kept_differences(const json_t *before, const json_t *now, const char *except,
                            struct buf *out);

/* --- what undo has parted (merge_parted.c) ------------------------------------------------------ */

/* A list of things by the people that are tied to them. */
struct merge_list {
    const char *call, *items; /* "works.list", "works" */
    const char *member;       /* "reported_by": the filter, and the member of a thing */
    const char *get, *object; /* "works.get", "work" */
    const char *what;         /* for people */
    unsigned role;
};

/* The contacts that undo has brought back out of the record's survivor. */
struct merge_parted {
    struct arena arena;
    struct map ids;
};
bool merge_parted_load(struct merge_worker *worker, const struct merge_record *record,
                       struct merge_parted *ret, struct err *err) MUST_CHECK;
void merge_parted_done(struct merge_parted *parted);
bool merge_parted_has(const struct merge_parted *parted, const json_t *contact);
/* Takes out of `missing`, ids of `items`, those that such a contact has. */
bool merge_parted_forgive(struct merge_worker *worker, const struct merge_record *record,
                          const struct merge_list *list, const struct merge_item *items,
                          size_t count, struct map *missing, struct err *err) MUST_CHECK;

/* --- carrying the external reference over (merge_carry.c) --------------------------------------- */

/* None, or one that DevRev made. */
bool merge_reference_is_generated(str reference);
/* The loser has a reference of its own and the survivor has none. */
bool merge_may_carry(const struct merge_record *record);
/* The survivor shows the loser's. */
bool merge_carries(const struct merge_record *record, const json_t *survivor);
/* What the journal says of a change that is verified. */
enum merge_carried {
    CARRIED_NOT,
    CARRIED_OVER,
    CARRIED_ANOTHER /* the survivor got yet another one */
};
enum merge_carried merge_carried_of(const struct change_row *row);
/* May the survivor show another reference than it had? `done`: the change that is verified; NULL: it is
 * being confirmed, and a reference that DevRev gave may have given way to a real one. */
bool merge_reference_may_differ(const struct merge_record *record, const json_t *survivor,
                                const struct job_change *done);
enum confirm_result merge_finish(void *worker, struct job_change *change, struct err *err);

/* --- describing (merge_describe.c) ------------------------------------------------------------- */

/* Printable and short. */
void merge_add_value(struct buf *out, str value);
/* A field that describes the record, not the person, as "created_date". */
bool merge_is_about_the_record(str remote);

/* --- the steps -------------------------------------------------------------------------------- */

bool merge_check(void *worker, struct job_change *change, struct err *err);
bool merge_capture(void *worker, struct job_change *change, struct err *err);
bool merge_apply(void *worker, struct job_change *change, struct err *err);
enum confirm_result merge_confirm(void *worker, struct job_change *change, struct err *err);
void merge_concluded(void *worker, struct job_change *change);
bool merge_verify(void *worker, struct job_change *change,
                  void (*difference)(void *ctx, const char *text), void *ctx, struct err *err);
void merge_describe(const struct plan_header *plan, const struct plan_change *change,
                    struct buf *out);
void merge_describe_settings(const struct settings *settings, const struct plan_header *plan,
                             const struct plan_change *change, struct buf *out);

#endif
