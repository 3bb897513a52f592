/* SPDX-License-Identifier: MIT */
#include "match/rows.h"

#include "match/memory.h"

enum { BLOCK_BYTES = 4096, SLAB_BLOCKS = MEMORY_HUGE_BYTES / BLOCK_BYTES - 1, FIRST_ROOM = 4096 };

struct scatter_block {
    struct scatter_block *next;
    size_t used; /* bytes of data, kept up to date for all but the last block of a partition */
    char data[BLOCK_BYTES - 2 * sizeof(size_t)];
};

struct scatter_slab {
    struct scatter_slab *older;
    struct scatter_block blocks[SLAB_BLOCKS];
};
_Static_assert(sizeof(struct scatter_slab) <= MEMORY_HUGE_BYTES, "a slab is one huge page");

/* --- scatter ---------------------------------------------------------------------------------- */

static struct scatter_block *take_block(struct scatter *scatter)
{
    if (scatter->slabs == NULL || scatter->slab_used == SLAB_BLOCKS) {
        struct scatter_slab *slab = memory_slab(); /* not zeroed: written first */
        slab->older = scatter->slabs;
        scatter->slabs = slab;
        scatter->slab_used = 0;
        scatter->bytes += sizeof(*slab);
    }
    return &scatter->slabs->blocks[scatter->slab_used++];
}

static void add_block(struct scatter *scatter, size_t partition)
{
    struct scatter_block *block = take_block(scatter);
    struct scatter_block *last = scatter->last[partition];
    block->next = NULL;
    block->used = 0;
    if (last != NULL) {
        last->next = block;
        last->used = (size_t)(scatter->next[partition] - last->data);
    } else {
        scatter->first[partition] = block;
    }
    scatter->last[partition] = block;
    size_t whole = sizeof(block->data) / scatter->record_bytes * scatter->record_bytes;
    scatter->next[partition] = block->data;
    scatter->end[partition] = block->data + whole;
}

static inline void *scatter_add(struct scatter *scatter, size_t partition)
{
    if (scatter->next[partition] == scatter->end[partition]) {
        add_block(scatter, partition);
    }
    void *record = scatter->next[partition];
    scatter->next[partition] += scatter->record_bytes;
    return record;
}

static size_t block_used(const struct scatter *scatter, size_t partition,
                         const struct scatter_block *block)
{
    return block == scatter->last[partition] ? (size_t)(scatter->next[partition] - block->data)
                                             : block->used;
}

size_t scatter_count(const struct scatter *scatter, size_t partition)
{
    size_t bytes = 0;
    for (const struct scatter_block *b = scatter->first[partition]; b != NULL; b = b->next) {
        bytes += block_used(scatter, partition, b);
    }
    return bytes / scatter->record_bytes;
}

void scatter_copy(const struct scatter *scatter, size_t partition, void *to)
{
    char *at = to;
    for (const struct scatter_block *b = scatter->first[partition]; b != NULL; b = b->next) {
        size_t used = block_used(scatter, partition, b);
        memcpy(at, b->data, used);
        at += used;
    }
}

void scatter_done(struct scatter *scatter)
{
    while (scatter->slabs != NULL) {
        struct scatter_slab *older = scatter->slabs->older;
        free(scatter->slabs);
        scatter->slabs = older;
    }
    *scatter = (struct scatter){.record_bytes = scatter->record_bytes};
}

/* --- rows ------------------------------------------------------------------------------------- */

struct rows *rows_new(const struct rules *rules, struct ids *ids)
{
    struct rows *rows = xnew(struct rows);
    rows->rules = rules;
    rows->ids = ids;
    rows->by_id.record_bytes = sizeof(struct id_record);
    for (size_t i = 0; i < rules->key_count; i++) {
        rows->by_key[i].record_bytes =
            sizeof(struct key_record) + rules->keys[i].carry_count * sizeof(uint64_t);
    }
    return rows;
}

void rows_free(struct rows *rows)
{
    if (rows == NULL) {
        return;
    }
    free(rows->id);
    free(rows->content);
    free(rows->guards);
    free(rows->facts);
    free(rows->flags);
    scatter_done(&rows->by_id);
    for (size_t i = 0; i < RULES_MAX_KEYS; i++) {
        scatter_done(&rows->by_key[i]);
    }
    free(rows);
}

static uint32_t new_row(struct rows *rows)
{
    if (rows->count == rows->room) {
        rows->room = rows->room != 0 ? rows->room * 2 : FIRST_ROOM;
        rows->id = memory_grow(rows->id, rows->room, sizeof(*rows->id));
        rows->content = memory_grow(rows->content, rows->room, sizeof(*rows->content));
        rows->facts = memory_grow(rows->facts, rows->room, sizeof(*rows->facts));
        rows->flags = memory_grow(rows->flags, rows->room, sizeof(*rows->flags));
        if (rows->rules->guard_count != 0) {
            rows->guards = memory_grow(rows->guards, rows->room,
                                       rows->rules->guard_count * sizeof(*rows->guards));
        }
    }
    return rows->count++;
}

void rows_add_unreadable(struct rows *rows)
{
    uint32_t row = new_row(rows);
    rows->id[row] = 0; /* the packed empty text */
    rows->content[row] = 0;
    rows->facts[row] = FACT_BAD;
    rows->flags[row] = ROW_BAD | ROW_KEYLESS;
    size_t guards = rows->rules->guard_count;
    for (size_t i = 0; i < guards; i++) {
        rows->guards[row * guards + i] = 0;
    }
}

/* The finaliser of MurmurHash3: packed ids differ in their low bits only. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    x ^= x >> 33;
    x *= UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ x >> 33;
}

static void add_key(struct rows *rows, size_t index, const struct contact *contact, uint32_t row)
{
    const struct rule_key *rule = &rows->rules->keys[index];
    const struct contact_key *key = &contact->keys[index];
    struct key_record *record = scatter_add(&rows->by_key[index], key->high >> 56);
    record->low = key->low;
    record->high = (uint32_t)key->high;
    record->row = row;
    for (size_t i = 0; i < rule->carry_count; i++) {
        uint64_t value = key->carries[i];
        bool is_long = rule->carries[i].kind == CARRY_NUMBER && value == CARRY_LONG;
        record->carries[i] = is_long ? CARRY_LONG | ids_keep(rows->ids, key->digits[i]) : value;
    }
}

bool rows_add(struct rows *rows, const struct contact *contact)
{
    uint32_t row = new_row(rows);
    bool bad = contact->id.len == 0 || contact->wrong >= 0;
    rows->id[row] = ids_pack(rows->ids, &rows->cache, contact->id);
    rows->content[row] = contact->content;
    rows->facts[row] = contact->facts | (bad ? FACT_BAD : 0);
    if (contact->id.len != 0) {
        uint64_t hash = mix(rows->id[row]);
        struct id_record *record = scatter_add(&rows->by_id, hash >> 56);
        *record = (struct id_record){(uint32_t)hash, row};
    }
    bool keyless = true;
    for (size_t i = 0; i < rows->rules->key_count; i++) {
        if (!contact->keys[i].present) {
            continue;
        }
        keyless = false;
        add_key(rows, i, contact, row);
    }
    size_t guards = rows->rules->guard_count;
    for (size_t i = 0; i < guards; i++) {
        rows->guards[row * guards + i] = contact->guards[i];
    }
    rows->flags[row] = (uint8_t)((bad ? ROW_BAD : 0) | (keyless ? ROW_KEYLESS : 0));
    return !bad;
}

uint64_t rows_bytes(const struct rows *rows)
{
    uint64_t bytes = sizeof(*rows) + (uint64_t)rows->room * (21 + rows->rules->guard_count * 8) +
                     rows->by_id.bytes;
    for (size_t i = 0; i < RULES_MAX_KEYS; i++) {
        bytes += rows->by_key[i].bytes;
    }
    return bytes;
}
