/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdint.h>

#include "harness/tap.h"

static void memory_is_zeroed_and_aligned_also_after_a_reset(void)
{
    struct arena arena = {.block_bytes = 256};
    for (int round = 0; round < 3; round++) {
        for (size_t size = 1; size < 700; size += 13) {
            char *p = arena_alloc(&arena, size);
            CHECK_INT((uintptr_t)p % 16, 0);
            size_t sum = 0;
            for (size_t i = 0; i < size; i++) {
                sum += (unsigned char)p[i];
            }
            CHECK_INT(sum, 0);
            memset(p, 0xff, size);
        }
        arena_reset(&arena);
    }
    arena_done(&arena);
}

static void text_copies(void)
{
    struct arena arena = {0};
    CHECK_STR(arena_strdup(&arena, "abc"), "abc");
    CHECK_STR(arena_printf(&arena, "%d-%s", 7, "x"), "7-x");
    CHECK_TEXT(str_dup(&arena, STR("view")), "view");
    arena_done(&arena);
}

static void a_huge_record_does_not_stay(void)
{
    struct arena arena = {.block_bytes = 1024};
    (void)arena_alloc(&arena, 1 << 20);
    arena_reset(&arena);
    CHECK(arena.head == NULL);
    (void)arena_alloc(&arena, 10);
    arena_reset(&arena);
    CHECK(arena.head != NULL);
    arena_done(&arena);
}

TAP_MAIN(TAP_TEST(memory_is_zeroed_and_aligned_also_after_a_reset), TAP_TEST(text_copies),
         TAP_TEST(a_huge_record_does_not_stay))
