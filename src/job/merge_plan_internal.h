/* SPDX-License-Identifier: MIT */
/* Shared by the passes of the merge planner, and by what walks over its input: sample, score. */
#ifndef STEWARD_JOB_MERGE_PLAN_INTERNAL_H
#define STEWARD_JOB_MERGE_PLAN_INTERNAL_H

#include <sys/stat.h>

#include "format/csv.h"
#include "job/merge_plan.h"
#include "job/out_file.h"
#include "match/decide.h"

/* A piece of the file between two beginnings of rows: the unit of work of the second pass. */
struct plan_chunk {
    uint64_t offset;
    uint64_t line;
    uint32_t row;
};

struct merge_plan {
    struct arena arena;
    const char *csv_path;
    const char *csv_out; /* NULL: none */
    bool strict;
    int threads;
    const struct stop *stop;
    const struct links *links; /* NULL: none */
    struct rules *rules;
    int fd;
    struct stat before;   /* of the file, when it was opened */
    size_t field_count;   /* of the header */
    uint64_t body_offset; /* where the first row behind the header begins */
    uint64_t body_line;
    struct csv_column *columns; /* of the rules, found in the header */
    int *carried;               /* columns whose values changes carry */
    size_t carried_count;
    struct plan_header header;
    struct ids *ids;
    struct decisions *decisions;
    struct plan_chunk *chunks; /* chunk_count, and one more that is the end */
    size_t chunk_count;
    uint64_t peak_bytes;
    bool ran;
};

/* A cell that changes carry must fit into the plan; nothing that a contact holds is near it. */
static const struct csv_limits plan_csv_limits = {.max_field_bytes = 64 * 1024};

/* --- one row, in both passes ------------------------------------------------------------------ */

/* The cells of the rules' columns. False where the row cannot be read: no keys, no id. */
bool plan_row_cells(const struct merge_plan *plan, const struct csv_row *row, str *cells);

/* "bad-row: line 7 ..."; `contact` is NULL where plan_row_cells said false. */
void plan_row_reason(const struct merge_plan *plan, const struct csv_row *row,
                     const struct contact *contact, struct buf *out);

/* --- the passes ------------------------------------------------------------------------------- */

/* Pass 1: rows in the order of the file, one `struct rows` a part, and plan->chunks. */
struct plan_parts {
    struct rows *rows[8];
    size_t count;
};
bool plan_read(struct merge_plan *plan, struct plan_parts *parts, struct err *err) MUST_CHECK;

/* Pass 2. `out_fd` -1: no decisions file. */
bool plan_write(struct merge_plan *plan, int out_fd, struct plan_writer *writer,
                struct merge_plan_result *ret, struct err *err) MUST_CHECK;

/* ERR_INPUT where the file is not what it was when it was opened. */
bool plan_check_unchanged(const struct merge_plan *plan, struct err *err) MUST_CHECK;
bool plan_changed(const struct merge_plan *plan, struct err *err);

#endif
