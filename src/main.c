/* SPDX-License-Identifier: MIT */
/*
 * Start-up and dispatch, nothing else. --version does nothing but print, so that it stays fast.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/cli.h"
#include "command/document.h"
#include "command/help.h"

static int print(void (*make)(struct buf *out), FILE *to)
{
    AUTO_BUF struct buf text = {0};
    make(&text);
    (void)fwrite(text.ptr, 1, text.len, to); /* finish() checks the stream */
    return 0;
}

/* An installation that was moved as a whole (DESTDIR, a copied prefix) finds its own data: rule sets
 * and queries lie in ../share/steward of the directory that holds this program. Elsewhere the place
 * that was built in counts. Before any thread exists, so that changing the environment is safe. */
static void find_data(void)
{
    char path[4096];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (len <= 0) {
        return;
    }
    path[len] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(path, '/');
        if (slash == NULL) {
            return;
        }
        *slash = '\0';
    }
    AUTO_BUF struct buf data = {0};
    buf_printf(&data, "%s/share/steward", path);
    if (access(buf_z(&data), R_OK | X_OK) == 0) {
        (void)setenv("STEWARD_DATA_DIR", buf_z(&data), 0); /* 0: what the user set stays */
    }
}

static int dispatch(struct cli *cli, struct err *err)
{
    const struct command *command = cli->command;
    if (cli->version) {
        (void)fputs("steward " STEWARD_VERSION "\n", stdout);
        return 0;
    }
    if (command == NULL && cli->help) {
        return print(help_overview, stdout);
    }
    if (command == NULL) {
        (void)print(help_overview, stderr);
        return err_exit_code(ERR_USAGE);
    }
    if (cli->help) {
        AUTO_BUF struct buf text = {0};
        help_command(&text, command);
        (void)fwrite(text.ptr, 1, text.len, stdout);
        return 0;
    }
    find_data();
    return command->run(cli, err);
}

/* A result that did not reach its reader is no result. A reader that closed the pipe knows why. */
static int finish(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        struct err err = {0};
        struct pollfd reader = {.fd = STDOUT_FILENO, .events = POLLOUT};
        (void)err_set(&err, ERR_IO, "could not write to standard output");
        if (poll(&reader, 1, 0) != 1 || (reader.revents & POLLERR) == 0) {
            command_print_error(stderr, &err);
        }
        return code == 0 ? err_exit_code(ERR_IO) : code;
    }
    return code;
}

int main(int argc, char **argv)
{
    /* Made at build time, so they are no options of any command. */
    if (argc == 2 && strcmp(argv[1], "--dump-man") == 0) {
        return finish(print(document_man, stdout));
    }
    if (argc == 2 && strcmp(argv[1], "--dump-cli") == 0) {
        return finish(print(document_json, stdout));
    }
    struct err err = {0};
    struct cli cli;
    int code;
    if (cli_parse(&cli, argc, argv, &err)) {
        code = dispatch(&cli, &err);
    } else {
        code = command_fail(&err);
    }
    if (err_is(&err)) {
        (void)fflush(stdout);
        command_print_error(stderr, &err);
    }
    cli_done(&cli);
    return finish(code);
}
