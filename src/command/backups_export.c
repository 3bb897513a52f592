/* SPDX-License-Identifier: MIT */
/*
 * steward backups export ID --output PATH: a plain copy, decrypted and decompressed, as a directory or a
 * tar archive. It has a verification.json of its own, over the plain files, so that it can be checked
 * wherever it goes. Nothing is ever overwritten; what was begun and failed is removed.
 */
#include "command/backups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/num.h"
#include "command/backups_tar.h"

#define LIST_NAME "metadata/verification.json"
#define STATE_NAME "metadata/merge_state.json"

struct export
{
    struct backup *backup;
    const struct catalogue_entry *entry;
    bool tar;
    int fd;      /* of the directory, or the archive */
    int file_fd; /* of the file that is written into the directory */
    struct arena arena;
    struct manifest plain; /* what was written, and has to be listed */
    uint64_t files;
    uint64_t bytes;
    struct sha256 *sha;
    uint64_t file_bytes;
};

/* --- one file ------------------------------------------------------------------------------------- */

static bool count_piece(void *ctx, str bytes, struct err *err)
{
    uint64_t *total = ctx;
    (void)err;
    *total += bytes.len;
    return true;
}

static bool write_piece(void *ctx, str bytes, struct err *err)
{
    struct export *export = ctx;
    export->file_bytes += bytes.len;
    sha256_add(export->sha, bytes.ptr, bytes.len);
    return fs_write_all(export->tar ? export->fd : export->file_fd, bytes, "the export", err);
}

static bool write_header(struct export *export, const char *path, uint64_t bytes, struct err *err)
{
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf name = {0};
    buf_printf(&name, "%s/%s", export->entry->name, path);
    tar_add_header(&out, buf_z(&name), bytes, export->entry->at_ms / 1000);
    return fs_write_all(export->fd, buf_str(&out), "the export", err);
}

static bool begin_file(struct export *export, const char *path, uint64_t bytes, struct err *err)
{
    export->file_bytes = 0;
    if (export->tar) {
        return write_header(export, path, bytes, err);
    }
    AUTO_FREE char *parent = xstrdup(path);
    char *slash = strrchr(parent, '/');
    if (slash != NULL) {
        *slash = '\0';
        if (!fs_mkdirs(export->fd, parent, err)) {
            return false;
        }
    }
    export->file_fd =
        openat(export->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return export->file_fd >= 0 || err_set_errno(err, ERR_IO, errno, "could not create '%s'", path);
}

static bool end_file(struct export *export, const char *path, struct err *err)
{
    AUTO_BUF struct buf out = {0};
    export->files++;
    export->bytes += export->file_bytes;
    if (export->tar) {
        tar_add_padding(&out, export->file_bytes);
        return fs_write_all(export->fd, buf_str(&out), "the export", err);
    }
    int fd = export->file_fd;
    export->file_fd = -1;
    return close(fd) == 0 || err_set_errno(err, ERR_IO, errno, "could not close '%s'", path);
}

static bool copy_file(struct export *export, const char *path, bool listed, struct err *err)
{
    uint8_t hash[SHA256_BYTES];
    uint64_t bytes = 0;
    if (export->tar && !backup_copy(export->backup, path, count_piece, &bytes, err)) {
        return false;
    }
    if (!begin_file(export, path, bytes, err) ||
        !backup_copy(export->backup, path, write_piece, export, err)) {
        return false;
    }
    sha256_end(export->sha, hash);
    if (export->tar && bytes != export->file_bytes) {
        return err_set(err, ERR_BACKUP, "could not export '%s': it changed meanwhile", path);
    }
    if (listed) {
        struct manifest_file *file = &export->plain.files[export->plain.count++];
        file->path = arena_strdup(&export->arena, path);
        file->bytes = export->file_bytes;
        num_hex(hash, SHA256_BYTES, file->sha256);
    }
    return end_file(export, path, err);
}

static bool add_text(struct export *export, const char *path, str text, struct err *err)
{
    uint8_t hash[SHA256_BYTES];
    bool ok = begin_file(export, path, text.len, err) && write_piece(export, text, err) &&
              end_file(export, path, err);
    sha256_end(export->sha, hash);
    return ok;
}

/* --- the whole ------------------------------------------------------------------------------------ */

static bool copy_logs(struct export *export, int vault_fd, struct err *err)
{
    const char *way = arena_printf(&export->arena, "%s/logs", export->entry->name);
    int fd = openat(vault_fd, way, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool ok = true;
    if (dir == NULL) {
        auto_close(&fd);
        return true; /* none were written */
    }
    const struct dirent *found;
    while (ok && (found = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): own DIR */
        if (str_ends(str_of(found->d_name), STR(".log"))) {
            ok = copy_file(export, arena_printf(&export->arena, "logs/%s", found->d_name), false,
                           err);
        }
    }
    (void)closedir(dir); /* a directory opened for reading */
    return ok;
}

static bool copy_all(struct export *export, int vault_fd, struct err *err)
{
    const struct manifest *list = backup_manifest(export->backup, err);
    AUTO_BUF struct buf text = {.max = MANIFEST_MAX_BYTES};
    if (list == NULL) {
        return false;
    }
    export->plain.files = arena_array(&export->arena, list->count, sizeof(struct manifest_file));
    for (size_t i = 0; i < list->count; i++) {
        if (!copy_file(export, backup_plain_path(&export->arena, list, list->files[i].path), true,
                       err)) {
            return false;
        }
    }
    manifest_render(&text, &export->plain);
    return copy_file(export, STATE_NAME, false, err) && copy_logs(export, vault_fd, err) &&
           add_text(export, LIST_NAME, buf_str(&text), err);
}

static bool create(struct export *export, const char *output, struct err *err)
{
    if (export->tar) {
        export->fd =
            open(output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, (mode_t)0600);
    } else if (mkdir(output, 0700) == 0) {
        export->fd = open(output, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (export->fd >= 0) {
        return true;
    }
    (void)err_set_errno(err, ERR_IO, errno, "could not create '%s'", output);
    if (err->os_errno == EEXIST) {
        (void)err_hint(err, "An export never writes over what is there: give another name.");
    }
    return false;
}

static bool finish(struct export *export, struct err *err)
{
    AUTO_BUF struct buf end = {0};
    if (!export->tar) {
        return true;
    }
    tar_add_end(&end);
    if (!fs_write_all(export->fd, buf_str(&end), "the export", err) ||
        !fs_fsync(export->fd, "the export", err)) {
        return false;
    }
    int fd = export->fd;
    export->fd = -1;
    return close(fd) == 0 || err_set_errno(err, ERR_IO, errno, "could not close the export");
}

static bool run_export(struct export *export, int vault_fd, const char *output, struct err *err)
{
    struct err second = {0};
    if (!create(export, output, err)) {
        return false;
    }
    bool ok = copy_all(export, vault_fd, err) && finish(export, err);
    auto_close(&export->file_fd);
    auto_close(&export->fd);
    if (!ok && !fs_remove_tree(AT_FDCWD, output, &second)) {
        (void)err_hint(err, "A part of it may be left in '%s'.", output);
    }
    return ok;
}

static void tell(const struct backups *backups, const struct export *export, const char *output)
{
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf size = {0};
    if (backups->cli->json) {
        buf_addz(&out, "{\"change\":");
        buf_add_json(&out, str_of(export->entry->change));
        buf_addz(&out, ",\"output\":");
        buf_add_json(&out, str_of(output));
        buf_printf(&out, ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", export->files,
                   export->bytes);
        (void)fputs(buf_z(&out), stdout);
        return;
    }
    backups_bytes(export->bytes, &size);
    (void)printf("%" PRIu64 " files (%s) in %s\n", export->files, buf_z(&size), output);
}

bool backups_export(struct backups *backups, struct err *err)
{
    const char *output = cli_get(backups->cli, "output");
    if (output == NULL || output[0] == '\0') {
        return err_set(err, ERR_USAGE,
                       "could not run 'steward backups export': --output is missing");
    }
    const struct catalogue_entry *entry = backups_find(backups, str_of(backups->cli->args[1]), err);
    if (entry == NULL) {
        return false;
    }
    AUTO(backup_free) struct backup *backup = vault_reopen(backups->vault, entry->name, err);
    if (backup == NULL) {
        return false;
    }
    struct export export = {.backup = backup,
                            .entry = entry,
                            .tar = str_ends(str_of(output), STR(".tar")),
                            .fd = -1,
                            .file_fd = -1,
                            .sha = sha256_new()};
    bool ok = run_export(&export, vault_dir_fd(backups->vault), output, err);
    if (ok) {
        tell(backups, &export, output);
    }
    sha256_free(export.sha);
    arena_done(&export.arena);
    return ok;
}
