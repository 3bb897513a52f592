/* SPDX-License-Identifier: MIT */
/* The bodies of vault and backup, shared by the vault_*.c files. Private to them. */
#ifndef STEWARD_STORE_VAULT_IMPL_H
#define STEWARD_STORE_VAULT_IMPL_H

#include <pthread.h>
#include <zstd.h>

#include "base/hash.h"
#include "store/manifest.h"
#include "store/vault.h"

#define STATE_DIR "metadata"
#define MANIFEST_NAME STATE_DIR "/verification.json"
#define STATE_NAME "merge_state.json"
#define LOGS_DIR "logs"

struct vault {
    char *path; /* as given, without trailing '/' */
    int dir_fd;
    struct vault_options options;
    pthread_mutex_t naming; /* one directory is chosen at a time */

    /* Group sync (vault_sync). */
    pthread_mutex_t sync_lock;
    pthread_cond_t synced;
    bool syncing GUARDED_BY(sync_lock);
    uint64_t sync_begun GUARDED_BY(sync_lock);
    uint64_t sync_ended GUARDED_BY(sync_lock);
    int sync_errno GUARDED_BY(sync_lock); /* the first failure; it stays: see fs.h on fsync */
};

struct backup {
    struct vault *vault;
    char *path;
    int dir_fd;
    bool sealed;

    struct manifest files; /* as stored, in the order of arrival */
    size_t files_room;
    char *last_dir; /* the directory of the last file, kept open: files come in groups */
    int last_fd;

    /* The file that is being written; fd -1: none. */
    int fd;
    char *shown;  /* its path as given */
    char *stored; /* as stored: with ".zst" where compressed */
    uint64_t bytes;
    uint64_t stored_bytes;
    struct sha256 *sha;
    struct sha256 *stored_sha; /* NULL where not compressed */
    ZSTD_CCtx *zstd;           /* kept for the next file */
    char *zstd_out;
    size_t zstd_room;
};

struct backup *backup_of(struct vault *vault, const char *name, int dir_fd);

/* Everything that this thread has written below the vault is on the disk when it returns true. Threads
 * that wait at the same time share one syncfs(2). */
bool vault_sync(struct vault *vault, struct err *err) MUST_CHECK;

/* Makes err an error of the backup: ERR_BACKUP, "could not <what> the backup: ...", fatal where every
 * other backup would fail in the same way. False. */
bool backup_failed(struct err *err, const char *what);

/* Opens a directory below `root`, component by component, never through a link. `make`: those that
 * are missing are made. */
bool vault_open_below(int root, str path, bool make, int *ret_fd, struct err *err) MUST_CHECK;

/* Opens a file below `root` for reading in the same way; must be a regular file. */
bool vault_open_file(int root, const char *path, int *ret_fd, struct err *err) MUST_CHECK;

/* Appends the whole file. */
bool vault_read(int root, const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* Size and SHA-256 of an open file, read from its start. */
bool vault_hash_fd(int fd, const char *shown, struct manifest_file *ret,
                   struct err *err) MUST_CHECK;

#endif
