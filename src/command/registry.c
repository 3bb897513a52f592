/* SPDX-License-Identifier: MIT */
/*
 * The list of commands. A command is added here and in its own file, nowhere else.
 */
#include "command/registry.h"

#include <string.h>

/* one a line */
/* clang-format off */
const struct command *const commands[] = {
    &command_merge,
    &command_backfill,
    &command_validate,
    &command_approve,
    &command_refuse,
    &command_apply,
    &command_resume,
    &command_pause,
    &command_continue,
    &command_slow,
    &command_verify,
    &command_undo,
    &command_report,
    &command_runs,
    &command_show,
    &command_links,
    &command_backups,
    &command_rules,
    &command_audit,
    &command_doctor,
    &command_sample,
    &command_sandbox,
    &command_completion,
    &command_help,
    NULL,
};
/* clang-format on */

const struct command *command_find(const char *name)
{
    for (const struct command *const *c = commands; *c != NULL; c++) {
        if (strcmp((*c)->name, name) == 0) {
            return *c;
        }
    }
    return NULL;
}

const char *safety_name(enum safety safety)
{
    static const char *const names[] = {
#define X(safety, name, text) name,
        SAFETY_CLASSES(X)
#undef X
    };
    return names[safety];
}

const char *safety_text(enum safety safety)
{
    static const char *const texts[] = {
#define X(safety, name, text) text,
        SAFETY_CLASSES(X)
#undef X
    };
    return texts[safety];
}

int command_fail(const struct err *err)
{
    return err_exit_code(err->kind);
}

void command_print_error(FILE *out, const struct err *err)
{
    (void)fprintf(out, "steward: %s\n", err->message);
    if (err->hint[0] != '\0') {
        (void)fprintf(out, "hint: %s\n", err->hint);
    }
}
