/* SPDX-License-Identifier: MIT */
/*
 * Time, injectable: whoever waits or stamps takes a `const struct clock *`. Tests pass a clock of
 * their own (test/harness/fakeclock.h); the program passes clock_system().
 *
 * real_ms: CLOCK_REALTIME, milliseconds since 1970, for people and remotes.
 * mono_ns: CLOCK_BOOTTIME, nanoseconds, never jumps, the same in every process of one boot.
 *
 * A `struct stop` is how a run is asked to end: level 0 run, 1 drain (finish what is begun), 2 stop
 * at once. Any thread may raise it; it never goes down. Waits end early when it rises.
 */
#ifndef STEWARD_BASE_CLOCK_H
#define STEWARD_BASE_CLOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct stop {
    pthread_mutex_t lock;
    pthread_cond_t raised; /* CLOCK_MONOTONIC */
    atomic_int level;
};

void stop_init(struct stop *stop);
void stop_done(struct stop *stop);
void stop_raise(struct stop *stop, int level);
int stop_level(const struct stop *stop);

struct clock {
    int64_t (*real_ms)(void *ctx);
    int64_t (*mono_ns)(void *ctx);
    /* Waits for `ns`; returns early, false, once stop (may be NULL) is at or above `level`. */
    bool (*sleep_ns)(void *ctx, int64_t ns, struct stop *stop, int level);
    void *ctx;
};

const struct clock *clock_system(void);

static inline int64_t clock_real_ms(const struct clock *clock)
{
    return clock->real_ms(clock->ctx);
}

static inline int64_t clock_mono_ns(const struct clock *clock)
{
    return clock->mono_ns(clock->ctx);
}

static inline bool clock_sleep_ms(const struct clock *clock, int64_t ms, struct stop *stop,
                                  int level)
{
    return clock->sleep_ns(clock->ctx, ms * 1000000, stop, level);
}

enum { CLOCK_TEXT_BYTES = 80 };

/* "2026-11-24T14:37:38.123Z" into out[CLOCK_TEXT_BYTES]. */
void clock_rfc3339(int64_t real_ms, char *out);

/* "20261124_143738" (UTC) into out[CLOCK_TEXT_BYTES]. */
void clock_stamp(int64_t real_ms, char *out);

/* RFC 3339, or YYYY-MM-DD[ HH:MM[:SS]] taken as UTC.
 * Fractions beyond milliseconds are cut. */
bool clock_parse(str s, int64_t *ret_real_ms);

/* HTTP-date in the three forms of RFC 9110 5.6.7. */
bool clock_parse_http(str s, int64_t *ret_real_ms);

#endif
