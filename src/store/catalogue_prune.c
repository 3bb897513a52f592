/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "store/catalogue.h"
#include "store/disk.h"
#include "store/vault_impl.h"

enum {
    BATCH = 256, /* renamed, flushed once, removed */
    NAME_ROOM = 256,
    MS_A_DAY = 86400000,
};

const char *retention_name(enum retention_reason reason)
{
    static const char *const names[] = {
#define X(reason, name, text) name,
        RETENTION_REASONS(X)
#undef X
    };
    return names[reason];
}

const char *retention_text(enum retention_reason reason)
{
    static const char *const texts[] = {
#define X(reason, name, text) text,
        RETENTION_REASONS(X)
#undef X
    };
    return texts[reason];
}

/* --- what may go -------------------------------------------------------------------------------- */

static enum retention_reason by_rules(const struct catalogue_entry *entry,
                                      const struct retention *retention)
{
    /* a time that lies ahead is young */
    bool old = retention->now_ms - entry->at_ms >= retention->days * MS_A_DAY;
    if (entry->leaving) {
        return REMOVE_LEAVING;
    }
    if (entry->need == NEED_RUN && !retention->force) {
        return RETAIN_RUN;
    }
    if (!entry->known && entry->sealed && !retention->force) {
        return RETAIN_ORPHAN;
    }
    if (old) {
        return !entry->known && !entry->sealed ? REMOVE_UNFINISHED : REMOVE_OLD;
    }
    return entry->need == NEED_UNDO && !retention->force ? RETAIN_UNDO : RETAIN_YOUNG;
}

uint64_t catalogue_retention(const struct catalogue *catalogue, const struct retention *retention,
                             enum retention_reason *ret)
{
    uint64_t kept = 0;
    for (size_t i = 0; i < catalogue->count; i++) {
        ret[i] = by_rules(&catalogue->entries[i], retention);
        kept += retention_removes(ret[i]) ? 0 : catalogue->entries[i].bytes;
    }
    /* the oldest come first */
    for (size_t i = 0; i < catalogue->count && retention->max_bytes != 0; i++) {
        if (kept > retention->max_bytes && ret[i] == RETAIN_YOUNG) {
            ret[i] = REMOVE_SIZE;
            kept -= catalogue->entries[i].bytes;
        }
    }
    return kept;
}

/* --- removing ----------------------------------------------------------------------------------- */

struct pruning {
    struct vault *vault;
    struct journal *journal;
    const struct clock *clock;
    struct stop *stop;
    uint64_t removed;
};

/* Before the removal: afterwards nobody could say what became of it. */
static bool note_removal(const struct pruning *pruning, const struct catalogue_entry *entry,
                         enum retention_reason reason, struct err *err)
{
    char at[CLOCK_TEXT_BYTES];
    AUTO_BUF struct buf key = {0};
    AUTO_BUF struct buf value = {0};
    if (entry->change[0] == '\0' || entry->leaving) {
        return true; /* nothing names it; noted when it began */
    }
    clock_rfc3339(clock_real_ms(pruning->clock), at);
    buf_printf(&key, CATALOGUE_PRUNED "%s", entry->change);
    buf_printf(&value, "{\"at\":\"%s\",\"run\":%lld,\"reason\":\"%s\"}", at, (long long)entry->run,
               retention_name(reason));
    AUTO_BUF struct buf detail = {0};
    buf_printf(&detail, "{\"change\":\"%s\",\"reason\":\"%s\",\"bytes\":%llu}", entry->change,
               retention_name(reason), (unsigned long long)entry->bytes);
    journal_audit(pruning->journal, entry->run, "prune", buf_str(&detail));
    return journal_memory_put(pruning->journal, buf_str(&key), buf_str(&value), err);
}

/* The name holds an address: the error does not repeat it. */
static bool remove_tree(int fd, const char *name, struct err *err)
{
    struct err failure = {0};
    return fs_remove_tree(fd, name, &failure) ||
           disk_fail(err, failure.os_errno, "remove", "a backup");
}

/* Out of sight: ".<name>". */
static bool rename_away(const struct pruning *pruning, const struct catalogue_entry *entry,
                        struct err *err)
{
    char away[NAME_ROOM + 1];
    int fd = pruning->vault->dir_fd;
    if (entry->leaving) {
        return true;
    }
    (void)snprintf(away, sizeof(away), ".%s", entry->name);
    return remove_tree(fd, away, err) && disk_rename(fd, entry->name, away, false, "a backup", err);
}

static bool remove_away(struct pruning *pruning, const struct catalogue_entry *entry,
                        struct err *err)
{
    char away[NAME_ROOM + 1];
    (void)snprintf(away, sizeof(away), "%s%s", entry->leaving ? "" : ".", entry->name);
    int injected = FAILPOINT("vault.remove");
    if (injected != 0) {
        return disk_fail(err, injected, "remove", "a backup");
    }
    pruning->removed++;
    return remove_tree(pruning->vault->dir_fd, away, err);
}

/* From *at on, at most BATCH; *at is where to go on. */
static bool prune_batch(struct pruning *pruning, const struct catalogue *catalogue,
                        const enum retention_reason *reasons, size_t *at, struct err *err)
{
    size_t chosen[BATCH];
    size_t count = 0;
    for (; *at < catalogue->count && count < BATCH; (*at)++) {
        if (retention_removes(reasons[*at])) {
            chosen[count++] = *at;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct catalogue_entry *entry = &catalogue->entries[chosen[i]];
        if (!note_removal(pruning, entry, reasons[chosen[i]], err) ||
            !rename_away(pruning, entry, err)) {
            return false;
        }
    }
    if (count != 0 && !fs_fsync(pruning->vault->dir_fd, "the backup directory", err)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (!remove_away(pruning, &catalogue->entries[chosen[i]], err)) {
            return false;
        }
    }
    return true;
}

bool catalogue_prune(const struct catalogue *catalogue, const enum retention_reason *reasons,
                     struct vault *vault, struct journal *journal, const struct clock *clock,
                     struct stop *stop, uint64_t *ret_removed, struct err *err)
{
    struct pruning pruning = {vault, journal, clock, stop, 0};
    size_t at = 0;
    bool ok = true;
    while (ok && at < catalogue->count) {
        if (stop != NULL && stop_level(stop) > 0) {
            ok = err_set(err, ERR_INTERRUPTED, "could not prune all backups: interrupted");
            (void)err_hint(err, "The same command goes on.");
        } else if (!prune_batch(&pruning, catalogue, reasons, &at, err)) {
            ok = err_wrap(err, "could not prune the backups");
        }
    }
    *ret_removed = pruning.removed;
    return ok;
}

/* Keys are in order, and only one can be this one or begin with it. */
static bool take_pruned(void *ctx, str key, str value)
{
    char *at_text = ctx;
    (void)key;
    json_t *json = json_loadb(value.ptr, value.len, 0, NULL);
    const char *at = json_string_value(json_object_get(json, "at"));
    (void)snprintf(at_text, CLOCK_TEXT_BYTES, "%s", at != NULL ? at : "an unknown time");
    json_decref(json);
    return false;
}

bool catalogue_pruned(struct journal *journal, const char *change, char *ret, struct err *err)
{
    AUTO_BUF struct buf key = {0};
    ret[0] = '\0';
    buf_printf(&key, CATALOGUE_PRUNED "%s", change);
    return journal_memory_each(journal, buf_str(&key), take_pruned, ret, err);
}
