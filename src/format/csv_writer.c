/* SPDX-License-Identifier: MIT */
#include "format/csv.h"

static bool needs_quotes(str field)
{
    for (size_t i = 0; i < field.len; i++) {
        char c = field.ptr[i];
        if (c == ',' || c == '"' || c == '\n' || c == '\r') {
            return true;
        }
    }
    return false;
}

void csv_add_field(struct buf *out, str field, bool first)
{
    if (!first) {
        buf_addc(out, ',');
    }
    if (!needs_quotes(field)) {
        buf_adds(out, field);
        return;
    }
    buf_addc(out, '"');
    size_t from = 0;
    for (size_t i = 0; i < field.len; i++) {
        if (field.ptr[i] == '"') {
            buf_add(out, field.ptr + from, i + 1 - from);
            from = i; /* the quote again */
        }
    }
    buf_add(out, field.ptr + from, field.len - from);
    buf_addc(out, '"');
}
