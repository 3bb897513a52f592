/* SPDX-License-Identifier: MIT */
/*
 * Text. `str` is a view (pointer and length, by value, may hold NUL, never owns); `buf` is a
 * growable owner with a maximum, always NUL-terminated past its end. C strings only at library
 * borders.
 */
#ifndef STEWARD_BASE_STR_H
#define STEWARD_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/err.h"

typedef struct str {
    const char *ptr;
    size_t len;
} str;

#define STR(literal) ((str){(literal), sizeof(literal) - 1})
#define STR_NONE ((str){NULL, 0})

/* printf("%" STR_FMT, STR_ARG(s)) */
#define STR_FMT ".*s"
#define STR_ARG(s) (int)(s).len, ((s).ptr != NULL ? (s).ptr : "")

static inline str str_of(const char *text)
{
    return (str){text, text != NULL ? strlen(text) : 0};
}

static inline bool str_eq(str a, str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_eqz(str a, const char *b)
{
    return str_eq(a, str_of(b));
}

static inline bool str_starts(str s, str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static inline bool str_ends(str s, str suffix)
{
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

/* Bytes in memcmp order, shorter first where one is the other's prefix. */
int str_cmp(str a, str b);

/* ASCII letters without case. */
bool str_eq_nocase(str a, str b);

/* Drops ASCII space, tab, CR and LF at both ends. Unicode trimming is match/normalise.h. */
str str_trim_ascii(str s);

/* Splits at the first `sep`: returns what is before, leaves in *rest what is after (ptr NULL when
 * there was no sep). */
str str_cut(str s, char sep, str *ret_rest);

/* A NUL-terminated copy. */
char *str_z(struct arena *arena, str s);

str str_dup(struct arena *arena, str s);

/* True where the bytes are valid UTF-8 (RFC 3629: no surrogates, nothing above U+10FFFF). */
bool str_is_utf8(str s);

/* --- buf ---------------------------------------------------------------------------------- */

struct buf {
    char *ptr; /* NULL until the first byte */
    size_t len;
    size_t cap;
    size_t max;    /* 0: BUF_DEFAULT_MAX */
    bool overflow; /* sticky: something did not fit under max; checked once at the end */
};

enum { BUF_DEFAULT_MAX = 64 * 1024 * 1024 };

/* `struct buf b = {0};` is a ready buffer; `{.max = n}` bounds it. */
void buf_done(struct buf *buf);

/* AUTO_BUF struct buf b = {0}; */
#define AUTO_BUF CLEANUP(buf_done)

void buf_clear(struct buf *buf);
void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_addc(struct buf *buf, char c);
void buf_adds(struct buf *buf, str s);
void buf_addz(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *buf, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/* Room for `len` more bytes, to be written at ptr + len; NULL where max forbids it. */
char *buf_reserve(struct buf *buf, size_t len);

/* JSON string with quotes and escapes; invalid UTF-8 becomes U+FFFD. */
void buf_add_json(struct buf *buf, str s);

static inline str buf_str(const struct buf *buf)
{
    return (str){buf->ptr, buf->len};
}

/* NUL-terminated content, "" where empty. */
static inline const char *buf_z(const struct buf *buf)
{
    return buf->ptr != NULL ? buf->ptr : "";
}

#endif
