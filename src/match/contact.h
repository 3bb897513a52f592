/* SPDX-License-Identifier: MIT */
/*
 * One contact as the rules see it: its facts as bits, its keys as hashes, its content as a hash.
 * What the row said is not kept. Keys are XXH3-128 of the normal forms: they live in memory only,
 * and among ten million keys two different ones are the same with a probability below 10^-24.
 */
#ifndef STEWARD_MATCH_CONTACT_H
#define STEWARD_MATCH_CONTACT_H

#include "match/rules.h"

/* Carried values (rules.h) as numbers whose order is that of the values:
 *   TEXT      a hash, 0 where it is empty
 *   COUNT     the count
 *   TIME      the second, from CARRY_OLDEST_TIME; 0 where it is empty, CARRY_UNREADABLE where it is
 *             no time
 *   FRACTION  of that second
 *   NUMBER    the digits at the end, CARRY_NO_NUMBER where there are none. More than 18 of them lie
 *             in `digits`, and the number is CARRY_LONG until rows_add gives it its place */
#define CARRY_UNREADABLE UINT64_MAX
#define CARRY_OLDEST_TIME (UINT64_C(1) << 40)
#define CARRY_NO_NUMBER UINT64_MAX
#define CARRY_LONG (UINT64_C(1) << 62)

struct contact_key {
    bool present;
    uint64_t low;
    uint64_t high;
    uint64_t carries[RULES_MAX_CARRIES];
    str digits[RULES_MAX_CARRIES]; /* set only where the carry is CARRY_LONG; no zero leads */
};

struct contact {
    str id;         /* trimmed, a view of the cell; may be empty: a bad row */
    uint32_t facts; /* bit i: rules->facts[i] holds */
    struct contact_key keys[RULES_MAX_KEYS];
    uint64_t
        guards[RULES_MAX_GUARDS]; /* hashes of what must not differ, 0 where there is nothing */
    uint64_t content;             /* over all deciding columns but the id, trimmed */
    int wrong; /* the first column whose value is not of its form, -1 where none */
};

/* Scratch space of one thread. */
struct contact_reader;

struct contact_reader *contact_reader_new(const struct rules *rules);
void contact_reader_free(struct contact_reader *reader);
DEFINE_AUTO(struct contact_reader, contact_reader_free)

/* `cells`: one for each column of the rules, in their order, STR_NONE where the source has none;
 * all UTF-8. */
void contact_read(struct contact_reader *reader, const str *cells, struct contact *ret);

/* A term of the contact that was read last, in its form. Lives until the next one is read. */
str contact_term(const struct contact_reader *reader, int term);

#endif
