/* SPDX-License-Identifier: MIT */
#include "command/session.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "command/view.h"
#include "engine/signals.h"
#include "job/backfill.h"
#include "job/merge.h"
#include "net/http.h"

static const struct job *const jobs[] = {&merge_job, &merge_undo_job, &backfill_job,
                                         &backfill_undo_job};

const char *session_workspace(const struct cli *cli)
{
    return cli->workspace != NULL ? cli->workspace : ".";
}

static void print_warning(void *ctx, const char *text)
{
    const struct cli *cli = ctx;
    if (!cli->quiet) {
        (void)fprintf(stderr, "steward: warning: %s\n", text);
    }
}

/* Flags that are settings, as the parser met them. */
static struct settings_flag *collect_flags(struct cli *cli, size_t *ret_count)
{
    struct settings_flag *flags = arena_array(&cli->arena, cli->value_count + 1, sizeof(*flags));
    size_t count = 0;
    for (size_t i = 0; i < cli->value_count; i++) {
        const struct option *option = cli->values[i].option;
        if (option->setting != NULL) {
            const char *value = cli->values[i].value;
            flags[count++] = (struct settings_flag){
                .flag = arena_printf(&cli->arena, "--%s", option->name),
                .name = option->setting,
                .value = value != NULL ? value : "true",
            };
        }
    }
    *ret_count = count;
    return flags;
}

bool session_settings(struct session *session, const struct cli *cli, struct err *err)
{
    session->cli = cli;
    AUTO_CLOSE int workspace = -1;
    if (!fs_open_dir(AT_FDCWD, session_workspace(cli), &workspace, err)) {
        return err_hint(err, "Give an existing directory with --workspace.");
    }
    struct cli *owner = (struct cli *)(uintptr_t)cli; /* its arena holds the flags' names */
    struct settings_sources sources = {
        .workspace_fd = workspace, .env_file = cli->env, .config_file = cli->config};
    sources.flags = collect_flags(owner, &sources.flag_count);
    session->has_settings = settings_load(&session->settings, &sources, print_warning, owner, err);
    return session->has_settings;
}

bool session_is_terminal(const struct cli *cli, int fd)
{
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");
    return !cli->no_color && (no_color == NULL || no_color[0] == '\0') && isatty(fd) == 1 &&
           term != NULL && strcmp(term, "dumb") != 0;
}

static enum progress_mode progress_of(const struct cli *cli)
{
    const char *term = getenv("TERM");
    if (cli->quiet) {
        return PROGRESS_NONE;
    }
    if (cli->json) {
        return PROGRESS_JSON;
    }
    return isatty(STDERR_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0 ? PROGRESS_LIVE
                                                                                   : PROGRESS_LINES;
}

static enum log_level stderr_level(const struct session *session)
{
    if (session->cli->quiet) {
        return LOG_OFF;
    }
    if (!session->cli->verbose) {
        return LOG_WARN;
    }
    return session->settings.log_level < LOG_INFO ? session->settings.log_level : LOG_INFO;
}

bool session_make_workspace(const struct cli *cli, struct err *err)
{
    const char *workspace = session_workspace(cli);
    if (fs_exists(AT_FDCWD, workspace) || fs_mkdirs(AT_FDCWD, workspace, err)) {
        return true;
    }
    return err_hint(err, "Give a directory that can be made with --workspace.");
}

bool session_open(struct session *session, const struct cli *cli, enum session_mode mode,
                  struct err *err)
{
    session->cli = cli;
    const char *workspace = session_workspace(cli);
    if (!session->has_settings && !session_settings(session, cli, err)) {
        return false;
    }
    if (mode != SESSION_READ) {
        http_global_init();
        session->stop = xnew(struct stop);
        stop_init(session->stop);
        if (!signals_start(session->stop, err)) {
            return false;
        }
    }
    const struct engine_options options = {
        .workspace = workspace,
        .command = cli->command->name,
        .write = mode != SESSION_READ,
        .settings = &session->settings,
        .stop = session->stop,
        .stderr_level = stderr_level(session),
        .progress = progress_of(cli),
        .color = session_is_terminal(cli, STDERR_FILENO),
    };
    session->engine = engine_open(&options, err);
    return session->engine != NULL;
}

/* The stop is left alone: the signal thread uses it as long as the process lives. */
void session_close(struct session *session)
{
    engine_close(session->engine);
    if (session->has_settings) {
        settings_done(&session->settings);
    }
}

bool session_run(struct session *session, int64_t *ret, struct err *err)
{
    return engine_find_run(session->engine, str_of(session->cli->args[0]), ret, err);
}

const struct job *session_job(const struct run *run, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        if (strcmp(jobs[i]->name, run->job) == 0) {
            return jobs[i];
        }
    }
    (void)err_set(err, ERR_CORRUPT, "could not go on with run %lld: this steward knows no job '%s'",
                  (long long)run->id, run->job);
    (void)err_hint(err, "Use the version of steward that planned it, or a newer one.");
    return NULL;
}

bool session_confirm(const struct cli *cli, const char *question, struct err *err)
{
    if (cli->yes) {
        return true;
    }
    if (isatty(STDIN_FILENO) != 1) {
        (void)err_set(err, ERR_REFUSED, "could not ask whether to apply: no terminal");
        return false;
    }
    (void)fprintf(stderr, "%s [y/N] ", question);
    (void)fflush(stderr);
    char answer[16] = "";
    if (fgets(answer, sizeof(answer), stdin) != NULL) {
        str word = str_trim_ascii(str_of(answer));
        if (str_eq_nocase(word, STR("y")) || str_eq_nocase(word, STR("yes"))) {
            return true;
        }
    }
    return err_set(err, ERR_REFUSED, "could not apply: not confirmed");
}

bool session_print_outcome(struct session *session, int64_t run_id, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine_journal(session->engine), run_id, &arena, &run, err);
    if (ok && session->cli->json) {
        ok = view_run_json(session->engine, &run, stdout, err);
    } else if (ok) {
        view_outcome(&run, stdout);
    }
    arena_done(&arena);
    return ok;
}
