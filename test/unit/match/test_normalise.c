/* SPDX-License-Identifier: MIT */
#include "match/normalise.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "harness/tap.h"

static void check_form(enum form form, const char *text, const char *expected, const char *file,
                       int line)
{
    AUTO_BUF struct buf out = {0};
    str value = norm_value(form, str_of(text), &out);
    value = value.len != 0 ? value : STR(""); /* an empty value may be no view at all */
    (void)tap_check_str(value, str_of(expected), file, line, text);
}

#define TRIM(text, expected) check_form(FORM_TRIM, text, expected, __FILE__, __LINE__)
#define FOLD(text, expected) check_form(FORM_FOLD, text, expected, __FILE__, __LINE__)
#define EMAIL(text, expected) check_form(FORM_EMAIL, text, expected, __FILE__, __LINE__)

static void trims_unicode_white_space(void)
{
    TRIM("", "");
    TRIM("a", "a");
    TRIM("  a b\t\r\n", "a b");
    TRIM("\v\f a", "a");
    TRIM("\xc2\xa0 a \xe3\x80\x80", "a"); /* U+00A0, U+3000 */
    TRIM("\xe1\x9a\x80\xe2\x80\x8a"
         "a\xe2\x80\xa8\xe2\x80\xaf\xe2\x81\x9f\xc2\x85",
         "a"); /* U+1680 U+200A, U+2028 U+202F U+205F U+0085 */
    TRIM(" \xe3\x80\x80 ", "");
    TRIM("\xe2\x80\x8b"
         "a",
         "\xe2\x80\x8b"
         "a"); /* U+200B is no white space */
    TRIM("\xef\xbb\xbf"
         "a",
         "\xef\xbb\xbf"
         "a");
    TRIM("\x1c"
         "a\x1f",
         "\x1c"
         "a\x1f"); /* controls, but no white space */
    TRIM("\xc3\xa4 ", "\xc3\xa4");
    TRIM("\x80\x80\x80", "\x80\x80\x80"); /* no UTF-8: left alone */
}

static void folds(void)
{
    FOLD("  Velocity  Global -\tOTHER ", "velocity global - other");
    FOLD("STRA\xc3\x9f"
         "E",
         "strasse");
    FOLD("\xef\xbc\xa1\xef\xbd\x82", "ab"); /* full width */
    FOLD("e\xcc\x81", "\xc3\xa9");          /* composed */
    FOLD("a\xc2\xad"
         "b\xe2\x80\x8b",
         "ab");                                   /* soft hyphen, zero width space */
    FOLD("\xef\xac\x81x", "fix");                 /* the fi ligature */
    FOLD("\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83"); /* both sigmas */
    FOLD("a\xc2\xa0\xe3\x80\x80"
         "b",
         "a b");
    FOLD("\xc2\xb4x", "\xcc\x81x"); /* U+00B4: the space it brings is trimmed */
    FOLD("\xef\xbb\xbf a", "a");    /* and the one behind a dropped mark */
    FOLD(" \xe2\x80\x8b ", "");
    FOLD("", "");
}

static void folds_plain_addresses(void)
{
    EMAIL("Ann.Lee@Example.COM", "ann.lee@example.com");
    EMAIL(" ann@example.com\xc2\xa0", "ann@example.com");
    EMAIL("ann+Tag@example.com", "ann+tag@example.com");
    EMAIL("ann@example.com.", "ann@example.com");
    EMAIL("ann@sub_domain.example-x.com", "ann@sub_domain.example-x.com");
    EMAIL("A!#$%&'*/=?^_`{|}~-9@EXAMPLE.com", "a!#$%&'*/=?^_`{|}~-9@example.com");
}

static void addresses_that_count_as_empty(void)
{
    EMAIL("", "");
    EMAIL("  ", "");
    EMAIL("ann", "");
    EMAIL("@example.com", "");
    EMAIL("ann@", "");
    EMAIL("ann@@example.com", "");
    EMAIL("a@b@c", "");
    EMAIL("ann@.", "");                /* nothing left without the dot */
    EMAIL("\xc2\xad@example.com", ""); /* nothing left without the ignorable */
    EMAIL("ann\xef\xbc\xa0"
          "example.com",
          ""); /* a full-width at is no at */
    EMAIL("a\xef\xbc\xa0"
          "b@example.com",
          ""); /* and would become a second one */
}

static void folds_local_parts(void)
{
    EMAIL("STE\xcc\x81PHANE@example.com", "st\xc3\xa9phane@example.com");
    EMAIL("stra\xc3\x9f"
          "e@example.com",
          "strasse@example.com");
    EMAIL("\xe2\x84\xaa"
          "elvin@example.com",
          "kelvin@example.com");
    EMAIL("\xef\xbb\xbf ann@example.com", "ann@example.com");
    EMAIL("\xc2\xb4x@example.com", "\xcc\x81x@example.com");
    EMAIL("a  b@example.com", "a  b@example.com"); /* an address is no phrase */
}

static void folds_domains(void)
{
    EMAIL("a@b\xc3\xbc"
          "cher.example",
          "a@xn--bcher-kva.example");
    EMAIL("a@B\xc3\x9c"
          "CHER.example",
          "a@xn--bcher-kva.example");
    EMAIL("a@XN--BCHER-KVA.example", "a@xn--bcher-kva.example");
    EMAIL("a@stra\xc3\x9f"
          "e.example",
          "a@xn--strae-oqa.example"); /* non-transitional: not strasse */
    EMAIL("a@strasse.example", "a@strasse.example");
    EMAIL("a@example\xe3\x80\x82"
          "com",
          "a@example.com");                              /* U+3002 */
    EMAIL("a@example.com\xef\xbd\xa1", "a@example.com"); /* U+FF61, half width, at the end */
    EMAIL("a@\xef\xbd\x85xample.com", "a@example.com");
    EMAIL("a@example.com..", "a@example.com."); /* one dot is dropped */
    EMAIL("a@Ex  ample.com", "a@ex ample.com"); /* no A-label: folded text */
    EMAIL("a@ example.com", "a@example.com");
    EMAIL("a@\xe2\x98\x95.Example", "a@\xe2\x98\x95.example");
    EMAIL("a@xn--zz--ZZ.example", "a@xn--zz--zz.example");
    EMAIL("a@a..b", "a@a..b");
}

static void splits_addresses(void)
{
    AUTO_BUF struct buf out = {0};
    struct norm_email email = norm_email(STR(" Ann+x@B\xc3\xbc"
                                             "cher.example"),
                                         &out);
    CHECK_TEXT(email.local, "ann+x");
    CHECK_TEXT(email.domain, "xn--bcher-kva.example");
    email = norm_email(STR("Ann@Example.com"), &out);
    CHECK_TEXT(email.local, "ann");
    CHECK_TEXT(email.domain, "example.com");
    email = norm_email(STR("ann"), &out);
    CHECK_INT(email.text.len + email.local.len + email.domain.len, 0);
}

static void check_count(const char *text, bool expected, uint64_t value)
{
    uint64_t count = 4711;
    CHECK_INT(norm_count(str_of(text), &count), expected);
    CHECK_INT(count, expected ? value : 4711);
}

static void counts(void)
{
    check_count("", true, 0);
    check_count(" \xc2\xa0", true, 0);
    check_count("0", true, 0);
    check_count("007", true, 7);
    check_count(" 12 ", true, 12);
    check_count("12.0", true, 12);
    check_count("123456789012345678", true, 123456789012345678);
    check_count("1234567890123456789", false, 0);
    check_count("-1", false, 0);
    check_count("+1", false, 0);
    check_count(".0", false, 0);
    check_count("1.5", false, 0);
    check_count("1.0.0", false, 0);
    check_count("1 2", false, 0);
    check_count("\xef\xbc\x91", false, 0); /* a full-width one */
}

static void codes(void)
{
    CHECK_TEXT(norm_code(STR(" 12.0\xc2\xa0")), "12");
    CHECK_TEXT(norm_code(STR("12 .0")), "12");
    CHECK_TEXT(norm_code(STR("12.00")), "12.00");
    CHECK_TEXT(norm_code(STR("1.0.0")), "1.0");
    CHECK_TEXT(norm_code(STR("aB-7")), "aB-7");
    CHECK_TEXT(norm_code(STR(".0")), "");
    CHECK_TEXT(norm_code(STR("")), "");
}

/* The short way and the long way agree on every day, and on words of every kind. */
static void short_ways_agree(void)
{
    static const char kinds[] = "aZ0~ !\t\x7f";
    bool same = true;
    for (int day = 0; day < 40000; day++) {
        char text[CLOCK_TEXT_BYTES];
        int64_t ms = ((int64_t)day - 1000) * 86400000 + (int64_t)day % 86400 * 1000;
        clock_rfc3339(ms, text);
        struct norm_time time = {0};
        same &= norm_time(str_of(text), &time) && time.seconds * 1000 == ms && time.fraction == 0;
        (void)snprintf(text + 19, 2, "Z");
        same &= norm_time(str_of(text), &time) && time.seconds * 1000 == ms;
        text[10] = ' ';
        text[19] = '\0';
        same &= norm_time(str_of(text), &time) && time.seconds * 1000 == ms;
    }
    CHECK(same);
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf longer = {0};
    for (int number = 0; number < 8 * 8 * 8 * 8; number++) {
        char text[80];
        for (int i = 0; i < 4; i++) {
            text[i] = kinds[number >> (3 * i) & 7];
        }
        str folded = norm_fold((str){text, 4}, &out);
        /* the same behind so much that only the long way is left */
        memset(text + 4, 'x', 70);
        str rest = norm_fold((str){text, 74}, &longer);
        str begin = norm_trim((str){rest.ptr, rest.len - 70});
        same &= str_eq(folded, begin);
    }
    CHECK(same);
}

static void check_time(const char *text, bool expected, int64_t seconds, uint64_t fraction)
{
    struct norm_time time = {1, 2};
    if (!CHECK_INT(norm_time(str_of(text), &time), expected)) {
        printf("# %s\n", text);
    }
    CHECK_INT(time.seconds, expected ? seconds : 1);
    CHECK_INT(time.fraction, expected ? fraction : 2);
}

static void times(void)
{
    check_time("1970-01-01", true, 0, 0);
    check_time(" 2024-02-29 ", true, 1709164800, 0);
    check_time("2024-02-29 01:02", true, 1709168520, 0);
    check_time("2024-02-29 01:02:03", true, 1709168523, 0);
    check_time("2024-02-29T01:02:03Z", true, 1709168523, 0);
    check_time("2024-02-29t01:02:03z", true, 1709168523, 0);
    check_time("2024-02-29 01:02:03Z", true, 1709168523, 0);
    check_time("2024-02-29T03:02:03+02:00", true, 1709168523, 0);
    check_time("2024-02-28T22:32:03-02:30", true, 1709168523, 0);
    check_time("2024-02-29T01:02:03.5Z", true, 1709168523, 500000000000000000);
    check_time("2024-02-29T01:02:03.000000000000000001Z", true, 1709168523, 1);
    check_time("2024-02-29T01:02:03.1000000000000000000000Z", true, 1709168523, 100000000000000000);
    check_time("0000-01-01T00:00:00+01:00", true, -62167222800, 0);
    check_time("2024-02-29T01:02:03.0000000000000000001Z", false, 0,
               0); /* finer than we can tell */
    check_time("2023-02-29", false, 0, 0);
    check_time("2024-2-9", false, 0, 0);
    check_time("2024-02-29T01:02:03", false, 0, 0);   /* RFC 3339 has a zone */
    check_time("2024-02-29 01:02:03.5", false, 0, 0); /* and so has a fraction */
    check_time("2024-02-29T01:02:03.Z", false, 0, 0);
    check_time("2024-02-29T01:02Z", false, 0, 0);
    check_time("2024-02-29T24:00:00Z", false, 0, 0);
    check_time("2024.5-02-29", false, 0, 0);
    check_time("29.02.2024", false, 0, 0);
    check_time("", false, 0, 0);
    CHECK(norm_same(STR("time"), STR("2024-02-29"), STR("2024-02-29T00:00:00.000Z")));
    CHECK(!norm_same(STR("time"), STR("2024-02-29"), STR("2024-02-29T00:00:00.001Z")));
    CHECK(norm_same(STR("time"), STR(" soon"), STR("soon")));
    CHECK(norm_same(STR("code"), STR("7.0"), STR("7")));
}

static void compares_in_a_form(void)
{
    CHECK(norm_same(STR("email"), STR("A@example.com"), STR(" a@EXAMPLE.com")));
    CHECK(!norm_same(STR("trim"), STR("A"), STR("a")));
    CHECK(norm_same(STR("trim"), STR(" a"), STR("a")));
    CHECK(norm_same(STR("fold"), STR("A  B"), STR("a b")));
    CHECK(norm_same(STR("count"), STR("7.0"), STR("07")));
    CHECK(!norm_same(STR("count"), STR("x"), STR("y")));
    CHECK(norm_same(STR("nothing known"), STR("a "), STR("a")));
    CHECK_STR(form_name(FORM_EMAIL), "email");
    CHECK_STR(form_name(FORM_NUMBER_OF), "unknown");
    CHECK_INT(form_by_name(STR("fold")), FORM_FOLD);
    CHECK_INT(form_by_name(STR("folded")), FORM_NUMBER_OF);
}

TAP_MAIN(TAP_TEST(trims_unicode_white_space), TAP_TEST(folds), TAP_TEST(folds_plain_addresses),
         TAP_TEST(addresses_that_count_as_empty), TAP_TEST(folds_local_parts),
         TAP_TEST(folds_domains), TAP_TEST(splits_addresses), TAP_TEST(counts), TAP_TEST(codes),
         TAP_TEST(times), TAP_TEST(short_ways_agree), TAP_TEST(compares_in_a_form))
