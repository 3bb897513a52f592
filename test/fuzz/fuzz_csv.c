/* SPDX-License-Identifier: MIT */
/*
 * The CSV reader: any bytes, small limits and large ones. Rows must follow each other without gap
 * or overlap, lines must be counted right, and reading on from the middle must give the same rows.
 * What is written from a good row must read back as that row.
 */
#include <stdlib.h>

#include "format/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static uint64_t count_lines(str text, uint64_t from, uint64_t to)
{
    uint64_t lines = 0;
    for (uint64_t i = from; i < to; i++) {
        lines += text.ptr[i] == '\n';
    }
    return lines;
}

static void check_written(const struct csv_row *row)
{
    AUTO_BUF struct buf out = {0};
    buf_addc(&out, '\n'); /* at the very start a byte order mark would be taken for one */
    for (size_t i = 0; i < row->count; i++) {
        csv_add_field(&out, row->fields[i], i == 0);
    }
    if (out.len == 1) {
        return; /* one empty field is written as a blank line, which is no row */
    }
    csv_end_row(&out);
    AUTO(csv_reader_free) struct csv_reader *reader = csv_reader_of(buf_str(&out), ',', NULL);
    struct csv_row again;
    bool more = false;
    must(csv_next(reader, &again, &more, NULL) && more && again.problem == CSV_OK);
    must(again.count == row->count);
    for (size_t i = 0; i < row->count; i++) {
        must(str_eq(again.fields[i], row->fields[i]));
    }
}

static void read_all(str text, char delimiter, const struct csv_limits *limits)
{
    AUTO(csv_reader_free) struct csv_reader *reader = csv_reader_of(text, delimiter, limits);
    AUTO(csv_reader_free) struct csv_reader *second = csv_reader_of(text, delimiter, limits);
    struct csv_row row;
    bool more = true;
    uint64_t last = 0;
    uint64_t line = 1;
    while (csv_next(reader, &row, &more, NULL) && more) {
        must(row.offset >= last && row.offset < text.len);
        line += count_lines(text, last, row.offset);
        must(row.line == line &&
             row.problem_line <= line + count_lines(text, row.offset, text.len));
        last = row.offset;
        uint64_t next = 0;
        uint64_t next_line = 0;
        csv_reader_position(reader, &next, &next_line);
        must(next > row.offset && next <= text.len);
        must(next_line == line + count_lines(text, row.offset, next));
        if (row.offset != 0) {
            struct csv_row same;
            csv_reader_seek(second, row.offset, row.line, 0);
            must(csv_next(second, &same, &more, NULL) && more);
            must(same.count == row.count && same.problem == row.problem &&
                 same.problem_line == row.problem_line);
        }
        if (row.problem == CSV_OK) {
            check_written(&row);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct csv_limits small = {
        .max_field_bytes = 8, .max_row_bytes = 24, .max_fields = 4};
    str text = {(const char *)data, size};
    read_all(text, ',', NULL);
    read_all(text, ',', &small);
    read_all(text, ';', NULL);
    return 0;
}
