/* SPDX-License-Identifier: MIT */
/*
 * steward refuse RUN ID...: which changes of a plan are not to be, now and in later plans.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <limits.h>

#include "base/num.h"
#include "command/session.h"
#include "engine/approval.h"

static const struct option options[] = {
    {.name = "strategy",
     .argument = "NAME",
     .help = "every change that this strategy had a part in"},
    {.name = NULL},
};

static void print_json(const struct run *run, const struct approval_outcome *outcome)
{
    char plan[SHA256_HEX];
    num_hex(run->plan.hash, SHA256_BYTES, plan);
    AUTO_BUF struct buf out = {0};
    buf_printf(&out, "{\"run\":%" PRId64 ",\"plan_hash\":\"%s\",\"refused\":%" PRIu64, run->id,
               plan, outcome->refused);
    buf_printf(&out, ",\"left\":%" PRIu64 ",\"by\":", outcome->left);
    buf_add_json(&out, str_of(outcome->by));
    (void)printf("%s,\"at\":\"%s\"}\n", buf_z(&out), outcome->at);
}

static void print_text(const struct job *job, const struct run *run,
                       const struct approval_outcome *outcome)
{
    (void)printf("Run %" PRId64 ": %" PRIu64 " change%s refused, %" PRIu64 " left, by %s\n",
                 run->id, outcome->refused, outcome->refused == 1 ? "" : "s", outcome->left,
                 outcome->by);
    if (job->remembers_refusals && outcome->refused != 0) {
        (void)puts("  later plans will not propose them again: steward links list");
    }
}

static bool refuse(struct session *session, const struct run *run, struct err *err)
{
    const struct cli *cli = session->cli;
    const struct approval_choice choice = {
        .ids = cli->args + 1,
        .id_count = cli->arg_count - 1,
        .strategy = cli_get(cli, "strategy"),
    };
    const struct job *job = session_job(run, err);
    struct approval_outcome outcome = {0};
    if (job == NULL || !engine_refuse(session->engine, job, run->id, &choice, &outcome, err)) {
        return false;
    }
    if (cli->json) {
        print_json(run, &outcome);
    } else {
        print_text(job, run, &outcome);
    }
    return true;
}

static int run_refuse(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    int64_t id;
    if (cli->arg_count == 1 && !cli_has(cli, "strategy")) {
        (void)err_set(err, ERR_USAGE, "could not run 'steward refuse': no change was named");
        (void)err_hint(err, "Name changes, or a strategy with --strategy NAME. A plan that is not "
                            "wanted at all need not be refused: it changes nothing until it is "
                            "applied.");
        return command_fail(err);
    }
    if (!session_open(&session, cli, SESSION_WRITE, err) || !session_run(&session, &id, err)) {
        return command_fail(err);
    }
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine_journal(session.engine), id, &arena, &run, err) &&
              refuse(&session, &run, err);
    arena_done(&arena);
    return ok ? 0 : command_fail(err);
}

static const char *const examples[] = {
    "steward refuse 7 3fa91c02 77b0",
    "steward refuse last --strategy upwork",
    NULL,
};

const struct command command_refuse = {
    .name = "refuse",
    .summary = "say which changes of a plan are not to be",
    .usage = "RUN ID... [--strategy NAME] [options]",
    .description =
        "For a run that is planned. The changes (a change's id or its unique beginning, at least 4 "
        "characters, or all that a strategy had a part in) become `refused` at once and for good; "
        "the rest of the plan stays as it is.\n\n"
        "A refused merge is remembered: later plans leave the two contacts to people, also after "
        "one of them was merged elsewhere. `steward links` lists and lifts that.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 1,
    .max_args = INT_MAX,
    .run = run_refuse,
};
