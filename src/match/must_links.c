/* SPDX-License-Identifier: MIT */
/* What people decided, where both contacts are there: before the first strategy. */
#include "match/decide_internal.h"

enum { NO_ROW = 0x7fffffff, NOT_SEEN = 0xffffffff };

/* The rows of the ids that links name: open addressing over the packed id. */
struct named {
    struct work *work;
    struct ids_cache cache;
    uint64_t *packed;
    uint32_t *row; /* NOT_SEEN: a free slot, NO_ROW: no such contact */
    size_t mask;
};

static size_t find(const struct named *named, uint64_t packed)
{
    size_t slot = (packed * UINT64_C(0x9e3779b97f4a7c15) >> 20) & named->mask;
    while (named->row[slot] != NOT_SEEN && named->packed[slot] != packed) {
        slot = (slot + 1) & named->mask;
    }
    return slot;
}

static void add_name(struct named *named, str id)
{
    uint64_t packed = ids_pack(named->work->parts[0]->ids, &named->cache, id);
    size_t slot = find(named, packed);
    named->packed[slot] = packed;
    named->row[slot] = NO_ROW;
}

/* The first row of each. */
static void find_rows(struct named *named)
{
    const struct decisions *d = named->work->d;
    for (uint32_t row = 0; row < d->count; row++) {
        size_t slot = find(named, d->id[row]);
        if (named->row[slot] == NO_ROW) {
            named->row[slot] = row;
        }
    }
}

/* The contact of that id, or the one that it lives on as; NO_ROW where neither is there. */
static uint32_t row_of(struct named *named, str id)
{
    struct ids *ids = named->work->parts[0]->ids;
    uint32_t row = named->row[find(named, ids_pack(ids, &named->cache, id))];
    if (row == NO_ROW) {
        str living = links_living(named->work->links, id);
        row = named->row[find(named, ids_pack(ids, &named->cache, living))];
    }
    return row;
}

/* `a` goes into `b`. */
static void carry_out(const struct named *named, uint32_t a, uint32_t b)
{
    struct decisions *d = named->work->d;
    AUTO_BUF struct buf left = {0};
    AUTO_BUF struct buf right = {0};
    ids_unpack(d->ids, d->id[a], &left);
    ids_unpack(d->ids, d->id[b], &right);
    bool good = a != b && ((d->row[a].flags | d->row[b].flags) & ROW_BAD) == 0;
    if (!good || links_forbid(named->work->links, buf_str(&left), buf_str(&right)) ||
        action_of(d, a) == ACTION_MERGE || decisions_root(d, b) == a) {
        return;
    }
    if (action_of(d, b) == ACTION_NONE) {
        mark(d, b, ACTION_KEEP, 0);
    }
    d->row[b].absorbed |= (uint16_t)(1U << VIA_MUST_LINK);
    mark(d, a, ACTION_MERGE, b);
    d->row[a].via = VIA_MUST_LINK;
}

void must_links_run(struct work *work)
{
    const struct links *links = work->links;
    size_t count = links_count(links);
    size_t slots = 16;
    while (slots < count * 8) {
        slots *= 2;
    }
    AUTO_FREE uint64_t *packed = xcalloc(slots, sizeof(*packed));
    AUTO_FREE uint32_t *row = xcalloc(slots, sizeof(*row));
    memset(row, 0xff, slots * sizeof(*row));
    struct named named = {.work = work, .packed = packed, .row = row, .mask = slots - 1};
    for (size_t i = 0; i < count; i++) {
        enum link_kind kind;
        str a;
        str b;
        links_at(links, i, &kind, &a, &b);
        add_name(&named, a);
        add_name(&named, b);
        add_name(&named, links_living(links, a));
        add_name(&named, links_living(links, b));
    }
    find_rows(&named);
    for (size_t i = 0; i < count; i++) {
        enum link_kind kind;
        str a;
        str b;
        links_at(links, i, &kind, &a, &b);
        uint32_t left = row_of(&named, a);
        uint32_t right = row_of(&named, b);
        if (kind == LINK_MUST && left != NO_ROW && right != NO_ROW) {
            carry_out(&named, left, right);
        }
    }
}
