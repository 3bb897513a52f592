/* SPDX-License-Identifier: MIT */
#include "sandbox/jw.h"

#include <stdio.h>

#include "base/clock.h"

static void begin(struct buf *out, const char *key)
{
    if (out->len > 0) {
        char last = out->ptr[out->len - 1];
        if (last != '{' && last != '[' && last != ':') {
            buf_addc(out, ',');
        }
    }
    if (key != NULL) {
        buf_addc(out, '"');
        buf_addz(out, key); /* keys are constants of this program or checked names */
        buf_add(out, "\":", 2);
    }
}

void jw_obj(struct buf *out, const char *key)
{
    begin(out, key);
    buf_addc(out, '{');
}

void jw_arr(struct buf *out, const char *key)
{
    begin(out, key);
    buf_addc(out, '[');
}

void jw_end_obj(struct buf *out)
{
    buf_addc(out, '}');
}

void jw_end_arr(struct buf *out)
{
    buf_addc(out, ']');
}

void jw_str(struct buf *out, const char *key, const char *text)
{
    if (text != NULL) {
        jw_text(out, key, str_of(text));
    }
}

void jw_text(struct buf *out, const char *key, str text)
{
    begin(out, key);
    buf_add_json(out, text);
}

void jw_int(struct buf *out, const char *key, int64_t value)
{
    begin(out, key);
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)value);
    buf_add(out, digits, (size_t)len);
}

void jw_bool(struct buf *out, const char *key, bool value)
{
    begin(out, key);
    buf_addz(out, value ? "true" : "false");
}

void jw_null(struct buf *out, const char *key)
{
    begin(out, key);
    buf_add(out, "null", 4);
}

void jw_raw(struct buf *out, const char *key, const char *json)
{
    if (json != NULL) {
        begin(out, key);
        buf_addz(out, json);
    }
}

void jw_time(struct buf *out, const char *key, int64_t real_ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_rfc3339(real_ms, text);
    begin(out, key);
    buf_addc(out, '"');
    buf_addz(out, text);
    buf_addc(out, '"');
}
