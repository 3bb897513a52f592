/* SPDX-License-Identifier: MIT */
#include "base/logfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zstd.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/num.h"
#include "harness/tap.h"

enum { MAX_FILES = 200, LINES = 2000 };

static int64_t fixed_ms(void *ctx UNUSED)
{
    return INT64_C(1795531058123);
}

static const struct clock fixed_clock = {.real_ms = fixed_ms};

static const char *log_path(void)
{
    static char path[300];
    (void)snprintf(path, sizeof(path), "%s/x.log", tap_tmpdir());
    return path;
}

static struct logfile *open_file(int64_t max_bytes, int64_t keep)
{
    const struct logfile_options options = {
        .clock = &fixed_clock, .max_bytes = max_bytes, .keep = keep};
    struct err err = {0};
    struct logfile *file = logfile_open(log_path(), &options, &err);
    CHECK_OK(file != NULL, err);
    return file;
}

static bool write_number(struct logfile *file, int number, struct err *err)
{
    char line[32];
    int len = snprintf(line, sizeof(line), "line %06d\n", number);
    return logfile_write(file, (str){line, (size_t)len}, err);
}

static void write_numbers(struct logfile *file, int from, int to)
{
    struct err err = {0};
    for (int i = from; i < to; i++) {
        CHECK_OK(write_number(file, i, &err), err);
    }
}

/* --- what lies in the directory ---------------------------------------------------------------- */

static int order(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Names separated by blanks, in order. */
static const char *names_here(void)
{
    static char all[MAX_FILES * 40];
    static char names[MAX_FILES][256];
    size_t count = 0;
    DIR *dir = opendir(tap_tmpdir());
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.' && count < MAX_FILES) {
            (void)snprintf(names[count++], 256, "%s", entry->d_name);
        }
    }
    (void)closedir(dir); /* read only */
    qsort(names, count, 256, order);
    size_t len = 0;
    all[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i == 0 ? "" : " ", names[i]);
    }
    return all;
}

static void clear_directory(void)
{
    char names[MAX_FILES * 40];
    (void)snprintf(names, sizeof(names), "%s", names_here());
    for (str rest = str_of(names); rest.ptr != NULL && rest.len != 0;) {
        str next;
        str name = str_cut(rest, ' ', &next);
        char path[400];
        (void)snprintf(path, sizeof(path), "%s/%.*s", tap_tmpdir(), (int)name.len, name.ptr);
        (void)unlink(path); /* was just listed */
        rest = next;
    }
}

static void add_file(str name, struct buf *out)
{
    struct err err = {0};
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/%.*s", tap_tmpdir(), (int)name.len, name.ptr);
    AUTO_BUF struct buf bytes = {0};
    CHECK_OK(fs_read(AT_FDCWD, path, &bytes, &err), err);
    if (!str_ends(name, STR(".zst"))) {
        buf_adds(out, buf_str(&bytes));
        return;
    }
    static char plain[1024 * 1024];
    size_t n = ZSTD_decompress(plain, sizeof(plain), buf_z(&bytes), bytes.len);
    if (CHECK(ZSTD_isError(n) == 0)) {
        buf_add(out, plain, n);
    }
}

/* All files, oldest first. */
static void read_all(struct buf *out)
{
    char names[MAX_FILES * 40];
    (void)snprintf(names, sizeof(names), "%s", names_here());
    for (str rest = str_of(names); rest.ptr != NULL && rest.len != 0;) {
        str next;
        str name = str_cut(rest, ' ', &next);
        add_file(name, out);
        rest = next;
    }
}

/* Every line whole; each number below `count` once, unless `may_miss` (then at most once). */
static void check_numbers(int count, int may_miss)
{
    AUTO_BUF struct buf all = {0};
    read_all(&all);
    static int seen[LINES];
    memset(seen, 0, sizeof(seen));
    int torn = 0;
    for (str rest = buf_str(&all); rest.ptr != NULL && rest.len != 0;) {
        str next;
        str line = str_cut(rest, '\n', &next);
        int64_t number = -1;
        bool whole = line.len == 11 && next.ptr != NULL && str_starts(line, STR("line ")) &&
                     num_parse_i64((str){line.ptr + 5, 6}, 0, LINES - 1, &number);
        torn += !whole;
        seen[whole ? number : 0] += whole;
        rest = next;
    }
    int missing = 0;
    int doubled = 0;
    for (int i = 0; i < count; i++) {
        missing += seen[i] == 0;
        doubled += seen[i] > 1;
    }
    CHECK_INT(torn, 0);
    CHECK_INT(doubled, 0);
    CHECK(missing <= may_miss);
    if (missing > may_miss) {
        printf("# %d lines are missing\n", missing);
    }
}

/* --- tests ------------------------------------------------------------------------------------- */

static void a_full_file_is_put_aside_compressed(void)
{
    struct logfile *file = open_file(100, 9);
    write_numbers(file, 0, 20); /* 12 bytes each: 8 in a file */
    CHECK_STR(names_here(), "x-20261124_143738.log.zst x-20261124_143738_002.log.zst x.log");
    AUTO_BUF struct buf all = {0};
    AUTO_BUF struct buf expected = {0};
    for (int i = 0; i < 20; i++) {
        buf_printf(&expected, "line %06d\n", i);
    }
    read_all(&all);
    CHECK_STR(buf_z(&all), buf_z(&expected));
    struct stat st;
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/x-20261124_143738.log.zst", tap_tmpdir());
    CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    logfile_close(file);
}

static void the_oldest_go(void)
{
    struct err err = {0};
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/x-of-somebody.log", tap_tmpdir());
    CHECK_OK(fs_write_new(AT_FDCWD, path, STR("line 000099\n"), false, &err), err);
    struct logfile *file = open_file(24, 2);
    write_numbers(file, 0, 11);
    CHECK_STR(names_here(), "x-20261124_143738_004.log.zst x-20261124_143738_005.log.zst "
                            "x-of-somebody.log x.log");
    logfile_close(file);
    file = open_file(24, 0);
    CHECK_STR(names_here(), "x-of-somebody.log x.log");
    write_numbers(file, 11, 20);
    CHECK_STR(names_here(), "x-of-somebody.log x.log");
    logfile_close(file);
}

static void without_a_size_it_only_grows(void)
{
    struct logfile *file = open_file(0, 0);
    write_numbers(file, 0, 500);
    CHECK_STR(names_here(), "x.log");
    check_numbers(500, 0);
    logfile_close(file);
}

static void a_line_longer_than_the_size_has_a_file_of_its_own(void)
{
    struct logfile *file = open_file(5, 9);
    write_numbers(file, 0, 3);
    CHECK_STR(names_here(), "x-20261124_143738.log.zst x-20261124_143738_002.log.zst x.log");
    check_numbers(3, 0);
    logfile_close(file);
}

static void what_a_kill_left_of_a_line_is_cut_off(void)
{
    struct err err = {0};
    CHECK_OK(fs_write_new(AT_FDCWD, log_path(), STR("line 000000\nline 0"), false, &err), err);
    struct logfile *file = open_file(0, 0);
    int fd = open(log_path(), O_WRONLY | O_APPEND);
    write_numbers(file, 1, 3);
    CHECK(write(fd, "line 00000", 10) == 10); /* another process dies in the middle of its line */
    write_numbers(file, 3, 5);
    (void)close(fd); /* its writes were checked */
    logfile_close(file);
    check_numbers(5, 0);

    AUTO_BUF struct buf all = {0};
    CHECK(truncate(log_path(), 0) == 0);
    fd = open(log_path(), O_WRONLY | O_APPEND);
    for (int i = 0; i < 5000; i++) {
        CHECK(write(fd, "xx", 2) == 2); /* no line end at all */
    }
    (void)close(fd); /* its writes were checked */
    file = open_file(0, 0);
    write_numbers(file, 0, 1);
    logfile_close(file);
    read_all(&all);
    CHECK_STR(buf_z(&all), "line 000000\n");
}

static void names_sort_by_age_though_the_clock_goes_back(void)
{
    struct err err = {0};
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/x-20270101_000000_041.log", tap_tmpdir());
    CHECK_OK(fs_write_new(AT_FDCWD, path, STR("line 000000\n"), false, &err), err);
    struct logfile *file = open_file(12, 9);
    write_numbers(file, 1, 4);
    CHECK_STR(names_here(), "x-20270101_000000_041.log.zst x-20270101_000000_042.log.zst "
                            "x-20270101_000000_043.log.zst x.log");
    check_numbers(4, 0);
    logfile_close(file);
}

static void a_file_that_was_moved_away_is_made_anew(void)
{
    char other[400];
    (void)snprintf(other, sizeof(other), "%s/moved.log", tap_tmpdir());
    struct logfile *file = open_file(0, 0);
    write_numbers(file, 0, 2);
    CHECK(rename(log_path(), other) == 0);
    write_numbers(file, 2, 4);
    logfile_close(file);
    CHECK_STR(names_here(), "moved.log x.log");
    check_numbers(4, 0);
}

/* --- kills, errors and company, in children ---------------------------------------------------- */

static int in_child(const char *failpoints, int (*body)(void))
{
    (void)tap_tmpdir(); /* the child's is ours */
    pid_t pid = fork();
    if (pid == 0) {
        atomic_store(&failpoint_armed_, 0); /* they were looked up before */
        setenv("STEWARD_FAILPOINTS", failpoints, 1);
        _exit(body());
    }
    int status = 0;
    (void)waitpid(pid, &status, 0); /* the child is ours and ends */
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int hundred_lines(void)
{
    struct err err = {0};
    struct logfile *file = open_file(300, 50);
    int lost = 0;
    for (int i = 0; i < 100; i++) {
        lost += !write_number(file, i, &err);
    }
    logfile_close(file);
    return lost;
}

static void a_kill_while_putting_aside_loses_and_doubles_nothing(void)
{
    static const char *const points[] = {"logfile.renamed=kill@2", "logfile.compress=kill@4",
                                         "logfile.compressed=kill@2"};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        clear_directory();
        CHECK_INT(in_child(points[i], hundred_lines), -SIGKILL);
        AUTO_BUF struct buf all = {0};
        /* 25 lines fit; the line that was to be written when it died is not there */
        struct logfile *file = open_file(300, 50);
        CHECK(strstr(names_here(), ".part") == NULL);
        CHECK(strstr(names_here(), "_002.log.zst x.log") != NULL);
        read_all(&all);
        CHECK_INT(all.len, 50 * 12);
        write_numbers(file, 50, 200);
        logfile_close(file);
        check_numbers(200, 0);
    }
}

static int one_fails(void)
{
    return hundred_lines() == 1 ? 0 : 1;
}

static void a_full_disk_tears_no_line(void)
{
    CHECK_INT(in_child("logfile.write=ENOSPC@10", one_fails), 0);
    check_numbers(100, 1);
    clear_directory();
    /* nothing can be compressed: it stays as it is, and is compressed when there is room again */
    CHECK_INT(in_child("logfile.compress=ENOSPC@1+", hundred_lines), 0);
    CHECK_STR(names_here(), "x-20261124_143738.log x-20261124_143738_002.log "
                            "x-20261124_143738_003.log x.log");
    check_numbers(100, 0);
    logfile_close(open_file(300, 50));
    CHECK_STR(names_here(), "x-20261124_143738.log.zst x-20261124_143738_002.log.zst "
                            "x-20261124_143738_003.log.zst x.log");
    check_numbers(100, 0);
}

static int told_why(void)
{
    struct err err = {0};
    struct logfile *file = open_file(300, 50);
    bool ok = write_number(file, 0, &err);
    logfile_close(file);
    return !ok && strcmp(err.message, "could not write log 'x.log': No space left on device") == 0
               ? 0
               : 1;
}

static void an_error_says_why(void)
{
    struct err err = {0};
    CHECK_INT(in_child("logfile.write=ENOSPC", told_why), 0);
    const struct logfile_options options = {0};
    CHECK_ERR(logfile_open("/nonexistent/x.log", &options, &err) != NULL, err, ERR_IO,
              "could not open the directory of log 'x.log': No such file or directory");
    char path[400];
    (void)snprintf(path, sizeof(path), "%s/sub.log", tap_tmpdir());
    CHECK(mkdir(path, 0700) == 0);
    CHECK_ERR(logfile_open(path, &options, &err) != NULL, err, ERR_IO,
              "could not open log 'sub.log': Is a directory");
    CHECK(rmdir(path) == 0);
}

struct part {
    struct logfile *file;
    int from;
};

static void *write_part(void *arg)
{
    const struct part *part = arg;
    struct err err = {0};
    for (int i = part->from; i < part->from + LINES / 8; i++) {
        if (!write_number(part->file, i, &err)) {
            return NULL; /* it will be missing */
        }
    }
    return NULL;
}

static void a_process_with_two_threads(int number)
{
    struct logfile *file = open_file(500, 150);
    struct part parts[2] = {{file, number * LINES / 4}, {file, number * LINES / 4 + LINES / 8}};
    pthread_t thread;
    if (pthread_create(&thread, NULL, write_part, &parts[0]) == 0) {
        (void)write_part(&parts[1]);
        (void)pthread_join(thread, NULL); /* it ends by itself */
    }
    logfile_close(file);
}

static void processes_and_threads_do_not_disturb_each_other(void)
{
    (void)tap_tmpdir(); /* the children's is ours */
    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            a_process_with_two_threads(i);
            _exit(0);
        }
    }
    while (wait(NULL) > 0) {
    }
    check_numbers(LINES, 0);
}

TAP_MAIN(TAP_TEST(a_full_file_is_put_aside_compressed), TAP_TEST(the_oldest_go),
         TAP_TEST(without_a_size_it_only_grows),
         TAP_TEST(a_line_longer_than_the_size_has_a_file_of_its_own),
         TAP_TEST(what_a_kill_left_of_a_line_is_cut_off),
         TAP_TEST(names_sort_by_age_though_the_clock_goes_back),
         TAP_TEST(a_file_that_was_moved_away_is_made_anew),
         TAP_TEST(a_kill_while_putting_aside_loses_and_doubles_nothing),
         TAP_TEST(a_full_disk_tears_no_line), TAP_TEST(an_error_says_why),
         TAP_TEST(processes_and_threads_do_not_disturb_each_other))
