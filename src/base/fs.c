/* SPDX-License-Identifier: MIT */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/failpoint.h"
#include "base/rng.h"

static bool fail(struct err *err, const char *what, const char *path)
{
    int errnum = errno;
    (void)err_set_errno(err, ERR_IO, errnum, "could not %s '%s'", what, path);
    if (errnum == ENOSPC || errnum == EDQUOT) {
        (void)err_hint(err, "Free some disk space, then go on with `steward resume`.");
    }
    return false;
}

/* The injected errno as if the system call had failed. */
static bool injected(const char *failpoint_name UNUSED, int errnum)
{
    if (errnum != 0) {
        errno = errnum;
        return true;
    }
    return false;
}

bool fs_read(int dirfd, const char *path, struct buf *out, struct err *err)
{
    AUTO_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return fail(err, "open", path);
    }
    for (;;) {
        char *to = buf_reserve(out, 65536);
        size_t room = 65536;
        if (to ==
            NULL) { /* near the maximum: take what still fits, one byte at a time at the end */
            out->overflow = false;
            size_t max = out->max != 0 ? out->max : BUF_DEFAULT_MAX;
            room = max - out->len;
            to = buf_reserve(out, room);
        }
        char extra;
        ssize_t n = room != 0 ? read(fd, to, room) : read(fd, &extra, 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail(err, "read", path);
        }
        if (n == 0) {
            break;
        }
        if (room == 0) {
            return err_set(err, ERR_IO, "could not read '%s': longer than %zu bytes", path,
                           out->len);
        }
        out->len += (size_t)n;
        out->ptr[out->len] = '\0';
    }
    return true;
}

bool fs_write_all(int fd, str bytes, const char *name, struct err *err)
{
    if (injected("fs.write", FAILPOINT("fs.write"))) {
        return fail(err, "write", name);
    }
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return fail(err, "write", name);
        }
        bytes.ptr += n;
        bytes.len -= (size_t)n;
    }
    return true;
}

bool fs_fsync(int fd, const char *name, struct err *err)
{
    if (injected("fs.fsync", FAILPOINT("fs.fsync")) || fsync(fd) != 0) {
        (void)fail(err, "flush to disk", name);
        if (err != NULL) {
            err->fatal = true;
        }
        return false;
    }
    return true;
}

static bool sync_parent(int dirfd, const char *path, struct err *err)
{
    char parent[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    if (len >= sizeof(parent)) {
        return err_set(err, ERR_IO, "could not flush to disk '%s': path too long", path);
    }
    memcpy(parent, path, len);
    parent[len] = '\0';
    const char *name = len != 0 ? parent : slash != NULL ? "/" : ".";
    AUTO_CLOSE int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fail(err, "open", name);
    }
    return fs_fsync(fd, name, err);
}

static bool write_file(int dirfd, const char *path, str bytes, bool durable, struct err *err)
{
    int fd = injected("fs.open", FAILPOINT("fs.open"))
                 ? -1
                 : openat(dirfd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return fail(err, "create", path);
    }
    bool ok = fs_write_all(fd, bytes, path, err) && (!durable || fs_fsync(fd, path, err));
    if (close(fd) != 0 && ok) {
        ok = fail(err, "close", path);
    }
    if (!ok) {
        (void)unlinkat(dirfd, path,
                       0); /* half a file helps nobody; the first error is the one told */
    }
    return ok;
}

bool fs_write_new(int dirfd, const char *path, str bytes, bool durable, struct err *err)
{
    return write_file(dirfd, path, bytes, durable, err);
}

bool fs_write_atomic(int dirfd, const char *path, str bytes, struct err *err)
{
    char temp[4096];
    struct rng rng;
    rng_seed_system(&rng);
    int n = snprintf(temp, sizeof(temp), "%s.%08x.tmp", path, (unsigned)rng_next(&rng));
    if (n < 0 || (size_t)n >= sizeof(temp)) {
        return err_set(err, ERR_IO, "could not write '%s': path too long", path);
    }
    if (!write_file(dirfd, temp, bytes, true, err)) {
        return false;
    }
    if (injected("fs.rename", FAILPOINT("fs.rename")) || renameat(dirfd, temp, dirfd, path) != 0) {
        (void)fail(err, "rename", path);
        (void)unlinkat(dirfd, temp, 0); /* the rename's error is the one told */
        return false;
    }
    return sync_parent(dirfd, path, err);
}

bool fs_open_dir(int dirfd, const char *path, int *ret_fd, struct err *err)
{
    int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        if (errno == ELOOP || errno == ENOTDIR) {
            struct stat st;
            bool link = fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
            (void)err_set(err, ERR_IO, "could not open directory '%s': it is %s", path,
                          link ? "a symbolic link" : "not a directory");
            return err_hint(err, "Give a real directory that belongs to you.");
        }
        return fail(err, "open directory", path);
    }
    *ret_fd = fd;
    return true;
}

bool fs_mkdirs(int dirfd, const char *path, struct err *err)
{
    char part[4096];
    size_t len = strlen(path);
    if (len >= sizeof(part)) {
        return err_set(err, ERR_IO, "could not create directory '%s': path too long", path);
    }
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdirat(dirfd, part, 0700) != 0 && errno != EEXIST) {
            return fail(err, "create directory", part);
        }
    }
    int fd;
    if (!fs_open_dir(dirfd, path, &fd, err)) {
        return false;
    }
    (void)close(fd); /* a directory opened for reading */
    return true;
}

static bool remove_children(int fd, const char *path, struct err *err);

bool fs_remove_tree(int dirfd, const char *path, struct err *err)
{
    if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT) {
        return true;
    }
    if (errno != EISDIR && errno != EPERM) {
        return fail(err, "remove", path);
    }
    int fd;
    if (!fs_open_dir(dirfd, path, &fd, err)) {
        return false;
    }
    if (!remove_children(fd, path, err)) {
        return false;
    }
    return unlinkat(dirfd, path, AT_REMOVEDIR) == 0 || fail(err, "remove", path);
}

/* Takes over fd. */
static bool remove_children(int fd, const char *path, struct err *err)
{
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)fail(err, "read directory", path);
        (void)close(fd); /* a directory opened for reading */
        return false;
    }
    bool ok = true;
    const struct dirent *entry;
    while (ok && (entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): own DIR */
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            ok = fs_remove_tree(fd, entry->d_name, err);
        }
    }
    (void)closedir(dir); /* a directory opened for reading */
    return ok;
}

bool fs_free_bytes(int fd, uint64_t *ret, struct err *err)
{
    struct statvfs vfs;
    if (fstatvfs(fd, &vfs) != 0) {
        return err_set_errno(err, ERR_IO, errno, "could not read the free disk space");
    }
    *ret = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    return true;
}

bool fs_exists(int dirfd, const char *path)
{
    return faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
