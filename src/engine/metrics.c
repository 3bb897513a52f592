/* SPDX-License-Identifier: MIT */
#include "engine/metrics.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/version.h"
#include "net/listener.h"

static const char CONTENT_TYPE[] = "text/plain; version=0.0.4; charset=utf-8";

/* Milliseconds; "+Inf" follows. */
static const int64_t edges_ms[] = {5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000};

struct metrics {
    struct metrics_source source;
    struct listener *listener;
    struct buf last; /* of the textfile, when the run had worked */
};

static void head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void gauge(struct buf *out, const char *name, const char *help, double value)
{
    head(out, name, "gauge", help);
    buf_printf(out, "%s %.15g\n", name, value);
}

static void counter(struct buf *out, const char *name, const char *help, double value)
{
    head(out, name, "counter", help);
    buf_printf(out, "%s %.15g\n", name, value);
}

/* --- the run -------------------------------------------------------------------------------------- */

static void add_run(const struct metrics_source *source, struct buf *out)
{
    static const char *const outcomes[] = {
        [WORK_VERIFIED] = "verified", [WORK_FAILED] = "failed", [WORK_SKIPPED] = "skipped"};
    struct schedule_counts counts;
    schedule_counts(source->schedule, &counts);
    head(out, "steward_build_info", "gauge", "The version that works.");
    buf_printf(out, "steward_build_info{version=\"%s\"} 1\n", STEWARD_VERSION);
    head(out, "steward_run_info", "gauge", "The run at hand.");
    buf_printf(out, "steward_run_info{run=\"%" PRId64 "\",kind=\"%s\"} 1\n", source->run->run,
               source->job);
    gauge(out, "steward_run_changes", "Changes that this process set out to do.",
          (double)counts.todo);
    gauge(out, "steward_changes_confirming", "Changes that are sent and not confirmed yet.",
          (double)counts.waiting);
    head(out, "steward_changes_total", "counter",
         "Changes that ended in this process, by outcome.");
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
        buf_printf(out, "steward_changes_total{outcome=\"%s\"} %" PRIu64 "\n", outcomes[i],
                   counts.done[i]);
    }
}

static void add_state(enum run_state state, struct buf *out)
{
    head(out, "steward_run_state", "gauge", "1 for the state that the run is in.");
    for (int i = 0; i < RUN_STATE_COUNT; i++) {
        buf_printf(out, "steward_run_state{state=\"%s\"} %d\n", run_state_name((enum run_state)i),
                   i == (int)state);
    }
}

/* --- calls ------------------------------------------------------------------------------------------ */

struct calls {
    const char *remote;
    struct buf requests;
    struct buf durations;
    struct buf retries;
    int64_t waited_ns;
};

static void add_durations(struct calls *calls, const struct callstats_view *view)
{
    static const char name[] = "steward_http_request_duration_seconds";
    for (size_t i = 0; i < ARRAY_LEN(edges_ms); i++) {
        buf_printf(&calls->durations,
                   "%s_bucket{remote=\"%s\",call=\"%s\",le=\"%.15g\"} %" PRIu64 "\n", name,
                   calls->remote, view->call, (double)edges_ms[i] / 1000, view->faster[i]);
    }
    buf_printf(&calls->durations, "%s_bucket{remote=\"%s\",call=\"%s\",le=\"+Inf\"} %" PRIu64 "\n",
               name, calls->remote, view->call, view->count);
    buf_printf(&calls->durations, "%s_sum{remote=\"%s\",call=\"%s\"} %.9f\n", name, calls->remote,
               view->call, (double)view->duration_ns / 1e9);
    buf_printf(&calls->durations, "%s_count{remote=\"%s\",call=\"%s\"} %" PRIu64 "\n", name,
               calls->remote, view->call, view->count);
}

static void add_call(void *ctx, const struct callstats_view *view)
{
    struct calls *calls = ctx;
    for (size_t i = 0; i < view->status_count; i++) {
        char code[16] = "none";
        if (view->statuses[i] != 0) {
            (void)snprintf(code, sizeof(code), "%d", view->statuses[i]);
        }
        buf_printf(&calls->requests,
                   "steward_http_requests_total{remote=\"%s\",call=\"%s\",code=\"%s\"} %" PRIu64
                   "\n",
                   calls->remote, view->call, code, view->status_counts[i]);
    }
    buf_printf(&calls->retries,
               "steward_http_retries_total{remote=\"%s\",call=\"%s\"} %" PRIu64 "\n", calls->remote,
               view->call, view->retries);
    add_durations(calls, view);
    calls->waited_ns += view->waited_ns;
}

static void add_calls(const struct metrics_source *source, struct buf *out)
{
    struct calls calls = {.remote = source->remote};
    callstats_each(source->run->calls, edges_ms, ARRAY_LEN(edges_ms), add_call, &calls);
    head(out, "steward_http_requests_total", "counter", "Calls by code; none is no answer.");
    buf_adds(out, buf_str(&calls.requests));
    head(out, "steward_http_request_duration_seconds", "histogram", "How long calls took.");
    buf_adds(out, buf_str(&calls.durations));
    head(out, "steward_http_retries_total", "counter", "Calls that were made once more.");
    buf_adds(out, buf_str(&calls.retries));
    head(out, "steward_http_throttle_seconds_total", "counter",
         "How long workers waited for the limit, all of them together.");
    buf_printf(out, "steward_http_throttle_seconds_total{remote=\"%s\"} %.9f\n", source->remote,
               (double)calls.waited_ns / 1e9);
    buf_done(&calls.requests);
    buf_done(&calls.durations);
    buf_done(&calls.retries);
}

static void add_pace(const struct metrics_source *source, struct buf *out)
{
    struct limiter_state limit = {0};
    struct pressure_state pressure = {0};
    limiter_look(source->run->limiter, &limit);
    pressure_look(source->run->pressure, &pressure);
    gauge(out, "steward_rate_limit_calls", "Calls that may go in a period; 0 is no limit.",
          (double)limit.calls);
    gauge(out, "steward_rate_limit_period_seconds", "The period.", (double)limit.period_ms / 1000);
    gauge(out, "steward_rate_limit_free_calls", "Calls that could go now; -1 is no limit.",
          (double)limit.free_tokens);
    gauge(out, "steward_workers", "Workers of this process.", pressure.most);
    gauge(out, "steward_workers_busy_limit", "How many of them may be busy under pressure.",
          pressure.width);
    head(out, "steward_circuit_opened_total", "counter", "How often the circuit breaker opened.");
    buf_printf(out, "steward_circuit_opened_total{remote=\"%s\"} %" PRIu64 "\n", source->remote,
               pressure.breaker_opened);
    head(out, "steward_circuit_state", "gauge", "1 for the state that the circuit breaker is in.");
    for (int i = BREAKER_CLOSED; i <= BREAKER_HALF_OPEN; i++) {
        buf_printf(out, "steward_circuit_state{remote=\"%s\",state=\"%s\"} %d\n", source->remote,
                   breaker_state_name((enum breaker_state)i), i == (int)pressure.breaker);
    }
}

/* --- the process ------------------------------------------------------------------------------------- */

static double seconds_of(const struct timeval *time)
{
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static uint64_t open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count > 3 ? count - 3 : 0; /* ".", "..", and the directory itself */
}

static int64_t resident_bytes(void)
{
    AUTO_BUF struct buf text = {.max = 4096};
    str rest;
    int64_t pages = 0;
    if (fs_read(AT_FDCWD, "/proc/self/statm", &text, NULL)) {
        (void)str_cut(buf_str(&text), ' ', &rest);
        (void)num_parse_i64(str_cut(rest, ' ', &rest), 0, INT64_MAX / 65536, &pages);
    }
    return pages * sysconf(_SC_PAGESIZE);
}

static void add_process(struct buf *out)
{
    struct rusage usage = {0};
    (void)getrusage(RUSAGE_SELF, &usage);
    counter(out, "process_cpu_seconds_total", "User and system time of the process.",
            seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime));
    gauge(out, "process_resident_memory_bytes", "Memory of the process.", (double)resident_bytes());
    gauge(out, "process_open_fds", "Open files of the process.", (double)open_files());
}

void metrics_text(const struct metrics_source *source, struct buf *out)
{
    add_run(source, out);
    add_calls(source, out);
    add_pace(source, out);
    add_process(out);
}

/* --- life --------------------------------------------------------------------------------------------- */

static void answer(void *ctx, str path, struct listener_answer *ret)
{
    const struct metrics *metrics = ctx;
    if (str_eqz(path, "/metrics")) {
        struct pressure_state pressure = {0};
        pressure_look(metrics->source.run->pressure, &pressure);
        ret->status = 200;
        ret->content_type = CONTENT_TYPE;
        metrics_text(&metrics->source, &ret->body);
        add_state(pressure.held ? RUN_PAUSED : RUN_APPLYING, &ret->body);
    } else if (str_eqz(path, "/-/healthy")) {
        ret->status = 200;
        buf_addz(&ret->body, "working\n");
    }
}

struct metrics *metrics_start(const struct metrics_source *source, struct err *err)
{
    const struct settings *settings = source->run->settings;
    if (settings->metrics_listen == NULL && settings->metrics_file == NULL) {
        return NULL;
    }
    struct metrics *metrics = xnew(struct metrics);
    *metrics = (struct metrics){.source = *source};
    if (settings->metrics_listen != NULL) {
        metrics->listener = listener_start(settings->metrics_listen, answer, metrics, err);
        if (metrics->listener != NULL) {
            log_at(source->run->log, LOG_INFO, "metrics on /metrics",
                   LOG_INT("port", listener_port(metrics->listener)));
        }
    }
    return metrics;
}

void metrics_stop(struct metrics *metrics)
{
    if (metrics != NULL) {
        listener_stop(STEAL(metrics->listener));
        buf_clear(&metrics->last);
        add_run(&metrics->source, &metrics->last);
        add_calls(&metrics->source, &metrics->last);
    }
}

static bool note_success(void *ctx, const struct run *run)
{
    int64_t *newest_ms = ctx;
    if (run->state == RUN_DONE && run->finished_at_ms > *newest_ms) {
        *newest_ms = run->finished_at_ms;
    }
    return true;
}

/* Of earlier runs, too: the file replaces theirs, and an alert waits for the time to grow old. */
static bool add_times(const struct job_run *run, struct buf *out, struct err *err)
{
    int64_t success_ms = 0;
    gauge(out, "steward_run_last_completion_timestamp_seconds", "When a run ended, however.",
          (double)clock_real_ms(run->clock) / 1000);
    if (!journal_run_each(run->journal, note_success, &success_ms, err)) {
        return false;
    }
    if (success_ms != 0) {
        gauge(out, "steward_run_last_success_timestamp_seconds",
              "When a run came to its end with nothing left to do.", (double)success_ms / 1000);
    }
    return true;
}

/* Readable before it has its name: a collector never meets a file that it may not read. */
static bool write_file(int dirfd, const char *path, str text, struct err *err)
{
    AUTO_BUF struct buf fresh = {0};
    buf_printf(&fresh, "%s.new", path);
    if (!fs_write_atomic(dirfd, buf_z(&fresh), text, err)) {
        return false;
    }
    if (fchmodat(dirfd, buf_z(&fresh), 0644, 0) < 0 ||
        renameat(dirfd, buf_z(&fresh), dirfd, path) < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not write '%s'", path);
    }
    return true;
}

void metrics_ended(struct metrics *metrics, const struct job_run *run, enum run_state state)
{
    if (metrics == NULL || run->settings->metrics_file == NULL) {
        return;
    }
    struct err err = {0};
    struct buf *text = &metrics->last;
    add_state(state, text);
    if (!add_times(run, text, &err) ||
        !write_file(run->workspace_fd, run->settings->metrics_file, buf_str(text), &err)) {
        log_at(run->log, LOG_WARN, "could not write the metrics", LOG_ERR(&err));
    }
}

void metrics_free(struct metrics *metrics)
{
    if (metrics != NULL) {
        listener_stop(metrics->listener);
        buf_done(&metrics->last);
        free(metrics);
    }
}
