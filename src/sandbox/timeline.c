/* SPDX-License-Identifier: MIT */
#include "sandbox/timeline.h"

#include <stdio.h>
#include <string.h>

static const char *const SENTENCES[] = {
    "Thanks, this is what we see on our side.",
    "Could you send a screenshot of the page?",
    "Here is the export that you asked for.",
    "It works again since this morning, please close it.",
    "The invoice shows the wrong address; \"Main St. 1\" is right.",
    "Bonjour, le probl\xc3\xa8me est r\xc3\xa9solu depuis ce matin.",
    "Escalated to the platform team.\nWill report back.",
    "We changed the mail address last week, maybe that is why.",
};
static const char *const VISIBILITY[] = {"external", "external", "internal", "public"};

static uint64_t mix(const struct world *world, const struct obj *obj, uint32_t index)
{
    return world_mix(world, ((uint64_t)obj->kind + 1) << 40 | obj->ord, index);
}

/* Nothing happened yet to what a client created itself. */
static bool is_seeded(const struct world *world, const struct obj *obj)
{
    return obj->kind != KIND_USER ||
           (((const struct user *)obj)->type == USER_REV && obj->ord < world->next_contact);
}

uint32_t timeline_count(const struct world *world, const struct obj *obj)
{
    uint64_t m = mix(world, obj, UINT32_MAX);
    if (!is_seeded(world, obj)) {
        return 0;
    }
    switch (obj->kind) {
    case KIND_USER:
        return (uint32_t)(m % 3);
    case KIND_WORK:
        return (uint32_t)(m % 40 == 7 ? 60 + m / 64 % 70 : m % 6);
    case KIND_CONVERSATION:
        return (uint32_t)(m % 30 == 3 ? 55 + m / 64 % 60 : 1 + m % 6);
    case KIND_ACCOUNT:
        return (uint32_t)(m % 2);
    case KIND_GROUP:
    case KIND_REV_ORG:
    case KIND_TAG:
    case KIND_PART:
    case KIND_ARTIFACT:
    case KIND_LINK:
    case KIND_JOB:
    case KIND_COUNT:
        break;
    }
    return 0;
}

static bool is_event(uint64_t m)
{
    return m % 7 == 0;
}

static bool has_artifact(const struct obj *obj, uint64_t m)
{
    return (obj->kind == KIND_WORK || obj->kind == KIND_CONVERSATION) && !is_event(m) &&
           m / 7 % 9 == 0;
}

uint32_t timeline_artifacts(const struct world *world, const struct obj *obj)
{
    uint32_t count = 0;
    for (uint32_t i = timeline_count(world, obj); i > 0; i--) {
        count += has_artifact(obj, mix(world, obj, i - 1));
    }
    return count;
}

/* Who spoke first, before any merge. */
static struct user *first_user(struct obj *obj)
{
    if (obj->kind == KIND_USER) {
        return (struct user *)obj;
    }
    if (obj->kind == KIND_WORK) {
        const struct work_version *version = ((struct work *)obj)->now;
        while (version->older != NULL) {
            version = version->older;
        }
        return version->reported_by.len > 0 ? (struct user *)version->reported_by.items[0] : NULL;
    }
    if (obj->kind == KIND_CONVERSATION) {
        const struct conversation_version *version = ((struct conversation *)obj)->now;
        while (version->older != NULL) {
            version = version->older;
        }
        return version->members.len > 0 ? (struct user *)version->members.items[0] : NULL;
    }
    return NULL;
}

static uint32_t artifact_first(const struct obj *obj)
{
    return obj->kind == KIND_WORK ? ((const struct work *)obj)->artifact_first
                                  : ((const struct conversation *)obj)->artifact_first;
}

void timeline_entry(const struct world *world, struct obj *obj, uint32_t index, struct entry *ret)
{
    uint64_t m = mix(world, obj, index);
    *ret = (struct entry){.event = is_event(m), .object = obj};
    (void)snprintf(ret->id, sizeof(ret->id), "%s:%s/%08x%u", obj->id,
                   ret->event ? "timeline_event" : "comment", (unsigned)(m >> 40 & 0xffffff),
                   (unsigned)index);
    (void)snprintf(ret->display_id, sizeof(ret->display_id), "%s-%u", obj->display_id,
                   (unsigned)index);
    struct user *first = first_user(obj);
    ret->author = m / 64 % 2 == 0 && first != NULL ? first : world->self;
    ret->created_ms = obj->created_ms + (int64_t)(index + 1) * 3600000 + (int64_t)(m % 3600000);
    ret->visibility = VISIBILITY[m / 128 % 4];
    ret->replies = m / 512 % 5 == 0 ? (uint32_t)(m / 4096 % 3) : 0;
    if (!ret->event && m % 97 != 1) {
        (void)snprintf(ret->body, sizeof(ret->body), "%s", SENTENCES[m / 16384 % 8]);
    }
    if (has_artifact(obj, m)) {
        uint32_t before = 0;
        for (uint32_t i = 0; i < index; i++) {
            before += has_artifact(obj, mix(world, obj, i));
        }
        ret->artifact =
            (struct artifact *)world->all[KIND_ARTIFACT].items[artifact_first(obj) + before];
    }
}

bool timeline_find(const struct world *world, const char *id, struct entry *ret)
{
    const char *last = strrchr(id, ':');
    char parent[200];
    if (last == NULL || (size_t)(last - id) >= sizeof(parent)) {
        return false;
    }
    memcpy(parent, id, (size_t)(last - id));
    parent[last - id] = '\0';
    struct obj *obj = world_find(world, parent);
    if (obj == NULL) {
        return false;
    }
    for (uint32_t i = timeline_count(world, obj); i > 0; i--) {
        struct entry entry;
        timeline_entry(world, obj, i - 1, &entry);
        if (strcmp(entry.id, id) == 0) {
            *ret = entry;
            return true;
        }
    }
    return false;
}
