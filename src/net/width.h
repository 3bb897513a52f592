/* SPDX-License-Identifier: MIT */
/*
 * How many calls of a run may be busy with one remote, as a pure state machine: additive increase,
 * multiplicative decrease (AIMD), between 1 and `most`.
 *
 * A sign of pressure (429, 5xx, no answer in time, latency that rises) halves the width, at most once
 * until every call that was in flight then has ended: they all tell of the same moment. A clean stretch
 * of calls, ten and at least two for each unit of width, adds one.
 *
 * Latency rises when the mean of the last 16 calls is twice that of the last 256 and 50 ms above it.
 */
#ifndef STEWARD_NET_WIDTH_H
#define STEWARD_NET_WIDTH_H

#include <stdbool.h>
#include <stdint.h>

enum width_sign {
    WIDTH_CLEAN,
    WIDTH_LIMITED, /* 429 */
    WIDTH_ERROR,   /* 5xx, 408 */
    WIDTH_SILENCE, /* no answer */
    WIDTH_LATENCY, /* only told, never given */
};

/* "429", "errors", "no answer", "latency"; NULL for WIDTH_CLEAN */
const char *width_sign_name(enum width_sign sign);

struct width {
    int most;
    int now;
    int clean;            /* calls since the last change or sign */
    enum width_sign sign; /* of the last cut, while now < most */
    int64_t cut_ns;       /* when: calls that began before it say nothing new */
    int64_t recent_ns;    /* mean latency of the last calls */
    int64_t usual_ns;     /* of the longer past */
    int64_t timed;        /* calls in these means */
    uint64_t cuts;
};

void width_init(struct width *width, int most);

/* A call that began at `began_ns` has ended. True where the width has changed. */
bool width_note(struct width *width, enum width_sign sign, int64_t began_ns, int64_t now_ns);

#endif
