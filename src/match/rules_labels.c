/* SPDX-License-Identifier: MIT */
#include "match/rules_labels.h"

#include "match/normalise.h"

enum { TEXT_BYTES = 256, HEADERS_MAX = 16 };

#define NEEDED CYAML_FLAG_POINTER
#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_value_t header_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_BYTES)};

const cyaml_schema_field_t rules_labels_fields[] = {
    CYAML_FIELD_SEQUENCE("action", NEEDED, struct raw_labels, action, &header_entry, 1,
                         HEADERS_MAX),
    CYAML_FIELD_STRING_PTR("merge", NEEDED, struct raw_labels, merge, 1, TEXT_BYTES),
    CYAML_FIELD_STRING_PTR("keep", NEEDED, struct raw_labels, keep, 1, TEXT_BYTES),
    CYAML_FIELD_SEQUENCE("strategy", OPTIONAL, struct raw_labels, strategy, &header_entry, 1,
                         HEADERS_MAX),
    CYAML_FIELD_END,
};

static const char *const *copy_headers(struct arena *arena, const char *const *headers,
                                       unsigned count)
{
    if (headers == NULL) {
        return NULL;
    }
    const char **copies = arena_array(arena, count + 1, sizeof(*copies));
    for (unsigned i = 0; i < count; i++) {
        copies[i] = arena_strdup(arena, headers[i]);
    }
    return copies;
}

bool rules_labels_build(const struct raw_labels *raw, const struct rules_yaml *yaml,
                        struct rules *rules, struct err *err)
{
    rules->labels = NULL;
    if (raw == NULL) {
        return true;
    }
    struct rule_labels *labels = arena_array(&rules->arena, 1, sizeof(*labels));
    labels->action = copy_headers(&rules->arena, raw->action, raw->action_count);
    labels->strategy = copy_headers(&rules->arena, raw->strategy, raw->strategy_count);
    labels->merge = str_dup(&rules->arena, norm_trim(str_of(raw->merge)));
    labels->keep = str_dup(&rules->arena, norm_trim(str_of(raw->keep)));
    if (labels->merge.len == 0 || labels->keep.len == 0) {
        return rules_yaml_error(yaml, labels->merge.len == 0 ? "labels/merge" : "labels/keep", err,
                                "a label is a word, not blanks");
    }
    if (str_eq(labels->merge, labels->keep)) {
        return rules_yaml_error(yaml, "labels/keep", err, "'%s' already is the label of 'merge'",
                                raw->keep);
    }
    rules->labels = labels;
    return true;
}
