/* SPDX-License-Identifier: MIT */
#include "match/memory.h"

#include <stdint.h>
#include <sys/mman.h>

#include "base/arena.h"

enum { WORTH_BYTES = 2 * MEMORY_HUGE_BYTES };

/* The whole huge pages within the bytes; that the kernel declines is no failure. */
static void want_huge(void *ptr, size_t bytes)
{
    if (bytes < MEMORY_HUGE_BYTES) {
        return;
    }
    uintptr_t mask = MEMORY_HUGE_BYTES - 1;
    uintptr_t from = ((uintptr_t)ptr + mask) & ~mask;
    uintptr_t to = ((uintptr_t)ptr + bytes) & ~mask;
    if (to > from) {
        (void)madvise((char *)ptr + (from - (uintptr_t)ptr), to - from, MADV_HUGEPAGE); /* a wish */
    }
}

void *memory_grow(void *ptr, size_t count, size_t size)
{
    ptr = xrealloc(ptr, count, size);
    if (count * size >= WORTH_BYTES) {
        want_huge(ptr, count * size);
    }
    return ptr;
}

void *memory_zeroed(size_t count, size_t size)
{
    void *ptr = xcalloc(count, size); /* untouched: large pieces come from the kernel as zeros */
    if (count * size >= WORTH_BYTES) {
        want_huge(ptr, count * size);
    }
    return ptr;
}

void *memory_slab(void)
{
    void *slab = NULL;
    if (posix_memalign(&slab, MEMORY_HUGE_BYTES, MEMORY_HUGE_BYTES) != 0) {
        return xrealloc(NULL, MEMORY_HUGE_BYTES, 1); /* its failure is the one that is told */
    }
    want_huge(slab, MEMORY_HUGE_BYTES);
    return slab;
}
