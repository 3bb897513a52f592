/* SPDX-License-Identifier: MIT */
/*
 * Pass 2. Workers take chunks of the file in turn, write the decisions of their rows into a buffer
 * and note what the plan needs of them; then, in the order of the chunks, the buffer goes to the
 * decisions file and the notes to the plan. Formatting is parallel, order is that of the file.
 *
 * A change carries the values of two rows that may lie far apart: the values of the one that comes
 * first wait in `stars` until the other one comes.
 */
#include <errno.h>
#include <stdatomic.h>

#include "base/fs.h"
#include "job/merge_plan_internal.h"
#include "match/memory.h"
#include "match/parallel.h"

enum { ITEM_MAX_BYTES = 1 << 30, AHEAD_ITEMS = 4, MAX_TEXTS = RULES_MAX_COLUMNS + 3 };

/* --- stars that wait ------------------------------------------------------------------------- */

struct waiting {
    struct waiting *next;
    size_t bytes;
    char texts[]; /* as in an item */
};

struct star {
    uint32_t root;
    uint32_t left;            /* losers that have not come, once the survivor has */
    struct waiting *survivor; /* NULL until it comes */
    struct waiting *losers;   /* that came before the survivor, newest first */
};

/* Waiting texts come and go by the million: sizes in steps, freed ones are used again. */
enum { POOL_STEP = 64, POOL_SIZES = 16 };

struct pool_slab {
    struct pool_slab *older;
};

/* Open addressing over the survivor's row. */
struct stars {
    struct star *slots; /* root + 1, 0 free */
    size_t capacity;
    size_t count;
    struct pool_slab *slabs;
    char *pool; /* what is left of the newest slab */
    size_t pool_left;
    struct waiting *unused[POOL_SIZES]; /* by size in steps; larger ones are on the heap */
    uint64_t bytes;                     /* of waiting values */
    uint64_t peak_bytes;
};

static size_t star_home(const struct stars *stars, uint32_t root)
{
    return (size_t)(root * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (stars->capacity - 1);
}

static struct star *find_slot(const struct stars *stars, uint32_t root)
{
    size_t slot = star_home(stars, root);
    while (stars->slots[slot].root != 0 && stars->slots[slot].root != root + 1) {
        slot = (slot + 1) & (stars->capacity - 1);
    }
    return &stars->slots[slot];
}

static void grow_stars(struct stars *stars)
{
    struct stars old = *stars;
    stars->capacity = old.capacity != 0 ? old.capacity * 2 : 1024;
    stars->slots = memory_zeroed(stars->capacity, sizeof(*stars->slots));
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].root != 0) {
            *find_slot(stars, old.slots[i].root - 1) = old.slots[i];
        }
    }
    free(old.slots);
}

static struct star *get_star(struct stars *stars, uint32_t root)
{
    if (stars->count * 2 >= stars->capacity) {
        grow_stars(stars);
    }
    struct star *star = find_slot(stars, root);
    if (star->root == 0) {
        star->root = root + 1;
        stars->count++;
    }
    return star;
}

static size_t pool_steps(size_t bytes)
{
    return (sizeof(struct waiting) + bytes + POOL_STEP - 1) / POOL_STEP;
}

static struct waiting *take_waiting(struct stars *stars, size_t bytes)
{
    size_t steps = pool_steps(bytes);
    stars->bytes += steps * POOL_STEP;
    uint64_t now = stars->bytes + stars->capacity * sizeof(*stars->slots);
    stars->peak_bytes = now > stars->peak_bytes ? now : stars->peak_bytes;
    if (steps >= POOL_SIZES) {
        return xrealloc(NULL, steps, POOL_STEP);
    }
    struct waiting *waiting = stars->unused[steps];
    if (waiting != NULL) {
        stars->unused[steps] = waiting->next;
        return waiting;
    }
    if (stars->pool_left < steps * POOL_STEP) {
        struct pool_slab *slab = memory_slab();
        slab->older = stars->slabs;
        stars->slabs = slab;
        stars->pool = (char *)slab + POOL_STEP;
        stars->pool_left = MEMORY_HUGE_BYTES - POOL_STEP;
    }
    waiting = (struct waiting *)(void *)stars->pool;
    stars->pool += steps * POOL_STEP;
    stars->pool_left -= steps * POOL_STEP;
    return waiting;
}

static void drop_waiting(struct stars *stars, struct waiting *waiting)
{
    while (waiting != NULL) {
        struct waiting *next = waiting->next;
        size_t steps = pool_steps(waiting->bytes);
        stars->bytes -= steps * POOL_STEP;
        if (steps >= POOL_SIZES) {
            free(waiting);
        } else {
            waiting->next = stars->unused[steps];
            stars->unused[steps] = waiting;
        }
        waiting = next;
    }
}

/* Takes the star out; those behind it that were displaced move up. */
static void drop_star(struct stars *stars, struct star *star)
{
    drop_waiting(stars, star->survivor);
    drop_waiting(stars, star->losers);
    size_t hole = (size_t)(star - stars->slots);
    size_t mask = stars->capacity - 1;
    for (size_t at = (hole + 1) & mask; stars->slots[at].root != 0; at = (at + 1) & mask) {
        size_t home = star_home(stars, stars->slots[at].root - 1);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            stars->slots[hole] = stars->slots[at];
            hole = at;
        }
    }
    stars->slots[hole] = (struct star){0};
    stars->count--;
}

static void stars_done(struct stars *stars)
{
    for (size_t i = 0; i < stars->capacity; i++) {
        if (stars->slots[i].root != 0) {
            drop_waiting(stars, stars->slots[i].survivor);
            drop_waiting(stars, stars->slots[i].losers);
        }
    }
    while (stars->slabs != NULL) {
        struct pool_slab *older = stars->slabs->older;
        free(stars->slabs);
        stars->slabs = older;
    }
    free(stars->slots);
}

/* --- items ------------------------------------------------------------------------------------ */

enum item_kind { ITEM_SURVIVOR, ITEM_LOSER, ITEM_REVIEW, ITEM_BAD };

/* What the plan needs of one row: the head and then texts, each as length and bytes. Of a review or
 * a bad row they are id and reason. */
struct item {
    enum item_kind kind;
    uint32_t root;   /* the star's survivor, a row */
    uint32_t losers; /* ITEM_SURVIVOR: how many there are */
    uint32_t bytes;  /* of the texts */
    uint64_t line;
};

static void add_item(struct buf *items, struct item *item, const str *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        item->bytes += (uint32_t)(sizeof(uint32_t) + texts[i].len);
    }
    char *at = buf_reserve(items, sizeof(*item) + item->bytes);
    if (at == NULL) {
        return; /* overflow is noticed when the chunk is delivered */
    }
    items->len += sizeof(*item) + item->bytes;
    memcpy(at, item, sizeof(*item));
    at += sizeof(*item);
    for (size_t i = 0; i < count; i++) {
        uint32_t len = (uint32_t)texts[i].len; /* a row's limit is far below */
        memcpy(at, &len, sizeof(len));
        at += sizeof(len);
        if (len != 0) {
            memcpy(at, texts[i].ptr, len);
        }
        at += len;
    }
}

static void read_texts(const char *at, size_t count, str *ret)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t len;
        memcpy(&len, at, sizeof(len));
        ret[i] = (str){at + sizeof(len), len};
        at += sizeof(len) + len;
    }
}

/* --- the state of the pass -------------------------------------------------------------------- */

struct counts {
    uint64_t rows, good, bad, keep, merge, review, none, contacts;
};

struct writing {
    struct merge_plan *plan;
    int out_fd;
    struct plan_writer *writer;
    atomic_size_t next; /* chunk */
    pthread_mutex_t lock;
    pthread_cond_t turn_came;
    size_t turn;  /* GUARDED_BY(lock): the chunk that may write */
    bool stopped; /* GUARDED_BY(lock): some chunk failed */
    struct err err;
    /* used by the thread whose turn it is */
    struct stars stars;
    struct merge_plan_result result;
};

/* What follows the id on a line, but for the survivor's id: the same for very many rows. */
struct phrase {
    uint64_t key; /* what it depends on, see phrase_key; 0: not filled */
    struct buf text;
    size_t middle;   /* bytes before the survivor's id: ",merge,pairs," */
    size_t end;      /* of the line */
    size_t strategy; /* ends of the two texts that follow it, raw, for the plan */
    size_t reason;
};

enum { PHRASES = 256, PREFETCH_ROWS = 16 };

/* One thread's part. */
struct chunk_writer {
    struct writing *writing;
    const struct merge_plan *plan;
    struct csv_reader *reader;
    struct contact_reader *contacts;
    struct buf out;
    struct buf items;
    struct buf text; /* a reason */
    struct buf id;   /* a survivor's id */
    struct phrase phrases[PHRASES];
    struct counts counts;
    struct merge_plan_bad first_bad[MERGE_PLAN_FIRST_BAD];
    int first_bad_count;
};

/* --- one row ---------------------------------------------------------------------------------- */

/* Everything that a decided row's phrase depends on, never 0. */
static uint64_t phrase_key(const struct decisions *d, uint32_t row, enum action action)
{
    uint64_t key = (uint64_t)action + 1;
    switch (action) {
    case ACTION_NONE:
        return key | (uint64_t)(d->row[row].flags & ROW_KEYLESS) << 8;
    case ACTION_REVIEW:
        return key | (uint64_t)d->row[row].link << 8;
    case ACTION_KEEP:
        return key | (uint64_t)d->row[row].absorbed << 8 | (uint64_t)d->row[row].link << 24;
    case ACTION_MERGE:
        break;
    }
    /* the strategies of the way to the last survivor: with one strategy the way is one step */
    key |= (uint64_t)(d->row[row].via + 1) << 8;
    for (uint32_t at = d->row[row].link; d->rules->strategy_count > 1; at = d->row[at].link) {
        if ((d->row[at].flags & ROW_ACTION) != ACTION_MERGE) {
            break;
        }
        key = (key << 5 ^ (uint64_t)(d->row[at].via + 1)) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    }
    return key;
}

static void fill_phrase(struct phrase *phrase, const struct decisions *d, uint32_t row,
                        enum action action)
{
    static const char *const names[] = {"none", "review", "merge", "keep"};
    AUTO_BUF struct buf strategy = {0};
    AUTO_BUF struct buf reason = {0};
    decisions_reason(d, row, &reason);
    struct buf *text = &phrase->text;
    buf_clear(text);
    buf_printf(text, ",%s", names[action]);
    if (action == ACTION_KEEP || action == ACTION_MERGE) {
        decisions_strategy(d, row, &strategy);
    }
    csv_add_field(text, buf_str(&strategy), false);
    buf_addc(text, ',');
    phrase->middle = text->len;
    csv_add_field(text, buf_str(&reason), false);
    csv_end_row(text);
    phrase->end = text->len;
    buf_adds(text, buf_str(&strategy));
    phrase->strategy = text->len;
    buf_adds(text, buf_str(&reason));
    phrase->reason = text->len;
}

static const struct phrase *phrase_of(struct chunk_writer *w, uint32_t row, enum action action)
{
    const struct decisions *d = w->plan->decisions;
    uint64_t key = phrase_key(d, row, action);
    struct phrase *phrase = &w->phrases[(key ^ key >> 8) % PHRASES];
    if (phrase->key != key) {
        fill_phrase(phrase, d, row, action);
        phrase->key = key;
    }
    return phrase;
}

static str phrase_strategy(const struct phrase *phrase)
{
    return (str){phrase->text.ptr + phrase->end, phrase->strategy - phrase->end};
}

static str phrase_reason(const struct phrase *phrase)
{
    return (str){phrase->text.ptr + phrase->strategy, phrase->reason - phrase->strategy};
}

static inline char *put(char *to, const char *bytes, size_t len)
{
    if (len != 0) {
        memcpy(to, bytes, len);
    }
    return to + len;
}

/* One line; ids that need no quotes, which is nearly all, are copied with one look at the room. */
static void add_decision(struct chunk_writer *w, str id, str survivor, const struct phrase *phrase)
{
    if (w->writing->out_fd < 0) {
        return;
    }
    const char *text = phrase->text.ptr;
    size_t tail = phrase->end - phrase->middle;
    if (csv_is_plain(id) && csv_is_plain(survivor)) {
        char *to = buf_reserve(&w->out, id.len + survivor.len + phrase->end);
        if (to == NULL) {
            return; /* overflow is noticed when the chunk is delivered */
        }
        to = put(to, id.ptr, id.len);
        to = put(to, text, phrase->middle);
        to = put(to, survivor.ptr, survivor.len);
        to = put(to, text + phrase->middle, tail);
        w->out.len = (size_t)(to - w->out.ptr);
        return;
    }
    csv_add_field(&w->out, id, true);
    buf_add(&w->out, text, phrase->middle);
    csv_add_field(&w->out, survivor, true);
    buf_add(&w->out, text + phrase->middle, tail);
}

static void add_bad_decision(struct chunk_writer *w, str id, str reason)
{
    if (w->writing->out_fd >= 0) {
        csv_add_field(&w->out, id, true);
        buf_addz(&w->out, ",review,,");
        csv_add_field(&w->out, reason, false);
        csv_end_row(&w->out);
    }
}

static void bad_row(struct chunk_writer *w, const struct csv_row *row, bool readable,
                    const str *cells)
{
    struct contact contact = {.id = STR_NONE};
    if (readable) {
        contact_read(w->contacts, cells, &contact);
    }
    buf_clear(&w->text);
    plan_row_reason(w->plan, row, readable ? &contact : NULL, &w->text);
    if (w->first_bad_count < MERGE_PLAN_FIRST_BAD) {
        struct merge_plan_bad *bad = &w->first_bad[w->first_bad_count++];
        bad->line = row->line;
        (void)snprintf(bad->reason, sizeof(bad->reason), "%s", buf_z(&w->text));
    }
    w->counts.bad++;
    w->counts.review++;
    add_bad_decision(w, contact.id, buf_str(&w->text));
    if (w->writing->writer != NULL) {
        str texts[] = {contact.id, buf_str(&w->text)};
        struct item item = {.kind = ITEM_BAD, .line = row->line};
        add_item(&w->items, &item, texts, 2);
    }
}

/* A survivor: its id and values. */
static void add_survivor(struct chunk_writer *w, uint32_t row, uint64_t line, str id,
                         const str *cells)
{
    str texts[MAX_TEXTS] = {id};
    for (size_t i = 0; i < w->plan->carried_count; i++) {
        texts[1 + i] = cells[w->plan->carried[i]];
    }
    struct item item = {.kind = ITEM_SURVIVOR,
                        .root = row,
                        .losers = w->plan->decisions->row[row].link - 1,
                        .line = line};
    add_item(&w->items, &item, texts, 1 + w->plan->carried_count);
}

/* A loser: its id, strategy, reason and values. */
static void add_loser(struct chunk_writer *w, uint32_t root, uint64_t line, str id,
                      const struct phrase *phrase, const str *cells)
{
    str texts[MAX_TEXTS] = {id, phrase_strategy(phrase), phrase_reason(phrase)};
    for (size_t i = 0; i < w->plan->carried_count; i++) {
        texts[3 + i] = cells[w->plan->carried[i]];
    }
    struct item item = {.kind = ITEM_LOSER, .root = root, .line = line};
    add_item(&w->items, &item, texts, 3 + w->plan->carried_count);
}

static void good_row(struct chunk_writer *w, const struct csv_row *row, uint32_t index,
                     const str *cells)
{
    const struct decisions *d = w->plan->decisions;
    uint32_t first = decisions_first(d, index);
    enum action action = decisions_action(d, first);
    str id = norm_trim(cells[w->plan->rules->identity]);
    bool plan_it = w->writing->writer != NULL && first == index;
    const struct phrase *phrase = phrase_of(w, first, action);
    str survivor = STR_NONE;
    switch (action) {
    case ACTION_NONE:
        w->counts.none++;
        break;
    case ACTION_REVIEW:
        w->counts.review++;
        if (plan_it) {
            str texts[] = {id, phrase_reason(phrase)};
            struct item item = {.kind = ITEM_REVIEW, .line = row->line};
            add_item(&w->items, &item, texts, 2);
        }
        break;
    case ACTION_KEEP:
        w->counts.keep++;
        survivor = id;
        if (plan_it) {
            add_survivor(w, index, row->line, id, cells);
        }
        break;
    case ACTION_MERGE:
        w->counts.merge++;
        uint32_t root = decisions_root(d, first);
        buf_clear(&w->id);
        ids_unpack(w->plan->ids, d->id[root], &w->id);
        survivor = buf_str(&w->id);
        if (plan_it) {
            add_loser(w, root, row->line, id, phrase, cells);
        }
        break;
    }
    add_decision(w, id, survivor, phrase);
    w->counts.good++;
    w->counts.contacts += first == index;
}

/* --- one chunk -------------------------------------------------------------------------------- */

static bool format_chunk(struct chunk_writer *w, size_t index, struct err *err)
{
    const struct merge_plan *plan = w->plan;
    const struct decisions *d = plan->decisions;
    struct plan_chunk chunk = plan->chunks[index];
    struct plan_chunk next = plan->chunks[index + 1];
    buf_clear(&w->out);
    buf_clear(&w->items);
    w->counts = (struct counts){0};
    w->first_bad_count = 0;
    csv_reader_seek(w->reader, chunk.offset, chunk.line, next.offset);
    for (uint32_t row = chunk.row;; row++) {
        struct csv_row read;
        bool more = false;
        if (!csv_next(w->reader, &read, &more, err)) {
            return err_wrap(err, "could not plan '%s'", plan->csv_path);
        }
        if (!more || row == next.row) {
            return (!more && row == next.row) || plan_changed(plan, err);
        }
        /* survivors stand anywhere: their ids are on their way while the rows between are written
         */
        uint32_t ahead = row + PREFETCH_ROWS;
        if (ahead < next.row && (d->row[ahead].flags & ROW_ACTION) == ACTION_MERGE) {
            __builtin_prefetch(&d->id[d->row[ahead].link]);
            __builtin_prefetch(&d->row[d->row[ahead].link]);
        }
        str cells[RULES_MAX_COLUMNS];
        bool readable = plan_row_cells(plan, &read, cells);
        bool bad = (d->row[row].flags & ROW_BAD) != 0;
        if (!readable && !bad) {
            return plan_changed(plan, err);
        }
        if (bad) {
            bad_row(w, &read, readable, cells);
        } else {
            good_row(w, &read, row, cells);
        }
        w->counts.rows++;
    }
}

/* --- in turn ---------------------------------------------------------------------------------- */

/* `loser` and `survivor`: their texts. */
static bool add_change(struct writing *writing, const char *loser, const char *survivor,
                       struct err *err)
{
    size_t count = writing->plan->carried_count;
    str before[MAX_TEXTS];
    str after[MAX_TEXTS];
    struct plan_value values[MAX_TEXTS];
    read_texts(loser, 3 + count, before);
    read_texts(survivor, 1 + count, after);
    for (size_t i = 0; i < count; i++) {
        values[i] = (struct plan_value){before[3 + i], after[1 + i]};
    }
    struct plan_change change = {
        .target = before[0],
        .survivor = after[0],
        .strategy = before[1],
        .reason = before[2],
        .values = values,
    };
    writing->result.changes++;
    return plan_add_change(writing->writer, &change, err);
}

static struct waiting *wait_for(struct stars *stars, const struct item *item, const char *texts)
{
    struct waiting *waiting = take_waiting(stars, item->bytes);
    waiting->next = NULL;
    waiting->bytes = item->bytes;
    memcpy(waiting->texts, texts, item->bytes);
    return waiting;
}

/* The losers that waited, in the order in which they came. */
static bool add_waiting_losers(struct writing *writing, struct star *star, const char *survivor,
                               struct err *err)
{
    struct waiting *ordered = NULL;
    while (star->losers != NULL) {
        struct waiting *next = star->losers->next;
        star->losers->next = ordered;
        ordered = star->losers;
        star->losers = next;
    }
    star->losers = ordered;
    for (const struct waiting *w = ordered; w != NULL; w = w->next) {
        star->left--;
        if (!add_change(writing, w->texts, survivor, err)) {
            return false;
        }
    }
    return true;
}

static bool take_survivor(struct writing *writing, const struct item *item, const char *texts,
                          struct err *err)
{
    struct stars *stars = &writing->stars;
    struct star *star = get_star(stars, item->root);
    star->left = item->losers;
    if (!add_waiting_losers(writing, star, texts, err)) {
        return false;
    }
    if (star->left == 0) {
        drop_star(stars, star);
        return true;
    }
    drop_waiting(stars, star->losers);
    star->losers = NULL;
    star->survivor = wait_for(stars, item, texts);
    return true;
}

static bool take_loser(struct writing *writing, const struct item *item, const char *texts,
                       struct err *err)
{
    struct stars *stars = &writing->stars;
    struct star *star = get_star(stars, item->root);
    if (star->survivor == NULL) {
        struct waiting *waiting = wait_for(stars, item, texts);
        waiting->next = star->losers;
        star->losers = waiting;
        return true;
    }
    star->left--;
    bool ok = add_change(writing, texts, star->survivor->texts, err);
    if (star->left == 0) {
        drop_star(stars, star);
    }
    return ok;
}

static bool take_item(struct writing *writing, const struct item *item, const char *texts,
                      struct err *err)
{
    str read[2];
    switch (item->kind) {
    case ITEM_SURVIVOR:
        return take_survivor(writing, item, texts, err);
    case ITEM_LOSER:
        return take_loser(writing, item, texts, err);
    case ITEM_REVIEW:
    case ITEM_BAD:
        break;
    }
    read_texts(texts, 2, read);
    struct plan_finding finding = {.id = read[0], .line = item->line, .reason = read[1]};
    return item->kind == ITEM_BAD ? plan_add_bad(writing->writer, &finding, err)
                                  : plan_add_review(writing->writer, &finding, err);
}

static void add_counts(struct writing *writing, const struct chunk_writer *w)
{
    struct merge_plan_result *r = &writing->result;
    r->rows += w->counts.rows;
    r->good += w->counts.good;
    r->bad += w->counts.bad;
    r->keep += w->counts.keep;
    r->merge += w->counts.merge;
    r->review += w->counts.review;
    r->none += w->counts.none;
    r->contacts += w->counts.contacts;
    for (int i = 0; i < w->first_bad_count && r->first_bad_count < MERGE_PLAN_FIRST_BAD; i++) {
        r->first_bad[r->first_bad_count++] = w->first_bad[i];
    }
}

/* Partners lie anywhere in memory: slots are fetched two steps ahead, waiting texts one. Returns
 * the place of the next item. */
static size_t look_ahead(const struct writing *writing, const struct chunk_writer *w, size_t at,
                         bool texts)
{
    const struct stars *stars = &writing->stars;
    if (at >= w->items.len) {
        return at;
    }
    struct item item;
    memcpy(&item, w->items.ptr + at, sizeof(item));
    if (stars->capacity != 0 && (item.kind == ITEM_SURVIVOR || item.kind == ITEM_LOSER)) {
        const struct star *home = &stars->slots[star_home(stars, item.root)];
        if (!texts) {
            __builtin_prefetch(home);
        } else if (home->root == item.root + 1) {
            const char *waiting =
                (const char *)(home->survivor != NULL ? home->survivor : home->losers);
            __builtin_prefetch(waiting);
            __builtin_prefetch(waiting + 64);
            __builtin_prefetch(waiting + 128);
        }
    }
    return at + sizeof(item) + item.bytes;
}

static bool deliver_chunk(struct writing *writing, const struct chunk_writer *w, struct err *err)
{
    const struct merge_plan *plan = writing->plan;
    if (plan->stop != NULL && stop_level(plan->stop) != 0) {
        return err_set(err, ERR_INTERRUPTED, "could not finish the plan: interrupted");
    }
    if (w->out.overflow || w->items.overflow) {
        return err_set(err, ERR_INPUT, "could not plan '%s': its rows are too long",
                       plan->csv_path);
    }
    if (writing->out_fd >= 0 &&
        !fs_write_all(writing->out_fd, buf_str(&w->out), plan->csv_out, err)) {
        return false;
    }
    add_counts(writing, w);
    size_t at = 0;
    size_t ahead = 0;
    size_t far_ahead = 0;
    for (int i = 0; i < 2 * AHEAD_ITEMS; i++) {
        far_ahead = look_ahead(writing, w, far_ahead, false);
        ahead = i < AHEAD_ITEMS ? far_ahead : ahead;
    }
    while (at < w->items.len) {
        ahead = look_ahead(writing, w, ahead, true);
        far_ahead = look_ahead(writing, w, far_ahead, false);
        struct item item;
        memcpy(&item, w->items.ptr + at, sizeof(item));
        at += sizeof(item);
        if (!take_item(writing, &item, w->items.ptr + at, err)) {
            return false;
        }
        at += item.bytes;
    }
    return true;
}

/* Waits until all chunks before `index` are delivered. False where one of them failed. */
static bool wait_turn(struct writing *writing, size_t index)
{
    (void)pthread_mutex_lock(&writing->lock); /* cannot fail: a default mutex */
    while (writing->turn != index && !writing->stopped) {
        (void)pthread_cond_wait(&writing->turn_came, &writing->lock); /* the same */
    }
    bool go = !writing->stopped;
    (void)pthread_mutex_unlock(&writing->lock); /* held */
    return go;
}

static void end_turn(struct writing *writing, bool ok, const struct err *err)
{
    (void)pthread_mutex_lock(&writing->lock); /* as above */
    writing->turn++;
    if (!ok) {
        writing->stopped = true;
        writing->err = *err;
    }
    (void)pthread_cond_broadcast(&writing->turn_came); /* cannot fail */
    (void)pthread_mutex_unlock(&writing->lock);        /* held */
}

static void write_chunks(void *arg, int index)
{
    (void)index;
    struct writing *writing = arg;
    struct merge_plan *plan = writing->plan;
    struct chunk_writer w = {.writing = writing, .plan = plan};
    w.out.max = ITEM_MAX_BYTES;
    w.items.max = ITEM_MAX_BYTES;
    w.reader = csv_reader_new(plan->fd, ',', &plan_csv_limits);
    w.contacts = contact_reader_new(plan->rules);
    size_t chunk;
    while ((chunk = atomic_fetch_add(&writing->next, 1)) < plan->chunk_count) {
        struct err err = {0};
        bool ok = format_chunk(&w, chunk, &err);
        if (!wait_turn(writing, chunk)) {
            break;
        }
        ok = ok && deliver_chunk(writing, &w, &err);
        end_turn(writing, ok, &err);
        if (!ok) {
            break;
        }
    }
    csv_reader_free(w.reader);
    contact_reader_free(w.contacts);
    buf_done(&w.out);
    buf_done(&w.items);
    buf_done(&w.text);
    buf_done(&w.id);
    for (size_t i = 0; i < PHRASES; i++) {
        buf_done(&w.phrases[i].text);
    }
}

bool plan_write(struct merge_plan *plan, int out_fd, struct plan_writer *writer,
                struct merge_plan_result *ret, struct err *err)
{
    static const char head[] = "user_id,action,strategy,survivor_id,reason\n";
    struct writing writing = {.plan = plan, .out_fd = out_fd, .writer = writer};
    (void)pthread_mutex_init(&writing.lock, NULL);     /* default ones always initialise on Linux */
    (void)pthread_cond_init(&writing.turn_came, NULL); /* the same */
    int threads =
        plan->chunk_count < (size_t)plan->threads ? (int)plan->chunk_count : plan->threads;
    bool ok = (out_fd < 0 || fs_write_all(out_fd, STR(head), plan->csv_out, err)) &&
              parallel_run(threads, write_chunks, &writing, err);
    if (ok && writing.stopped) {
        if (err != NULL) {
            *err = writing.err;
        }
        ok = false;
    }
    if (ok && writing.stars.count != 0) {
        ok = err_set(err, ERR_INTERNAL, "could not plan '%s': %zu survivors wait for more contacts",
                     plan->csv_path, writing.stars.count);
    }
    if (ok) {
        *ret = writing.result;
    }
    uint64_t bytes = plan->peak_bytes;
    uint64_t now =
        ids_bytes(plan->ids) + (uint64_t)plan->decisions->count * 16 + writing.stars.peak_bytes;
    plan->peak_bytes = now > bytes ? now : bytes;
    stars_done(&writing.stars);
    (void)pthread_cond_destroy(&writing.turn_came); /* nobody waits */
    (void)pthread_mutex_destroy(&writing.lock);     /* nobody holds it */
    return ok;
}
