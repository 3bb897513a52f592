/* SPDX-License-Identifier: MIT */
/* steward backups prune: what retention says of each backup, and with --apply what it says is done. */
#include "command/backups.h"

#include <inttypes.h>
#include <stdio.h>

static const uint64_t gigabyte = UINT64_C(1000000000);

struct sums {
    size_t keep;
    size_t remove;
    uint64_t keep_bytes;
    uint64_t remove_bytes;
};

static struct sums add_up(const struct catalogue *catalogue, const enum retention_reason *reasons)
{
    struct sums sums = {0};
    for (size_t i = 0; i < catalogue->count; i++) {
        bool removes = retention_removes(reasons[i]);
        sums.remove += removes;
        sums.keep += !removes;
        sums.remove_bytes += removes ? catalogue->entries[i].bytes : 0;
        sums.keep_bytes += removes ? 0 : catalogue->entries[i].bytes;
    }
    return sums;
}

static void print_lines(const struct catalogue *catalogue, const enum retention_reason *reasons)
{
    for (size_t i = 0; i < catalogue->count; i++) {
        AUTO_BUF struct buf line = {0};
        AUTO_BUF struct buf size = {0};
        backups_entry_text(&catalogue->entries[i], &line);
        backups_bytes(catalogue->entries[i].bytes, &size);
        (void)printf("%s  %8s  %s: %s\n", buf_z(&line), buf_z(&size),
                     retention_removes(reasons[i]) ? "remove" : "keep", retention_text(reasons[i]));
    }
}

static void print_sums(const struct sums *sums, bool applied)
{
    AUTO_BUF struct buf going = {0};
    AUTO_BUF struct buf staying = {0};
    backups_bytes(sums->remove_bytes, &going);
    backups_bytes(sums->keep_bytes, &staying);
    (void)printf("%zu backups %s (%s), %zu stay (%s)\n", sums->remove,
                 applied ? "removed" : "to remove", buf_z(&going), sums->keep, buf_z(&staying));
    if (!applied && sums->remove != 0) {
        (void)puts("Nothing was removed yet: `steward backups prune --apply` does it.");
    }
}

static void print_json(const struct backups *backups, const enum retention_reason *reasons,
                       const struct sums *sums, bool applied)
{
    const struct catalogue *catalogue = &backups->catalogue;
    (void)fputs("{\"backups\":[", stdout);
    for (size_t i = 0; i < catalogue->count; i++) {
        AUTO_BUF struct buf out = {0};
        buf_addz(&out, i == 0 ? "\n" : ",\n");
        backups_entry_json(backups, &catalogue->entries[i], &out);
        buf_printf(&out, ",\"action\":\"%s\",\"reason\":\"%s\"}",
                   retention_removes(reasons[i]) ? "remove" : "keep", retention_name(reasons[i]));
        (void)fputs(buf_z(&out), stdout);
    }
    (void)printf("],\n\"applied\":%s,\"keep\":%zu,\"keep_bytes\":%" PRIu64
                 ",\"remove\":%zu,\"remove_bytes\":%" PRIu64 "}\n",
                 applied ? "true" : "false", sums->keep, sums->keep_bytes, sums->remove,
                 sums->remove_bytes);
}

static void warn_over_limit(const struct backups *backups, const struct sums *sums,
                            uint64_t max_bytes)
{
    if (max_bytes == 0 || sums->keep_bytes <= max_bytes || backups->cli->quiet) {
        return;
    }
    (void)fprintf(stderr,
                  "steward: warning: what stays is more than MAX_BACKUP_SIZE_GB=%" PRIu64
                  "; runs, undo or somebody else may need it (--force takes it all the same)\n",
                  max_bytes / gigabyte);
}

static bool confirm(const struct backups *backups, const struct sums *sums, struct err *err)
{
    AUTO_BUF struct buf question = {0};
    buf_printf(&question, "Remove %zu backups for good?", sums->remove);
    if (session_confirm(backups->cli, buf_z(&question), err)) {
        return true;
    }
    if (err->kind == ERR_REFUSED) {
        (void)err_set(err, ERR_REFUSED, "could not prune the backups: not confirmed");
        return err_hint(err, "--yes answers by itself.");
    }
    return false;
}

static bool apply(struct backups *backups, const enum retention_reason *reasons,
                  const struct sums *sums, struct err *err)
{
    uint64_t removed = 0;
    if (sums->remove == 0) {
        return true;
    }
    return confirm(backups, sums, err) &&
           catalogue_prune(&backups->catalogue, reasons, backups->vault, backups->journal,
                           clock_system(), backups->session->stop, &removed, err);
}

bool backups_prune(struct backups *backups, struct err *err)
{
    const struct settings *settings = &backups->session->settings;
    const struct catalogue *catalogue = &backups->catalogue;
    const struct retention retention = {
        .now_ms = clock_real_ms(clock_system()),
        .days = settings->backup_retention_days,
        .max_bytes = (uint64_t)settings->max_backup_size_gb * gigabyte,
        .force = cli_has(backups->cli, "force"),
    };
    bool applied = cli_has(backups->cli, "apply");
    AUTO_FREE enum retention_reason *reasons =
        xcalloc(catalogue->count + 1, sizeof(enum retention_reason));
    (void)catalogue_retention(catalogue, &retention, reasons);
    struct sums sums = add_up(catalogue, reasons);
    if (!backups->cli->json) {
        print_lines(catalogue, reasons);
        (void)fflush(stdout); /* before the question; a failure shows at the end */
    }
    if (applied && !apply(backups, reasons, &sums, err)) {
        return false;
    }
    if (backups->cli->json) {
        print_json(backups, reasons, &sums, applied);
    } else {
        print_sums(&sums, applied);
    }
    warn_over_limit(backups, &sums, retention.max_bytes);
    return true;
}
