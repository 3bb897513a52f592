/* SPDX-License-Identifier: MIT */
/*
 * steward doctor [REMOTE]: is everything in place for a run?
 */
#include "command/registry.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/queue.h"
#include "command/doctor.h"
#include "command/session.h"
#include "net/http.h"

void checkup_done(struct checkup *checkup)
{
    free(checkup->checks);
    arena_done(&checkup->arena);
}

void checkup_add(struct checkup *checkup, const char *name, enum finding finding, const char *fmt,
                 ...)
{
    if (checkup->count == checkup->capacity) {
        checkup->capacity = checkup->capacity == 0 ? 32 : checkup->capacity * 2;
        checkup->checks = xrealloc(checkup->checks, checkup->capacity, sizeof(*checkup->checks));
    }
    AUTO_BUF struct buf detail = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&detail, fmt, args);
    va_end(args);
    checkup->checks[checkup->count++] =
        (struct check){name, finding, arena_strdup(&checkup->arena, buf_z(&detail)), NULL};
}

void checkup_fix(struct checkup *checkup, const char *fmt, ...)
{
    AUTO_BUF struct buf fix = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&fix, fmt, args);
    va_end(args);
    checkup->checks[checkup->count - 1].fix = arena_strdup(&checkup->arena, buf_z(&fix));
}

static const char *finding_name(enum finding finding)
{
    switch (finding) {
    case FINDING_OK:
        return "ok";
    case FINDING_WARN:
        return "warn";
    case FINDING_FAIL:
        return "fail";
    }
    return "";
}

/* --- the doctors ----------------------------------------------------------------------------- */

/* What all of them may read. */
struct place {
    const struct settings *settings;
    const char *workspace;
    int workspace_fd;
    const char *env_file;
    struct doctor_question question;
};

/* One doctor, in a thread of its own. */
struct round {
    const struct doctor *doctor;
    const struct place *place;
    struct checkup checkup;
    pthread_t thread;
    bool started;
};

static void see_local(struct checkup *checkup, const struct place *place)
{
    doctor_local(checkup, place->workspace_fd, place->workspace, place->settings, place->env_file);
}

static void see_devrev(struct checkup *checkup, const struct place *place)
{
    doctor_devrev(checkup, place->workspace_fd, place->settings);
}

static void see_limits(struct checkup *checkup, const struct place *place)
{
    doctor_limits(checkup, place->workspace_fd, place->workspace, place->settings,
                  &place->question);
}

static void see_snowflake(struct checkup *checkup, const struct place *place)
{
    doctor_snowflake(checkup, place->settings);
}

static void see_mail(struct checkup *checkup, const struct place *place)
{
    doctor_mail(checkup, place->settings);
}

static void see_slack(struct checkup *checkup, const struct place *place)
{
    doctor_slack(checkup, place->settings);
}

static bool is_usual(const struct settings *settings)
{
    (void)settings;
    return true;
}

static bool is_asked_for(const struct settings *settings)
{
    (void)settings;
    return false;
}

static bool has_snowflake(const struct settings *settings)
{
    return settings->snowflake_account != NULL;
}

static bool has_mail(const struct settings *settings)
{
    return settings->alert_email != NULL || settings->smtp_host != NULL;
}

static bool has_slack(const struct settings *settings)
{
    return secret_is_set(&settings->slack_webhook);
}

/* In the order of the table. Who does not use a thing needs no settings of it. */
static const struct doctor {
    const char *name; /* as the argument; NULL: always */
    bool (*is_set_up)(const struct settings *settings);
    void (*see)(struct checkup *checkup, const struct place *place);
} doctors[] = {
    {NULL, is_usual, see_local},          {"devrev", is_usual, see_devrev},
    {"limits", is_asked_for, see_limits}, {"snowflake", has_snowflake, see_snowflake},
    {"mail", has_mail, see_mail},         {"slack", has_slack, see_slack},
};

struct visit {
    struct checkup first; /* before there are settings */
    struct round rounds[ARRAY_LEN(doctors)];
    size_t count;
};

static void *see(void *arg)
{
    struct round *round = arg;
    round->doctor->see(&round->checkup, round->place);
    return NULL;
}

/* All at once, because they mostly wait. One whose thread cannot start works here. */
static void see_all(struct visit *visit, const struct place *place, const char *only)
{
    for (size_t i = 0; i < ARRAY_LEN(doctors); i++) {
        const struct doctor *doctor = &doctors[i];
        if (doctor->name == NULL ||
            (only != NULL ? strcmp(only, doctor->name) == 0 : doctor->is_set_up(place->settings))) {
            visit->rounds[visit->count++] = (struct round){.doctor = doctor, .place = place};
        }
    }
    for (size_t i = 0; i < visit->count; i++) {
        struct round *round = &visit->rounds[i];
        struct err err = {0};
        round->started = thread_start(&round->thread, "doctor", see, round, &err);
        if (!round->started) {
            (void)see(round); /* returns nothing */
        }
    }
    for (size_t i = 0; i < visit->count; i++) {
        if (visit->rounds[i].started) {
            pthread_join(visit->rounds[i].thread, NULL);
        }
    }
}

static void visit_done(struct visit *visit)
{
    checkup_done(&visit->first);
    for (size_t i = 0; i < visit->count; i++) {
        checkup_done(&visit->rounds[i].checkup);
    }
}

/* --- what they found --------------------------------------------------------------------------- */

static void each_check(const struct visit *visit,
                       void (*each)(void *ctx, const struct check *check), void *ctx)
{
    for (size_t i = 0; i < visit->first.count; i++) {
        each(ctx, &visit->first.checks[i]);
    }
    for (size_t r = 0; r < visit->count; r++) {
        const struct checkup *checkup = &visit->rounds[r].checkup;
        for (size_t i = 0; i < checkup->count; i++) {
            each(ctx, &checkup->checks[i]);
        }
    }
}

struct sum {
    size_t total;
    size_t failed;
};

static void count(void *ctx, const struct check *check)
{
    struct sum *sum = ctx;
    sum->total++;
    sum->failed += check->finding == FINDING_FAIL;
}

static void print_row(void *ctx, const struct check *check)
{
    (void)ctx;
    (void)printf("%-4s  %-26s  %s\n", finding_name(check->finding), check->name, check->detail);
    if (check->fix != NULL) {
        (void)printf("      fix: %s\n", check->fix);
    }
}

static void add_row(void *ctx, const struct check *check)
{
    struct buf *out = ctx;
    buf_addz(out, out->ptr[out->len - 1] == '[' ? "\n{\"name\":" : ",\n{\"name\":");
    buf_add_json(out, str_of(check->name));
    buf_printf(out, ",\"status\":\"%s\",\"detail\":", finding_name(check->finding));
    buf_add_json(out, str_of(check->detail));
    buf_addz(out, ",\"fix\":");
    if (check->fix != NULL) {
        buf_add_json(out, str_of(check->fix));
    } else {
        buf_addz(out, "null");
    }
    buf_addc(out, '}');
}

static void add_estimate(const struct visit *visit, struct buf *out)
{
    for (size_t r = 0; r < visit->count; r++) {
        const struct estimate *estimate = &visit->rounds[r].checkup.estimate;
        if (estimate->known) {
            buf_printf(
                out, ",\n\"estimate\":{\"changes\":%" PRId64 ",\"calls\":%" PRId64 ",\"seconds\":",
                estimate->changes, estimate->calls);
            if (estimate->seconds >= 0) {
                buf_printf(out, "%" PRId64 "}", estimate->seconds);
            } else {
                buf_addz(out, "null}");
            }
        }
    }
}

static void print_json(const struct visit *visit, bool ok)
{
    AUTO_BUF struct buf out = {0};
    buf_printf(&out, "{\"ok\":%s,\"checks\":[", ok ? "true" : "false");
    each_check(visit, add_row, &out);
    buf_addc(&out, ']');
    add_estimate(visit, &out);
    buf_addz(&out, "}\n");
    (void)fwrite(out.ptr, 1, out.len, stdout);
}

/* --- the command ------------------------------------------------------------------------------- */

static void examine(struct session *session, const struct cli *cli,
                    const struct doctor_question *question, struct visit *visit)
{
    struct checkup *first = &visit->first;
    struct err err = {0};
    if (!session_settings(session, cli, &err)) {
        checkup_add(first, "configuration", FINDING_FAIL, "%s", err.message);
        checkup_fix(first, "%s", err.hint[0] != '\0' ? err.hint : "Put it right where it is set.");
        return;
    }
    checkup_add(first, "configuration", FINDING_OK, "can be read");
    AUTO_CLOSE int workspace = -1;
    if (!fs_open_dir(AT_FDCWD, session_workspace(cli), &workspace, &err)) {
        checkup_add(first, "workspace", FINDING_FAIL, "%s", err.message);
        checkup_fix(first, "Give an existing directory with --workspace.");
        return;
    }
    const struct place place = {.settings = &session->settings,
                                .workspace = session_workspace(cli),
                                .workspace_fd = workspace,
                                .env_file = cli->env,
                                .question = *question};
    http_global_init(); /* before the threads */
    see_all(visit, &place, cli->arg_count > 0 ? cli->args[0] : NULL);
}

static bool read_question(const struct cli *cli, struct doctor_question *ret, struct err *err)
{
    const char *changes = cli_get(cli, "changes");
    const char *job = cli_get(cli, "job");
    bool limits = cli->arg_count > 0 && strcmp(cli->args[0], "limits") == 0;
    *ret = (struct doctor_question){.backfill = job != NULL && strcmp(job, "backfill") == 0};
    if ((changes != NULL || job != NULL) && !limits) {
        (void)err_set(err, ERR_USAGE, "could not use '--%s' without 'limits'",
                      changes != NULL ? "changes" : "job");
        return err_hint(err, "steward doctor limits --changes 10000 --job merge");
    }
    if (changes != NULL && !num_parse_i64(str_of(changes), 1, INT64_C(1000000000), &ret->changes)) {
        return err_set(err, ERR_USAGE,
                       "could not understand --changes '%s': it must be a whole number from 1 to "
                       "1000000000",
                       changes);
    }
    return true;
}

static int run_doctor(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    struct visit visit = {0};
    struct doctor_question question;
    struct sum sum = {0};
    if (!read_question(cli, &question, err)) {
        return command_fail(err);
    }
    examine(&session, cli, &question, &visit);
    each_check(&visit, count, &sum);
    if (cli->json) {
        print_json(&visit, sum.failed == 0);
    } else {
        each_check(&visit, print_row, NULL);
    }
    visit_done(&visit);
    if (sum.failed == 0) {
        return 0;
    }
    (void)err_set(err, ERR_REMOTE, "could not find everything in order: %zu of %zu checks failed",
                  sum.failed, sum.total);
    return command_fail(err);
}

static const char *const job_names[] = {"merge", "backfill", NULL};

static const struct option options[] = {
    {.name = "changes", .argument = "N", .help = "with limits: what a run of N changes takes"},
    {.name = "job",
     .argument = "JOB",
     .help = "with limits: merge (default) or backfill",
     .among = job_names},
    {.name = NULL},
};

static const char *const examples[] = {
    "steward doctor",
    "steward doctor limits --changes 100000 --job backfill",
    NULL,
};

static const struct choice choices[] = {
    {"devrev", "the workspace and DevRev"},
    {"limits", "the workspace and the limits of DevRev"},
    {"snowflake", "the workspace and Snowflake"},
    {"mail", "the workspace and the mail server"},
    {"slack", "the workspace and Slack"},
    {NULL, NULL},
};

const struct command command_doctor = {
    .name = "doctor",
    .summary = "check configuration, token, permissions, disk and clock",
    .usage = "[REMOTE] [--changes N] [options]",
    .description =
        "Checks what a run needs: configuration, workspace, modes of files with secrets "
        "and personal "
        "data, disk space, journal, another steward; and of the remote: round-trip "
        "time, token, owner, "
        "expiry, permissions by harmless reads, calls left, clock. Each failure comes "
        "with what to do. "
        "Nothing is changed. Without REMOTE all that is set up is looked at, at the same "
        "time.\n\n"
        "limits: the configured limit, the one that the remote's answers have shown, the "
        "calls left, and with --changes how many calls a run takes and how long they last "
        "at least: by what a change cost in earlier runs, or, before ten were measured, by "
        "an estimate (merge 27, backfill 3). The remote is not asked.\n\n"
        "mail: connection, TLS and sign-in; slack: its host. Nothing is sent or posted.\n\n"
        "Snowflake: sign-in, role, warehouse, and whether the queries that ship can read "
        "their view, by three statements of one row; a suspended warehouse with "
        "AUTO_RESUME starts for it. Without REMOTE it is looked at where "
        "SNOWFLAKE_ACCOUNT is set.\n\n"
        "Exit code 0: nothing failed; 1: something did.",
    .examples = examples,
    .options = options,
    .choices = choices,
    .safety = SAFETY_READ_ONLY,
    .max_args = 1,
    .run = run_doctor,
};
