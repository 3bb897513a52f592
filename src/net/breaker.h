/* SPDX-License-Identifier: MIT */
/*
 * Circuit breaker of one remote, as a pure state machine: no lock, no clock, no waiting; the caller
 * (net/pressure.h) has these.
 *
 *   closed     all calls go. Opens when at least `percent` of the last `window` calls were bad;
 *              before `least` calls were seen it does not judge.
 *   open       nothing goes for `open_ns`: reads wait, writes are refused, which is better than
 *              letting them wait: by then the check that was made before a write would be old.
 *   half-open  reads go, at most `probes` of them at once; writes are still refused. `probes` good
 *              ones close it, a bad one opens it again.
 *
 * Every call holds the ticket that it was let go with. A ticket of an earlier state says nothing
 * about this one and is not counted, so late answers cannot close what has just opened.
 */
#ifndef STEWARD_NET_BREAKER_H
#define STEWARD_NET_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

enum { BREAKER_MOST_WINDOW = 64 };

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

/* "closed", "open", "half-open" */
const char *breaker_state_name(enum breaker_state state);

struct breaker_policy {
    int window; /* calls, at most BREAKER_MOST_WINDOW */
    int least;
    int percent;
    int probes;
    int64_t open_ns;
};

struct breaker {
    struct breaker_policy policy;
    enum breaker_state state;
    uint64_t bad; /* of the last calls, the newest lowest */
    int seen;     /* how many of the bits count */
    int probing;  /* half-open: in flight */
    int good;     /* half-open: came back good */
    uint64_t ticket;
    int64_t until_ns;  /* open: then half-open */
    int64_t broken_ns; /* not closed: since when, over all its openings */
    uint64_t opened;   /* times, the openings out of half-open not counted */
};

void breaker_init(struct breaker *breaker, const struct breaker_policy *policy);

enum breaker_verdict { BREAKER_GO, BREAKER_WAIT, BREAKER_REFUSE };

/* May a call go now? GO: it gets a ticket, which must come back by breaker_note. */
enum breaker_verdict breaker_ask(struct breaker *breaker, bool is_write, int64_t now_ns,
                                 uint64_t *ret_ticket);

enum breaker_outcome {
    BREAKER_GOOD,
    BREAKER_BAD,
    BREAKER_NOTHING, /* it was not made, or says nothing of the remote's health */
};

/* True where the state has changed. */
bool breaker_note(struct breaker *breaker, uint64_t ticket, enum breaker_outcome outcome,
                  int64_t now_ns);

/* For how long it has not been closed; 0: it is. */
int64_t breaker_broken_ns(const struct breaker *breaker, int64_t now_ns);

#endif
