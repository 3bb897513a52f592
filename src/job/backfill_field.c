/* SPDX-License-Identifier: MIT */
/*
 * The custom field. `tnt__x` belongs to the tenant, `ctype__x` to a subtype of issues; a write must name
 * the schema that has it, or the remote answers 400.
 */
#include "job/backfill_internal.h"

#include "format/jsonx.h"

/* "creator_group" of "tnt__creator_group": schemas have been seen to name fields without the prefix. */
static str bare(str field)
{
    str rest = field;
    for (size_t i = 0; i + 2 < field.len; i++) {
        if (field.ptr[i] == '_' && field.ptr[i + 1] == '_') {
            rest = (str){field.ptr + i + 2, field.len - i - 2};
            break;
        }
    }
    return rest;
}

struct search {
    str field;
    bool found;
    bool right;
    char type[32];
};

static bool takes_groups(const json_t *field)
{
    const json_t *type;
    JSONX_EACH(type, jsonx_get(field, "id_type"))
    {
        if (str_eq_nocase(jsonx_text(type), STR("group"))) {
            return true;
        }
    }
    return false;
}

static void look_at(struct search *search, const json_t *field)
{
    str name = jsonx_str(field, "name");
    str type = jsonx_str(field, "field_type");
    if (!str_eq(name, search->field) && !str_eq(name, bare(search->field))) {
        return;
    }
    search->found = true;
    search->right = str_eqz(type, "id") && takes_groups(field);
    size_t len = type.len < sizeof(search->type) - 1 ? type.len : sizeof(search->type) - 1;
    if (len != 0) {
        memcpy(search->type, type.ptr, len);
    }
    search->type[len] = '\0';
}

static bool take_fragments(void *ctx, const struct devrev_answer *answer, const json_t *items,
                           bool *done, struct err *err)
{
    (void)answer;
    (void)err;
    struct search *search = ctx;
    const json_t *fragment;
    const json_t *field;
    JSONX_EACH(fragment,
               items){JSONX_EACH(field, jsonx_get(fragment, "fields")){look_at(search, field);
}
}
*done = search->found;
return true;
}

bool backfill_field_check(struct devrev *devrev, str field, struct err *err)
{
    struct search search = {.field = field};
    if (!str_starts(field, STR("tnt__")) && !str_starts(field, STR("ctype__"))) {
        (void)err_set(err, ERR_CONFIG, "could not use the field '%.*s': it is no custom field",
                      STR_ARG(field));
        return err_hint(err, "A custom field's name begins with tnt__ or ctype__: --field "
                             "tnt__creator_group.");
    }
    json_t *request = json_pack("{s:[s],s:[s,s]}", "leaf_type", "issue", "types", "tenant_fragment",
                                "custom_type_fragment");
    if (!devrev_pages(devrev, "schemas.custom.list", request, "result", take_fragments, &search,
                      err)) {
        return false;
    }
    if (!search.found) {
        (void)err_set(err, ERR_CONFIG,
                      "could not use the field '%.*s': the tenant's schema of issues has none such",
                      STR_ARG(field));
        return err_hint(err, "Create it (type id, for groups) or name another with --field.");
    }
    if (!search.right) {
        (void)err_set(
            err, ERR_CONFIG, "could not use the field '%.*s': it takes %s, not the id of a group",
            STR_ARG(field), str_eqz(STR("id"), search.type) ? "ids of other things" : search.type);
        return err_hint(err, "Name a field of type id for groups with --field.");
    }
    return true;
}

str backfill_field_value(const json_t *work, str field)
{
    const json_t *fields = jsonx_get(work, "custom_fields");
    const json_t *value = json_object_getn(fields, field.ptr, field.len);
    str text = json_is_object(value) ? jsonx_str(value, "id") : jsonx_text(value);
    return text.ptr != NULL ? text : STR("");
}

json_t *backfill_field_request(const json_t *work, str id, str field, str value)
{
    str subtype = jsonx_str(work, "subtype");
    json_t *spec = json_pack("{s:b}", "tenant_fragment", 1);
    json_t *fields = json_object();
    if (str_starts(field, STR("ctype__")) && subtype.len != 0) {
        (void)json_object_set_new(spec, "subtype", json_stringn(subtype.ptr, subtype.len));
    }
    (void)json_object_setn_new(fields, field.ptr, field.len,
                               value.len != 0 ? json_stringn(value.ptr, value.len) : json_null());
    return json_pack("{s:s%,s:s,s:o,s:o}", "id", id.ptr, id.len, "type", "issue", "custom_fields",
                     fields, "custom_schema_spec", spec);
}
