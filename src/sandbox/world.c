/* SPDX-License-Identifier: MIT */
#include "sandbox/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"

void list_add(struct arena *arena, struct list *list, struct obj *obj)
{
    if (list->len == list->cap) {
        size_t cap = list->cap == 0 ? 2 : list->cap * 2;
        struct obj **items = arena_array(arena, cap, sizeof(struct obj *));
        if (list->len > 0) {
            memcpy(items, list->items, list->len * sizeof(struct obj *));
        }
        list->items = items;
        list->cap = cap;
    }
    list->items[list->len++] = obj;
}

bool list_has(const struct list *list, const struct obj *obj)
{
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i] == obj) {
            return true;
        }
    }
    return false;
}

struct list list_copy(struct arena *arena, const struct list *list)
{
    struct list copy = {0};
    for (size_t i = 0; i < list->len; i++) {
        list_add(arena, &copy, list->items[i]);
    }
    return copy;
}

bool list_replace(struct list *list, const struct obj *from, struct obj *to)
{
    bool found = false;
    bool there = list_has(list, to);
    size_t kept = 0;
    for (size_t i = 0; i < list->len; i++) {
        if (list->items[i] != from) {
            list->items[kept++] = list->items[i];
        } else if (!there) {
            found = true;
            there = true;
            list->items[kept++] = to;
        } else {
            found = true;
        }
    }
    list->len = kept;
    return found;
}

void world_add(struct world *world, enum kind kind, struct obj *obj)
{
    obj->kind = kind;
    obj->ord = (uint32_t)world->all[kind].len;
    list_add(&world->arena, &world->all[kind], obj);
    (void)map_put(&world->by_id, str_of(obj->id), obj);
    if (obj->display_id != NULL && !map_has(&world->by_id, str_of(obj->display_id))) {
        (void)map_put(&world->by_id, str_of(obj->display_id), obj);
    }
}

void world_forget(struct world *world, struct obj *obj)
{
    (void)map_remove(&world->by_id, str_of(obj->id));
    if (obj->display_id != NULL && map_get(&world->by_id, str_of(obj->display_id)) == obj) {
        (void)map_remove(&world->by_id, str_of(obj->display_id));
    }
    world->all[obj->kind].len--;
}

void world_done(struct world *world)
{
    map_done(&world->by_id);
    map_done(&world->refs);
    map_done(&world->emails);
    arena_done(&world->arena);
}

struct obj *world_find(const struct world *world, const char *id)
{
    return map_get(&world->by_id, str_of(id));
}

struct user *world_contact(const struct world *world, const char *id)
{
    struct obj *obj = world_find(world, id);
    if (obj == NULL || obj->kind != KIND_USER) {
        return NULL;
    }
    struct user *user = (struct user *)obj;
    return user->type == USER_REV ? user : NULL;
}

const struct user_version *user_at(const struct user *user, int64_t as_of)
{
    const struct user_version *version = user->now;
    while (version != NULL && version->since_ms > as_of) {
        version = version->older;
    }
    return version;
}

const struct work_version *work_at(const struct work *work, int64_t as_of)
{
    const struct work_version *version = work->now;
    while (version != NULL && version->since_ms > as_of) {
        version = version->older;
    }
    return version;
}

const struct conversation_version *conversation_at(const struct conversation *conversation,
                                                   int64_t as_of)
{
    const struct conversation_version *version = conversation->now;
    while (version != NULL && version->since_ms > as_of) {
        version = version->older;
    }
    return version;
}

struct user_version *user_change(struct world *world, struct user *user, int64_t now_ms,
                                 struct user *by)
{
    struct user_version *version = arena_new(&world->arena, struct user_version);
    *version = *user->now;
    version->older = user->now;
    version->artifacts = list_copy(&world->arena, &user->now->artifacts);
    version->since_ms = now_ms;
    version->modified_ms = now_ms;
    version->modified_by = by;
    user->now = version;
    return version;
}

struct work_version *work_change(struct world *world, struct work *work, int64_t now_ms,
                                 struct user *by)
{
    struct work_version *version = arena_new(&world->arena, struct work_version);
    *version = *work->now;
    version->older = work->now;
    version->owned_by = list_copy(&world->arena, &work->now->owned_by);
    version->reported_by = list_copy(&world->arena, &work->now->reported_by);
    version->tags = list_copy(&world->arena, &work->now->tags);
    version->artifacts = list_copy(&world->arena, &work->now->artifacts);
    version->since_ms = now_ms;
    version->modified_ms = now_ms;
    version->modified_by = by;
    work->now = version;
    return version;
}

struct conversation_version *conversation_change(struct world *world,
                                                 struct conversation *conversation, int64_t now_ms,
                                                 struct user *by)
{
    struct conversation_version *version = arena_new(&world->arena, struct conversation_version);
    *version = *conversation->now;
    version->older = conversation->now;
    version->members = list_copy(&world->arena, &conversation->now->members);
    version->owned_by = list_copy(&world->arena, &conversation->now->owned_by);
    version->tags = list_copy(&world->arena, &conversation->now->tags);
    version->since_ms = now_ms;
    version->modified_ms = now_ms;
    version->modified_by = by;
    conversation->now = version;
    return version;
}

/* Kept in order of creation, so that lists page in one order whoever owns the object. */
static void index_add(struct world *world, struct list *list, struct obj *obj)
{
    size_t at = list->len;
    while (at > 0 && list->items[at - 1]->ord > obj->ord) {
        at--;
    }
    if (at > 0 && list->items[at - 1] == obj) {
        return;
    }
    list_add(&world->arena, list, obj);
    memmove(&list->items[at + 1], &list->items[at], (list->len - 1 - at) * sizeof(struct obj *));
    list->items[at] = obj;
}

static void index_users(struct world *world, const struct list *users, struct obj *obj)
{
    for (size_t i = 0; i < users->len; i++) {
        struct user *user = (struct user *)users->items[i];
        index_add(world, obj->kind == KIND_WORK ? &user->works : &user->conversations, obj);
    }
}

void work_index(struct world *world, struct work *work)
{
    index_users(world, &work->now->owned_by, &work->obj);
    index_users(world, &work->now->reported_by, &work->obj);
    index_add(world, &work->now->created_by->works, &work->obj);
}

void conversation_index(struct world *world, struct conversation *conversation)
{
    index_users(world, &conversation->now->members, &conversation->obj);
    index_users(world, &conversation->now->owned_by, &conversation->obj);
    index_add(world, &conversation->now->created_by->conversations, &conversation->obj);
}

static void index_text(struct world *world, struct map *map, const char *text, struct user *contact)
{
    if (text == NULL || text[0] == '\0') {
        return;
    }
    struct list *list = map_get(map, str_of(text));
    if (list == NULL) {
        list = arena_new(&world->arena, struct list);
        (void)map_put(map, str_of(text), list);
    }
    index_add(world, list, &contact->obj);
}

void contact_index(struct world *world, struct user *contact)
{
    index_text(world, &world->refs, contact->now->external_ref, contact);
    index_text(world, &world->emails, contact->now->email, contact);
}

const struct list *world_by_ref(const struct world *world, const char *ref)
{
    return map_get(&world->refs, str_of(ref));
}

struct user *world_ref_holder(const struct world *world, const char *ref)
{
    const struct list *list = world_by_ref(world, ref);
    for (size_t i = 0; list != NULL && i < list->len; i++) {
        struct user *user = (struct user *)list->items[i];
        if (user->now->merged_into == NULL && !user->now->deleted &&
            strcmp(user->now->external_ref, ref) == 0) {
            return user;
        }
    }
    return NULL;
}

const struct list *world_by_email(const struct world *world, const char *email)
{
    return map_get(&world->emails, str_of(email));
}

static void move_work(struct world *world, struct work *work, struct user *from, struct user *to,
                      const struct merge_moves *moves, int64_t now_ms)
{
    const struct work_version *now = work->now;
    bool reported = moves->reported && list_has(&now->reported_by, &from->obj);
    bool owned = moves->owned && list_has(&now->owned_by, &from->obj);
    bool created = moves->created && now->created_by == from;
    if (!reported && !owned && !created) {
        return;
    }
    struct work_version *version = work_change(world, work, now_ms, world->bot);
    if (reported) {
        (void)list_replace(&version->reported_by, &from->obj, &to->obj);
    }
    if (owned) {
        (void)list_replace(&version->owned_by, &from->obj, &to->obj);
    }
    if (created) {
        version->created_by = to;
    }
    index_add(world, &to->works, &work->obj);
}

static void move_conversation(struct world *world, struct conversation *conversation,
                              struct user *from, struct user *to, const struct merge_moves *moves,
                              int64_t now_ms)
{
    const struct conversation_version *now = conversation->now;
    bool member = moves->conversations && list_has(&now->members, &from->obj);
    bool owned = moves->owned && list_has(&now->owned_by, &from->obj);
    bool created = moves->created && now->created_by == from;
    if (!member && !owned && !created) {
        return;
    }
    struct conversation_version *version =
        conversation_change(world, conversation, now_ms, world->bot);
    if (member) {
        (void)list_replace(&version->members, &from->obj, &to->obj);
    }
    if (owned) {
        (void)list_replace(&version->owned_by, &from->obj, &to->obj);
    }
    if (created) {
        version->created_by = to;
    }
    index_add(world, &to->conversations, &conversation->obj);
}

bool world_merge(struct world *world, struct user *primary, struct user *secondary,
                 const struct merge_moves *moves, int64_t now_ms)
{
    if (primary->now->merged_into != NULL || secondary->now->merged_into != NULL ||
        primary->now->deleted || secondary->now->deleted) {
        return false;
    }
    struct user_version *version = user_change(world, secondary, now_ms, world->bot);
    version->merged_into = primary;
    version->state = "deactivated";
    for (size_t i = 0; i < secondary->works.len; i++) {
        move_work(world, (struct work *)secondary->works.items[i], secondary, primary, moves,
                  now_ms);
    }
    for (size_t i = 0; i < secondary->conversations.len; i++) {
        move_conversation(world, (struct conversation *)secondary->conversations.items[i],
                          secondary, primary, moves, now_ms);
    }
    return true;
}

uint64_t world_mix(const struct world *world, uint64_t a, uint64_t b)
{
    uint64_t x = world->seed + a * 0x9e3779b97f4a7c15u + (b + 1) * 0xd1342543de82ef95u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}
