/* SPDX-License-Identifier: MIT */
#include "sandbox/snowflake_sql.h"

#include <ctype.h>

#include "base/num.h"

static const char *const TABLES[] = {"REV_USERS", "ACCOUNTS", "WORK_REPORTERS", "ISSUES"};

static const char *const COLUMNS[] = {
    "ID",           "DISPLAY_ID",     "DISPLAY_NAME",     "FULL_NAME",     "EMAIL",
    "EXTERNAL_REF", "STATE",          "CREATED_DATE",     "MODIFIED_DATE", "MODIFIED_BY_NAME",
    "ACCOUNT_ID",   "WORK_ID",        "PRIMARY_IDENTITY", "REV_USER_ID",   "UPDATED_BY_BI_SERVICE",
    "CREATED_BY",   "ASSIGNED_GROUP", "CREATOR_GROUP",
};

enum kind { WORD, QUOTED, TEXT, SIGN, END };

struct token {
    enum kind kind;
    str text; /* without quotes; a word in upper case */
};

struct reader {
    struct arena *arena;
    str rest;
    struct token token; /* the current one */
    struct sql_query *query;
};

static void fail(struct reader *reader, const char *code, const char *sql_state, char *message)
{
    if (reader->query->code == NULL) {
        reader->query->code = code;
        reader->query->sql_state = sql_state;
        reader->query->message = str_of(message);
    }
    reader->token = (struct token){END, STR_NONE};
    reader->rest = STR_NONE;
}

static void fail_syntax(struct reader *reader)
{
    fail(reader, "001003", "42000",
         arena_printf(reader->arena, "SQL compilation error: syntax error unexpected '%.40s'.",
                      reader->token.kind == END ? "<EOF>"
                                                : str_z(reader->arena, reader->token.text)));
}

/* --- words ------------------------------------------------------------------------------------ */

static void skip_blanks(str *rest)
{
    for (;;) {
        while (rest->len > 0 && isspace((unsigned char)rest->ptr[0])) {
            *rest = (str){rest->ptr + 1, rest->len - 1};
        }
        if (!str_starts(*rest, STR("--"))) {
            return;
        }
        str behind;
        (void)str_cut(*rest, '\n', &behind);
        *rest = behind;
    }
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$';
}

static str upper(struct arena *arena, str word)
{
    char *copy = str_z(arena, word);
    for (char *c = copy; *c != '\0'; c++) {
        *c = (char)toupper((unsigned char)*c);
    }
    return (str){copy, word.len};
}

static void next(struct reader *reader)
{
    str *rest = &reader->rest;
    skip_blanks(rest);
    if (rest->len == 0) {
        reader->token = (struct token){END, STR_NONE};
        return;
    }
    char first = rest->ptr[0];
    size_t len = 1;
    if (first == '"' || first == '\'') {
        str behind;
        str inside = str_cut((str){rest->ptr + 1, rest->len - 1}, first, &behind);
        if (behind.ptr == NULL) {
            fail_syntax(reader);
            return;
        }
        reader->token = (struct token){first == '"' ? QUOTED : TEXT, inside};
        *rest = behind;
        return;
    }
    while (is_word(first) && len < rest->len && is_word(rest->ptr[len])) {
        len++;
    }
    str text = {rest->ptr, len};
    reader->token = is_word(first) ? (struct token){WORD, upper(reader->arena, text)}
                                   : (struct token){SIGN, text};
    *rest = (str){rest->ptr + len, rest->len - len};
}

static bool is(const struct reader *reader, const char *text)
{
    return (reader->token.kind == WORD || reader->token.kind == SIGN) &&
           str_eqz(reader->token.text, text);
}

static bool take(struct reader *reader, const char *text)
{
    bool found = is(reader, text);
    if (found) {
        next(reader);
    }
    return found;
}

static bool is_among(str text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eqz(text, list[i])) {
            return true;
        }
    }
    return false;
}

/* --- the query -------------------------------------------------------------------------------- */

static bool ends_item(const struct reader *reader, int depth)
{
    return reader->token.kind == END ||
           (depth == 0 && (is(reader, ",") || is(reader, "FROM") || is(reader, "AS")));
}

/* One word, sign or t.COLUMN, whose name must be one of the tables'. *ret_name: the last name in it. */
static void take_part(struct reader *reader, int *depth, str *ret_name)
{
    *depth += is(reader, "(") ? 1 : is(reader, ")") ? -1 : 0;
    bool word = reader->token.kind == WORD;
    str name = reader->token.text;
    next(reader);
    if (!word) {
        return;
    }
    *ret_name = name;
    if (!take(reader, ".")) {
        return;
    }
    str column = reader->token.text;
    if (!is_among(column, COLUMNS, ARRAY_LEN(COLUMNS))) {
        fail(reader, "000904", "42000",
             arena_printf(reader->arena,
                          "SQL compilation error: error line 1 at position 7\ninvalid identifier "
                          "'%" STR_FMT ".%" STR_FMT "'",
                          STR_ARG(name), STR_ARG(column)));
        return;
    }
    *ret_name = column;
    next(reader);
}

static void take_item(struct reader *reader)
{
    struct sql_query *query = reader->query;
    struct sql_column column = {.name = STR("")};
    size_t parts = 0;
    for (int depth = 0; !ends_item(reader, depth); parts++) {
        take_part(reader, &depth, &column.name);
    }
    column.is_null = parts == 1 && str_eqz(column.name, "NULL");
    column.expression = column.name;
    if (take(reader, "AS")) {
        column.name = reader->token.text;
        next(reader);
    }
    if (parts == 0 || query->count == SQL_MAX_COLUMNS) {
        fail_syntax(reader);
        return;
    }
    query->columns[query->count++] = column;
}

static void take_table(struct reader *reader)
{
    str name = reader->token.text;
    next(reader);
    while (take(reader, ".")) { /* DATABASE.SCHEMA.TABLE */
        name = reader->token.text;
        next(reader);
    }
    if (!is_among(name, TABLES, ARRAY_LEN(TABLES))) {
        fail(reader, "002003", "42S02",
             arena_printf(reader->arena,
                          "SQL compilation error:\nObject '%" STR_FMT
                          "' does not exist or not authorized.",
                          STR_ARG(name)));
    }
    reader->query->issues = reader->query->issues || str_eqz(name, "ISSUES");
}

/* What follows the tables: column names are checked, LIMIT and WHERE FALSE are obeyed. */
static void take_rest(struct reader *reader)
{
    int depth = 0;
    str name;
    while (reader->token.kind != END) {
        if (take(reader, "JOIN")) {
            take_table(reader);
        } else if (take(reader, "LIMIT")) {
            if (!num_parse_i64(reader->token.text, 0, INT64_MAX, &reader->query->limit)) {
                fail_syntax(reader);
            }
        } else if (take(reader, "WHERE")) {
            reader->query->limit = is(reader, "FALSE") ? 0 : reader->query->limit;
        } else {
            take_part(reader, &depth, &name);
        }
    }
}

/* A SELECT without FROM. */
static void check_context(struct reader *reader)
{
    static const char *const functions[] = {"CURRENT_USER", "CURRENT_ROLE", "CURRENT_WAREHOUSE",
                                            "CURRENT_DATABASE", "CURRENT_SCHEMA"};
    reader->query->kind = SQL_CONTEXT;
    for (size_t i = 0; i < reader->query->count; i++) {
        if (!is_among(reader->query->columns[i].expression, functions, ARRAY_LEN(functions))) {
            fail_syntax(reader);
        }
    }
}

static void take_generator(struct reader *reader)
{
    reader->query->kind = SQL_GENERATOR;
    if (!take(reader, "(") || !take(reader, "GENERATOR")) {
        fail_syntax(reader);
    }
    for (size_t i = 0; i < reader->query->count; i++) {
        reader->query->columns[i].constant = STR("0");
    }
    int depth = 0;
    str name;
    while (reader->token.kind != END) {
        take_part(reader, &depth, &name);
    }
}

void sql_understand(struct arena *arena, str sql, struct sql_query *ret)
{
    *ret = (struct sql_query){.limit = -1};
    struct reader reader = {.arena = arena, .rest = sql, .query = ret};
    next(&reader);
    if (reader.token.kind == END) {
        fail(&reader, "000900", "42601",
             arena_strdup(arena, "SQL compilation error: empty statement."));
        return;
    }
    if (!take(&reader, "SELECT")) {
        fail_syntax(&reader);
        return;
    }
    do {
        take_item(&reader);
    } while (take(&reader, ","));
    if (reader.token.kind == END && ret->code == NULL) {
        check_context(&reader);
        return;
    }
    if (!take(&reader, "FROM")) {
        fail_syntax(&reader);
        return;
    }
    if (take(&reader, "TABLE")) {
        take_generator(&reader);
        return;
    }
    take_table(&reader);
    take_rest(&reader);
}
