/* SPDX-License-Identifier: MIT */
#include "engine/schedule.h"

#include <pthread.h>
#include <time.h>

/* Changes that may wait for confirmation at once: bounds memory and what a crash leaves open. */
enum { MAX_WAITING = 2000 };
/* How long a first Ctrl-C waits for confirmations of what was sent. */
static const int64_t drain_ns = INT64_C(10) * 1000000000;
/* Longest sleep between two looks at the stop flag. */
static const int64_t slice_ns = INT64_C(100) * 1000000;
/* Between two looks at a send of a held run. */
static const int64_t held_ns = INT64_C(200) * 1000000;

struct schedule {
    struct schedule_options options;
    size_t column_count;
    uint64_t total;
    uint8_t *states; /* enum change_state by seq, as of the start */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    struct work_item **heap GUARDED_BY(lock);
    size_t heap_len GUARDED_BY(lock);
    size_t heap_cap GUARDED_BY(lock);
    uint64_t in_hand GUARDED_BY(lock);
    bool plan_ended GUARDED_BY(lock);
    uint64_t todo;
    uint64_t done[4] GUARDED_BY(lock);

    int64_t canary_size;
    int64_t canary_out GUARDED_BY(lock);    /* handed out */
    int64_t canary_back GUARDED_BY(lock);   /* concluded */
    int64_t canary_failed GUARDED_BY(lock); /* of these */

    uint32_t *batch_failures GUARDED_BY(lock);
    bool halted GUARDED_BY(lock);
    struct err why GUARDED_BY(lock);
    int64_t drain_until_ns GUARDED_BY(lock); /* 0: not draining */
};

static bool is_open(const struct schedule *schedule, uint8_t state)
{
    if (state == CHANGE_SENT || state == CHANGE_UNKNOWN) {
        return true;
    }
    return !schedule->options.settle_only && (state == CHANGE_PLANNED || state == CHANGE_BACKED_UP);
}

static bool note_state(void *ctx, uint64_t seq, enum change_state state)
{
    struct schedule *schedule = ctx;
    if (seq < schedule->total) {
        schedule->states[seq] = (uint8_t)state;
    }
    return true;
}

struct schedule *schedule_new(const struct schedule_options *options, struct err *err)
{
    struct schedule *schedule = xnew(struct schedule);
    schedule->options = *options;
    schedule->column_count = plan_reader_header(options->plan)->column_count;
    schedule->total = plan_reader_totals(options->plan)->changes;
    schedule->states = xcalloc(schedule->total, 1); /* CHANGE_PLANNED is 0 */
    uint64_t batch = options->batch_size > 0 ? (uint64_t)options->batch_size : 1;
    schedule->batch_failures = xcalloc(schedule->total / batch + 1, sizeof(uint32_t));
    pthread_mutex_init(&schedule->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&schedule->changed, &attr);
    pthread_condattr_destroy(&attr);
    if (!journal_state_each(options->journal, options->run, note_state, schedule, err)) {
        schedule_free(schedule, NULL);
        return NULL;
    }
    uint64_t fresh = 0;
    for (uint64_t i = 0; i < schedule->total; i++) {
        if (is_open(schedule, schedule->states[i])) {
            schedule->todo++;
            fresh +=
                schedule->states[i] == CHANGE_PLANNED || schedule->states[i] == CHANGE_BACKED_UP;
        }
    }
    /* a canary that is the whole run warns of nothing */
    schedule->canary_size = fresh > (uint64_t)options->canary ? options->canary : 0;
    return schedule;
}

static void item_free(struct work_item *item)
{
    arena_done(&item->change.arena);
    free(item);
}

void schedule_free(struct schedule *schedule, const struct job *job)
{
    if (schedule == NULL) {
        return;
    }
    for (size_t i = 0; i < schedule->heap_len; i++) {
        if (job != NULL) {
            job->forget(&schedule->heap[i]->change);
        }
        item_free(schedule->heap[i]);
    }
    pthread_cond_destroy(&schedule->changed);
    pthread_mutex_destroy(&schedule->lock);
    free(schedule->heap);
    free(schedule->batch_failures);
    free(schedule->states);
    free(schedule);
}

/* --- the heap of waiting items, earliest first --------------------------------------------- */

static void heap_set(struct schedule *s, size_t at, struct work_item *item)
{
    s->heap[at] = item;
    item->heap_index = at;
}

static void heap_push(struct schedule *s, struct work_item *item)
{
    if (s->heap_len == s->heap_cap) {
        s->heap_cap = s->heap_cap != 0 ? s->heap_cap * 2 : 64;
        s->heap = xrealloc(s->heap, s->heap_cap, sizeof(*s->heap));
    }
    size_t at = s->heap_len++;
    while (at > 0 && s->heap[(at - 1) / 2]->due_ns > item->due_ns) {
        heap_set(s, at, s->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(s, at, item);
}

static struct work_item *heap_pop(struct schedule *s)
{
    struct work_item *top = s->heap[0];
    struct work_item *last = s->heap[--s->heap_len];
    size_t at = 0;
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= s->heap_len) {
            break;
        }
        if (child + 1 < s->heap_len && s->heap[child + 1]->due_ns < s->heap[child]->due_ns) {
            child++;
        }
        if (s->heap[child]->due_ns >= last->due_ns) {
            break;
        }
        heap_set(s, at, s->heap[child]);
        at = child;
    }
    if (s->heap_len != 0) {
        heap_set(s, at, last);
    }
    return top;
}

/* --- handing out --------------------------------------------------------------------------- */

static void halt_locked(struct schedule *s, const struct err *why)
{
    if (!s->halted) {
        s->halted = true;
        s->why = *why;
        if (why->kind != ERR_STOPPED) {
            stop_raise(s->options.stop, 2); /* every further call would fail the same way */
        }
    }
    pthread_cond_broadcast(&s->changed);
}

/* The next open change of the plan, or NULL at its end (or after an error, which halts). */
static struct work_item *read_fresh(struct schedule *s)
{
    struct err err = {0};
    enum plan_item kind;
    struct plan_change change;
    struct plan_finding finding;
    for (;;) {
        if (!plan_next(s->options.plan, &kind, &change, &finding, &err)) {
            err.fatal = true;
            halt_locked(s, &err);
            return NULL;
        }
        if (kind == PLAN_END) {
            s->plan_ended = true;
            return NULL;
        }
        if (kind == PLAN_CHANGE && is_open(s, s->states[change.seq])) {
            break;
        }
    }
    struct work_item *item = xnew(struct work_item);
    item->change.arena.block_bytes = 4096;
    item->change.plan = *plan_change_copy(&item->change.arena, &change, s->column_count);
    struct change_row *row = &item->change.row;
    row->seq = change.seq;
    bool found = false;
    if (s->states[change.seq] != CHANGE_PLANNED &&
        !journal_change_get(s->options.journal, s->options.run, change.seq, row, &found, &err)) {
        err.fatal = true;
        halt_locked(s, &err);
        item_free(item);
        return NULL;
    }
    memcpy(item->change.backup, row->backup, sizeof(item->change.backup));
    memcpy(item->change.detail, row->detail, sizeof(item->change.detail));
    if (row->state == CHANGE_SENT || row->state == CHANGE_UNKNOWN) {
        item->step = WORK_CONFIRM;
    } else if (row->state == CHANGE_BACKED_UP && row->attempts > 0) {
        item->step = WORK_SEND; /* its sealed backup is the state before the first send: keep it */
    }
    return item;
}

/* A width that was cut is reached by waiting: nobody is called back. */
static bool has_room(const struct schedule *s)
{
    return s->in_hand < (uint64_t)pressure_width(s->options.pressure);
}

/* What is due and may be handed out now. */
static struct work_item *take_due(struct schedule *s, int64_t now, bool held)
{
    while (s->heap_len != 0 && s->heap[0]->due_ns <= now) {
        struct work_item *item = heap_pop(s);
        if (!held || item->step == WORK_CONFIRM) {
            return item;
        }
        item->due_ns = now + held_ns; /* a send waits */
        heap_push(s, item);
    }
    return NULL;
}

static bool may_release(const struct schedule *s)
{
    if (s->plan_ended || s->heap_len >= MAX_WAITING) {
        return false;
    }
    return s->canary_size == 0 || s->canary_out < s->canary_size ||
           s->canary_back >= s->canary_size;
}

static void wait_for_change(struct schedule *s, int64_t ns)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
    int64_t until = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec + (ns < slice_ns ? ns : slice_ns);
    ts.tv_sec = until / 1000000000;
    ts.tv_nsec = until % 1000000000;
    /* a timeout and a signal mean the same: look again */
    (void)pthread_cond_timedwait(&s->changed, &s->lock, &ts);
}

/* True while waiting items may still be looked at although the run is to end. */
static bool draining(struct schedule *s, int64_t now)
{
    if (s->drain_until_ns == 0) {
        s->drain_until_ns = now + drain_ns;
    }
    return stop_level(s->options.stop) < 2 && now < s->drain_until_ns;
}

struct work_item *schedule_next(struct schedule *s)
{
    struct work_item *item = NULL;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        int64_t now = clock_mono_ns(s->options.clock);
        if (s->halted && s->why.kind != ERR_STOPPED) {
            break;
        }
        bool stopping = s->halted || stop_level(s->options.stop) > 0;
        if (stopping && !draining(s, now)) {
            break;
        }
        if (!has_room(s)) {
            wait_for_change(s, slice_ns);
            continue;
        }
        bool held = !stopping && pressure_is_held(s->options.pressure);
        item = take_due(s, now, held);
        if (item != NULL) {
            break;
        }
        if (!stopping && !held && may_release(s)) {
            item = read_fresh(s);
            if (item != NULL) {
                item->canary = item->step == WORK_FRESH && s->canary_out < s->canary_size;
                s->canary_out += item->canary;
                break;
            }
            continue; /* the plan ended, or the run halted */
        }
        if (s->heap_len == 0 && s->in_hand == 0 && (!held || s->plan_ended)) {
            break;
        }
        wait_for_change(s, s->heap_len != 0 ? s->heap[0]->due_ns - now : slice_ns);
    }
    s->in_hand += item != NULL;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return item;
}

void schedule_defer(struct schedule *s, struct work_item *item, int64_t delay_ms)
{
    pthread_mutex_lock(&s->lock);
    item->due_ns = clock_mono_ns(s->options.clock) + delay_ms * 1000000;
    heap_push(s, item);
    s->in_hand--;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void judge_batch(struct schedule *s, uint64_t seq)
{
    uint64_t batch = s->options.batch_size > 0 ? (uint64_t)s->options.batch_size : 1;
    uint32_t failures = ++s->batch_failures[seq / batch];
    if (s->options.max_batch_failures > 0 && failures >= s->options.max_batch_failures) {
        struct err why = {0};
        (void)err_set(&why, ERR_STOPPED,
                      "stopped after %u failures in batch %llu (of %llu changes)", failures,
                      (unsigned long long)(seq / batch + 1), (unsigned long long)batch);
        (void)err_hint(&why,
                       "Look at `steward show last`, put the cause right, then `steward resume`.");
        halt_locked(s, &why);
    }
}

static void judge_canary(struct schedule *s, enum work_outcome outcome)
{
    s->canary_back++;
    s->canary_failed += outcome == WORK_FAILED;
    if (s->canary_back == s->canary_size && s->canary_failed == s->canary_size) {
        struct err why = {0};
        (void)err_set(&why, ERR_STOPPED,
                      "stopped before the rest: all %lld changes of the canary failed",
                      (long long)s->canary_size);
        (void)err_hint(&why,
                       "Look at `steward show last`, put the cause right, then `steward resume`.");
        halt_locked(s, &why);
    }
}

void schedule_conclude(struct schedule *s, struct work_item *item, enum work_outcome outcome)
{
    pthread_mutex_lock(&s->lock);
    s->in_hand--;
    s->done[outcome]++;
    if (outcome != WORK_LEFT) {
        if (item->canary) {
            judge_canary(s, outcome);
        }
        if (outcome == WORK_FAILED) {
            judge_batch(s, item->change.plan.seq);
        }
    }
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    item_free(item);
}

void schedule_halt(struct schedule *s, const struct err *why)
{
    pthread_mutex_lock(&s->lock);
    halt_locked(s, why);
    pthread_mutex_unlock(&s->lock);
}

void schedule_halted(struct schedule *s, struct err *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->why;
    pthread_mutex_unlock(&s->lock);
}

void schedule_counts(struct schedule *s, struct schedule_counts *ret)
{
    pthread_mutex_lock(&s->lock);
    memcpy(ret->done, s->done, sizeof(ret->done));
    ret->waiting = s->heap_len;
    pthread_mutex_unlock(&s->lock);
    ret->todo = s->todo;
}
