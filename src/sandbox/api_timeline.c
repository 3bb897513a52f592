/* SPDX-License-Identifier: MIT */
/*
 * timeline-entries.list and .get. As the real list does, some pages come back short or empty although
 * more entries exist and next_cursor is there: for one object in four the first page is empty, for
 * another one in four pages hold half of what was asked for.
 */
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"
#include "sandbox/timeline.h"

static const char *object_word(const struct obj *obj)
{
    switch (obj->kind) {
    case KIND_WORK:
        return work_word(((const struct work *)obj)->type);
    case KIND_CONVERSATION:
        return "conversation";
    case KIND_ACCOUNT:
        return "account";
    case KIND_USER:
    case KIND_GROUP:
    case KIND_REV_ORG:
    case KIND_TAG:
    case KIND_PART:
    case KIND_ARTIFACT:
    case KIND_LINK:
    case KIND_JOB:
    case KIND_COUNT:
        break;
    }
    return "rev_user";
}

static void render_event(struct buf *out, const struct entry *entry)
{
    jw_obj(out, "event");
    jw_str(out, "type", "updated");
    jw_obj(out, "updated");
    jw_str(out, "object_type", object_word(entry->object));
    jw_arr(out, "field_deltas");
    jw_obj(out, NULL);
    jw_str(out, "name", "stage");
    jw_end_obj(out);
    jw_end_arr(out);
    jw_end_obj(out);
    jw_end_obj(out);
}

static void render_comment(struct buf *out, const struct entry *entry)
{
    if (entry->body[0] != '\0') { /* absent where the comment was deleted */
        jw_str(out, "body", entry->body);
    }
    jw_str(out, "body_type", "text");
    jw_arr(out, "artifacts");
    if (entry->artifact != NULL) {
        render_artifact_summary(out, NULL, entry->artifact);
    }
    jw_end_arr(out);
    jw_obj(out, "thread");
    jw_int(out, "total_replies", entry->replies);
    jw_end_obj(out);
}

static void render_entry(struct buf *out, const char *key, const struct entry *entry, int64_t as_of)
{
    jw_obj(out, key);
    jw_str(out, "type", entry->event ? "timeline_change_event" : "timeline_comment");
    jw_str(out, "id", entry->id);
    jw_str(out, "display_id", entry->display_id);
    render_user_summary(out, "created_by", entry->author, as_of);
    jw_time(out, "created_date", entry->created_ms);
    jw_time(out, "modified_date", entry->created_ms);
    jw_str(out, "object", entry->object->id);
    jw_str(out, "object_display_id", entry->object->display_id);
    jw_str(out, "object_type", object_word(entry->object));
    jw_str(out, "visibility", entry->visibility);
    if (entry->event) {
        render_event(out, entry);
    } else {
        render_comment(out, entry);
    }
    jw_end_obj(out);
}

static bool matches(const struct request *request, const struct entry *entry)
{
    return filter_text(body_list(request, "collections"),
                       entry->event ? "events" : "discussions") &&
           filter_text(body_list(request, "visibility"), entry->visibility) &&
           json_array_size(body_list(request, "labels")) == 0 &&
           json_array_size(body_list(request, "panels")) == 0 &&
           filter_date(request, json_object_get(request->body, "created_date"), entry->created_ms);
}

struct window {
    uint32_t *found; /* indexes of the entries that match */
    uint32_t len;
    uint32_t from;
    uint32_t to;
    bool first_page;
};

/* Cursors are positions among the matching entries, plus one: 0 is "the first page again". */
static bool cut(struct request *request, struct window *window)
{
    const json_t *wanted = json_object_get(request->body, "limit");
    const char *mode = body_text(request, "mode");
    const char *cursor = body_text(request, "cursor");
    bool before = mode != NULL && strcmp(mode, "before") == 0;
    json_int_t limit = wanted != NULL ? json_integer_value(wanted) : 50;
    limit = limit <= 0 ? 50 : (limit > 100 ? 100 : limit);
    uint64_t position = before ? (uint64_t)window->len + 1 : 1;
    window->first_page = cursor == NULL || cursor[0] == '\0';
    if (!window->first_page &&
        (!cursor_parse(request->sandbox, cursor, &position) || position == 0)) {
        fail_field(request, "invalid_field", "cursor", "the cursor is not valid");
        return false;
    }
    uint32_t at = position - 1 > window->len ? window->len : (uint32_t)(position - 1);
    if (before) {
        window->to = at;
        window->from = at > (uint32_t)limit ? at - (uint32_t)limit : 0;
    } else {
        window->from = at;
        window->to = window->len - at > (uint32_t)limit ? at + (uint32_t)limit : window->len;
    }
    return true;
}

/* The pages that come back short. */
static void shorten(const struct request *request, const struct obj *obj, struct window *window)
{
    const char *mode = body_text(request, "mode");
    if (mode != NULL && strcmp(mode, "before") == 0) {
        return;
    }
    uint64_t dice =
        world_mix(&request->sandbox->world, (uint64_t)obj->kind << 32 | obj->ord, 4242) % 4;
    if (dice == 0 && window->first_page && window->len > 0) {
        window->to = window->from;
    } else if (dice == 1 && window->to - window->from > 1) {
        window->to = window->from + (window->to - window->from) / 2;
    }
}

static void answer(struct request *request, struct obj *obj, const struct window *window)
{
    struct buf *out = &request->out;
    char cursor[40];
    jw_obj(out, NULL);
    jw_arr(out, "timeline_entries");
    for (uint32_t i = window->from; i < window->to; i++) {
        struct entry entry;
        timeline_entry(&request->sandbox->world, obj, window->found[i], &entry);
        render_entry(out, NULL, &entry, request->as_of);
    }
    jw_end_arr(out);
    if (window->to < window->len) {
        cursor_print(request->sandbox, (uint64_t)window->to + 1, cursor);
        jw_str(out, "next_cursor", cursor);
    }
    if (window->from > 0) {
        cursor_print(request->sandbox, (uint64_t)window->from + 1, cursor);
        jw_str(out, "prev_cursor", cursor);
    }
    jw_end_obj(out);
}

void timeline_list(struct request *request)
{
    const struct world *world = &request->sandbox->world;
    struct obj *obj = world_find(world, body_text(request, "object"));
    if (obj == NULL) {
        fail_not_found(request, "object");
        return;
    }
    uint32_t count = timeline_count(world, obj);
    struct window window = {.found = xcalloc((size_t)count + 1, sizeof(uint32_t))};
    for (uint32_t i = 0; i < count; i++) {
        struct entry entry;
        timeline_entry(world, obj, i, &entry);
        if (matches(request, &entry)) {
            window.found[window.len++] = i;
        }
    }
    if (cut(request, &window)) {
        shorten(request, obj, &window);
        answer(request, obj, &window);
    }
    free(window.found);
}

void timeline_get(struct request *request)
{
    struct entry entry;
    if (!timeline_find(&request->sandbox->world, body_text(request, "id"), &entry)) {
        fail_not_found(request, "timeline entry");
        return;
    }
    jw_obj(&request->out, NULL);
    render_entry(&request->out, "timeline_entry", &entry, request->as_of);
    jw_end_obj(&request->out);
}
