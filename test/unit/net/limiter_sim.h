/* SPDX-License-Identifier: MIT */
/*
 * Hours of limited calls in simulated time, in one thread: WORKERS calls are in flight at most, each
 * takes a random latency, and a worker takes its next token at once. Shared by the unit test and by
 * bench/bench_limiter.c.
 */
#ifndef STEWARD_TEST_LIMITER_SIM_H
#define STEWARD_TEST_LIMITER_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct limiter_sim {
    int64_t calls;
    int64_t period_ms;
    int workers;
    int64_t min_latency_ms;
    int64_t max_latency_ms;
    int64_t hours;
    uint64_t seed;
};

struct limiter_sim_result {
    size_t made;
    int64_t worst_window; /* most calls that any window of the period can hold */
    double utilisation;   /* calls made of calls allowed */
};

bool limiter_sim_run(const struct limiter_sim *sim, struct limiter_sim_result *ret);

/* The most calls that the remote can have counted within any half-open window of `period_ns`, each at
 * the worst instant between its start and its end. Sorts the arrays. */
int64_t limiter_sim_worst_window(int64_t *starts_ns, int64_t *ends_ns, size_t count,
                                 int64_t period_ns);

#endif
