/* SPDX-License-Identifier: MIT */
#include "base/num.h"

#include "harness/tap.h"

static void whole_numbers_in_range(void)
{
    int64_t n = 5;
    CHECK(num_parse_i64(STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &n));
    CHECK_INT(n, INT64_MIN);
    CHECK(num_parse_i64(STR("9223372036854775807"), INT64_MIN, INT64_MAX, &n));
    CHECK_INT(n, INT64_MAX);
    n = 5;
    CHECK(!num_parse_i64(STR("9223372036854775808"), INT64_MIN, INT64_MAX, &n));
    CHECK(!num_parse_i64(STR("11"), 0, 10, &n));
    CHECK(!num_parse_i64(STR("-1"), 0, 10, &n));
    CHECK(!num_parse_i64(STR(""), 0, 10, &n));
    CHECK(!num_parse_i64(STR("-"), -10, 10, &n));
    CHECK(!num_parse_i64(STR("1 "), 0, 10, &n));
    CHECK(!num_parse_i64(STR("+1"), 0, 10, &n));
    CHECK(!num_parse_i64(STR("0x1"), 0, 10, &n));
    CHECK_INT(n, 5);
}

static void decimals(void)
{
    double d = 0;
    CHECK(num_parse_decimal(STR("0.25"), 0, 1, &d) && d == 0.25);
    CHECK(num_parse_decimal(STR(".5"), 0, 1, &d) && d == 0.5);
    CHECK(num_parse_decimal(STR("60"), 0, 100, &d) && d == 60);
    CHECK(!num_parse_decimal(STR("1.5"), 0, 1, &d));
    CHECK(!num_parse_decimal(STR("1e3"), 0, 10000, &d));
    CHECK(!num_parse_decimal(STR("1.2.3"), 0, 10, &d));
    CHECK(!num_parse_decimal(STR("."), 0, 10, &d));
}

static void hex_both_ways(void)
{
    uint8_t bytes[3] = {0};
    char text[7];
    CHECK(num_parse_hex(STR("00fFa5"), bytes, 3));
    num_hex(bytes, 3, text);
    CHECK_STR(text, "00ffa5");
    CHECK(!num_parse_hex(STR("00ff"), bytes, 3));
    CHECK(!num_parse_hex(STR("00ffg5"), bytes, 3));
}

static void booleans(void)
{
    bool b = false;
    CHECK(num_parse_bool(STR("Yes"), &b) && b);
    CHECK(num_parse_bool(STR("OFF"), &b) && !b);
    CHECK(!num_parse_bool(STR("maybe"), &b));
}

TAP_MAIN(TAP_TEST(whole_numbers_in_range), TAP_TEST(decimals), TAP_TEST(hex_both_ways),
         TAP_TEST(booleans))
