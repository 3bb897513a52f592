/* SPDX-License-Identifier: MIT */
/* The header line: wanted columns by name, in any order. */
#include "format/csv.h"

static bool names_column(str cell, const struct csv_column *column)
{
    if (str_eq_nocase(cell, str_of(column->name))) {
        return true;
    }
    for (const char *const *alias = column->aliases; alias != NULL && *alias != NULL; alias++) {
        if (str_eq_nocase(cell, str_of(*alias))) {
            return true;
        }
    }
    return false;
}

/* The character that a one-column header was probably meant to be split at, 0 where none. */
static const char *other_delimiter(str cell)
{
    static const struct {
        char c;
        const char *name;
    } others[] = {{';', "semicolons"}, {'\t', "tabs"}, {'|', "vertical bars"}};
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        if (cell.len != 0 && memchr(cell.ptr, others[i].c, cell.len) != NULL) {
            return others[i].name;
        }
    }
    return NULL;
}

static void add_name(struct buf *list, const char *name)
{
    if (list->len != 0) {
        buf_addz(list, ", ");
    }
    buf_printf(list, "'%s'", name);
}

bool csv_header_match(const struct csv_row *header, const char *file, struct csv_column *columns,
                      size_t count, struct err *err)
{
    if (header->problem != CSV_OK) {
        return err_set(err, ERR_INPUT, "could not read the header of '%s': %s in line %llu", file,
                       csv_problem_text(header->problem), (unsigned long long)header->problem_line);
    }
    const char *other = header->count == 1 ? other_delimiter(header->fields[0]) : NULL;
    if (other != NULL) {
        (void)err_set(err, ERR_INPUT, "could not read '%s': its columns are separated by %s", file,
                      other);
        return err_hint(err, "Save it with commas between the columns.");
    }
    AUTO_BUF struct buf missing = {0};
    AUTO_BUF struct buf doubled = {0};
    for (size_t i = 0; i < count; i++) {
        columns[i].index = -1;
        bool twice = false;
        for (size_t j = 0; j < header->count; j++) {
            if (!names_column(str_trim_ascii(header->fields[j]), &columns[i])) {
                continue;
            }
            twice |= columns[i].index >= 0;
            columns[i].index = columns[i].index < 0 ? (int)j : columns[i].index;
        }
        if (twice) {
            add_name(&doubled, columns[i].name);
        }
        if (columns[i].index < 0 && columns[i].required) {
            add_name(&missing, columns[i].name);
        }
    }
    if (missing.len != 0) {
        (void)err_set(err, ERR_INPUT, "could not use '%s': missing columns: %s", file,
                      buf_z(&missing));
        return err_hint(err, "Column names are compared without case; the first line must hold "
                             "them.");
    }
    if (doubled.len != 0) {
        return err_set(err, ERR_INPUT, "could not use '%s': columns that stand there twice: %s",
                       file, buf_z(&doubled));
    }
    return true;
}
