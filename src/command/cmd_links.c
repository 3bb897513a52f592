/* SPDX-License-Identifier: MIT */
/*
 * steward links: what people decided about pairs of contacts.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <string.h>

#include "base/map.h"
#include "command/session.h"
#include "job/merge_memory.h"
#include "store/memory_link.h"

static const struct choice verbs[] = {
    {"list", "what is remembered"},
    {"cannot", "A B: these two are never to be one"},
    {"must", "LOSER SURVIVOR: the first is to go into the second"},
    {"forget", "A B: let the rules decide about them again"},
    {NULL, NULL},
};

/* --- listing --------------------------------------------------------------------------------- */

struct lister {
    bool json;
    uint64_t count;
    struct links *links; /* with what is inherited */
    struct arena arena;
    struct map missing; /* ids, as a set */
    int64_t missing_run;
};

static void note_missing(void *ctx, str id)
{
    struct lister *lister = ctx;
    (void)map_put(&lister->missing, str_dup(&lister->arena, id), lister); /* twice is once */
}

/* STR_NONE: nothing was merged. */
static str lives_on(const struct lister *lister, str id)
{
    str living = links_living(lister->links, id);
    return str_eq(living, id) ? STR_NONE : living;
}

static void add_or_null(struct buf *out, const char *name, str text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text.len != 0) {
        buf_add_json(out, text);
    } else {
        buf_addz(out, "null");
    }
}

static void print_json(const struct lister *lister, const struct memory_link *link)
{
    AUTO_BUF struct buf out = {0};
    buf_printf(&out, "%s{\"kind\":\"%s\"", lister->count == 0 ? "\n" : ",\n",
               link->must ? "must" : "cannot");
    add_or_null(&out, "a", link->a);
    add_or_null(&out, "b", link->b);
    add_or_null(&out, "why", link->why);
    if (link->run != 0) {
        buf_printf(&out, ",\"run\":%" PRId64, link->run);
    } else {
        buf_addz(&out, ",\"run\":null");
    }
    add_or_null(&out, "change", link->change);
    add_or_null(&out, "at", link->at);
    add_or_null(&out, "a_lives_on_as", lives_on(lister, link->a));
    add_or_null(&out, "b_lives_on_as", lives_on(lister, link->b));
    buf_printf(&out, ",\"a_missing\":%s,\"b_missing\":%s}",
               map_has(&lister->missing, link->a) ? "true" : "false",
               map_has(&lister->missing, link->b) ? "true" : "false");
    (void)fputs(buf_z(&out), stdout);
}

static void print_fate(const struct lister *lister, str id)
{
    str living = lives_on(lister, id);
    if (living.len != 0) {
        (void)printf("    %" STR_FMT " was merged and lives on as %" STR_FMT "\n", STR_ARG(id),
                     STR_ARG(living));
    }
    if (map_has(&lister->missing, id)) {
        (void)printf("    %" STR_FMT " is not in the source of run %" PRId64 "\n",
                     STR_ARG(living.len != 0 ? living : id), lister->missing_run);
    }
}

static void print_text(const struct lister *lister, const struct memory_link *link)
{
    (void)printf(link->must ? "%" STR_FMT " must go into %" STR_FMT "\n"
                            : "%" STR_FMT " and %" STR_FMT " are never one\n",
                 STR_ARG(link->a), STR_ARG(link->b));
    (void)printf("    %" STR_FMT, STR_ARG(link->why));
    if (link->run != 0) {
        (void)printf(", run %" PRId64, link->run);
    }
    if (link->change.len != 0) {
        (void)printf(", change %.8s", link->change.ptr);
    }
    (void)printf(", %" STR_FMT "\n", STR_ARG(link->at));
    print_fate(lister, link->a);
    print_fate(lister, link->b);
}

static bool print_link(void *ctx, const struct memory_link *link)
{
    struct lister *lister = ctx;
    (lister->json ? print_json : print_text)(lister, link);
    lister->count++;
    return true;
}

static bool list(struct session *session, struct err *err)
{
    struct journal *journal = engine_journal(session->engine);
    struct lister lister = {.json = session->cli->json};
    lister.links = merge_memory_links(journal, engine_workspace_fd(session->engine), err);
    bool ok = lister.links != NULL &&
              merge_memory_noted(journal, &lister.missing_run, note_missing, &lister, err);
    if (ok && lister.json) {
        (void)fputs("{\"links\":[", stdout);
    }
    ok = ok && memory_link_each(journal, print_link, &lister, err);
    if (ok && lister.json && lister.missing_run != 0) {
        (void)printf("],\"missing_in_run\":%" PRId64 "}\n", lister.missing_run);
    } else if (ok && lister.json) {
        (void)fputs("],\"missing_in_run\":null}\n", stdout);
    } else if (ok && lister.count == 0) {
        (void)puts("There are no links.");
    }
    links_free(lister.links);
    map_done(&lister.missing);
    arena_done(&lister.arena);
    return ok;
}

/* --- changing -------------------------------------------------------------------------------- */

static bool put(struct session *session, bool must, str a, str b, struct err *err)
{
    const struct memory_link link = {.must = must, .a = a, .b = b, .why = STR("command")};
    if (!memory_link_put(engine_journal(session->engine), clock_system(), &link, err)) {
        return false;
    }
    if (!session->cli->json) {
        (void)printf(must ? "%" STR_FMT " must go into %" STR_FMT " from now on.\n"
                          : "%" STR_FMT " and %" STR_FMT " are never one from now on.\n",
                     STR_ARG(a), STR_ARG(b));
    }
    return true;
}

static bool forget(struct session *session, str a, str b, struct err *err)
{
    bool found;
    if (!memory_link_remove(engine_journal(session->engine), a, b, &found, err)) {
        return false;
    }
    if (!found) {
        (void)err_set(err, ERR_NOT_FOUND,
                      "could not forget the link between '%" STR_FMT "' and '%" STR_FMT
                      "': there is none",
                      STR_ARG(a), STR_ARG(b));
        return err_hint(err, "`steward links list` lists them.");
    }
    if (!session->cli->json) {
        (void)printf("The rules decide about %" STR_FMT " and %" STR_FMT " again.\n", STR_ARG(a),
                     STR_ARG(b));
    }
    return true;
}

static bool change(struct session *session, struct err *err)
{
    const struct cli *cli = session->cli;
    str a = str_trim_ascii(str_of(cli->args[1]));
    str b = str_trim_ascii(str_of(cli->args[2]));
    bool ok = strcmp(cli->args[0], "forget") == 0
                  ? forget(session, a, b, err)
                  : put(session, strcmp(cli->args[0], "must") == 0, a, b, err);
    return ok && (!cli->json || list(session, err));
}

static bool check_args(const struct cli *cli, bool listing, struct err *err)
{
    size_t wanted = listing ? 1 : 3;
    if (cli->arg_count == wanted) {
        return true;
    }
    (void)err_set(err, ERR_USAGE, "could not run 'steward links %s': it takes %s", cli->args[0],
                  listing ? "nothing more" : "two contacts");
    return err_hint(err, "Usage: steward links list | cannot A B | must LOSER SURVIVOR | "
                         "forget A B");
}

static int run_links(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    bool listing = strcmp(cli->args[0], "list") == 0;
    if (!check_args(cli, listing, err) || (!listing && !session_make_workspace(cli, err)) ||
        !session_open(&session, cli, listing ? SESSION_READ : SESSION_WRITE, err)) {
        return command_fail(err);
    }
    return (listing ? list : change)(&session, err) ? 0 : command_fail(err);
}

static const char *const examples[] = {
    "steward links list",
    "steward links cannot REVU-1041 REVU-1048",
    "steward links must REVU-7 REVU-9",
    NULL,
};

const struct command command_links = {
    .name = "links",
    .summary = "what people decided about pairs of contacts",
    .usage = "list | cannot A B | must LOSER SURVIVOR | forget A B  [options]",
    .description =
        "Decisions that outlive runs and undo, by the ids that the source has. `cannot`: no later "
        "plan makes the two one; contacts whose rules say otherwise are left to people. `must`: "
        "the "
        "first goes into the second, before any strategy. `forget` takes either back. A pair has "
        "one link, the last one given.\n\n"
        "Refusing a change and undoing one leave a `cannot` too. What holds for a contact that was "
        "merged holds for its survivor. `list` also names contacts that the last plan's source "
        "does "
        "not have: their links wait.",
    .examples = examples,
    .choices = verbs,
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 1,
    .max_args = 3,
    .run = run_links,
};
