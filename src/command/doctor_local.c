/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "command/doctor.h"
#include "store/catalogue.h"
#include "store/lock.h"

/* A ticket with its attachments takes about 1 MB (docs/merge.md); a thousand of them is a small run. */
static const uint64_t disk_low = UINT64_C(1) << 30;
static const uint64_t disk_full = UINT64_C(64) << 20; /* below it the vault refuses */

/* Secrets and personal data lie below: nobody else has business there. */
static void check_mode(struct checkup *checkup, int dirfd, const char *path, const char *shown,
                       mode_t wanted)
{
    struct stat st;
    if (fstatat(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) != 0) {
        return; /* it will be made with the right mode */
    }
    const char *name = arena_printf(&checkup->arena, "mode of %s", shown);
    unsigned mode = (unsigned)(st.st_mode & 07777);
    if (S_ISLNK(st.st_mode)) {
        checkup_add(checkup, name, FINDING_FAIL, "it is a symbolic link");
        checkup_fix(checkup, "Put the directory itself there.");
    } else if ((mode & 077) != 0) {
        checkup_add(checkup, name, FINDING_WARN, "%04o: others can read it", mode);
        checkup_fix(checkup, "chmod %o %s", (unsigned)wanted, shown);
    } else {
        checkup_add(checkup, name, FINDING_OK, "%04o", mode);
    }
}

static void check_modes(struct checkup *checkup, int workspace_fd, const char *workspace,
                        const struct settings *settings, const char *env_file)
{
    static const char *const below[] = {"logs", "reports", "plans"};
    check_mode(checkup, workspace_fd, ".", workspace, 0700);
    check_mode(checkup, workspace_fd, settings->backup_dir, settings->backup_dir, 0700);
    for (size_t i = 0; i < ARRAY_LEN(below); i++) {
        check_mode(checkup, workspace_fd, below[i], below[i], 0700);
    }
    check_mode(checkup, workspace_fd, "steward.db", "steward.db", 0600);
    check_mode(checkup, env_file != NULL ? AT_FDCWD : workspace_fd,
               env_file != NULL ? env_file : ".env", env_file != NULL ? env_file : ".env", 0600);
}

static void check_disk(struct checkup *checkup, int workspace_fd)
{
    uint64_t free_bytes;
    struct err err = {0};
    if (!fs_free_bytes(workspace_fd, &free_bytes, &err)) {
        checkup_add(checkup, "disk", FINDING_FAIL, "%s", err.message);
        checkup_fix(checkup, "Look at the disk that the workspace lies on.");
        return;
    }
    enum finding finding = free_bytes < disk_full  ? FINDING_FAIL
                           : free_bytes < disk_low ? FINDING_WARN
                                                   : FINDING_OK;
    checkup_add(checkup, "disk", finding,
                "%" PRIu64 " MB free, room for the backups of about as many tickets",
                free_bytes >> 20);
    if (finding != FINDING_OK) {
        checkup_fix(checkup, "Make room, or put backups elsewhere with BACKUP_DIR.");
    }
}

static struct vault_options backup_options(const struct settings *settings)
{
    return (struct vault_options){
        .key_file = settings->backup_key_file,
        .passphrase = &settings->backup_passphrase,
        .passphrase_file = settings->backup_passphrase_file,
        .read_only = true,
    };
}

static void add_error(struct checkup *checkup, const char *name, const struct err *err)
{
    checkup_add(checkup, name, FINDING_FAIL, "%s", err->message);
    checkup_fix(checkup, "%s",
                err->hint[0] != '\0' ? err->hint : "Look at the file and at who may read it.");
}

static void check_size(struct checkup *checkup, const struct catalogue *catalogue,
                       const struct settings *settings)
{
    static const uint64_t gigabyte = UINT64_C(1000000000);
    uint64_t bytes = 0;
    for (size_t i = 0; i < catalogue->count; i++) {
        bytes += catalogue->entries[i].bytes;
    }
    if (catalogue->count == 0) {
        return;
    }
    bool over = settings->max_backup_size_gb != 0 &&
                bytes > (uint64_t)settings->max_backup_size_gb * gigabyte;
    checkup_add(checkup, "backups", over ? FINDING_WARN : FINDING_OK, "%zu, %" PRIu64 " MB%s",
                catalogue->count, bytes / 1000000, over ? ": more than MAX_BACKUP_SIZE_GB" : "");
    if (over) {
        checkup_fix(checkup, "`steward backups prune` shows what may go; nothing goes by itself.");
    }
}

/* Nothing to tell where nothing was backed up and nothing is set. */
static void check_backups(struct checkup *checkup, int workspace_fd,
                          const struct settings *settings)
{
    const struct vault_options options = backup_options(settings);
    struct err err = {0};
    struct catalogue catalogue = {0};
    AUTO(vault_close)
    struct vault *vault = vault_open(workspace_fd, settings->backup_dir, &options, &err);
    if (vault == NULL && err.kind == ERR_NOT_FOUND) {
        return;
    }
    if (vault == NULL || !vault_check_key(vault, &err)) {
        add_error(checkup, "backup key", &err);
    } else if (vault_key_id(vault)[0] != '\0') {
        checkup_add(checkup, "backup key", FINDING_OK, "key %s", vault_key_id(vault));
    }
    if (vault != NULL && catalogue_read(vault, NULL, true, &catalogue, &err)) {
        check_size(checkup, &catalogue, settings);
        catalogue_done(&catalogue);
    } else if (vault != NULL) {
        add_error(checkup, "backups", &err);
    }
}

static void check_writable(struct checkup *checkup, int workspace_fd)
{
    if (faccessat(workspace_fd, ".", R_OK | W_OK | X_OK, 0) == 0) {
        checkup_add(checkup, "workspace", FINDING_OK, "can be written");
    } else {
        checkup_add(checkup, "workspace", FINDING_FAIL, "cannot be written");
        checkup_fix(checkup,
                    "Give another directory with --workspace, or the right to write there.");
    }
}

static void check_journal(struct checkup *checkup, int workspace_fd, const char *workspace)
{
    if (!fs_exists(workspace_fd, "steward.db")) {
        checkup_add(checkup, "journal", FINDING_OK, "none yet");
        return;
    }
    struct err err = {0};
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/steward.db", workspace);
    AUTO(journal_close)
    struct journal *journal = journal_open(buf_z(&path), JOURNAL_READ, clock_system(), &err);
    if (journal == NULL) {
        add_error(checkup, "journal", &err);
        return;
    }
    checkup_add(checkup, "journal", FINDING_OK, "can be read");
}

static void check_lock(struct checkup *checkup, int workspace_fd)
{
    char owner[512];
    if (lock_owner(workspace_fd, clock_system(), owner, sizeof(owner))) {
        checkup_add(checkup, "lock", FINDING_WARN, "%s", owner);
        checkup_fix(checkup, "Wait until it has ended; `steward show last` works beside it.");
    } else {
        checkup_add(checkup, "lock", FINDING_OK, "no other steward works here");
    }
}

void doctor_local(struct checkup *checkup, int workspace_fd, const char *workspace,
                  const struct settings *settings, const char *env_file)
{
    check_writable(checkup, workspace_fd);
    check_modes(checkup, workspace_fd, workspace, settings, env_file);
    check_disk(checkup, workspace_fd);
    check_backups(checkup, workspace_fd, settings);
    check_journal(checkup, workspace_fd, workspace);
    check_lock(checkup, workspace_fd);
}
