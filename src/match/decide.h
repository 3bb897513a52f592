/* SPDX-License-Identifier: MIT */
/*
 * Decisions over all rows: which contact goes into which, and why the others do not.
 *
 * First the rows of one id are found: with one content they are one contact, with several all of
 * them are bad. Then what people decided (must-link), then each strategy in its order: the contacts
 * that share its key are a group; where the conditions of one of its cases hold, the survivor is kept
 * and the others go into it. Contacts that lost are gone for later strategies, survivors stay in. A
 * group with a bad row is undecided for every strategy. A contact that nothing decides and that shares
 * a key with another one, gone or not, is left to people.
 *
 * Stars only: a contact loses at most once, and where a survivor loses later, what went into it
 * goes straight to the last survivor. Guards look at the finished stars: what must not differ, how
 * many there are, what people forbade. The result does not depend on the number of threads: groups
 * are independent, and within one the order is that of the rows.
 */
#ifndef STEWARD_MATCH_DECIDE_H
#define STEWARD_MATCH_DECIDE_H

#include "base/clock.h"
#include "match/links.h"
#include "match/reasons.h"
#include "match/rows.h"
#include "match/trace.h"

enum action { ACTION_NONE, ACTION_REVIEW, ACTION_MERGE, ACTION_KEEP };

enum { VIA_MUST_LINK = RULES_MAX_STRATEGIES };

struct repeat {
    uint32_t row;
    uint32_t first; /* the earlier row that is decided for both */
};

/* One row's decision, and what decides: 12 bytes together, because rows are met in any order. */
struct decision {
    /* merge: the row it went into (not the last survivor, see decisions_root); keep: contacts of
     * the finished star, itself included; review: a number of `reasons` */
    uint32_t link;
    uint16_t absorbed; /* keep: the strategies that merged into it, one bit each */
    uint8_t via;       /* merge: the strategy, VIA_MUST_LINK for memory's */
    uint8_t flags;     /* action and ROW_* bits */
    uint32_t facts;    /* of its contact, and FACT_BAD */
};

struct decisions {
    const struct rules *rules;
    const struct ids *ids;
    uint32_t count;
    struct decision *row;
    uint64_t *id; /* packed */
    struct reasons *reasons;
    struct repeat *repeats; /* ordered by row */
    size_t repeat_count;
    uint64_t peak_bytes; /* of rows and decisions together */
};

struct decide_options {
    int threads;
    const struct stop *stop;   /* may be NULL */
    const struct links *links; /* what people decided; NULL: nothing */
    struct trace *trace;       /* of one row; NULL: none */
};

/* `parts`, at least one, in the order of the input, all with the same `ids`, which must live as long
 * as the result; their memory is taken over piece by piece, the caller frees what is left of them.
 * ERR_INTERRUPTED where `stop` rose, ERR_INTERNAL where a thread did not start. */
struct decisions *decide(const struct rules *rules, struct rows **parts, size_t part_count,
                         const struct decide_options *options, struct err *err) MUST_CHECK;
void decisions_free(struct decisions *decisions);
DEFINE_AUTO(struct decisions, decisions_free)

/* The row whose decision counts for `row`: itself, or the first one of a contact on several lines.
 */
uint32_t decisions_first(const struct decisions *decisions, uint32_t row);

/* `row`'s action; a bad row's is review. */
enum action decisions_action(const struct decisions *decisions, uint32_t row);

/* The last survivor of a merged or kept row. */
uint32_t decisions_root(const struct decisions *decisions, uint32_t row);

/* Looks at every decision once more, by itself: who is merged goes into exactly one contact, which is
 * kept and knows how many went into it; nobody is both, and no bad or repeated row is either.
 * ERR_INTERNAL names a row. */
bool decisions_prove(const struct decisions *decisions, struct err *err) MUST_CHECK;

/* Strategy names of a merged or kept row, joined by '+'. */
void decisions_strategy(const struct decisions *decisions, uint32_t row, struct buf *out);

/* Why, without the reasons of bad rows, which only the reader of the file knows. */
void decisions_reason(const struct decisions *decisions, uint32_t row, struct buf *out);

#endif
