/* SPDX-License-Identifier: MIT */
/*
 * Backups: one directory a change below `backups/`, sealed before the change is sent.
 *
 * Life of a backup: vault_begin (directory, metadata/merge_state.json naming the change) -> backup_add
 * for every file (hashed as written) -> backup_seal: everything flushed to the disk (one syncfs that all
 * backups waiting at that moment share), every file read back (past the cache where the kernel lets us)
 * and compared with its hash, then metadata/verification.json written, flushed and read back. So a
 * directory with one is a proven backup, and only a sealed backup allows the send. Afterwards only logs/
 * and metadata/merge_state.json change.
 *
 * `metadata/verification.json`: {"files":[{"path":"tickets/tickets.json","bytes":1,"sha256":"<hex>"}]},
 * paths relative to the backup; every file but itself, metadata/merge_state.json and logs/. It lists
 * what is stored. Of an encrypted backup it also holds "encryption":{"key","wrapped","mac"}.
 *
 * Encryption (store/seal.h): `vault.json` in the vault's directory says that it is used and how a
 * passphrase becomes the key. One vault, one key: another one is refused, and so is none, before
 * anything is sent. Directory and file names, merge_state.json and logs/ stay readable.
 *
 * Directory names: <name>_<stamp>, made safe: bytes other than [A-Za-z0-9@._+-] become %XX, a leading
 * dot too, at most 200 bytes (then cut and "~" + 8 hex of its hash); a taken name gets -2, -3. A
 * directory that an earlier attempt at the same change left is emptied and used again, so there is one
 * directory a change; once its change was sent it is never touched again (the caller does not begin
 * one). Names with a leading dot are backups on their way out (catalogue.h). Mode 0700 and 0600, no
 * symbolic link is followed on any step.
 *
 * Paths hold an address: errors name the path inside the backup, never the directory. Errors of a
 * backup are ERR_BACKUP, and fatal where every other backup would fail in the same way (disk full,
 * read-only, failed fsync). Failpoints: fs.open fs.write fs.fsync fs.rename.
 *
 * A vault may be shared by threads; a backup belongs to one.
 */
#ifndef STEWARD_STORE_VAULT_H
#define STEWARD_STORE_VAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/secret.h"
#include "store/manifest.h"

struct vault;
struct backup;

struct vault_options {
    bool compress; /* *.zst, level 3, frame checksum; verification lists what is stored */
    uint64_t free_floor_bytes; /* vault_begin refuses (ERR_BACKUP, fatal) below it; 0: 64 MiB */
    /* At most one of these three is set; others: ERR_CONFIG. Files are relative to the workspace. */
    const char *key_file; /* 32 bytes, or 64 hex digits */
    const struct secret *passphrase;
    const char *passphrase_file; /* its first line */
    /* Only to read: nothing is created (no such directory: ERR_NOT_FOUND), and a vault whose key is
     * not given is opened all the same. */
    bool read_only;
};

/* `path` below the workspace or absolute; created 0700. A symbolic link, not a directory, not writable:
 * ERR_IO with a hint. A key that is missing, wrong or cannot be read: ERR_CONFIG. */
struct vault *vault_open(int workspace_fd, const char *path, const struct vault_options *options,
                         struct err *err) MUST_CHECK;
void vault_close(struct vault *vault);
DEFINE_AUTO(struct vault, vault_close)

/* Id of the key that the vault works with (seal.h); "" for none. */
const char *vault_key_id(const struct vault *vault);
/* False (ERR_CONFIG) where the vault is encrypted and its key is not the one that was given: such a one
 * can only be opened to be read. */
bool vault_check_key(const struct vault *vault, struct err *err) MUST_CHECK;
/* The open directory; it stays the vault's. */
int vault_dir_fd(const struct vault *vault);

/* `name` is the e-mail (or any name), `stamp` YYYYMMDD_HHMMSS of the run's first start: with the same
 * stamp a later attempt finds the directory of an earlier one. `expected_bytes`: space that the backup
 * will need, checked first (0: unknown). */
struct backup *vault_begin(struct vault *vault, str name, const char *stamp, const char *change_id,
                           uint64_t expected_bytes, struct err *err) MUST_CHECK;
/* Opens a sealed one again, to read and to append logs. `path` as backup_path gave it; only its last
 * component counts, so backups that were moved are found below the vault's new place. Missing or never
 * sealed: ERR_BACKUP. */
struct backup *vault_reopen(struct vault *vault, const char *path, struct err *err) MUST_CHECK;
void backup_free(struct backup *backup);
DEFINE_AUTO(struct backup, backup_free)

/* Below the workspace: "backups/<dir>" (or the vault's absolute path and the directory). */
const char *backup_path(const struct backup *backup);

/* One whole file; directories on the way are made. `path` must be safe already (vault_safe_name). */
bool backup_add(struct backup *backup, const char *path, str bytes, struct err *err) MUST_CHECK;

/* A file that arrives in pieces: begin, write..., end, which gives size and SHA-256 of what was written
 * (not of its compressed form; both may be NULL). Beginning again drops a file that was not ended: a
 * download that breaks off and is tried again. */
bool backup_file_begin(struct backup *backup, const char *path, struct err *err) MUST_CHECK;
bool backup_file_write(struct backup *backup, str piece, struct err *err) MUST_CHECK;
bool backup_file_end(struct backup *backup, uint64_t *ret_bytes, char *ret_sha256_hex,
                     struct err *err) MUST_CHECK;

bool backup_seal(struct backup *backup, struct err *err) MUST_CHECK;

/* Replaces metadata/merge_state.json, atomically but not durably (the journal is the truth): a shorter
 * text is padded with spaces; appends a line to logs/<name>. Also after the seal. */
bool backup_state(struct backup *backup, str json, struct err *err) MUST_CHECK;
bool backup_log(struct backup *backup, const char *name, str line, struct err *err) MUST_CHECK;

/* Reads a stored file, decrypted and decompressed; `path` as it was added. Of a sealed backup, what does
 * not have the size and SHA-256 of verification.json is ERR_BACKUP. Longer than out->max too. */
bool backup_read(struct backup *backup, const char *path, struct buf *out,
                 struct err *err) MUST_CHECK;

/* The same in pieces, so that the file may be longer than memory; the first piece comes when the hash
 * was found right. `piece` false with its error: it ends there. */
bool backup_copy(struct backup *backup, const char *path,
                 bool (*piece)(void *ctx, str bytes, struct err *err), void *ctx,
                 struct err *err) MUST_CHECK;

/* What verification.json of a sealed backup lists; it stays the backup's. Damaged: ERR_CORRUPT. */
const struct manifest *backup_manifest(struct backup *backup, struct err *err) MUST_CHECK;

/* What a file is read by: its path as the manifest lists it, without the ".zst" that compression adds. */
char *backup_plain_path(struct arena *arena, const struct manifest *files, const char *stored);

/* Checks every file against verification.json: missing, extra, changed; and verification.json itself
 * where the backup is encrypted and the key is there. The callback gets each difference; *ret_ok false
 * where there was one. Unsealed: ERR_BACKUP. */
bool vault_verify(struct vault *vault, const char *path,
                  void (*each)(void *ctx, const char *difference), void *ctx, bool *ret_ok,
                  struct err *err) MUST_CHECK;
/* The same of one that is open. */
bool backup_verify(struct backup *backup, void (*each)(void *ctx, const char *difference),
                   void *ctx, bool *ret_ok, struct err *err) MUST_CHECK;

/* One path component: [A-Za-z0-9._+@-], others and a leading dot %XX, "_" for an empty one, at
 * most `max` (from 16) bytes: then cut and "~" + 8 hex of its hash. */
char *vault_safe_name(struct arena *arena, str name, size_t max);

#endif
