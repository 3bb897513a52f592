/* SPDX-License-Identifier: MIT */
#include "engine/progress_text.h"

#include "harness/tap.h"

static const struct progress_facts busy = {
    .run = 7,
    .at_ms = 1764000000000,
    .elapsed_ms = 10000,
    .todo = 400,
    .verified = 118,
    .failed = 2,
    .confirming = 3,
    .calls = 7000,
    .errors = {{429, 12}, {0, 2}},
    .error_count = 2,
    .slowest = "rev-users.merge",
    .slowest_ms = 340,
    .limit_calls = 45,
    .limit_period_ms = 60000,
    .waiting = "limit",
    .wait_ms = 12100,
    .width = 8,
    .most = 8,
};

static const struct progress_facts troubled = {
    .run = 12,
    .elapsed_ms = 240000,
    .todo = 54000,
    .verified = 540,
    .skipped = 9,
    .calls = 18600,
    .slowest = "works.list",
    .slowest_ms = 12,
    .limit_calls = 25,
    .limit_period_ms = 10000,
    .learned = true,
    .waiting = "breaker",
    .wait_ms = 60000,
    .width = 2,
    .most = 8,
    .sign = "errors",
    .breaker = BREAKER_OPEN,
    .paused = true,
    .monitored = true,
    .machine = {.cpu_percent = 35.2,
                .memory_bytes = 12300000,
                .free_bytes = 72600000000,
                .read_per_s = 50000,
                .written_per_s = 1230000,
                .received_per_s = 310000,
                .sent_per_s = 120000},
};

static void a_line_says_how_far_and_why_it_waits(void)
{
    AUTO_BUF struct buf line = {0};
    progress_line(&busy, &line);
    CHECK_STR(buf_z(&line),
              "120/400  30.0 %  12.0/s  ETA 0m23s  calls 7000  verified 118  not done 2  "
              "confirming 3  errors 12 x 429, 2 without answer  waiting 13 s: limit");
}

static void a_slow_run_counts_by_the_minute(void)
{
    AUTO_BUF struct buf line = {0};
    const struct progress_facts facts = {
        .elapsed_ms = 240000, .todo = 54, .verified = 3, .calls = 186};
    progress_line(&facts, &line);
    CHECK_STR(buf_z(&line), "3/54  5.6 %  0.8/min  ETA 1h08m  calls 186  verified 3");
}

static void no_guess_before_one_percent(void)
{
    AUTO_BUF struct buf line = {0};
    const struct progress_facts facts = {
        .elapsed_ms = 1000, .todo = 1000, .verified = 3, .skipped = 1, .calls = 9};
    progress_line(&facts, &line);
    CHECK_STR(buf_z(&line), "4/1000  0.4 %  4.0/s  calls 9  verified 3  skipped 1");
}

static void a_line_says_what_holds_it_up(void)
{
    AUTO_BUF struct buf line = {0};
    progress_line(&troubled, &line);
    CHECK_STR(buf_z(&line),
              "549/54000  1.0 %  2.3/s  ETA 6h29m  calls 18600  verified 540  skipped 9  paused  "
              "waiting 60 s: breaker  remote allows 25 in 10 s  breaker open  workers 2 of 8: "
              "errors  CPU 35 %  memory 12.3 MB  disk 0.1 MB/s read 1.2 MB/s written 72.6 GB free  "
              "network 0.3 MB/s in 0.1 MB/s out");
}

static void a_block_of_80_columns(void)
{
    AUTO_BUF struct buf block = {0};
    progress_block(&busy, 80, &block);
    CHECK_STR(buf_z(&block),
              "run 7    [###############...................................]  120/400  30.0 %\n"
              "pace     12.0/s, ETA 0m23s, 0m10s so far\n"
              "changes  118 verified, 2 not done, 3 confirming\n"
              "calls    7000, slowest 340 ms rev-users.merge\n"
              "errors   12 x 429, 2 without answer\n"
              "limit    45 calls in 60 s, waiting 13 s: limit\n"
              "workers  8 of 8, breaker closed\n");
}

static void a_narrow_block_goes_on_below(void)
{
    AUTO_BUF struct buf block = {0};
    progress_block(&troubled, 40, &block);
    CHECK_STR(buf_z(&block), "run 12   [.........]  549/54000  1.0 %\n"
                             "pace     2.3/s, ETA 6h29m,\n"
                             "         4m00s so far\n"
                             "changes  540 verified, 9 skipped\n"
                             "calls    18600,\n"
                             "         slowest 12 ms works.list\n"
                             "limit    25 calls in 10 s,\n"
                             "         the remote's,\n"
                             "         waiting 60 s: breaker, paused\n"
                             "workers  2 of 8 because of errors,\n"
                             "         breaker open\n"
                             "machine  CPU 35 %, memory 12.3 MB,\n"
                             "         disk 0.1 MB/s read,\n"
                             "         1.2 MB/s written,\n"
                             "         72.6 GB free,\n"
                             "         network 0.3 MB/s in,\n"
                             "         0.1 MB/s out\n");
}

static void a_wide_block_has_a_longer_bar(void)
{
    AUTO_BUF struct buf block = {0};
    progress_block(&troubled, 200, &block);
    CHECK_STR(buf_z(&block),
              "run 12   [............................................................]  549/540"
              "00  1.0 %\n"
              "pace     2.3/s, ETA 6h29m, 4m00s so far\n"
              "changes  540 verified, 9 skipped\n"
              "calls    18600, slowest 12 ms works.list\n"
              "limit    25 calls in 10 s, the remote's, waiting 60 s: breaker, paused\n"
              "workers  2 of 8 because of errors, breaker open\n"
              "machine  CPU 35 %, memory 12.3 MB, disk 0.1 MB/s read, 1.2 MB/s written, 72.6 GB"
              " free, network 0.3 MB/s in, 0.1 MB/s out\n");
}

static void the_end_waits_for_nothing(void)
{
    AUTO_BUF struct buf block = {0};
    AUTO_BUF struct buf line = {0};
    struct progress_facts facts = busy;
    facts.ended = true;
    facts.error_count = 0;
    progress_block(&facts, 60, &block);
    CHECK_STR(buf_z(&block), "run 7    [#########.....................]  120/400  30.0 %\n"
                             "pace     12.0/s, 0m10s so far\n"
                             "changes  118 verified, 2 not done, 3 confirming\n"
                             "calls    7000, slowest 340 ms rev-users.merge\n");
    progress_line(&facts, &line);
    CHECK_STR(buf_z(&line), "120/400  30.0 %  12.0/s  calls 7000  verified 118  not done 2  "
                            "confirming 3");
}

/* No line is longer than the terminal, whatever it is. */
static void every_width_fits(void)
{
    for (size_t columns = 12; columns < 220; columns++) {
        AUTO_BUF struct buf block = {0};
        progress_block(&troubled, columns, &block);
        size_t longest = 0;
        str rest = buf_str(&block);
        (void)str_cut(rest, '\n', &rest); /* the counts are told whole, and cut by whoever draws */
        while (rest.len > 0) {
            str line = str_cut(rest, '\n', &rest);
            longest = line.len > longest ? line.len : longest;
        }
        CHECK(longest < columns);
    }
}

static void json_goes_there_and_back(void)
{
    AUTO_BUF struct buf json = {0};
    AUTO_BUF struct buf again = {0};
    struct progress_facts facts = {0};
    progress_json(&busy, &json);
    CHECK_STR(buf_z(&json),
              "{\"run\":7,\"at\":\"2025-11-24T16:00:00.000Z\",\"elapsed_ms\":10000,\"ended\":false,"
              "\"todo\":400,\"done\":120,\"verified\":118,\"failed\":2,\"skipped\":0,"
              "\"confirming\":3,\"per_second\":12.000,\"eta_ms\":23333,\"calls\":7000,"
              "\"call_errors\":{\"429\":12,\"0\":2},\"slowest_call\":\"rev-users.merge\","
              "\"slowest_ms\":340,\"limit\":{\"calls\":45,\"period_ms\":60000,\"learned\":false,"
              "\"waiting_for\":\"limit\",\"wait_ms\":12100},\"workers\":{\"may_be_busy\":8,"
              "\"of\":8,\"because_of\":null},\"breaker\":\"closed\",\"paused\":false}");
    CHECK(progress_parse(buf_str(&json), &facts));
    progress_json(&facts, &again);
    CHECK_STR(buf_z(&again), buf_z(&json));
    buf_clear(&json);
    buf_clear(&again);
    progress_json(&troubled, &json);
    CHECK(progress_parse(buf_str(&json), &facts));
    progress_json(&facts, &again);
    CHECK_STR(buf_z(&again), buf_z(&json));
    CHECK(!progress_parse(STR("{}"), &facts));
    CHECK(!progress_parse(STR("no"), &facts));
}

TAP_MAIN(TAP_TEST(a_line_says_how_far_and_why_it_waits), TAP_TEST(a_slow_run_counts_by_the_minute),
         TAP_TEST(no_guess_before_one_percent), TAP_TEST(a_line_says_what_holds_it_up),
         TAP_TEST(a_block_of_80_columns), TAP_TEST(a_narrow_block_goes_on_below),
         TAP_TEST(a_wide_block_has_a_longer_bar), TAP_TEST(the_end_waits_for_nothing),
         TAP_TEST(every_width_fits), TAP_TEST(json_goes_there_and_back))
