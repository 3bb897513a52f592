/* SPDX-License-Identifier: MIT */
/* What apply and resume have in common. */
#ifndef STEWARD_COMMAND_WORK_H
#define STEWARD_COMMAND_WORK_H

#include "command/session.h"

/* Rows of an options table: pace and safety of whatever applies changes. */
#define WORK_OPTIONS                                                                               \
    {.name = "batch-size",                                                                         \
     .argument = "N",                                                                              \
     .help = "changes in a batch",                                                                 \
     .setting = "BATCH_SIZE"},                                                                     \
        {.name = "max-changes",                                                                    \
         .argument = "N",                                                                          \
         .help = "refuse to apply a plan with more changes",                                       \
         .setting = "MAX_CHANGES"},                                                                \
        {.name = "max-account-share",                                                              \
         .argument = "PERCENT",                                                                    \
         .help = "refuse to apply a plan that changes more of one account",                        \
         .setting = "MAX_ACCOUNT_SHARE"},                                                          \
        {.name = "canary",                                                                         \
         .argument = "N",                                                                          \
         .help = "so many changes go first; if all fail, the run stops",                           \
         .setting = "CANARY"},                                                                     \
        {.name = "max-batch-failures",                                                             \
         .argument = "N",                                                                          \
         .help = "failures in one batch that stop the run",                                        \
         .setting = "MAX_BATCH_FAILURES"},                                                         \
        {.name = "workers",                                                                        \
         .argument = "N",                                                                          \
         .help = "changes at the same time",                                                       \
         .setting = "WORKERS"},                                                                    \
        {.name = "retry-attempts",                                                                 \
         .argument = "N",                                                                          \
         .help = "attempts at a call, the first included",                                         \
         .setting = "MAX_RETRIES"},                                                                \
        {.name = "metrics-listen",                                                                 \
         .argument = "ADDRESS",                                                                    \
         .help = "Prometheus metrics while it works: 127.0.0.1:9464",                              \
         .setting = "METRICS_LISTEN"},                                                             \
        {.name = "monitor",                                                                        \
         .help = "progress shows CPU, memory, disk and network, too",                              \
         .setting = "MONITOR"},                                                                    \
        {.name = "profile",                                                                        \
         .argument = "FILE",                                                                       \
         .help = "where the time went: a table, and a file for speedscope",                        \
         .setting = "PROFILE",                                                                     \
         .optional = true},                                                                        \
        {.name = "backup-dir",                                                                     \
         .argument = "DIR",                                                                        \
         .help = "where backups go",                                                               \
         .setting = "BACKUP_DIR"},                                                                 \
    {                                                                                              \
        .name = "backup-compress", .help = "compress backups", .setting = "ENABLE_COMPRESSION"     \
    }

/* Of what applies merges. */
#define CARRY_OPTION                                                                               \
    {                                                                                              \
        .name = "carry-external-ref",                                                              \
        .help = "a survivor without an external reference gets the loser's",                       \
        .setting = "CARRY_EXTERNAL_REF"                                                            \
    }

/* Both; NULL-terminated. */
extern const struct option work_options[];

/* Calls `work` with the run's job, prints where the run stands, and returns the exit code. */
int work_on_run(struct session *session, int64_t run,
                bool (*work)(struct engine *engine, const struct job *job, int64_t run,
                             struct err *err),
                struct err *err);

#endif
