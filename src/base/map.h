/* SPDX-License-Identifier: MIT */
/*
 * Hash map from text to a pointer: open addressing, linear probing, XXH3. Keys
 * are views and must outlive the map (put them in an arena). One thread at a time.
 */
#ifndef STEWARD_BASE_MAP_H
#define STEWARD_BASE_MAP_H

#include <stdbool.h>

#include "base/str.h"

struct map_slot {
    str key;
    uint64_t hash;
    void *value;
    bool used;
};

struct map {
    struct map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t len;
};

/* `struct map m = {0};` is ready. */
void map_done(struct map *map);
void *map_get(const struct map *map, str key);
bool map_has(const struct map *map, str key);
/* Returns the value that was there before, NULL where none. */
void *map_put(struct map *map, str key, void *value);
/* Returns the removed value, NULL where none. */
void *map_remove(struct map *map, str key);

#endif
