/* SPDX-License-Identifier: MIT */
/*
 * Numbers from text, the only way: whole text, ASCII digits, a range, no locale, no overflow.
 */
#ifndef STEWARD_BASE_NUM_H
#define STEWARD_BASE_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Decimal with an optional '-'. False (and *ret untouched) unless all of `s` is a number in range.
 */
bool num_parse_i64(str s, int64_t min, int64_t max, int64_t *ret);

/* "0.1", ".5", "1": digits with at most one point, no sign, no exponent. */
bool num_parse_decimal(str s, double min, double max, double *ret);

/* Exactly len*2 hex digits. */
bool num_parse_hex(str s, uint8_t *ret_bytes, size_t len);

/* Lower-case hex of len bytes into out[len * 2 + 1]. */
void num_hex(const uint8_t *bytes, size_t len, char *out);

/* yes true on 1 / no false off 0, without case. */
bool num_parse_bool(str s, bool *ret);

#endif
