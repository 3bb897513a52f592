/* SPDX-License-Identifier: MIT */
/*
 * The planner's first pass has the keys of all rows sorted into partitions; rows that share a key are
 * joined there (union-find over row numbers, the smallest number of a group is its root). The second
 * pass copies the rows of the groups that were drawn.
 */
#include "job/sample.h"

#include <errno.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/rng.h"
#include "job/merge_plan_internal.h"

enum { COPY_BYTES = 1024 * 1024, GROUP_MIN = 2 };

/* What is known of a row's group, at its root. */
struct mark {
    uint32_t contacts;
    bool again;  /* of any row: its contact stands in an earlier row */
    bool chosen; /* of a root */
};

struct groups {
    const struct rules *rules;
    const struct plan_parts *parts;
    uint32_t base[ARRAY_LEN(((struct plan_parts *)0)->rows)]; /* first row of each part */
    uint32_t count;
    uint32_t *parent;
    struct mark *marks;
};

static uint32_t root_of(const struct groups *g, uint32_t row)
{
    while (g->parent[row] != row) {
        g->parent[row] = g->parent[g->parent[row]];
        row = g->parent[row];
    }
    return row;
}

static void join(const struct groups *g, uint32_t a, uint32_t b)
{
    a = root_of(g, a);
    b = root_of(g, b);
    g->parent[a > b ? a : b] = a > b ? b : a;
}

/* --- who hangs together ----------------------------------------------------------------------- */

/* A key or an id, and a row that has it; ordered by all of it, so equal ones are neighbours. */
struct entry {
    uint64_t low;
    uint64_t high;
    uint32_t row;
};

static int by_entry(const void *a, const void *b)
{
    const struct entry *x = a;
    const struct entry *y = b;
    if (x->high != y->high) {
        return x->high < y->high ? -1 : 1;
    }
    if (x->low != y->low) {
        return x->low < y->low ? -1 : 1;
    }
    return x->row < y->row ? -1 : x->row > y->row;
}

static uint64_t packed_id(const struct groups *g, size_t part, uint32_t row)
{
    return g->parts->rows[part]->id[row];
}

static const struct scatter *scatter_of(const struct rows *rows, int key)
{
    return key < 0 ? &rows->by_id : &rows->by_key[key];
}

/* Appends the records of one part and partition; `key` -1: ids. Returns how many. */
static size_t gather(const struct groups *g, int key, size_t part, size_t partition,
                     struct entry *to)
{
    const struct scatter *scatter = scatter_of(g->parts->rows[part], key);
    size_t count = scatter_count(scatter, partition);
    AUTO_FREE char *records = xcalloc(count + 1, scatter->record_bytes);
    scatter_copy(scatter, partition, records);
    for (size_t i = 0; i < count; i++) {
        const void *record = records + i * scatter->record_bytes;
        if (key < 0) {
            const struct id_record *id = record;
            to[i] = (struct entry){packed_id(g, part, id->row), 0, id->row};
        } else {
            const struct key_record *found = record;
            to[i] = (struct entry){found->low, found->high, found->row};
        }
        to[i].row += g->base[part];
    }
    return count;
}

static void join_partition(const struct groups *g, int key, size_t partition)
{
    size_t count = 0;
    for (size_t part = 0; part < g->parts->count; part++) {
        count += scatter_count(scatter_of(g->parts->rows[part], key), partition);
    }
    AUTO_FREE struct entry *entries = xcalloc(count + 1, sizeof(*entries));
    size_t at = 0;
    for (size_t part = 0; part < g->parts->count; part++) {
        at += gather(g, key, part, partition, entries + at);
    }
    qsort(entries, count, sizeof(*entries), by_entry);
    for (size_t i = 1; i < count; i++) {
        if (entries[i].high == entries[i - 1].high && entries[i].low == entries[i - 1].low) {
            join(g, entries[i - 1].row, entries[i].row);
            g->marks[entries[i].row].again |= key < 0;
        }
    }
}

static void find_groups(struct groups *g)
{
    for (size_t part = 0; part < g->parts->count; part++) {
        g->base[part] = g->count;
        g->count += g->parts->rows[part]->count;
    }
    g->parent = xcalloc(g->count + 1, sizeof(*g->parent));
    g->marks = xcalloc(g->count + 1, sizeof(*g->marks));
    for (uint32_t row = 0; row < g->count; row++) {
        g->parent[row] = row;
    }
    for (int key = -1; key < (int)g->rules->key_count; key++) {
        for (size_t partition = 0; partition < ROWS_PARTITIONS; partition++) {
            join_partition(g, key, partition);
        }
    }
    for (uint32_t row = 0; row < g->count; row++) {
        g->marks[root_of(g, row)].contacts += !g->marks[row].again;
    }
}

static void groups_done(struct groups *g)
{
    free(g->parent);
    free(g->marks);
}

/* --- drawing ---------------------------------------------------------------------------------- */

/* Fisher and Yates, as far as it is needed. */
static void draw(struct groups *g, const struct sample_options *options, struct sample_result *ret)
{
    AUTO_FREE uint32_t *roots = xcalloc(g->count + 1, sizeof(*roots));
    uint64_t count = 0;
    for (uint32_t row = 0; row < g->count; row++) {
        if (g->marks[row].contacts >= GROUP_MIN) {
            roots[count++] = row;
        }
    }
    struct rng rng;
    rng_seed(&rng, options->seed);
    ret->input_groups = count;
    ret->input_rows = g->count;
    ret->groups = options->size < count ? options->size : count;
    for (uint64_t i = 0; i < ret->groups; i++) {
        uint64_t other = i + rng_below(&rng, count - i);
        uint32_t root = roots[other];
        roots[other] = roots[i];
        g->marks[root].chosen = true;
    }
}

/* --- copying ---------------------------------------------------------------------------------- */

static bool copy_bytes(const struct merge_plan *plan, uint64_t from, uint64_t to, struct buf *out,
                       struct err *err)
{
    while (from < to) {
        char *room = buf_reserve(out, to - from);
        ssize_t got = room != NULL ? pread(plan->fd, room, to - from, (off_t)from) : -1;
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_set_errno(err, ERR_IO, errno, "could not read '%s'", plan->csv_path);
        }
        if (got == 0) {
            return plan_changed(plan, err);
        }
        out->len += (size_t)got;
        from += (uint64_t)got;
    }
    return true;
}

static bool flush(const struct merge_plan *plan, int fd, struct buf *out, size_t from,
                  struct err *err)
{
    if (out->len < from) {
        return true;
    }
    bool ok = fs_write_all(fd, buf_str(out), plan->csv_out, err);
    buf_clear(out);
    return ok;
}

static bool copy_rows(const struct merge_plan *plan, const struct groups *g, int fd,
                      struct sample_result *ret, struct err *err)
{
    AUTO(csv_reader_free)
    struct csv_reader *reader = csv_reader_new(plan->fd, ',', &plan_csv_limits);
    AUTO_BUF struct buf out = {0};
    csv_reader_seek(reader, plan->body_offset, plan->body_line, 0);
    if (!copy_bytes(plan, 0, plan->body_offset, &out, err)) {
        return false;
    }
    for (uint32_t index = 0;; index++) {
        struct csv_row row;
        bool more = false;
        if (!csv_next(reader, &row, &more, err)) {
            return err_wrap(err, "could not read '%s'", plan->csv_path);
        }
        if (!more) {
            return (index == g->count || plan_changed(plan, err)) && flush(plan, fd, &out, 0, err);
        }
        if (index == g->count) {
            return plan_changed(plan, err);
        }
        if (!g->marks[root_of(g, index)].chosen) {
            continue;
        }
        uint64_t end;
        uint64_t line;
        csv_reader_position(reader, &end, &line);
        if (!copy_bytes(plan, row.offset, end, &out, err) ||
            !flush(plan, fd, &out, COPY_BYTES, err)) {
            return false;
        }
        ret->rows++;
    }
}

static bool write_sample(const struct merge_plan *plan, const struct groups *g,
                         struct sample_result *ret, struct err *err)
{
    struct out_file out = {.fd = -1};
    bool ok = out_file_open(plan->csv_out, &plan->before, &out, err) &&
              copy_rows(plan, g, out.fd, ret, err) && plan_check_unchanged(plan, err);
    return out_file_close(plan->csv_out, &out, ok, err);
}

bool sample_draw(const struct sample_options *options, struct sample_result *ret, struct err *err)
{
    const struct merge_plan_options input = {
        .csv_path = options->input,
        .rules = options->rules,
        .map = options->map,
        .csv_out = options->output,
    };
    AUTO(merge_plan_free) struct merge_plan *plan = merge_plan_open(&input, err);
    struct plan_parts parts = {0};
    if (plan == NULL || !plan_read(plan, &parts, err)) {
        return false;
    }
    struct groups groups = {.rules = plan->rules, .parts = &parts};
    struct sample_result result = {0};
    find_groups(&groups);
    for (size_t i = 0; i < parts.count; i++) {
        rows_free(parts.rows[i]);
    }
    draw(&groups, options, &result);
    bool ok =
        result.input_groups != 0 ||
        err_set(err, ERR_INPUT, "could not draw from '%s': no two of its contacts share a key",
                options->input);
    ok = ok && write_sample(plan, &groups, &result, err);
    groups_done(&groups);
    if (ok) {
        *ret = result;
    }
    return ok;
}
