/* SPDX-License-Identifier: MIT */
#include "harness/tap.h"
#include "job/merge_internal.h"

#define COLUMN(name, remote, form)                                                                 \
    {                                                                                              \
        {name, sizeof(name) - 1}, {remote, sizeof(remote) - 1}, {form, sizeof(form) - 1}, false    \
    }

static const struct plan_column columns[] = {
    COLUMN("email", "email", "email"),        COLUMN("external_ref", "external_ref", "trim"),
    COLUMN("full_name", "full_name", "fold"), COLUMN("updated", "modified_date", "trim"),
    COLUMN("tickets", "", "count"),
};

static const struct plan_header plan = {.columns = columns, .column_count = ARRAY_LEN(columns)};

static void check_lines(const struct plan_value *values, const char *expected)
{
    struct plan_change change = {.target = STR("REVU-12"),
                                 .survivor = STR("REVU-34"),
                                 .strategy = STR("revu-pairs"),
                                 .reason = STR("same email"),
                                 .values = values};
    AUTO_BUF struct buf out = {0};
    merge_describe(&plan, &change, &out);
    CHECK_STR(buf_z(&out), expected);
}

static void shows_what_is_kept_and_what_is_lost(void)
{
    const struct plan_value values[] = {
        {STR("Ann@example.com"), STR("ann@example.com")},
        {STR("REVU-12"), STR(" user_34 ")},
        {STR("A.\x1b[31m Lee"), STR("Ann Lee")},
        {STR("2026-01-01"), STR("2026-02-02")},
        {STR("5"), STR("3")},
    };
    check_lines(values, "merge REVU-12 into REVU-34\n"
                        "  why            revu-pairs: same email\n"
                        "  email          ann@example.com\n"
                        "  external_ref   user_34\n"
                        "  full_name      Ann Lee\n"
                        "  lost           external_ref   REVU-12\n"
                        "  lost           full_name      A.?[31m Lee\n");
}

static void nothing_is_lost_with_an_empty_or_equal_value(void)
{
    const struct plan_value values[] = {
        {STR("ann@example.com"), STR("ann@EXAMPLE.com")},
        {STR(" "), STR("user_34")},
        {STR("ANN  LEE"), STR("Ann Lee")},
        {STR(""), STR("")},
        {STR(""), STR("")},
    };
    check_lines(values, "merge REVU-12 into REVU-34\n"
                        "  why            revu-pairs: same email\n"
                        "  email          ann@EXAMPLE.com\n"
                        "  external_ref   user_34\n"
                        "  full_name      Ann Lee\n");
}

static void long_values_are_cut_between_characters(void)
{
    /* 59 bytes, then a character of two: it must go as a whole; and a C1 control */
    const struct plan_value values[] = {
        {STR(""), STR("12345678901234567890123456789012345678901234567890123456789\xc3\xa4 tail")},
        {STR(""), STR("a\xc2\x9b"
                      "b")},
        {STR(""), STR("")},
        {STR(""), STR("")},
        {STR(""), STR("")},
    };
    check_lines(values,
                "merge REVU-12 into REVU-34\n"
                "  why            revu-pairs: same email\n"
                "  email          12345678901234567890123456789012345678901234567890123456789...\n"
                "  external_ref   a?b\n");
}

static void long_ids_take_two_lines(void)
{
    struct plan_header none = {.column_count = 0};
    struct plan_change change = {.target = STR("don:identity:dvrv-us-1:devo/0:revu/12"),
                                 .survivor = STR("don:identity:dvrv-us-1:devo/0:revu/34"),
                                 .strategy = STR("revu-pairs")};
    AUTO_BUF struct buf out = {0};
    merge_describe(&none, &change, &out);
    CHECK_STR(buf_z(&out), "merge don:identity:dvrv-us-1:devo/0:revu/12\n"
                           " into don:identity:dvrv-us-1:devo/0:revu/34\n"
                           "  why            revu-pairs\n");
}

static void check_carried(bool wanted, str before, str after, const char *expected)
{
    const struct settings settings = {.carry_external_ref = wanted};
    const struct plan_value values[ARRAY_LEN(columns)] = {[1] = {before, after}};
    struct plan_change change = {.values = values};
    AUTO_BUF struct buf out = {0};
    merge_describe_settings(&settings, &plan, &change, &out);
    CHECK_STR(buf_z(&out), expected);
}

static void what_is_carried_over_is_said(void)
{
    check_carried(true, STR(" user_1 "), STR("REVU-34"),
                  "  carried over   external_ref   user_1\n");
    check_carried(true, STR("user_1"), STR(""), "  carried over   external_ref   user_1\n");
    check_carried(true, STR("user_1"), STR("user_2"), "");
    check_carried(true, STR("REVU-1"), STR("REVU-2"), "");
    check_carried(true, STR(""), STR("REVU-2"), "");
    check_carried(false, STR("user_1"), STR("REVU-34"), "");
}

TAP_MAIN(TAP_TEST(what_is_carried_over_is_said), TAP_TEST(long_ids_take_two_lines),
         TAP_TEST(shows_what_is_kept_and_what_is_lost),
         TAP_TEST(nothing_is_lost_with_an_empty_or_equal_value),
         TAP_TEST(long_values_are_cut_between_characters))
