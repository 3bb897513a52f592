/* SPDX-License-Identifier: MIT */
/*
 * The catalogue of backups: what lies in the vault's directory, held against the journal; which of it is
 * still needed; and what may go (retention).
 *
 * One entry a directory. A change of the journal names its backup, so each entry belongs to one change or
 * to none: then it is an orphan (what a killed process left, or of another workspace). A name with a
 * leading dot is a backup that is on its way out: prune renames first, flushes, and then removes, so that
 * a kill never leaves a part that looks whole.
 *
 * What retention decides (docs/backups.md has the same as a table):
 *   - on its way out: removed;
 *   - needed by a run that is open or a change that is not settled: kept;
 *   - needed for undo (its change is verified): kept until it is older than the retention;
 *   - an orphan that was sealed: kept, because nobody knows what needs it;
 *   - everything else is kept until it is older than the retention, or until more is stored than is
 *     allowed: then the oldest go first.
 * Force takes away the second and fourth rule, and lets the size limit take from the third.
 *
 * Reading is safe beside a running steward; pruning wants the workspace's lock.
 */
#ifndef STEWARD_STORE_CATALOGUE_H
#define STEWARD_STORE_CATALOGUE_H

#include "store/journal.h"
#include "store/vault.h"

/* Keys of the journal's memory: `pruned/<change>`. Value: {"at":"<RFC 3339>","run":n,"reason":"old"}. */
#define CATALOGUE_PRUNED "pruned/"

enum catalogue_need {
    NEED_NONE,
    NEED_RUN, /* its run is open, its change not settled, or a run undoes it right now */
    NEED_UNDO,
};

struct catalogue_entry {
    const char *name;                     /* of the directory; holds an address: never log it */
    char change[2 * CHANGE_ID_BYTES + 1]; /* "": not even the directory says whose it is */
    bool known;                           /* the journal has the change; otherwise an orphan */
    int64_t run;                          /* where known, and the next two */
    enum change_state state;
    enum run_state run_state;
    uint64_t inode; /* of the directory: where about it lies on the disk */
    bool leaving;   /* on its way out */
    bool sealed;
    bool damaged; /* its verification.json cannot be read */
    bool compressed;
    char key[SEAL_ID_HEX]; /* of the master key, "" not encrypted */
    uint64_t files;        /* listed; without a list: found */
    uint64_t bytes;
    int64_t at_ms; /* of the change's last move; of an orphan: when its directory last changed */
    enum catalogue_need need;
};

/* A change whose backup is not there, and was not pruned. */
struct catalogue_missing {
    char change[2 * CHANGE_ID_BYTES + 1];
    int64_t run;
};

struct catalogue {
    struct arena arena;
    struct catalogue_entry *entries; /* oldest first, then by name */
    size_t count;
    struct catalogue_missing *missing; /* in order of run and change */
    size_t missing_count;
};

/* `journal` NULL: all are orphans. `lists` false: no verification.json is read, so that of a sealed
 * backup damaged, compressed, key, files and bytes stay unknown (for who reads it anyway). Zeroed *ret; on
 * failure nothing is left to be freed. */
bool catalogue_read(struct vault *vault, struct journal *journal, bool lists, struct catalogue *ret,
                    struct err *err) MUST_CHECK;
void catalogue_done(struct catalogue *catalogue);

/* Fills what `lists` false left unknown. */
void catalogue_note_list(const struct manifest *list, struct catalogue_entry *entry);

/* By the change's id, a unique prefix of it of at least 4 characters, or the directory's name. Unknown:
 * ERR_NOT_FOUND, with the time where it was pruned; more than one: ERR_USAGE. */
const struct catalogue_entry *catalogue_find(const struct catalogue *catalogue,
                                             struct journal *journal, str id,
                                             struct err *err) MUST_CHECK;

/* Calls fn(ctx, i) for each i below `count`, in some threads a core, because they wait for the disk half
 * of the time; ends early when the stop (may be NULL) is raised. Returns false then. */
bool catalogue_parallel(size_t count, struct stop *stop, void (*fn)(void *ctx, size_t i),
                        void *ctx);

/* --- retention ------------------------------------------------------------------------------------ */

#define RETENTION_REASONS(X)                                                                       \
    X(RETAIN_YOUNG, "young", "younger than the retention")                                         \
    X(RETAIN_RUN, "needed-by-run", "needed by a run that is not finished")                         \
    X(RETAIN_UNDO, "needed-by-undo", "younger than the retention: undo needs it")                  \
    X(RETAIN_ORPHAN, "orphan", "no change of this workspace knows it")                             \
    X(REMOVE_LEAVING, "leaving", "its removal had begun")                                          \
    X(REMOVE_OLD, "old", "older than the retention")                                               \
    X(REMOVE_UNFINISHED, "unfinished", "never finished, and older than the retention")             \
    X(REMOVE_SIZE, "size", "more is stored than the limit")

enum retention_reason {
#define X(reason, name, text) reason,
    RETENTION_REASONS(X)
#undef X
        RETENTION_REASON_COUNT
};

const char *retention_name(enum retention_reason reason);
const char *retention_text(enum retention_reason reason);
static inline bool retention_removes(enum retention_reason reason)
{
    return reason >= REMOVE_LEAVING;
}

struct retention {
    int64_t now_ms;
    int64_t days;
    uint64_t max_bytes; /* 0: no limit */
    bool force;
};

/* One reason for each entry. Returns how many bytes stay. */
uint64_t catalogue_retention(const struct catalogue *catalogue, const struct retention *retention,
                             enum retention_reason *ret);

/* Removes what `reasons` say. Each removal of a change's backup is in the journal's memory and audit trail
 * before it begins. Stopped or killed, the next one goes on. Failpoint: vault.remove, beside those of
 * fs.h. */
bool catalogue_prune(const struct catalogue *catalogue, const enum retention_reason *reasons,
                     struct vault *vault, struct journal *journal, const struct clock *clock,
                     struct stop *stop, uint64_t *ret_removed, struct err *err) MUST_CHECK;

/* When the backup of a change (hex) was pruned, as RFC 3339 into ret[CLOCK_TEXT_BYTES]; "": never. */
bool catalogue_pruned(struct journal *journal, const char *change, char *ret,
                      struct err *err) MUST_CHECK;

#endif
