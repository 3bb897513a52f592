/* SPDX-License-Identifier: MIT */
/*
 * Request schemas as data. A schema is a line of text, compiled once at start-up:
 *
 *   id*:id name:text<1,256> due:time? kinds:$work-type[] owner:$owner tags:id[]<50> !
 *
 * `*` required, `*word` required where the member `type` is that word, `?` null allowed, `[]` array with `<n>` as its greatest length, `<min,max>` length
 * of a text in characters, `$name` a named type, lone `!`: no other members. A named type is
 * `{members}` or `=one|two|three`. Base types: id text time sort bool int32 uint32 int64 num object any.
 * Members that the schema does not name are ignored, as the published schemas allow them.
 *
 * The same schema reads a query string: arrays are comma-joined or repeated, members of members are
 * written with dots.
 */
#ifndef STEWARD_SANDBOX_SCHEMA_H
#define STEWARD_SANDBOX_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>

#include "base/str.h"

struct schema;
struct schema_book;

struct schema_name {
    const char *name;
    const char *text;
};

/* What is wrong with a request: the members of the published error body. */
struct schema_fault {
    const char *type; /* "missing_required_field", ... */
    char field[128];
    char message[256];
    const char *expected; /* unexpected_json_type */
    const char *actual;
    char allowed[512]; /* invalid_enum_value: JSON array */
    char value[128];
};

/* Names and texts must outlive the book. Aborts on a text that does not compile: they are constants. */
struct schema_book *schema_book_new(const struct schema_name *names, size_t count);
void schema_book_free(struct schema_book *book);
const struct schema *schema_compile(struct schema_book *book, const char *text);

/* False: `ret` says what is wrong. */
bool schema_check(const struct schema *schema, const json_t *body, struct schema_fault *ret);

/* Puts one decoded query parameter into `body`. `raw` is still percent-encoded: a comma that is
 * encoded belongs to a value. Unknown names are ignored. */
void schema_query(const struct schema *schema, json_t *body, str name, str raw);

/* %XX and '+' undone. */
void schema_unescape(str raw, struct buf *out);

#endif
