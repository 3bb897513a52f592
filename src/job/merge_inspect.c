/* SPDX-License-Identifier: MIT */
#include "job/merge_inspect.h"

#include "base/map.h"
#include "job/merge_internal.h"

#define RECORD_NAME "metadata/contact_info.json"
#define STATE_NAME "metadata/merge_state.json"
#define TICKETS_NAME "tickets/tickets.json"
#define LINKS_NAME "tickets/relationships.json"

enum { JSON_BYTES_MAX = 1024 * 1024 * 1024 };

static const char *const side_names[MERGE_SIDES] = {"loser", "survivor"};

struct inspection {
    struct backup *backup;
    void (*difference)(void *ctx, const char *text);
    void *ctx;
    struct arena arena;
    struct merge_record record;
};

static void PRINTF_LIKE(2, 3) differs(struct inspection *inspection, const char *fmt, ...)
{
    AUTO_BUF struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    inspection->difference(inspection->ctx, buf_z(&text));
}

/* A file of the backup as JSON; NULL after telling why not. */
static json_t *load(struct inspection *inspection, const char *path)
{
    struct err err = {0};
    AUTO_BUF struct buf bytes = {.max = JSON_BYTES_MAX};
    if (!backup_read(inspection->backup, path, &bytes, &err)) {
        differs(inspection, "%s", err.message);
        return NULL;
    }
    json_t *json = json_loadb(buf_z(&bytes), bytes.len, JSON_ALLOW_NUL, NULL);
    if (json == NULL) {
        differs(inspection, "'%s' is not JSON", path);
    }
    return json;
}

/* --- contacts ----------------------------------------------------------------------------------- */

static bool load_record(struct inspection *inspection)
{
    struct err err = {0};
    AUTO_BUF struct buf bytes = {.max = JSON_BYTES_MAX};
    if (!backup_read(inspection->backup, RECORD_NAME, &bytes, &err) ||
        !merge_record_decode(buf_str(&bytes), &inspection->arena, &inspection->record, &err)) {
        differs(inspection, "%s", err.message);
        return false;
    }
    return true;
}

static void check_contacts(struct inspection *inspection)
{
    const struct merge_record *record = &inspection->record;
    for (int side = 0; side < MERGE_SIDES; side++) {
        const json_t *email = json_object_get(record->contact[side], "email");
        if (email != NULL && !json_is_null(email) && !json_is_string(email)) {
            differs(inspection, "'" RECORD_NAME "': the %s's e-mail is no text", side_names[side]);
        }
    }
    if (str_eq(record->id[MERGE_LOSER], record->id[MERGE_SURVIVOR])) {
        differs(inspection, "'" RECORD_NAME "': loser and survivor are the same contact");
    }
}

/* --- tickets ------------------------------------------------------------------------------------ */

static void check_ticket_ids(struct inspection *inspection, const json_t *works)
{
    const struct merge_record *record = &inspection->record;
    struct map ids = {0};
    for (size_t i = 0; i < json_array_size(works); i++) {
        const json_t *work = json_array_get(works, i);
        str id = merge_text(work, "id");
        if (id.len == 0 || !json_is_object(json_object_get(work, "raw"))) {
            differs(inspection, "'" TICKETS_NAME "': ticket %zu has no id or is not whole", i + 1);
        }
        (void)map_put(&ids, id, inspection);
    }
    for (size_t i = 0; i < record->work_count; i++) {
        if (!map_has(&ids, record->works[i].id)) {
            differs(inspection, "'" TICKETS_NAME "': ticket '%" STR_FMT "' is missing",
                    STR_ARG(record->works[i].display_id));
        }
    }
    map_done(&ids);
}

static void check_tickets(struct inspection *inspection)
{
    json_t *json = load(inspection, TICKETS_NAME);
    json_t *state = load(inspection, STATE_NAME);
    json_t *links = load(inspection, LINKS_NAME);
    const json_t *works = json_object_get(json, "works");
    const json_t *counted = json_object_get(state, "works");
    size_t count = json_array_size(works);
    if (json != NULL && !json_is_array(works)) {
        differs(inspection, "'" TICKETS_NAME "' holds no list of tickets");
    } else if (json != NULL) {
        check_ticket_ids(inspection, works);
        if (count != inspection->record.work_count) {
            differs(inspection, "'" TICKETS_NAME "' holds %zu tickets, '" RECORD_NAME "' %zu",
                    count, inspection->record.work_count);
        }
        if (json_is_integer(counted) && (size_t)json_integer_value(counted) != count) {
            differs(inspection, "'" TICKETS_NAME "' holds %zu tickets, '" STATE_NAME "' says %lld",
                    count, (long long)json_integer_value(counted));
        }
    }
    if (links != NULL && !json_is_array(json_object_get(links, "objects"))) {
        differs(inspection, "'" LINKS_NAME "' holds no list of objects");
    }
    json_decref(json);
    json_decref(state);
    json_decref(links);
}

/* --- conversations ------------------------------------------------------------------------------ */

/* The id of the object that conversations/<dir>/ is of, where both of its files say so. */
static void check_directory(struct inspection *inspection, str dir, struct map *seen)
{
    const char *messages =
        arena_printf(&inspection->arena, "%" STR_FMT "/messages.json", STR_ARG(dir));
    const char *participants =
        arena_printf(&inspection->arena, "%" STR_FMT "/participants.json", STR_ARG(dir));
    json_t *told = load(inspection, messages);
    json_t *users = load(inspection, participants);
    str id = str_dup(&inspection->arena, merge_text(told, "object"));
    if (told != NULL && (id.len == 0 || !json_is_array(json_object_get(told, "entries")))) {
        differs(inspection, "'%s' holds no messages of an object", messages);
    } else if (told != NULL && users != NULL &&
               (!str_eq(id, merge_text(users, "object")) ||
                !json_is_array(json_object_get(users, "participants")))) {
        differs(inspection, "'%s' holds no participants of the same object", participants);
    }
    if (id.len != 0) {
        (void)map_put(seen, id, inspection);
    }
    json_decref(told);
    json_decref(users);
}

static void check_items(struct inspection *inspection, const char *kind,
                        const struct merge_item *items, size_t count, const struct map *seen)
{
    for (size_t i = 0; i < count; i++) {
        if (!map_has(seen, items[i].id)) {
            differs(inspection, "the messages of %s '%" STR_FMT "' are missing", kind,
                    STR_ARG(items[i].display_id));
        }
    }
}

static void check_conversations(struct inspection *inspection, const struct manifest *list)
{
    const struct merge_record *record = &inspection->record;
    struct map seen = {0};
    for (size_t i = 0; i < list->count; i++) {
        str path = str_of(backup_plain_path(&inspection->arena, list, list->files[i].path));
        if (str_starts(path, STR("conversations/")) && str_ends(path, STR("/messages.json"))) {
            path.len -= sizeof("/messages.json") - 1;
            check_directory(inspection, path, &seen);
        }
    }
    for (int side = 0; side < MERGE_SIDES; side++) {
        if (!map_has(&seen, record->id[side])) {
            differs(inspection, "the messages of the %s are missing", side_names[side]);
        }
    }
    check_items(inspection, "ticket", record->works, record->work_count, &seen);
    check_items(inspection, "conversation", record->conversations, record->conversation_count,
                &seen);
    map_done(&seen);
}

bool merge_inspect(struct backup *backup, unsigned checks,
                   void (*difference)(void *ctx, const char *text), void *ctx, struct err *err)
{
    struct inspection inspection = {.backup = backup, .difference = difference, .ctx = ctx};
    const struct manifest *list = backup_manifest(backup, err);
    if (list == NULL) {
        return false;
    }
    if (load_record(&inspection)) {
        if ((checks & INSPECT_CONTACTS) != 0) {
            check_contacts(&inspection);
        }
        if ((checks & INSPECT_TICKETS) != 0) {
            check_tickets(&inspection);
        }
        if ((checks & INSPECT_CONVERSATIONS) != 0) {
            check_conversations(&inspection, list);
        }
        merge_record_done(&inspection.record);
    }
    arena_done(&inspection.arena);
    return true;
}
