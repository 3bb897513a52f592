/* SPDX-License-Identifier: MIT */
#include "job/merge_walk.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "harness/tap.h"
#include "job/merge_score.h"

static const char csv[] = "REV_USER_ID,Label,EMAIL,EXTERNAL_REF\n"
                          "a1,x,a@example.com,REVU-1\n"
                          "a2,y,a@example.com,user_1\n"
                          "broken\n"
                          "\n"
                          "a1,again,a@example.com,REVU-1\n"
                          "b1,z,b@example.com,\n";

static struct err err; /* of the call in hand */

static char path[512];

static struct merge_plan *planned(const struct stop *stop)
{
    (void)snprintf(path, sizeof(path), "%s/in.csv", tap_tmpdir());
    (void)unlink(path);
    CHECK_OK(fs_write_new(AT_FDCWD, path, STR(csv), false, &err), err);
    const struct merge_plan_options options = {
        .csv_path = path, .rules = "revu-pairs", .stop = stop};
    struct merge_plan *plan = NULL;
    struct merge_plan_result result;
    CHECK_OK((plan = merge_plan_open(&options, &err)) != NULL, err);
    CHECK_OK(merge_plan_run(plan, NULL, &result, &err), err);
    return plan;
}

/* "2 a1 merge 0;..." with '!' for a bad row and '=' for one that stands in an earlier row too. */
static bool note(void *ctx, const struct merge_walk_row *row, struct err *unused)
{
    static const char *const names[] = {"none", "review", "merge", "keep"};
    (void)unused;
    buf_printf(ctx, "%llu %s%s%s %s %u;", (unsigned long long)row->csv->line, row->bad ? "!" : "",
               row->repeat ? "=" : "", row->cells != NULL ? "" : "?", names[row->action],
               row->decided);
    return true;
}

static void every_row_has_its_decision(void)
{
    AUTO(merge_plan_free) struct merge_plan *plan = planned(NULL);
    AUTO_BUF struct buf rows = {0};
    CHECK_OK(merge_walk(plan, note, &rows, &err), err);
    CHECK_TEXT(buf_str(&rows), "2  merge 0;3  keep 1;4 !? review 2;6 = merge 0;7  none 4;");
}

static bool refuse(void *ctx, const struct merge_walk_row *row, struct err *ret)
{
    (void)ctx;
    return row->csv->line < 3 || err_set(ret, ERR_INTERNAL, "could not go on");
}

static void ends_where_the_callback_fails(void)
{
    AUTO(merge_plan_free) struct merge_plan *plan = planned(NULL);
    CHECK_ERR(merge_walk(plan, refuse, NULL, &err), err, ERR_INTERNAL, "could not go on");
}

/* Longer, shorter, and as long as before. */
static void a_file_that_changed_is_noticed(void)
{
    static const struct {
        off_t at;
        const char *bytes;
    } changes[] = {{sizeof(csv) - 1, "c1,z,c@example.com,\n"}, {40, NULL}, {40, "\""}};
    char message[640];
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        AUTO(merge_plan_free) struct merge_plan *plan = planned(NULL);
        AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);
        const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
        str bytes = str_of(changes[i].bytes);
        CHECK(changes[i].bytes != NULL
                  ? pwrite(fd, bytes.ptr, bytes.len, changes[i].at) == (ssize_t)bytes.len
                  : ftruncate(fd, changes[i].at) == 0);
        CHECK_INT(futimens(fd, times), 0); /* however coarse the clock of the file system is */
        AUTO_BUF struct buf rows = {0};
        (void)snprintf(message, sizeof(message),
                       "could not plan '%s': the file changed while it was read", path);
        CHECK_ERR(merge_walk(plan, note, &rows, &err), err, ERR_INPUT, message);
    }
}

static void finds_columns_of_its_own(void)
{
    AUTO(merge_plan_free) struct merge_plan *plan = planned(NULL);
    struct csv_column columns[] = {{.name = "label", .required = true}, {.name = "other"}};
    CHECK_OK(merge_walk_columns(plan, columns, ARRAY_LEN(columns), &err), err);
    CHECK_INT(columns[0].index, 1);
    CHECK_INT(columns[1].index, -1);
    columns[1].required = true;
    CHECK(!merge_walk_columns(plan, columns, ARRAY_LEN(columns), &err));
    CHECK_INT(err.kind, ERR_INPUT);
}

static void a_raised_stop_ends_it(void)
{
    struct stop stop;
    stop_init(&stop);
    AUTO(merge_plan_free) struct merge_plan *plan = planned(&stop);
    stop_raise(&stop, 1);
    AUTO_BUF struct buf rows = {0};
    CHECK_ERR(merge_walk(plan, note, &rows, &err), err, ERR_INTERRUPTED,
              "could not finish the plan: interrupted");
}

static void no_labels_no_score(void)
{
    AUTO(merge_plan_free) struct merge_plan *plan = planned(NULL);
    struct merge_score score = {0};
    CHECK_ERR(merge_score_begin(&score, plan, &err), err, ERR_USAGE,
              "could not score: the rule set 'revu-pairs' knows no labels");
    merge_score_done(&score);
}

TAP_MAIN(TAP_TEST(every_row_has_its_decision), TAP_TEST(ends_where_the_callback_fails),
         TAP_TEST(a_file_that_changed_is_noticed), TAP_TEST(finds_columns_of_its_own),
         TAP_TEST(a_raised_stop_ends_it), TAP_TEST(no_labels_no_score))
