/* SPDX-License-Identifier: MIT */
/* Shared by the steps of deciding; nobody else includes it. */
#ifndef STEWARD_MATCH_DECIDE_INTERNAL_H
#define STEWARD_MATCH_DECIDE_INTERNAL_H

#include <stdatomic.h>

#include "match/decide.h"
#include "match/parallel.h"

struct work {
    struct decisions *d;
    struct rows **parts;
    size_t part_count;
    uint32_t base[PARALLEL_MAX]; /* first row of each part */
    const uint64_t *content;     /* of all rows */
    const uint64_t *guards; /* of all rows, rules->guard_count each; NULL where there are none */
    bool simple;            /* a star is finished when it is made, and nothing guards it */
    size_t first_strategy;  /* those in hand look at the same groups, one after the other */
    size_t end_strategy;
    const struct stop *stop;
    const struct links *links; /* NULL where there are none */
    struct trace *trace;       /* NULL where nobody asks */
    atomic_size_t next;        /* partition */
    atomic_uint_fast64_t conflicts;
    atomic_uint_fast64_t repeats;
    struct worker *workers;
};

struct cached_reason {
    uint64_t key;
    uint32_t number;
    bool valid;
};

enum { REASON_CACHE = 256 };

/* One contact of a group. */
struct member {
    uint32_t row;
    uint32_t facts; /* and FACT_BAD, FACT_GONE */
    const uint64_t *carries;
};

#define FACT_GONE (UINT32_C(1) << (RULES_MAX_FACTS + 1)) /* an earlier strategy merged it */

/* Scratch of one thread, grown to the largest partition. */
struct worker {
    void *records;
    size_t record_bytes; /* of one of them */
    size_t record_room;  /* bytes */
    uint32_t *slots;     /* record index + 1, 0 free */
    size_t slot_room;
    int32_t *next; /* the next record of the same group */
    int32_t *last; /* of a group's first record: its last one */
    size_t next_room;
    size_t strategy;        /* in hand */
    struct member *members; /* of the group in hand */
    size_t member_room;
    uint32_t *candidates; /* members that may still survive */
    size_t candidate_room;
    struct repeat *repeats;
    size_t repeat_count;
    size_t repeat_room;
    struct trace_strategy *trace; /* of the group in hand, NULL where nobody asks */
    struct cached_reason cache[REASON_CACHE];
};

/* Scratch memory that need not keep its content. */
void *decide_grow(void *ptr, size_t *room, size_t need, size_t size);

/* A power of two of free slots, at least twice `count`. */
size_t decide_clear_slots(struct worker *worker, size_t count);

/* All records of a partition in the order of the input; `key` -1: the id records. */
size_t decide_gather(const struct work *work, struct worker *worker, int key, size_t partition);

/* The next partition, or false at the end or when the run is to stop. */
bool decide_take_partition(struct work *work, size_t *ret);

static inline enum action action_of(const struct decisions *d, uint32_t row)
{
    return (enum action)(d->row[row].flags & ROW_ACTION);
}

static inline void mark(struct decisions *d, uint32_t row, enum action action, uint32_t link)
{
    d->row[row].flags = (uint8_t)((d->row[row].flags & ~ROW_ACTION) | (int)action);
    d->row[row].link = link;
}

/* One thread's part of the strategies in hand: for parallel_run. */
void groups_run(void *arg, int index);

/* What people decided, before the first strategy. */
void must_links_run(struct work *work);

/* Links losers to their last survivors, counts, and takes apart what a guard stops. */
bool stars_finish(struct work *work, int threads, struct err *err) MUST_CHECK;

#endif
