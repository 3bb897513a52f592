/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include "harness/tap.h"

static void reads_the_dates_of_the_merge_rules(void)
{
    int64_t ms = 0;
    CHECK(clock_parse(STR("1970-01-01T00:00:00Z"), &ms));
    CHECK_INT(ms, 0);
    CHECK(clock_parse(STR("2026-11-24 14:37"), &ms));
    CHECK_INT(ms, INT64_C(1795531020000));
    CHECK(clock_parse(STR("2026-11-24"), &ms));
    CHECK_INT(ms, INT64_C(1795478400000));
    CHECK(clock_parse(STR("2026-11-24T14:37:00.5+02:00"), &ms));
    CHECK_INT(ms, INT64_C(1795523820500));
    CHECK(clock_parse(STR("2024-02-29"), &ms));
    CHECK(!clock_parse(STR("2023-02-29"), &ms));
    CHECK(!clock_parse(STR("2026-11-24T14:37"), &ms));
    CHECK(!clock_parse(STR("2026-11-24T14:37:00"), &ms));
    CHECK(!clock_parse(STR("24.11.2026"), &ms));
    CHECK(!clock_parse(STR(""), &ms));
    CHECK(!clock_parse(STR("2026-11-24 "), &ms));
}

static void reads_http_dates(void)
{
    int64_t ms = 0;
    const int64_t expected = INT64_C(784111777000);
    CHECK(clock_parse_http(STR("Sun, 06 Nov 1994 08:49:37 GMT"), &ms));
    CHECK_INT(ms, expected);
    CHECK(clock_parse_http(STR("Sunday, 06-Nov-94 08:49:37 GMT"), &ms));
    CHECK_INT(ms, expected);
    CHECK(clock_parse_http(STR("Sun Nov  6 08:49:37 1994"), &ms));
    CHECK_INT(ms, expected);
    CHECK(!clock_parse_http(STR("120"), &ms));
}

static void writes_utc(void)
{
    char text[CLOCK_TEXT_BYTES];
    clock_rfc3339(INT64_C(1795531058123), text);
    CHECK_STR(text, "2026-11-24T14:37:38.123Z");
    clock_stamp(INT64_C(1795531058123), text);
    CHECK_STR(text, "20261124_143738");
    clock_rfc3339(-1, text);
    CHECK_STR(text, "1969-12-31T23:59:59.999Z");
}

static void a_raised_stop_ends_the_wait(void)
{
    struct stop stop;
    stop_init(&stop);
    const struct clock *clock = clock_system();
    CHECK(clock_sleep_ms(clock, 1, &stop, 1));
    stop_raise(&stop, 1);
    CHECK(!clock_sleep_ms(clock, 60000, &stop, 1));
    CHECK(clock_sleep_ms(clock, 1, &stop, 2));
    stop_done(&stop);
}

TAP_MAIN(TAP_TEST(reads_the_dates_of_the_merge_rules), TAP_TEST(reads_http_dates),
         TAP_TEST(writes_utc), TAP_TEST(a_raised_stop_ends_the_wait))
