/* SPDX-License-Identifier: MIT */
#include "command/work.h"

#include "command/reports.h"

const struct option work_options[] = {
    WORK_OPTIONS,
    CARRY_OPTION,
    {.name = NULL},
};

int work_on_run(struct session *session, int64_t run_id,
                bool (*work)(struct engine *engine, const struct job *job, int64_t run,
                             struct err *err),
                struct err *err)
{
    struct arena arena = {0};
    struct run run;
    const struct job *job = NULL;
    if (journal_run_get(engine_journal(session->engine), run_id, &arena, &run, err)) {
        job = session_job(&run, err);
    }
    arena_done(&arena);
    if (job == NULL) {
        return command_fail(err);
    }
    bool ok = work(session->engine, job, run_id, err);
    /* A refusal did nothing, so there is nothing to tell beside it. */
    if (!ok && (err->kind == ERR_REFUSED || err->kind == ERR_CONFIG)) {
        return command_fail(err);
    }
    struct err second = {0};
    if (!session_print_outcome(session, run_id, &second) && ok) {
        *err = second;
        ok = false;
    }
    /* for a run that came to an end or stopped itself; who interrupts one does not want to wait */
    if (ok || err->kind == ERR_PARTIAL || err->kind == ERR_STOPPED || err->kind == ERR_AUTH) {
        reports_after_run(session, run_id);
    }
    return ok ? 0 : command_fail(err);
}
