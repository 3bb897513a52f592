/* SPDX-License-Identifier: MIT */
/*
 * Pass 1. The file is cut into one range a thread at places that look like the beginning of a row;
 * each range is read on its own. Whether a place really was one is known afterwards: the reader of
 * the range before must have ended there exactly. Where it did not (a quoted field full of things
 * that look like rows), the range is read again from where it really begins. So the result is
 * always that of one reader.
 */
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#include "job/merge_plan_internal.h"
#include "match/parallel.h"

enum {
    CHUNK_BYTES = 1024 * 1024,
    RANGE_MIN_BYTES = 4 * 1024 * 1024, /* below it a second thread costs more than it brings */
    PROBE_BYTES = 64 * 1024,
    PROBE_ROWS = 4,
    STOP_ROWS = 4096
};

struct range {
    uint64_t from;
    uint64_t to; /* 0: the end of the file */
    uint64_t end_offset;
    uint64_t end_line; /* counted from 1 at `from` */
    struct rows *rows;
    struct plan_chunk *chunks; /* lines and rows counted within the range */
    size_t chunk_count;
    size_t chunk_room;
    bool failed;
    struct err err;
};

struct reading {
    const struct merge_plan *plan;
    struct range ranges[8];
    size_t count;
};

/* --- one row ---------------------------------------------------------------------------------- */

static bool is_utf8_row(const struct csv_row *row)
{
    if (row->ascii) {
        return true;
    }
    for (size_t i = 0; i < row->count; i++) {
        if (!str_is_utf8(row->fields[i])) {
            return false;
        }
    }
    return true;
}

bool plan_row_cells(const struct merge_plan *plan, const struct csv_row *row, str *cells)
{
    if (row->problem != CSV_OK || row->count != plan->field_count || !is_utf8_row(row)) {
        return false;
    }
    for (size_t i = 0; i < plan->rules->column_count; i++) {
        int index = plan->columns[i].index;
        cells[i] = index >= 0 ? row->fields[index] : STR_NONE;
    }
    return true;
}

void plan_row_reason(const struct merge_plan *plan, const struct csv_row *row,
                     const struct contact *contact, struct buf *out)
{
    unsigned long long line = (unsigned long long)row->line;
    if (row->problem != CSV_OK) {
        buf_printf(out, "bad-row: line %llu: %s", line, csv_problem_text(row->problem));
        if (row->problem_line != row->line) {
            buf_printf(out, " in line %llu", (unsigned long long)row->problem_line);
        }
    } else if (row->count != plan->field_count) {
        buf_printf(out, "bad-row: line %llu has %zu %s, the header has %zu", line, row->count,
                   row->count == 1 ? "field" : "fields", plan->field_count);
    } else if (contact == NULL) {
        buf_printf(out, "bad-row: line %llu is not UTF-8", line);
    } else if (contact->id.len == 0) {
        buf_printf(out, "bad-row: line %llu has no %s", line,
                   plan->rules->columns[plan->rules->identity].name);
    } else if (contact->wrong >= 0) {
        buf_printf(out, "bad-row: line %llu: %s is no %s", line,
                   plan->rules->columns[contact->wrong].name,
                   form_name(plan->rules->columns[contact->wrong].form));
    } else {
        buf_printf(out, "bad-row: line %llu: its %s stands in several rows with different content",
                   line, plan->rules->columns[plan->rules->identity].name);
    }
}

/* --- ranges ----------------------------------------------------------------------------------- */

static void add_chunk(struct range *range, uint64_t offset, uint64_t line)
{
    if (range->chunk_count == range->chunk_room) {
        range->chunk_room = range->chunk_room != 0 ? range->chunk_room * 2 : 64;
        range->chunks = xrealloc(range->chunks, range->chunk_room, sizeof(*range->chunks));
    }
    range->chunks[range->chunk_count++] = (struct plan_chunk){offset, line, range->rows->count};
}

static bool is_stopped(const struct merge_plan *plan)
{
    return plan->stop != NULL && stop_level(plan->stop) != 0;
}

static bool read_rows(const struct merge_plan *plan, struct range *range, struct csv_reader *reader,
                      struct contact_reader *contacts, struct err *err)
{
    uint64_t next_chunk = 0;
    for (;;) {
        struct csv_row row;
        bool more = false;
        if (!csv_next(reader, &row, &more, err)) {
            return err_wrap(err, "could not plan '%s'", plan->csv_path);
        }
        if (!more) {
            return true;
        }
        if (row.offset >= next_chunk) {
            add_chunk(range, row.offset, row.line);
            next_chunk = row.offset + CHUNK_BYTES;
        }
        str cells[RULES_MAX_COLUMNS];
        if (plan_row_cells(plan, &row, cells)) {
            struct contact contact;
            contact_read(contacts, cells, &contact);
            (void)rows_add(range->rows, &contact); /* good and bad are counted in pass 2 */
        } else {
            rows_add_unreadable(range->rows);
        }
        if (range->rows->count == ROWS_MAX) {
            return err_set(err, ERR_INPUT, "could not plan '%s': more than %d rows", plan->csv_path,
                           ROWS_MAX - 1);
        }
        if (range->rows->count % STOP_ROWS == 0 && is_stopped(plan)) {
            return err_set(err, ERR_INTERRUPTED, "could not finish the plan: interrupted");
        }
    }
}

static void read_range(const struct merge_plan *plan, struct range *range)
{
    AUTO(csv_reader_free)
    struct csv_reader *reader = csv_reader_new(plan->fd, ',', &plan_csv_limits);
    AUTO(contact_reader_free) struct contact_reader *contacts = contact_reader_new(plan->rules);
    rows_free(range->rows);
    range->rows = rows_new(plan->rules, plan->ids);
    range->chunk_count = 0;
    csv_reader_seek(reader, range->from, 1, range->to);
    range->failed = !read_rows(plan, range, reader, contacts, &range->err);
    csv_reader_position(reader, &range->end_offset, &range->end_line);
}

static void read_one(void *arg, int index)
{
    struct reading *reading = arg;
    read_range(reading->plan, &reading->ranges[index]);
}

/* True where the next rows at `offset` have the header's number of fields. */
static bool looks_like_rows(const struct merge_plan *plan, str text)
{
    AUTO(csv_reader_free) struct csv_reader *reader = csv_reader_of(text, ',', &plan_csv_limits);
    csv_reader_seek(reader, 0, 1, 0);
    for (int i = 0; i < PROBE_ROWS; i++) {
        struct csv_row row;
        bool more = false;
        if (!csv_next(reader, &row, &more, NULL) || !more || row.problem != CSV_OK ||
            row.count != plan->field_count) {
            return false;
        }
    }
    return true;
}

/* A place behind `from` that looks like the beginning of a row, 0 where none is near. */
static uint64_t find_row(const struct merge_plan *plan, uint64_t from)
{
    AUTO_FREE char *text = xcalloc(1, PROBE_BYTES);
    ssize_t got = pread(plan->fd, text, PROBE_BYTES, (off_t)from);
    size_t len = got > 0 ? (size_t)got : 0; /* a failing read will be met again, and told */
    for (size_t i = 0; i < len / 2; i++) {
        if (text[i] == '\n' && looks_like_rows(plan, (str){text + i + 1, len - i - 1})) {
            return from + i + 1;
        }
    }
    return 0;
}

static void cut_ranges(struct reading *reading)
{
    const struct merge_plan *plan = reading->plan;
    uint64_t size = (uint64_t)plan->before.st_size;
    uint64_t body = size > plan->body_offset ? size - plan->body_offset : 0;
    uint64_t most = body / RANGE_MIN_BYTES;
    size_t wanted = most < (uint64_t)plan->threads ? (size_t)most : (size_t)plan->threads;
    reading->ranges[0].from = plan->body_offset;
    reading->count = 1;
    for (size_t i = 1; i < wanted; i++) {
        uint64_t from = find_row(plan, plan->body_offset + body / wanted * i);
        if (from != 0) {
            reading->ranges[reading->count - 1].to = from;
            reading->ranges[reading->count++].from = from;
        }
    }
}

/* Reads those ranges again that did not begin where the one before ended. */
static bool join_ranges(struct reading *reading, struct err *err)
{
    for (size_t i = 0; i < reading->count; i++) {
        struct range *range = &reading->ranges[i];
        uint64_t real = i == 0 ? range->from : reading->ranges[i - 1].end_offset;
        if (range->from != real) {
            range->from = real;
            read_range(reading->plan, range);
        }
        if (range->failed) {
            if (err != NULL) {
                *err = range->err;
            }
            return false;
        }
    }
    return true;
}

static bool collect(struct merge_plan *plan, struct reading *reading, struct plan_parts *parts,
                    struct err *err)
{
    size_t chunks = 0;
    uint64_t rows = 0;
    for (size_t i = 0; i < reading->count; i++) {
        chunks += reading->ranges[i].chunk_count;
        rows += reading->ranges[i].rows->count;
    }
    if (rows >= ROWS_MAX) {
        return err_set(err, ERR_INPUT, "could not plan '%s': more than %d rows", plan->csv_path,
                       ROWS_MAX - 1);
    }
    plan->chunks = arena_array(&plan->arena, chunks + 1, sizeof(*plan->chunks));
    uint64_t line = plan->body_line;
    uint32_t row = 0;
    for (size_t i = 0; i < reading->count; i++) {
        struct range *range = &reading->ranges[i];
        for (size_t j = 0; j < range->chunk_count; j++) {
            struct plan_chunk chunk = range->chunks[j];
            chunk.line += line - 1;
            chunk.row += row;
            plan->chunks[plan->chunk_count++] = chunk;
        }
        line += range->end_line - 1;
        row += range->rows->count;
        parts->rows[parts->count++] = STEAL(range->rows);
    }
    const struct range *last = &reading->ranges[reading->count - 1];
    plan->chunks[plan->chunk_count] = (struct plan_chunk){last->end_offset, line, row};
    return true;
}

bool plan_read(struct merge_plan *plan, struct plan_parts *parts, struct err *err)
{
    struct reading reading = {.plan = plan};
    cut_ranges(&reading);
    bool ok = parallel_run((int)reading.count, read_one, &reading, err) &&
              join_ranges(&reading, err) && collect(plan, &reading, parts, err);
    for (size_t i = 0; i < reading.count; i++) {
        rows_free(reading.ranges[i].rows);
        free(reading.ranges[i].chunks);
    }
    return ok;
}
