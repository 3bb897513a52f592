/* SPDX-License-Identifier: MIT */
#include "job/backfill.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "harness/tap.h"

#define HEADER "issue_id,creator_user_id,assigned_group,creator_group\n"

static struct err err;
static struct plan_summary summary;

/* Judges a file that holds `text`. */
static bool validate(const char *text)
{
    char path[] = "rows-XXXXXX";
    AUTO_CLOSE int fd = mkstemp(path);
    bool ok =
        fs_write_all(fd, str_of(text), path, &err) && backfill_validate(path, NULL, &summary, &err);
    (void)unlink(path);
    return ok;
}

/* The one bad row of a file says `reason`. */
static void bad(const char *row, const char *reason)
{
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, HEADER "ISS-1,u,,\n%s\n", row);
    err = (struct err){0};
    CHECK_OK(validate(buf_z(&text)), err);
    CHECK_INT(summary.bad, 1);
    CHECK_STR(summary.first_bad[0].reason, reason);
}

static void rows_that_are_good(void)
{
    CHECK_OK(validate(HEADER "ISS-1,u,g,\ndon:core:x:devo/a:issue/7,u,,h\n\n\"ISS-2\" ,u,,\n"),
             err);
    CHECK_INT(summary.rows, 3);
    CHECK_INT(summary.bad, 1); /* text behind a quote */
    CHECK_OK(validate("\xef\xbb\xbf"
                      "Creator_User_ID,ISSUE_ID,assigned_group,more\r\nu,ISS-1,,x\r\n"),
             err);
    CHECK_INT(summary.rows, 1);
    CHECK_INT(summary.bad, 0);
}

static void rows_that_are_bad(void)
{
    bad(",u,,", "bad-row: line 3: issue_id is empty");
    bad("TKT-1,u,,", "bad-row: line 3: issue_id is no issue (ISS-7 or don:core:...:issue/7)");
    bad("ISS-,u,,", "bad-row: line 3: issue_id is no issue (ISS-7 or don:core:...:issue/7)");
    bad("don:core:x:devo/a:issue/,u,,",
        "bad-row: line 3: issue_id is no issue (ISS-7 or don:core:...:issue/7)");
    bad("ISS-2, ,,", "bad-row: line 3: creator_user_id is empty");
    bad("ISS-2,u,", "bad-row: line 3: it has 3 fields, the header has 4");
    bad("ISS-2,\xff,,", "bad-row: line 3: it is not UTF-8");
    bad("ISS-2,a\"b,,", "bad-row: line 3: a quote inside a field that is not quoted");
}

static void an_issue_that_stands_there_twice(void)
{
    CHECK_OK(validate(HEADER "ISS-1,u,,\nISS-2,u,,\nISS-1,u,,\n"), err);
    CHECK_INT(summary.bad, 0);
    CHECK_OK(validate(HEADER "ISS-1,u,,\nISS-2,u,,\nISS-1,v,,\n"), err);
    CHECK_INT(summary.bad, 2);
    CHECK_INT(summary.first_bad[0].line, 2);
    CHECK_STR(summary.first_bad[1].reason,
              "bad-row: line 4: its issue_id stands in several rows with different content");
    /* where one cell ends and the next begins is content, too */
    CHECK_OK(validate(HEADER "ISS-1,u,ab,c\nISS-1,u,a,bc\n"), err);
    CHECK_INT(summary.bad, 2);
}

static void many_issues(void)
{
    AUTO_BUF struct buf text = {0};
    buf_addz(&text, HEADER);
    for (int i = 0; i < 5000; i++) {
        buf_printf(&text, "ISS-%d,u,,\n", i % 4999 + 1);
    }
    CHECK_OK(validate(buf_z(&text)), err);
    CHECK_INT(summary.rows, 5000);
    CHECK_INT(summary.bad, 0);
}

static void files_that_are_of_no_use(void)
{
    CHECK_ERR(backfill_validate("no-such-file.csv", NULL, &summary, &err), err, ERR_INPUT,
              "could not open 'no-such-file.csv': No such file or directory");
    CHECK(!validate(""));
    CHECK_INT(err.kind, ERR_INPUT);
    CHECK(!validate("issue_id,creator\nISS-1,u\n"));
    CHECK_INT(err.kind, ERR_INPUT);
    CHECK(strstr(err.message, "creator_user_id") != NULL);
    CHECK(strstr(err.message, "assigned_group") != NULL);
    CHECK(strstr(err.message, "creator_group") == NULL);
}

TAP_MAIN(TAP_TEST(rows_that_are_good), TAP_TEST(rows_that_are_bad),
         TAP_TEST(an_issue_that_stands_there_twice), TAP_TEST(many_issues),
         TAP_TEST(files_that_are_of_no_use))
