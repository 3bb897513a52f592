/* SPDX-License-Identifier: MIT */
/* The few parts of a tar archive (POSIX.1-2001, pax) that an export needs: headers and ends of files. */
#ifndef STEWARD_COMMAND_BACKUPS_TAR_H
#define STEWARD_COMMAND_BACKUPS_TAR_H

#include <stdint.h>

#include "base/str.h"

/* Appends the header of a file of mode 0600; a long path gets an extended header before it. */
void tar_add_header(struct buf *out, const char *path, uint64_t bytes, int64_t mtime_s);
/* Appends what fills the last block of a file of so many bytes. */
void tar_add_padding(struct buf *out, uint64_t bytes);
/* Appends the end of the archive. */
void tar_add_end(struct buf *out);

#endif
