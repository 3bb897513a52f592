/* SPDX-License-Identifier: MIT */
/*
 * Timelines are made on demand from the seed and the object's place, never stored: the sandbox has
 * no call that writes one. The same object always has the same entries, and a merge does not rewrite
 * them: old comments keep naming the contact that wrote them.
 */
#ifndef STEWARD_SANDBOX_TIMELINE_H
#define STEWARD_SANDBOX_TIMELINE_H

#include "sandbox/world.h"

struct entry {
    char id[200];
    char display_id[64];
    bool event;     /* a timeline_change_event, else a comment */
    char body[160]; /* comments; "" where deleted */
    const char *visibility;
    struct user *author;
    struct artifact *artifact; /* NULL none */
    struct obj *object;
    int64_t created_ms;
    uint32_t replies;
};

/* How many entries the object has. Objects that were created later have none. */
uint32_t timeline_count(const struct world *world, const struct obj *obj);
void timeline_entry(const struct world *world, struct obj *obj, uint32_t index, struct entry *ret);
/* The artifacts of its comments, counted while the world is seeded. */
uint32_t timeline_artifacts(const struct world *world, const struct obj *obj);
/* By the entry's id; false where there is none. */
bool timeline_find(const struct world *world, const char *id, struct entry *ret);

#endif
