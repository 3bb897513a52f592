/* SPDX-License-Identifier: MIT */
/* Is the undo still right, and did it hold? */
#include "job/merge_undo.h"

#include <errno.h>
#include <stdio.h>

#include "format/jsonx.h"
#include "store/catalogue.h"

enum { TOLD_MAX = 3 };

/* --- the change's data --------------------------------------------------------------------- */

void merge_undo_done(struct merge_undo *undo)
{
    if (undo != NULL) {
        merge_record_done(&undo->origin);
        free(undo);
    }
}

str merge_undo_column(const struct job_change *change, enum undo_column column)
{
    return change->plan.values[column].after;
}

static struct merge_undo *undo_of_change(struct merge_worker *worker, struct job_change *change)
{
    struct merge_data *data = merge_data_of(worker, change);
    if (data->undo == NULL) {
        data->undo = xnew(struct merge_undo);
    }
    return data->undo;
}

/* The backup that the merge made. */
static const char *origin_backup(struct job_change *change)
{
    return str_z(&change->arena, merge_undo_column(change, UNDO_COLUMN_BACKUP));
}

bool merge_undo_get(struct merge_worker *worker, struct job_change *change, struct merge_undo **ret,
                    struct err *err)
{
    struct merge_undo *undo = undo_of_change(worker, change);
    if (!undo->read) {
        if (!merge_record_read(worker, origin_backup(change), &change->arena, &undo->origin, err)) {
            return false;
        }
        undo->read = true;
    }
    *ret = undo;
    return true;
}

/* --- check --------------------------------------------------------------------------------- */

struct damage {
    struct buf text;
    size_t count;
};

static void note_damage(void *ctx, const char *difference)
{
    struct damage *damage = ctx;
    if (damage->count++ < TOLD_MAX) {
        buf_printf(&damage->text, "%s%s", damage->text.len != 0 ? "; " : "", difference);
    }
}

/* A backup that is not there may have been pruned: then it is known when. */
static void tell_pruned(struct merge_worker *worker, struct job_change *change, struct err *err)
{
    char at[CLOCK_TEXT_BYTES] = "";
    struct err second = {0}; /* the backup is not there, whatever the journal says */
    const char *id = str_z(&change->arena, merge_undo_column(change, UNDO_COLUMN_CHANGE));
    if (err->os_errno == ENOENT && catalogue_pruned(worker->run->journal, id, at, &second) &&
        at[0] != '\0') {
        (void)err_set(err, ERR_BACKUP, "the merge's backup was pruned at %s", at);
    }
}

/* Nothing is undone from a backup that is not whole. */
static bool check_backup(struct merge_worker *worker, struct job_change *change, struct err *err)
{
    struct damage damage = {0};
    bool whole = false;
    const char *path = origin_backup(change);
    bool ok = path[0] != '\0'
                  ? vault_verify(worker->run->vault, path, note_damage, &damage, &whole, err)
                  : err_set(err, ERR_BACKUP, "the journal names none");
    if (ok && !whole) {
        if (damage.count > TOLD_MAX) {
            buf_printf(&damage.text, "; and %zu more", damage.count - TOLD_MAX);
        }
        ok = err_set(err, ERR_BACKUP, "the merge's backup is not what was sealed: %s",
                     buf_z(&damage.text));
    } else if (!ok) {
        (void)err_wrap(err, "could not use the merge's backup");
        tell_pruned(worker, change, err);
    }
    buf_done(&damage.text);
    if (!ok && err->kind != ERR_INTERRUPTED) {
        err->kind = ERR_BACKUP;
        err->fatal = false; /* another pair's backup may be sound */
    }
    return ok;
}

static bool check_loser(struct job_change *change, const json_t *loser, const json_t *survivor,
                        struct err *err)
{
    str into = merge_primary(loser);
    const char *id = shown_id(&change->arena, change->plan.target);
    const char *survivor_id = shown_id(&change->arena, change->plan.survivor);
    if (into.len == 0) {
        return err_set(err, ERR_DRIFT, "contact '%s' does not show as merged into '%s'", id,
                       survivor_id);
    }
    if (!devrev_same_user(into, merge_text(survivor, "id"))) {
        return err_set(err, ERR_DRIFT, "contact '%s' shows as merged into '%s', not into '%s'", id,
                       shown_id(&change->arena, into), survivor_id);
    }
    return true;
}

static bool check_contacts(struct merge_worker *worker, struct job_change *change,
                           const struct merge_record *origin, struct err *err)
{
    struct merge_data *data = merge_data_of(worker, change);
    const char *survivor_id = shown_id(&change->arena, change->plan.survivor);
    if (!merge_read_contacts(worker, change, err)) {
        return false;
    }
    const json_t *now[MERGE_SIDES];
    for (int side = 0; side < MERGE_SIDES; side++) {
        now[side] = json_object_get(data->contact[side].json, "rev_user");
        if (!devrev_same_user(merge_text(now[side], "id"), origin->id[side])) {
            return err_set(err, ERR_BACKUP, "the merge's backup is of other contacts");
        }
    }
    const json_t *survivor = now[MERGE_SURVIVOR];
    if (!check_loser(change, now[MERGE_LOSER], survivor, err)) {
        return false;
    }
    if (merge_primary(survivor).len != 0) {
        return err_set(err, ERR_DRIFT,
                       "contact '%s' is itself merged into another contact, '%s', since",
                       survivor_id, shown_id(&change->arena, merge_primary(survivor)));
    }
    return merge_check_alive(survivor_id, survivor, err);
}

/* An earlier send of this very change may have come through after all. */
static bool look_for_earlier(struct merge_worker *worker, struct job_change *change,
                             struct merge_undo *undo, struct err *err)
{
    enum undo_found found = UNDO_NONE;
    if (change->row.attempts == 0 || undo->created != NULL) {
        return true;
    }
    if (!merge_undo_find(worker, change, undo, &found, err)) {
        return false;
    }
    return found != UNDO_SEVERAL ||
           err_set(err, ERR_DRIFT,
                   "an earlier attempt may have created it, and it cannot be told "
                   "which contact that is");
}

static bool check(struct merge_worker *worker, struct job_change *change, struct err *err)
{
    struct merge_data *data = merge_data_of(worker, change);
    struct merge_undo *undo = NULL;
    data->checked = false;
    devrev_stop_level(worker->devrev, 1);
    if (!check_backup(worker, change, err) || !merge_undo_get(worker, change, &undo, err) ||
        !check_contacts(worker, change, &undo->origin, err) ||
        !look_for_earlier(worker, change, undo, err)) {
        return false;
    }
    data->checked = true;
    return true;
}

bool merge_undo_check(void *ctx, struct job_change *change, struct err *err)
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

/* As for a merge; but what it counted is of no interest here. */
bool merge_undo_capture(void *worker, struct job_change *change, struct err *err)
{
    bool ok = merge_capture(worker, change, err);
    change->detail[0] = '\0';
    return ok;
}

/* --- verify -------------------------------------------------------------------------------- */

struct verdict {
    void (*each)(void *ctx, const char *text);
    void *ctx;
};

static void compare_count(struct job_change *change, const struct verdict *verdict,
                          const json_t *detail, const char *what, size_t missing)
{
    char path[64];
    int64_t left = 0;
    (void)snprintf(path, sizeof(path), "counts.%s.left", what);
    (void)jsonx_int(detail, path, &left); /* none: 0 */
    if (missing > (size_t)left) {
        verdict->each(verdict->ctx,
                      arena_printf(&change->arena, "%zu %s are not with the contact that came back",
                                   missing - (size_t)left, what));
    }
}

/* The contact that came back must be there, itself, and have what it was given. */
static bool verify_done(struct merge_worker *worker, struct job_change *change,
                        const struct verdict *verdict, struct err *err)
{
    struct merge_undo *undo = NULL;
    size_t tickets = 0;
    size_t conversations = 0;
    struct err failure = {0};
    AUTO(json_decref)
    json_t *detail = jsonx_parse(str_of(change->row.detail), 0, &failure);
    str created = jsonx_str(detail, "created");
    AUTO_ANSWER struct devrev_answer answer = {0};
    const json_t *now = NULL;
    if (created.len == 0) {
        return err_set(err, ERR_CORRUPT, "the journal does not name the contact that came back");
    }
    if (!merge_undo_get(worker, change, &undo, err)) {
        return false;
    }
    undo->created = str_z(&change->arena, created);
    if (!merge_get_contact(worker, created, &answer, &now, &failure)) {
        if (failure.kind != ERR_NOT_FOUND) {
            *err = failure;
            return false;
        }
        verdict->each(
            verdict->ctx,
            arena_printf(&change->arena, "contact '%s' is not there any more", undo->created));
        return true;
    }
    if (merge_primary(now).len != 0) {
        verdict->each(
            verdict->ctx,
            arena_printf(&change->arena, "contact '%s' is merged into another", undo->created));
    }
    if (!merge_undo_missing(worker, change, undo, &tickets, &conversations, err)) {
        return false;
    }
    compare_count(change, verdict, detail, "tickets", tickets);
    compare_count(change, verdict, detail, "conversations", conversations);
    return true;
}

/* What was sent and did not count as done must have left no contact behind. */
static bool verify_not_done(struct merge_worker *worker, struct job_change *change,
                            const struct verdict *verdict, struct err *err)
{
    struct merge_undo *undo = NULL;
    enum undo_found found = UNDO_NONE;
    if (change->row.attempts == 0) {
        return true;
    }
    if (!merge_undo_get(worker, change, &undo, err) ||
        !merge_undo_find(worker, change, undo, &found, err)) {
        return false;
    }
    if (found != UNDO_NONE) {
        verdict->each(verdict->ctx,
                      arena_printf(&change->arena, "contact '%s' is back although its change is %s",
                                   shown_id(&change->arena, change->plan.target),
                                   change_state_name(change->row.state)));
    }
    return true;
}

bool merge_undo_verify(void *ctx, struct job_change *change,
                       void (*difference)(void *ctx, const char *text), void *difference_ctx,
                       struct err *err)
{
    struct merge_worker *worker = ctx;
    const struct verdict verdict = {.each = difference, .ctx = difference_ctx};
    struct err failure = {0};
    bool ok = true;
    devrev_stop_level(worker->devrev, 1);
    switch (change->row.state) {
    case CHANGE_VERIFIED:
        ok = verify_done(worker, change, &verdict, &failure);
        break;
    case CHANGE_PLANNED:
    case CHANGE_BACKED_UP:
    case CHANGE_FAILED:
    case CHANGE_SKIPPED:
    case CHANGE_REFUSED:
        ok = verify_not_done(worker, change, &verdict, &failure);
        break;
    case CHANGE_SENT:
    case CHANGE_UNKNOWN:
    case CHANGE_UNDONE:
    case CHANGE_STATE_COUNT:
        break; /* nothing is promised about them */
    }
    if (!ok && err != NULL) {
        *err = failure;
    }
    return ok;
}
