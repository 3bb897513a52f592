/* SPDX-License-Identifier: MIT */
/*
 * RFC 4180 reader and writer for large files.
 *
 * The reader takes bytes in pieces and gives rows of views. Accepted beyond the letter of RFC 4180
 * because exports do it: a UTF-8 byte order mark, LF or CRLF (or CR at the very end of a CRLF file)
 * as line ends, quoted fields with line ends and doubled quotes inside, no line end after the last
 * row, blank lines (no rows). Not accepted, and reported with the line where the row begins: a
 * quote inside an unquoted field, text after a closing quote, an unclosed quote at the end, NUL, a
 * field or row above the declared limits (in raw bytes, quotes included). The first problem of a
 * row counts, but too long goes before all others, and unclosed before too long. In a field that
 * broke a rule quotes are text from there on, so one stray quote costs one row and not the rest of
 * the file. A broken row ends at the next line end outside quotes where one can be found; reading
 * goes on after it.
 *
 * Views live until the next call of the same reader. One reader belongs to one thread; several
 * readers may work on one file at different offsets (csv_reader_seek), which is how the planner
 * uses two cores. Lines are counted from 1, physically: a quoted line end counts.
 */
#ifndef STEWARD_FORMAT_CSV_H
#define STEWARD_FORMAT_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct csv_limits {
    size_t max_field_bytes; /* 0: 1 MiB */
    size_t max_row_bytes;   /* 0: 8 MiB */
    size_t max_fields;      /* 0: 1,000 */
};

enum csv_problem {
    CSV_OK,
    CSV_QUOTE_IN_FIELD,   /* a quote inside an unquoted field */
    CSV_TEXT_AFTER_QUOTE, /* text after a closing quote */
    CSV_UNCLOSED_QUOTE,   /* the file ends inside quotes */
    CSV_NUL,              /* a NUL byte */
    CSV_FIELD_TOO_LONG,
    CSV_ROW_TOO_LONG,
    CSV_TOO_MANY_FIELDS,
    CSV_PROBLEM_COUNT
};

struct csv_row {
    const str *fields; /* unescaped */
    size_t count;
    bool ascii;      /* no byte above 0x7f here; false says nothing (bytes are seen in blocks) */
    uint64_t line;   /* where the row begins */
    uint64_t offset; /* byte offset of the row's first byte in the file */
    enum csv_problem problem; /* not CSV_OK: `fields` holds what was read before it */
    uint64_t problem_line;    /* where the problem is: of a quote, where it opens */
};

struct csv_reader;

/* Reads from `fd` (not closed by the reader) with its own buffer and pread, starting at offset 0.
 */
struct csv_reader *csv_reader_new(int fd, char delimiter, const struct csv_limits *limits);
/* Reads from memory, for tests, fuzzing and short texts. `text` must outlive the reader. */
struct csv_reader *csv_reader_of(str text, char delimiter, const struct csv_limits *limits);
void csv_reader_free(struct csv_reader *reader);
DEFINE_AUTO(struct csv_reader, csv_reader_free)

/* Goes on at a byte offset that is known to begin a row on `line`; rows end before `end` (0: the
 * end of the file): a row that begins at or after `end` is not returned. */
void csv_reader_seek(struct csv_reader *reader, uint64_t offset, uint64_t line, uint64_t end);

/* Where the next row begins: after csv_next said that there are no more, the first byte behind the
 * last row (blank lines skipped), and its line. */
void csv_reader_position(const struct csv_reader *reader, uint64_t *ret_offset, uint64_t *ret_line);

/* The next row. *ret_more is false, and *ret_row untouched, at the end. Fails only when reading the
 * file fails (ERR_IO); a bad row is a row with a problem. */
bool csv_next(struct csv_reader *reader, struct csv_row *ret_row, bool *ret_more,
              struct err *err) MUST_CHECK;

/* "a quote inside a field that is not quoted" and so on, for messages. */
const char *csv_problem_text(enum csv_problem problem);

/* --- header ------------------------------------------------------------------------------- */

/* Finds columns by name in any order. Names are compared trimmed and without case. */
struct csv_column {
    const char *name;           /* as asked for */
    const char *const *aliases; /* NULL-terminated, may be NULL */
    bool required;
    int index; /* out: position in the row, -1 where absent */
};

/* Missing required columns, a doubled wanted column, a header that looks like another delimiter
 * (one field that contains ';', tab or '|'): ERR_INPUT that names all of them and the file. */
bool csv_header_match(const struct csv_row *header, const char *file, struct csv_column *columns,
                      size_t count, struct err *err) MUST_CHECK;

/* --- writer ------------------------------------------------------------------------------- */

/* True where the field needs no quotes. */
bool csv_is_plain(str field);

/* Appends one field, quoted where RFC 4180 needs it, and the comma before it unless `first`. */
void csv_add_field(struct buf *out, str field, bool first);

/* CRLF is RFC 4180's line end, but every consumer here is a Unix tool: LF. */
static inline void csv_end_row(struct buf *out)
{
    buf_addc(out, '\n');
}

#endif
