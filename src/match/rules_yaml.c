/* SPDX-License-Identifier: MIT */
#include "match/rules_yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

enum { MAX_DEPTH = 16 };

struct rules_yaml {
    const char *file;
    yaml_document_t document;
    bool has_document;
    const cyaml_schema_value_t *schema;
    void *root;
};

static cyaml_config_t config(void)
{
    return (cyaml_config_t){
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

void rules_yaml_free(struct rules_yaml *yaml)
{
    if (yaml == NULL) {
        return;
    }
    cyaml_config_t cfg = config();
    if (yaml->root != NULL) {
        /* freeing a loaded tree by its own schema cannot fail */
        (void)cyaml_free(&cfg, yaml->schema, yaml->root, 0);
    }
    if (yaml->has_document) {
        yaml_document_delete(&yaml->document);
    }
    free(yaml);
}

const void *rules_yaml_root(const struct rules_yaml *yaml)
{
    return yaml->root;
}

/* --- errors with places ----------------------------------------------------------------------- */

static bool error_at(const struct rules_yaml *yaml, yaml_mark_t mark, struct err *err,
                     const char *text)
{
    return err_set(err, ERR_CONFIG, "could not use '%s': line %zu, column %zu: %s", yaml->file,
                   mark.line + 1, mark.column + 1, text);
}

static str scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE
               ? (str){(const char *)node->data.scalar.value, node->data.scalar.length}
               : STR_NONE;
}

/* The value of `key` in a mapping, or the entry of that number in a sequence; NULL where none. */
static yaml_node_t *child(yaml_document_t *document, const yaml_node_t *node, str key)
{
    if (node->type == YAML_MAPPING_NODE) {
        for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
             p++) {
            if (str_eq(scalar(yaml_document_get_node(document, p->key)), key)) {
                return yaml_document_get_node(document, p->value);
            }
        }
        return NULL;
    }
    size_t index = 0;
    for (size_t i = 0; i < key.len; i++) {
        index = index * 10 + (size_t)(key.ptr[i] - '0');
    }
    if (node->type == YAML_SEQUENCE_NODE) {
        yaml_node_item_t *item = node->data.sequence.items.start + index;
        return item < node->data.sequence.items.top ? yaml_document_get_node(document, *item)
                                                    : NULL;
    }
    return NULL;
}

bool rules_yaml_error(const struct rules_yaml *yaml, const char *path, struct err *err,
                      const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args); /* a cut message is still a message */
    va_end(args);
    yaml_document_t document = yaml->document; /* libyaml's getters do not take const */
    const yaml_node_t *node = yaml_document_get_root_node(&document);
    str rest = str_of(path);
    while (rest.len != 0) {
        str step = str_cut(rest, '/', &rest);
        const yaml_node_t *next = child(&document, node, step);
        if (next == NULL) {
            break;
        }
        node = next;
    }
    return error_at(yaml, node->start_mark, err, text);
}

/* --- the walk against the schema -------------------------------------------------------------- */

static bool walk(struct rules_yaml *yaml, const cyaml_schema_value_t *schema, yaml_node_t *node,
                 int depth, struct err *err);

static const cyaml_schema_field_t *find_field(const cyaml_schema_field_t *fields, str key)
{
    for (; fields->key != NULL; fields++) {
        if (str_eqz(key, fields->key)) {
            return fields;
        }
    }
    return NULL;
}

static bool unknown_key(const struct rules_yaml *yaml, const cyaml_schema_field_t *fields,
                        const yaml_node_t *key, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    str name = scalar(key);
    buf_printf(&text, "unknown word '%" STR_FMT "', known here:", STR_ARG(name));
    for (; fields->key != NULL; fields++) {
        buf_printf(&text, " %s", fields->key);
    }
    return error_at(yaml, key->start_mark, err, buf_z(&text));
}

static bool walk_pair(struct rules_yaml *yaml, const cyaml_schema_field_t *fields,
                      const yaml_node_t *node, const yaml_node_pair_t *pair, int depth,
                      struct err *err)
{
    yaml_node_t *key = yaml_document_get_node(&yaml->document, pair->key);
    const cyaml_schema_field_t *field = find_field(fields, scalar(key));
    if (field == NULL) {
        return unknown_key(yaml, fields, key, err);
    }
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start; p < pair; p++) {
        if (str_eqz(scalar(yaml_document_get_node(&yaml->document, p->key)), field->key)) {
            char text[128];
            (void)snprintf(text, sizeof(text), "'%s' stands there twice", field->key);
            return error_at(yaml, key->start_mark, err, text);
        }
    }
    return walk(yaml, &field->value, yaml_document_get_node(&yaml->document, pair->value), depth,
                err);
}

static bool walk_mapping(struct rules_yaml *yaml, const cyaml_schema_field_t *fields,
                         yaml_node_t *node, int depth, struct err *err)
{
    if (node->type != YAML_MAPPING_NODE) {
        return error_at(yaml, node->start_mark, err, "expected words with values ('word: value')");
    }
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        if (!walk_pair(yaml, fields, node, p, depth, err)) {
            return false;
        }
    }
    for (const cyaml_schema_field_t *f = fields; f->key != NULL; f++) {
        if ((f->value.flags & CYAML_FLAG_OPTIONAL) == 0 &&
            child(&yaml->document, node, str_of(f->key)) == NULL) {
            char text[128];
            (void)snprintf(text, sizeof(text), "'%s' is missing", f->key);
            return error_at(yaml, node->start_mark, err, text);
        }
    }
    return true;
}

static bool walk_sequence(struct rules_yaml *yaml, const cyaml_schema_value_t *schema,
                          yaml_node_t *node, int depth, struct err *err)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        return error_at(yaml, node->start_mark, err,
                        "expected a list ('- entry' or '[entry, ...]')");
    }
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (count < schema->sequence.min || count > schema->sequence.max) {
        char text[128];
        (void)snprintf(text, sizeof(text), "expected %u to %u entries, not %zu",
                       (unsigned)schema->sequence.min, (unsigned)schema->sequence.max, count);
        return error_at(yaml, node->start_mark, err, text);
    }
    for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top;
         i++) {
        if (!walk(yaml, schema->sequence.entry, yaml_document_get_node(&yaml->document, *i), depth,
                  err)) {
            return false;
        }
    }
    return true;
}

static bool walk_text(const struct rules_yaml *yaml, const cyaml_schema_value_t *schema,
                      const yaml_node_t *node, struct err *err)
{
    if (node->type != YAML_SCALAR_NODE) {
        return error_at(yaml, node->start_mark, err, "expected one value");
    }
    str text = scalar(node);
    if (memchr(text.ptr, '\0', text.len) != NULL) {
        return error_at(yaml, node->start_mark, err, "a NUL character in a value");
    }
    if (text.len < schema->string.min || text.len > schema->string.max) {
        char problem[128];
        (void)snprintf(problem, sizeof(problem), "expected %u to %u bytes, not %zu",
                       (unsigned)schema->string.min, (unsigned)schema->string.max, text.len);
        return error_at(yaml, node->start_mark, err, problem);
    }
    return true;
}

static bool walk(struct rules_yaml *yaml, const cyaml_schema_value_t *schema, yaml_node_t *node,
                 int depth, struct err *err)
{
    if (depth >= MAX_DEPTH) {
        return error_at(yaml, node->start_mark, err, "nested too deeply");
    }
    if (schema->type == CYAML_MAPPING) {
        return walk_mapping(yaml, schema->mapping.fields, node, depth + 1, err);
    }
    if (schema->type == CYAML_SEQUENCE) {
        return walk_sequence(yaml, schema, node, depth + 1, err);
    }
    return walk_text(yaml, schema, node, err);
}

/* --- loading ---------------------------------------------------------------------------------- */

/* Anchors are refused as events: the document that libyaml builds has them resolved already. */
static bool refuse_anchors(const struct rules_yaml *yaml, str text, struct err *err)
{
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        return err_set(err, ERR_INTERNAL, "could not use '%s': out of memory", yaml->file);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    bool ok = true;
    bool end = false;
    int documents = 0;
    while (ok && !end) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            char problem[256];
            (void)snprintf(problem, sizeof(problem), "not YAML: %s",
                           parser.problem != NULL ? parser.problem : "unreadable");
            ok = error_at(yaml, parser.problem_mark, err, problem);
            break;
        }
        const yaml_char_t *anchor =
            event.type == YAML_SCALAR_EVENT           ? event.data.scalar.anchor
            : event.type == YAML_SEQUENCE_START_EVENT ? event.data.sequence_start.anchor
            : event.type == YAML_MAPPING_START_EVENT  ? event.data.mapping_start.anchor
                                                      : NULL;
        if (event.type == YAML_ALIAS_EVENT || anchor != NULL) {
            ok = error_at(yaml, event.start_mark, err, "anchors and aliases are not allowed");
        }
        if (event.type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
            ok = error_at(yaml, event.start_mark, err, "a second document is not allowed");
        }
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    if (ok && documents == 0) {
        return err_set(err, ERR_CONFIG, "could not use '%s': it is empty", yaml->file);
    }
    return ok;
}

static bool load_document(struct rules_yaml *yaml, str text, struct err *err)
{
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        return err_set(err, ERR_INTERNAL, "could not use '%s': out of memory", yaml->file);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    yaml->has_document = yaml_parser_load(&parser, &yaml->document) != 0;
    bool ok = yaml->has_document;
    if (!ok) {
        char problem[256];
        (void)snprintf(problem, sizeof(problem), "not YAML: %s",
                       parser.problem != NULL ? parser.problem : "unreadable");
        ok = error_at(yaml, parser.problem_mark, err, problem);
    }
    yaml_parser_delete(&parser);
    return ok;
}

struct rules_yaml *rules_yaml_load(const char *file, str text, const cyaml_schema_value_t *schema,
                                   struct err *err)
{
    AUTO(rules_yaml_free) struct rules_yaml *yaml = xnew(struct rules_yaml);
    yaml->file = file;
    yaml->schema = schema;
    if (!refuse_anchors(yaml, text, err) || !load_document(yaml, text, err)) {
        return NULL;
    }
    yaml_node_t *root = yaml_document_get_root_node(&yaml->document);
    if (!walk(yaml, schema, root, 0, err)) {
        return NULL;
    }
    cyaml_config_t cfg = config();
    cyaml_err_t result =
        cyaml_load_data((const uint8_t *)text.ptr, text.len, &cfg, schema, &yaml->root, NULL);
    if (result != CYAML_OK) {
        (void)err_set(err, ERR_CONFIG, "could not use '%s': %s", file, cyaml_strerror(result));
        return NULL;
    }
    return STEAL(yaml);
}
