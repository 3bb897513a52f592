/* SPDX-License-Identifier: MIT */
/*
 * How far a run is and why it is not faster, as plain data, and the same as people and programs read it: a
 * block for terminals, one line, JSON (schemas/progress.schema.json). Pure. The JSON is what the journal
 * keeps, so that `steward show` tells the same from outside and after a crash.
 */
#ifndef STEWARD_ENGINE_PROGRESS_TEXT_H
#define STEWARD_ENGINE_PROGRESS_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "engine/monitor.h"
#include "net/breaker.h"

enum { PROGRESS_ERRORS = 12, PROGRESS_NAME = 48 };

struct progress_facts {
    int64_t run;
    int64_t at_ms; /* real time */
    int64_t elapsed_ms;
    bool ended; /* nothing is waited for any more */

    /* changes, of this process */
    uint64_t todo;
    uint64_t verified;
    uint64_t failed; /* not done: failed, unknown, without a backup */
    uint64_t skipped;
    uint64_t confirming;

    /* calls */
    uint64_t calls;
    struct {
        int status; /* 0: no answer */
        uint64_t count;
    } errors[PROGRESS_ERRORS];
    size_t error_count;
    char slowest[PROGRESS_NAME]; /* "" none */
    int64_t slowest_ms;          /* on average */

    /* the remote */
    int64_t limit_calls; /* 0: no limit is known */
    int64_t limit_period_ms;
    bool learned;                /* it is the remote's */
    char waiting[PROGRESS_NAME]; /* what for; "" not waiting */
    int64_t wait_ms;
    int64_t width;
    int64_t most;
    char sign[PROGRESS_NAME]; /* why it is less, "" it is not */
    enum breaker_state breaker;
    bool paused;

    bool monitored;
    struct monitor_rates machine;
};

/* One line without line end. */
void progress_line(const struct progress_facts *facts, struct buf *out);

/* Lines with line ends, for a terminal with so many columns: none is longer than columns - 1. */
void progress_block(const struct progress_facts *facts, size_t columns, struct buf *out);

void progress_json(const struct progress_facts *facts, struct buf *out);
/* False: it is no such JSON. What is missing is 0. */
bool progress_parse(str json, struct progress_facts *ret);

#endif
