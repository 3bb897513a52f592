/* SPDX-License-Identifier: MIT */
#include "sandbox/limit.h"

#include <stdlib.h>

#include "base/arena.h"

void limit_init(struct limit *limit, size_t calls, int64_t period_ms)
{
    *limit = (struct limit){.calls = calls, .period_ms = period_ms};
    if (calls > 0) {
        limit->accepted = xcalloc(calls, sizeof(int64_t));
    }
}

void limit_done(struct limit *limit)
{
    free(limit->accepted);
    limit->accepted = NULL;
}

bool limit_allows(const struct limit *limit, int64_t now_ms, int64_t *ret_wait_ms)
{
    if (limit->calls == 0 || limit->filled < limit->calls) {
        return true;
    }
    int64_t free_at = limit->accepted[limit->next] + limit->period_ms; /* the oldest leaves */
    if (now_ms >= free_at) {
        return true;
    }
    *ret_wait_ms = free_at - now_ms;
    return false;
}

void limit_accept(struct limit *limit, int64_t now_ms)
{
    if (limit->calls > 0) {
        limit->accepted[limit->next] = now_ms;
        limit->next = (limit->next + 1) % limit->calls;
        limit->filled += limit->filled < limit->calls;
    }
}

size_t limit_left(const struct limit *limit, int64_t now_ms)
{
    /* Times only rise, so those still in the window are the newest: find where they end. */
    size_t low = 0;
    size_t high = limit->filled;
    while (low < high) {
        size_t middle = (low + high) / 2;
        size_t at = (limit->next + limit->calls - 1 - middle) % limit->calls;
        if (now_ms - limit->accepted[at] < limit->period_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return limit->calls - low;
}
