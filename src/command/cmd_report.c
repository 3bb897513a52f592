/* SPDX-License-Identifier: MIT */
/*
 * steward report RUN: the document of a run, made from the journal and the plan.
 */
#include "command/registry.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/fs.h"
#include "command/session.h"

static const struct option options[] = {
    {.name = "json",
     .argument = "FILE",
     .optional = true,
     .help = "write the report there; without FILE to stdout"},
    {.name = NULL},
};

/* reports/run-<N>.json of the workspace, or the file that was named. */
static bool write_report(struct session *session, int64_t run, str text, struct err *err)
{
    const char *file = cli_get(session->cli, "json");
    char path[64];
    (void)snprintf(path, sizeof(path), "reports/run-%" PRId64 ".json", run);
    int dirfd = AT_FDCWD;
    if (file == NULL) {
        dirfd = engine_workspace_fd(session->engine);
        if (!fs_mkdirs(dirfd, "reports", err)) {
            return false;
        }
    }
    const char *target = file != NULL ? file : path;
    if (!fs_write_atomic(dirfd, target, text, err)) {
        return err_wrap(err, "could not write the report of run %" PRId64, run);
    }
    (void)printf("Report of run %" PRId64 ": %s%s%s\n", run,
                 file == NULL && session->cli->workspace != NULL ? session->cli->workspace : "",
                 file == NULL && session->cli->workspace != NULL ? "/" : "", target);
    return true;
}

static int run_report(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    int64_t id;
    if (!session_open(&session, cli, SESSION_READ, err) || !session_run(&session, &id, err)) {
        return command_fail(err);
    }
    AUTO_BUF struct buf text = {0};
    if (!engine_report_json(session.engine, id, &text, err)) {
        return command_fail(err);
    }
    if (cli_has(cli, "json") && cli_get(cli, "json") == NULL) {
        (void)fwrite(text.ptr, 1, text.len, stdout);
        return 0;
    }
    return write_report(&session, id, buf_str(&text), err) ? 0 : command_fail(err);
}

static const char *const examples[] = {
    "steward report last",
    "steward report 7 --json /tmp/run-7.json",
    NULL,
};

const struct command command_report = {
    .name = "report",
    .summary = "write the report of a run",
    .usage = "RUN [--json [FILE]] [options]",
    .description =
        "Makes the report of a run from the journal and the plan, at any time, also after a "
        "crash: totals, each change with its values before and after, failures with their "
        "causes, places of backups, bad rows, calls and latencies, integrity.\n\n"
        "It is written to reports/run-RUN.json in the workspace unless --json says "
        "otherwise. It holds the personal data that the changes are about. Its schema is "
        "schemas/report.schema.json.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 1,
    .max_args = 1,
    .run = run_report,
};
