/* SPDX-License-Identifier: MIT */
/* Any bytes as an INI file: keys and values are trimmed views into it, within their limits. */
#include <stdlib.h>

#include "format/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

struct seen {
    str text;
    uint64_t last;
};

static bool check(void *ctx, uint64_t line, str section, str key, str value)
{
    struct seen *seen = ctx;
    require(line > seen->last);
    seen->last = line;
    require(section.ptr != NULL && section.len <= INI_MAX_NAME);
    require(key.len != 0 && key.len <= INI_MAX_NAME && value.len <= INI_MAX_VALUE);
    require(str_eq(str_trim_ascii(key), key) && str_eq(str_trim_ascii(value), value));
    require(key.ptr >= seen->text.ptr && value.ptr + value.len <= seen->text.ptr + seen->text.len);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct seen seen = {.text = {(const char *)data, size}};
    bool ok = ini_parse(seen.text, "fuzz", check, &seen, &err);
    require(ok != err_is(&err));
    return 0;
}
