/* SPDX-License-Identifier: MIT */
#include "net/callstats.h"

#include <pthread.h>

#include "harness/fakeclock.h"
#include "harness/tap.h"

static void nothing_counted(void)
{
    AUTO(callstats_free) struct callstats *stats = callstats_new();
    AUTO_BUF struct buf out = {0};
    callstats_json(stats, &out);
    CHECK_STR(buf_z(&out), "{\"calls\":{}}");
    struct callstats_totals totals;
    callstats_totals(stats, &totals);
    CHECK_INT(totals.calls, 0);
    uint64_t buckets[CALLSTATS_BUCKETS] = {0};
    CHECK_INT(callstats_percentile_us(buckets, 0.5), 0);
}

static void counts_by_call_and_status(void)
{
    AUTO(callstats_free) struct callstats *stats = callstats_new();
    callstats_add(stats, "works.list", 200, 2000, 5000000);
    callstats_add(stats, "rev-users.get", 429, 1000, 0);
    callstats_add(stats, "rev-users.get", 200, 1001, 3000000);
    callstats_retry(stats, "rev-users.get");
    callstats_add(stats, "rev-users.get", 0, 32000, 0);
    callstats_add(stats, "rev-users.get", 200, 1000000, 0);
    AUTO_BUF struct buf out = {0};
    callstats_json(stats, &out);
    CHECK_STR(
        buf_z(&out),
        "{\"calls\":{\"rev-users.get\":{\"count\":4,\"errors\":2,\"limited\":1,\"retries\":1,"
        "\"waited_ms\":3,\"status\":{\"0\":1,\"200\":2,\"429\":1},"
        "\"latency\":[[0,1],[1,1],[80,1],[160,1]]},"
        "\"works.list\":{\"count\":1,\"errors\":0,\"limited\":0,\"retries\":0,\"waited_ms\":5,"
        "\"status\":{\"200\":1},\"latency\":[[16,1]]}}}");
    struct callstats_totals totals;
    callstats_totals(stats, &totals);
    CHECK_INT(totals.calls, 5);
    CHECK_INT(totals.errors, 2);
    CHECK_INT(totals.limited, 1);
    CHECK_INT(totals.retries, 1);
    CHECK_INT(totals.waited_ns, 8000000);
}

static void view_text(void *ctx, const struct callstats_view *view)
{
    struct buf *out = ctx;
    buf_printf(out, "%s %d retries %d waited %d ms of %d us:", view->call, (int)view->count,
               (int)view->retries, (int)(view->waited_ns / 1000000),
               (int)(view->duration_ns / 1000));
    for (size_t i = 0; i < view->status_count; i++) {
        buf_printf(out, " %d=%d", view->statuses[i], (int)view->status_counts[i]);
    }
    buf_printf(out, " | %d %d %d\n", (int)view->faster[0], (int)view->faster[1],
               (int)view->faster[2]);
}

static void each_call_with_edges(void)
{
    static const int64_t edges[] = {5, 50, 500};
    AUTO(callstats_free) struct callstats *stats = callstats_new();
    AUTO_BUF struct buf out = {0};
    callstats_each(stats, edges, ARRAY_LEN(edges), view_text, &out);
    CHECK_INT(out.len, 0);
    callstats_add(stats, "works.get", 200, 4000000, 7000000);
    callstats_add(stats, "works.get", 200, 40000000, 0);
    callstats_add(stats, "works.get", 503, 400000000, 0);
    callstats_add(stats, "works.get", 0, 4000000000, 0);
    callstats_retry(stats, "works.get");
    callstats_add(stats, "auth", 200, 1000000, 0);
    callstats_each(stats, edges, ARRAY_LEN(edges), view_text, &out);
    CHECK_STR(buf_z(&out), "auth 1 retries 0 waited 0 ms of 1000 us: 200=1 | 1 1 1\n"
                           "works.get 4 retries 1 waited 7 ms of 4444000 us: 0=1 200=2 503=1 | "
                           "1 2 3\n");
}

static void percentiles_are_within_one_bucket(void)
{
    uint64_t buckets[CALLSTATS_BUCKETS] = {0};
    buckets[0] = 50;  /* up to 1 us */
    buckets[16] = 49; /* up to 2 us */
    buckets[160] = 1; /* up to 1024 us */
    CHECK_INT(callstats_percentile_us(buckets, 0), 1);
    CHECK_INT(callstats_percentile_us(buckets, 0.5), 1);
    CHECK_INT(callstats_percentile_us(buckets, 0.51), 2);
    CHECK_INT(callstats_percentile_us(buckets, 0.99), 2);
    CHECK_INT(callstats_percentile_us(buckets, 1), 1024);
}

static void the_longest_durations_share_the_last_bucket(void)
{
    AUTO(callstats_free) struct callstats *stats = callstats_new();
    callstats_add(stats, "rev-users.get", 200, INT64_MAX, 0);
    AUTO_BUF struct buf out = {0};
    callstats_json(stats, &out);
    CHECK(strstr(buf_z(&out), "\"latency\":[[511,1]]") != NULL);
}

static void many_calls_and_statuses_stay_bounded(void)
{
    AUTO(callstats_free) struct callstats *stats = callstats_new();
    for (int status = 200; status < 300; status++) {
        callstats_add(stats, "rev-users.get", status, 1000, 0);
    }
    AUTO_BUF struct buf out = {0};
    callstats_json(stats, &out);
    CHECK(strstr(buf_z(&out), "\"count\":100,") != NULL);
    CHECK(strstr(buf_z(&out), "\"223\":77}") != NULL);
}

static void counts_by_slots_of_ten_seconds(void)
{
    struct fakeclock fake;
    fakeclock_init(&fake);
    fakeclock_advance_ms(&fake, 3000);
    AUTO(callstats_free) struct callstats *stats = callstats_new();
    callstats_over_time(stats, &fake.clock, 45, 60000);
    AUTO_BUF struct buf out = {0};
    callstats_json(stats, &out);
    CHECK_STR(buf_z(&out), "{\"calls\":{},\"limit\":{\"calls\":45,\"period_ms\":60000},"
                           "\"over_time\":{\"slot_ms\":10000,\"from_ms\":0,\"slots\":[]}}");
    callstats_add(stats, "a", 200, 1000, 0);
    callstats_add(stats, "b", 429, 1000, 0);
    fakeclock_advance_ms(&fake, 6999);
    callstats_add(stats, "a", 500, 1000, 0);
    fakeclock_advance_ms(&fake, 1);
    callstats_add(stats, "a", 200, 1000, 0);
    fakeclock_advance_ms(&fake, 30000);
    callstats_add(stats, "a", 0, 1000, 0);
    callstats_add_unmetered(stats, "download", 200, 1000);
    buf_clear(&out);
    callstats_json(stats, &out);
    CHECK(strstr(buf_z(&out), ",\"over_time\":{\"slot_ms\":10000,\"from_ms\":1795521600000,"
                              "\"slots\":[[0,3,2,1,0],[1,1,0,0,0],[4,2,1,0,1]]}}") != NULL);
    fakeclock_set(&fake, FAKECLOCK_MONO_NS, FAKECLOCK_REAL_MS - 3600000);
    callstats_add(stats, "a", 200, 1000, 0); /* the wall clock was set back */
    buf_clear(&out);
    callstats_json(stats, &out);
    CHECK(strstr(buf_z(&out), "\"slots\":[[0,4,2,1,0],[1,1,0,0,0],[4,2,1,0,1]]") != NULL);
}

static void slots_double_instead_of_growing_in_number(void)
{
    struct fakeclock fake;
    fakeclock_init(&fake);
    /* begins in an odd slot, so that the wider slots begin before it */
    fakeclock_set(&fake, FAKECLOCK_MONO_NS, FAKECLOCK_REAL_MS + CALLSTATS_SLOT_MS);
    AUTO(callstats_free) struct callstats *stats = callstats_new();
    callstats_over_time(stats, &fake.clock, 0, 60000);
    for (int i = 0; i < CALLSTATS_SLOTS; i++) {
        callstats_add(stats, "a", i % 2 == 0 ? 200 : 404, 1000, 0);
        fakeclock_advance_ms(&fake, CALLSTATS_SLOT_MS);
    }
    AUTO_BUF struct buf out = {0};
    callstats_json(stats, &out);
    CHECK(strstr(buf_z(&out), "\"slot_ms\":10000,\"from_ms\":1795521610000,") != NULL);
    CHECK(strstr(buf_z(&out), ",[719,1,1,0,0]]}}") != NULL);
    callstats_add(stats, "a", 200, 1000, 0);
    buf_clear(&out);
    callstats_json(stats, &out);
    CHECK(strstr(buf_z(&out), "\"slot_ms\":20000,\"from_ms\":1795521600000,"
                              "\"slots\":[[0,1,0,0,0],[1,2,1,0,0],[2,2,1,0,0],") != NULL);
    CHECK(strstr(buf_z(&out), ",[359,2,1,0,0],[360,2,1,0,0]]}}") != NULL);
    fakeclock_advance_ms(&fake, INT64_C(30) * 24 * 3600 * 1000);
    callstats_add(stats, "a", 200, 1000, 0);
    buf_clear(&out);
    callstats_json(stats, &out);
    CHECK(strstr(buf_z(&out), "\"slot_ms\":5120000,\"from_ms\":1795517440000,"
                              "\"slots\":[[0,") != NULL);
    struct callstats_totals totals;
    callstats_totals(stats, &totals);
    CHECK_INT(totals.calls, CALLSTATS_SLOTS + 2);
}

struct crowd {
    struct callstats *stats;
};

static void *add_many(void *arg)
{
    struct crowd *crowd = arg;
    for (int i = 0; i < 10000; i++) {
        callstats_add(crowd->stats, i % 2 != 0 ? "a" : "b", 200, i, 1);
    }
    return NULL;
}

static void threads_count_together(void)
{
    AUTO(callstats_free) struct callstats *stats = callstats_new();
    struct crowd crowd = {stats};
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        CHECK_INT(pthread_create(&threads[i], NULL, add_many, &crowd), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    struct callstats_totals totals;
    callstats_totals(stats, &totals);
    CHECK_INT(totals.calls, 40000);
    CHECK_INT(totals.waited_ns, 40000);
}

TAP_MAIN(TAP_TEST(nothing_counted), TAP_TEST(counts_by_call_and_status),
         TAP_TEST(each_call_with_edges), TAP_TEST(percentiles_are_within_one_bucket),
         TAP_TEST(the_longest_durations_share_the_last_bucket),
         TAP_TEST(many_calls_and_statuses_stay_bounded), TAP_TEST(threads_count_together),
         TAP_TEST(counts_by_slots_of_ten_seconds),
         TAP_TEST(slots_double_instead_of_growing_in_number))
