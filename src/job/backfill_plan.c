/* SPDX-License-Identifier: MIT */
/* Which issue gets which group: one decision a row, in the order of the file. */
#include "job/backfill_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "job/devrev_session.h"
#include "job/inputs.h"
#include "job/out_file.h"
#include "job/source.h"
#include "match/normalise.h"

enum { OUT_BYTES = 1024 * 1024 };

struct planner {
    const struct backfill_options *options;
    const struct groups *groups;
    struct plan_writer *writer; /* NULL: only judged */
    struct plan_summary *summary;
    struct buf text; /* the group as people read it */
    struct buf why;
    struct out_file out_file; /* decisions as CSV */
    struct buf out;
};

/* --- decisions of all rows ----------------------------------------------------------------------- */

static bool flush_out(struct planner *planner, size_t above, struct err *err)
{
    if (planner->out_file.fd < 0 || planner->out.len <= above) {
        return true;
    }
    bool ok =
        fs_write_all(planner->out_file.fd, buf_str(&planner->out), planner->options->csv_out, err);
    buf_clear(&planner->out);
    return ok;
}

static bool note(struct planner *planner, const struct backfill_row *row, const char *action,
                 str group, str reason, struct err *err)
{
    if (planner->out_file.fd < 0) {
        return true;
    }
    csv_add_field(&planner->out, row->cell[CELL_ISSUE], true);
    csv_add_field(&planner->out, str_of(action), false);
    csv_add_field(&planner->out, group, false);
    csv_add_field(&planner->out, reason, false);
    csv_end_row(&planner->out);
    return flush_out(planner, OUT_BYTES, err);
}

/* --- one row ---------------------------------------------------------------------------------------- */

static bool take_bad(struct planner *planner, const struct backfill_row *row, struct err *err)
{
    struct plan_summary *summary = planner->summary;
    summary->bad++;
    if (summary->first_bad_count < ARRAY_LEN(summary->first_bad)) {
        size_t n = summary->first_bad_count++;
        summary->first_bad[n].line = row->line;
        (void)snprintf(summary->first_bad[n].reason, sizeof(summary->first_bad[n].reason), "%s",
                       row->reason);
    }
    const struct plan_finding finding = {
        .id = row->cell[CELL_ISSUE], .line = row->line, .reason = str_of(row->reason)};
    return (planner->writer == NULL || plan_add_bad(planner->writer, &finding, err)) &&
           note(planner, row, "review", STR(""), str_of(row->reason), err);
}

static bool leave(struct planner *planner, const struct backfill_row *row, struct err *err)
{
    str why = buf_str(&planner->why);
    const struct plan_finding finding = {
        .id = row->cell[CELL_ISSUE], .line = row->line, .reason = why};
    planner->summary->review++;
    return plan_add_review(planner->writer, &finding, err) &&
           note(planner, row, "review", STR(""), why, err);
}

static bool change(struct planner *planner, const struct backfill_row *row,
                   const struct group *group, struct err *err)
{
    buf_clear(&planner->text);
    buf_printf(&planner->text, "%.*s %.*s", STR_ARG(group->display_id), STR_ARG(group->name));
    const struct plan_value values[COLUMN_COUNT] = {
        [COLUMN_FIELD] = {.before = row->cell[CELL_GROUP], .after = group->id},
        [COLUMN_CREATOR] = {.before = row->cell[CELL_CREATOR], .after = row->cell[CELL_CREATOR]},
        [COLUMN_GROUP] = {.before = STR(""), .after = buf_str(&planner->text)},
    };
    const struct plan_change planned = {.target = row->cell[CELL_ISSUE],
                                        .survivor = STR(""),
                                        .strategy = STR("creator-group"),
                                        .reason = buf_str(&planner->why),
                                        .values = values};
    return plan_add_change(planner->writer, &planned, err) &&
           note(planner, row, "set", group->id, buf_str(&planner->why), err);
}

/* What the CSV says is there already: the same group, another one, or nothing. */
static bool judge_present(struct planner *planner, const struct backfill_row *row,
                          const struct group *group, struct err *err)
{
    bool several = false;
    const struct group *present = groups_find(planner->groups, row->cell[CELL_GROUP], &several);
    if (present == group) {
        planner->summary->none++;
        return note(planner, row, "none", group->id, STR("the group is there already"), err);
    }
    if (!planner->options->overwrite) {
        buf_clear(&planner->why);
        buf_addz(&planner->why,
                 "different: another value is there already; --overwrite replaces it");
        return leave(planner, row, err);
    }
    buf_addz(&planner->why, "; it replaces another value");
    return change(planner, row, group, err);
}

static bool decide(struct planner *planner, const struct backfill_row *row, struct err *err)
{
    const struct group *group = NULL;
    buf_clear(&planner->why);
    if (groups_of(planner->groups, row->cell[CELL_CREATOR], row->cell[CELL_ASSIGNED], &group,
                  &planner->why) != GROUPS_FOUND) {
        return leave(planner, row, err);
    }
    buf_addz(&planner->why, "the creator's group");
    if (row->cell[CELL_GROUP].len != 0) {
        return judge_present(planner, row, group, err);
    }
    return change(planner, row, group, err);
}

static bool take(struct planner *planner, const struct backfill_row *row, struct err *err)
{
    planner->summary->rows++;
    if (row->bad) {
        return take_bad(planner, row, err);
    }
    if (row->repeated || planner->writer == NULL) {
        planner->summary->none++; /* decided with its first row */
        return note(planner, row, "none", STR(""), STR("the same row stands further up"), err);
    }
    return decide(planner, row, err);
}

static bool take_all(struct planner *planner, struct backfill_rows *rows, str tenant,
                     struct err *err)
{
    for (;;) {
        struct backfill_row row;
        bool more = false;
        if (!backfill_rows_next(rows, tenant, &row, &more, err)) {
            return false;
        }
        if (!more) {
            return true;
        }
        if (!take(planner, &row, err)) {
            return false;
        }
    }
}

/* Not one good row, or one bad row where that is enough. */
static bool judge_file(const struct plan_summary *summary, const char *path, bool strict,
                       struct err *err)
{
    if (summary->rows == summary->bad) {
        return err_set(err, ERR_INPUT, "could not use '%s': it has no good row", path);
    }
    if (strict && summary->bad != 0) {
        return err_set(err, ERR_INPUT, "could not use '%s': %llu of %llu rows are bad", path,
                       (unsigned long long)summary->bad, (unsigned long long)summary->rows);
    }
    return true;
}

/* --- planning ----------------------------------------------------------------------------------------- */

static bool open_out(struct planner *planner, const struct backfill_rows *rows, struct err *err)
{
    const char *path = planner->options->csv_out;
    struct stat input;
    if (path == NULL) {
        return true;
    }
    if (fstat(backfill_rows_fd(rows), &input) != 0) {
        return err_set_errno(err, ERR_IO, errno, "could not look at the input");
    }
    buf_addz(&planner->out, "issue_id,action,group,reason\n");
    return out_file_open(path, &input, &planner->out_file, err);
}

static bool write_plan(struct planner *planner, struct job_run *run, struct backfill_rows *rows,
                       const char *csv, const char *path, struct err *err)
{
    const struct backfill_options *options = planner->options;
    str field = str_of(options->field != NULL ? options->field : BACKFILL_FIELD);
    AUTO_BUF struct buf remote = {0};
    buf_printf(&remote, "custom_fields.%.*s", STR_ARG(field));
    const struct plan_column columns[COLUMN_COUNT] = {
        [COLUMN_FIELD] = {.name = field,
                          .remote = buf_str(&remote),
                          .form = STR("trim"),
                          .decides = true},
        [COLUMN_CREATOR] = {.name = STR("creator"),
                            .remote = STR("created_by"),
                            .form = STR("trim"),
                            .decides = true},
        [COLUMN_GROUP] = {.name = STR("group"), .remote = STR(""), .form = STR("trim")},
    };
    const struct plan_header header = {
        .job = STR("backfill"),
        .rules = field,
        .rules_hash = STR(""),
        .kind = options->overwrite ? STR(BACKFILL_OVERWRITE) : STR(BACKFILL_FILL),
        .source = options->source != NULL ? str_of(options->source) : STR("csv"),
        .columns = columns,
        .column_count = COLUMN_COUNT,
    };
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(run->workspace_fd, path, &header, err);
    planner->writer = writer;
    return writer != NULL && open_out(planner, rows, err) &&
           take_all(planner, rows, groups_tenant(planner->groups), err) &&
           judge_file(planner->summary, csv, options->strict, err) && flush_out(planner, 0, err) &&
           plan_writer_finish(writer, &planner->summary->totals, err);
}

static bool plan_from(struct job_run *run, const struct backfill_options *options, const char *csv,
                      int dirfd, const struct groups *groups, const char *path,
                      struct plan_summary *ret, struct err *err)
{
    AUTO(backfill_rows_free)
    struct backfill_rows *rows = backfill_rows_open(dirfd, csv, run->stop, err);
    if (rows == NULL) {
        return false;
    }
    struct planner planner = {.options = options,
                              .groups = groups,
                              .summary = ret,
                              .out_file.fd = -1,
                              .out.max = SIZE_MAX};
    bool ok = write_plan(&planner, run, rows, csv, path, err) &&
              (options->source != NULL ||
               inputs_note(run, "csv_file", backfill_rows_fd(rows), csv, 1, err));
    ok = out_file_close(options->csv_out, &planner.out_file, ok, err);
    buf_done(&planner.text);
    buf_done(&planner.why);
    buf_done(&planner.out);
    return ok;
}

static struct groups *ask_remote(struct job_run *run, const char *field, struct err *err)
{
    AUTO_DEVREV_SESSION struct devrev_session session;
    if (!devrev_session_open(run, backfill_job.rate_calls, backfill_job.rate_period_ms, &session,
                             err) ||
        !backfill_field_check(session.devrev, str_of(field), err)) {
        return NULL;
    }
    return groups_load(run, session.devrev, run->settings->cache_ttl_ms, err);
}

bool backfill_plan(struct job_run *run, const void *options, const char *path,
                   struct plan_summary *ret, struct err *err)
{
    const struct backfill_options *wanted = options;
    const char *field = wanted->field != NULL ? wanted->field : BACKFILL_FIELD;
    char spooled[SOURCE_PATH_BYTES];
    *ret = (struct plan_summary){0};
    AUTO(groups_free) struct groups *groups = ask_remote(run, field, err);
    if (groups == NULL) {
        return source_not_planned(err);
    }
    if (wanted->source == NULL) {
        return plan_from(run, wanted, wanted->csv_path, AT_FDCWD, groups, path, ret, err);
    }
    const struct source_options source = {
        .name = wanted->source,
        .query = wanted->query != NULL ? wanted->query : "issues",
        .rate_calls = backfill_job.rate_calls,
        .rate_period_ms = backfill_job.rate_period_ms,
    };
    uint64_t rows;
    return source_spool(run, &source, spooled, &rows, err) &&
           plan_from(run, wanted, spooled, run->workspace_fd, groups, path, ret, err);
}

/* --- judging alone ------------------------------------------------------------------------------------ */

bool backfill_validate(const char *csv_path, const struct stop *stop, struct plan_summary *ret,
                       struct err *err)
{
    const struct backfill_options options = {.csv_path = csv_path};
    struct planner planner = {.options = &options, .summary = ret, .out_file.fd = -1};
    *ret = (struct plan_summary){0};
    AUTO(backfill_rows_free)
    struct backfill_rows *rows = backfill_rows_open(AT_FDCWD, csv_path, stop, err);
    return rows != NULL && take_all(&planner, rows, STR_NONE, err);
}

struct listing {
    const struct backfill_groups_report *report;
    struct buf text;
};

static void list_ambiguous(void *ctx, str user, const struct group *const *in, size_t count)
{
    struct listing *listing = ctx;
    buf_clear(&listing->text);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&listing->text, "%s%.*s", i == 0 ? "" : ", ", STR_ARG(in[i]->display_id));
    }
    listing->report->ambiguous(listing->report->ctx, user, buf_str(&listing->text));
}

bool backfill_check_groups(struct job_run *run, const char *field,
                           const struct backfill_groups_report *report, struct err *err)
{
    struct listing listing = {.report = report};
    AUTO(groups_free)
    struct groups *groups = ask_remote(run, field != NULL ? field : BACKFILL_FIELD, err);
    if (groups == NULL) {
        return source_not_planned(err);
    }
    for (size_t i = 0; i < groups_count(groups); i++) {
        const struct group *group = groups_at(groups, i);
        report->group(report->ctx, group->id, group->display_id, group->name, group->member_count);
    }
    groups_each_ambiguous(groups, list_ambiguous, &listing);
    buf_done(&listing.text);
    return true;
}
