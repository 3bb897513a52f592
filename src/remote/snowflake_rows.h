/* SPDX-License-Identifier: MIT */
/*
 * Reads the rows of one partition, {"data":[["text",null],...]}, piece by piece: a partition may be
 * larger than what should lie in memory. The bytes may be gzip (Snowflake compresses every partition
 * but the first, asked or not) or plain; the first byte tells.
 *
 * Strict: only text and null are cells, every row has the columns that were announced, valid UTF-8,
 * `data` is there once, nothing follows, and a compressed stream is whole. Other members are skipped.
 * Errors are ERR_PROTOCOL without the content. After an error only _free may be called.
 */
#ifndef STEWARD_REMOTE_SNOWFLAKE_ROWS_H
#define STEWARD_REMOTE_SNOWFLAKE_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { SNOWFLAKE_MAX_ROW_BYTES = 256 * 1024 * 1024, SNOWFLAKE_MAX_DEPTH = 64 };

struct snowflake_rows;

/* `row` gets the cells (ptr NULL: null), views for the length of the call; false, with `err` filled,
 * ends the reading. */
struct snowflake_rows *snowflake_rows_new(size_t columns,
                                          bool (*row)(void *ctx, const str *cells, struct err *err),
                                          void *ctx);
void snowflake_rows_free(struct snowflake_rows *rows);
DEFINE_AUTO(struct snowflake_rows, snowflake_rows_free)

bool snowflake_rows_feed(struct snowflake_rows *rows, str piece, struct err *err) MUST_CHECK;

/* Everything has been fed. ERR_PROTOCOL where it is not whole. */
bool snowflake_rows_end(struct snowflake_rows *rows, uint64_t *ret_count,
                        struct err *err) MUST_CHECK;

#endif
