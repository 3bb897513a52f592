/* SPDX-License-Identifier: MIT */
/* What is read: columns, values, lists. */
#include "base/fs.h"
#include "match/rules_internal.h"

/* --- names ------------------------------------------------------------------------------------ */

int rules_find_column(const struct rules_build *b, const char *name)
{
    for (size_t i = 0; i < b->raw->columns_count; i++) {
        if (strcmp(b->raw->columns[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int find_list(const struct rules_build *b, const char *name)
{
    for (size_t i = 0; i < b->raw->lists_count; i++) {
        if (strcmp(b->raw->lists[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int rules_find_fact(const struct rules_build *b, const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(b->raw->facts[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int find_value(const struct rules_build *b, const char *name)
{
    for (size_t i = 0; i < b->raw->values_count; i++) {
        if (strcmp(b->raw->values[i].name, name) == 0) {
            return (int)(b->raw->columns_count + i);
        }
    }
    return -1;
}

static bool read_column(struct rules_build *b, const char *name, int *ret)
{
    *ret = rules_find_column(b, name);
    if (*ret < 0) {
        return WRONG(b, "there is no column '%s'", name);
    }
    return b->rules->columns[*ret].decides || WRONG(b, "the column '%s' has 'decides: no'", name);
}

bool rules_read_term(struct rules_build *b, const char *name, int *ret)
{
    *ret = find_value(b, name);
    return *ret >= 0 || read_column(b, name, ret);
}

enum form rules_term_form(const struct rules *rules, int term)
{
    return (size_t)term < rules->column_count ? rules->columns[term].form : FORM_TRIM;
}

bool rules_read_fact(struct rules_build *b, const char *name, int *ret)
{
    if (name == NULL) {
        *ret = -1;
        return true;
    }
    *ret = rules_find_fact(b, name, b->raw->facts_count);
    return *ret >= 0 || WRONG(b, "there is no fact '%s'", name);
}

bool rules_read_words(struct rules_build *b, const char *name, const struct words **ret)
{
    int list = find_list(b, name);
    if (list < 0) {
        return WRONG(b, "there is no list '%s'", name);
    }
    b->list_used[list] = true;
    *ret = &b->rules->lists[list].words;
    return true;
}

bool rules_read_part(struct rules_build *b, const char *text, int term, enum rule_part *ret)
{
    *ret = PART_WHOLE;
    if (text == NULL) {
        return true;
    }
    if (rules_term_form(b->rules, term) != FORM_EMAIL) {
        return WRONG(b, "only a column of the form email has parts");
    }
    if (strcmp(text, "local") == 0) {
        *ret = PART_LOCAL;
    } else if (strcmp(text, "domain") == 0) {
        *ret = PART_DOMAIN;
    } else {
        return WRONG(b, "there is no part '%s', known are local and domain", text);
    }
    return true;
}

/* --- columns ---------------------------------------------------------------------------------- */

static bool build_column(struct rules_build *b, size_t i)
{
    const struct raw_column *raw = &b->raw->columns[i];
    struct rule_column *column = &b->rules->columns[i];
    AT(b, "columns/%zu/name", i);
    if (!rules_check_name(b, raw->name)) {
        return false;
    }
    if (rules_find_column(b, raw->name) != (int)i) {
        return WRONG(b, "the column '%s' stands there twice", raw->name);
    }
    column->name = rules_keep(b, raw->name);
    const char **headers = arena_array(&b->rules->arena, raw->headers_count + 1, sizeof(*headers));
    for (size_t j = 0; j < raw->headers_count; j++) {
        headers[j] = rules_keep(b, raw->headers[j]);
    }
    column->headers = headers;
    column->remote = rules_keep(b, raw->remote != NULL ? raw->remote : "");
    AT(b, "columns/%zu/form", i);
    column->form = form_by_name(str_of(raw->form));
    if (column->form == FORM_NUMBER_OF) {
        return WRONG(b, "there is no form '%s', known are trim, fold, email, count, code and time",
                     raw->form);
    }
    AT(b, "columns/%zu/empty", i);
    if (raw->empty != NULL && !rules_read_words(b, raw->empty, &column->empty)) {
        return false;
    }
    AT(b, "columns/%zu/required", i);
    if (!rules_read_bool(b, raw->required, false, &column->required)) {
        return false;
    }
    AT(b, "columns/%zu/decides", i);
    if (!rules_read_bool(b, raw->decides, true, &column->decides)) {
        return false;
    }
    AT(b, "columns/%zu/identity", i);
    if (!rules_read_bool(b, raw->identity, false, &column->identity)) {
        return false;
    }
    bool plain = column->form == FORM_TRIM && column->empty == NULL;
    if (column->identity && (!plain || !column->required || !column->decides)) {
        return WRONG(b, "an identity column is required, has the form trim and decides");
    }
    if (column->identity && b->rules->identity >= 0) {
        return WRONG(b, "a second identity column");
    }
    b->rules->identity = column->identity ? (int)i : b->rules->identity;
    return true;
}

bool rules_build_columns(struct rules_build *b)
{
    b->rules->column_count = b->raw->columns_count;
    b->rules->columns =
        arena_array(&b->rules->arena, b->raw->columns_count, sizeof(*b->rules->columns));
    for (size_t i = 0; i < b->raw->columns_count; i++) {
        if (!build_column(b, i)) {
            return false;
        }
    }
    AT(b, "columns");
    return b->rules->identity >= 0 || WRONG(b, "no column has 'identity: yes'");
}

/* --- values ----------------------------------------------------------------------------------- */

static bool build_value(struct rules_build *b, size_t i)
{
    const struct raw_value *raw = &b->raw->values[i];
    struct rule_value *value = &b->rules->values[i];
    AT(b, "values/%zu/name", i);
    if (!rules_check_name(b, raw->name)) {
        return false;
    }
    if (find_value(b, raw->name) != (int)(b->raw->columns_count + i) ||
        rules_find_column(b, raw->name) >= 0) {
        return WRONG(b, "a column or value '%s' is there already", raw->name);
    }
    value->name = rules_keep(b, raw->name);
    value->first_count = raw->first_count;
    int *first = arena_array(&b->rules->arena, raw->first_count, sizeof(*first));
    value->first = first;
    for (size_t j = 0; j < raw->first_count; j++) {
        AT(b, "values/%zu/first/%zu", i, j);
        if (!read_column(b, raw->first[j], &first[j])) {
            return false;
        }
    }
    return true;
}

bool rules_build_values(struct rules_build *b)
{
    b->rules->value_count = b->raw->values_count;
    b->rules->values =
        arena_array(&b->rules->arena, b->raw->values_count, sizeof(*b->rules->values));
    for (size_t i = 0; i < b->raw->values_count; i++) {
        if (!build_value(b, i)) {
            return false;
        }
    }
    return true;
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Below the rule file's directory: no way up, no absolute path. */
static bool is_list_path(const char *file)
{
    return file[0] != '/' && strstr(file, "..") == NULL;
}

static bool read_list_file(struct rules_build *b, const char *file, struct buf *text)
{
    struct err cause = {0};
    if (b->dirfd < 0 || !is_list_path(file)) {
        return WRONG(b, "the list '%s' does not lie below the rule file", file);
    }
    if (!fs_read(b->dirfd, file, text, &cause)) {
        return WRONG(b, "%s", cause.message);
    }
    return true;
}

static bool build_list(struct rules_build *b, size_t i)
{
    const struct raw_list *raw = &b->raw->lists[i];
    struct rule_list *list = &b->rules->lists[i];
    AT(b, "lists/%zu/name", i);
    if (!rules_check_name(b, raw->name)) {
        return false;
    }
    if (find_list(b, raw->name) != (int)i) {
        return WRONG(b, "the list '%s' stands there twice", raw->name);
    }
    AT(b, "lists/%zu", i);
    if ((raw->file != NULL) == (raw->words != NULL)) {
        return WRONG(b, "a list has either 'file' or 'words'");
    }
    list->name = rules_keep(b, raw->name);
    AUTO_BUF struct buf text = {.max = RULES_LIST_BYTES};
    if (raw->file != NULL) {
        list->file = rules_keep(b, raw->file);
        AT(b, "lists/%zu/file", i);
        if (!read_list_file(b, raw->file, &text)) {
            return false;
        }
    }
    for (size_t j = 0; raw->words != NULL && j < raw->words_count; j++) {
        buf_printf(&text, "%s\n", raw->words[j]);
    }
    sha256_add(b->sha, text.ptr, text.len);
    size_t bad = words_add(&list->words, &b->rules->arena, buf_str(&text));
    if (bad != 0) {
        return WRONG(b, "line %zu of the list '%s' stands there twice or is not UTF-8", bad,
                     raw->name);
    }
    return list->words.count != 0 || WRONG(b, "the list '%s' is empty", raw->name);
}

bool rules_build_lists(struct rules_build *b)
{
    b->rules->list_count = b->raw->lists_count;
    b->rules->lists = arena_array(&b->rules->arena, b->raw->lists_count, sizeof(*b->rules->lists));
    for (size_t i = 0; i < b->raw->lists_count; i++) {
        if (!build_list(b, i)) {
            return false;
        }
    }
    return true;
}
