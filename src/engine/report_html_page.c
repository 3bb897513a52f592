/* SPDX-License-Identifier: MIT */
#include "engine/report_html_page.h"

#include <stdio.h>

enum { PIECE_BYTES = 64 * 1024 };

/* --- escaping ------------------------------------------------------------------------------ */

static const char *entity_of(unsigned char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\t':
    case '\n':
    case '\r':
        return NULL;
    default:
        return c < 0x20 || c == 0x7f ? "\xef\xbf\xbd" : NULL;
    }
}

static bool is_tail(str text, size_t at)
{
    return at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80;
}

/* Bytes of the character of UTF-8 at `at`, whose first byte is not ASCII; 0: none is there. */
static size_t character(str text, size_t at)
{
    unsigned char first = (unsigned char)text.ptr[at];
    size_t len = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (!is_tail(text, at + i)) {
            return 0;
        }
    }
    unsigned char second = (unsigned char)text.ptr[at + 1];
    bool too_long = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
    bool no_character = (first == 0xed && second >= 0xa0) || (first == 0xf4 && second >= 0x90);
    bool control = first == 0xc2 && second < 0xa0;
    return too_long || no_character || control ? 0 : len;
}

void html_escape(struct buf *out, str text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.ptr[i];
        size_t len = c < 0x80 ? 1 : character(text, i);
        const char *instead = len == 0 ? "\xef\xbf\xbd" : c < 0x80 ? entity_of(c) : NULL;
        if (instead != NULL) {
            buf_add(out, text.ptr + from, i - from);
            buf_addz(out, instead);
            from = i + 1;
        }
        i += len == 0 ? 1 : len;
    }
    if (from < text.len) {
        buf_add(out, text.ptr + from, text.len - from);
    }
}

/* --- the page ------------------------------------------------------------------------------ */

static void send(struct html_page *page)
{
    if (!err_is(&page->err)) {
        (void)page->write(page->ctx, buf_str(&page->out), &page->err); /* kept in page->err */
    }
    buf_clear(&page->out);
}

void html_fill(struct html_page *page, enum html_block block, const str *slots)
{
    const struct html_pieces *pieces = &html_blocks[block];
    for (size_t i = 0; i < pieces->count; i++) {
        const struct html_piece *piece = &pieces->pieces[i];
        buf_adds(&page->out, piece->literal);
        if (piece->slot >= 0) {
            html_escape(&page->out, slots[piece->slot]);
        }
    }
    arena_reset(&page->values);
    if (page->out.len >= PIECE_BYTES) {
        send(page);
    }
}

bool html_finish(struct html_page *page, struct err *err)
{
    if (page->out.len != 0) {
        send(page);
    }
    if (err_is(&page->err)) {
        *err = page->err;
        return false;
    }
    return true;
}

void html_done(struct html_page *page)
{
    buf_done(&page->out);
    arena_done(&page->values);
}

/* --- values -------------------------------------------------------------------------------- */

str html_printf(struct html_page *page, const char *fmt, ...)
{
    AUTO_BUF struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    return str_dup(&page->values, buf_str(&text));
}

str html_number(struct html_page *page, uint64_t number)
{
    char digits[32];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    char text[48];
    size_t to = 0;
    for (int i = 0; i < len; i++) {
        if (i != 0 && (len - i) % 3 == 0) {
            text[to++] = ',';
        }
        text[to++] = digits[i];
    }
    return str_dup(&page->values, (str){text, to});
}

str html_time(struct html_page *page, int64_t real_ms)
{
    if (real_ms == 0) {
        return STR("-");
    }
    char text[CLOCK_TEXT_BYTES];
    clock_rfc3339(real_ms, text); /* 2026-11-24T15:04:05.123Z */
    return html_printf(page, "%.10s %.8s UTC", text, text + 11);
}

str html_millis(struct html_page *page, double ms)
{
    if (ms >= 9950) {
        return html_printf(page, "%.0f s", ms / 1000);
    }
    if (ms >= 999.5) {
        return html_printf(page, "%.2f s", ms / 1000);
    }
    if (ms < 0.05) {
        return STR("0 ms");
    }
    return html_printf(page, ms < 9.95 ? "%.1f ms" : "%.0f ms", ms);
}

str html_duration(struct html_page *page, int64_t ms)
{
    int64_t seconds = (ms + 500) / 1000;
    long long h = (long long)(seconds / 3600);
    long long min = (long long)(seconds % 3600 / 60);
    if (ms < 60000) {
        return html_millis(page, (double)ms);
    }
    return h != 0 ? html_printf(page, "%lld h %02lld min", h, min)
                  : html_printf(page, "%lld min %02lld s", min, (long long)(seconds % 60));
}

str html_cut(struct html_page *page, str text, size_t max)
{
    if (text.len <= max) {
        return text;
    }
    size_t len = max - 3;
    while (len > 0 && is_tail(text, len)) {
        len--;
    }
    return html_printf(page, "%.*s...", (int)len, text.ptr);
}
