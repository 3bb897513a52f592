/* SPDX-License-Identifier: MIT */
/*
 * The three charts, drawn into a box of 360 by whatever they need: outcome by strategy, calls over
 * time, latency percentiles by call. The template draws the shapes, this file knows where they go.
 */
#include "engine/report_html.h"

enum {
    WIDTH = 360,
    ROW = 34, /* a name and the bar below it */
    BAR = 12,
    MAX_ROWS = 8,
    BARS = 60, /* at most, over time */
    PLOT_LEFT = 48,
    PLOT_TOP = 8,
    PLOT_BOTTOM = 170,
    TIME_HEIGHT = 194,
    NAME_BYTES = 44,
};

/* In the order in which they are stacked; what is not done yet is one. */
static const enum change_state stacked[] = {CHANGE_VERIFIED, CHANGE_UNKNOWN, CHANGE_FAILED,
                                            CHANGE_SKIPPED,  CHANGE_REFUSED, CHANGE_UNDONE};

static void put_text(struct html_page *page, double x, double y, const char *class, str text)
{
    html_put(page, svg_text, .x = html_printf(page, "%.1f", x), .y = html_printf(page, "%.1f", y),
             .class = str_of(class), .text = text);
}

static void put_bar(struct html_page *page, double x, double y, double width, double height,
                    const char *class, str title)
{
    html_put(page, svg_bar, .x = html_printf(page, "%.1f", x), .y = html_printf(page, "%.1f", y),
             .width = html_printf(page, "%.1f", width), .height = html_printf(page, "%.1f", height),
             .class = str_of(class), .title = title);
}

static void put_line(struct html_page *page, double x1, double y1, double x2, double y2,
                     const char *class)
{
    html_put(page, svg_line, .x1 = html_printf(page, "%.1f", x1),
             .y1 = html_printf(page, "%.1f", y1), .x2 = html_printf(page, "%.1f", x2),
             .y2 = html_printf(page, "%.1f", y2), .class = str_of(class));
}

static void put_key(struct html_page *page, const char *class, str text)
{
    html_put(page, chart_key, .class = str_of(class), .text = text);
}

/* --- outcome by strategy ------------------------------------------------------------------- */

static uint64_t open_changes(const uint64_t states[CHANGE_STATE_COUNT])
{
    return states[CHANGE_PLANNED] + states[CHANGE_BACKED_UP] + states[CHANGE_SENT];
}

static double stack(struct html_page *page, double x, double y, double scale, const char *state,
                    uint64_t count)
{
    if (count == 0) {
        return x;
    }
    double width = (double)count * scale;
    str number = html_number(page, count);
    put_bar(page, x, y, width < 1 ? 1 : width, BAR, state,
            html_printf(page, "%s: %" STR_FMT, state, STR_ARG(number)));
    return x + width;
}

static void strategy_row(struct html_page *page, const struct fact_strategy *strategy, double y,
                         uint64_t most)
{
    double scale = WIDTH / (double)most;
    double x = 0;
    put_text(page, 0, y + 12, "", html_cut(page, strategy->name, NAME_BYTES));
    put_text(page, WIDTH, y + 12, "end", html_number(page, strategy->changes));
    for (size_t i = 0; i < ARRAY_LEN(stacked); i++) {
        x = stack(page, x, y + 17, scale, change_state_name(stacked[i]),
                  strategy->states[stacked[i]]);
    }
    (void)stack(page, x, y + 17, scale, "open", open_changes(strategy->states));
}

static void outcome_chart(struct html_page *page, const struct report_facts *facts)
{
    size_t rows = facts->strategy_count < MAX_ROWS ? facts->strategy_count : MAX_ROWS;
    uint64_t most = 1;
    for (size_t i = 0; i < rows; i++) {
        most = facts->strategies[i].changes > most ? facts->strategies[i].changes : most;
    }
    html_put(page, chart, .title = STR("Outcome by strategy"),
             .height = html_number(page, rows * ROW));
    for (size_t i = 0; i < rows; i++) {
        strategy_row(page, &facts->strategies[i], (double)i * ROW, most);
    }
    html_plain(page, chart_legend);
    const uint64_t *counts = facts->run.counts;
    for (size_t i = 0; i < ARRAY_LEN(stacked); i++) {
        if (counts[stacked[i]] != 0) {
            str number = html_number(page, counts[stacked[i]]);
            const char *name = change_state_name(stacked[i]);
            put_key(page, name, html_printf(page, "%s %" STR_FMT, name, STR_ARG(number)));
        }
    }
    if (open_changes(counts) != 0) {
        str number = html_number(page, open_changes(counts));
        put_key(page, "open", html_printf(page, "not done yet %" STR_FMT, STR_ARG(number)));
    }
    if (facts->strategy_count > rows) {
        put_key(page, "open",
                html_printf(page, "%zu more strategies are in the list of changes",
                            facts->strategy_count - rows));
    }
    html_plain(page, chart_end);
}

/* --- calls over time ----------------------------------------------------------------------- */

struct timeline {
    struct fact_slot bars[BARS];
    size_t count;
    bool has_unmetered;
    int64_t bar_ms;
    double most;  /* the top of the axis */
    double limit; /* calls that are allowed in one bar; 0: not drawn */
};

/* Slots in one bar. Bars as long as the limit's period can be held against the limit; shorter ones
 * cannot, because all calls of a period may come in one of them. */
static size_t slots_in_a_bar(const struct report_facts *facts)
{
    size_t joined = (facts->slot_count + BARS - 1) / BARS;
    size_t period = (size_t)(facts->limit_period_ms / facts->slot_ms);
    bool fits = facts->limit_calls != 0 && period > joined &&
                facts->limit_period_ms % facts->slot_ms == 0 && facts->slot_count / period >= 6;
    return fits ? period : joined;
}

static void gather(const struct report_facts *facts, struct timeline *line)
{
    size_t joined = slots_in_a_bar(facts);
    *line = (struct timeline){.count = (facts->slot_count + joined - 1) / joined,
                              .bar_ms = facts->slot_ms * (int64_t)joined,
                              .most = 1};
    for (size_t i = 0; i < facts->slot_count; i++) {
        struct fact_slot *bar = &line->bars[i / joined];
        bar->calls += facts->slots[i].calls;
        bar->errors += facts->slots[i].errors;
        bar->limited += facts->slots[i].limited;
        bar->unmetered += facts->slots[i].unmetered;
        line->has_unmetered = line->has_unmetered || facts->slots[i].unmetered != 0;
        line->most = (double)bar->calls > line->most ? (double)bar->calls : line->most;
    }
    if (facts->limit_calls != 0 && line->bar_ms >= facts->limit_period_ms) {
        line->limit =
            (double)facts->limit_calls * (double)line->bar_ms / (double)facts->limit_period_ms;
        /* far above all bars it would only make them small */
        line->limit = line->limit > 3 * line->most ? 0 : line->limit;
        line->most = line->limit > line->most ? line->limit : line->most;
    }
}

static void time_bar(struct html_page *page, const struct timeline *line, size_t at,
                     int64_t from_ms)
{
    const struct fact_slot *bar = &line->bars[at];
    if (bar->calls == 0) {
        return;
    }
    double step = (double)(WIDTH - PLOT_LEFT) / (double)line->count;
    double height = PLOT_BOTTOM - PLOT_TOP;
    double width = step > 24 ? 22 : step > 3 ? step - 1 : step;
    double x = PLOT_LEFT + step * (double)at + (step - width) / 2;
    double y = PLOT_BOTTOM;
    uint64_t answered = bar->calls - bar->errors;
    uint64_t unmetered = bar->unmetered < answered ? bar->unmetered : answered;
    /* what the limit does not count on top, so that the others can be held against it */
    const struct {
        const char *class;
        uint64_t count;
    } parts[] = {{"calls", answered - unmetered},
                 {"failed", bar->errors - bar->limited},
                 {"skipped", bar->limited},
                 {"p99", unmetered}};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        double part = height * (double)parts[i].count / line->most;
        if (parts[i].count == 0) {
            continue;
        }
        y -= part;
        str when = html_time(page, from_ms + line->bar_ms * (int64_t)at);
        put_bar(page, x, y, width, part, parts[i].class,
                html_printf(page, "%" STR_FMT ": %llu calls, %llu errors", STR_ARG(when),
                            (unsigned long long)bar->calls, (unsigned long long)bar->errors));
    }
}

static str clock_of(struct html_page *page, int64_t ms)
{
    str when = html_time(page, ms);
    return html_printf(page, "%.8s", when.ptr + 11);
}

static void time_chart(struct html_page *page, const struct report_facts *facts)
{
    struct timeline line;
    gather(facts, &line);
    str bar = html_duration(page, line.bar_ms);
    html_put(page, chart, .title = html_printf(page, "Calls in every %" STR_FMT, STR_ARG(bar)),
             .height = html_number(page, TIME_HEIGHT));
    put_line(page, PLOT_LEFT, PLOT_TOP, WIDTH, PLOT_TOP, "axis");
    put_line(page, PLOT_LEFT, PLOT_BOTTOM, WIDTH, PLOT_BOTTOM, "axis");
    put_text(page, PLOT_LEFT - 5, PLOT_TOP + 4, "end soft",
             html_number(page, (uint64_t)(line.most + 0.5)));
    put_text(page, PLOT_LEFT - 5, PLOT_BOTTOM + 4, "end soft", STR("0"));
    for (size_t i = 0; i < line.count; i++) {
        time_bar(page, &line, i, facts->slots_from_ms);
    }
    if (line.limit > 0) {
        double y = PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * line.limit / line.most;
        put_line(page, PLOT_LEFT, y, WIDTH, y, "limit");
    }
    int64_t end_ms = facts->slots_from_ms + line.bar_ms * (int64_t)line.count;
    put_text(page, PLOT_LEFT, TIME_HEIGHT - 6, "soft", clock_of(page, facts->slots_from_ms));
    put_text(page, WIDTH, TIME_HEIGHT - 6, "end soft", clock_of(page, end_ms));
    html_plain(page, chart_legend);
    put_key(page, "calls", STR("answered"));
    put_key(page, "failed", STR("errors"));
    put_key(page, "skipped", STR("slowed down (429)"));
    if (line.has_unmetered) {
        put_key(page, "p99", STR("downloads, which no limit counts"));
    }
    if (line.limit > 0) {
        put_key(page, "limit", STR("our own limit"));
    }
    html_plain(page, chart_end);
}

/* --- latency ------------------------------------------------------------------------------- */

/* The calls that were made most often. */
static size_t most_frequent(const struct report_facts *facts, const struct fact_call *ret[MAX_ROWS])
{
    size_t count = 0;
    for (size_t i = 0; i < facts->call_count; i++) {
        size_t at = count < MAX_ROWS ? count++ : MAX_ROWS;
        while (at > 0 && facts->calls[i].count > ret[at - 1]->count) {
            if (at < MAX_ROWS) {
                ret[at] = ret[at - 1];
            }
            at--;
        }
        if (at < MAX_ROWS) {
            ret[at] = &facts->calls[i];
        }
    }
    return count;
}

static void latency_row(struct html_page *page, const struct fact_call *call, double y,
                        double longest)
{
    const double ms[] = {report_facts_ms(call->latency, 0.99), report_facts_ms(call->latency, 0.95),
                         report_facts_ms(call->latency, 0.50)};
    static const char *const classes[] = {"p99", "p95", "p50"};
    str p50 = html_millis(page, ms[2]);
    str p95 = html_millis(page, ms[1]);
    str p99 = html_millis(page, ms[0]);
    str numbers = html_printf(page, "%" STR_FMT " / %" STR_FMT " / %" STR_FMT, STR_ARG(p50),
                              STR_ARG(p95), STR_ARG(p99));
    put_text(page, WIDTH, y + 12, "end soft", numbers);
    put_text(page, 0, y + 12, "", html_cut(page, call->name, NAME_BYTES));
    for (size_t i = 0; i < ARRAY_LEN(ms); i++) {
        double width = WIDTH * ms[i] / longest;
        put_bar(page, 0, y + 17, width < 1 ? 1 : width, BAR, classes[i], html_millis(page, ms[i]));
    }
}

static void latency_chart(struct html_page *page, const struct report_facts *facts)
{
    const struct fact_call *calls[MAX_ROWS] = {NULL};
    size_t rows = most_frequent(facts, calls);
    double longest = 0.001;
    for (size_t i = 0; i < rows; i++) {
        double ms = report_facts_ms(calls[i]->latency, 0.99);
        longest = ms > longest ? ms : longest;
    }
    html_put(page, chart, .title = STR("How long calls took"),
             .height = html_number(page, rows * ROW));
    for (size_t i = 0; i < rows; i++) {
        latency_row(page, calls[i], (double)i * ROW, longest);
    }
    html_plain(page, chart_legend);
    put_key(page, "p50", STR("half within"));
    put_key(page, "p95", STR("95 % within"));
    put_key(page, "p99", STR("99 % within"));
    html_plain(page, chart_end);
}

void html_charts(struct html_report *report)
{
    struct html_page *page = &report->page;
    const struct report_facts *facts = &report->facts;
    if (facts->strategy_count == 0 && facts->call_count == 0) {
        return;
    }
    html_put(page, section, .id = STR("charts"), .title = STR("At a glance"));
    html_plain(page, charts);
    if (facts->strategy_count != 0) {
        outcome_chart(page, facts);
    }
    if (facts->slot_count != 0) {
        time_chart(page, facts);
    }
    if (facts->call_count != 0) {
        latency_chart(page, facts);
    }
    html_plain(page, charts_end);
    html_plain(page, section_end);
}
