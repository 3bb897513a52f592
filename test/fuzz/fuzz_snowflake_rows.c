/* SPDX-License-Identifier: MIT */
/* Partitions of Snowflake: whatever the pieces, the same rows and the same end. */
#include <stdint.h>
#include <stdlib.h>

#include "remote/snowflake_cell.h"
#include "remote/snowflake_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COLUMNS = 2 };

static bool note(void *ctx, const str *cells, struct err *err)
{
    struct buf *out = ctx;
    (void)err;
    for (size_t i = 0; i < COLUMNS; i++) {
        buf_printf(out, "%zu:", cells[i].ptr != NULL ? cells[i].len + 1 : 0);
        buf_adds(out, cells[i]);
        struct err ignored = {0};
        AUTO_BUF struct buf text = {0};
        for (int type = SNOWFLAKE_AS_IS; type <= SNOWFLAKE_TIMESTAMP_TZ; type++) {
            (void)(cells[i].ptr != NULL &&
                   snowflake_cell((enum snowflake_type)type, cells[i], &text, &ignored));
        }
    }
    return true;
}

static bool read_all(const uint8_t *data, size_t size, size_t step, struct buf *out,
                     struct err *err)
{
    AUTO(snowflake_rows_free)
    struct snowflake_rows *rows = snowflake_rows_new(COLUMNS, note, out);
    for (size_t i = 0; i < size; i += step) {
        str piece = {(const char *)data + i, size - i < step ? size - i : step};
        if (!snowflake_rows_feed(rows, piece, err)) {
            return false;
        }
    }
    uint64_t count;
    return snowflake_rows_end(rows, &count, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO_BUF struct buf whole = {0};
    AUTO_BUF struct buf pieces = {0};
    struct err first = {0};
    struct err second = {0};
    bool ok = read_all(data, size, size + 1, &whole, &first);
    bool again = read_all(data, size, 1, &pieces, &second);
    /* of damaged gzip more or less may come out before the damage is seen */
    bool same =
        str_eq(buf_str(&whole), buf_str(&pieces)) && strcmp(first.message, second.message) == 0;
    bool zipped = size > 0 && data[0] == 0x1f;
    if (again != ok || (!same && (ok || !zipped))) {
        abort();
    }
    return 0;
}
