/* SPDX-License-Identifier: MIT */
/*
 * steward backups verify. The backups are checked in parallel; what was found is printed in the order of
 * the catalogue.
 */
#include "command/backups.h"

#include <inttypes.h>
#include <stdio.h>

#include "job/merge_inspect.h"

struct finding {
    struct catalogue_entry *entry;
    struct buf differences; /* one a line */
    size_t count;
    bool locked; /* what is in it could not be looked at: another key */
};

struct verification {
    struct vault *vault;
    unsigned checks; /* INSPECT_ */
    struct finding *findings;
    size_t count;
    struct finding **order; /* as they lie on the disk */
};

static void note(void *ctx, const char *text)
{
    struct finding *finding = ctx;
    buf_addz(&finding->differences, text);
    buf_addc(&finding->differences, '\n');
    finding->count++;
}

static bool is_locked(const struct vault *vault, const struct catalogue_entry *entry)
{
    return entry->key[0] != '\0' && strcmp(entry->key, vault_key_id(vault)) != 0;
}

/* What the catalogue did not read. */
static void complete(struct backup *backup, struct catalogue_entry *entry)
{
    struct err err = {0};
    const struct manifest *list = backup_manifest(backup, &err);
    entry->damaged = list == NULL;
    if (list != NULL) {
        catalogue_note_list(list, entry);
    }
}

static void verify_one(void *ctx, size_t i)
{
    struct verification *verification = ctx;
    struct finding *finding = verification->order[i];
    struct catalogue_entry *entry = finding->entry;
    struct err err = {0};
    bool whole = false;
    if (!entry->sealed) {
        return;
    }
    AUTO(backup_free)
    struct backup *backup = vault_reopen(verification->vault, entry->name, &err);
    if (backup == NULL || !backup_verify(backup, note, finding, &whole, &err)) {
        note(finding, err.message);
    }
    if (backup != NULL) {
        complete(backup, entry);
    }
    finding->locked = verification->checks != 0 && is_locked(verification->vault, entry);
    if (whole && verification->checks != 0 && !finding->locked &&
        !merge_inspect(backup, verification->checks, note, finding, &err)) {
        note(finding, err.message);
    }
}

static int by_place(const void *a, const void *b)
{
    uint64_t x = (*(struct finding *const *)a)->entry->inode;
    uint64_t y = (*(struct finding *const *)b)->entry->inode;
    return x < y ? -1 : x > y;
}

static void verify_all(struct verification *verification)
{
    verification->order = xcalloc(verification->count + 1, sizeof(struct finding *));
    for (size_t i = 0; i < verification->count; i++) {
        verification->order[i] = &verification->findings[i];
    }
    qsort(verification->order, verification->count, sizeof(struct finding *), by_place);
    (void)catalogue_parallel(verification->count, NULL, verify_one, verification);
    free(verification->order);
}

/* --- which ---------------------------------------------------------------------------------------- */

/* Named twice is once: two threads must not work on one. */
static void add_once(struct verification *verification, struct catalogue_entry *entry)
{
    for (size_t i = 0; i < verification->count; i++) {
        if (verification->findings[i].entry == entry) {
            return;
        }
    }
    verification->findings[verification->count++].entry = entry;
}

static bool choose(struct backups *backups, struct verification *verification, struct err *err)
{
    const struct cli *cli = backups->cli;
    const struct catalogue *catalogue = &backups->catalogue;
    bool all = cli->arg_count == 1 || cli_has(cli, "all");
    size_t room = all ? catalogue->count : cli->arg_count - 1;
    verification->findings = xcalloc(room + 1, sizeof(struct finding));
    for (size_t i = 0; all && i < catalogue->count; i++) {
        if (!catalogue->entries[i].leaving) {
            verification->findings[verification->count++].entry = &catalogue->entries[i];
        }
    }
    for (size_t i = 1; !all && i < cli->arg_count; i++) {
        const struct catalogue_entry *entry = backups_find(backups, str_of(cli->args[i]), err);
        if (entry == NULL) {
            return false;
        }
        add_once(verification, &catalogue->entries[entry - catalogue->entries]);
    }
    return true;
}

/* --- what is said --------------------------------------------------------------------------------- */

struct totals {
    size_t sound;
    size_t different;
    size_t unfinished;
    size_t missing;
    size_t unproven; /* encrypted with a key that is not given: only what is stored was checked */
    size_t locked;
};

static struct totals add_up(const struct backups *backups, const struct verification *verification,
                            bool all)
{
    struct totals totals = {.missing = all ? backups->catalogue.missing_count : 0};
    for (size_t i = 0; i < verification->count; i++) {
        const struct finding *finding = &verification->findings[i];
        const struct catalogue_entry *entry = finding->entry;
        totals.different += finding->count != 0;
        totals.unfinished += !entry->sealed;
        totals.sound += entry->sealed && finding->count == 0;
        totals.unproven += is_locked(backups->vault, entry);
        totals.locked += finding->locked;
    }
    return totals;
}

static void print_differences(const struct finding *finding)
{
    AUTO_BUF struct buf name = {0};
    backups_entry_text(finding->entry, &name);
    (void)puts(buf_z(&name));
    if (!finding->entry->known) {
        (void)printf("    %s\n", finding->entry->name);
    }
    str rest = buf_str(&finding->differences);
    while (rest.len != 0) {
        str line = str_cut(rest, '\n', &rest);
        (void)printf("    %" STR_FMT "\n", STR_ARG(line));
    }
}

static void print_text(const struct backups *backups, const struct verification *verification,
                       const struct totals *totals)
{
    for (size_t i = 0; i < verification->count; i++) {
        if (verification->findings[i].count != 0) {
            print_differences(&verification->findings[i]);
        }
    }
    for (size_t i = 0; i < totals->missing; i++) {
        (void)printf("%.8s  run %-3lld  missing: its directory is not there\n",
                     backups->catalogue.missing[i].change,
                     (long long)backups->catalogue.missing[i].run);
    }
    (void)printf("%zu sound, %zu with differences, %zu missing, %zu never finished\n",
                 totals->sound, totals->different, totals->missing, totals->unfinished);
    if (totals->unproven != 0) {
        (void)printf("%zu are encrypted with a key that is not given: their files are as "
                     "verification.json says, which itself could not be proven\n",
                     totals->unproven);
    }
}

static void print_json(const struct backups *backups, const struct verification *verification,
                       const struct totals *totals)
{
    const char *comma = "\n";
    (void)fputs("{\"backups\":[", stdout);
    for (size_t i = 0; i < verification->count; i++) {
        const struct finding *finding = &verification->findings[i];
        if (finding->count == 0) {
            continue;
        }
        AUTO_BUF struct buf out = {0};
        buf_addz(&out, comma);
        backups_entry_json(backups, finding->entry, &out);
        buf_addz(&out, ",\"differences\":[");
        str rest = buf_str(&finding->differences);
        for (const char *between = ""; rest.len != 0; between = ",") {
            buf_addz(&out, between);
            buf_add_json(&out, str_cut(rest, '\n', &rest));
        }
        buf_addz(&out, "]}");
        (void)fputs(buf_z(&out), stdout);
        comma = ",\n";
    }
    (void)fputs("],\n\"missing\":[", stdout);
    for (size_t i = 0; i < totals->missing; i++) {
        (void)printf("%s{\"change\":\"%s\",\"run\":%lld}", i == 0 ? "\n" : ",\n",
                     backups->catalogue.missing[i].change,
                     (long long)backups->catalogue.missing[i].run);
    }
    (void)printf("],\n\"sound\":%zu,\"different\":%zu,\"unfinished\":%zu,\"unproven\":%zu}\n",
                 totals->sound, totals->different, totals->unfinished, totals->unproven);
}

static bool conclude(const struct totals *totals, struct err *err)
{
    if (totals->different + totals->missing != 0) {
        (void)err_set(err, ERR_VERIFY,
                      "could not vouch for all backups: %zu with differences, %zu missing",
                      totals->different, totals->missing);
        return err_hint(err, "Nothing is undone from such a backup. Put back what is gone from a "
                             "copy, if there is one.");
    }
    if (totals->locked != 0) {
        (void)err_set(err, ERR_CONFIG,
                      "could not look into %zu backups: they are encrypted with a key that is not "
                      "given",
                      totals->locked);
        return err_hint(err, "Set BACKUP_KEY_FILE or BACKUP_PASSPHRASE.");
    }
    return true;
}

static unsigned wanted_checks(const struct cli *cli)
{
    return (cli_has(cli, "verify-contacts") ? (unsigned)INSPECT_CONTACTS : 0U) |
           (cli_has(cli, "verify-tickets") ? (unsigned)INSPECT_TICKETS : 0U) |
           (cli_has(cli, "verify-conversations") ? (unsigned)INSPECT_CONVERSATIONS : 0U);
}

bool backups_verify(struct backups *backups, struct err *err)
{
    struct verification verification = {.vault = backups->vault,
                                        .checks = wanted_checks(backups->cli)};
    bool all = backups->cli->arg_count == 1 || cli_has(backups->cli, "all");
    bool ok = choose(backups, &verification, err);
    if (ok) {
        verify_all(&verification);
        struct totals totals = add_up(backups, &verification, all);
        (backups->cli->json ? print_json : print_text)(backups, &verification, &totals);
        ok = conclude(&totals, err);
    }
    for (size_t i = 0; i < verification.count; i++) {
        buf_done(&verification.findings[i].differences);
    }
    free(verification.findings);
    return ok;
}
