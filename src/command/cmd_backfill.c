/* SPDX-License-Identifier: MIT */
/*
 * steward backfill: plans, and with --apply applies in one go.
 */
#include "command/registry.h"

#include <string.h>

#include "command/planned.h"
#include "command/session.h"
#include "command/view.h"
#include "command/work.h"
#include "job/backfill.h"
#include "job/source.h"

static const char *const sources[] = {"csv", "snowflake", NULL};

static const struct option options[] = {
    {.name = "csv",
     .argument = "FILE",
     .help = "the issues (default: the setting CSV_INPUT_PATH)",
     .setting = "CSV_INPUT_PATH"},
    {.name = "source",
     .argument = "NAME",
     .help = "where issues come from: csv or snowflake",
     .among = sources},
    {.name = "query",
     .argument = "FILE",
     .help = "with --source snowflake: issues or a file (default: issues)"},
    {.name = "field",
     .argument = "NAME",
     .help = "the custom field to fill (default: " BACKFILL_FIELD ")"},
    {.name = "overwrite", .help = "also where a different value is there"},
    {.name = "csv-out",
     .argument = "FILE",
     .help = "write the decision for every row there",
     .setting = "CSV_OUTPUT_PATH"},
    PLANNED_OPTIONS,
    WORK_OPTIONS,
    {.name = NULL},
};

static struct backfill_options backfill_options(const struct session *session)
{
    const struct cli *cli = session->cli;
    return (struct backfill_options){
        .csv_path = session->settings.csv_input_path,
        .source = planned_source(cli),
        .query = cli_get(cli, "query"),
        .field = cli_get(cli, "field"),
        .overwrite = cli_has(cli, "overwrite"),
        .strict = cli_has(cli, "strict"),
        .csv_out = session->settings.csv_output_path,
    };
}

/* "issues.csv", "snowflake:issues" */
static void describe_source(const struct backfill_options *backfill, struct buf *out)
{
    if (backfill->source == NULL) {
        buf_addz(out, backfill->csv_path);
        return;
    }
    const struct source_options source = {
        .name = backfill->source, .query = backfill->query != NULL ? backfill->query : "issues"};
    source_describe(&source, out);
}

static bool plan(struct session *session, int64_t *ret_run, struct plan_summary *ret,
                 struct err *err)
{
    const struct backfill_options backfill = backfill_options(session);
    const char *field = backfill.field != NULL ? backfill.field : BACKFILL_FIELD;
    AUTO_BUF struct buf options_json = {0};
    AUTO_BUF struct buf source = {0};
    describe_source(&backfill, &source);
    buf_addz(&options_json, backfill.source != NULL ? "{\"source\":" : "{\"csv\":");
    buf_add_json(&options_json, buf_str(&source));
    buf_addz(&options_json, ",\"field\":");
    buf_add_json(&options_json, str_of(field));
    buf_printf(&options_json, ",\"overwrite\":%s,\"strict\":%s}",
               backfill.overwrite ? "true" : "false", backfill.strict ? "true" : "false");
    const struct plan_intent intent = {
        .job = &backfill_job,
        .job_options = &backfill,
        .rules = field,
        .source = buf_z(&source),
        .options_json = buf_z(&options_json),
    };
    return engine_plan(session->engine, &intent, ret_run, ret, err);
}

static bool show(struct session *session, const struct run *run, const struct plan_summary *summary,
                 struct err *err)
{
    const struct cli *cli = session->cli;
    if (cli->json) {
        return cli_has(cli, "apply") || session_print_outcome(session, run->id, err);
    }
    if (!view_preview(session->engine, &backfill_job, run, summary, stdout, err)) {
        return false;
    }
    if (!cli_has(cli, "apply")) {
        planned_next(run);
    }
    (void)fflush(stdout); /* before a question about it */
    return true;
}

static bool plan_and_go_on(struct session *session, struct err *err)
{
    int64_t id;
    struct plan_summary summary = {0};
    struct arena arena = {0};
    struct run run;
    bool ok = plan(session, &id, &summary, err) &&
              journal_run_get(engine_journal(session->engine), id, &arena, &run, err) &&
              show(session, &run, &summary, err) &&
              (!cli_has(session->cli, "apply") || planned_apply(session, &backfill_job, &run, err));
    arena_done(&arena);
    return ok && planned_bad_rows(&summary, err);
}

static bool validate(const struct session *session, struct err *err)
{
    struct plan_summary summary = {0};
    const char *path = session->settings.csv_input_path;
    return backfill_validate(path, session->stop, &summary, err) &&
           planned_validated(session->cli, path, &summary, err);
}

static int run_backfill(struct cli *cli, struct err *err)
{
    static const struct planning planning = {.validate = validate, .plan = plan_and_go_on};
    return planned_run(cli, &planning, err);
}

static const char *const examples[] = {
    "steward backfill --csv issues.csv",
    "steward backfill --csv issues.csv --validate-only",
    "steward backfill --source snowflake --apply",
    NULL,
};

const struct command command_backfill = {
    .name = "backfill",
    .summary = "fill one missing field of many issues with their creators' groups",
    .usage = "[--csv FILE | --source snowflake] [--field NAME] [--apply] [options]",
    .description =
        "Reads issues (issue_id,creator_user_id,assigned_group,creator_group), looks up the group "
        "of each creator, stores the plan and prints the preview. Where a creator is in several "
        "groups, assigned_group decides; who is unknown, inactive or ambiguous is left to people "
        "and named. Nothing of the remote is changed.\n\n"
        "When the plan is applied each issue is read first: one that is gone, was created by "
        "somebody else, or holds another value by now is skipped and reported; one that is right "
        "already is left alone. Each write is read back. `steward undo` puts the old values back "
        "where they are still ours.\n\n"
        "Exit code 3: some rows are bad, or some changes are not done.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_CHANGES_REMOTE,
    .run = run_backfill,
};
