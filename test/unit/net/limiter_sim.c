/* SPDX-License-Identifier: MIT */
#include "limiter_sim.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/rng.h"
#include "net/limiter.h"

enum { MAX_WORKERS = 64 };

struct flight {
    int64_t end_ns;
    int token;
};

/* Its clock ends the calls in flight while the limiter sleeps. */
struct world {
    struct clock clock;
    struct limiter *limiter;
    int64_t now_ns;
    struct flight flights[MAX_WORKERS];
    int in_flight;
};

static int64_t world_mono_ns(void *ctx)
{
    const struct world *world = ctx;
    return world->now_ns;
}

static int64_t world_real_ms(void *ctx)
{
    const struct world *world = ctx;
    return world->now_ns / 1000000 + INT64_C(1795521600000);
}

/* Ends the call that is due first, if it is due by `until_ns`. */
static bool land_one(struct world *world, int64_t until_ns)
{
    int first = -1;
    for (int i = 0; i < world->in_flight; i++) {
        if (first < 0 || world->flights[i].end_ns < world->flights[first].end_ns) {
            first = i;
        }
    }
    if (first < 0 || world->flights[first].end_ns > until_ns) {
        return false;
    }
    struct flight landed = world->flights[first];
    world->flights[first] = world->flights[--world->in_flight];
    world->now_ns = landed.end_ns;
    limiter_give(world->limiter, landed.token);
    return true;
}

static bool world_sleep_ns(void *ctx, int64_t ns, struct stop *stop UNUSED, int level UNUSED)
{
    struct world *world = ctx;
    int64_t until_ns = world->now_ns + ns;
    while (land_one(world, until_ns)) {
    }
    world->now_ns = until_ns;
    return true;
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

int64_t limiter_sim_worst_window(int64_t *starts_ns, int64_t *ends_ns, size_t count,
                                 int64_t period_ns)
{
    qsort(starts_ns, count, sizeof(*starts_ns), compare_i64);
    qsort(ends_ns, count, sizeof(*ends_ns), compare_i64);
    int64_t worst = 0;
    size_t started = 0;
    size_t ended = 0;
    /* the count only grows where a window begins at the end of a call */
    for (size_t i = 0; i < count; i++) {
        while (started < count && starts_ns[started] < ends_ns[i] + period_ns) {
            started++;
        }
        while (ended < count && ends_ns[ended] < ends_ns[i]) {
            ended++;
        }
        int64_t held = (int64_t)started - (int64_t)ended;
        worst = held > worst ? held : worst;
    }
    return worst;
}

bool limiter_sim_run(const struct limiter_sim *sim, struct limiter_sim_result *ret)
{
    struct world world = {.now_ns = INT64_C(5000000000)};
    world.clock = (struct clock){world_real_ms, world_mono_ns, world_sleep_ns, &world};
    struct limiter_options options = {
        .calls = sim->calls, .period_ms = sim->period_ms, .clock = &world.clock};
    struct err err = {0};
    world.limiter = limiter_open(AT_FDCWD, NULL, &options, &err);
    if (world.limiter == NULL || sim->workers > MAX_WORKERS) {
        return false;
    }
    struct rng rng;
    rng_seed(&rng, sim->seed);
    int64_t begin_ns = world.now_ns;
    int64_t end_ns = begin_ns + sim->hours * 3600 * INT64_C(1000000000);
    size_t room = (size_t)((sim->hours * 3600000 / sim->period_ms + 2) * sim->calls);
    int64_t *starts = xcalloc(room, sizeof(*starts));
    int64_t *ends = xcalloc(room, sizeof(*ends));
    size_t made = 0;
    bool ok = true;
    while (world.now_ns < end_ns && made < room) {
        if (world.in_flight == sim->workers) {
            (void)land_one(&world, INT64_MAX); /* there is one */
        }
        int token = -1;
        if (!limiter_take(world.limiter, NULL, 1, &token, NULL, &err)) {
            ok = false;
            break;
        }
        int64_t spread = (sim->max_latency_ms - sim->min_latency_ms) * 1000000 + 1;
        int64_t latency =
            sim->min_latency_ms * 1000000 + (int64_t)rng_below(&rng, (uint64_t)spread);
        starts[made] = world.now_ns;
        ends[made] = world.now_ns + latency;
        world.flights[world.in_flight++] = (struct flight){ends[made], token};
        made++;
    }
    double periods = (double)(world.now_ns - begin_ns) / ((double)sim->period_ms * 1e6);
    ret->made = made;
    ret->utilisation = (double)made / (periods * (double)sim->calls);
    ret->worst_window = limiter_sim_worst_window(starts, ends, made, sim->period_ms * 1000000);
    free(starts);
    free(ends);
    limiter_close(world.limiter);
    return ok;
}
