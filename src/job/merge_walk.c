/* SPDX-License-Identifier: MIT */
#include "job/merge_walk.h"

#include "job/merge_plan_internal.h"

enum { STOP_ROWS = 4096 };

const struct rules *merge_walk_rules(const struct merge_plan *plan)
{
    return plan->rules;
}

const struct decisions *merge_walk_decisions(const struct merge_plan *plan)
{
    return plan->decisions;
}

bool merge_walk_columns(const struct merge_plan *plan, struct csv_column *columns, size_t count,
                        struct err *err)
{
    AUTO(csv_reader_free)
    struct csv_reader *reader = csv_reader_new(plan->fd, ',', &plan_csv_limits);
    struct csv_row header;
    bool more = false;
    if (!csv_next(reader, &header, &more, err)) {
        return err_wrap(err, "could not read '%s'", plan->csv_path);
    }
    return more ? csv_header_match(&header, plan->csv_path, columns, count, err)
                : plan_changed(plan, err);
}

/* False where the row is not what the planner saw. */
static bool fill_row(const struct merge_plan *plan, uint32_t index, const struct csv_row *csv,
                     str *cells, struct merge_walk_row *ret)
{
    const struct decisions *d = plan->decisions;
    bool readable = plan_row_cells(plan, csv, cells);
    *ret = (struct merge_walk_row){
        .csv = csv,
        .cells = readable ? cells : NULL,
        .bad = (d->row[index].flags & ROW_BAD) != 0,
        .decided = index,
        .action = ACTION_REVIEW,
    };
    if (!ret->bad) {
        ret->decided = decisions_first(d, index);
        ret->repeat = ret->decided != index;
        ret->action = decisions_action(d, ret->decided);
    }
    return readable || ret->bad;
}

bool merge_walk(const struct merge_plan *plan, merge_walk_fn each, void *ctx, struct err *err)
{
    AUTO(csv_reader_free)
    struct csv_reader *reader = csv_reader_new(plan->fd, ',', &plan_csv_limits);
    csv_reader_seek(reader, plan->body_offset, plan->body_line, 0);
    for (uint32_t index = 0;; index++) {
        struct csv_row csv;
        struct merge_walk_row row;
        str cells[RULES_MAX_COLUMNS];
        bool more = false;
        if (!csv_next(reader, &csv, &more, err)) {
            return err_wrap(err, "could not read '%s'", plan->csv_path);
        }
        if (!more) {
            return index == plan->decisions->count ? plan_check_unchanged(plan, err)
                                                   : plan_changed(plan, err);
        }
        if (index == plan->decisions->count || !fill_row(plan, index, &csv, cells, &row)) {
            return plan_changed(plan, err);
        }
        if (!each(ctx, &row, err)) {
            return false;
        }
        if (index % STOP_ROWS == 0 && plan->stop != NULL && stop_level(plan->stop) != 0) {
            return err_set(err, ERR_INTERRUPTED, "could not finish the plan: interrupted");
        }
    }
}
