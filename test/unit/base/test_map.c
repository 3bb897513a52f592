/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <stdio.h>

#include "base/rng.h"
#include "harness/tap.h"

enum { KEYS = 300 };

/* Against an array, with seeded random puts and removes. */
static void behaves_like_an_array(void)
{
    static char names[KEYS][8];
    static int values[KEYS];
    bool there[KEYS] = {false};
    struct map map = {0};
    struct rng rng;
    rng_seed(&rng, 7);
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "k%d", i);
    }
    size_t len = 0;
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)rng_below(&rng, KEYS);
        if (rng_below(&rng, 2) == 0) {
            void *old = map_put(&map, str_of(names[i]), &values[i]);
            CHECK(old == (there[i] ? (void *)&values[i] : NULL));
            len += !there[i];
            there[i] = true;
        } else {
            void *old = map_remove(&map, str_of(names[i]));
            CHECK(old == (there[i] ? (void *)&values[i] : NULL));
            len -= there[i];
            there[i] = false;
        }
    }
    CHECK_INT(map.len, len);
    for (int i = 0; i < KEYS; i++) {
        CHECK(map_has(&map, str_of(names[i])) == there[i]);
        CHECK(map_get(&map, str_of(names[i])) == (there[i] ? (void *)&values[i] : NULL));
    }
    map_done(&map);
}

static void an_empty_map_has_nothing(void)
{
    struct map map = {0};
    CHECK(map_get(&map, STR("x")) == NULL);
    CHECK(map_remove(&map, STR("x")) == NULL);
    int value;
    (void)map_put(&map, STR(""), &value);
    CHECK(map_get(&map, STR("")) == &value);
    map_done(&map);
}

TAP_MAIN(TAP_TEST(behaves_like_an_array), TAP_TEST(an_empty_map_has_nothing))
