/* SPDX-License-Identifier: MIT */
#include "net/pressure.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/str.h"
#include "net/budget.h"

enum {
    WINDOW = 20,
    LEAST = 10,
    PERCENT = 50,
    PROBES = 3,
    OPEN_MS = 60000,
    GIVE_UP_MS = 600000,
    RETRY_PERCENT = 20,
    COOL_DOWN_MS = 60000,  /* after a 429 that names no time */
    SHORTEST_PARK_MS = 50, /* "Retry-After: 0" must not become a storm */
    NAP_MS = 50,           /* until a probe in flight may have ended; looks for a raised stop */
    MOST_WORKERS = 256,
};

struct pressure {
    struct pressure_options options;
    pthread_mutex_t lock;
    pthread_cond_t moved; /* one has ended, or the width has grown; CLOCK_MONOTONIC */
    int under_way GUARDED_BY(lock);
    struct breaker breaker GUARDED_BY(lock);
    struct budget budget GUARDED_BY(lock);
    struct width width GUARDED_BY(lock);
    int64_t broken_ns GUARDED_BY(lock); /* of the openings that are over */
    uint64_t refused GUARDED_BY(lock);
    uint64_t delayed GUARDED_BY(lock);
    atomic_int width_now;
    atomic_bool held;
};

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value != 0 ? value : fallback;
}

struct pressure *pressure_new(const struct pressure_options *options)
{
    struct pressure *pressure = xnew(struct pressure);
    pressure->options = *options;
    pressure->options.open_ms = or_default(options->open_ms, OPEN_MS);
    pressure->options.give_up_ms = or_default(options->give_up_ms, GIVE_UP_MS);
    const struct breaker_policy policy = {.window = WINDOW,
                                          .least = LEAST,
                                          .percent = PERCENT,
                                          .probes = PROBES,
                                          .open_ns = pressure->options.open_ms * 1000000};
    pthread_mutex_init(&pressure->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&pressure->moved, &attr);
    pthread_condattr_destroy(&attr);
    breaker_init(&pressure->breaker, &policy);
    budget_init(&pressure->budget, or_default(options->retry_percent, RETRY_PERCENT));
    width_init(&pressure->width, (int)or_default(options->workers, MOST_WORKERS));
    atomic_init(&pressure->width_now, pressure->width.now);
    atomic_init(&pressure->held, false);
    return pressure;
}

void pressure_free(struct pressure *pressure)
{
    if (pressure != NULL) {
        pthread_cond_destroy(&pressure->moved);
        pthread_mutex_destroy(&pressure->lock);
        free(pressure);
    }
}

static int64_t now_ns(const struct pressure *pressure)
{
    return clock_mono_ns(pressure->options.clock);
}

static void look(struct pressure *pressure, int64_t now, struct pressure_state *ret)
{
    const struct width *width = &pressure->width;
    *ret = (struct pressure_state){
        .breaker = pressure->breaker.state,
        .breaker_opened = pressure->breaker.opened,
        .broken_ms = (pressure->broken_ns + breaker_broken_ns(&pressure->breaker, now)) / 1000000,
        .refused = pressure->refused,
        .width = width->now,
        .most = width->most,
        .sign = width->now < width->most ? width_sign_name(width->sign) : NULL,
        .cuts = width->cuts,
        .delayed = pressure->delayed,
        .held = pressure_is_held(pressure),
    };
}

static void tell(struct pressure *pressure, bool breaker, const struct pressure_state *state)
{
    if (pressure->options.changed != NULL) {
        pressure->options.changed(pressure->options.ctx, breaker, state);
    }
}

/* --- beginning ----------------------------------------------------------------------------- */

static bool give_up(const struct pressure *pressure, struct err *err)
{
    (void)err_set(err, ERR_STOPPED,
                  "the circuit breaker of %s has not closed for %lld s: it does not answer well",
                  pressure->options.remote, (long long)(pressure->options.give_up_ms / 1000));
    err->fatal = true;
    return false;
}

static bool refuse(struct pressure *pressure, struct err *err)
{
    if (pressure_is_held(pressure)) {
        (void)err_set(err, ERR_LIMITED, "not sent: the run is paused");
    } else {
        pthread_mutex_lock(&pressure->lock);
        pressure->refused++;
        pthread_mutex_unlock(&pressure->lock);
        (void)err_set(err, ERR_LIMITED, "not sent: the circuit breaker of %s is not closed",
                      pressure->options.remote);
    }
    err->retryable = true;
    return false;
}

/* Looks only, before a token is waited for. */
static enum breaker_verdict foresee(struct pressure *pressure, bool is_write,
                                    int64_t *ret_broken_ns)
{
    int64_t now = now_ns(pressure);
    uint64_t ticket;
    pthread_mutex_lock(&pressure->lock);
    struct breaker copy = pressure->breaker;
    enum breaker_verdict verdict = breaker_ask(&copy, is_write, now, &ticket);
    *ret_broken_ns = breaker_broken_ns(&copy, now);
    pthread_mutex_unlock(&pressure->lock);
    return is_write && pressure_is_held(pressure) ? BREAKER_REFUSE : verdict;
}

static enum breaker_verdict ask(struct pressure *pressure, bool is_write, uint64_t *ret_ticket)
{
    if (is_write && pressure_is_held(pressure)) {
        return BREAKER_REFUSE;
    }
    int64_t now = now_ns(pressure);
    struct pressure_state state;
    pthread_mutex_lock(&pressure->lock);
    enum breaker_state before = pressure->breaker.state;
    enum breaker_verdict verdict = breaker_ask(&pressure->breaker, is_write, now, ret_ticket);
    bool changed = pressure->breaker.state != before;
    if (verdict == BREAKER_GO) {
        budget_earn(&pressure->budget);
    }
    look(pressure, now, &state);
    pthread_mutex_unlock(&pressure->lock);
    if (changed) {
        tell(pressure, true, &state);
    }
    return verdict;
}

static bool too_long(const struct pressure *pressure, int64_t broken_ns)
{
    return broken_ns >= pressure->options.give_up_ms * 1000000;
}

/* One of `width` places. False: stopped. */
static bool take_place(struct pressure *pressure, struct stop *stop, int level)
{
    bool stopped = false;
    pthread_mutex_lock(&pressure->lock);
    while (pressure->under_way >= pressure->width.now && !stopped) {
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail for this clock */
        until.tv_nsec += (long)NAP_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        /* a timeout and a signal mean the same: look again */
        (void)pthread_cond_timedwait(&pressure->moved, &pressure->lock, &until);
        stopped = stop != NULL && stop_level(stop) >= level;
    }
    pressure->under_way += !stopped;
    pthread_mutex_unlock(&pressure->lock);
    return !stopped;
}

static void leave_place(struct pressure *pressure)
{
    pthread_mutex_lock(&pressure->lock);
    pressure->under_way--;
    pthread_cond_broadcast(&pressure->moved);
    pthread_mutex_unlock(&pressure->lock);
}

static bool stopped_waiting(struct err *err)
{
    (void)err_set(err, ERR_INTERRUPTED, "stopped while waiting for the remote to recover");
    err->retryable = true;
    return false;
}

/* Holds a place. */
static bool pass_all(struct pressure *pressure, bool is_write, struct stop *stop, int level,
                     struct pressure_pass *ret, struct err *err)
{
    const struct clock *clock = pressure->options.clock;
    for (;;) {
        int64_t broken_ns = 0;
        enum breaker_verdict verdict = foresee(pressure, is_write, &broken_ns);
        int token = -1;
        if (verdict != BREAKER_GO && too_long(pressure, broken_ns)) {
            return give_up(pressure, err);
        }
        if (verdict == BREAKER_REFUSE) {
            return refuse(pressure, err);
        }
        if (!limiter_take(pressure->options.limiter, stop, level, &token, NULL, err)) {
            err->retryable = err->kind == ERR_INTERRUPTED;
            return false;
        }
        /* much may have happened while it waited */
        verdict = ask(pressure, is_write, &ret->ticket);
        if (verdict == BREAKER_GO) {
            ret->token = token;
            ret->began_ns = now_ns(pressure);
            return true;
        }
        limiter_unuse(pressure->options.limiter, token);
        if (verdict == BREAKER_WAIT && !clock_sleep_ms(clock, NAP_MS, stop, level)) {
            return stopped_waiting(err);
        }
    }
}

bool pressure_begin(struct pressure *pressure, bool is_write, struct stop *stop, int level,
                    struct pressure_pass *ret, struct err *err)
{
    int64_t start_ns = now_ns(pressure);
    if (!take_place(pressure, stop, level)) {
        return stopped_waiting(err);
    }
    if (!pass_all(pressure, is_write, stop, level, ret, err)) {
        leave_place(pressure);
        return false;
    }
    ret->waited_ns = ret->began_ns - start_ns;
    return true;
}

/* --- ending -------------------------------------------------------------------------------- */

int64_t pressure_park_ms(int64_t retry_after_ms)
{
    if (retry_after_ms < 0) {
        return COOL_DOWN_MS;
    }
    return retry_after_ms < SHORTEST_PARK_MS ? SHORTEST_PARK_MS : retry_after_ms;
}

static enum breaker_outcome outcome_of(int status)
{
    if (status == PRESSURE_NOT_MADE || status == 429) {
        return BREAKER_NOTHING; /* whoever asks to slow down is well */
    }
    return status == PRESSURE_SILENT || status >= 500 || status == 408 ? BREAKER_BAD : BREAKER_GOOD;
}

static enum width_sign sign_of(int status)
{
    if (status == PRESSURE_SILENT) {
        return WIDTH_SILENCE;
    }
    if (status == 429) {
        return WIDTH_LIMITED;
    }
    return status >= 500 || status == 408 ? WIDTH_ERROR : WIDTH_CLEAN;
}

/* Tells breaker and width. */
static void note(struct pressure *pressure, const struct pressure_pass *pass, int status)
{
    int64_t now = now_ns(pressure);
    struct pressure_state state;
    pthread_mutex_lock(&pressure->lock);
    int64_t broken_ns = breaker_broken_ns(&pressure->breaker, now);
    bool moved = breaker_note(&pressure->breaker, pass->ticket, outcome_of(status), now);
    bool opened = moved && pressure->breaker.state == BREAKER_OPEN;
    bool wider = status != PRESSURE_NOT_MADE &&
                 width_note(&pressure->width, sign_of(status), pass->began_ns, now);
    pressure->broken_ns += moved && !opened ? broken_ns : 0;
    atomic_store(&pressure->width_now, pressure->width.now);
    look(pressure, now, &state);
    pthread_mutex_unlock(&pressure->lock);
    if (opened) {
        limiter_park(pressure->options.limiter, pressure->options.open_ms, "breaker");
    }
    if (moved) {
        tell(pressure, true, &state);
    }
    if (wider) {
        tell(pressure, false, &state);
    }
}

void pressure_end(struct pressure *pressure, const struct pressure_pass *pass, int status,
                  int64_t retry_after_ms)
{
    struct limiter *limiter = pressure->options.limiter;
    note(pressure, pass, status);
    /* parked before the token is back, so that nobody slips through between */
    if (status == 429) {
        limiter_park(limiter, pressure_park_ms(retry_after_ms),
                     retry_after_ms < 0 ? "cool-down" : "429");
        limiter_give_refused(limiter, pass->token, retry_after_ms);
    } else {
        limiter_give(limiter, pass->token);
    }
    leave_place(pressure);
}

/* --- the rest ------------------------------------------------------------------------------ */

int64_t pressure_retry_ms(struct pressure *pressure)
{
    int64_t now = now_ns(pressure);
    pthread_mutex_lock(&pressure->lock);
    int64_t ns = budget_spend_ns(&pressure->budget, now);
    pressure->delayed += ns > 0;
    pthread_mutex_unlock(&pressure->lock);
    return (ns + 999999) / 1000000;
}

bool pressure_is_closed(struct pressure *pressure)
{
    pthread_mutex_lock(&pressure->lock);
    bool closed = pressure->breaker.state == BREAKER_CLOSED;
    pthread_mutex_unlock(&pressure->lock);
    return closed;
}

bool pressure_takes_writes(struct pressure *pressure)
{
    return !pressure_is_held(pressure) && pressure_is_closed(pressure);
}

void pressure_hold(struct pressure *pressure, bool hold)
{
    atomic_store(&pressure->held, hold);
}

bool pressure_is_held(const struct pressure *pressure)
{
    return atomic_load(&pressure->held);
}

int pressure_width(const struct pressure *pressure)
{
    return atomic_load(&pressure->width_now);
}

void pressure_look(struct pressure *pressure, struct pressure_state *ret)
{
    int64_t now = now_ns(pressure);
    pthread_mutex_lock(&pressure->lock);
    look(pressure, now, ret);
    pthread_mutex_unlock(&pressure->lock);
}
