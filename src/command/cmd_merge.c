/* SPDX-License-Identifier: MIT */
/*
 * steward merge: plans, and with --apply applies in one go.
 */
#include "command/registry.h"

#include <string.h>

#include "command/planned.h"
#include "command/score.h"
#include "command/session.h"
#include "command/view.h"
#include "command/work.h"
#include "job/merge.h"
#include "job/source.h"

#define ALWAYS_VERIFIED "always done, for each pair; taken for old command lines"

static const char *const sources[] = {"csv", "snowflake", "devrev", NULL};

static const struct option options[] = {
    {.name = "csv",
     .argument = "FILE",
     .help = "the contacts (default: the setting CSV_INPUT_PATH)",
     .setting = "CSV_INPUT_PATH"},
    {.name = "source",
     .argument = "NAME",
     .help = "where contacts come from: csv, snowflake or devrev (a live scan)",
     .among = sources},
    {.name = "query",
     .argument = "FILE",
     .help = "with --source snowflake: contacts, pivot or a file (default: by the rules)"},
    {.name = "rules",
     .argument = "NAME",
     .help = "rule set, a name or a file (default: revu-pairs)"},
    {.name = "map",
     .argument = "FILE",
     .help = "which header of the input is which column of the rules (YAML)"},
    {.name = "csv-out",
     .argument = "FILE",
     .help = "write the decision for every row there",
     .setting = "CSV_OUTPUT_PATH"},
    {.name = "score", .help = "compare the decisions with the labels in the input"},
    PLANNED_OPTIONS,
    {.name = "verify-contacts", .help = ALWAYS_VERIFIED},
    {.name = "verify-tickets", .help = ALWAYS_VERIFIED},
    {.name = "verify-conversations", .help = ALWAYS_VERIFIED},
    WORK_OPTIONS,
    CARRY_OPTION,
    {.name = NULL},
};

/* With --json the score takes the place of the run's document, of which there is only one. */
static bool check_score(const struct cli *cli, struct err *err)
{
    const char *other = cli_has(cli, "resume")               ? "--resume"
                        : cli_has(cli, "validate-only")      ? "--validate-only"
                        : cli->json && cli_has(cli, "apply") ? "--apply --json"
                                                             : NULL;
    if (!cli_has(cli, "score") || other == NULL) {
        return true;
    }
    (void)err_set(err, ERR_USAGE, "could not use '--score' together with '%s'", other);
    return err_hint(err, "Score first, then apply the run that was scored.");
}

/* "contacts.csv", "snowflake:contacts", "devrev" */
static void describe_source(const struct merge_options *merge, struct buf *out)
{
    if (merge->source == NULL) {
        buf_addz(out, merge->csv_path);
        return;
    }
    const struct source_options source = {
        .name = merge->source, .query = merge->query, .rules = merge->rules};
    source_describe(&source, out);
}

static void add_or_null(struct buf *out, const char *text)
{
    if (text != NULL) {
        buf_add_json(out, str_of(text));
    } else {
        buf_addz(out, "null");
    }
}

/* What the run was planned with, for the journal. */
static void describe_options(const struct merge_options *merge, const char *source, struct buf *out)
{
    buf_addz(out, merge->source != NULL ? "{\"source\":" : "{\"csv\":");
    buf_add_json(out, str_of(source));
    buf_addz(out, ",\"rules\":");
    buf_add_json(out, str_of(merge->rules));
    buf_addz(out, ",\"map\":");
    add_or_null(out, merge->map);
    buf_addz(out, ",\"csv_out\":");
    add_or_null(out, merge->csv_out);
    buf_printf(out, ",\"strict\":%s}", merge->strict ? "true" : "false");
}

static struct merge_options merge_options(const struct session *session)
{
    const struct cli *cli = session->cli;
    const char *rules = cli_get(cli, "rules");
    return (struct merge_options){
        .csv_path = session->settings.csv_input_path,
        .source = planned_source(cli),
        .query = cli_get(cli, "query"),
        .rules = rules != NULL ? rules : "revu-pairs",
        .map = cli_get(cli, "map"),
        .csv_out = session->settings.csv_output_path,
        .strict = cli_has(cli, "strict"),
    };
}

/* A rule set that was named and does not exist is a mistake on the command line. */
static bool blame_rules(struct err *err)
{
    if (err->kind == ERR_NOT_FOUND) {
        err->kind = ERR_USAGE;
    }
    return false;
}

static bool plan(struct session *session, struct merge_score *score, int64_t *ret_run,
                 struct plan_summary *ret, struct err *err)
{
    struct merge_options merge = merge_options(session);
    merge.score = score;
    AUTO_BUF struct buf options_json = {0};
    AUTO_BUF struct buf source = {0};
    describe_source(&merge, &source);
    describe_options(&merge, buf_z(&source), &options_json);
    const struct plan_intent intent = {
        .job = &merge_job,
        .job_options = &merge,
        .rules = merge.rules,
        .source = buf_z(&source),
        .options_json = buf_z(&options_json),
    };
    return engine_plan(session->engine, &intent, ret_run, ret, err) || blame_rules(err);
}

/* What was planned, on stdout; `score` NULL: not wanted. */
static bool show_plan(struct session *session, const struct run *run,
                      const struct plan_summary *summary, const struct merge_score *score,
                      struct err *err)
{
    const struct cli *cli = session->cli;
    if (cli->json) {
        if (score != NULL) {
            score_json(score, run, stdout);
        }
        return true;
    }
    if (!view_preview(session->engine, &merge_job, run, summary, stdout, err)) {
        return false;
    }
    if (score != NULL) {
        score_table(score, stdout);
    }
    if (!cli_has(cli, "apply")) {
        planned_next(run);
    }
    (void)fflush(stdout); /* before a question about it */
    return true;
}

/* The rest of a run that was planned: preview, and with --apply the changes. */
static bool go_on(struct session *session, const struct run *run,
                  const struct plan_summary *summary, const struct merge_score *score,
                  struct err *err)
{
    const struct cli *cli = session->cli;
    if (!show_plan(session, run, summary, score, err)) {
        return false;
    }
    if (!cli_has(cli, "apply")) {
        return !cli->json || score != NULL || session_print_outcome(session, run->id, err);
    }
    return planned_apply(session, &merge_job, run, err);
}

static bool plan_and_go_on(struct session *session, struct merge_score *score, struct err *err)
{
    int64_t id;
    struct plan_summary summary = {0};
    if (!plan(session, score, &id, &summary, err)) {
        return false;
    }
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine_journal(session->engine), id, &arena, &run, err) &&
              go_on(session, &run, &summary, score, err);
    arena_done(&arena);
    return ok && planned_bad_rows(&summary, err);
}

/* --validate-only: nothing is written, so neither a lock nor a journal is needed. */
static bool validate(const struct session *session, struct err *err)
{
    const struct merge_options merge = merge_options(session);
    struct plan_summary summary = {0};
    if (!merge_validate(&merge, &summary, err)) {
        return blame_rules(err);
    }
    return planned_validated(session->cli, merge.csv_path, &summary, err);
}

static bool plan_and_score(struct session *session, struct err *err)
{
    struct merge_score score = {0};
    bool ok = plan_and_go_on(session, cli_has(session->cli, "score") ? &score : NULL, err);
    merge_score_done(&score);
    return ok;
}

static int run_merge(struct cli *cli, struct err *err)
{
    static const struct planning planning = {
        .check = check_score, .validate = validate, .plan = plan_and_score};
    return planned_run(cli, &planning, err);
}

static const char *const examples[] = {
    "steward merge --csv contacts.csv",
    "steward merge --source snowflake",
    "steward merge --csv labelled.csv --rules external-contacts --score",
    "steward merge --csv contacts.csv --csv-out decisions.csv --apply",
    NULL,
};

const struct command command_merge = {
    .name = "merge",
    .summary = "find duplicate contacts and merge each loser into its survivor",
    .usage = "[--csv FILE | --source NAME] [--rules NAME] [--csv-out FILE] [--apply] [options]",
    .description =
        "Reads the contacts, from a CSV file, by a query of Snowflake or from DevRev itself, "
        "decides by a rule set, stores the plan and prints the preview: "
        "totals, the "
        "changes with the values that each will lose, what is left to people, bad rows. Nothing of "
        "the "
        "remote is changed.\n\n"
        "--map names the headers of a file that has its own: columns: {id: \"Contact Id\", email: "
        "Mail}. --score compares the decisions with labels that people gave, where the input has "
        "them: precision and recall of merge and keep, by strategy, and the rows that "
        "disagree.\n\n"
        "With --apply the plan is applied at once, after a question; --yes answers it. Without a "
        "terminal and without --yes it is refused with exit code 4, and the plan is kept.\n\n"
        "Exit code 3: some rows are bad, or some changes are not done.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_CHANGES_REMOTE,
    .run = run_merge,
};
