/* SPDX-License-Identifier: MIT */
/*
 * What hung on the loser goes back to the contact that took its place: each ticket, opportunity and
 * conversation that the merge's backup names, in each role that it names, where the survivor (or the old
 * id) still stands there. Where it does not, somebody has decided otherwise since, and it is left.
 *
 * A list of people is read, changed and written as a whole, because the API knows no other way. Two
 * workers must not do that to one record at the same time, so a lock for its id is held over read and
 * write, which end by their timeouts. People cannot be kept out: what one of them changes within these
 * milliseconds is overwritten.
 */
#include "job/merge_undo.h"

#include <pthread.h>
#include <stdio.h>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/map.h"
#include "format/jsonx.h"
#include "store/memory_link.h"

enum { STRIPES = 64, TOLD_MAX = 5, TICKETS = 0, CONVERSATIONS = 1, KINDS = 2 };

static pthread_mutex_t stripes[STRIPES] = {[0 ... STRIPES - 1] = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t *stripe_of(str id)
{
    uint8_t hash[SHA256_BYTES];
    sha256_of(id.ptr, id.len, hash);
    return &stripes[hash[0] % STRIPES];
}

struct role {
    unsigned role;
    int kind;
    const char *member; /* of the object and of the update, and the filter of the list */
};

static const struct role roles[] = {
    {MERGE_REPORTED, TICKETS, "reported_by"},
    {MERGE_OWNED, TICKETS, "owned_by"},
    {MERGE_CONTACT, TICKETS, "contacts"},
    {MERGE_MEMBER, CONVERSATIONS, "members"},
};
enum { ROLES = ARRAY_LEN(roles) };

static const struct {
    const char *get, *object, *list, *items, *update;
} calls[KINDS] = {
    [TICKETS] = {"works.get", "work", "works.list", "works", "works.update"},
    [CONVERSATIONS] = {"conversations.get", "conversation", "conversations.list", "conversations",
                       "conversations.update"},
};

struct repoint {
    struct merge_worker *worker;
    struct job_change *change;
    const struct merge_record *origin;
    const char *created;
    struct arena arena;
    struct map seen[ROLES]; /* ids that are listed for the new contact */
    unsigned *left[KINDS];  /* by item: roles that stay as they are */
    size_t written;
    size_t told;
    struct buf remarks;
};

static const struct merge_item *items_of(const struct repoint *repoint, int kind, size_t *ret_count)
{
    const struct merge_record *origin = repoint->origin;
    *ret_count = kind == TICKETS ? origin->work_count : origin->conversation_count;
    return kind == TICKETS ? origin->works : origin->conversations;
}

static void repoint_begin(struct repoint *repoint, struct merge_worker *worker,
                          struct job_change *change, const struct merge_undo *undo)
{
    *repoint = (struct repoint){
        .worker = worker, .change = change, .origin = &undo->origin, .created = undo->created};
    for (int kind = 0; kind < KINDS; kind++) {
        size_t count;
        (void)items_of(repoint, kind, &count);
        repoint->left[kind] = arena_array(&repoint->arena, count + 1, sizeof(unsigned));
    }
}

static void repoint_done(struct repoint *repoint)
{
    for (size_t i = 0; i < ROLES; i++) {
        map_done(&repoint->seen[i]);
    }
    buf_done(&repoint->remarks);
    arena_done(&repoint->arena);
}

/* --- what the new contact has -------------------------------------------------------------- */

struct listing {
    struct arena *arena;
    struct map *seen;
};

static bool take_seen(void *ctx, const struct devrev_answer *answer UNUSED, const json_t *items,
                      bool *done UNUSED, struct err *err UNUSED)
{
    struct listing *listing = ctx;
    for (size_t i = 0; i < json_array_size(items); i++) {
        str id = str_dup(listing->arena, merge_text(json_array_get(items, i), "id"));
        (void)map_put(listing->seen, id, listing);
    }
    return true;
}

static bool any_with(const struct repoint *repoint, const struct role *role)
{
    size_t count;
    const struct merge_item *items = items_of(repoint, role->kind, &count);
    for (size_t i = 0; i < count; i++) {
        if ((items[i].roles[MERGE_LOSER] & role->role) != 0) {
            return true;
        }
    }
    return false;
}

static bool list_seen(struct repoint *repoint, struct err *err)
{
    for (size_t i = 0; i < ROLES; i++) {
        const struct role *role = &roles[i];
        map_done(&repoint->seen[i]);
        repoint->seen[i] = (struct map){0};
        if (!any_with(repoint, role)) {
            continue;
        }
        struct listing listing = {.arena = &repoint->arena, .seen = &repoint->seen[i]};
        json_t *request = json_pack("{s:[s]}", role->member, repoint->created);
        if (role->role == MERGE_CONTACT) {
            request = json_pack("{s:[s],s:o}", "type", "opportunity", "opportunity", request);
        }
        if (!devrev_pages(repoint->worker->devrev, calls[role->kind].list, request,
                          calls[role->kind].items, take_seen, &listing, err)) {
            return false;
        }
    }
    return true;
}

/* The roles in which the loser had the item and the new contact has it not. */
static unsigned missing_roles(const struct repoint *repoint, int kind,
                              const struct merge_item *item)
{
    unsigned missing = 0;
    for (size_t i = 0; i < ROLES; i++) {
        if (roles[i].kind == kind && (item->roles[MERGE_LOSER] & roles[i].role) != 0 &&
            !map_has(&repoint->seen[i], item->id)) {
            missing |= roles[i].role;
        }
    }
    return missing;
}

/* Can any call give it back? Who created something cannot be written. */
static bool is_wanted(int kind, const struct merge_item *item)
{
    unsigned settable = 0;
    for (size_t i = 0; i < ROLES; i++) {
        settable |= roles[i].kind == kind ? roles[i].role : 0;
    }
    return (item->roles[MERGE_LOSER] & settable) != 0;
}

/* --- who else the survivor stands for ------------------------------------------------------- */

static bool has_user(const json_t *members, str id)
{
    for (size_t i = 0; i < json_array_size(members); i++) {
        if (devrev_same_user(merge_text(json_array_get(members, i), "id"), id)) {
            return true;
        }
    }
    return false;
}

/* A contact that had the item too was merged into the same survivor, and is not back: then the survivor
 * stands there for it, and stays. */
static bool stands_for(struct repoint *repoint, str other, bool *ret, struct err *err)
{
    AUTO_ANSWER struct devrev_answer answer = {0};
    const json_t *contact = NULL;
    struct err failure = {0};
    if (!merge_get_contact(repoint->worker, other, &answer, &contact, &failure)) {
        if (failure.kind == ERR_NOT_FOUND) {
            return true;
        }
        *err = failure;
        return false;
    }
    if (!devrev_same_user(merge_primary(contact), repoint->origin->id[MERGE_SURVIVOR])) {
        return true;
    }
    struct merge_parted parted;
    bool ok = merge_parted_load(repoint->worker, repoint->origin, &parted, err);
    *ret = *ret || (ok && !merge_parted_has(&parted, contact));
    merge_parted_done(&parted);
    return ok;
}

static bool survivor_stays(struct repoint *repoint, const struct merge_item *item,
                           const struct role *role, const json_t *members, bool *ret,
                           struct err *err)
{
    *ret = (item->roles[MERGE_SURVIVOR] & role->role) != 0;
    for (size_t i = 0; i < item->other_count && !*ret; i++) {
        const struct merge_other *other = &item->others[i];
        if ((other->roles & role->role) != 0 && !has_user(members, other->id) &&
            !stands_for(repoint, other->id, ret, err)) {
            return false;
        }
    }
    return true;
}

/* --- one item ------------------------------------------------------------------------------ */

static const char *name_of(const struct merge_item *item, struct arena *arena)
{
    return shown_id(arena, item->display_id.len != 0 ? item->display_id : item->id);
}

static void remark(struct repoint *repoint, const struct merge_item *item, const char *why)
{
    if (repoint->told++ < TOLD_MAX) {
        buf_printf(&repoint->remarks, "%s%s (%s)", repoint->remarks.len != 0 ? ", " : "",
                   name_of(item, &repoint->arena), why);
    }
}

/* The people of a role with the new contact in the place of the old id or of the survivor; NULL in *ret:
 * neither stands there. */
static bool changed_list(struct repoint *repoint, const struct merge_item *item,
                         const struct role *role, const json_t *members, json_t **ret,
                         struct err *err)
{
    const struct merge_record *origin = repoint->origin;
    bool stays = false;
    *ret = NULL;
    if (!has_user(members, origin->id[MERGE_SURVIVOR]) &&
        !has_user(members, origin->id[MERGE_LOSER])) {
        return true;
    }
    if (!survivor_stays(repoint, item, role, members, &stays, err)) {
        return false;
    }
    json_t *list = json_array();
    bool placed = false;
    for (size_t i = 0; i < json_array_size(members); i++) {
        const json_t *id = json_object_get(json_array_get(members, i), "id");
        str text = {json_string_value(id), json_string_length(id)};
        bool replaced = devrev_same_user(text, origin->id[MERGE_LOSER]) ||
                        (!stays && devrev_same_user(text, origin->id[MERGE_SURVIVOR]));
        if (!replaced) {
            (void)json_array_append(list, (json_t *)(uintptr_t)id);
        } else if (!placed) {
            (void)json_array_append_new(list, json_string(repoint->created));
            placed = true;
        }
    }
    if (!placed) {
        (void)json_array_append_new(list, json_string(repoint->created));
    }
    *ret = list;
    return true;
}

/* Adds to the request what is to be changed in the roles `missing`; what somebody else has changed stays,
 * and its roles are in *ret_left. */
static bool fill_update(struct repoint *repoint, const struct merge_item *item, int kind,
                        const json_t *object, unsigned missing, json_t *request, unsigned *ret_left,
                        struct err *err)
{
    for (size_t i = 0; i < ROLES; i++) {
        if (roles[i].kind != kind || (roles[i].role & missing) == 0) {
            continue;
        }
        const json_t *members = json_object_get(object, roles[i].member);
        json_t *list = NULL;
        if (has_user(members, str_of(repoint->created))) {
            continue; /* the list of objects is behind */
        }
        if (!changed_list(repoint, item, &roles[i], members, &list, err)) {
            return false;
        }
        if (list != NULL) {
            (void)json_object_set_new(request, roles[i].member, json_pack("{s:o}", "set", list));
        } else {
            *ret_left |= roles[i].role;
        }
    }
    return true;
}

/* 4xx: certainly nothing was changed, and sending it again would not help. */
static bool is_refusal(const struct err *err)
{
    return !err->fatal && !err->ambiguous && !err->retryable && err->http_status >= 400 &&
           err->http_status < 500;
}

static bool write_item(struct repoint *repoint, const struct merge_item *item, int kind,
                       unsigned missing, unsigned *ret_left, struct err *err)
{
    AUTO_ANSWER struct devrev_answer answer = {0};
    AUTO_ANSWER struct devrev_answer written = {0};
    struct err failure = {0};
    json_t *asked = json_pack("{s:s%}", "id", item->id.ptr, item->id.len);
    if (!devrev_read(repoint->worker->devrev, calls[kind].get, asked, &answer, &failure)) {
        if (!is_refusal(&failure)) {
            *err = failure;
            return false;
        }
        *ret_left = missing;
        remark(repoint, item, "cannot be read");
        return true;
    }
    const json_t *object = json_object_get(answer.json, calls[kind].object);
    AUTO(json_decref) json_t *request = json_pack("{s:s%}", "id", item->id.ptr, item->id.len);
    if (!fill_update(repoint, item, kind, object, missing, request, ret_left, err)) {
        return false;
    }
    if (*ret_left != 0) {
        remark(repoint, item, "somebody else's since");
    }
    if (json_object_size(request) == 1) {
        return true;
    }
    if (kind == TICKETS && merge_text(object, "type").len != 0) {
        (void)json_object_set(request, "type", json_object_get(object, "type"));
    }
    repoint->written++;
    if (devrev_write(repoint->worker->devrev, calls[kind].update, json_incref(request), &written,
                     &failure)) {
        return true;
    }
    if (!is_refusal(&failure)) {
        *err = failure;
        return false;
    }
    merge_note_error(repoint->worker, repoint->change, calls[kind].update, &failure);
    *ret_left = missing;
    remark(repoint, item, "DevRev refused it");
    return true;
}

static bool write_missing(struct repoint *repoint, struct err *err)
{
    for (int kind = 0; kind < KINDS; kind++) {
        size_t count;
        const struct merge_item *items = items_of(repoint, kind, &count);
        for (size_t i = 0; i < count; i++) {
            unsigned missing = missing_roles(repoint, kind, &items[i]);
            if (missing == 0) {
                continue;
            }
            (void)FAILPOINT("undo.before_item");
            pthread_mutex_t *lock = stripe_of(items[i].id);
            pthread_mutex_lock(lock);
            bool ok = write_item(repoint, &items[i], kind, missing, &repoint->left[kind][i], err);
            pthread_mutex_unlock(lock);
            (void)FAILPOINT("undo.after_item");
            if (!ok) {
                return false;
            }
        }
    }
    return true;
}

/* Read back: what was written must be listed for the new contact. */
static bool read_back(struct repoint *repoint, size_t *ret_late, struct err *err)
{
    *ret_late = 0;
    if (repoint->written == 0) {
        return true;
    }
    if (!list_seen(repoint, err)) {
        return false;
    }
    for (int kind = 0; kind < KINDS; kind++) {
        size_t count;
        const struct merge_item *items = items_of(repoint, kind, &count);
        for (size_t i = 0; i < count; i++) {
            *ret_late += (missing_roles(repoint, kind, &items[i]) & ~repoint->left[kind][i]) != 0;
        }
    }
    return true;
}

bool merge_undo_missing(struct merge_worker *worker, struct job_change *change,
                        struct merge_undo *undo, size_t *ret_tickets, size_t *ret_conversations,
                        struct err *err)
{
    struct repoint repoint;
    size_t missing[KINDS] = {0};
    repoint_begin(&repoint, worker, change, undo);
    bool ok = list_seen(&repoint, err);
    for (int kind = 0; kind < KINDS; kind++) {
        size_t count;
        const struct merge_item *items = items_of(&repoint, kind, &count);
        for (size_t i = 0; ok && i < count; i++) {
            missing[kind] += missing_roles(&repoint, kind, &items[i]) != 0;
        }
    }
    repoint_done(&repoint);
    *ret_tickets = missing[TICKETS];
    *ret_conversations = missing[CONVERSATIONS];
    return ok;
}

/* --- the end ------------------------------------------------------------------------------- */

/* What is not as it was, for people: in the new contact, because it could not be set, and in the survivor,
 * because somebody has changed it since. */
static bool compare_contacts(struct repoint *repoint, const char **ret_display_id, struct err *err)
{
    const struct merge_record *origin = repoint->origin;
    AUTO_ANSWER struct devrev_answer created = {0};
    AUTO_ANSWER struct devrev_answer survivor = {0};
    const json_t *now = NULL;
    AUTO_BUF struct buf fields = {0};
    if (repoint->told > TOLD_MAX) {
        buf_printf(&repoint->remarks, " and %zu more", repoint->told - TOLD_MAX);
    }
    if (!merge_get_contact(repoint->worker, str_of(repoint->created), &created, &now, err)) {
        return false;
    }
    *ret_display_id = str_z(&repoint->arena, merge_text(now, "display_id"));
    merge_undo_differences(origin->contact[MERGE_LOSER], now, &fields);
    if (fields.len != 0) {
        buf_printf(&repoint->remarks, "%s'%s' came back without its %s",
                   repoint->remarks.len != 0 ? "; " : "", *ret_display_id, buf_z(&fields));
    }
    if (!merge_get_contact(repoint->worker, origin->id[MERGE_SURVIVOR], &survivor, &now, err)) {
        return false;
    }
    buf_clear(&fields);
    merge_kept_differences(origin->contact[MERGE_SURVIVOR], now, "", &fields);
    if (fields.len != 0) {
        buf_printf(&repoint->remarks, "%s'%s' keeps what was changed since: %s",
                   repoint->remarks.len != 0 ? "; " : "",
                   shown_id(&repoint->arena, repoint->change->plan.survivor), buf_z(&fields));
    }
    return true;
}

/* What people have parted stays parted: neither the old id nor the new one is merged there again. The
 * ids are written as the plan has them, because the next plan is made from the same source. */
static bool remember(struct repoint *repoint, const char *display_id, struct err *err)
{
    const struct job_run *run = repoint->worker->run;
    const struct plan_change *plan = &repoint->change->plan;
    str created = str_starts(plan->target, STR("don:")) || display_id[0] == '\0'
                      ? str_of(repoint->created)
                      : str_of(display_id);
    const str parted[] = {plan->target, created};
    struct memory_link links[ARRAY_LEN(parted)];
    for (size_t i = 0; i < ARRAY_LEN(parted); i++) {
        links[i] = (struct memory_link){.a = parted[i],
                                        .b = plan->survivor,
                                        .run = run->run,
                                        .change = str_of(plan->id),
                                        .why = STR("undone")};
    }
    return memory_link_put_all(run->journal, run->clock, links, ARRAY_LEN(links), err);
}

static void write_detail(struct repoint *repoint)
{
    size_t back[KINDS] = {0};
    size_t left[KINDS] = {0};
    for (int kind = 0; kind < KINDS; kind++) {
        size_t count;
        const struct merge_item *items = items_of(repoint, kind, &count);
        for (size_t i = 0; i < count; i++) {
            bool stays = repoint->left[kind][i] != 0;
            left[kind] += is_wanted(kind, &items[i]) && stays;
            back[kind] += is_wanted(kind, &items[i]) && !stays;
        }
    }
    AUTO_BUF struct buf out = {0};
    buf_printf(&out,
               "{\"counts\":{\"tickets\":{\"given back\":%zu,\"left\":%zu},"
               "\"conversations\":{\"given back\":%zu,\"left\":%zu}},\"created\":",
               back[TICKETS], left[TICKETS], back[CONVERSATIONS], left[CONVERSATIONS]);
    buf_add_json(&out, str_of(repoint->created));
    buf_addc(&out, '}');
    if (out.len < sizeof(repoint->change->detail)) { /* an id of DevRev's is some 60 bytes */
        memcpy(repoint->change->detail, buf_z(&out), out.len + 1);
    }
}

static enum confirm_result finish(struct repoint *repoint, struct err *err)
{
    size_t late = 0;
    const char *display_id = "";
    if (!list_seen(repoint, err) || !write_missing(repoint, err) ||
        !read_back(repoint, &late, err)) {
        return CONFIRM_UNREADABLE;
    }
    if (late != 0) {
        (void)err_set(err, ERR_VERIFY,
                      "%zu tickets and conversations do not show with contact '%s'", late,
                      repoint->created);
        return CONFIRM_PENDING;
    }
    if (!compare_contacts(repoint, &display_id, err) || !remember(repoint, display_id, err)) {
        return CONFIRM_UNREADABLE;
    }
    write_detail(repoint);
    if (repoint->remarks.len != 0) {
        (void)err_set(err, ERR_DRIFT, "left as it is: %s", buf_z(&repoint->remarks));
    }
    return CONFIRM_DONE;
}

enum confirm_result merge_undo_finish(void *ctx, struct job_change *change, struct err *err)
{
    struct merge_worker *worker = ctx;
    struct merge_undo *undo = NULL;
    struct err failure = {0};
    if (!merge_undo_get(worker, change, &undo, err)) {
        return CONFIRM_UNREADABLE;
    }
    devrev_stop_level(worker->devrev, 2); /* as confirm */
    struct repoint repoint;
    repoint_begin(&repoint, worker, change, undo);
    enum confirm_result result = finish(&repoint, &failure);
    repoint_done(&repoint);
    if (err_is(&failure)) {
        merge_note_error(worker, change, "finish", &failure);
        *err = failure;
    }
    return result;
}
