/* SPDX-License-Identifier: MIT */
/* What hangs on a change while it is worked on, and the note of each call in it. */
#include "job/merge_internal.h"

enum { LOG_BYTES_MAX = 1024 * 1024 };

static void add_call(void *ctx, const struct devrev_call *call)
{
    struct merge_data *data = ctx;
    char at[CLOCK_TEXT_BYTES];
    clock_rfc3339(call->at_ms, at);
    buf_printf(&data->api_log,
               "{\"at\":\"%s\",\"remote\":\"devrev\",\"call\":\"%s\",\"attempt\":%d,\"status\":%d,"
               "\"error\":\"%s\",\"duration_us\":%lld,\"waited_us\":%lld,\"request_id\":",
               at, call->call, call->attempt, call->status, err_kind_name(call->error),
               (long long)(call->duration_ns / 1000), (long long)(call->waited_ns / 1000));
    buf_add_json(&data->api_log, str_of(call->request_id));
    buf_addz(&data->api_log, "}\n");
}

struct merge_data *merge_data_of(struct merge_worker *worker, struct job_change *change)
{
    struct merge_data *data = change->data;
    if (data == NULL) {
        data = xnew(struct merge_data);
        data->api_log.max = LOG_BYTES_MAX;
        data->error_log.max = LOG_BYTES_MAX;
        data->operation_log.max = LOG_BYTES_MAX;
        change->data = data;
    }
    devrev_on_call(worker->devrev, add_call, data);
    return data;
}

void merge_forget(struct job_change *change)
{
    struct merge_data *data = change->data;
    if (data == NULL) {
        return;
    }
    for (int side = 0; side < MERGE_SIDES; side++) {
        devrev_answer_done(&data->contact[side]);
    }
    merge_record_done(&data->record);
    merge_undo_done(data->undo);
    buf_done(&data->api_log);
    buf_done(&data->error_log);
    buf_done(&data->operation_log);
    free(data);
    change->data = NULL;
}
