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
#include "match/parallel.h"

enum { ITEM_MAX_BYTES = 1 << 30, MAX_TEXTS = PLAN_MAX_FIELDS };

/* --- stars that wait ------------------------------------------------------------------------- */

struct waiting {
    struct waiting *next;
    uint32_t row;
    size_t bytes;
    char texts[]; /* as in an item */
};

struct star {
    uint32_t root;
    uint32_t left;            /* losers that have not come */
    struct waiting *survivor; /* NULL until it comes */
    struct waiting *losers;   /* that came before the survivor, newest first */
};

/* Open addressing over the survivor's row. */
struct stars {
    struct star *slots; /* root + 1, 0 free */
    size_t capacity;
    size_t count;
    uint64_t bytes; /* of waiting values */
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
    stars->slots = xcalloc(stars->capacity, sizeof(*stars->slots));
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].root != 0) {
            *find_slot(stars, old.slots[i].root - 1) = old.slots[i];
        }
    }
    free(old.slots);
}

static struct star *get_star(struct stars *stars, uint32_t root, uint32_t losers)
{
    if (stars->count * 2 >= stars->capacity) {
        grow_stars(stars);
    }
    struct star *star = find_slot(stars, root);
    if (star->root == 0) {
        *star = (struct star){.root = root + 1, .left = losers};
        stars->count++;
    }
    return star;
}

static void drop_waiting(struct stars *stars, struct waiting *waiting)
{
    while (waiting != NULL) {
        struct waiting *next = waiting->next;
        stars->bytes -= sizeof(*waiting) + waiting->bytes;
        free(waiting);
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
    free(stars->slots);
}

/* --- items ------------------------------------------------------------------------------------ */

enum item_kind { ITEM_CONTACT, ITEM_REVIEW, ITEM_BAD };

/* What the plan needs of one row: the head and then `count` texts, each as length and bytes. A
 * contact's texts are its carried values, the others' are id and reason. */
struct item {
    enum item_kind kind;
    uint32_t row;
    uint32_t count;
    uint32_t bytes; /* of the texts */
    uint64_t line;
};

static void add_text(struct buf *items, str text)
{
    uint32_t len = (uint32_t)text.len; /* a row's limit is far below */
    buf_add(items, &len, sizeof(len));
    buf_adds(items, text);
}

static void add_item(struct buf *items, enum item_kind kind, uint32_t row, uint64_t line,
                     const str *texts, size_t count)
{
    struct item item = {.kind = kind, .row = row, .count = (uint32_t)count, .line = line};
    for (size_t i = 0; i < count; i++) {
        item.bytes += (uint32_t)(sizeof(uint32_t) + texts[i].len);
    }
    buf_add(items, &item, sizeof(item));
    for (size_t i = 0; i < count; i++) {
        add_text(items, texts[i]);
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
    struct buf scratch; /* ids and strategy of a change */
};

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
    struct counts counts;
    struct merge_plan_bad first_bad[MERGE_PLAN_FIRST_BAD];
    int first_bad_count;
};

/* --- one row ---------------------------------------------------------------------------------- */

static void add_decision(struct chunk_writer *w, str id, const char *action, str strategy,
                         str survivor, str reason)
{
    if (w->writing->out_fd < 0) {
        return;
    }
    csv_add_field(&w->out, id, true);
    buf_addc(&w->out, ',');
    buf_addz(&w->out, action);
    csv_add_field(&w->out, strategy, false);
    csv_add_field(&w->out, survivor, false);
    csv_add_field(&w->out, reason, false);
    csv_end_row(&w->out);
}

static void bad_row(struct chunk_writer *w, const struct csv_row *row, uint32_t index,
                    bool readable, const str *cells)
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
    add_decision(w, contact.id, "review", STR_NONE, STR_NONE, buf_str(&w->text));
    if (w->writing->writer != NULL) {
        str texts[] = {contact.id, buf_str(&w->text)};
        add_item(&w->items, ITEM_BAD, index, row->line, texts, 2);
    }
}

static void add_contact(struct chunk_writer *w, uint32_t index, uint64_t line, const str *cells)
{
    str values[RULES_MAX_COLUMNS];
    for (size_t i = 0; i < w->plan->carried_count; i++) {
        values[i] = cells[w->plan->carried[i]];
    }
    add_item(&w->items, ITEM_CONTACT, index, line, values, w->plan->carried_count);
}

static void good_row(struct chunk_writer *w, const struct csv_row *row, uint32_t index,
                     const str *cells)
{
    static const char *const names[] = {"none", "review", "merge", "keep"};
    const struct decisions *d = w->plan->decisions;
    uint32_t first = decisions_first(d, index);
    enum action action = decisions_action(d, first);
    str id = norm_trim(cells[w->plan->rules->identity]);
    bool plan_it = w->writing->writer != NULL && first == index;
    str strategy = STR_NONE;
    str survivor = STR_NONE;
    buf_clear(&w->text);
    decisions_reason(d, first, &w->text);
    size_t reason_len = w->text.len;
    if (action == ACTION_KEEP || action == ACTION_MERGE) {
        decisions_strategy(d, first, &w->text);
        strategy = (str){w->text.ptr + reason_len, w->text.len - reason_len};
        buf_clear(&w->id);
        ids_unpack(w->plan->ids, d->id[decisions_root(d, first)], &w->id);
        survivor = buf_str(&w->id);
        if (plan_it) {
            add_contact(w, index, row->line, cells);
        }
    }
    str reason = {w->text.ptr, reason_len};
    if (plan_it && action == ACTION_REVIEW) {
        str texts[] = {id, reason};
        add_item(&w->items, ITEM_REVIEW, index, row->line, texts, 2);
    }
    add_decision(w, id, names[action], strategy, survivor, reason);
    w->counts.good++;
    w->counts.contacts += first == index;
    w->counts.keep += action == ACTION_KEEP;
    w->counts.merge += action == ACTION_MERGE;
    w->counts.review += action == ACTION_REVIEW;
    w->counts.none += action == ACTION_NONE;
}

/* --- one chunk -------------------------------------------------------------------------------- */

static bool format_chunk(struct chunk_writer *w, size_t index, struct err *err)
{
    const struct merge_plan *plan = w->plan;
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
        str cells[RULES_MAX_COLUMNS];
        bool readable = plan_row_cells(plan, &read, cells);
        bool bad = (plan->decisions->flags[row] & ROW_BAD) != 0;
        if (!readable && !bad) {
            return plan_changed(plan, err);
        }
        if (bad) {
            bad_row(w, &read, row, readable, cells);
        } else {
            good_row(w, &read, row, cells);
        }
        w->counts.rows++;
    }
}

/* --- in turn ---------------------------------------------------------------------------------- */

static bool add_change(struct writing *writing, uint32_t loser, const char *loser_texts,
                       uint32_t root, const char *survivor_texts, struct err *err)
{
    const struct merge_plan *plan = writing->plan;
    const struct decisions *d = plan->decisions;
    str before[MAX_TEXTS];
    str after[MAX_TEXTS];
    struct plan_value values[MAX_TEXTS];
    read_texts(loser_texts, plan->carried_count, before);
    read_texts(survivor_texts, plan->carried_count, after);
    for (size_t i = 0; i < plan->carried_count; i++) {
        values[i] = (struct plan_value){before[i], after[i]};
    }
    struct buf *text = &writing->scratch;
    buf_clear(text);
    size_t ends[4];
    ids_unpack(plan->ids, d->id[loser], text);
    ends[0] = text->len;
    ids_unpack(plan->ids, d->id[root], text);
    ends[1] = text->len;
    decisions_strategy(d, loser, text);
    ends[2] = text->len;
    decisions_reason(d, loser, text);
    ends[3] = text->len;
    struct plan_change change = {
        .target = {text->ptr, ends[0]},
        .survivor = {text->ptr + ends[0], ends[1] - ends[0]},
        .strategy = {text->ptr + ends[1], ends[2] - ends[1]},
        .reason = {text->ptr + ends[2], ends[3] - ends[2]},
        .values = values,
    };
    writing->result.changes++;
    return plan_add_change(writing->writer, &change, err);
}

static struct waiting *wait_for(struct stars *stars, const struct item *item, const char *texts)
{
    struct waiting *waiting = xrealloc(NULL, 1, sizeof(*waiting) + item->bytes);
    waiting->next = NULL;
    waiting->row = item->row;
    waiting->bytes = item->bytes;
    memcpy(waiting->texts, texts, item->bytes);
    stars->bytes += sizeof(*waiting) + item->bytes;
    uint64_t now = stars->bytes + stars->capacity * sizeof(*stars->slots);
    stars->peak_bytes = now > stars->peak_bytes ? now : stars->peak_bytes;
    return waiting;
}

/* The losers that waited, in the order in which they came. */
static bool add_waiting_losers(struct writing *writing, struct star *star, const struct item *item,
                               const char *texts, struct err *err)
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
        if (!add_change(writing, w->row, w->texts, item->row, texts, err)) {
            return false;
        }
    }
    return true;
}

static bool take_contact(struct writing *writing, const struct item *item, const char *texts,
                         struct err *err)
{
    const struct decisions *d = writing->plan->decisions;
    struct stars *stars = &writing->stars;
    uint32_t root = decisions_root(d, item->row);
    struct star *star = get_star(stars, root, d->link[root] - 1);
    if (root == item->row) {
        if (!add_waiting_losers(writing, star, item, texts, err)) {
            return false;
        }
        if (star->left == 0) {
            drop_star(stars, star);
        } else {
            drop_waiting(stars, star->losers);
            star->losers = NULL;
            star->survivor = wait_for(stars, item, texts);
        }
        return true;
    }
    if (star->survivor == NULL) {
        struct waiting *waiting = wait_for(stars, item, texts);
        waiting->next = star->losers;
        star->losers = waiting;
        return true;
    }
    star->left--;
    bool ok = add_change(writing, item->row, texts, root, star->survivor->texts, err);
    if (star->left == 0) {
        drop_star(stars, star);
    }
    return ok;
}

static bool take_item(struct writing *writing, const struct item *item, const char *texts,
                      struct err *err)
{
    if (item->kind == ITEM_CONTACT) {
        return take_contact(writing, item, texts, err);
    }
    str read[2];
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
    while (at < w->items.len) {
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
    w.reader = csv_reader_new(plan->fd, ',', NULL);
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
    if (ok) {
        *ret = writing.result;
    }
    uint64_t bytes = plan->peak_bytes;
    uint64_t now =
        ids_bytes(plan->ids) + (uint64_t)plan->decisions->count * 16 + writing.stars.peak_bytes;
    plan->peak_bytes = now > bytes ? now : bytes;
    stars_done(&writing.stars);
    buf_done(&writing.scratch);
    (void)pthread_cond_destroy(&writing.turn_came); /* nobody waits */
    (void)pthread_mutex_destroy(&writing.lock);     /* nobody holds it */
    return ok;
}
