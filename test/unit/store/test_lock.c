/* SPDX-License-Identifier: MIT */
#include "store/lock.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "harness/tap.h"

static int64_t now_ms = 1764000000000;

static int64_t fixed_real_ms(void *ctx UNUSED)
{
    return now_ms;
}

static int64_t fixed_mono_ns(void *ctx UNUSED)
{
    return 0;
}

static bool no_sleep(void *ctx UNUSED, int64_t ns UNUSED, struct stop *stop UNUSED,
                     int level UNUSED)
{
    return true;
}

static const struct clock fixed = {fixed_real_ms, fixed_mono_ns, no_sleep, NULL};

static int open_workspace(void)
{
    int fd = -1;
    struct err err;
    CHECK_OK(fs_open_dir(AT_FDCWD, tap_tmpdir(), &fd, &err), err);
    return fd;
}

static void held_by_us_after(int64_t ms, const char *age)
{
    char expected[256];
    char owner[256];
    struct err err;
    AUTO_CLOSE int fd = open_workspace();
    now_ms = 1764000000000;
    AUTO(lock_drop) struct lock *lock = NULL;
    CHECK_OK((lock = lock_take(fd, "apply", &fixed, &err)) != NULL, err);
    now_ms += ms;
    (void)snprintf(expected, sizeof(expected),
                   "could not lock the workspace: 'steward apply' (pid %d) has held it for %s",
                   (int)getpid(), age);
    CHECK_ERR(lock_take(fd, "resume", &fixed, &err) != NULL, err, ERR_LOCKED, expected);
    CHECK_STR(err.hint, "Wait until it has ended, or end it; `steward show last` works beside it.");
    CHECK(lock_owner(fd, &fixed, owner, sizeof(owner)));
    CHECK_STR(owner, expected + strlen("could not lock the workspace: "));
}

static void refusal_names_owner_and_age(void)
{
    held_by_us_after(0, "0 seconds");
    held_by_us_after(1999, "1 second");
    held_by_us_after(59999, "59 seconds");
    held_by_us_after(60000, "1 minute");
    held_by_us_after(4 * 60000 + 1, "4 minutes");
    held_by_us_after(3600000, "1 hour");
    held_by_us_after(INT64_C(86400000) * 3, "3 days");
    held_by_us_after(-5000, "0 seconds"); /* the clock was set back */
}

static void dropped_lock_is_free_and_nameless(void)
{
    char owner[256] = "untouched";
    struct err err;
    AUTO_CLOSE int fd = open_workspace();
    CHECK(!lock_owner(fd, &fixed, owner, sizeof(owner)));
    struct lock *lock = NULL;
    CHECK_OK((lock = lock_take(fd, "apply", &fixed, &err)) != NULL, err);
    struct stat st;
    CHECK(fstatat(fd, "steward.lock", &st, 0) == 0);
    CHECK_INT(st.st_mode & 07777, 0600);
    CHECK(st.st_size > 0);
    lock_drop(lock);
    CHECK(!lock_owner(fd, &fixed, owner, sizeof(owner)));
    CHECK_STR(owner, "untouched");
    CHECK(fstatat(fd, "steward.lock", &st, 0) == 0);
    CHECK_INT(st.st_size, 0);
    CHECK_OK((lock = lock_take(fd, "resume", &fixed, &err)) != NULL, err);
    lock_drop(lock);
    lock_drop(NULL);
}

/* The child takes the lock, says so, and waits to be killed. */
static pid_t child_with_lock(int fd, int *ret_ready)
{
    int ready[2];
    CHECK(pipe(ready) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        const struct lock *lock = lock_take(fd, "apply", &fixed, &err);
        if (write(ready[1], lock != NULL ? "y" : "n", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            (void)pause();
        }
    }
    (void)close(ready[1]);
    *ret_ready = ready[0];
    return pid;
}

static void dead_owner_holds_nothing(void)
{
    char expected[256];
    char got = '?';
    struct err err;
    now_ms = 1764000000000;
    AUTO_CLOSE int fd = open_workspace();
    AUTO_CLOSE int ready = -1;
    pid_t pid = child_with_lock(fd, &ready);
    CHECK(read(ready, &got, 1) == 1);
    CHECK_INT(got, 'y');
    (void)snprintf(
        expected, sizeof(expected),
        "could not lock the workspace: 'steward apply' (pid %d) has held it for 0 seconds",
        (int)pid);
    CHECK_ERR(lock_take(fd, "resume", &fixed, &err) != NULL, err, ERR_LOCKED, expected);
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(!lock_owner(fd, &fixed, expected, sizeof(expected)));
    struct lock *lock = NULL;
    CHECK_OK((lock = lock_take(fd, "resume", &fixed, &err)) != NULL, err);
    lock_drop(lock);
}

static void overwrite_owner(int fd, const char *text)
{
    AUTO_CLOSE int file = openat(fd, "steward.lock", O_WRONLY | O_TRUNC | O_CLOEXEC);
    CHECK(write(file, text, strlen(text)) == (ssize_t)strlen(text));
}

static void strange_owner_text_is_no_obstacle(void)
{
    static const char *const texts[] = {
        "",
        "garbage",
        "{\"pid\":1}",
        "{\"pid\":\"1\",\"host\":\"h\",\"since_ms\":1,\"command\":\"apply\"}",
        "{\"pid\":1,\"host\":\"h\",\"since_ms\":1,\"command\":\"apply\",\"pid\":2}",
    };
    struct err err;
    AUTO_CLOSE int fd = open_workspace();
    AUTO(lock_drop) struct lock *lock = NULL;
    CHECK_OK((lock = lock_take(fd, "apply", &fixed, &err)) != NULL, err);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        overwrite_owner(fd, texts[i]);
        CHECK_ERR(lock_take(fd, "x", &fixed, &err) != NULL, err, ERR_LOCKED,
                  "could not lock the workspace: another steward holds it");
    }
}

static void owner_on_another_host_is_named_with_it(void)
{
    struct err err;
    now_ms = 1764000000000;
    AUTO_CLOSE int fd = open_workspace();
    AUTO(lock_drop) struct lock *lock = NULL;
    CHECK_OK((lock = lock_take(fd, "apply", &fixed, &err)) != NULL, err);
    overwrite_owner(fd, "{\"pid\":77,\"host\":\"other.example.com\",\"since_ms\":1763999940000,"
                        "\"command\":\"sync\"}\n");
    CHECK_ERR(
        lock_take(fd, "x", &fixed, &err) != NULL, err, ERR_LOCKED,
        "could not lock the workspace: 'steward sync' (pid 77 on host 'other.example.com') has "
        "held it for 1 minute");
}

static void a_dead_process_is_not_blamed(void)
{
    struct err err;
    char host[256];
    char text[512];
    AUTO_CLOSE int fd = open_workspace();
    AUTO(lock_drop) struct lock *lock = NULL;
    CHECK_OK((lock = lock_take(fd, "apply", &fixed, &err)) != NULL, err);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    CHECK(waitpid(pid, NULL, 0) == pid);
    CHECK(gethostname(host, sizeof(host)) == 0);
    (void)snprintf(text, sizeof(text),
                   "{\"pid\":%d,\"host\":\"%s\",\"since_ms\":1,\"command\":\"apply\"}", (int)pid,
                   host);
    overwrite_owner(fd, text);
    CHECK_ERR(lock_take(fd, "x", &fixed, &err) != NULL, err, ERR_LOCKED,
              "could not lock the workspace: another steward holds it");
}

static void a_link_or_directory_in_its_place_is_refused(void)
{
    struct err err;
    AUTO_CLOSE int fd = open_workspace();
    CHECK(symlinkat("elsewhere", fd, "steward.lock") == 0);
    CHECK_ERR(lock_take(fd, "apply", &fixed, &err) != NULL, err, ERR_IO,
              "could not lock the workspace: could not open 'steward.lock': Too many levels of "
              "symbolic links");
    CHECK_STR(err.hint, "The workspace must be a directory that you may write to.");
    CHECK(!fs_exists(fd, "elsewhere"));
    CHECK(unlinkat(fd, "steward.lock", 0) == 0);
    CHECK(mkfifoat(fd, "steward.lock", 0600) == 0);
    CHECK_ERR(lock_take(fd, "apply", &fixed, &err) != NULL, err, ERR_IO,
              "could not lock the workspace: 'steward.lock' is not a file");
    CHECK(unlinkat(fd, "steward.lock", 0) == 0);
    CHECK(mkdirat(fd, "steward.lock", 0700) == 0);
    CHECK_ERR(lock_take(fd, "apply", &fixed, &err) != NULL, err, ERR_IO,
              "could not lock the workspace: could not open 'steward.lock': Is a directory");
}

static void an_owner_that_cannot_be_written_is_no_owner(void)
{
    int status = 0;
    AUTO_CLOSE int fd = open_workspace();
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        (void)setenv("STEWARD_FAILPOINTS", "fs.write=ENOSPC@1", 1);
        atomic_store(&failpoint_armed_, 0);
        struct lock *lock = lock_take(fd, "apply", &fixed, &err);
        bool told =
            lock == NULL && err.kind == ERR_IO &&
            strcmp(err.message, "could not lock the workspace: could not write 'steward.lock': "
                                "No space left on device") == 0;
        lock = lock_take(fd, "apply", &fixed, &err); /* and nothing is held */
        told = told && lock != NULL;
        lock_drop(lock);
        exit(told ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TAP_MAIN(TAP_TEST(refusal_names_owner_and_age), TAP_TEST(dropped_lock_is_free_and_nameless),
         TAP_TEST(dead_owner_holds_nothing), TAP_TEST(strange_owner_text_is_no_obstacle),
         TAP_TEST(owner_on_another_host_is_named_with_it), TAP_TEST(a_dead_process_is_not_blamed),
         TAP_TEST(a_link_or_directory_in_its_place_is_refused),
         TAP_TEST(an_owner_that_cannot_be_written_is_no_owner))
