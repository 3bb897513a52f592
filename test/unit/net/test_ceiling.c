/* SPDX-License-Identifier: MIT */
#include "net/ceiling.h"

#include "harness/tap.h"

enum { PERIOD = 10000000 };

static struct ceiling ceiling;

static int64_t allowed(uint64_t now)
{
    return ceiling_calls(&ceiling, 50, PERIOD, now);
}

/* Eight workers overshoot a limit of 25: the last refusal tells how many were accepted. */
static void burst(uint64_t now)
{
    for (int64_t held = 32; held >= 25; held--) {
        ceiling_refused(&ceiling, held, 50, PERIOD, now);
    }
}

static void refusals_show_what_is_allowed(void)
{
    ceiling = (struct ceiling){0};
    CHECK_INT(allowed(1), 50);
    burst(1000);
    CHECK_INT(allowed(1000), 25);
    CHECK_INT(allowed(1000 + PERIOD - 1), 25);
    CHECK_INT(allowed(1000 + PERIOD), 26); /* tried after a period */
}

/* What the remote refuses in an hour of ten-second periods, once it is known. */
static void the_edge_is_tried_ever_more_seldom(void)
{
    ceiling = (struct ceiling){0};
    burst(1000);
    int refused = 0;
    for (uint64_t period = 1; period <= 360; period++) {
        uint64_t now = 1000 + period * PERIOD;
        if (allowed(now) > 25) {
            ceiling_refused(&ceiling, 25, 50, PERIOD, now + 1);
            refused++;
        }
    }
    CHECK_INT(refused, 10); /* after 1, 2, 4, ... 64, 64 ... periods */
}

static void a_remote_that_allows_more_again_is_followed(void)
{
    ceiling = (struct ceiling){0};
    burst(1000);
    uint64_t now = 1000;
    for (int i = 0; i < 7; i++) { /* long ago it was tried in vain */
        now = ceiling.step_us;
        CHECK_INT(allowed(now), 26);
        ceiling_refused(&ceiling, 25, 50, PERIOD, now + 1);
    }
    CHECK_INT(ceiling.hold, CEILING_MOST_HOLD);
    uint64_t begin = now;
    while (allowed(now) < 50) {
        now = ceiling.step_us;
    }
    CHECK_INT((now - begin) / PERIOD, 64 + 64 + 32 + 16 + 8 + 4 + 2 + 18);
    CHECK_INT(ceiling.calls, 0);
}

static void what_is_known_is_not_lowered(void)
{
    ceiling = (struct ceiling){0};
    ceiling_refused(&ceiling, 50, 50, PERIOD, 5);
    ceiling_refused(&ceiling, 57, 50, PERIOD, 6);
    CHECK_INT(allowed(7), 50);
    ceiling_refused(&ceiling, 0, 50, PERIOD, 8);
    CHECK_INT(allowed(9), 1); /* never none at all */
}

TAP_MAIN(TAP_TEST(refusals_show_what_is_allowed), TAP_TEST(the_edge_is_tried_ever_more_seldom),
         TAP_TEST(a_remote_that_allows_more_again_is_followed),
         TAP_TEST(what_is_known_is_not_lowered))
