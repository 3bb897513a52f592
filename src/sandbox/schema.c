/* SPDX-License-Identifier: MIT */
#include "sandbox/schema.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/num.h"

enum base {
    B_ID,
    B_TEXT,
    B_TIME,
    B_SORT,
    B_BOOL,
    B_INT32,
    B_UINT32,
    B_INT64,
    B_NUM,
    B_OBJECT,
    B_ANY,
    B_ENUM,
    B_STRUCT
};

struct member {
    const char *name;
    bool required;
    const char *when; /* required only where `type` is this; NULL always */
    bool nullable;
    bool array;
    enum base base;
    const struct schema *members; /* B_STRUCT */
    const char *values;           /* B_ENUM: one|two */
    int64_t min;                  /* characters of a text */
    int64_t max;                  /* characters, or items of an array; -1 none */
};

struct schema {
    struct member *members;
    size_t count;
    bool closed; /* no other members */
};

struct schema_book {
    struct arena arena;
    const struct schema_name *names;
    size_t count;
    struct map compiled; /* named struct -> struct schema */
};

static const struct {
    const char *name;
    enum base base;
} BASES[] = {{"id", B_ID},     {"text", B_TEXT},     {"time", B_TIME},     {"sort", B_SORT},
             {"bool", B_BOOL}, {"int32", B_INT32},   {"uint32", B_UINT32}, {"int64", B_INT64},
             {"num", B_NUM},   {"object", B_OBJECT}, {"any", B_ANY}};

static _Noreturn void broken(str text)
{
    (void)fprintf(stderr, "steward-sandbox: schema '%" STR_FMT "' does not compile\n",
                  STR_ARG(text));
    abort();
}

struct schema_book *schema_book_new(const struct schema_name *names, size_t count)
{
    struct schema_book *book = xnew(struct schema_book);
    book->names = names;
    book->count = count;
    return book;
}

void schema_book_free(struct schema_book *book)
{
    if (book != NULL) {
        map_done(&book->compiled);
        arena_done(&book->arena);
        free(book);
    }
}

static const char *named(const struct schema_book *book, str name)
{
    for (size_t i = 0; i < book->count; i++) {
        if (str_eqz(name, book->names[i].name)) {
            return book->names[i].text;
        }
    }
    broken(name);
}

static void compile(struct schema_book *book, str text, struct schema *schema);

static void resolve(struct schema_book *book, str name, struct member *member)
{
    if (!str_starts(name, STR("$"))) {
        for (size_t i = 0; i < ARRAY_LEN(BASES); i++) {
            if (str_eqz(name, BASES[i].name)) {
                member->base = BASES[i].base;
                return;
            }
        }
        broken(name);
    }
    str key = {name.ptr + 1, name.len - 1};
    const char *text = named(book, key);
    if (text[0] == '=') {
        member->base = B_ENUM;
        member->values = text + 1;
        return;
    }
    member->base = B_STRUCT;
    member->members = map_get(&book->compiled, key);
    if (member->members == NULL) {
        struct schema *schema = arena_new(&book->arena, struct schema);
        str body = {text + 1, strlen(text) - 2};
        member->members = schema;
        (void)map_put(&book->compiled, str_dup(&book->arena, key), schema); /* may name itself */
        compile(book, body, schema);
    }
}

/* "<3,5>" or "<50>" at the end of `type` is cut off. */
static void bounds(str *type, struct member *member)
{
    if (!str_ends(*type, STR(">"))) {
        return;
    }
    str rest;
    str head = str_cut((str){type->ptr, type->len - 1}, '<', &rest);
    str last;
    str first = str_cut(rest, ',', &last);
    int64_t n = 0;
    if (last.ptr == NULL) {
        last = first;
    } else if (num_parse_i64(first, 0, 1 << 20, &n)) {
        member->min = n;
    }
    if (last.len > 0 && !num_parse_i64(last, 0, 1 << 20, &member->max)) {
        broken(rest);
    }
    *type = head;
}

static void compile_member(struct schema_book *book, str text, struct member *member)
{
    *member = (struct member){.max = -1};
    str type;
    str name = str_cut(text, ':', &type);
    if (type.ptr == NULL) {
        broken(text);
    }
    str when;
    name = str_cut(name, '*', &when);
    member->required = when.ptr != NULL;
    member->when = when.len > 0 ? str_z(&book->arena, when) : NULL;
    if (str_ends(type, STR("?"))) {
        member->nullable = true;
        type.len--;
    }
    bounds(&type, member);
    if (str_ends(type, STR("[]"))) {
        member->array = true;
        type.len -= 2;
    }
    member->name = str_z(&book->arena, name);
    resolve(book, type, member);
}

static void compile(struct schema_book *book, str text, struct schema *schema)
{
    size_t words = 1;
    for (size_t i = 0; i < text.len; i++) {
        words += text.ptr[i] == ' ';
    }
    schema->members = arena_array(&book->arena, words, sizeof(struct member));
    for (str rest = text; rest.len > 0;) {
        str word = str_cut(rest, ' ', &rest);
        if (str_eqz(word, "!")) {
            schema->closed = true;
        } else if (word.len > 0) {
            compile_member(book, word, &schema->members[schema->count++]);
        }
    }
}

const struct schema *schema_compile(struct schema_book *book, const char *text)
{
    struct schema *schema = arena_new(&book->arena, struct schema);
    compile(book, str_of(text), schema);
    return schema;
}

/* --- checking a body ------------------------------------------------------------------------- */

static const char *json_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "bool";
    case JSON_NULL:
        break;
    }
    return "null";
}

static bool wrong_type(struct schema_fault *ret, const char *field, const char *expected,
                       const json_t *value)
{
    *ret = (struct schema_fault){
        .type = "unexpected_json_type", .expected = expected, .actual = json_name(value)};
    (void)snprintf(ret->field, sizeof(ret->field), "%s", field);
    (void)snprintf(ret->message, sizeof(ret->message), "field '%s': expected %s, got %s", field,
                   expected, ret->actual);
    return false;
}

static bool refuse(struct schema_fault *ret, const char *type, const char *field, const char *why)
{
    *ret = (struct schema_fault){.type = type};
    (void)snprintf(ret->field, sizeof(ret->field), "%s", field);
    (void)snprintf(ret->message, sizeof(ret->message), "field '%s': %s", field, why);
    return false;
}

static bool in_enum(const char *values, str text)
{
    for (str rest = str_of(values); rest.ptr != NULL;) {
        if (str_eq(str_cut(rest, '|', &rest), text)) {
            return true;
        }
    }
    return false;
}

static bool bad_enum(struct schema_fault *ret, const char *field, const char *values, str text)
{
    (void)refuse(ret, "invalid_enum_value", field, "the value is not one of the allowed ones");
    AUTO_BUF struct buf allowed = {.max = sizeof(ret->allowed) - 1};
    buf_addc(&allowed, '[');
    for (str rest = str_of(values); rest.ptr != NULL;) {
        if (allowed.len > 1) {
            buf_addc(&allowed, ',');
        }
        buf_add_json(&allowed, str_cut(rest, '|', &rest));
    }
    buf_addc(&allowed, ']');
    (void)snprintf(ret->allowed, sizeof(ret->allowed), "%s", buf_z(&allowed));
    (void)snprintf(ret->value, sizeof(ret->value), "%" STR_FMT, STR_ARG(text));
    return false;
}

static int64_t characters(str text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    }
    return count;
}

static bool check_string(const struct member *member, const char *field, str text,
                         struct schema_fault *ret)
{
    int64_t when = 0;
    if (member->base == B_TIME && !clock_parse(text, &when)) {
        return refuse(ret, "invalid_field", field, "not a date and time of RFC 3339");
    }
    if (member->base == B_SORT && !str_ends(text, STR(":asc")) && !str_ends(text, STR(":desc"))) {
        return refuse(ret, "invalid_field", field, "a sort is 'field:asc' or 'field:desc'");
    }
    if (member->base == B_ENUM && !in_enum(member->values, text)) {
        return bad_enum(ret, field, member->values, text);
    }
    if (!member->array &&
        (characters(text) < member->min || (member->max >= 0 && characters(text) > member->max))) {
        return refuse(ret, "value_not_permitted", field, "the text is too short or too long");
    }
    return true;
}

static bool check_members(const struct schema *schema, const json_t *body, const char *prefix,
                          struct schema_fault *ret);

static bool check_int(const json_t *value, enum base base, const char *field,
                      struct schema_fault *ret)
{
    if (!json_is_integer(value)) {
        return wrong_type(ret, field, "number", value);
    }
    json_int_t n = json_integer_value(value);
    if ((base == B_INT32 && (n < INT32_MIN || n > INT32_MAX)) ||
        (base == B_UINT32 && (n < 0 || n > UINT32_MAX))) {
        return refuse(ret, "value_not_permitted", field, "the number is out of range");
    }
    return true;
}

static bool check_value(const struct member *member, const json_t *value, const char *field,
                        struct schema_fault *ret)
{
    switch (member->base) {
    case B_ID:
    case B_TEXT:
    case B_TIME:
    case B_SORT:
    case B_ENUM:
        if (!json_is_string(value)) {
            return wrong_type(ret, field, "string", value);
        }
        return check_string(member, field,
                            (str){json_string_value(value), json_string_length(value)}, ret);
    case B_BOOL:
        return json_is_boolean(value) || wrong_type(ret, field, "bool", value);
    case B_INT32:
    case B_UINT32:
    case B_INT64:
        return check_int(value, member->base, field, ret);
    case B_NUM:
        return json_is_number(value) || wrong_type(ret, field, "number", value);
    case B_OBJECT:
        return json_is_object(value) || wrong_type(ret, field, "object", value);
    case B_STRUCT:
        if (!json_is_object(value)) {
            return wrong_type(ret, field, "object", value);
        }
        return check_members(member->members, value, field, ret);
    case B_ANY:
        break;
    }
    return true;
}

static bool check_member(const struct member *member, const json_t *value, const char *field,
                         struct schema_fault *ret)
{
    if (json_is_null(value) && member->nullable) {
        return true;
    }
    if (!member->array) {
        return check_value(member, value, field, ret);
    }
    if (!json_is_array(value)) {
        return wrong_type(ret, field, "array", value);
    }
    if (member->max >= 0 && (int64_t)json_array_size(value) > member->max) {
        return refuse(ret, "value_not_permitted", field, "the list is too long");
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!check_value(member, json_array_get(value, i), field, ret)) {
            return false;
        }
    }
    return true;
}

static bool is_required(const struct member *member, const json_t *body)
{
    const char *type = json_string_value(json_object_get(body, "type"));
    return member->required &&
           (member->when == NULL || (type != NULL && strcmp(type, member->when) == 0));
}

static bool is_member(const struct schema *schema, const char *name)
{
    for (size_t i = 0; i < schema->count; i++) {
        if (str_eqz(str_of(name), schema->members[i].name)) {
            return true;
        }
    }
    return false;
}

static bool check_members(const struct schema *schema, const json_t *body, const char *prefix,
                          struct schema_fault *ret)
{
    char field[120];
    for (size_t i = 0; i < schema->count; i++) {
        const struct member *member = &schema->members[i];
        (void)snprintf(field, sizeof(field), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "",
                       member->name);
        const json_t *value = json_object_get(body, member->name);
        if (value == NULL && is_required(member, body)) {
            return refuse(ret, "missing_required_field", field, "required but missing");
        }
        if (value != NULL && !check_member(member, value, field, ret)) {
            return false;
        }
    }
    if (schema->closed) {
        const char *name = NULL;
        json_t *value = NULL;
        json_object_foreach((json_t *)(uintptr_t)body, name, value)
        {
            if (!is_member(schema, name)) {
                return refuse(ret, "invalid_field", name, "no such field");
            }
        }
    }
    return true;
}

bool schema_check(const struct schema *schema, const json_t *body, struct schema_fault *ret)
{
    if (!json_is_object(body)) {
        return wrong_type(ret, "", "object", body);
    }
    return check_members(schema, body, "", ret);
}

/* --- reading a query string ------------------------------------------------------------------ */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void schema_unescape(str raw, struct buf *out)
{
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '%' && i + 2 < raw.len && hex_digit(raw.ptr[i + 1]) >= 0 &&
            hex_digit(raw.ptr[i + 2]) >= 0) {
            buf_addc(out, (char)(hex_digit(raw.ptr[i + 1]) * 16 + hex_digit(raw.ptr[i + 2])));
            i += 2;
        } else {
            buf_addc(out, raw.ptr[i] == '+' ? ' ' : raw.ptr[i]);
        }
    }
}

/* "name,value,name,value", the form style of an object; NULL where it is none. */
static json_t *query_pairs(str raw)
{
    json_t *object = json_object();
    str rest = raw;
    while (rest.ptr != NULL) {
        AUTO_BUF struct buf name = {0};
        AUTO_BUF struct buf value = {0};
        schema_unescape(str_cut(rest, ',', &rest), &name);
        if (rest.ptr == NULL) {
            json_decref(object);
            return NULL;
        }
        schema_unescape(str_cut(rest, ',', &rest), &value);
        (void)json_object_set_new(object, buf_z(&name), json_string(buf_z(&value)));
    }
    return object;
}

/* What cannot be read as its type stays text, so that the check names it. */
static json_t *query_value(const struct member *member, str raw)
{
    AUTO_BUF struct buf text = {0};
    schema_unescape(raw, &text);
    str s = {buf_z(&text), text.len};
    int64_t n = 0;
    json_error_t why;
    if ((member->base == B_INT32 || member->base == B_UINT32 || member->base == B_INT64) &&
        num_parse_i64(s, INT64_MIN, INT64_MAX, &n)) {
        return json_integer(n);
    }
    if (member->base == B_BOOL && (str_eqz(s, "true") || str_eqz(s, "false"))) {
        return json_boolean(str_eqz(s, "true"));
    }
    if (member->base == B_OBJECT || member->base == B_STRUCT) {
        json_t *object =
            s.len > 0 ? json_loadb(s.ptr, s.len, JSON_REJECT_DUPLICATES, &why) : json_object();
        object = object != NULL ? object : query_pairs(raw);
        if (object != NULL) {
            return object;
        }
    }
    json_t *string = json_stringn(s.ptr, s.len);
    return string != NULL ? string : json_string("\xef\xbf\xbd"); /* not UTF-8 */
}

static void query_member(const struct member *member, json_t *body, str raw)
{
    if (!member->array) {
        (void)json_object_set_new(body, member->name, query_value(member, raw));
        return;
    }
    json_t *list = json_object_get(body, member->name);
    if (list == NULL) {
        list = json_array();
        (void)json_object_set_new(body, member->name, list);
    }
    for (str rest = raw; rest.ptr != NULL && raw.len > 0;) { /* "name=" is an empty list */
        str item = str_cut(rest, ',', &rest);
        (void)json_array_append_new(list, query_value(member, item));
    }
}

void schema_query(const struct schema *schema, json_t *body, str name, str raw)
{
    str rest;
    str head = str_cut(name, '.', &rest);
    for (size_t i = 0; i < schema->count; i++) {
        const struct member *member = &schema->members[i];
        if (rest.ptr == NULL && str_eqz(name, member->name)) {
            query_member(member, body, raw);
            return;
        }
        if (rest.ptr != NULL && str_eqz(head, member->name) && member->base == B_STRUCT) {
            json_t *inner = json_object_get(body, member->name);
            if (member->array) { /* of objects: a query can only say one */
                inner = json_array_get(inner, 0);
            }
            if (!json_is_object(inner)) {
                inner = json_object();
                json_t *holder = member->array ? json_array() : inner;
                (void)json_object_set_new(body, member->name, holder);
                if (member->array) {
                    (void)json_array_append_new(holder, inner);
                }
            }
            schema_query(member->members, inner, rest, raw);
            return;
        }
    }
}
