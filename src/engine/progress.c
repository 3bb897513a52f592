/* SPDX-License-Identifier: MIT */
#include "engine/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>

#include "base/queue.h"
#include "engine/pace.h"

enum { LIVE_MS = 250, LINE_MS = 10000, STAT_MS = 2000 };

struct progress {
    struct progress_options options;
    struct stop end; /* level 1 ends the thread */
    pthread_t thread;
    int64_t begun_ms;
    char session[64];
};

static void add_duration(struct buf *out, int64_t seconds)
{
    if (seconds >= 3600) {
        buf_printf(out, "%lldh%02lldm", (long long)(seconds / 3600),
                   (long long)(seconds % 3600 / 60));
    } else {
        buf_printf(out, "%lldm%02llds", (long long)(seconds / 60), (long long)(seconds % 60));
    }
}

/* Why it is not faster: the limit, the breaker, fewer workers, a pause. */
static void add_waiting(const struct limiter_state *limit, const struct pressure_state *pressure,
                        struct buf *out)
{
    if (pressure->held) {
        buf_addz(out, "  paused");
    }
    if (limit->why != NULL) {
        buf_printf(out, "  waiting: %s", limit->why);
        if (limit->next_ms >= 1000) {
            buf_printf(out, " %llds", (long long)((limit->next_ms + 999) / 1000));
        }
    }
    if (limit->learned) {
        buf_printf(out, "  remote allows %lld in %.12g s", (long long)limit->calls,
                   (double)limit->period_ms / 1000);
    }
    if (pressure->breaker != BREAKER_CLOSED) {
        buf_printf(out, "  breaker %s", breaker_state_name(pressure->breaker));
    }
    if (pressure->sign != NULL) {
        buf_printf(out, "  workers %d of %d: %s", pressure->width, pressure->most, pressure->sign);
    }
}

void progress_line(const struct schedule_counts *counts, uint64_t calls,
                   const struct limiter_state *limit, const struct pressure_state *pressure,
                   int64_t elapsed_ms, size_t width, struct buf *out)
{
    uint64_t done =
        counts->done[WORK_VERIFIED] + counts->done[WORK_FAILED] + counts->done[WORK_SKIPPED];
    double share = counts->todo != 0 ? 100.0 * (double)done / (double)counts->todo : 100.0;
    double rate = elapsed_ms > 0 ? (double)done * 1000.0 / (double)elapsed_ms : 0;
    size_t from = out->len;
    /* a change takes tens of calls: at a limit of some calls a minute a second tells nothing */
    bool slow = rate < 1.0;
    buf_printf(out, "%llu/%llu  %.1f %%  %.1f/%s", (unsigned long long)done,
               (unsigned long long)counts->todo, share, slow ? rate * 60 : rate,
               slow ? "min" : "s");
    if (done < counts->todo && share >= 1.0) { /* a guess before 1 % would only mislead */
        buf_addz(out, "  ETA ");
        add_duration(out, (int64_t)((double)(counts->todo - done) / rate));
    }
    buf_printf(out, "  calls %llu  verified %llu", (unsigned long long)calls,
               (unsigned long long)counts->done[WORK_VERIFIED]);
    if (counts->done[WORK_FAILED] != 0) {
        buf_printf(out, "  not done %llu", (unsigned long long)counts->done[WORK_FAILED]);
    }
    if (counts->done[WORK_SKIPPED] != 0) {
        buf_printf(out, "  skipped %llu", (unsigned long long)counts->done[WORK_SKIPPED]);
    }
    if (counts->waiting != 0) {
        buf_printf(out, "  confirming %llu", (unsigned long long)counts->waiting);
    }
    add_waiting(limit, pressure, out);
    if (width != 0 && out->len - from > width) {
        out->len = from + width;
        out->ptr[out->len] = '\0';
    }
}

static size_t terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1) {
        return size.ws_col - 1U; /* the last column would wrap on some terminals */
    }
    return 79;
}

static void draw(struct progress *progress, bool last)
{
    const struct progress_options *options = &progress->options;
    struct schedule_counts counts;
    struct limiter_state limit = {0};
    struct pressure_state pressure = {0};
    struct callstats_totals calls;
    schedule_counts(options->schedule, &counts);
    callstats_totals(options->run->calls, &calls);
    if (!last) {
        limiter_look(options->run->limiter, &limit);
        pressure_look(options->run->pressure, &pressure);
    }
    bool live = options->mode == PROGRESS_LIVE;
    int64_t elapsed = clock_mono_ns(options->run->clock) / 1000000 - progress->begun_ms;
    AUTO_BUF struct buf line = {0};
    buf_addz(&line, live ? "\r" : "");
    if (!live) {
        buf_printf(&line, "steward: run %lld: ", (long long)options->run->run);
    }
    progress_line(&counts, calls.calls, &limit, &pressure, elapsed, live ? terminal_width() : 0,
                  &line);
    buf_addz(&line, live ? "\033[K" : "");
    if (!live || last) {
        buf_addc(&line, '\n');
    }
    ssize_t n = write(STDERR_FILENO, line.ptr, line.len);
    (void)n; /* a closed terminal must not stop a run */
}

static void save_calls(struct progress *progress)
{
    AUTO_BUF struct buf json = {0};
    callstats_json(progress->options.run->calls, &json);
    json.len--; /* the brace */
    buf_addz(&json, ",\"pressure\":");
    pace_json(progress->options.run->pressure, &json);
    buf_addc(&json, '}');
    journal_stat(progress->options.journal, progress->options.run->run, progress->session,
                 buf_str(&json));
}

static void *run_progress(void *arg)
{
    struct progress *progress = arg;
    const struct progress_options *options = &progress->options;
    int64_t step = options->mode == PROGRESS_LIVE ? LIVE_MS : STAT_MS;
    int64_t since_line = 0;
    int64_t since_stat = 0;
    while (clock_sleep_ms(clock_system(), step, &progress->end, 1)) {
        since_line += step;
        since_stat += step;
        if (options->mode == PROGRESS_LIVE ||
            (options->mode == PROGRESS_LINES && since_line >= LINE_MS)) {
            draw(progress, false);
            since_line = 0;
        }
        if (since_stat >= STAT_MS) {
            save_calls(progress);
            since_stat = 0;
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
    log_over_live(options->run->log, options->mode == PROGRESS_LIVE);
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
    stop_raise(&progress->end, 1);
    pthread_join(progress->thread, NULL);
    log_over_live(progress->options.run->log, false);
    if (progress->options.mode != PROGRESS_NONE) {
        draw(progress, true);
    }
    save_calls(progress);
    stop_done(&progress->end);
    free(progress);
}
