/* SPDX-License-Identifier: MIT */
/*
 * steward runs: what was done in this workspace.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <stdio.h>

#include "command/session.h"
#include "command/view.h"

struct lister {
    bool json;
    uint64_t count;
};

static void print_row(const struct run *run, bool first)
{
    if (first) {
        (void)printf("%3s %-11s %-10s %-17s %-16s %7s %4s %5s\n", "RUN", "STATE", "JOB", "RULES",
                     "PLANNED (UTC)", "CHANGES", "DONE", "OTHER");
    }
    char planned[CLOCK_TEXT_BYTES] = "-";
    if (run->planned_at_ms != 0) {
        clock_rfc3339(run->planned_at_ms, planned);
        planned[10] = ' '; /* "2026-11-24 18:15": to the minute, so that a row fits 80 columns */
        planned[16] = '\0';
    }
    /* what a person has to look at */
    uint64_t other =
        run->counts[CHANGE_FAILED] + run->counts[CHANGE_SKIPPED] + run->counts[CHANGE_UNKNOWN];
    (void)printf("%3" PRId64 " %-11s %-10s %-17s %-16s %7" PRIu64 " %4" PRIu64 " %5" PRIu64 "\n",
                 run->id, run_state_name(run->state), run->job, run->rules, planned,
                 run->plan.changes, run->counts[CHANGE_VERIFIED], other);
}

static bool list_run(void *ctx, const struct run *run)
{
    struct lister *lister = ctx;
    if (lister->json) {
        AUTO_BUF struct buf text = {0};
        view_run_summary_json(run, &text);
        (void)printf("%s%s", lister->count == 0 ? "\n" : ",\n", buf_z(&text));
    } else {
        print_row(run, lister->count == 0);
    }
    lister->count++;
    return true;
}

static int run_runs(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    if (!session_open(&session, cli, SESSION_READ, err)) {
        return command_fail(err);
    }
    struct lister lister = {.json = cli->json};
    if (cli->json) {
        (void)fputs("{\"runs\":[", stdout);
    }
    if (!journal_run_each(engine_journal(session.engine), list_run, &lister, err)) {
        return command_fail(err);
    }
    if (cli->json) {
        (void)fputs("]}\n", stdout);
    } else if (lister.count == 0) {
        (void)fputs("There are no runs yet.\n", stdout);
    }
    return 0;
}

const struct command command_runs = {
    .name = "runs",
    .summary = "list the runs of the workspace",
    .usage = "[options]",
    .description =
        "Lists the runs of the workspace, the oldest first: state, job, rule set, and how "
        "many changes are verified or need a look (failed, skipped, unknown).",
    .safety = SAFETY_READ_ONLY,
    .run = run_runs,
};
