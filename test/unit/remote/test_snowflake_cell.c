/* SPDX-License-Identifier: MIT */
#include "remote/snowflake_cell.h"

#include "harness/tap.h"

static void writes(const char *type, const char *cell, const char *expected)
{
    AUTO_BUF struct buf out = {0};
    struct err err;
    CHECK_OK(snowflake_cell(snowflake_type_of(str_of(type)), str_of(cell), &out, &err), err);
    CHECK_TEXT(buf_str(&out), expected);
}

static void refuses(const char *type, const char *cell, const char *message)
{
    AUTO_BUF struct buf out = {0};
    struct err err;
    CHECK_ERR(snowflake_cell(snowflake_type_of(str_of(type)), str_of(cell), &out, &err), err,
              ERR_PROTOCOL, message);
}

static void what_needs_no_change_comes_as_it_is(void)
{
    writes("fixed", "12.50", "12.50");
    writes("FIXED", "-99999999999999999999999999999999999999",
           "-99999999999999999999999999999999999999");
    writes("real", "NaN", "NaN");
    writes("boolean", "true", "true");
    writes("binary", "00FF", "00FF");
    writes("variant", "[\n  undefined\n]", "[\n  undefined\n]");
    writes("text", "", "");
    writes("a type of tomorrow", "x", "x");
}

static void dates(void)
{
    writes("date", "0", "1970-01-01");
    writes("DATE", "-1", "1969-12-31");
    writes("date", "20781", "2026-11-24");
    writes("date", "-719162", "0001-01-01");
    writes("date", "2932896", "9999-12-31");
    refuses("date", "2932897", "could not read a value of type DATE");
    refuses("date", "-719163", "could not read a value of type DATE");
    refuses("date", "1.5", "could not read a value of type DATE");
    refuses("date", "", "could not read a value of type DATE");
}

static void times(void)
{
    writes("time", "0.000000000", "00:00:00");
    writes("time", "86399.999999999", "23:59:59.999999999");
    writes("time", "50700.250000000", "14:05:00.250");
    writes("time", "50700", "14:05:00");
    refuses("time", "86400.000000000", "could not read a value of type TIME");
    refuses("time", "-1", "could not read a value of type TIME");
}

static void timestamps(void)
{
    writes("timestamp_ntz", "1795529079.000000000", "2026-11-24T14:04:39.000Z");
    writes("TIMESTAMP_LTZ", "1795529079.120000000", "2026-11-24T14:04:39.120Z");
    writes("timestamp_ltz", "1795529079.123456000", "2026-11-24T14:04:39.123456Z");
    writes("timestamp_ltz", "1795529079.000000001", "2026-11-24T14:04:39.000000001Z");
    writes("timestamp_ltz", "1795529079", "2026-11-24T14:04:39.000Z");
    writes("timestamp_ltz", "0.5", "1970-01-01T00:00:00.500Z");
    writes("timestamp_ntz", "253402300799.999999999", "9999-12-31T23:59:59.999999999Z");
    writes("timestamp_ntz", "-62135596800.000000000", "0001-01-01T00:00:00.000Z");
}

static void a_negative_fraction_counts_backwards(void)
{
    writes("timestamp_ntz", "-0.250000000", "1969-12-31T23:59:59.750Z");
    writes("timestamp_ntz", "-1.000000000", "1969-12-31T23:59:59.000Z");
    writes("timestamp_ntz", "-1.000000001", "1969-12-31T23:59:58.999999999Z");
    refuses("timestamp_ntz", "-62135596800.5", "could not read a value of type TIMESTAMP");
}

static void no_other_text_is_a_timestamp(void)
{
    static const char *const texts[] = {
        "",     "x",  "1.",    "1.0000000001",        "1.2.3",       "--1", "1e9", " 1", "1 ", "+1",
        "1.-5", ".5", "1.5 0", "9999999999999999999", "253402300800"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        refuses("timestamp_ltz", texts[i], "could not read a value of type TIMESTAMP");
    }
}

static void timestamps_with_an_offset(void)
{
    writes("timestamp_tz", "1795529079.000000000 1440", "2026-11-24T14:04:39.000Z");
    writes("timestamp_tz", "1795529079.500000000 1500", "2026-11-24T15:04:39.500+01:00");
    writes("timestamp_tz", "1795529079.000000000 1110", "2026-11-24T08:34:39.000-05:30");
    writes("timestamp_tz", "0 1", "1969-12-31T00:01:00.000-23:59");
    refuses("timestamp_tz", "0 0", "could not read a value of type TIMESTAMP_TZ");
    refuses("timestamp_tz", "1795529079.0", "could not read a value of type TIMESTAMP_TZ");
    refuses("timestamp_tz", "1795529079.0 2880", "could not read a value of type TIMESTAMP_TZ");
    refuses("timestamp_tz", "1795529079.0 -1", "could not read a value of type TIMESTAMP_TZ");
    refuses("timestamp_tz", "253402300799 1441", "could not read a value of type TIMESTAMP_TZ");
}

TAP_MAIN(TAP_TEST(what_needs_no_change_comes_as_it_is), TAP_TEST(dates), TAP_TEST(times),
         TAP_TEST(timestamps), TAP_TEST(a_negative_fraction_counts_backwards),
         TAP_TEST(no_other_text_is_a_timestamp), TAP_TEST(timestamps_with_an_offset))
