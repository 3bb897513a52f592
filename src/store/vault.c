/* SPDX-License-Identifier: MIT */
/*
 * The directory of a backup is chosen under a lock together with writing its merge_state.json, so a
 * directory without one is what a process left that died in between: it is taken over. One with the
 * state of the same change is emptied and used again; any other is left alone and the next name tried.
 */
#include "store/vault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "store/disk.h"
#include "store/vault_impl.h"
#include "store/vault_key.h"

enum {
    NAME_MAX_BYTES = 200,
    CUT_BYTES = 9, /* '~' and 8 hex digits */
    SAME_NAME_MAX = 10000,
    DEFAULT_FLOOR = 64 * 1024 * 1024,
    MIB = 1024 * 1024,
    STATE_MAX_BYTES = 1024 * 1024,
    HELD_MAX = 4096, /* files that stay open from writing to reading back */
    FEW_FILES = 64,  /* what steward itself has open */
};

/* --- names ------------------------------------------------------------------------------------ */

static bool is_safe(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("._+@-", c) != NULL);
}

/* Appends one byte of a name; a leading dot would hide the file. */
static void add_safe(struct buf *out, char c)
{
    if (is_safe(c) && !(c == '.' && out->len == 0)) {
        buf_addc(out, c);
    } else {
        buf_printf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

char *vault_safe_name(struct arena *arena, str name, size_t max)
{
    AUTO_BUF struct buf safe = {0};
    size_t keep = 0; /* what may stay when it is cut: never half an escape */
    for (size_t i = 0; i < name.len && safe.len <= max; i++) {
        add_safe(&safe, name.ptr[i]);
        keep = safe.len + CUT_BYTES <= max ? safe.len : keep;
    }
    if (safe.len > max) {
        char hex[SHA256_HEX];
        sha256_hex_of(name.ptr, name.len, hex);
        safe.len = keep;
        buf_addc(&safe, '~');
        buf_add(&safe, hex, CUT_BYTES - 1);
    }
    return safe.len != 0 ? str_z(arena, buf_str(&safe)) : arena_strdup(arena, "_");
}

/* --- opening ----------------------------------------------------------------------------------- */

static bool open_relative(int workspace_fd, const char *path, bool make, int *ret_fd,
                          struct err *err)
{
    AUTO_CLOSE int fd = fcntl(workspace_fd, F_DUPFD_CLOEXEC, 0);
    AUTO_FREE char *copy = xstrdup(path);
    bool made = false;
    char *part = copy;
    while (part != NULL && *part != '\0') {
        char *slash = strchr(part, '/');
        if (slash != NULL) {
            *slash = '\0';
        }
        int next = -1;
        if (*part != '\0') {
            if (make && mkdirat(fd, part, 0700) == 0) {
                made = true;
            } else if (make && errno != EEXIST) {
                return disk_fail(err, errno, "create directory", path);
            }
            if (!fs_open_dir(fd, part, &next, err) || (made && !fs_fsync(fd, path, err))) {
                auto_close(&next);
                return false;
            }
            (void)close(fd); /* a directory opened for reading */
            fd = next;
        }
        part = slash != NULL ? slash + 1 : NULL;
    }
    *ret_fd = fd;
    fd = -1;
    return true;
}

static bool open_vault_dir(struct vault *vault, int workspace_fd, struct err *err)
{
    bool make = !vault->options.read_only;
    if (vault->path[0] != '/') {
        return open_relative(workspace_fd, vault->path, make, &vault->dir_fd, err);
    }
    /* Outside the workspace the way there is the operator's; only the last step must be no link. */
    return (!make || fs_mkdirs(AT_FDCWD, vault->path, err)) &&
           fs_open_dir(AT_FDCWD, vault->path, &vault->dir_fd, err);
}

/* A quarter of what the process may have open is for connections, logs and journal. */
static int held_max(void)
{
    struct rlimit limit;
    bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < HELD_MAX;
    return known ? (int)limit.rlim_cur / 4 * 3 - FEW_FILES : HELD_MAX;
}

/* Backups have nothing to do with one another. Told so, ext4 looks for room all over the disk and does not
 * search one group of inodes for all of them: several times less work where many files were removed
 * lately. Advice: other file systems do not know it. */
static void spread_backups(int dir_fd)
{
    int flags = 0;
    if (ioctl(dir_fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_TOPDIR_FL) == 0) {
        flags |= FS_TOPDIR_FL;
        (void)ioctl(dir_fd, FS_IOC_SETFLAGS, &flags); /* advice */
    }
}

static bool open_directory(struct vault *vault, int workspace_fd, struct err *err)
{
    if (!open_vault_dir(vault, workspace_fd, err)) {
        bool missing = err != NULL && vault->options.read_only && err->os_errno == ENOENT;
        (void)err_wrap(err, "could not use the backup directory");
        if (missing) {
            err->kind = ERR_NOT_FOUND;
            return err_hint(err, "Nothing was backed up yet, or BACKUP_DIR names another place.");
        }
        return err_hint(err, "Give a directory that you may write to with --backup-dir.");
    }
    if (!vault->options.read_only && faccessat(vault->dir_fd, ".", W_OK | X_OK, AT_EACCESS) != 0) {
        (void)err_set_errno(err, ERR_IO, errno, "could not use the backup directory '%s'",
                            vault->path);
        return err_hint(err, "Give a directory that you may write to with --backup-dir.");
    }
    if (!vault->options.read_only) {
        spread_backups(vault->dir_fd);
    }
    return true;
}

struct vault *vault_open(int workspace_fd, const char *path, const struct vault_options *options,
                         struct err *err)
{
    AUTO(vault_close) struct vault *vault = xnew(struct vault);
    pthread_mutex_init(&vault->naming, NULL);
    pthread_mutex_init(&vault->sync_lock, NULL);
    pthread_cond_init(&vault->synced, NULL);
    vault->path = xstrdup(path);
    vault->dir_fd = -1;
    vault->options = *options;
    vault->held_max = held_max();
    size_t len = strlen(vault->path);
    while (len > 1 && vault->path[len - 1] == '/') {
        vault->path[--len] = '\0';
    }
    bool ok = open_directory(vault, workspace_fd, err) &&
              vault_key_load(workspace_fd, vault->dir_fd, options, &vault->key, vault->wanted, err);
    vault->options.passphrase = NULL; /* the caller's, and no longer needed */
    ok = ok && (options->read_only || vault_check_key(vault, err));
    return ok ? STEAL(vault) : NULL;
}

bool vault_check_key(const struct vault *vault, struct err *err)
{
    if (vault->wanted[0] == '\0' || strcmp(vault_key_id(vault), vault->wanted) == 0) {
        return true;
    }
    if (vault->key == NULL) {
        (void)err_set(err, ERR_CONFIG,
                      "could not open the backups: they are encrypted with key %s, and no key is "
                      "given",
                      vault->wanted);
        return err_hint(err, "Set BACKUP_KEY_FILE or BACKUP_PASSPHRASE, or another BACKUP_DIR.");
    }
    (void)err_set(err, ERR_CONFIG,
                  "could not open the backups: they are encrypted with key %s, the key given is %s",
                  vault->wanted, vault_key_id(vault));
    return err_hint(err,
                    "Give the key or passphrase they were made with, or another BACKUP_DIR for "
                    "new ones.");
}

const char *vault_key_id(const struct vault *vault)
{
    return vault->key != NULL ? seal_key_id(vault->key) : "";
}

int vault_dir_fd(const struct vault *vault)
{
    return vault->dir_fd;
}

void vault_close(struct vault *vault)
{
    if (vault == NULL) {
        return;
    }
    auto_close(&vault->dir_fd);
    seal_key_free(vault->key);
    pthread_cond_destroy(&vault->synced);
    pthread_mutex_destroy(&vault->sync_lock);
    pthread_mutex_destroy(&vault->naming);
    free(vault->path);
    free(vault);
}

/* --- beginning a backup ------------------------------------------------------------------------- */

bool backup_failed(struct err *err, const char *what)
{
    if (err != NULL) {
        int os = err->os_errno;
        err->kind = ERR_BACKUP;
        err->fatal = err->fatal || os == ENOSPC || os == EDQUOT || os == EROFS;
    }
    return err_wrap(err, "could not %s the backup", what);
}

struct backup *backup_of(struct vault *vault, const char *name, int dir_fd)
{
    struct backup *backup = xnew(struct backup);
    size_t size = strlen(vault->path) + strlen(name) + 2;
    backup->vault = vault;
    backup->path = xcalloc(size, 1);
    const char *slash = strcmp(vault->path, "/") == 0 ? "" : "/";
    (void)snprintf(backup->path, size, "%s%s%s", vault->path, slash, name);
    backup->dir_fd = dir_fd;
    backup->fd = -1;
    backup->logs_fd = -1;
    backup->sha = sha256_new();
    return backup;
}

static bool check_space(const struct vault *vault, uint64_t expected, struct err *err)
{
    uint64_t room;
    uint64_t floor_bytes = vault->options.free_floor_bytes;
    if (!fs_free_bytes(vault->dir_fd, &room, err)) {
        /* GCOVR_EXCL_START: statvfs of an open directory works */
        return backup_failed(err, "begin");
        /* GCOVR_EXCL_STOP */
    }
    floor_bytes = floor_bytes != 0 ? floor_bytes : DEFAULT_FLOOR;
    uint64_t need = floor_bytes > UINT64_MAX - expected ? UINT64_MAX : floor_bytes + expected;
    if (room >= need) {
        return true;
    }
    (void)err_set(err, ERR_BACKUP,
                  "could not begin the backup: %llu MiB are free, %llu MiB are needed",
                  (unsigned long long)(room / MIB), (unsigned long long)(need / MIB));
    (void)err_hint(err, "Free some disk space, then go on with `steward resume`.");
    if (err != NULL) {
        err->fatal = true;
    }
    return false;
}

/* Calls each(ctx, fd, name) for what lies in the directory, until it returns false. */
static bool for_each_name(int dir_fd,
                          bool (*each)(void *ctx, int fd, const char *name, struct err *err),
                          void *ctx, struct err *err)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        int saved = errno;
        auto_close(&copy);
        return err_set_errno(err, ERR_IO, saved, "could not read its directory");
    }
    bool ok = true;
    const struct dirent *entry;
    while (ok && (entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): own DIR */
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            ok = each(ctx, dir_fd, entry->d_name, err);
        }
    }
    (void)closedir(dir); /* a directory opened for reading */
    return ok;
}

/* ctx: a name to leave, or NULL */
static bool remove_one(void *ctx, int fd, const char *name, struct err *err)
{
    return (ctx != NULL && strcmp(ctx, name) == 0) || fs_remove_tree(fd, name, err);
}

/* What says whose the directory is goes last, so that a process that dies while it empties leaves a
 * directory that is still its change's or is_abandoned(). */
static bool empty_directory(int dir_fd, struct err *err)
{
    char metadata_name[] = STATE_DIR;
    char state_name[] = STATE_NAME;
    AUTO_CLOSE int metadata = -1;
    if (!for_each_name(dir_fd, remove_one, metadata_name, err)) {
        return false;
    }
    if (!fs_exists(dir_fd, STATE_DIR)) {
        return true;
    }
    return fs_open_dir(dir_fd, STATE_DIR, &metadata, err) &&
           for_each_name(metadata, remove_one, state_name, err) &&
           for_each_name(metadata, remove_one, NULL, err);
}

/* ctx: set to true where something else is there than what a process leaves that dies while it begins:
 * metadata/ with nothing in it, or with an empty state. */
static bool note_other(void *ctx, int fd UNUSED, const char *name, struct err *err UNUSED)
{
    bool *other = ctx;
    *other = *other || strcmp(name, STATE_DIR) != 0;
    return true;
}

static bool note_written(void *ctx, int fd, const char *name, struct err *err UNUSED)
{
    bool *other = ctx;
    struct stat st;
    bool empty_state = strcmp(name, STATE_NAME) == 0 &&
                       fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size == 0;
    *other = *other || !empty_state;
    return true;
}

static bool is_abandoned(int dir_fd)
{
    struct err err = {0};
    bool other = false;
    AUTO_CLOSE int metadata = -1;
    if (!for_each_name(dir_fd, note_other, &other, &err) || other) {
        return false;
    }
    if (!fs_open_dir(dir_fd, STATE_DIR, &metadata, &err)) {
        return err.os_errno == ENOENT;
    }
    return for_each_name(metadata, note_written, &other, &err) && !other;
}

static bool is_of_change(int dir_fd, const char *change_id)
{
    struct err err = {0};
    AUTO_BUF struct buf text = {.max = STATE_MAX_BYTES};
    if (!vault_read(dir_fd, STATE_PATH, &text, &err) || text.len == 0) {
        return false;
    }
    json_t *state = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    const char *id = json_string_value(json_object_get(state, "change"));
    bool same = id != NULL && strcmp(id, change_id) == 0;
    json_decref(state);
    return same;
}

/* Makes or takes over the directory `name`. *ret_fd -1: it belongs to another change. */
static bool take_directory(const struct vault *vault, const char *name, const char *change_id,
                           int *ret_fd, struct err *err)
{
    bool made = mkdirat(vault->dir_fd, name, 0700) == 0;
    *ret_fd = -1;
    if (!made && errno != EEXIST) {
        (void)err_set_errno(err, ERR_IO, errno, "could not create its directory");
        return disk_hint(err);
    }
    AUTO_CLOSE int fd =
        openat(vault->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR)) {
        return true; /* a file or a link: somebody else's */
    }
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not open its directory");
    }
    if (!made && !is_of_change(fd, change_id) && !is_abandoned(fd)) {
        return true;
    }
    if (!made && !empty_directory(fd, err)) {
        return false;
    }
    *ret_fd = fd;
    fd = -1;
    return true;
}

static bool write_first_state(struct backup *backup, const char *change_id, struct err *err)
{
    AUTO_BUF struct buf state = {0};
    AUTO_CLOSE int metadata = -1;
    buf_addz(&state, "{\"change\":");
    buf_add_json(&state, str_of(change_id));
    buf_addz(&state, ",\"state\":\"capturing\"}\n");
    return vault_make_dir(backup->dir_fd, STATE_DIR, STR(STATE_DIR), &metadata, err) &&
           fs_write_new(metadata, STATE_NAME, buf_str(&state), false, err);
}

/* With the naming lock held. */
static struct backup *choose_directory(struct vault *vault, const char *base, const char *change_id,
                                       struct err *err)
{
    char name[NAME_MAX_BYTES + 48];
    for (int n = 1; n <= SAME_NAME_MAX; n++) {
        int fd;
        (void)snprintf(name, sizeof(name), n == 1 ? "%s" : "%s-%d", base, n);
        if (!take_directory(vault, name, change_id, &fd, err)) {
            return NULL;
        }
        if (fd < 0) {
            continue;
        }
        AUTO(backup_free) struct backup *backup = backup_of(vault, name, fd);
        return write_first_state(backup, change_id, err) ? STEAL(backup) : NULL;
    }
    (void)err_set(err, ERR_IO, "%d backups have the same name", SAME_NAME_MAX);
    return NULL;
}

struct backup *vault_begin(struct vault *vault, str name, const char *stamp, const char *change_id,
                           uint64_t expected_bytes, struct err *err)
{
    if (vault->options.read_only) {
        (void)err_set(err, ERR_INTERNAL, "could not begin the backup: the vault is read-only");
        return NULL;
    }
    if (!check_space(vault, expected_bytes, err)) {
        return NULL;
    }
    struct arena arena = {0};
    const char *safe = vault_safe_name(&arena, name, NAME_MAX_BYTES);
    const char *base = arena_printf(&arena, "%s_%.24s", safe, stamp);
    pthread_mutex_lock(&vault->naming);
    struct backup *backup = choose_directory(vault, base, change_id, err);
    pthread_mutex_unlock(&vault->naming);
    arena_done(&arena);
    if (backup == NULL) {
        (void)backup_failed(err, "begin");
    } else if (vault->key != NULL) {
        backup->seal = seal_new(vault->key);
        backup->stream = seal_stream_new();
    }
    return backup;
}

struct backup *vault_reopen(struct vault *vault, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    int fd = -1;
    if (manifest_path_ok(str_of(name))) {
        fd = openat(vault->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    } else {
        errno = EINVAL;
    }
    if (fd < 0) {
        (void)err_set_errno(err, ERR_BACKUP, errno, "could not open the backup");
        (void)err_hint(err, "Was the backup moved or pruned? --backup-dir says where backups lie.");
        return NULL;
    }
    AUTO(backup_free) struct backup *backup = backup_of(vault, name, fd);
    if (!fs_exists(fd, MANIFEST_NAME)) {
        (void)err_set(err, ERR_BACKUP, "could not open the backup: it was never sealed");
        return NULL;
    }
    backup->sealed = true;
    return STEAL(backup);
}

void backup_free(struct backup *backup)
{
    if (backup == NULL) {
        return;
    }
    /* An unfinished file belongs to an unsealed backup, which counts for nothing. */
    auto_close(&backup->fd);
    auto_close(&backup->logs_fd);
    auto_close(&backup->dir_fd);
    while (backup->depth > 0) {
        backup->depth--;
        auto_close(&backup->steps[backup->depth].fd);
        free(backup->steps[backup->depth].name);
    }
    for (size_t i = 0; backup->held != NULL && i < backup->files.count; i++) {
        backup_drop_held(backup, i);
        free(backup->files.files[i].path);
    }
    if (backup->held != NULL) {
        free(backup->files.files);
    }
    free(backup->held);
    arena_done(&backup->arena);
    free(backup->shown);
    free(backup->stored);
    sha256_free(backup->sha);
    sha256_free(backup->stored_sha);
    (void)ZSTD_freeCCtx(backup->zstd); /* NULL is fine */
    free(backup->zstd_out);
    seal_free(backup->seal);
    seal_stream_free(backup->stream);
    buf_done(&backup->sealed_bytes);
    free(backup->scratch);
    free(backup->path);
    free(backup);
}

const char *backup_path(const struct backup *backup)
{
    return backup->path;
}
