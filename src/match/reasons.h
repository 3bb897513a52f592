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

/* The number of the text; the same text always has the rank it was first added with. */
uint32_t reasons_add(struct reasons *reasons, int rank, str text);

/* -1 where `number` is none. Only for numbers that this thread has added, or after adding ended. */
int reasons_rank(struct reasons *reasons, uint32_t number);

str reasons_text(const struct reasons *reasons, uint32_t number);

#endif
