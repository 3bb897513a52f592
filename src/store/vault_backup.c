/* SPDX-License-Identifier: MIT */
/*
 * The seal. What makes it fast enough for hundreds a second: the disk is waited for twice a backup and
 * not once a file (before reading back, and after the manifest), by one syncfs(2) that all backups
 * which wait at that moment share. Measured with 44 files a backup on ext4: twice the backups a second
 * of an fsync for each file and directory. The price: other programs' unwritten data on the same file
 * system is waited for too.
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
    READ_BYTES = 64 * 1024,
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

/* The directory's descriptor; it stays the backup's. */
static bool enter(struct backup *backup, str dir, int *ret_fd, struct err *err)
{
    if (dir.len == 0) {
        *ret_fd = backup->dir_fd;
        return true;
    }
    if (backup->last_dir == NULL || !str_eqz(dir, backup->last_dir)) {
        int fd;
        if (!vault_open_below(backup->dir_fd, dir, true, &fd, err)) {
            return false;
        }
        auto_close(&backup->last_fd);
        free(backup->last_dir);
        backup->last_fd = fd;
        backup->last_dir = xcalloc(dir.len + 1, 1);
        memcpy(backup->last_dir, dir.ptr, dir.len);
    }
    *ret_fd = backup->last_fd;
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
        backup->stored_sha = sha256_new();
    }
    /* Parameters within their range cannot be refused. */
    (void)ZSTD_CCtx_reset(backup->zstd, ZSTD_reset_session_only);
    (void)ZSTD_CCtx_setParameter(backup->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
    (void)ZSTD_CCtx_setParameter(backup->zstd, ZSTD_c_checksumFlag, 1);
}

bool backup_file_begin(struct backup *backup, const char *path, struct err *err)
{
    drop_open_file(backup);
    if (backup->sealed) {
        return refuse(err, path, "comes after the seal");
    }
    if (!manifest_path_ok(str_of(path)) || strcmp(path, MANIFEST_NAME) == 0 ||
        strcmp(path, STATE_DIR "/" STATE_NAME) == 0 ||
        str_starts(str_of(path), STR(LOGS_DIR "/"))) {
        return refuse(err, path, "is not a path for a file of it");
    }
    bool compress = backup->vault->options.compress;
    size_t size = strlen(path) + sizeof(".zst");
    free(backup->shown);
    free(backup->stored);
    backup->shown = xstrdup(path);
    backup->stored = xcalloc(size, 1);
    (void)snprintf(backup->stored, size, "%s%s", path, compress ? ".zst" : "");
    const char *name;
    str dir = split(backup->stored, &name);
    int dir_fd;
    if (!enter(backup, dir, &dir_fd, err) || !disk_create(dir_fd, name, path, &backup->fd, err)) {
        return backup_failed(err, "write");
    }
    backup->bytes = 0;
    backup->stored_bytes = 0;
    uint8_t unused[SHA256_BYTES];
    sha256_end(backup->sha, unused); /* a file that was dropped may have left something */
    if (compress) {
        start_zstd(backup);
        sha256_end(backup->stored_sha, unused);
    }
    return true;
}

static bool store_bytes(struct backup *backup, str bytes, struct err *err)
{
    if (bytes.len == 0) {
        return true;
    }
    backup->stored_bytes += bytes.len;
    if (backup->vault->options.compress) {
        sha256_add(backup->stored_sha, bytes.ptr, bytes.len);
    }
    return fs_write_all(backup->fd, bytes, backup->shown, err);
}

static bool compress_piece(struct backup *backup, str piece, ZSTD_EndDirective end, struct err *err)
{
    ZSTD_inBuffer in = {piece.ptr, piece.len, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {backup->zstd_out, backup->zstd_room, 0};
        left = ZSTD_compressStream2(backup->zstd, &out, &in, end);
        if (ZSTD_isError(left) != 0) {
            return err_set(err, ERR_INTERNAL, /* GCOVR_EXCL_LINE: no input makes zstd fail */
                           "could not compress '%s': %s", backup->shown, ZSTD_getErrorName(left));
        }
        if (!store_bytes(backup, (str){backup->zstd_out, out.pos}, err)) {
            return false;
        }
    } while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return true;
}

bool backup_file_write(struct backup *backup, str piece, struct err *err)
{
    if (backup->fd < 0) {
        return err_set(err, ERR_INTERNAL, "could not write the backup: no file was begun");
    }
    sha256_add(backup->sha, piece.ptr, piece.len);
    backup->bytes += piece.len;
    bool ok = backup->vault->options.compress ? compress_piece(backup, piece, ZSTD_e_continue, err)
                                              : store_bytes(backup, piece, err);
    if (!ok) {
        drop_open_file(backup);
        return backup_failed(err, "write");
    }
    return true;
}

static void list_file(struct backup *backup, const uint8_t hash[SHA256_BYTES])
{
    struct manifest *files = &backup->files;
    if (files->count == backup->files_room) {
        backup->files_room = backup->files_room != 0 ? backup->files_room * 2 : 32;
        files->files = xrealloc(files->files, backup->files_room, sizeof(struct manifest_file));
    }
    struct manifest_file *file = &files->files[files->count++];
    file->path = backup->stored;
    backup->stored = NULL;
    file->bytes = backup->stored_bytes;
    num_hex(hash, SHA256_BYTES, file->sha256);
}

bool backup_file_end(struct backup *backup, uint64_t *ret_bytes, char *ret_sha256_hex,
                     struct err *err)
{
    if (backup->fd < 0) {
        return err_set(err, ERR_INTERNAL, "could not write the backup: no file was begun");
    }
    uint8_t hash[SHA256_BYTES];
    uint8_t stored_hash[SHA256_BYTES];
    bool compress = backup->vault->options.compress;
    if (compress && !compress_piece(backup, STR_NONE, ZSTD_e_end, err)) {
        drop_open_file(backup);
        return backup_failed(err, "write");
    }
    /* Starts the writing, so that the seal finds most of it done; the seal's fsync is what counts. */
    (void)sync_file_range(backup->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
    int fd = backup->fd;
    backup->fd = -1;
    if (!disk_close(fd, backup->shown, err)) {
        return backup_failed(err, "write"); /* GCOVR_EXCL_LINE: only on network file systems */
    }
    sha256_end(backup->sha, hash);
    if (compress) {
        sha256_end(backup->stored_sha, stored_hash);
    }
    list_file(backup, compress ? stored_hash : hash);
    if (ret_bytes != NULL) {
        *ret_bytes = backup->bytes;
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

/* --- reading ----------------------------------------------------------------------------------- */

bool vault_open_file(int root, const char *path, int *ret_fd, struct err *err)
{
    const char *name;
    str dir = split(path, &name);
    AUTO_CLOSE int dir_fd = -1;
    if (!vault_open_below(root, dir, false, &dir_fd, err)) {
        return false;
    }
    AUTO_CLOSE int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return err_set_errno(err, ERR_IO, errno, "could not open '%s'", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(err, ERR_IO, "could not open '%s': it is not a file", path);
    }
    *ret_fd = fd;
    fd = -1;
    return true;
}

/* *ret_len 0 at the end. */
static bool read_some(int fd, char *to, size_t room, size_t *ret_len, const char *shown,
                      struct err *err)
{
    for (;;) {
        ssize_t n = read(fd, to, room);
        if (n >= 0) {
            *ret_len = (size_t)n;
            return true;
        }
        /* GCOVR_EXCL_START: only a broken disk */
        if (errno != EINTR) {
            return err_set_errno(err, ERR_IO, errno, "could not read '%s'", shown);
        }
        /* GCOVR_EXCL_STOP */
    }
}

bool vault_read(int root, const char *path, struct buf *out, struct err *err)
{
    AUTO_CLOSE int fd = -1;
    if (!vault_open_file(root, path, &fd, err)) {
        return false;
    }
    size_t len = 1;
    AUTO_FREE char *piece = xcalloc(READ_BYTES, 1);
    while (len != 0) {
        if (!read_some(fd, piece, READ_BYTES, &len, path, err)) {
            return false;
        }
        buf_add(out, piece, len);
        if (out->overflow) {
            return err_set(err, ERR_IO, "could not read '%s': it is too long", path);
        }
    }
    return true;
}

bool vault_hash_fd(int fd, const char *shown, struct manifest_file *ret, struct err *err)
{
    AUTO(sha256_free) struct sha256 *sha = sha256_new();
    AUTO_FREE char *piece = xcalloc(READ_BYTES, 1);
    uint8_t hash[SHA256_BYTES];
    uint64_t bytes = 0;
    size_t len = 1;
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return err_set_errno(err, ERR_IO, errno, /* GCOVR_EXCL_LINE: a file can be rewound */
                             "could not read '%s'", shown);
    }
    while (len != 0) {
        if (!read_some(fd, piece, READ_BYTES, &len, shown, err)) {
            return false;
        }
        sha256_add(sha, piece, len);
        bytes += len;
    }
    sha256_end(sha, hash);
    ret->bytes = bytes;
    num_hex(hash, SHA256_BYTES, ret->sha256);
    return true;
}

static bool decompress(str bytes, const char *path, struct buf *out, struct err *err)
{
    ZSTD_DCtx *dctx = ZSTD_createDCtx();
    AUTO_FREE char *piece = xcalloc(READ_BYTES, 1);
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    size_t left = 1;
    bool stuck = false;
    while (left != 0 && ZSTD_isError(left) == 0 && !stuck && !out->overflow) {
        ZSTD_outBuffer to = {piece, READ_BYTES, 0};
        left = ZSTD_decompressStream(dctx, &to, &in);
        stuck = left != 0 && to.pos == 0 && in.pos == in.size; /* the frame is cut off */
        buf_add(out, piece, to.pos);
    }
    (void)ZSTD_freeDCtx(dctx); /* always 0 */
    if (out->overflow) {
        return err_set(err, ERR_IO, "could not read '%s': it is too long", path);
    }
    return (left == 0 && in.pos == in.size) ||
           err_set(err, ERR_IO, "could not read '%s': its compression is damaged", path);
}

bool backup_read(struct backup *backup, const char *path, struct buf *out, struct err *err)
{
    AUTO_BUF struct buf stored_path = {0};
    AUTO_BUF struct buf stored = {0};
    if (!manifest_path_ok(str_of(path))) {
        return err_set(err, ERR_BACKUP, "could not read the backup: '%s' is not a path in it",
                       path);
    }
    if (vault_read(backup->dir_fd, path, out, err)) {
        return true;
    }
    buf_printf(&stored_path, "%s.zst", path);
    struct err second = {0};
    if (err != NULL && err->os_errno != ENOENT) {
        return backup_failed(err, "read");
    }
    if (!vault_read(backup->dir_fd, buf_z(&stored_path), &stored, &second)) {
        return backup_failed(err, "read");
    }
    if (err != NULL) {
        *err = (struct err){0};
    }
    return decompress(buf_str(&stored), path, out, err) || backup_failed(err, "read");
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

static bool read_back(const struct backup *backup, const struct manifest_file *file,
                      struct err *err)
{
    struct manifest_file is;
    AUTO_CLOSE int fd = -1;
    if (!vault_open_file(backup->dir_fd, file->path, &fd, err)) {
        return false;
    }
    /* Advice that a kernel or file system may ignore; then the cache is what is read. */
    (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    if (!vault_hash_fd(fd, file->path, &is, err)) {
        return false;
    }
    return (is.bytes == file->bytes && strcmp(is.sha256, file->sha256) == 0) ||
           err_set(err, ERR_BACKUP, "'%s' does not read back as it was written", file->path);
}

static bool read_all_back(const struct backup *backup, struct err *err)
{
    for (size_t i = 0; i < backup->files.count; i++) {
        if (!read_back(backup, &backup->files.files[i], err)) {
            return false;
        }
    }
    return true;
}

static bool write_manifest(struct backup *backup, struct err *err)
{
    AUTO_BUF struct buf text = {.max = MANIFEST_MAX_BYTES};
    AUTO_BUF struct buf again = {.max = MANIFEST_MAX_BYTES};
    manifest_render(&text, &backup->files);
    if (text.overflow) {
        return err_set(err, ERR_BACKUP, /* GCOVR_EXCL_LINE: takes a backup of 400,000 files */
                       "'%s' would be too long", MANIFEST_NAME);
    }
    AUTO_CLOSE int dir_fd = -1;
    if (!vault_open_below(backup->dir_fd, STR(STATE_DIR), false, &dir_fd, err) ||
        !fs_write_new(dir_fd, strrchr(MANIFEST_NAME, '/') + 1, buf_str(&text), false, err) ||
        !vault_sync(backup->vault, err) ||
        !vault_read(backup->dir_fd, MANIFEST_NAME, &again, err)) {
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
    return true;
}

/* --- after the seal ---------------------------------------------------------------------------- */

static bool open_logs(const struct backup *backup, int *ret_fd, struct err *err)
{
    if (mkdirat(backup->dir_fd, LOGS_DIR, 0700) != 0 && errno != EEXIST) {
        return disk_fail(err, errno, "create directory", LOGS_DIR);
    }
    return fs_open_dir(backup->dir_fd, LOGS_DIR, ret_fd, err);
}

/* Atomic, but not flushed: the journal is the truth, this is for people. Written in logs/ first: what a
 * process leaves there that dies in between is no file that the manifest should have listed. */
bool backup_state(struct backup *backup, str json, struct err *err)
{
    static const char temp[] = STATE_NAME ".tmp";
    AUTO_CLOSE int logs = -1;
    AUTO_CLOSE int metadata = -1;
    if (!open_logs(backup, &logs, err) ||
        !vault_open_below(backup->dir_fd, STR(STATE_DIR), false, &metadata, err)) {
        return backup_failed(err, "note the state of");
    }
    (void)unlinkat(logs, temp, 0); /* what a dead process left; if it stays, creating fails */
    if (!fs_write_new(logs, temp, json, false, err) ||
        !disk_move(logs, temp, metadata, STATE_NAME, STATE_NAME, err)) {
        (void)unlinkat(logs, temp, 0); /* the first error is the one told */
        return backup_failed(err, "note the state of");
    }
    return true;
}

bool backup_log(struct backup *backup, const char *name, str line, struct err *err)
{
    AUTO_CLOSE int logs = -1;
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
