/* SPDX-License-Identifier: MIT */
/*
 * The rows of a backfill's CSV. An issue may stand there again, with the same content (one change) or with
 * another (all of its rows are bad), and that must be known when its first row is met; but most files hold
 * no issue twice, and a million rows must not cost more memory than a thousand. So the file is read three
 * times: first through a Bloom filter of a fixed size, which leaves only the issues that may stand there
 * twice (and, by the filter's nature, a few that do not: below 1 % at ten million rows); then the contents
 * of those are compared; then the rows are given out.
 */
#include "job/backfill_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <xxhash.h>

#include "match/normalise.h"

enum { FIRST_SLOTS = 1024, STOP_ROWS = 4096, BLOOM_BITS_LOG2 = 27, BLOOM_PROBES = 4 };

/* An issue that may stand there twice. 128 bits: two different ones of ten million are the same below
 * 10^-24. */
struct seen {
    uint64_t low;
    uint64_t high;
    uint32_t content;
    bool used;
    bool has_content;
    bool conflict; /* several contents */
    bool given;    /* the last pass has met it */
};

struct backfill_rows {
    char *path;
    int fd;
    const struct stop *stop;
    struct csv_reader *reader;
    struct csv_column columns[CELL_COUNT];
    size_t field_count;
    uint64_t body_offset;
    uint64_t body_line;
    struct seen *seen;
    size_t slots; /* a power of two */
    size_t count;
    uint64_t read;
};

static const struct csv_limits limits = {.max_field_bytes = 64 * 1024};

void backfill_rows_free(struct backfill_rows *rows)
{
    if (rows == NULL) {
        return;
    }
    csv_reader_free(rows->reader);
    auto_close(&rows->fd);
    free(rows->seen);
    free(rows->path);
    free(rows);
}

/* --- issues of the file ------------------------------------------------------------------------ */

static struct seen *slot_of(struct seen *seen, size_t slots, XXH128_hash_t hash)
{
    size_t i = (size_t)hash.low64 & (slots - 1);
    while (seen[i].used && (seen[i].low != hash.low64 || seen[i].high != hash.high64)) {
        i = (i + 1) & (slots - 1);
    }
    return &seen[i];
}

static void grow(struct backfill_rows *rows)
{
    size_t slots = rows->slots != 0 ? rows->slots * 2 : FIRST_SLOTS;
    struct seen *seen = xcalloc(slots, sizeof(*seen));
    for (size_t i = 0; i < rows->slots; i++) {
        if (rows->seen[i].used) {
            XXH128_hash_t hash = {.low64 = rows->seen[i].low, .high64 = rows->seen[i].high};
            *slot_of(seen, slots, hash) = rows->seen[i];
        }
    }
    free(rows->seen);
    rows->seen = seen;
    rows->slots = slots;
}

static uint32_t content_of(const struct backfill_row *row)
{
    uint64_t hash = 0;
    for (int i = CELL_CREATOR; i < CELL_COUNT; i++) {
        hash = XXH3_64bits_withSeed(row->cell[i].ptr != NULL ? row->cell[i].ptr : "",
                                    row->cell[i].len, hash + row->cell[i].len);
    }
    return (uint32_t)hash;
}

static XXH128_hash_t issue_hash(const struct backfill_row *row)
{
    return XXH3_128bits(row->cell[CELL_ISSUE].ptr, row->cell[CELL_ISSUE].len);
}

/* NULL: it stands there once. */
static struct seen *find_seen(const struct backfill_rows *rows, const struct backfill_row *row)
{
    if (rows->slots == 0) {
        return NULL;
    }
    struct seen *seen = slot_of(rows->seen, rows->slots, issue_hash(row));
    return seen->used ? seen : NULL;
}

static void add_seen(struct backfill_rows *rows, XXH128_hash_t hash)
{
    if (rows->count * 2 >= rows->slots) {
        grow(rows);
    }
    struct seen *seen = slot_of(rows->seen, rows->slots, hash);
    rows->count += !seen->used;
    seen->used = true;
    seen->low = hash.low64;
    seen->high = hash.high64;
}

/* True where it was in the filter, or seems so; it is now. */
static bool bloom_add(uint64_t *bloom, XXH128_hash_t hash)
{
    const uint64_t mask = (UINT64_C(1) << BLOOM_BITS_LOG2) - 1;
    bool was = true;
    for (uint64_t i = 0; i < BLOOM_PROBES; i++) {
        uint64_t bit = (hash.low64 + i * hash.high64) & mask;
        was = was && (bloom[bit / 64] >> bit % 64 & 1) != 0;
        bloom[bit / 64] |= UINT64_C(1) << bit % 64;
    }
    return was;
}

static void compare(struct backfill_rows *rows, const struct backfill_row *row)
{
    struct seen *seen = find_seen(rows, row);
    if (seen == NULL) {
        return;
    }
    uint32_t content = content_of(row);
    seen->conflict = seen->conflict || (seen->has_content && seen->content != content);
    seen->content = content;
    seen->has_content = true;
}

/* --- one row ------------------------------------------------------------------------------------ */

static bool is_utf8(const struct csv_row *row)
{
    for (size_t i = 0; i < row->count && !row->ascii; i++) {
        if (!str_is_utf8(row->fields[i])) {
            return false;
        }
    }
    return true;
}

/* ISS-7, or a DON whose last part is issue/7. */
static bool is_issue(str id)
{
    static const char MARK[] = ":issue/";
    if (str_starts(id, STR("ISS-"))) {
        return id.len > 4;
    }
    const char *found =
        str_starts(id, STR("don:core:")) ? memmem(id.ptr, id.len, MARK, sizeof(MARK) - 1) : NULL;
    return found != NULL && found + sizeof(MARK) - 1 < id.ptr + id.len;
}

static bool is_of(str tenant, str id)
{
    if (tenant.len == 0 || !str_starts(id, STR("don:"))) {
        return true;
    }
    const char *found = memmem(id.ptr, id.len, tenant.ptr, tenant.len);
    return found != NULL && found[-1] == ':' && found + tenant.len < id.ptr + id.len &&
           found[tenant.len] == ':';
}

static void make_bad(struct backfill_row *row, const char *why)
{
    row->bad = true;
    (void)snprintf(row->reason, sizeof(row->reason), "bad-row: line %llu: %s",
                   (unsigned long long)row->line, why);
}

static void read_shape(const struct backfill_rows *rows, const struct csv_row *raw,
                       struct backfill_row *ret)
{
    if (raw->problem != CSV_OK) {
        make_bad(ret, csv_problem_text(raw->problem));
        return;
    }
    if (raw->count != rows->field_count) {
        char why[80];
        (void)snprintf(why, sizeof(why), "it has %zu %s, the header has %zu", raw->count,
                       raw->count == 1 ? "field" : "fields", rows->field_count);
        make_bad(ret, why);
        return;
    }
    if (!is_utf8(raw)) {
        make_bad(ret, "it is not UTF-8");
        return;
    }
    for (int i = 0; i < CELL_COUNT; i++) {
        int index = rows->columns[i].index;
        ret->cell[i] = index >= 0 ? norm_trim(raw->fields[index]) : STR("");
    }
}

static void read_cells(str tenant, struct backfill_row *ret)
{
    if (ret->cell[CELL_ISSUE].len == 0) {
        make_bad(ret, "issue_id is empty");
    } else if (!is_issue(ret->cell[CELL_ISSUE])) {
        make_bad(ret, "issue_id is no issue (ISS-7 or don:core:...:issue/7)");
    } else if (!is_of(tenant, ret->cell[CELL_ISSUE])) {
        make_bad(ret, "issue_id is an issue of another tenant");
    } else if (ret->cell[CELL_CREATOR].len == 0) {
        make_bad(ret, "creator_user_id is empty");
    }
}

/* The row as it stands there, without what other rows say about it. */
static void read_row(const struct backfill_rows *rows, const struct csv_row *raw, str tenant,
                     struct backfill_row *ret)
{
    *ret = (struct backfill_row){.line = raw->line};
    read_shape(rows, raw, ret);
    if (!ret->bad) {
        read_cells(tenant, ret);
    }
}

static bool next_raw(struct backfill_rows *rows, struct csv_row *raw, bool *more, struct err *err)
{
    if (++rows->read % STOP_ROWS == 0 && rows->stop != NULL && stop_level(rows->stop) != 0) {
        return err_set(err, ERR_INTERRUPTED, "could not finish the plan: interrupted");
    }
    return csv_next(rows->reader, raw, more, err) ||
           err_wrap(err, "could not read '%s'", rows->path);
}

bool backfill_rows_next(struct backfill_rows *rows, str tenant, struct backfill_row *ret,
                        bool *ret_more, struct err *err)
{
    struct csv_row raw;
    if (!next_raw(rows, &raw, ret_more, err)) {
        return false;
    }
    if (!*ret_more) {
        return true;
    }
    read_row(rows, &raw, tenant, ret);
    struct seen *seen = ret->cell[CELL_ISSUE].len != 0 ? find_seen(rows, ret) : NULL;
    if (seen == NULL) {
        return true;
    }
    if (!ret->bad && seen->conflict) {
        make_bad(ret, "its issue_id stands in several rows with different content");
    } else if (!ret->bad) {
        ret->repeated = seen->given;
        seen->given = true;
    }
    return true;
}

int backfill_rows_fd(const struct backfill_rows *rows)
{
    return rows->fd;
}

/* --- opening -------------------------------------------------------------------------------------- */

/* Goes over all rows; `bloom` NULL: contents are compared. */
static bool pass(struct backfill_rows *rows, uint64_t *bloom, struct err *err)
{
    csv_reader_seek(rows->reader, rows->body_offset, rows->body_line, 0);
    for (;;) {
        struct csv_row raw;
        bool more = false;
        struct backfill_row row;
        if (!next_raw(rows, &raw, &more, err)) {
            return false;
        }
        if (!more) {
            return true;
        }
        read_row(rows, &raw, STR_NONE, &row);
        if (row.cell[CELL_ISSUE].len == 0) {
            continue;
        }
        if (bloom == NULL) {
            compare(rows, &row);
        } else if (bloom_add(bloom, issue_hash(&row))) {
            add_seen(rows, issue_hash(&row));
        }
    }
}

static bool find_repeats(struct backfill_rows *rows, struct err *err)
{
    AUTO_FREE uint64_t *bloom = xcalloc((UINT64_C(1) << BLOOM_BITS_LOG2) / 64, sizeof(*bloom));
    bool ok = pass(rows, bloom, err) && (rows->count == 0 || pass(rows, NULL, err));
    csv_reader_seek(rows->reader, rows->body_offset, rows->body_line, 0);
    return ok;
}

static bool read_header(struct backfill_rows *rows, struct err *err)
{
    static const char *const names[CELL_COUNT] = {"issue_id", "creator_user_id", "assigned_group",
                                                  "creator_group"};
    struct csv_row header;
    bool more = false;
    for (int i = 0; i < CELL_COUNT; i++) {
        rows->columns[i] = (struct csv_column){.name = names[i], .required = i != CELL_GROUP};
    }
    if (!csv_next(rows->reader, &header, &more, err)) {
        return err_wrap(err, "could not read '%s'", rows->path);
    }
    if (!more) {
        return err_set(err, ERR_INPUT, "could not use '%s': it is empty", rows->path);
    }
    if (header.problem != CSV_OK) {
        return err_set(err, ERR_INPUT, "could not use '%s': line %llu: %s", rows->path,
                       (unsigned long long)header.line, csv_problem_text(header.problem));
    }
    if (!csv_header_match(&header, rows->path, rows->columns, CELL_COUNT, err)) {
        return false;
    }
    rows->field_count = header.count;
    csv_reader_position(rows->reader, &rows->body_offset, &rows->body_line);
    return true;
}

struct backfill_rows *backfill_rows_open(int dirfd, const char *path, const struct stop *stop,
                                         struct err *err)
{
    AUTO(backfill_rows_free) struct backfill_rows *rows = xnew(struct backfill_rows);
    rows->path = xstrdup(path);
    rows->stop = stop;
    rows->fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
    if (rows->fd < 0) {
        (void)err_set_errno(err, ERR_INPUT, errno, "could not open '%s'", path);
        return NULL;
    }
    rows->reader = csv_reader_new(rows->fd, ',', &limits);
    if (!read_header(rows, err) || !find_repeats(rows, err)) {
        return NULL;
    }
    return STEAL(rows);
}
