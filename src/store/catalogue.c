/* SPDX-License-Identifier: MIT */
#include "store/catalogue.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/num.h"
#include "store/vault_impl.h"

enum {
    STATE_BYTES = 64 * 1024,
    THREADS_MAX = 64,
    THREADS_A_CORE = 4,
    DEPTH_MAX = 64,
    PREFIX_MIN = 4,
};

/* --- threads ------------------------------------------------------------------------------------ */

struct parallel {
    size_t count;
    struct stop *stop;
    void (*fn)(void *ctx, size_t i);
    void *ctx;
    atomic_size_t next;
};

static bool is_stopped(struct stop *stop)
{
    return stop != NULL && stop_level(stop) > 0;
}

static void *work(void *arg)
{
    struct parallel *parallel = arg;
    size_t i;
    while (!is_stopped(parallel->stop) &&
           (i = atomic_fetch_add(&parallel->next, 1)) < parallel->count) {
        parallel->fn(parallel->ctx, i);
    }
    return NULL;
}

bool catalogue_parallel(size_t count, struct stop *stop, void (*fn)(void *ctx, size_t i), void *ctx)
{
    struct parallel parallel = {.count = count, .stop = stop, .fn = fn, .ctx = ctx};
    pthread_t threads[THREADS_MAX];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = cores < 1 ? 1 : (size_t)cores * THREADS_A_CORE;
    wanted = wanted > THREADS_MAX ? THREADS_MAX : wanted;
    size_t started = 0;
    /* this thread is one of them, and the only one where no other can be had */
    while (started + 1 < wanted && started + 1 < count &&
           pthread_create(&threads[started], NULL, work, &parallel) == 0) {
        started++;
    }
    (void)work(&parallel);
    for (size_t i = 0; i < started; i++) {
        (void)pthread_join(threads[i], NULL); /* it was started and is joined once */
    }
    return !is_stopped(stop);
}

/* --- what lies there ---------------------------------------------------------------------------- */

/* Files and bytes below a directory, without logs of another kind: of what has no list. */
static void measure(int parent, const char *name, int depth, struct catalogue_entry *entry)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        auto_close(&fd);
        return;
    }
    const struct dirent *found;
    while ((found = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): own DIR */
        struct stat st;
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
            fstatat(fd, found->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
            measure(fd, found->d_name, depth + 1, entry);
        } else if (S_ISREG(st.st_mode)) {
            entry->files++;
            entry->bytes += (uint64_t)st.st_size;
        }
    }
    (void)closedir(dir); /* a directory opened for reading */
}

void catalogue_note_list(const struct manifest *list, struct catalogue_entry *entry)
{
    entry->compressed = manifest_compressed(list);
    memcpy(entry->key, list->key, sizeof(entry->key));
    entry->files = list->count;
    entry->bytes = 0;
    for (size_t i = 0; i < list->count; i++) {
        entry->bytes += list->files[i].bytes;
    }
}

/* Which change the directory itself says it belongs to. */
static void read_change(int dir_fd, struct catalogue_entry *entry)
{
    struct err err = {0};
    AUTO_BUF struct buf text = {.max = STATE_BYTES};
    uint8_t id[CHANGE_ID_BYTES];
    if (!vault_read(dir_fd, STATE_PATH, &text, &err) || text.len == 0) {
        return;
    }
    json_t *state = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    const char *change = json_string_value(json_object_get(state, "change"));
    if (change != NULL && num_parse_hex(str_of(change), id, sizeof(id))) {
        num_hex(id, sizeof(id), entry->change);
    }
    json_decref(state);
}

struct reading {
    struct vault *vault;
    bool lists;
    struct catalogue *catalogue;
};

static void read_entry(void *ctx, size_t i)
{
    const struct reading *reading = ctx;
    struct catalogue_entry *entry = &reading->catalogue->entries[i];
    struct stat st;
    struct err err = {0};
    AUTO_CLOSE int fd = openat(reading->vault->dir_fd, entry->name,
                               O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &st) == 0) {
        entry->at_ms = (int64_t)st.st_mtim.tv_sec * 1000;
        entry->inode = (uint64_t)st.st_ino;
    }
    entry->sealed = !entry->leaving && fs_exists(fd, MANIFEST_NAME);
    if (entry->sealed && reading->lists) {
        AUTO(backup_free)
        struct backup *backup = vault_reopen(reading->vault, entry->name, &err);
        const struct manifest *list = backup != NULL ? backup_manifest(backup, &err) : NULL;
        entry->damaged = list == NULL;
        if (list != NULL) {
            catalogue_note_list(list, entry);
        }
    }
    if (!entry->sealed || entry->damaged) {
        measure(fd, ".", 0, entry);
    }
    if (!entry->known) {
        read_change(fd, entry);
    }
}

static bool list_names(struct vault *vault, struct catalogue *catalogue, struct err *err)
{
    size_t room = 0;
    int copy = openat(vault->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        int saved = errno;
        auto_close(&copy);
        return err_set_errno(err, ERR_IO, saved, "could not read the backup directory");
    }
    const struct dirent *found;
    while ((found = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe): own DIR */
        struct stat st;
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0 ||
            fstatat(copy, found->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode)) {
            continue;
        }
        if (catalogue->count == room) {
            room = room != 0 ? room * 2 : 64;
            catalogue->entries = xrealloc(catalogue->entries, room, sizeof(struct catalogue_entry));
        }
        catalogue->entries[catalogue->count++] = (struct catalogue_entry){
            .name = arena_strdup(&catalogue->arena, found->d_name),
            .leaving = found->d_name[0] == '.',
        };
    }
    (void)closedir(dir); /* a directory opened for reading */
    return true;
}

/* --- what the journal knows --------------------------------------------------------------------- */

struct joining {
    struct catalogue *catalogue;
    struct journal *journal;
    struct map by_name;
    struct map pruned; /* ids of changes whose backups were pruned */
    size_t missing_room;
    const struct run *run;
    bool undoing; /* some run that takes back others is open */
    struct err err;
};

static bool is_open(enum run_state state)
{
    return state == RUN_PLANNING || state == RUN_PLANNED || state == RUN_APPLYING ||
           state == RUN_PAUSED || state == RUN_INTERRUPTED;
}

static bool is_undo(const struct run *run)
{
    return str_ends(str_of(run->job), STR("-undo"));
}

static enum catalogue_need need_of(const struct joining *joining, enum change_state state)
{
    switch (state) {
    case CHANGE_PLANNED:
    case CHANGE_BACKED_UP:
    case CHANGE_SENT:
    case CHANGE_UNKNOWN:
        return NEED_RUN;
    case CHANGE_VERIFIED:
        return is_open(joining->run->state) || joining->undoing ? NEED_RUN
               : is_undo(joining->run)                          ? NEED_NONE
                                                                : NEED_UNDO;
    case CHANGE_FAILED:
    case CHANGE_SKIPPED:
    case CHANGE_UNDONE:
    case CHANGE_REFUSED:
    case CHANGE_STATE_COUNT:
        break;
    }
    return is_open(joining->run->state) ? NEED_RUN : NEED_NONE;
}

/* A backup that was pruned or is of another job's kind ("journal") is not missed. */
static void note_missing(struct joining *joining, const struct change_row *row)
{
    struct catalogue *catalogue = joining->catalogue;
    struct catalogue_missing missing = {.run = joining->run->id};
    num_hex(row->id, CHANGE_ID_BYTES, missing.change);
    if (map_has(&joining->pruned, str_of(missing.change))) {
        return;
    }
    if (catalogue->missing_count == joining->missing_room) {
        joining->missing_room = joining->missing_room != 0 ? joining->missing_room * 2 : 16;
        catalogue->missing = xrealloc(catalogue->missing, joining->missing_room, sizeof(missing));
    }
    catalogue->missing[catalogue->missing_count++] = missing;
}

static bool join_change(void *ctx, const struct change_row *row)
{
    struct joining *joining = ctx;
    const char *slash = strrchr(row->backup, '/');
    if (slash == NULL) {
        return true;
    }
    struct catalogue_entry *entry = map_get(&joining->by_name, str_of(slash + 1));
    if (entry == NULL) {
        note_missing(joining, row);
        return true;
    }
    num_hex(row->id, CHANGE_ID_BYTES, entry->change);
    entry->known = true;
    entry->run = joining->run->id;
    entry->run_state = joining->run->state;
    entry->state = row->state;
    entry->at_ms = row->updated_at_ms;
    entry->need = need_of(joining, row->state);
    return true;
}

static bool note_undoing(void *ctx, const struct run *run)
{
    struct joining *joining = ctx;
    joining->undoing = joining->undoing || (is_undo(run) && is_open(run->state));
    return true;
}

static bool join_run(void *ctx, const struct run *run)
{
    struct joining *joining = ctx;
    joining->run = run;
    return journal_change_each(joining->journal, run->id, join_change, joining, &joining->err);
}

static bool note_pruned(void *ctx, str key, str value)
{
    struct joining *joining = ctx;
    (void)value;
    str id = {key.ptr + sizeof(CATALOGUE_PRUNED) - 1, key.len - sizeof(CATALOGUE_PRUNED) + 1};
    (void)map_put(&joining->pruned, str_dup(&joining->catalogue->arena, id), joining);
    return true;
}

static bool join(struct catalogue *catalogue, struct journal *journal, struct err *err)
{
    struct joining joining = {.catalogue = catalogue, .journal = journal};
    for (size_t i = 0; i < catalogue->count; i++) {
        (void)map_put(&joining.by_name, str_of(catalogue->entries[i].name), &catalogue->entries[i]);
    }
    bool ok = journal_memory_each(journal, STR(CATALOGUE_PRUNED), note_pruned, &joining, err) &&
              journal_run_each(journal, note_undoing, &joining, err) &&
              journal_run_each(journal, join_run, &joining, err);
    if (ok && err_is(&joining.err)) {
        *err = joining.err;
        ok = false;
    }
    map_done(&joining.by_name);
    map_done(&joining.pruned);
    return ok;
}

static int by_age(const void *a, const void *b)
{
    const struct catalogue_entry *x = a;
    const struct catalogue_entry *y = b;
    return x->at_ms != y->at_ms ? (x->at_ms < y->at_ms ? -1 : 1) : strcmp(x->name, y->name);
}

/* The directory first: a backup that a running steward makes meanwhile is then known, or not there. */
bool catalogue_read(struct vault *vault, struct journal *journal, bool lists, struct catalogue *ret,
                    struct err *err)
{
    struct reading reading = {vault, lists, ret};
    bool ok = list_names(vault, ret, err);
    if (ok) {
        (void)catalogue_parallel(ret->count, NULL, read_entry, &reading);
        ok = journal == NULL || join(ret, journal, err);
    }
    if (!ok) {
        catalogue_done(ret);
        return false;
    }
    if (ret->count != 0) {
        qsort(ret->entries, ret->count, sizeof(struct catalogue_entry), by_age);
    }
    return true;
}

void catalogue_done(struct catalogue *catalogue)
{
    arena_done(&catalogue->arena);
    free(catalogue->entries);
    free(catalogue->missing);
    *catalogue = (struct catalogue){0};
}

static bool is_prefix(str id)
{
    bool hex = id.len >= PREFIX_MIN && id.len <= 2 * CHANGE_ID_BYTES;
    for (size_t i = 0; hex && i < id.len; i++) {
        hex = memchr("0123456789abcdef", id.ptr[i], 16) != NULL;
    }
    return hex;
}

const struct catalogue_entry *catalogue_find(const struct catalogue *catalogue,
                                             struct journal *journal, str id, struct err *err)
{
    const struct catalogue_entry *found = NULL;
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct catalogue_entry *entry = &catalogue->entries[i];
        if (str_eqz(id, entry->name)) {
            return entry;
        }
        if (entry->leaving || !is_prefix(id) || !str_starts(str_of(entry->change), id)) {
            continue;
        }
        if (found != NULL) {
            (void)err_set(err, ERR_USAGE,
                          "could not choose a backup: '%" STR_FMT "' names more than one",
                          STR_ARG(id));
            (void)err_hint(err, "Give more of the id; `steward backups list` shows them.");
            return NULL;
        }
        found = entry;
    }
    if (found != NULL) {
        return found;
    }
    char at[CLOCK_TEXT_BYTES] = "";
    struct arena arena = {0};
    bool asked =
        journal == NULL || !is_prefix(id) || catalogue_pruned(journal, str_z(&arena, id), at, err);
    arena_done(&arena);
    if (asked && at[0] != '\0') {
        (void)err_set(err, ERR_NOT_FOUND,
                      "could not find a backup '%" STR_FMT "': it was pruned at %s", STR_ARG(id),
                      at);
    } else if (asked) {
        (void)err_set(err, ERR_NOT_FOUND, "could not find a backup '%" STR_FMT "'", STR_ARG(id));
        (void)err_hint(err, "Give the id of a change, or its first 4 characters or more; `steward "
                            "backups list` shows them.");
    }
    return NULL;
}
