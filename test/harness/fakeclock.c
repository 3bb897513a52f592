/* SPDX-License-Identifier: MIT */
#include "harness/fakeclock.h"

static int64_t fake_mono_ns(void *ctx)
{
    struct fakeclock *fake = ctx;
    return atomic_load(&fake->mono_ns);
}

static int64_t fake_real_ms(void *ctx)
{
    struct fakeclock *fake = ctx;
    return atomic_load(&fake->mono_ns) / 1000000 + atomic_load(&fake->real_offset_ms);
}

static bool fake_sleep_ns(void *ctx, int64_t ns, struct stop *stop, int level)
{
    struct fakeclock *fake = ctx;
    if (stop != NULL && stop_level(stop) >= level) {
        return false;
    }
    int_least64_t now = atomic_load(&fake->mono_ns);
    int_least64_t until = now + (ns > 0 ? ns : 0);
    while (now < until && !atomic_compare_exchange_weak(&fake->mono_ns, &now, until)) {
    }
    atomic_fetch_add(&fake->slept_ns, ns > 0 ? ns : 0);
    return true;
}

void fakeclock_init(struct fakeclock *fake)
{
    fake->clock = (struct clock){fake_real_ms, fake_mono_ns, fake_sleep_ns, fake};
    atomic_init(&fake->mono_ns, 0);
    atomic_init(&fake->real_offset_ms, 0);
    atomic_init(&fake->slept_ns, 0);
    fakeclock_set(fake, FAKECLOCK_MONO_NS, FAKECLOCK_REAL_MS);
}

void fakeclock_advance_ns(struct fakeclock *fake, int64_t ns)
{
    atomic_fetch_add(&fake->mono_ns, ns);
}

void fakeclock_set(struct fakeclock *fake, int64_t mono_ns, int64_t real_ms)
{
    atomic_store(&fake->mono_ns, mono_ns);
    atomic_store(&fake->real_offset_ms, real_ms - mono_ns / 1000000);
}
