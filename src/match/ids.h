/* SPDX-License-Identifier: MIT */
/*
 * Contact ids in 8 bytes. Ids of one system share a long beginning and end in a few letters and
 * digits, so an id is the number of its beginning (16 bits) and its last up to 8 alphanumerics in
 * base 62 (48 bits). An id with too many different beginnings (UUIDs) is kept as text instead, and
 * the 48 bits say where. Either way: two ids are equal exactly where their packed forms are.
 *
 * Several threads may pack at a time, each with its own cache; unpacking begins after packing
 * ended.
 */
#ifndef STEWARD_MATCH_IDS_H
#define STEWARD_MATCH_IDS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

struct ids;

struct ids_cache {
    str prefix; /* the last beginning, owned by the `struct ids` */
    uint64_t number;
    bool valid;
};

struct ids *ids_new(void);
void ids_free(struct ids *ids);
DEFINE_AUTO(struct ids, ids_free)

uint64_t ids_pack(struct ids *ids, struct ids_cache *cache, str id);

/* Appends the id's text. */
void ids_unpack(const struct ids *ids, uint64_t packed, struct buf *out);

/* Any text, kept once, by a number of 48 bits; ids_text gives it back, as ids_unpack does. */
uint64_t ids_keep(struct ids *ids, str text);
str ids_text(const struct ids *ids, uint64_t number);

/* Bytes held. */
uint64_t ids_bytes(const struct ids *ids);

#endif
