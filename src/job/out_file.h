/* SPDX-License-Identifier: MIT */
/*
 * A file that a plan writes beside itself: decisions, a sample. It comes under its name whole or not at all,
 * and never over the input.
 */
#ifndef STEWARD_JOB_OUT_FILE_H
#define STEWARD_JOB_OUT_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/err.h"

struct out_file {
    int fd;     /* -1: none */
    char *temp; /* NULL where it is written in place (a device, a pipe) */
};

/* ERR_USAGE where `path` is the file that `input` was taken from. */
bool out_file_open(const char *path, const struct stat *input, struct out_file *out,
                   struct err *err) MUST_CHECK;
/* Puts the file in place where `ok`, removes it otherwise. Not flushed to the disk: it can be made
 * again from the input, and what is applied is the plan. */
bool out_file_close(const char *path, struct out_file *out, bool ok, struct err *err) MUST_CHECK;

#endif
