/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(ptr, len) ((void)(ptr), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(ptr, len) ((void)(ptr), (void)(len))
#endif

enum { DEFAULT_BLOCK = 64 * 1024, ALIGN = 16 };

struct arena_block {
    struct arena_block *older;
    size_t bytes; /* usable bytes after the header */
};

static NORETURN void out_of_memory(void)
{
    static const char text[] = "steward: out of memory\n";
    /* nothing can be done about a failing write here */
    if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0) {
        abort();
    }
    abort();
}

static char *block_data(struct arena_block *block)
{
    return (char *)block + ((sizeof(*block) + ALIGN - 1) / ALIGN) * ALIGN;
}

static void add_block(struct arena *arena, size_t bytes)
{
    size_t header = ((sizeof(struct arena_block) + ALIGN - 1) / ALIGN) * ALIGN;
    if (bytes > SIZE_MAX - header) {
        out_of_memory();
    }
    struct arena_block *block = malloc(header + bytes);
    if (block == NULL) {
        out_of_memory();
    }
    block->older = arena->head;
    block->bytes = bytes;
    arena->head = block;
    arena->next = block_data(block);
    arena->end = arena->next + bytes;
    ASAN_POISON_MEMORY_REGION(arena->next, bytes);
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    if (bytes > SIZE_MAX - ALIGN) {
        out_of_memory();
    }
    size_t need = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (arena->next == NULL || (size_t)(arena->end - arena->next) < need) {
        size_t block = arena->block_bytes != 0 ? arena->block_bytes : DEFAULT_BLOCK;
        add_block(arena, need > block ? need : block);
    }
    void *result = arena->next;
    arena->next += need;
    ASAN_UNPOISON_MEMORY_REGION(result, bytes);
    memset(result, 0, bytes);
    return result;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        out_of_memory();
    }
    return arena_alloc(arena, bytes);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    size_t len = strlen(text);
    char *copy = arena_alloc(arena, len + 1);
    memcpy(copy, text, len);
    return copy;
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0) {
        out_of_memory();
    }
    char *text = arena_alloc(arena, (size_t)n + 1);
    (void)vsnprintf(text, (size_t)n + 1, fmt, again); /* the length is known to fit */
    va_end(again);
    return text;
}

static void free_blocks(struct arena_block *block, struct arena_block *keep)
{
    while (block != NULL) {
        struct arena_block *older = block->older;
        if (block != keep) {
            ASAN_UNPOISON_MEMORY_REGION(block_data(block), block->bytes);
            free(block);
        }
        block = older;
    }
}

void arena_reset(struct arena *arena)
{
    struct arena_block *keep = arena->head;
    if (keep == NULL) {
        return;
    }
    size_t usual = arena->block_bytes != 0 ? arena->block_bytes : DEFAULT_BLOCK;
    if (keep->bytes > usual) {
        /* one huge record must not pin its memory for the rest of the run */
        arena_done(arena);
        return;
    }
    free_blocks(keep->older, NULL);
    keep->older = NULL;
    arena->next = block_data(keep);
    arena->end = arena->next + keep->bytes;
    ASAN_POISON_MEMORY_REGION(arena->next, keep->bytes);
}

void arena_done(struct arena *arena)
{
    free_blocks(arena->head, NULL);
    arena->head = NULL;
    arena->next = NULL;
    arena->end = NULL;
}

void *xcalloc(size_t count, size_t size)
{
    void *result = calloc(count != 0 ? count : 1, size != 0 ? size : 1);
    if (result == NULL) {
        out_of_memory();
    }
    return result;
}

void *xrealloc(void *ptr, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        out_of_memory();
    }
    void *result = realloc(ptr, bytes != 0 ? bytes : 1);
    if (result == NULL) {
        out_of_memory();
    }
    return result;
}

char *xstrdup(const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        out_of_memory();
    }
    return copy;
}
