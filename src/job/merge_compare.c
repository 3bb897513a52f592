/* SPDX-License-Identifier: MIT */
#include "job/merge_internal.h"

#include <math.h>

str merge_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? (str){json_string_value(value), json_string_length(value)}
                                 : STR("");
}

str merge_primary(const json_t *contact)
{
    str id = merge_text(json_object_get(contact, "primary_identity"), "id");
    return devrev_same_user(id, merge_text(contact, "id")) ? STR("") : id;
}

str merge_field(struct arena *arena, const json_t *contact, str path)
{
    const json_t *value = contact;
    str rest = path;
    while (rest.ptr != NULL) {
        str step = str_cut(rest, '.', &rest);
        value = json_object_get(value, str_z(arena, step));
    }
    if (json_is_string(value)) {
        return (str){json_string_value(value), json_string_length(value)};
    }
    if (json_is_boolean(value)) {
        return json_is_true(value) ? STR("true") : STR("false");
    }
    if (json_is_number(value)) {
        double number = json_number_value(value);
        bool whole = number > -1e15 && number < 1e15 && floor(number) >= number;
        return str_of(whole ? arena_printf(arena, "%lld", (long long)number)
                            : arena_printf(arena, "%.17g", number));
    }
    return STR("");
}

/* --- the survivor's own fields ------------------------------------------------------------- */

static bool is_empty(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

/* Lists of a contact (phone numbers, tags) have no order. */
static bool same_list(const json_t *a, const json_t *b)
{
    size_t count = json_array_size(a);
    if (count != json_array_size(b)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t here = 0;
        size_t there = 0;
        for (size_t k = 0; k < count; k++) {
            here += json_equal(json_array_get(a, i), json_array_get(a, k)) != 0;
            there += json_equal(json_array_get(a, i), json_array_get(b, k)) != 0;
        }
        if (here != there) {
            return false;
        }
    }
    return true;
}

bool merge_same_value(const json_t *a, const json_t *b)
{
    if (is_empty(a) || is_empty(b)) {
        return is_empty(a) && is_empty(b);
    }
    if (json_is_array(a) && json_is_array(b)) {
        return same_list(a, b);
    }
    return json_equal(a, b) != 0;
}

void merge_kept_differences(const json_t *before, const json_t *now, const char *except,
                            struct buf *out)
{
    static const char *const kept[] = {"display_name",  "full_name",     "email",
                                       "external_ref",  "phone_numbers", "description",
                                       "custom_fields", "tags"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        if (strcmp(kept[i], except) != 0 &&
            !merge_same_value(json_object_get(before, kept[i]), json_object_get(now, kept[i]))) {
            buf_printf(out, "%s%s", out->len != 0 ? ", " : "", kept[i]);
        }
    }
}
