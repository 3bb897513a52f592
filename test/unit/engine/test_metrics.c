/* SPDX-License-Identifier: MIT */
/* The whole text of a run made by hand; what a live run exposes is tested in test/integration/watch. */
#include "engine/metrics.h"

#include <fcntl.h>

#include "base/version.h"
#include "harness/tap.h"

static struct err err;

static struct {
    struct settings settings;
    struct stop stop;
    int fd;
    struct journal *journal;
    struct plan_reader *plan;
    struct schedule *schedule;
    struct job_run run;
} rig;

static void make_plan(void)
{
    const struct plan_header header = {.job = STR("fake"),
                                       .rules = STR("none"),
                                       .rules_hash = STR("00"),
                                       .kind = STR("fake-change"),
                                       .source = STR("test")};
    struct plan_totals totals;
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(rig.fd, "a.plan", &header, &err);
    CHECK(writer != NULL);
    for (int i = 0; i < 3; i++) {
        const struct plan_change change = {
            .target = (str){&"abc"[i], 1}, .survivor = STR(""), .reason = STR("because")};
        CHECK_OK(plan_add_change(writer, &change, &err), err);
    }
    CHECK_OK(plan_writer_finish(writer, &totals, &err), err);
    rig.plan = plan_reader_open(rig.fd, "a.plan", totals.hash, &err);
    CHECK(rig.plan != NULL);
}

static void make_run(void)
{
    const char *dir = tap_tmpdir();
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/steward.db", dir);
    rig.fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    rig.journal = journal_open(buf_z(&path), JOURNAL_WRITE, clock_system(), &err);
    CHECK(rig.fd >= 0 && rig.journal != NULL);
    make_plan();
    stop_init(&rig.stop);
    const struct limiter_options limits = {
        .calls = 50, .period_ms = 10000, .clock = clock_system()};
    rig.run = (struct job_run){.run = 7,
                               .settings = &rig.settings,
                               .clock = clock_system(),
                               .stop = &rig.stop,
                               .workspace_fd = rig.fd,
                               .journal = rig.journal,
                               .calls = callstats_new(),
                               .limiter = limiter_open(-1, NULL, &limits, &err)};
    const struct pressure_options pressure = {
        .remote = "devrev", .limiter = rig.run.limiter, .clock = clock_system(), .workers = 8};
    rig.run.pressure = pressure_new(&pressure);
    const struct schedule_options schedule = {.plan = rig.plan,
                                              .journal = rig.journal,
                                              .run = 7,
                                              .clock = clock_system(),
                                              .stop = &rig.stop,
                                              .pressure = rig.run.pressure,
                                              .batch_size = 100};
    rig.schedule = schedule_new(&schedule, &err);
    CHECK(rig.schedule != NULL);
}

static void free_run(void)
{
    schedule_free(rig.schedule, NULL);
    pressure_free(rig.run.pressure);
    limiter_close(rig.run.limiter);
    callstats_free(rig.run.calls);
    plan_reader_free(rig.plan);
    journal_close(rig.journal);
    stop_done(&rig.stop);
    (void)close(rig.fd);
}

static const char expected[] =
    "# HELP steward_build_info The version that works.\n"
    "# TYPE steward_build_info gauge\n"
    "steward_build_info{version=\"" STEWARD_VERSION "\"} 1\n"
    "# HELP steward_run_info The run at hand.\n"
    "# TYPE steward_run_info gauge\n"
    "steward_run_info{run=\"7\",kind=\"fake\"} 1\n"
    "# HELP steward_run_changes Changes that this process set out to do.\n"
    "# TYPE steward_run_changes gauge\n"
    "steward_run_changes 3\n"
    "# HELP steward_changes_confirming Changes that are sent and not confirmed yet.\n"
    "# TYPE steward_changes_confirming gauge\n"
    "steward_changes_confirming 1\n"
    "# HELP steward_changes_total Changes that ended in this process, by outcome.\n"
    "# TYPE steward_changes_total counter\n"
    "steward_changes_total{outcome=\"verified\"} 1\n"
    "steward_changes_total{outcome=\"failed\"} 1\n"
    "steward_changes_total{outcome=\"skipped\"} 0\n"
    "# HELP steward_http_requests_total Calls by code; none is no answer.\n"
    "# TYPE steward_http_requests_total counter\n"
    "steward_http_requests_total{remote=\"devrev\",call=\"works.get\",code=\"none\"} 1\n"
    "steward_http_requests_total{remote=\"devrev\",call=\"works.get\",code=\"200\"} 2\n"
    "# HELP steward_http_request_duration_seconds How long calls took.\n"
    "# TYPE steward_http_request_duration_seconds histogram\n"
#define LE(edge, n)                                                                                \
    "steward_http_request_duration_seconds_bucket{remote=\"devrev\",call=\"works.get\",le=\"" edge \
    "\"} " n "\n"
    LE("0.005", "1") LE("0.01", "1") LE("0.025", "1") LE("0.05", "1") LE("0.1", "2") LE("0.25", "2")
        LE("0.5", "2") LE("1", "2") LE("2.5", "3") LE("5", "3") LE("10", "3") LE("30", "3") LE(
            "+Inf",
            "3") "steward_http_request_duration_seconds_sum{remote=\"devrev\",call=\"works.get\"} "
                 "2.074000000\n"
                 "steward_http_request_duration_seconds_count{remote=\"devrev\",call=\"works.get\"}"
                 " 3\n"
                 "# HELP steward_http_retries_total Calls that were made once more.\n"
                 "# TYPE steward_http_retries_total counter\n"
                 "steward_http_retries_total{remote=\"devrev\",call=\"works.get\"} 1\n"
                 "# HELP steward_http_throttle_seconds_total How long workers waited for the "
                 "limit, all of them "
                 "together.\n"
                 "# TYPE steward_http_throttle_seconds_total counter\n"
                 "steward_http_throttle_seconds_total{remote=\"devrev\"} 0.250000000\n"
                 "# HELP steward_rate_limit_calls Calls that may go in a period; 0 is no limit.\n"
                 "# TYPE steward_rate_limit_calls gauge\n"
                 "steward_rate_limit_calls 50\n"
                 "# HELP steward_rate_limit_period_seconds The period.\n"
                 "# TYPE steward_rate_limit_period_seconds gauge\n"
                 "steward_rate_limit_period_seconds 10\n"
                 "# HELP steward_rate_limit_free_calls Calls that could go now; -1 is no limit.\n"
                 "# TYPE steward_rate_limit_free_calls gauge\n"
                 "steward_rate_limit_free_calls 50\n"
                 "# HELP steward_workers Workers of this process.\n"
                 "# TYPE steward_workers gauge\n"
                 "steward_workers 8\n"
                 "# HELP steward_workers_busy_limit How many of them may be busy under pressure.\n"
                 "# TYPE steward_workers_busy_limit gauge\n"
                 "steward_workers_busy_limit 8\n"
                 "# HELP steward_circuit_opened_total How often the circuit breaker opened.\n"
                 "# TYPE steward_circuit_opened_total counter\n"
                 "steward_circuit_opened_total{remote=\"devrev\"} 0\n"
                 "# HELP steward_circuit_state 1 for the state that the circuit breaker is in.\n"
                 "# TYPE steward_circuit_state gauge\n"
                 "steward_circuit_state{remote=\"devrev\",state=\"closed\"} 1\n"
                 "steward_circuit_state{remote=\"devrev\",state=\"open\"} 0\n"
                 "steward_circuit_state{remote=\"devrev\",state=\"half-open\"} 0\n"
                 "# HELP process_cpu_seconds_total User and system time of the process.\n";

static void the_text(void)
{
    make_run();
    struct work_item *verified = schedule_next(rig.schedule);
    struct work_item *failed = schedule_next(rig.schedule);
    struct work_item *waiting = schedule_next(rig.schedule);
    schedule_conclude(rig.schedule, verified, WORK_VERIFIED);
    schedule_conclude(rig.schedule, failed, WORK_FAILED);
    schedule_defer(rig.schedule, waiting, 100000);
    callstats_add(rig.run.calls, "works.get", 200, 4000000, 250000000);
    callstats_add(rig.run.calls, "works.get", 200, 70000000, 0);
    callstats_add(rig.run.calls, "works.get", 0, 2000000000, 0);
    callstats_retry(rig.run.calls, "works.get");
    const struct metrics_source source = {
        .run = &rig.run, .job = "fake", .remote = "devrev", .schedule = rig.schedule};
    AUTO_BUF struct buf out = {0};
    metrics_text(&source, &out);
    if (CHECK(out.len > sizeof(expected) - 1)) {
        AUTO_BUF struct buf begin = {0};
        buf_add(&begin, out.ptr, sizeof(expected) - 1);
        CHECK_STR(buf_z(&begin), expected);
    }
    CHECK(strstr(buf_z(&out), "\nprocess_resident_memory_bytes ") != NULL);
    CHECK(strstr(buf_z(&out), "\nprocess_open_fds ") != NULL);
    free_run();
}

TAP_MAIN(TAP_TEST(the_text))
