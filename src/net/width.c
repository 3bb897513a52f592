/* SPDX-License-Identifier: MIT */
#include "net/width.h"

#include <stddef.h>

enum {
    CLEAN_LEAST = 10,
    RECENT_CALLS = 16,
    USUAL_CALLS = 256,
    TIMED_LEAST = 64, /* calls before latencies are judged */
};

static const int64_t rise_ns = INT64_C(50) * 1000000;

const char *width_sign_name(enum width_sign sign)
{
    switch (sign) {
    case WIDTH_CLEAN:
        break;
    case WIDTH_LIMITED:
        return "429";
    case WIDTH_ERROR:
        return "errors";
    case WIDTH_SILENCE:
        return "no answer";
    case WIDTH_LATENCY:
        return "latency";
    }
    return NULL;
}

void width_init(struct width *width, int most)
{
    *width = (struct width){.most = most, .now = most};
}

static int64_t mean(int64_t old, int64_t value, int64_t calls)
{
    return old + (value - old) / calls;
}

/* Adds a clean call to the means. True where latency rises. */
static bool rises(struct width *width, int64_t latency_ns)
{
    width->timed++;
    int64_t recent = width->timed < RECENT_CALLS ? width->timed : RECENT_CALLS;
    int64_t usual = width->timed < USUAL_CALLS ? width->timed : USUAL_CALLS;
    width->recent_ns = mean(width->recent_ns, latency_ns, recent);
    width->usual_ns = mean(width->usual_ns, latency_ns, usual);
    return width->timed >= TIMED_LEAST && width->recent_ns > 2 * width->usual_ns &&
           width->recent_ns - width->usual_ns > rise_ns;
}

static bool cut(struct width *width, enum width_sign sign, int64_t now_ns)
{
    width->cut_ns = now_ns;
    width->clean = 0;
    if (width->now <= 1) {
        return false;
    }
    width->now = (width->now + 1) / 2;
    width->sign = sign;
    width->recent_ns = width->usual_ns; /* the next calls must show what the cut has done */
    width->cuts++;
    return true;
}

bool width_note(struct width *width, enum width_sign sign, int64_t began_ns, int64_t now_ns)
{
    if (sign == WIDTH_CLEAN && rises(width, now_ns - began_ns)) {
        sign = WIDTH_LATENCY;
    }
    if (sign != WIDTH_CLEAN) {
        width->clean = 0;
        return began_ns >= width->cut_ns && cut(width, sign, now_ns);
    }
    int wanted = width->now * 2 > CLEAN_LEAST ? width->now * 2 : CLEAN_LEAST;
    if (++width->clean < wanted || width->now >= width->most) {
        return false;
    }
    width->clean = 0;
    width->now++;
    if (width->now == width->most) {
        width->sign = WIDTH_CLEAN;
    }
    return true;
}
