/* SPDX-License-Identifier: MIT */
/*
 * Finished stars: what went into a survivor that lost later goes straight to the last one. Then the
 * guards: a star that one of them stops is taken apart, and all its contacts are left to people.
 */
#include <stdio.h>

#include "match/decide_internal.h"
#include "match/memory.h"

enum { CHUNK_ROWS = 1 << 16, NO_ROW = 0x7fffffff /* ROWS_MAX: no row has this number */ };

struct fallen {
    uint32_t survivor;
    uint32_t size;
    uint32_t reason;
};

/* What one thread found. Nothing is taken apart while others still look. */
struct found {
    struct fallen *fallen;
    size_t count;
    size_t room;
};

struct finish {
    struct work *work;
    struct found *found; /* one a thread */
    uint32_t *next;      /* of each loser: the next one of its star */
    atomic_uint_fast32_t at;
    atomic_bool broken;
};

/* --- members ---------------------------------------------------------------------------------- */

/* Chains the losers of each survivor, in the order of the rows; the survivor's link is the first. False
 * where a loser ends at no survivor. */
static bool chain_losers(struct finish *f)
{
    struct decisions *d = f->work->d;
    for (uint32_t row = 0; row < d->count; row++) {
        if (action_of(d, row) == ACTION_KEEP) {
            d->row[row].link = NO_ROW;
        }
    }
    for (uint32_t row = d->count; row-- > 0;) {
        if (action_of(d, row) != ACTION_MERGE) {
            continue;
        }
        uint32_t root = decisions_root(d, row);
        if (root == row || action_of(d, root) != ACTION_KEEP) {
            return false;
        }
        f->next[row] = d->row[root].link;
        d->row[root].link = row;
    }
    return true;
}

/* The survivor's first loser, or the next one. */
static uint32_t next_member(const struct finish *f, uint32_t survivor, uint32_t row)
{
    return row == survivor ? f->work->d->row[row].link : f->next[row];
}

/* --- guards ----------------------------------------------------------------------------------- */

static void add_id(const struct decisions *d, uint32_t row, struct buf *out)
{
    buf_addc(out, '\'');
    ids_unpack(d->ids, d->id[row], out);
    buf_addc(out, '\'');
}

static bool counts_for(const struct decisions *d, const struct rule_guard *guard, uint32_t row)
{
    return action_of(d, row) != ACTION_MERGE || d->row[row].via == VIA_MUST_LINK ||
           (guard->except >> d->row[row].via & 1) == 0;
}

/* Two contacts that hold different values. */
static bool differ(const struct finish *f, size_t number, uint32_t survivor, struct buf *out)
{
    const struct decisions *d = f->work->d;
    const struct rules *rules = d->rules;
    const struct rule_guard *guard = &rules->guards[number];
    uint64_t value = 0;
    uint32_t holder = survivor;
    for (uint32_t row = survivor; row != NO_ROW; row = next_member(f, survivor, row)) {
        uint64_t other = f->work->guards[row * rules->guard_count + number];
        if (other == 0 || !counts_for(d, guard, row)) {
            continue;
        }
        if (value != 0 && other != value) {
            buf_printf(out, "%s: ", guard->word);
            add_id(d, holder, out);
            buf_addz(out, " and ");
            add_id(d, row, out);
            buf_printf(out, " differ in %s", rules_term(rules, guard->term));
            return true;
        }
        holder = value == 0 ? row : holder;
        value = other;
    }
    return false;
}

/* Stars that come here are of a bounded size. */
static bool forbidden(const struct finish *f, uint32_t survivor, struct buf *out)
{
    const struct decisions *d = f->work->d;
    AUTO_BUF struct buf left = {0};
    AUTO_BUF struct buf right = {0};
    for (uint32_t a = survivor; a != NO_ROW; a = next_member(f, survivor, a)) {
        buf_clear(&left);
        ids_unpack(d->ids, d->id[a], &left);
        bool named = links_named(f->work->links, buf_str(&left));
        for (uint32_t b = next_member(f, survivor, a); named && b != NO_ROW;
             b = next_member(f, survivor, b)) {
            buf_clear(&right);
            ids_unpack(d->ids, d->id[b], &right);
            if (links_forbid(f->work->links, buf_str(&left), buf_str(&right))) {
                buf_addz(out, "cannot-link: people said that ");
                add_id(d, a, out);
                buf_addz(out, " and ");
                add_id(d, b, out);
                buf_addz(out, " are not one");
                return true;
            }
        }
    }
    return false;
}

/* The first guard that stops the star, as a reason. */
static bool is_stopped(const struct finish *f, uint32_t survivor, uint32_t size, struct buf *out)
{
    const struct rules *rules = f->work->d->rules;
    for (size_t i = 0; i < rules->guard_count; i++) {
        if (differ(f, i, survivor, out)) {
            return true;
        }
    }
    if (size > rules->max_cluster) {
        buf_printf(out, "too-large: %u contacts would become one, at most %u may", size,
                   rules->max_cluster);
        return true;
    }
    return f->work->links != NULL && forbidden(f, survivor, out);
}

static void note_fallen(struct finish *f, int thread, uint32_t survivor, uint32_t size, str reason)
{
    struct found *found = &f->found[thread];
    if (found->count == found->room) {
        found->room = found->room != 0 ? found->room * 2 : 64;
        found->fallen = xrealloc(found->fallen, found->room, sizeof(*found->fallen));
    }
    /* the last word: nobody asks for its rank */
    found->fallen[found->count++] =
        (struct fallen){survivor, size, reasons_add(f->work->d->reasons, 0, reason)};
}

static void take_apart(const struct finish *f, const struct fallen *fallen)
{
    struct decisions *d = f->work->d;
    struct trace *trace = f->work->trace;
    uint32_t next;
    for (uint32_t row = fallen->survivor; row != NO_ROW; row = next) {
        next = next_member(f, fallen->survivor, row);
        if (trace != NULL && trace->row == row) {
            trace->fell = true;
            trace->survivor = row == fallen->survivor;
            trace->star = fallen->size;
        }
        mark(d, row, ACTION_REVIEW, fallen->reason);
    }
}

static void take_all_apart(struct finish *f, int threads)
{
    for (int i = 0; i < threads; i++) {
        for (size_t j = 0; j < f->found[i].count; j++) {
            take_apart(f, &f->found[i].fallen[j]);
        }
        free(f->found[i].fallen);
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

static void finish_star(struct finish *f, int thread, uint32_t survivor, struct buf *reason)
{
    uint32_t size = 0;
    for (uint32_t row = survivor; row != NO_ROW; row = next_member(f, survivor, row)) {
        size++;
    }
    if (size < 2) {
        atomic_store(&f->broken, true);
        return;
    }
    buf_clear(reason);
    if (is_stopped(f, survivor, size, reason)) {
        note_fallen(f, thread, survivor, size, buf_str(reason));
    } else {
        f->work->d->row[survivor].link = size;
    }
}

static void finish_chunks(void *arg, int index)
{
    struct finish *f = arg;
    struct decisions *d = f->work->d;
    AUTO_BUF struct buf reason = {0};
    for (;;) {
        uint64_t from = atomic_fetch_add(&f->at, CHUNK_ROWS);
        if (from >= d->count) {
            return;
        }
        uint64_t to = from + CHUNK_ROWS < d->count ? from + CHUNK_ROWS : d->count;
        for (uint32_t row = (uint32_t)from; row < to; row++) {
            if (action_of(d, row) == ACTION_KEEP) {
                finish_star(f, index, row, &reason);
            }
        }
    }
}

bool stars_finish(struct work *work, int threads, struct err *err)
{
    struct finish f = {.work = work};
    AUTO_FREE uint32_t *next = memory_grow(NULL, work->d->count, sizeof(*next));
    f.next = next;
    if (!chain_losers(&f)) {
        return err_set(err, ERR_INTERNAL, "could not plan: a contact goes into none that is kept");
    }
    AUTO_FREE struct found *found = xcalloc((size_t)threads, sizeof(*found));
    f.found = found;
    bool ok = parallel_run(threads, finish_chunks, &f, err);
    take_all_apart(&f, threads);
    if (!ok) {
        return false;
    }
    return !atomic_load(&f.broken) ||
           err_set(err, ERR_INTERNAL, "could not plan: a contact is kept and none goes into it");
}

/* --- the proof -------------------------------------------------------------------------------- */

static bool refuted(const struct decisions *d, uint32_t row, const char *what, struct err *err)
{
    AUTO_BUF struct buf id = {0};
    ids_unpack(d->ids, d->id[row], &id);
    return err_set(err, ERR_INTERNAL, "could not prove the plan: contact '%s' %s", buf_z(&id),
                   what);
}

bool decisions_prove(const struct decisions *d, struct err *err)
{
    uint64_t losers = 0;
    uint64_t promised = 0;
    for (uint32_t row = 0; row < d->count; row++) {
        enum action action = action_of(d, row);
        if (action != ACTION_MERGE && action != ACTION_KEEP) {
            continue;
        }
        if ((d->row[row].flags & (ROW_BAD | ROW_REPEAT)) != 0) {
            return refuted(d, row, "is no good row of its own", err);
        }
        if (action == ACTION_KEEP) {
            if (d->row[row].link < 2 || d->row[row].link > d->rules->max_cluster) {
                return refuted(d, row, "is kept for a wrong number of others", err);
            }
            promised += d->row[row].link - 1;
            continue;
        }
        uint32_t at = row;
        for (size_t steps = 0; action_of(d, at) == ACTION_MERGE; steps++) {
            if (steps > d->count || d->row[at].link >= d->count) {
                return refuted(d, row, "goes round in a circle", err);
            }
            at = d->row[at].link;
        }
        if (action_of(d, at) != ACTION_KEEP || d->id[at] == d->id[row]) {
            return refuted(d, row, "goes into none that is kept", err);
        }
        losers++;
    }
    return losers == promised ||
           err_set(
               err, ERR_INTERNAL,
               "could not prove the plan: %llu contacts are merged, and survivors wait for %llu",
               (unsigned long long)losers, (unsigned long long)promised);
}
