/* SPDX-License-Identifier: MIT */
/*
 * What people decided about pairs of records, kept in the journal's memory: it outlives runs and
 * undo. One pair, one link: a new decision about a pair takes the place of the old one.
 *
 * Key: `link/<a>\x1f<b>`, the ids in byte order. Value: JSON {"kind":"cannot"|"must","run":n,
 * "change":"<hex>","at":"<RFC 3339>","why":"refused"|"undone"|"command","survivor":"<id>"}, the
 * last for `must` only. Every put and remove stands in the audit trail, event "link".
 */
#ifndef STEWARD_STORE_MEMORY_LINK_H
#define STEWARD_STORE_MEMORY_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"
#include "store/journal.h"

struct memory_link {
    bool must; /* `a`, the loser, goes into `b`, the survivor; otherwise: never these two */
    str a;     /* of a cannot-link that is read: the first in byte order */
    str b;
    int64_t run; /* the run it comes from, 0 where none */
    str change;  /* the change's id in hex, "" where none */
    str at;      /* RFC 3339; set by memory_link_put itself */
    str why;     /* "refused", "undone", "command" */
};

/* Durable. An empty id, one with control characters, or two that are the same: ERR_USAGE. */
bool memory_link_put(struct journal *journal, const struct clock *clock,
                     const struct memory_link *link, struct err *err) MUST_CHECK;

/* Many at once, in one commit; where one is no pair, none. */
bool memory_link_put_all(struct journal *journal, const struct clock *clock,
                         const struct memory_link *links, size_t count, struct err *err) MUST_CHECK;

/* *ret_found false: there was none. Durable. */
bool memory_link_remove(struct journal *journal, str a, str b, bool *ret_found,
                        struct err *err) MUST_CHECK;

/* In byte order of keys. Texts live until the callback returns; false from it stops. */
bool memory_link_each(struct journal *journal,
                      bool (*each)(void *ctx, const struct memory_link *link), void *ctx,
                      struct err *err) MUST_CHECK;

#endif
