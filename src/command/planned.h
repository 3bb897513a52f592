/* SPDX-License-Identifier: MIT */
/* What commands have in common that plan a run, show it and, where asked to, apply it. */
#ifndef STEWARD_COMMAND_PLANNED_H
#define STEWARD_COMMAND_PLANNED_H

#include "command/session.h"

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
