/* SPDX-License-Identifier: MIT */
#include "sandbox/world.h"

#include <stdio.h>

#include "harness/tap.h"
#include "sandbox/seed.h"
#include "sandbox/timeline.h"

static struct world world;

static void seed(uint32_t contacts)
{
    world_done(&world);
    world = (struct world){0};
    struct seed_sizes sizes = {.seed = 5, .contacts = contacts, .issues = 10};
    seed_world(&world, &sizes, NULL, 0);
}

static struct user *nth_contact(size_t n)
{
    size_t i = 0;
    for (;; i++) {
        struct user *user = (struct user *)world.all[KIND_USER].items[i];
        if (user->type == USER_REV && n-- == 0) {
            return user;
        }
    }
}

static void replaces_in_lists(void)
{
    struct arena arena = {0};
    struct obj a = {0};
    struct obj b = {0};
    struct obj c = {0};
    struct list list = {0};
    list_add(&arena, &list, &a);
    list_add(&arena, &list, &b);
    CHECK(!list_replace(&list, &c, &a));
    CHECK(list_replace(&list, &a, &c));
    CHECK(list.len == 2 && list.items[0] == &c && list.items[1] == &b);
    CHECK(list_replace(&list, &b, &c)); /* once is enough */
    CHECK(list.len == 1 && list.items[0] == &c);
    arena_done(&arena);
}

static void versions_hold_from_their_time(void)
{
    seed(20);
    struct user *user = nth_contact(0);
    const char *old = user->now->display_name;
    struct user_version *version = user_change(&world, user, 1000, world.self);
    version->display_name = "new";
    CHECK_STR(user_at(user, 999)->display_name, old);
    CHECK_STR(user_at(user, 1000)->display_name, "new");
    CHECK_STR(user_at(user, WORLD_NOW)->display_name, "new");
    CHECK(user_at(user, 1000)->modified_by == world.self);
}

static void merge_moves_and_old_versions_stay(void)
{
    seed(60);
    struct user *loser = NULL;
    for (size_t i = 0; loser == NULL || loser->works.len == 0; i++) {
        loser = nth_contact(i);
    }
    struct user *winner = nth_contact(0) != loser ? nth_contact(0) : nth_contact(1);
    struct work *work = (struct work *)loser->works.items[0];
    struct merge_moves all = {true, true, true, true};
    CHECK(world_merge(&world, winner, loser, &all, 5000));
    CHECK(loser->now->merged_into == winner);
    CHECK_STR(loser->now->state, "deactivated");
    CHECK(!list_has(&work->now->reported_by, &loser->obj));
    CHECK(list_has(&winner->works, &work->obj));
    const struct work_version *before = work_at(work, 4999);
    CHECK(list_has(&before->reported_by, &loser->obj) || before->created_by == loser);
    CHECK(user_at(loser, 4999)->merged_into == NULL);
    CHECK(!world_merge(&world, winner, loser, &all, 6000));
    CHECK(world_ref_holder(&world, loser->now->external_ref) == NULL);
    for (size_t i = 1; i < winner->works.len; i++) {
        CHECK(winner->works.items[i - 1]->ord < winner->works.items[i]->ord);
    }
}

static void finds_by_id_address_and_reference(void)
{
    seed(40);
    struct user *user = nth_contact(3);
    CHECK(world_contact(&world, user->obj.id) == user);
    CHECK(world_contact(&world, user->obj.display_id) == user);
    CHECK(world_contact(&world, "DEVU-1") == NULL);
    CHECK(world_find(&world, "DEVU-1") == &world.self->obj);
    CHECK(world_find(&world, "nope") == NULL);
    CHECK(world_ref_holder(&world, user->now->external_ref) == user);
    CHECK(list_has(world_by_email(&world, user->now->email), &user->obj));
    struct obj *last = world.all[KIND_TAG].items[world.all[KIND_TAG].len - 1];
    world_forget(&world, last);
    CHECK(world_find(&world, last->id) == NULL);
    CHECK(world_find(&world, last->display_id) == NULL);
}

static void timelines_are_found_by_entry(void)
{
    seed(60);
    size_t entries = 0;
    for (size_t i = 0; i < world.all[KIND_WORK].len; i++) {
        struct obj *obj = world.all[KIND_WORK].items[i];
        uint32_t artifacts = 0;
        for (uint32_t k = 0; k < timeline_count(&world, obj); k++) {
            struct entry entry;
            struct entry again;
            timeline_entry(&world, obj, k, &entry);
            CHECK(timeline_find(&world, entry.id, &again));
            CHECK_STR(again.body, entry.body);
            CHECK(entry.artifact == NULL || entry.artifact->parent == obj);
            artifacts += entry.artifact != NULL;
            entries++;
        }
        CHECK_INT(timeline_artifacts(&world, obj), artifacts);
    }
    struct entry entry;
    CHECK(entries > 50);
    CHECK(!timeline_find(&world, "x", &entry));
    CHECK(!timeline_find(&world, "TKT-1:comment/0", &entry));
    world_done(&world);
    world = (struct world){0};
}

TAP_MAIN(TAP_TEST(replaces_in_lists), TAP_TEST(versions_hold_from_their_time),
         TAP_TEST(merge_moves_and_old_versions_stay), TAP_TEST(finds_by_id_address_and_reference),
         TAP_TEST(timelines_are_found_by_entry))
