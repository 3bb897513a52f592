/* SPDX-License-Identifier: MIT */
#include "net/retry.h"

int64_t retry_pause_ms(const struct retry_policy *policy, int next, struct rng *rng)
{
    int64_t bound = policy->base_ms;
    for (int n = 2; n < next && bound < policy->cap_ms; n++) {
        bound = bound > policy->cap_ms / 2 ? policy->cap_ms : bound * 2;
    }
    if (bound > policy->cap_ms) {
        bound = policy->cap_ms;
    }
    return bound <= 0 ? 0 : (int64_t)rng_below(rng, (uint64_t)bound + 1);
}
