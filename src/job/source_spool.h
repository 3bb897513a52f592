/* SPDX-License-Identifier: MIT */
/*
 * The CSV file that a source is read into. Rows are collected in memory up to a bound, then written; what
 * was written since a mark can be dropped again. Not there under its name before spool_finish.
 */
#ifndef STEWARD_JOB_SOURCE_SPOOL_H
#define STEWARD_JOB_SOURCE_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct spool;

/* sources/<run>.csv below the workspace. Files that a killed process left unfinished are removed. */
struct spool *spool_new(int workspace_fd, int64_t run, struct err *err) MUST_CHECK;
/* Removes what was not finished. */
void spool_free(struct spool *spool);
DEFINE_AUTO(struct spool, spool_free)

bool spool_row(struct spool *spool, const str *cells, size_t count, struct err *err) MUST_CHECK;

/* Here a part begins that may have to be dropped. */
bool spool_mark(struct spool *spool, struct err *err) MUST_CHECK;
/* Drops everything behind the mark. */
bool spool_rewind(struct spool *spool, struct err *err) MUST_CHECK;

/* Rows so far, the header included. */
uint64_t spool_rows(const struct spool *spool);

/* Durable, under its name, which goes to ret_path[ret_size]. */
bool spool_finish(struct spool *spool, char *ret_path, size_t ret_size, struct err *err) MUST_CHECK;

#endif
