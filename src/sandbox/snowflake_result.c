/* SPDX-License-Identifier: MIT */
#include "sandbox/snowflake_result.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#define ZLIB_CONST /* input is not written to */
#include <zlib.h>

#include "base/clock.h"
#include "format/csv.h"
#include "sandbox/csv_out.h"
#include "sandbox/jw.h"

enum type { TEXT, FIXED, TZ, LTZ };
enum file { CONTACTS, PIVOT, ISSUES, FILES };

/* Columns of the files, by the names that the queries give them. */
static const struct {
    const char *name;
    enum file file;
    int index;
    enum type type;
} SOURCES[] = {
    {"REV_USER_ID", CONTACTS, 0, TEXT},
    {"DISPLAY_NAME", CONTACTS, 1, TEXT},
    {"EMAIL", CONTACTS, 2, TEXT},
    {"EXTERNAL_REF", CONTACTS, 3, TEXT},
    {"FULL_NAME", CONTACTS, 4, TEXT},
    {"CREATED_AT", CONTACTS, 5, TZ},
    {"UPDATED_AT", CONTACTS, 6, LTZ},
    {"TICKET_COUNT", CONTACTS, 7, FIXED},
    {"Email", PIVOT, 0, TEXT},
    {"External Ref", PIVOT, 1, TEXT},
    {"Modified By Name", PIVOT, 2, TEXT},
    {"User ID", PIVOT, 3, TEXT},
    {"Type", PIVOT, 4, TEXT},
    {"Display ID", PIVOT, 5, TEXT},
    {"Devrev Account ID", PIVOT, 6, TEXT},
    {"Devrev Account Name", PIVOT, 7, TEXT},
    {"Updated At", PIVOT, 8, LTZ},
    {"CXP User id", PIVOT, 9, TEXT},
    {"Updated by BI service", PIVOT, 10, TEXT},
    {"Linked to acc", PIVOT, 12, TEXT},
    {"Tickets", PIVOT, 13, FIXED},
    {"ISSUE_ID", ISSUES, 0, TEXT},
    {"CREATOR_USER_ID", ISSUES, 1, TEXT},
    {"ASSIGNED_GROUP", ISSUES, 2, TEXT},
    {"CREATOR_GROUP", ISSUES, 3, TEXT},
};

enum { NO_SOURCE = -1, CONTACTS_ID = 0, PIVOT_ID = 3, ISSUES_ID = 0 };

struct row {
    str id;            /* the order */
    str *cells[FILES]; /* of each file that the query reads */
};

struct snowflake_result {
    struct arena arena;
    struct sql_column columns[SQL_MAX_COLUMNS];
    int sources[SQL_MAX_COLUMNS];
    size_t column_count;
    struct row *rows;
    size_t row_count;
};

static int compare_rows(const void *a, const void *b)
{
    return str_cmp(((const struct row *)a)->id, ((const struct row *)b)->id);
}

/* Rows of one of the files, in its order. */
static struct row *read_rows(struct arena *arena, str text, enum file file, int id,
                             struct row *rows, size_t *ret_count)
{
    AUTO(csv_reader_free) struct csv_reader *reader = csv_reader_of(text, ',', NULL);
    struct csv_row row;
    struct err err = {0};
    size_t count = 0;
    size_t capacity = *ret_count;
    bool more = true;
    bool header = true;
    while (csv_next(reader, &row, &more, &err) && more) {
        if (header) {
            header = false;
            continue;
        }
        if (count == capacity || rows == NULL) {
            capacity = capacity == 0 ? 256 : capacity * 2;
            rows = xrealloc(rows, capacity, sizeof(*rows));
            memset(rows + count, 0, (capacity - count) * sizeof(*rows));
        }
        str *cells = arena_array(arena, row.count, sizeof(str));
        for (size_t i = 0; i < row.count; i++) {
            cells[i] = str_dup(arena, row.fields[i]);
        }
        rows[count].id = cells[id];
        rows[count++].cells[file] = cells;
    }
    *ret_count = count;
    return rows;
}

static int find_source(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(SOURCES); i++) {
        if (str_eqz(name, SOURCES[i].name)) {
            return (int)i;
        }
    }
    return NO_SOURCE;
}

static void read_contacts(const struct world *world, struct snowflake_result *result)
{
    AUTO_BUF struct buf contacts = {.max = (size_t)4 << 30};
    AUTO_BUF struct buf pivot = {.max = (size_t)4 << 30};
    csv_contacts(world, &contacts);
    csv_pivot(world, &pivot);
    result->rows = read_rows(&result->arena, buf_str(&contacts), CONTACTS, CONTACTS_ID, NULL,
                             &result->row_count);
    result->rows = read_rows(&result->arena, buf_str(&pivot), PIVOT, PIVOT_ID, result->rows,
                             &result->row_count);
}

static void read_issues(const struct world *world, struct snowflake_result *result)
{
    AUTO_BUF struct buf issues = {.max = (size_t)4 << 30};
    csv_issues(world, &issues);
    result->rows =
        read_rows(&result->arena, buf_str(&issues), ISSUES, ISSUES_ID, NULL, &result->row_count);
}

struct snowflake_result *snowflake_result_new(const struct world *world,
                                              const struct sql_query *query)
{
    struct snowflake_result *result = xnew(struct snowflake_result);
    result->column_count = query->count;
    for (size_t i = 0; i < query->count; i++) {
        const struct sql_column *column = &query->columns[i];
        result->columns[i] = (struct sql_column){
            .name = str_dup(&result->arena, column->name),
            .is_null = column->is_null,
            .constant = str_dup(&result->arena, column->constant),
        };
        result->sources[i] = find_source(column->name);
        if (query->kind != SQL_TABLES) {
            result->columns[i].is_null = true;
        } else if (!column->is_null &&
                   (result->sources[i] == NO_SOURCE ||
                    (SOURCES[result->sources[i]].file == ISSUES) != query->issues)) {
            snowflake_result_free(result);
            return NULL;
        }
    }
    if (query->kind != SQL_TABLES) {
        result->rows = xcalloc(1, sizeof(*result->rows));
        result->row_count = 1;
        return result;
    }
    if (query->issues) {
        read_issues(world, result);
    } else {
        read_contacts(world, result);
    }
    if (result->row_count > 0) {
        qsort(result->rows, result->row_count, sizeof(*result->rows), compare_rows);
    }
    if (query->limit >= 0 && (uint64_t)query->limit < result->row_count) {
        result->row_count = (size_t)query->limit;
    }
    return result;
}

void snowflake_result_free(struct snowflake_result *result)
{
    if (result != NULL) {
        free(result->rows);
        arena_done(&result->arena);
        free(result);
    }
}

/* --- partitions -------------------------------------------------------------------------------- */

/* The rows [from, to) of a partition; false: there is none of that number. There is always a first. */
static bool partition_rows(const struct snowflake_result *result, int64_t number, size_t *ret_from,
                           size_t *ret_to)
{
    size_t size = SNOWFLAKE_FIRST_PARTITION;
    size_t from = 0;
    for (int64_t i = 0; i < number; i++) {
        from += size;
        size *= 2;
        if (from >= result->row_count) {
            return false;
        }
    }
    *ret_from = from;
    *ret_to = from + size < result->row_count ? from + size : result->row_count;
    return true;
}

static void add_cell(const struct snowflake_result *result, const struct row *row, size_t column,
                     struct buf *out)
{
    int source = result->sources[column];
    str text = result->columns[column].is_null
                   ? result->columns[column].constant
                   : row->cells[SOURCES[source].file][SOURCES[source].index];
    int64_t ms = 0;
    if (text.len == 0) {
        buf_addz(out, "null");
    } else if (source == NO_SOURCE || SOURCES[source].type == TEXT ||
               SOURCES[source].type == FIXED || !clock_parse(text, &ms)) {
        buf_add_json(out, text);
    } else {
        buf_printf(out, "\"%" PRId64 ".%03d000000%s\"", ms / 1000, (int)(ms % 1000),
                   SOURCES[source].type == TZ ? " 1440" : "");
    }
}

static void add_rows(const struct snowflake_result *result, size_t from, size_t to, struct buf *out)
{
    buf_addz(out, "[");
    for (size_t i = from; i < to; i++) {
        buf_addz(out, i == from ? "[" : ",\n[");
        for (size_t column = 0; column < result->column_count; column++) {
            if (column > 0) {
                buf_addc(out, ',');
            }
            add_cell(result, &result->rows[i], column, out);
        }
        buf_addc(out, ']');
    }
    buf_addc(out, ']');
}

static void add_types(const struct snowflake_result *result, struct buf *out)
{
    static const char *const names[] = {
        [TEXT] = "text", [FIXED] = "fixed", [TZ] = "timestamp_tz", [LTZ] = "timestamp_ltz"};
    jw_arr(out, "rowType");
    for (size_t i = 0; i < result->column_count; i++) {
        int source = result->sources[i];
        enum type type = result->columns[i].is_null ? TEXT : SOURCES[source].type;
        jw_obj(out, NULL);
        jw_text(out, "name", result->columns[i].name);
        jw_str(out, "type", names[type]);
        jw_bool(out, "nullable", true);
        jw_end_obj(out);
    }
    jw_end_arr(out);
}

static void add_whole(const struct snowflake_result *result, const char *handle, int64_t created_ms,
                      struct buf *out)
{
    char url[80];
    (void)snprintf(url, sizeof(url), "/api/v2/statements/%s", handle);
    jw_obj(out, NULL);
    jw_obj(out, "resultSetMetaData");
    jw_int(out, "numRows", (int64_t)result->row_count);
    jw_str(out, "format", "jsonv2");
    jw_arr(out, "partitionInfo");
    size_t from;
    size_t to;
    for (int64_t i = 0; partition_rows(result, i, &from, &to); i++) {
        jw_obj(out, NULL);
        jw_int(out, "rowCount", (int64_t)(to - from));
        jw_int(out, "uncompressedSize", (int64_t)(to - from) * 100);
        jw_end_obj(out);
    }
    jw_end_arr(out);
    add_types(result, out);
    jw_end_obj(out);
    buf_addz(out, ",\"data\":");
    (void)partition_rows(result, 0, &from, &to);
    add_rows(result, from, to, out);
    jw_str(out, "code", "090001");
    jw_str(out, "sqlState", "00000");
    jw_str(out, "statementStatusUrl", url);
    jw_str(out, "requestId", "");
    jw_str(out, "statementHandle", handle);
    jw_str(out, "message", "Statement executed successfully.");
    jw_int(out, "createdOn", created_ms);
    jw_end_obj(out);
}

static void compress_into(str plain, struct buf *out)
{
    enum { GZIP = 16, DEFAULT_MEMORY = 8 };
    z_stream zip = {.next_in = (const Bytef *)plain.ptr, .avail_in = (uInt)plain.len};
    if (deflateInit2(&zip, Z_BEST_SPEED, Z_DEFLATED, GZIP + MAX_WBITS, DEFAULT_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        abort(); /* out of memory */
    }
    size_t bound = deflateBound(&zip, plain.len);
    char *room = buf_reserve(out, bound);
    if (room != NULL) {
        zip.next_out = (Bytef *)room;
        zip.avail_out = (uInt)bound;
        (void)deflate(&zip, Z_FINISH); /* the bound is enough for one go */
        out->len += zip.total_out;
    }
    (void)deflateEnd(&zip);
}

bool snowflake_result_answer(const struct snowflake_result *result, const char *handle,
                             int64_t created_ms, int64_t partition, struct buf *out, bool *ret_gzip)
{
    size_t from;
    size_t to;
    if (!partition_rows(result, partition < 0 ? 0 : partition, &from, &to)) {
        return false;
    }
    *ret_gzip = partition > 0;
    if (partition < 0) {
        add_whole(result, handle, created_ms, out);
        return true;
    }
    AUTO_BUF struct buf plain = {.max = (size_t)4 << 30};
    buf_addz(&plain, "{\"data\":");
    add_rows(result, from, to, &plain);
    buf_addc(&plain, '}');
    if (partition == 0) {
        buf_adds(out, buf_str(&plain));
    } else {
        compress_into(buf_str(&plain), out);
    }
    return true;
}
