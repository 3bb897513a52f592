/* SPDX-License-Identifier: MIT */
/*
 * Opening and reading below a directory, and reading files of a backup. The way to a file is one
 * openat2(2) that follows no link; where the kernel or a filter of system calls does not know it, or it
 * fails, the way is gone step by step, which also finds out what is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fs.h"
#include "base/num.h"
#include "store/disk.h"
#include "store/vault_impl.h"

enum { NAME_ROOM = 256 /* NAME_MAX and its end */ };

/* --- the way ----------------------------------------------------------------------------------- */

bool vault_make_dir(int fd, const char *name, str way, int *ret_fd, struct err *err)
{
    if (mkdirat(fd, name, 0700) != 0 && errno != EEXIST) {
        (void)err_set_errno(err, ERR_IO, errno, "could not create directory '%" STR_FMT "'",
                            STR_ARG(way));
        return disk_hint(err);
    }
    return fs_open_dir(fd, name, ret_fd, err);
}

/* The directory of `path`, step by step; *ret_name is what comes after it. */
static bool open_parent(int root, const char *path, int *ret_fd, const char **ret_name,
                        struct err *err)
{
    char part[NAME_ROOM];
    AUTO_CLOSE int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not open a directory");
    }
    const char *slash;
    while ((slash = strchr(path, '/')) != NULL) {
        int next = -1;
        if ((size_t)(slash - path) >= sizeof(part)) {
            return err_set_errno(err, ERR_IO, ENAMETOOLONG, "could not open directory '%s'", path);
        }
        memcpy(part, path, (size_t)(slash - path));
        part[slash - path] = '\0';
        if (!fs_open_dir(fd, part, &next, err)) {
            return false;
        }
        (void)close(fd); /* a directory opened for reading */
        fd = next;
        path = slash + 1;
    }
    *ret_name = path;
    *ret_fd = fd;
    fd = -1;
    return true;
}

static int open_at_once(int root, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)flags,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

bool vault_open_file(int root, const char *path, int flags, int *ret_fd, struct err *err)
{
    const char *name;
    struct stat st;
    flags |= O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    AUTO_CLOSE int fd = open_at_once(root, path, flags);
    if (fd < 0) {
        AUTO_CLOSE int dir_fd = -1;
        if (!open_parent(root, path, &dir_fd, &name, err)) {
            return false;
        }
        fd = openat(dir_fd, name, flags);
    }
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

/* --- bytes ------------------------------------------------------------------------------------- */

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
    if (!vault_open_file(root, path, O_RDONLY, &fd, err)) {
        return false;
    }
    size_t len = 1;
    AUTO_FREE char *piece = xrealloc(NULL, VAULT_READ_BYTES, 1);
    while (len != 0) {
        if (!read_some(fd, piece, VAULT_READ_BYTES, &len, path, err)) {
            return false;
        }
        buf_add(out, piece, len);
        if (out->overflow) {
            return err_set(err, ERR_IO, "could not read '%s': it is too long", path);
        }
    }
    return true;
}

bool vault_hash_fd(int fd, const char *shown, char *scratch, struct sha256 *sha,
                   struct manifest_file *ret, struct err *err)
{
    uint8_t hash[SHA256_BYTES];
    uint64_t bytes = 0;
    size_t len = 1;
    while (len != 0) {
        if (!read_some(fd, scratch, VAULT_READ_BYTES, &len, shown, err)) {
            sha256_end(sha, hash); /* GCOVR_EXCL_LINE: ready for the next file */
            return false;          /* GCOVR_EXCL_LINE */
        }
        sha256_add(sha, scratch, len);
        bytes += len;
    }
    sha256_end(sha, hash);
    ret->bytes = bytes;
    num_hex(hash, SHA256_BYTES, ret->sha256);
    return true;
}

char *backup_scratch(struct backup *backup)
{
    if (backup->scratch == NULL) {
        backup->scratch = xrealloc(NULL, VAULT_READ_BYTES, 1);
    }
    return backup->scratch;
}

/* --- the list ---------------------------------------------------------------------------------- */

const struct manifest *backup_manifest(struct backup *backup, struct err *err)
{
    if (backup->listed) {
        return &backup->files;
    }
    AUTO_BUF struct buf text = {.max = MANIFEST_MAX_BYTES};
    if (!vault_read(backup->dir_fd, MANIFEST_NAME, &text, err)) {
        return NULL;
    }
    if (!manifest_parse(&backup->arena, buf_str(&text), &backup->files)) {
        (void)err_set(err, ERR_CORRUPT, "'%s' is damaged", MANIFEST_NAME);
        (void)err_hint(err, "Its files may be sound, but nothing says so any more.");
        return NULL;
    }
    backup->listed = true;
    return &backup->files;
}

bool backup_unlock(struct backup *backup, struct err *err)
{
    const struct manifest *files = &backup->files;
    const struct seal_key *key = backup->vault->key;
    if (files->key[0] == '\0' || backup->seal != NULL) {
        return true;
    }
    if (key == NULL || strcmp(seal_key_id(key), files->key) != 0) {
        (void)err_set(err, ERR_BACKUP, "it is encrypted with key %s, and %s%s", files->key,
                      key != NULL ? "the key given is " : "no key is given",
                      key != NULL ? seal_key_id(key) : "");
        return err_hint(err, "Set BACKUP_KEY_FILE or BACKUP_PASSPHRASE to what it was made with.");
    }
    backup->seal = seal_open(key, files->wrapped);
    if (backup->seal == NULL) {
        return err_set(err, ERR_BACKUP, "its key in '%s' has changed", MANIFEST_NAME);
    }
    AUTO_BUF struct buf text = {.max = MANIFEST_MAX_BYTES};
    manifest_authentic(&text, &backup->files);
    if (!seal_mac_is(backup->seal, buf_str(&text), files->mac)) {
        seal_free(STEAL(backup->seal));
        return err_set(err, ERR_BACKUP, "'%s' is not as it was sealed", MANIFEST_NAME);
    }
    return true;
}

/* --- files of a backup --------------------------------------------------------------------------- */

struct copying {
    const char *path;
    bool (*piece)(void *ctx, str bytes, struct err *err);
    void *ctx;
    bool refused;               /* `piece` failed */
    struct seal_stream *stream; /* NULL: not encrypted */
    struct buf open;            /* decrypted */
    ZSTD_DCtx *zstd;            /* NULL: not compressed */
    char *out;
    size_t left; /* 0: the frame is complete */
};

static bool damaged(const struct copying *copying, const char *what, struct err *err)
{
    return err_set(err, ERR_IO, "could not read '%s': its %s is damaged", copying->path, what);
}

static bool give(struct copying *copying, str bytes, struct err *err)
{
    copying->refused = bytes.len != 0 && !copying->piece(copying->ctx, bytes, err);
    return !copying->refused;
}

static bool decompress(struct copying *copying, str bytes, struct err *err)
{
    ZSTD_inBuffer in = {bytes.ptr, bytes.len, 0};
    bool more = true; /* the output was full: there may be more of it */
    while (in.pos < in.size || more) {
        ZSTD_outBuffer to = {copying->out, VAULT_READ_BYTES, 0};
        if (copying->left == 0) {
            return in.pos == in.size || damaged(copying, "compression", err);
        }
        copying->left = ZSTD_decompressStream(copying->zstd, &to, &in);
        if (ZSTD_isError(copying->left) != 0) {
            return damaged(copying, "compression", err);
        }
        more = to.pos == VAULT_READ_BYTES;
        if (!give(copying, (str){copying->out, to.pos}, err)) {
            return false;
        }
    }
    return true;
}

static bool take_open(struct copying *copying, str bytes, struct err *err)
{
    return copying->zstd != NULL ? decompress(copying, bytes, err) : give(copying, bytes, err);
}

static bool take_stored(struct copying *copying, str bytes, bool last, struct err *err)
{
    if (copying->stream == NULL) {
        return take_open(copying, bytes, err);
    }
    buf_clear(&copying->open);
    bool authentic = last ? seal_read_end(copying->stream, &copying->open)
                          : seal_read(copying->stream, bytes, &copying->open);
    return authentic ? take_open(copying, buf_str(&copying->open), err)
                     : damaged(copying, "encryption", err);
}

static bool copy_fd(struct backup *backup, int fd, struct copying *copying, struct err *err)
{
    char *scratch = backup_scratch(backup);
    size_t len = 1;
    while (len != 0) {
        if (!read_some(fd, scratch, VAULT_READ_BYTES, &len, copying->path, err) ||
            !take_stored(copying, (str){scratch, len}, len == 0, err)) {
            return false;
        }
    }
    return copying->zstd == NULL || copying->left == 0 || damaged(copying, "compression", err);
}

static bool check_hash(struct backup *backup, int fd, const struct manifest_file *file,
                       const char *path, struct err *err)
{
    struct manifest_file is;
    if (!vault_hash_fd(fd, path, backup_scratch(backup), backup->sha, &is, err)) {
        return false;
    }
    if (is.bytes != file->bytes || strcmp(is.sha256, file->sha256) != 0) {
        return err_set(err, ERR_BACKUP, "'%s' has changed since it was sealed", path);
    }
    return lseek(fd, 0, SEEK_SET) == 0 ||
           err_set_errno(err, ERR_IO, errno, /* GCOVR_EXCL_LINE: a file can be rewound */
                         "could not read '%s'", path);
}

/* What never is encrypted, compressed or listed. */
static bool is_open_text(const char *path)
{
    return strcmp(path, STATE_PATH) == 0 || strcmp(path, MANIFEST_NAME) == 0 ||
           str_starts(str_of(path), STR(LOGS_DIR "/"));
}

/* Opens the stored file and proves that it is the one that was sealed. */
static bool open_stored(struct backup *backup, const char *path, bool compressed, int *ret_fd,
                        struct err *err)
{
    AUTO_BUF struct buf stored = {0};
    buf_printf(&stored, "%s%s", path, compressed ? ".zst" : "");
    if (!backup->sealed || is_open_text(path)) {
        return vault_open_file(backup->dir_fd, buf_z(&stored), O_RDONLY, ret_fd, err);
    }
    const struct manifest_file *file = manifest_find(&backup->files, buf_z(&stored));
    if (file == NULL) {
        return err_set_errno(err, ERR_IO, ENOENT, "could not open '%s'", path);
    }
    return vault_open_file(backup->dir_fd, buf_z(&stored), O_RDONLY, ret_fd, err) &&
           check_hash(backup, *ret_fd, file, path, err);
}

static bool copy(struct backup *backup, struct copying *copying, struct err *err)
{
    bool open_text = is_open_text(copying->path);
    if (backup->sealed && !open_text &&
        (backup_manifest(backup, err) == NULL || !backup_unlock(backup, err))) {
        return false;
    }
    bool compressed = !open_text && (backup->sealed ? manifest_compressed(&backup->files)
                                                    : backup->vault->options.compress);
    AUTO_BUF struct buf stored = {0};
    AUTO_CLOSE int fd = -1;
    if (!open_stored(backup, copying->path, compressed, &fd, err)) {
        return false;
    }
    AUTO(seal_stream_free) struct seal_stream *stream = NULL;
    AUTO_FREE char *out = NULL;
    if (backup->seal != NULL && !open_text) {
        stream = seal_stream_new();
        buf_printf(&stored, "%s%s", copying->path, compressed ? ".zst" : "");
        seal_read_begin(stream, backup->seal, buf_z(&stored));
    }
    if (compressed) {
        out = xrealloc(NULL, VAULT_READ_BYTES, 1);
        copying->zstd = ZSTD_createDCtx();
        copying->out = out;
        copying->left = 1;
    }
    copying->stream = stream;
    bool ok = copy_fd(backup, fd, copying, err);
    (void)ZSTD_freeDCtx(copying->zstd); /* NULL is fine; always 0 */
    buf_done(&copying->open);
    return ok;
}

bool backup_copy(struct backup *backup, const char *path,
                 bool (*piece)(void *ctx, str bytes, struct err *err), void *ctx, struct err *err)
{
    struct copying copying = {.path = path, .piece = piece, .ctx = ctx};
    if (!manifest_path_ok(str_of(path))) {
        return err_set(err, ERR_BACKUP, "could not read the backup: '%s' is not a path in it",
                       path);
    }
    return copy(backup, &copying, err) || (!copying.refused && backup_failed(err, "read"));
}

struct gathering {
    struct buf *out;
    const char *path;
};

static bool gather(void *ctx, str bytes, struct err *err)
{
    const struct gathering *gathering = ctx;
    buf_adds(gathering->out, bytes);
    if (gathering->out->overflow) {
        (void)err_set(err, ERR_IO, "could not read '%s': it is too long", gathering->path);
        return backup_failed(err, "read");
    }
    return true;
}

bool backup_read(struct backup *backup, const char *path, struct buf *out, struct err *err)
{
    struct gathering gathering = {out, path};
    return backup_copy(backup, path, gather, &gathering, err);
}

char *backup_plain_path(struct arena *arena, const struct manifest *files, const char *stored)
{
    str path = str_of(stored);
    path.len -= manifest_compressed(files) ? sizeof(".zst") - 1 : 0;
    return str_z(arena, path);
}
