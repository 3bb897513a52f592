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

static bool open_page(struct request *request, struct page *page, size_t limit)
{
    const char *cursor = body_text(request, "cursor");
    const char *mode = body_text(request, "mode");
    page->limit = limit;
    page->sorted = json_array_size(body_list(request, "sort_by")) > 0;
    page->before = mode != NULL && strcmp(mode, "before") == 0;
    page->whole = page->sorted || page->before;
    page->has_cursor = cursor != NULL && cursor[0] != '\0';
    if (page->has_cursor && !cursor_parse(request->sandbox, cursor, &page->position)) {
        fail_field(request, "invalid_field", "cursor", "the cursor is not valid");
        return false;
    }
    return true;
}

bool page_open(struct request *request, struct page *page)
{
    const json_t *wanted = json_object_get(request->body, "limit");
    json_int_t limit = wanted != NULL ? json_integer_value(wanted) : LIMIT_DEFAULT;
    limit = limit <= 0 ? LIMIT_DEFAULT : limit;
    limit = limit > LIMIT_MAX ? LIMIT_MAX : limit; /* clamped, as the real server seems to do */
    return open_page(request, page, (size_t)limit);
}

bool page_open_scan(struct request *request, struct page *page)
{
    return open_page(request, page, SCAN_LIMIT);
}

bool page_full(const struct page *page)
{
    return !page->whole && page->found.len > page->limit;
}

void page_add(struct page *page, struct obj *obj)
{
    struct list *list = &page->found;
    if (page_full(page)) {
        return;
    }
    if (!page->whole && obj->ord < page->position) {
        page->earlier = true;
        return;
    }
    if (list->len == list->cap) {
        list->cap = list->cap == 0 ? 64 : list->cap * 2;
        list->items = xrealloc(list->items, list->cap, sizeof(struct obj *));
    }
    list->items[list->len++] = obj;
}

size_t page_first(struct page *page, const struct list *candidates)
{
    size_t low = 0;
    size_t high = page->whole ? 0 : candidates->len;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (candidates->items[middle]->ord < page->position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    page->earlier = page->earlier || low > 0;
    return low;
}

static int by_age(const void *a, const void *b)
{
    uint64_t left = (*(struct obj *const *)a)->ord;
    uint64_t right = (*(struct obj *const *)b)->ord;
    return left < right ? -1 : left > right ? 1 : 0;
}

void page_of_users(const struct request *request, const json_t *ids, enum kind kind,
                   struct list *own)
{
    size_t i;
    json_t *id;
    json_array_foreach(ids, i, id)
    {
        const struct obj *obj = world_find(&request->sandbox->world, json_string_value(id));
        if (obj == NULL || obj->kind != KIND_USER) {
            continue;
        }
        const struct user *user = (const struct user *)obj;
        const struct list *theirs = kind == KIND_WORK ? &user->works : &user->conversations;
        own->items = xrealloc(own->items, own->len + theirs->len, sizeof(struct obj *));
        for (size_t k = 0; k < theirs->len; k++) {
            own->items[own->len++] = theirs->items[k];
        }
    }
    if (own->len != 0) {
        qsort(own->items, own->len, sizeof(struct obj *), by_age);
    }
    size_t kept = 0;
    for (size_t k = 0; k < own->len; k++) {
        if (k == 0 || own->items[k] != own->items[kept - 1]) {
            own->items[kept++] = own->items[k];
        }
    }
    own->len = kept;
}

void page_free(struct page *page)
{
    free(page->found.items);
}

/* --- cutting ------------------------------------------------------------------------------------ */

/* A page starts at an object, not at an offset: what moves away in between leaves no hole. Sorted
 * lists have no such order and count instead. */
static uint64_t position_at(const struct page *page, size_t i)
{
    return page->sorted ? i : page->found.items[i]->ord;
}

static size_t index_of(const struct page *page)
{
    size_t i = 0;
    if (page->sorted) {
        return page->position < page->found.len ? (size_t)page->position : page->found.len;
    }
    while (i < page->found.len && page->found.items[i]->ord < page->position) {
        i++;
    }
    return i;
}

static void cut_whole(struct request *request, struct page *page)
{
    size_t len = page->found.len;
    size_t at = page->has_cursor ? index_of(page) : (page->before ? len : 0);
    if (page->before) {
        page->to = at;
        page->from = at > page->limit ? at - page->limit : 0;
    } else {
        page->from = at;
        page->to = len - at > page->limit ? at + page->limit : len;
    }
    if (page->to < len) {
        cursor_print(request->sandbox, position_at(page, page->to), page->next);
    }
    if (page->from > 0) {
        cursor_print(request->sandbox,
                     page->from < len ? position_at(page, page->from) : page->position, page->prev);
    }
}

void page_cut(struct request *request, struct page *page)
{
    if (page->whole) {
        cut_whole(request, page);
        return;
    }
    page->to = page->found.len < page->limit ? page->found.len : page->limit;
    if (page->found.len > page->limit) {
        cursor_print(request->sandbox, page->found.items[page->limit]->ord, page->next);
    }
    if (page->earlier) {
        cursor_print(request->sandbox, page->position, page->prev);
    }
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
