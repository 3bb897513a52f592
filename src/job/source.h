/* SPDX-License-Identifier: MIT */
/*
 * Where contacts come from beside a CSV file: a Snowflake query, or DevRev itself.
 *
 * A source is read as a whole into a CSV file of the workspace, sources/<run>.csv (mode 0600), which
 * then is planned from like any other: so the plan can be explained later, and nothing is ever planned
 * from half an input. The file is written under another name, fsync'ed and renamed; where anything fails
 * it is not there.
 *
 *   snowflake   the query of a file, or one that ships (queries/<name>.sql); columns in the query's
 *               order, names trimmed, null as an empty field
 *   devrev      rev-users.scan: the columns of queries/contacts.sql. TICKET_COUNT is empty, because
 *               DevRev counts works only contact by contact. Merged and deleted contacts are left out.
 *               The rate limit of the workspace holds
 *
 * ERR_INPUT where there is not one row, or the query file is of no use; ERR_CONFIG where a setting is
 * missing; ERR_REMOTE where the sign-in was refused (there is nothing to resume); otherwise the errors of
 * remote/snowflake.h and remote/devrev.h. ERR_INTERRUPTED ends it.
 */
#ifndef STEWARD_JOB_SOURCE_H
#define STEWARD_JOB_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/job.h"
#include "remote/snowflake.h"

enum { SOURCE_PATH_BYTES = 64, SOURCE_QUERY_MAX_BYTES = 1024 * 1024 };

struct source_options {
    const char *name;   /* "snowflake" or "devrev" */
    const char *query;  /* snowflake: "contacts", "pivot", or a file; NULL: by `rules` */
    const char *rules;  /* the rule set's name: "external-contacts" wants the pivot shape */
    int64_t rate_calls; /* devrev: the limit where RATE_LIMIT_CALLS is not set */
    int64_t rate_period_ms;
};

/* Reads all of it. *ret_path is relative to the workspace. */
bool source_spool(struct job_run *run, const struct source_options *options,
                  char ret_path[SOURCE_PATH_BYTES], uint64_t *ret_rows, struct err *err) MUST_CHECK;

/* What the settings say of Snowflake; calls, stop and log are left to the caller. */
struct snowflake_options source_snowflake_options(const struct settings *settings,
                                                  const struct clock *clock);

/* What the run's record calls the source: "snowflake:contacts", "devrev". */
void source_describe(const struct source_options *options, struct buf *out);

/* For errors of a remote while planning: there is no run yet that could be resumed, so neither exit code nor
 * hint may say so. Returns false. */
bool source_not_planned(struct err *err);

#endif
