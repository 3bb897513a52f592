/* SPDX-License-Identifier: MIT */
#include "format/jsonx.h"

void jsonx_global_init(void)
{
    json_object_seed(0);
}

/* jansson parses and prints recursively and allows 2,048 levels: counted here before it starts.
 * Returns the byte (from 1) at which the text goes too deep, 0 where it does not. */
static size_t too_deep_at(str text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (quoted) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                quoted = false;
            }
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > JSONX_MAX_DEPTH) {
                return i + 1;
            }
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return 0;
}

/* jansson's own text quotes the input. */
static const char *cause_of(const json_error_t *error)
{
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_invalid_utf8:
        return "not UTF-8";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL in a key";
    case json_error_duplicate_key:
        return "a key is there twice";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_end_of_input_expected:
        return "something follows the end";
    case json_error_stack_overflow:
        return "too many levels";
    case json_error_unknown:
    case json_error_out_of_memory:
    case json_error_cannot_open_file:
    case json_error_invalid_argument:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_value:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
        break;
    }
    return "invalid syntax";
}

json_t *jsonx_parse(str text, size_t max_bytes, struct err *err)
{
    size_t max = max_bytes != 0 ? max_bytes : (size_t)JSONX_MAX_BYTES;
    if (text.len > max) {
        (void)err_set(err, ERR_PROTOCOL, "could not read the JSON: it is larger than %zu bytes",
                      max);
        return NULL;
    }
    size_t deep_at = too_deep_at(text);
    if (deep_at != 0) {
        (void)err_set(err, ERR_PROTOCOL, "could not read the JSON: byte %zu: more than %d levels",
                      deep_at, JSONX_MAX_DEPTH);
        return NULL;
    }
    json_error_t error;
    json_t *json = json_loadb(text.ptr != NULL ? text.ptr : "", text.len,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (json == NULL) {
        (void)err_set(err, ERR_PROTOCOL, "could not read the JSON: byte %d: %s", error.position,
                      cause_of(&error));
    }
    return json;
}

const json_t *jsonx_get(const json_t *json, const char *path)
{
    str rest = str_of(path);
    while (rest.ptr != NULL && json != NULL) {
        char key[256];
        str part = str_cut(rest, '.', &rest);
        if (part.len >= sizeof(key)) {
            return NULL;
        }
        memcpy(key, part.ptr, part.len);
        key[part.len] = '\0';
        json = json_object_get(json, key);
    }
    return json;
}

str jsonx_text(const json_t *string)
{
    if (!json_is_string(string)) {
        return STR_NONE;
    }
    return (str){json_string_value(string), json_string_length(string)};
}

str jsonx_str(const json_t *json, const char *path)
{
    return jsonx_text(jsonx_get(json, path));
}

bool jsonx_int(const json_t *json, const char *path, int64_t *ret)
{
    const json_t *value = jsonx_get(json, path);
    if (!json_is_integer(value)) {
        return false;
    }
    *ret = json_integer_value(value);
    return true;
}

bool jsonx_bool(const json_t *json, const char *path, bool *ret)
{
    const json_t *value = jsonx_get(json, path);
    if (!json_is_boolean(value)) {
        return false;
    }
    *ret = json_is_true(value);
    return true;
}

static int add_piece(const char *bytes, size_t len, void *ctx)
{
    struct buf *out = ctx;
    buf_add(out, bytes, len);
    return out->overflow ? -1 : 0;
}

bool jsonx_write(const json_t *json, struct buf *out)
{
    return json_dump_callback(json, add_piece, out,
                              JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY) == 0;
}
