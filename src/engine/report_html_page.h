/* SPDX-License-Identifier: MIT */
/*
 * A page of HTML, written front to back from the blocks of assets/report.html. The build turns the
 * template into pieces (scripts/embed_blocks.py) and proves that every slot stands in text or in a
 * quoted attribute; html_fill escapes every value, so no value can become markup. There is no way to
 * put markup in from C.
 *
 *   html_put(page, change, .id = str_of(change->id), .target = change->target);
 *
 * Pieces go out as they fill up; nothing but the current one is kept. One thread.
 */
#ifndef STEWARD_ENGINE_REPORT_HTML_PAGE_H
#define STEWARD_ENGINE_REPORT_HTML_PAGE_H

#include "base/arena.h"
#include "engine/engine.h"
#include "engine/report_html_blocks.h"

struct html_piece {
    str literal;
    int slot; /* what comes after it; -1 at the end of the block */
};

struct html_pieces {
    const struct html_piece *pieces;
    size_t count;
};

extern const struct html_pieces html_blocks[];

struct html_page {
    engine_piece_fn write;
    void *ctx;
    struct buf out;
    struct arena values; /* of the block that is being filled */
    struct err err;      /* the first failed write; later blocks are dropped */
};

/* `slots`: the block's struct as an array, NULL where it has none. */
void html_fill(struct html_page *page, enum html_block block, const str *slots);

#define html_put(page, block, ...)                                                                 \
    html_fill((page), HTML_##block,                                                                \
              (const str *)(const void *)&(const struct html_##block){__VA_ARGS__})
/* A block without slots. */
#define html_plain(page, block) html_fill((page), HTML_##block, NULL)

/* Writes what is left. False: a write failed. */
bool html_finish(struct html_page *page, struct err *err) MUST_CHECK;
void html_done(struct html_page *page);

/* Values, good until the next block is put. */
str html_printf(struct html_page *page, const char *fmt, ...) PRINTF_LIKE(2, 3);
str html_number(struct html_page *page, uint64_t number);   /* "12,345" */
str html_time(struct html_page *page, int64_t real_ms);     /* "2026-11-24 15:04:05 UTC", 0: "-" */
str html_duration(struct html_page *page, int64_t ms);      /* "1 h 02 min", "3.2 s", "15 ms" */
str html_millis(struct html_page *page, double ms);         /* "0.4 ms", "12 ms", "1.25 s" */
str html_cut(struct html_page *page, str text, size_t max); /* at most max bytes, with "..." */

/* Appends `text` as it may stand in HTML: markup characters as entities, control characters and what
 * is not UTF-8 as U+FFFD. */
void html_escape(struct buf *out, str text);

#endif
