/* SPDX-License-Identifier: MIT */
#include "base/num.h"

bool num_parse_i64(str s, int64_t min, int64_t max, int64_t *ret)
{
    size_t i = 0;
    bool negative = s.len > 0 && s.ptr[0] == '-';
    if (negative) {
        i = 1;
    }
    if (i == s.len) {
        return false;
    }
    int64_t value = 0; /* kept negative: INT64_MIN has no positive twin */
    for (; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
        if (__builtin_mul_overflow(value, INT64_C(10), &value) ||
            __builtin_sub_overflow(value, (int64_t)(s.ptr[i] - '0'), &value)) {
            return false;
        }
    }
    if (!negative && __builtin_sub_overflow(INT64_C(0), value, &value)) {
        return false;
    }
    if (value < min || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

bool num_parse_decimal(str s, double min, double max, double *ret)
{
    double value = 0;
    double scale = 0;
    size_t digits = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '.' && scale == 0) {
            scale = 1;
        } else if (c >= '0' && c <= '9') {
            value = value * 10 + (c - '0');
            scale *= 10;
            digits++;
        } else {
            return false;
        }
    }
    if (digits == 0 || digits > 15) {
        return false;
    }
    if (scale > 0) {
        value /= scale;
    }
    if (value < min || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

bool num_parse_hex(str s, uint8_t *ret_bytes, size_t len)
{
    if (s.len != len * 2) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        if (hex_digit(s.ptr[i]) < 0) {
            return false;
        }
    }
    for (size_t i = 0; i < len; i++) {
        ret_bytes[i] = (uint8_t)(hex_digit(s.ptr[i * 2]) * 16 + hex_digit(s.ptr[i * 2 + 1]));
    }
    return true;
}

void num_hex(const uint8_t *bytes, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        out[i * 2] = digits[bytes[i] >> 4];
        out[i * 2 + 1] = digits[bytes[i] & 15];
    }
    out[len * 2] = '\0';
}

bool num_parse_bool(str s, bool *ret)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq_nocase(s, str_of(yes[i]))) {
            *ret = true;
            return true;
        }
        if (str_eq_nocase(s, str_of(no[i]))) {
            *ret = false;
            return true;
        }
    }
    return false;
}
