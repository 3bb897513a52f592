/* SPDX-License-Identifier: MIT */
#include "match/words.h"

#include "harness/tap.h"

static void asks_whole_words(void)
{
    struct arena arena = {0};
    struct words words = {0};
    CHECK_INT(words_add(&words, &arena, STR("# a comment\n\n  NoReply  # and one\nn/a\r\nz")), 0);
    CHECK_INT(words.count, 3);
    CHECK(words_has(&words, STR("noreply")));
    CHECK(words_has(&words, STR("n/a")));
    CHECK(words_has(&words, STR("z")));
    CHECK(!words_has(&words, STR("noreply2")));
    CHECK(!words_has(&words, STR("norepl")));
    CHECK(!words_has(&words, STR("a")));
    CHECK(!words_has(&words, STR("")));
    words_done(&words);
    arena_done(&arena);
}

static void asks_what_is_above(void)
{
    struct arena arena = {0};
    struct words words = {0};
    CHECK_INT(words_add(&words, &arena, STR("duck.com\nexample")), 0);
    CHECK(words_above(&words, STR("duck.com")));
    CHECK(words_above(&words, STR("a.b.duck.com")));
    CHECK(words_above(&words, STR("www.example")));
    CHECK(!words_above(&words, STR("notduck.com")));
    CHECK(!words_above(&words, STR("duck.com.org")));
    CHECK(!words_above(&words, STR("com")));
    CHECK(!words_above(&words, STR("")));
    words_done(&words);
    arena_done(&arena);
}

static void long_words(void)
{
    struct arena arena = {0};
    struct words words = {0};
    static const char list[] =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";
    CHECK_INT(words_add(&words, &arena, STR(list)), 0);
    CHECK(words_has(&words, (str){list, sizeof(list) - 2}));
    CHECK(!words_has(&words, (str){list, sizeof(list) - 3}));
    words_done(&words);
    arena_done(&arena);
}

static void names_the_wrong_line(void)
{
    struct arena arena = {0};
    struct words words = {0};
    CHECK_INT(words_add(&words, &arena, STR("a\nb\nA # the same, folded\n")), 3);
    CHECK_INT(words_add(&words, &arena, STR("c\n\xff\n")), 2);
    words_done(&words);
    arena_done(&arena);
}

TAP_MAIN(TAP_TEST(asks_whole_words), TAP_TEST(asks_what_is_above), TAP_TEST(long_words),
         TAP_TEST(names_the_wrong_line))
