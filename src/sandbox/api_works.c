/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"

enum { EXPORT_DEFAULT = 50, EXPORT_MAX = 5000 };

static struct work *wanted(struct request *request)
{
    struct work *work = (struct work *)body_obj(request, "id", KIND_WORK, "work");
    if (work != NULL && work_at(work, request->as_of) == NULL) {
        fail_not_found(request, "work");
        return NULL;
    }
    return work;
}

void works_get(struct request *request)
{
    const struct work *work = wanted(request);
    if (work != NULL) {
        jw_obj(&request->out, NULL);
        render_work(&request->out, "work", work, request->as_of);
        jw_end_obj(&request->out);
    }
}

struct filter {
    json_t *type, *created_by, *owned_by, *reported_by, *modified_by, *part, *tags, *stages, *state,
        *created, *modified, *close, *custom, *issue, *ticket;
};

static bool is_closed(const char *stage)
{
    return strcmp(stage, "resolved") == 0 || strcmp(stage, "completed") == 0;
}

/* Filters on what no work of the data has: nothing matches. */
static bool asks_for_nothing(const json_t *body)
{
    static const char *const lists[][2] = {{"external_ref", NULL},
                                           {"stage", "stages"},
                                           {"opportunity", "contacts"},
                                           {"opportunity", "account"},
                                           {"opportunity", "subtype"},
                                           {"sync_metadata", "external_reference"},
                                           {"sync_metadata", "origin_system"}};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const json_t *list = json_object_get(body, lists[i][0]);
        list = lists[i][1] != NULL ? json_object_get(list, lists[i][1]) : list;
        if (json_array_size(list) > 0) {
            return true;
        }
    }
    return json_is_true(json_object_get(json_object_get(body, "staged_info"), "is_staged")) ||
           json_object_get(body, "vista") != NULL;
}

static bool has_none(const json_t *only, const char *const *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (json_array_size(json_object_get(only, members[i])) > 0) {
            return true;
        }
    }
    return false;
}

/* Members of the filters of one type only narrow works of that type. */
static bool type_filters(const struct filter *filter, const struct work *work,
                         const struct work_version *version)
{
    const struct obj *account = work->account != NULL ? &work->account->obj : NULL;
    const struct obj *org = work->account != NULL ? &work->account->rev_org->obj : NULL;
    if (work->type == WORK_TICKET) {
        static const char *const tickets_lack[] = {"brand", "channels_v2", "subtype",
                                                   "source_channel_v2"};
        const json_t *only = filter->ticket;
        return !has_none(only, tickets_lack, ARRAY_LEN(tickets_lack)) &&
               filter_text(json_object_get(only, "source_channel"), "email") &&
               filter_obj(json_object_get(only, "group"),
                          version->group != NULL ? &version->group->obj : NULL) &&
               filter_obj(json_object_get(only, "rev_org"), org) &&
               filter_obj(json_object_get(only, "account"), account) &&
               filter_text(json_object_get(only, "severity"), version->severity);
    }
    static const char *const issues_lack[] = {"group", "sprint", "subtype", "priority_v2"};
    const json_t *only = filter->issue;
    return !has_none(only, issues_lack, ARRAY_LEN(issues_lack)) &&
           filter_obj(json_object_get(only, "accounts"), account) &&
           filter_obj(json_object_get(only, "rev_orgs"), org) &&
           filter_text(json_object_get(only, "priority"), version->priority);
}

static bool matches(const struct request *request, const struct filter *filter,
                    const struct work *work)
{
    const struct work_version *version = work_at(work, request->as_of);
    if (version == NULL || !filter_text(filter->type, work_word(work->type)) ||
        !filter_obj(filter->created_by, &version->created_by->obj) ||
        !filter_any(filter->owned_by, &version->owned_by) ||
        !filter_any(filter->reported_by, &version->reported_by) ||
        !filter_any(filter->tags, &version->tags)) {
        return false;
    }
    return filter_obj(filter->modified_by, &version->modified_by->obj) &&
           filter_obj(filter->part, &version->part->obj) &&
           filter_text(json_object_get(filter->stages, "name"), version->stage) &&
           filter_text(filter->state, is_closed(version->stage) ? "closed" : "open") &&
           filter_date(request, filter->created, work->obj.created_ms) &&
           filter_date(request, filter->modified, version->modified_ms) &&
           filter_date(request, filter->close, version->target_close_ms) &&
           filter_custom(filter->custom, version->custom_fields) &&
           type_filters(filter, work, version);
}

/* A filter that names users is answered from the works of those users, which `own` then holds. */
static const struct list *candidates(const struct request *request, const struct filter *filter,
                                     struct list *own)
{
    const json_t *lists[] = {filter->reported_by, filter->owned_by, filter->created_by};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (json_array_size(lists[i]) != 0) {
            page_of_users(request, lists[i], KIND_WORK, own);
            return own;
        }
    }
    return &request->sandbox->world.all[KIND_WORK];
}

static void find(struct request *request, struct page *page)
{
    const json_t *body = request->body;
    struct filter filter = {.type = body_list(request, "type"),
                            .created_by = body_list(request, "created_by"),
                            .owned_by = body_list(request, "owned_by"),
                            .reported_by = body_list(request, "reported_by"),
                            .modified_by = body_list(request, "modified_by"),
                            .part = body_list(request, "applies_to_part"),
                            .tags = body_list(request, "tags"),
                            .stages = json_object_get(body, "stage"),
                            .state = body_list(request, "state"),
                            .created = json_object_get(body, "created_date"),
                            .modified = json_object_get(body, "modified_date"),
                            .close = json_object_get(body, "target_close_date"),
                            .custom = json_object_get(body, "custom_fields"),
                            .issue = json_object_get(body, "issue"),
                            .ticket = json_object_get(body, "ticket")};
    struct list own = {0};
    const struct list *works = asks_for_nothing(body) ? &own : candidates(request, &filter, &own);
    for (size_t i = page_first(page, works); i < works->len && !page_full(page); i++) {
        if (matches(request, &filter, (const struct work *)works->items[i])) {
            page_add(page, works->items[i]);
        }
    }
    free(own.items);
}

static int64_t modified_ms(const struct obj *obj, int64_t as_of)
{
    return work_at((const struct work *)obj, as_of)->modified_ms;
}

static void render_page(struct request *request, const struct page *page)
{
    jw_arr(&request->out, "works");
    for (size_t i = page->from; i < page->to; i++) {
        render_work(&request->out, NULL, (const struct work *)page->found.items[i], request->as_of);
    }
    jw_end_arr(&request->out);
}

void works_list(struct request *request)
{
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    find(request, &page);
    if (page_sort(request, &page, modified_ms)) {
        page_cut(request, &page);
        jw_obj(&request->out, NULL);
        render_page(request, &page);
        page_cursors(&request->out, &page);
        jw_end_obj(&request->out);
    }
    page_free(&page);
}

void works_count(struct request *request)
{
    struct page page = {.whole = true};
    find(request, &page);
    jw_obj(&request->out, NULL);
    jw_int(&request->out, "count", (int64_t)page.found.len);
    jw_bool(&request->out, "has_more", false);
    jw_end_obj(&request->out);
    page_free(&page);
}

void works_export(struct request *request)
{
    const json_t *first = json_object_get(request->body, "first");
    json_int_t count = first != NULL ? json_integer_value(first) : EXPORT_DEFAULT;
    count = count < 0 ? EXPORT_DEFAULT : count;
    count = count > EXPORT_MAX ? EXPORT_MAX : count;
    struct page page = {.whole = true};
    find(request, &page);
    if (page_sort(request, &page, modified_ms)) {
        page.to = page.found.len < (size_t)count ? page.found.len : (size_t)count;
        jw_obj(&request->out, NULL);
        render_page(request, &page);
        jw_end_obj(&request->out);
    }
    page_free(&page);
}
