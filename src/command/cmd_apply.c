/* SPDX-License-Identifier: MIT */
/*
 * steward apply RUN: applies exactly the stored plan.
 */
#include "command/registry.h"

#include "command/session.h"
#include "command/work.h"

static int run_apply(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    int64_t run;
    if (!session_open(&session, cli, SESSION_WRITE, err) || !session_run(&session, &run, err)) {
        return command_fail(err);
    }
    return work_on_run(&session, run, engine_apply, err);
}

const struct command command_apply = {
    .name = "apply",
    .summary = "apply a planned run",
    .usage = "RUN [options]",
    .description = "Applies the stored plan of a run that is planned: for each change the record "
                   "is read again (a "
                   "record that has changed since is skipped), backed up, the backup is checked, "
                   "the intent is "
                   "made durable, the one request is sent, and the record is read until it shows "
                   "the change.\n\n"
                   "The first Ctrl-C finishes what is begun, the second stops at once; both are "
                   "safe, as are a "
                   "kill and a power cut: `steward resume` goes on.",
    .options = work_options,
    .safety = SAFETY_CHANGES_REMOTE,
    .min_args = 1,
    .max_args = 1,
    .run = run_apply,
};
