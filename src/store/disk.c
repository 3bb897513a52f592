/* SPDX-License-Identifier: MIT */
#include "store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/failpoint.h"
#include "base/fs.h"

bool disk_fail(struct err *err, int errnum, const char *what, const char *shown)
{
    (void)err_set_errno(err, ERR_IO, errnum, "could not %s '%s'", what, shown);
    return disk_hint(err);
}

bool disk_hint(struct err *err)
{
    if (err != NULL && (err->os_errno == ENOSPC || err->os_errno == EDQUOT)) {
        (void)err_hint(err, "Free some disk space, then go on with `steward resume`.");
    }
    return false;
}

bool disk_create(int dirfd, const char *name, const char *shown, int *ret_fd, struct err *err)
{
    int injected = FAILPOINT("fs.open");
    if (injected != 0) {
        return disk_fail(err, injected, "create", shown);
    }
    int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return disk_fail(err, errno, "create", shown);
    }
    *ret_fd = fd;
    return true;
}

bool disk_close(int fd, const char *shown, struct err *err)
{
    return close(fd) == 0 || disk_fail(err, errno, "close", shown);
}

bool disk_rename(int dirfd, const char *from, const char *to, bool keep, const char *shown,
                 struct err *err)
{
    int injected = FAILPOINT("fs.rename");
    if (injected != 0) {
        return disk_fail(err, injected, "rename", shown);
    }
    int rc = renameat2(dirfd, from, dirfd, to, keep ? RENAME_NOREPLACE : 0);
    if (rc != 0 && errno == EINVAL && keep) { /* a file system without RENAME_NOREPLACE */
        /* GCOVR_EXCL_START: no such file system in the tests */
        rc = fs_exists(dirfd, to) ? -1 : renameat(dirfd, from, dirfd, to);
        errno = rc != 0 && fs_exists(dirfd, to) ? EEXIST : errno;
        /* GCOVR_EXCL_STOP */
    }
    return rc == 0 || disk_fail(err, errno, "rename", shown);
}

bool disk_move(int from_fd, const char *from, int to_fd, const char *to, const char *shown,
               struct err *err)
{
    int injected = FAILPOINT("fs.rename");
    if (injected != 0) {
        return disk_fail(err, injected, "rename", shown);
    }
    return renameat(from_fd, from, to_fd, to) == 0 || disk_fail(err, errno, "rename", shown);
}
