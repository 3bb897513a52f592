/* SPDX-License-Identifier: MIT */
/*
 * The texts that decisions carry, each kept once. `rank` orders them: of several reasons for one
 * contact the lowest rank is the one told. Any thread may add; reading begins after adding ended.
 */
#ifndef STEWARD_MATCH_REASONS_H
#define STEWARD_MATCH_REASONS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/str.h"

struct reasons;

struct reasons *reasons_new(void);
void reasons_free(struct reasons *reasons);
DEFINE_AUTO(struct reasons, reasons_free)

enum { REASON_RANK_BITS = 2, REASON_RANKS = 1 << REASON_RANK_BITS };

/* The number of the text; the same text always has the rank it was first added with. */
uint32_t reasons_add(struct reasons *reasons, unsigned rank, str text);

static inline unsigned reasons_rank(uint32_t number)
{
    return number % REASON_RANKS;
}

str reasons_text(const struct reasons *reasons, uint32_t number);

#endif
