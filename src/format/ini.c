/* SPDX-License-Identifier: MIT */
#include "format/ini.h"

struct reader {
    const char *file;
    uint64_t line;
    str section;
    ini_entry *entry;
    void *ctx;
};

static bool fail(const struct reader *reader, const char *cause, struct err *err)
{
    return err_set(err, ERR_CONFIG, "could not read '%s': line %llu: %s", reader->file,
                   (unsigned long long)reader->line, cause);
}

static bool take_section(struct reader *reader, str line, struct err *err)
{
    str rest;
    str name = str_trim_ascii(str_cut((str){line.ptr + 1, line.len - 1}, ']', &rest));
    if (rest.ptr == NULL) {
        return fail(reader, "no ']' after the name of the section", err);
    }
    rest = str_trim_ascii(rest);
    if (rest.len != 0 && rest.ptr[0] != '#' && rest.ptr[0] != ';') {
        return fail(reader, "text after the ']' of a section", err);
    }
    if (name.len == 0 || name.len > INI_MAX_NAME) {
        return fail(reader, "the name of the section is empty or too long", err);
    }
    reader->section = name;
    return true;
}

static bool take_entry(struct reader *reader, str line, struct err *err)
{
    size_t at = 0;
    while (at < line.len && line.ptr[at] != '=' && line.ptr[at] != ':') {
        at++;
    }
    if (at == line.len) {
        return fail(reader, "neither '[section]' nor 'key = value'", err);
    }
    str key = str_trim_ascii((str){line.ptr, at});
    str value = str_trim_ascii((str){line.ptr + at + 1, line.len - at - 1});
    if (key.len == 0 || key.len > INI_MAX_NAME) {
        return fail(reader, "the key is empty or too long", err);
    }
    if (value.len > INI_MAX_VALUE) {
        return fail(reader, "the value is longer than 64 KiB", err);
    }
    return reader->entry(reader->ctx, reader->line, reader->section, key, value);
}

static bool take_line(struct reader *reader, str line, struct err *err)
{
    if (line.len != 0 && memchr(line.ptr, '\0', line.len) != NULL) {
        return fail(reader, "a NUL byte", err);
    }
    line = str_trim_ascii(line);
    if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';') {
        return true;
    }
    return line.ptr[0] == '[' ? take_section(reader, line, err) : take_entry(reader, line, err);
}

bool ini_parse(str text, const char *file, ini_entry *entry, void *ctx, struct err *err)
{
    struct reader reader = {.file = file, .section = STR(""), .entry = entry, .ctx = ctx};
    if (text.len > INI_MAX_BYTES) {
        return err_set(err, ERR_CONFIG, "could not read '%s': it is larger than 1 MiB", file);
    }
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        text = (str){text.ptr + 3, text.len - 3};
    }
    while (text.ptr != NULL) {
        reader.line++;
        if (!take_line(&reader, str_cut(text, '\n', &text), err)) {
            return false;
        }
    }
    return true;
}
