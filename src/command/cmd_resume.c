/* SPDX-License-Identifier: MIT */
/*
 * steward resume [RUN]: goes on after a kill, a power cut, a pause or Ctrl-C.
 */
#include "command/registry.h"

#include "command/session.h"
#include "command/work.h"

static int run_resume(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    int64_t run;
    if (!session_open(&session, cli, SESSION_WRITE, err)) {
        return command_fail(err);
    }
    bool found = cli->arg_count > 0 ? session_run(&session, &run, err)
                                    : engine_find_resumable(session.engine, &run, err);
    return found ? work_on_run(&session, run, engine_resume, err) : command_fail(err);
}

const struct command command_resume = {
    .name = "resume",
    .summary = "go on with a run that was interrupted",
    .usage = "[RUN] [options]",
    .description =
        "Goes on with a run after a kill, a power cut, a lost network, a pause or Ctrl-C; without "
        "RUN "
        "with the newest that can be gone on with. What was sent is settled by reading, and only "
        "what "
        "is proven not to have happened is sent again, so no change is applied twice.\n\n"
        "A run that has finished: changes that are unknown are settled by reading, and nothing is "
        "sent. Failed changes are not tried again.",
    .options = work_options,
    .safety = SAFETY_CHANGES_REMOTE,
    .max_args = 1,
    .run = run_resume,
};
