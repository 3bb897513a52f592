/* SPDX-License-Identifier: MIT */
#include "engine/progress.h"

#include "harness/tap.h"

static const struct pressure_state well;

static void says_how_far_and_why_it_waits(void)
{
    AUTO_BUF struct buf line = {0};
    const struct schedule_counts counts = {.done = {118, 2, 0, 0}, .todo = 400, .waiting = 3};
    const struct limiter_state limit = {.why = "limit", .next_ms = 12100};
    progress_line(&counts, 7000, &limit, &well, 10000, 0, &line);
    CHECK_STR(
        buf_z(&line),
        "120/400  30.0 %  12.0/s  ETA 0m23s  calls 7000  verified 118  not done 2  confirming 3  "
        "waiting: limit 13s");
}

static void a_slow_run_counts_by_the_minute(void)
{
    AUTO_BUF struct buf line = {0};
    const struct schedule_counts counts = {.done = {3, 0, 0, 0}, .todo = 54};
    const struct limiter_state limit = {0};
    progress_line(&counts, 186, &limit, &well, 240000, 0, &line);
    CHECK_STR(buf_z(&line), "3/54  5.6 %  0.8/min  ETA 1h08m  calls 186  verified 3");
}

static void no_guess_before_one_percent(void)
{
    AUTO_BUF struct buf line = {0};
    const struct schedule_counts counts = {.done = {3, 0, 1, 0}, .todo = 1000};
    const struct limiter_state limit = {0};
    progress_line(&counts, 9, &limit, &well, 1000, 0, &line);
    CHECK_STR(buf_z(&line), "4/1000  0.4 %  4.0/s  calls 9  verified 3  skipped 1");
}

static void fits_the_terminal(void)
{
    AUTO_BUF struct buf line = {0};
    const struct schedule_counts counts = {.done = {500, 0, 0, 0}, .todo = 1000000};
    const struct limiter_state limit = {0};
    progress_line(&counts, 0, &limit, &well, 1000, 20, &line);
    CHECK_STR(buf_z(&line), "500/1000000  0.1 %  ");
}

static void says_what_holds_it_up(void)
{
    AUTO_BUF struct buf line = {0};
    const struct schedule_counts counts = {.done = {20, 0, 0, 0}, .todo = 2000};
    const struct limiter_state limit = {
        .why = "breaker", .next_ms = 60000, .calls = 25, .period_ms = 10000, .learned = true};
    const struct pressure_state pressure = {
        .breaker = BREAKER_OPEN, .width = 2, .most = 8, .sign = "errors", .held = true};
    progress_line(&counts, 700, &limit, &pressure, 10000, 0, &line);
    CHECK_STR(buf_z(&line),
              "20/2000  1.0 %  2.0/s  ETA 16m30s  calls 700  verified 20  paused  waiting: breaker "
              "60s  remote allows 25 in 10 s  breaker open  workers 2 of 8: errors");
}

TAP_MAIN(TAP_TEST(says_how_far_and_why_it_waits), TAP_TEST(a_slow_run_counts_by_the_minute),
         TAP_TEST(no_guess_before_one_percent), TAP_TEST(fits_the_terminal),
         TAP_TEST(says_what_holds_it_up))
