/* SPDX-License-Identifier: MIT */
/*
 * metadata/contact_info.json, the index of a backup:
 *
 *   {"version":1,"change":"<hex>","captured_at":"<RFC 3339>","loser":{rev_user},"survivor":{rev_user},
 *    "works":[{"id","display_id","reported_by":["loser"],"created_by":[],"owned_by":[],"contact":[]}],
 *    "conversations":[{"id","display_id","members":["loser","survivor"]}]}
 *
 * Both contacts are the bytes that the remote sent.
 */
#include "job/merge_internal.h"

#include <stdio.h>

static const struct {
    const char *name;
    unsigned role;
} work_roles[] = {{"reported_by", MERGE_REPORTED},
                  {"created_by", MERGE_CREATED},
                  {"owned_by", MERGE_OWNED},
                  {"contact", MERGE_CONTACT}};

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
        for (size_t k = 0; k < ARRAY_LEN(work_roles); k++) {
            buf_printf(out, ",\"%s\":", work_roles[k].name);
            merge_sides_json(&record->works[i], work_roles[k].role, out);
        }
        buf_addc(out, '}');
    }
    buf_addz(out, "],\n\"conversations\":[");
    for (size_t i = 0; i < record->conversation_count; i++) {
        buf_addz(out, i == 0 ? "\n" : ",\n");
        encode_item(&record->conversations[i], out);
        buf_addz(out, ",\"members\":");
        merge_sides_json(&record->conversations[i], MERGE_MEMBER, out);
        buf_addc(out, '}');
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

static bool decode_items(const json_t *list, struct arena *arena, struct merge_item **ret,
                         size_t *ret_count)
{
    size_t count = json_array_size(list);
    struct merge_item *items = arena_array(arena, count, sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        const json_t *object = json_array_get(list, i);
        items[i].id = str_dup(arena, merge_text(object, "id"));
        items[i].display_id = str_dup(arena, merge_text(object, "display_id"));
        for (size_t k = 0; k < ARRAY_LEN(work_roles); k++) {
            decode_sides(json_object_get(object, work_roles[k].name), work_roles[k].role,
                         &items[i]);
        }
        decode_sides(json_object_get(object, "members"), MERGE_MEMBER, &items[i]);
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

bool merge_record_get(struct merge_worker *worker, struct job_change *change,
                      const struct merge_record **ret, struct err *err)
{
    struct merge_data *data = merge_data_of(worker, change);
    if (!data->recorded) {
        const char *path = change->backup[0] != '\0' ? change->backup : change->row.backup;
        if (path[0] == '\0') {
            return err_set(err, ERR_BACKUP, "could not read the backup: the journal names none");
        }
        AUTO(backup_free) struct backup *backup = vault_reopen(worker->run->vault, path, err);
        AUTO_BUF struct buf bytes = {0};
        if (backup == NULL || !backup_read(backup, "metadata/contact_info.json", &bytes, err)) {
            return false;
        }
        struct merge_record record = {0};
        if (!merge_record_decode(buf_str(&bytes), &change->arena, &record, err)) {
            return false;
        }
        merge_record_done(&data->record);
        data->record = record;
        data->recorded = true;
    }
    *ret = &data->record;
    return true;
}
