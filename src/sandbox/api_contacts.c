/* SPDX-License-Identifier: MIT */
/*
 * rev-users.*: reads, and the plain writes. Merging is merge.c.
 *
 * DevRev does not document these; the stand-in decides: a merged contact stays readable and listed
 * (state "deactivated", primary_identity set), can no longer be updated (400 value_not_permitted),
 * and no longer holds its external_ref. A deleted one is gone from every read (404).
 */
#include <stdio.h>
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"

static const struct user_version *visible(const struct user *user, int64_t as_of)
{
    const struct user_version *version = user_at(user, as_of);
    return version != NULL && !version->deleted ? version : NULL;
}

static struct user *wanted(struct request *request, const char *name)
{
    struct user *user = (struct user *)body_obj(request, name, KIND_USER, "rev user");
    if (user != NULL && visible(user, request->as_of) == NULL) {
        fail_not_found(request, "rev user");
        return NULL;
    }
    return user;
}

static void answer_user(struct request *request, const struct user *user)
{
    jw_obj(&request->out, NULL);
    render_user(&request->out, "rev_user", user, request->as_of);
    jw_end_obj(&request->out);
}

void contacts_get(struct request *request)
{
    struct user *user = wanted(request, "id");
    if (user != NULL) {
        answer_user(request, user);
    }
}

static bool phones_match(const json_t *wanted_phones, const char *phones)
{
    if (json_array_size(wanted_phones) == 0) {
        return true;
    }
    for (size_t i = 0; phones != NULL && i < json_array_size(wanted_phones); i++) {
        AUTO_BUF struct buf quoted = {0};
        buf_add_json(&quoted, str_of(json_string_value(json_array_get(wanted_phones, i))));
        if (strstr(phones, buf_z(&quoted)) != NULL) {
            return true;
        }
    }
    return false;
}

static bool belongs(const json_t *associations, const struct account *account)
{
    if (json_array_size(associations) == 0) {
        return true;
    }
    return account != NULL && (filter_obj(associations, &account->obj) ||
                               filter_obj(associations, &account->rev_org->obj));
}

struct filter {
    json_t *email, *external_ref, *external_refs, *created_by, *associations, *rev_org, *phones,
        *created, *modified, *custom, *verified, *tags;
};

static bool matches(const struct request *request, const struct filter *filter,
                    const struct user *user)
{
    const struct user_version *version = visible(user, request->as_of);
    if (version == NULL || !filter_text(filter->email, version->email) ||
        !filter_text(filter->external_ref, version->external_ref) ||
        !filter_text(filter->external_refs, version->external_ref)) {
        return false;
    }
    if (filter->verified != NULL && json_is_true(filter->verified) != (user->obj.ord % 3 != 0)) {
        return false;
    }
    if (json_array_size(filter->tags) > 0) {
        bool tagged = false;
        for (size_t i = 0; version->tags != NULL && i < json_array_size(filter->tags); i++) {
            tagged =
                tagged || strstr(version->tags, json_string_value(json_array_get(filter->tags, i)));
        }
        if (!tagged) {
            return false;
        }
    }
    const struct obj *org = user->account != NULL ? &user->account->rev_org->obj : NULL;
    return filter_obj(filter->created_by, &user->created_by->obj) &&
           filter_obj(filter->rev_org, org) && belongs(filter->associations, user->account) &&
           filter_date(request, filter->created, user->obj.created_ms) &&
           filter_date(request, filter->modified, version->modified_ms) &&
           phones_match(filter->phones, version->phone_numbers) &&
           filter_custom(filter->custom, version->custom_fields);
}

/* A filter that names one address or reference is answered from those who have or had it. */
static const struct list *candidates(const struct request *request, const struct filter *filter)
{
    static const struct list none;
    const struct world *world = &request->sandbox->world;
    const struct list *list = NULL;
    if (json_array_size(filter->email) == 1) {
        list = world_by_email(world, json_string_value(json_array_get(filter->email, 0)));
    } else if (json_array_size(filter->external_ref) == 1) {
        list = world_by_ref(world, json_string_value(json_array_get(filter->external_ref, 0)));
    } else {
        return &world->all[KIND_USER];
    }
    return list != NULL ? list : &none;
}

static void find(struct request *request, struct page *page)
{
    struct filter filter = {.email = body_list(request, "email"),
                            .external_ref = body_list(request, "external_ref"),
                            .external_refs = body_list(request, "external_refs"),
                            .created_by = body_list(request, "created_by"),
                            .associations = body_list(request, "associations"),
                            .rev_org = body_list(request, "rev_org"),
                            .phones = body_list(request, "phone_numbers"),
                            .created = json_object_get(request->body, "created_date"),
                            .modified = json_object_get(request->body, "modified_date"),
                            .custom = json_object_get(request->body, "custom_fields"),
                            .verified = json_object_get(request->body, "is_verified"),
                            .tags = body_list(request, "tags")};
    const struct list *users = candidates(request, &filter);
    for (size_t i = page_first(page, users); i < users->len && !page_full(page); i++) {
        const struct user *user = (const struct user *)users->items[i];
        if (user->type == USER_REV && matches(request, &filter, user)) {
            page_add(page, users->items[i]);
        }
    }
}

static int64_t modified_ms(const struct obj *obj, int64_t as_of)
{
    return user_at((const struct user *)obj, as_of)->modified_ms;
}

static void answer_page(struct request *request, const struct page *page)
{
    struct buf *out = &request->out;
    jw_obj(out, NULL);
    jw_arr(out, "rev_users");
    for (size_t i = page->from; i < page->to; i++) {
        render_user(out, NULL, (const struct user *)page->found.items[i], request->as_of);
    }
    jw_end_arr(out);
    page_cursors(out, page);
    jw_end_obj(out);
}

void contacts_list(struct request *request)
{
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    find(request, &page);
    if (page_sort(request, &page, modified_ms)) {
        page_cut(request, &page);
        answer_page(request, &page);
    }
    page_free(&page);
}

void contacts_scan(struct request *request)
{
    struct page page = {0};
    if (!page_open_scan(request, &page)) {
        return;
    }
    find(request, &page);
    page_cut(request, &page);
    page.prev[0] = '\0';
    answer_page(request, &page);
    page_free(&page);
}

void contacts_associations(struct request *request)
{
    const struct user *user = wanted(request, "rev_user_id");
    if (user == NULL) {
        return;
    }
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    if (user->account != NULL) {
        page_add(&page, &user->account->obj);
    }
    page_cut(request, &page);
    struct buf *out = &request->out;
    jw_obj(out, NULL);
    jw_arr(out, "associations");
    for (size_t i = page.from; i < page.to; i++) {
        jw_obj(out, NULL);
        render_account_summary(out, "associated_to", (const struct account *)page.found.items[i]);
        jw_end_obj(out);
    }
    jw_end_arr(out);
    page_cursors(out, &page);
    jw_end_obj(out);
    page_free(&page);
}

/* --- writes ----------------------------------------------------------------------------------- */

static const char *keep_text(struct request *request, const char *name, const char *old)
{
    const char *text = body_text(request, name);
    return text != NULL ? arena_strdup(&request->sandbox->world.arena, text) : old;
}

static const char *keep_json(struct request *request, const char *name, const char *old)
{
    json_t *value = json_object_get(request->body, name);
    if (value == NULL) {
        return old;
    }
    char *text = json_dumps(value, JSON_COMPACT);
    const char *kept = arena_strdup(&request->sandbox->world.arena, text);
    free(text);
    return kept;
}

/* The published answer shows tags as objects, a request names them by id. */
static bool keep_tags(struct request *request, const char **tags)
{
    json_t *list = body_list(request, "tags");
    if (list == NULL) {
        return true;
    }
    AUTO_BUF struct buf out = {0};
    jw_arr(&out, NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *id = json_string_value(json_object_get(item, "id"));
        const struct obj *obj = world_find(&request->sandbox->world, id);
        if (obj == NULL || obj->kind != KIND_TAG) {
            fail_field(request, "invalid_id", "tags", "no such tag");
            return false;
        }
        jw_obj(&out, NULL);
        jw_obj(&out, "tag");
        jw_str(&out, "id", obj->id);
        jw_str(&out, "display_id", obj->display_id);
        jw_str(&out, "name", ((const struct tag *)obj)->name);
        jw_end_obj(&out);
        jw_str(&out, "value", json_string_value(json_object_get(item, "value")));
        jw_end_obj(&out);
    }
    jw_end_arr(&out);
    *tags = arena_strdup(&request->sandbox->world.arena, buf_z(&out));
    return true;
}

static bool keep_artifacts(struct request *request, const json_t *ids, struct list *artifacts)
{
    if (ids == NULL) {
        return true;
    }
    struct list new = {0};
    for (size_t i = 0; i < json_array_size(ids); i++) {
        struct world *world = &request->sandbox->world;
        struct obj *obj = world_find(world, json_string_value(json_array_get(ids, i)));
        if (obj == NULL || obj->kind != KIND_ARTIFACT) {
            fail_field(request, "invalid_id", "artifacts", "no such artifact");
            return false;
        }
        list_add(&world->arena, &new, obj);
    }
    *artifacts = new;
    return true;
}

static bool ref_is_free(struct request *request, const struct user *user)
{
    const char *ref = body_text(request, "external_ref");
    const struct user *holder =
        ref != NULL ? world_ref_holder(&request->sandbox->world, ref) : NULL;
    if (holder != NULL && holder != user) {
        fail_conflict(request, "a rev user with this external_ref exists");
        return false;
    }
    return true;
}

/* Lays the members of the request over `version`. False: answered. */
static bool fill(struct request *request, struct user_version *version, const json_t *artifacts)
{
    const char *custom = custom_apply(request, "rev_user", version->custom_fields);
    if (custom == NULL || !keep_tags(request, &version->tags) ||
        !keep_artifacts(request, artifacts, &version->artifacts)) {
        return false;
    }
    version->custom_fields = custom;
    version->display_name = keep_text(request, "display_name", version->display_name);
    version->description = keep_text(request, "description", version->description);
    version->email = keep_text(request, "email", version->email);
    version->external_ref = keep_text(request, "external_ref", version->external_ref);
    version->phone_numbers = keep_json(request, "phone_numbers", version->phone_numbers);
    version->external_refs = keep_json(request, "external_refs", version->external_refs);
    return true;
}

void contacts_update(struct request *request)
{
    struct world *world = &request->sandbox->world;
    struct user *user = wanted(request, "id");
    if (user == NULL || !ref_is_free(request, user)) {
        return;
    }
    if (user->now->merged_into != NULL) {
        fail_value(request, "id", "the user was merged into another one");
        return;
    }
    struct user_version *version = user_change(world, user, request->now_ms, world->self);
    bool ok =
        fill(request, version, json_object_get(json_object_get(request->body, "artifacts"), "set"));
    if (ok) {
        answer_user(request, user);
    }
    if (ok && !request->never) {
        contact_index(world, user);
        request->changed = true;
    } else {
        user->now = version->older;
    }
}

/* The account behind "rev_org" or "account". False: answered. */
static bool find_account(struct request *request, struct account **ret)
{
    static const char *const members[] = {"account", "rev_org"};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        const char *id = body_text(request, members[i]);
        struct obj *obj = id != NULL ? world_find(&request->sandbox->world, id) : NULL;
        if (obj != NULL && obj->kind == KIND_ACCOUNT) {
            *ret = (struct account *)obj;
        } else if (obj != NULL && obj->kind == KIND_REV_ORG) {
            *ret = ((struct rev_org *)obj)->account;
        } else if (id != NULL) {
            fail_field(request, "invalid_id", members[i], "no such account or workspace");
            return false;
        }
    }
    return true;
}

void contacts_create(struct request *request)
{
    struct world *world = &request->sandbox->world;
    struct account *account = NULL;
    if (!find_account(request, &account) || !ref_is_free(request, NULL)) {
        return;
    }
    /* a number that was handed out is never another contact's, also where nothing was created */
    uint32_t number = 1000 + (uint32_t)world->all[KIND_USER].len + (request->never ? 1000000 : 0);
    struct user *user = arena_new(&world->arena, struct user);
    user->type = USER_REV;
    user->obj.id =
        arena_printf(&world->arena, "don:identity:dvrv-us-1:" WORLD_ORG ":revu/%u", number);
    user->obj.display_id = arena_printf(&world->arena, "REVU-%u", number);
    user->obj.created_ms = request->now_ms;
    user->created_by = world->self;
    user->account = account;
    user->now = arena_new(&world->arena, struct user_version);
    *user->now = (struct user_version){.since_ms = request->now_ms,
                                       .state = "active",
                                       .external_ref = user->obj.display_id,
                                       .modified_by = world->self,
                                       .modified_ms = request->now_ms};
    if (!fill(request, user->now, body_list(request, "artifacts"))) {
        return;
    }
    user->now->full_name = user->now->display_name;
    world_add(world, KIND_USER, &user->obj);
    request->status = 201;
    answer_user(request, user);
    if (request->never) {
        world_forget(world, &user->obj);
    } else {
        contact_index(world, user);
        request->changed = true;
    }
}

void contacts_delete(struct request *request)
{
    struct world *world = &request->sandbox->world;
    struct user *user = wanted(request, "id");
    if (user == NULL) {
        return;
    }
    if (!request->never) {
        struct user_version *version = user_change(world, user, request->now_ms, world->self);
        version->deleted = true;
        version->state = "deleted";
        request->changed = true;
    }
    buf_addz(&request->out, "{}");
}

/* --- personal data ----------------------------------------------------------------------------- */

/* Those that have the address now. */
static bool has_address(const struct request *request, const struct user *user, const char *email)
{
    const struct user_version *version = visible(user, request->as_of);
    return version != NULL && version->email != NULL && strcmp(version->email, email) == 0;
}

static size_t count_address(const struct request *request, const struct list *users,
                            const char *email)
{
    size_t count = 0;
    for (size_t i = 0; users != NULL && i < users->len; i++) {
        count += has_address(request, (const struct user *)users->items[i], email);
    }
    return count;
}

void contacts_personal_data(struct request *request)
{
    const char *email = body_text(request, "email");
    if (count_address(request, world_by_email(&request->sandbox->world, email), email) == 0) {
        fail_not_found(request, "rev user");
        return;
    }
    request->status = 202; /* the export reaches the user by mail */
    buf_addz(&request->out, "{}");
}

void contacts_forget(struct request *request)
{
    struct world *world = &request->sandbox->world;
    const char *email = body_text(request, "email");
    const struct list *users = world_by_email(world, email);
    if (count_address(request, users, email) == 0) {
        fail_not_found(request, "rev user");
        return;
    }
    for (size_t i = 0; i < users->len && !request->never; i++) {
        struct user *user = (struct user *)users->items[i];
        if (has_address(request, user, email)) {
            struct user_version *version = user_change(world, user, request->now_ms, world->self);
            version->deleted = true;
            version->state = "deleted";
            request->changed = true;
        }
    }
    request->status = 202;
    buf_addz(&request->out, "{}");
}
