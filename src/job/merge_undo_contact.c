/* SPDX-License-Identifier: MIT */
/*
 * The contact that takes the loser's place: what it is created with, and how it is found again where
 * the answer was lost. It is never guessed: two contacts that may be it, or nothing to tell it by, is
 * `unknown`.
 */
#include "job/merge_undo.h"

#include <math.h>
#include <stdio.h>

enum { SKEW_MARGIN_MS = 2000 };

/* --- the request --------------------------------------------------------------------------- */

/* As DevRev wants to have it back: whole numbers without a fraction (they were read as reals), and an
 * id where it shows a summary of the object. */
static json_t *as_sent(const json_t *value)
{
    if (json_is_real(value)) {
        double number = json_real_value(value);
        bool whole = number > -1e15 && number < 1e15 && floor(number) >= number;
        return whole ? json_integer((json_int_t)number) : json_real(number);
    }
    if (json_is_object(value)) {
        return json_incref(json_object_get(value, "id"));
    }
    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(value); i++) {
            (void)json_array_append_new(list, as_sent(json_array_get(value, i)));
        }
        return list;
    }
    return json_deep_copy(value);
}

/* Custom fields that have a value, and the names of the schemas that they are of. */
static void add_custom(const json_t *was, json_t *request)
{
    const json_t *fields = json_object_get(was, "custom_fields");
    json_t *given = json_object();
    json_t *spec = json_object();
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)fields, name, value)
    {
        json_t *sent = json_is_null(value) ? NULL : as_sent(value);
        if (sent == NULL) {
            continue;
        }
        (void)json_object_set_new(given, name, sent);
        if (str_starts(str_of(name), STR("tnt__"))) {
            (void)json_object_set_new(spec, "tenant_fragment", json_true());
        } else if (str_starts(str_of(name), STR("ctype__"))) {
            (void)json_object_set(spec, "subtype", json_object_get(was, "subtype"));
        }
    }
    if (json_object_size(given) != 0) {
        (void)json_object_set(request, "custom_fields", given);
        (void)json_object_set(request, "custom_schema_spec", spec);
    }
    json_decref(given);
    json_decref(spec);
}

/* Shown as {"tag":{"id"},"value"}, wanted as {"id","value"}. */
static void add_tags(const json_t *was, json_t *request)
{
    const json_t *tags = json_object_get(was, "tags");
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const json_t *item = json_array_get(tags, i);
        json_t *tag = json_object();
        (void)json_object_set(tag, "id", json_object_get(json_object_get(item, "tag"), "id"));
        if (json_is_string(json_object_get(item, "value"))) {
            (void)json_object_set(tag, "value", json_object_get(item, "value"));
        }
        (void)json_array_append_new(list, tag);
    }
    if (json_array_size(list) != 0) {
        (void)json_object_set(request, "tags", list);
    }
    json_decref(list);
}

json_t *merge_undo_request(const json_t *was, unsigned with)
{
    static const char *const texts[] = {"display_name", "description", "email"};
    json_t *request = json_object();
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (merge_text(was, texts[i]).len != 0) {
            (void)json_object_set(request, texts[i], json_object_get(was, texts[i]));
        }
    }
    if (json_array_size(json_object_get(was, "phone_numbers")) != 0) {
        (void)json_object_set(request, "phone_numbers", json_object_get(was, "phone_numbers"));
    }
    const json_t *org = json_object_get(was, "rev_org");
    if (merge_text(org, "id").len != 0) {
        (void)json_object_set(request, "rev_org", json_object_get(org, "id"));
    }
    if ((with & UNDO_WITH_REFERENCE) != 0) {
        if (merge_text(was, "external_ref").len != 0) {
            (void)json_object_set(request, "external_ref", json_object_get(was, "external_ref"));
        }
        if (json_array_size(json_object_get(was, "external_refs")) > 1) {
            (void)json_object_set(request, "external_refs", json_object_get(was, "external_refs"));
        }
    }
    if ((with & UNDO_WITH_CUSTOM) != 0) {
        add_custom(was, request);
        add_tags(was, request);
    }
    return request;
}

void merge_undo_differences(const json_t *was, const json_t *now, struct buf *out)
{
    static const char *const settable[] = {"display_name",  "email",       "external_ref",
                                           "phone_numbers", "description", "custom_fields",
                                           "tags"};
    for (size_t i = 0; i < ARRAY_LEN(settable); i++) {
        if (!merge_same_value(json_object_get(was, settable[i]),
                              json_object_get(now, settable[i]))) {
            buf_printf(out, "%s%s", out->len != 0 ? ", " : "", settable[i]);
        }
    }
    if (!str_eq(merge_text(json_object_get(was, "rev_org"), "id"),
                merge_text(json_object_get(now, "rev_org"), "id"))) {
        buf_printf(out, "%s%s", out->len != 0 ? ", " : "", "account");
    }
}

/* --- finding it ---------------------------------------------------------------------------- */

struct search {
    const struct merge_record *origin;
    struct arena *arena;
    int64_t since_ms; /* by the remote's clock: before the first send */
    bool by_reference;
    size_t found;
    const char *id;
    bool sibling; /* another loser of the same survivor looks the same */
};

static bool same_text(const json_t *was, const json_t *now, const char *name)
{
    return str_eq(merge_text(was, name), merge_text(now, name));
}

/* A reference that the system gave, or none. */
static bool is_systems(const json_t *contact)
{
    str reference = merge_text(contact, "external_ref");
    return reference.len == 0 || str_eq(reference, merge_text(contact, "display_id"));
}

static void consider(struct search *search, const json_t *contact)
{
    const json_t *was = search->origin->contact[MERGE_LOSER];
    str id = merge_text(contact, "id");
    int64_t created_ms = 0;
    if (!same_text(was, contact, "email") || !same_text(was, contact, "display_name") ||
        devrev_same_user(id, search->origin->id[MERGE_LOSER]) ||
        devrev_same_user(id, search->origin->id[MERGE_SURVIVOR])) {
        return;
    }
    str into = merge_primary(contact);
    if (into.len != 0) {
        search->sibling =
            search->sibling || devrev_same_user(into, search->origin->id[MERGE_SURVIVOR]);
        return;
    }
    if (str_eqz(merge_text(contact, "state"), "deleted") ||
        !clock_parse(merge_text(contact, "created_date"), &created_ms) ||
        created_ms < search->since_ms) {
        return;
    }
    if (search->by_reference ? !same_text(was, contact, "external_ref") : !is_systems(contact)) {
        return;
    }
    search->found++;
    search->id = str_z(search->arena, id);
}

static bool take_contacts(void *ctx, const struct devrev_answer *answer UNUSED, const json_t *items,
                          bool *done UNUSED, struct err *err UNUSED)
{
    for (size_t i = 0; i < json_array_size(items); i++) {
        consider(ctx, json_array_get(items, i));
    }
    return true;
}

static bool search_by(struct merge_worker *worker, const char *filter, const char *field,
                      struct search *search, struct err *err)
{
    str value = merge_text(search->origin->contact[MERGE_LOSER], field);
    search->by_reference = strcmp(field, "external_ref") == 0;
    search->found = 0;
    return value.len == 0 || devrev_pages(worker->devrev, "rev-users.list",
                                          json_pack("{s:[s%]}", filter, value.ptr, value.len),
                                          "rev_users", take_contacts, search, err);
}

bool merge_undo_find(struct merge_worker *worker, struct job_change *change,
                     struct merge_undo *undo, enum undo_found *ret, struct err *err)
{
    const struct merge_record *captured = NULL;
    if (!merge_record_get(worker, change, &captured, err)) {
        return false;
    }
    struct search search = {
        .origin = &undo->origin,
        .arena = &change->arena,
        .since_ms = captured->captured_ms + devrev_skew_ms(worker->devrev) - SKEW_MARGIN_MS,
    };
    const json_t *was = undo->origin.contact[MERGE_LOSER];
    if (!search_by(worker, "external_ref", "external_ref", &search, err)) {
        return false;
    }
    if (search.found == 0) { /* it may have been created without, where the reference was taken */
        search.sibling = false;
        if (!search_by(worker, "email", "email", &search, err)) {
            return false;
        }
        if ((search.found != 0 && search.sibling) ||
            (merge_text(was, "email").len == 0 && merge_text(was, "external_ref").len == 0)) {
            search.found = 2; /* nothing to tell it by */
        }
    }
    *ret = search.found == 0 ? UNDO_NONE : search.found == 1 ? UNDO_ONE : UNDO_SEVERAL;
    if (*ret == UNDO_ONE) {
        undo->created = search.id;
    }
    return true;
}

/* --- apply --------------------------------------------------------------------------------- */

/* The survivor gives the loser's reference back where it still carries it: harmless to repeat, because it
 * is read first. Where the remote does not take that, the loser comes back without. */
static bool give_reference_back(struct merge_worker *worker, struct job_change *change,
                                const struct merge_record *origin, struct err *err)
{
    AUTO_ANSWER struct devrev_answer answer = {0};
    AUTO_ANSWER struct devrev_answer written = {0};
    const json_t *survivor = NULL;
    struct err failure = {0};
    if (!merge_may_carry(origin)) {
        return true;
    }
    if (!merge_get_contact(worker, origin->id[MERGE_SURVIVOR], &answer, &survivor, err)) {
        return false;
    }
    if (!merge_carries(origin, survivor)) {
        return true;
    }
    str id = origin->id[MERGE_SURVIVOR];
    str before = merge_text(origin->contact[MERGE_SURVIVOR], "external_ref");
    json_t *request =
        json_pack("{s:s%,s:s%}", "id", id.ptr, id.len, "external_ref", before.ptr, before.len);
    if (devrev_write(worker->devrev, "rev-users.update", request, &written, &failure)) {
        merge_note(worker, change, "the survivor gave the external reference back", "");
        return true;
    }
    merge_note_error(worker, change, "give the reference back", &failure);
    if (failure.kind == ERR_REMOTE && failure.http_status >= 400 && failure.http_status < 500 &&
        !failure.ambiguous) {
        return true;
    }
    *err = failure;
    return false;
}

/* A refusal has changed nothing: what was refused is left out, and the rest comes back. */
static bool try_less(const struct err *failure, const json_t *was, unsigned *with)
{
    if (failure->http_status == 409 && (*with & UNDO_WITH_REFERENCE) != 0) {
        *with &= ~(unsigned)UNDO_WITH_REFERENCE;
        return true;
    }
    if (failure->http_status == 400 && (*with & UNDO_WITH_CUSTOM) != 0 &&
        json_object_size(json_object_get(was, "custom_fields")) +
                json_array_size(json_object_get(was, "tags")) !=
            0) {
        *with &= ~(unsigned)UNDO_WITH_CUSTOM;
        return true;
    }
    return false;
}

static bool create(struct merge_worker *worker, struct job_change *change, struct merge_undo *undo,
                   struct err *err)
{
    const json_t *was = undo->origin.contact[MERGE_LOSER];
    unsigned with = UNDO_WITH_REFERENCE | UNDO_WITH_CUSTOM;
    for (;;) {
        AUTO_ANSWER struct devrev_answer answer = {0};
        struct err failure = {0};
        if (devrev_write(worker->devrev, "rev-users.create", merge_undo_request(was, with), &answer,
                         &failure)) {
            str id = merge_text(json_object_get(answer.json, "rev_user"), "id");
            undo->created = id.len != 0 ? str_z(&change->arena, id) : NULL;
            return true;
        }
        if (!try_less(&failure, was, &with)) {
            *err = failure;
            return false;
        }
        merge_note_error(worker, change, "create", &failure);
    }
}

bool merge_undo_apply(void *ctx, struct job_change *change, struct err *err)
{
    struct merge_worker *worker = ctx;
    struct merge_undo *undo = NULL;
    struct err failure = {0};
    devrev_stop_level(worker->devrev, 1);
    if (!merge_undo_get(worker, change, &undo, &failure)) {
        *err = failure;
        return false;
    }
    if (undo->created != NULL) {
        merge_note(worker, change, "an earlier send has come through", "");
        return true;
    }
    if (give_reference_back(worker, change, &undo->origin, &failure) &&
        create(worker, change, undo, &failure)) {
        merge_note(worker, change, "contact created", undo->created != NULL ? undo->created : "");
        return true;
    }
    merge_note_error(worker, change, "create", &failure);
    *err = failure;
    return false;
}

/* --- confirm ------------------------------------------------------------------------------- */

/* A contact that was acknowledged and is not there may come yet, or never has been; one that was found by
 * looking for it has been there. */
static enum confirm_result look_again(struct merge_worker *worker, const struct job_change *change,
                                      const struct merge_undo *undo, struct err *err)
{
    AUTO_ANSWER struct devrev_answer answer = {0};
    const json_t *now = NULL;
    if (!merge_get_contact(worker, str_of(undo->created), &answer, &now, err)) {
        return err->kind != ERR_NOT_FOUND ? CONFIRM_UNREADABLE
               : change->row.acknowledged ? CONFIRM_ABSENT
                                          : CONFIRM_PENDING;
    }
    if (merge_primary(now).len != 0) {
        (void)err_set(err, ERR_VERIFY, "contact '%s' came back and is merged into another already",
                      undo->created);
        return CONFIRM_CONTRADICTED;
    }
    return CONFIRM_DONE;
}

static enum confirm_result confirm(struct merge_worker *worker, struct job_change *change,
                                   struct err *err)
{
    struct merge_undo *undo = NULL;
    enum undo_found found = UNDO_NONE;
    devrev_stop_level(worker->devrev, 2); /* a drain still settles what was sent */
    if (!merge_undo_get(worker, change, &undo, err)) {
        return CONFIRM_UNREADABLE;
    }
    if (undo->created != NULL) {
        return look_again(worker, change, undo, err);
    }
    if (!merge_undo_find(worker, change, undo, &found, err)) {
        return CONFIRM_UNREADABLE;
    }
    switch (found) {
    case UNDO_ONE:
        return CONFIRM_DONE;
    case UNDO_NONE:
        return CONFIRM_ABSENT;
    case UNDO_SEVERAL:
        (void)err_set(err, ERR_VERIFY,
                      "contact '%s' may have come back, and it cannot be told which contact it is",
                      shown_id(&change->arena, change->plan.target));
        return CONFIRM_CONTRADICTED;
    }
    return CONFIRM_UNREADABLE;
}

enum confirm_result merge_undo_confirm(void *ctx, struct job_change *change, struct err *err)
{
    struct merge_worker *worker = ctx;
    struct err failure = {0};
    enum confirm_result result = confirm(worker, change, &failure);
    if (result != CONFIRM_DONE && err_is(&failure)) {
        merge_note_error(worker, change, "confirm", &failure);
        *err = failure;
    }
    return result;
}
