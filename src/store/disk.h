/* SPDX-License-Identifier: MIT */
/*
 * The few steps of writing files that plan and vault share and base/fs.h does not offer by the
 * piece: always one component below an open directory, never through a symbolic link. `shown` is
 * what errors name. Failpoints: fs.open fs.rename.
 */
#ifndef STEWARD_STORE_DISK_H
#define STEWARD_STORE_DISK_H

#include <stdbool.h>

#include "base/err.h"

/* "could not <what> '<shown>': <errno>" as ERR_IO, with a hint where the disk is full. False. */
bool disk_fail(struct err *err, int errnum, const char *what, const char *shown);

/* Adds that hint to an error with such an errno. False. */
bool disk_hint(struct err *err);

/* O_EXCL, 0600, for writing and reading back. */
bool disk_create(int dirfd, const char *name, const char *shown, int *ret_fd,
                 struct err *err) MUST_CHECK;

/* close(2), checked. */
bool disk_close(int fd, const char *shown, struct err *err) MUST_CHECK;

/* An existing target is replaced, or refused (EEXIST) where `keep`. */
bool disk_rename(int dirfd, const char *from, const char *to, bool keep, const char *shown,
                 struct err *err) MUST_CHECK;

/* From one directory into another, replacing what is there. */
bool disk_move(int from_fd, const char *from, int to_fd, const char *to, const char *shown,
               struct err *err) MUST_CHECK;

#endif
