/* SPDX-License-Identifier: MIT */
/*
 * steward audit verify|show: the trail of every decision, request and outcome.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "command/session.h"

static const struct option options[] = {
    {.name = "run", .argument = "RUN", .help = "show: only the entries of this run"},
    {.name = "end",
     .argument = "HASH",
     .help = "verify: what an earlier verify printed as the end must still be in the trail"},
    {.name = NULL},
};

static bool tell_broken(const struct audit_walk *walk, struct err *err)
{
    char entries[80];
    if (walk->to > walk->broken) {
        (void)snprintf(entries, sizeof(entries), "entries %" PRIu64 " to %" PRIu64, walk->broken,
                       walk->to);
    } else {
        (void)snprintf(entries, sizeof(entries), "entry %" PRIu64, walk->broken);
    }
    switch (walk->fault) {
    case AUDIT_WHOLE:
        return true;
    case AUDIT_CHANGED:
        (void)err_set(err, ERR_VERIFY,
                      "could not vouch for the audit trail: %s of %" PRIu64
                      " was changed by hand, or the one before it together with its hash",
                      entries, walk->entries);
        break;
    case AUDIT_MISSING:
        (void)err_set(err, ERR_VERIFY, "could not vouch for the audit trail: %s %s missing",
                      entries, walk->to > walk->broken ? "are" : "is");
        break;
    case AUDIT_MOVED:
        (void)err_set(
            err, ERR_VERIFY,
            "could not vouch for the audit trail: another entry stands in the place of %s",
            entries);
        break;
    case AUDIT_ADDED:
        (void)err_set(err, ERR_VERIFY,
                      "could not vouch for the audit trail: %s %s added by hand, or its end was "
                      "changed",
                      entries, walk->to > walk->broken ? "were" : "was");
        break;
    case AUDIT_HEAD_MISSING:
        (void)err_set(err, ERR_VERIFY,
                      "could not vouch for the audit trail: the row that says where it ends is "
                      "missing, so %s and later ones may be missing too",
                      entries);
        break;
    }
    return err_hint(err,
                    "Entries before it are as they were written; keep steward.db as evidence.");
}

static void print_verdict(const struct audit_walk *walk, const struct audit_difference *difference)
{
    char head[SHA256_HEX];
    num_hex(walk->hash, SHA256_BYTES, head);
    AUTO_BUF struct buf out = {0};
    buf_printf(&out, "{\"entries\":%" PRIu64 ",\"broken_at\":", walk->entries);
    if (walk->broken != 0) {
        buf_printf(&out, "%" PRIu64 ",\"how\":\"%s\",\"head\":null", walk->broken,
                   audit_fault_name(walk->fault));
    } else {
        buf_printf(&out, "null,\"how\":null,\"head\":\"%s\"", head);
    }
    buf_printf(&out, ",\"differences\":%" PRIu64 ",\"difference\":", difference->count);
    if (difference->count != 0) {
        buf_add_json(&out, str_of(difference->first));
    } else {
        buf_addz(&out, "null");
    }
    (void)printf("%s}\n", buf_z(&out));
}

static bool verify(struct session *session, struct err *err)
{
    struct audit_walk walk;
    struct audit_difference difference;
    const char *end = cli_get(session->cli, "end");
    uint8_t noted[SHA256_BYTES];
    if (end != NULL && !num_parse_hex(str_of(end), noted, sizeof(noted))) {
        (void)err_set(err, ERR_USAGE, "could not understand '%s' as the end of an audit trail",
                      end);
        return err_hint(err, "Give the 64 hexadecimal digits that verify had printed.");
    }
    if (!journal_audit_compare(engine_journal(session->engine), end != NULL ? noted : NULL, &walk,
                               &difference, err)) {
        return false;
    }
    if (session->cli->json) {
        print_verdict(&walk, &difference);
    }
    if (walk.broken != 0) {
        return tell_broken(&walk, err);
    }
    if (end != NULL && walk.noted_at == 0) {
        (void)err_set(err, ERR_VERIFY,
                      "could not vouch for the audit trail: none of its %" PRIu64
                      " entries has the hash that was given",
                      walk.entries);
        return err_hint(err, "It is whole, and another trail than the one that the hash was noted "
                             "of: somebody wrote it anew, or it is another workspace.");
    }
    if (difference.count != 0) {
        char more[64] = "";
        if (difference.count > 1) {
            (void)snprintf(more, sizeof(more), " (and %" PRIu64 " more)", difference.count - 1);
        }
        (void)err_set(err, ERR_VERIFY,
                      "could not vouch for the journal: it is not what the audit trail says: %s%s",
                      difference.first, more);
        return err_hint(err,
                        "Somebody edited steward.db by hand: keep it as evidence. What is true "
                        "at the remote, `steward verify RUN` tells.");
    }
    if (!session->cli->json) {
        char head[SHA256_HEX];
        num_hex(walk.hash, SHA256_BYTES, head);
        (void)printf("The audit trail is whole: %" PRIu64 " entries, and the journal agrees.\n"
                     "Its end: %s\n",
                     walk.entries, head);
        if (end != NULL) {
            (void)printf("The hash that was given is that of entry %" PRIu64 ".\n", walk.noted_at);
        }
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
    const char *text =
        session->cli->arg_count > 1 ? session->cli->args[1] : cli_get(session->cli, "run");
    if (text != NULL && !engine_find_run(session->engine, str_of(text), &run, err)) {
        return false;
    }
    return journal_audit_each(engine_journal(session->engine), run, print_entry, NULL, err);
}

static int run_audit(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    if (cli->arg_count > 1 && strcmp(cli->args[0], "verify") == 0) {
        (void)err_set(err, ERR_USAGE, "could not understand '%s': verify takes no run",
                      cli->args[1]);
        (void)err_hint(err, "It checks the whole trail: `steward audit verify`.");
        return command_fail(err);
    }
    if (!session_open(&session, cli, SESSION_READ, err)) {
        return command_fail(err);
    }
    bool ok = strcmp(cli->args[0], "verify") == 0 ? verify(&session, err) : show(&session, err);
    return ok ? 0 : command_fail(err);
}

static const struct choice choices[] = {
    {"verify", "check the chain of hashes over all entries, and the journal against them"},
    {"show", "print the entries, of one RUN or all, one JSON line each"},
    {NULL, NULL},
};

const struct command command_audit = {
    .name = "audit",
    .summary = "check or print the audit trail",
    .usage = "verify [--end HASH] | show [RUN] [options]",
    .description =
        "Every decision, request and outcome is an entry of an append-only trail in which each "
        "entry holds a hash over the one before, so that nothing can be changed, removed or put in "
        "between unnoticed. Entries hold ids and no personal data.\n\n"
        "verify names the first entry that is not as it was written, and what the journal says of "
        "a "
        "run or a change otherwise than the trail's last word on it. It prints the hash of the "
        "trail's end: noted in another place and given with --end, it shows later that nothing "
        "before it was written anew.\n\n"
        "Exit code 5: verify found something.",
    .options = options,
    .choices = choices,
    .safety = SAFETY_READ_ONLY,
    .min_args = 1,
    .max_args = 2,
    .run = run_audit,
};
