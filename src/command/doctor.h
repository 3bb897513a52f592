/* SPDX-License-Identifier: MIT */
/*
 * Checks of doctor: each adds one row with what it found and, where that is not as it should be, what
 * to do. Nothing is changed, here or at the remote.
 */
#ifndef STEWARD_COMMAND_DOCTOR_H
#define STEWARD_COMMAND_DOCTOR_H

#include <stdint.h>

#include "base/str.h"
#include "engine/settings.h"

enum finding {
    FINDING_OK,
    FINDING_WARN, /* works, but should be looked at */
    FINDING_FAIL,
};

struct check {
    const char *name;
    enum finding finding;
    const char *detail;
    const char *fix; /* NULL: none */
};

struct checkup {
    struct arena arena;
    struct check *checks;
    size_t count;
    size_t capacity;
};

void checkup_done(struct checkup *checkup);

void PRINTF_LIKE(4, 5) checkup_add(struct checkup *checkup, const char *name, enum finding finding,
                                   const char *fmt, ...);
/* The fix of the last row. */
void PRINTF_LIKE(2, 3) checkup_fix(struct checkup *checkup, const char *fmt, ...);

/* Workspace, modes, lock, journal, disk. */
void doctor_local(struct checkup *checkup, int workspace_fd, const char *workspace,
                  const struct settings *settings, const char *env_file);

/* Token, permissions, limits, clock of DevRev. */
void doctor_devrev(struct checkup *checkup, int workspace_fd, const struct settings *settings);

/* Sign-in, warehouse and view of Snowflake. */
void doctor_snowflake(struct checkup *checkup, const struct settings *settings);

#endif
