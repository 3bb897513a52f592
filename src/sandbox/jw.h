/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON straight into a buf, faster than building a tree. Commas come by themselves: a value
 * or key gets one unless it follows `{`, `[`, `:` or nothing. `key` NULL: an element of an array.
 */
#ifndef STEWARD_SANDBOX_JW_H
#define STEWARD_SANDBOX_JW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

void jw_obj(struct buf *out, const char *key);
void jw_arr(struct buf *out, const char *key);
void jw_end_obj(struct buf *out);
void jw_end_arr(struct buf *out);
/* NULL text writes nothing at all: optional members are left out. */
void jw_str(struct buf *out, const char *key, const char *text);
void jw_text(struct buf *out, const char *key, str text);
void jw_int(struct buf *out, const char *key, int64_t value);
void jw_bool(struct buf *out, const char *key, bool value);
void jw_null(struct buf *out, const char *key);
/* `json` is JSON already; NULL writes nothing. */
void jw_raw(struct buf *out, const char *key, const char *json);
/* RFC 3339 in UTC with milliseconds. */
void jw_time(struct buf *out, const char *key, int64_t real_ms);

#endif
