/* SPDX-License-Identifier: MIT */
/*
 * A command: one file, one `const struct command`. The table drives parsing, `--help`, the man page,
 * shell completion and `--dump-cli`; nothing about the command line is written down twice.
 *
 * A run function returns the exit code. Where it fails with an error it fills `err` and returns
 * err_exit_code(err->kind): command_fail() does both; main prints the error, once.
 *
 * stdout carries the result and nothing else; everything else goes to stderr.
 */
#ifndef STEWARD_COMMAND_COMMAND_H
#define STEWARD_COMMAND_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/version.h"

/* What a command may do, said in its help. */
#define SAFETY_CLASSES(X)                                                                          \
    X(SAFETY_READ_ONLY, "read-only", "changes nothing")                                            \
    X(SAFETY_WRITES_LOCAL, "writes-local", "writes only files of the workspace")                   \
    X(SAFETY_CHANGES_REMOTE, "changes-remote", "changes records of the remote")

enum safety {
#define X(safety, name, text) safety,
    SAFETY_CLASSES(X)
#undef X
        SAFETY_COUNT
};

const char *safety_name(enum safety safety);
const char *safety_text(enum safety safety);

struct option {
    const char *name;     /* without dashes; NULL ends an array */
    char letter;          /* short form, 0: none */
    const char *argument; /* "FILE"; NULL: a switch */
    const char *help;
    const char *setting;      /* the setting that it gives, NULL: none; a switch gives "true" */
    const char *same_as;      /* another spelling of that option; parsed as it */
    const char *const *among; /* the allowed values, NULL-terminated; NULL: any */
    bool optional;            /* the argument may be left out: cli_get gives NULL then */
};

struct choice {
    const char *name; /* NULL ends an array */
    const char *summary;
};

struct cli;

struct command {
    const char *name;
    const char *summary;     /* a line after the name, lower-case, no period */
    const char *usage;       /* what follows the name: "RUN [options]" */
    const char *description; /* paragraphs, separated by an empty line */
    const char *const *examples;
    const struct option *options; /* may be NULL */
    const struct choice *choices; /* what the first argument may be; NULL: anything */
    enum safety safety;
    int min_args;
    int max_args;
    bool pass_through; /* all that follows belongs to another program, --help included */
    int (*run)(struct cli *cli, struct err *err);
};

/* All of them, in the order of the help, NULL-terminated. */
extern const struct command *const commands[];

const struct command *command_find(const char *name);

/* Returns the exit code that belongs to the error. */
int command_fail(const struct err *err);

/* Prints an error as people read it: "steward: ..." and, where there is one, "hint: ...". */
void command_print_error(FILE *out, const struct err *err);

#endif
