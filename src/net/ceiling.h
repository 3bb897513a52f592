/* SPDX-License-Identifier: MIT */
/*
 * What a remote that answers 429 really allows in a period, learned from the refusals, as pure
 * arithmetic for net/limiter.c.
 *
 * A refusal says that the calls accepted in the period before it were all that is allowed: that is
 * the ceiling. It is tried again one call higher after some periods without a refusal; a refusal
 * (those of one period count as one) doubles that time, up to CEILING_MOST_HOLD periods, each step
 * that holds halves it. A remote that allows half of what was configured then refuses a handful of
 * calls an hour.
 */
#ifndef STEWARD_NET_CEILING_H
#define STEWARD_NET_CEILING_H

#include <stdbool.h>
#include <stdint.h>

enum { CEILING_MOST_HOLD = 64 };

struct ceiling {
    int64_t calls; /* 0: none, what is configured holds */
    int64_t hold;  /* periods until the next step */
    bool trying;   /* the last step has not held for that long yet */
    uint64_t step_us;
    uint64_t refused_us; /* the last time that counted */
};

/* Refused at `now_us` when `held` calls stood in the period, of `configured` that we would allow. */
void ceiling_refused(struct ceiling *ceiling, int64_t held, int64_t configured, int64_t period_us,
                     uint64_t now_us);

/* How many may go now. */
int64_t ceiling_calls(struct ceiling *ceiling, int64_t configured, int64_t period_us,
                      uint64_t now_us);

#endif
