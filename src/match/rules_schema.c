/* SPDX-License-Identifier: MIT */
#include "match/rules_schema.h"

#include "match/rules.h"
#include "match/rules_labels.h"

enum { NAME_BYTES = 64, TEXT_BYTES = 256 };

#define NEEDED CYAML_FLAG_POINTER
#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define NAME(flags, type, key, field) CYAML_FIELD_STRING_PTR(key, flags, type, field, 1, NAME_BYTES)
#define TEXT(flags, type, key, field) CYAML_FIELD_STRING_PTR(key, flags, type, field, 1, TEXT_BYTES)

static const cyaml_schema_value_t name_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, NAME_BYTES)};
static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, TEXT_BYTES)};

static const cyaml_schema_field_t column_fields[] = {
    NAME(NEEDED, struct raw_column, "name", name),
    CYAML_FIELD_SEQUENCE("headers", OPTIONAL, struct raw_column, headers, &text_entry, 1, 16),
    NAME(OPTIONAL, struct raw_column, "remote", remote),
    NAME(NEEDED, struct raw_column, "form", form),
    NAME(OPTIONAL, struct raw_column, "empty", empty),
    NAME(OPTIONAL, struct raw_column, "required", required),
    NAME(OPTIONAL, struct raw_column, "identity", identity),
    NAME(OPTIONAL, struct raw_column, "decides", decides),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t value_fields[] = {
    NAME(NEEDED, struct raw_value, "name", name),
    CYAML_FIELD_SEQUENCE("first", NEEDED, struct raw_value, first, &name_entry, 2, 4),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t list_fields[] = {
    NAME(NEEDED, struct raw_list, "name", name),
    TEXT(OPTIONAL, struct raw_list, "file", file),
    CYAML_FIELD_SEQUENCE("words", OPTIONAL, struct raw_list, words, &text_entry, 1, 1000),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t test_fields[] = {
    NAME(OPTIONAL, struct raw_test, "column", column),
    NAME(OPTIONAL, struct raw_test, "part", part),
    TEXT(OPTIONAL, struct raw_test, "prefix", prefix),
    TEXT(OPTIONAL, struct raw_test, "equals", equals),
    NAME(OPTIONAL, struct raw_test, "in", in),
    NAME(OPTIONAL, struct raw_test, "under", under),
    NAME(OPTIONAL, struct raw_test, "empty", empty),
    NAME(OPTIONAL, struct raw_test, "same-as", same_as),
    NAME(OPTIONAL, struct raw_test, "fact", fact),
    NAME(OPTIONAL, struct raw_test, "not", negate),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t test_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_test, test_fields)};

static const cyaml_schema_field_t fact_fields[] = {
    NAME(NEEDED, struct raw_fact, "name", name),
    CYAML_FIELD_SEQUENCE("all", OPTIONAL, struct raw_fact, all, &test_entry, 1, RULES_MAX_TESTS),
    CYAML_FIELD_SEQUENCE("any", OPTIONAL, struct raw_fact, any, &test_entry, 1, RULES_MAX_TESTS),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t key_fields[] = {
    NAME(NEEDED, struct raw_key, "name", name),
    CYAML_FIELD_SEQUENCE("columns", NEEDED, struct raw_key, columns, &name_entry, 1,
                         RULES_MAX_KEY_TERMS),
    NAME(OPTIONAL, struct raw_key, "part", part),
    NAME(OPTIONAL, struct raw_key, "only", only),
    NAME(OPTIONAL, struct raw_key, "blocked", blocked),
    NAME(OPTIONAL, struct raw_key, "word", word),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t condition_fields[] = {
    NAME(OPTIONAL, struct raw_condition, "exactly", exactly),
    NAME(OPTIONAL, struct raw_condition, "at-least", at_least),
    NAME(OPTIONAL, struct raw_condition, "at-most", at_most),
    NAME(OPTIONAL, struct raw_condition, "every", every),
    NAME(OPTIONAL, struct raw_condition, "same", same),
    NAME(OPTIONAL, struct raw_condition, "fact", fact),
    NAME(OPTIONAL, struct raw_condition, "except", except),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t condition_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_condition, condition_fields)};

static const cyaml_schema_field_t step_fields[] = {
    NAME(OPTIONAL, struct raw_step, "prefer", prefer),
    NAME(OPTIONAL, struct raw_step, "most", most),
    NAME(OPTIONAL, struct raw_step, "latest", latest),
    NAME(OPTIONAL, struct raw_step, "oldest", oldest),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t step_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_step, step_fields)};

static const cyaml_schema_field_t case_fields[] = {
    CYAML_FIELD_SEQUENCE("when", NEEDED, struct raw_case, when, &condition_entry, 1,
                         RULES_MAX_CONDITIONS),
    NAME(OPTIONAL, struct raw_case, "keep", keep),
    CYAML_FIELD_SEQUENCE("choose", OPTIONAL, struct raw_case, choose, &step_entry, 1,
                         RULES_MAX_STEPS),
    NAME(OPTIONAL, struct raw_case, "merge", merge),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t case_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_case, case_fields)};

static const cyaml_schema_field_t otherwise_fields[] = {
    NAME(NEEDED, struct raw_otherwise, "word", word),
    CYAML_FIELD_SEQUENCE("count", OPTIONAL, struct raw_otherwise, count, &name_entry, 1,
                         RULES_MAX_FACTS),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t strategy_fields[] = {
    NAME(NEEDED, struct raw_strategy, "name", name),
    NAME(NEEDED, struct raw_strategy, "key", key),
    CYAML_FIELD_SEQUENCE("when", OPTIONAL, struct raw_strategy, when, &condition_entry, 1,
                         RULES_MAX_CONDITIONS),
    NAME(OPTIONAL, struct raw_strategy, "keep", keep),
    CYAML_FIELD_SEQUENCE("choose", OPTIONAL, struct raw_strategy, choose, &step_entry, 1,
                         RULES_MAX_STEPS),
    NAME(OPTIONAL, struct raw_strategy, "merge", merge),
    CYAML_FIELD_SEQUENCE("cases", OPTIONAL, struct raw_strategy, cases, &case_entry, 1,
                         RULES_MAX_CASES),
    CYAML_FIELD_MAPPING_PTR("otherwise", OPTIONAL, struct raw_strategy, otherwise,
                            otherwise_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t guard_fields[] = {
    NAME(NEEDED, struct raw_guard, "word", word),
    NAME(NEEDED, struct raw_guard, "differ", differ),
    NAME(OPTIONAL, struct raw_guard, "where", where),
    CYAML_FIELD_SEQUENCE("except-merged-by", OPTIONAL, struct raw_guard, except, &name_entry, 1,
                         RULES_MAX_STRATEGIES),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t limit_fields[] = {
    NAME(OPTIONAL, struct raw_limits, "max-cluster", max_cluster),
    NAME(OPTIONAL, struct raw_limits, "max-share-of", max_share_of),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t column_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_column, column_fields)};
static const cyaml_schema_value_t value_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_value, value_fields)};
static const cyaml_schema_value_t guard_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_guard, guard_fields)};
static const cyaml_schema_value_t list_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_list, list_fields)};
static const cyaml_schema_value_t fact_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_fact, fact_fields)};
static const cyaml_schema_value_t key_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_key, key_fields)};
static const cyaml_schema_value_t strategy_entry = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_strategy, strategy_fields)};

static const cyaml_schema_field_t rules_fields[] = {
    NAME(NEEDED, struct raw_rules, "name", name),
    NAME(NEEDED, struct raw_rules, "version", version),
    TEXT(NEEDED, struct raw_rules, "summary", summary),
    NAME(NEEDED, struct raw_rules, "kind", kind),
    CYAML_FIELD_SEQUENCE("columns", NEEDED, struct raw_rules, columns, &column_entry, 1,
                         RULES_MAX_COLUMNS),
    CYAML_FIELD_SEQUENCE("values", OPTIONAL, struct raw_rules, values, &value_entry, 1,
                         RULES_MAX_VALUES),
    CYAML_FIELD_SEQUENCE("lists", OPTIONAL, struct raw_rules, lists, &list_entry, 1, 32),
    CYAML_FIELD_SEQUENCE("facts", NEEDED, struct raw_rules, facts, &fact_entry, 1, RULES_MAX_FACTS),
    CYAML_FIELD_SEQUENCE("keys", NEEDED, struct raw_rules, keys, &key_entry, 1, RULES_MAX_KEYS),
    CYAML_FIELD_SEQUENCE("strategies", NEEDED, struct raw_rules, strategies, &strategy_entry, 1,
                         RULES_MAX_STRATEGIES),
    CYAML_FIELD_SEQUENCE("guards", OPTIONAL, struct raw_rules, guards, &guard_entry, 1,
                         RULES_MAX_GUARDS),
    CYAML_FIELD_MAPPING_PTR("limits", OPTIONAL, struct raw_rules, limits, limit_fields),
    CYAML_FIELD_MAPPING_PTR("labels", OPTIONAL, struct raw_rules, labels, rules_labels_fields),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t rules_value = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_rules, rules_fields)};

const cyaml_schema_value_t *rules_schema(void)
{
    return &rules_value;
}
