/* SPDX-License-Identifier: MIT */
#include "engine/progress.h"

#include <stdio.h>

#include "base/queue.h"
#include "engine/pace.h"
#include "engine/progress_text.h"

enum { LIVE_MS = 250, LINE_MS = 10000, STAT_MS = 2000, MACHINE_MS = 1000 };

struct progress {
    struct progress_options options;
    struct stop end; /* level 1 ends the thread */
    pthread_t thread;
    int64_t begun_ms;
    char session[64];
    struct monitor_sample sample; /* the last but one, for rates */
    struct monitor_rates machine;
};

/* --- facts --------------------------------------------------------------------------------- */

static void count_error(struct progress_facts *facts, int status, uint64_t count)
{
    for (size_t i = 0; i < facts->error_count; i++) {
        if (facts->errors[i].status == status) {
            facts->errors[i].count += count;
            return;
        }
    }
    if (facts->error_count < PROGRESS_ERRORS) {
        facts->errors[facts->error_count].status = status;
        facts->errors[facts->error_count++].count = count;
    }
}

static void add_call(void *ctx, const struct callstats_view *view)
{
    struct progress_facts *facts = ctx;
    int64_t mean_ms = view->count != 0 ? view->duration_ns / 1000000 / (int64_t)view->count : 0;
    facts->calls += view->count;
    if (mean_ms > facts->slowest_ms || (facts->slowest[0] == '\0' && view->count != 0)) {
        facts->slowest_ms = mean_ms;
        (void)snprintf(facts->slowest, sizeof(facts->slowest), "%s", view->call);
    }
    for (size_t i = 0; i < view->status_count; i++) {
        if (view->statuses[i] == 0 || view->statuses[i] >= 400) {
            count_error(facts, view->statuses[i], view->status_counts[i]);
        }
    }
}

static void add_remote(const struct job_run *run, struct progress_facts *facts)
{
    struct limiter_state limit;
    struct pressure_state pressure;
    limiter_look(run->limiter, &limit);
    pressure_look(run->pressure, &pressure);
    facts->limit_calls = limit.calls;
    facts->limit_period_ms = limit.period_ms;
    facts->learned = limit.learned;
    if (limit.why != NULL) {
        (void)snprintf(facts->waiting, sizeof(facts->waiting), "%s", limit.why);
        facts->wait_ms = limit.next_ms;
    }
    facts->width = pressure.width;
    facts->most = pressure.most;
    if (pressure.sign != NULL) {
        (void)snprintf(facts->sign, sizeof(facts->sign), "%s", pressure.sign);
    }
    facts->breaker = pressure.breaker;
    facts->paused = pressure.held;
}

static void add_machine(struct progress *progress, struct progress_facts *facts)
{
    const struct job_run *run = progress->options.run;
    if (!run->settings->monitor) {
        return;
    }
    int64_t age_ns = clock_mono_ns(run->clock) - progress->sample.at_ns;
    if (age_ns >= (int64_t)MACHINE_MS * 1000000) {
        struct monitor_sample now;
        monitor_read(run->workspace_fd, run->clock, &now);
        monitor_rate(&progress->sample, &now, &progress->machine);
        progress->sample = now;
    }
    facts->monitored = true;
    facts->machine = progress->machine;
}

static void read_facts(struct progress *progress, bool ended, struct progress_facts *ret)
{
    const struct job_run *run = progress->options.run;
    struct schedule_counts counts;
    schedule_counts(progress->options.schedule, &counts);
    *ret = (struct progress_facts){
        .run = run->run,
        .at_ms = clock_real_ms(run->clock),
        .elapsed_ms = clock_mono_ns(run->clock) / 1000000 - progress->begun_ms,
        .ended = ended,
        .todo = counts.todo,
        .verified = counts.done[WORK_VERIFIED],
        .failed = counts.done[WORK_FAILED],
        .skipped = counts.done[WORK_SKIPPED],
        .confirming = counts.waiting,
    };
    callstats_each(run->calls, NULL, 0, add_call, ret);
    add_remote(run, ret);
    add_machine(progress, ret);
}

/* --- telling ------------------------------------------------------------------------------- */

static void draw(struct progress *progress, const struct progress_facts *facts)
{
    AUTO_BUF struct buf text = {0};
    struct live *live = log_live(progress->options.run->log);
    size_t columns;
    size_t rows;
    switch (progress->options.mode) {
    case PROGRESS_NONE:
        return;
    case PROGRESS_LIVE:
        live_size(live, &columns, &rows);
        progress_block(facts, columns, &text);
        live_show(live, buf_str(&text));
        if (facts->ended) {
            live_keep(live);
        }
        return;
    case PROGRESS_LINES:
        buf_printf(&text, "steward: run %lld: ", (long long)facts->run);
        progress_line(facts, &text);
        break;
    case PROGRESS_JSON:
        progress_json(facts, &text);
        break;
    }
    buf_addc(&text, '\n');
    live_above(live, buf_str(&text));
}

static void save(struct progress *progress, const struct progress_facts *facts)
{
    AUTO_BUF struct buf json = {0};
    callstats_json(progress->options.run->calls, &json);
    json.len--; /* the brace */
    buf_addz(&json, ",\"pressure\":");
    pace_json(progress->options.run->pressure, &json);
    buf_addz(&json, ",\"progress\":");
    progress_json(facts, &json);
    buf_addc(&json, '}');
    journal_stat(progress->options.journal, progress->options.run->run, progress->session,
                 buf_str(&json));
}

/* How often the mode draws; 0: never while it works. */
static int64_t draw_ms(enum progress_mode mode)
{
    switch (mode) {
    case PROGRESS_LIVE:
        return LIVE_MS;
    case PROGRESS_LINES:
        return LINE_MS;
    case PROGRESS_JSON:
        return STAT_MS;
    case PROGRESS_NONE:
        break;
    }
    return 0;
}

static void *run_progress(void *arg)
{
    struct progress *progress = arg;
    int64_t drawing_ms = draw_ms(progress->options.mode);
    int64_t step_ms = progress->options.mode == PROGRESS_LIVE ? LIVE_MS : STAT_MS;
    for (int64_t ms = step_ms; clock_sleep_ms(clock_system(), step_ms, &progress->end, 1);
         ms += step_ms) {
        struct progress_facts facts;
        read_facts(progress, false, &facts);
        if (drawing_ms != 0 && ms % drawing_ms == 0) {
            draw(progress, &facts);
        }
        if (ms % STAT_MS == 0) {
            save(progress, &facts);
        }
    }
    return NULL;
}

struct progress *progress_start(const struct progress_options *options, struct err *err)
{
    struct progress *progress = xnew(struct progress);
    progress->options = *options;
    progress->begun_ms = clock_mono_ns(options->run->clock) / 1000000;
    (void)snprintf(progress->session, sizeof(progress->session), "%lld-%d",
                   (long long)clock_real_ms(options->run->clock), (int)getpid());
    stop_init(&progress->end);
    if (options->run->settings->monitor) {
        monitor_read(options->run->workspace_fd, options->run->clock, &progress->sample);
    }
    if (!thread_start(&progress->thread, "progress", run_progress, progress, err)) {
        stop_done(&progress->end);
        free(progress);
        return NULL;
    }
    return progress;
}

void progress_stop(struct progress *progress)
{
    if (progress == NULL) {
        return;
    }
    struct progress_facts facts;
    stop_raise(&progress->end, 1);
    pthread_join(progress->thread, NULL);
    read_facts(progress, true, &facts);
    draw(progress, &facts);
    save(progress, &facts);
    stop_done(&progress->end);
    free(progress);
}
