/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include "harness/tap.h"

static void utf8_follows_rfc_3629(void)
{
    CHECK(str_is_utf8(STR("plain")));
    CHECK(str_is_utf8(STR("sechzehn Zeichen \xc3\xbc und mehr")));
    CHECK(str_is_utf8(STR("\xf4\x8f\xbf\xbf")));
    CHECK(!str_is_utf8(STR("\xf4\x90\x80\x80")));
    CHECK(!str_is_utf8(STR("\xed\xa0\x80")));
    CHECK(!str_is_utf8(STR("\xc0\x80")));
    CHECK(!str_is_utf8(STR("12345678\xe2\x82")));
    CHECK(str_is_utf8(STR("a\0b")));
}

static void buf_stops_at_its_maximum(void)
{
    AUTO_BUF struct buf b = {.max = 8};
    buf_addz(&b, "12345678");
    CHECK(!b.overflow);
    buf_addc(&b, '9');
    CHECK(b.overflow);
    CHECK_STR(buf_z(&b), "12345678");
}

static void json_escapes(void)
{
    AUTO_BUF struct buf b = {0};
    buf_add_json(&b, STR("a\"b\\c\n\x01\x7f\xff\xc3\xa4"));
    CHECK_STR(buf_z(&b), "\"a\\\"b\\\\c\\n\\u0001\\u007f\xef\xbf\xbd\xc3\xa4\"");
}

static void cut_and_compare(void)
{
    str rest;
    CHECK_TEXT(str_cut(STR("a=b=c"), '=', &rest), "a");
    CHECK_TEXT(rest, "b=c");
    CHECK_TEXT(str_cut(STR("abc"), '=', &rest), "abc");
    CHECK(rest.ptr == NULL);
    CHECK(str_cmp(STR("a"), STR("ab")) < 0);
    CHECK(str_cmp(STR("b"), STR("ab")) > 0);
    CHECK(str_eq_nocase(STR("ReVu"), STR("rEvU")));
}

TAP_MAIN(TAP_TEST(utf8_follows_rfc_3629), TAP_TEST(buf_stops_at_its_maximum),
         TAP_TEST(json_escapes), TAP_TEST(cut_and_compare))
