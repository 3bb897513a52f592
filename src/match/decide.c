/* SPDX-License-Identifier: MIT */
#include "match/decide.h"

#include <stdatomic.h>
#include <stdio.h>
#include <xxhash.h>

#include "match/memory.h"
#include "match/parallel.h"

enum { NO_ENTRY = -1, REASON_CACHE = 256, PREFETCH = 16 /* records ahead */ };

/* Ranks of reasons: the order in which they are told. A bad row's own reason goes before all. */
enum rank { RANK_BLOCKED, RANK_OTHERWISE, RANK_UNDECIDED, RANK_CONFLICT, RANK_TOO_LARGE };

struct work {
    struct decisions *d;
    struct rows **parts;
    size_t part_count;
    uint32_t base[PARALLEL_MAX]; /* first row of each part */
    const uint64_t *content;     /* of all rows */
    int strategy;
    const struct stop *stop;
    atomic_size_t next; /* partition */
    atomic_uint_fast64_t conflicts;
    atomic_uint_fast64_t repeats;
    struct worker *workers;
};

struct cached_reason {
    uint64_t key;
    uint32_t number;
    bool valid;
};

/* Scratch of one thread, grown to the largest partition. */
struct worker {
    void *records;
    size_t record_room; /* bytes */
    uint32_t *slots;    /* record index + 1, 0 free */
    size_t slot_room;
    int32_t *next; /* the next record of the same group */
    int32_t *last; /* of a group's first record: its last one */
    size_t next_room;
    struct repeat *repeats;
    size_t repeat_count;
    size_t repeat_room;
    struct cached_reason cache[REASON_CACHE];
};

static void worker_done(struct worker *worker)
{
    free(worker->records);
    free(worker->slots);
    free(worker->next);
    free(worker->last);
    free(worker->repeats);
}

static void *grow(void *ptr, size_t *room, size_t need, size_t size)
{
    if (need > *room) {
        *room = need + need / 4;
        free(ptr);
        ptr = xrealloc(NULL, *room, size);
    }
    return ptr;
}

/* A power of two of free slots, at least twice `count`. */
static size_t clear_slots(struct worker *worker, size_t count)
{
    size_t slots = 16;
    while (slots < count * 2) {
        slots *= 2;
    }
    worker->slots = grow(worker->slots, &worker->slot_room, slots, sizeof(*worker->slots));
    memset(worker->slots, 0, slots * sizeof(*worker->slots));
    return slots;
}

static const struct scatter *scatter_of(const struct rows *rows, int key)
{
    return key < 0 ? &rows->by_id : &rows->by_key[key];
}

/* All records of a partition in the order of the input; `key` -1: the id records. */
static size_t gather(const struct work *work, struct worker *worker, int key, size_t partition)
{
    size_t size = key < 0 ? sizeof(struct id_record) : sizeof(struct key_record);
    size_t count = 0;
    for (size_t i = 0; i < work->part_count; i++) {
        count += scatter_count(scatter_of(work->parts[i], key), partition);
    }
    if (count == 0) {
        return 0;
    }
    worker->records = grow(worker->records, &worker->record_room, count * size, 1);
    size_t at = 0;
    for (size_t i = 0; i < work->part_count; i++) {
        const struct scatter *scatter = scatter_of(work->parts[i], key);
        size_t more = scatter_count(scatter, partition);
        scatter_copy(scatter, partition, (char *)worker->records + at * size);
        for (size_t j = at; j < at + more && work->base[i] != 0; j++) {
            if (key < 0) {
                ((struct id_record *)worker->records)[j].row += work->base[i];
            } else {
                ((struct key_record *)worker->records)[j].row += work->base[i];
            }
        }
        at += more;
    }
    return count;
}

/* The next partition, or false at the end or when the run is to stop. */
static bool take_partition(struct work *work, size_t *ret)
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
    while (take_partition(work, &partition)) {
        size_t count = gather(work, worker, -1, partition);
        size_t slots = clear_slots(worker, count);
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

/* --- groups ----------------------------------------------------------------------------------- */

struct group {
    int32_t first; /* record */
    uint32_t size; /* contacts, bad ones included */
    uint32_t bad;
    bool blocked;
    uint32_t counts[RULES_MAX_FACTS];
};

/* The number of a reason; `key` says which text it is, so that most need not be written again. */
static uint32_t add_reason(struct work *work, struct worker *worker, uint64_t key, enum rank rank,
                           str text)
{
    struct cached_reason *cached = &worker->cache[key % REASON_CACHE];
    *cached = (struct cached_reason){
        .key = key, .number = reasons_add(work->d->reasons, (int)rank, text), .valid = true};
    return cached->number;
}

static bool cached_reason(const struct worker *worker, uint64_t key, uint32_t *ret)
{
    const struct cached_reason *cached = &worker->cache[key % REASON_CACHE];
    *ret = cached->number;
    return cached->valid && cached->key == key;
}

static uint32_t reason_text(struct work *work, struct worker *worker, enum rank rank,
                            const char *text)
{
    uint64_t key = XXH3_64bits(text, strlen(text));
    uint32_t number = 0;
    return cached_reason(worker, key, &number) ? number
                                               : add_reason(work, worker, key, rank, str_of(text));
}

static const char *is_are(uint32_t n)
{
    return n == 1 ? "is a bad row" : "are bad rows";
}

static uint32_t reason_blocked(struct work *work, struct worker *worker, const struct rule_key *key,
                               const struct group *group)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "%s: %u contacts share a blocked %s", key->word, group->size,
                   key->name); /* names are at most 64 bytes */
    return reason_text(work, worker, RANK_BLOCKED, text);
}

static uint32_t reason_bad(struct work *work, struct worker *worker, const struct rule_key *key,
                           const struct group *group)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "undecided: %u of the %u contacts that share its %s %s",
                   group->bad, group->size, key->name, is_are(group->bad));
    return reason_text(work, worker, RANK_UNDECIDED, text);
}

static uint32_t reason_otherwise(struct work *work, struct worker *worker,
                                 const struct rule_strategy *strategy, const struct group *group)
{
    uint32_t numbers[RULES_MAX_FACTS + 2] = {group->size, (uint32_t)work->strategy};
    uint32_t rest = group->size;
    for (size_t i = 0; i < strategy->counted_count; i++) {
        uint32_t n = group->counts[strategy->counted[i]];
        numbers[2 + i] = n;
        rest = rest > n ? rest - n : 0; /* facts may overlap */
    }
    uint64_t key = XXH3_64bits(numbers, (2 + strategy->counted_count) * sizeof(*numbers));
    uint32_t number = 0;
    if (cached_reason(worker, key, &number)) {
        return number;
    }
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "%s:", strategy->otherwise);
    for (size_t i = 0; i < strategy->counted_count; i++) {
        buf_printf(&text, " %u %s,", numbers[2 + i],
                   work->d->rules->facts[strategy->counted[i]].name);
    }
    if (strategy->counted_count != 0) {
        buf_printf(&text, " %u other", rest);
    } else {
        buf_printf(&text, " %u contacts share one %s, and '%s' does not decide between them",
                   group->size, work->d->rules->keys[strategy->key].name, strategy->name);
    }
    enum rank rank =
        strcmp(strategy->otherwise, "undecided") == 0 ? RANK_UNDECIDED : RANK_OTHERWISE;
    return add_reason(work, worker, key, rank, buf_str(&text));
}

/* Leaves a contact to people, unless a strategy has decided it or a better reason is there. */
static void leave(struct decisions *d, uint32_t row, uint32_t reason)
{
    enum action action = (enum action)(d->row[row].flags & ROW_ACTION);
    if (action == ACTION_KEEP || action == ACTION_MERGE) {
        return;
    }
    if (action == ACTION_REVIEW &&
        reasons_rank(d->reasons, d->row[row].link) <= reasons_rank(d->reasons, reason)) {
        return;
    }
    d->row[row].flags = (uint8_t)((d->row[row].flags & ~ROW_ACTION) | ACTION_REVIEW);
    d->row[row].link = reason;
}

static void leave_all(struct work *work, const struct worker *worker, const struct group *group,
                      uint32_t reason)
{
    const struct key_record *records = worker->records;
    for (int32_t i = group->first; i != NO_ENTRY; i = worker->next[i]) {
        leave(work->d, records[i].row, reason);
    }
}

static bool condition_holds(const struct rule_condition *condition, const struct group *group)
{
    uint32_t count = condition->fact < 0 ? group->size : group->counts[condition->fact];
    switch (condition->quantifier) {
    case Q_EXACTLY:
        return count == condition->number;
    case Q_AT_LEAST:
        return count >= condition->number;
    case Q_AT_MOST:
        return count <= condition->number;
    case Q_EVERY:
        return count == group->size;
    }
    return false;
}

static bool conditions_hold(const struct rule_strategy *strategy, const struct group *group)
{
    for (size_t i = 0; i < strategy->condition_count; i++) {
        if (!condition_holds(&strategy->conditions[i], group)) {
            return false;
        }
    }
    return true;
}

static bool has_fact(const struct key_record *record, int fact)
{
    return fact < 0 || (record->facts >> fact & 1) != 0;
}

static void mark(struct decisions *d, uint32_t row, enum action action, uint32_t link)
{
    d->row[row].flags = (uint8_t)((d->row[row].flags & ~ROW_ACTION) | (int)action);
    d->row[row].link = link;
}

/* The conditions hold: one contact has the survivor's fact. */
static void merge_group(struct work *work, struct worker *worker,
                        const struct rule_strategy *strategy, const struct group *group)
{
    struct decisions *d = work->d;
    const struct key_record *records = worker->records;
    int32_t survivor = group->first;
    uint32_t losers = 0;
    for (int32_t i = group->first; i != NO_ENTRY; i = worker->next[i]) {
        if (has_fact(&records[i], strategy->keep)) {
            survivor = i;
        } else if (has_fact(&records[i], strategy->merge)) {
            losers++;
        }
    }
    if (losers == 0) {
        leave_all(work, worker, group, reason_otherwise(work, worker, strategy, group));
        return;
    }
    if (losers + 1 > d->rules->max_cluster) {
        char text[128];
        (void)snprintf(text, sizeof(text),
                       "too-large: %u contacts would become one, at most %u may", losers + 1,
                       d->rules->max_cluster);
        leave_all(work, worker, group, reason_text(work, worker, RANK_TOO_LARGE, text));
        return;
    }
    for (int32_t i = group->first; i != NO_ENTRY; i = worker->next[i]) {
        uint32_t row = records[i].row;
        if (i == survivor) {
            mark(d, row, ACTION_KEEP, losers + 1);
            d->row[row].absorbed |= (uint16_t)(1U << work->strategy);
        } else if (has_fact(&records[i], strategy->merge)) {
            mark(d, row, ACTION_MERGE, records[survivor].row);
            d->row[row].via = (uint8_t)work->strategy;
        } else {
            char text[160];
            (void)snprintf(text, sizeof(text), "undecided: '%s' leaves it", strategy->name);
            leave(d, row, reason_text(work, worker, RANK_UNDECIDED, text));
        }
    }
}

static void decide_group(struct work *work, struct worker *worker, const struct group *group)
{
    const struct rules *rules = work->d->rules;
    const struct rule_strategy *strategy = &rules->strategies[work->strategy];
    const struct rule_key *key = &rules->keys[strategy->key];
    if (group->blocked) {
        leave_all(work, worker, group, reason_blocked(work, worker, key, group));
    } else if (group->bad != 0) {
        leave_all(work, worker, group, reason_bad(work, worker, key, group));
    } else if (conditions_hold(strategy, group)) {
        merge_group(work, worker, strategy, group);
    } else {
        leave_all(work, worker, group, reason_otherwise(work, worker, strategy, group));
    }
}

/* Links the records of each key; the rows that do not take part are left out. */
static void link_groups(const struct work *work, struct worker *worker, size_t count)
{
    const struct key_record *records = worker->records;
    size_t slots = clear_slots(worker, count);
    size_t room = worker->next_room;
    worker->next = grow(worker->next, &room, count, sizeof(*worker->next));
    worker->last = grow(worker->last, &worker->next_room, count, sizeof(*worker->last));
    /* rows can be repeats, conflicts, or gone to an earlier strategy, only where there are such */
    bool some_out = atomic_load(&work->repeats) != 0 || work->strategy > 0;
    for (size_t i = 0; i < count; i++) {
        worker->next[i] = NO_ENTRY;
        worker->last[i] = NO_ENTRY; /* no group begins here */
        uint8_t flags = some_out ? work->d->row[records[i].row].flags : 0;
        if ((flags & ROW_REPEAT) != 0 || (flags & ROW_ACTION) == ACTION_MERGE) {
            continue;
        }
        size_t slot = records[i].low & (slots - 1);
        while (worker->slots[slot] != 0) {
            const struct key_record *other = &records[worker->slots[slot] - 1];
            if (other->low == records[i].low && other->high == records[i].high) {
                break;
            }
            slot = (slot + 1) & (slots - 1);
        }
        if (worker->slots[slot] == 0) {
            worker->slots[slot] = (uint32_t)(i + 1);
            worker->last[i] = (int32_t)i;
        } else {
            int32_t *last = &worker->last[worker->slots[slot] - 1];
            worker->next[*last] = (int32_t)i;
            *last = (int32_t)i;
        }
    }
}

static void count_group(const struct work *work, const struct worker *worker, struct group *group)
{
    const struct key_record *records = worker->records;
    const struct rules *rules = work->d->rules;
    int blocked = rules->keys[rules->strategies[work->strategy].key].blocked;
    bool conflicts = atomic_load(&work->conflicts) != 0;
    for (int32_t i = group->first; i != NO_ENTRY; i = worker->next[i]) {
        uint32_t facts = records[i].facts;
        if (conflicts && (work->d->row[records[i].row].flags & ROW_BAD) != 0) {
            facts |= FACT_BAD;
        }
        group->size++;
        group->bad += (facts & FACT_BAD) != 0;
        group->blocked |= blocked >= 0 && (facts >> blocked & 1) != 0;
        for (uint32_t rest = facts & ~FACT_BAD; rest != 0; rest &= rest - 1) {
            group->counts[__builtin_ctz(rest)]++;
        }
    }
}

static void run_strategy(void *arg, int index)
{
    struct work *work = arg;
    struct worker *worker = &work->workers[index];
    int key = work->d->rules->strategies[work->strategy].key;
    size_t partition;
    while (take_partition(work, &partition)) {
        size_t count = gather(work, worker, key, partition);
        link_groups(work, worker, count);
        const struct key_record *records = worker->records;
        for (size_t i = 0; i < count; i++) {
            if (i + PREFETCH < count) {
                __builtin_prefetch(&work->d->row[records[i + PREFETCH].row], 1);
            }
            if (worker->last[i] == NO_ENTRY || worker->next[i] == NO_ENTRY) {
                continue; /* no group, or one contact */
            }
            struct group group = {.first = (int32_t)i};
            count_group(work, worker, &group);
            decide_group(work, worker, &group);
        }
    }
}

/* --- finished stars --------------------------------------------------------------------------- */

static void fall(struct decisions *d, uint32_t row, uint32_t size)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "too-large: %u contacts would become one, at most %u may",
                   size, d->rules->max_cluster);
    mark(d, row, ACTION_REVIEW, reasons_add(d->reasons, RANK_TOO_LARGE, str_of(text)));
}

/* With several strategies stars grow after they were made: counts them, and takes apart those that
 * became too large. */
static void finish_stars(struct decisions *d)
{
    AUTO_FREE uint32_t *root = xcalloc(d->count, sizeof(*root));
    for (uint32_t row = 0; row < d->count; row++) {
        enum action action = (enum action)(d->row[row].flags & ROW_ACTION);
        root[row] = action == ACTION_MERGE ? decisions_root(d, row) : row;
        d->row[row].link = action == ACTION_KEEP ? 1 : d->row[row].link;
    }
    for (uint32_t row = 0; row < d->count; row++) {
        d->row[root[row]].link += root[row] != row;
    }
    /* the losers first: they read the size at their survivor */
    for (uint32_t row = 0; row < d->count; row++) {
        if (root[row] != row && d->row[root[row]].link > d->rules->max_cluster) {
            fall(d, row, d->row[root[row]].link);
        }
    }
    for (uint32_t row = 0; row < d->count; row++) {
        if ((d->row[row].flags & ROW_ACTION) == ACTION_KEEP &&
            d->row[row].link > d->rules->max_cluster) {
            fall(d, row, d->row[row].link);
        }
    }
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

void decisions_strategy(const struct decisions *decisions, uint32_t row, struct buf *out)
{
    const struct rules *rules = decisions->rules;
    if ((decisions->row[row].flags & ROW_ACTION) == ACTION_KEEP) {
        const char *plus = "";
        for (size_t i = 0; i < rules->strategy_count; i++) {
            if ((decisions->row[row].absorbed >> i & 1) != 0) {
                buf_addz(out, plus);
                buf_addz(out, rules->strategies[i].name);
                plus = "+";
            }
        }
        return;
    }
    buf_addz(out, rules->strategies[decisions->row[row].via].name);
    for (row = decisions->row[row].link; (decisions->row[row].flags & ROW_ACTION) == ACTION_MERGE;
         row = decisions->row[row].link) {
        buf_addc(out, '+');
        buf_addz(out, rules->strategies[decisions->row[row].via].name);
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
        buf_printf(out, "same %s",
                   rules->keys[rules->strategies[decisions->row[row].via].key].name);
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
static uint64_t *join_parts(struct work *work)
{
    struct decisions *d = work->d;
    uint64_t *content = NULL;
    uint32_t at = 0;
    d->row = memory_zeroed(d->count, sizeof(*d->row));
    for (size_t i = 0; i < work->part_count; i++) {
        struct rows *rows = work->parts[i];
        work->base[i] = at;
        if (i == 0) {
            d->id = memory_grow(STEAL(rows->id), d->count, sizeof(*d->id));
            content = memory_grow(STEAL(rows->content), d->count, sizeof(*content));
        } else if (rows->count != 0) {
            memcpy(d->id + at, rows->id, rows->count * sizeof(*d->id));
            memcpy(content + at, rows->content, rows->count * sizeof(*content));
        }
        for (uint32_t row = 0; row < rows->count; row++) {
            d->row[at + row].flags = rows->flags[row];
        }
        free(STEAL(rows->id));
        free(STEAL(rows->content));
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

static bool key_is_done(const struct rules *rules, size_t strategy)
{
    for (size_t i = strategy + 1; i < rules->strategy_count; i++) {
        if (rules->strategies[i].key == rules->strategies[strategy].key) {
            return false;
        }
    }
    return true;
}

static bool run_strategies(struct work *work, int threads, struct err *err)
{
    const struct rules *rules = work->d->rules;
    for (size_t i = 0; i < rules->strategy_count; i++) {
        work->strategy = (int)i;
        atomic_store(&work->next, 0);
        if (!parallel_run(threads, run_strategy, work, err) || interrupted(work->stop, err)) {
            return false;
        }
        for (size_t p = 0; p < work->part_count && key_is_done(rules, i); p++) {
            scatter_done(&work->parts[p]->by_key[rules->strategies[i].key]);
        }
    }
    if (rules->strategy_count > 1) {
        finish_stars(work->d);
    }
    return true;
}

static bool run_all(struct work *work, int threads, struct err *err)
{
    struct decisions *d = work->d;
    AUTO_FREE uint64_t *content = join_parts(work);
    work->content = content;
    if (!parallel_run(threads, find_repeats, work, err) || interrupted(work->stop, err)) {
        return false;
    }
    collect_repeats(work, threads);
    for (size_t i = 0; i < work->part_count; i++) {
        scatter_done(&work->parts[i]->by_id);
    }
    free(STEAL(content));
    uint64_t now = parts_bytes(work->parts, work->part_count) + (uint64_t)d->count * 16;
    d->peak_bytes = now > d->peak_bytes ? now : d->peak_bytes;
    return run_strategies(work, threads, err);
}

struct decisions *decide(const struct rules *rules, struct rows **parts, size_t part_count,
                         int threads, const struct stop *stop, struct err *err)
{
    AUTO(decisions_free) struct decisions *d = xnew(struct decisions);
    d->rules = rules;
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
    AUTO_FREE struct worker *workers = xcalloc((size_t)threads, sizeof(*workers));
    struct work work = {
        .d = d, .parts = parts, .part_count = part_count, .stop = stop, .workers = workers};
    bool ok = run_all(&work, threads, err);
    for (int i = 0; i < threads; i++) {
        worker_done(&workers[i]);
    }
    return ok ? STEAL(d) : NULL;
}
