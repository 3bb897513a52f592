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

/* A filter that names members is answered from their conversations, which `own` then holds. */
static const struct list *candidates(const struct request *request, struct list *own)
{
    const json_t *members = body_list(request, "members");
    if (json_array_size(members) == 0) {
        return &request->sandbox->world.all[KIND_CONVERSATION];
    }
    page_of_users(request, members, KIND_CONVERSATION, own);
    return own;
}

void conversations_list(struct request *request)
{
    struct page page = {0};
    if (!page_open(request, &page)) {
        return;
    }
    struct list own = {0};
    const struct list *all = candidates(request, &own);
    for (size_t i = page_first(&page, all); i < all->len && !page_full(&page); i++) {
        if (matches(request, (const struct conversation *)all->items[i])) {
            page_add(&page, all->items[i]);
        }
    }
    free(own.items);
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
