/* SPDX-License-Identifier: MIT */
/*
 * A file of lines that is put aside when it has grown to its size: `steward.log` becomes
 * `steward-YYYYMMDD_HHMMSS.log.zst` (UTC; a second one in a second gets `_002`) beside it, and the
 * oldest beyond the number to keep are removed. A file that somebody else moved away is made anew,
 * so `logrotate` may be used as well.
 *
 * Several threads and processes may write: each line is written under the flock of the directory,
 * into the file that has the name at that moment. A line is there whole or not at all: what a full
 * disk or a kill leaves of one is cut off before the next.
 *
 * A kill in the middle of putting aside loses and doubles nothing. The old file is renamed,
 * compressed under another name, flushed, renamed, and only then removed; whoever comes next finishes
 * what is unfinished. Whatever fails there, lines go on to be written: a file stays uncompressed, or
 * grows until there is room again. Failpoints: logfile.write logfile.renamed logfile.compress
 * logfile.compressed.
 */
#ifndef STEWARD_BASE_LOGFILE_H
#define STEWARD_BASE_LOGFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

struct logfile;

struct logfile_options {
    const struct clock *clock; /* NULL: clock_system() */
    int64_t max_bytes;         /* 0: never put aside */
    int64_t keep;              /* so many old files */
};

/* Appends to `path`, whose name ends in ".log"; created 0600. */
struct logfile *logfile_open(const char *path, const struct logfile_options *options,
                             struct err *err) MUST_CHECK;
void logfile_close(struct logfile *file);

/* One line with its end. False: nothing of it was written. */
bool logfile_write(struct logfile *file, str line, struct err *err) MUST_CHECK;

#endif
