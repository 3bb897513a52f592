/* SPDX-License-Identifier: MIT */
/* GET /sandbox/state: everything that can change, as it is now. */
#include "sandbox/jw.h"
#include "sandbox/sandbox.h"

static void ids(struct buf *out, const char *key, const struct list *list)
{
    jw_arr(out, key);
    for (size_t i = 0; i < list->len; i++) {
        jw_str(out, NULL, list->items[i]->id);
    }
    jw_end_arr(out);
}

static void contact(struct buf *out, const struct user *user)
{
    const struct user_version *version = user->now;
    jw_obj(out, NULL);
    jw_str(out, "id", user->obj.id);
    jw_str(out, "display_id", user->obj.display_id);
    jw_str(out, "display_name", version->display_name);
    jw_str(out, "email", version->email != NULL ? version->email : "");
    jw_str(out, "external_ref", version->external_ref);
    jw_str(out, "state", version->state);
    if (version->merged_into != NULL) {
        jw_str(out, "merged_into", version->merged_into->obj.id);
    } else {
        jw_null(out, "merged_into");
    }
    jw_str(out, "account", user->account != NULL ? user->account->obj.id : NULL);
    jw_raw(out, "custom_fields", version->custom_fields != NULL ? version->custom_fields : "{}");
    jw_end_obj(out);
}

static void work_json(struct buf *out, const struct work *work)
{
    const struct work_version *version = work->now;
    jw_obj(out, NULL);
    jw_str(out, "id", work->obj.id);
    jw_str(out, "display_id", work->obj.display_id);
    jw_str(out, "type", work_word(work->type));
    jw_str(out, "title", version->title);
    ids(out, "reported_by", &version->reported_by);
    ids(out, "owned_by", &version->owned_by);
    jw_str(out, "created_by", version->created_by->obj.id);
    jw_raw(out, "custom_fields", version->custom_fields);
    jw_end_obj(out);
}

static void conversation_json(struct buf *out, const struct conversation *conversation)
{
    const struct conversation_version *version = conversation->now;
    jw_obj(out, NULL);
    jw_str(out, "id", conversation->obj.id);
    jw_str(out, "display_id", conversation->obj.display_id);
    ids(out, "members", &version->members);
    ids(out, "owned_by", &version->owned_by);
    jw_str(out, "created_by", version->created_by->obj.id);
    jw_end_obj(out);
}

void sandbox_state_json(const struct sandbox *sandbox, struct buf *out)
{
    const struct world *world = &sandbox->world;
    jw_obj(out, NULL);
    jw_arr(out, "contacts");
    for (size_t i = 0; i < world->all[KIND_USER].len; i++) {
        const struct user *user = (const struct user *)world->all[KIND_USER].items[i];
        if (user->type == USER_REV) {
            contact(out, user);
        }
    }
    jw_end_arr(out);
    jw_arr(out, "works");
    for (size_t i = 0; i < world->all[KIND_WORK].len; i++) {
        work_json(out, (const struct work *)world->all[KIND_WORK].items[i]);
    }
    jw_end_arr(out);
    jw_arr(out, "conversations");
    for (size_t i = 0; i < world->all[KIND_CONVERSATION].len; i++) {
        conversation_json(out, (const struct conversation *)world->all[KIND_CONVERSATION].items[i]);
    }
    jw_end_arr(out);
    jw_end_obj(out);
}
