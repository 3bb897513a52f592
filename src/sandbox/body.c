/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"

static const char *const KIND_WORDS[KIND_COUNT] = {"rev_user", "work",    "conversation", "group",
                                                   "account",  "rev_org", "tag",          "part",
                                                   "artifact", "link",    "job"};

const char *body_text(const struct request *request, const char *name)
{
    return json_string_value(json_object_get(request->body, name));
}

json_t *body_list(const struct request *request, const char *name)
{
    json_t *list = json_object_get(request->body, name);
    return json_is_array(list) ? list : NULL;
}

bool list_names(const json_t *list, const char *text)
{
    for (size_t i = 0; text != NULL && i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0) {
            return true;
        }
    }
    return false;
}

bool filter_text(const json_t *list, const char *text)
{
    return json_array_size(list) == 0 || list_names(list, text);
}

bool filter_obj(const json_t *list, const struct obj *obj)
{
    return json_array_size(list) == 0 ||
           (obj != NULL && (list_names(list, obj->id) || list_names(list, obj->display_id)));
}

bool filter_any(const json_t *list, const struct list *objs)
{
    if (json_array_size(list) == 0) {
        return true;
    }
    for (size_t i = 0; i < objs->len; i++) {
        if (filter_obj(list, objs->items[i])) {
            return true;
        }
    }
    return false;
}

/* The last or the next n days, seen from now. */
static bool in_preset(const struct request *request, const json_t *preset, const char *type,
                      int64_t ms)
{
    int64_t span = json_integer_value(json_object_get(preset, "days")) * 86400000;
    int64_t now = request->now_ms;
    return strcmp(type, "last_n_days") == 0 ? ms >= now - span && ms <= now
                                            : ms >= now && ms <= now + span;
}

bool filter_date(const struct request *request, const json_t *range, int64_t ms)
{
    const char *preset = json_string_value(json_object_get(range, "preset_type"));
    if (preset != NULL) {
        return in_preset(request, range, preset, ms);
    }
    const char *after = json_string_value(json_object_get(range, "after"));
    const char *before = json_string_value(json_object_get(range, "before"));
    int64_t when = 0;
    if (after != NULL && clock_parse(str_of(after), &when) && ms < when) {
        return false;
    }
    return before == NULL || !clock_parse(str_of(before), &when) || ms <= when;
}

bool filter_custom(const json_t *asked, const char *have)
{
    if (json_object_size(asked) == 0) {
        return true;
    }
    json_t *fields = json_loads(have != NULL ? have : "{}", 0, NULL);
    bool match = true;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)asked, name, value)
    {
        const json_t *actual = json_object_get(fields, name);
        bool one = actual != NULL && json_equal(actual, value);
        size_t count = actual != NULL ? json_array_size(value) : 0;
        for (size_t i = 0; i < count; i++) {
            one = one || json_equal(actual, json_array_get(value, i));
        }
        match = match && one;
    }
    json_decref(fields);
    return match;
}

struct obj *body_obj(struct request *request, const char *name, enum kind kind, const char *what)
{
    const char *id = body_text(request, name);
    struct obj *obj = id != NULL ? world_find(&request->sandbox->world, id) : NULL;
    if (obj == NULL) {
        fail_not_found(request, what);
        return NULL;
    }
    bool staff =
        kind == KIND_USER && obj->kind == KIND_USER && ((const struct user *)obj)->type != USER_REV;
    if (obj->kind != kind || staff) {
        struct buf *out = &request->out;
        request->status = 400;
        buf_clear(out);
        jw_obj(out, NULL);
        jw_str(out, "message", "unexpected id type");
        jw_str(out, "type", "unexpected_id_type");
        jw_str(out, "field_name", name);
        jw_str(out, "value", id);
        jw_arr(out, "allowed_types");
        jw_str(out, NULL, KIND_WORDS[kind]);
        jw_end_arr(out);
        jw_end_obj(out);
        return NULL;
    }
    return obj;
}
