/* SPDX-License-Identifier: MIT */
/*
 * The report of a run, made from journal and plan alone, so that it survives a crash and can be
 * made again at any time. It is the operator's document: it holds the personal data that the
 * changes are about, and no secret.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"
#include "engine/internal.h"
#include "engine/report_facts.h"
#include "store/disk.h"

enum { PIECE_BYTES = 256 * 1024 };

struct reporter {
    engine_piece_fn piece;
    void *ctx;
    struct buf out;
    struct err err; /* the first piece that was not taken */
    uint64_t written;
    enum plan_item item; /* of the findings that are written now */
};

/* Hands on what has gathered. */
static bool send(struct reporter *reporter)
{
    bool ok = !err_is(&reporter->err) &&
              reporter->piece(reporter->ctx, buf_str(&reporter->out), &reporter->err);
    buf_clear(&reporter->out);
    return ok;
}

static bool send_full(struct reporter *reporter)
{
    return reporter->out.len < PIECE_BYTES || send(reporter);
}

static void add_member(struct buf *out, const char *name, const char *text, bool first)
{
    buf_addz(out, first ? "" : ",");
    buf_add_json(out, str_of(name));
    buf_addc(out, ':');
    if (text == NULL) {
        buf_addz(out, "null");
    } else {
        buf_add_json(out, str_of(text));
    }
}

static void add_time(struct buf *out, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_rfc3339(ms, text);
    add_member(out, name, ms != 0 ? text : NULL, false);
}

static void add_values(struct buf *out, const struct plan_header *header,
                       const struct plan_change *change)
{
    buf_addz(out, ",\"values\":{");
    for (size_t i = 0; i < header->column_count; i++) {
        buf_addz(out, i != 0 ? "," : "");
        buf_add_json(out, header->columns[i].name);
        buf_addz(out, ":{\"before\":");
        buf_add_json(out, change->values[i].before);
        buf_addz(out, ",\"after\":");
        buf_add_json(out, change->values[i].after);
        buf_addc(out, '}');
    }
    buf_addc(out, '}');
}

static bool add_change(void *ctx, const struct plan_header *header,
                       const struct plan_change *change, const struct change_row *row)
{
    struct reporter *reporter = ctx;
    struct buf *out = &reporter->out;
    buf_addz(out, reporter->written++ != 0 ? ",\n{" : "\n{");
    add_member(out, "id", change->id, true);
    buf_addz(out, ",\"target\":");
    buf_add_json(out, change->target);
    buf_addc(out, ',');
    plan_change_effect(header, change, out);
    buf_addz(out, ",\"strategy\":");
    buf_add_json(out, change->strategy);
    buf_addz(out, ",\"reason\":");
    buf_add_json(out, change->reason);
    add_values(out, header, change);
    add_member(out, "state", change_state_name(row != NULL ? row->state : CHANGE_PLANNED), false);
    bool failed = row != NULL && row->error[0] != '\0';
    add_member(out, "error_kind", failed ? err_kind_name(row->error_kind) : NULL, false);
    add_member(out, "error", failed ? row->error : NULL, false);
    bool backed_up = row != NULL && row->backup[0] != '\0';
    add_member(out, "backup", backed_up ? row->backup : NULL, false);
    buf_printf(out, ",\"attempts\":%d", row != NULL ? row->attempts : 0);
    add_time(out, "sent_at", row != NULL ? row->sent_at_ms : 0);
    add_time(out, "updated_at", row != NULL ? row->updated_at_ms : 0);
    buf_addz(out, ",\"detail\":");
    buf_addz(out, row != NULL && row->detail[0] != '\0' ? row->detail : "null");
    buf_addc(out, '}');
    return send_full(reporter);
}

static void add_finding(void *ctx, enum plan_item item, const struct plan_finding *finding)
{
    struct reporter *reporter = ctx;
    struct buf *out = &reporter->out;
    if (item != reporter->item) {
        return;
    }
    buf_addz(out, reporter->written++ != 0 ? ",\n{" : "\n{");
    if (item == PLAN_REVIEW) {
        buf_addz(out, "\"id\":");
        buf_add_json(out, finding->id);
        buf_addc(out, ',');
    }
    buf_printf(out, "\"line\":%llu,\"reason\":", (unsigned long long)finding->line);
    buf_add_json(out, finding->reason);
    buf_addc(out, '}');
    (void)send_full(reporter); /* a failure is kept in reporter->err */
}

/* --- what was counted ---------------------------------------------------------------------- */

static void add_strategies(struct buf *out, const struct report_facts *facts)
{
    buf_addz(out, ",\n\"strategies\":[");
    for (size_t i = 0; i < facts->strategy_count; i++) {
        const struct fact_strategy *strategy = &facts->strategies[i];
        buf_addz(out, i != 0 ? ",\n{\"strategy\":" : "\n{\"strategy\":");
        buf_add_json(out, strategy->name);
        buf_printf(out, ",\"changes\":%llu", (unsigned long long)strategy->changes);
        for (int state = 0; state < CHANGE_STATE_COUNT; state++) {
            buf_printf(out, ",\"%s\":%llu", change_state_name((enum change_state)state),
                       (unsigned long long)strategy->states[state]);
        }
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

static void add_counted(struct buf *out, const struct report_facts *facts)
{
    buf_addz(out, ",\n\"counted\":{");
    for (size_t i = 0; i < facts->count_count; i++) {
        const struct fact_count *count = &facts->counts[i];
        bool first = i == 0 || !str_eq(facts->counts[i - 1].what, count->what);
        if (first) {
            buf_addz(out, i != 0 ? "}," : "");
            buf_add_json(out, count->what);
            buf_addz(out, ":{");
        }
        buf_addz(out, first ? "" : ",");
        buf_add_json(out, count->name);
        buf_printf(out, ":%llu", (unsigned long long)count->sum);
    }
    buf_addz(out, facts->count_count != 0 ? "}}" : "}");
}

/* Without the closing brace. */
static void add_sums(struct buf *out, const struct fact_call *call)
{
    buf_printf(out,
               "\"count\":%llu,\"errors\":%llu,\"limited\":%llu,\"retries\":%llu,"
               "\"waited_ms\":%lld,\"latency_ms\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f}",
               (unsigned long long)call->count, (unsigned long long)call->errors,
               (unsigned long long)call->limited, (unsigned long long)call->retries,
               (long long)call->waited_ms, report_facts_ms(call->latency, 0.50),
               report_facts_ms(call->latency, 0.95), report_facts_ms(call->latency, 0.99));
}

static void add_pressure(struct buf *out, const struct fact_pressure *pressure)
{
    buf_printf(out,
               ",\n\"pressure\":{\"breaker_opened\":%llu,\"breaker_ms\":%lld,"
               "\"writes_held_back\":%llu,\"cuts\":%llu,\"retries_delayed\":%llu}",
               (unsigned long long)pressure->breaker_opened, (long long)pressure->breaker_ms,
               (unsigned long long)pressure->held_back, (unsigned long long)pressure->cuts,
               (unsigned long long)pressure->delayed);
}

static void add_over_time(struct buf *out, const struct report_facts *facts)
{
    uint64_t busiest;
    if (facts->has_limit) {
        buf_printf(out, ",\"limit\":{\"calls\":%lld,\"period_ms\":%lld}",
                   (long long)facts->limit_calls, (long long)facts->limit_period_ms);
    } else {
        buf_addz(out, ",\"limit\":null");
    }
    if (report_facts_busiest(facts, &busiest)) {
        buf_printf(out, ",\"busiest_period\":%llu", (unsigned long long)busiest);
    } else {
        buf_addz(out, ",\"busiest_period\":null");
    }
    buf_printf(out, ",\n\"over_time\":{\"slot_ms\":%lld,\"slots\":[",
               (long long)(facts->slot_count != 0 ? facts->slot_ms : CALLSTATS_SLOT_MS));
    const char *comma = "";
    for (size_t i = 0; i < facts->slot_count; i++) {
        const struct fact_slot *slot = &facts->slots[i];
        if (slot->calls == 0) {
            continue;
        }
        char at[CLOCK_TEXT_BYTES];
        clock_rfc3339(facts->slots_from_ms + (int64_t)i * facts->slot_ms, at);
        buf_printf(out,
                   "%s\n{\"at\":\"%s\",\"calls\":%llu,\"errors\":%llu,\"limited\":%llu,"
                   "\"unmetered\":%llu}",
                   comma, at, (unsigned long long)slot->calls, (unsigned long long)slot->errors,
                   (unsigned long long)slot->limited, (unsigned long long)slot->unmetered);
        comma = ",";
    }
    buf_addz(out, "]}");
}

static void add_calls(struct buf *out, const struct report_facts *facts)
{
    buf_addz(out, ",\n\"calls\":{\"by_call\":{");
    for (size_t i = 0; i < facts->call_count; i++) {
        buf_addz(out, i != 0 ? ",\n" : "\n");
        buf_add_json(out, facts->calls[i].name);
        buf_addz(out, ":{");
        add_sums(out, &facts->calls[i]);
        buf_addc(out, '}');
    }
    buf_addz(out, "},\n");
    add_sums(out, &facts->all);
    add_pressure(out, &facts->pressure);
    add_over_time(out, facts);
    buf_addc(out, '}');
}

/* --- the document -------------------------------------------------------------------------- */

static void add_head(struct buf *out, const struct run *run, int64_t now_ms)
{
    char hash[SHA256_HEX];
    num_hex(run->plan.hash, SHA256_BYTES, hash);
    buf_printf(out, "{\"report\":1,\"run\":%lld", (long long)run->id);
    add_member(out, "job", run->job, false);
    add_member(out, "rules", run->rules, false);
    add_member(out, "source", run->source, false);
    add_member(out, "state", run_state_name(run->state), false);
    add_member(out, "stopped_because", run->stop_reason[0] != '\0' ? run->stop_reason : NULL,
               false);
    add_member(out, "plan_hash", run->has_plan ? hash : NULL, false);
    add_time(out, "planned_at", run->planned_at_ms);
    add_time(out, "started_at", run->started_at_ms);
    add_time(out, "finished_at", run->finished_at_ms);
    add_time(out, "made_at", now_ms);
    if (run->started_at_ms != 0 && run->finished_at_ms != 0) {
        buf_printf(out, ",\"duration_ms\":%lld",
                   (long long)(run->finished_at_ms - run->started_at_ms));
    } else {
        buf_addz(out, ",\"duration_ms\":null");
    }
    buf_addz(out, ",\n\"counts\":{");
    for (int i = 0; i < CHANGE_STATE_COUNT; i++) {
        buf_printf(out, "%s\"%s\":%llu", i != 0 ? "," : "", change_state_name((enum change_state)i),
                   (unsigned long long)run->counts[i]);
    }
    buf_printf(out,
               ",\"review\":%llu},\"totals\":{\"changes\":%llu,\"review\":%llu,\"bad_rows\":%llu}",
               (unsigned long long)run->plan.review, (unsigned long long)run->plan.changes,
               (unsigned long long)run->plan.review, (unsigned long long)run->plan.bad);
}

static void add_integrity(struct buf *out, const struct report_facts *facts)
{
    buf_printf(out,
               ",\n\"integrity\":{\"plan_hash_checked\":%s,\"audit_entries\":%llu,"
               "\"audit_broken_at\":",
               facts->run.has_plan ? "true" : "false", (unsigned long long)facts->audit_entries);
    if (facts->audit_broken_at != 0) {
        buf_printf(out, "%llu", (unsigned long long)facts->audit_broken_at);
    } else {
        buf_addz(out, "null");
    }
    buf_printf(out, ",\"backups\":%llu,\"backups_missing\":%llu}}\n",
               (unsigned long long)facts->backups, (unsigned long long)facts->backups_missing);
}

static void add_times(struct buf *out, const struct report_facts *facts)
{
    buf_printf(out,
               ",\n\"confirm_ms\":{\"changes\":%llu,\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f}"
               ",\"attempts\":%llu,\"sessions\":%llu",
               (unsigned long long)facts->confirmed, report_facts_ms(facts->confirm, 0.50),
               report_facts_ms(facts->confirm, 0.95), report_facts_ms(facts->confirm, 0.99),
               (unsigned long long)facts->attempts, (unsigned long long)facts->sessions);
}

static bool pass_change(void *ctx, const struct plan_header *header UNUSED,
                        const struct plan_change *change UNUSED,
                        const struct change_row *row UNUSED)
{
    const struct reporter *reporter = ctx;
    return !err_is(&reporter->err);
}

static bool add_findings(struct engine *engine, struct reporter *reporter, const struct run *run,
                         enum plan_item item, const char *name, struct err *err)
{
    buf_printf(&reporter->out, ",\n\"%s\":[", name);
    reporter->item = item;
    reporter->written = 0;
    bool some = item == PLAN_REVIEW ? run->plan.review != 0 : run->plan.bad != 0;
    if (some && run->has_plan &&
        !engine_each_change(engine, run, pass_change, add_finding, reporter, err)) {
        return false;
    }
    buf_addc(&reporter->out, ']');
    return true;
}

static bool fill(struct engine *engine, struct reporter *reporter, const struct report_facts *facts,
                 struct err *err)
{
    struct buf *out = &reporter->out;
    const struct run *run = &facts->run;
    add_head(out, run, facts->made_at_ms);
    add_times(out, facts);
    add_strategies(out, facts);
    add_counted(out, facts);
    buf_addz(out, ",\n\"changes\":[");
    if (run->has_plan && !engine_each_change(engine, run, add_change, NULL, reporter, err)) {
        return false;
    }
    buf_addc(out, ']');
    if (!add_findings(engine, reporter, run, PLAN_REVIEW, "review", err) ||
        !add_findings(engine, reporter, run, PLAN_BAD, "bad_rows", err)) {
        return false;
    }
    add_calls(out, facts);
    add_integrity(out, facts);
    if (!send(reporter)) {
        *err = reporter->err;
        return false;
    }
    return true;
}

bool engine_report_json(struct engine *engine, int64_t run, engine_piece_fn piece, void *ctx,
                        struct err *err)
{
    AUTO_FREE struct report_facts *facts = xnew(struct report_facts); /* large for a stack */
    struct reporter reporter = {.piece = piece, .ctx = ctx};
    bool ok = report_facts_collect(engine, run, facts, err) && fill(engine, &reporter, facts, err);
    buf_done(&reporter.out);
    report_facts_done(facts);
    return ok;
}

/* --- as a file ----------------------------------------------------------------------------- */

struct report_file {
    int fd;
    const char *path;
};

static bool write_piece(void *ctx, str piece, struct err *err)
{
    const struct report_file *file = ctx;
    return fs_write_all(file->fd, piece, file->path, err);
}

static bool write_report(struct engine *engine, int64_t run, enum report_format format, int dirfd,
                         const char *temp, const char *path, struct err *err)
{
    struct report_file file = {.path = path};
    if (!disk_create(dirfd, temp, path, &file.fd, err)) {
        return false;
    }
    bool ok = format == REPORT_HTML ? engine_report_html(engine, run, write_piece, &file, err)
                                    : engine_report_json(engine, run, write_piece, &file, err);
    ok = ok && fs_fsync(file.fd, path, err);
    if (!ok) {
        (void)close(file.fd); /* the file is thrown away */
        return false;
    }
    return disk_close(file.fd, path, err) && disk_move(dirfd, temp, dirfd, path, path, err);
}

bool engine_report_file(struct engine *engine, int64_t run, enum report_format format, int dirfd,
                        const char *path, struct err *err)
{
    struct arena arena = {0};
    const char *temp = arena_printf(&arena, "%s.tmp-%d", path, (int)getpid());
    (void)unlinkat(dirfd, temp, 0); /* left by a process of the same number that was killed */
    bool ok = write_report(engine, run, format, dirfd, temp, path, err);
    if (!ok) {
        (void)unlinkat(dirfd, temp, 0); /* the first error is the one to tell */
    }
    arena_done(&arena);
    return ok;
}
