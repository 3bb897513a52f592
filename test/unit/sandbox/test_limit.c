/* SPDX-License-Identifier: MIT */
#include "sandbox/limit.h"

#include "base/rng.h"
#include "harness/tap.h"

static void none_is_none(void)
{
    struct limit limit;
    int64_t wait = 0;
    limit_init(&limit, 0, 1000);
    for (int i = 0; i < 10; i++) {
        CHECK(limit_allows(&limit, 5, &wait));
        limit_accept(&limit, 5);
    }
    limit_done(&limit);
}

static void slides(void)
{
    struct limit limit;
    int64_t wait = 0;
    limit_init(&limit, 2, 1000);
    CHECK_INT(limit_left(&limit, 0), 2);
    limit_accept(&limit, 100);
    limit_accept(&limit, 600);
    CHECK_INT(limit_left(&limit, 600), 0);
    CHECK(!limit_allows(&limit, 1099, &wait));
    CHECK_INT(wait, 1);
    CHECK(limit_allows(&limit, 1100, &wait)); /* exactly a period later */
    CHECK_INT(limit_left(&limit, 1100), 1);
    limit_accept(&limit, 1100);
    CHECK(!limit_allows(&limit, 1100, &wait));
    CHECK_INT(wait, 500);
    CHECK_INT(limit_left(&limit, 5000), 2);
    limit_done(&limit);
}

/* Against the sentence of cli.md, word by word. */
static void agrees_with_the_definition(void)
{
    enum { CALLS = 7, PERIOD = 50, STEPS = 5000 };
    static int64_t accepted[STEPS];
    struct limit limit;
    struct rng rng;
    int64_t now = 0;
    size_t count = 0;
    rng_seed(&rng, 11);
    limit_init(&limit, CALLS, PERIOD);
    for (int i = 0; i < STEPS; i++) {
        now += (int64_t)rng_below(&rng, 12);
        size_t before = 0;
        for (size_t k = 0; k < count; k++) {
            before += now - accepted[k] < PERIOD;
        }
        int64_t wait = 0;
        bool allowed = limit_allows(&limit, now, &wait);
        CHECK_INT(limit_left(&limit, now), before >= CALLS ? 0 : CALLS - before);
        CHECK(allowed == (before < CALLS));
        if (allowed) {
            limit_accept(&limit, now);
            accepted[count++] = now;
        } else {
            CHECK(limit_allows(&limit, now + wait, &wait));
        }
    }
    CHECK(count > 100 && count < STEPS);
    limit_done(&limit);
}

TAP_MAIN(TAP_TEST(none_is_none), TAP_TEST(slides), TAP_TEST(agrees_with_the_definition))
