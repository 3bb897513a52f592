/* SPDX-License-Identifier: MIT */
/*
 * Runs and changes as people and programs read them. Streams, so that a run of millions of changes
 * needs no memory.
 */
#ifndef STEWARD_COMMAND_VIEW_H
#define STEWARD_COMMAND_VIEW_H

#include <stdio.h>

#include "engine/engine.h"

enum { VIEW_JSON_CHANGES = 10000, VIEW_CHANGES = 20, VIEW_REVIEWS = 10 };

/* cli.md section 3, `show RUN --json`: at most VIEW_JSON_CHANGES changes; the number of those left out
 * is in "changes_omitted" then. */
bool view_run_json(struct engine *engine, const struct run *run, FILE *out,
                   struct err *err) MUST_CHECK;

/* One JSON line each change. */
bool view_changes_json(struct engine *engine, const struct run *run, FILE *out,
                       struct err *err) MUST_CHECK;

/* {"run":..."counts":{...}} of one run, without its changes; for `runs --json`. */
void view_run_summary_json(const struct run *run, struct buf *out);

/* Name, state, times, counts. */
void view_run_head(const struct run *run, FILE *out);

/* Of a run that is on its way: what the process that works on it told last, as its progress shows it, and
 * whether it still does. Nothing where no process has worked on it. */
bool view_standing(struct engine *engine, const struct run *run, FILE *out,
                   struct err *err) MUST_CHECK;

/* State and counts after apply or resume, and what to do next. */
void view_outcome(const struct run *run, FILE *out);

/* The first `limit` changes with their states, and how many more there are. */
bool view_changes(struct engine *engine, const struct job *job, const struct run *run,
                  uint64_t limit, FILE *out, struct err *err) MUST_CHECK;

/* The first bad rows of an input, nothing where there is none. */
void view_bad_rows(const struct plan_summary *summary, FILE *out);

/* The preview of a plan: totals, changes, review list, bad rows, next command. */
bool view_preview(struct engine *engine, const struct job *job, const struct run *run,
                  const struct plan_summary *summary, FILE *out, struct err *err) MUST_CHECK;

#endif
