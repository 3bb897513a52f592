/* SPDX-License-Identifier: MIT */
#include "format/envfile.h"

#include "base/secret.h"

struct reader {
    str text; /* what is left */
    uint64_t line;
    const char *file;
    struct buf value;
};

static bool fail(const struct reader *reader, uint64_t line, const char *cause, struct err *err)
{
    return err_set(err, ERR_CONFIG, "could not read '%s': line %llu: %s", reader->file,
                   (unsigned long long)line, cause);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char peek(const struct reader *reader)
{
    return reader->text.len != 0 ? reader->text.ptr[0] : '\n';
}

static char next(struct reader *reader)
{
    char c = reader->text.ptr[0];
    reader->text.ptr++;
    reader->text.len--;
    reader->line += c == '\n' ? 1 : 0;
    return c;
}

static void skip_blanks(struct reader *reader)
{
    while (reader->text.len != 0 && is_blank(peek(reader))) {
        (void)next(reader); /* a blank */
    }
}

static void skip_line(struct reader *reader)
{
    while (reader->text.len != 0 && next(reader) != '\n') {
    }
}

/* Up to the line end, without it. */
static str take_rest_of_line(struct reader *reader)
{
    const char *start = reader->text.ptr;
    while (reader->text.len != 0 && peek(reader) != '\n') {
        (void)next(reader); /* kept by the view */
    }
    return (str){start, (size_t)(reader->text.ptr - start)};
}

static bool is_name(str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        bool digit = c >= '0' && c <= '9';
        if (!letter && !(digit && i != 0)) {
            return false;
        }
    }
    return name.len != 0 && name.len <= ENVFILE_MAX_NAME;
}

static bool take_name(struct reader *reader, str *ret_name, struct err *err)
{
    uint64_t line = reader->line;
    const char *start = reader->text.ptr;
    while (reader->text.len != 0 && peek(reader) != '=' && peek(reader) != '\n') {
        (void)next(reader); /* kept by the view */
    }
    str name = str_trim_ascii((str){start, (size_t)(reader->text.ptr - start)});
    if (peek(reader) != '=') {
        return fail(reader, line, "no '=' after the name", err);
    }
    (void)next(reader); /* the '=' */
    if (str_starts(name, STR("export ")) || str_starts(name, STR("export\t"))) {
        name = str_trim_ascii((str){name.ptr + 7, name.len - 7});
    }
    if (!is_name(name)) {
        return fail(reader, line,
                    "the name before '=' must be letters, digits and '_', not a digit first", err);
    }
    *ret_name = name;
    return true;
}

static void take_plain_value(struct reader *reader)
{
    str value = take_rest_of_line(reader);
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '#' && (i == 0 || is_blank(value.ptr[i - 1]))) {
            value.len = i;
            break;
        }
    }
    buf_adds(&reader->value, str_trim_ascii(value));
}

static void take_escape(struct reader *reader)
{
    static const char from[] = "nrt\\\"'$`";
    static const char to[] = "\n\r\t\\\"'$`";
    char c = next(reader);
    const char *at = c != '\0' ? strchr(from, c) : NULL;
    if (at == NULL) {
        buf_addc(&reader->value, '\\');
        buf_addc(&reader->value, c);
        return;
    }
    buf_addc(&reader->value, to[at - from]);
}

static bool take_quoted_value(struct reader *reader, struct err *err)
{
    uint64_t line = reader->line;
    char quote = next(reader);
    for (;;) {
        if (reader->text.len == 0) {
            return fail(reader, line, "a quote is not closed", err);
        }
        char c = next(reader);
        if (c == quote) {
            break;
        }
        if (c == '\\' && quote == '"' && reader->text.len != 0) {
            take_escape(reader);
        } else if (c == '\r' && peek(reader) == '\n' && reader->text.len != 0) {
            continue; /* a line end within a value is LF whatever the file has */
        } else {
            buf_addc(&reader->value, c);
        }
    }
    str rest = str_trim_ascii(take_rest_of_line(reader));
    if (rest.len != 0 && rest.ptr[0] != '#') {
        return fail(reader, reader->line, "text after the closing quote", err);
    }
    return true;
}

static bool take_entry(struct reader *reader, envfile_entry *entry, void *ctx, struct err *err)
{
    uint64_t line = reader->line;
    str name;
    if (!take_name(reader, &name, err)) {
        return false;
    }
    skip_blanks(reader);
    buf_clear(&reader->value);
    char first = peek(reader);
    if (first != '"' && first != '\'') {
        take_plain_value(reader);
    } else if (!take_quoted_value(reader, err)) {
        return false;
    }
    if (reader->value.overflow) {
        return fail(reader, line, "the value is longer than 64 KiB", err);
    }
    skip_line(reader);
    return entry(ctx, line, name, (str){buf_z(&reader->value), reader->value.len});
}

static bool take_all(struct reader *reader, envfile_entry *entry, void *ctx, struct err *err)
{
    while (reader->text.len != 0) {
        skip_blanks(reader);
        if (peek(reader) == '#' || peek(reader) == '\n') {
            skip_line(reader);
        } else if (!take_entry(reader, entry, ctx, err)) {
            return false;
        }
    }
    return true;
}

static uint64_t line_of(str text, const char *at)
{
    uint64_t line = 1;
    for (const char *p = text.ptr; p < at; p++) {
        line += *p == '\n' ? 1 : 0;
    }
    return line;
}

bool envfile_parse(str text, const char *file, envfile_entry *entry, void *ctx, struct err *err)
{
    struct reader reader = {
        .text = text, .line = 1, .file = file, .value = {.max = ENVFILE_MAX_VALUE}};
    if (text.len > ENVFILE_MAX_BYTES) {
        return err_set(err, ERR_CONFIG, "could not read '%s': it is larger than 1 MiB", file);
    }
    const char *nul = text.len != 0 ? memchr(text.ptr, '\0', text.len) : NULL;
    if (nul != NULL) {
        return fail(&reader, line_of(text, nul), "a NUL byte", err);
    }
    if (str_starts(text, STR("\xef\xbb\xbf"))) {
        reader.text = (str){text.ptr + 3, text.len - 3};
    }
    bool ok = take_all(&reader, entry, ctx, err);
    secret_wipe_buf(&reader.value);
    return ok;
}
