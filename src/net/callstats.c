/* SPDX-License-Identifier: MIT */
#include "net/callstats.h"

#include <math.h>
#include <pthread.h>

enum {
    MAX_CALLS = 128,   /* names are constants of the program: this is far above their number */
    MAX_STATUSES = 24, /* of one call; rarer ones beyond are counted under the last */
    STEPS = 16,        /* buckets a factor of two */
};

struct status_count {
    int status;
    uint64_t count;
};

struct call_stats {
    const char *call;
    uint64_t count;
    uint64_t errors;
    uint64_t limited;
    uint64_t retries;
    int64_t waited_ns;
    int64_t duration_ns;
    struct status_count statuses[MAX_STATUSES];
    size_t status_count;
    uint64_t buckets[CALLSTATS_BUCKETS];
};

/* Calls that ended within one slot of time. */
struct slot {
    uint32_t calls;
    uint32_t errors;
    uint32_t limited;
    uint32_t unmetered; /* of the calls */
};

struct callstats {
    pthread_mutex_t lock;
    const struct clock *clock; /* NULL: no counts over time */
    int64_t limit_calls;
    int64_t limit_period_ms;
    int64_t slot_ms GUARDED_BY(lock);
    int64_t from_ms GUARDED_BY(lock); /* where slot 0 begins; 0: nothing counted yet */
    struct slot slots[CALLSTATS_SLOTS] GUARDED_BY(lock);
    struct call_stats *calls[MAX_CALLS] GUARDED_BY(lock); /* in order of name */
    size_t count GUARDED_BY(lock);
};

struct callstats *callstats_new(void)
{
    struct callstats *stats = xnew(struct callstats);
    pthread_mutex_init(&stats->lock, NULL);
    return stats;
}

void callstats_free(struct callstats *stats)
{
    if (stats == NULL) {
        return;
    }
    for (size_t i = 0; i < stats->count; i++) {
        free(stats->calls[i]);
    }
    pthread_mutex_destroy(&stats->lock);
    free(stats);
}

/* --- buckets ------------------------------------------------------------------------------- */

/* Bucket b holds (2^((b-1)/16), 2^(b/16)] microseconds; 0 holds all up to one. */
size_t callstats_bucket(int64_t duration_ns)
{
    if (duration_ns <= 1000) {
        return 0;
    }
    double steps = ceil(log2((double)duration_ns / 1000.0) * STEPS - 1e-9);
    return steps < CALLSTATS_BUCKETS - 1 ? (size_t)steps : (size_t)CALLSTATS_BUCKETS - 1;
}

int64_t callstats_percentile_us(const uint64_t buckets[CALLSTATS_BUCKETS], double q)
{
    uint64_t total = 0;
    for (size_t i = 0; i < CALLSTATS_BUCKETS; i++) {
        total += buckets[i];
    }
    if (total == 0) {
        return 0;
    }
    double wanted = ceil(q * (double)total);
    uint64_t rank = wanted < 1 ? 1 : (uint64_t)wanted;
    uint64_t seen = 0;
    for (size_t i = 0; i < CALLSTATS_BUCKETS; i++) {
        seen += buckets[i];
        if (seen >= rank) {
            return (int64_t)ceil(exp2((double)i / STEPS) - 1e-9);
        }
    }
    return (int64_t)ceil(exp2((double)(CALLSTATS_BUCKETS - 1) / STEPS));
}

/* --- counting ------------------------------------------------------------------------------ */

/* Finds or makes the entry of a call; the lock is held. NULL where the table is full. */
static struct call_stats *entry_of(struct callstats *stats, const char *call)
{
    size_t at = 0;
    while (at < stats->count) {
        int order = strcmp(stats->calls[at]->call, call);
        if (order == 0) {
            return stats->calls[at];
        }
        if (order > 0) {
            break;
        }
        at++;
    }
    if (stats->count == MAX_CALLS) {
        return NULL;
    }
    for (size_t i = stats->count; i > at; i--) {
        stats->calls[i] = stats->calls[i - 1];
    }
    stats->calls[at] = xnew(struct call_stats);
    stats->calls[at]->call = call;
    stats->count++;
    return stats->calls[at];
}

static void count_status(struct call_stats *entry, int status)
{
    size_t at = 0;
    while (at < entry->status_count && entry->statuses[at].status < status) {
        at++;
    }
    if (at < entry->status_count && entry->statuses[at].status == status) {
        entry->statuses[at].count++;
        return;
    }
    if (entry->status_count == MAX_STATUSES) {
        entry->statuses[MAX_STATUSES - 1].count++;
        return;
    }
    memmove(&entry->statuses[at + 1], &entry->statuses[at],
            (entry->status_count - at) * sizeof(entry->statuses[0]));
    entry->statuses[at] = (struct status_count){status, 1};
    entry->status_count++;
}

/* --- over time ----------------------------------------------------------------------------- */

void callstats_over_time(struct callstats *stats, const struct clock *clock, int64_t limit_calls,
                         int64_t limit_period_ms)
{
    stats->clock = clock;
    stats->limit_calls = limit_calls;
    stats->limit_period_ms = limit_period_ms;
    stats->slot_ms = CALLSTATS_SLOT_MS;
}

/* Slots of twice the length. They begin at multiples of their length, so the first may move half a
 * new slot to the front. */
static void widen(struct callstats *stats)
{
    int64_t slot_ms = stats->slot_ms * 2;
    int64_t from_ms = stats->from_ms / slot_ms * slot_ms;
    size_t shift = from_ms != stats->from_ms; /* old slot 0 is the second half of new slot 0 */
    struct slot old[CALLSTATS_SLOTS];
    memcpy(old, stats->slots, sizeof(old));
    memset(stats->slots, 0, sizeof(stats->slots));
    for (size_t i = 0; i < CALLSTATS_SLOTS; i++) {
        struct slot *slot = &stats->slots[(i + shift) / 2];
        slot->calls += old[i].calls;
        slot->errors += old[i].errors;
        slot->limited += old[i].limited;
        slot->unmetered += old[i].unmetered;
    }
    stats->slot_ms = slot_ms;
    stats->from_ms = from_ms;
}

/* A clock that was set back counts in the first slot. The lock is held. */
static void count_slot(struct callstats *stats, int64_t now_ms, int status, bool metered)
{
    if (stats->from_ms == 0) {
        stats->from_ms = now_ms / stats->slot_ms * stats->slot_ms;
    }
    while (now_ms - stats->from_ms >= stats->slot_ms * CALLSTATS_SLOTS) {
        widen(stats);
    }
    struct slot *slot =
        &stats->slots[now_ms > stats->from_ms ? (now_ms - stats->from_ms) / stats->slot_ms : 0];
    slot->calls++;
    slot->errors += status == 0 || status >= 400;
    slot->limited += status == 429;
    slot->unmetered += !metered;
}

/* --- overhearing --------------------------------------------------------------------------- */

static _Thread_local callstats_seen_fn overhears;
static _Thread_local void *overhears_ctx;

void callstats_overhear(callstats_seen_fn seen, void *ctx)
{
    overhears = seen;
    overhears_ctx = ctx;
}

/* --- adding -------------------------------------------------------------------------------- */

static void add(struct callstats *stats, const char *call, int status, int64_t duration_ns,
                int64_t waited_ns, bool metered)
{
    size_t bucket = callstats_bucket(duration_ns);
    if (overhears != NULL) {
        overhears(overhears_ctx, call, duration_ns, waited_ns);
    }
    int64_t now_ms = stats->clock != NULL ? clock_real_ms(stats->clock) : 0;
    pthread_mutex_lock(&stats->lock);
    if (stats->clock != NULL) {
        count_slot(stats, now_ms, status, metered);
    }
    struct call_stats *entry = entry_of(stats, call);
    if (entry != NULL) {
        entry->count++;
        entry->errors += status == 0 || status >= 400;
        entry->limited += status == 429;
        entry->waited_ns += waited_ns;
        entry->duration_ns += duration_ns;
        entry->buckets[bucket]++;
        count_status(entry, status);
    }
    pthread_mutex_unlock(&stats->lock);
}

void callstats_add(struct callstats *stats, const char *call, int status, int64_t duration_ns,
                   int64_t waited_ns)
{
    add(stats, call, status, duration_ns, waited_ns, true);
}

void callstats_add_unmetered(struct callstats *stats, const char *call, int status,
                             int64_t duration_ns)
{
    add(stats, call, status, duration_ns, 0, false);
}

void callstats_retry(struct callstats *stats, const char *call)
{
    pthread_mutex_lock(&stats->lock);
    struct call_stats *entry = entry_of(stats, call);
    if (entry != NULL) {
        entry->retries++;
    }
    pthread_mutex_unlock(&stats->lock);
}

void callstats_totals(struct callstats *stats, struct callstats_totals *ret)
{
    struct callstats_totals totals = {0};
    pthread_mutex_lock(&stats->lock);
    for (size_t i = 0; i < stats->count; i++) {
        const struct call_stats *entry = stats->calls[i];
        totals.calls += entry->count;
        totals.errors += entry->errors;
        totals.limited += entry->limited;
        totals.retries += entry->retries;
        totals.waited_ns += entry->waited_ns;
    }
    pthread_mutex_unlock(&stats->lock);
    *ret = totals;
}

static void view_of(const struct call_stats *entry, const size_t *edge_buckets, size_t edge_count,
                    int *statuses, uint64_t *counts, struct callstats_view *ret)
{
    *ret = (struct callstats_view){.call = entry->call,
                                   .count = entry->count,
                                   .retries = entry->retries,
                                   .waited_ns = entry->waited_ns,
                                   .duration_ns = entry->duration_ns,
                                   .status_count = entry->status_count,
                                   .statuses = statuses,
                                   .status_counts = counts};
    for (size_t i = 0; i < entry->status_count; i++) {
        statuses[i] = entry->statuses[i].status;
        counts[i] = entry->statuses[i].count;
    }
    for (size_t i = 0; i < edge_count; i++) {
        for (size_t b = 0; b <= edge_buckets[i]; b++) {
            ret->faster[i] += entry->buckets[b];
        }
    }
}

void callstats_each(struct callstats *stats, const int64_t *edges_ms, size_t edge_count,
                    void (*each)(void *ctx, const struct callstats_view *view), void *ctx)
{
    size_t buckets[CALLSTATS_EDGES];
    for (size_t i = 0; i < edge_count; i++) {
        buckets[i] = callstats_bucket(edges_ms[i] * 1000000);
    }
    pthread_mutex_lock(&stats->lock);
    size_t count = stats->count;
    struct call_stats *copies = xcalloc(count + 1, sizeof(*copies));
    for (size_t i = 0; i < count; i++) {
        copies[i] = *stats->calls[i];
    }
    pthread_mutex_unlock(&stats->lock);
    for (size_t i = 0; i < count; i++) {
        int statuses[MAX_STATUSES];
        uint64_t counts[MAX_STATUSES];
        struct callstats_view view;
        view_of(&copies[i], buckets, edge_count, statuses, counts, &view);
        each(ctx, &view);
    }
    free(copies);
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void entry_json(const struct call_stats *entry, struct buf *out)
{
    buf_add_json(out, str_of(entry->call));
    buf_printf(out,
               ":{\"count\":%llu,\"errors\":%llu,\"limited\":%llu,\"retries\":%llu,"
               "\"waited_ms\":%lld,\"status\":{",
               (unsigned long long)entry->count, (unsigned long long)entry->errors,
               (unsigned long long)entry->limited, (unsigned long long)entry->retries,
               (long long)(entry->waited_ns / 1000000));
    for (size_t i = 0; i < entry->status_count; i++) {
        buf_printf(out, "%s\"%d\":%llu", i != 0 ? "," : "", entry->statuses[i].status,
                   (unsigned long long)entry->statuses[i].count);
    }
    buf_addz(out, "},\"latency\":[");
    const char *comma = "";
    for (size_t i = 0; i < CALLSTATS_BUCKETS; i++) {
        if (entry->buckets[i] != 0) {
            buf_printf(out, "%s[%zu,%llu]", comma, i, (unsigned long long)entry->buckets[i]);
            comma = ",";
        }
    }
    buf_addz(out, "]}");
}

static void over_time_json(const struct callstats *stats, struct buf *out)
{
    buf_printf(out,
               ",\"limit\":{\"calls\":%lld,\"period_ms\":%lld},"
               "\"over_time\":{\"slot_ms\":%lld,\"from_ms\":%lld,\"slots\":[",
               (long long)stats->limit_calls, (long long)stats->limit_period_ms,
               (long long)stats->slot_ms, (long long)stats->from_ms);
    const char *comma = "";
    for (size_t i = 0; i < CALLSTATS_SLOTS; i++) {
        const struct slot *slot = &stats->slots[i];
        if (slot->calls != 0) {
            buf_printf(out, "%s[%zu,%u,%u,%u,%u]", comma, i, slot->calls, slot->errors,
                       slot->limited, slot->unmetered);
            comma = ",";
        }
    }
    buf_addz(out, "]}");
}

void callstats_json(struct callstats *stats, struct buf *out)
{
    buf_addz(out, "{\"calls\":{");
    pthread_mutex_lock(&stats->lock);
    for (size_t i = 0; i < stats->count; i++) {
        if (i != 0) {
            buf_addc(out, ',');
        }
        entry_json(stats->calls[i], out);
    }
    buf_addc(out, '}');
    if (stats->clock != NULL) {
        over_time_json(stats, out);
    }
    pthread_mutex_unlock(&stats->lock);
    buf_addc(out, '}');
}
