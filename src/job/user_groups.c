/* SPDX-License-Identifier: MIT */
#include "job/user_groups.h"

#include <string.h>

#include "base/fs.h"
#include "base/map.h"
#include "format/jsonx.h"
#include "match/normalise.h"

enum { CACHE_MAX_BYTES = 64 * 1024 * 1024, NAMED = 5 };

static const char CACHE[] = "cache/devrev-groups.json";

struct user {
    str id;
    str state;
    const struct group **in;
    size_t count;
    size_t room;
};

struct groups {
    struct arena arena;
    str tenant;
    int64_t at_ms;
    struct group *all;
    size_t count;
    struct map users;     /* by id and by display id: struct user */
    struct map names;     /* by id, display id and folded name: struct group */
    struct group several; /* a name that more than one group has */
    struct user **order;
    size_t user_count;
    size_t user_room;
};

void groups_free(struct groups *groups)
{
    if (groups == NULL) {
        return;
    }
    for (size_t i = 0; i < groups->user_count; i++) {
        free(groups->order[i]->in);
    }
    free(groups->order);
    map_done(&groups->users);
    map_done(&groups->names);
    arena_done(&groups->arena);
    free(groups);
}

size_t groups_count(const struct groups *groups)
{
    return groups->count;
}

const struct group *groups_at(const struct groups *groups, size_t i)
{
    return &groups->all[i];
}

str groups_tenant(const struct groups *groups)
{
    return groups->tenant;
}

int64_t groups_at_ms(const struct groups *groups)
{
    return groups->at_ms;
}

/* --- from JSON ---------------------------------------------------------------------------------- */

static struct user *user_of(struct groups *groups, const json_t *member)
{
    str id = jsonx_str(member, "id");
    struct user *user = map_get(&groups->users, id);
    if (user != NULL) {
        return user;
    }
    user = arena_new(&groups->arena, struct user);
    *user = (struct user){.id = str_dup(&groups->arena, id),
                          .state = str_dup(&groups->arena, jsonx_str(member, "state"))};
    (void)map_put(&groups->users, user->id, user);
    str display = str_dup(&groups->arena, jsonx_str(member, "display_id"));
    if (display.len != 0 && !map_has(&groups->users, display)) {
        (void)map_put(&groups->users, display, user);
    }
    if (groups->user_count == groups->user_room) {
        groups->user_room = groups->user_room != 0 ? groups->user_room * 2 : 64;
        groups->order = xrealloc(groups->order, groups->user_room, sizeof(struct user *));
    }
    groups->order[groups->user_count++] = user;
    return user;
}

static void join(struct user *user, const struct group *group)
{
    for (size_t i = 0; i < user->count; i++) {
        if (user->in[i] == group) {
            return;
        }
    }
    if (user->count == user->room) {
        user->room = user->room != 0 ? user->room * 2 : 2;
        user->in = xrealloc(user->in, user->room, sizeof(struct group *));
    }
    user->in[user->count++] = group;
}

/* Ids go before names. */
static void add_names(struct groups *groups)
{
    AUTO_BUF struct buf folded = {0};
    for (size_t i = 0; i < groups->count; i++) {
        struct group *group = &groups->all[i];
        (void)map_put(&groups->names, group->id, group);
        if (group->display_id.len != 0) {
            (void)map_put(&groups->names, group->display_id, group);
        }
    }
    for (size_t i = 0; i < groups->count; i++) {
        struct group *group = &groups->all[i];
        str name = str_dup(&groups->arena, norm_fold(group->name, &folded));
        if (name.len != 0) {
            (void)map_put(&groups->names, name,
                          map_has(&groups->names, name) ? &groups->several : group);
        }
    }
}

static bool add_group(struct groups *groups, const json_t *json, struct err *err)
{
    struct group *group = &groups->all[groups->count++];
    *group = (struct group){.id = str_dup(&groups->arena, jsonx_str(json, "id")),
                            .display_id = str_dup(&groups->arena, jsonx_str(json, "display_id")),
                            .name = str_dup(&groups->arena, jsonx_str(json, "name"))};
    const json_t *member;
    if (group->id.len == 0) {
        return err_set(err, ERR_PROTOCOL, "could not read the groups: one has no id");
    }
    JSONX_EACH(member, jsonx_get(json, "members"))
    {
        if (jsonx_str(member, "id").len == 0) {
            return err_set(err, ERR_PROTOCOL,
                           "could not read the groups: a member of '%.*s' has no id",
                           STR_ARG(group->id));
        }
        join(user_of(groups, member), group);
        group->member_count++;
    }
    return true;
}

static struct groups *from_json(const json_t *json, struct err *err)
{
    AUTO(groups_free) struct groups *groups = xnew(struct groups);
    const json_t *list = jsonx_get(json, "groups");
    const json_t *item;
    groups->tenant = str_dup(&groups->arena, jsonx_str(json, "tenant"));
    if (!jsonx_int(json, "at_ms", &groups->at_ms) || !json_is_array(list)) {
        (void)err_set(err, ERR_CORRUPT, "could not read '%s': it is no list of groups", CACHE);
        return NULL;
    }
    groups->all = arena_array(&groups->arena, json_array_size(list) + 1, sizeof(struct group));
    JSONX_EACH(item, list)
    {
        if (!add_group(groups, item, err)) {
            return NULL;
        }
    }
    add_names(groups);
    return STEAL(groups);
}

struct groups *groups_parse(str text, str tenant, int64_t now_ms, int64_t ttl_ms, struct err *err)
{
    AUTO(json_decref) json_t *json = jsonx_parse(text, CACHE_MAX_BYTES, err);
    if (json == NULL) {
        return NULL;
    }
    AUTO(groups_free) struct groups *groups = from_json(json, err);
    if (groups == NULL) {
        return NULL;
    }
    if (!str_eq(groups->tenant, tenant)) {
        (void)err_set(err, ERR_NOT_FOUND, "could not use '%s': it is another tenant's", CACHE);
        return NULL;
    }
    if (groups->at_ms > now_ms || now_ms - groups->at_ms >= ttl_ms) {
        (void)err_set(err, ERR_NOT_FOUND, "could not use '%s': it is too old", CACHE);
        return NULL;
    }
    return STEAL(groups);
}

/* --- from the remote ---------------------------------------------------------------------------- */

/* "devo/0abc" of "don:identity:dvrv-us-1:devo/0abc:..." */
static str tenant_of(str id)
{
    static const char MARK[] = ":devo/";
    const char *found = id.len != 0 ? memmem(id.ptr, id.len, MARK, strlen(MARK)) : NULL;
    if (found == NULL) {
        return STR_NONE;
    }
    str rest = {found + 1, (size_t)(id.ptr + id.len - found) - 1};
    str after;
    return str_cut(rest, ':', &after);
}

static bool ask_tenant(struct devrev *devrev, struct arena *arena, str *ret, struct err *err)
{
    AUTO_ANSWER struct devrev_answer answer = {0};
    if (!devrev_read(devrev, "auth-tokens.info", json_object(), &answer, err)) {
        return false;
    }
    *ret = str_dup(arena, tenant_of(jsonx_str(answer.json, "organization.id")));
    if (ret->len == 0) {
        return err_set(err, ERR_PROTOCOL,
                       "could not call auth-tokens.info: the answer names no organisation");
    }
    return true;
}

/* What is kept of each item of a list. */
struct collect {
    json_t *list; /* where items go */
    const char *id;
    const char *display_id;
    const char *more; /* one more text: its path, and how it is called here */
    const char *more_name;
};

static void keep_text(json_t *object, const char *name, str text)
{
    (void)json_object_set_new(object, name,
                              json_stringn(text.ptr != NULL ? text.ptr : "", text.len));
}

static bool take_items(void *ctx, const struct devrev_answer *answer UNUSED, const json_t *items,
                       bool *done UNUSED, struct err *err UNUSED)
{
    const struct collect *collect = ctx;
    const json_t *item;
    JSONX_EACH(item, items)
    {
        json_t *kept = json_object();
        keep_text(kept, "id", jsonx_str(item, collect->id));
        keep_text(kept, "display_id", jsonx_str(item, collect->display_id));
        keep_text(kept, collect->more_name, jsonx_str(item, collect->more));
        (void)json_array_append_new(collect->list, kept);
    }
    return true;
}

static bool list_all(struct devrev *devrev, json_t *list, struct err *err)
{
    struct collect groups = {
        .list = list, .id = "id", .display_id = "display_id", .more = "name", .more_name = "name"};
    if (!devrev_pages(devrev, "groups.list", json_object(), "groups", take_items, &groups, err)) {
        return false;
    }
    json_t *group;
    size_t i;
    json_array_foreach(list, i, group)
    {
        struct collect members = {.list = json_array(),
                                  .id = "member.id",
                                  .display_id = "member.display_id",
                                  .more = "member.state",
                                  .more_name = "state"};
        str id = jsonx_str(group, "id");
        (void)json_object_set_new(group, "members", members.list);
        if (!devrev_pages(devrev, "groups.members.list",
                          json_pack("{s:s%}", "group", id.ptr != NULL ? id.ptr : "", id.len),
                          "members", take_items, &members, err)) {
            return false;
        }
    }
    return true;
}

static struct groups *fetch(struct job_run *run, struct devrev *devrev, str tenant, struct err *err)
{
    AUTO(json_decref)
    json_t *json = json_pack("{s:s%,s:I,s:[]}", "tenant", tenant.ptr, tenant.len, "at_ms",
                             (json_int_t)clock_real_ms(run->clock), "groups");
    AUTO_BUF struct buf text = {0};
    if (!list_all(devrev, json_object_get(json, "groups"), err)) {
        return NULL;
    }
    AUTO(groups_free) struct groups *groups = from_json(json, err);
    if (groups == NULL) {
        return NULL;
    }
    struct err kept = {0};
    if (!jsonx_write(json, &text) || !fs_mkdirs(run->workspace_fd, "cache", &kept) ||
        !fs_write_atomic(run->workspace_fd, CACHE, buf_str(&text), &kept)) {
        log_at(run->log, LOG_WARN, "could not keep the groups for later runs", LOG_ERR(&kept));
    }
    return STEAL(groups);
}

struct groups *groups_load(struct job_run *run, struct devrev *devrev, int64_t ttl_ms,
                           struct err *err)
{
    struct arena arena = {0};
    AUTO_BUF struct buf text = {.max = CACHE_MAX_BYTES};
    str tenant = STR_NONE;
    struct groups *groups = NULL;
    struct err unused = {0}; /* why the kept list is of no use does not matter: it is made anew */
    if (!ask_tenant(devrev, &arena, &tenant, err)) {
        arena_done(&arena);
        return NULL;
    }
    if (ttl_ms > 0 && fs_exists(run->workspace_fd, CACHE) &&
        fs_read(run->workspace_fd, CACHE, &text, &unused)) {
        groups = groups_parse(buf_str(&text), tenant, clock_real_ms(run->clock), ttl_ms, &unused);
    }
    if (groups == NULL) {
        groups = fetch(run, devrev, tenant, err);
    }
    arena_done(&arena);
    return groups;
}

/* --- answers ------------------------------------------------------------------------------------ */

const struct group *groups_find(const struct groups *groups, str text, bool *ret_several)
{
    AUTO_BUF struct buf folded = {0};
    str wanted = norm_trim(text);
    const struct group *found = map_get(&groups->names, wanted);
    if (found == NULL && wanted.len != 0) {
        found = map_get(&groups->names, norm_fold(wanted, &folded));
    }
    *ret_several = found == &groups->several;
    return *ret_several ? NULL : found;
}

static bool is_inactive(str state)
{
    return str_eqz(state, "deactivated") || str_eqz(state, "deleted") || str_eqz(state, "locked");
}

static void name_groups(const struct user *user, struct buf *why)
{
    for (size_t i = 0; i < user->count && i < NAMED; i++) {
        buf_printf(why, "%s%.*s", i == 0 ? " (" : ", ", STR_ARG(user->in[i]->display_id));
    }
    buf_addz(why, user->count > NAMED ? ", ...)" : ")");
}

static enum groups_answer between(const struct user *user, const struct group *assigned,
                                  const struct group **ret, struct buf *why)
{
    for (size_t i = 0; i < user->count && assigned != NULL; i++) {
        if (user->in[i] == assigned) {
            *ret = assigned;
            return GROUPS_FOUND;
        }
    }
    buf_printf(why, "ambiguous: the creator is in %zu groups", user->count);
    name_groups(user, why);
    buf_addz(why, assigned == NULL ? " and no group is assigned"
                                   : ", and the assigned group is none of them");
    return GROUPS_AMBIGUOUS;
}

enum groups_answer groups_of(const struct groups *groups, str id, str assigned,
                             const struct group **ret, struct buf *why)
{
    bool several = false;
    const struct user *user = map_get(&groups->users, norm_trim(id));
    const struct group *group = groups_find(groups, assigned, &several);
    *ret = NULL;
    if (group == NULL && norm_trim(assigned).len != 0) {
        buf_addz(why, several ? "no-such-group: the assigned group's name stands for several groups"
                              : "no-such-group: the assigned group does not exist");
        return GROUPS_NO_SUCH_GROUP;
    }
    if (user == NULL) {
        buf_addz(why, "unknown: the creator is in no group");
        return GROUPS_UNKNOWN;
    }
    if (is_inactive(user->state)) {
        buf_printf(why, "inactive: the creator is %.*s", STR_ARG(user->state));
        return GROUPS_INACTIVE;
    }
    if (user->count == 1) {
        *ret = user->in[0];
        return GROUPS_FOUND;
    }
    return between(user, group, ret, why);
}

void groups_each_ambiguous(const struct groups *groups,
                           void (*each)(void *ctx, str user, const struct group *const *in,
                                        size_t count),
                           void *ctx)
{
    for (size_t i = 0; i < groups->user_count; i++) {
        const struct user *user = groups->order[i];
        if (user->count > 1) {
            each(ctx, user->id, user->in, user->count);
        }
    }
}
