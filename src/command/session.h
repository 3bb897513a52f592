/* SPDX-License-Identifier: MIT */
/*
 * What most commands begin with: settings, signals, and the engine on the workspace.
 */
#ifndef STEWARD_COMMAND_SESSION_H
#define STEWARD_COMMAND_SESSION_H

#include "command/cli.h"
#include "engine/engine.h"

struct session {
    const struct cli *cli;
    struct settings settings;
    bool has_settings;
    struct stop *stop;
    struct engine *engine;
};

enum session_mode {
    SESSION_READ,  /* show, runs: beside a running steward */
    SESSION_WRITE, /* takes the lock */
};

/* "." or --workspace. */
const char *session_workspace(const struct cli *cli);

/* Settings alone; warnings go to stderr. */
bool session_settings(struct session *session, const struct cli *cli, struct err *err) MUST_CHECK;

/* For commands that may be the first in a workspace. */
bool session_make_workspace(const struct cli *cli, struct err *err) MUST_CHECK;

/* `session` is zeroed, or has its settings. */
bool session_open(struct session *session, const struct cli *cli, enum session_mode mode,
                  struct err *err) MUST_CHECK;
void session_close(struct session *session);
#define AUTO_SESSION CLEANUP(session_close)

/* The run that the first argument names. */
bool session_run(struct session *session, int64_t *ret, struct err *err) MUST_CHECK;

/* The job of a run. */
const struct job *session_job(const struct run *run, struct err *err);

/* True where a terminal is at the other end and colours or moving lines are not switched off. */
bool session_is_terminal(const struct cli *cli, int fd);

/* Asks on stderr, reads stdin; "y" or "yes" is a yes. --yes answers by itself; without a terminal the
 * answer is ERR_REFUSED. */
bool session_confirm(const struct cli *cli, const char *question, struct err *err) MUST_CHECK;

/* Where the run stands, on stdout: counts and the next command; or with --json the document of
 * `show`. */
bool session_print_outcome(struct session *session, int64_t run, struct err *err) MUST_CHECK;

#endif
