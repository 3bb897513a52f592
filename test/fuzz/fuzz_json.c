/* SPDX-License-Identifier: MIT */
/* Any bytes as the answer of a remote: refused with a message, or its canonical form is stable. */
#include <stdlib.h>

#include "format/jsonx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    AUTO(json_decref) json_t *json = jsonx_parse((str){(const char *)data, size}, 1 << 20, &err);
    require((json != NULL) != err_is(&err));
    if (json == NULL) {
        return 0;
    }
    AUTO_BUF struct buf once = {0};
    AUTO_BUF struct buf twice = {0};
    require(jsonx_write(json, &once));
    AUTO(json_decref) json_t *again = jsonx_parse(buf_str(&once), 0, &err);
    require(again != NULL && json_equal(json, again) && jsonx_write(again, &twice));
    require(str_eq(buf_str(&once), buf_str(&twice)));
    int64_t number = 0;
    bool flag = false;
    str text = jsonx_str(json, "a.b");
    require(text.ptr != NULL || (text.len == 0 && jsonx_get(json, "a.b.c") == NULL) ||
            !json_is_string(jsonx_get(json, "a.b")));
    (void)jsonx_int(json, "a", &number); /* only must not crash */
    (void)jsonx_bool(json, "a", &flag);
    return 0;
}
