/* SPDX-License-Identifier: MIT */
/* The plan of an undo, made from the merge's plan and journal alone: the same again, the same bytes. */
#include "job/merge_undo.h"

#include <stdio.h>

#include "engine/undo.h"
#include "format/jsonx.h"
#include "match/normalise.h"

static const char *const column_names[UNDO_COLUMNS] = {
    [UNDO_COLUMN_ORIGIN] = UNDO_ORIGIN, [UNDO_COLUMN_CHANGE] = "change",
    [UNDO_COLUMN_STATE] = "was",        [UNDO_COLUMN_BACKUP] = "backup",
    [UNDO_COLUMN_TICKETS] = "tickets",  [UNDO_COLUMN_CONVERSATIONS] = "conversations",
    [UNDO_COLUMN_CARRIED] = "carried",
};

const char *const merge_undo_limits[] = {
    "the old ids: each contact comes back under a new one",
    "times and authors of what was written: creation dates, and whose comments they are",
    "full_name, and the contact's own attachments (they are in the backup)",
    "the contact's own timeline, private entries above all: no call writes it",
    "who created a ticket or conversation",
    "what somebody has changed since: it stays as it is, and each such thing is named",
    NULL,
};

struct planner {
    int64_t run;
    size_t copied; /* columns of the merge's plan */
    struct plan_writer *writer;
};

/* {"counts":{"tickets":{"of the loser before":3}}} */
static const char *count_of(struct arena *arena, const json_t *detail, const char *what)
{
    char path[80];
    int64_t count = 0;
    (void)snprintf(path, sizeof(path), "counts.%s.of the loser before", what);
    return jsonx_int(detail, path, &count) ? arena_printf(arena, "%lld", (long long)count) : "";
}

static bool plan_change(struct planner *planner, const struct plan_change *change,
                        const struct change_row *row, struct err *err)
{
    struct arena arena = {0};
    struct plan_value values[PLAN_MAX_FIELDS] = {0};
    AUTO_BUF struct buf origin = {0};
    struct err ignored = {0}; /* a detail that cannot be read gives no numbers */
    AUTO(json_decref) json_t *detail = jsonx_parse(str_of(row->detail), 0, &ignored);
    undo_origin_text(planner->run, change->seq, &origin);
    values[UNDO_COLUMN_ORIGIN].after = buf_str(&origin);
    values[UNDO_COLUMN_CHANGE].after = str_of(change->id);
    values[UNDO_COLUMN_STATE].after = str_of(change_state_name(row->state));
    values[UNDO_COLUMN_BACKUP].after = str_of(row->backup);
    values[UNDO_COLUMN_TICKETS].after = str_of(count_of(&arena, detail, "tickets"));
    values[UNDO_COLUMN_CONVERSATIONS].after = str_of(count_of(&arena, detail, "conversations"));
    if (merge_carried_of(row) == CARRIED_OVER) {
        values[UNDO_COLUMN_CARRIED].after = STR("yes");
    }
    for (size_t i = 0; i < planner->copied; i++) {
        values[UNDO_COLUMNS + i].after = change->values[i].before;
    }
    struct plan_change undo = {
        .target = change->target,
        .survivor = change->survivor,
        .strategy = change->strategy,
        .reason = str_of(arena_printf(&arena, "undoes change %.8s of run %lld", change->id,
                                      (long long)planner->run)),
        .values = values,
    };
    bool ok = plan_add_change(planner->writer, &undo, err);
    arena_done(&arena);
    return ok;
}

static bool take(void *ctx, const struct plan_change *change, const struct change_row *row,
                 const char *why_not, struct err *err)
{
    struct planner *planner = ctx;
    if (why_not == NULL) {
        return plan_change(planner, change, row, err);
    }
    const struct plan_finding left = {.id = change->target, .reason = str_of(why_not)};
    return plan_add_review(planner->writer, &left, err);
}

bool merge_undo_plan(struct job_run *run, const void *options, const char *path,
                     struct plan_summary *ret, struct err *err)
{
    const struct undo_source *source = options;
    struct plan_column columns[PLAN_MAX_FIELDS] = {0};
    struct planner planner = {.run = source->run, .copied = source->header->column_count};
    if (planner.copied > PLAN_MAX_FIELDS - UNDO_COLUMNS) {
        planner.copied = PLAN_MAX_FIELDS - UNDO_COLUMNS;
    }
    for (size_t i = 0; i < UNDO_COLUMNS; i++) {
        columns[i] = (struct plan_column){.name = str_of(column_names[i]), .form = STR("trim")};
    }
    for (size_t i = 0; i < planner.copied; i++) {
        columns[UNDO_COLUMNS + i] = source->header->columns[i];
        columns[UNDO_COLUMNS + i].decides = false;
    }
    const struct plan_header header = {
        .job = STR("merge-undo"),
        .rules = source->header->rules,
        .rules_hash = source->header->rules_hash,
        .kind = STR("restore-contact"),
        .source = STR("run"),
        .columns = columns,
        .column_count = UNDO_COLUMNS + planner.copied,
    };
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(run->workspace_fd, path, &header, err);
    planner.writer = writer;
    return writer != NULL && source->each(source->ctx, take, &planner, err) &&
           plan_writer_finish(writer, &ret->totals, err);
}

/* --- describing ---------------------------------------------------------------------------- */

static void add_line(struct buf *out, str name, str value, const char *more)
{
    if (value.len != 0) {
        buf_printf(out, "  %-14.*s ", STR_ARG(name));
        merge_add_value(out, value);
        buf_printf(out, "%s\n", more);
    }
}

void merge_undo_describe(const struct plan_header *plan, const struct plan_change *change,
                         struct buf *out)
{
    const struct plan_value *values = change->values;
    buf_addz(out, "bring back ");
    merge_add_value(out, change->target);
    buf_addz(out, "\n out of ");
    merge_add_value(out, change->survivor);
    buf_addz(out, "\n");
    add_line(out, STR("why"), change->reason, "");
    if (str_eqz(values[UNDO_COLUMN_STATE].after, "unknown")) {
        add_line(out, STR("was"), values[UNDO_COLUMN_STATE].after,
                 ": only if it is seen that it was merged");
    }
    for (size_t i = UNDO_COLUMNS; i < plan->column_count; i++) {
        const struct plan_column *column = &plan->columns[i];
        if (column->remote.len != 0 && !merge_is_about_the_record(column->remote)) {
            add_line(out, column->name, norm_trim(values[i].after), "");
        }
    }
    add_line(out, STR("tickets"), values[UNDO_COLUMN_TICKETS].after,
             ", where they are still the survivor's");
    add_line(out, STR("conversations"), values[UNDO_COLUMN_CONVERSATIONS].after,
             ", where they are still the survivor's");
    if (values[UNDO_COLUMN_CARRIED].after.len != 0) {
        buf_addz(out, "  survivor       gives the external reference back\n");
    }
}
