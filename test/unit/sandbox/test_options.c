/* SPDX-License-Identifier: MIT */
#include "sandbox/options.h"

#include "harness/tap.h"

static struct options options;
static struct err err;

#define PARSE(...)                                                                                 \
    __extension__({                                                                                \
        char *argv[] = {(char *)(uintptr_t) "steward-sandbox", __VA_ARGS__, NULL};                 \
        options_parse((int)ARRAY_LEN(argv) - 1, argv, &options, &err);                             \
    })
#define ARG(text) ((char *)(uintptr_t)(text))

static void defaults(void)
{
    char *argv[] = {ARG("steward-sandbox"), NULL};
    CHECK_OK(options_parse(1, argv, &options, &err), err);
    CHECK_INT(options.contacts, 400);
    CHECK_INT(options.seed, 1);
    CHECK_INT(options.merge_delay_ms, 200);
    CHECK_INT(options.limit_calls, 0);
    CHECK(options.moves.reported && options.moves.conversations);
    CHECK(!options.moves.owned && !options.moves.created);
}

static void reads_values(void)
{
    CHECK_OK(PARSE(ARG("--limit"), ARG("45/60"), ARG("--merge-moves=owned,created"), ARG("--load"),
                   ARG("contacts=x.csv"), ARG("--faults"), ARG("a@1=never"), ARG("--faults"),
                   ARG("b@1=never"), ARG("--port-base"), ARG("8000"), ARG("--seed=7")),
             err);
    CHECK_INT(options.limit_calls, 45);
    CHECK_INT(options.limit_ms, 60000);
    CHECK(options.moves.owned && options.moves.created);
    CHECK(!options.moves.reported && !options.moves.conversations);
    CHECK_STR(options.load_contacts, "x.csv");
    CHECK_INT(options.faults.len, 2);
    CHECK_STR(options.faults.rules[1].call, "b");
    CHECK_INT(options.port_base, 8000);
    CHECK_INT(options.faults.seed, 7);
    CHECK_OK(PARSE(ARG("--merge-moves"), ARG("all")), err);
    CHECK(options.moves.reported && options.moves.owned && options.moves.created &&
          options.moves.conversations);
}

static void names_what_is_wrong(void)
{
    CHECK_ERR(PARSE(ARG("--contacts"), ARG("-1")), err, ERR_USAGE,
              "could not read --contacts '-1': not a number from 0 to 5000000");
    CHECK_ERR(PARSE(ARG("--limit"), ARG("5/0")), err, ERR_USAGE,
              "could not read --limit '5/0': not CALLS/SECONDS");
    CHECK_ERR(PARSE(ARG("--load"), ARG("x=y")), err, ERR_USAGE,
              "could not read --load 'x=y': not contacts=FILE");
    CHECK_ERR(PARSE(ARG("--merge-moves"), ARG("works")), err, ERR_USAGE,
              "could not read --merge-moves 'works': a list of reported, owned, created, "
              "conversations, or all");
    CHECK_ERR(PARSE(ARG("--seed")), err, ERR_USAGE,
              "could not read the command line: no value for '--seed'");
}

TAP_MAIN(TAP_TEST(defaults), TAP_TEST(reads_values), TAP_TEST(names_what_is_wrong))
