/* SPDX-License-Identifier: MIT */
/*
 * The external reference that goes over (M7, setting CARRY_EXTERNAL_REF): a survivor that has none of
 * its own, or only what DevRev gave it, gets the loser's once the merge is seen. Applications find a
 * contact by its reference; without it they make the duplicate anew.
 *
 * The detail of the change in the journal says "carried":true, and undo gives the reference back. It says
 * false where the survivor has got yet another one meanwhile: another loser's, or a person's.
 */
#include "job/merge_internal.h"

#include <stdio.h>

#include "format/jsonx.h"

static str reference_of(const json_t *contact)
{
    return merge_text(contact, "external_ref");
}

bool merge_reference_is_generated(str reference)
{
    return reference.len == 0 || str_starts(reference, STR("REVU-"));
}

static bool is_generated(const json_t *contact)
{
    return merge_reference_is_generated(reference_of(contact));
}

bool merge_may_carry(const struct merge_record *record)
{
    return is_generated(record->contact[MERGE_SURVIVOR]) &&
           !is_generated(record->contact[MERGE_LOSER]);
}

bool merge_carries(const struct merge_record *record, const json_t *survivor)
{
    return merge_may_carry(record) &&
           str_eq(reference_of(survivor), reference_of(record->contact[MERGE_LOSER]));
}

enum merge_carried merge_carried_of(const struct change_row *row)
{
    bool carried = false;
    struct err ignored = {0}; /* a detail that cannot be read tells of none */
    AUTO(json_decref) json_t *detail = jsonx_parse(str_of(row->detail), 0, &ignored);
    return !jsonx_bool(detail, "carried", &carried) ? CARRIED_NOT
           : carried                                ? CARRIED_OVER
                                                    : CARRIED_ANOTHER;
}

bool merge_reference_may_differ(const struct merge_record *record, const json_t *survivor,
                                const struct job_change *done)
{
    if (done == NULL) {
        return is_generated(record->contact[MERGE_SURVIVOR]) && !is_generated(survivor);
    }
    return merge_carried_of(&done->row) != CARRIED_NOT;
}

/* Into the detail that confirm wrote, an object. False: the survivor has yet another reference. */
static void note_carried(struct job_change *change, bool carried)
{
    size_t len = strlen(change->detail);
    if (len > 1) {
        (void)snprintf(change->detail + len - 1, sizeof(change->detail) - len + 1,
                       ",\"carried\":%s}", carried ? "true" : "false"); /* always fits */
    }
}

static bool write_reference(struct merge_worker *worker, struct job_change *change,
                            const struct merge_record *record, struct err *err)
{
    AUTO_ANSWER struct devrev_answer answer = {0};
    str id = record->id[MERGE_SURVIVOR];
    str reference = reference_of(record->contact[MERGE_LOSER]);
    json_t *request = json_pack("{s:s%,s:s%}", "id", id.ptr, id.len, "external_ref", reference.ptr,
                                reference.len);
    if (devrev_write(worker->devrev, "rev-users.update", request, &answer, err)) {
        merge_note(worker, change, "external reference carried over", "");
        return true;
    }
    merge_note_error(worker, change, "carry the reference over", err);
    return false;
}

/* The merge itself is done whatever becomes of the reference: only what may pass is waited for. */
static enum confirm_result not_written(struct err *err)
{
    if (err->fatal || err->kind == ERR_INTERRUPTED) {
        return CONFIRM_UNREADABLE;
    }
    if (err->ambiguous || err->retryable || err->http_status < 400 || err->http_status >= 500) {
        return CONFIRM_PENDING;
    }
    (void)err_wrap(err, "merged, but the external reference was not carried over");
    return CONFIRM_DONE;
}

static enum confirm_result finish(struct merge_worker *worker, struct job_change *change,
                                  struct err *err)
{
    const struct merge_record *record = NULL;
    AUTO_ANSWER struct devrev_answer answer = {0};
    const json_t *now = NULL;
    devrev_stop_level(worker->devrev, 2); /* as confirm */
    if (!merge_record_get(worker, change, &record, err)) {
        return CONFIRM_UNREADABLE;
    }
    bool wanted = worker->run->settings->carry_external_ref && merge_may_carry(record);
    if (!wanted && !merge_data_of(worker, change)->reference_differs) {
        return CONFIRM_DONE;
    }
    if (!merge_get_contact(worker, record->id[MERGE_SURVIVOR], &answer, &now, err)) {
        return CONFIRM_UNREADABLE;
    }
    if (merge_carries(record, now)) {
        note_carried(change, true);
        return CONFIRM_DONE;
    }
    if (!str_eq(reference_of(now), reference_of(record->contact[MERGE_SURVIVOR]))) {
        note_carried(change, false);
        if (wanted) {
            (void)err_set(
                err, ERR_DRIFT,
                "merged, but the external reference was not carried over: the survivor has "
                "got another one since");
        }
        return CONFIRM_DONE;
    }
    if (!wanted) {
        return CONFIRM_DONE;
    }
    if (!write_reference(worker, change, record, err)) {
        return not_written(err);
    }
    (void)err_set(err, ERR_VERIFY, "the external reference does not show at the survivor yet");
    return CONFIRM_PENDING;
}

enum confirm_result merge_finish(void *worker, struct job_change *change, struct err *err)
{
    struct err failure = {0};
    enum confirm_result result = finish(worker, change, &failure);
    if (err_is(&failure)) {
        *err = failure;
    }
    return result;
}
