/* SPDX-License-Identifier: MIT */
/* Skips over valid JSON without decoding it. The text was accepted by jansson, so the only error
 * left is a misuse, and that ends as "not found". */
#include "remote/devrev_raw.h"

static size_t skip_space(str s, size_t at)
{
    while (at < s.len &&
           (s.ptr[at] == ' ' || s.ptr[at] == '\t' || s.ptr[at] == '\n' || s.ptr[at] == '\r')) {
        at++;
    }
    return at;
}

/* From the opening quote to the byte behind the closing one. */
static size_t skip_string(str s, size_t at)
{
    at++;
    while (at < s.len && s.ptr[at] != '"') {
        at += s.ptr[at] == '\\' ? 2 : 1;
    }
    return at < s.len ? at + 1 : s.len;
}

static size_t skip_value(str s, size_t at)
{
    size_t depth = 0;
    while (at < s.len) {
        char c = s.ptr[at];
        if (c == '"') {
            at = skip_string(s, at);
        } else if (c == '{' || c == '[') {
            depth++;
            at++;
            continue;
        } else if (c == '}' || c == ']') {
            if (depth == 0) {
                return at; /* the end of a bare value's parent */
            }
            depth--;
            at++;
        } else if (depth == 0 && (c == ',' || c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            return at;
        } else {
            at++;
            if (depth == 0) {
                continue; /* inside a number or a word */
            }
        }
        if (depth == 0) {
            return at;
        }
    }
    return s.len;
}

bool devrev_raw_member(str raw, const char *key, str *ret)
{
    str name = str_of(key);
    bool found = false;
    size_t at = skip_space(raw, 0);
    if (at >= raw.len || raw.ptr[at] != '{') {
        return false;
    }
    at = skip_space(raw, at + 1);
    while (at < raw.len && raw.ptr[at] == '"') {
        size_t key_end = skip_string(raw, at);
        str this_key = {raw.ptr + at + 1, key_end - at - 2};
        at = skip_space(raw, key_end); /* the colon */
        at = skip_space(raw, at + 1);  /* the value */
        size_t end = at < raw.len ? skip_value(raw, at) : raw.len;
        if (at < end && str_eq(this_key, name)) {
            *ret = (str){raw.ptr + at, end - at};
            found = true;
        }
        at = skip_space(raw, end);
        if (at >= raw.len || raw.ptr[at] != ',') {
            break;
        }
        at = skip_space(raw, at + 1);
    }
    return found;
}

bool devrev_raw_next(str raw, size_t *pos, str *ret)
{
    size_t at = *pos;
    if (at == 0) {
        at = skip_space(raw, 0);
        if (at >= raw.len || raw.ptr[at] != '[') {
            return false;
        }
        at++;
    }
    at = skip_space(raw, at);
    if (at < raw.len && raw.ptr[at] == ',') {
        at = skip_space(raw, at + 1);
    }
    if (at >= raw.len || raw.ptr[at] == ']') {
        return false;
    }
    size_t end = skip_value(raw, at);
    *ret = (str){raw.ptr + at, end - at};
    *pos = end;
    return end > at;
}
