/* SPDX-License-Identifier: MIT */
/*
 * One contact as the rules see it: its facts as bits, its keys as hashes, its content as a hash.
 * What the row said is not kept. Keys are XXH3-128 of the normal forms: they live in memory only,
 * and among ten million keys two different ones are the same with a probability below 10^-24.
 */
#ifndef STEWARD_MATCH_CONTACT_H
#define STEWARD_MATCH_CONTACT_H

#include "match/rules.h"

struct contact_key {
    bool present;
    uint64_t low;
    uint64_t high;
};

struct contact {
    str id;         /* trimmed, a view of the cell; may be empty: a bad row */
    uint32_t facts; /* bit i: rules->facts[i] holds */
    struct contact_key keys[RULES_MAX_KEYS];
    uint64_t content; /* over all deciding columns but the id, trimmed */
    int wrong;        /* the first column whose value is not of its form, -1 where none */
};

/* Scratch space of one thread. */
struct contact_reader;

struct contact_reader *contact_reader_new(const struct rules *rules);
void contact_reader_free(struct contact_reader *reader);
DEFINE_AUTO(struct contact_reader, contact_reader_free)

/* `cells`: one for each column of the rules, in their order, STR_NONE where the source has none;
 * all UTF-8. */
void contact_read(struct contact_reader *reader, const str *cells, struct contact *ret);

#endif
