/* SPDX-License-Identifier: MIT */
/*
 * The seal. What makes it fast enough for hundreds a second: the disk is waited for twice a backup and
 * not once a file (before reading back, and after the manifest), by one syncfs(2) that all backups
 * which wait at that moment share. Measured with 44 files a backup on ext4: twice the backups a second
 * of an fsync for each file and directory. The price: other programs' unwritten data on the same file
 * system is waited for too.
 *
 * A file stays open from writing to reading back, as long as there are descriptors, and the way to a
 * directory is gone once: finding and opening 44 files in 23 directories twice cost more system calls
 * than writing them. Nothing is renamed or removed while a run goes on: ext4 without a journal does not
 * use the inode of a removed file for minutes, and every new file looks through all of those.
 *
 * What makes it trustworthy: after the sync the pages are dropped from the cache (where the kernel
 * allows), so that reading back asks the disk. The manifest is written only after every file was read
 * back, so a directory with a manifest is a proven backup.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/num.h"
#include "store/disk.h"
#include "store/vault_impl.h"

enum {
    ZSTD_LEVEL = 3,
    NAME_ROOM = 256, /* NAME_MAX and its end */
    PAGE_BYTES = 4096,
};

/* --- files ------------------------------------------------------------------------------------- */

static bool refuse(struct err *err, const char *path, const char *why)
{
    return err_set(err, ERR_BACKUP, "could not write the backup: '%s' %s", path, why);
}

/* Splits into directory (maybe empty) and name. */
static str split(const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    *ret_name = slash != NULL ? slash + 1 : path;
    return (str){path, slash != NULL ? (size_t)(slash - path) : 0};
}

/* Closes directories until `keep` are open. */
static void step_back(struct backup *backup, int keep)
{
    while (backup->depth > keep) {
        struct vault_step *step = &backup->steps[--backup->depth];
        auto_close(&step->fd);
        free(step->name);
    }
}

static int top_fd(const struct backup *backup)
{
    return backup->depth != 0 ? backup->steps[backup->depth - 1].fd : backup->dir_fd;
}

static bool step_into(struct backup *backup, str name, str way, struct err *err)
{
    if (backup->depth == VAULT_DEPTH || name.len >= NAME_ROOM) {
        return err_set_errno(err, ERR_IO, ENAMETOOLONG, "could not open directory '%" STR_FMT "'",
                             STR_ARG(way));
    }
    char *copy = xcalloc(name.len + 1, 1);
    memcpy(copy, name.ptr, name.len);
    int fd = -1;
    if (!vault_make_dir(top_fd(backup), copy, way, &fd, err)) {
        free(copy);
        return false;
    }
    backup->steps[backup->depth++] = (struct vault_step){copy, fd};
    return true;
}

/* The descriptor of the directory, which is made where it is missing; it stays the backup's. Only where
 * the way differs from that of the last file are directories left and entered. */
static bool enter(struct backup *backup, str dir, int *ret_fd, struct err *err)
{
    str rest = dir;
    int at = 0;
    while (rest.len != 0) {
        str name = str_cut(rest, '/', &rest);
        str way = {dir.ptr, (size_t)(name.ptr + name.len - dir.ptr)};
        if (at < backup->depth && !str_eqz(name, backup->steps[at].name)) {
            step_back(backup, at);
        }
        if (at == backup->depth && !step_into(backup, name, way, err)) {
            return false;
        }
        at++;
    }
    step_back(backup, at);
    *ret_fd = top_fd(backup);
    return true;
}

/* Removes the open file, so that it can begin again. */
static void drop_open_file(struct backup *backup)
{
    if (backup->fd < 0) {
        return;
    }
    const char *name;
    str dir = split(backup->stored, &name);
    int dir_fd;
    struct err err = {0};
    if (enter(backup, dir, &dir_fd, &err)) {
        (void)unlinkat(dir_fd, name, 0); /* what stays makes the next create fail, which is told */
    }
    auto_close(&backup->fd);
}

static void start_zstd(struct backup *backup)
{
    if (backup->zstd == NULL) {
        backup->zstd = ZSTD_createCCtx();
        backup->zstd_room = ZSTD_CStreamOutSize();
        backup->zstd_out = xcalloc(backup->zstd_room, 1);
    }
    /* Parameters within their range cannot be refused. */
    (void)ZSTD_CCtx_reset(backup->zstd, ZSTD_reset_session_only);
    (void)ZSTD_CCtx_setParameter(backup->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    (void)ZSTD_CCtx_setParameter(backup->zstd, ZSTD_c_checksumFlag, 1);
}

/* Is what is stored not what was given? */
static bool is_changed(const struct backup *backup)
{
    return backup->vault->options.compress || backup->seal != NULL;
}

static bool store_bytes(struct backup *backup, str bytes, struct err *err)
{
    if (bytes.len == 0) {
        return true;
    }
    backup->stored_bytes += bytes.len;
    if (is_changed(backup)) {
        sha256_add(backup->stored_sha, bytes.ptr, bytes.len);
    }
    return fs_write_all(backup->fd, bytes, backup->shown, err);
}

/* What compression gave, or the file itself. */
static bool encrypt_piece(struct backup *backup, str piece, bool last, struct err *err)
{
    if (backup->seal == NULL) {
        return store_bytes(backup, piece, err);
    }
    seal_write(backup->stream, piece, &backup->sealed_bytes);
    if (last) {
        seal_write_end(backup->stream, &backup->sealed_bytes);
    }
    bool ok = store_bytes(backup, buf_str(&backup->sealed_bytes), err);
    buf_clear(&backup->sealed_bytes);
    return ok;
}

static bool compress_piece(struct backup *backup, str piece, bool last, struct err *err)
{
    ZSTD_inBuffer in = {piece.ptr, piece.len, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {backup->zstd_out, backup->zstd_room, 0};
        left = ZSTD_compressStream2(backup->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left) != 0) {
            return err_set(err, ERR_INTERNAL, /* GCOVR_EXCL_LINE: no input makes zstd fail */
                           "could not compress '%s': %s", backup->shown, ZSTD_getErrorName(left));
        }
        bool end = last && left == 0;
        if ((out.pos != 0 || end) &&
            !encrypt_piece(backup, (str){backup->zstd_out, out.pos}, end, err)) {
            return false;
        }
    } while (last ? left != 0 : in.pos < in.size);
    return true;
}

static bool add_piece(struct backup *backup, str piece, bool last, struct err *err)
{
    bool ok = backup->vault->options.compress ? compress_piece(backup, piece, last, err)
                                              : encrypt_piece(backup, piece, last, err);
    if (!ok) {
        drop_open_file(backup);
        return backup_failed(err, "write");
    }
    return true;
}

/* A file that was dropped may have left something in them. */
static void start_hashes(struct backup *backup)
{
    uint8_t unused[SHA256_BYTES];
    if (backup->bytes != 0) {
        sha256_end(backup->sha, unused);
    }
    if (is_changed(backup) && backup->stored_sha == NULL) {
        backup->stored_sha = sha256_new();
    } else if (backup->stored_bytes != 0 && is_changed(backup)) {
        sha256_end(backup->stored_sha, unused);
    }
    backup->bytes = 0;
    backup->stored_bytes = 0;
}

static void name_file(struct backup *backup, const char *path)
{
    size_t size = strlen(path) + sizeof(".zst");
    free(backup->shown);
    free(backup->stored);
    backup->shown = xstrdup(path);
    backup->stored = xcalloc(size, 1);
    (void)snprintf(backup->stored, size, "%s%s", path,
                   backup->vault->options.compress ? ".zst" : "");
}

static bool create_file(struct backup *backup, struct err *err)
{
    const char *name;
    str dir = split(backup->stored, &name);
    int dir_fd;
    return enter(backup, dir, &dir_fd, err) &&
           disk_create(dir_fd, name, backup->shown, &backup->fd, err);
}

bool backup_file_begin(struct backup *backup, const char *path, struct err *err)
{
    drop_open_file(backup);
    if (backup->sealed) {
        return refuse(err, path, "comes after the seal");
    }
    if (!manifest_path_ok(str_of(path)) || strcmp(path, MANIFEST_NAME) == 0 ||
        strcmp(path, STATE_PATH) == 0 || str_starts(str_of(path), STR(LOGS_DIR "/"))) {
        return refuse(err, path, "is not a path for a file of it");
    }
    name_file(backup, path);
    if (!create_file(backup, err)) {
        return backup_failed(err, "write");
    }
    start_hashes(backup);
    if (backup->vault->options.compress) {
        start_zstd(backup);
    }
    if (backup->seal != NULL) {
        buf_clear(&backup->sealed_bytes);
        seal_write_begin(backup->stream, backup->seal, backup->stored, &backup->sealed_bytes);
    }
    return true;
}

bool backup_file_write(struct backup *backup, str piece, struct err *err)
{
    if (backup->fd < 0) {
        return err_set(err, ERR_INTERNAL, "could not write the backup: no file was begun");
    }
    sha256_add(backup->sha, piece.ptr, piece.len);
    backup->bytes += piece.len;
    return add_piece(backup, piece, false, err);
}

void backup_drop_held(struct backup *backup, size_t at)
{
    if (backup->held[at] >= 0) {
        auto_close(&backup->held[at]);
        (void)atomic_fetch_sub(&backup->vault->held, 1);
    }
}

/* Keeps the descriptor for reading back, while there are not too many. */
static void hold_file(struct backup *backup, int fd, int *ret_fd)
{
    struct vault *vault = backup->vault;
    *ret_fd = -1;
    if (atomic_fetch_add(&vault->held, 1) < vault->held_max) {
        *ret_fd = fd;
    } else {
        (void)atomic_fetch_sub(&vault->held, 1);
    }
}

static bool list_file(struct backup *backup, const uint8_t hash[SHA256_BYTES], struct err *err)
{
    struct manifest *files = &backup->files;
    if (files->count == backup->files_room) {
        backup->files_room = backup->files_room != 0 ? backup->files_room * 2 : 64;
        files->files = xrealloc(files->files, backup->files_room, sizeof(struct manifest_file));
        backup->held = xrealloc(backup->held, backup->files_room, sizeof(int));
    }
    int fd = backup->fd;
    backup->fd = -1;
    hold_file(backup, fd, &backup->held[files->count]);
    if (backup->held[files->count] < 0 && !disk_close(fd, backup->shown, err)) {
        return false; /* GCOVR_EXCL_LINE: only on network file systems */
    }
    struct manifest_file *file = &files->files[files->count++];
    file->path = STEAL(backup->stored);
    file->bytes = backup->stored_bytes;
    num_hex(hash, SHA256_BYTES, file->sha256);
    return true;
}

bool backup_file_end(struct backup *backup, uint64_t *ret_bytes, char *ret_sha256_hex,
                     struct err *err)
{
    if (backup->fd < 0) {
        return err_set(err, ERR_INTERNAL, "could not write the backup: no file was begun");
    }
    uint8_t hash[SHA256_BYTES];
    uint8_t stored_hash[SHA256_BYTES];
    if (!add_piece(backup, STR_NONE, true, err)) {
        return false;
    }
    uint64_t bytes = backup->bytes;
    sha256_end(backup->sha, hash);
    backup->bytes = 0;
    if (is_changed(backup)) {
        sha256_end(backup->stored_sha, stored_hash);
    }
    bool listed = list_file(backup, is_changed(backup) ? stored_hash : hash, err);
    backup->stored_bytes = 0;
    if (!listed) {
        return backup_failed(err, "write"); /* GCOVR_EXCL_LINE: only on network file systems */
    }
    if (ret_bytes != NULL) {
        *ret_bytes = bytes;
    }
    if (ret_sha256_hex != NULL) {
        num_hex(hash, SHA256_BYTES, ret_sha256_hex);
    }
    return true;
}

bool backup_add(struct backup *backup, const char *path, str bytes, struct err *err)
{
    return backup_file_begin(backup, path, err) && backup_file_write(backup, bytes, err) &&
           backup_file_end(backup, NULL, NULL, err);
}

/* --- the seal ---------------------------------------------------------------------------------- */

bool vault_sync(struct vault *vault, struct err *err)
{
    pthread_mutex_lock(&vault->sync_lock);
    /* one that is under way may have begun before our last write */
    uint64_t wanted = vault->sync_begun + 1;
    while (vault->sync_errno == 0 && vault->sync_ended < wanted) {
        if (vault->syncing) {
            pthread_cond_wait(&vault->synced, &vault->sync_lock);
            continue;
        }
        vault->syncing = true;
        uint64_t mine = ++vault->sync_begun;
        pthread_mutex_unlock(&vault->sync_lock);
        int failed = FAILPOINT("fs.fsync");
        if (failed == 0 && syncfs(vault->dir_fd) != 0) {
            failed = errno; /* GCOVR_EXCL_LINE: only a broken disk */
        }
        pthread_mutex_lock(&vault->sync_lock);
        vault->syncing = false;
        vault->sync_errno = failed;
        vault->sync_ended = mine;
        pthread_cond_broadcast(&vault->synced);
    }
    int failed = vault->sync_errno;
    pthread_mutex_unlock(&vault->sync_lock);
    if (failed == 0) {
        return true;
    }
    (void)disk_fail(err, failed, "flush to disk", "the backups");
    if (err != NULL) {
        err->fatal = true;
    }
    return false;
}

/* The descriptor that the file was written with, at its start, where the file still has its name. */
static bool open_again(struct backup *backup, size_t at, int *ret_fd, struct err *err)
{
    struct stat st;
    const char *path = backup->files.files[at].path;
    int fd = backup->held[at];
    if (fd < 0) {
        return vault_open_file(backup->dir_fd, path, O_RDONLY, ret_fd, err);
    }
    if (fstat(fd, &st) != 0 || st.st_nlink == 0) {
        return err_set_errno(err, ERR_IO, ENOENT, "could not open '%s'", path);
    }
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return err_set_errno(err, ERR_IO, errno, /* GCOVR_EXCL_LINE: a file can be rewound */
                             "could not read '%s'", path);
    }
    *ret_fd = fd;
    return true;
}

static bool read_back(struct backup *backup, size_t at, struct err *err)
{
    const struct manifest_file *file = &backup->files.files[at];
    struct manifest_file is;
    int fd = -1;
    if (!open_again(backup, at, &fd, err)) {
        return false;
    }
    /* Advice that a kernel or file system may ignore; then the cache is what is read. */
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    bool read = vault_hash_fd(fd, file->path, backup_scratch(backup), backup->sha, &is, err);
    if (backup->held[at] < 0) {
        (void)close(fd); /* opened for reading */
    } else if (read && close(fd) == 0) {
        backup->held[at] = -1;
        (void)atomic_fetch_sub(&backup->vault->held, 1);
    } else if (read) {
        return disk_fail(err, errno, "close",
                         file->path); /* GCOVR_EXCL_LINE: network file systems */
    }
    return read &&
           ((is.bytes == file->bytes && strcmp(is.sha256, file->sha256) == 0) ||
            err_set(err, ERR_BACKUP, "'%s' does not read back as it was written", file->path));
}

static bool read_all_back(struct backup *backup, struct err *err)
{
    for (size_t i = 0; i < backup->files.count; i++) {
        if (!read_back(backup, i, err)) {
            return false;
        }
    }
    return true;
}

static void authenticate(struct backup *backup)
{
    struct manifest *files = &backup->files;
    AUTO_BUF struct buf text = {.max = MANIFEST_MAX_BYTES};
    (void)snprintf(files->key, sizeof(files->key), "%s", vault_key_id(backup->vault));
    (void)snprintf(files->wrapped, sizeof(files->wrapped), "%s", seal_wrapped(backup->seal));
    manifest_authentic(&text, files);
    seal_mac(backup->seal, buf_str(&text), files->mac);
}

static bool write_manifest(struct backup *backup, struct err *err)
{
    AUTO_BUF struct buf text = {.max = MANIFEST_MAX_BYTES};
    AUTO_BUF struct buf again = {.max = MANIFEST_MAX_BYTES};
    int dir_fd;
    if (backup->seal != NULL) {
        authenticate(backup);
    }
    manifest_render(&text, &backup->files);
    if (text.overflow) {
        return err_set(err, ERR_BACKUP, /* GCOVR_EXCL_LINE: takes a backup of 400,000 files */
                       "'%s' would be too long", MANIFEST_NAME);
    }
    const char *name = strrchr(MANIFEST_NAME, '/') + 1;
    if (!enter(backup, STR(STATE_DIR), &dir_fd, err) ||
        !fs_write_new(dir_fd, name, buf_str(&text), false, err) ||
        !vault_sync(backup->vault, err) || !vault_read(dir_fd, name, &again, err)) {
        return false;
    }
    if (!str_eq(buf_str(&text), buf_str(&again))) {
        return err_set(err, ERR_BACKUP, /* GCOVR_EXCL_LINE: only a broken disk */
                       "'%s' does not read back as it was written", MANIFEST_NAME);
    }
    return true;
}

bool backup_seal(struct backup *backup, struct err *err)
{
    drop_open_file(backup);
    if (backup->sealed) {
        return err_set(err, ERR_INTERNAL, "could not seal the backup: it is sealed");
    }
    if (!vault_sync(backup->vault, err) || !read_all_back(backup, err) ||
        !write_manifest(backup, err)) {
        return backup_failed(err, "seal");
    }
    backup->sealed = true;
    backup->listed = true;
    return true;
}

/* --- after the seal ---------------------------------------------------------------------------- */

/* Kept open: there are three logs, and the state may pass through their directory. */
static bool open_logs(struct backup *backup, int *ret_fd, struct err *err)
{
    if (backup->logs_fd < 0 &&
        !vault_make_dir(backup->dir_fd, LOGS_DIR, STR(LOGS_DIR), &backup->logs_fd, err)) {
        return false;
    }
    *ret_fd = backup->logs_fd;
    return true;
}

/* The text over what is there, padded to its length: one write within a page, which a kill cannot cut.
 * *ret_done false: it must be replaced the long way. */
static bool overwrite_state(const struct backup *backup, str json, bool *ret_done, struct err *err)
{
    struct stat st;
    AUTO_BUF struct buf text = {0};
    AUTO_CLOSE int fd = -1;
    *ret_done = false;
    if (!vault_open_file(backup->dir_fd, STATE_PATH, O_WRONLY, &fd, err)) {
        return err != NULL && err->os_errno == ENOENT;
    }
    if (fstat(fd, &st) != 0 || st.st_size > PAGE_BYTES || json.len > PAGE_BYTES) {
        return true;
    }
    bool line = str_ends(json, STR("\n"));
    buf_adds(&text, (str){json.ptr, json.len - line});
    while (text.len + line < (size_t)st.st_size) {
        buf_addc(&text, ' ');
    }
    buf_addz(&text, line ? "\n" : "");
    *ret_done = fs_write_all(fd, buf_str(&text), STATE_NAME, err);
    return *ret_done;
}

/* Written in logs/ first: what a process leaves there that dies in between is no file that the manifest
 * should have listed. */
static bool replace_state(struct backup *backup, str json, struct err *err)
{
    static const char temp[] = STATE_NAME ".tmp";
    int logs;
    int metadata;
    if (!open_logs(backup, &logs, err) || !enter(backup, STR(STATE_DIR), &metadata, err)) {
        return false;
    }
    (void)unlinkat(logs, temp, 0); /* what a dead process left; if it stays, creating fails */
    if (!fs_write_new(logs, temp, json, false, err) ||
        !disk_move(logs, temp, metadata, STATE_NAME, STATE_NAME, err)) {
        (void)unlinkat(logs, temp, 0); /* the first error is the one told */
        return false;
    }
    return true;
}

/* Not flushed: the journal is the truth, this is for people. */
bool backup_state(struct backup *backup, str json, struct err *err)
{
    bool done;
    struct err failure = {0};
    bool ok = overwrite_state(backup, json, &done, &failure) &&
              (done || replace_state(backup, json, &failure));
    if (!ok && err != NULL) {
        *err = failure;
    }
    return ok || backup_failed(err, "note the state of");
}

bool backup_log(struct backup *backup, const char *name, str line, struct err *err)
{
    int logs;
    AUTO_BUF struct buf text = {0};
    if (!manifest_path_ok(str_of(name)) || strchr(name, '/') != NULL) {
        return err_set(err, ERR_INTERNAL, "could not write a log of the backup: '%s' is no name",
                       name);
    }
    if (!open_logs(backup, &logs, err)) {
        return backup_failed(err, "write a log of");
    }
    AUTO_CLOSE int fd =
        openat(logs, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        (void)disk_fail(err, errno, "open", name);
        return backup_failed(err, "write a log of");
    }
    if (line.len != 0) { /* nothing: the file is there, and empty */
        buf_adds(&text, line);
        buf_addc(&text, '\n');
    }
    return fs_write_all(fd, buf_str(&text), name, err) || backup_failed(err, "write a log of");
}
