/* SPDX-License-Identifier: MIT */
/*
 * steward show RUN: where a run stands, and each of its changes.
 */
#include "command/registry.h"

#include <stdio.h>

#include "command/session.h"
#include "command/view.h"

static const struct option options[] = {
    {.name = "all", .help = "all changes in the plan's order, not only 20"},
    {.name = "changes", .help = "every change as one line of JSON, and nothing else"},
    {.name = NULL},
};

static bool show(struct session *session, const struct run *run, struct err *err)
{
    const struct cli *cli = session->cli;
    if (cli_has(cli, "changes")) {
        return view_changes_json(session->engine, run, stdout, err);
    }
    if (cli->json) {
        return view_run_json(session->engine, run, stdout, err);
    }
    const struct job *job = session_job(run, err);
    if (job == NULL) {
        return false;
    }
    view_run_head(run, stdout);
    return view_standing(session->engine, run, stdout, err) &&
           view_changes(session->engine, job, run, cli_has(cli, "all") ? UINT64_MAX : VIEW_CHANGES,
                        stdout, err);
}

static int run_show(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    int64_t id;
    if (!session_open(&session, cli, SESSION_READ, err) || !session_run(&session, &id, err)) {
        return command_fail(err);
    }
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine_journal(session.engine), id, &arena, &run, err) &&
              show(&session, &run, err);
    arena_done(&arena);
    return ok ? 0 : command_fail(err);
}

static const char *const examples[] = {
    "steward show last",
    "steward show 7 --changes | grep '\"state\":\"failed\"'",
    NULL,
};

const struct command command_show = {
    .name = "show",
    .summary = "where a run stands, and its changes",
    .usage = "RUN [--all | --changes] [options]",
    .description = "Prints a run's state, times and counts, and its changes with their states: "
                   "those that were not done first, and why. Of a run that is on its way "
                   "also how far the process that works on it is and what it waits for, as its "
                   "progress shows it, two seconds old at most; after a kill the last of it.\n\n"
                   "With --json one document with at most 10,000 changes; --changes prints all of "
                   "them, one JSON line each.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_READ_ONLY,
    .min_args = 1,
    .max_args = 1,
    .run = run_show,
};
