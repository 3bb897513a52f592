/* SPDX-License-Identifier: MIT */
/*
 * The lock is flock(2)'s; the text is only for people, so a text that is missing, stale or strange
 * changes the message and nothing else. The file is never removed: whoever removed it could remove
 * one that another process has just locked.
 */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "base/fs.h"
#include "store/disk.h"

enum { TEXT_MAX = 4096, HOST_BYTES = 256, TRIES = 5, TRY_NS = 2000000 };

static const char file_name[] = "steward.lock";

struct lock {
    int fd;
};

static void host_name(char *out)
{
    memset(out, 0, HOST_BYTES);
    (void)gethostname(out,
                      HOST_BYTES - 1); /* without a name the owner is just not compared by it */
}

static bool write_owner(int fd, const char *command, const struct clock *clock, struct err *err)
{
    char host[HOST_BYTES];
    char since[CLOCK_TEXT_BYTES];
    int64_t now_ms = clock_real_ms(clock);
    host_name(host);
    clock_rfc3339(now_ms, since);
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "{\"pid\":%lld,\"host\":", (long long)getpid());
    buf_add_json(&text, str_of(host));
    buf_printf(&text, ",\"since\":\"%s\",\"since_ms\":%lld,\"command\":", since, (long long)now_ms);
    buf_add_json(&text, str_of(command));
    buf_addz(&text, "}\n");
    if (ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        return disk_fail(err, errno, "write", file_name); /* GCOVR_EXCL_LINE: only a broken disk */
    }
    return fs_write_all(fd, buf_str(&text), file_name, err);
}

static void add_age(struct buf *out, int64_t ms)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    int64_t seconds = ms > 0 ? ms / 1000 : 0;
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(units) && seconds < units[i].seconds) {
        i++;
    }
    int64_t n = seconds / units[i].seconds;
    buf_printf(out, "%lld %s%s", (long long)n, units[i].unit, n == 1 ? "" : "s");
}

/* A dead process's text is what the new owner has not overwritten yet. */
static bool is_alive(json_int_t pid)
{
    return pid > 0 && pid <= INT32_MAX && (kill((pid_t)pid, 0) == 0 || errno != ESRCH);
}

/* "'steward apply' (pid 123) has held it for 4 minutes" */
static void describe_owner(int fd, const struct clock *clock, struct buf *out)
{
    char text[TEXT_MAX];
    char host[HOST_BYTES];
    host_name(host);
    ssize_t len = pread(fd, text, sizeof(text), 0);
    json_t *owner = len > 0 ? json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *command = json_string_value(json_object_get(owner, "command"));
    const char *its_host = json_string_value(json_object_get(owner, "host"));
    const json_t *pid = json_object_get(owner, "pid");
    const json_t *since = json_object_get(owner, "since_ms");
    bool known = command != NULL && its_host != NULL && json_is_integer(pid) &&
                 json_is_integer(since) &&
                 (strcmp(host, its_host) != 0 || is_alive(json_integer_value(pid)));
    if (!known) {
        buf_addz(out, "another steward holds it");
    } else {
        buf_printf(out, "'steward %s' (pid %lld", command, (long long)json_integer_value(pid));
        if (strcmp(host, its_host) != 0) {
            buf_printf(out, " on host '%s'", its_host);
        }
        buf_addz(out, ") has held it for ");
        int64_t since_ms = json_integer_value(since);
        int64_t now_ms = clock_real_ms(clock);
        add_age(out, since_ms > 0 && since_ms < now_ms ? now_ms - since_ms : 0);
    }
    json_decref(owner);
}

static bool take(int fd, int operation)
{
    while (flock(fd, operation | LOCK_NB) != 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

/* lock_owner of another process may hold it for the blink of its question, so ask a few times. */
static bool take_patiently(int fd)
{
    for (int i = 0; i < TRIES; i++) {
        if (take(fd, LOCK_EX)) {
            return true;
        }
        struct timespec wait = {0, TRY_NS};
        (void)nanosleep(&wait, NULL); /* a shorter wait only means an earlier try */
    }
    return take(fd, LOCK_EX);
}

struct lock *lock_take(int workspace_fd, const char *command, const struct clock *clock,
                       struct err *err)
{
    AUTO_CLOSE int fd = openat(workspace_fd, file_name,
                               O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        (void)err_set_errno(err, ERR_IO, errno, "could not lock the workspace: could not open '%s'",
                            file_name);
        (void)err_hint(err, "The workspace must be a directory that you may write to.");
        return NULL;
    }
    if (!S_ISREG(st.st_mode)) {
        (void)err_set(err, ERR_IO, "could not lock the workspace: '%s' is not a file", file_name);
        return NULL;
    }
    if (!take_patiently(fd)) {
        if (errno != EWOULDBLOCK) {
            /* GCOVR_EXCL_START: only a file system without locks */
            (void)err_set_errno(err, ERR_IO, errno, "could not lock the workspace");
            return NULL;
            /* GCOVR_EXCL_STOP */
        }
        AUTO_BUF struct buf owner = {0};
        describe_owner(fd, clock, &owner);
        (void)err_set(err, ERR_LOCKED, "could not lock the workspace: %s", buf_z(&owner));
        (void)err_hint(err,
                       "Wait until it has ended, or end it; `steward show last` works beside it.");
        return NULL;
    }
    if (!write_owner(fd, command, clock, err)) {
        (void)err_wrap(err, "could not lock the workspace");
        return NULL;
    }
    struct lock *lock = xnew(struct lock);
    lock->fd = fd;
    fd = -1;
    return lock;
}

void lock_drop(struct lock *lock)
{
    if (lock == NULL) {
        return;
    }
    int rc = ftruncate(lock->fd, 0);
    (void)rc;              /* a stale text is harmless: the lock itself is what counts */
    (void)close(lock->fd); /* releases the lock; the text needs no durability */
    free(lock);
}

bool lock_owner(int workspace_fd, const struct clock *clock, char *ret_text, size_t size)
{
    AUTO_CLOSE int fd =
        openat(workspace_fd, file_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || take(fd, LOCK_SH) || errno != EWOULDBLOCK) {
        return false;
    }
    AUTO_BUF struct buf owner = {0};
    describe_owner(fd, clock, &owner);
    (void)snprintf(ret_text, size, "%s", buf_z(&owner)); /* cut where the caller has no room */
    return true;
}
