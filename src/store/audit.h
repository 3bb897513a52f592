/* SPDX-License-Identifier: MIT */
/*
 * The audit trail's hash chain (E15). Entries are numbered from 1; an entry's body is one JSON line
 *
 *   {"seq":1,"at_ms":1764000000000,"run":1,"change":"<hex>","event":"change","detail":{...}}
 *
 * ("run" null outside a run, "change" null where it is about no single change) and its hash is
 * SHA-256(hash of the entry before || body); before the first entry stand 32 zero bytes. The last
 * number and hash are kept apart (audit_head), so that missing entries at the end are noticed too.
 *
 * What the chain cannot show is a trail that was written anew as a whole, head included: for that, note
 * the head's hash (`steward audit verify` prints it) in another place.
 *
 * Pure functions; the journal stores the entries.
 */
#ifndef STEWARD_STORE_AUDIT_H
#define STEWARD_STORE_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

struct audit_entry {
    uint64_t seq;
    int64_t at_ms;
    int64_t run;        /* 0: none */
    const char *change; /* hex, "" none */
    const char *event;
    str detail; /* JSON; empty: null */
};

/* Appends the canonical body. */
void audit_body(struct buf *out, const struct audit_entry *entry);

/* The next hash of the chain; `ret` may be `before`. */
void audit_chain(const uint8_t before[SHA256_BYTES], str body, uint8_t ret[SHA256_BYTES]);

/* What is wrong with an entry. */
#define AUDIT_FAULTS(X)                                                                            \
    X(AUDIT_WHOLE, "whole")                                                                        \
    X(AUDIT_CHANGED, "changed") /* it, or the one before it together with its hash */              \
    X(AUDIT_MISSING, "missing")                                                                    \
    X(AUDIT_MOVED, "moved")               /* another entry stands in its place */                  \
    X(AUDIT_ADDED, "added")               /* the trail ends before it */                           \
    X(AUDIT_HEAD_MISSING, "head missing") /* nothing says where the trail ends */

enum audit_fault {
#define X(fault, name) fault,
    AUDIT_FAULTS(X)
#undef X
};

const char *audit_fault_name(enum audit_fault fault);

/* Walks stored entries in order of their place. */
struct audit_walk {
    uint64_t entries;
    uint64_t broken; /* the first entry that is changed, missing or out of order; 0: none */
    uint64_t to;     /* the last one that is missing where `broken` is; otherwise `broken` */
    enum audit_fault fault;
    uint8_t hash[SHA256_BYTES]; /* of the last sound entry */
    const uint8_t *noted;       /* a hash that is looked for, NULL none */
    uint64_t noted_at;          /* the entry that has it; 0: not found */
};

/* `seq`, `run` and `hash` as stored beside the body. After the first broken entry only counts. */
void audit_walk_add(struct audit_walk *walk, uint64_t seq, int64_t run, str body, str hash);
/* At the end: against the head that was kept apart. `head_hash` STR_NONE: there is none. */
void audit_walk_end(struct audit_walk *walk, uint64_t head_seq, str head_hash);

#endif
