/* SPDX-License-Identifier: MIT */
#include "base/fs.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "harness/tap.h"

static int open_tmpdir(void)
{
    int fd = -1;
    struct err err;
    CHECK_OK(fs_open_dir(AT_FDCWD, tap_tmpdir(), &fd, &err), err);
    return fd;
}

static void atomic_write_replaces_and_is_private(void)
{
    struct err err;
    AUTO_BUF struct buf content = {0};
    AUTO_CLOSE int dir = open_tmpdir();
    CHECK_OK(fs_write_atomic(dir, "a", STR("one"), &err), err);
    CHECK_OK(fs_write_atomic(dir, "a", STR("two"), &err), err);
    CHECK_OK(fs_read(dir, "a", &content, &err), err);
    CHECK_STR(buf_z(&content), "two");
    struct stat st;
    CHECK_INT(fstatat(dir, "a", &st, 0), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
}

static void a_new_file_must_be_new(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_tmpdir();
    CHECK_OK(fs_write_new(dir, "a", STR("one"), true, &err), err);
    CHECK_ERR(fs_write_new(dir, "a", STR("two"), true, &err), err, ERR_IO,
              "could not create 'a': File exists");
}

static void reading_is_bounded(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_tmpdir();
    CHECK_OK(fs_write_new(dir, "a", STR("12345"), false, &err), err);
    AUTO_BUF struct buf exact = {.max = 5};
    CHECK_OK(fs_read(dir, "a", &exact, &err), err);
    CHECK_STR(buf_z(&exact), "12345");
    AUTO_BUF struct buf small = {.max = 4};
    CHECK_ERR(fs_read(dir, "a", &small, &err), err, ERR_IO,
              "could not read 'a': longer than 4 bytes");
    CHECK_ERR(fs_read(dir, "b", &exact, &err), err, ERR_IO,
              "could not open 'b': No such file or directory");
}

static void links_are_not_followed(void)
{
    struct err err;
    int fd;
    AUTO_CLOSE int dir = open_tmpdir();
    CHECK_OK(fs_mkdirs(dir, "real/deep/er", &err), err);
    CHECK_INT(symlinkat("real", dir, "link"), 0);
    CHECK_ERR(fs_open_dir(dir, "link", &fd, &err), err, ERR_IO,
              "could not open directory 'link': it is a symbolic link");
    CHECK_STR(err.hint, "Give a real directory that belongs to you.");
    CHECK_ERR(fs_mkdirs(dir, "link", &err), err, ERR_IO,
              "could not open directory 'link': it is a symbolic link");
    CHECK_OK(fs_write_new(dir, "file", STR(""), false, &err), err);
    CHECK_ERR(fs_open_dir(dir, "file", &fd, &err), err, ERR_IO,
              "could not open directory 'file': it is not a directory");
}

static void trees_are_removed_without_following_links(void)
{
    struct err err;
    AUTO_CLOSE int dir = open_tmpdir();
    CHECK_OK(fs_mkdirs(dir, "keep", &err), err);
    CHECK_OK(fs_write_new(dir, "keep/file", STR("x"), false, &err), err);
    CHECK_OK(fs_mkdirs(dir, "tree/a/b", &err), err);
    CHECK_OK(fs_write_new(dir, "tree/a/file", STR("x"), false, &err), err);
    CHECK_INT(symlinkat("../keep", dir, "tree/link"), 0);
    CHECK_OK(fs_remove_tree(dir, "tree", &err), err);
    CHECK(!fs_exists(dir, "tree"));
    CHECK(fs_exists(dir, "keep/file"));
    CHECK_OK(fs_remove_tree(dir, "tree", &err), err);
}

static void free_space_is_known(void)
{
    struct err err;
    uint64_t bytes = 0;
    AUTO_CLOSE int dir = open_tmpdir();
    CHECK_OK(fs_free_bytes(dir, &bytes, &err), err);
    CHECK(bytes > 0);
}

TAP_MAIN(TAP_TEST(atomic_write_replaces_and_is_private), TAP_TEST(a_new_file_must_be_new),
         TAP_TEST(reading_is_bounded), TAP_TEST(links_are_not_followed),
         TAP_TEST(trees_are_removed_without_following_links), TAP_TEST(free_space_is_known))
