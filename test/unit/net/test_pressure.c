/* SPDX-License-Identifier: MIT */
/* Limiter, breaker, budget and width behind one door, on a clock that is moved. */
#include "net/pressure.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/queue.h"
#include "harness/fakeclock.h"
#include "harness/tap.h"

static struct fakeclock fake;
static struct stop stop;
static struct limiter *limiter;
static struct pressure *pressure;
static struct err err;
static char told[512]; /* every change that was told */

static void note_change(void *ctx UNUSED, bool breaker, const struct pressure_state *state)
{
    size_t len = strlen(told);
    if (breaker) {
        (void)snprintf(told + len, sizeof(told) - len, "%s; ", breaker_state_name(state->breaker));
    } else {
        (void)snprintf(told + len, sizeof(told) - len, "%d %s; ", state->width, state->sign);
    }
}

static void start(int64_t calls, int64_t workers)
{
    fakeclock_init(&fake);
    stop_init(&stop);
    told[0] = '\0';
    const struct limiter_options limits = {
        .calls = calls, .period_ms = 10000, .clock = &fake.clock};
    limiter = limiter_open(AT_FDCWD, NULL, &limits, &err);
    const struct pressure_options options = {.remote = "devrev",
                                             .limiter = limiter,
                                             .clock = &fake.clock,
                                             .workers = workers,
                                             .changed = note_change};
    pressure = pressure_new(&options);
}

static void finish(void)
{
    pressure_free(pressure);
    limiter_close(limiter);
    stop_done(&stop);
}

static int64_t now_ms(void)
{
    return clock_mono_ns(&fake.clock) / 1000000;
}

static bool begin(bool is_write, struct pressure_pass *ret)
{
    return pressure_begin(pressure, is_write, &stop, 1, ret, &err);
}

/* One attempt of 10 ms; returns how long it waited before. */
static int64_t call(bool is_write, int status, int64_t retry_after_ms)
{
    struct pressure_pass pass;
    int64_t before = now_ms();
    CHECK_OK(begin(is_write, &pass), err);
    int64_t waited = now_ms() - before;
    CHECK_INT(pass.waited_ns / 1000000, waited);
    fakeclock_advance_ms(&fake, 10);
    pressure_end(pressure, &pass, status, retry_after_ms);
    return waited;
}

static void bad(int times)
{
    for (int i = 0; i < times; i++) {
        CHECK_INT(call(false, 503, 0), 0);
    }
}

static void an_open_breaker_parks_reads_and_refuses_writes(void)
{
    start(0, 8);
    bad(10);
    struct pressure_pass pass;
    CHECK_ERR(begin(true, &pass), err, ERR_LIMITED,
              "not sent: the circuit breaker of devrev is not closed");
    CHECK(err.retryable);
    CHECK(!err.fatal);
    CHECK_INT(err.http_status, 0);
    CHECK(!pressure_takes_writes(pressure));
    struct limiter_state limit;
    limiter_look(limiter, &limit);
    CHECK_STR(limit.why, "breaker");
    CHECK_INT(limit.next_ms, 60000);
    CHECK_INT(call(false, 200, 0), 60000);
    CHECK_ERR(begin(true, &pass), err, ERR_LIMITED,
              "not sent: the circuit breaker of devrev is not closed");
    CHECK_INT(call(false, 404, 0), 0); /* an answer like any other */
    CHECK_INT(call(false, 200, 0), 0);
    CHECK_INT(call(true, 200, 0), 0);
    struct pressure_state state;
    pressure_look(pressure, &state);
    CHECK_INT(state.breaker, BREAKER_CLOSED);
    CHECK_INT(state.breaker_opened, 1);
    CHECK_INT(state.broken_ms, 60030);
    CHECK_INT(state.refused, 2);
    CHECK_STR(told, "4 errors; 2 errors; 1 errors; open; half-open; closed; ");
    finish();
}

static void who_says_slow_down_is_well(void)
{
    start(0, 8);
    for (int i = 0; i < 30; i++) {
        CHECK_INT(call(false, 429, 1000), i == 0 ? 0 : 1000);
    }
    CHECK(pressure_is_closed(pressure));
    CHECK_INT(pressure_width(pressure), 1);
    finish();
}

static void a_429_without_a_time_cools_down(void)
{
    start(0, 8);
    CHECK_INT(call(false, 429, PRESSURE_COOL_DOWN), 0);
    struct limiter_state limit;
    limiter_look(limiter, &limit);
    CHECK_STR(limit.why, "cool-down");
    CHECK_INT(call(false, 429, 0), 60000);
    CHECK_INT(call(false, 200, 0), 50); /* "Retry-After: 0" */
    finish();
}

static void an_outage_that_lasts_ends_the_run(void)
{
    start(0, 1);
    bad(10);
    int64_t begun = now_ms();
    for (int i = 0; i < 9; i++) {
        CHECK_INT(call(false, 503, 0), 60000);
    }
    struct pressure_pass pass;
    CHECK_INT(call(false, 503, 0), 60000); /* a last probe when the time is just over */
    CHECK_ERR(begin(false, &pass), err, ERR_STOPPED,
              "the circuit breaker of devrev has not closed for 600 s: it does not answer well");
    CHECK(err.fatal);
    CHECK_INT(now_ms() - begun, 600100);
    CHECK_ERR(begin(true, &pass), err, ERR_STOPPED,
              "the circuit breaker of devrev has not closed for 600 s: it does not answer well");
    finish();
}

static void a_stop_ends_the_waiting_for_a_probe(void)
{
    start(0, 16);
    struct pressure_pass together[10];
    for (int i = 0; i < 10; i++) {
        CHECK_OK(begin(false, &together[i]), err);
    }
    fakeclock_advance_ms(&fake, 10);
    for (int i = 0; i < 10; i++) {
        pressure_end(pressure, &together[i], 503, 0);
    }
    CHECK_STR(told, "8 errors; open; "); /* one moment, one cut */
    fakeclock_advance_ms(&fake, 60000);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(begin(false, &together[i]), err);
    }
    stop_raise(&stop, 1);
    struct pressure_pass pass;
    CHECK(!pressure_begin(pressure, false, &stop, 1, &pass, &err));
    CHECK_INT(err.kind, ERR_INTERRUPTED);
    CHECK(err.retryable);
    finish();
}

/* --- how many together ------------------------------------------------------------------------ */

static struct {
    atomic_int under_way;
    atomic_int most;
    atomic_int made;
} crowd;

static void *call_often(void *arg)
{
    (void)arg;
    struct err mine = {0};
    for (int i = 0; i < 200; i++) {
        struct pressure_pass pass;
        if (!pressure_begin(pressure, false, &stop, 1, &pass, &mine)) {
            break;
        }
        int now = atomic_fetch_add(&crowd.under_way, 1) + 1;
        int most = atomic_load(&crowd.most);
        while (now > most && !atomic_compare_exchange_weak(&crowd.most, &most, now)) {
        }
        (void)usleep(50);
        atomic_fetch_sub(&crowd.under_way, 1);
        atomic_fetch_add(&crowd.made, 1);
        /* what says nothing leaves the width as it is */
        pressure_end(pressure, &pass, PRESSURE_NOT_MADE, 0);
    }
    return NULL;
}

static void no_more_together_than_the_width(void)
{
    start(0, 8);
    CHECK_INT(call(false, 429, 50), 0);
    CHECK_INT(call(false, 429, 50), 50);
    CHECK_INT(pressure_width(pressure), 2);
    memset(&crowd, 0, sizeof(crowd));
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) {
        CHECK(thread_start(&threads[i], "caller", call_often, NULL, &err));
    }
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_INT(atomic_load(&crowd.most), 2);
    CHECK_INT(atomic_load(&crowd.made), 1200);
    struct pressure_pass held[2];
    struct pressure_pass third;
    CHECK_OK(begin(false, &held[0]), err);
    CHECK_OK(begin(false, &held[1]), err);
    stop_raise(&stop, 1);
    CHECK(!pressure_begin(pressure, false, &stop, 1, &third, &err));
    CHECK_INT(err.kind, ERR_INTERRUPTED);
    finish();
}

/* A token that was waited for in vain must not be lost. */
static void who_may_not_go_gives_the_token_back(void)
{
    start(4, 8);
    struct pressure_pass pass;
    CHECK_OK(begin(false, &pass), err);
    struct limiter_state limit;
    limiter_look(limiter, &limit);
    CHECK_INT(limit.free_tokens, 3);
    pressure_hold(pressure, true);
    CHECK_ERR(begin(true, &pass), err, ERR_LIMITED, "not sent: the run is paused");
    limiter_look(limiter, &limit);
    CHECK_INT(limit.free_tokens, 3);
    CHECK_INT(call(false, 200, 0), 0);
    pressure_hold(pressure, false);
    CHECK_INT(call(true, 200, 0), 0);
    finish();
}

static void retries_beyond_their_share_wait(void)
{
    start(0, 8);
    for (int i = 0; i < 21; i++) {
        CHECK_INT(pressure_retry_ms(pressure), 0);
    }
    CHECK_INT(pressure_retry_ms(pressure), 1000);
    struct pressure_state state;
    pressure_look(pressure, &state);
    CHECK_INT(state.delayed, 1);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(call(false, 200, 0), 0);
    }
    CHECK_INT(pressure_retry_ms(pressure), 0);
    finish();
}

/* --- hours, in milliseconds ----------------------------------------------------------------- */

enum { ALLOWED = 50, WINDOW_MS = 10000, HOUR_MS = 3600 * 1000 };

/* A remote that allows 50 calls in any 10 s, is down in the third hour for four minutes, and once an
 * hour says 429 for no reason and names no time. */
static struct {
    int64_t accepted_at[ALLOWED];
    int oldest;
    int accepted;
    int refused;
    int writes_while_down;
    int calls_while_down;
    int64_t next_whim_ms;
} remote;

static bool is_down(int64_t at_ms)
{
    return at_ms >= 2 * HOUR_MS && at_ms < 2 * HOUR_MS + 240000;
}

static int answer(int64_t at_ms, bool is_write, int64_t *ret_retry_after_ms)
{
    int64_t *oldest = &remote.accepted_at[remote.oldest];
    *ret_retry_after_ms = PRESSURE_COOL_DOWN;
    if (is_down(at_ms)) {
        remote.calls_while_down++;
        remote.writes_while_down += is_write;
        return 503;
    }
    if (at_ms >= remote.next_whim_ms) {
        remote.next_whim_ms += HOUR_MS;
        return 429;
    }
    if (*oldest != 0 && at_ms - *oldest < WINDOW_MS) {
        remote.refused++;
        *ret_retry_after_ms = WINDOW_MS - (at_ms - *oldest);
        return 429;
    }
    *oldest = at_ms;
    remote.oldest = (remote.oldest + 1) % ALLOWED;
    remote.accepted++;
    return 200;
}

static void six_hours_of_limits_whims_and_an_outage(void)
{
    start(ALLOWED, 8);
    memset(&remote, 0, sizeof(remote));
    remote.next_whim_ms = HOUR_MS / 2;
    int64_t begin_ms = now_ms();
    int held_back = 0;
    for (int64_t i = 0; now_ms() - begin_ms < (int64_t)6 * HOUR_MS; i++) {
        struct pressure_pass pass;
        bool closed = pressure_is_closed(pressure);
        bool is_write = closed && i % 10 == 9;
        if (!closed) {
            held_back += !begin(true, &pass);
        }
        CHECK_OK(begin(is_write, &pass), err);
        fakeclock_advance_ms(&fake, 20);
        int64_t retry_after_ms;
        int status = answer(now_ms() - begin_ms, is_write, &retry_after_ms);
        pressure_end(pressure, &pass, status, retry_after_ms);
    }
    struct pressure_state state;
    pressure_look(pressure, &state);
    /* the outage, up to an open time more; six cool-downs; nothing else is lost */
    int64_t lost_ms = 300000 + 6 * 60000;
    double allowed = ((double)6 * HOUR_MS - (double)lost_ms) / WINDOW_MS * ALLOWED;
    printf("# %d accepted (%.1f %%), %d refused, %d calls while it was down\n", remote.accepted,
           100.0 * remote.accepted / allowed, remote.refused, remote.calls_while_down);
    CHECK_INT(remote.refused, 0);
    CHECK(remote.accepted >= 0.99 * allowed);
    CHECK_INT(state.breaker_opened, 1);
    CHECK(state.broken_ms >= 240000 && state.broken_ms <= 301000);
    CHECK(remote.calls_while_down <= 20); /* until it opened, and a probe a minute */
    CHECK(remote.writes_while_down <= 2); /* only before it opened */
    CHECK_INT(held_back, state.refused);
    CHECK_INT(held_back, 6); /* at three probes that failed, and three that closed it */
    finish();
}

TAP_MAIN(TAP_TEST(an_open_breaker_parks_reads_and_refuses_writes),
         TAP_TEST(who_says_slow_down_is_well), TAP_TEST(a_429_without_a_time_cools_down),
         TAP_TEST(an_outage_that_lasts_ends_the_run), TAP_TEST(a_stop_ends_the_waiting_for_a_probe),
         TAP_TEST(who_may_not_go_gives_the_token_back), TAP_TEST(retries_beyond_their_share_wait),
         TAP_TEST(no_more_together_than_the_width),
         TAP_TEST(six_hours_of_limits_whims_and_an_outage))
