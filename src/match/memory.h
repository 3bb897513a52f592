/* SPDX-License-Identifier: MIT */
/*
 * Large arrays that are met in any order. They ask the kernel for huge pages: with small ones
 * nearly every access would also miss the processor's page tables' cache, which costs more than the
 * access. A system without huge pages gives small ones, and nothing else changes.
 */
#ifndef STEWARD_MATCH_MEMORY_H
#define STEWARD_MATCH_MEMORY_H

#include <stddef.h>

enum { MEMORY_HUGE_BYTES = 2 * 1024 * 1024 };

/* As xrealloc: not zeroed where it grows. free() releases it. */
void *memory_grow(void *ptr, size_t count, size_t size);

/* As xcalloc. */
void *memory_zeroed(size_t count, size_t size);

/* MEMORY_HUGE_BYTES, not zeroed, aligned to themselves. free() releases it. */
void *memory_slab(void);

#endif
