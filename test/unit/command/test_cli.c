/* SPDX-License-Identifier: MIT */
#include "command/cli.h"
#include "harness/tap.h"

#include <string.h>

#define PARSE(cli, err, ...)                                                                       \
    parse((cli), (err), (const char *[]){"steward", __VA_ARGS__},                                  \
          sizeof((const char *[]){"steward", __VA_ARGS__}) / sizeof(const char *))

static bool parse(struct cli *cli, struct err *err, const char **argv, size_t argc)
{
    *err = (struct err){0};
    return cli_parse(cli, (int)argc, (char **)(uintptr_t)argv, err);
}

/* Fails with this message and hint. */
static void wrong(bool ok, struct cli *cli, const struct err *err, const char *message,
                  const char *hint)
{
    CHECK(!ok);
    CHECK_INT(err->kind, ERR_USAGE);
    CHECK_STR(err->message, message);
    CHECK_STR(err->hint, hint);
    cli_done(cli);
}

static void flags_may_stand_anywhere(void)
{
    struct cli cli;
    struct err err;
    CHECK(PARSE(&cli, &err, "apply", "7", "--json"));
    CHECK_STR(cli.command->name, "apply");
    CHECK_STR(cli.args[0], "7");
    CHECK(cli.json);
    cli_done(&cli);
    CHECK(PARSE(&cli, &err, "--json", "--workspace", "w", "apply", "--yes", "7"));
    CHECK_STR(cli.command->name, "apply");
    CHECK_INT(cli.arg_count, 1);
    CHECK_STR(cli.args[0], "7");
    CHECK(cli.json && cli.yes && !cli.quiet);
    CHECK_STR(cli.workspace, "w");
    cli_done(&cli);
    /* the value of a global flag is not the command */
    CHECK(PARSE(&cli, &err, "--workspace=x", "--env", "merge", "runs"));
    CHECK_STR(cli.command->name, "runs");
    CHECK_STR(cli.workspace, "x");
    CHECK_STR(cli.env, "merge");
    cli_done(&cli);
}

static void values_come_with_equals_or_as_next_word(void)
{
    struct cli cli;
    struct err err;
    CHECK(PARSE(&cli, &err, "merge", "--csv", "a.csv", "--csv-out=b=c.csv", "--canary", "-1"));
    CHECK_STR(cli_get(&cli, "csv"), "a.csv");
    CHECK_STR(cli_get(&cli, "csv-out"), "b=c.csv");
    CHECK_STR(cli_get(&cli, "canary"), "-1");
    CHECK(cli_get(&cli, "rules") == NULL);
    CHECK(!cli_has(&cli, "apply"));
    cli_done(&cli);
    CHECK(PARSE(&cli, &err, "merge", "--csv", "a", "--csv", "b"));
    CHECK_STR(cli_get(&cli, "csv"), "b"); /* the last counts */
    cli_done(&cli);
    CHECK(PARSE(&cli, &err, "merge", "--csv=--strange"));
    CHECK_STR(cli_get(&cli, "csv"), "--strange");
    cli_done(&cli);
    wrong(PARSE(&cli, &err, "merge", "--csv", "--apply"), &cli, &err,
          "could not use '--csv': it needs a FILE",
          "Run 'steward merge --help' for what it takes.");
    wrong(PARSE(&cli, &err, "merge", "--csv"), &cli, &err, "could not use '--csv': it needs a FILE",
          "Run 'steward merge --help' for what it takes.");
    wrong(PARSE(&cli, &err, "merge", "--csv="), &cli, &err,
          "could not use '--csv': its FILE is empty",
          "Run 'steward merge --help' for what it takes.");
    wrong(PARSE(&cli, &err, "merge", "--apply=yes"), &cli, &err,
          "could not use '--apply': it takes no value",
          "Run 'steward merge --help' for what it takes.");
}

static void old_spellings_and_short_ones(void)
{
    struct cli cli;
    struct err err;
    CHECK(PARSE(&cli, &err, "merge", "--dry-run"));
    CHECK(cli_has(&cli, "preview"));
    cli_done(&cli);
    CHECK(PARSE(&cli, &err, "merge", "-nqv"));
    CHECK(cli_has(&cli, "preview"));
    CHECK(cli.quiet && cli.verbose);
    cli_done(&cli);
    wrong(PARSE(&cli, &err, "merge", "-nz"), &cli, &err, "could not understand '-nz'",
          "Run 'steward merge --help' for what it takes.");
    CHECK(PARSE(&cli, &err, "merge", "-h"));
    CHECK(cli.help);
    cli_done(&cli);
}

static void two_dashes_end_the_flags(void)
{
    struct cli cli;
    struct err err;
    CHECK(PARSE(&cli, &err, "apply", "--", "--json"));
    CHECK_STR(cli.args[0], "--json");
    CHECK(!cli.json);
    cli_done(&cli);
}

static void suggestions(void)
{
    struct cli cli;
    struct err err;
    wrong(PARSE(&cli, &err, "merge", "--aply"), &cli, &err, "could not understand '--aply'",
          "Did you mean '--apply'?");
    /* no abbreviations, but a beginning is a suggestion */
    wrong(PARSE(&cli, &err, "merge", "--back=1"), &cli, &err, "could not understand '--back'",
          "Did you mean '--backup-dir'?");
    wrong(PARSE(&cli, &err, "merge", "--frobnicate"), &cli, &err,
          "could not understand '--frobnicate'", "Run 'steward merge --help' for what it takes.");
    wrong(PARSE(&cli, &err, "mrege"), &cli, &err, "could not understand 'mrege'",
          "Did you mean 'merge'?");
    wrong(PARSE(&cli, &err, "xyzzy"), &cli, &err, "could not understand 'xyzzy'",
          "Run 'steward help' for all commands.");
    wrong(PARSE(&cli, &err, "--jsno"), &cli, &err, "could not understand '--jsno'",
          "Did you mean '--json'?");
    wrong(PARSE(&cli, &err, "audit", "verfy"), &cli, &err, "could not understand 'verfy'",
          "Did you mean 'verify'?");
    wrong(PARSE(&cli, &err, "merge", "--source", "cvs"), &cli, &err,
          "could not use '--source cvs': it must be one of csv, snowflake, devrev",
          "Did you mean 'csv'?");
    wrong(PARSE(&cli, &err, "runs", "--log-level", "loud"), &cli, &err,
          "could not use '--log-level loud': it must be one of debug, info, warn, error, warning, "
          "critical",
          "");
    CHECK(PARSE(&cli, &err, "runs", "--log-level", "WARNING"));
    cli_done(&cli);
}

static void arguments_are_counted(void)
{
    struct cli cli;
    struct err err;
    wrong(PARSE(&cli, &err, "apply"), &cli, &err,
          "could not run 'steward apply': an argument is missing",
          "Usage: steward apply RUN [options]");
    wrong(PARSE(&cli, &err, "runs", "7"), &cli, &err,
          "could not understand '7': one argument too many", "Usage: steward runs [options]");
    CHECK(PARSE(&cli, &err, "apply", "--help"));
    CHECK(cli.help);
    cli_done(&cli);
}

static void a_value_may_be_left_out(void)
{
    struct cli cli;
    struct err err;
    /* of each form: is there a file, and which run? */
    CHECK(PARSE(&cli, &err, "report", "last", "--json", "out.json"));
    CHECK_STR(cli_get(&cli, "json"), "out.json");
    CHECK_STR(cli.args[0], "last");
    cli_done(&cli);
    CHECK(PARSE(&cli, &err, "report", "--json", "out.json", "last"));
    CHECK_STR(cli_get(&cli, "json"), "out.json");
    CHECK_STR(cli.args[0], "last");
    cli_done(&cli);
    CHECK(PARSE(&cli, &err, "report", "last", "--json"));
    CHECK(cli_has(&cli, "json"));
    CHECK(cli_get(&cli, "json") == NULL);
    cli_done(&cli);
    CHECK(PARSE(&cli, &err, "report", "--json", "last", "--workspace", "w"));
    CHECK(cli_get(&cli, "json") == NULL);
    CHECK_STR(cli.args[0], "last");
    CHECK_STR(cli.workspace, "w");
    cli_done(&cli);
    CHECK(PARSE(&cli, &err, "--json", "report", "last"));
    CHECK(cli_has(&cli, "json"));
    CHECK(cli_get(&cli, "json") == NULL);
    cli_done(&cli);
    CHECK(PARSE(&cli, &err, "report", "last", "--json", "--quiet"));
    CHECK(cli_get(&cli, "json") == NULL);
    CHECK(cli.quiet);
    cli_done(&cli);
}

static void the_sandbox_gets_everything(void)
{
    struct cli cli;
    struct err err;
    CHECK(PARSE(&cli, &err, "sandbox", "--help", "--seed", "7", "--", "x"));
    CHECK(!cli.help);
    CHECK_INT(cli.arg_count, 5);
    CHECK_STR(cli.args[0], "--help");
    CHECK_STR(cli.args[4], "x");
    cli_done(&cli);
}

static void the_version_needs_nothing(void)
{
    struct cli cli;
    struct err err;
    CHECK(PARSE(&cli, &err, "--version"));
    CHECK(cli.version);
    CHECK(cli.command == NULL);
    cli_done(&cli);
}

TAP_MAIN(TAP_TEST(flags_may_stand_anywhere), TAP_TEST(values_come_with_equals_or_as_next_word),
         TAP_TEST(old_spellings_and_short_ones), TAP_TEST(two_dashes_end_the_flags),
         TAP_TEST(suggestions), TAP_TEST(arguments_are_counted), TAP_TEST(a_value_may_be_left_out),
         TAP_TEST(the_sandbox_gets_everything), TAP_TEST(the_version_needs_nothing))
