/* SPDX-License-Identifier: MIT */
/*
 * A clock that stands still until it is told to move; sleeping moves it. Threads that sleep at the
 * same time sleep in parallel, as with a real clock. Any thread may use it.
 *
 *   struct fakeclock fake;
 *   fakeclock_init(&fake);
 *   ... &fake.clock ...
 */
#ifndef STEWARD_TEST_FAKECLOCK_H
#define STEWARD_TEST_FAKECLOCK_H

#include <stdatomic.h>

#include "base/clock.h"

/* 2026-11-24T12:00:00Z, and 1,000 s after the boot */
#define FAKECLOCK_REAL_MS INT64_C(1795521600000)
#define FAKECLOCK_MONO_NS INT64_C(1000000000000)

struct fakeclock {
    struct clock clock;
    atomic_int_least64_t mono_ns;
    atomic_int_least64_t real_offset_ms; /* real time at mono 0 */
    atomic_int_least64_t slept_ns;       /* all sleeps together */
};

void fakeclock_init(struct fakeclock *fake);

void fakeclock_advance_ns(struct fakeclock *fake, int64_t ns);
static inline void fakeclock_advance_ms(struct fakeclock *fake, int64_t ms)
{
    fakeclock_advance_ns(fake, ms * 1000000);
}

/* Sets the clocks apart: an hour's change of the wall clock, a reboot. */
void fakeclock_set(struct fakeclock *fake, int64_t mono_ns, int64_t real_ms);

#endif
