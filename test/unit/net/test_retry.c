/* SPDX-License-Identifier: MIT */
#include "net/retry.h"

#include "harness/tap.h"

static const struct retry_policy usual = {.attempts = 3, .base_ms = 200, .cap_ms = 60000};

/* The smallest, the largest and the mean pause of many draws. */
static void draw(const struct retry_policy *policy, int next, int64_t *ret_min, int64_t *ret_max,
                 int64_t *ret_mean)
{
    enum { DRAWS = 20000 };
    struct rng rng;
    rng_seed(&rng, 7);
    int64_t sum = 0;
    *ret_min = INT64_MAX;
    *ret_max = INT64_MIN;
    for (int i = 0; i < DRAWS; i++) {
        int64_t pause = retry_pause_ms(policy, next, &rng);
        *ret_min = pause < *ret_min ? pause : *ret_min;
        *ret_max = pause > *ret_max ? pause : *ret_max;
        sum += pause;
    }
    *ret_mean = sum / DRAWS;
}

static void the_pause_is_uniform_up_to_the_doubled_base(void)
{
    int64_t min = 0;
    int64_t max = 0;
    int64_t mean = 0;
    draw(&usual, 2, &min, &max, &mean);
    CHECK_INT(min, 0);
    CHECK_INT(max, 200);
    CHECK(mean >= 97 && mean <= 103);
    draw(&usual, 3, &min, &max, &mean);
    CHECK_INT(min, 0);
    CHECK_INT(max, 400);
    CHECK(mean >= 195 && mean <= 205);
}

static void the_cap_holds_for_any_number_of_attempts(void)
{
    const int many[] = {10, 11, 64, 65, 1000, INT32_MAX};
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        int64_t min = 0;
        int64_t max = 0;
        int64_t mean = 0;
        const struct retry_policy policy = {.attempts = 3, .base_ms = 200, .cap_ms = 1000};
        draw(&policy, many[i], &min, &max, &mean);
        CHECK_INT(min, 0);
        CHECK_INT(max, 1000);
    }
}

static void odd_policies_give_sane_pauses(void)
{
    struct rng rng;
    rng_seed(&rng, 1);
    const struct retry_policy none = {.attempts = 3, .base_ms = 0, .cap_ms = 1000};
    const struct retry_policy low_cap = {.attempts = 3, .base_ms = 500, .cap_ms = 2};
    const struct retry_policy huge = {.attempts = 3, .base_ms = INT64_MAX, .cap_ms = INT64_MAX};
    const struct retry_policy negative = {.attempts = 3, .base_ms = -5, .cap_ms = -1};
    CHECK_INT(retry_pause_ms(&none, 5, &rng), 0);
    CHECK_INT(retry_pause_ms(&negative, 5, &rng), 0);
    for (int i = 0; i < 100; i++) {
        CHECK(retry_pause_ms(&low_cap, 2, &rng) <= 2);
        CHECK(retry_pause_ms(&huge, 9, &rng) >= 0);
    }
}

static void the_same_seed_gives_the_same_pauses(void)
{
    struct rng a;
    struct rng b;
    rng_seed(&a, 42);
    rng_seed(&b, 42);
    for (int next = 2; next < 50; next++) {
        CHECK_INT(retry_pause_ms(&usual, next, &a), retry_pause_ms(&usual, next, &b));
    }
}

TAP_MAIN(TAP_TEST(the_pause_is_uniform_up_to_the_doubled_base),
         TAP_TEST(the_cap_holds_for_any_number_of_attempts),
         TAP_TEST(odd_policies_give_sane_pauses), TAP_TEST(the_same_seed_gives_the_same_pauses))
