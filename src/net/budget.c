/* SPDX-License-Identifier: MIT */
#include "net/budget.h"

enum { RETRY = 100, MOST = BUDGET_MOST * RETRY };

static const int64_t trickle_ns = INT64_C(1000000000);

void budget_init(struct budget *budget, int64_t percent)
{
    *budget = (struct budget){.percent = percent, .hundredths = MOST};
}

void budget_earn(struct budget *budget)
{
    int64_t have = budget->hundredths + budget->percent;
    budget->hundredths = have < MOST ? have : MOST;
}

int64_t budget_spend_ns(struct budget *budget, int64_t now_ns)
{
    if (budget->hundredths >= RETRY) {
        budget->hundredths -= RETRY;
        return 0;
    }
    int64_t at_ns = budget->next_ns > now_ns ? budget->next_ns : now_ns;
    budget->next_ns = at_ns + trickle_ns;
    return at_ns - now_ns;
}
