/* SPDX-License-Identifier: MIT */
/* The bodies of vault and backup, shared by the vault_*.c files. Private to them. */
#ifndef STEWARD_STORE_VAULT_IMPL_H
#define STEWARD_STORE_VAULT_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <zstd.h>

#include "base/hash.h"
#include "store/vault.h"

#define STATE_DIR "metadata"
#define MANIFEST_NAME STATE_DIR "/verification.json"
#define STATE_NAME "merge_state.json"
#define STATE_PATH STATE_DIR "/" STATE_NAME
#define LOGS_DIR "logs"

enum {
    VAULT_READ_BYTES = 64 * 1024,
    VAULT_DEPTH = 16, /* directories in one another; jobs need three */
};

struct vault {
    char *path; /* as given, without trailing '/' */
    int dir_fd;
    struct vault_options options; /* without the secrets */
    struct seal_key *key;         /* NULL: not encrypted, or not known */
    char wanted[SEAL_ID_HEX];     /* the key that vault.json names */
    pthread_mutex_t naming;       /* one directory is chosen at a time */

    /* Files that stay open from writing to reading back, of all backups. */
    atomic_int held;
    int held_max;

    /* Group sync (vault_sync). */
    pthread_mutex_t sync_lock;
    pthread_cond_t synced;
    bool syncing GUARDED_BY(sync_lock);
    uint64_t sync_begun GUARDED_BY(sync_lock);
    uint64_t sync_ended GUARDED_BY(sync_lock);
    int sync_errno GUARDED_BY(sync_lock); /* the first failure; it stays: see fs.h on fsync */
};

/* A directory on the way to the last file, kept open: files come in groups. */
struct vault_step {
    char *name;
    int fd;
};

struct backup {
    struct vault *vault;
    char *path;
    int dir_fd;
    int logs_fd; /* -1: not opened yet */
    bool sealed;

    /* Writing: as stored, in the order of arrival. Reading: what the manifest lists. */
    struct manifest files;
    size_t files_room;
    int *held; /* of each file its descriptor, or -1; NULL when reading */
    struct arena arena;
    bool listed; /* `files` is there, from the manifest or by writing */
    struct vault_step steps[VAULT_DEPTH];
    int depth;

    /* The file that is being written; fd -1: none. */
    int fd;
    char *shown;  /* its path as given */
    char *stored; /* as stored: with ".zst" where compressed */
    uint64_t bytes;
    uint64_t stored_bytes;
    struct sha256 *sha;
    struct sha256 *stored_sha; /* of what is stored, where that differs */
    ZSTD_CCtx *zstd;           /* kept for the next file */
    char *zstd_out;
    size_t zstd_room;
    struct seal *seal;          /* NULL: not encrypted, or not opened yet */
    struct seal_stream *stream; /* kept for the next file */
    struct buf sealed_bytes;
    char *scratch; /* VAULT_READ_BYTES, made on first use */
};

struct backup *backup_of(struct vault *vault, const char *name, int dir_fd);

/* Closes the descriptor that file `at` was written with, where it is still open. */
void backup_drop_held(struct backup *backup, size_t at);

/* Everything that this thread has written below the vault is on the disk when it returns true. Threads
 * that wait at the same time share one syncfs(2). */
bool vault_sync(struct vault *vault, struct err *err) MUST_CHECK;

/* Makes err an error of the backup: ERR_BACKUP, "could not <what> the backup: ...", fatal where every
 * other backup would fail in the same way. False. */
bool backup_failed(struct err *err, const char *what);

/* --- vault_read.c: below an open directory, never through a link ------------------------------- */

/* Makes where it is missing, and opens. `way` is for errors. */
bool vault_make_dir(int fd, const char *name, str way, int *ret_fd, struct err *err) MUST_CHECK;

/* Opens a file, with O_RDONLY or O_WRONLY; must be a regular file. */
bool vault_open_file(int root, const char *path, int flags, int *ret_fd,
                     struct err *err) MUST_CHECK;

/* Appends the whole file. */
bool vault_read(int root, const char *path, struct buf *out, struct err *err) MUST_CHECK;

/* Size and SHA-256 of an open file, read from where it stands. `scratch`: VAULT_READ_BYTES. */
bool vault_hash_fd(int fd, const char *shown, char *scratch, struct sha256 *sha,
                   struct manifest_file *ret, struct err *err) MUST_CHECK;

char *backup_scratch(struct backup *backup);

/* The key of a sealed backup into backup->seal: nothing to do for one that is not encrypted. */
bool backup_unlock(struct backup *backup, struct err *err) MUST_CHECK;

#endif
