/* SPDX-License-Identifier: MIT */
/*
 * steward verify RUN: is the remote what the plan promised?
 */
#include "command/registry.h"

#include <inttypes.h>
#include <stdio.h>

#include "command/session.h"

static const struct option options[] = {
    {.name = "workers", .argument = "N", .help = "changes at the same time", .setting = "WORKERS"},
    {.name = "retry-attempts",
     .argument = "N",
     .help = "attempts at a call, the first included",
     .setting = "MAX_RETRIES"},
    {.name = NULL},
};

struct printer {
    bool json;
    int64_t run;
    uint64_t count;
    struct buf text;
};

/* Not before there is something to say: a run that cannot be verified at all gives no document. */
static void begin(const struct printer *printer)
{
    if (printer->count == 0) {
        (void)printf("{\"run\":%" PRId64 ",\"differences\":[", printer->run);
    }
}

static void print_difference(void *ctx, const struct plan_change *change, const char *text)
{
    struct printer *printer = ctx;
    buf_clear(&printer->text);
    if (printer->json) {
        begin(printer);
        buf_addz(&printer->text, printer->count == 0 ? "\n{\"id\":" : ",\n{\"id\":");
        buf_add_json(&printer->text, str_of(change->id));
        buf_addz(&printer->text, ",\"target\":");
        buf_add_json(&printer->text, change->target);
        buf_addz(&printer->text, ",\"difference\":");
        buf_add_json(&printer->text, str_of(text));
        buf_addc(&printer->text, '}');
    } else {
        buf_printf(&printer->text, "%.8s  %" STR_FMT ": %s\n", change->id, STR_ARG(change->target),
                   text);
    }
    printer->count++;
    (void)fputs(buf_z(&printer->text), stdout); /* main checks the stream */
}

static void print_result(const struct printer *printer, const struct verify_result *result)
{
    if (printer->json) {
        begin(printer);
        (void)printf("],\n\"checked\":%" PRIu64 ",\"different\":%" PRIu64 ",\"unreadable\":%" PRIu64
                     ",\"undecided\":%" PRIu64 "}\n",
                     result->checked, result->different, result->unreadable, result->undecided);
        return;
    }
    (void)printf("Run %" PRId64 ": %" PRIu64 " changes checked, %" PRIu64 " different, %" PRIu64
                 " could not be read, %" PRIu64 " unknown\n",
                 printer->run, result->checked, result->different, result->unreadable,
                 result->undecided);
}

static int run_verify(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    int64_t id;
    if (!session_open(&session, cli, SESSION_WRITE, err) || !session_run(&session, &id, err)) {
        return command_fail(err);
    }
    struct arena arena = {0};
    struct run run;
    const struct job *job = NULL;
    if (journal_run_get(engine_journal(session.engine), id, &arena, &run, err)) {
        job = session_job(&run, err);
    }
    arena_done(&arena);
    if (job == NULL) {
        return command_fail(err);
    }
    struct printer printer = {.json = cli->json, .run = id};
    struct verify_result result = {0};
    bool ok = engine_verify(session.engine, job, id, print_difference, &printer, &result, err);
    buf_done(&printer.text);
    if (ok || result.checked > 0 || printer.count > 0) {
        print_result(&printer, &result);
    }
    return ok ? 0 : command_fail(err);
}

const struct command command_verify = {
    .name = "verify",
    .summary = "compare the remote with what a run promised",
    .usage = "RUN [options]",
    .description = "Reads every record of the run again and compares: losers merged into their "
                   "survivors, tickets "
                   "and conversations counted, kept fields unchanged; and that failed, skipped and "
                   "refused changes "
                   "left their records untouched. Each difference is one line.\n\n"
                   "Exit code 5: a difference. Exit code 3: something could not be read.",
    .options = options,
    .safety = SAFETY_READ_ONLY,
    .min_args = 1,
    .max_args = 1,
    .run = run_verify,
};
