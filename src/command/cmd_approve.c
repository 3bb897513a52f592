/* SPDX-License-Identifier: MIT */
/*
 * steward approve RUN [ID...]: which changes of a plan may be applied.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <limits.h>

#include "base/num.h"
#include "command/session.h"
#include "engine/approval.h"

static const struct option options[] = {
    {.name = "strategy", .argument = "NAME", .help = "every change that this strategy decided"},
    {.name = NULL},
};

static void print_json(const struct run *run, const struct approval_outcome *outcome)
{
    char plan[SHA256_HEX];
    num_hex(run->plan.hash, SHA256_BYTES, plan);
    AUTO_BUF struct buf out = {0};
    buf_printf(&out, "{\"run\":%" PRId64 ",\"plan_hash\":\"%s\",\"scope\":\"%s\"", run->id, plan,
               outcome->whole ? "plan" : "changes");
    buf_printf(&out,
               ",\"approved\":%" PRIu64 ",\"not_approved\":%" PRIu64 ",\"by\":", outcome->approved,
               outcome->left - outcome->approved);
    buf_add_json(&out, str_of(outcome->by));
    (void)printf("%s,\"at\":\"%s\"}\n", buf_z(&out), outcome->at);
}

static void print_text(const struct run *run, const struct approval_outcome *outcome)
{
    uint64_t others = outcome->left - outcome->approved;
    (void)printf("Run %" PRId64 ": %" PRIu64 " of %" PRIu64 " changes %s approved, by %s\n",
                 run->id, outcome->approved, outcome->left, outcome->approved == 1 ? "is" : "are",
                 outcome->by);
    if (others != 0) {
        (void)printf("  the other %" PRIu64 " will be refused when it is applied\n", others);
    }
    if (outcome->approved != 0) {
        (void)printf("\nNext: steward apply %" PRId64 "\n", run->id);
    }
}

static int run_approve(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    int64_t id;
    const struct approval_choice choice = {
        .ids = cli->args + 1,
        .id_count = cli->arg_count > 0 ? cli->arg_count - 1 : 0,
        .strategy = cli_get(cli, "strategy"),
    };
    struct approval_outcome outcome = {0};
    if (!session_open(&session, cli, SESSION_WRITE, err) || !session_run(&session, &id, err) ||
        !engine_approve(session.engine, id, &choice, &outcome, err)) {
        return command_fail(err);
    }
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine_journal(session.engine), id, &arena, &run, err);
    if (ok) {
        (cli->json ? print_json : print_text)(&run, &outcome);
    }
    arena_done(&arena);
    return ok ? 0 : command_fail(err);
}

static const char *const examples[] = {
    "steward approve last",
    "steward approve 7 3fa91c02 77b0",
    "steward approve 7 --strategy cxp-uid",
    NULL,
};

const struct command command_approve = {
    .name = "approve",
    .summary = "say which changes of a plan may be applied",
    .usage = "RUN [ID...] [--strategy NAME] [options]",
    .description =
        "For a run that is planned. Without an ID the whole plan is approved. With IDs (a change's "
        "id or its unique beginning, at least 4 characters) or a strategy, exactly the changes "
        "that "
        "were approved are applied: `steward apply` refuses the others before it sends anything. "
        "Approvals add up, belong to this plan alone, and stand in the audit trail with who and "
        "when.\n\n"
        "A plan without any approval is applied whole. A change that several strategies decided is "
        "approved when each of them is.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 1,
    .max_args = INT_MAX,
    .run = run_approve,
};
