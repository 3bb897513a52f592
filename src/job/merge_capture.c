/* SPDX-License-Identifier: MIT */
/*
 * The backup of one pair (M6). What is listed first (works, conversations) tells how much space is
 * needed; then every object is read with its timeline, links and attachments and written:
 *
 *   metadata/contact_info.json            both contacts, and who had which work and conversation
 *   tickets/tickets.json                  every work, raw, with the roles of both and its attachments
 *   tickets/relationships.json            links of both contacts and of every work
 *   tickets/attachments/<work>_<artifact>.<extension>
 *   conversations/<object>/messages.json  the timeline of a contact, work or conversation, raw
 *   conversations/<object>/participants.json
 *   conversations/<object>/attachments/<artifact>.<extension>
 *
 * Objects are kept as the bytes that the remote sent. Any read that fails fails the backup, and then
 * nothing is sent.
 */
#include "job/merge_internal.h"

#include <stdio.h>

#include "base/map.h"
#include "remote/devrev_raw.h"

enum {
    BYTES_A_TICKET = 1024 * 1024, /* what the free space is checked for */
    FILE_BYTES_MAX = 1024 * 1024 * 1024,
    NAME_BYTES = 100,
    EXTENSION_BYTES = 10,
    REFUSALS_MAX = 3,
};

/* A work, a conversation or a contact. */
struct object {
    struct merge_item item;
    const char *kind; /* "contact", "work", "conversation" */
    str type;
    str raw;
    char *name; /* of its directory below conversations/ */
    json_t *json;
    struct object *next;
};

struct artifact {
    str id;
    str name;   /* as the remote has it */
    char *path; /* in the backup */
    uint64_t bytes;
    char sha256[SHA256_HEX];
};

struct objects {
    struct object *first;
    struct object **last;
    size_t count;
};

struct capture {
    struct merge_worker *worker;
    struct job_change *change;
    struct merge_data *data;
    struct backup *backup;
    struct arena arena; /* for as long as the capture runs */
    str side_id[MERGE_SIDES];
    struct objects contacts;
    struct objects works;
    struct objects conversations;
    struct map by_id;     /* id -> struct object */
    struct map names;     /* directory names in use */
    struct map artifacts; /* id -> struct artifact */
    size_t attachments;
    uint64_t attachment_bytes;
    size_t entries;
    size_t unlisted_threads; /* comments whose replies the remote does not list */
};

/* --- small things -------------------------------------------------------------------------- */

static void objects_add(struct objects *list, struct object *object)
{
    if (list->last == NULL) {
        list->last = &list->first;
    }
    *list->last = object;
    list->last = &object->next;
    list->count++;
}

static void objects_done(struct objects *list)
{
    for (struct object *object = list->first; object != NULL; object = object->next) {
        json_decref(object->json);
    }
}

static void note_other(struct capture *capture, str id, unsigned role, struct merge_item *item)
{
    for (size_t i = 0; i < item->other_count; i++) {
        if (str_eq(item->others[i].id, id)) {
            item->others[i].roles |= role;
            return;
        }
    }
    struct merge_other *others =
        arena_array(&capture->arena, item->other_count + 1, sizeof(*others));
    if (item->other_count != 0) {
        memcpy(others, item->others, item->other_count * sizeof(*others));
    }
    others[item->other_count++] = (struct merge_other){.id = id, .roles = role};
    item->others = others;
}

/* Into item->roles, for the side that `user` (a user summary) is; other contacts into item->others. */
static void note_role(struct capture *capture, const json_t *user, unsigned role,
                      struct merge_item *item)
{
    str id = merge_text(user, "id");
    for (int side = 0; side < MERGE_SIDES; side++) {
        if (devrev_same_user(id, capture->side_id[side])) {
            item->roles[side] |= role;
            return;
        }
    }
    if (id.len != 0 && str_eqz(merge_text(user, "type"), "rev_user")) {
        note_other(capture, id, role, item);
    }
}

static void note_roles(struct capture *capture, const json_t *users, unsigned role,
                       struct merge_item *item)
{
    for (size_t i = 0; i < json_array_size(users); i++) {
        note_role(capture, json_array_get(users, i), role, item);
    }
}

/* A directory name of its own: the display id, or the id where that is missing or taken. */
static char *directory_name(struct capture *capture, const struct merge_item *item)
{
    str wanted = item->display_id.len != 0 ? item->display_id : item->id;
    char *name = vault_safe_name(&capture->arena, wanted, NAME_BYTES);
    if (map_has(&capture->names, str_of(name))) {
        name = vault_safe_name(&capture->arena, item->id, 2 * NAME_BYTES);
    }
    (void)map_put(&capture->names, str_of(name), name);
    return name;
}

static struct object *object_new(struct capture *capture, const char *kind, const json_t *json,
                                 str raw)
{
    struct object *object = arena_new(&capture->arena, struct object);
    object->kind = kind;
    object->json = json_incref((json_t *)(uintptr_t)json);
    object->raw = str_dup(&capture->arena, raw);
    object->item.id = merge_text(json, "id");
    object->item.display_id = merge_text(json, "display_id");
    object->type = merge_text(json, "type");
    object->name = directory_name(capture, &object->item);
    return object;
}

/* --- listing ------------------------------------------------------------------------------- */

struct listing {
    struct capture *capture;
    const char *items; /* "works" */
    const char *kind;
    struct objects *into;
    unsigned extra_role; /* that the objects do not show themselves */
};

static void note_work_roles(struct capture *capture, struct object *object)
{
    note_roles(capture, json_object_get(object->json, "reported_by"), MERGE_REPORTED,
               &object->item);
    note_roles(capture, json_object_get(object->json, "owned_by"), MERGE_OWNED, &object->item);
    note_role(capture, json_object_get(object->json, "created_by"), MERGE_CREATED, &object->item);
    note_roles(capture, json_object_get(object->json, "contacts"), MERGE_CONTACT, &object->item);
    note_roles(capture, json_object_get(object->json, "members"), MERGE_MEMBER, &object->item);
}

static bool take_listed(void *ctx, const struct devrev_answer *answer, const json_t *items,
                        bool *done, struct err *err)
{
    struct listing *listing = ctx;
    struct capture *capture = listing->capture;
    (void)done;
    str array = STR_NONE;
    (void)devrev_raw_member(buf_str(&answer->raw), listing->items, &array);
    size_t pos = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *json = json_array_get(items, i);
        str raw;
        if (!devrev_raw_next(array, &pos, &raw) || merge_text(json, "id").len == 0) {
            return err_set(err, ERR_PROTOCOL, "could not read the list of %s: item %zu has no id",
                           listing->items, i + 1);
        }
        if (map_has(&capture->by_id, merge_text(json, "id"))) {
            continue;
        }
        struct object *object = object_new(capture, listing->kind, json, raw);
        note_work_roles(capture, object);
        (void)map_put(&capture->by_id, object->item.id, object);
        objects_add(listing->into, object);
    }
    return true;
}

/* {"<filter>":[loser,survivor]}, for a nested filter {"<outer>":{...}} */
static json_t *both_sides(const struct capture *capture, const char *filter)
{
    json_t *ids = json_array();
    for (int side = 0; side < MERGE_SIDES; side++) {
        str id = capture->side_id[side];
        (void)json_array_append_new(ids, json_stringn(id.ptr, id.len));
    }
    return json_pack("{s:o}", filter, ids);
}

static bool list_works(struct capture *capture, struct err *err)
{
    static const char *const filters[] = {"reported_by", "created_by", "owned_by"};
    struct devrev *devrev = capture->worker->devrev;
    struct listing works = {
        .capture = capture, .items = "works", .kind = "work", .into = &capture->works};
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        if (!devrev_pages(devrev, "works.list", both_sides(capture, filters[i]), "works",
                          take_listed, &works, err)) {
            return false;
        }
    }
    /* contacts of an opportunity are in none of the three */
    json_t *opportunities = json_pack("{s:[s],s:o}", "type", "opportunity", "opportunity",
                                      both_sides(capture, "contacts"));
    if (!devrev_pages(devrev, "works.list", opportunities, "works", take_listed, &works, err)) {
        return false;
    }
    struct listing conversations = {.capture = capture,
                                    .items = "conversations",
                                    .kind = "conversation",
                                    .into = &capture->conversations};
    return devrev_pages(devrev, "conversations.list", both_sides(capture, "members"),
                        "conversations", take_listed, &conversations, err);
}

/* --- attachments --------------------------------------------------------------------------- */

struct download {
    struct capture *capture;
    const struct artifact *artifact;
};

/* Begins the file, anew where an earlier attempt broke off. */
static bool start_file(void *ctx, struct err *err)
{
    const struct download *download = ctx;
    return backup_file_begin(download->capture->backup, download->artifact->path, err);
}

static bool write_piece(void *ctx, str piece, struct err *err)
{
    const struct download *download = ctx;
    return backup_file_write(download->capture->backup, piece, err);
}

static bool locate(struct capture *capture, str id, struct devrev_answer *answer,
                   const char **ret_url, struct err *err)
{
    json_t *request = json_pack("{s:s%}", "id", id.ptr, id.len);
    if (!devrev_read(capture->worker->devrev, "artifacts.locate", request, answer, err)) {
        return false;
    }
    *ret_url = json_string_value(json_object_get(answer->json, "url"));
    if (*ret_url == NULL) {
        return err_set(err, ERR_PROTOCOL,
                       "could not call artifacts.locate: the answer holds no address");
    }
    return true;
}

static bool fetch_artifact(struct capture *capture, struct artifact *artifact, struct err *err)
{
    AUTO_ANSWER struct devrev_answer located = {0};
    const char *url = NULL;
    struct download download = {.capture = capture, .artifact = artifact};
    struct devrev_sink sink = {start_file, write_piece, &download};
    return locate(capture, artifact->id, &located, &url, err) &&
           devrev_download(capture->worker->devrev, url, &sink, err) &&
           backup_file_end(capture->backup, &artifact->bytes, artifact->sha256, err);
}

static bool check_size(const struct artifact *artifact, const json_t *summary, struct err *err)
{
    const json_t *size = json_object_get(json_object_get(summary, "file"), "size");
    double expected = json_number_value(size);
    double came = (double)artifact->bytes;
    if (json_is_number(size) && (expected < came || expected > came)) {
        return err_set(
            err, ERR_BACKUP,
            "could not download attachment '%.100s': %.0f bytes came, the remote says %.0f",
            artifact->id.ptr, came, expected);
    }
    return true;
}

/* ".pdf" of "Invoice.pdf", "" where there is none that is harmless. */
static str extension_of(str name)
{
    const char *dot = name.len != 0 ? memrchr(name.ptr, '.', name.len) : NULL;
    str extension = dot != NULL ? (str){dot, (size_t)(name.ptr + name.len - dot)} : STR("");
    bool good = extension.len > 1 && extension.len <= EXTENSION_BYTES;
    for (size_t i = 1; i < extension.len; i++) {
        char c = extension.ptr[i];
        good = good && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    }
    return good ? extension : STR("");
}

/* Downloads one attachment to <directory><artifact>.<extension>, once. Its own name may hold
 * anything, a person's name too: it is kept in the JSON beside, not in a path. */
static bool take_artifact(struct capture *capture, const json_t *summary, const char *directory,
                          struct artifact **ret, struct err *err)
{
    str id = merge_text(summary, "id");
    if (id.len == 0) {
        return err_set(err, ERR_PROTOCOL, "could not read an attachment: it has no id");
    }
    struct artifact *artifact = map_get(&capture->artifacts, id);
    if (artifact != NULL) {
        *ret = artifact;
        return true;
    }
    artifact = arena_new(&capture->arena, struct artifact);
    artifact->id = str_of(str_z(&capture->arena, id));
    artifact->name = str_dup(&capture->arena, merge_text(json_object_get(summary, "file"), "name"));
    str display_id = merge_text(summary, "display_id");
    artifact->path = arena_printf(
        &capture->arena, "%s%s%.*s", directory,
        vault_safe_name(&capture->arena, display_id.len != 0 ? display_id : id, NAME_BYTES),
        STR_ARG(extension_of(artifact->name)));
    if (!fetch_artifact(capture, artifact, err) || !check_size(artifact, summary, err)) {
        return false;
    }
    (void)map_put(&capture->artifacts, artifact->id, artifact);
    capture->attachments++;
    capture->attachment_bytes += artifact->bytes;
    *ret = artifact;
    return true;
}

/* Downloads a list of artifact summaries and appends what became of them to `out`, as list items. */
static bool take_artifacts(struct capture *capture, const json_t *list, const char *directory,
                           struct buf *out, struct err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct artifact *artifact = NULL;
        if (!take_artifact(capture, json_array_get(list, i), directory, &artifact, err)) {
            return false;
        }
        buf_addz(out, out->len != 0 ? ",{\"id\":" : "{\"id\":");
        buf_add_json(out, artifact->id);
        buf_addz(out, ",\"name\":");
        buf_add_json(out, artifact->name);
        buf_addz(out, ",\"path\":");
        buf_add_json(out, str_of(artifact->path));
        buf_printf(out, ",\"bytes\":%llu,\"sha256\":\"%s\"}", (unsigned long long)artifact->bytes,
                   artifact->sha256);
    }
    return true;
}

/* --- timelines ----------------------------------------------------------------------------- */

struct timeline {
    struct capture *capture;
    struct buf *entries; /* raw, as list items */
    json_t *artifacts;   /* of the comments, to be downloaded after */
    json_t *threads;     /* ids of comments with replies; NULL: replies themselves */
    json_t *authors;
};

static bool take_entries(void *ctx, const struct devrev_answer *answer, const json_t *items,
                         bool *done, struct err *err)
{
    struct timeline *timeline = ctx;
    (void)done;
    str array = STR_NONE;
    (void)devrev_raw_member(buf_str(&answer->raw), "timeline_entries", &array);
    size_t pos = 0;
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *entry = json_array_get(items, i);
        str raw;
        if (!devrev_raw_next(array, &pos, &raw)) {
            return err_set(err, ERR_PROTOCOL,
                           "could not read a timeline: entry %zu is not readable", i + 1);
        }
        buf_addz(timeline->entries, timeline->entries->len != 0 ? ",\n" : "\n");
        buf_adds(timeline->entries, raw);
        timeline->capture->entries++;
        (void)json_array_extend(timeline->artifacts, json_object_get(entry, "artifacts"));
        json_t *author = json_object_get(entry, "created_by");
        if (author != NULL) {
            (void)json_array_append(timeline->authors, author);
        }
        const json_t *replies = json_object_get(json_object_get(entry, "thread"), "total_replies");
        if (timeline->threads != NULL && json_number_value(replies) > 0) {
            (void)json_array_append(timeline->threads, json_object_get(entry, "id"));
        }
    }
    return true;
}

static bool list_entries(struct timeline *timeline, str object, struct err *err)
{
    return devrev_pages(timeline->capture->worker->devrev, "timeline-entries.list",
                        json_pack("{s:s%}", "object", object.ptr, object.len), "timeline_entries",
                        take_entries, timeline, err);
}

/* Replies may have to be listed apart; DevRev does not say. A remote that does not take a comment as
 * an object has them in the timeline already, or nowhere: the backup then says so, and after a few
 * such answers and no other the worker does not ask again. */
static bool list_replies(struct timeline *timeline, struct buf *out, struct err *err)
{
    struct merge_worker *worker = timeline->capture->worker;
    for (size_t i = 0; i < json_array_size(timeline->threads); i++) {
        const json_t *id = json_array_get(timeline->threads, i);
        AUTO_BUF struct buf entries = {.max = FILE_BYTES_MAX};
        struct timeline replies = *timeline;
        replies.entries = &entries;
        replies.threads = NULL;
        struct err failure = {0};
        str object = {json_string_value(id), json_string_length(id)};
        if (object.ptr == NULL) {
            continue;
        }
        if (!worker->threads_listed && worker->threads_refused >= REFUSALS_MAX) {
            timeline->capture->unlisted_threads++;
            continue;
        }
        if (!list_entries(&replies, object, &failure)) {
            if (failure.kind != ERR_NOT_FOUND && failure.http_status != 400) {
                *err = failure;
                return false;
            }
            worker->threads_refused++;
            timeline->capture->unlisted_threads++;
            continue;
        }
        worker->threads_listed = true;
        buf_addz(out, out->len != 0 ? ",\n{\"of\":" : "\n{\"of\":");
        buf_add_json(out, object);
        buf_addz(out, ",\"entries\":[");
        buf_adds(out, buf_str(&entries));
        buf_addz(out, "]}");
    }
    return true;
}

static void add_participants(const json_t *users, const char *role, struct map *seen,
                             struct arena *arena, struct buf *out)
{
    for (size_t i = 0; i < json_array_size(users); i++) {
        const json_t *user = json_array_get(users, i);
        const char *key = arena_printf(arena, "%s %.*s", role, STR_ARG(merge_text(user, "id")));
        if (merge_text(user, "id").len == 0 || map_has(seen, str_of(key))) {
            continue;
        }
        (void)map_put(seen, str_of(key), seen);
        AUTO_FREE char *text = json_dumps(user, JSON_COMPACT);
        buf_printf(out, "%s{\"role\":\"%s\",\"user\":", out->len != 0 ? ",\n" : "\n", role);
        buf_addz(out, text != NULL ? text : "null");
        buf_addc(out, '}');
    }
}

static bool write_participants(struct capture *capture, const struct object *object,
                               const json_t *authors, struct err *err)
{
    static const struct {
        const char *key;
        const char *role;
    } lists[] = {{"members", "member"},
                 {"reported_by", "reporter"},
                 {"owned_by", "owner"},
                 {"contacts", "contact"}};
    AUTO_BUF struct buf users = {.max = FILE_BYTES_MAX};
    struct map seen = {0};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        add_participants(json_object_get(object->json, lists[i].key), lists[i].role, &seen,
                         &capture->arena, &users);
    }
    json_t *creator = json_array();
    (void)json_array_append(creator, json_object_get(object->json, "created_by"));
    add_participants(creator, "creator", &seen, &capture->arena, &users);
    json_decref(creator);
    add_participants(authors, "author", &seen, &capture->arena, &users);
    map_done(&seen);

    AUTO_BUF struct buf out = {.max = FILE_BYTES_MAX};
    buf_addz(&out, "{\"object\":");
    buf_add_json(&out, object->item.id);
    buf_addz(&out, ",\n\"participants\":[");
    buf_adds(&out, buf_str(&users));
    buf_addz(&out, "]}\n");
    return backup_add(
        capture->backup,
        arena_printf(&capture->arena, "conversations/%s/participants.json", object->name),
        buf_str(&out), err);
}

static bool write_messages(struct capture *capture, const struct object *object, str entries,
                           str replies, str attachments, struct err *err)
{
    AUTO_BUF struct buf out = {.max = FILE_BYTES_MAX};
    buf_addz(&out, "{\"object\":");
    buf_add_json(&out, object->item.id);
    buf_printf(&out, ",\"kind\":\"%s\"", object->kind);
    if (strcmp(object->kind, "conversation") == 0) { /* works are in tickets.json */
        buf_addz(&out, ",\n\"conversation\":");
        buf_adds(&out, object->raw);
    }
    buf_addz(&out, ",\n\"entries\":[");
    buf_adds(&out, entries);
    buf_addz(&out, "],\n\"replies\":[");
    buf_adds(&out, replies);
    buf_addz(&out, "],\n\"attachments\":[");
    buf_adds(&out, attachments);
    buf_addz(&out, "]}\n");
    if (out.overflow) {
        return err_set(err, ERR_BACKUP, "could not store the timeline of '%.*s': it is too long",
                       STR_ARG(object->item.display_id));
    }
    return backup_add(capture->backup,
                      arena_printf(&capture->arena, "conversations/%s/messages.json", object->name),
                      buf_str(&out), err);
}

static bool read_timeline(struct capture *capture, const struct object *object,
                          struct timeline *timeline, struct err *err)
{
    AUTO_BUF struct buf entries = {.max = FILE_BYTES_MAX};
    AUTO_BUF struct buf replies = {.max = FILE_BYTES_MAX};
    AUTO_BUF struct buf attachments = {0};
    timeline->entries = &entries;
    const char *directory =
        arena_printf(&capture->arena, "conversations/%s/attachments/", object->name);
    /* a work's own attachments go to tickets/, with the work */
    const json_t *own =
        strcmp(object->kind, "work") == 0 ? NULL : json_object_get(object->json, "artifacts");
    return list_entries(timeline, object->item.id, err) && list_replies(timeline, &replies, err) &&
           take_artifacts(capture, own, directory, &attachments, err) &&
           take_artifacts(capture, timeline->artifacts, directory, &attachments, err) &&
           write_messages(capture, object, buf_str(&entries), buf_str(&replies),
                          buf_str(&attachments), err) &&
           write_participants(capture, object, timeline->authors, err);
}

static bool take_timeline(struct capture *capture, const struct object *object, struct err *err)
{
    json_t *threads = json_array();
    struct timeline timeline = {
        .capture = capture, .artifacts = json_array(), .threads = threads, .authors = json_array()};
    bool ok = read_timeline(capture, object, &timeline, err);
    json_decref(timeline.artifacts);
    json_decref(timeline.authors);
    json_decref(threads);
    return ok;
}

static bool take_timelines(struct capture *capture, struct err *err)
{
    const struct objects *lists[] = {&capture->contacts, &capture->works, &capture->conversations};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (const struct object *object = lists[i]->first; object != NULL; object = object->next) {
            if (!take_timeline(capture, object, err)) {
                return false;
            }
        }
    }
    return true;
}

/* --- links --------------------------------------------------------------------------------- */

static bool take_links(void *ctx, const struct devrev_answer *answer, const json_t *items,
                       bool *done, struct err *err)
{
    struct buf *out = ctx;
    (void)done;
    (void)err;
    str array = STR_NONE;
    (void)devrev_raw_member(buf_str(&answer->raw), "links", &array);
    size_t pos = 0;
    str raw;
    while (json_array_size(items) != 0 && devrev_raw_next(array, &pos, &raw)) {
        buf_addz(out, out->len != 0 ? ",\n" : "\n");
        buf_adds(out, raw);
    }
    return true;
}

static bool write_links(struct capture *capture, struct err *err)
{
    const struct objects *lists[] = {&capture->contacts, &capture->works};
    AUTO_BUF struct buf out = {.max = FILE_BYTES_MAX};
    const char *comma = "";
    buf_addz(&out, "{\"objects\":[");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        for (const struct object *object = lists[i]->first; object != NULL; object = object->next) {
            AUTO_BUF struct buf links = {.max = FILE_BYTES_MAX};
            json_t *request =
                json_pack("{s:s%}", "object", object->item.id.ptr, object->item.id.len);
            if (!devrev_pages(capture->worker->devrev, "links.list", request, "links", take_links,
                              &links, err)) {
                return false;
            }
            buf_printf(&out, "%s\n{\"object\":", comma);
            buf_add_json(&out, object->item.id);
            buf_addz(&out, ",\"display_id\":");
            buf_add_json(&out, object->item.display_id);
            buf_addz(&out, ",\"links\":[");
            buf_adds(&out, buf_str(&links));
            buf_addz(&out, "]}");
            comma = ",";
        }
    }
    buf_addz(&out, "]}\n");
    return backup_add(capture->backup, "tickets/relationships.json", buf_str(&out), err);
}

/* --- works --------------------------------------------------------------------------------- */

static bool write_works(struct capture *capture, struct err *err)
{
    AUTO_BUF struct buf out = {.max = FILE_BYTES_MAX};
    buf_addz(&out, "{\"works\":[");
    for (const struct object *work = capture->works.first; work != NULL; work = work->next) {
        AUTO_BUF struct buf attachments = {0};
        const char *directory =
            arena_printf(&capture->arena, "tickets/attachments/%s_", work->name);
        if (!take_artifacts(capture, json_object_get(work->json, "artifacts"), directory,
                            &attachments, err)) {
            return false;
        }
        buf_addz(&out, work == capture->works.first ? "\n{\"id\":" : ",\n{\"id\":");
        buf_add_json(&out, work->item.id);
        buf_addz(&out, ",\"display_id\":");
        buf_add_json(&out, work->item.display_id);
        buf_addz(&out, ",\"type\":");
        buf_add_json(&out, work->type);
        buf_addz(&out, ",\"reported_by\":");
        merge_sides_json(&work->item, MERGE_REPORTED, &out);
        buf_addz(&out, ",\"created_by\":");
        merge_sides_json(&work->item, MERGE_CREATED, &out);
        buf_addz(&out, ",\"owned_by\":");
        merge_sides_json(&work->item, MERGE_OWNED, &out);
        buf_addz(&out, ",\"contact\":");
        merge_sides_json(&work->item, MERGE_CONTACT, &out);
        buf_addz(&out, ",\"timeline\":");
        buf_add_json(&out, str_of(arena_printf(&capture->arena, "conversations/%s/messages.json",
                                               work->name)));
        buf_addz(&out, ",\"attachments\":[");
        buf_adds(&out, buf_str(&attachments));
        buf_addz(&out, "],\n\"raw\":");
        buf_adds(&out, work->raw);
        buf_addc(&out, '}');
    }
    buf_addz(&out, "]}\n");
    if (out.overflow) {
        return err_set(err, ERR_BACKUP, "could not store the tickets: they are more than %d bytes",
                       FILE_BYTES_MAX);
    }
    return backup_add(capture->backup, "tickets/tickets.json", buf_str(&out), err);
}

/* --- the record ---------------------------------------------------------------------------- */

static struct merge_item *copy_items(struct arena *arena, const struct objects *list)
{
    struct merge_item *items = arena_array(arena, list->count, sizeof(*items));
    size_t i = 0;
    for (const struct object *object = list->first; object != NULL; object = object->next) {
        items[i] = object->item;
        items[i].id = str_dup(arena, object->item.id);
        items[i].display_id = str_dup(arena, object->item.display_id);
        items[i].others = arena_array(arena, object->item.other_count, sizeof(*items[i].others));
        for (size_t k = 0; k < object->item.other_count; k++) {
            items[i].others[k] = object->item.others[k];
            items[i].others[k].id = str_dup(arena, object->item.others[k].id);
        }
        i++;
    }
    return items;
}

static void fill_record(struct capture *capture)
{
    struct merge_data *data = capture->data;
    struct arena *arena = &capture->change->arena;
    merge_record_done(&data->record);
    struct merge_record *record = &data->record;
    int side = 0;
    for (const struct object *contact = capture->contacts.first; contact != NULL;
         contact = contact->next, side++) {
        record->id[side] = str_dup(arena, contact->item.id);
        record->display_id[side] = str_dup(arena, contact->item.display_id);
        record->contact[side] = json_incref(contact->json);
    }
    record->works = copy_items(arena, &capture->works);
    record->work_count = capture->works.count;
    record->conversations = copy_items(arena, &capture->conversations);
    record->conversation_count = capture->conversations.count;
    data->recorded = true;
}

static bool write_record(struct capture *capture, struct err *err)
{
    fill_record(capture);
    int64_t now_ms = clock_real_ms(capture->worker->run->clock);
    capture->data->record.captured_ms = now_ms;
    const struct object *loser = capture->contacts.first;
    str raw[MERGE_SIDES] = {loser->raw, loser->next->raw};
    AUTO_BUF struct buf out = {.max = FILE_BYTES_MAX};
    merge_record_encode(&capture->data->record, capture->change->plan.id, now_ms, raw, &out);
    return backup_add(capture->backup, "metadata/contact_info.json", buf_str(&out), err);
}

/* --- the whole ----------------------------------------------------------------------------- */

static bool take_contacts(struct capture *capture, struct err *err)
{
    for (int side = 0; side < MERGE_SIDES; side++) {
        const struct devrev_answer *answer = &capture->data->contact[side];
        const json_t *json = merge_rev_user(answer, err);
        str raw;
        if (json == NULL) {
            return false;
        }
        if (!devrev_raw_member(buf_str(&answer->raw), "rev_user", &raw)) {
            return err_set(err, ERR_PROTOCOL, "could not read a contact: its bytes were not found");
        }
        struct object *object = object_new(capture, "contact", json, raw);
        capture->side_id[side] = object->item.id;
        objects_add(&capture->contacts, object);
    }
    return true;
}

/* The directory is named by the survivor's address, as people look for it. */
static bool begin(struct capture *capture, struct err *err)
{
    const struct job_run *run = capture->worker->run;
    str name = STR("");
    for (const struct object *contact = capture->contacts.first; contact != NULL;
         contact = contact->next) {
        str email = str_trim_ascii(merge_text(contact->json, "email"));
        name = email.len != 0 ? email : name; /* the survivor comes last */
    }
    if (name.len == 0) {
        name = capture->change->plan.survivor;
    }
    uint64_t expected =
        (uint64_t)BYTES_A_TICKET * (capture->works.count + capture->conversations.count);
    capture->backup =
        vault_begin(run->vault, name, run->stamp, capture->change->plan.id, expected, err);
    return capture->backup != NULL;
}

static bool seal(struct capture *capture, struct err *err)
{
    struct merge_worker *worker = capture->worker;
    AUTO_BUF struct buf more = {0};
    buf_printf(&more,
               "\"timeline_entries\":%zu,\"attachments\":%zu,\"attachment_bytes\":%llu,"
               "\"threads_not_listed\":%zu",
               capture->entries, capture->attachments,
               (unsigned long long)capture->attachment_bytes, capture->unlisted_threads);
    if (!backup_seal(capture->backup, err) ||
        !merge_state_write(worker, capture->change, capture->backup, "backed_up", buf_str(&more),
                           err)) {
        return false;
    }
    (void)snprintf(capture->change->backup, sizeof(capture->change->backup), "%s",
                   backup_path(capture->backup));
    merge_record_counts(&capture->data->record, false, capture->change);
    merge_note(worker, capture->change, "backed up", "");
    merge_log_flush(worker, capture->data, capture->backup);
    return true;
}

static bool run_capture(struct capture *capture, struct err *err)
{
    return take_contacts(capture, err) && list_works(capture, err) && begin(capture, err) &&
           write_works(capture, err) && write_links(capture, err) && take_timelines(capture, err) &&
           write_record(capture, err) && seal(capture, err);
}

static void capture_done(struct capture *capture)
{
    backup_free(capture->backup);
    objects_done(&capture->contacts);
    objects_done(&capture->works);
    objects_done(&capture->conversations);
    map_done(&capture->by_id);
    map_done(&capture->names);
    map_done(&capture->artifacts);
    arena_done(&capture->arena);
}

bool merge_capture(void *ctx, struct job_change *change, struct err *err)
{
    struct merge_worker *worker = ctx;
    struct err failure = {0};
    struct merge_data *data = merge_data_of(worker, change);
    if (!data->checked && !merge_check(worker, change, err)) {
        return false;
    }
    devrev_stop_level(worker->devrev, 1);
    struct capture capture = {.worker = worker, .change = change, .data = data};
    bool ok = run_capture(&capture, &failure);
    if (!ok) {
        merge_note_error(worker, change, "backup", &failure);
        if (capture.backup != NULL) {
            merge_log_flush(worker, data, capture.backup);
        }
        if (!failure.fatal && failure.kind != ERR_INTERRUPTED) {
            /* whatever could not be read or stored: nothing is sent */
            if (failure.kind != ERR_BACKUP) {
                (void)err_wrap(&failure, "could not make the backup");
            }
            failure.kind = ERR_BACKUP;
        }
        if (err != NULL) {
            *err = failure;
        }
    }
    capture_done(&capture);
    return ok;
}
