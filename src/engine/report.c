/* SPDX-License-Identifier: MIT */
/*
 * The report of a run, made from journal and plan alone, so that it survives a crash and can be
 * made again at any time. It is the operator's document: it holds the personal data that the
 * changes are about, and no secret.
 */
#include <jansson.h>
#include <stdio.h>

#include "base/num.h"
#include "engine/engine.h"
#include "engine/internal.h"

/* Calls of one kind, added up over the processes that worked on the run. */
struct call_sum {
    char *name;
    uint64_t count, errors, limited, retries;
    int64_t waited_ms;
};

struct reporter {
    struct buf *out;
    struct buf review;
    struct buf bad;
    uint64_t written;
    uint64_t sealed; /* changes that name a backup */
    struct call_sum *calls;
    size_t call_count;
    uint64_t latency[CALLSTATS_BUCKETS];
};

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
    struct buf *out = reporter->out;
    buf_addz(out, reporter->written++ != 0 ? ",\n{" : "\n{");
    add_member(out, "id", change->id, true);
    buf_addz(out, ",\"target\":");
    buf_add_json(out, change->target);
    buf_addz(out, ",\"survivor\":");
    buf_add_json(out, change->survivor);
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
    reporter->sealed += backed_up;
    buf_printf(out, ",\"attempts\":%d", row != NULL ? row->attempts : 0);
    add_time(out, "sent_at", row != NULL ? row->sent_at_ms : 0);
    add_time(out, "updated_at", row != NULL ? row->updated_at_ms : 0);
    buf_addz(out, ",\"detail\":");
    buf_addz(out, row != NULL && row->detail[0] != '\0' ? row->detail : "null");
    buf_addc(out, '}');
    return true;
}

static void add_finding(void *ctx, enum plan_item item, const struct plan_finding *finding)
{
    struct reporter *reporter = ctx;
    struct buf *out = item == PLAN_REVIEW ? &reporter->review : &reporter->bad;
    buf_addz(out, out->len != 0 ? ",\n{" : "\n{");
    if (item == PLAN_REVIEW) {
        buf_addz(out, "\"id\":");
        buf_add_json(out, finding->id);
        buf_addc(out, ',');
    }
    buf_printf(out, "\"line\":%llu,\"reason\":", (unsigned long long)finding->line);
    buf_add_json(out, finding->reason);
    buf_addc(out, '}');
}

/* --- calls --------------------------------------------------------------------------------- */

static struct call_sum *sum_of(struct reporter *reporter, const char *name)
{
    for (size_t i = 0; i < reporter->call_count; i++) {
        if (strcmp(reporter->calls[i].name, name) == 0) {
            return &reporter->calls[i];
        }
    }
    reporter->calls = xrealloc(reporter->calls, reporter->call_count + 1, sizeof(*reporter->calls));
    struct call_sum *sum = &reporter->calls[reporter->call_count++];
    *sum = (struct call_sum){.name = xstrdup(name)};
    return sum;
}

static uint64_t number(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

static void add_latency(struct reporter *reporter, const json_t *buckets)
{
    size_t i;
    json_t *pair;
    json_array_foreach(buckets, i, pair)
    {
        json_int_t at = json_integer_value(json_array_get(pair, 0));
        json_int_t count = json_integer_value(json_array_get(pair, 1));
        if (at >= 0 && at < CALLSTATS_BUCKETS && count > 0) {
            reporter->latency[at] += (uint64_t)count;
        }
    }
}

static bool add_session(void *ctx, str session UNUSED, str text)
{
    struct reporter *reporter = ctx;
    json_t *json = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    const char *name;
    json_t *call;
    json_object_foreach(json_object_get(json, "calls"), name, call)
    {
        struct call_sum *sum = sum_of(reporter, name);
        sum->count += number(call, "count");
        sum->errors += number(call, "errors");
        sum->limited += number(call, "limited");
        sum->retries += number(call, "retries");
        sum->waited_ms += (int64_t)number(call, "waited_ms");
        add_latency(reporter, json_object_get(call, "latency"));
    }
    json_decref(json);
    return true;
}

static void add_calls(struct reporter *reporter)
{
    struct buf *out = reporter->out;
    struct call_sum all = {0};
    buf_addz(out, ",\n\"calls\":{\"by_call\":{");
    for (size_t i = 0; i < reporter->call_count; i++) {
        struct call_sum *sum = &reporter->calls[i];
        buf_addz(out, i != 0 ? "," : "");
        buf_add_json(out, str_of(sum->name));
        buf_printf(out,
                   ":{\"count\":%llu,\"errors\":%llu,\"limited\":%llu,\"retries\":%llu,"
                   "\"waited_ms\":%lld}",
                   (unsigned long long)sum->count, (unsigned long long)sum->errors,
                   (unsigned long long)sum->limited, (unsigned long long)sum->retries,
                   (long long)sum->waited_ms);
        all.count += sum->count;
        all.errors += sum->errors;
        all.limited += sum->limited;
        all.retries += sum->retries;
        all.waited_ms += sum->waited_ms;
        free(sum->name);
    }
    free(reporter->calls);
    buf_printf(
        out,
        "},\"count\":%llu,\"errors\":%llu,\"limited\":%llu,\"retries\":%llu,\"waited_ms\":%lld,"
        "\"latency_ms\":{\"p50\":%.3f,\"p95\":%.3f,\"p99\":%.3f}}",
        (unsigned long long)all.count, (unsigned long long)all.errors,
        (unsigned long long)all.limited, (unsigned long long)all.retries, (long long)all.waited_ms,
        (double)callstats_percentile_us(reporter->latency, 0.50) / 1000.0,
        (double)callstats_percentile_us(reporter->latency, 0.95) / 1000.0,
        (double)callstats_percentile_us(reporter->latency, 0.99) / 1000.0);
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
    add_member(out, "plan_hash", hash, false);
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

static bool add_integrity(struct engine *engine, struct reporter *reporter, struct err *err)
{
    uint64_t entries;
    uint64_t broken;
    if (!journal_audit_verify(engine->journal, &entries, &broken, err)) {
        return false;
    }
    buf_printf(reporter->out,
               ",\n\"integrity\":{\"plan_hash_checked\":true,\"audit_entries\":%llu,"
               "\"audit_broken_at\":",
               (unsigned long long)entries);
    if (broken != 0) {
        buf_printf(reporter->out, "%llu", (unsigned long long)broken);
    } else {
        buf_addz(reporter->out, "null");
    }
    buf_printf(reporter->out, ",\"backups\":%llu}}\n", (unsigned long long)reporter->sealed);
    return true;
}

static bool fill(struct engine *engine, struct reporter *reporter, const struct run *run,
                 struct err *err)
{
    struct buf *out = reporter->out;
    add_head(out, run, clock_real_ms(engine->options.clock));
    buf_addz(out, ",\n\"changes\":[");
    if (!engine_each_change(engine, run, add_change, add_finding, reporter, err)) {
        return false;
    }
    buf_addz(out, "],\n\"review\":[");
    buf_adds(out, buf_str(&reporter->review));
    buf_addz(out, "],\n\"bad_rows\":[");
    buf_adds(out, buf_str(&reporter->bad));
    buf_addc(out, ']');
    if (!journal_stat_each(engine->journal, run->id, add_session, reporter, err)) {
        return false;
    }
    add_calls(reporter);
    return add_integrity(engine, reporter, err);
}

bool engine_report_json(struct engine *engine, int64_t run_id, struct buf *out, struct err *err)
{
    enum { MAX_REPORT = 2000000000 };
    struct arena arena = {0};
    struct run run;
    out->max = MAX_REPORT;
    struct reporter reporter = {
        .out = out, .review = {.max = MAX_REPORT}, .bad = {.max = MAX_REPORT}};
    bool ok = journal_run_get(engine->journal, run_id, &arena, &run, err) &&
              fill(engine, &reporter, &run, err);
    if (ok && (out->overflow || reporter.review.overflow || reporter.bad.overflow)) {
        ok = err_set(err, ERR_IO,
                     "could not make the report of run %lld: it is longer than %d bytes",
                     (long long)run_id, MAX_REPORT);
    }
    buf_done(&reporter.review);
    buf_done(&reporter.bad);
    arena_done(&arena);
    return ok;
}
