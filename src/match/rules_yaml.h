/* SPDX-License-Identifier: MIT */
/*
 * YAML into C structs by libcyaml, with errors that a person can act on. libcyaml says where a
 * container begins, not where the mistake is; so the text is first walked with libyaml against the
 * same cyaml schema, and the marks are kept to say where a value stands that turns out wrong later.
 *
 * Refused: aliases and anchors, a second document, doubled keys, anything the schema does not know.
 * Scalars are loaded as text: `010`, `yes` and `12abc` mean different things to different YAML
 * readers, so numbers and booleans are parsed by the caller.
 */
#ifndef STEWARD_MATCH_RULES_YAML_H
#define STEWARD_MATCH_RULES_YAML_H

#include <cyaml/cyaml.h>

#include "base/err.h"
#include "base/str.h"

struct rules_yaml;

/* `file` is for messages and must outlive the result, as `text` must. NULL: ERR_CONFIG. */
struct rules_yaml *rules_yaml_load(const char *file, str text, const cyaml_schema_value_t *schema,
                                   struct err *err) MUST_CHECK;
void rules_yaml_free(struct rules_yaml *yaml);
DEFINE_AUTO(struct rules_yaml, rules_yaml_free)

/* The loaded struct. */
const void *rules_yaml_root(const struct rules_yaml *yaml);

/* Sets ERR_CONFIG: "could not use '<file>': line 3, column 9: <text>", at the value whose path is
 * keys and numbers with slashes between ("strategies/0/when/1/fact"); where there is no such value,
 * at the deepest container of the path. Returns false. */
bool rules_yaml_error(const struct rules_yaml *yaml, const char *path, struct err *err,
                      const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
