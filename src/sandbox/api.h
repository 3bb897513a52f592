/* SPDX-License-Identifier: MIT */
/*
 * The stand-in as a whole and one request to it.
 *
 * One lock guards everything below it: a request is looked at under the lock when it arrives (token,
 * limit, fault), waits without it (latency), and is carried out under it, change, log and effects
 * line in one go. Whatever a client can see was logged before.
 */
#ifndef STEWARD_SANDBOX_API_H
#define STEWARD_SANDBOX_API_H

#include <jansson.h>
#include <pthread.h>

#include "base/clock.h"
#include "sandbox/calls.h"
#include "sandbox/limit.h"
#include "sandbox/options.h"
#include "sandbox/schema.h"
#include "sandbox/store.h"
#include "sandbox/world.h"

struct request;

struct endpoint {
    const char *call;
    void (*run)(struct request *request);
    bool write; /* POST only; an effect where the handler says so */
};

struct sandbox {
    const struct options *options;
    struct stop *stop;
    char token[80];
    uint16_t port;

    pthread_mutex_t lock;  /* guards all below, and the order of lines in the files */
    pthread_cond_t merges; /* CLOCK_REALTIME; a merge is due earlier than the worker thought */
    struct world world;
    struct faults faults;
    bool expired; /* a fault made the token worthless */
    struct limit limit;
    struct calls calls;
    struct store store;
    int64_t now_ms; /* the latest time handed out: never goes back */
    int64_t request_seq;
    int64_t effect_seq;

    struct schema_book *book;      /* constant once started */
    const struct schema **schemas; /* by the endpoint's place */
};

struct request {
    struct sandbox *sandbox;
    const struct endpoint *endpoint;
    json_t *body;
    int64_t now_ms;
    int64_t as_of; /* WORLD_NOW, or what a stale read sees */
    bool never;    /* acknowledge, do nothing */
    bool changed;  /* the handler carried something out: an effect */
    struct buf out;
    int status;
};

/* The endpoint of a path without its slash, NULL where there is none. */
const struct endpoint *endpoint_find(str call);
size_t endpoint_place(const struct endpoint *endpoint);
size_t endpoint_count(void);
const struct endpoint *endpoint_at(size_t place);

/* --- answers (errors.c) ------------------------------------------------------------------------ */

void fail_not_found(struct request *request, const char *what);
/* 400 with the published extra members of these types. */
void fail_value(struct request *request, const char *field, const char *reason);
void fail_field(struct request *request, const char *type, const char *field, const char *message);
void fail_custom(struct request *request, const char *subtype, const char *field,
                 const char *reason);
void fail_conflict(struct request *request, const char *message);
void fail_schema(struct buf *out, const struct schema_fault *fault);
/* {"message":...,"type":...} */
void fail_body(struct buf *out, const char *type, const char *message);

/* --- reading the checked body (body.c) ------------------------------------------------------------ */

/* NULL where the member is missing. */
const char *body_text(const struct request *request, const char *name);
json_t *body_list(const struct request *request, const char *name);
bool list_names(const json_t *list, const char *text);
/* True where there is no such filter, or one of its ids is one of the object's two. */
bool filter_obj(const json_t *list, const struct obj *obj);
bool filter_any(const json_t *list, const struct list *objs);
bool filter_text(const json_t *list, const char *text);
/* {"after","before"} or {"type":"preset","preset_type","days"} */
bool filter_date(const struct request *request, const json_t *range, int64_t ms);
/* Each asked custom field has the asked value, or one of them; `have`: JSON object text or NULL. */
bool filter_custom(const json_t *asked, const char *have);
/* The object that `name` names, of that kind; answers 404 or 400 itself and returns NULL. */
struct obj *body_obj(struct request *request, const char *name, enum kind kind, const char *what);

/* --- paging (page.c) -------------------------------------------------------------------------- */

/* One page of a list: page_open, page_add of everything that matches in order, page_cut, page_free.
 * Only what the page needs is kept: what lies before the cursor or behind the page is dropped, unless
 * the order (sort_by) or the direction (mode before) needs the whole list. */
struct page {
    struct list found;
    size_t limit;
    bool whole;
    bool sorted;
    bool before; /* mode */
    bool has_cursor;
    uint64_t position; /* of the cursor: an ord, or a count where sorted */
    bool earlier;      /* there is something before the page */
    size_t from;       /* the page, after page_cut */
    size_t to;
    char next[40]; /* "" none */
    char prev[40];
};

/* Reads limit, mode, sort_by and cursor. False: answered 400. */
bool page_open(struct request *request, struct page *page);
/* The same for rev-users.scan: a fixed limit and no way back. */
bool page_open_scan(struct request *request, struct page *page);
void page_add(struct page *page, struct obj *obj);
/* For long lists: where in `candidates` to begin, and when to stop. */
size_t page_first(struct page *page, const struct list *candidates);

/* Fills `own` (free own->items) with the works (or conversations) that ever named one of the users with
 * these ids, by age, each once: a list that is filtered by users is answered from these alone. */
void page_of_users(const struct request *request, const json_t *ids, enum kind kind,
                   struct list *own);
bool page_full(const struct page *page);
void page_cut(struct request *request, struct page *page);
void page_cursors(struct buf *out, const struct page *page);
void page_free(struct page *page);
/* Sorts by created_date or modified_date where sort_by asks for it. False: answered 400. */
bool page_sort(struct request *request, struct page *page,
               int64_t (*modified)(const struct obj *obj, int64_t as_of));
/* A cursor that stands for `position`; what came back is checked. */
void cursor_print(const struct sandbox *sandbox, uint64_t position, char out[40]);
bool cursor_parse(const struct sandbox *sandbox, const char *text, uint64_t *ret);

/* --- objects as JSON (render*.c) --------------------------------------------------------------- */

void render_user_summary(struct buf *out, const char *key, const struct user *user, int64_t as_of);
void render_users(struct buf *out, const char *key, const struct list *users, int64_t as_of);
void render_account_summary(struct buf *out, const char *key, const struct account *account);
void render_org_summary(struct buf *out, const char *key, const struct rev_org *org);
void render_group_summary(struct buf *out, const char *key, const struct group *group);
void render_artifact_summary(struct buf *out, const char *key, const struct artifact *artifact);
void render_artifacts(struct buf *out, const char *key, const struct list *artifacts);
void render_tags(struct buf *out, const struct list *tags);
void render_stage(struct buf *out, const char *stage);
void render_obj_head(struct buf *out, const struct obj *obj, const struct user *by, int64_t as_of);
void render_modified(struct buf *out, const struct user *by, int64_t ms, int64_t as_of);
void render_user(struct buf *out, const char *key, const struct user *user, int64_t as_of);
void render_work(struct buf *out, const char *key, const struct work *work, int64_t as_of);
void render_work_summary(struct buf *out, const char *key, const struct work *work, int64_t as_of);
void render_conversation(struct buf *out, const char *key, const struct conversation *conversation,
                         int64_t as_of);
const char *work_word(enum work_type type);

/* --- calls ------------------------------------------------------------------------------------ */

void contacts_get(struct request *request);
void contacts_list(struct request *request);
void contacts_scan(struct request *request);
void contacts_associations(struct request *request);
void contacts_update(struct request *request);
void contacts_create(struct request *request);
void contacts_delete(struct request *request);
void contacts_merge(struct request *request);
void contacts_personal_data(struct request *request);
void contacts_forget(struct request *request);
void meetings_list(struct request *request);
void engagements_list(struct request *request);
void surveys_list(struct request *request);
void works_get(struct request *request);
void works_list(struct request *request);
void works_count(struct request *request);
void works_export(struct request *request);
void works_update(struct request *request);
void conversations_get(struct request *request);
void conversations_list(struct request *request);
void conversations_update(struct request *request);
void timeline_list(struct request *request);
void timeline_get(struct request *request);
void links_list(struct request *request);
void artifacts_list(struct request *request);
void artifacts_get(struct request *request);
void artifacts_locate(struct request *request);
void groups_get(struct request *request);
void groups_list(struct request *request);
void groups_members(struct request *request);
void jobs_get(struct request *request);
void jobs_list(struct request *request);
void staff_self(struct request *request);
void staff_list(struct request *request);
void token_info(struct request *request);
void org_get(struct request *request);
void accounts_get(struct request *request);
void accounts_list(struct request *request);
void rev_orgs_get(struct request *request);
void tags_list(struct request *request);
void ping_answer(struct request *request);
void schemas_custom(struct request *request);
void schemas_aggregated(struct request *request);

/* --- merges (merge.c) ------------------------------------------------------------------------- */

/* Carries out every merge that is due at `now_ms`, each logged before it can be seen. With the lock. */
void merges_run(struct sandbox *sandbox, int64_t now_ms);
/* When the next is due; INT64_MAX none. */
int64_t merges_next(const struct sandbox *sandbox);
/* Replays one that happened. */
bool merge_replay_done(struct sandbox *sandbox, const json_t *body, int64_t at_ms);

/* --- custom fields (custom.c) ------------------------------------------------------------------ */

/* Lays `request`'s custom_fields over `old` (JSON object text or NULL); the result is in the world's
 * arena. NULL: answered 400. */
const char *custom_apply(struct request *request, const char *leaf, const char *old);

/* --- the signed address of an artifact's bytes ---------------------------------------------------- */

void artifact_url(const struct sandbox *sandbox, const struct artifact *artifact, int64_t expires_s,
                  struct buf *out);
/* The bytes behind "/sandbox/artifacts/..." and its query, or a status other than 200. */
int artifact_fetch(struct sandbox *sandbox, str name, str expires, str signature, int64_t now_ms,
                   struct buf *out, const char **ret_mime);

#endif
