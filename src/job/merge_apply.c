/* SPDX-License-Identifier: MIT */
/* The one request that changes something, and the note of how it ended. */
#include "job/merge_internal.h"

#include <stdio.h>

static bool send_merge(struct merge_worker *worker, const struct merge_record *record,
                       struct err *err)
{
    str primary = record->id[MERGE_SURVIVOR];
    str secondary = record->id[MERGE_LOSER];
    json_t *request = json_pack("{s:s%,s:s%}", "primary_user", primary.ptr, primary.len,
                                "secondary_user", secondary.ptr, secondary.len);
    AUTO_ANSWER struct devrev_answer answer = {0};
    return devrev_write(worker->devrev, "rev-users.merge", request, &answer, err);
}

bool merge_apply(void *ctx, struct job_change *change, struct err *err)
{
    struct merge_worker *worker = ctx;
    struct merge_data *data = merge_data_of(worker, change);
    const struct merge_record *record = NULL;
    struct err failure = {0};
    devrev_stop_level(worker->devrev, 1);
    data->looks = 0;
    if (data->already_merged) {
        merge_note(worker, change, "an earlier send has come through", "");
        return true;
    }
    bool ok =
        merge_record_get(worker, change, &record, &failure) && send_merge(worker, record, &failure);
    if (ok) {
        merge_note(worker, change, "merge acknowledged", "");
        return true;
    }
    merge_note_error(worker, change, "merge", &failure);
    merge_note(worker, change,
               failure.ambiguous ? "merge without a clear answer" : "merge not done",
               err_kind_name(failure.kind));
    if (err != NULL) {
        *err = failure;
    }
    return false;
}

/* merge_state.json as the capture left it, with the outcome in it. */
static bool conclude_state(struct merge_worker *worker, struct job_change *change,
                           struct backup *backup, struct err *err)
{
    AUTO_BUF struct buf bytes = {0};
    if (!backup_read(backup, "metadata/merge_state.json", &bytes, err)) {
        return false;
    }
    json_t *state = json_loadb(bytes.ptr != NULL ? bytes.ptr : "", bytes.len, 0, NULL);
    char at[CLOCK_TEXT_BYTES];
    clock_rfc3339(clock_real_ms(worker->run->clock), at);
    (void)json_object_set_new(state, "state", json_string(change_state_name(change->row.state)));
    (void)json_object_set_new(state, "at", json_string(at));
    (void)json_object_set_new(state, "attempts", json_integer(change->row.attempts));
    char *text = json_dumps(state, JSON_COMPACT);
    json_decref(state);
    bool ok = text != NULL ? backup_state(backup, str_of(text), err)
                           : merge_state_write(worker, change, backup,
                                               change_state_name(change->row.state), STR_NONE, err);
    free(text);
    return ok;
}

void merge_concluded(void *ctx, struct job_change *change)
{
    struct merge_worker *worker = ctx;
    const char *path = change->backup[0] != '\0' ? change->backup : change->row.backup;
    if (path[0] == '\0') {
        return;
    }
    struct err err = {0};
    merge_note(worker, change, change_state_name(change->row.state), "");
    AUTO(backup_free) struct backup *backup = vault_reopen(worker->run->vault, path, &err);
    if (backup == NULL || !conclude_state(worker, change, backup, &err)) {
        log_at(worker->run->log, LOG_WARN, "could not note the outcome in the backup",
               LOG_ERR(&err));
        return;
    }
    struct merge_data *data = merge_data_of(worker, change);
    data->logs_made = true; /* by the capture, maybe of an earlier process */
    merge_log_flush(worker, data, backup);
}
