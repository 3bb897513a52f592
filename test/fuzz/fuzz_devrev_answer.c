/* SPDX-License-Identifier: MIT */
/*
 * Answers of DevRev: decoding, the words taken from error bodies, and the raw parts of an answer,
 * which must be what the decoder made of them.
 */
#include "remote/devrev_answer.h"
#include "remote/devrev_raw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_decode_to(str raw, const json_t *expected)
{
    json_t *json = json_loadb(raw.ptr, raw.len,
                              JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
    if (json == NULL || json_equal(json, expected) == 0) {
        abort();
    }
    json_decref(json);
}

static void compare_list(str raw, const json_t *list)
{
    size_t pos = 0;
    size_t count = 0;
    str item;
    while (devrev_raw_next(raw, &pos, &item)) {
        must_decode_to(item, json_array_get(list, count));
        count++;
    }
    if (count != json_array_size(list)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str body = {(const char *)data, size};
    struct err err = {0};
    for (int status = 300; status <= 600; status += 50) {
        (void)devrev_refusal("rev-users.get", status % 100 == 0, status, body, &err);
        if (!err_is(&err) || strchr(err.message, '@') != NULL) {
            abort(); /* an address would have come from the body */
        }
    }
    if (devrev_retry_after_ms(body) > 3600 * 1000) {
        abort();
    }
    json_t *json = NULL;
    if (!devrev_decode(body, &json, &err)) {
        return 0;
    }
    /* a key may be written with escapes, and then it is not found by its text */
    bool plain = memchr(data, '\\', size) == NULL;
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        str raw;
        bool found = devrev_raw_member(body, key, &raw);
        if (plain && strlen(key) != 0 && !found) {
            abort();
        }
        if (plain && found) {
            must_decode_to(raw, value);
            if (json_is_array(value)) {
                compare_list(raw, value);
            }
        }
    }
    json_decref(json);
    return 0;
}
