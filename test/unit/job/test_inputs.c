/* SPDX-License-Identifier: MIT */
#include "job/inputs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/tap.h"

enum { BLOCK = 256 * 1024 };

static char path[4096];

static void write_file(size_t bytes, char last)
{
    (void)snprintf(path, sizeof(path), "%s/input.csv", tap_tmpdir());
    FILE *file = fopen(path, "w");
    if (!CHECK(file != NULL)) {
        exit(1);
    }
    for (size_t i = 0; i < bytes; i++) {
        (void)fputc(i + 1 == bytes ? last : (int)('a' + i % 23), file);
    }
    CHECK_INT(fclose(file), 0);
}

/* The run's options as noting makes them; the caller frees. */
static char *noted(int threads)
{
    struct err err;
    struct job_run run = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK_OK(inputs_note(&run, "csv_file", fd, path, threads, &err), err);
    CHECK_INT(close(fd), 0);
    AUTO_BUF struct buf out = {0};
    buf_printf(&out, "{\"rules\":\"x\"%s}", buf_z(&run.facts));
    buf_done(&run.facts);
    return xstrdup(buf_z(&out));
}

static bool check(const char *options, struct err *err)
{
    const struct run run = {.id = 4, .options = str_of(options)};
    return inputs_check(&run, NULL, err);
}

static void any_number_of_readers_comes_to_the_same(void)
{
    static const size_t sizes[] = {0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 7};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        write_file(sizes[i], 'z');
        AUTO_FREE char *one = noted(1);
        AUTO_FREE char *three = noted(3);
        AUTO_FREE char *many = noted(16);
        CHECK_STR(three, one);
        CHECK_STR(many, one);
    }
}

/* The file is written anew, so that times and inode tell nothing. */
static void a_changed_byte_is_seen_wherever_it_is(void)
{
    struct err err;
    static const size_t sizes[] = {1, BLOCK, BLOCK + 1, 3 * BLOCK};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        write_file(sizes[i], 'y');
        AUTO_FREE char *options = noted(2);
        CHECK_OK(check(options, &err), err);
        CHECK_INT(unlink(path), 0);
        write_file(sizes[i], 'y');
        CHECK_OK(check(options, &err), err);
        write_file(sizes[i], 'x');
        CHECK(!check(options, &err));
        CHECK_INT(err.kind, ERR_REFUSED);
        CHECK(strstr(err.message, "as long as then, with other content") != NULL);
    }
}

static void another_length_is_told(void)
{
    struct err err;
    write_file(10, 'a');
    AUTO_FREE char *options = noted(1);
    write_file(11, 'a');
    char message[5000];
    (void)snprintf(message, sizeof(message),
                   "could not apply run 4: '%s' has changed since the plan: 10 bytes then, 11 now",
                   path);
    CHECK_ERR(check(options, &err), err, ERR_REFUSED, message);
    CHECK_STR(err.hint, "Plan again from what is there now; this plan stays to be looked at.");
}

static void gone_or_never_noted_is_no_change(void)
{
    struct err err;
    write_file(10, 'a');
    AUTO_FREE char *options = noted(1);
    CHECK_INT(unlink(path), 0);
    CHECK_OK(check(options, &err), err);
    CHECK_OK(check("{}", &err), err);
    CHECK_OK(check("", &err), err);
    CHECK_OK(check("{\"max_account_share\":{\"percent\":1},\"rules\":\"x\",\"strict\":true}", &err),
             err);
}

/* Another kind of file in its place must neither block nor pass. */
static void a_pipe_in_its_place_is_a_change(void)
{
    struct err err;
    write_file(10, 'a');
    AUTO_FREE char *options = noted(1);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(mkfifo(path, 0600), 0);
    CHECK(!check(options, &err));
    CHECK_INT(err.kind, ERR_REFUSED);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(mkdir(path, 0700), 0);
    CHECK(!check(options, &err));
    CHECK_INT(err.kind, ERR_REFUSED);
}

static void a_file_that_cannot_be_read_is_an_error(void)
{
    struct err err;
    struct job_run run = {0};
    int fd = open(tap_tmpdir(), O_RDONLY | O_CLOEXEC);
    CHECK_ERR(inputs_note(&run, "csv_file", fd, "x.csv", 1, &err), err, ERR_IO,
              "could not read 'x.csv': Is a directory");
    CHECK_INT(run.facts.len, 0);
    CHECK_INT(close(fd), 0);
}

TAP_MAIN(TAP_TEST(any_number_of_readers_comes_to_the_same),
         TAP_TEST(a_changed_byte_is_seen_wherever_it_is), TAP_TEST(another_length_is_told),
         TAP_TEST(gone_or_never_noted_is_no_change), TAP_TEST(a_pipe_in_its_place_is_a_change),
         TAP_TEST(a_file_that_cannot_be_read_is_an_error))
