/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "harness/tap.h"

static int64_t fixed_ms(void *ctx UNUSED)
{
    return INT64_C(1795531058123);
}

static const struct clock fixed_clock = {.real_ms = fixed_ms};

/* Logs one line and gives back what stands in the file. */
static void log_and_read(struct buf *out, const struct log_field *fields, size_t count)
{
    struct err err = {0};
    char path[300];
    (void)snprintf(path, sizeof(path), "%s/test.log", tap_tmpdir());
    const struct log_options options = {
        .clock = &fixed_clock, .file_level = LOG_INFO, .stderr_level = LOG_OFF};
    struct log *log = log_open(path, &options, &err);
    if (!CHECK(log != NULL)) {
        return;
    }
    log_event(log, LOG_DEBUG, "below the level", NULL, 0);
    log_event(log, LOG_WARN, "it happened", fields, count);
    log_close(log);
    CHECK_OK(fs_read(AT_FDCWD, path, out, &err), err);
}

static void one_json_line_with_context(void)
{
    AUTO_BUF struct buf line = {0};
    log_context(3, "abcd");
    const struct log_field fields[] = {LOG_STR("call", "rev-users.get"), LOG_INT("ms", 12)};
    log_and_read(&line, fields, 2);
    log_context(0, "");
    CHECK_STR(buf_z(&line), "{\"@timestamp\":\"2026-11-24T14:37:38.123Z\",\"log.level\":\"warn\","
                            "\"severity_number\":13,\"message\":\"it happened\",\"run.id\":3,"
                            "\"change.id\":\"abcd\",\"call\":\"rev-users.get\",\"ms\":12}\n");
}

static void personal_and_secret_values_do_not_appear(void)
{
    AUTO_BUF struct buf line = {0};
    const struct log_field fields[] = {LOG_PERSONAL("email", STR("someone@example.com")),
                                       LOG_SECRET("token")};
    log_and_read(&line, fields, 2);
    CHECK(strstr(buf_z(&line), "someone") == NULL);
    CHECK(strstr(buf_z(&line), "\"email\":\"personal:") != NULL);
    CHECK(strstr(buf_z(&line), "\"token\":\"***\"") != NULL);
}

static void levels_by_name(void)
{
    enum log_level level = LOG_OFF;
    CHECK(log_level_parse(STR("DEBUG"), &level) && level == LOG_DEBUG);
    CHECK(log_level_parse(STR("warning"), &level) && level == LOG_WARN);
    CHECK(log_level_parse(STR("Critical"), &level) && level == LOG_ERROR);
    CHECK(!log_level_parse(STR("loud"), &level));
}

/* Three lines of which the second is lost; 0 where file and stderr say so. */
static int lose_one(void)
{
    struct err err = {0};
    char path[300];
    char told[300];
    (void)snprintf(path, sizeof(path), "%s/test.log", tap_tmpdir());
    (void)snprintf(told, sizeof(told), "%s/stderr", tap_tmpdir());
    const struct log_options options = {
        .clock = &fixed_clock, .file_level = LOG_INFO, .stderr_level = LOG_WARN};
    struct log *log = log_open(path, &options, &err);
    int fd = open(told, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (log == NULL || fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
        return 2;
    }
    log_event(log, LOG_INFO, "one", NULL, 0);
    log_event(log, LOG_INFO, "two", NULL, 0);
    log_event(log, LOG_INFO, "three", NULL, 0);
    log_event(log, LOG_INFO, "four", NULL, 0);
    log_close(log);
    return 0;
}

static void lost_lines_are_told(void)
{
    struct err err = {0};
    char path[300];
    int status = 1;
    AUTO_BUF struct buf lines = {0};
    AUTO_BUF struct buf told = {0};
    (void)snprintf(path, sizeof(path), "%s/test.log", tap_tmpdir());
    (void)unlink(path); /* of the tests before */
    pid_t pid = fork();
    if (pid == 0) {
        atomic_store(&failpoint_armed_, 0); /* they were looked up before */
        setenv("STEWARD_FAILPOINTS", "logfile.write=ENOSPC@2;logfile.write=ENOSPC@3", 1);
        _exit(lose_one());
    }
    (void)waitpid(pid, &status, 0); /* the child is ours and ends */
    CHECK_INT(status, 0);
    CHECK_OK(fs_read(AT_FDCWD, path, &lines, &err), err);
#define LINE(level, number)                                                                        \
    "{\"@timestamp\":\"2026-11-24T14:37:38.123Z\",\"log.level\":\"" level                          \
    "\",\"severity_number\":" number ",\"message\":"
    CHECK_STR(buf_z(&lines),
              LINE("info", "9") "\"one\"}\n" LINE("info", "9") "\"four\"}\n" LINE(
                  "warn", "13") "\"lines are missing before the one above\",\"lines\":2}\n");
    (void)snprintf(path, sizeof(path), "%s/stderr", tap_tmpdir());
    CHECK_OK(fs_read(AT_FDCWD, path, &told, &err), err);
    CHECK_STR(buf_z(&told), "steward: warn: the log file misses lines: could not write log "
                            "'test.log': No space left on device\n");
}

TAP_MAIN(TAP_TEST(one_json_line_with_context), TAP_TEST(personal_and_secret_values_do_not_appear),
         TAP_TEST(levels_by_name), TAP_TEST(lost_lines_are_told))
