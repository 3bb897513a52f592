/* SPDX-License-Identifier: MIT */
#include "engine/progress_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

enum { LABEL = 9, LEAST_BAR = 8, MOST_BAR = 60, COUNTS = 64 };

static uint64_t done_of(const struct progress_facts *facts)
{
    return facts->verified + facts->failed + facts->skipped;
}

static double share_of(const struct progress_facts *facts)
{
    return facts->todo != 0 ? 100.0 * (double)done_of(facts) / (double)facts->todo : 100.0;
}

static double rate_of(const struct progress_facts *facts)
{
    return facts->elapsed_ms > 0 ? (double)done_of(facts) * 1000.0 / (double)facts->elapsed_ms : 0;
}

/* Milliseconds; -1: a guess before 1 % would only mislead. */
static int64_t eta_of(const struct progress_facts *facts)
{
    uint64_t done = done_of(facts);
    double rate = rate_of(facts);
    return !facts->ended && done < facts->todo && share_of(facts) >= 1.0 && rate > 0
               ? (int64_t)((double)(facts->todo - done) / rate * 1000)
               : -1;
}

static void add_duration(struct buf *out, int64_t ms)
{
    int64_t seconds = ms / 1000;
    if (seconds >= 86400) {
        buf_printf(out, "%" PRId64 "d%02" PRId64 "h", seconds / 86400, seconds % 86400 / 3600);
    } else if (seconds >= 3600) {
        buf_printf(out, "%" PRId64 "h%02" PRId64 "m", seconds / 3600, seconds % 3600 / 60);
    } else {
        buf_printf(out, "%" PRId64 "m%02" PRId64 "s", seconds / 60, seconds % 60);
    }
}

static void add_size(struct buf *out, uint64_t bytes)
{
    if (bytes >= UINT64_C(1000000000)) {
        buf_printf(out, "%.1f GB", (double)bytes / 1e9);
    } else {
        buf_printf(out, "%.1f MB", (double)bytes / 1e6);
    }
}

/* A change takes tens of calls: at a limit of some calls a minute a second tells nothing. */
static void add_rate(const struct progress_facts *facts, struct buf *out)
{
    double rate = rate_of(facts);
    bool slow = rate < 1.0;
    buf_printf(out, "%.1f/%s", slow ? rate * 60 : rate, slow ? "min" : "s");
}

static void add_error(const struct progress_facts *facts, size_t i, struct buf *out)
{
    if (facts->errors[i].status == 0) {
        buf_printf(out, "%" PRIu64 " without answer", facts->errors[i].count);
    } else {
        buf_printf(out, "%" PRIu64 " x %d", facts->errors[i].count, facts->errors[i].status);
    }
}

/* "waiting 13 s: limit" */
static void add_wait(const struct progress_facts *facts, struct buf *out)
{
    buf_addz(out, "waiting");
    if (facts->wait_ms >= 1000) {
        buf_printf(out, " %" PRId64 " s", (facts->wait_ms + 999) / 1000);
    }
    buf_printf(out, ": %s", facts->waiting);
}

/* --- one line ------------------------------------------------------------------------------ */

static void add_count(struct buf *out, uint64_t count, const char *name)
{
    if (count != 0) {
        buf_printf(out, "  %s %" PRIu64, name, count);
    }
}

static void add_machine(const struct monitor_rates *machine, struct buf *out)
{
    buf_printf(out, "  CPU %.0f %%  memory ", machine->cpu_percent);
    add_size(out, machine->memory_bytes);
    buf_addz(out, "  disk ");
    add_size(out, machine->read_per_s);
    buf_addz(out, "/s read ");
    add_size(out, machine->written_per_s);
    buf_addz(out, "/s written ");
    add_size(out, machine->free_bytes);
    buf_addz(out, " free  network ");
    add_size(out, machine->received_per_s);
    buf_addz(out, "/s in ");
    add_size(out, machine->sent_per_s);
    buf_addz(out, "/s out");
}

/* Why it is not faster: the limit, the breaker, fewer workers, a pause. */
static void add_reasons(const struct progress_facts *facts, struct buf *out)
{
    buf_addz(out, facts->paused ? "  paused" : "");
    if (facts->waiting[0] != '\0') {
        buf_addz(out, "  ");
        add_wait(facts, out);
    }
    if (facts->learned) {
        buf_printf(out, "  remote allows %" PRId64 " in %.12g s", facts->limit_calls,
                   (double)facts->limit_period_ms / 1000);
    }
    if (facts->breaker != BREAKER_CLOSED) {
        buf_printf(out, "  breaker %s", breaker_state_name(facts->breaker));
    }
    if (facts->sign[0] != '\0') {
        buf_printf(out, "  workers %" PRId64 " of %" PRId64 ": %s", facts->width, facts->most,
                   facts->sign);
    }
}

void progress_line(const struct progress_facts *facts, struct buf *out)
{
    buf_printf(out, "%" PRIu64 "/%" PRIu64 "  %.1f %%  ", done_of(facts), facts->todo,
               share_of(facts));
    add_rate(facts, out);
    int64_t eta_ms = eta_of(facts);
    if (eta_ms >= 0) {
        buf_addz(out, "  ETA ");
        add_duration(out, eta_ms);
    }
    buf_printf(out, "  calls %" PRIu64 "  verified %" PRIu64, facts->calls, facts->verified);
    add_count(out, facts->failed, "not done");
    add_count(out, facts->skipped, "skipped");
    add_count(out, facts->confirming, "confirming");
    for (size_t i = 0; i < facts->error_count; i++) {
        buf_addz(out, i == 0 ? "  errors " : ", ");
        add_error(facts, i, out);
    }
    if (!facts->ended) {
        add_reasons(facts, out);
    }
    if (facts->monitored) {
        add_machine(&facts->machine, out);
    }
}

/* --- the block ----------------------------------------------------------------------------- */

/* A label and items with commas between; what does not fit goes on below. */
struct row {
    struct buf *out;
    size_t room; /* columns */
    size_t at;
    bool first;
};

static void begin(struct row *row, const char *label)
{
    buf_printf(row->out, "%-*s", LABEL, label);
    row->at = LABEL;
    row->first = true;
}

static void PRINTF_LIKE(2, 3) item(struct row *row, const char *fmt, ...)
{
    AUTO_BUF struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    size_t more = text.len + (row->first ? 0 : 2);
    if (row->at + more > row->room && !row->first) {
        buf_printf(row->out, ",\n%-*s", LABEL, "");
        row->at = LABEL;
    } else if (!row->first) {
        buf_addz(row->out, ", ");
        row->at += 2;
    }
    size_t left = row->room > row->at ? row->room - row->at : 0;
    buf_add(row->out, buf_z(&text), text.len < left ? text.len : left);
    row->at += text.len;
    row->first = false;
}

static void end(struct row *row)
{
    if (row->first) { /* nothing to tell */
        row->out->len -= LABEL;
        row->out->ptr[row->out->len] = '\0';
    } else {
        buf_addc(row->out, '\n');
    }
}

/* "run 7    [#####.....]  120/400  30.0 %"; the bar goes where there is no room for it. */
static void add_head(const struct progress_facts *facts, struct row *row)
{
    char counts[COUNTS];
    char label[LABEL + 24];
    int length = snprintf(counts, sizeof(counts), "%" PRIu64 "/%" PRIu64 "  %.1f %%",
                          done_of(facts), facts->todo, share_of(facts));
    (void)snprintf(label, sizeof(label), "run %" PRId64 " ", facts->run);
    begin(row, label);
    size_t used = (strlen(label) > LABEL ? strlen(label) : LABEL) + (size_t)length + 4;
    size_t bar = row->room > used ? row->room - used : 0;
    if (bar >= LEAST_BAR) {
        bar = bar < MOST_BAR ? bar : MOST_BAR;
        size_t filled = (size_t)((double)bar * share_of(facts) / 100.0);
        buf_addc(row->out, '[');
        for (size_t i = 0; i < bar; i++) {
            buf_addc(row->out, i < filled ? '#' : '.');
        }
        buf_addz(row->out, "]  ");
    }
    buf_printf(row->out, "%s\n", counts);
}

static void add_pace(const struct progress_facts *facts, struct row *row)
{
    AUTO_BUF struct buf text = {0};
    begin(row, "pace");
    add_rate(facts, &text);
    item(row, "%s", buf_z(&text));
    int64_t eta_ms = eta_of(facts);
    if (eta_ms >= 0) {
        buf_clear(&text);
        add_duration(&text, eta_ms);
        item(row, "ETA %s", buf_z(&text));
    }
    buf_clear(&text);
    add_duration(&text, facts->elapsed_ms);
    item(row, "%s so far", buf_z(&text));
    end(row);
}

static void add_changes(const struct progress_facts *facts, struct row *row)
{
    const struct {
        uint64_t count;
        const char *name;
    } counts[] = {{facts->failed, "not done"},
                  {facts->skipped, "skipped"},
                  {facts->confirming, "confirming"}};
    begin(row, "changes");
    item(row, "%" PRIu64 " verified", facts->verified);
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        if (counts[i].count != 0) {
            item(row, "%" PRIu64 " %s", counts[i].count, counts[i].name);
        }
    }
    end(row);
}

static void add_calls(const struct progress_facts *facts, struct row *row)
{
    begin(row, "calls");
    item(row, "%" PRIu64, facts->calls);
    if (facts->slowest[0] != '\0') {
        item(row, "slowest %" PRId64 " ms %s", facts->slowest_ms, facts->slowest);
    }
    end(row);
    begin(row, "errors");
    for (size_t i = 0; i < facts->error_count; i++) {
        AUTO_BUF struct buf text = {0};
        add_error(facts, i, &text);
        item(row, "%s", buf_z(&text));
    }
    end(row);
}

static void add_remote(const struct progress_facts *facts, struct row *row)
{
    begin(row, "limit");
    if (facts->limit_calls == 0) {
        item(row, "none");
    } else {
        item(row, "%" PRId64 " calls in %.12g s", facts->limit_calls,
             (double)facts->limit_period_ms / 1000);
    }
    if (facts->learned) {
        item(row, "the remote's");
    }
    if (facts->waiting[0] != '\0') {
        AUTO_BUF struct buf text = {0};
        add_wait(facts, &text);
        item(row, "%s", buf_z(&text));
    }
    if (facts->paused) {
        item(row, "paused");
    }
    end(row);
    begin(row, "workers");
    item(row, "%" PRId64 " of %" PRId64 "%s%s", facts->width, facts->most,
         facts->sign[0] != '\0' ? " because of " : "", facts->sign);
    item(row, "breaker %s", breaker_state_name(facts->breaker));
    end(row);
}

static void item_size(struct row *row, const char *before, uint64_t bytes, const char *after)
{
    AUTO_BUF struct buf text = {0};
    add_size(&text, bytes);
    item(row, "%s%s%s", before, buf_z(&text), after);
}

static void add_machine_row(const struct monitor_rates *machine, struct row *row)
{
    begin(row, "machine");
    item(row, "CPU %.0f %%", machine->cpu_percent);
    item_size(row, "memory ", machine->memory_bytes, "");
    item_size(row, "disk ", machine->read_per_s, "/s read");
    item_size(row, "", machine->written_per_s, "/s written");
    item_size(row, "", machine->free_bytes, " free");
    item_size(row, "network ", machine->received_per_s, "/s in");
    item_size(row, "", machine->sent_per_s, "/s out");
    end(row);
}

void progress_block(const struct progress_facts *facts, size_t columns, struct buf *out)
{
    struct row row = {.out = out, .room = columns > LABEL + 2 ? columns - 2 : LABEL + 1};
    add_head(facts, &row);
    add_pace(facts, &row);
    add_changes(facts, &row);
    add_calls(facts, &row);
    if (!facts->ended) {
        add_remote(facts, &row);
    }
    if (facts->monitored) {
        add_machine_row(&facts->machine, &row);
    }
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void json_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, "\"%s\":", name);
    if (text[0] == '\0') {
        buf_addz(out, "null");
    } else {
        buf_add_json(out, str_of(text));
    }
}

static void json_calls(const struct progress_facts *facts, struct buf *out)
{
    buf_printf(out, ",\"calls\":%" PRIu64 ",\"call_errors\":{", facts->calls);
    for (size_t i = 0; i < facts->error_count; i++) {
        buf_printf(out, "%s\"%d\":%" PRIu64, i == 0 ? "" : ",", facts->errors[i].status,
                   facts->errors[i].count);
    }
    buf_addz(out, "},");
    json_text(out, "slowest_call", facts->slowest);
    buf_printf(out, ",\"slowest_ms\":%" PRId64, facts->slowest_ms);
}

static void json_remote(const struct progress_facts *facts, struct buf *out)
{
    buf_printf(out, ",\"limit\":{\"calls\":%" PRId64 ",\"period_ms\":%" PRId64 ",\"learned\":%s,",
               facts->limit_calls, facts->limit_period_ms, facts->learned ? "true" : "false");
    json_text(out, "waiting_for", facts->waiting);
    buf_printf(out,
               ",\"wait_ms\":%" PRId64 "},\"workers\":{\"may_be_busy\":%" PRId64 ",\"of\":%" PRId64
               ",",
               facts->wait_ms, facts->width, facts->most);
    json_text(out, "because_of", facts->sign);
    buf_printf(out, "},\"breaker\":\"%s\",\"paused\":%s", breaker_state_name(facts->breaker),
               facts->paused ? "true" : "false");
}

static void json_machine(const struct monitor_rates *machine, struct buf *out)
{
    buf_printf(out,
               ",\"machine\":{\"cpu_percent\":%.1f,\"memory_bytes\":%" PRIu64
               ",\"disk_free_bytes\":%" PRIu64 ",\"disk_read_per_s\":%" PRIu64
               ",\"disk_written_per_s\":%" PRIu64 ",\"network_in_per_s\":%" PRIu64
               ",\"network_out_per_s\":%" PRIu64 "}",
               machine->cpu_percent, machine->memory_bytes, machine->free_bytes,
               machine->read_per_s, machine->written_per_s, machine->received_per_s,
               machine->sent_per_s);
}

void progress_json(const struct progress_facts *facts, struct buf *out)
{
    char at[CLOCK_TEXT_BYTES];
    clock_rfc3339(facts->at_ms, at);
    int64_t eta_ms = eta_of(facts);
    buf_printf(out,
               "{\"run\":%" PRId64 ",\"at\":\"%s\",\"elapsed_ms\":%" PRId64
               ",\"ended\":%s,\"todo\":%" PRIu64 ",\"done\":%" PRIu64 ",\"verified\":%" PRIu64
               ",\"failed\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"confirming\":%" PRIu64
               ",\"per_second\":%.3f,\"eta_ms\":",
               facts->run, at, facts->elapsed_ms, facts->ended ? "true" : "false", facts->todo,
               done_of(facts), facts->verified, facts->failed, facts->skipped, facts->confirming,
               rate_of(facts));
    if (eta_ms >= 0) {
        buf_printf(out, "%" PRId64, eta_ms);
    } else {
        buf_addz(out, "null");
    }
    json_calls(facts, out);
    json_remote(facts, out);
    if (facts->monitored) {
        json_machine(&facts->machine, out);
    }
    buf_addc(out, '}');
}

/* --- and back ------------------------------------------------------------------------------ */

static int64_t number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static uint64_t count(const json_t *object, const char *name)
{
    return (uint64_t)number(object, name);
}

static void copy(const json_t *object, const char *name, char ret[PROGRESS_NAME])
{
    const char *text = json_string_value(json_object_get(object, name));
    (void)snprintf(ret, PROGRESS_NAME, "%s", text != NULL ? text : "");
}

static void take_errors(json_t *errors, struct progress_facts *ret)
{
    const char *status;
    json_t *value;
    json_object_foreach(errors, status, value)
    {
        if (ret->error_count < PROGRESS_ERRORS) {
            ret->errors[ret->error_count].status = 0;
            for (const char *c = status; *c >= '0' && *c <= '9'; c++) {
                ret->errors[ret->error_count].status =
                    (ret->errors[ret->error_count].status * 10 + (*c - '0')) % 1000;
            }
            ret->errors[ret->error_count++].count = (uint64_t)json_integer_value(value);
        }
    }
}

static void take_remote(const json_t *json, struct progress_facts *ret)
{
    const json_t *limit = json_object_get(json, "limit");
    const json_t *workers = json_object_get(json, "workers");
    const char *breaker = json_string_value(json_object_get(json, "breaker"));
    ret->limit_calls = number(limit, "calls");
    ret->limit_period_ms = number(limit, "period_ms");
    ret->learned = json_is_true(json_object_get(limit, "learned"));
    copy(limit, "waiting_for", ret->waiting);
    ret->wait_ms = number(limit, "wait_ms");
    ret->width = number(workers, "may_be_busy");
    ret->most = number(workers, "of");
    copy(workers, "because_of", ret->sign);
    ret->paused = json_is_true(json_object_get(json, "paused"));
    const enum breaker_state states[] = {BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN};
    for (size_t i = 0; breaker != NULL && i < ARRAY_LEN(states); i++) {
        if (strcmp(breaker, breaker_state_name(states[i])) == 0) {
            ret->breaker = states[i];
        }
    }
}

static void take_machine(const json_t *machine, struct progress_facts *ret)
{
    ret->monitored = machine != NULL;
    ret->machine = (struct monitor_rates){
        .cpu_percent = json_number_value(json_object_get(machine, "cpu_percent")),
        .memory_bytes = count(machine, "memory_bytes"),
        .free_bytes = count(machine, "disk_free_bytes"),
        .read_per_s = count(machine, "disk_read_per_s"),
        .written_per_s = count(machine, "disk_written_per_s"),
        .received_per_s = count(machine, "network_in_per_s"),
        .sent_per_s = count(machine, "network_out_per_s"),
    };
}

bool progress_parse(str text, struct progress_facts *ret)
{
    json_t *json = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, 0, NULL);
    const char *at = json_string_value(json_object_get(json, "at"));
    struct progress_facts facts = {.run = number(json, "run"),
                                   .elapsed_ms = number(json, "elapsed_ms"),
                                   .ended = json_is_true(json_object_get(json, "ended")),
                                   .todo = count(json, "todo"),
                                   .verified = count(json, "verified"),
                                   .failed = count(json, "failed"),
                                   .skipped = count(json, "skipped"),
                                   .confirming = count(json, "confirming"),
                                   .calls = count(json, "calls"),
                                   .slowest_ms = number(json, "slowest_ms")};
    bool ok = at != NULL && clock_parse(str_of(at), &facts.at_ms);
    if (ok) {
        copy(json, "slowest_call", facts.slowest);
        take_errors(json_object_get(json, "call_errors"), &facts);
        take_remote(json, &facts);
        take_machine(json_object_get(json, "machine"), &facts);
        *ret = facts;
    }
    json_decref(json);
    return ok;
}
