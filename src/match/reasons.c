/* SPDX-License-Identifier: MIT */
#include "match/reasons.h"

#include <pthread.h>

#include "base/map.h"

struct reason {
    str text;
    uint32_t number;
};

struct reasons {
    pthread_mutex_t lock; /* guards all below while reasons are added */
    struct arena arena;
    struct map map;
    struct reason **list;
    uint32_t count;
    uint32_t room;
};

struct reasons *reasons_new(void)
{
    struct reasons *reasons = xnew(struct reasons);
    (void)pthread_mutex_init(&reasons->lock, NULL); /* default mutexes always initialise on Linux */
    return reasons;
}

void reasons_free(struct reasons *reasons)
{
    if (reasons == NULL) {
        return;
    }
    map_done(&reasons->map);
    arena_done(&reasons->arena);
    free(reasons->list);
    (void)pthread_mutex_destroy(&reasons->lock); /* nobody holds it */
    free(reasons);
}

uint32_t reasons_add(struct reasons *reasons, unsigned rank, str text)
{
    (void)pthread_mutex_lock(&reasons->lock); /* cannot fail: a default mutex */
    struct reason *reason = map_get(&reasons->map, text);
    if (reason == NULL) {
        reason = arena_new(&reasons->arena, struct reason);
        *reason = (struct reason){str_dup(&reasons->arena, text),
                                  reasons->count << REASON_RANK_BITS | rank};
        if (reasons->count == reasons->room) {
            reasons->room = reasons->room != 0 ? reasons->room * 2 : 64;
            reasons->list = xrealloc(reasons->list, reasons->room, sizeof(*reasons->list));
        }
        reasons->list[reasons->count++] = reason;
        (void)map_put(&reasons->map, reason->text, reason); /* it was not there */
    }
    uint32_t number = reason->number;
    (void)pthread_mutex_unlock(&reasons->lock); /* held */
    return number;
}

str reasons_text(const struct reasons *reasons, uint32_t number)
{
    return reasons->list[number >> REASON_RANK_BITS]->text;
}
