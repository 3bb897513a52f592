/* SPDX-License-Identifier: MIT */
/*
 * steward report RUN: the document of a run, made from the journal and the plan.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <stdio.h>

#include "command/reports.h"

static const struct option options[] = {
    {.name = "html",
     .argument = "FILE",
     .optional = true,
     .help = "write the page there; without FILE to reports/"},
    {.name = "json",
     .argument = "FILE",
     .optional = true,
     .help = "write the document there; without FILE to stdout"},
    {.name = "legacy-name",
     .help = "in reports/, name it dedupe_report_YYYYMMDD_HHMMSS as the old script did"},
    {.name = NULL},
};

static bool print_piece(void *ctx, str piece, struct err *err)
{
    FILE *out = ctx;
    return fwrite(piece.ptr, 1, piece.len, out) == piece.len ||
           err_set(err, ERR_IO, "could not write the report");
}

static bool write_file(struct session *session, int64_t run, enum report_format format,
                       const char *name, struct err *err)
{
    AUTO_BUF struct buf shown = {0};
    bool legacy = cli_has(session->cli, "legacy-name");
    const char *file = cli_get(session->cli, name);
    if (!reports_write(session, run, format, file, legacy, &shown, err)) {
        return false;
    }
    /* where the JSON goes to stdout nothing else does */
    bool json_on_stdout = cli_has(session->cli, "json") && cli_get(session->cli, "json") == NULL;
    (void)fprintf(json_on_stdout ? stderr : stdout, "Report of run %" PRId64 ": %s\n", run,
                  buf_z(&shown));
    return true;
}

/* Both files in reports/, unless the options ask for one of them or for stdout. */
static bool write_all(struct session *session, int64_t run, struct err *err)
{
    const struct cli *cli = session->cli;
    bool json = cli_has(cli, "json");
    bool html = cli_has(cli, "html");
    if ((html || !json) && !write_file(session, run, REPORT_HTML, "html", err)) {
        return false;
    }
    if (json && cli_get(cli, "json") == NULL) {
        return engine_report_json(session->engine, run, print_piece, stdout, err);
    }
    return (html && !json) || write_file(session, run, REPORT_JSON, "json", err);
}

static int run_report(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    int64_t id;
    bool ok = session_open(&session, cli, SESSION_READ, err) && session_run(&session, &id, err) &&
              write_all(&session, id, err);
    return ok ? 0 : command_fail(err);
}

static const char *const examples[] = {
    "steward report last",
    "steward report last --html boss.html",
    "steward report 7 --json /tmp/run-7.json",
    NULL,
};

const struct command command_report = {
    .name = "report",
    .summary = "write the report of a run",
    .usage = "RUN [--html [FILE]] [--json [FILE]] [options]",
    .description =
        "Makes the report of a run from the journal and the plan, at any time, also after a "
        "crash: totals, charts, each change with its values before and after, failures with "
        "their causes and what to do, places of backups, bad rows, calls and latencies, "
        "integrity.\n\n"
        "It is written to reports/run-RUN.html, a page that needs no network and no script, "
        "and to reports/run-RUN.json, unless --html or --json ask for one of them; apply and "
        "resume do so by themselves when they end. Both hold the personal data that the "
        "changes are about. The schema is schemas/report.schema.json.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 1,
    .max_args = 1,
    .run = run_report,
};
