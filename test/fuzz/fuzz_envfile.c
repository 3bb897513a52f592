/* SPDX-License-Identifier: MIT */
/* Any bytes as a `.env`: names are names, sizes hold, and a value written back in double quotes is read
 * as the same value. */
#include <stdlib.h>

#include "format/envfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static bool compare(void *ctx, uint64_t line, str name, str value)
{
    const str *expected = ctx;
    require(line == 1 && str_eqz(name, "N") && str_eq(value, *expected));
    return true;
}

static void read_back(str value)
{
    AUTO_BUF struct buf text = {.max = 4 * ENVFILE_MAX_VALUE};
    buf_addz(&text, "N=\"");
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\') {
            buf_addc(&text, '\\');
        }
        if (value.ptr[i] == '\r') {
            buf_addz(&text, "\\r");
        } else {
            buf_addc(&text, value.ptr[i]);
        }
    }
    buf_addc(&text, '"');
    struct err err = {0};
    require(envfile_parse(buf_str(&text), "again", compare, &value, &err));
}

static bool check(void *ctx, uint64_t line, str name, str value)
{
    uint64_t *last = ctx;
    require(line > *last);
    *last = line;
    require(name.len != 0 && name.len <= ENVFILE_MAX_NAME && value.len <= ENVFILE_MAX_VALUE);
    require(memchr(name.ptr, '=', name.len) == NULL && value.ptr[value.len] == '\0');
    read_back(value);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    uint64_t last = 0;
    bool ok = envfile_parse((str){(const char *)data, size}, "fuzz", check, &last, &err);
    require(ok != err_is(&err));
    return 0;
}
