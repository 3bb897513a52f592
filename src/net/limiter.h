/* SPDX-License-Identifier: MIT */
/*
 * Rate limit: at most CALLS calls in any PERIOD, shared by all workers and by every process of the
 * workspace, earlier ones included.
 *
 * A token bucket whose tokens come back PERIOD after the *end* of the call that used them. A remote
 * counts a call somewhere between its start and its end, so no window of PERIOD at the remote can
 * hold more than CALLS, whatever the network delays; it costs one latency per token and period (50
 * ms on 60 s: 0.08 %).
 *
 * A margin of 2 ms and 100 ppm is added to the period, because the remote's clock is not ours.
 *
 * The tokens live in a small file mapped MAP_SHARED (`limits/<remote>` in the workspace), so they
 * outlive a kill. Times are CLOCK_BOOTTIME with the boot id, and CLOCK_REALTIME for the case of a
 * reboot. A token that a dead process held counts as used until now. A damaged file is treated as
 * full: wait, never exceed.
 *
 * Waiting is fair within a process (first come, first served) and ends early when `stop` rises. Any
 * thread may call.
 */
#ifndef STEWARD_NET_LIMITER_H
#define STEWARD_NET_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

struct limiter;

struct limiter_options {
    int64_t calls; /* 0: no limit of our own; parking still works */
    int64_t period_ms;
    const struct clock *clock;
    const char *boot_id; /* NULL: the machine's; for tests */
};

/* `path` NULL: in memory only. */
struct limiter *limiter_open(int dirfd, const char *path, const struct limiter_options *options,
                             struct err *err) MUST_CHECK;
void limiter_close(struct limiter *limiter);
DEFINE_AUTO(struct limiter, limiter_close)

/* Waits for a token. False: `stop` (may be NULL) is at `level` or above (ERR_INTERRUPTED), or the
 * file cannot be used any more (ERR_IO). ret_waited_ns may be NULL. */
bool limiter_take(struct limiter *limiter, struct stop *stop, int level, int *ret_token,
                  int64_t *ret_waited_ns, struct err *err) MUST_CHECK;
/* The call has ended (answered, failed, timed out). */
void limiter_give(struct limiter *limiter, int token);
/* It was answered by 429; `retry_after_ms` as it asked, -1: it did not. Fewer calls may go in a period
 * from now on where that shows that the remote allows fewer (net/ceiling.h). */
void limiter_give_refused(struct limiter *limiter, int token, int64_t retry_after_ms);
/* The call was not made after all: its token is free at once. */
void limiter_unuse(struct limiter *limiter, int token);

/* Nobody goes for `ms` from now (Retry-After, X-Ratelimit-Reset, cool-down); only ever extends.
 * `why` is a constant shown in progress: "429", "quota". */
void limiter_park(struct limiter *limiter, int64_t ms, const char *why);

/* Another limit from now on; calls already made count under it. ERR_CONFIG where it makes no sense.
 */
bool limiter_set(struct limiter *limiter, int64_t calls, int64_t period_ms,
                 struct err *err) MUST_CHECK;

/* What the remote says that it allows: `calls` in a time that lasts `left_ms` more. How long it is
 * altogether is learned as the longest that was ever left. Holds beside our own limit from then on,
 * where it is the stricter one. */
void limiter_learn(struct limiter *limiter, int64_t calls, int64_t left_ms);

struct limiter_state {
    int64_t calls;       /* that may go in period_ms now; 0: no limit is known */
    int64_t period_ms;   /* as it was set, or as it was learned */
    bool learned;        /* it is the remote's: from its headers or its refusals */
    int64_t free_tokens; /* -1: no limit is known */
    int64_t next_ms;     /* until a call could go, 0: now; a guess while all tokens are in flight */
    int64_t waiting;     /* threads in line */
    const char *why;     /* "limit", or the reason of limiter_park; NULL: not waiting */
};
void limiter_look(struct limiter *limiter, struct limiter_state *ret);

#endif
