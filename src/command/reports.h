/* SPDX-License-Identifier: MIT */
/* Where the reports of runs go: reports/ of the workspace, or a file that was named. */
#ifndef STEWARD_COMMAND_REPORTS_H
#define STEWARD_COMMAND_REPORTS_H

#include "command/session.h"

/* Writes one report. `file` NULL: reports/run-<N>.json or .html, or where `legacy`
 * reports/dedupe_report_<YYYYMMDD_HHMMSS> by the run's end. ret_shown gets the path as a person in
 * the current directory would type it. */
bool reports_write(struct session *session, int64_t run, enum report_format format,
                   const char *file, bool legacy, struct buf *ret_shown,
                   struct err *err) MUST_CHECK;

/* After apply and resume: both reports, named on stdout unless that is for JSON alone. A report that
 * cannot be written is a warning: the run is what it is, and `steward report` makes it again. */
void reports_after_run(struct session *session, int64_t run);

#endif
