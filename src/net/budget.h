/* SPDX-License-Identifier: MIT */
/*
 * Retry budget of one remote, shared by a run's workers, as pure arithmetic: retries may be a share
 * of the calls, so that a remote that is in trouble is not given a multiple of its load.
 *
 * A bucket: each first attempt puts `percent` hundredths of a retry into it, a retry takes one out. A
 * bulk job would rather wait than give a change up, so an empty bucket delays: one retry a second may
 * always go, and the bucket holds at most BUDGET_MOST.
 */
#ifndef STEWARD_NET_BUDGET_H
#define STEWARD_NET_BUDGET_H

#include <stdint.h>

enum { BUDGET_MOST = 20 };

struct budget {
    int64_t percent;
    int64_t hundredths; /* in the bucket */
    int64_t next_ns;    /* when the next retry beyond the bucket may go */
};

/* The bucket begins full. */
void budget_init(struct budget *budget, int64_t percent);

/* A first attempt was made. */
void budget_earn(struct budget *budget);

/* A retry: 0: at once; otherwise how long it must wait. It is taken either way. */
int64_t budget_spend_ns(struct budget *budget, int64_t now_ns);

#endif
