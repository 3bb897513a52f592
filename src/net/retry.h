/* SPDX-License-Identifier: MIT */
/*
 * Full-jitter exponential backoff: wait uniform(0, min(cap, base * 2^n)) before attempt n + 1
 * (AWS architecture blog, "Exponential Backoff And Jitter"). Pure arithmetic; who waits is the caller.
 *
 * What may be tried again (remote/ decides, with these rules): a read after ERR_NETWORK, 429, 5xx
 * or a garbled answer; a write only after 429 (refused, nothing happened) or when the connection
 * never came up. Everything else of a write is settled by reading.
 */
#ifndef STEWARD_NET_RETRY_H
#define STEWARD_NET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

struct retry_policy {
    int attempts;    /* all of them, the first included; 3 by default */
    int64_t base_ms; /* 200 */
    int64_t cap_ms;  /* 60,000 */
};

/* Pause before attempt `next` (2, 3, ...), in [0, min(cap, base << (next - 2))]. */
int64_t retry_pause_ms(const struct retry_policy *policy, int next, struct rng *rng);

#endif
