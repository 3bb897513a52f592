/* SPDX-License-Identifier: MIT */
/*
 * What was asked of a remote: counts, errors, waiting and latencies by call, for progress, report and
 * metrics. Any thread may add; one mutex, a few nanoseconds a call.
 *
 * Latencies go into a logarithmic histogram (16 buckets a factor of two, from 1 us: 4.4 % error), so
 * that percentiles of any number of calls need constant memory and histograms of several processes
 * can be added up.
 */
#ifndef STEWARD_NET_CALLSTATS_H
#define STEWARD_NET_CALLSTATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

struct callstats;

struct callstats *callstats_new(void);
void callstats_free(struct callstats *stats);
DEFINE_AUTO(struct callstats, callstats_free)

/* Also counts over time, from now on: how many calls ended in each slot of ten seconds of the
 * clock. A slot doubles whenever more than CALLSTATS_SLOTS would be needed, so that a run of weeks
 * needs no more memory than one of minutes. `limit_calls` in `limit_period_ms` is what is allowed
 * (0: no limit of our own), kept beside the counts for whoever reads them. Before other threads. */
enum { CALLSTATS_SLOTS = 720, CALLSTATS_SLOT_MS = 10000 };
void callstats_over_time(struct callstats *stats, const struct clock *clock, int64_t limit_calls,
                         int64_t limit_period_ms);

/* `status` 0: no answer. `call` is a constant such as "rev-users.get". */
void callstats_add(struct callstats *stats, const char *call, int status, int64_t duration_ns,
                   int64_t waited_ns);
/* The same for what the limit does not count: a download from elsewhere. */
void callstats_add_unmetered(struct callstats *stats, const char *call, int status,
                             int64_t duration_ns);
/* `seen` hears of the calling thread's own calls, too, from now on; NULL: of no more. */
typedef void (*callstats_seen_fn)(void *ctx, const char *call, int64_t duration_ns,
                                  int64_t waited_ns);
void callstats_overhear(callstats_seen_fn seen, void *ctx);
/* One more attempt at the same call. */
void callstats_retry(struct callstats *stats, const char *call);

struct callstats_totals {
    uint64_t calls;
    uint64_t errors;  /* no answer, or a status of 400 and above */
    uint64_t limited; /* 429 */
    uint64_t retries;
    int64_t waited_ns;
};
void callstats_totals(struct callstats *stats, struct callstats_totals *ret);

/* One call as it stood when callstats_each was called; views live during the callback.
 * `faster`: how many calls ended within each of the `edges` (milliseconds, ascending) that were asked
 * for, counted from the histogram, 4.4 % early or late. */
enum { CALLSTATS_EDGES = 16 };
struct callstats_view {
    const char *call;
    uint64_t count;
    uint64_t retries;
    int64_t waited_ns;
    int64_t duration_ns; /* of all of them */
    size_t status_count;
    const int *statuses; /* 0: no answer */
    const uint64_t *status_counts;
    uint64_t faster[CALLSTATS_EDGES];
};
void callstats_each(struct callstats *stats, const int64_t *edges_ms, size_t edge_count,
                    void (*each)(void *ctx, const struct callstats_view *view), void *ctx);

/* {"calls":{"rev-users.get":{"count":1,"errors":0,"limited":0,"retries":0,"waited_ms":0,
 *  "status":{"200":1},"latency":[[bucket,count],...]}}}, calls in order of name. With counts over
 * time also "limit":{"calls":45,"period_ms":60000},
 *  "over_time":{"slot_ms":10000,"from_ms":1764000000000,"slots":[[slot,calls,errors,limited,unmetered],...]}:
 * slot n begins at from_ms + n * slot_ms (a multiple of slot_ms since 1970, so that slots of several
 * processes can be added up) and is left out where nothing ended in it. */
void callstats_json(struct callstats *stats, struct buf *out);

/* Upper edge in microseconds of the bucket that holds the share `q` (0 to 1) of the counted
 * latencies; `buckets` as in the JSON, by bucket number. 0 where there are none. */
enum { CALLSTATS_BUCKETS = 512 };
/* The bucket of a duration. */
size_t callstats_bucket(int64_t duration_ns);
int64_t callstats_percentile_us(const uint64_t buckets[CALLSTATS_BUCKETS], double q);

#endif
