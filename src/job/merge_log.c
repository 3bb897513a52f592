/* SPDX-License-Identifier: MIT */
/*
 * The logs inside a backup: logs/merge_operations.log, api_calls.log, errors.log (JSON lines), and
 * metadata/merge_state.json. They are gathered in memory and written where the backup is open anyway,
 * so that a call costs no write. Ids, call names and statuses only: no personal data, no URL.
 */
#include "job/merge_internal.h"

/* Each line stands by itself, so that the logs of many backups can be searched together. */
static void begin_line(struct merge_worker *worker, const struct job_change *change,
                       struct buf *out, const char *level)
{
    char at[CLOCK_TEXT_BYTES];
    clock_rfc3339(clock_real_ms(worker->run->clock), at);
    buf_printf(out, "{\"at\":\"%s\",\"level\":\"%s\",\"run\":%lld,\"change\":\"%s\"", at, level,
               (long long)worker->run->run, change->plan.id);
}

static void add_member(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, ",\"%s\":", name);
    buf_add_json(out, str_of(value));
}

void merge_note(struct merge_worker *worker, struct job_change *change, const char *event,
                const char *detail)
{
    struct buf *out = &merge_data_of(worker, change)->operation_log;
    begin_line(worker, change, out, "info");
    add_member(out, "event", event);
    if (detail[0] != '\0') {
        add_member(out, "detail", detail);
    }
    buf_addz(out, "}\n");
}

void merge_note_error(struct merge_worker *worker, struct job_change *change, const char *step,
                      const struct err *err)
{
    struct buf *out = &merge_data_of(worker, change)->error_log;
    begin_line(worker, change, out, "error");
    add_member(out, "step", step);
    add_member(out, "error", err_kind_name(err->kind));
    if (err->http_status != 0) {
        buf_printf(out, ",\"status\":%d", err->http_status);
    }
    add_member(out, "detail", err->message);
    buf_addz(out, "}\n");
}

/* All lines at once; none still makes the file, so that every backup has the same three. */
static void flush_one(struct merge_worker *worker, struct buf *lines, struct backup *backup,
                      const char *name)
{
    struct err err = {0};
    str text = buf_str(lines);
    text.len -= text.len != 0; /* the last line's end is put by the vault */
    if (!backup_log(backup, name, text, &err)) {
        log_at(worker->run->log, LOG_WARN, "could not write a log of the backup", LOG_ERR(&err));
    }
    buf_clear(lines);
}

void merge_log_flush(struct merge_worker *worker, struct merge_data *data, struct backup *backup)
{
    if (data->operation_log.len != 0) {
        flush_one(worker, &data->operation_log, backup, "merge_operations.log");
    }
    if (data->api_log.len != 0) {
        flush_one(worker, &data->api_log, backup, "api_calls.log");
    }
    if (data->error_log.len != 0 || !data->logs_made) {
        flush_one(worker, &data->error_log, backup, "errors.log");
    }
    data->logs_made = true;
}

bool merge_state_write(struct merge_worker *worker, struct job_change *change,
                       struct backup *backup, const char *state, str more, struct err *err)
{
    const struct merge_data *data = merge_data_of(worker, change);
    char at[CLOCK_TEXT_BYTES];
    clock_rfc3339(clock_real_ms(worker->run->clock), at);
    AUTO_BUF struct buf out = {0};
    buf_printf(&out,
               "{\"version\":1,\"run\":%lld,\"change\":\"%s\",\"state\":\"%s\",\"at\":\"%s\",",
               (long long)worker->run->run, change->plan.id, state, at);
    buf_addz(&out, "\"loser\":");
    buf_add_json(&out, data->record.id[MERGE_LOSER]);
    buf_addz(&out, ",\"survivor\":");
    buf_add_json(&out, data->record.id[MERGE_SURVIVOR]);
    buf_printf(&out, ",\"works\":%zu,\"conversations\":%zu", data->record.work_count,
               data->record.conversation_count);
    if (more.len != 0) {
        buf_addc(&out, ',');
        buf_adds(&out, more);
    }
    buf_addz(&out, ",\"not_included\":\"Timeline entries that are visible only to their author and "
                   "to named users are hidden from this token and cannot be in this backup.\"}\n");
    return backup_state(backup, buf_str(&out), err);
}
