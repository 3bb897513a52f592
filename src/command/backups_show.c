/* SPDX-License-Identifier: MIT */
/* steward backups show ID [PATH]. */
#include "command/backups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static void print_head(const struct backups *backups, const struct catalogue_entry *entry)
{
    AUTO_BUF struct buf size = {0};
    AUTO_BUF struct buf at = {0};
    backups_bytes(entry->bytes, &size);
    backups_time(entry->at_ms, &at);
    (void)printf("change     %s\n", entry->change[0] != '\0' ? entry->change : "unknown");
    if (entry->known) {
        (void)printf("run        %lld, %s at %s\n", (long long)entry->run,
                     change_state_name(entry->state), buf_z(&at));
    } else {
        (void)printf("run        none: no change of this workspace knows it, last changed %s\n",
                     buf_z(&at));
    }
    (void)printf("directory  %s/%s\n", backups->session->settings.backup_dir, entry->name);
    (void)printf("files      %" PRIu64 ", %s%s\n", entry->files, buf_z(&size),
                 entry->compressed ? ", compressed" : "");
    if (entry->key[0] != '\0') {
        (void)printf("encrypted  key %s\n", entry->key);
    }
    if (entry->need != NEED_NONE) {
        (void)printf("needed     %s\n", entry->need == NEED_RUN ? "by its run" : "for undo");
    }
}

static bool show_files(struct backups *backups, const struct catalogue_entry *entry,
                       struct err *err)
{
    AUTO(backup_free) struct backup *backup = vault_reopen(backups->vault, entry->name, err);
    const struct manifest *list = backup != NULL ? backup_manifest(backup, err) : NULL;
    struct arena arena = {0};
    AUTO_BUF struct buf out = {0};
    if (list == NULL) {
        return false;
    }
    if (backups->cli->json) {
        backups_entry_json(backups, entry, &out);
        buf_addz(&out, ",\n\"list\":[");
    } else {
        print_head(backups, entry);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct manifest_file *file = &list->files[i];
        const char *path = backup_plain_path(&arena, list, file->path);
        if (!backups->cli->json) {
            (void)printf("%10" PRIu64 "  %s\n", file->bytes, path);
            continue;
        }
        buf_addz(&out, i == 0 ? "\n{\"path\":" : ",\n{\"path\":");
        buf_add_json(&out, str_of(path));
        buf_printf(&out, ",\"bytes\":%" PRIu64 ",\"sha256\":\"%s\"}", file->bytes, file->sha256);
    }
    if (backups->cli->json) {
        buf_addz(&out, "]}\n");
        (void)fputs(buf_z(&out), stdout);
    }
    arena_done(&arena);
    return true;
}

/* ctx: true where stdout is a terminal, whose state strange bytes could change */
static bool print_piece(void *ctx, str bytes, struct err *err)
{
    const bool *terminal = ctx;
    if (*terminal && (memchr(bytes.ptr, '\0', bytes.len) != NULL ||
                      memchr(bytes.ptr, '\x1b', bytes.len) != NULL)) {
        (void)err_set(err, ERR_REFUSED, "could not print the file: it is not text");
        return err_hint(err, "Send it to a file: steward backups show ID PATH > FILE");
    }
    return fwrite(bytes.ptr, 1, bytes.len, stdout) == bytes.len ||
           err_set_errno(err, ERR_IO, errno, "could not print the file");
}

bool backups_show(struct backups *backups, struct err *err)
{
    const struct cli *cli = backups->cli;
    const struct catalogue_entry *entry = backups_find(backups, str_of(cli->args[1]), err);
    if (entry == NULL) {
        return false;
    }
    if (cli->arg_count == 2) {
        return show_files(backups, entry, err);
    }
    bool terminal = isatty(STDOUT_FILENO) == 1;
    AUTO(backup_free) struct backup *backup = vault_reopen(backups->vault, entry->name, err);
    return backup != NULL && backup_copy(backup, cli->args[2], print_piece, &terminal, err);
}
