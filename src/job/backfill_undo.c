/* SPDX-License-Identifier: MIT */
/*
 * The plan that puts the old values of a backfill back, made from its plan and journal alone. Its steps
 * are the backfill's own (backfill.c): only where the field still holds what we wrote is it written.
 */
#include "job/backfill_internal.h"

#include "engine/undo.h"
#include "format/jsonx.h"

struct planner {
    int64_t run;
    struct plan_writer *writer;
};

static bool leave(struct planner *planner, const struct plan_change *change, const char *why,
                  struct err *err)
{
    const struct plan_finding left = {.id = change->target, .reason = str_of(why)};
    return plan_add_review(planner->writer, &left, err);
}

static bool put_back(struct planner *planner, const struct plan_change *change, str before,
                     struct err *err)
{
    AUTO_BUF struct buf origin = {0};
    AUTO_BUF struct buf reason = {0};
    undo_origin_text(planner->run, change->seq, &origin);
    buf_printf(&reason, "undoes change %.8s of run %lld", change->id, (long long)planner->run);
    const struct plan_value values[COLUMN_COUNT + 1] = {
        [0] = {.before = STR(""), .after = buf_str(&origin)},
        [1 + COLUMN_FIELD] = {.before = change->values[COLUMN_FIELD].after,
                              .after = before.ptr != NULL ? before : STR("")},
        [1 + COLUMN_CREATOR] = change->values[COLUMN_CREATOR],
        [1 + COLUMN_GROUP] = {.before = change->values[COLUMN_GROUP].after, .after = STR("")},
    };
    const struct plan_change undo = {.target = change->target,
                                     .survivor = STR(""),
                                     .strategy = change->strategy,
                                     .reason = buf_str(&reason),
                                     .values = values};
    return plan_add_change(planner->writer, &undo, err);
}

static bool take(void *ctx, const struct plan_change *change, const struct change_row *row,
                 const char *why_not, struct err *err)
{
    struct planner *planner = ctx;
    bool already = false;
    struct err ignored = {0};
    if (why_not != NULL) {
        return leave(planner, change, why_not, err);
    }
    AUTO(json_decref) json_t *detail = jsonx_parse(str_of(row->detail), 0, &ignored);
    if (detail == NULL) {
        return leave(planner, change, "the journal holds no old value of it", err);
    }
    (void)jsonx_bool(detail, "already", &already);
    if (already) {
        return leave(planner, change, "the value was there before: nothing was written", err);
    }
    return put_back(planner, change, jsonx_str(detail, "before"), err);
}

bool backfill_undo_plan(struct job_run *run, const void *options, const char *path,
                        struct plan_summary *ret, struct err *err)
{
    const struct undo_source *source = options;
    struct plan_column columns[COLUMN_COUNT + 1] = {
        {.name = STR(UNDO_ORIGIN), .remote = STR(""), .form = STR("trim")}};
    struct planner planner = {.run = source->run};
    for (size_t i = 0; i < COLUMN_COUNT; i++) {
        columns[1 + i] = source->header->columns[i];
    }
    const struct plan_header header = {
        .job = STR("backfill-undo"),
        .rules = source->header->rules,
        .rules_hash = source->header->rules_hash,
        .kind = STR(BACKFILL_RESTORE),
        .source = STR("run"),
        .columns = columns,
        .column_count = COLUMN_COUNT + 1,
    };
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(run->workspace_fd, path, &header, err);
    planner.writer = writer;
    return writer != NULL && source->each(source->ctx, take, &planner, err) &&
           plan_writer_finish(writer, &ret->totals, err);
}
