/* SPDX-License-Identifier: MIT */
/*
 * Word lists that rules refer to: a text file, one entry a line, '#' begins a comment, entries are
 * folded. Immutable once loaded: any number of threads may ask.
 */
#ifndef STEWARD_MATCH_WORDS_H
#define STEWARD_MATCH_WORDS_H

#include "base/arena.h"
#include "base/map.h"
#include "base/str.h"

struct words {
    struct map map;
    size_t count;
    /* by first byte: the lengths that occur, one bit each (63 and more are one): most questions end
     * here */
    uint64_t lengths[256];
};

void words_done(struct words *words);

/* Adds the entries of `text`; they live in `arena`. The line of the first entry that stands there
 * twice, or is not UTF-8, or 0. */
size_t words_add(struct words *words, struct arena *arena, str text);

bool words_look_up(const struct words *words, str folded);

static inline bool words_has(const struct words *words, str folded)
{
    size_t len = folded.len < 63 ? folded.len : 63;
    return folded.len != 0 && (words->lengths[(unsigned char)folded.ptr[0]] >> len & 1) != 0 &&
           words_look_up(words, folded);
}

/* True where the word or anything behind one of its dots is on the list: "a.b.c" is under "b.c". */
bool words_above(const struct words *words, str folded);

#endif
