/* SPDX-License-Identifier: MIT */
#include "engine/profile.h"

#include "harness/fakeclock.h"
#include "harness/tap.h"
#include "net/callstats.h"

enum { MS = 1000000 };

static int64_t thread_cpu_ns;

static int64_t cpu(bool process)
{
    return process ? thread_cpu_ns + 5 * (int64_t)MS : thread_cpu_ns;
}

/* A worker's life: 100 ms check with two calls, 20 ms journal, 30 ms apply, all of it one call. */
static void live(struct profile *profile, struct fakeclock *clock)
{
    AUTO(callstats_free) struct callstats *calls = callstats_new();
    profile_begin(profile);
    CHECK(profile_enter(PROFILE_CHECK) == PROFILE_ENGINE);
    fakeclock_advance_ms(clock, 100);
    thread_cpu_ns += 4 * MS;
    callstats_add(calls, "rev-users.get", 200, 30 * MS, 40 * MS);
    callstats_add(calls, "rev-users.get", 200, 10 * MS, 5 * MS);
    CHECK(profile_enter(PROFILE_JOURNAL) == PROFILE_CHECK);
    fakeclock_advance_ms(clock, 20);
    CHECK(profile_enter(PROFILE_APPLY) == PROFILE_JOURNAL);
    fakeclock_advance_ms(clock, 30);
    thread_cpu_ns += 1 * MS;
    callstats_add(calls, "rev-users.merge", 200, 30 * MS, 0);
    profile_end(profile);
    callstats_add(calls, "rev-users.get", 200, 99 * MS, 99 * MS); /* nobody hears it */
}

static struct profile *two_lives(struct fakeclock *clock)
{
    fakeclock_init(clock);
    struct profile *profile = profile_new(&clock->clock, cpu);
    live(profile, clock);
    live(profile, clock);
    return profile;
}

static void the_table_adds_up(void)
{
    struct fakeclock clock;
    AUTO(profile_free) struct profile *profile = two_lives(&clock);
    AUTO_BUF struct buf text = {0};
    profile_table(profile, 7, "devrev", &text);
    CHECK_STR(buf_z(&text),
              "Where the time of run 7 went: 0.300 s, 2 workers, 0.010 s of CPU\n"
              "  phase                      seconds  share     limit   answers     other       "
              "CPU\n"
              "  check                        0.200 66.7 %     0.090     0.080     0.030     0."
              "008\n"
              "  apply                        0.060 20.0 %     0.000     0.060     0.000     0."
              "002\n"
              "  journal                      0.040 13.3 %     0.000     0.000     0.040     0."
              "000\n"
              "  devrev                     seconds  calls     limit   answers   mean ms\n"
              "  rev-users.get                0.170      4     0.090     0.080      20.0\n"
              "  rev-users.merge              0.060      2     0.000     0.060      30.0\n");
}

static void stacks_do_not_overlap(void)
{
    struct fakeclock clock;
    AUTO(profile_free) struct profile *profile = two_lives(&clock);
    AUTO_BUF struct buf text = {0};
    profile_folded(profile, "devrev", &text);
    CHECK_STR(buf_z(&text), "worker-1;check;devrev rev-users.get;waiting for the limit 45000\n"
                            "worker-1;check;devrev rev-users.get;waiting for the answer 40000\n"
                            "worker-1;check;CPU 4000\n"
                            "worker-1;check;other waiting 11000\n"
                            "worker-1;apply;devrev rev-users.merge;waiting for the answer 30000\n"
                            "worker-1;journal;other waiting 20000\n"
                            "worker-2;check;devrev rev-users.get;waiting for the limit 45000\n"
                            "worker-2;check;devrev rev-users.get;waiting for the answer 40000\n"
                            "worker-2;check;CPU 4000\n"
                            "worker-2;check;other waiting 11000\n"
                            "worker-2;apply;devrev rev-users.merge;waiting for the answer 30000\n"
                            "worker-2;journal;other waiting 20000\n");
}

static void speedscope_reads_it(void)
{
    struct fakeclock clock;
    fakeclock_init(&clock);
    AUTO(profile_free) struct profile *profile = profile_new(&clock.clock, cpu);
    AUTO_BUF struct buf text = {0};
    live(profile, &clock);
    profile_speedscope(profile, 7, "devrev", &text);
    CHECK_STR(buf_z(&text),
              "{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\",\n"
              "\"name\":\"run 7\",\"exporter\":\"steward 0.1.0\",\"activeProfileIndex\":0,\n"
              "\"shared\":{\"frames\":[{\"name\":\"check\"},{\"name\":\"devrev rev-users.get\"}"
              ",{\"name\":\"waiting for the limit\"},{\"name\":\"waiting for the answer\"},{\"n"
              "ame\":\"CPU\"},{\"name\":\"other waiting\"},{\"name\":\"apply\"},{\"name\":\"dev"
              "rev rev-users.merge\"},{\"name\":\"journal\"}]},\n"
              "\"profiles\":[\n"
              "{\"type\":\"sampled\",\"name\":\"all workers\",\"unit\":\"nanoseconds\",\"startV"
              "alue\":0,\"endValue\":150000000,\"samples\":[[0,1,2],[0,1,3],[0,4],[0,5],[6,7,3]"
              ",[8,5]],\"weights\":[45000000,40000000,4000000,11000000,30000000,20000000]},\n"
              "{\"type\":\"sampled\",\"name\":\"worker-1\",\"unit\":\"nanoseconds\",\"startValu"
              "e\":0,\"endValue\":150000000,\"samples\":[[0,1,2],[0,1,3],[0,4],[0,5],[6,7,3],[8"
              ",5]],\"weights\":[45000000,40000000,4000000,11000000,30000000,20000000]}]}\n");
}

static void nobody_counts_without_a_profile(void)
{
    profile_begin(NULL);
    CHECK(profile_enter(PROFILE_CHECK) == PROFILE_CHECK);
    profile_end(NULL);
}

TAP_MAIN(TAP_TEST(the_table_adds_up), TAP_TEST(stacks_do_not_overlap),
         TAP_TEST(speedscope_reads_it), TAP_TEST(nobody_counts_without_a_profile))
