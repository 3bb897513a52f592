/* SPDX-License-Identifier: MIT */
/* Shared by the sources; nobody else includes it. */
#ifndef STEWARD_JOB_SOURCE_INTERNAL_H
#define STEWARD_JOB_SOURCE_INTERNAL_H

#include "job/source.h"
#include "job/source_spool.h"

enum { SOURCE_RETRY_CAP_MS = 60000 };

/* "contacts", "pivot" or the file that was given. */
const char *source_query(const struct source_options *options);

/* Both write header and rows; nothing else. */
bool source_read_snowflake(struct job_run *run, const struct source_options *options,
                           struct spool *spool, struct err *err) MUST_CHECK;
bool source_read_devrev(struct job_run *run, const struct source_options *options,
                        struct spool *spool, struct err *err) MUST_CHECK;

#endif
