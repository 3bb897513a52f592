/* SPDX-License-Identifier: MIT */
/*
 * metadata/contact_info.json, the index of a backup:
 *
 *   {"version":1,"change":"<hex>","captured_at":"<RFC 3339>","loser":{rev_user},"survivor":{rev_user},
 *    "works":[{"id","display_id","reported_by":["loser"],"created_by":[],"owned_by":[],"contact":[],
 *              "others":{"<id of another contact>":["reported_by"]}}],
 *    "conversations":[{"id","display_id","members":["loser","survivor"]}]}
 *
 * "others" is there where there are any.
 * Both contacts are the bytes that the remote sent.
 */
#include "job/merge_internal.h"

#include <stdio.h>

static const struct {
    const char *name;
    unsigned role;
} role_names[] = {{"reported_by", MERGE_REPORTED},
                  {"created_by", MERGE_CREATED},
                  {"owned_by", MERGE_OWNED},
                  {"contact", MERGE_CONTACT},
                  {"members", MERGE_MEMBER}};
enum { WORK_ROLES = 4 /* the first of them */ };

static const char *const side_names[MERGE_SIDES] = {"loser", "survivor"};

void merge_sides_json(const struct merge_item *item, unsigned roles, struct buf *out)
{
    const char *comma = "";
    buf_addc(out, '[');
    for (int side = 0; side < MERGE_SIDES; side++) {
        if ((item->roles[side] & roles) != 0) {
            buf_printf(out, "%s\"%s\"", comma, side_names[side]);
            comma = ",";
        }
    }
    buf_addc(out, ']');
}

static void encode_item(const struct merge_item *item, struct buf *out)
{
    buf_addz(out, "{\"id\":");
    buf_add_json(out, item->id);
    buf_addz(out, ",\"display_id\":");
    buf_add_json(out, item->display_id);
}

static void encode_others(const struct merge_item *item, struct buf *out)
{
    buf_addz(out, item->other_count != 0 ? ",\"others\":{" : "");
    for (size_t i = 0; i < item->other_count; i++) {
        const char *comma = "";
        buf_addz(out, i == 0 ? "" : ",");
        buf_add_json(out, item->others[i].id);
        buf_addz(out, ":[");
        for (size_t k = 0; k < ARRAY_LEN(role_names); k++) {
            if ((item->others[i].roles & role_names[k].role) != 0) {
                buf_printf(out, "%s\"%s\"", comma, role_names[k].name);
                comma = ",";
            }
        }
        buf_addc(out, ']');
    }
    buf_addz(out, item->other_count != 0 ? "}}" : "}");
}

void merge_record_encode(const struct merge_record *record, const char *change, int64_t at_ms,
                         const str raw[MERGE_SIDES], struct buf *out)
{
    char at[CLOCK_TEXT_BYTES];
    clock_rfc3339(at_ms, at);
    buf_printf(out, "{\"version\":1,\"change\":\"%s\",\"captured_at\":\"%s\",\n\"loser\":", change,
               at);
    buf_adds(out, raw[MERGE_LOSER]);
    buf_addz(out, ",\n\"survivor\":");
    buf_adds(out, raw[MERGE_SURVIVOR]);
    buf_addz(out, ",\n\"works\":[");
    for (size_t i = 0; i < record->work_count; i++) {
        buf_addz(out, i == 0 ? "\n" : ",\n");
        encode_item(&record->works[i], out);
        for (size_t k = 0; k < WORK_ROLES; k++) {
            buf_printf(out, ",\"%s\":", role_names[k].name);
            merge_sides_json(&record->works[i], role_names[k].role, out);
        }
        encode_others(&record->works[i], out);
    }
    buf_addz(out, "],\n\"conversations\":[");
    for (size_t i = 0; i < record->conversation_count; i++) {
        buf_addz(out, i == 0 ? "\n" : ",\n");
        encode_item(&record->conversations[i], out);
        buf_addz(out, ",\"members\":");
        merge_sides_json(&record->conversations[i], MERGE_MEMBER, out);
        encode_others(&record->conversations[i], out);
    }
    buf_addz(out, "]}\n");
}

static void add_counts(const char *what, const struct merge_item *items, size_t count,
                       unsigned role, bool confirmed, struct buf *out)
{
    size_t of[MERGE_SIDES] = {0};
    size_t of_either = 0;
    for (size_t i = 0; i < count; i++) {
        for (int side = 0; side < MERGE_SIDES; side++) {
            of[side] += (items[i].roles[side] & role) != 0;
        }
        of_either += ((items[i].roles[MERGE_LOSER] | items[i].roles[MERGE_SURVIVOR]) & role) != 0;
    }
    buf_printf(out,
               "\"%s\":{\"of the survivor before\":%zu,\"of the loser before\":%zu,"
               "\"backed up\":%zu",
               what, of[MERGE_SURVIVOR], of[MERGE_LOSER], count);
    if (confirmed) { /* each of them was listed for the survivor */
        buf_printf(out, ",\"with the survivor after\":%zu", of_either);
    }
    buf_addc(out, '}');
}

void merge_record_counts(const struct merge_record *record, bool confirmed,
                         struct job_change *change)
{
    AUTO_BUF struct buf out = {0};
    buf_addz(&out, "{\"counts\":{");
    add_counts("tickets", record->works, record->work_count, MERGE_REPORTED, confirmed, &out);
    buf_addc(&out, ',');
    add_counts("conversations", record->conversations, record->conversation_count, MERGE_MEMBER,
               confirmed, &out);
    buf_addz(&out, "}}");
    (void)snprintf(change->detail, sizeof(change->detail), "%s", buf_z(&out)); /* always fits */
}

static void decode_sides(const json_t *list, unsigned role, struct merge_item *item)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        for (int side = 0; side < MERGE_SIDES; side++) {
            if (name != NULL && strcmp(name, side_names[side]) == 0) {
                item->roles[side] |= role;
            }
        }
    }
}

/* Missing in backups of earlier versions: then there is none. */
static void decode_others(const json_t *others, struct arena *arena, struct merge_item *item)
{
    const char *id;
    json_t *names;
    item->others = arena_array(arena, json_object_size(others), sizeof(*item->others));
    json_object_foreach((json_t *)(uintptr_t)others, id, names)
    {
        struct merge_other *other = &item->others[item->other_count++];
        other->id = str_of(arena_strdup(arena, id));
        for (size_t i = 0; i < json_array_size(names); i++) {
            const char *name = json_string_value(json_array_get(names, i));
            for (size_t k = 0; name != NULL && k < ARRAY_LEN(role_names); k++) {
                other->roles |= strcmp(name, role_names[k].name) == 0 ? role_names[k].role : 0;
            }
        }
    }
}

static bool decode_items(const json_t *list, struct arena *arena, struct merge_item **ret,
                         size_t *ret_count)
{
    size_t count = json_array_size(list);
    struct merge_item *items = arena_array(arena, count, sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        const json_t *object = json_array_get(list, i);
        items[i].id = str_dup(arena, merge_text(object, "id"));
        items[i].display_id = str_dup(arena, merge_text(object, "display_id"));
        for (size_t k = 0; k < WORK_ROLES; k++) {
            decode_sides(json_object_get(object, role_names[k].name), role_names[k].role,
                         &items[i]);
        }
        decode_sides(json_object_get(object, "members"), MERGE_MEMBER, &items[i]);
        decode_others(json_object_get(object, "others"), arena, &items[i]);
        if (items[i].id.len == 0) {
            return false;
        }
    }
    *ret = items;
    *ret_count = count;
    return json_is_array(list);
}

static bool decode(json_t *json, struct arena *arena, struct merge_record *record)
{
    double version = json_number_value(json_object_get(json, "version"));
    if (version < 1 || version > 1) {
        return false;
    }
    (void)clock_parse(merge_text(json, "captured_at"), &record->captured_ms); /* 0: not known */
    for (int side = 0; side < MERGE_SIDES; side++) {
        json_t *contact = json_object_get(json, side_names[side]);
        record->contact[side] = json_incref(contact);
        record->id[side] = str_dup(arena, merge_text(contact, "id"));
        record->display_id[side] = str_dup(arena, merge_text(contact, "display_id"));
        if (record->id[side].len == 0) {
            return false;
        }
    }
    return decode_items(json_object_get(json, "works"), arena, &record->works,
                        &record->work_count) &&
           decode_items(json_object_get(json, "conversations"), arena, &record->conversations,
                        &record->conversation_count);
}

bool merge_record_decode(str bytes, struct arena *arena, struct merge_record *ret, struct err *err)
{
    struct merge_record record = {0};
    json_error_t detail;
    /* as devrev_decode does, so that values of both compare */
    json_t *json = json_loadb(bytes.ptr != NULL ? bytes.ptr : "", bytes.len,
                              JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &detail);
    bool ok = json != NULL && decode(json, arena, &record);
    json_decref(json);
    if (!ok) {
        merge_record_done(&record);
        return err_set(err, ERR_CORRUPT,
                       "could not read 'metadata/contact_info.json' of the backup: it "
                       "is damaged or of another version");
    }
    *ret = record;
    return true;
}

void merge_record_done(struct merge_record *record)
{
    for (int side = 0; side < MERGE_SIDES; side++) {
        json_decref(record->contact[side]);
    }
    *record = (struct merge_record){0};
}

bool merge_record_read(struct merge_worker *worker, const char *path, struct arena *arena,
                       struct merge_record *ret, struct err *err)
{
    if (path[0] == '\0') {
        return err_set(err, ERR_BACKUP, "could not read the backup: the journal names none");
    }
    AUTO(backup_free) struct backup *backup = vault_reopen(worker->run->vault, path, err);
    AUTO_BUF struct buf bytes = {0};
    return backup != NULL && backup_read(backup, "metadata/contact_info.json", &bytes, err) &&
           merge_record_decode(buf_str(&bytes), arena, ret, err);
}

bool merge_record_get(struct merge_worker *worker, struct job_change *change,
                      const struct merge_record **ret, struct err *err)
{
    struct merge_data *data = merge_data_of(worker, change);
    if (!data->recorded) {
        const char *path = change->backup[0] != '\0' ? change->backup : change->row.backup;
        struct merge_record record = {0};
        if (!merge_record_read(worker, path, &change->arena, &record, err)) {
            return false;
        }
        merge_record_done(&data->record);
        data->record = record;
        data->recorded = true;
    }
    *ret = &data->record;
    return true;
}
