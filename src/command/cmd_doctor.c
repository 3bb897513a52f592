/* SPDX-License-Identifier: MIT */
/*
 * steward doctor [REMOTE]: is everything in place for a run?
 */
#include "command/registry.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "command/doctor.h"
#include "command/session.h"

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

static size_t count_failed(const struct checkup *checkup)
{
    size_t failed = 0;
    for (size_t i = 0; i < checkup->count; i++) {
        failed += checkup->checks[i].finding == FINDING_FAIL;
    }
    return failed;
}

static void print_table(const struct checkup *checkup)
{
    for (size_t i = 0; i < checkup->count; i++) {
        const struct check *check = &checkup->checks[i];
        (void)printf("%-4s  %-26s  %s\n", finding_name(check->finding), check->name, check->detail);
        if (check->fix != NULL) {
            (void)printf("      fix: %s\n", check->fix);
        }
    }
}

static void print_json(const struct checkup *checkup)
{
    AUTO_BUF struct buf out = {0};
    buf_printf(&out, "{\"ok\":%s,\"checks\":[", count_failed(checkup) == 0 ? "true" : "false");
    for (size_t i = 0; i < checkup->count; i++) {
        const struct check *check = &checkup->checks[i];
        buf_addz(&out, i == 0 ? "\n{\"name\":" : ",\n{\"name\":");
        buf_add_json(&out, str_of(check->name));
        buf_printf(&out, ",\"status\":\"%s\",\"detail\":", finding_name(check->finding));
        buf_add_json(&out, str_of(check->detail));
        buf_addz(&out, ",\"fix\":");
        if (check->fix != NULL) {
            buf_add_json(&out, str_of(check->fix));
        } else {
            buf_addz(&out, "null");
        }
        buf_addc(&out, '}');
    }
    buf_addz(&out, "]}\n");
    (void)fwrite(out.ptr, 1, out.len, stdout);
}

static void examine(struct session *session, const struct cli *cli, struct checkup *checkup)
{
    struct err err = {0};
    if (!session_settings(session, cli, &err)) {
        checkup_add(checkup, "configuration", FINDING_FAIL, "%s", err.message);
        if (err.hint[0] != '\0') {
            checkup_fix(checkup, "%s", err.hint);
        }
        return;
    }
    checkup_add(checkup, "configuration", FINDING_OK, "can be read");
    AUTO_CLOSE int workspace = -1;
    if (!fs_open_dir(AT_FDCWD, session_workspace(cli), &workspace, &err)) {
        checkup_add(checkup, "workspace", FINDING_FAIL, "%s", err.message);
        return;
    }
    doctor_local(checkup, workspace, session_workspace(cli), &session->settings, cli->env);
    const char *remote = cli->arg_count > 0 ? cli->args[0] : NULL;
    if (remote == NULL || strcmp(remote, "devrev") == 0) {
        doctor_devrev(checkup, workspace, &session->settings);
    }
    /* who does not use it needs no settings of it */
    if (remote != NULL ? strcmp(remote, "snowflake") == 0
                       : session->settings.snowflake_account != NULL) {
        doctor_snowflake(checkup, &session->settings);
    }
}

static int run_doctor(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    struct checkup checkup = {0};
    examine(&session, cli, &checkup);
    if (cli->json) {
        print_json(&checkup);
    } else {
        print_table(&checkup);
    }
    size_t failed = count_failed(&checkup);
    size_t total = checkup.count;
    checkup_done(&checkup);
    if (failed == 0) {
        return 0;
    }
    (void)err_set(err, ERR_REMOTE, "could not find everything in order: %zu of %zu checks failed",
                  failed, total);
    return command_fail(err);
}

static const struct choice choices[] = {
    {"devrev", "the workspace and DevRev"},
    {"snowflake", "the workspace and Snowflake"},
    {NULL, NULL},
};

const struct command command_doctor = {
    .name = "doctor",
    .summary = "check configuration, token, permissions, disk and clock",
    .usage = "[REMOTE] [options]",
    .description =
        "Checks what a run needs: configuration, workspace, modes of files with secrets "
        "and personal "
        "data, disk space, journal, another steward; and of the remote: round-trip "
        "time, token, owner, "
        "expiry, permissions by harmless reads, calls left, clock. Each failure comes "
        "with what to do. "
        "Nothing is changed.\n\n"
        "Snowflake: sign-in, role, warehouse, and whether the queries that ship can read "
        "their view, by three statements of one row; a suspended warehouse with "
        "AUTO_RESUME starts for it. Without REMOTE it is looked at where "
        "SNOWFLAKE_ACCOUNT is set.\n\n"
        "Exit code 0: nothing failed; 1: something did.",
    .choices = choices,
    .safety = SAFETY_READ_ONLY,
    .max_args = 1,
    .run = run_doctor,
};
