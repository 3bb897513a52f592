/* SPDX-License-Identifier: MIT */
/* What commands have in common that plan a run, show it and, where asked to, apply it. */
#ifndef STEWARD_COMMAND_PLANNED_H
#define STEWARD_COMMAND_PLANNED_H

#include "command/session.h"

/* Flags that exclude each other (--resume, --validate-only, --apply, --preview), --confirm without --apply,
 * --csv beside another source, --query without snowflake: ERR_USAGE. */
bool planned_check_flags(const struct cli *cli, struct err *err) MUST_CHECK;

/* "snowflake" and so on; NULL: the CSV file. */
const char *planned_source(const struct cli *cli);

/* Some input was named. */
bool planned_check_input(const struct cli *cli, const struct settings *settings,
                         struct err *err) MUST_CHECK;

/* --resume: goes on with the last run, which must be of this job; returns the exit code. */
int planned_resume(struct session *session, struct err *err);

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
