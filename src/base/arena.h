/* SPDX-License-Identifier: MIT */
/*
 * Memory by lifetime. An arena is passed, never current: `run` arenas hold a plan's strings, a
 * `scratch` arena of a worker is reset after every record.
 *
 * One arena belongs to one thread at a time. Memory is zeroed, aligned for any type and lives until
 * arena_reset or arena_done. Running out of memory aborts: the journal makes the program
 * crash-only. Input-driven sizes are checked by the parsers before they come here.
 */
#ifndef STEWARD_BASE_ARENA_H
#define STEWARD_BASE_ARENA_H

#include <stddef.h>

#include "base/attr.h"

struct arena_block;

struct arena {
    struct arena_block *head; /* newest block first */
    char *next;
    char *end;
    size_t block_bytes; /* 0: the default, 64 KiB */
};

/* `struct arena a = {0};` is a ready arena. */
void arena_done(struct arena *arena);

/* Frees everything but one block, which is kept for the next record. */
void arena_reset(struct arena *arena);

void *arena_alloc(struct arena *arena, size_t bytes) __attribute__((malloc, returns_nonnull));

/* count * size, overflow-checked. */
void *arena_array(struct arena *arena, size_t count, size_t size);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

char *arena_strdup(struct arena *arena, const char *text);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* malloc family for handles: never NULL, zeroed, overflow-checked. */
void *xcalloc(size_t count, size_t size) __attribute__((returns_nonnull));
void *xrealloc(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text);

#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

#endif
