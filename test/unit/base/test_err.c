/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>

#include "harness/tap.h"

static void wraps_outwards(void)
{
    struct err err = {0};
    CHECK(!err_set_errno(&err, ERR_IO, ENOENT, "could not open '%s'", "a.csv"));
    CHECK_STR(err.message, "could not open 'a.csv': No such file or directory");
    CHECK_INT(err.os_errno, ENOENT);
    CHECK(!err_wrap(&err, "run %d", 7));
    CHECK_STR(err.message, "run 7: could not open 'a.csv': No such file or directory");
    CHECK_STR(err_kind_name(err.kind), "io");
}

static void keeps_the_first_hint(void)
{
    struct err err = {0};
    (void)err_set(&err, ERR_USAGE, "wrong");
    (void)err_hint(&err, "Do this.");
    (void)err_hint(&err, "Do that.");
    CHECK_STR(err.hint, "Do this.");
}

static void exit_codes_are_those_of_the_contract(void)
{
    CHECK_INT(err_exit_code(ERR_NONE), 0);
    CHECK_INT(err_exit_code(ERR_IO), 1);
    CHECK_INT(err_exit_code(ERR_USAGE), 2);
    CHECK_INT(err_exit_code(ERR_PARTIAL), 3);
    CHECK_INT(err_exit_code(ERR_REFUSED), 4);
    CHECK_INT(err_exit_code(ERR_VERIFY), 5);
    CHECK_INT(err_exit_code(ERR_STOPPED), 6);
    CHECK_INT(err_exit_code(ERR_AUTH), 6);
    CHECK_INT(err_exit_code(ERR_LOCKED), 11);
    CHECK_INT(err_exit_code(ERR_INPUT), 64);
    CHECK_INT(err_exit_code(ERR_INTERRUPTED), 130);
}

static void long_texts_are_cut_and_say_so(void)
{
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct err err = {0};
    (void)err_set(&err, ERR_IO, "%s", text);
    CHECK_INT(strlen(err.message), sizeof(err.message) - 1);
    CHECK(str_ends(str_of(err.message), STR("...")));
    (void)err_wrap(&err, "record 1");
    CHECK_INT(strlen(err.message), sizeof(err.message) - 1);
    CHECK(str_starts(str_of(err.message), STR("record 1: xxx")));
    CHECK(str_ends(str_of(err.message), STR("...")));
}

static void a_message_may_be_built_from_itself(void)
{
    struct err err = {0};
    (void)err_set(&err, ERR_IO, "inner");
    (void)err_set(&err, ERR_REMOTE, "outer, because %s", err.message);
    CHECK_STR(err.message, "outer, because inner");
}

static void null_is_allowed(void)
{
    CHECK(!err_set(NULL, ERR_IO, "x"));
    CHECK(!err_wrap(NULL, "x"));
    CHECK(!err_hint(NULL, "x"));
}

TAP_MAIN(TAP_TEST(wraps_outwards), TAP_TEST(keeps_the_first_hint),
         TAP_TEST(exit_codes_are_those_of_the_contract), TAP_TEST(long_texts_are_cut_and_say_so),
         TAP_TEST(a_message_may_be_built_from_itself), TAP_TEST(null_is_allowed))
