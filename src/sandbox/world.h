/* SPDX-License-Identifier: MIT */
/*
 * What the stand-in of DevRev holds: users, works, conversations and what they hang on.
 *
 * Nothing is ever overwritten: a change puts a new version in front of an object's older ones, each
 * with the time from which it holds. A read names the time that it wants to see (`as_of`), which is
 * how a stale read is served; WORLD_NOW sees everything.
 *
 * The world is guarded by the sandbox's one lock (sandbox/api.h). Memory lives as long as it.
 */
#ifndef STEWARD_SANDBOX_WORLD_H
#define STEWARD_SANDBOX_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/map.h"

#define WORLD_NOW INT64_MAX
#define WORLD_ORG "devo/0sandbox"

enum kind {
    KIND_USER,
    KIND_WORK,
    KIND_CONVERSATION,
    KIND_GROUP,
    KIND_ACCOUNT,
    KIND_REV_ORG,
    KIND_TAG,
    KIND_PART,
    KIND_ARTIFACT,
    KIND_LINK,
    KIND_JOB,
    KIND_COUNT
};

struct obj;

struct list {
    struct obj **items;
    size_t len;
    size_t cap;
};

/* First member of every object. */
struct obj {
    enum kind kind;
    uint32_t ord; /* place among its kind, never changes */
    const char *id;
    const char *display_id;
    int64_t created_ms;
    struct list links; /* those that it is an end of, oldest first */
};

enum user_type { USER_DEV, USER_REV, USER_SYS };

struct user_version {
    int64_t since_ms;
    struct user_version *older;
    const char *display_name;
    const char *full_name;
    const char *email;
    const char *external_ref;
    const char *description;
    const char *phone_numbers; /* JSON array */
    const char *external_refs; /* JSON array, NULL none */
    const char *custom_fields; /* JSON object */
    const char *tags;          /* JSON array of {"id","value"} as requested, NULL none */
    struct list artifacts;
    const char *state;
    struct user *merged_into;
    struct user *modified_by;
    int64_t modified_ms;
    bool deleted;
};

/* What people wrote beside a contact of the pivot export. */
enum seed_label { LABEL_NONE, LABEL_MERGE, LABEL_MAIN };

struct user {
    struct obj obj;
    enum user_type type;
    struct user_version *now;
    struct user *created_by;
    struct account *account; /* may be NULL */
    enum seed_label label;
    uint8_t label_strategy; /* 0 none */
    struct list works;      /* every work that ever named this user, oldest first */
    struct list conversations;
};

enum work_type { WORK_ISSUE, WORK_TICKET };

struct work_version {
    int64_t since_ms;
    struct work_version *older;
    const char *title;
    const char *body;
    struct user *created_by;
    struct list owned_by;
    struct list reported_by;
    struct list tags;
    struct list artifacts;
    const char *stage;
    const char *priority; /* issues */
    const char *severity; /* tickets */
    struct group *group;  /* tickets */
    struct part *part;
    const char *custom_fields; /* JSON object */
    int64_t target_close_ms;   /* 0 none */
    struct user *modified_by;
    int64_t modified_ms;
};

struct work {
    struct obj obj;
    enum work_type type;
    struct work_version *now;
    struct account *account; /* may be NULL */
    uint32_t artifact_first; /* artifacts of its comments, in order */
    struct group
        *assigned;  /* issues: what the creator-group CSV calls assigned_group; may be NULL */
    bool exported;  /* it stands in that CSV ... */
    bool with_gone; /* ... and behind it an issue that was deleted since the export */
};

struct conversation_version {
    int64_t since_ms;
    struct conversation_version *older;
    const char *title;
    const char *description;
    struct user *created_by;
    struct list members;
    struct list owned_by;
    struct list tags;
    struct group *group;
    const char *stage;
    const char *custom_fields; /* JSON object */
    struct user *modified_by;
    int64_t modified_ms;
};

struct conversation {
    struct obj obj;
    struct conversation_version *now;
    struct account *account;
    uint32_t artifact_first;
};

struct group {
    struct obj obj;
    const char *name;
    const char *description;
    struct list members;
};

struct account {
    struct obj obj;
    const char *name;
    const char *domain;
    struct rev_org *rev_org;
    struct user *owner;
};

struct rev_org {
    struct obj obj;
    struct account *account;
};

struct tag {
    struct obj obj;
    const char *name;
};

struct part {
    struct obj obj;
    const char *type;
    const char *name;
};

struct artifact {
    struct obj obj;
    struct obj *parent; /* the object it hangs on, directly or by a comment */
    bool on_comment;
    const char *name;
    const char *mime;
    uint32_t size;
};

struct link {
    struct obj obj;
    const char *type;
    struct obj *source;
    struct obj *target;
};

struct job {
    struct obj obj;
    struct user *primary;
    struct user *secondary;
    const char *body; /* of the request */
    int64_t due_ms;
    int64_t done_ms; /* 0: not yet */
    bool failed;
};

struct world {
    struct arena arena;
    struct map by_id;  /* id and display id -> struct obj */
    struct map refs;   /* external_ref -> struct list of the contacts that have or had it */
    struct map emails; /* address -> the same */
    struct list all[KIND_COUNT];
    uint64_t seed;
    struct user *self; /* whose token it is */
    struct user *bot;
    uint32_t next_contact; /* ord from which users were created by calls */
    size_t jobs_done;      /* every job before this one has ended */
};

/* Puts `obj` into its kind's list and under its ids; sets kind and ord. */
void world_add(struct world *world, enum kind kind, struct obj *obj);
/* Takes the newest object of its kind out again. */
void world_forget(struct world *world, struct obj *obj);
void world_done(struct world *world);

/* By id or display id, NULL where there is none. */
struct obj *world_find(const struct world *world, const char *id);
struct user *world_contact(const struct world *world, const char *id);

void list_add(struct arena *arena, struct list *list, struct obj *obj);
bool list_has(const struct list *list, const struct obj *obj);
struct list list_copy(struct arena *arena, const struct list *list);
/* `from` becomes `to` (once, if `to` is there already); false where `from` is not in it. */
bool list_replace(struct list *list, const struct obj *from, struct obj *to);

/* The version that held at `as_of`; NULL where the object did not exist yet. */
const struct user_version *user_at(const struct user *user, int64_t as_of);
const struct work_version *work_at(const struct work *work, int64_t as_of);
const struct conversation_version *conversation_at(const struct conversation *conversation,
                                                   int64_t as_of);

/* A copy of the newest version, in front of it, to be changed by the caller before the lock goes. */
struct user_version *user_change(struct world *world, struct user *user, int64_t now_ms,
                                 struct user *by);
struct work_version *work_change(struct world *world, struct work *work, int64_t now_ms,
                                 struct user *by);
struct conversation_version *conversation_change(struct world *world,
                                                 struct conversation *conversation, int64_t now_ms,
                                                 struct user *by);

/* Puts the object into the lists of every user that its newest version names. */
void work_index(struct world *world, struct work *work);
void conversation_index(struct world *world, struct conversation *conversation);

/* Puts the contact under its newest address and external_ref. */
void contact_index(struct world *world, struct user *contact);
/* Those that have or had the address, in order; NULL none. */
const struct list *world_by_email(const struct world *world, const char *email);
const struct list *world_by_ref(const struct world *world, const char *ref);

/* The contact that holds `ref` and is neither merged nor deleted; NULL none. */
struct user *world_ref_holder(const struct world *world, const char *ref);

/* What a merge moves. */
struct merge_moves {
    bool reported;
    bool owned;
    bool created;
    bool conversations;
};

/* The contacts become one; false where one of them was merged or deleted meanwhile. */
bool world_merge(struct world *world, struct user *primary, struct user *secondary,
                 const struct merge_moves *moves, int64_t now_ms);

/* A well mixed number from the world's seed and two others: what is made on demand is made from it. */
uint64_t world_mix(const struct world *world, uint64_t a, uint64_t b);

#endif
