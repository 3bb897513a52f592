/* SPDX-License-Identifier: MIT */
#include "net/budget.h"

#include "harness/tap.h"

static const int64_t second = INT64_C(1000000000);

static void a_full_bucket_delays_nobody(void)
{
    struct budget budget;
    budget_init(&budget, 20);
    for (int i = 0; i < BUDGET_MOST; i++) {
        CHECK_INT(budget_spend_ns(&budget, 0), 0);
    }
    CHECK_INT(budget_spend_ns(&budget, 0), 0); /* the one of this second */
    CHECK_INT(budget_spend_ns(&budget, 0), second);
    CHECK_INT(budget_spend_ns(&budget, 0), 2 * second);
    CHECK_INT(budget_spend_ns(&budget, second / 2), 5 * second / 2);
    CHECK_INT(budget_spend_ns(&budget, 60 * second), 0); /* waiting earns nothing but its turn */
    CHECK_INT(budget_spend_ns(&budget, 60 * second), second);
}

static void calls_earn_their_share(void)
{
    struct budget budget;
    budget_init(&budget, 20);
    for (int i = 0; i <= BUDGET_MOST; i++) {
        (void)budget_spend_ns(&budget, 0);
    }
    for (int i = 0; i < 4; i++) {
        budget_earn(&budget);
    }
    CHECK_INT(budget_spend_ns(&budget, 0), second);
    budget_earn(&budget);
    CHECK_INT(budget_spend_ns(&budget, 0), 0);
    CHECK_INT(budget_spend_ns(&budget, 0), 2 * second);
    for (int i = 0; i < 1000; i++) {
        budget_earn(&budget);
    }
    CHECK_INT(budget.hundredths, BUDGET_MOST * 100);
}

/* Of a remote that fails every call, retries of one call a millisecond: the share holds. */
static void the_share_holds(void)
{
    struct budget budget;
    budget_init(&budget, 10);
    int at_once = 0;
    int64_t now = 0;
    for (int i = 0; i < 100000; i++) {
        now += second / 1000;
        budget_earn(&budget);
        at_once += budget_spend_ns(&budget, now) == 0;
    }
    CHECK_INT(at_once, 10000 + BUDGET_MOST);
}

TAP_MAIN(TAP_TEST(a_full_bucket_delays_nobody), TAP_TEST(calls_earn_their_share),
         TAP_TEST(the_share_holds))
