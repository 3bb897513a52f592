/* SPDX-License-Identifier: MIT */
#include "base/str.h"

#include <stdio.h>

int str_cmp(str a, str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n != 0 ? memcmp(a.ptr, b.ptr, n) : 0;
    if (c != 0) {
        return c;
    }
    return a.len < b.len ? -1 : a.len > b.len ? 1 : 0;
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

bool str_eq_nocase(str a, str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

str str_trim_ascii(str s)
{
    while (s.len > 0 && is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

str str_cut(str s, char sep, str *ret_rest)
{
    const char *at = s.len != 0 ? memchr(s.ptr, sep, s.len) : NULL;
    if (at == NULL) {
        *ret_rest = STR_NONE;
        return s;
    }
    size_t before = (size_t)(at - s.ptr);
    *ret_rest = (str){at + 1, s.len - before - 1};
    return (str){s.ptr, before};
}

char *str_z(struct arena *arena, str s)
{
    char *copy = arena_alloc(arena, s.len + 1);
    if (s.len != 0) {
        memcpy(copy, s.ptr, s.len);
    }
    return copy;
}

str str_dup(struct arena *arena, str s)
{
    return (str){str_z(arena, s), s.len};
}

/* Length of the valid UTF-8 sequence at p (1 to 4), 0 where there is none. */
static size_t utf8_step(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80) {
        return 1;
    }
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n > left) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f)) {
        return 0;
    }
    return n;
}

bool str_is_utf8(str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        while (i + 8 <= s.len) {
            uint64_t word;
            memcpy(&word, p + i, 8);
            if ((word & UINT64_C(0x8080808080808080)) != 0) {
                break;
            }
            i += 8;
        }
        if (i >= s.len) {
            break;
        }
        size_t n = utf8_step(p + i, s.len - i);
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

void buf_done(struct buf *buf)
{
    free(buf->ptr);
    *buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->overflow = false;
    if (buf->ptr != NULL) {
        buf->ptr[0] = '\0';
    }
}

char *buf_reserve(struct buf *buf, size_t len)
{
    size_t max = buf->max != 0 ? buf->max : BUF_DEFAULT_MAX;
    if (len > max || buf->len > max - len) {
        buf->overflow = true;
        return NULL;
    }
    size_t need = buf->len + len + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap != 0 ? buf->cap * 2 : 256;
        if (cap < need) {
            cap = need;
        }
        buf->ptr = xrealloc(buf->ptr, cap, 1);
        buf->cap = cap;
    }
    return buf->ptr + buf->len;
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
    char *to = buf_reserve(buf, len);
    if (to == NULL) {
        return;
    }
    if (len != 0) {
        memcpy(to, bytes, len);
    }
    buf->len += len;
    buf->ptr[buf->len] = '\0';
}

void buf_addc(struct buf *buf, char c)
{
    buf_add(buf, &c, 1);
}

void buf_adds(struct buf *buf, str s)
{
    buf_add(buf, s.ptr, s.len);
}

void buf_addz(struct buf *buf, const char *text)
{
    buf_add(buf, text, strlen(text));
}

void buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0) {
        char *to = buf_reserve(buf, (size_t)n);
        if (to != NULL) {
            (void)vsnprintf(to, (size_t)n + 1, fmt, again); /* reserved above */
            buf->len += (size_t)n;
        }
    }
    va_end(again);
}

void buf_printf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    buf_vprintf(buf, fmt, args);
    va_end(args);
}

void buf_add_json(struct buf *buf, str s)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *p = (const unsigned char *)s.ptr;
    buf_addc(buf, '"');
    size_t from = 0;
    size_t i = 0;
    while (i < s.len) {
        unsigned char c = p[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\' && c != 0x7f) {
            i++;
            continue;
        }
        size_t n = c >= 0x80 ? utf8_step(p + i, s.len - i) : 0;
        if (n > 1) {
            i += n;
            continue;
        }
        buf_add(buf, s.ptr + from, i - from);
        if (c == '"' || c == '\\') {
            char pair[2] = {'\\', (char)c};
            buf_add(buf, pair, 2);
        } else if (c == '\n') {
            buf_add(buf, "\\n", 2);
        } else if (c == '\t') {
            buf_add(buf, "\\t", 2);
        } else if (c == '\r') {
            buf_add(buf, "\\r", 2);
        } else if (c >= 0x80) {
            buf_add(buf, "\xef\xbf\xbd", 3);
        } else {
            char esc[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            buf_add(buf, esc, 6);
        }
        i++;
        from = i;
    }
    buf_add(buf, s.ptr != NULL ? s.ptr + from : "", i - from);
    buf_addc(buf, '"');
}
