/* SPDX-License-Identifier: MIT */
/*
 * The remote's rate limit: a call is refused if `calls` calls were accepted in the `period_ms`
 * before it. Refused calls do not count. Times are CLOCK_REALTIME milliseconds, never going back.
 */
#ifndef STEWARD_SANDBOX_LIMIT_H
#define STEWARD_SANDBOX_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct limit {
    size_t calls; /* 0: no limit */
    int64_t period_ms;
    int64_t *accepted; /* ring of the last `calls` times */
    size_t next;
    size_t filled;
};

void limit_init(struct limit *limit, size_t calls, int64_t period_ms);
void limit_done(struct limit *limit);
/* False: refused; *ret_wait_ms until one would be accepted. Does not count the call. */
bool limit_allows(const struct limit *limit, int64_t now_ms, int64_t *ret_wait_ms);
void limit_accept(struct limit *limit, int64_t now_ms);
/* How many more would be accepted now. */
size_t limit_left(const struct limit *limit, int64_t now_ms);

#endif
