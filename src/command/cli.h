/* SPDX-License-Identifier: MIT */
/*
 * The parsed command line. Flags are accepted before or after arguments and before or after the
 * command; `--name value` and `--name=value`; short switches can be bundled; `--` ends the flags.
 * Names are never abbreviated: a script that works today must not change its meaning when an option
 * is added.
 */
#ifndef STEWARD_COMMAND_CLI_H
#define STEWARD_COMMAND_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "command/command.h"

struct cli_value {
    const struct option *option;
    const char *value; /* NULL: a switch */
};

struct cli {
    struct arena arena;
    const struct command *command; /* NULL: none was named */
    struct cli_value *values;      /* in the order given */
    size_t value_count;
    const char **args;
    size_t arg_count;
    /* global */
    const char *workspace; /* NULL: the current directory */
    const char *config;
    const char *env;
    bool json;
    bool quiet;
    bool yes;
    bool verbose;
    bool no_color;
    bool help;
    bool version;
};

/* The options that every command has, NULL-terminated. */
extern const struct option cli_global_options[];

/* argv[0] is the program. Views point into argv. A wrong command line is ERR_USAGE. */
bool cli_parse(struct cli *cli, int argc, char **argv, struct err *err) MUST_CHECK;
void cli_done(struct cli *cli);

/* Fills the error for a command that does not exist, with the nearest name; returns `err`. */
const struct err *command_unknown(const char *name, struct err *err);

bool cli_has(const struct cli *cli, const char *name);
/* The last value given; NULL where none. */
const char *cli_get(const struct cli *cli, const char *name);

#endif
