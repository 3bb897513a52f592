/* SPDX-License-Identifier: MIT */
/* Reads both contacts and holds them against what the plan saw. */
#include "job/merge_internal.h"

#include <stdio.h>

#include "match/normalise.h"

const json_t *merge_rev_user(const struct devrev_answer *answer, struct err *err)
{
    const json_t *contact = json_object_get(answer->json, "rev_user");
    if (merge_text(contact, "id").len == 0) {
        (void)err_set(err, ERR_PROTOCOL,
                      "could not call rev-users.get: the answer holds no contact");
        return NULL;
    }
    return contact;
}

static bool read_contact(struct merge_worker *worker, struct job_change *change,
                         enum merge_side side, struct err *err)
{
    struct merge_data *data = merge_data_of(worker, change);
    str id = side == MERGE_LOSER ? change->plan.target : change->plan.survivor;
    json_t *request = json_pack("{s:s%}", "id", id.ptr != NULL ? id.ptr : "", id.len);
    if (request == NULL) {
        return err_set(err, ERR_INPUT, "could not call rev-users.get: id '%s' is not UTF-8",
                       shown_id(&change->arena, id));
    }
    if (!devrev_read(worker->devrev, "rev-users.get", request, &data->contact[side], err)) {
        if (err->kind == ERR_NOT_FOUND) {
            return err_set(err, ERR_DRIFT, "the remote does not know contact '%s'",
                           shown_id(&change->arena, id));
        }
        return false;
    }
    return merge_rev_user(&data->contact[side], err) != NULL;
}

bool merge_read_contacts(struct merge_worker *worker, struct job_change *change, struct err *err)
{
    return read_contact(worker, change, MERGE_LOSER, err) &&
           read_contact(worker, change, MERGE_SURVIVOR, err);
}

/* --- states -------------------------------------------------------------------------------- */

bool merge_check_alive(const char *id, const json_t *contact, struct err *err)
{
    static const char *const ends[] = {"deleted", "deactivated", "locked"};
    str state = merge_text(contact, "state");
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (str_eqz(state, ends[i])) {
            return err_set(err, ERR_DRIFT, "contact '%s' is %s", id, ends[i]);
        }
    }
    return true;
}

static bool check_merged(struct job_change *change, const json_t *loser, const json_t *survivor,
                         struct err *err)
{
    struct merge_data *data = change->data;
    const char *loser_id = shown_id(&change->arena, change->plan.target);
    const char *survivor_id = shown_id(&change->arena, change->plan.survivor);
    str into = merge_primary(loser);
    if (into.len != 0 && devrev_same_user(into, merge_text(survivor, "id"))) {
        if (change->row.attempts > 0) {
            /* an earlier send of this very change has come through after all */
            data->already_merged = true;
            return true;
        }
        (void)snprintf(change->detail, sizeof(change->detail), "{\"already_merged\":true}");
        return err_set(err, ERR_DRIFT, "contact '%s' is already merged into '%s'", loser_id,
                       survivor_id);
    }
    if (into.len != 0) {
        return err_set(err, ERR_DRIFT, "contact '%s' is already merged into another contact, '%s'",
                       loser_id, shown_id(&change->arena, into));
    }
    if (merge_primary(survivor).len != 0) {
        return err_set(err, ERR_DRIFT, "contact '%s' is itself merged into another contact, '%s'",
                       survivor_id, shown_id(&change->arena, merge_primary(survivor)));
    }
    return true;
}

/* --- fields -------------------------------------------------------------------------------- */

static bool check_fields(struct merge_worker *worker, struct job_change *change,
                         const json_t *contacts[MERGE_SIDES], struct err *err)
{
    const struct plan_header *plan = worker->run->plan;
    for (size_t i = 0; i < plan->column_count; i++) {
        const struct plan_column *column = &plan->columns[i];
        if (!column->decides || column->remote.len == 0) {
            continue;
        }
        for (int side = 0; side < MERGE_SIDES; side++) {
            const struct plan_value *value = &change->plan.values[i];
            str planned = side == MERGE_LOSER ? value->before : value->after;
            str now = merge_field(&change->arena, contacts[side], column->remote);
            if (!norm_same(column->form, planned, now)) {
                str id = side == MERGE_LOSER ? change->plan.target : change->plan.survivor;
                return err_set(
                    err, ERR_DRIFT, "contact '%s' has changed since the plan: its %.*s is another",
                    shown_id(&change->arena, id), (int)column->name.len, column->name.ptr);
            }
        }
    }
    return true;
}

static bool check(struct merge_worker *worker, struct job_change *change, struct err *err)
{
    struct merge_data *data = merge_data_of(worker, change);
    data->checked = false;
    data->already_merged = false;
    devrev_stop_level(worker->devrev, 1);
    if (!merge_read_contacts(worker, change, err)) {
        return false;
    }
    const json_t *contacts[MERGE_SIDES];
    for (int side = 0; side < MERGE_SIDES; side++) {
        contacts[side] = json_object_get(data->contact[side].json, "rev_user");
    }
    const json_t *loser = contacts[MERGE_LOSER];
    const json_t *survivor = contacts[MERGE_SURVIVOR];
    if (devrev_same_user(merge_text(loser, "id"), merge_text(survivor, "id"))) {
        return err_set(err, ERR_DRIFT, "'%s' and '%s' are one contact on the remote",
                       shown_id(&change->arena, change->plan.target),
                       shown_id(&change->arena, change->plan.survivor));
    }
    if (!check_merged(change, loser, survivor, err)) {
        return false;
    }
    if (!data->already_merged &&
        (!merge_check_alive(shown_id(&change->arena, change->plan.target), loser, err) ||
         !merge_check_alive(shown_id(&change->arena, change->plan.survivor), survivor, err) ||
         !check_fields(worker, change, contacts, err))) {
        return false;
    }
    data->checked = true;
    return true;
}

bool merge_check(void *ctx, struct job_change *change, struct err *err)
{
    struct merge_worker *worker = ctx;
    struct err failure = {0};
    if (check(worker, change, &failure)) {
        return true;
    }
    merge_note_error(worker, change, "check", &failure);
    if (err != NULL) {
        *err = failure;
    }
    return false;
}
