/* SPDX-License-Identifier: MIT */
/*
 * Custom fields: the tenant's schema, checks on writes, schemas.custom.list and
 * schemas.aggregated.get. A custom field is written only where the request names its schema
 * (custom_schema_spec.tenant_fragment), as the documentation says.
 */
#include <stdio.h>
#include <string.h>

#include "sandbox/api.h"
#include "sandbox/jw.h"

struct field {
    const char *leaf;
    const char *name;
    const char *type;   /* "id" (of groups), "text", "int", "enum" */
    const char *values; /* enum: JSON array */
};

static const struct field FIELDS[] = {
    {"issue", "tnt__creator_group", "id", NULL},
    {"issue", "tnt__note", "text", NULL},
    {"ticket", "tnt__region", "enum", "[\"emea\",\"amer\",\"apac\"]"},
    {"ticket", "tnt__note", "text", NULL},
    {"conversation", "tnt__note", "text", NULL},
    {"rev_user", "tnt__tier", "enum", "[\"gold\",\"silver\",\"bronze\"]"},
    {"rev_user", "tnt__seats", "int", NULL},
    {"rev_user", "tnt__note", "text", NULL},
};
static const char *const LEAVES[] = {"issue", "ticket", "conversation", "rev_user"};

static const struct field *find_field(const char *leaf, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        if (strcmp(FIELDS[i].leaf, leaf) == 0 && strcmp(FIELDS[i].name, name) == 0) {
            return &FIELDS[i];
        }
    }
    return NULL;
}

static bool check_id(struct request *request, const struct field *field, const char *text)
{
    const struct obj *obj = world_find(&request->sandbox->world, text);
    if (strncmp(text, "don:", 4) != 0) {
        fail_custom(request, "id_parse_error", field->name, "not an id");
        return false;
    }
    if (obj == NULL || obj->kind != KIND_GROUP) {
        fail_custom(request, "id_type_not_allowed", field->name, "not the id of a group");
        return false;
    }
    return true;
}

static bool check_value(struct request *request, const struct field *field, const json_t *value)
{
    if (json_is_null(value)) {
        return true;
    }
    bool number = strcmp(field->type, "int") == 0;
    if (number ? !json_is_integer(value) : !json_is_string(value)) {
        fail_custom(request, "wrong_type", field->name, "the value has another type");
        return false;
    }
    if (strcmp(field->type, "id") == 0) {
        return check_id(request, field, json_string_value(value));
    }
    if (field->values != NULL) {
        AUTO_BUF struct buf quoted = {0};
        buf_add_json(&quoted, str_of(json_string_value(value)));
        if (strstr(field->values, buf_z(&quoted)) == NULL) {
            fail_custom(request, "enum_out_of_range", field->name, "not one of the values");
            return false;
        }
    }
    return true;
}

/* One field over what there is. False: answered. */
static bool lay_over(struct request *request, const char *leaf, const char *name, json_t *value,
                     json_t *merged)
{
    const json_t *spec = json_object_get(request->body, "custom_schema_spec");
    const struct field *field = find_field(leaf, name);
    if (field == NULL || !json_is_true(json_object_get(spec, "tenant_fragment"))) {
        fail_custom(request, "field_not_in_schema", name,
                    "no schema that the request names has this field");
        return false;
    }
    if (!check_value(request, field, value)) {
        return false;
    }
    if (json_is_null(value)) {
        (void)json_object_del(merged, name); /* absent already is fine */
        return true;
    }
    return json_object_set(merged, name, value) == 0;
}

const char *custom_apply(struct request *request, const char *leaf, const char *old)
{
    const json_t *fields = json_object_get(request->body, "custom_fields");
    const char *name = NULL;
    json_t *value = NULL;
    old = old != NULL ? old : "{}";
    if (json_object_size(fields) == 0) {
        return old;
    }
    json_t *merged = json_loads(old, 0, NULL);
    bool ok = true;
    json_object_foreach((json_t *)(uintptr_t)fields, name, value)
    {
        ok = ok && lay_over(request, leaf, name, value, merged);
    }
    char *text = ok ? json_dumps(merged, JSON_COMPACT) : NULL;
    const char *result = ok ? arena_strdup(&request->sandbox->world.arena, text) : NULL;
    free(text);
    json_decref(merged);
    return result;
}

static void render_field(struct buf *out, const struct field *field)
{
    jw_obj(out, NULL);
    jw_str(out, "name", field->name);
    jw_str(out, "field_type", field->type);
    jw_bool(out, "is_filterable", true);
    jw_bool(out, "is_required", false);
    jw_str(out, "origin", "tenant_fragment");
    if (strcmp(field->type, "id") == 0) {
        jw_arr(out, "id_type");
        jw_str(out, NULL, "group");
        jw_end_arr(out);
    }
    jw_raw(out, "allowed_values", field->values);
    jw_end_obj(out);
}

static void render_fields(struct buf *out, const char *key, const char *leaf)
{
    jw_arr(out, key);
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        if (strcmp(FIELDS[i].leaf, leaf) == 0) {
            render_field(out, &FIELDS[i]);
        }
    }
    jw_end_arr(out);
}

void schemas_custom(struct request *request)
{
    struct buf *out = &request->out;
    json_t *leaves = body_list(request, "leaf_type");
    json_t *types = body_list(request, "types");
    bool pruned = json_array_size(body_list(request, "prune")) > 0;
    jw_obj(out, NULL);
    jw_arr(out, "result");
    for (size_t i = 0; i < ARRAY_LEN(LEAVES); i++) {
        if (!filter_text(leaves, LEAVES[i]) || !filter_text(types, "tenant_fragment")) {
            continue;
        }
        char id[120];
        (void)snprintf(id, sizeof(id), "don:core:dvrv-us-1:" WORLD_ORG ":tenant_fragment/%zu",
                       i + 1);
        jw_obj(out, NULL);
        jw_str(out, "type", "tenant_fragment");
        jw_str(out, "id", id);
        jw_str(out, "fragment_type", "tenant");
        jw_str(out, "leaf_type", LEAVES[i]);
        jw_bool(out, "is_deprecated", false);
        if (!pruned) {
            render_fields(out, "fields", LEAVES[i]);
        }
        jw_end_obj(out);
    }
    jw_end_arr(out);
    jw_end_obj(out);
}

void schemas_aggregated(struct request *request)
{
    struct buf *out = &request->out;
    const char *leaf = body_text(request, "leaf_type");
    bool known = false;
    for (size_t i = 0; leaf != NULL && i < ARRAY_LEN(LEAVES); i++) {
        known = known || strcmp(LEAVES[i], leaf) == 0;
    }
    if (!known) {
        fail_not_found(request, "schema");
        return;
    }
    jw_obj(out, NULL);
    jw_obj(out, "schema");
    jw_str(out, "leaf_type", leaf);
    jw_arr(out, "custom_composite_schemas");
    jw_end_arr(out);
    render_fields(out, "custom_fields", leaf);
    jw_arr(out, "stock_composite_schemas");
    jw_end_arr(out);
    jw_arr(out, "stock_fields");
    jw_end_arr(out);
    jw_end_obj(out);
    jw_end_obj(out);
}
