/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <xxhash.h>

void map_done(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}

static uint64_t hash_of(str key)
{
    return XXH3_64bits(key.ptr != NULL ? key.ptr : "", key.len);
}

static struct map_slot *find(const struct map *map, str key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    size_t i = hash & mask;
    while (map->slots[i].used) {
        if (map->slots[i].hash == hash && str_eq(map->slots[i].key, key)) {
            break;
        }
        i = (i + 1) & mask;
    }
    return &map->slots[i];
}

static void grow(struct map *map)
{
    struct map bigger = {.capacity = map->capacity != 0 ? map->capacity * 2 : 16, .len = map->len};
    bigger.slots = xcalloc(bigger.capacity, sizeof(*bigger.slots));
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].used) {
            *find(&bigger, map->slots[i].key, map->slots[i].hash) = map->slots[i];
        }
    }
    free(map->slots);
    *map = bigger;
}

void *map_get(const struct map *map, str key)
{
    return map->len != 0 ? find(map, key, hash_of(key))->value : NULL;
}

bool map_has(const struct map *map, str key)
{
    return map->len != 0 && find(map, key, hash_of(key))->used;
}

void *map_put(struct map *map, str key, void *value)
{
    if ((map->len + 1) * 4 > map->capacity * 3) {
        grow(map);
    }
    uint64_t hash = hash_of(key);
    struct map_slot *slot = find(map, key, hash);
    void *old = slot->value;
    if (!slot->used) {
        map->len++;
        *slot = (struct map_slot){.key = key, .hash = hash, .used = true};
    }
    slot->value = value;
    return old;
}

void *map_remove(struct map *map, str key)
{
    if (map->len == 0) {
        return NULL;
    }
    struct map_slot *slot = find(map, key, hash_of(key));
    if (!slot->used) {
        return NULL;
    }
    void *old = slot->value;
    size_t mask = map->capacity - 1;
    size_t hole = (size_t)(slot - map->slots);
    *slot = (struct map_slot){0};
    map->len--;
    /* close the gap: whatever probed past the hole moves back into it */
    for (size_t i = (hole + 1) & mask; map->slots[i].used; i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            map->slots[i] = (struct map_slot){0};
            hole = i;
        }
    }
    return old;
}
