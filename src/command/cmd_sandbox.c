/* SPDX-License-Identifier: MIT */
/*
 * steward sandbox: becomes the second executable, so that this one holds no fake server.
 */
#include "command/registry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "command/cli.h"

/* Beside this executable (make install into one bin directory, a copied build), else at its place. */
static bool find_sandbox(struct buf *out)
{
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len > 0) {
        self[len] = '\0';
        char *slash = strrchr(self, '/');
        if (slash != NULL) {
            *slash = '\0';
            buf_printf(out, "%s/steward-sandbox", self);
            if (access(buf_z(out), X_OK) == 0) {
                return true;
            }
        }
    }
    buf_clear(out);
    buf_addz(out, STEWARD_LIBEXEC_DIR "/steward-sandbox");
    return access(buf_z(out), X_OK) == 0;
}

static int run_sandbox(struct cli *cli, struct err *err)
{
    AUTO_BUF struct buf path = {0};
    if (!find_sandbox(&path)) {
        (void)err_set(err, ERR_NOT_FOUND,
                      "could not start the sandbox: steward-sandbox is not installed");
        (void)err_hint(err, "It belongs beside steward or into %s.", STEWARD_LIBEXEC_DIR);
        return command_fail(err);
    }
    char **argv = arena_array(&cli->arena, cli->arg_count + 2, sizeof(*argv));
    argv[0] = arena_strdup(&cli->arena, "steward-sandbox");
    for (size_t i = 0; i < cli->arg_count; i++) {
        argv[i + 1] = arena_strdup(&cli->arena, cli->args[i]);
    }
    (void)execv(buf_z(&path), argv);
    (void)err_set_errno(err, ERR_IO, errno, "could not start the sandbox");
    return command_fail(err);
}

static const char *const examples[] = {
    "steward sandbox --contacts 400 --contacts-csv contacts.csv --env-file .env",
    "steward sandbox --help",
    NULL,
};

const struct command command_sandbox = {
    .name = "sandbox",
    .summary = "local stand-in of DevRev for trying out and for tests",
    .usage = "[options of the sandbox]",
    .description =
        "Starts a server on 127.0.0.1 that behaves like DevRev: it keeps contacts and their "
        "tickets, merges them, limits calls and fails on demand. All that follows is given to "
        "it as it is; `steward sandbox --help` lists what it takes.",
    .examples = examples,
    .safety = SAFETY_WRITES_LOCAL,
    .max_args = 1 << 20,
    .pass_through = true,
    .run = run_sandbox,
};
