/* SPDX-License-Identifier: MIT */
/*
 * What one reader keeps of its rows: 21 bytes a row and 8 a guard, 8 an id, and 16 a key and 8 a
 * value that it carries; ids and keys already sorted into partitions by hash, so that grouping works
 * on pieces that fit a processor's cache. One thread at a time.
 */
#ifndef STEWARD_MATCH_ROWS_H
#define STEWARD_MATCH_ROWS_H

#include "match/contact.h"
#include "match/ids.h"

enum {
    ROWS_PARTITIONS = 256,
    ROWS_MAX = 0x7fffffff /* rows of one input */
};

/* Bits of a row's flags. */
enum {
    ROW_ACTION = 3,   /* mask of `enum action`, decide.h */
    ROW_BAD = 4,      /* a bad row; its action is review, whatever the action bits say */
    ROW_KEYLESS = 8,  /* it has none of the keys */
    ROW_REPEAT = 16,  /* the same id and content as an earlier row */
    ROW_CONFLICT = 32 /* bad because its id stands in several rows with different content */
};

#define FACT_BAD (UINT32_C(1) << RULES_MAX_FACTS) /* in `facts` of a row */

/* A multiple of 8 bytes: as many carries as its key has. The partition, which is not in it, holds eight
 * more bits of the hash. */
struct key_record {
    uint64_t low;
    uint32_t high;
    uint32_t row; /* within its `struct rows` */
    uint64_t carries[];
};

struct id_record {
    uint32_t tag; /* bits of the id's hash */
    uint32_t row;
};

/* Records in the order in which they came, by partition. */
struct scatter {
    size_t record_bytes;
    struct scatter_block *first[ROWS_PARTITIONS];
    struct scatter_block *last[ROWS_PARTITIONS];
    char *next[ROWS_PARTITIONS];
    char *end[ROWS_PARTITIONS];
    struct scatter_slab *slabs;
    size_t slab_used;
    uint64_t bytes;
};

struct rows {
    const struct rules *rules;
    struct ids *ids;
    struct ids_cache cache;
    uint32_t count;
    uint32_t room;
    uint64_t *id;
    uint64_t *content;
    uint64_t *guards; /* guard_count a row; NULL where the rules have none */
    uint32_t *facts;
    uint8_t *flags;
    struct scatter by_id;
    struct scatter by_key[RULES_MAX_KEYS];
};

struct rows *rows_new(const struct rules *rules, struct ids *ids);
void rows_free(struct rows *rows);
DEFINE_AUTO(struct rows, rows_free)

/* A row that could not be read: no id, no keys. */
void rows_add_unreadable(struct rows *rows);

/* A contact; bad where its id is empty or one of its values is wrong. True where it is good. */
bool rows_add(struct rows *rows, const struct contact *contact);

uint64_t rows_bytes(const struct rows *rows);

/* Records of one partition, and a copy of them all behind `to`. */
size_t scatter_count(const struct scatter *scatter, size_t partition);
void scatter_copy(const struct scatter *scatter, size_t partition, void *to);
void scatter_done(struct scatter *scatter);

#endif
