/* SPDX-License-Identifier: MIT */
#include "command/planned.h"

#include <inttypes.h>
#include <string.h>

#include "base/num.h"
#include "command/view.h"
#include "command/work.h"

/* --- flags --------------------------------------------------------------------------------- */

/* Options of which one says what is done; each excludes those behind it. */
static const char *const exclusive[] = {"resume", "validate-only", "apply", "preview"};

static bool check_exclusive(const struct cli *cli, struct err *err)
{
    const char *first = NULL;
    for (size_t i = 0; i < ARRAY_LEN(exclusive); i++) {
        if (!cli_has(cli, exclusive[i])) {
            continue;
        }
        if (first != NULL) {
            (void)err_set(err, ERR_USAGE, "could not use '--%s' together with '--%s'", first,
                          exclusive[i]);
            return err_hint(err,
                            "Leave one of them out: a preview is what `steward %s` does anyway.",
                            cli->command->name);
        }
        first = exclusive[i];
    }
    return true;
}

const char *planned_source(const struct cli *cli)
{
    const char *source = cli_get(cli, "source");
    return source != NULL && strcmp(source, "csv") != 0 ? source : NULL;
}

static bool check_source(const struct cli *cli, struct err *err)
{
    const char *source = planned_source(cli);
    if (source != NULL && cli_has(cli, "csv")) {
        (void)err_set(err, ERR_USAGE, "could not use '--csv' together with '--source %s'", source);
        return err_hint(err, "Leave one of them out.");
    }
    if (cli_has(cli, "query") && (source == NULL || strcmp(source, "snowflake") != 0)) {
        (void)err_set(err, ERR_USAGE, "could not use '--query' without '--source snowflake'");
        return err_hint(err, "Run 'steward %s --help' for what it takes.", cli->command->name);
    }
    return true;
}

static bool check_input(const struct cli *cli, const struct settings *settings, struct err *err)
{
    if (planned_source(cli) != NULL && cli_has(cli, "validate-only")) {
        (void)err_set(err, ERR_USAGE, "could not use '--validate-only' together with '--source %s'",
                      planned_source(cli));
        return err_hint(err, "It reads a CSV file; what a source gave lies in sources/<run>.csv.");
    }
    if (planned_source(cli) != NULL || settings->csv_input_path != NULL) {
        return true;
    }
    (void)err_set(err, ERR_USAGE, "could not run 'steward %s': no input was named",
                  cli->command->name);
    return err_hint(err, "Name it with --csv FILE or --source NAME, or set CSV_INPUT_PATH.");
}

static bool check_flags(const struct cli *cli, struct err *err)
{
    if (!check_exclusive(cli, err) || !check_source(cli, err)) {
        return false;
    }
    if (cli_has(cli, "confirm") && !cli_has(cli, "apply")) {
        (void)err_set(err, ERR_USAGE, "could not use '--confirm' without '--apply'");
        return err_hint(err, "Run 'steward %s --help' for what it takes.", cli->command->name);
    }
    return true;
}

/* Who says merge does not mean a backfill. */
static bool check_resumed(struct session *session, int64_t id, struct err *err)
{
    const char *name = session->cli->command->name;
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine_journal(session->engine), id, &arena, &run, err);
    if (ok && strcmp(run.job, name) != 0) {
        (void)err_set(err, ERR_REFUSED,
                      "could not resume run %" PRId64 " by 'steward %s': it is a %s", id, name,
                      run.job);
        (void)err_hint(err, "`steward resume %" PRId64 "` goes on with it.", id);
        ok = false;
    }
    arena_done(&arena);
    return ok;
}

static int resume(struct session *session, struct err *err)
{
    int64_t run;
    if (!session_open(session, session->cli, SESSION_WRITE, err) ||
        !engine_find_resumable(session->engine, &run, err) || !check_resumed(session, run, err)) {
        return command_fail(err);
    }
    return work_on_run(session, run, engine_resume, err);
}

int planned_run(struct cli *cli, const struct planning *planning, struct err *err)
{
    AUTO_SESSION struct session session = {.cli = cli};
    if (!check_flags(cli, err) || (planning->check != NULL && !planning->check(cli, err))) {
        return command_fail(err);
    }
    if (cli_has(cli, "resume")) {
        return resume(&session, err);
    }
    bool only_rows = cli_has(cli, "validate-only");
    bool ok = (only_rows || session_make_workspace(cli, err)) &&
              session_settings(&session, cli, err) && check_input(cli, &session.settings, err);
    if (ok && only_rows) {
        ok = planning->validate(&session, err);
    } else if (ok) {
        ok = session_open(&session, cli, SESSION_WRITE, err) && planning->plan(&session, err);
    }
    return ok ? 0 : command_fail(err);
}

/* --- what was planned ------------------------------------------------------------------------ */

void planned_next(const struct run *run)
{
    if (run->plan.changes != 0) {
        (void)printf("\nNext: steward apply %" PRId64 "\n", run->id);
    }
}

static bool confirm(const struct cli *cli, const struct run *run, struct err *err)
{
    const char *text = cli_get(cli, "confirm");
    if (text != NULL) {
        int64_t count;
        if (num_parse_i64(str_of(text), 0, INT64_MAX, &count) &&
            (uint64_t)count == run->plan.changes) {
            return true;
        }
        (void)err_set(err, ERR_REFUSED,
                      "could not apply run %" PRId64 ": it holds %" PRIu64 " changes, not '%s'",
                      run->id, run->plan.changes, text);
    } else {
        char question[80];
        (void)snprintf(question, sizeof(question), "Apply these %" PRIu64 " changes?",
                       run->plan.changes);
        if (run->plan.changes == 0 || session_confirm(cli, question, err)) {
            return true;
        }
    }
    return err_hint(err, "The plan is kept: `steward apply %" PRId64 "` applies it.", run->id);
}

bool planned_apply(struct session *session, const struct job *job, const struct run *run,
                   struct err *err)
{
    const struct cli *cli = session->cli;
    if (!confirm(cli, run, err)) {
        struct err second = {0}; /* the refusal is the error to tell */
        (void)(cli->json && session_print_outcome(session, run->id, &second));
        return false;
    }
    bool ok = engine_apply(session->engine, job, run->id, err);
    if (!cli->json) {
        (void)putchar('\n');
    }
    struct err second = {0};
    if (!session_print_outcome(session, run->id, &second) && ok) {
        *err = second;
        return false;
    }
    return ok;
}

bool planned_bad_rows(const struct plan_summary *summary, struct err *err)
{
    if (summary->bad == 0) {
        return true;
    }
    (void)err_set(err, ERR_PARTIAL, "could not use %" PRIu64 " of %" PRIu64 " rows", summary->bad,
                  summary->rows);
    return err_hint(err, "The good rows are planned; --strict plans nothing in such a case.");
}

static void validate_json(const struct plan_summary *summary)
{
    AUTO_BUF struct buf out = {0};
    buf_printf(&out,
               "{\"rows\":%" PRIu64 ",\"good\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"bad_rows\":[",
               summary->rows, summary->rows - summary->bad, summary->bad);
    for (size_t i = 0; i < summary->first_bad_count; i++) {
        buf_printf(&out, "%s\n{\"line\":%" PRIu64 ",\"reason\":", i == 0 ? "" : ",",
                   summary->first_bad[i].line);
        buf_add_json(&out, str_of(summary->first_bad[i].reason));
        buf_addc(&out, '}');
    }
    buf_addz(&out, "]}\n");
    (void)fwrite(out.ptr, 1, out.len, stdout);
}

bool planned_validated(const struct cli *cli, const char *path, const struct plan_summary *summary,
                       struct err *err)
{
    if (cli->json) {
        validate_json(summary);
    } else {
        (void)printf("%s: %" PRIu64 " rows, %" PRIu64 " bad\n", path, summary->rows, summary->bad);
        view_bad_rows(summary, stdout);
    }
    return summary->bad == 0 ||
           err_set(err, ERR_PARTIAL, "could not use %" PRIu64 " of %" PRIu64 " rows", summary->bad,
                   summary->rows);
}
