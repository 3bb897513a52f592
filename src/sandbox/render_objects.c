/* SPDX-License-Identifier: MIT */
/* Users, works and conversations in full. */
#include "sandbox/api.h"
#include "sandbox/jw.h"

static void render_contact(struct buf *out, const struct user *user,
                           const struct user_version *version)
{
    jw_raw(out, "custom_fields", version->custom_fields != NULL ? version->custom_fields : "{}");
    jw_str(out, "description", version->description);
    jw_str(out, "external_ref", version->external_ref);
    if (version->external_refs != NULL) {
        jw_raw(out, "external_refs", version->external_refs);
    } else {
        jw_arr(out, "external_refs");
        jw_str(out, NULL, version->external_ref);
        jw_end_arr(out);
    }
    jw_bool(out, "is_verified", user->obj.ord % 3 != 0);
    if (user->account != NULL) {
        render_org_summary(out, "rev_org", user->account->rev_org);
    }
    render_artifacts(out, "artifacts", &version->artifacts);
    jw_raw(out, "tags", version->tags != NULL ? version->tags : "[]");
}

void render_user(struct buf *out, const char *key, const struct user *user, int64_t as_of)
{
    const struct user_version *version = user_at(user, as_of);
    jw_obj(out, key);
    render_obj_head(out, &user->obj, user->created_by, as_of);
    render_modified(out, version->modified_by, version->modified_ms, as_of);
    jw_str(out, "display_name", version->display_name);
    jw_str(out, "email", version->email);
    jw_str(out, "full_name", version->full_name);
    jw_raw(out, "phone_numbers", version->phone_numbers != NULL ? version->phone_numbers : "[]");
    if (version->merged_into != NULL) {
        render_user_summary(out, "primary_identity", version->merged_into, as_of);
    }
    jw_str(out, "state", version->state);
    if (user->type == USER_REV) {
        render_contact(out, user, version);
    }
    jw_end_obj(out);
}

void render_work_summary(struct buf *out, const char *key, const struct work *work, int64_t as_of)
{
    const struct work_version *version = work_at(work, as_of);
    jw_obj(out, key);
    jw_str(out, "type", work_word(work->type));
    jw_str(out, "id", work->obj.id);
    jw_str(out, "display_id", work->obj.display_id);
    jw_str(out, "title", version->title);
    render_users(out, "owned_by", &version->owned_by, as_of);
    render_stage(out, version->stage);
    jw_end_obj(out);
}

static void render_part(struct buf *out, const struct part *part)
{
    jw_obj(out, "applies_to_part");
    jw_str(out, "type", part->type);
    jw_str(out, "id", part->obj.id);
    jw_str(out, "display_id", part->obj.display_id);
    jw_str(out, "name", part->name);
    jw_arr(out, "owned_by");
    jw_end_arr(out);
    jw_end_obj(out);
}

static void render_ticket(struct buf *out, const struct work *work,
                          const struct work_version *version)
{
    jw_str(out, "severity", version->severity);
    jw_str(out, "source_channel", "email");
    jw_bool(out, "is_spam", false);
    if (version->group != NULL) {
        render_group_summary(out, "group", version->group);
    }
    if (work->account != NULL) {
        render_account_summary(out, "account", work->account);
        render_org_summary(out, "rev_org", work->account->rev_org);
    }
}

void render_work(struct buf *out, const char *key, const struct work *work, int64_t as_of)
{
    const struct work_version *version = work_at(work, as_of);
    jw_obj(out, key);
    jw_str(out, "type", work_word(work->type));
    render_obj_head(out, &work->obj, version->created_by, as_of);
    render_modified(out, version->modified_by, version->modified_ms, as_of);
    jw_str(out, "title", version->title);
    jw_str(out, "body", version->body);
    render_part(out, version->part);
    render_users(out, "owned_by", &version->owned_by, as_of);
    render_users(out, "reported_by", &version->reported_by, as_of);
    render_stage(out, version->stage);
    render_tags(out, &version->tags);
    render_artifacts(out, "artifacts", &version->artifacts);
    jw_raw(out, "custom_fields", version->custom_fields);
    if (version->target_close_ms != 0) {
        jw_time(out, "target_close_date", version->target_close_ms);
    }
    if (work->type == WORK_TICKET) {
        render_ticket(out, work, version);
    } else {
        jw_str(out, "priority", version->priority);
    }
    jw_end_obj(out);
}

void render_conversation(struct buf *out, const char *key, const struct conversation *conversation,
                         int64_t as_of)
{
    const struct conversation_version *version = conversation_at(conversation, as_of);
    jw_obj(out, key);
    render_obj_head(out, &conversation->obj, version->created_by, as_of);
    render_modified(out, version->modified_by, version->modified_ms, as_of);
    jw_str(out, "title", version->title);
    jw_str(out, "description", version->description);
    render_users(out, "members", &version->members, as_of);
    render_users(out, "owned_by", &version->owned_by, as_of);
    render_stage(out, version->stage);
    render_tags(out, &version->tags);
    jw_raw(out, "custom_fields", version->custom_fields);
    jw_str(out, "source_channel", "plug");
    if (version->group != NULL) {
        render_group_summary(out, "group", version->group);
    }
    if (conversation->account != NULL) {
        render_account_summary(out, "account", conversation->account);
    }
    jw_end_obj(out);
}
