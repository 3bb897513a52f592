/* SPDX-License-Identifier: MIT */
#include "command/reports.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/fs.h"

static const char *const suffixes[] = {[REPORT_JSON] = "json", [REPORT_HTML] = "html"};

/* The name that the scripts gave: by the run's end, so that a report made again replaces itself. */
static bool legacy_stamp(struct session *session, int64_t run_id, char *ret, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine_journal(session->engine), run_id, &arena, &run, err);
    arena_done(&arena);
    if (ok) {
        int64_t ms = run.finished_at_ms != 0 ? run.finished_at_ms : clock_real_ms(clock_system());
        clock_stamp(ms, ret);
    }
    return ok;
}

static bool write_named(struct session *session, int64_t run, enum report_format format, int dirfd,
                        const char *path, struct err *err)
{
    return engine_report_file(session->engine, run, format, dirfd, path, err) ||
           err_wrap(err, "could not write the report of run %" PRId64, run);
}

bool reports_write(struct session *session, int64_t run, enum report_format format,
                   const char *file, bool legacy, struct buf *ret_shown, struct err *err)
{
    if (file != NULL) {
        buf_addz(ret_shown, file);
        return write_named(session, run, format, AT_FDCWD, file, err);
    }
    char stamp[CLOCK_TEXT_BYTES];
    char path[CLOCK_TEXT_BYTES + 64];
    if (!legacy) {
        (void)snprintf(path, sizeof(path), "reports/run-%" PRId64 ".%s", run, suffixes[format]);
    } else if (legacy_stamp(session, run, stamp, err)) {
        (void)snprintf(path, sizeof(path), "reports/dedupe_report_%s.%s", stamp, suffixes[format]);
    } else {
        return false;
    }
    const char *workspace = session->cli->workspace;
    buf_printf(ret_shown, "%s%s%s", workspace != NULL ? workspace : "",
               workspace != NULL ? "/" : "", path);
    int dirfd = engine_workspace_fd(session->engine);
    return fs_mkdirs(dirfd, "reports", err) && write_named(session, run, format, dirfd, path, err);
}

void reports_after_run(struct session *session, int64_t run)
{
    AUTO_BUF struct buf json = {0};
    AUTO_BUF struct buf html = {0};
    struct err err = {0};
    if (!reports_write(session, run, REPORT_JSON, NULL, false, &json, &err) ||
        !reports_write(session, run, REPORT_HTML, NULL, false, &html, &err)) {
        (void)fprintf(stderr, "steward: warning: %s\n", err.message);
        return;
    }
    if (!session->cli->json) {
        (void)printf("Report: %s\n", buf_z(&html));
    }
}
