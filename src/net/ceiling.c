/* SPDX-License-Identifier: MIT */
#include "net/ceiling.h"

static void hold(struct ceiling *ceiling, int64_t periods, int64_t period_us, uint64_t now_us)
{
    ceiling->hold = periods < 1 ? 1 : periods > CEILING_MOST_HOLD ? CEILING_MOST_HOLD : periods;
    ceiling->step_us = now_us + (uint64_t)(ceiling->hold * period_us);
}

void ceiling_refused(struct ceiling *ceiling, int64_t held, int64_t configured, int64_t period_us,
                     uint64_t now_us)
{
    int64_t before = ceiling->calls != 0 ? ceiling->calls : configured;
    int64_t found = held > 1 ? held : 1;
    if (found >= before) {
        return; /* within what is known: the remote counts over a longer time, or others call too */
    }
    ceiling->calls = found;
    bool same = ceiling->refused_us != 0 && now_us < ceiling->refused_us + (uint64_t)period_us;
    hold(ceiling, same ? ceiling->hold : ceiling->hold * 2, period_us, now_us);
    ceiling->refused_us = now_us;
    ceiling->trying = false;
}

int64_t ceiling_calls(struct ceiling *ceiling, int64_t configured, int64_t period_us,
                      uint64_t now_us)
{
    if (ceiling->calls == 0) {
        return configured;
    }
    if (now_us >= ceiling->step_us) {
        ceiling->calls++;
        hold(ceiling, ceiling->trying ? ceiling->hold / 2 : ceiling->hold, period_us, now_us);
        ceiling->trying = true;
    }
    if (ceiling->calls >= configured) {
        *ceiling = (struct ceiling){0};
        return configured;
    }
    return ceiling->calls;
}
