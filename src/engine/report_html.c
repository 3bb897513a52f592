/* SPDX-License-Identifier: MIT */
/*
 * The report of a run as one page of HTML that a person reads without steward at hand: what was done,
 * what was not and why, and what to do about it. Made from journal and plan alone. The words of a job
 * (fields, strategies, reasons, counted things) are data of the run.
 */
#include "engine/report_html.h"

#include <inttypes.h>

#include "base/num.h"
#include "engine/internal.h"

str html_state(enum change_state state)
{
    return str_of(change_state_name(state));
}

static uint64_t open_changes(const struct run *run)
{
    return run->counts[CHANGE_PLANNED] + run->counts[CHANGE_BACKED_UP] + run->counts[CHANGE_SENT];
}

/* --- head ---------------------------------------------------------------------------------- */

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static str headline(struct html_page *page, const struct run *run)
{
    uint64_t all = run->plan.changes;
    uint64_t done = run->counts[CHANGE_VERIFIED];
    str all_text = html_number(page, all);
    str done_text = html_number(page, done);
    switch (run->state) {
    case RUN_PLANNING:
        return STR("The plan was not finished");
    case RUN_PLANNED:
        return all == 0 ? STR("There is nothing to change")
                        : html_printf(page, "%" STR_FMT " change%s planned, nothing is changed yet",
                                      STR_ARG(all_text), plural(all));
    case RUN_FAILED:
        return run->has_plan ? STR("The run failed") : STR("Planning failed, nothing was changed");
    case RUN_UNDONE:
        return STR("The run was undone");
    case RUN_APPLYING:
    case RUN_PAUSED:
    case RUN_INTERRUPTED:
        return html_printf(page, "Not finished: %" STR_FMT " of %" STR_FMT " changes are done",
                           STR_ARG(done_text), STR_ARG(all_text));
    case RUN_DONE:
    case RUN_STATE_COUNT:
        break;
    }
    if (all == 1) {
        return done == 1 ? STR("The change is done and confirmed") : STR("The change was not done");
    }
    if (done == all) {
        return html_printf(page, "All %" STR_FMT " changes are done and confirmed",
                           STR_ARG(all_text));
    }
    return html_printf(page, "%" STR_FMT " of %" STR_FMT " changes are done and confirmed",
                       STR_ARG(done_text), STR_ARG(all_text));
}

static void add_clause(struct html_page *page, struct buf *out, uint64_t count, const char *text)
{
    if (count != 0) {
        str number = html_number(page, count);
        buf_printf(out, "%s%" STR_FMT " %s", out->len != 0 ? ", " : "", STR_ARG(number), text);
    }
}

static str lead(struct html_page *page, const struct report_facts *facts)
{
    const struct run *run = &facts->run;
    const struct {
        uint64_t count;
        const char *text;
    } clauses[] = {
        {run->counts[CHANGE_FAILED], "failed"},
        {run->counts[CHANGE_SKIPPED], "skipped to be safe"},
        {run->counts[CHANGE_UNKNOWN], "sent without a proof of the outcome"},
        {run->counts[CHANGE_REFUSED], "refused by people"},
        {run->counts[CHANGE_UNDONE], "undone"},
        {run->state == RUN_PLANNED ? 0 : open_changes(run), "not done yet"},
        {run->plan.review, "left to people"},
        {run->plan.bad,
         run->plan.bad == 1 ? "row that could not be used" : "rows that could not be used"},
    };
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(clauses); i++) {
        add_clause(page, &out, clauses[i].count, clauses[i].text);
    }
    return out.len != 0 ? html_printf(page, "%s.", buf_z(&out))
                        : STR("Nothing failed, nothing is left open.");
}

static void put_next(struct html_page *page, const struct run *run)
{
    const char *text = NULL;
    const char *command = "resume";
    switch (run->state) {
    case RUN_PLANNED:
        text = run->plan.changes != 0 ? "read the changes below, then" : NULL;
        command = "apply";
        break;
    case RUN_APPLYING:
    case RUN_PAUSED:
    case RUN_INTERRUPTED:
        text = "put right what stopped it, then go on; nothing is applied twice:";
        break;
    case RUN_DONE:
        text = run->counts[CHANGE_UNKNOWN] != 0 ? "settle by reading what is unknown:"
               : run->counts[CHANGE_VERIFIED] != 0
                   ? "at any time, compare the remote with this report again:"
                   : NULL;
        command = run->counts[CHANGE_UNKNOWN] != 0 ? "resume" : "verify";
        break;
    case RUN_PLANNING:
    case RUN_FAILED:
    case RUN_UNDONE:
    case RUN_STATE_COUNT:
        break;
    }
    if (text != NULL) {
        html_put(page, next, .text = str_of(text),
                 .command = html_printf(page, "steward %s %" PRId64, command, run->id));
    }
}

static void put_nav(struct html_page *page, const struct report_facts *facts)
{
    const struct run *run = &facts->run;
    const struct {
        bool shown;
        const char *id;
        const char *text;
    } links[] = {
        {facts->strategy_count + facts->call_count != 0, "charts", "At a glance"},
        {run->counts[CHANGE_FAILED] + run->counts[CHANGE_UNKNOWN] + run->counts[CHANGE_SKIPPED] !=
             0,
         "failures", "What was not done"},
        {facts->count_count != 0, "moved", "What belonged to the records"},
        {facts->listed != 0, "changes", "Every change"},
        {run->plan.review != 0, "review", "Left to people"},
        {run->plan.bad != 0, "bad-rows", "Bad rows"},
        {facts->call_count != 0, "calls", "Calls and limits"},
        {true, "proof", "Backups and proof"},
    };
    html_plain(page, nav);
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        if (links[i].shown) {
            html_put(page, nav_link, .id = str_of(links[i].id), .text = str_of(links[i].text));
        }
    }
    html_plain(page, nav_end);
}

static void put_head(struct html_page *page, const struct report_facts *facts)
{
    const struct run *run = &facts->run;
    html_put(page, head,
             .title = html_printf(page, "Run %" PRId64 ": %s, %s", run->id, run->job,
                                  run_state_name(run->state)),
             .run = html_printf(page, "%" PRId64, run->id), .job = str_of(run->job),
             .made = html_time(page, facts->made_at_ms), .headline = headline(page, run),
             .lead = lead(page, facts));
    if (run->stop_reason[0] != '\0') {
        html_put(page, stopped, .why = str_of(run->stop_reason));
    }
    put_next(page, run);
    put_nav(page, facts);
}

/* --- tiles --------------------------------------------------------------------------------- */

static void put_tile(struct html_page *page, const char *id, const char *class, uint64_t count,
                     const char *label, str note)
{
    html_put(page, tile, .id = str_of(id), .class = str_of(class),
             .value = html_number(page, count), .label = str_of(label), .note = note);
}

static void put_tiles(struct html_page *page, const struct report_facts *facts)
{
    static const struct {
        enum change_state state;
        const char *label;
    } tiles[] = {
        {CHANGE_VERIFIED, "done and confirmed"}, {CHANGE_FAILED, "failed"},
        {CHANGE_SKIPPED, "skipped to be safe"},  {CHANGE_UNKNOWN, "unknown"},
        {CHANGE_REFUSED, "refused by people"},   {CHANGE_UNDONE, "undone"},
    };
    const struct run *run = &facts->run;
    html_plain(page, tiles);
    put_tile(page, "changes", "accent", run->plan.changes, "changes planned", STR(""));
    for (size_t i = 0; i < ARRAY_LEN(tiles); i++) {
        uint64_t count = run->counts[tiles[i].state];
        bool always = tiles[i].state == CHANGE_VERIFIED || tiles[i].state == CHANGE_FAILED;
        if (count != 0 || always) {
            double share =
                run->plan.changes != 0 ? 100.0 * (double)count / (double)run->plan.changes : 0;
            put_tile(page, change_state_name(tiles[i].state),
                     count != 0 ? change_state_name(tiles[i].state) : "open", count, tiles[i].label,
                     html_printf(page, "%.1f %%", share));
        }
    }
    if (open_changes(run) != 0) {
        put_tile(page, "open", "open", open_changes(run), "not done yet", STR(""));
    }
    put_tile(page, "review", "accent", run->plan.review, "left to people", STR(""));
    put_tile(page, "bad", "accent", run->plan.bad, "bad rows", STR(""));
    put_tile(page, "calls", "accent", facts->all.count, "calls", STR(""));
    html_plain(page, tiles_end);
}

/* --- facts --------------------------------------------------------------------------------- */

static void put_fact(struct html_page *page, const char *id, const char *name, str value)
{
    if (value.len != 0) {
        html_put(page, fact, .id = str_of(id), .name = str_of(name), .value = value);
    }
}

/* "half within 0.8 s, 95 % within 1.2 s, 99 % within 2.0 s" */
static str percentiles(struct html_page *page, const uint64_t buckets[CALLSTATS_BUCKETS])
{
    str p50 = html_millis(page, report_facts_ms(buckets, 0.50));
    str p95 = html_millis(page, report_facts_ms(buckets, 0.95));
    str p99 = html_millis(page, report_facts_ms(buckets, 0.99));
    return html_printf(
        page, "half within %" STR_FMT ", 95 %% within %" STR_FMT ", 99 %% within %" STR_FMT,
        STR_ARG(p50), STR_ARG(p95), STR_ARG(p99));
}

static str per_minute(struct html_page *page, uint64_t count, int64_t took_ms)
{
    double pace = (double)count * 60000.0 / (double)took_ms;
    return pace >= 100 ? html_number(page, (uint64_t)(pace + 0.5))
                       : html_printf(page, "%.1f", pace);
}

static void put_run_facts(struct html_page *page, const struct report_facts *facts)
{
    const struct run *run = &facts->run;
    html_put(page, section, .id = STR("run"), .title = STR("The run"));
    html_plain(page, facts);
    put_fact(page, "f-state", "State", str_of(run_state_name(run->state)));
    put_fact(page, "f-job", "Job", str_of(run->job));
    put_fact(page, "f-rules", "Rules", str_of(run->rules));
    put_fact(page, "f-source", "Source", str_of(run->source));
    put_fact(page, "f-planned", "Planned", html_time(page, run->planned_at_ms));
    put_fact(page, "f-started", "Begun", html_time(page, run->started_at_ms));
    put_fact(page, "f-finished", "Finished", html_time(page, run->finished_at_ms));
    int64_t took = report_facts_duration_ms(facts);
    if (took != 0) {
        put_fact(page, "f-took", "From begin to end", html_duration(page, took));
    }
    if (took != 0 && run->counts[CHANGE_VERIFIED] != 0) {
        put_fact(page, "f-pace", "Changes a minute",
                 per_minute(page, run->counts[CHANGE_VERIFIED], took));
    }
    if (facts->confirmed != 0) {
        put_fact(page, "f-confirm", "From sending to proof", percentiles(page, facts->confirm));
    }
    if (facts->sessions > 1) {
        put_fact(page, "f-sessions", "Processes that worked on it",
                 html_number(page, facts->sessions));
    }
    html_plain(page, facts_end);
    html_plain(page, section_end);
}

/* --- what the job counted ------------------------------------------------------------------ */

/* The columns: every name once, in order of appearance. */
static size_t count_names(const struct report_facts *facts, str *ret)
{
    size_t names = 0;
    for (size_t i = 0; i < facts->count_count; i++) {
        size_t at = 0;
        while (at < names && !str_eq(ret[at], facts->counts[i].name)) {
            at++;
        }
        if (at == names) {
            ret[names++] = facts->counts[i].name;
        }
    }
    return names;
}

/* A number that only some of the changes gave says so, or the columns could not be compared. */
static void put_count_cell(struct html_page *page, const struct fact_count *count, uint64_t most)
{
    str of = STR("");
    if (count->changes < most) {
        of = html_printf(page, "in %" PRIu64 " of %" PRIu64 " changes", count->changes, most);
    }
    html_put(page, counts_cell, .sum = html_number(page, count->sum), .of = of);
}

static void put_count_row(struct html_page *page, const struct report_facts *facts, size_t first,
                          const str *names, size_t name_count)
{
    str what = facts->counts[first].what;
    html_put(page, counts_row, .what = what);
    size_t end = first;
    uint64_t most = 0;
    for (; end < facts->count_count && str_eq(facts->counts[end].what, what); end++) {
        most = facts->counts[end].changes > most ? facts->counts[end].changes : most;
    }
    for (size_t n = 0; n < name_count; n++) {
        size_t at = first;
        while (at < end && !str_eq(facts->counts[at].name, names[n])) {
            at++;
        }
        if (at < end) {
            put_count_cell(page, &facts->counts[at], most);
        } else {
            html_put(page, counts_cell, .sum = STR(""), .of = STR(""));
        }
    }
    html_plain(page, counts_row_end);
}

static void put_counts(struct html_report *report)
{
    struct html_page *page = &report->page;
    struct report_facts *facts = &report->facts;
    if (facts->count_count == 0) {
        return;
    }
    str *names = arena_array(&facts->arena, facts->count_count, sizeof(*names));
    size_t name_count = count_names(facts, names);
    html_put(page, section, .id = STR("moved"), .title = STR("What belonged to the records"));
    html_plain(page, counts);
    for (size_t n = 0; n < name_count; n++) {
        html_put(page, counts_name, .name = names[n]);
    }
    html_plain(page, counts_rows);
    for (size_t i = 0; i < facts->count_count; i++) {
        if (i == 0 || !str_eq(facts->counts[i].what, facts->counts[i - 1].what)) {
            put_count_row(page, facts, i, names, name_count);
        }
    }
    html_plain(page, counts_end);
    html_put(page, text,
             .text =
                 STR("Counted for each change: where several records go into one, what belongs to "
                     "that one is counted with each of them."));
    html_plain(page, section_end);
}

/* --- calls --------------------------------------------------------------------------------- */

static void put_call(struct html_page *page, str name, const struct fact_call *call)
{
    html_put(page, call, .name = name, .count = html_number(page, call->count),
             .errors = html_number(page, call->errors), .limited = html_number(page, call->limited),
             .retries = html_number(page, call->retries),
             .waited = html_duration(page, call->waited_ms),
             .p50 = html_millis(page, report_facts_ms(call->latency, 0.50)),
             .p95 = html_millis(page, report_facts_ms(call->latency, 0.95)),
             .p99 = html_millis(page, report_facts_ms(call->latency, 0.99)));
}

static void put_rate(struct html_page *page, const struct report_facts *facts)
{
    int64_t took = report_facts_duration_ms(facts);
    uint64_t busiest;
    html_plain(page, facts);
    if (facts->has_limit && facts->limit_calls != 0) {
        str period = html_duration(page, facts->limit_period_ms);
        put_fact(page, "f-limit", "Our own limit",
                 html_printf(page, "%lld calls in %" STR_FMT, (long long)facts->limit_calls,
                             STR_ARG(period)));
    } else if (facts->has_limit) {
        put_fact(page, "f-limit", "Our own limit", STR("none"));
    }
    if (report_facts_busiest(facts, &busiest)) {
        str period = html_duration(page, facts->limit_period_ms);
        put_fact(page, "f-busiest", "Rate use",
                 html_printf(page,
                             "at most %" PRIu64 " of %lld calls in any %" STR_FMT " (%.0f %%)",
                             busiest, (long long)facts->limit_calls, STR_ARG(period),
                             100.0 * (double)busiest / (double)facts->limit_calls));
    }
    if (took != 0) {
        put_fact(page, "f-average", "Calls a minute on average",
                 per_minute(page, facts->all.count, took));
    }
    put_fact(page, "f-limited", "Slowed down by the remote (429)",
             html_number(page, facts->all.limited));
    if (facts->pressure.breaker_opened != 0) {
        str broken = html_duration(page, facts->pressure.breaker_ms);
        put_fact(page, "f-breaker", "The remote was left alone (circuit breaker)",
                 html_printf(page, "%" PRIu64 " times, %" STR_FMT " together",
                             facts->pressure.breaker_opened, STR_ARG(broken)));
    }
    if (facts->pressure.cuts != 0) {
        put_fact(page, "f-cuts", "Busy workers halved under pressure",
                 html_number(page, facts->pressure.cuts));
    }
    put_fact(page, "f-waited", "Waited for limits, all workers together",
             html_duration(page, facts->all.waited_ms));
    html_plain(page, facts_end);
}

static void put_calls(struct html_page *page, const struct report_facts *facts)
{
    if (facts->call_count == 0) {
        return;
    }
    html_put(page, section, .id = STR("calls"), .title = STR("Calls and limits"));
    put_rate(page, facts);
    html_plain(page, calls);
    for (size_t i = 0; i < facts->call_count; i++) {
        put_call(page, facts->calls[i].name, &facts->calls[i]);
    }
    put_call(page, STR("all together"), &facts->all);
    html_plain(page, calls_end);
    html_plain(page, section_end);
}

/* --- backups and proof --------------------------------------------------------------------- */

static void put_proof(struct html_report *report)
{
    struct html_page *page = &report->page;
    const struct report_facts *facts = &report->facts;
    const struct run *run = &facts->run;
    html_put(page, section, .id = STR("proof"), .title = STR("Backups and proof"));
    html_plain(page, facts);
    if (run->has_plan) {
        char hash[SHA256_HEX];
        num_hex(run->plan.hash, SHA256_BYTES, hash);
        put_fact(page, "f-plan", "Plan (SHA-256)", str_of(hash));
        put_fact(page, "f-plan-checked", "Plan file",
                 html_printf(page, "%s: read again for this report, its hash is the journal's",
                             run->plan_path));
    }
    str entries = html_number(page, facts->audit_entries);
    put_fact(page, "f-audit", "Audit trail",
             facts->audit_broken_at == 0
                 ? html_printf(page, "%" STR_FMT " entries, the chain is whole", STR_ARG(entries))
                 : html_printf(page, "%" STR_FMT " entries, BROKEN at entry %" PRIu64,
                               STR_ARG(entries), facts->audit_broken_at));
    put_fact(page, "f-backups", "Changes with a backup", html_number(page, facts->backups));
    if (facts->backups != 0) {
        put_fact(page, "f-backups-there", "Backups that are where the journal says",
                 html_number(page, facts->backups - facts->backups_missing));
        put_fact(page, "f-backup-dir", "Where backups go",
                 str_of(report->engine->options.settings->backup_dir));
    }
    html_plain(page, facts_end);
    if (facts->backups != 0) {
        html_put(page, text,
                 .text = STR("The place of each backup stands with its change, and its "
                             "metadata/verification.json holds the SHA-256 of every file. `steward "
                             "audit verify` checks the trail, `steward verify` the remote."));
    }
    html_plain(page, section_end);
}

/* --- the page ------------------------------------------------------------------------------ */

static bool fill(struct html_report *report, struct err *err)
{
    struct html_page *page = &report->page;
    put_head(page, &report->facts);
    put_tiles(page, &report->facts);
    html_charts(report);
    put_run_facts(page, &report->facts);
    if (!html_causes(report, err)) {
        return false;
    }
    put_counts(report);
    put_calls(page, &report->facts);
    put_proof(report);
    if (!html_changes(report, err) || !html_findings(report, err)) {
        return false;
    }
    html_put(page, foot, .run = html_printf(page, "%" PRId64, report->facts.run.id));
    return html_finish(page, err);
}

bool engine_report_html(struct engine *engine, int64_t run, engine_piece_fn piece, void *ctx,
                        struct err *err)
{
    /* hundreds of histograms' worth of slots: not on the stack */
    AUTO_FREE struct html_report *report = xnew(struct html_report);
    report->engine = engine;
    report->page = (struct html_page){.write = piece, .ctx = ctx};
    bool ok = report_facts_collect(engine, run, &report->facts, err) && fill(report, err);
    html_done(&report->page);
    report_facts_done(&report->facts);
    return ok;
}
