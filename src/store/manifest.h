/* SPDX-License-Identifier: MIT */
/*
 * verification.json of a backup: which files it holds, how long they are and their SHA-256, and where it
 * is encrypted, the wrapped key and what authenticates the list. Pure functions; vault.h says what is
 * listed.
 */
#ifndef STEWARD_STORE_MANIFEST_H
#define STEWARD_STORE_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "store/seal.h"

enum { MANIFEST_MAX_BYTES = 64 * 1024 * 1024, MANIFEST_PATH_MAX = 1024 };

struct manifest_file {
    char *path; /* below the backup, '/' between components */
    uint64_t bytes;
    char sha256[SHA256_HEX];
};

struct manifest {
    struct manifest_file *files;
    size_t count;
    /* Where the backup is encrypted; otherwise empty. */
    char key[SEAL_ID_HEX]; /* of the master key */
    char wrapped[SEAL_WRAPPED_HEX];
    char mac[SEAL_MAC_HEX]; /* over manifest_authentic */
};

/* Sorts by path and appends the JSON. */
void manifest_render(struct buf *out, struct manifest *manifest);

/* Sorts, and appends the bytes that the mac is over: list, key and wrapped key, however the JSON was
 * written. */
void manifest_authentic(struct buf *out, struct manifest *manifest);

/* False where the text is not exactly such a document: other keys, a path that is absolute, empty,
 * holds "." or ".." or NUL, or is there twice, a hash or key that is not lower-case hex of its length.
 * Allocates in `arena`; sorted by path. */
bool manifest_parse(struct arena *arena, str text, struct manifest *ret);

/* A relative path of plain components. */
bool manifest_path_ok(str path);

/* True where the backup is compressed: then every file's name ends in ".zst". */
bool manifest_compressed(const struct manifest *manifest);

/* By binary search in a sorted manifest; NULL where it is not listed. */
const struct manifest_file *manifest_find(const struct manifest *manifest, const char *path);

#endif
