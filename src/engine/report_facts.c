/* SPDX-License-Identifier: MIT */
#include "engine/report_facts.h"

#include <jansson.h>
#include <stdio.h>

#include "base/fs.h"
#include "engine/internal.h"

enum {
    MAX_STRATEGIES = 64, /* rarer ones beyond are counted under the last */
    MAX_COUNTS = 64,
    MAX_CALLS = 64,
};

/* What a process counted in one slot. */
struct piece {
    int64_t at_ms;
    struct fact_slot slot;
};

struct collector {
    struct engine *engine;
    struct report_facts *facts;
    struct piece *pieces;
    size_t piece_count;
    int64_t longest_slot_ms;
};

/* --- changes ------------------------------------------------------------------------------- */

static struct fact_strategy *strategy_of(struct report_facts *facts, str name)
{
    for (size_t i = 0; i < facts->strategy_count; i++) {
        if (str_eq(facts->strategies[i].name, name)) {
            return &facts->strategies[i];
        }
    }
    if (facts->strategy_count == MAX_STRATEGIES) {
        return &facts->strategies[MAX_STRATEGIES - 1];
    }
    if (facts->strategies == NULL) {
        facts->strategies = arena_array(&facts->arena, MAX_STRATEGIES, sizeof(*facts->strategies));
    }
    bool last = facts->strategy_count == MAX_STRATEGIES - 1;
    struct fact_strategy *strategy = &facts->strategies[facts->strategy_count++];
    strategy->name = last ? STR("others") : str_dup(&facts->arena, name);
    return strategy;
}

/* Behind the last one of the same `what`, so that they stand together. */
static struct fact_count *count_of(struct report_facts *facts, str what, str name)
{
    size_t at = facts->count_count;
    for (size_t i = 0; i < facts->count_count; i++) {
        if (!str_eq(facts->counts[i].what, what)) {
            continue;
        }
        if (str_eq(facts->counts[i].name, name)) {
            return &facts->counts[i];
        }
        at = i + 1;
    }
    if (facts->count_count == MAX_COUNTS) {
        return NULL;
    }
    if (facts->counts == NULL) {
        facts->counts = arena_array(&facts->arena, MAX_COUNTS, sizeof(*facts->counts));
    }
    memmove(&facts->counts[at + 1], &facts->counts[at],
            (facts->count_count - at) * sizeof(*facts->counts));
    facts->count_count++;
    facts->counts[at] = (struct fact_count){.what = str_dup(&facts->arena, what),
                                            .name = str_dup(&facts->arena, name)};
    return &facts->counts[at];
}

static void add_detail(struct report_facts *facts, const char *detail)
{
    if (strstr(detail, "\"counts\"") == NULL) {
        return; /* nothing to add up: not worth parsing */
    }
    json_t *json = json_loads(detail, JSON_REJECT_DUPLICATES, NULL);
    const char *what;
    const char *name;
    json_t *numbers;
    json_t *number;
    json_object_foreach(json_object_get(json, "counts"), what, numbers)
    {
        json_object_foreach(numbers, name, number)
        {
            struct fact_count *count = count_of(facts, str_of(what), str_of(name));
            if (count != NULL && json_is_integer(number) && json_integer_value(number) >= 0) {
                count->sum += (uint64_t)json_integer_value(number);
                count->changes++;
            }
        }
    }
    json_decref(json);
}

static void add_backup(struct collector *collector, const struct change_row *row)
{
    if (row->backup[0] == '\0') {
        return;
    }
    collector->facts->backups++;
    if (strcmp(row->backup, "journal") == 0) {
        return; /* the pre-image lies in the journal itself */
    }
    char path[sizeof(row->backup) + 32];
    (void)snprintf(path, sizeof(path), "%s/metadata/verification.json", row->backup);
    collector->facts->backups_missing += !fs_exists(collector->engine->workspace_fd, path);
}

static bool is_cause(enum change_state state)
{
    return state == CHANGE_FAILED || state == CHANGE_SKIPPED || state == CHANGE_UNKNOWN;
}

static bool add_change(void *ctx, const struct plan_header *header UNUSED,
                       const struct plan_change *change, const struct change_row *row)
{
    struct collector *collector = ctx;
    struct report_facts *facts = collector->facts;
    enum change_state state = row != NULL ? row->state : CHANGE_PLANNED;
    struct fact_strategy *strategy = strategy_of(facts, change->strategy);
    strategy->changes++;
    strategy->states[state]++;
    facts->listed++;
    if (row == NULL) {
        return true;
    }
    if (is_cause(state)) {
        facts->causes[state][row->error_kind]++;
    }
    facts->attempts += row->attempts > 0 ? (uint64_t)row->attempts : 0;
    if (state == CHANGE_VERIFIED && row->attempts > 0 && row->updated_at_ms >= row->sent_at_ms) {
        facts->confirmed++;
        facts->confirm[callstats_bucket((row->updated_at_ms - row->sent_at_ms) * 1000000)]++;
    }
    add_backup(collector, row);
    add_detail(facts, row->detail);
    return true;
}

/* --- calls --------------------------------------------------------------------------------- */

static struct fact_call *call_of(struct report_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->call_count; i++) {
        if (str_eqz(facts->calls[i].name, name)) {
            return &facts->calls[i];
        }
    }
    if (facts->call_count == MAX_CALLS) {
        return NULL;
    }
    if (facts->calls == NULL) {
        facts->calls = arena_array(&facts->arena, MAX_CALLS, sizeof(*facts->calls));
    }
    struct fact_call *call = &facts->calls[facts->call_count++];
    call->name = str_dup(&facts->arena, str_of(name));
    return call;
}

static uint64_t number(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));
    return value > 0 ? (uint64_t)value : 0;
}

static uint64_t number_at(const json_t *array, size_t at)
{
    json_int_t value = json_integer_value(json_array_get(array, at));
    return value > 0 ? (uint64_t)value : 0;
}

static void add_call(struct fact_call *call, const json_t *json)
{
    call->count += number(json, "count");
    call->errors += number(json, "errors");
    call->limited += number(json, "limited");
    call->retries += number(json, "retries");
    call->waited_ms += (int64_t)number(json, "waited_ms");
    size_t i;
    json_t *pair;
    json_array_foreach(json_object_get(json, "latency"), i, pair)
    {
        uint64_t bucket = number_at(pair, 0);
        if (bucket < CALLSTATS_BUCKETS) {
            call->latency[bucket] += number_at(pair, 1);
        }
    }
}

static void add_over_time(struct collector *collector, const json_t *json)
{
    int64_t slot_ms = (int64_t)number(json, "slot_ms");
    int64_t from_ms = (int64_t)number(json, "from_ms");
    const json_t *slots = json_object_get(json, "slots");
    size_t count = json_array_size(slots);
    if (slot_ms < CALLSTATS_SLOT_MS || count == 0) {
        return;
    }
    if (slot_ms > collector->longest_slot_ms) {
        collector->longest_slot_ms = slot_ms;
    }
    collector->pieces =
        xrealloc(collector->pieces, collector->piece_count + count, sizeof(*collector->pieces));
    for (size_t i = 0; i < count; i++) {
        const json_t *slot = json_array_get(slots, i);
        collector->pieces[collector->piece_count++] = (struct piece){
            .at_ms = from_ms + (int64_t)number_at(slot, 0) * slot_ms,
            .slot = {number_at(slot, 1), number_at(slot, 2), number_at(slot, 3),
                     number_at(slot, 4)},
        };
    }
}

static void add_pressure(struct fact_pressure *sum, const json_t *json)
{
    sum->breaker_opened += number(json, "breaker_opened");
    sum->breaker_ms += (int64_t)number(json, "breaker_ms");
    sum->held_back += number(json, "writes_held_back");
    sum->cuts += number(json, "cuts");
    sum->delayed += number(json, "retries_delayed");
}

static bool add_session(void *ctx, str session UNUSED, str text)
{
    struct collector *collector = ctx;
    struct report_facts *facts = collector->facts;
    json_t *json = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    const char *name;
    json_t *call;
    json_object_foreach(json_object_get(json, "calls"), name, call)
    {
        struct fact_call *sum = call_of(facts, name);
        if (sum != NULL) {
            add_call(sum, call);
        }
        add_call(&facts->all, call);
    }
    const json_t *limit = json_object_get(json, "limit");
    if (limit != NULL) {
        facts->has_limit = true;
        facts->limit_calls = (int64_t)number(limit, "calls");
        facts->limit_period_ms = (int64_t)number(limit, "period_ms");
    }
    add_pressure(&facts->pressure, json_object_get(json, "pressure"));
    add_over_time(collector, json_object_get(json, "over_time"));
    facts->sessions++;
    json_decref(json);
    return true;
}

/* Puts the pieces of all processes on one axis of at most CALLSTATS_SLOTS slots. */
static void join_slots(const struct collector *collector)
{
    struct report_facts *facts = collector->facts;
    if (collector->piece_count == 0) {
        return;
    }
    int64_t first = INT64_MAX;
    int64_t last = 0;
    for (size_t i = 0; i < collector->piece_count; i++) {
        int64_t at = collector->pieces[i].at_ms;
        first = at < first ? at : first;
        last = at > last ? at : last;
    }
    int64_t slot_ms = collector->longest_slot_ms;
    int64_t from = first / slot_ms * slot_ms;
    while ((last - from) / slot_ms >= CALLSTATS_SLOTS) {
        slot_ms *= 2;
        from = first / slot_ms * slot_ms;
    }
    for (size_t i = 0; i < collector->piece_count; i++) {
        const struct fact_slot *from_slot = &collector->pieces[i].slot;
        struct fact_slot *slot = &facts->slots[(collector->pieces[i].at_ms - from) / slot_ms];
        slot->calls += from_slot->calls;
        slot->errors += from_slot->errors;
        slot->limited += from_slot->limited;
        slot->unmetered += from_slot->unmetered;
    }
    facts->slot_ms = slot_ms;
    facts->slots_from_ms = from;
    facts->slot_count = (size_t)((last - from) / slot_ms) + 1;
}

/* --- the whole ----------------------------------------------------------------------------- */

static bool collect(struct collector *collector, int64_t run_id, struct err *err)
{
    struct engine *engine = collector->engine;
    struct report_facts *facts = collector->facts;
    struct run *run = &facts->run;
    facts->made_at_ms = clock_real_ms(engine->options.clock);
    if (!journal_run_get(engine->journal, run_id, &facts->arena, run, err)) {
        return false;
    }
    if (run->has_plan && !engine_each_change(engine, run, add_change, NULL, collector, err)) {
        return false;
    }
    if (!journal_stat_each(engine->journal, run_id, add_session, collector, err)) {
        return false;
    }
    join_slots(collector);
    struct audit_walk audit;
    if (!journal_audit_verify(engine->journal, &audit, err)) {
        return false;
    }
    facts->audit_entries = audit.entries;
    facts->audit_broken_at = audit.broken;
    return true;
}

bool report_facts_collect(struct engine *engine, int64_t run, struct report_facts *ret,
                          struct err *err)
{
    struct collector collector = {.engine = engine, .facts = ret};
    bool ok = collect(&collector, run, err);
    free(collector.pieces);
    return ok;
}

void report_facts_done(struct report_facts *facts)
{
    arena_done(&facts->arena);
}

static uint64_t metered(const struct fact_slot *slot)
{
    return slot->calls - slot->unmetered;
}

bool report_facts_busiest(const struct report_facts *facts, uint64_t *ret)
{
    if (facts->slot_count == 0 || facts->limit_calls == 0 ||
        facts->limit_period_ms < facts->slot_ms || facts->limit_period_ms % facts->slot_ms != 0) {
        return false;
    }
    size_t window = (size_t)(facts->limit_period_ms / facts->slot_ms);
    uint64_t sum = 0;
    uint64_t most = 0;
    for (size_t i = 0; i < facts->slot_count; i++) {
        sum += metered(&facts->slots[i]);
        sum -= i >= window ? metered(&facts->slots[i - window]) : 0;
        most = sum > most ? sum : most;
    }
    *ret = most;
    return true;
}

int64_t report_facts_duration_ms(const struct report_facts *facts)
{
    const struct run *run = &facts->run;
    return run->started_at_ms != 0 && run->finished_at_ms > run->started_at_ms
               ? run->finished_at_ms - run->started_at_ms
               : 0;
}
