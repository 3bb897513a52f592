/* SPDX-License-Identifier: MIT */
/*
 * steward pause RUN, steward continue RUN, steward slow RUN CALLS/SECONDS: what an operator does to a
 * run that is being worked on, from another terminal.
 */
#include "command/registry.h"

#include <inttypes.h>

#include "base/num.h"
#include "command/session.h"
#include "engine/control.h"

enum { MOST_CALLS = 100000, MOST_SECONDS = 86400 };

static const struct option slow_options[] = {
    {.name = "above", .help = "also where that is more than the configured limit"},
    {.name = NULL},
};

/* "10/60", "1/0.5" */
static bool parse_pace(const char *text, struct control_request *ret, struct err *err)
{
    str seconds_text;
    str calls_text = str_cut(str_of(text), '/', &seconds_text);
    double seconds;
    if (num_parse_i64(calls_text, 1, MOST_CALLS, &ret->calls) &&
        num_parse_decimal(seconds_text, 0.001, MOST_SECONDS, &seconds)) {
        ret->period_ms = (int64_t)(seconds * 1000 + 0.5);
        return true;
    }
    (void)err_set(err, ERR_USAGE, "could not understand '%s'", text);
    return err_hint(err,
                    "Give calls and seconds, for instance 10/60: at most %d calls in at most %d "
                    "seconds. To stop sending altogether: `steward pause`.",
                    MOST_CALLS, MOST_SECONDS);
}

static void print_json(const struct control_request *request, const struct control_answer *answer)
{
    (void)printf("{\"run\":%" PRId64 ",\"state\":\"%s\",\"limit\":{\"calls\":%" PRId64
                 ",\"period_ms\":%" PRId64 "},\"configured\":{\"calls\":%" PRId64
                 ",\"period_ms\":%" PRId64 "},\"workers\":{\"may_be_busy\":%" PRId64
                 ",\"of\":%" PRId64 "},\"breaker\":\"%s\"}\n",
                 request->run, run_state_name(answer->paused ? RUN_PAUSED : RUN_APPLYING),
                 answer->limit.calls, answer->limit.period_ms, answer->configured.calls,
                 answer->configured.period_ms, answer->width, answer->most, answer->breaker);
}

static void print_limit(const char *what, const struct control_limit *limit)
{
    if (limit->calls == 0) {
        (void)printf("  %-12s none\n", what);
    } else {
        (void)printf("  %-12s %" PRId64 " calls in %.12g s\n", what, limit->calls,
                     (double)limit->period_ms / 1000);
    }
}

static void print_text(const struct control_request *request, const struct control_answer *answer)
{
    if (answer->paused) {
        (void)printf("Run %" PRId64
                     " is paused: nothing is sent, what was sent is still confirmed.\n"
                     "  go on with   steward continue %" PRId64 "\n",
                     request->run, request->run);
    } else {
        (void)printf("Run %" PRId64 " goes on.\n", request->run);
    }
    print_limit("limit", &answer->limit);
    print_limit("configured", &answer->configured);
    (void)printf("  %-12s %" PRId64 " of %" PRId64 " may be busy\n  %-12s %s\n", "workers",
                 answer->width, answer->most, "breaker", answer->breaker);
}

/* Nobody works in the workspace: what to do instead depends on where the run stands. */
static bool not_running(const char *order, const struct run *run, struct err *err)
{
    *err = (struct err){0};
    (void)err_set(err, ERR_REFUSED, "could not %s run %" PRId64 ": no steward is working on it",
                  order, run->id);
    switch (run->state) {
    case RUN_PLANNED:
        return err_hint(err, "It has not begun: `steward apply %" PRId64 "`.", run->id);
    case RUN_APPLYING:
    case RUN_PAUSED:
    case RUN_INTERRUPTED:
        return err_hint(err, "`steward resume %" PRId64 "` goes on with it.", run->id);
    case RUN_PLANNING:
    case RUN_DONE:
    case RUN_FAILED:
    case RUN_UNDONE:
    case RUN_STATE_COUNT:
        break;
    }
    return err_hint(err, "It is %s.", run_state_name(run->state));
}

static bool give_order(struct session *session, struct control_request *request, struct err *err)
{
    const struct cli *cli = session->cli;
    struct control_answer answer = {0};
    if (!session_run(session, &request->run, err)) {
        return false;
    }
    if (!control_ask(engine_workspace_fd(session->engine), request, &answer, err)) {
        struct arena arena = {0};
        struct run run;
        struct err second = {0};
        if (err->kind == ERR_NOT_FOUND &&
            journal_run_get(engine_journal(session->engine), request->run, &arena, &run, &second)) {
            (void)not_running(cli->command->name, &run, err);
        }
        arena_done(&arena);
        return false;
    }
    if (cli->json) {
        print_json(request, &answer);
    } else {
        print_text(request, &answer);
    }
    return true;
}

static int run_order(struct cli *cli, struct control_request *request, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    bool ok = session_open(&session, cli, SESSION_READ, err) && give_order(&session, request, err);
    return ok ? 0 : command_fail(err);
}

static int run_pause(struct cli *cli, struct err *err)
{
    return run_order(cli, &(struct control_request){.order = CONTROL_PAUSE}, err);
}

static int run_continue(struct cli *cli, struct err *err)
{
    return run_order(cli, &(struct control_request){.order = CONTROL_CONTINUE}, err);
}

static int run_slow(struct cli *cli, struct err *err)
{
    struct control_request request = {.order = CONTROL_SLOW, .above = cli_has(cli, "above")};
    if (!parse_pace(cli->args[1], &request, err)) {
        return command_fail(err);
    }
    return run_order(cli, &request, err);
}

static const char *const slow_examples[] = {
    "steward slow last 10/60",
    "steward slow 7 100/10 --above",
    NULL,
};

const struct command command_pause = {
    .name = "pause",
    .summary = "hold a run that is being worked on",
    .usage = "RUN [options]",
    .description =
        "Tells the steward that works on the run to send nothing more. What was sent is still "
        "confirmed; its process stays and waits for `steward continue`.\n\n"
        "A pause ends with its process: after a kill or Ctrl-C `steward resume` goes on with the "
        "run.",
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 1,
    .max_args = 1,
    .run = run_pause,
};

const struct command command_continue = {
    .name = "continue",
    .summary = "let a paused run go on",
    .usage = "RUN [options]",
    .description =
        "Ends a `steward pause`. A run whose process is gone is gone on with by `steward "
        "resume`.",
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 1,
    .max_args = 1,
    .run = run_continue,
};

const struct command command_slow = {
    .name = "slow",
    .summary = "change the pace of a run that is being worked on",
    .usage = "RUN CALLS/SECONDS [options]",
    .description =
        "At most CALLS calls in any SECONDS seconds from now on, for all workers together; calls "
        "that "
        "were made before count. Never more than the configured limit, unless --above says so. The "
        "configured pace comes back with the next process, or by giving it here.",
    .examples = slow_examples,
    .options = slow_options,
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 2,
    .max_args = 2,
    .run = run_slow,
};
