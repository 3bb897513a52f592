/* SPDX-License-Identifier: MIT */
#include "command/planned.h"

#include <inttypes.h>

#include "base/num.h"
#include "command/view.h"

void planned_next(const struct run *run)
{
    if (run->plan.changes != 0) {
        (void)printf("\nNext: steward apply %" PRId64 "\n", run->id);
    }
}

static bool confirm(const struct cli *cli, const struct run *run, struct err *err)
{
    const char *text = cli_get(cli, "confirm");
    if (text != NULL) {
        int64_t count;
        if (num_parse_i64(str_of(text), 0, INT64_MAX, &count) &&
            (uint64_t)count == run->plan.changes) {
            return true;
        }
        (void)err_set(err, ERR_REFUSED,
                      "could not apply run %" PRId64 ": it holds %" PRIu64 " changes, not '%s'",
                      run->id, run->plan.changes, text);
    } else {
        char question[80];
        (void)snprintf(question, sizeof(question), "Apply these %" PRIu64 " changes?",
                       run->plan.changes);
        if (run->plan.changes == 0 || session_confirm(cli, question, err)) {
            return true;
        }
    }
    return err_hint(err, "The plan is kept: `steward apply %" PRId64 "` applies it.", run->id);
}

bool planned_apply(struct session *session, const struct job *job, const struct run *run,
                   struct err *err)
{
    const struct cli *cli = session->cli;
    if (!confirm(cli, run, err)) {
        struct err second = {0}; /* the refusal is the error to tell */
        (void)(cli->json && session_print_outcome(session, run->id, &second));
        return false;
    }
    bool ok = engine_apply(session->engine, job, run->id, err);
    if (!cli->json) {
        (void)putchar('\n');
    }
    struct err second = {0};
    if (!session_print_outcome(session, run->id, &second) && ok) {
        *err = second;
        return false;
    }
    return ok;
}

bool planned_bad_rows(const struct plan_summary *summary, struct err *err)
{
    if (summary->bad == 0) {
        return true;
    }
    (void)err_set(err, ERR_PARTIAL, "could not use %" PRIu64 " of %" PRIu64 " rows", summary->bad,
                  summary->rows);
    return err_hint(err, "The good rows are planned; --strict plans nothing in such a case.");
}

static void validate_json(const struct plan_summary *summary)
{
    AUTO_BUF struct buf out = {0};
    buf_printf(&out,
               "{\"rows\":%" PRIu64 ",\"good\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"bad_rows\":[",
               summary->rows, summary->rows - summary->bad, summary->bad);
    for (size_t i = 0; i < summary->first_bad_count; i++) {
        buf_printf(&out, "%s\n{\"line\":%" PRIu64 ",\"reason\":", i == 0 ? "" : ",",
                   summary->first_bad[i].line);
        buf_add_json(&out, str_of(summary->first_bad[i].reason));
        buf_addc(&out, '}');
    }
    buf_addz(&out, "]}\n");
    (void)fwrite(out.ptr, 1, out.len, stdout);
}

bool planned_validated(const struct cli *cli, const char *path, const struct plan_summary *summary,
                       struct err *err)
{
    if (cli->json) {
        validate_json(summary);
    } else {
        (void)printf("%s: %" PRIu64 " rows, %" PRIu64 " bad\n", path, summary->rows, summary->bad);
        view_bad_rows(summary, stdout);
    }
    return summary->bad == 0 ||
           err_set(err, ERR_PARTIAL, "could not use %" PRIu64 " of %" PRIu64 " rows", summary->bad,
                   summary->rows);
}
