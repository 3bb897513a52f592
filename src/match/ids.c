/* SPDX-License-Identifier: MIT */
#include "match/ids.h"

#include <pthread.h>
#include <xxhash.h>

enum {
    SUFFIX_CHARS = 8, /* 62^8 + ... + 62 + 1 < 2^48 */
    SUFFIX_BITS = 48,
    MAX_PREFIXES = 4096,
    PREFIX_SLOTS = 4 * MAX_PREFIXES,
    TEXT_PREFIX = 0xffff, /* "the rest says where the text is" */
    SHARDS = 16,
    SHARD_BITS = 4
};

static const uint64_t suffix_mask = (UINT64_C(1) << SUFFIX_BITS) - 1;

/* Ids kept as text, spread over shards so that threads seldom wait for each other. */
struct shard {
    pthread_mutex_t lock; /* guards all below while packing */
    struct arena arena;
    str *texts;
    size_t count;
    size_t room;
    uint32_t *slots; /* index + 1 into texts, 0 free; a power of two of them */
    size_t slot_count;
    uint64_t bytes;
};

struct ids {
    pthread_mutex_t lock; /* guards the prefixes while packing */
    struct arena arena;
    str prefixes[MAX_PREFIXES];
    uint32_t prefix_count;
    uint16_t prefix_slots[PREFIX_SLOTS]; /* index + 1, 0 free */
    struct shard shards[SHARDS];
};

struct ids *ids_new(void)
{
    struct ids *ids = xnew(struct ids);
    (void)pthread_mutex_init(&ids->lock, NULL); /* default mutexes always initialise on Linux */
    for (size_t i = 0; i < SHARDS; i++) {
        (void)pthread_mutex_init(&ids->shards[i].lock, NULL); /* the same */
    }
    return ids;
}

void ids_free(struct ids *ids)
{
    if (ids == NULL) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        arena_done(&ids->shards[i].arena);
        free(ids->shards[i].texts);
        free(ids->shards[i].slots);
        (void)pthread_mutex_destroy(&ids->shards[i].lock); /* nobody holds it */
    }
    arena_done(&ids->arena);
    (void)pthread_mutex_destroy(&ids->lock); /* nobody holds it */
    free(ids);
}

/* --- suffixes --------------------------------------------------------------------------------- */

static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* 1 to 62 for an alphanumeric, 0 for anything else. */
static inline unsigned digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0') + 1;
    }
    if (c >= 'a' && c <= 'z') {
        return (unsigned)(c - 'a') + 37;
    }
    return c >= 'A' && c <= 'Z' ? (unsigned)(c - 'A') + 11 : 0;
}

/* Length of the beginning of `id`. */
static size_t split(str id, uint64_t *ret_suffix)
{
    size_t at = id.len;
    while (at > 0 && id.len - at < SUFFIX_CHARS && digit_of(id.ptr[at - 1]) != 0) {
        at--;
    }
    /* bijective base 62: no two texts have the same number */
    uint64_t value = 0;
    for (size_t i = at; i < id.len; i++) {
        value = value * 62 + digit_of(id.ptr[i]);
    }
    *ret_suffix = value;
    return at;
}

static void add_suffix(uint64_t value, struct buf *out)
{
    char text[SUFFIX_CHARS];
    size_t at = SUFFIX_CHARS;
    while (value > 0) {
        uint64_t digit = (value - 1) % 62;
        text[--at] = digits[digit];
        value = (value - 1 - digit) / 62;
    }
    buf_add(out, text + at, SUFFIX_CHARS - at);
}

/* --- prefixes --------------------------------------------------------------------------------- */

/* TEXT_PREFIX where there is no room for another one. */
static uint64_t prefix_number(struct ids *ids, str prefix, str *ret_kept)
{
    uint64_t number = TEXT_PREFIX;
    size_t slot = XXH3_64bits(prefix.ptr, prefix.len) % PREFIX_SLOTS;
    (void)pthread_mutex_lock(
        &ids->lock); /* cannot fail: a default mutex, not held by this thread */
    for (; ids->prefix_slots[slot] != 0; slot = (slot + 1) % PREFIX_SLOTS) {
        size_t index = ids->prefix_slots[slot] - 1U;
        if (str_eq(ids->prefixes[index], prefix)) {
            number = index;
            break;
        }
    }
    if (number == TEXT_PREFIX && ids->prefix_count < MAX_PREFIXES) {
        number = ids->prefix_count++;
        ids->prefixes[number] = str_dup(&ids->arena, prefix);
        ids->prefix_slots[slot] = (uint16_t)(number + 1);
    }
    if (number != TEXT_PREFIX) {
        *ret_kept = ids->prefixes[number];
    }
    (void)pthread_mutex_unlock(&ids->lock); /* held */
    return number;
}

/* --- texts ------------------------------------------------------------------------------------ */

static void grow_slots(struct shard *shard)
{
    free(shard->slots);
    shard->slot_count = shard->slot_count != 0 ? shard->slot_count * 2 : 1024;
    shard->slots = xcalloc(shard->slot_count, sizeof(*shard->slots));
    for (size_t i = 0; i < shard->count; i++) {
        size_t slot = XXH3_64bits(shard->texts[i].ptr, shard->texts[i].len) >> SHARD_BITS;
        slot &= shard->slot_count - 1;
        while (shard->slots[slot] != 0) {
            slot = (slot + 1) & (shard->slot_count - 1);
        }
        shard->slots[slot] = (uint32_t)(i + 1);
    }
}

static uint64_t text_index(struct shard *shard, str id, uint64_t hash)
{
    if (shard->count * 2 >= shard->slot_count) {
        grow_slots(shard);
    }
    size_t slot = hash >> SHARD_BITS & (shard->slot_count - 1);
    for (; shard->slots[slot] != 0; slot = (slot + 1) & (shard->slot_count - 1)) {
        if (str_eq(shard->texts[shard->slots[slot] - 1], id)) {
            return shard->slots[slot] - 1;
        }
    }
    if (shard->count == shard->room) {
        shard->room = shard->room != 0 ? shard->room * 2 : 1024;
        shard->texts = xrealloc(shard->texts, shard->room, sizeof(*shard->texts));
    }
    shard->texts[shard->count] = str_dup(&shard->arena, id);
    shard->bytes += id.len + 1;
    shard->slots[slot] = (uint32_t)(shard->count + 1);
    return shard->count++;
}

uint64_t ids_keep(struct ids *ids, str text)
{
    uint64_t hash = XXH3_64bits(text.ptr, text.len);
    uint64_t number = hash % SHARDS;
    struct shard *shard = &ids->shards[number];
    (void)pthread_mutex_lock(&shard->lock); /* cannot fail, as above */
    uint64_t index = text_index(shard, text, hash);
    (void)pthread_mutex_unlock(&shard->lock); /* held */
    return index << SHARD_BITS | number;
}

str ids_text(const struct ids *ids, uint64_t number)
{
    return ids->shards[number % SHARDS].texts[number >> SHARD_BITS];
}

/* --- the interface ---------------------------------------------------------------------------- */

uint64_t ids_pack(struct ids *ids, struct ids_cache *cache, str id)
{
    uint64_t suffix = 0;
    str prefix = {id.ptr, split(id, &suffix)};
    if (!cache->valid || !str_eq(cache->prefix, prefix)) {
        uint64_t number = prefix_number(ids, prefix, &cache->prefix);
        if (number == TEXT_PREFIX) {
            return (uint64_t)TEXT_PREFIX << SUFFIX_BITS | ids_keep(ids, id);
        }
        cache->number = number;
        cache->valid = true;
    }
    return cache->number << SUFFIX_BITS | suffix;
}

void ids_unpack(const struct ids *ids, uint64_t packed, struct buf *out)
{
    uint64_t number = packed >> SUFFIX_BITS;
    uint64_t rest = packed & suffix_mask;
    if (number == TEXT_PREFIX) {
        buf_adds(out, ids_text(ids, rest));
        return;
    }
    buf_adds(out, ids->prefixes[number]);
    add_suffix(rest, out);
}

uint64_t ids_bytes(const struct ids *ids)
{
    uint64_t bytes = sizeof(*ids);
    for (size_t i = 0; i < SHARDS; i++) {
        const struct shard *shard = &ids->shards[i];
        bytes += shard->bytes + shard->room * sizeof(*shard->texts) +
                 shard->slot_count * sizeof(*shard->slots);
    }
    return bytes;
}
