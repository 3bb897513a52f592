/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "sandbox/api.h"
#include "sandbox/jw.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 100, SCAN_LIMIT = 100 };

/* Position and a check of it, so that a made-up cursor is refused as a real server would. */
void cursor_print(const struct sandbox *sandbox, uint64_t position, char out[40])
{
    (void)snprintf(out, 40, "%016llx%08x", (unsigned long long)position,
                   (unsigned)(world_mix(&sandbox->world, position, 77) & 0xffffffff));
}

bool cursor_parse(const struct sandbox *sandbox, const char *text, uint64_t *ret)
{
    uint8_t bytes[12];
    char again[40];
    if (!num_parse_hex(str_of(text), bytes, sizeof(bytes))) {
        return false;
    }
    uint64_t position = 0;
    for (size_t i = 0; i < 8; i++) {
        position = position << 8 | bytes[i];
    }
    cursor_print(sandbox, position, again);
    if (strcmp(again, text) != 0) {
        return false;
    }
    *ret = position;
    return true;
}

void page_add(struct page *page, struct obj *obj)
{
    struct list *list = &page->found;
    if (list->len == list->cap) {
        list->cap = list->cap == 0 ? 64 : list->cap * 2;
        list->items = xrealloc(list->items, list->cap, sizeof(struct obj *));
    }
    list->items[list->len++] = obj;
}

void page_free(struct page *page)
{
    free(page->found.items);
}

static bool bad_cursor(struct request *request)
{
    fail_field(request, "invalid_field", "cursor", "the cursor is not valid");
    return false;
}

/* A page starts at an object, not at an offset: what moves away in between leaves no hole. Sorted
 * lists have no such order and count instead. */
static bool is_sorted(const struct request *request)
{
    return json_array_size(body_list(request, "sort_by")) > 0;
}

static uint64_t position_at(const struct request *request, const struct page *page, size_t i)
{
    if (is_sorted(request)) {
        return i;
    }
    return i < page->found.len ? page->found.items[i]->ord
                               : (uint64_t)page->found.items[page->found.len - 1]->ord + 1;
}

static size_t index_of(const struct request *request, const struct page *page, uint64_t position)
{
    if (is_sorted(request)) {
        return position < page->found.len ? (size_t)position : page->found.len;
    }
    size_t i = 0;
    while (i < page->found.len && page->found.items[i]->ord < position) {
        i++;
    }
    return i;
}

static bool cut(struct request *request, struct page *page, size_t limit, bool before)
{
    const char *cursor = body_text(request, "cursor");
    size_t at = before ? page->found.len : 0;
    if (cursor != NULL && cursor[0] != '\0') {
        uint64_t position = 0;
        if (!cursor_parse(request->sandbox, cursor, &position)) {
            return bad_cursor(request);
        }
        at = index_of(request, page, position);
    }
    if (before) {
        page->to = at;
        page->from = at > limit ? at - limit : 0;
    } else {
        page->from = at;
        page->to = page->found.len - at > limit ? at + limit : page->found.len;
    }
    if (page->to < page->found.len) {
        cursor_print(request->sandbox, position_at(request, page, page->to), page->next);
    }
    if (page->from > 0) {
        cursor_print(request->sandbox, position_at(request, page, page->from), page->prev);
    }
    return true;
}

bool page_cut(struct request *request, struct page *page)
{
    const json_t *wanted = json_object_get(request->body, "limit");
    json_int_t limit = wanted != NULL ? json_integer_value(wanted) : LIMIT_DEFAULT;
    const char *mode = body_text(request, "mode");
    if (limit < 0) {
        fail_value(request, "limit", "must not be negative");
        return false;
    }
    limit = limit == 0 ? LIMIT_DEFAULT : limit;
    limit = limit > LIMIT_MAX ? LIMIT_MAX : limit; /* clamped, as the real server seems to do */
    return cut(request, page, (size_t)limit, mode != NULL && strcmp(mode, "before") == 0);
}

bool page_scan(struct request *request, struct page *page)
{
    if (!cut(request, page, SCAN_LIMIT, false)) {
        return false;
    }
    page->prev[0] = '\0';
    return true;
}

void page_cursors(struct buf *out, const struct page *page)
{
    jw_str(out, "next_cursor", page->next[0] != '\0' ? page->next : NULL);
    jw_str(out, "prev_cursor", page->prev[0] != '\0' ? page->prev : NULL);
}

/* --- sorting ---------------------------------------------------------------------------------- */

struct sort {
    bool modified;
    bool descending;
    int64_t as_of;
    int64_t (*modified_ms)(const struct obj *obj, int64_t as_of);
};

static int compare(const void *a, const void *b, void *ctx)
{
    const struct sort *sort = ctx;
    const struct obj *x = *(const struct obj *const *)a;
    const struct obj *y = *(const struct obj *const *)b;
    int64_t s = sort->modified ? sort->modified_ms(x, sort->as_of) : x->created_ms;
    int64_t t = sort->modified ? sort->modified_ms(y, sort->as_of) : y->created_ms;
    int order = (s > t) - (s < t);
    order = order != 0 ? order : (x->ord > y->ord) - (x->ord < y->ord);
    return sort->descending ? -order : order;
}

bool page_sort(struct request *request, struct page *page,
               int64_t (*modified)(const struct obj *obj, int64_t as_of))
{
    const json_t *list = body_list(request, "sort_by");
    if (json_array_size(list) == 0) {
        return true;
    }
    str way;
    str field = str_cut(str_of(json_string_value(json_array_get(list, 0))), ':', &way);
    struct sort sort = {.modified = str_eqz(field, "modified_date"),
                        .descending = str_eqz(way, "desc"),
                        .as_of = request->as_of,
                        .modified_ms = modified};
    if (!sort.modified && !str_eqz(field, "created_date")) {
        fail_value(request, "sort_by", "only created_date and modified_date are sorted by");
        return false;
    }
    if (page->found.len > 0) {
        qsort_r(page->found.items, page->found.len, sizeof(struct obj *), compare, &sort);
    }
    return true;
}
