/* SPDX-License-Identifier: MIT */
#include "net/width.h"

#include "harness/tap.h"

static const int64_t ms = 1000000;
static struct width width;
static int64_t now;

/* One call of `latency` milliseconds that ends now. */
static bool call(enum width_sign sign, int64_t latency)
{
    now += latency * ms;
    return width_note(&width, sign, now - latency * ms, now);
}

static int clean_until_wider(void)
{
    int calls = 1;
    while (!call(WIDTH_CLEAN, 10) && calls < 1000) {
        calls++;
    }
    return calls;
}

static void halves_and_grows_by_one(void)
{
    now = 0;
    width_init(&width, 16);
    CHECK_INT(width.now, 16);
    CHECK(call(WIDTH_LIMITED, 10));
    CHECK_INT(width.now, 8);
    CHECK_STR(width_sign_name(width.sign), "429");
    CHECK(call(WIDTH_ERROR, 10));
    CHECK_INT(width.now, 4);
    CHECK_STR(width_sign_name(width.sign), "errors");
    CHECK(call(WIDTH_SILENCE, 10));
    CHECK(call(WIDTH_SILENCE, 10));
    CHECK_INT(width.now, 1);
    CHECK_STR(width_sign_name(width.sign), "no answer");
    CHECK(!call(WIDTH_SILENCE, 10)); /* never below one */
    CHECK_INT(width.now, 1);
    CHECK_INT(width.cuts, 4);
    CHECK_INT(clean_until_wider(), 10);
    CHECK_INT(width.now, 2);
    for (int i = 3; i <= 8; i++) {
        (void)clean_until_wider();
    }
    CHECK_INT(width.now, 8);
    CHECK_INT(clean_until_wider(), 16); /* two for each */
    for (int i = 10; i <= 16; i++) {
        (void)clean_until_wider();
    }
    CHECK_INT(width.now, 16);
    CHECK(width_sign_name(width.sign) == NULL);
    for (int i = 0; i < 200; i++) {
        CHECK(!call(WIDTH_CLEAN, 10)); /* never above what was given */
    }
}

/* Calls that were in flight together tell of one moment. */
static void one_burst_halves_once(void)
{
    now = 1000 * ms;
    width_init(&width, 8);
    CHECK(width_note(&width, WIDTH_LIMITED, now - 5 * ms, now));
    for (int i = 0; i < 7; i++) {
        CHECK(!width_note(&width, WIDTH_LIMITED, now - 5 * ms, now + i * ms));
    }
    CHECK_INT(width.now, 4);
    CHECK(width_note(&width, WIDTH_LIMITED, now, now + 9 * ms));
    CHECK_INT(width.now, 2);
}

static void a_sign_ends_a_clean_stretch(void)
{
    now = 0;
    width_init(&width, 2);
    CHECK(call(WIDTH_ERROR, 10));
    for (int i = 0; i < 5; i++) {
        for (int n = 0; n < 9; n++) {
            CHECK(!call(WIDTH_CLEAN, 10));
        }
        CHECK(!call(WIDTH_ERROR, 10));
    }
    CHECK_INT(width.now, 1);
}

static void latency_that_rises(void)
{
    now = 0;
    width_init(&width, 8);
    for (int i = 0; i < 300; i++) {
        CHECK(!call(WIDTH_CLEAN, 20 + i % 40)); /* noise is none */
    }
    int calls = 1;
    while (!call(WIDTH_CLEAN, 400) && calls < 100) {
        calls++;
    }
    CHECK(calls >= 3 && calls <= 12);
    CHECK_INT(width.now, 4);
    CHECK_STR(width_sign_name(width.sign), "latency");
    CHECK(!call(WIDTH_CLEAN, 400)); /* first see what that has done */
}

static void quick_calls_may_vary(void)
{
    now = 0;
    width_init(&width, 8);
    for (int i = 0; i < 200; i++) {
        CHECK(!call(WIDTH_CLEAN, 1));
    }
    for (int i = 0; i < 50; i++) {
        CHECK(!call(WIDTH_CLEAN, 30)); /* thirty times slower, and still quick */
    }
    CHECK_INT(width.now, 8);
}

TAP_MAIN(TAP_TEST(halves_and_grows_by_one), TAP_TEST(one_burst_halves_once),
         TAP_TEST(a_sign_ends_a_clean_stretch), TAP_TEST(latency_that_rises),
         TAP_TEST(quick_calls_may_vary))
