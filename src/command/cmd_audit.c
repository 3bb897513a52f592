/* SPDX-License-Identifier: MIT */
/*
 * steward audit verify|show: the trail of every decision, request and outcome.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "command/session.h"

static const struct option options[] = {
    {.name = "run", .argument = "RUN", .help = "show: only the entries of this run"},
    {.name = NULL},
};

static bool verify(struct session *session, struct err *err)
{
    uint64_t entries;
    uint64_t broken;
    if (!journal_audit_verify(engine_journal(session->engine), &entries, &broken, err)) {
        return false;
    }
    if (session->cli->json) {
        (void)printf("{\"entries\":%" PRIu64 ",\"broken_at\":", entries);
        (void)(broken != 0 ? printf("%" PRIu64 "}\n", broken) : printf("null}\n"));
    } else if (broken == 0) {
        (void)printf("The audit trail is whole: %" PRIu64 " entries.\n", entries);
    }
    if (broken != 0) {
        (void)err_set(err, ERR_VERIFY,
                      "could not vouch for the audit trail: entry %" PRIu64 " of %" PRIu64
                      " was changed, removed or added by hand",
                      broken, entries);
        return err_hint(err,
                        "Entries before it are as they were written; keep steward.db as evidence.");
    }
    return true;
}

static bool print_entry(void *ctx, uint64_t seq, str body)
{
    (void)ctx;
    (void)seq; /* the body begins with it */
    (void)fwrite(body.ptr, 1, body.len, stdout);
    (void)putchar('\n');
    return true;
}

static bool show(struct session *session, struct err *err)
{
    int64_t run = 0;
    const char *text = cli_get(session->cli, "run");
    if (text != NULL && !engine_find_run(session->engine, str_of(text), &run, err)) {
        return false;
    }
    return journal_audit_each(engine_journal(session->engine), run, print_entry, NULL, err);
}

static int run_audit(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    if (!session_open(&session, cli, SESSION_READ, err)) {
        return command_fail(err);
    }
    bool ok = strcmp(cli->args[0], "verify") == 0 ? verify(&session, err) : show(&session, err);
    return ok ? 0 : command_fail(err);
}

static const struct choice choices[] = {
    {"verify", "check the chain of hashes over all entries"},
    {"show", "print the entries, one JSON line each"},
    {NULL, NULL},
};

const struct command command_audit = {
    .name = "audit",
    .summary = "check or print the audit trail",
    .usage = "verify|show [--run RUN] [options]",
    .description = "Every decision, request and outcome is an entry of an append-only trail in "
                   "which each entry "
                   "holds a hash over the one before, so that nothing can be changed, removed or "
                   "put in between "
                   "unnoticed. Entries hold ids and no personal data.\n\n"
                   "Exit code 5: verify found a broken entry.",
    .options = options,
    .choices = choices,
    .safety = SAFETY_READ_ONLY,
    .min_args = 1,
    .max_args = 1,
    .run = run_audit,
};
