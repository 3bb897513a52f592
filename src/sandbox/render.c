/* SPDX-License-Identifier: MIT */
/* Summaries and the pieces that every object shares. */
#include "sandbox/api.h"
#include "sandbox/jw.h"

static const char *const USER_WORDS[] = {"dev_user", "rev_user", "sys_user"};

const char *work_word(enum work_type type)
{
    return type == WORK_ISSUE ? "issue" : "ticket";
}

void render_org_summary(struct buf *out, const char *key, const struct rev_org *org)
{
    jw_obj(out, key);
    jw_str(out, "type", "rev_org");
    jw_str(out, "id", org->obj.id);
    jw_str(out, "display_id", org->obj.display_id);
    jw_str(out, "display_name", org->account->name);
    jw_end_obj(out);
}

void render_user_summary(struct buf *out, const char *key, const struct user *user, int64_t as_of)
{
    const struct user_version *version = user_at(user, as_of);
    if (version == NULL) {
        version = user->now;
    }
    jw_obj(out, key);
    jw_str(out, "type", USER_WORDS[user->type]);
    jw_str(out, "id", user->obj.id);
    jw_str(out, "display_id", user->obj.display_id);
    jw_str(out, "display_name", version->display_name);
    jw_str(out, "email", version->email);
    jw_str(out, "full_name", version->full_name);
    jw_str(out, "state", version->state);
    if (user->type == USER_REV) {
        jw_str(out, "external_ref", version->external_ref);
        if (user->account != NULL) {
            render_org_summary(out, "rev_org", user->account->rev_org);
        }
    }
    jw_end_obj(out);
}

void render_users(struct buf *out, const char *key, const struct list *users, int64_t as_of)
{
    jw_arr(out, key);
    for (size_t i = 0; i < users->len; i++) {
        render_user_summary(out, NULL, (const struct user *)users->items[i], as_of);
    }
    jw_end_arr(out);
}

void render_account_summary(struct buf *out, const char *key, const struct account *account)
{
    jw_obj(out, key);
    jw_str(out, "type", "account");
    jw_str(out, "id", account->obj.id);
    jw_str(out, "display_id", account->obj.display_id);
    jw_str(out, "display_name", account->name);
    jw_end_obj(out);
}

void render_group_summary(struct buf *out, const char *key, const struct group *group)
{
    jw_obj(out, key);
    jw_str(out, "id", group->obj.id);
    jw_str(out, "display_id", group->obj.display_id);
    jw_str(out, "member_type", "dev_user");
    jw_str(out, "name", group->name);
    jw_end_obj(out);
}

void render_artifact_summary(struct buf *out, const char *key, const struct artifact *artifact)
{
    jw_obj(out, key);
    jw_str(out, "id", artifact->obj.id);
    jw_str(out, "display_id", artifact->obj.display_id);
    jw_obj(out, "file");
    jw_str(out, "type", artifact->mime);
    jw_str(out, "name", artifact->name);
    jw_int(out, "size", artifact->size);
    jw_end_obj(out);
    jw_end_obj(out);
}

void render_artifacts(struct buf *out, const char *key, const struct list *artifacts)
{
    jw_arr(out, key);
    for (size_t i = 0; i < artifacts->len; i++) {
        render_artifact_summary(out, NULL, (const struct artifact *)artifacts->items[i]);
    }
    jw_end_arr(out);
}

void render_tags(struct buf *out, const struct list *tags)
{
    jw_arr(out, "tags");
    for (size_t i = 0; i < tags->len; i++) {
        const struct tag *tag = (const struct tag *)tags->items[i];
        jw_obj(out, NULL);
        jw_obj(out, "tag");
        jw_str(out, "id", tag->obj.id);
        jw_str(out, "display_id", tag->obj.display_id);
        jw_str(out, "name", tag->name);
        jw_end_obj(out);
        jw_end_obj(out);
    }
    jw_end_arr(out);
}

void render_stage(struct buf *out, const char *stage)
{
    jw_obj(out, "stage");
    jw_str(out, "name", stage);
    jw_end_obj(out);
}

void render_obj_head(struct buf *out, const struct obj *obj, const struct user *by, int64_t as_of)
{
    jw_str(out, "id", obj->id);
    jw_str(out, "display_id", obj->display_id);
    if (by != NULL) {
        render_user_summary(out, "created_by", by, as_of);
    }
    jw_time(out, "created_date", obj->created_ms);
}

void render_modified(struct buf *out, const struct user *by, int64_t ms, int64_t as_of)
{
    if (by != NULL) {
        render_user_summary(out, "modified_by", by, as_of);
    }
    jw_time(out, "modified_date", ms);
}
