/* SPDX-License-Identifier: MIT */
/*
 * works.update and conversations.update. Unknown members are ignored, as the published schema
 * allows; what the stand-in does not model (sprints, money) is accepted and dropped.
 */
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"

static const char *keep_text(struct request *request, const char *name, const char *old)
{
    const char *text = body_text(request, name);
    return text != NULL ? arena_strdup(&request->sandbox->world.arena, text) : old;
}

/* Ids of one kind (or members {"id"}) as objects. False: answered 400. */
static bool objects(struct request *request, const json_t *ids, enum kind kind, const char *field,
                    struct list *ret)
{
    struct world *world = &request->sandbox->world;
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const json_t *item = json_array_get(ids, i);
        const char *id =
            json_string_value(json_is_object(item) ? json_object_get(item, "id") : item);
        struct obj *obj = world_find(world, id);
        if (obj == NULL || obj->kind != kind) {
            fail_field(request, "invalid_id", field, "names nothing that could be set here");
            return false;
        }
        if (!list_has(ret, obj)) {
            list_add(&world->arena, ret, obj);
        }
    }
    return true;
}

/* {"set":[...]} replaces; {"add":[...],"remove":[...]} change. */
static bool keep_list(struct request *request, const char *field, enum kind kind, struct list *list)
{
    const json_t *change = json_object_get(request->body, field);
    const json_t *set = json_object_get(change, "set");
    struct list removed = {0};
    if (set != NULL) {
        *list = (struct list){0};
    }
    if (!objects(request, set, kind, field, list) ||
        !objects(request, json_object_get(change, "add"), kind, field, list) ||
        !objects(request, json_object_get(change, "remove"), kind, field, &removed)) {
        return false;
    }
    size_t kept = 0;
    for (size_t i = 0; i < list->len; i++) {
        if (!list_has(&removed, list->items[i])) {
            list->items[kept++] = list->items[i];
        }
    }
    list->len = kept;
    return true;
}

static bool keep_owners(struct request *request, struct list *owners)
{
    if (!keep_list(request, "owned_by", KIND_USER, owners)) {
        return false;
    }
    if (owners->len == 0) {
        fail_value(request, "owned_by", "must not be empty");
        return false;
    }
    return true;
}

/* One object or null. */
static bool keep_obj(struct request *request, const char *field, enum kind kind, struct obj **obj)
{
    const json_t *value = json_object_get(request->body, field);
    if (value == NULL) {
        return true;
    }
    if (json_is_null(value)) {
        *obj = NULL;
        return true;
    }
    struct obj *found = world_find(&request->sandbox->world, json_string_value(value));
    if (found == NULL || found->kind != kind) {
        fail_field(request, "invalid_id", field, "names nothing that could be set here");
        return false;
    }
    *obj = found;
    return true;
}

static const char *keep_stage(struct request *request, const char *old)
{
    const json_t *stage = json_object_get(request->body, "stage");
    const char *name = json_string_value(json_object_get(stage, "name"));
    name = name != NULL ? name : json_string_value(json_object_get(stage, "stage"));
    return name != NULL ? arena_strdup(&request->sandbox->world.arena, name) : old;
}

static bool keep_ticket_or_issue(struct request *request, const struct work *work,
                                 struct work_version *version)
{
    if (work->type == WORK_ISSUE) {
        version->priority = keep_text(request, "priority", version->priority);
        return true;
    }
    struct obj *group = version->group != NULL ? &version->group->obj : NULL;
    if (!keep_obj(request, "group", KIND_GROUP, &group)) {
        return false;
    }
    version->group = (struct group *)group;
    version->severity = keep_text(request, "severity", version->severity);
    return true;
}

static void keep_target_date(struct request *request, struct work_version *version)
{
    const json_t *date = json_object_get(request->body, "target_close_date");
    if (json_is_null(date)) {
        version->target_close_ms = 0;
    } else if (date != NULL) {
        (void)clock_parse(str_of(json_string_value(date)), &version->target_close_ms);
    }
}

static bool fill_work(struct request *request, struct work *work, struct work_version *version)
{
    struct obj *part = &version->part->obj;
    const char *custom = custom_apply(request, work_word(work->type), version->custom_fields);
    if (custom == NULL || !keep_owners(request, &version->owned_by) ||
        !keep_list(request, "reported_by", KIND_USER, &version->reported_by) ||
        !keep_list(request, "tags", KIND_TAG, &version->tags) ||
        !keep_list(request, "artifacts", KIND_ARTIFACT, &version->artifacts) ||
        !keep_obj(request, "applies_to_part", KIND_PART, &part) ||
        !keep_ticket_or_issue(request, work, version)) {
        return false;
    }
    version->custom_fields = custom;
    version->part = (struct part *)part;
    version->title = keep_text(request, "title", version->title);
    version->body = keep_text(request, "body", version->body);
    version->stage = keep_stage(request, version->stage);
    keep_target_date(request, version);
    return true;
}

void works_update(struct request *request)
{
    struct world *world = &request->sandbox->world;
    struct work *work = (struct work *)body_obj(request, "id", KIND_WORK, "work");
    if (work == NULL) {
        return;
    }
    const char *type = body_text(request, "type");
    if (type != NULL && strcmp(type, work_word(work->type)) != 0) {
        fail_value(request, "type", "the work has another type");
        return;
    }
    struct work_version *version = work_change(world, work, request->now_ms, world->self);
    bool ok = fill_work(request, work, version);
    if (ok) {
        jw_obj(&request->out, NULL);
        render_work(&request->out, "work", work, WORLD_NOW);
        jw_end_obj(&request->out);
    }
    if (ok && !request->never) {
        work_index(world, work);
        request->changed = true;
    } else {
        work->now = version->older;
    }
}

static bool fill_conversation(struct request *request, struct conversation_version *version)
{
    struct obj *group = version->group != NULL ? &version->group->obj : NULL;
    const char *custom = custom_apply(request, "conversation", version->custom_fields);
    if (custom == NULL || !keep_owners(request, &version->owned_by) ||
        !keep_list(request, "members", KIND_USER, &version->members) ||
        !keep_list(request, "tags", KIND_TAG, &version->tags) ||
        !keep_obj(request, "group", KIND_GROUP, &group)) {
        return false;
    }
    version->custom_fields = custom;
    version->group = (struct group *)group;
    version->title = keep_text(request, "title", version->title);
    version->description = keep_text(request, "description", version->description);
    version->stage = keep_stage(request, version->stage);
    return true;
}

void conversations_update(struct request *request)
{
    struct world *world = &request->sandbox->world;
    struct conversation *conversation =
        (struct conversation *)body_obj(request, "id", KIND_CONVERSATION, "conversation");
    if (conversation == NULL) {
        return;
    }
    struct conversation_version *version =
        conversation_change(world, conversation, request->now_ms, world->self);
    bool ok = fill_conversation(request, version);
    if (ok) {
        jw_obj(&request->out, NULL);
        render_conversation(&request->out, "conversation", conversation, WORLD_NOW);
        jw_end_obj(&request->out);
    }
    if (ok && !request->never) {
        conversation_index(world, conversation);
        request->changed = true;
    } else {
        conversation->now = version->older;
    }
}
