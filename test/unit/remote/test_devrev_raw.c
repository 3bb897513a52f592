/* SPDX-License-Identifier: MIT */
#include "remote/devrev_raw.h"

#include "harness/tap.h"

static void finds_members_as_they_were_sent(void)
{
    str raw =
        STR(" { \"a\" : 1.50 , \"b\":{\"a\":[1,{\"c\":\"}\"}]}, \"c\\\"\":2,\"d\" : \"x\\\"y\" , "
            "\"e\":null,\"f\":[ ],\"a2\":true } ");
    str part;
    CHECK(devrev_raw_member(raw, "a", &part));
    CHECK_TEXT(part, "1.50");
    CHECK(devrev_raw_member(raw, "b", &part));
    CHECK_TEXT(part, "{\"a\":[1,{\"c\":\"}\"}]}");
    CHECK(devrev_raw_member(raw, "d", &part));
    CHECK_TEXT(part, "\"x\\\"y\"");
    CHECK(devrev_raw_member(raw, "e", &part));
    CHECK_TEXT(part, "null");
    CHECK(devrev_raw_member(raw, "f", &part));
    CHECK_TEXT(part, "[ ]");
    CHECK(devrev_raw_member(raw, "a2", &part));
    CHECK_TEXT(part, "true");
    CHECK(!devrev_raw_member(raw, "c", &part)); /* only inside, and an escaped one */
    CHECK(!devrev_raw_member(STR("[\"a\"]"), "a", &part));
    CHECK(!devrev_raw_member(STR("{}"), "a", &part));
    CHECK(!devrev_raw_member(STR(""), "a", &part));
}

static void takes_the_last_of_two_as_the_decoder_does(void)
{
    str part;
    CHECK(devrev_raw_member(STR("{\"a\":1,\"b\":2,\"a\":3}"), "a", &part));
    CHECK_TEXT(part, "3");
}

static void walks_lists(void)
{
    str raw = STR("[ {\"id\":\"1\",\"x\":[1,2]} ,\n\"a,]b\",-1e3, [[]],false ]");
    const char *expected[] = {"{\"id\":\"1\",\"x\":[1,2]}", "\"a,]b\"", "-1e3", "[[]]", "false"};
    size_t pos = 0;
    str part;
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        CHECK(devrev_raw_next(raw, &pos, &part));
        CHECK_TEXT(part, expected[i]);
    }
    CHECK(!devrev_raw_next(raw, &pos, &part));
    CHECK(!devrev_raw_next(raw, &pos, &part));
    pos = 0;
    CHECK(!devrev_raw_next(STR(" [ ] "), &pos, &part));
    pos = 0;
    CHECK(!devrev_raw_next(STR("{}"), &pos, &part));
    pos = 0;
    CHECK(!devrev_raw_next(STR_NONE, &pos, &part));
}

static void text_that_ends_early_is_not_read_beyond(void)
{
    const char *broken[] = {"{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"x\\", "[{", "[\"", "{\"a\":1"};
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        /* a copy of exactly that size, so that the sanitizer sees a byte too far */
        size_t len = strlen(broken[i]);
        char *copy = xcalloc(len, 1);
        memcpy(copy, broken[i], len);
        str part;
        size_t pos = 0;
        (void)devrev_raw_member((str){copy, len}, "zz", &part);
        while (devrev_raw_next((str){copy, len}, &pos, &part)) {
            CHECK(part.ptr >= copy && part.ptr + part.len <= copy + len);
        }
        free(copy);
    }
}

TAP_MAIN(TAP_TEST(finds_members_as_they_were_sent),
         TAP_TEST(takes_the_last_of_two_as_the_decoder_does), TAP_TEST(walks_lists),
         TAP_TEST(text_that_ends_early_is_not_read_beyond))
