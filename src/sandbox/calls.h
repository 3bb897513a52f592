/* SPDX-License-Identifier: MIT */
/*
 * How many calls of which kind arrived in which second: what GET /sandbox/calls shows.
 */
#ifndef STEWARD_SANDBOX_CALLS_H
#define STEWARD_SANDBOX_CALLS_H

#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct call_row {
    int64_t second;
    const char *call;
    int status;        /* 0: no answer left */
    const char *cause; /* NULL none */
    int64_t count;
};

struct calls {
    struct arena arena;
    struct call_row *rows;
    size_t len;
    size_t cap;
};

void calls_done(struct calls *calls);
/* `row->count` more of them; call and cause are copied. */
void calls_add(struct calls *calls, const struct call_row *row);
/* {"calls":[...]} */
void calls_json(const struct calls *calls, struct buf *out);

#endif
