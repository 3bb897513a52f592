/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"

void conversations_get(struct request *request)
{
    const struct conversation *conversation =
        (const struct conversation *)body_obj(request, "id", KIND_CONVERSATION, "conversation");
    if (conversation != NULL) {
        jw_obj(&request->out, NULL);
        render_conversation(&request->out, "conversation", conversation, request->as_of);
        jw_end_obj(&request->out);
    }
}

static bool matches(const struct request *request, const struct conversation *conversation)
{
    const struct conversation_version *version = conversation_at(conversation, request->as_of);
    const struct account *account = conversation->account;
    const struct obj *org = account != NULL ? &account->rev_org->obj : NULL;
    bool open = strcmp(version->stage, "resolved") != 0;
    return filter_any(body_list(request, "members"), &version->members) &&
           filter_any(body_list(request, "owned_by"), &version->owned_by) &&
           filter_any(body_list(request, "tags"), &version->tags) &&
           filter_obj(body_list(request, "group"),
                      version->group != NULL ? &version->group->obj : NULL) &&
           filter_obj(body_list(request, "rev_orgs"), org) &&
           filter_obj(body_list(request, "rev_org"), org) &&
           filter_obj(body_list(request, "account"), account != NULL ? &account->obj : NULL) &&
           filter_text(json_object_get(json_object_get(request->body, "stage"), "name"),
                       version->stage) &&
           filter_text(body_list(request, "state"), open ? "open" : "closed") &&
           filter_date(request, json_object_get(request->body, "modified_date"),
                       version->modified_ms);
}

static const struct list *candidates(const struct request *request)
{
    const json_t *members = body_list(request, "members");
    const struct world *world = &request->sandbox->world;
    if (json_array_size(members) != 1) {
        return &world->all[KIND_CONVERSATION];
    }
    const struct obj *obj = world_find(world, json_string_value(json_array_get(members, 0)));
    static const struct list none;
    return obj != NULL && obj->kind == KIND_USER ? &((const struct user *)obj)->conversations
                                                 : &none;
}

void conversations_list(struct request *request)
{
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    const struct list *all = candidates(request);
    for (size_t i = page_first(&page, all); i < all->len && !page_full(&page); i++) {
        if (matches(request, (const struct conversation *)all->items[i])) {
            page_add(&page, all->items[i]);
        }
    }
    page_cut(request, &page);
    struct buf *out = &request->out;
    jw_obj(out, NULL);
    jw_arr(out, "conversations");
    for (size_t i = page.from; i < page.to; i++) {
        render_conversation(out, NULL, (const struct conversation *)page.found.items[i],
                            request->as_of);
    }
    jw_end_arr(out);
    page_cursors(out, &page);
    jw_end_obj(out);
    page_free(&page);
}
