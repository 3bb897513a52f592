/* SPDX-License-Identifier: MIT */
#include "store/memory_link.h"

#include "harness/fakeclock.h"
#include "harness/tap.h"

static struct fakeclock fake;

static struct journal *open_journal(enum journal_mode mode)
{
    struct err err = {0};
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/steward.db", tap_tmpdir());
    struct journal *journal = journal_open(buf_z(&path), mode, &fake.clock, &err);
    CHECK_OK(journal != NULL, err);
    return journal;
}

static bool collect(void *ctx, const struct memory_link *link)
{
    struct buf *out = ctx;
    buf_printf(out,
               "%s %" STR_FMT " %" STR_FMT " run=%lld change=%" STR_FMT " at=%" STR_FMT
               " why=%" STR_FMT "\n",
               link->must ? "must" : "cannot", STR_ARG(link->a), STR_ARG(link->b),
               (long long)link->run, STR_ARG(link->change), STR_ARG(link->at), STR_ARG(link->why));
    return true;
}

static bool collect_raw(void *ctx, str key, str value)
{
    struct buf *out = ctx;
    buf_printf(out, "%" STR_FMT "=%" STR_FMT "\n", STR_ARG(key), STR_ARG(value));
    return true;
}

static bool collect_audit(void *ctx, uint64_t seq, str body)
{
    struct buf *out = ctx;
    (void)seq;
    str rest = body;
    while (rest.len != 0 && !str_starts(rest, STR("\"event\""))) {
        rest.ptr++;
        rest.len--;
    }
    buf_printf(out, "%" STR_FMT "\n", STR_ARG(rest));
    return true;
}

static void links_survive_and_a_pair_has_one(void)
{
    struct err err;
    fakeclock_init(&fake);
    struct journal *journal = open_journal(JOURNAL_WRITE);
    const struct memory_link refused = {.a = STR("user-2"),
                                        .b = STR("user-1"),
                                        .why = STR("refused"),
                                        .run = 7,
                                        .change = STR("00ff")};
    const struct memory_link wanted = {
        .must = true, .a = STR("user-9"), .b = STR("user-3"), .why = STR("command")};
    const struct memory_link other_way = {
        .must = true, .a = STR("user-3"), .b = STR("user-9"), .why = STR("command")};
    CHECK_OK(memory_link_put(journal, &fake.clock, &refused, &err), err);
    CHECK_OK(memory_link_put(journal, &fake.clock, &other_way, &err), err);
    CHECK_OK(memory_link_put(journal, &fake.clock, &wanted, &err), err);
    journal_close(journal);

    journal = open_journal(JOURNAL_READ);
    AUTO_BUF struct buf out = {0};
    CHECK_OK(memory_link_each(journal, collect, &out, &err), err);
    CHECK_STR(buf_z(&out),
              "cannot user-1 user-2 run=7 change=00ff at=2026-11-24T12:00:00.000Z why=refused\n"
              "must user-9 user-3 run=0 change= at=2026-11-24T12:00:00.000Z why=command\n");
    buf_clear(&out);
    CHECK_OK(journal_memory_each(journal, STR(""), collect_raw, &out, &err), err);
    CHECK_STR(buf_z(&out),
              "link/user-1\x1fuser-2={\"kind\":\"cannot\",\"run\":7,\"change\":\"00ff\","
              "\"at\":\"2026-11-24T12:00:00.000Z\",\"why\":\"refused\"}\n"
              "link/user-3\x1fuser-9={\"kind\":\"must\",\"run\":0,\"change\":\"\","
              "\"at\":\"2026-11-24T12:00:00.000Z\",\"why\":\"command\",\"survivor\":\"user-3\"}\n");
    journal_close(journal);
}

static void a_link_is_forgotten_by_its_pair(void)
{
    struct err err;
    bool found;
    fakeclock_init(&fake);
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    const struct memory_link link = {.a = STR("a"), .b = STR("bc"), .why = STR("command")};
    CHECK_OK(memory_link_put(journal, &fake.clock, &link, &err), err);
    CHECK_OK(memory_link_remove(journal, STR("a"), STR("b"), &found, &err), err);
    CHECK(!found);
    CHECK_OK(memory_link_remove(journal, STR("bc"), STR("a"), &found, &err), err);
    CHECK(found);
    CHECK_OK(memory_link_remove(journal, STR("a"), STR("bc"), &found, &err), err);
    CHECK(!found);
    AUTO_BUF struct buf out = {0};
    CHECK_OK(memory_link_each(journal, collect, &out, &err), err);
    CHECK_STR(buf_z(&out), "");
    CHECK_OK(journal_audit_each(journal, 0, collect_audit, &out, &err), err);
    CHECK_STR(buf_z(&out), "\"event\":\"link\",\"detail\":{\"kind\":\"cannot\",\"a\":\"a\","
                           "\"b\":\"bc\",\"why\":\"command\"}}\n"
                           "\"event\":\"link\",\"detail\":{\"kind\":\"forgotten\",\"a\":\"bc\","
                           "\"b\":\"a\"}}\n");
}

static void what_is_no_pair_is_refused(void)
{
    struct err err;
    bool found;
    fakeclock_init(&fake);
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    struct memory_link link = {.a = STR("a"), .b = STR("a"), .why = STR("command")};
    CHECK_ERR(memory_link_put(journal, &fake.clock, &link, &err), err, ERR_USAGE,
              "could not use the link: both ids are 'a'");
    link.b = STR("");
    CHECK_ERR(memory_link_put(journal, &fake.clock, &link, &err), err, ERR_USAGE,
              "could not use the link: an id is empty or holds control characters");
    CHECK_ERR(memory_link_remove(journal, STR("a\x1f"), STR("b"), &found, &err), err, ERR_USAGE,
              "could not use the link: an id is empty or holds control characters");
}

static void many_are_put_together_or_none(void)
{
    struct err err;
    fakeclock_init(&fake);
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    struct memory_link links[] = {
        {.a = STR("a"), .b = STR("b"), .why = STR("refused")},
        {.must = true, .a = STR("d"), .b = STR("c"), .why = STR("command")}};
    CHECK_OK(memory_link_put_all(journal, &fake.clock, links, 2, &err), err);
    links[0].b = STR("e");
    links[1].b = STR("d");
    CHECK_ERR(memory_link_put_all(journal, &fake.clock, links, 2, &err), err, ERR_USAGE,
              "could not use the link: both ids are 'd'");
    AUTO_BUF struct buf out = {0};
    CHECK_OK(memory_link_each(journal, collect, &out, &err), err);
    CHECK_STR(buf_z(&out), "cannot a b run=0 change= at=2026-11-24T12:00:00.000Z why=refused\n"
                           "must d c run=0 change= at=2026-11-24T12:00:00.000Z why=command\n");
}

static void damage_is_named(void)
{
    static const char *const values[] = {"",
                                         "{",
                                         "{\"kind\":\"maybe\",\"run\":1}",
                                         "{\"kind\":\"cannot\"}",
                                         "{\"kind\":\"must\",\"run\":1}",
                                         "{\"kind\":\"must\",\"run\":1,\"survivor\":\"c\"}"};
    struct err err;
    fakeclock_init(&fake);
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        CHECK_OK(journal_memory_put(journal,
                                    STR("link/a\x1f"
                                        "b"),
                                    str_of(values[i]), &err),
                 err);
        CHECK_ERR(memory_link_each(journal, collect, &out, &err), err, ERR_CORRUPT,
                  "could not understand a remembered link");
    }
    CHECK_STR(buf_z(&out), "");
}

TAP_MAIN(TAP_TEST(links_survive_and_a_pair_has_one), TAP_TEST(a_link_is_forgotten_by_its_pair),
         TAP_TEST(what_is_no_pair_is_refused), TAP_TEST(many_are_put_together_or_none),
         TAP_TEST(damage_is_named))
