/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "store/vault_impl.h"

struct verify {
    struct backup *backup;
    const struct manifest *manifest;
    void (*each)(void *ctx, const char *difference);
    void *ctx;
    bool ok;
};

static void PRINTF_LIKE(2, 3) differs(struct verify *verify, const char *fmt, ...)
{
    AUTO_BUF struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    verify->ok = false;
    if (verify->each != NULL) {
        verify->each(verify->ctx, buf_z(&text));
    }
}

static void check_file(struct verify *verify, const struct manifest_file *file)
{
    AUTO_CLOSE int fd = -1;
    struct err err = {0};
    struct manifest_file is;
    struct backup *backup = verify->backup;
    if (!vault_open_file(backup->dir_fd, file->path, O_RDONLY, &fd, &err)) {
        if (err.os_errno == ENOENT) {
            differs(verify, "'%s' is missing", file->path);
        } else {
            differs(verify, "%s", err.message);
        }
    } else if (!vault_hash_fd(fd, file->path, backup_scratch(backup), backup->sha, &is, &err)) {
        differs(verify, "%s", err.message); /* GCOVR_EXCL_LINE: only a broken disk */
    } else if (is.bytes != file->bytes) {
        differs(verify, "'%s' has %llu bytes, not %llu", file->path, (unsigned long long)is.bytes,
                (unsigned long long)file->bytes);
    } else if (strcmp(is.sha256, file->sha256) != 0) {
        differs(verify, "'%s' has changed: another SHA-256", file->path);
    }
}

/* What the manifest never lists. */
static bool is_ours(const char *path)
{
    return strcmp(path, MANIFEST_NAME) == 0 || strcmp(path, STATE_PATH) == 0 ||
           strcmp(path, LOGS_DIR) == 0;
}

static void look_for_more(struct verify *verify, int dir_fd, const char *prefix);

static void look_at(struct verify *verify, int dir_fd, const char *path, const struct dirent *entry)
{
    struct stat st;
    bool is_dir = entry->d_type == DT_DIR;
    if (is_ours(path)) {
        return;
    }
    if (entry->d_type == DT_UNKNOWN && /* GCOVR_EXCL_LINE: file systems that do not tell */
        fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        is_dir = S_ISDIR(st.st_mode); /* GCOVR_EXCL_LINE */
    }
    if (is_dir) {
        look_for_more(verify, dir_fd, path);
    } else if (manifest_find(verify->manifest, path) == NULL) {
        differs(verify, "'%s' is not in '%s'", path, MANIFEST_NAME);
    }
}

/* The directory `prefix` below the backup ("" itself); dir_fd is its parent's. */
static void look_for_more(struct verify *verify, int dir_fd, const char *prefix)
{
    const char *slash = strrchr(prefix, '/');
    const char *name = prefix[0] == '\0' ? "." : slash != NULL ? slash + 1 : prefix;
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        differs(verify, "could not read directory '%s': %s", prefix, err_errno_text(errno));
        auto_close(&fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): own DIR */
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        AUTO_BUF struct buf path = {0};
        buf_printf(&path, "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", entry->d_name);
        look_at(verify, fd, buf_z(&path), entry);
    }
    (void)closedir(dir); /* a directory opened for reading */
}

/* The list itself, where it can be told: with the key that it was made with. */
static void check_authentic(struct verify *verify)
{
    struct err err = {0};
    if (strcmp(verify->manifest->key, vault_key_id(verify->backup->vault)) == 0 &&
        !backup_unlock(verify->backup, &err)) {
        differs(verify, "%s", err.message);
    }
}

bool backup_verify(struct backup *backup, void (*each)(void *ctx, const char *difference),
                   void *ctx, bool *ret_ok, struct err *err)
{
    struct verify verify = {.backup = backup, .each = each, .ctx = ctx, .ok = true};
    struct err failure = {0};
    verify.manifest = backup_manifest(backup, &failure);
    if (verify.manifest == NULL) {
        enum err_kind kind = failure.kind == ERR_CORRUPT ? ERR_CORRUPT : ERR_BACKUP;
        (void)backup_failed(&failure, "verify");
        failure.kind = kind;
        if (err != NULL) {
            *err = failure;
        }
        return false;
    }
    check_authentic(&verify);
    for (size_t i = 0; i < verify.manifest->count; i++) {
        check_file(&verify, &verify.manifest->files[i]);
    }
    look_for_more(&verify, backup->dir_fd, "");
    *ret_ok = verify.ok;
    return true;
}

bool vault_verify(struct vault *vault, const char *path,
                  void (*each)(void *ctx, const char *difference), void *ctx, bool *ret_ok,
                  struct err *err)
{
    AUTO(backup_free) struct backup *backup = vault_reopen(vault, path, err);
    return backup != NULL && backup_verify(backup, each, ctx, ret_ok, err);
}
