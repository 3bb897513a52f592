/* SPDX-License-Identifier: MIT */
/*
 * steward undo RUN: plans how a run is put back, shows it, asks, does it.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <string.h>

#include "command/session.h"
#include "command/view.h"
#include "command/work.h"
#include "engine/undo.h"

static const struct option options[] = {
    {.name = "only",
     .argument = "ID",
     .help = "undo one change: its id or its first characters, at least 4"},
    {.name = "preview", .letter = 'n', .help = "plan and show, undo nothing"},
    {.name = "dry-run", .same_as = "preview"},
    WORK_OPTIONS,
    {.name = NULL},
};

static int nothing_left(struct session *session, const struct run *run, struct err *err)
{
    if (!session->cli->json) {
        (void)printf("Run %" PRId64 ": nothing is left to undo\n", run->id);
        return 0;
    }
    return view_run_json(session->engine, run, stdout, err) ? 0 : command_fail(err);
}

/* The preview; with --json only where nothing is undone now, because then the outcome is the document. */
static bool show_plan(struct session *session, const struct job *job, const struct run *plan,
                      const struct plan_summary *summary, struct err *err)
{
    const struct cli *cli = session->cli;
    if (cli->json) {
        return !cli_has(cli, "preview") || view_run_json(session->engine, plan, stdout, err);
    }
    bool ok = view_preview(session->engine, job, plan, summary, stdout, err);
    if (ok && cli_has(cli, "preview")) {
        (void)printf("\nNext: steward apply %" PRId64 "\n", plan->id);
    }
    (void)fflush(stdout); /* before a question about it */
    return ok;
}

static bool confirm(struct session *session, const struct run *plan, struct err *err)
{
    char question[80];
    (void)snprintf(question, sizeof(question), "Undo these %" PRIu64 " changes?",
                   plan->plan.changes);
    if (session_confirm(session->cli, question, err)) {
        return true;
    }
    struct err second = {0}; /* the refusal is the error to tell */
    (void)(session->cli->json && session_print_outcome(session, plan->id, &second));
    return err_hint(err, "The plan is kept: `steward apply %" PRId64 "` carries it out.", plan->id);
}

static int go_on(struct session *session, const struct job *job, const struct run *plan,
                 const struct plan_summary *summary, struct err *err)
{
    if (!show_plan(session, job, plan, summary, err)) {
        return command_fail(err);
    }
    if (cli_has(session->cli, "preview")) {
        return 0;
    }
    if (!confirm(session, plan, err)) {
        return command_fail(err);
    }
    if (!session->cli->json) {
        (void)putchar('\n');
    }
    int code = work_on_run(session, plan->id, engine_apply, err);
    if (code == 0 && plan->plan.review != 0) {
        (void)err_set(err, ERR_PARTIAL,
                      "could not undo %" PRIu64 " changes that are not settled yet",
                      plan->plan.review);
        (void)err_hint(err, "`steward show %" PRId64 "` lists them.", plan->id);
        return command_fail(err);
    }
    return code;
}

static int undo(struct session *session, const struct run *run, struct err *err)
{
    const char *only = cli_get(session->cli, "only");
    const struct job *job = session_job(run, err);
    int64_t id = 0;
    struct plan_summary summary = {0};
    if (job == NULL ||
        !engine_plan_undo(session->engine, job, run, only != NULL ? str_of(only) : STR(""), &id,
                          &summary, err)) {
        return command_fail(err);
    }
    if (id == 0) {
        return nothing_left(session, run, err);
    }
    struct arena arena = {0};
    struct run plan;
    int code = journal_run_get(engine_journal(session->engine), id, &arena, &plan, err)
                   ? go_on(session, job->undo, &plan, &summary, err)
                   : command_fail(err);
    arena_done(&arena);
    return code;
}

static int run_undo(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    int64_t id;
    if (!session_open(&session, cli, SESSION_WRITE, err) || !session_run(&session, &id, err)) {
        return command_fail(err);
    }
    struct arena arena = {0};
    struct run run;
    int code = journal_run_get(engine_journal(session.engine), id, &arena, &run, err)
                   ? undo(&session, &run, err)
                   : command_fail(err);
    arena_done(&arena);
    return code;
}

static const char *const examples[] = {
    "steward undo last --preview",
    "steward undo 7 --only 3f9a",
    NULL,
};

const struct command command_undo = {
    .name = "undo",
    .summary = "put back what a run has done",
    .usage = "RUN [--only ID] [options]",
    .description =
        "Plans how the changes of a run are put back from their backups, shows what comes back and "
        "what cannot, asks, and does it. The undo is a run of its own: resume, verify, show and "
        "report "
        "work on it, and its changes are backed up before they are made.\n\n"
        "A merge: the loser is created anew, under a new id, and gets its tickets and "
        "conversations "
        "back where they are still the survivor's. What somebody has changed since is left as it "
        "is and "
        "named. A change whose backup is damaged is not undone. The next plans keep the two "
        "apart.\n\n"
        "--yes answers the question. Without a terminal and without --yes it is refused with exit "
        "code 4, "
        "and the plan is kept.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_CHANGES_REMOTE,
    .min_args = 1,
    .max_args = 1,
    .run = run_undo,
};
