/* SPDX-License-Identifier: MIT */
/*
 * A thin layer over jansson for what comes from remotes and files: bounded, strict, and errors that
 * name a position and never the content.
 *
 *   AUTO(json_decref) json_t *answer = jsonx_parse(buf_str(&response.body), 0, err);
 *   str id = jsonx_str(answer, "rev_user.id");
 *   const json_t *work;
 *   JSONX_EACH (work, jsonx_get(answer, "works")) { ... }
 *
 * Strict means: an object or array, nothing behind it, no key twice in one object, valid UTF-8, whole
 * numbers within 64 bits, at most JSONX_MAX_DEPTH levels. \u0000 is accepted in values.
 * A json_t belongs to one thread at a time. Text views live as long as the json_t.
 */
#ifndef STEWARD_FORMAT_JSONX_H
#define STEWARD_FORMAT_JSONX_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { JSONX_MAX_DEPTH = 128, JSONX_MAX_BYTES = 64 * 1024 * 1024 };

DEFINE_AUTO(json_t, json_decref)

/* Call once before the first thread. */
void jsonx_global_init(void);

/* NULL and ERR_PROTOCOL ("could not read the JSON: byte 17: ...") where it is not acceptable;
 * max_bytes 0: JSONX_MAX_BYTES. */
json_t *jsonx_parse(str text, size_t max_bytes, struct err *err) MUST_CHECK;

/* By path ("a.b.c", object keys only; a key that holds a dot cannot be named). NULL, STR_NONE, false
 * and an untouched *ret where it is not there or of another type; `json` may be NULL. */
const json_t *jsonx_get(const json_t *json, const char *path);
str jsonx_str(const json_t *json, const char *path);
bool jsonx_int(const json_t *json, const char *path, int64_t *ret);
bool jsonx_bool(const json_t *json, const char *path, bool *ret);

/* The text of a string value itself, STR_NONE where it is none. */
str jsonx_text(const json_t *string);

/* Items of an array; nothing where `array` is NULL or no array. */
#define JSONX_EACH(item, array)                                                                    \
    for (size_t item##_index_ = 0; ((item) = json_array_get((array), item##_index_)) != NULL;      \
         item##_index_++)

/* Appends the canonical form: keys in byte order, no white space, UTF-8. False where it did not fit
 * under out->max. */
bool jsonx_write(const json_t *json, struct buf *out) MUST_CHECK;

#endif
