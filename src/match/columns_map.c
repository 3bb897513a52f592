/* SPDX-License-Identifier: MIT */
/*
 * The words of this file are the columns of the rule set in hand, so the schema that libcyaml takes is
 * made for it: one field a column.
 */
#include "match/columns_map.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "match/rules_yaml.h"

enum { HEADER_BYTES = 256 };

struct raw_headers {
    char *of[RULES_MAX_COLUMNS];
};

struct raw_map {
    struct raw_headers *columns;
};

struct schema {
    cyaml_schema_field_t columns[RULES_MAX_COLUMNS + 1];
    cyaml_schema_field_t root[2];
    cyaml_schema_value_t value;
};

static void make_schema(const struct rules *rules, struct schema *ret)
{
    *ret = (struct schema){0};
    for (size_t i = 0; i < rules->column_count; i++) {
        ret->columns[i] = (cyaml_schema_field_t){
            .key = rules->columns[i].name,
            .data_offset = (uint32_t)(offsetof(struct raw_headers, of) + i * sizeof(char *)),
            .value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char *, 0,
                                         HEADER_BYTES)},
        };
    }
    ret->root[0] = (cyaml_schema_field_t)CYAML_FIELD_MAPPING_PTR(
        "columns", CYAML_FLAG_POINTER, struct raw_map, columns, ret->columns);
    ret->value =
        (cyaml_schema_value_t){CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_map, ret->root)};
}

static bool answers_to(const struct rule_column *column, str header)
{
    if (str_eq_nocase(header, str_of(column->name))) {
        return true;
    }
    for (const char *const *name = column->headers; *name != NULL; name++) {
        if (str_eq_nocase(header, str_of(*name))) {
            return true;
        }
    }
    return false;
}

/* One header is one column, whether the map says so or the rule set. */
static bool check_header(const struct rules_yaml *yaml, const struct raw_headers *raw,
                         const struct rules *rules, size_t column, struct err *err)
{
    str header = str_trim_ascii(str_of(raw->of[column]));
    char path[128];
    (void)snprintf(path, sizeof(path), "columns/%s", rules->columns[column].name);
    for (size_t i = 0; i < rules->column_count; i++) {
        const char *name = rules->columns[i].name;
        if (i == column) {
            continue;
        }
        if (raw->of[i] == NULL && answers_to(&rules->columns[i], header)) {
            return rules_yaml_error(yaml, path, err,
                                    "the header '%" STR_FMT "' is a name of the column '%s': map "
                                    "that one too",
                                    STR_ARG(header), name);
        }
        if (i < column && raw->of[i] != NULL &&
            str_eq_nocase(header, str_trim_ascii(str_of(raw->of[i])))) {
            return rules_yaml_error(
                yaml, path, err, "the header '%" STR_FMT "' is mapped to the column '%s' already",
                STR_ARG(header), name);
        }
    }
    return true;
}

bool columns_map_parse(const char *file, str text, struct rules *rules, struct err *err)
{
    struct schema schema;
    make_schema(rules, &schema);
    AUTO(rules_yaml_free)
    struct rules_yaml *yaml = rules_yaml_load(file, text, &schema.value, err);
    if (yaml == NULL) {
        return false;
    }
    const struct raw_headers *raw = ((const struct raw_map *)rules_yaml_root(yaml))->columns;
    for (size_t i = 0; i < rules->column_count; i++) {
        if (raw->of[i] != NULL && !check_header(yaml, raw, rules, i, err)) {
            return false;
        }
    }
    for (size_t i = 0; i < rules->column_count; i++) {
        if (raw->of[i] != NULL) {
            str header = str_trim_ascii(str_of(raw->of[i]));
            rules->columns[i].mapped = str_z(&rules->arena, header);
        }
    }
    return true;
}

bool columns_map_load(const char *path, struct rules *rules, struct err *err)
{
    AUTO_BUF struct buf text = {.max = COLUMNS_MAP_BYTES};
    if (!fs_read(AT_FDCWD, path, &text, err)) {
        err->kind = err->kind == ERR_IO ? ERR_CONFIG : err->kind;
        return false;
    }
    return columns_map_parse(path, buf_str(&text), rules, err);
}
