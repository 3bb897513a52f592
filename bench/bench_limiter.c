/* SPDX-License-Identifier: MIT */
/*
 * The limiter: how much of the limit long runs use and what the fullest window holds, in simulated
 * time; and what a token costs, in memory and through the file of a workspace.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "limiter_sim.h"
#include "net/limiter.h"

static bool simulate(int64_t calls, int64_t period_ms, int workers)
{
    const struct limiter_sim sim = {.calls = calls,
                                    .period_ms = period_ms,
                                    .workers = workers,
                                    .min_latency_ms = 5,
                                    .max_latency_ms = 100,
                                    .hours = 24,
                                    .seed = 1};
    struct limiter_sim_result result = {0};
    if (!limiter_sim_run(&sim, &result)) {
        return false;
    }
    printf("%3lld calls per %2lld s, %2d workers, 24 h: %7zu calls, %.3f %% of the limit, fullest "
           "window %lld\n",
           (long long)calls, (long long)period_ms / 1000, workers, result.made,
           result.utilisation * 100, (long long)result.worst_window);
    return result.worst_window <= calls;
}

/* One thread, nobody waits. */
static bool cost(const char *name, int dirfd, const char *path, int64_t slots)
{
    enum { ROUNDS = 200000 };
    struct err err = {0};
    /* so short a period that a token is back before it is its turn again */
    struct limiter_options options = {.calls = slots, .period_ms = 1, .clock = clock_system()};
    AUTO(limiter_close) struct limiter *limiter = limiter_open(dirfd, path, &options, &err);
    if (limiter == NULL || !limiter_set(limiter, 0, 0, &err)) {
        fprintf(stderr, "bench_limiter: %s\n", err.message);
        return false;
    }
    int64_t start_ns = clock_mono_ns(clock_system());
    for (int i = 0; i < ROUNDS; i++) {
        int token = -1;
        if (!limiter_take(limiter, NULL, 1, &token, NULL, &err)) {
            return false;
        }
        limiter_give(limiter, token);
    }
    int64_t ns = (clock_mono_ns(clock_system()) - start_ns) / ROUNDS;
    printf("no limit, %3lld slots known, %s: %lld ns a call\n", (long long)slots, name,
           (long long)ns);
    return true;
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : ".";
    int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd < 0) {
        perror(dir);
        return 1;
    }
    bool ok = simulate(45, 60000, 8) && simulate(50, 10000, 8) && simulate(45, 60000, 1) &&
              simulate(1000, 60000, 16) && cost("in memory", dirfd, NULL, 50) &&
              cost("in a file", dirfd, "bench-limiter-50", 50) &&
              cost("in a file", dirfd, "bench-limiter-1000", 1000);
    (void)unlinkat(dirfd, "bench-limiter-50", 0);   /* of this run */
    (void)unlinkat(dirfd, "bench-limiter-1000", 0); /* of this run */
    (void)close(dirfd);
    return ok ? 0 : 1;
}
