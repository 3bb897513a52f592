/* SPDX-License-Identifier: MIT */
#include "net/breaker.h"

#include "base/str.h"

const char *breaker_state_name(enum breaker_state state)
{
    switch (state) {
    case BREAKER_CLOSED:
        return "closed";
    case BREAKER_OPEN:
        return "open";
    case BREAKER_HALF_OPEN:
        return "half-open";
    }
    return "unknown";
}

void breaker_init(struct breaker *breaker, const struct breaker_policy *policy)
{
    *breaker = (struct breaker){.policy = *policy};
}

/* What was counted in another state says nothing about this one. */
static void enter_state(struct breaker *breaker, enum breaker_state state)
{
    breaker->state = state;
    breaker->bad = 0;
    breaker->seen = 0;
    breaker->probing = 0;
    breaker->good = 0;
    breaker->ticket++;
}

static void open_it(struct breaker *breaker, int64_t now_ns)
{
    if (breaker->state == BREAKER_CLOSED) {
        breaker->broken_ns = now_ns;
        breaker->opened++;
    }
    enter_state(breaker, BREAKER_OPEN);
    breaker->until_ns = now_ns + breaker->policy.open_ns;
}

enum breaker_verdict breaker_ask(struct breaker *breaker, bool is_write, int64_t now_ns,
                                 uint64_t *ret_ticket)
{
    if (breaker->state != BREAKER_CLOSED && is_write) {
        return BREAKER_REFUSE;
    }
    if (breaker->state == BREAKER_OPEN) {
        if (now_ns < breaker->until_ns) {
            return BREAKER_WAIT;
        }
        enter_state(breaker, BREAKER_HALF_OPEN);
    }
    if (breaker->state == BREAKER_HALF_OPEN) {
        if (breaker->probing + breaker->good >= breaker->policy.probes) {
            return BREAKER_WAIT;
        }
        breaker->probing++;
    }
    *ret_ticket = breaker->ticket;
    return BREAKER_GO;
}

static bool is_broken(const struct breaker *breaker)
{
    int bad = __builtin_popcountll(breaker->bad);
    return breaker->seen >= breaker->policy.least &&
           bad * 100 >= breaker->policy.percent * breaker->seen;
}

static bool note_closed(struct breaker *breaker, bool bad, int64_t now_ns)
{
    int window = breaker->policy.window;
    uint64_t mask = window >= BREAKER_MOST_WINDOW ? UINT64_MAX : (UINT64_C(1) << window) - 1;
    breaker->bad = (breaker->bad << 1 | bad) & mask;
    breaker->seen += breaker->seen < window;
    if (!bad || !is_broken(breaker)) {
        return false;
    }
    open_it(breaker, now_ns);
    return true;
}

bool breaker_note(struct breaker *breaker, uint64_t ticket, enum breaker_outcome outcome,
                  int64_t now_ns)
{
    if (ticket != breaker->ticket) {
        return false;
    }
    if (breaker->state == BREAKER_HALF_OPEN) {
        breaker->probing--;
    }
    if (outcome == BREAKER_NOTHING) {
        return false;
    }
    if (breaker->state == BREAKER_CLOSED) {
        return note_closed(breaker, outcome == BREAKER_BAD, now_ns);
    }
    if (outcome == BREAKER_BAD) {
        open_it(breaker, now_ns);
        return true;
    }
    breaker->good++;
    if (breaker->good < breaker->policy.probes) {
        return false;
    }
    enter_state(breaker, BREAKER_CLOSED);
    return true;
}

int64_t breaker_broken_ns(const struct breaker *breaker, int64_t now_ns)
{
    return breaker->state == BREAKER_CLOSED ? 0 : now_ns - breaker->broken_ns;
}
