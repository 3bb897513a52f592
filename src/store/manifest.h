/* SPDX-License-Identifier: MIT */
/*
 * verification.json of a backup: which files it holds, how long they are and their SHA-256. Pure
 * functions; vault.h says what is listed.
 */
#ifndef STEWARD_STORE_MANIFEST_H
#define STEWARD_STORE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

enum { MANIFEST_MAX_BYTES = 64 * 1024 * 1024, MANIFEST_PATH_MAX = 1024 };

struct manifest_file {
    char *path; /* below the backup, '/' between components */
    uint64_t bytes;
    char sha256[SHA256_HEX];
};

struct manifest {
    struct manifest_file *files;
    size_t count;
};

/* Sorts by path and appends the JSON. */
void manifest_render(struct buf *out, struct manifest *manifest);

/* False where the text is not exactly such a document: other keys, a path that is absolute, empty,
 * holds "." or ".." or NUL, or is there twice, a hash that is not 64 lower-case hex digits. Allocates
 * in `arena`; sorted by path. */
bool manifest_parse(struct arena *arena, str text, struct manifest *ret);

/* A relative path of plain components. */
bool manifest_path_ok(str path);

/* By binary search in a sorted manifest; NULL where it is not listed. */
const struct manifest_file *manifest_find(const struct manifest *manifest, const char *path);

#endif
