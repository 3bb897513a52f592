/* SPDX-License-Identifier: MIT */
#include "match/links.h"

#include <stdio.h>

#include "base/rng.h"
#include "harness/tap.h"

static void nothing_is_known_of_a_new_one(void)
{
    AUTO(links_free) struct links *links = links_new();
    CHECK_INT(links_count(links), 0);
    CHECK(!links_forbid(links, STR("a"), STR("b")));
    CHECK(!links_named(links, STR("a")));
    CHECK_TEXT(links_living(links, STR("a")), "a");
    links_free(NULL);
}

static void a_link_holds_both_ways_and_for_its_pair_only(void)
{
    AUTO(links_free) struct links *links = links_new();
    char id[] = "a";
    links_add(links, LINK_CANNOT, (str){id, 1}, STR("b"));
    id[0] = 'x'; /* ids are copied */
    links_add(links, LINK_MUST, STR("c"), STR("d"));
    CHECK(links_forbid(links, STR("a"), STR("b")));
    CHECK(links_forbid(links, STR("b"), STR("a")));
    CHECK(!links_forbid(links, STR("a"), STR("a")));
    CHECK(!links_forbid(links, STR("a"), STR("c")));
    CHECK(!links_forbid(links, STR("c"), STR("d")));
    CHECK(!links_forbid(links, STR("a"), STR("x")));
    CHECK(links_named(links, STR("a")));
    CHECK(links_named(links, STR("d")));
    CHECK(!links_named(links, STR("x")));
}

static void links_are_listed_as_they_came(void)
{
    AUTO(links_free) struct links *links = links_new();
    for (int i = 0; i < 40; i++) {
        char loser[16];
        (void)snprintf(loser, sizeof(loser), "l%d", i);
        links_add(links, i % 2 != 0 ? LINK_MUST : LINK_CANNOT, str_of(loser), STR("s"));
    }
    links_merged(links, STR("l1"), STR("l2"));
    CHECK_INT(links_count(links), 40);
    enum link_kind kind;
    str a;
    str b;
    links_at(links, 39, &kind, &a, &b);
    CHECK_INT(kind, LINK_MUST);
    CHECK_TEXT(a, "l39");
    CHECK_TEXT(b, "s");
    links_at(links, 2, &kind, &a, &b);
    CHECK_INT(kind, LINK_CANNOT);
    CHECK_TEXT(a, "l2");
}

/* a never with c; c lives on in b, b in d: a never with d. */
static void what_holds_is_inherited_through_merges(void)
{
    AUTO(links_free) struct links *links = links_new();
    links_merged(links, STR("b"), STR("d")); /* in any order */
    links_add(links, LINK_CANNOT, STR("a"), STR("c"));
    links_merged(links, STR("c"), STR("b"));
    links_merged(links, STR("c"), STR("b")); /* told twice */
    CHECK(links_forbid(links, STR("a"), STR("b")));
    CHECK(links_forbid(links, STR("d"), STR("a")));
    CHECK(links_named(links, STR("d")));
    CHECK(!links_forbid(links, STR("b"), STR("d")));
    CHECK_TEXT(links_living(links, STR("c")), "d");
    CHECK_TEXT(links_living(links, STR("d")), "d");
    CHECK_TEXT(links_living(links, STR("a")), "a");
    links_merged(links, STR("a"), STR("e"));
    CHECK(links_forbid(links, STR("e"), STR("d")));
    CHECK(!links_forbid(links, STR("e"), STR("f")));
}

/* Somebody merged two that should never have been: whoever is of that class is left alone. */
static void a_class_that_broke_its_link_stays_forbidden(void)
{
    AUTO(links_free) struct links *links = links_new();
    links_add(links, LINK_CANNOT, STR("a"), STR("b"));
    links_merged(links, STR("a"), STR("b"));
    CHECK(links_forbid(links, STR("a"), STR("b")));
    CHECK(!links_forbid(links, STR("a"), STR("c")));
}

/* Against the obvious way: a number a class, a table of forbidden ones. */
static void many_agree_with_a_table(void)
{
    enum { IDS = 60, ROUNDS = 20 };
    struct rng rng;
    rng_seed(&rng, 11);
    for (int round = 0; round < ROUNDS; round++) {
        AUTO(links_free) struct links *links = links_new();
        int class_of[IDS];
        bool forbidden[IDS][IDS] = {0};
        char names[IDS][16];
        for (int i = 0; i < IDS; i++) {
            class_of[i] = i;
            (void)snprintf(names[i], sizeof(names[i]), "user-%d", i);
        }
        for (int step = 0; step < 60; step++) {
            int a = (int)(rng_next(&rng) % IDS);
            int b = (int)(rng_next(&rng) % IDS);
            if (a != b && step % 3 == 0) {
                links_add(links, LINK_CANNOT, str_of(names[a]), str_of(names[b]));
                forbidden[a][b] = true;
            } else if (a != b) {
                links_merged(links, str_of(names[a]), str_of(names[b]));
                int from = class_of[a];
                for (int i = 0; i < IDS; i++) {
                    class_of[i] = class_of[i] == from ? class_of[b] : class_of[i];
                }
            }
        }
        bool table[IDS][IDS] = {0};
        for (int i = 0; i < IDS * IDS; i++) {
            if (forbidden[i / IDS][i % IDS]) {
                table[class_of[i / IDS]][class_of[i % IDS]] = true;
                table[class_of[i % IDS]][class_of[i / IDS]] = true;
            }
        }
        for (int i = 0; i < IDS * IDS; i++) {
            int a = i / IDS;
            int b = i % IDS;
            CHECK_INT(links_forbid(links, str_of(names[a]), str_of(names[b])),
                      a != b && table[class_of[a]][class_of[b]]);
        }
    }
}

TAP_MAIN(TAP_TEST(nothing_is_known_of_a_new_one),
         TAP_TEST(a_link_holds_both_ways_and_for_its_pair_only),
         TAP_TEST(links_are_listed_as_they_came), TAP_TEST(what_holds_is_inherited_through_merges),
         TAP_TEST(a_class_that_broke_its_link_stays_forbidden), TAP_TEST(many_agree_with_a_table))
