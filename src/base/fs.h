/* SPDX-License-Identifier: MIT */
/*
 * Files that survive power cuts. All paths are relative to a directory descriptor (AT_FDCWD for the
 * process's own), because a backup directory is opened once and never followed through a symbolic
 * link again.
 *
 * Writing: O_EXCL|O_CLOEXEC temporary in the same directory, write, fsync, checked close, rename,
 * fsync of the directory. A failed fsync is never retried (Linux marks the pages clean): it is a
 * fatal error. Failpoints: fs.open fs.write fs.fsync fs.rename.
 *
 * Errors name the path that was given, so callers pass paths without personal data in them.
 */
#ifndef STEWARD_BASE_FS_H
#define STEWARD_BASE_FS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* Appends the whole file. Longer than out->max: ERR_IO. */
bool fs_read(int dirfd, const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* Replaces `path` atomically and durably; mode 0600. */
bool fs_write_atomic(int dirfd, const char *path, str bytes, struct err *err) MUST_CHECK;

/* Creates `path` (it must not exist), mode 0600, written, and fsync'ed where `durable`. */
bool fs_write_new(int dirfd, const char *path, str bytes, bool durable, struct err *err) MUST_CHECK;

/* Writes all of it, over EINTR and short writes. */
bool fs_write_all(int fd, str bytes, const char *name, struct err *err) MUST_CHECK;

bool fs_fsync(int fd, const char *name, struct err *err) MUST_CHECK;

/* Opens a directory that must not be a symbolic link. */
bool fs_open_dir(int dirfd, const char *path, int *ret_fd, struct err *err) MUST_CHECK;

/* mkdir -p of every component, mode 0700; existing components must be directories, not links. */
bool fs_mkdirs(int dirfd, const char *path, struct err *err) MUST_CHECK;

/* Removes a tree below dirfd without following links. Missing is fine. */
bool fs_remove_tree(int dirfd, const char *path, struct err *err) MUST_CHECK;

/* Bytes an unprivileged process may still write on the file system of fd. */
bool fs_free_bytes(int fd, uint64_t *ret, struct err *err) MUST_CHECK;

bool fs_exists(int dirfd, const char *path);

#endif
