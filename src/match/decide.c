/* SPDX-License-Identifier: MIT */
#include "match/decide.h"

#include <stddef.h>

#include "match/decide_internal.h"
#include "match/memory.h"

static void worker_done(struct worker *worker)
{
    free(worker->records);
    free(worker->slots);
    free(worker->next);
    free(worker->last);
    free(worker->members);
    free(worker->candidates);
    free(worker->repeats);
}

void *decide_grow(void *ptr, size_t *room, size_t need, size_t size)
{
    if (need > *room) {
        *room = need + need / 4;
        free(ptr);
        ptr = xrealloc(NULL, *room, size);
    }
    return ptr;
}

size_t decide_clear_slots(struct worker *worker, size_t count)
{
    size_t slots = 16;
    while (slots < count * 2) {
        slots *= 2;
    }
    worker->slots = decide_grow(worker->slots, &worker->slot_room, slots, sizeof(*worker->slots));
    memset(worker->slots, 0, slots * sizeof(*worker->slots));
    return slots;
}

static const struct scatter *scatter_of(const struct rows *rows, int key)
{
    return key < 0 ? &rows->by_id : &rows->by_key[key];
}

size_t decide_gather(const struct work *work, struct worker *worker, int key, size_t partition)
{
    size_t count = 0;
    for (size_t i = 0; i < work->part_count; i++) {
        count += scatter_count(scatter_of(work->parts[i], key), partition);
    }
    worker->record_bytes = scatter_of(work->parts[0], key)->record_bytes;
    if (count == 0) {
        return 0;
    }
    size_t size = worker->record_bytes;
    worker->records = decide_grow(worker->records, &worker->record_room, count * size, 1);
    char *to = worker->records;
    size_t row = key < 0 ? offsetof(struct id_record, row) : offsetof(struct key_record, row);
    for (size_t i = 0; i < work->part_count; i++) {
        const struct scatter *scatter = scatter_of(work->parts[i], key);
        char *end = to + scatter_count(scatter, partition) * size;
        scatter_copy(scatter, partition, to);
        for (char *at = to + row; work->base[i] != 0 && at < end; at += size) {
            *(uint32_t *)(void *)at += work->base[i];
        }
        to = end;
    }
    return count;
}

bool decide_take_partition(struct work *work, size_t *ret)
{
    *ret = atomic_fetch_add(&work->next, 1);
    return *ret < ROWS_PARTITIONS && (work->stop == NULL || stop_level(work->stop) == 0);
}

/* --- rows of one id --------------------------------------------------------------------------- */

static void add_repeat(struct worker *worker, uint32_t row, uint32_t first)
{
    if (worker->repeat_count == worker->repeat_room) {
        worker->repeat_room = worker->repeat_room != 0 ? worker->repeat_room * 2 : 64;
        worker->repeats = xrealloc(worker->repeats, worker->repeat_room, sizeof(*worker->repeats));
    }
    worker->repeats[worker->repeat_count++] = (struct repeat){row, first};
}

/* The earlier row with the same id, or `row` itself, which is then remembered. */
static uint32_t first_row(const struct work *work, struct worker *worker, size_t slots, size_t i)
{
    const struct id_record *records = worker->records;
    const uint64_t *id = work->d->id;
    size_t slot = records[i].tag & (slots - 1);
    for (; worker->slots[slot] != 0; slot = (slot + 1) & (slots - 1)) {
        const struct id_record *other = &records[worker->slots[slot] - 1];
        if (other->tag == records[i].tag && id[other->row] == id[records[i].row]) {
            return other->row;
        }
    }
    worker->slots[slot] = (uint32_t)(i + 1);
    return records[i].row;
}

/* Repeats of this partition begin at `from`; where an id has two contents, all its rows are bad. */
static void settle_repeats(struct work *work, struct worker *worker, size_t from)
{
    struct decision *row = work->d->row;
    for (size_t i = from; i < worker->repeat_count; i++) {
        struct repeat r = worker->repeats[i];
        if (work->content[r.row] != work->content[r.first]) {
            row[r.first].flags |= ROW_CONFLICT | ROW_BAD;
        }
    }
    size_t kept = from;
    uint64_t conflicts = 0;
    for (size_t i = from; i < worker->repeat_count; i++) {
        struct repeat r = worker->repeats[i];
        if ((row[r.first].flags & ROW_CONFLICT) != 0) {
            row[r.row].flags |= ROW_CONFLICT | ROW_BAD;
            conflicts++;
        } else {
            row[r.row].flags |= ROW_REPEAT;
            worker->repeats[kept++] = r;
        }
    }
    atomic_fetch_add(&work->conflicts, conflicts);
    atomic_fetch_add(&work->repeats, kept - from);
    worker->repeat_count = kept;
}

static void find_repeats(void *arg, int index)
{
    struct work *work = arg;
    struct worker *worker = &work->workers[index];
    size_t partition;
    while (decide_take_partition(work, &partition)) {
        size_t count = decide_gather(work, worker, -1, partition);
        size_t slots = decide_clear_slots(worker, count);
        const struct id_record *records = worker->records;
        size_t from = worker->repeat_count;
        for (size_t i = 0; i < count; i++) {
            uint32_t first = first_row(work, worker, slots, i);
            if (first != records[i].row) {
                add_repeat(worker, records[i].row, first);
            }
        }
        settle_repeats(work, worker, from);
    }
}

static int by_row(const void *a, const void *b)
{
    const struct repeat *left = a;
    const struct repeat *right = b;
    return left->row < right->row ? -1 : left->row > right->row;
}

static void collect_repeats(struct work *work, int threads)
{
    struct decisions *d = work->d;
    for (int i = 0; i < threads; i++) {
        d->repeat_count += work->workers[i].repeat_count;
    }
    d->repeats = xcalloc(d->repeat_count, sizeof(*d->repeats));
    size_t at = 0;
    for (int i = 0; i < threads; i++) {
        struct worker *worker = &work->workers[i];
        if (worker->repeat_count != 0) {
            memcpy(d->repeats + at, worker->repeats,
                   worker->repeat_count * sizeof(*worker->repeats));
        }
        at += worker->repeat_count;
    }
    qsort(d->repeats, d->repeat_count, sizeof(*d->repeats), by_row);
}

/* --- the whole -------------------------------------------------------------------------------- */

void decisions_free(struct decisions *decisions)
{
    if (decisions == NULL) {
        return;
    }
    free(decisions->row);
    free(decisions->id);
    free(decisions->repeats);
    reasons_free(decisions->reasons);
    free(decisions);
}

uint32_t decisions_first(const struct decisions *decisions, uint32_t row)
{
    if ((decisions->row[row].flags & ROW_REPEAT) == 0) {
        return row;
    }
    struct repeat wanted = {.row = row};
    const struct repeat *found =
        bsearch(&wanted, decisions->repeats, decisions->repeat_count, sizeof(wanted), by_row);
    return found != NULL ? found->first : row; /* every row with the flag is there */
}

enum action decisions_action(const struct decisions *decisions, uint32_t row)
{
    uint8_t flags = decisions->row[row].flags;
    return (flags & ROW_BAD) != 0 ? ACTION_REVIEW : (enum action)(flags & ROW_ACTION);
}

uint32_t decisions_root(const struct decisions *decisions, uint32_t row)
{
    while ((decisions->row[row].flags & ROW_ACTION) == ACTION_MERGE) {
        row = decisions->row[row].link;
    }
    return row;
}

static const char *via_name(const struct rules *rules, uint8_t via)
{
    return via == VIA_MUST_LINK ? RULES_MUST_LINK : rules->strategies[via].name;
}

void decisions_strategy(const struct decisions *decisions, uint32_t row, struct buf *out)
{
    const struct rules *rules = decisions->rules;
    if ((decisions->row[row].flags & ROW_ACTION) == ACTION_KEEP) {
        bool by_people = (decisions->row[row].absorbed >> VIA_MUST_LINK & 1) != 0;
        buf_addz(out, by_people ? RULES_MUST_LINK : "");
        const char *plus = by_people ? "+" : "";
        for (size_t i = 0; i < rules->strategy_count; i++) {
            if ((decisions->row[row].absorbed >> i & 1) != 0) {
                buf_addz(out, plus);
                buf_addz(out, rules->strategies[i].name);
                plus = "+";
            }
        }
        return;
    }
    buf_addz(out, via_name(rules, decisions->row[row].via));
    for (row = decisions->row[row].link; action_of(decisions, row) == ACTION_MERGE;
         row = decisions->row[row].link) {
        buf_addc(out, '+');
        buf_addz(out, via_name(rules, decisions->row[row].via));
    }
}

static void reason_none(const struct decisions *d, uint32_t row, struct buf *out)
{
    bool one = d->rules->key_count == 1;
    bool keyless = (d->row[row].flags & ROW_KEYLESS) != 0;
    if (one) {
        buf_printf(out, keyless ? "it has no %s" : "no other contact shares its %s",
                   d->rules->keys[0].name);
    } else {
        buf_addz(out,
                 keyless ? "it has none of the keys" : "no other contact shares one of its keys");
    }
}

void decisions_reason(const struct decisions *decisions, uint32_t row, struct buf *out)
{
    const struct rules *rules = decisions->rules;
    switch ((enum action)(decisions->row[row].flags & ROW_ACTION)) {
    case ACTION_NONE:
        reason_none(decisions, row, out);
        break;
    case ACTION_REVIEW:
        buf_adds(out, reasons_text(decisions->reasons, decisions->row[row].link));
        break;
    case ACTION_MERGE:
        if (decisions->row[row].via == VIA_MUST_LINK) {
            buf_addz(out, "people said that they are one");
        } else {
            buf_printf(out, "same %s",
                       rules->keys[rules->strategies[decisions->row[row].via].key].name);
        }
        break;
    case ACTION_KEEP:
        buf_printf(out, "survivor of %u contacts", decisions->row[row].link);
        break;
    }
}

static uint64_t parts_bytes(struct rows **parts, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += rows_bytes(parts[i]);
    }
    return bytes;
}

/* Takes ids, contents and flags out of the parts into single columns. */
static uint64_t *join_parts(struct work *work, uint64_t **ret_guards)
{
    struct decisions *d = work->d;
    uint64_t *content = NULL;
    size_t guards = d->rules->guard_count;
    uint32_t at = 0;
    d->row = memory_zeroed(d->count, sizeof(*d->row));
    for (size_t i = 0; i < work->part_count; i++) {
        struct rows *rows = work->parts[i];
        work->base[i] = at;
        if (i == 0) {
            d->id = memory_grow(STEAL(rows->id), d->count, sizeof(*d->id));
            content = memory_grow(STEAL(rows->content), d->count, sizeof(*content));
            if (guards != 0) {
                *ret_guards = memory_grow(STEAL(rows->guards), d->count, guards * sizeof(uint64_t));
            }
        } else if (rows->count != 0) {
            memcpy(d->id + at, rows->id, rows->count * sizeof(*d->id));
            memcpy(content + at, rows->content, rows->count * sizeof(*content));
            if (guards != 0) {
                memcpy(*ret_guards + at * guards, rows->guards,
                       rows->count * guards * sizeof(uint64_t));
            }
        }
        for (uint32_t row = 0; row < rows->count; row++) {
            d->row[at + row].facts = rows->facts[row];
            d->row[at + row].flags = rows->flags[row];
        }
        free(STEAL(rows->id));
        free(STEAL(rows->content));
        free(STEAL(rows->guards));
        free(STEAL(rows->facts));
        free(STEAL(rows->flags));
        rows->room = 0;
        at += rows->count;
    }
    return content;
}

static bool interrupted(const struct stop *stop, struct err *err)
{
    return stop != NULL && stop_level(stop) != 0 &&
           !err_set(err, ERR_INTERRUPTED, "could not finish the plan: interrupted");
}

/* Behind the last of the strategies from `first` on that look at the same groups. */
static size_t same_key_end(const struct rules *rules, size_t first)
{
    size_t end = first + 1;
    while (end < rules->strategy_count &&
           rules->strategies[end].key == rules->strategies[first].key) {
        end++;
    }
    return end;
}

static bool key_is_done(const struct rules *rules, size_t key, size_t from)
{
    for (size_t i = from; i < rules->strategy_count; i++) {
        if (rules->strategies[i].key == (int)key) {
            return false;
        }
    }
    return true;
}

static bool run_strategies(struct work *work, int threads, struct err *err)
{
    const struct rules *rules = work->d->rules;
    for (size_t first = 0, end; first < rules->strategy_count; first = end) {
        end = same_key_end(rules, first);
        work->first_strategy = first;
        work->end_strategy = end;
        atomic_store(&work->next, 0);
        if (!parallel_run(threads, groups_run, work, err) || interrupted(work->stop, err)) {
            return false;
        }
        size_t key = (size_t)rules->strategies[first].key;
        for (size_t p = 0; p < work->part_count && key_is_done(rules, key, end); p++) {
            scatter_done(&work->parts[p]->by_key[key]);
        }
    }
    return work->simple || stars_finish(work, threads, err);
}

static bool run_all(struct work *work, int threads, struct err *err)
{
    struct decisions *d = work->d;
    AUTO_FREE uint64_t *guards = NULL;
    AUTO_FREE uint64_t *content = join_parts(work, &guards);
    work->content = content;
    work->guards = guards;
    if (!parallel_run(threads, find_repeats, work, err) || interrupted(work->stop, err)) {
        return false;
    }
    collect_repeats(work, threads);
    for (size_t i = 0; i < work->part_count; i++) {
        scatter_done(&work->parts[i]->by_id);
    }
    free(STEAL(content));
    uint64_t now = parts_bytes(work->parts, work->part_count) +
                   (uint64_t)d->count * (20 + d->rules->guard_count * 8);
    d->peak_bytes = now > d->peak_bytes ? now : d->peak_bytes;
    if (work->links != NULL) {
        must_links_run(work);
    }
    return run_strategies(work, threads, err);
}

struct decisions *decide(const struct rules *rules, struct rows **parts, size_t part_count,
                         const struct decide_options *options, struct err *err)
{
    AUTO(decisions_free) struct decisions *d = xnew(struct decisions);
    d->rules = rules;
    d->ids = parts[0]->ids;
    d->reasons = reasons_new();
    d->peak_bytes = parts_bytes(parts, part_count);
    uint64_t count = 0;
    for (size_t i = 0; i < part_count; i++) {
        count += parts[i]->count;
    }
    if (count > ROWS_MAX) {
        (void)err_set(err, ERR_INPUT, "could not plan more than %d rows", ROWS_MAX);
        return NULL;
    }
    d->count = (uint32_t)count;
    size_t threads = (size_t)options->threads;
    AUTO_FREE struct worker *workers = xcalloc(threads, sizeof(*workers));
    bool linked = options->links != NULL && links_count(options->links) != 0;
    struct work work = {
        .d = d,
        .parts = parts,
        .part_count = part_count,
        .simple = rules->strategy_count == 1 && rules->guard_count == 0 && !linked,
        .stop = options->stop,
        .links = linked ? options->links : NULL,
        .trace = options->trace,
        .workers = workers,
    };
    bool ok = run_all(&work, options->threads, err);
    for (size_t i = 0; i < threads; i++) {
        worker_done(&workers[i]);
    }
    return ok ? STEAL(d) : NULL;
}
