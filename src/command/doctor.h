/* SPDX-License-Identifier: MIT */
/*
 * Checks of doctor: each adds one row with what it found and, where that is not as it should be, what
 * to do. Nothing is changed, here or at the remote. Each doctor works in a thread of its own, on a checkup
 * of its own.
 */
#ifndef STEWARD_COMMAND_DOCTOR_H
#define STEWARD_COMMAND_DOCTOR_H

#include <stdint.h>

#include "base/str.h"
#include "engine/settings.h"
#include "net/limiter.h"

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

/* What a run will take, at least. */
struct estimate {
    bool known;
    int64_t changes;
    int64_t calls;
    int64_t seconds; /* -1: no limit is known */
};

/* Belongs to one thread. */
struct checkup {
    struct arena arena;
    struct estimate estimate;
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

/* The workspace's limiter of DevRev, so that a doctor's calls count, too. */
struct limiter *doctor_limiter(int workspace_fd, const struct limiter_options *limits,
                               struct err *err) MUST_CHECK;

struct doctor_question {
    bool backfill;   /* else merge */
    int64_t changes; /* 0: not asked for */
};

/* Limits, and how long a run takes at them. */
void doctor_limits(struct checkup *checkup, int workspace_fd, const char *workspace,
                   const struct settings *settings, const struct doctor_question *question);

/* Mail server and Slack, as alerts use them; nothing is sent. */
void doctor_mail(struct checkup *checkup, const struct settings *settings);
void doctor_slack(struct checkup *checkup, const struct settings *settings);

/* Sign-in, warehouse and view of Snowflake. */
void doctor_snowflake(struct checkup *checkup, const struct settings *settings);

#endif
