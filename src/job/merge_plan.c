/* SPDX-License-Identifier: MIT */
#include "job/merge_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/rng.h"
#include "job/merge_plan_internal.h"
#include "match/columns_map.h"

enum { MAX_THREADS = 8 };

void merge_plan_free(struct merge_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    if (plan->fd >= 0) {
        (void)close(plan->fd); /* only read */
    }
    decisions_free(plan->decisions);
    ids_free(plan->ids);
    rules_free(plan->rules);
    arena_done(&plan->arena);
    free(plan);
}

const struct plan_header *merge_plan_header(const struct merge_plan *plan)
{
    return &plan->header;
}

bool plan_changed(const struct merge_plan *plan, struct err *err)
{
    (void)err_set(err, ERR_INPUT, "could not plan '%s': the file changed while it was read",
                  plan->csv_path);
    return err_hint(err, "Plan again when nothing writes to the file.");
}

bool plan_check_unchanged(const struct merge_plan *plan, struct err *err)
{
    struct stat now;
    if (fstat(plan->fd, &now) != 0) {
        return err_set_errno(err, ERR_IO, errno, "could not read '%s'", plan->csv_path);
    }
    bool same = now.st_size == plan->before.st_size &&
                now.st_mtim.tv_sec == plan->before.st_mtim.tv_sec &&
                now.st_mtim.tv_nsec == plan->before.st_mtim.tv_nsec;
    return same || plan_changed(plan, err);
}

/* --- opening ---------------------------------------------------------------------------------- */

static bool open_file(struct merge_plan *plan, int dir_fd, struct err *err)
{
    plan->fd =
        openat(dir_fd > 0 ? dir_fd : AT_FDCWD, plan->csv_path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (plan->fd < 0) {
        return err_set_errno(err, ERR_INPUT, errno, "could not open '%s'", plan->csv_path);
    }
    if (fstat(plan->fd, &plan->before) != 0) {
        return err_set_errno(err, ERR_IO, errno, "could not read '%s'", plan->csv_path);
    }
    if (S_ISDIR(plan->before.st_mode)) {
        return err_set(err, ERR_INPUT, "could not read '%s': it is a directory", plan->csv_path);
    }
    if (!S_ISREG(plan->before.st_mode)) {
        (void)err_set(err, ERR_INPUT, "could not read '%s': it is not a regular file",
                      plan->csv_path);
        return err_hint(err, "The file is read twice: save the stream to a file first.");
    }
    if (plan->before.st_size == 0) {
        return err_set(err, ERR_INPUT, "could not plan '%s': the file is empty", plan->csv_path);
    }
    return true;
}

static bool read_header(struct merge_plan *plan, struct err *err)
{
    const struct rules *rules = plan->rules;
    plan->columns = arena_array(&plan->arena, rules->column_count, sizeof(*plan->columns));
    for (size_t i = 0; i < rules->column_count; i++) {
        const char *mapped = rules->columns[i].mapped;
        plan->columns[i] = (struct csv_column){
            .name = mapped != NULL ? mapped : rules->columns[i].name,
            .aliases = mapped != NULL ? NULL : rules->columns[i].headers,
            .required = mapped != NULL || rules->columns[i].required,
            .index = -1,
        };
    }
    AUTO(csv_reader_free)
    struct csv_reader *reader = csv_reader_new(plan->fd, ',', &plan_csv_limits);
    struct csv_row row;
    bool more = false;
    if (!csv_next(reader, &row, &more, err)) {
        return err_wrap(err, "could not read '%s'", plan->csv_path);
    }
    if (!more) {
        return err_set(err, ERR_INPUT, "could not plan '%s': the file is empty", plan->csv_path);
    }
    if (!csv_header_match(&row, plan->csv_path, plan->columns, rules->column_count, err)) {
        return false;
    }
    bool has[RULES_MAX_COLUMNS];
    for (size_t i = 0; i < rules->column_count; i++) {
        has[i] = plan->columns[i].index >= 0;
    }
    rules_drop_idle_guards(plan->rules, has);
    plan->field_count = row.count;
    csv_reader_position(reader, &plan->body_offset, &plan->body_line);
    return true;
}

/* Every column that the file has but the id: what people see and what is compared before applying.
 */
static void fill_header(struct merge_plan *plan)
{
    const struct rules *rules = plan->rules;
    plan->carried = arena_array(&plan->arena, rules->column_count, sizeof(*plan->carried));
    struct plan_column *columns = arena_array(&plan->arena, rules->column_count, sizeof(*columns));
    for (size_t i = 0; i < rules->column_count; i++) {
        const struct rule_column *column = &rules->columns[i];
        if (column->identity || plan->columns[i].index < 0) {
            continue;
        }
        columns[plan->carried_count] = (struct plan_column){
            .name = str_of(column->name),
            .remote = str_of(column->remote),
            .form = str_of(form_name(column->form)),
            .decides = column->decides,
        };
        plan->carried[plan->carried_count++] = (int)i;
    }
    plan->header = (struct plan_header){
        .job = STR("merge"),
        .rules = str_of(rules->name),
        .rules_hash = str_of(rules->hash),
        .kind = str_of(rules->kind),
        .source = STR("csv"),
        .columns = columns,
        .column_count = plan->carried_count,
    };
}

static int thread_count(int wanted)
{
    long count = wanted > 0 ? wanted : sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > MAX_THREADS ? MAX_THREADS : (int)count;
}

struct merge_plan *merge_plan_open(const struct merge_plan_options *options, struct err *err)
{
    AUTO(merge_plan_free) struct merge_plan *plan = xnew(struct merge_plan);
    plan->fd = -1;
    plan->csv_path = arena_strdup(&plan->arena, options->csv_path);
    plan->csv_out = options->csv_out != NULL ? arena_strdup(&plan->arena, options->csv_out) : NULL;
    plan->strict = options->strict;
    plan->stop = options->stop;
    plan->links = options->links;
    plan->threads = thread_count(options->threads);
    plan->ids = ids_new();
    plan->rules = rules_load(options->rules, err);
    if (plan->rules == NULL ||
        (options->map != NULL && !columns_map_load(options->map, plan->rules, err)) ||
        !open_file(plan, options->csv_dir_fd, err) || !read_header(plan, err)) {
        return NULL;
    }
    fill_header(plan);
    return STEAL(plan);
}

/* --- running ---------------------------------------------------------------------------------- */

static bool refuse(const struct merge_plan *plan, const struct merge_plan_result *result,
                   struct err *err)
{
    const char *first = result->first_bad_count != 0 ? result->first_bad[0].reason : "";
    if (result->rows == 0) {
        return err_set(err, ERR_INPUT, "could not plan '%s': no row follows the header",
                       plan->csv_path);
    }
    if (result->good == 0) {
        return err_set(err, ERR_INPUT, "could not plan '%s': none of its %llu rows is good: %s",
                       plan->csv_path, (unsigned long long)result->rows, first);
    }
    if (plan->strict && result->bad != 0) {
        (void)err_set(err, ERR_INPUT, "could not plan '%s': %llu of its %llu rows %s bad: %s",
                      plan->csv_path, (unsigned long long)result->bad,
                      (unsigned long long)result->rows, result->bad == 1 ? "is" : "are", first);
        return err_hint(err, "Without --strict the good rows are planned and the bad ones listed.");
    }
    return true;
}

static bool read_and_decide(struct merge_plan *plan, struct err *err)
{
    struct plan_parts parts = {0};
    bool ok = plan_read(plan, &parts, err) && plan_check_unchanged(plan, err);
    if (ok) {
        const struct decide_options options = {
            .threads = plan->threads, .stop = plan->stop, .links = plan->links};
        plan->decisions = decide(plan->rules, parts.rows, parts.count, &options, err);
        ok = plan->decisions != NULL && decisions_prove(plan->decisions, err);
    }
    for (size_t i = 0; i < parts.count; i++) {
        rows_free(parts.rows[i]);
    }
    plan->peak_bytes = ok ? plan->decisions->peak_bytes + ids_bytes(plan->ids) : 0;
    return ok;
}

/* Whether a file is refused is known only when its rows have been read twice, for the reasons; so
 * where it may be, they are read once more without writing. */
static bool check_rows(struct merge_plan *plan, struct merge_plan_result *ret, struct err *err)
{
    const struct decisions *d = plan->decisions;
    uint64_t bad = 0;
    for (uint32_t i = 0; i < d->count; i++) {
        bad += (d->row[i].flags & ROW_BAD) != 0;
    }
    if (bad < d->count && !(plan->strict && bad != 0)) {
        return true;
    }
    return plan_write(plan, -1, NULL, ret, err) && refuse(plan, ret, err);
}

bool merge_plan_run(struct merge_plan *plan, struct plan_writer *writer,
                    struct merge_plan_result *ret, struct err *err)
{
    if (plan->ran) {
        return err_set(err, ERR_INTERNAL, "could not plan '%s' twice", plan->csv_path);
    }
    plan->ran = true;
    struct merge_plan_result result = {0};
    if (!read_and_decide(plan, err)) {
        return false;
    }
    (void)FAILPOINT("plan.between"); /* tests change the file here */
    if (!check_rows(plan, ret, err)) {
        return false;
    }
    struct out_file out = {.fd = -1};
    bool ok = plan->csv_out == NULL || out_file_open(plan->csv_out, &plan->before, &out, err);
    ok = ok && plan_write(plan, out.fd, writer, &result, err) && plan_check_unchanged(plan, err);
    if (!out_file_close(plan->csv_out, &out, ok, err)) {
        return false;
    }
    result.peak_bytes = plan->peak_bytes;
    *ret = result;
    return true;
}
