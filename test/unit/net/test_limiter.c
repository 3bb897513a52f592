/* SPDX-License-Identifier: MIT */
#include "net/limiter.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rng.h"
#include "harness/fakeclock.h"
#include "harness/tap.h"
#include "limiter_sim.h"

static struct fakeclock fake;
static struct err err;

static int open_tmpdir(void)
{
    int fd = open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

static struct limiter *open_with(int dirfd, const char *path, int64_t calls, int64_t period_ms,
                                 const struct clock *clock)
{
    struct limiter_options options = {.calls = calls, .period_ms = period_ms, .clock = clock};
    err = (struct err){0};
    struct limiter *limiter = limiter_open(dirfd, path, &options, &err);
    CHECK_STR(err.message, "");
    return limiter;
}

/* Takes a token; returns how many milliseconds of the fake clock it took. */
static int64_t take(struct limiter *limiter, int *ret_token)
{
    int64_t waited_ns = -1;
    int64_t before_ns = clock_mono_ns(&fake.clock);
    CHECK_OK(limiter_take(limiter, NULL, 1, ret_token, &waited_ns, &err), err);
    CHECK_INT(waited_ns, clock_mono_ns(&fake.clock) - before_ns);
    return waited_ns / 1000000;
}

/* Takes and gives back at once. */
static int64_t call(struct limiter *limiter)
{
    int token = -1;
    int64_t waited_ms = take(limiter, &token);
    limiter_give(limiter, token);
    return waited_ms;
}

static int64_t free_tokens(struct limiter *limiter)
{
    struct limiter_state state;
    limiter_look(limiter, &state);
    return state.free_tokens;
}

/* --- one process -------------------------------------------------------------------------- */

static void tokens_come_back_a_period_after_the_end(void)
{
    fakeclock_init(&fake);
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 3, 10000, &fake.clock);
    int first = -1;
    int second = -1;
    int third = -1;
    CHECK_INT(take(limiter, &first), 0);
    CHECK_INT(take(limiter, &second), 0);
    CHECK_INT(take(limiter, &third), 0);
    CHECK(first != second && second != third && first != third);
    fakeclock_advance_ms(&fake, 400);
    limiter_give(limiter, second);
    fakeclock_advance_ms(&fake, 600);
    limiter_give(limiter, first);
    limiter_give(limiter, third);
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.free_tokens, 0);
    CHECK_INT(state.next_ms, 9404); /* 10 s after the end at 0.4 s, and 3 ms of margin */
    CHECK_STR(state.why, "limit");
    int token = -1;
    CHECK_INT(take(limiter, &token), 9403);
    CHECK_INT(token, second);
    CHECK_INT(take(limiter, &token), 600);
    CHECK_INT(take(limiter, &token), 0);
    fakeclock_advance_ms(&fake, 60000);
    limiter_look(limiter, &state);
    CHECK_INT(state.free_tokens, 0); /* a call in flight is busy however long it takes */
}

static void without_a_limit_nobody_waits(void)
{
    fakeclock_init(&fake);
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 0, 0, &fake.clock);
    for (int i = 0; i < 1000; i++) {
        int token = 7;
        CHECK_INT(take(limiter, &token), 0);
        CHECK_INT(token, -1);
        if (i % 2 == 0) {
            limiter_give(limiter, token);
        }
    }
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.free_tokens, -1);
    CHECK_INT(state.next_ms, 0);
    CHECK(state.why == NULL);
    limiter_park(limiter, 5000, "429");
    CHECK_INT(call(limiter), 5000);
}

static void parking_only_extends(void)
{
    fakeclock_init(&fake);
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 2, 1000, &fake.clock);
    limiter_park(limiter, 5000, "429");
    limiter_park(limiter, 3000, "quota");
    limiter_park(limiter, 0, "quota");
    limiter_park(limiter, -5, "quota");
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.free_tokens, 2);
    CHECK_INT(state.next_ms, 5000);
    CHECK_STR(state.why, "429");
    limiter_park(limiter, 7000, "a reason of our own");
    limiter_look(limiter, &state);
    CHECK_INT(state.next_ms, 7000);
    CHECK_STR(state.why, "a reason of our own");
    CHECK_INT(call(limiter), 7000);
    CHECK_INT(call(limiter), 0);
    limiter_look(limiter, &state);
    CHECK_STR(state.why, "limit");
    limiter_park(limiter, INT64_MAX, "429");
    limiter_look(limiter, &state);
    CHECK_INT(state.next_ms, 24 * 3600 * 1000);
}

static void other_settings_honour_earlier_calls(void)
{
    fakeclock_init(&fake);
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 5, 10000, &fake.clock);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(call(limiter), 0);
        fakeclock_advance_ms(&fake, 1000);
    }
    CHECK_INT(free_tokens(limiter), 0);
    CHECK_OK(limiter_set(limiter, 7, 10000, &err), err);
    CHECK_INT(free_tokens(limiter), 2);
    CHECK_OK(limiter_set(limiter, 2, 10000, &err), err);
    CHECK_INT(free_tokens(limiter), 0);
    CHECK_INT(call(limiter), 8003); /* until 4 of the 5 are back */
    CHECK_OK(limiter_set(limiter, 2, 60000, &err), err);
    CHECK_INT(free_tokens(limiter), 0);
    CHECK_OK(limiter_set(limiter, 0, 0, &err), err);
    CHECK_INT(call(limiter), 0);
    CHECK_ERR(limiter_set(limiter, -1, 1000, &err), err, ERR_CONFIG,
              "could not set the rate limit: calls must be 0 to 100000, the period 1 ms to 1 day");
    CHECK_ERR(limiter_set(limiter, 1, 0, &err), err, ERR_CONFIG,
              "could not set the rate limit: calls must be 0 to 100000, the period 1 ms to 1 day");
    struct limiter_options bad = {.calls = 100001, .period_ms = 1000, .clock = &fake.clock};
    CHECK_ERR(limiter_open(-1, NULL, &bad, &err) != NULL, err, ERR_CONFIG,
              "could not set the rate limit: calls must be 0 to 100000, the period 1 ms to 1 day");
}

static void a_stop_ends_the_wait(void)
{
    fakeclock_init(&fake);
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 1, 1000, &fake.clock);
    struct stop stop;
    stop_init(&stop);
    int token = -1;
    CHECK_OK(limiter_take(limiter, &stop, 1, &token, NULL, &err), err);
    stop_raise(&stop, 1);
    CHECK_ERR(limiter_take(limiter, &stop, 1, &token, NULL, &err), err, ERR_INTERRUPTED,
              "stopped while waiting for the rate limit");
    limiter_give(limiter, token);
    CHECK_OK(limiter_take(limiter, &stop, 2, &token, NULL, &err), err);
    stop_done(&stop);
}

static void long_runs_use_the_limit_and_never_exceed_it(void)
{
    const struct limiter_sim sims[] = {
        {.calls = 45,
         .period_ms = 60000,
         .workers = 8,
         .min_latency_ms = 5,
         .max_latency_ms = 100,
         .hours = 12,
         .seed = 1},
        {.calls = 50,
         .period_ms = 10000,
         .workers = 8,
         .min_latency_ms = 5,
         .max_latency_ms = 100,
         .hours = 4,
         .seed = 2},
        {.calls = 45,
         .period_ms = 60000,
         .workers = 1,
         .min_latency_ms = 5,
         .max_latency_ms = 100,
         .hours = 12,
         .seed = 3},
        {.calls = 1,
         .period_ms = 1000,
         .workers = 1,
         .min_latency_ms = 0,
         .max_latency_ms = 1,
         .hours = 1,
         .seed = 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(sims); i++) {
        struct limiter_sim_result result = {0};
        CHECK(limiter_sim_run(&sims[i], &result));
        CHECK_INT(result.worst_window, sims[i].calls);
        CHECK(result.utilisation >= 0.99);
        printf("# %lld per %lld s: %zu calls, at most %lld in a window, utilisation %.3f %%\n",
               (long long)sims[i].calls, (long long)sims[i].period_ms / 1000, result.made,
               (long long)result.worst_window, result.utilisation * 100);
    }
}

/* --- threads ------------------------------------------------------------------------------ */

/* Where threads and processes write when their calls began and ended. */
struct trace {
    atomic_size_t count;
    int64_t starts[8192];
    int64_t ends[8192];
};

static struct trace *new_trace(void)
{
    void *map =
        mmap(NULL, sizeof(struct trace), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(map != MAP_FAILED);
    return map;
}

static void free_trace(struct trace *trace)
{
    (void)munmap(trace, sizeof(*trace)); /* a mapping of ours */
}

static int64_t worst_of(struct trace *trace, int64_t period_ms)
{
    size_t count = atomic_load(&trace->count);
    for (size_t i = 0; i < count; i++) {
        if (trace->ends[i] ==
            0) { /* killed in flight: the remote counts it at its start at least */
            trace->ends[i] = trace->starts[i];
        }
    }
    return limiter_sim_worst_window(trace->starts, trace->ends, count, period_ms * 1000000);
}

struct worker {
    struct limiter *limiter;
    struct trace *trace;
    int64_t until_ns;
    uint64_t seed;
    int64_t max_latency_us;
};

static void *work(void *arg)
{
    const struct worker *worker = arg;
    struct err error = {0};
    struct rng rng;
    rng_seed(&rng, worker->seed);
    while (clock_mono_ns(clock_system()) < worker->until_ns) {
        int token = -1;
        if (!limiter_take(worker->limiter, NULL, 1, &token, NULL, &error)) {
            break;
        }
        size_t i = atomic_fetch_add(&worker->trace->count, 1);
        if (i >= ARRAY_LEN(worker->trace->starts)) {
            break;
        }
        worker->trace->starts[i] = clock_mono_ns(clock_system());
        (void)usleep((useconds_t)rng_below(&rng, (uint64_t)worker->max_latency_us));
        worker->trace->ends[i] = clock_mono_ns(clock_system());
        limiter_give(worker->limiter, token);
    }
    return NULL;
}

static void threads_share_the_limit(void)
{
    int dir = open_tmpdir();
    AUTO(limiter_close)
    struct limiter *limiter = open_with(dir, "limits/devrev", 20, 100, clock_system());
    struct trace *trace = new_trace();
    pthread_t threads[8];
    struct worker workers[8];
    int64_t until_ns = clock_mono_ns(clock_system()) + INT64_C(1500000000);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        workers[i] = (struct worker){limiter, trace, until_ns, i + 1, 5000};
        CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    size_t made = atomic_load(&trace->count);
    CHECK(made >= 150); /* 300 fit; a busy machine may lose some */
    CHECK(worst_of(trace, 100) <= 20);
    free_trace(trace);
    (void)close(dir);
}

struct queuer {
    struct limiter *limiter;
    struct stop *stop;
    atomic_int *served;
    int order;
    bool stopped;
};

static void *queue_up(void *arg)
{
    struct queuer *queuer = arg;
    struct err error = {0};
    int token = -1;
    if (!limiter_take(queuer->limiter, queuer->stop, 1, &token, NULL, &error)) {
        queuer->stopped = error.kind == ERR_INTERRUPTED;
        return NULL;
    }
    queuer->order = atomic_fetch_add(queuer->served, 1);
    limiter_give(queuer->limiter, token);
    return NULL;
}

static void wait_for_line(struct limiter *limiter, int64_t threads)
{
    struct limiter_state state;
    do {
        (void)usleep(1000); /* as short as it likes */
        limiter_look(limiter, &state);
    } while (state.waiting < threads);
}

static void the_first_to_come_is_the_first_to_go(void)
{
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 1, 150, clock_system());
    int token = -1;
    CHECK_OK(limiter_take(limiter, NULL, 1, &token, NULL, &err), err);
    atomic_int served = 0;
    struct queuer queuers[6];
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) {
        queuers[i] = (struct queuer){.limiter = limiter, .served = &served, .order = -1};
        CHECK(pthread_create(&threads[i], NULL, queue_up, &queuers[i]) == 0);
        wait_for_line(limiter, i + 1);
    }
    limiter_give(limiter, token);
    for (int i = 0; i < 6; i++) {
        pthread_join(threads[i], NULL);
        CHECK_INT(queuers[i].order, i);
    }
}

static void a_stop_reaches_the_whole_line(void)
{
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 1, 86400000, clock_system());
    int token = -1;
    CHECK_OK(limiter_take(limiter, NULL, 1, &token, NULL, &err), err);
    limiter_give(limiter, token);
    struct stop stop;
    stop_init(&stop);
    atomic_int served = 0;
    struct queuer queuers[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        queuers[i] = (struct queuer){.limiter = limiter, .stop = &stop, .served = &served};
        CHECK(pthread_create(&threads[i], NULL, queue_up, &queuers[i]) == 0);
    }
    wait_for_line(limiter, 4);
    int64_t raised_ns = clock_mono_ns(clock_system());
    stop_raise(&stop, 1);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        CHECK(queuers[i].stopped);
    }
    CHECK(clock_mono_ns(clock_system()) - raised_ns < INT64_C(2000000000));
    CHECK_INT(atomic_load(&served), 0);
    stop_done(&stop);
}

/* --- the file ----------------------------------------------------------------------------- */

static void the_next_process_goes_on_where_the_last_one_was(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    struct limiter *limiter = open_with(dir, "limits/devrev", 3, 10000, &fake.clock);
    CHECK_INT(call(limiter), 0);
    fakeclock_advance_ms(&fake, 1000);
    CHECK_INT(call(limiter), 0);
    fakeclock_advance_ms(&fake, 1000);
    int token = -1;
    CHECK_INT(take(limiter, &token), 0); /* never given back */
    limiter_close(limiter);
    fakeclock_advance_ms(&fake, 3000);
    limiter = open_with(dir, "limits/devrev", 3, 10000, &fake.clock);
    CHECK_INT(free_tokens(limiter), 0);
    CHECK_INT(call(limiter), 5003);
    CHECK_INT(call(limiter), 1000);
    CHECK_INT(call(limiter), 4000); /* the lost one counts until it was found */
    limiter_close(limiter);
    struct stat st;
    CHECK(fstatat(dir, "limits/devrev", &st, 0) == 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK(fstatat(dir, "limits", &st, 0) == 0);
    CHECK_INT(st.st_mode & 0777, 0700);
    (void)close(dir);
}

static void parking_outlives_the_process(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    struct limiter *limiter = open_with(dir, "l", 3, 10000, &fake.clock);
    limiter_park(limiter, 30000, "quota");
    limiter_close(limiter);
    fakeclock_advance_ms(&fake, 10000);
    limiter = open_with(dir, "l", 3, 10000, &fake.clock);
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.next_ms, 20000);
    CHECK_STR(state.why, "quota");
    CHECK_INT(call(limiter), 20000);
    limiter_close(limiter);
    (void)close(dir);
}

static void the_file_honours_calls_under_other_settings(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    struct limiter *limiter = open_with(dir, "l", 5, 10000, &fake.clock);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(call(limiter), 0);
    }
    limiter_close(limiter);
    limiter = open_with(dir, "l", 3, 10000, &fake.clock);
    CHECK_INT(free_tokens(limiter), 0);
    limiter_close(limiter);
    limiter = open_with(dir, "l", 8, 10000, &fake.clock);
    CHECK_INT(free_tokens(limiter), 3);
    CHECK_INT(call(limiter), 0);
    limiter_close(limiter);
    limiter = open_with(dir, "l", 0, 0, &fake.clock);
    CHECK_INT(call(limiter), 0);
    limiter_close(limiter);
    fakeclock_advance_ms(&fake, 20000);
    limiter = open_with(dir, "l", 8, 10000, &fake.clock);
    CHECK_INT(free_tokens(limiter), 8);
    limiter_close(limiter);
    limiter = open_with(dir, "l", 8, 60000, &fake.clock);
    CHECK_INT(free_tokens(limiter), 2);
    limiter_close(limiter);
    (void)close(dir);
}

static void two_at_once_see_each_other(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    struct limiter *a = open_with(dir, "l", 2, 10000, &fake.clock);
    struct limiter *b = open_with(dir, "l", 6, 10000, &fake.clock);
    int token = -1;
    CHECK_INT(take(a, &token), 0);
    CHECK_INT(free_tokens(b), 5);
    for (int i = 0; i < 5; i++) {
        CHECK_INT(call(b), 0);
    }
    CHECK_INT(free_tokens(a), 0);
    CHECK_INT(free_tokens(b), 0);
    limiter_give(a, token);
    limiter_park(b, 60000, "429");
    struct limiter_state state;
    limiter_look(a, &state);
    CHECK_INT(state.next_ms, 60000);
    CHECK_STR(state.why, "429");
    /* a token held by a live one stays held, that of a closed one does not */
    fakeclock_advance_ms(&fake, 100000);
    CHECK_INT(take(a, &token), 0);
    fakeclock_advance_ms(&fake, 100000);
    CHECK_INT(free_tokens(b), 5);
    limiter_close(a);
    struct limiter *c = open_with(dir, "l", 6, 10000, &fake.clock);
    CHECK_INT(free_tokens(b), 5);
    fakeclock_advance_ms(&fake, 10010);
    CHECK_INT(free_tokens(b), 6);
    limiter_close(b);
    limiter_close(c);
    (void)close(dir);
}

/* --- damage and other boots --------------------------------------------------------------- */

static void write_file(int dir, str bytes)
{
    CHECK_OK(fs_write_atomic(dir, "l", bytes, &err), err);
}

static void damage_makes_it_wait(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    struct limiter *limiter = open_with(dir, "l", 3, 10000, &fake.clock);
    CHECK_INT(call(limiter), 0);
    CHECK_INT(call(limiter), 0);
    CHECK_INT(call(limiter), 0);
    limiter_close(limiter);
    AUTO_BUF struct buf good = {0};
    CHECK_OK(fs_read(dir, "l", &good, &err), err);
    fakeclock_advance_ms(&fake, 100);
    const unsigned char flips[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < good.len * ARRAY_LEN(flips); i++) {
        char *byte = &good.ptr[i / ARRAY_LEN(flips)];
        char kept = *byte;
        *byte = (char)(*byte ^ flips[i % ARRAY_LEN(flips)]);
        write_file(dir, buf_str(&good));
        *byte = kept;
        limiter = open_with(dir, "l", 3, 10000, &fake.clock);
        if (!CHECK_INT(free_tokens(limiter), 0)) {
            printf("# byte %zu\n", i / ARRAY_LEN(flips));
        }
        limiter_close(limiter);
    }
    for (size_t len = 0; len < good.len; len++) {
        write_file(dir, (str){good.ptr, len});
        limiter = open_with(dir, "l", 3, 10000, &fake.clock);
        CHECK_INT(free_tokens(limiter), 0);
        limiter_close(limiter);
    }
    AUTO_BUF struct buf noise = {0};
    struct rng rng;
    rng_seed(&rng, 11);
    for (int i = 0; i < 4096; i++) {
        buf_addc(&noise, (char)rng_next(&rng));
    }
    write_file(dir, buf_str(&noise));
    limiter = open_with(dir, "l", 3, 10000, &fake.clock);
    CHECK_INT(call(limiter), 10003);
    limiter_close(limiter);
    AUTO_BUF struct buf zeros = {0};
    for (int i = 0; i < 4096; i++) {
        buf_addc(&zeros, '\0');
    }
    write_file(dir, buf_str(&zeros));
    limiter = open_with(dir, "l", 3, 10000, &fake.clock);
    struct limiter *higher = open_with(dir, "l", 30, 10000, &fake.clock);
    CHECK_INT(free_tokens(limiter), 0);
    CHECK_INT(free_tokens(higher), 0);
    limiter_close(higher);
    limiter_close(limiter);
    (void)close(dir);
}

static void a_file_cut_under_our_feet_is_filled_again(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    struct limiter *limiter = open_with(dir, "l", 3, 10000, &fake.clock);
    int fd = openat(dir, "l", O_WRONLY | O_CLOEXEC);
    CHECK(ftruncate(fd, 10) == 0);
    CHECK_INT(call(limiter), 10003);
    limiter_close(limiter);
    (void)close(fd);
    (void)close(dir);
}

static struct limiter *open_boot(int dir, const char *boot_id)
{
    struct limiter_options options = {
        .calls = 3, .period_ms = 10000, .clock = &fake.clock, .boot_id = boot_id};
    err = (struct err){0};
    struct limiter *limiter = limiter_open(dir, "l", &options, &err);
    CHECK_STR(err.message, "");
    return limiter;
}

static void a_reboot_forgets_nothing(void)
{
    const int64_t real_ms = FAKECLOCK_REAL_MS;
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    struct limiter *limiter = open_boot(dir, "boot-1");
    CHECK_INT(call(limiter), 0);
    limiter_park(limiter, 60000, "429");
    limiter_close(limiter);
    /* 4 s after the boot, 30 s by the wall clock: calls may be lost from the file, so 10 s from boot */
    fakeclock_set(&fake, INT64_C(4000000000), real_ms + 30000);
    limiter = open_boot(dir, "boot-2");
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.free_tokens, 0);
    CHECK_INT(state.next_ms, 30000);
    CHECK_STR(state.why, "429");
    CHECK_INT(call(limiter), 30000);
    limiter_close(limiter);
    /* another machine, up for long, whose clock says that 2 s have gone by since */
    fakeclock_set(&fake, INT64_C(900000000000), real_ms + 62000);
    limiter = open_boot(dir, "boot-3");
    CHECK_INT(free_tokens(limiter), 2);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(call(limiter), 0);
    }
    CHECK_INT(call(limiter), 8003);
    limiter_close(limiter);
    /* a damaged slot counts as just now under another boot too */
    int fd = openat(dir, "l", O_WRONLY | O_CLOEXEC);
    CHECK(pwrite(fd, "damage", 6, 100) == 6);
    (void)close(fd);
    fakeclock_set(&fake, INT64_C(900000000000), real_ms + 1800000);
    limiter = open_boot(dir, "boot-3b");
    CHECK_INT(free_tokens(limiter), 2);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(call(limiter), 0);
    }
    limiter_close(limiter);
    /* its wall clock is an hour behind: as if just now */
    fakeclock_set(&fake, INT64_C(900000000000), real_ms - 3600000);
    limiter = open_boot(dir, "boot-4");
    CHECK_INT(free_tokens(limiter), 0);
    limiter_close(limiter);
    /* and all is forgiven in time */
    fakeclock_set(&fake, INT64_C(900000000000), real_ms + 3600000);
    limiter = open_boot(dir, "boot-5");
    CHECK_INT(free_tokens(limiter), 3);
    limiter_close(limiter);
    (void)close(dir);
}

static void a_clock_that_went_back_makes_it_wait(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    struct limiter *limiter = open_boot(dir, "boot-1");
    CHECK_INT(call(limiter), 0);
    fakeclock_set(&fake, INT64_C(500000000000), FAKECLOCK_REAL_MS); /* a snapshot was restored */
    CHECK_INT(free_tokens(limiter), 2);
    fakeclock_advance_ms(&fake, 10004);
    CHECK_INT(free_tokens(limiter), 3);
    limiter_close(limiter);
    (void)close(dir);
}

static void what_is_no_file_is_refused(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    CHECK(mkdirat(dir, "d", 0700) == 0);
    CHECK(symlinkat("elsewhere", dir, "s") == 0);
    CHECK(mkfifoat(dir, "f", 0600) == 0);
    struct limiter_options options = {.calls = 3, .period_ms = 1000, .clock = &fake.clock};
    CHECK_ERR(limiter_open(dir, "d", &options, &err) != NULL, err, ERR_IO,
              "could not open 'd': Is a directory");
    CHECK_ERR(limiter_open(dir, "s", &options, &err) != NULL, err, ERR_IO,
              "could not open 's': Too many levels of symbolic links");
    CHECK_ERR(limiter_open(dir, "f", &options, &err) != NULL, err, ERR_IO,
              "could not open 'f': it is not a regular file");
    (void)close(dir);
}

static void a_full_disk_is_an_error_and_not_a_crash(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    struct rlimit old;
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    const struct rlimit low = {.rlim_cur = 100, .rlim_max = old.rlim_max};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    CHECK(sigaction(SIGXFSZ, &ignore, &before) == 0);
    struct limiter *limiter = open_with(dir, "ok", 3, 1000, &fake.clock);
    CHECK(setrlimit(RLIMIT_FSIZE, &low) == 0);
    struct limiter_options options = {.calls = 3, .period_ms = 1000, .clock = &fake.clock};
    CHECK_ERR(limiter_open(dir, "l", &options, &err) != NULL, err, ERR_IO,
              "could not use 'l': File too large");
    /* a limiter that would have to grow fails too, and gives nothing */
    int token = -1;
    CHECK_OK(limiter_set(limiter, 50, 1000, &err), err);
    CHECK_ERR(limiter_take(limiter, NULL, 1, &token, NULL, &err), err, ERR_IO,
              "could not use the file of the rate limit: File too large");
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    CHECK(sigaction(SIGXFSZ, &before, NULL) == 0);
    CHECK_INT(call(limiter), 0);
    limiter_close(limiter);
    (void)close(dir);
}

/* --- kill -9 ------------------------------------------------------------------------------ */

static pid_t start_child(int dir, struct trace *trace, int64_t calls, int64_t period_ms,
                         int64_t run_ms, uint64_t seed)
{
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) {
        CHECK(pid > 0);
        return pid;
    }
    struct limiter *limiter = open_with(dir, "l", calls, period_ms, clock_system());
    struct worker worker = {limiter, trace, clock_mono_ns(clock_system()) + run_ms * 1000000, seed,
                            3000};
    if (limiter != NULL) {
        (void)work(&worker);
    }
    limiter_close(limiter);
    _exit(limiter != NULL ? 0 : 1);
}

static void a_killed_process_leaves_its_tokens_used(void)
{
    int dir = open_tmpdir();
    int pipe_fds[2];
    CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0);
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct limiter *limiter = open_with(dir, "l", 3, 500, clock_system());
        int token = -1;
        for (int i = 0; i < 3; i++) {
            if (!limiter_take(limiter, NULL, 1, &token, NULL, &err)) {
                _exit(1);
            }
        }
        limiter_give(limiter, token);
        if (write(pipe_fds[1], "x", 1) != 1) {
            _exit(1);
        }
        (void)pause();
        _exit(1);
    }
    char byte = 0;
    CHECK(read(pipe_fds[0], &byte, 1) == 1);
    AUTO(limiter_close) struct limiter *limiter = open_with(dir, "l", 3, 500, clock_system());
    (void)usleep(600000);
    CHECK_INT(free_tokens(limiter), 1); /* alive: its two calls are still in flight */
    CHECK(kill(pid, SIGKILL) == 0);
    int status = 0;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    int token = -1;
    int64_t waited_ns = 0;
    CHECK_OK(limiter_take(limiter, NULL, 1, &token, &waited_ns, &err), err);
    CHECK(waited_ns < INT64_C(100000000));
    CHECK_OK(limiter_take(limiter, NULL, 1, &token, &waited_ns, &err), err);
    CHECK(waited_ns >= INT64_C(500000000));
    CHECK(waited_ns < INT64_C(2500000000));
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
    (void)close(dir);
}

static void kills_at_any_moment_never_exceed_the_limit(void)
{
    int dir = open_tmpdir();
    struct trace *trace = new_trace();
    struct rng rng;
    rng_seed(&rng, 5);
    for (int i = 0; i < 40; i++) {
        pid_t pid = start_child(dir, trace, 10, 20, 60000, (uint64_t)i);
        (void)usleep((useconds_t)(2000 + rng_below(&rng, 25000)));
        CHECK(kill(pid, SIGKILL) == 0);
        CHECK(waitpid(pid, NULL, 0) == pid);
    }
    CHECK(atomic_load(&trace->count) > 60);
    CHECK(worst_of(trace, 20) <= 10);
    free_trace(trace);
    (void)close(dir);
}

static void processes_share_the_limit(void)
{
    int dir = open_tmpdir();
    struct trace *trace = new_trace();
    pid_t pids[3];
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        pids[i] = start_child(dir, trace, 20, 100, 1000, i + 1);
    }
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        int status = -1;
        CHECK(waitpid(pids[i], &status, 0) == pids[i]);
        CHECK_INT(status, 0);
    }
    CHECK(atomic_load(&trace->count) >= 100);
    CHECK(worst_of(trace, 100) <= 20);
    free_trace(trace);
    (void)close(dir);
}

/* --- what the remote teaches ---------------------------------------------------------------- */

/* Calls that go within `ms` when each takes no time. */
static int calls_within(struct limiter *limiter, int64_t ms)
{
    int64_t end_ns = clock_mono_ns(&fake.clock) + ms * 1000000;
    int made = -1; /* the last one is beyond the end */
    while (clock_mono_ns(&fake.clock) < end_ns) {
        (void)call(limiter);
        made++;
    }
    return made;
}

static void the_stricter_of_two_limits_holds(void)
{
    fakeclock_init(&fake);
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 50, 10000, &fake.clock);
    limiter_learn(limiter, 1000, 300000);
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.calls, 1000);
    CHECK_INT(state.period_ms, 300000);
    CHECK(state.learned);
    CHECK_INT(calls_within(limiter, 10000), 50);
    CHECK_INT(calls_within(limiter, 289900), 949); /* one has gone when the other 50 had */
    limiter_learn(limiter, 5000, 300000);          /* raised: ours is the stricter one again */
    limiter_look(limiter, &state);
    CHECK_INT(state.calls, 50);
    CHECK(!state.learned);
}

static void a_limit_that_ours_keeps_is_not_in_the_way(void)
{
    fakeclock_init(&fake);
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 45, 60000, &fake.clock);
    limiter_learn(limiter, 225, 300000);
    CHECK_INT(calls_within(limiter, 3600000), 45 * 60);
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.calls, 45);
    CHECK_INT(state.period_ms, 60000);
}

static void the_period_is_the_longest_that_was_left(void)
{
    fakeclock_init(&fake);
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 0, 0, &fake.clock);
    limiter_learn(limiter, 10, 2000);
    limiter_learn(limiter, 10, 9000);
    limiter_learn(limiter, 10, 3000);
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.period_ms, 9000);
    CHECK_INT(state.free_tokens, 10);
    limiter_learn(limiter, 20, 3000); /* another limit */
    limiter_look(limiter, &state);
    CHECK_INT(state.calls, 20);
    CHECK_INT(state.period_ms, 3000);
    limiter_learn(limiter, 1000000, 300000); /* nothing that needs minding, like no header */
    limiter_learn(limiter, -1, 300000);
    limiter_look(limiter, &state);
    CHECK_INT(state.calls, 20);
}

/* A remote that allows 25 of the 50 that we were told, without a word in its headers: of ten minutes
 * after the first one at most 2 % are refused, and 95 % of what it allows is used. */
static void half_of_what_we_were_told(void)
{
    fakeclock_init(&fake);
    int dir = open_tmpdir();
    AUTO(limiter_close) struct limiter *limiter = open_with(dir, "half", 50, 10000, &fake.clock);
    int64_t accepted_at[25] = {0};
    int64_t begin_ms = clock_mono_ns(&fake.clock) / 1000000;
    int oldest = 0;
    int refused = 0;
    int accepted = 0;
    for (;;) {
        int token = -1;
        (void)take(limiter, &token);
        int64_t now_ms = clock_mono_ns(&fake.clock) / 1000000;
        bool counts = now_ms - begin_ms > 60000;
        if (now_ms - begin_ms > 660000) {
            break;
        }
        if (accepted_at[oldest] != 0 && now_ms - accepted_at[oldest] < 10000) {
            int64_t wait_ms = 10000 - (now_ms - accepted_at[oldest]);
            limiter_park(limiter, wait_ms, "429");
            limiter_give_refused(limiter, token, wait_ms);
            refused += counts;
            continue;
        }
        accepted_at[oldest] = now_ms;
        oldest = (oldest + 1) % 25;
        limiter_give(limiter, token);
        accepted += counts;
    }
    printf("# %d accepted, %d refused\n", accepted, refused);
    CHECK(refused * 100 <= (accepted + refused) * 2);
    CHECK(accepted >= 60 * 25 * 95 / 100);
    (void)close(dir);
}

/* "Wait for five minutes" says nothing about our ten seconds. */
static void a_longer_wait_teaches_nothing(void)
{
    fakeclock_init(&fake);
    AUTO(limiter_close) struct limiter *limiter = open_with(-1, NULL, 50, 10000, &fake.clock);
    int token = -1;
    (void)call(limiter);
    (void)take(limiter, &token);
    limiter_give_refused(limiter, token, 300000);
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.calls, 50);
    (void)take(limiter, &token);
    limiter_give_refused(limiter, token, 5000);
    limiter_look(limiter, &state);
    CHECK_INT(state.calls, 1); /* one was accepted before the refusals */
    CHECK(state.learned);
    CHECK_OK(limiter_set(limiter, 20, 10000, &err), err); /* whoever sets it knows better */
    limiter_look(limiter, &state);
    CHECK_INT(state.calls, 20);
    CHECK(!state.learned);
}

TAP_MAIN(TAP_TEST(tokens_come_back_a_period_after_the_end), TAP_TEST(without_a_limit_nobody_waits),
         TAP_TEST(parking_only_extends), TAP_TEST(other_settings_honour_earlier_calls),
         TAP_TEST(a_stop_ends_the_wait), TAP_TEST(long_runs_use_the_limit_and_never_exceed_it),
         TAP_TEST(threads_share_the_limit), TAP_TEST(the_first_to_come_is_the_first_to_go),
         TAP_TEST(a_stop_reaches_the_whole_line),
         TAP_TEST(the_next_process_goes_on_where_the_last_one_was),
         TAP_TEST(parking_outlives_the_process),
         TAP_TEST(the_file_honours_calls_under_other_settings),
         TAP_TEST(two_at_once_see_each_other), TAP_TEST(damage_makes_it_wait),
         TAP_TEST(a_file_cut_under_our_feet_is_filled_again), TAP_TEST(a_reboot_forgets_nothing),
         TAP_TEST(a_clock_that_went_back_makes_it_wait), TAP_TEST(what_is_no_file_is_refused),
         TAP_TEST(a_full_disk_is_an_error_and_not_a_crash),
         TAP_TEST(a_killed_process_leaves_its_tokens_used),
         TAP_TEST(kills_at_any_moment_never_exceed_the_limit), TAP_TEST(processes_share_the_limit),
         TAP_TEST(the_stricter_of_two_limits_holds),
         TAP_TEST(a_limit_that_ours_keeps_is_not_in_the_way),
         TAP_TEST(the_period_is_the_longest_that_was_left), TAP_TEST(half_of_what_we_were_told),
         TAP_TEST(a_longer_wait_teaches_nothing))
