/* SPDX-License-Identifier: MIT */
#include "job/source_spool.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "harness/tap.h"

static struct err err;

static int workspace(void)
{
    int fd = -1;
    CHECK_OK(fs_open_dir(AT_FDCWD, tap_tmpdir(), &fd, &err), err);
    return fd;
}

static void add(struct spool *spool, const char *a, const char *b)
{
    const str cells[] = {str_of(a), str_of(b)};
    CHECK_OK(spool_row(spool, cells, 2, &err), err);
}

static void check_file(int dir, const char *path, const char *expected)
{
    AUTO_BUF struct buf text = {0};
    CHECK_OK(fs_read(dir, path, &text, &err), err);
    CHECK_TEXT(buf_str(&text), expected);
}

static void rows_are_there_under_the_name_only_when_finished(void)
{
    AUTO_CLOSE int dir = workspace();
    AUTO(spool_free) struct spool *spool = spool_new(dir, 7, &err);
    char path[64];
    add(spool, "A", "");
    add(spool, "x,\"y\"\n", "z");
    CHECK(!fs_exists(dir, "sources/7.csv"));
    CHECK(fs_exists(dir, "sources/7.csv.part"));
    CHECK_OK(spool_finish(spool, path, sizeof(path), &err), err);
    CHECK_STR(path, "sources/7.csv");
    CHECK(!fs_exists(dir, "sources/7.csv.part"));
    CHECK_INT(spool_rows(spool), 2);
    check_file(dir, path, "A,\n\"x,\"\"y\"\"\n\",z\n");
    struct stat st;
    CHECK_INT(fstatat(dir, path, &st, 0), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK_INT(fstatat(dir, "sources", &st, 0), 0);
    CHECK_INT(st.st_mode & 0777, 0700);
}

static void what_came_since_the_mark_can_be_dropped(void)
{
    AUTO_CLOSE int dir = workspace();
    AUTO(spool_free) struct spool *spool = spool_new(dir, 1, &err);
    AUTO_BUF struct buf large = {0};
    char path[64];
    add(spool, "kept", "1");
    CHECK_OK(spool_mark(spool, &err), err);
    for (int i = 0; i < 3 * 1024 * 1024; i++) {
        buf_addc(&large, 'x');
    }
    add(spool, buf_z(&large), "written at once, because it is large");
    add(spool, "dropped", "still in memory");
    CHECK_OK(spool_rewind(spool, &err), err);
    CHECK_INT(spool_rows(spool), 1);
    add(spool, "again", "2");
    CHECK_OK(spool_rewind(spool, &err), err);
    add(spool, "at last", "3");
    CHECK_OK(spool_finish(spool, path, sizeof(path), &err), err);
    check_file(dir, path, "kept,1\nat last,3\n");
}

static void a_row_of_one_empty_field_is_a_row(void)
{
    AUTO_CLOSE int dir = workspace();
    AUTO(spool_free) struct spool *spool = spool_new(dir, 2, &err);
    char path[64];
    const str empty = STR("");
    CHECK_OK(spool_row(spool, &empty, 1, &err), err);
    CHECK_OK(spool_finish(spool, path, sizeof(path), &err), err);
    check_file(dir, path, "\"\"\n");
}

static void what_is_not_finished_is_removed(void)
{
    AUTO_CLOSE int dir = workspace();
    struct spool *spool = spool_new(dir, 3, &err);
    add(spool, "a", "b");
    CHECK_OK(spool_mark(spool, &err), err);
    spool_free(spool);
    CHECK(!fs_exists(dir, "sources/3.csv.part"));
    CHECK(!fs_exists(dir, "sources/3.csv"));

    /* and what a killed process left */
    CHECK_OK(fs_write_new(dir, "sources/4.csv.part", STR("left"), false, &err), err);
    CHECK_OK(fs_write_new(dir, "sources/2.csv", STR("kept"), false, &err), err);
    spool = spool_new(dir, 5, &err);
    CHECK(spool != NULL);
    spool_free(spool);
    CHECK(!fs_exists(dir, "sources/4.csv.part"));
    check_file(dir, "sources/2.csv", "kept");
}

static void the_directory_may_be_no_link(void)
{
    AUTO_CLOSE int dir = workspace();
    CHECK_OK(fs_mkdirs(dir, "elsewhere", &err), err);
    CHECK_INT(symlinkat("elsewhere", dir, "sources"), 0);
    CHECK_ERR(spool_new(dir, 1, &err) != NULL, err, ERR_IO,
              "could not open directory 'sources': it is a symbolic link");
    CHECK(!fs_exists(dir, "elsewhere/1.csv.part"));
}

TAP_MAIN(TAP_TEST(rows_are_there_under_the_name_only_when_finished),
         TAP_TEST(what_came_since_the_mark_can_be_dropped),
         TAP_TEST(a_row_of_one_empty_field_is_a_row), TAP_TEST(what_is_not_finished_is_removed),
         TAP_TEST(the_directory_may_be_no_link))
