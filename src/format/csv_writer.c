/* SPDX-License-Identifier: MIT */
#include "format/csv.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static bool is_special(char c)
{
    return c == ',' || c == '"' || c == '\n' || c == '\r';
}

bool csv_is_plain(str field)
{
    size_t i = 0;
#if defined(__SSE2__)
    for (; i + 16 <= field.len; i += 16) {
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(field.ptr + i));
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8(',')),
                                                _mm_cmpeq_epi8(b, _mm_set1_epi8('"'))),
                                   _mm_or_si128(_mm_cmpeq_epi8(b, _mm_set1_epi8('\n')),
                                                _mm_cmpeq_epi8(b, _mm_set1_epi8('\r'))));
        if (_mm_movemask_epi8(hit) != 0) {
            return false;
        }
    }
#endif
    for (; i < field.len; i++) {
        if (is_special(field.ptr[i])) {
            return false;
        }
    }
    return true;
}

void csv_add_field(struct buf *out, str field, bool first)
{
    if (csv_is_plain(field)) {
        char *to = buf_reserve(out, field.len + 1);
        if (to != NULL) {
            *to = ',';
            to += !first;
            if (field.len != 0) {
                memcpy(to, field.ptr, field.len);
            }
            to[field.len] = '\0';
            out->len += field.len + !first;
        }
        return;
    }
    buf_addz(out, first ? "\"" : ",\"");
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
