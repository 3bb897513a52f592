/* SPDX-License-Identifier: MIT */
/* Who and what the tenant consists of: staff, groups, accounts, workspaces, tags, the token. */
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"

/* The token lives from the start of the data until 2100. */
static const int64_t TOKEN_ISSUED_S = 1672531200;
static const int64_t TOKEN_EXPIRES_S = 4102444800;

typedef void render_fn(struct request *request, const char *key, const struct obj *obj);

static void answer_one(struct request *request, const char *key, const struct obj *obj,
                       render_fn *render)
{
    if (obj != NULL) {
        jw_obj(&request->out, NULL);
        render(request, key, obj);
        jw_end_obj(&request->out);
    }
}

/* Renders what the caller opened and chose, and frees it. */
static void answer_list(struct request *request, const char *key, struct page *page,
                        render_fn *render)
{
    page_cut(request, page);
    jw_obj(&request->out, NULL);
    jw_arr(&request->out, key);
    for (size_t i = page->from; i < page->to; i++) {
        render(request, NULL, page->found.items[i]);
    }
    jw_end_arr(&request->out);
    page_cursors(&request->out, page);
    jw_end_obj(&request->out);
    page_free(page);
}

static void head(struct request *request, const char *key, const struct obj *obj)
{
    jw_obj(&request->out, key);
    render_obj_head(&request->out, obj, request->sandbox->world.self, request->as_of);
    render_modified(&request->out, request->sandbox->world.self, obj->created_ms, request->as_of);
}

/* --- groups ----------------------------------------------------------------------------------- */

static void render_group(struct request *request, const char *key, const struct obj *obj)
{
    const struct group *group = (const struct group *)obj;
    head(request, key, obj);
    jw_str(&request->out, "name", group->name);
    jw_str(&request->out, "description", group->description);
    jw_bool(&request->out, "is_default", false);
    jw_str(&request->out, "member_type", "dev_user");
    jw_end_obj(&request->out);
}

void groups_get(struct request *request)
{
    answer_one(request, "group", body_obj(request, "id", KIND_GROUP, "group"), render_group);
}

void groups_list(struct request *request)
{
    const struct list *groups = &request->sandbox->world.all[KIND_GROUP];
    const json_t *is_default = json_object_get(request->body, "is_default");
    bool none =
        json_is_true(is_default) || json_array_size(body_list(request, "ingestion_source")) > 0;
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    for (size_t i = 0; i < groups->len && !none; i++) {
        const struct group *group = (const struct group *)groups->items[i];
        if (filter_text(body_list(request, "name"), group->name) &&
            filter_text(body_list(request, "member_type"), "dev_user") &&
            filter_text(body_list(request, "group_type"), "static")) {
            page_add(&page, groups->items[i]);
        }
    }
    answer_list(request, "groups", &page, render_group);
}

static void render_member(struct request *request, const char *key, const struct obj *obj)
{
    jw_obj(&request->out, key);
    render_user_summary(&request->out, "member", (const struct user *)obj, request->as_of);
    jw_end_obj(&request->out);
}

void groups_members(struct request *request)
{
    const char *id = body_text(request, "group");
    const struct obj *obj = world_find(&request->sandbox->world, id);
    if (obj == NULL || obj->kind != KIND_GROUP) {
        fail_field(request, "invalid_id", "group", "no such group"); /* declares no 404 */
        return;
    }
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    const struct list *members = &((const struct group *)obj)->members;
    for (size_t i = 0; i < members->len; i++) {
        page_add(&page, members->items[i]);
    }
    answer_list(request, "members", &page, render_member);
}

/* --- staff ------------------------------------------------------------------------------------ */

static void render_staff(struct request *request, const char *key, const struct obj *obj)
{
    render_user(&request->out, key, (const struct user *)obj, request->as_of);
}

void staff_self(struct request *request)
{
    answer_one(request, "dev_user", &request->sandbox->world.self->obj, render_staff);
}

void staff_list(struct request *request)
{
    const struct list *users = &request->sandbox->world.all[KIND_USER];
    bool none = json_array_size(body_list(request, "external_identity")) > 0 ||
                json_array_size(body_list(request, "phone_numbers")) > 0 ||
                json_array_size(body_list(request, "timezone")) > 0;
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    for (size_t i = 0; i < users->len && !none; i++) {
        const struct user *user = (const struct user *)users->items[i];
        if (user->type == USER_DEV && filter_text(body_list(request, "email"), user->now->email) &&
            filter_text(body_list(request, "state"), user->now->state)) {
            page_add(&page, users->items[i]);
        }
    }
    answer_list(request, "dev_users", &page, render_staff);
}

/* --- accounts and workspaces ------------------------------------------------------------------- */

static void render_account(struct request *request, const char *key, const struct obj *obj)
{
    const struct account *account = (const struct account *)obj;
    struct buf *out = &request->out;
    head(request, key, obj);
    jw_str(out, "display_name", account->name);
    jw_arr(out, "domains");
    jw_str(out, NULL, account->domain);
    jw_end_arr(out);
    jw_arr(out, "external_refs");
    jw_str(out, NULL, account->domain);
    jw_end_arr(out);
    jw_arr(out, "owned_by");
    render_user_summary(out, NULL, account->owner, request->as_of);
    jw_end_arr(out);
    jw_end_obj(out);
}

void accounts_get(struct request *request)
{
    answer_one(request, "account", body_obj(request, "id", KIND_ACCOUNT, "account"),
               render_account);
}

static bool account_matches(const struct request *request, const struct account *account)
{
    return filter_text(body_list(request, "display_name"), account->name) &&
           filter_text(body_list(request, "domains"), account->domain) &&
           filter_text(body_list(request, "external_refs"), account->domain) &&
           filter_obj(body_list(request, "owned_by"), &account->owner->obj) &&
           filter_date(request, json_object_get(request->body, "created_date"),
                       account->obj.created_ms) &&
           filter_date(request, json_object_get(request->body, "modified_date"),
                       account->obj.created_ms) &&
           json_array_size(body_list(request, "tags")) == 0 &&
           json_array_size(body_list(request, "websites")) == 0;
}

void accounts_list(struct request *request)
{
    const struct list *accounts = &request->sandbox->world.all[KIND_ACCOUNT];
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    for (size_t i = 0; i < accounts->len; i++) {
        if (account_matches(request, (const struct account *)accounts->items[i])) {
            page_add(&page, accounts->items[i]);
        }
    }
    answer_list(request, "accounts", &page, render_account);
}

static void render_rev_org(struct request *request, const char *key, const struct obj *obj)
{
    const struct rev_org *org = (const struct rev_org *)obj;
    head(request, key, obj);
    jw_str(&request->out, "display_name", org->account->name);
    render_account_summary(&request->out, "account", org->account);
    jw_end_obj(&request->out);
}

void rev_orgs_get(struct request *request)
{
    if (body_text(request, "id") != NULL) {
        answer_one(request, "rev_org", body_obj(request, "id", KIND_REV_ORG, "rev org"),
                   render_rev_org);
        return;
    }
    if (body_text(request, "account") == NULL) {
        fail_field(request, "missing_required_field", "id", "id or account is required");
        return;
    }
    const struct account *account =
        (const struct account *)body_obj(request, "account", KIND_ACCOUNT, "account");
    answer_one(request, "rev_org", account != NULL ? &account->rev_org->obj : NULL, render_rev_org);
}

/* --- tags, token, organisation ------------------------------------------------------------------ */

static void render_tag(struct request *request, const char *key, const struct obj *obj)
{
    head(request, key, obj);
    jw_str(&request->out, "name", ((const struct tag *)obj)->name);
    jw_end_obj(&request->out);
}

void tags_list(struct request *request)
{
    const struct list *tags = &request->sandbox->world.all[KIND_TAG];
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    for (size_t i = 0; i < tags->len; i++) {
        if (filter_text(body_list(request, "name"), ((const struct tag *)tags->items[i])->name)) {
            page_add(&page, tags->items[i]);
        }
    }
    answer_list(request, "tags", &page, render_tag);
}

void token_info(struct request *request)
{
    struct buf *out = &request->out;
    const struct user *self = request->sandbox->world.self;
    jw_obj(out, NULL);
    jw_obj(out, "organization");
    jw_str(out, "id", "don:identity:dvrv-us-1:" WORLD_ORG);
    jw_str(out, "display_id", "DEV-0sandbox");
    jw_str(out, "slug", "sandbox");
    jw_end_obj(out);
    jw_obj(out, "token");
    jw_int(out, "expiry", TOKEN_EXPIRES_S);
    jw_int(out, "issued_at", TOKEN_ISSUED_S);
    jw_str(out, "issuer", "https://auth-token.devrev.example.com/");
    jw_str(out, "subject", self->obj.id);
    jw_end_obj(out);
    jw_obj(out, "user");
    jw_str(out, "type", "dev_user");
    jw_str(out, "id", self->obj.id);
    jw_str(out, "display_id", self->obj.display_id);
    jw_str(out, "display_name", self->now->display_name);
    jw_str(out, "email", self->now->email);
    jw_str(out, "full_name", self->now->full_name);
    jw_end_obj(out);
    jw_end_obj(out);
}

void org_get(struct request *request)
{
    struct buf *out = &request->out;
    jw_obj(out, NULL);
    jw_obj(out, "dev_org");
    jw_str(out, "id", "don:identity:dvrv-us-1:" WORLD_ORG);
    jw_str(out, "display_id", "DEV-0sandbox");
    jw_time(out, "created_date", TOKEN_ISSUED_S * 1000);
    jw_str(out, "display_name", "Sandbox");
    jw_str(out, "dev_slug", "sandbox");
    jw_end_obj(out);
    jw_end_obj(out);
}

void ping_answer(struct request *request)
{
    jw_obj(&request->out, NULL);
    jw_time(&request->out, "timestamp", request->now_ms);
    jw_end_obj(&request->out);
}

/* --- further places where contacts appear; the data has none of them ----------------------------- */

static void answer_none(struct request *request, const char *key)
{
    struct page page = {0};
    if (page_open(request, &page)) { /* a bad cursor is bad here too */
        jw_obj(&request->out, NULL);
        jw_arr(&request->out, key);
        jw_end_arr(&request->out);
        jw_end_obj(&request->out);
    }
}

void meetings_list(struct request *request)
{
    answer_none(request, "meetings");
}

void engagements_list(struct request *request)
{
    answer_none(request, "engagements");
}

void surveys_list(struct request *request)
{
    answer_none(request, "survey_responses");
}
