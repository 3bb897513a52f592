/* SPDX-License-Identifier: MIT */
/* What commands have in common that plan a run, show it and, where asked to, apply it. */
#ifndef STEWARD_COMMAND_PLANNED_H
#define STEWARD_COMMAND_PLANNED_H

#include "command/session.h"

/* Rows of an options table: what is done with the input and the plan. */
#define PLANNED_OPTIONS                                                                            \
    {.name = "strict", .help = "one bad row is enough to plan nothing"},                           \
        {.name = "validate-only", .help = "read the rows, say which are bad, plan nothing"},       \
        {.name = "apply", .help = "apply the plan at once, after a question"},                     \
        {.name = "execute", .same_as = "apply"},                                                   \
        {.name = "resume", .help = "go on with the last run, as `steward resume` does"},           \
        {.name = "confirm",                                                                        \
         .argument = "COUNT",                                                                      \
         .help = "instead of the question: apply if the plan holds exactly so many changes"},      \
        {.name = "preview", .letter = 'n', .help = "plan only; this is the default"},              \
    {                                                                                              \
        .name = "dry-run", .same_as = "preview"                                                    \
    }

/* A command that plans, as planned_run takes it through its life. */
struct planning {
    bool (*check)(const struct cli *cli, struct err *err); /* flags of its own; may be NULL */
    /* --validate-only: nothing is written, so neither a lock nor a journal is there */
    bool (*validate)(const struct session *session, struct err *err);
    bool (*plan)(struct session *session, struct err *err); /* and what follows */
};

/* Checks the flags (those that exclude each other: --resume, --validate-only, --apply, --preview; --confirm
 * without --apply; --csv beside another source; --query without snowflake), opens what is needed and calls
 * what was asked for. --resume goes on with the last run, which must be of this job. Returns the exit
 * code. */
int planned_run(struct cli *cli, const struct planning *planning, struct err *err);

/* "snowflake" and so on; NULL: the CSV file. */
const char *planned_source(const struct cli *cli);

/* "Next: steward apply 7", where there is something to apply. */
void planned_next(const struct run *run);

/* Applies the run that was just planned, after --confirm COUNT, a question, or --yes, and prints where it
 * stands. Refused: the plan is kept. */
bool planned_apply(struct session *session, const struct job *job, const struct run *run,
                   struct err *err) MUST_CHECK;

/* ERR_PARTIAL where rows could not be used. */
bool planned_bad_rows(const struct plan_summary *summary, struct err *err) MUST_CHECK;

/* What --validate-only found: a line and the bad rows, or with --json a document
 * (schemas/validate.schema.json). False where rows are bad. */
bool planned_validated(const struct cli *cli, const char *path, const struct plan_summary *summary,
                       struct err *err) MUST_CHECK;

#endif
