/* SPDX-License-Identifier: MIT */
/*
 * How one remote fares, as all workers of a run see it: limiter, circuit breaker, retry budget and
 * AIMD width behind one door. A client in remote/ lets each attempt through pressure_begin and tells
 * by pressure_end how it ended; no more attempts are under way together than the width allows, and the
 * engine hands out no more work than that (pressure_width).
 *
 * While the breaker is not closed nothing fails for its sake: reads wait, writes are refused as
 * certainly not sent (ERR_LIMITED, retryable, no http_status), so that what was checked before is
 * checked again. Its open time parks the limiter ("breaker"), whose file other processes and a
 * resumed run obey too. Where it has not closed for `give_up_ms` a call fails with ERR_STOPPED, fatal:
 * the run stops and can be resumed.
 *
 * A held remote (a paused run) refuses writes in the same way and lets reads go: what was sent is
 * still confirmed.
 *
 * Any thread may call; one mutex, never held while waiting or in a callback.
 */
#ifndef STEWARD_NET_PRESSURE_H
#define STEWARD_NET_PRESSURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "net/breaker.h"
#include "net/limiter.h"
#include "net/width.h"

struct pressure;

struct pressure_state {
    enum breaker_state breaker;
    uint64_t breaker_opened; /* times */
    int64_t broken_ms;       /* not closed, all times together, this one included */
    uint64_t refused;        /* writes that were not sent for the breaker's sake */
    int width;               /* workers that may be busy ... */
    int most;                /* ... of so many */
    const char *sign;        /* why it is less, NULL: it is not */
    uint64_t cuts;
    uint64_t delayed; /* retries that the budget made wait */
    bool held;
};

/* Everything is borrowed and must outlive it. 0: the default. */
struct pressure_options {
    const char *remote; /* "devrev" */
    struct limiter *limiter;
    const struct clock *clock;
    int64_t workers;       /* the most that may be under way together; 256 */
    int64_t open_ms;       /* of the breaker; 60,000 */
    int64_t give_up_ms;    /* 600,000 */
    int64_t retry_percent; /* retries to calls; 20 */
    /* The breaker's state has changed, or (`breaker` false) the width; called in the thread that saw
     * it. May be NULL. */
    void (*changed)(void *ctx, bool breaker, const struct pressure_state *state);
    void *ctx;
};

struct pressure *pressure_new(const struct pressure_options *options);
void pressure_free(struct pressure *pressure);
DEFINE_AUTO(struct pressure, pressure_free)

/* One attempt that may go. */
struct pressure_pass {
    uint64_t ticket;
    int token;
    int64_t began_ns;
    int64_t waited_ns;
};

/* Waits for its turn, limiter and breaker. False: stopped, refused or given up; nothing is to be ended then. */
bool pressure_begin(struct pressure *pressure, bool is_write, struct stop *stop, int level,
                    struct pressure_pass *ret, struct err *err) MUST_CHECK;

enum {
    PRESSURE_SILENT = 0,     /* begun, and no whole answer came */
    PRESSURE_NOT_MADE = -1,  /* it never reached the remote */
    PRESSURE_COOL_DOWN = -1, /* a 429 that names no time */
};

/* `status` of HTTP or one of the above. `retry_after_ms`: with a 429; parks everybody for that long. */
void pressure_end(struct pressure *pressure, const struct pressure_pass *pass, int status,
                  int64_t retry_after_ms);

/* For how long everybody is parked after a 429. */
int64_t pressure_park_ms(int64_t retry_after_ms);

/* How long the retry that is about to be made must wait for the budget; 0: not at all. */
int64_t pressure_retry_ms(struct pressure *pressure);

bool pressure_is_closed(struct pressure *pressure);

/* May a write be sent now? Only a hint: pressure_begin decides. */
bool pressure_takes_writes(struct pressure *pressure);

/* While true no write is let through; what waits notices. */
void pressure_hold(struct pressure *pressure, bool hold);
bool pressure_is_held(const struct pressure *pressure);

/* How many workers may be busy; cheap, no lock. */
int pressure_width(const struct pressure *pressure);

void pressure_look(struct pressure *pressure, struct pressure_state *ret);

#endif
