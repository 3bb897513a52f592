/* SPDX-License-Identifier: MIT */
#include "store/catalogue.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/num.h"
#include "harness/fakeclock.h"
#include "harness/tap.h"

enum { MS_A_DAY = 86400000 };

static struct fakeclock fake;

/* --- a workspace ---------------------------------------------------------------------------------- */

struct place {
    int dir;
    struct vault *vault;
    struct journal *journal;
    int64_t run;
};

/* A run of so many planned changes. */
static void new_run(struct place *place, const char *job, uint64_t changes)
{
    struct err err;
    struct run run = {.options = STR("{}")};
    struct plan_totals totals = {.changes = changes};
    (void)snprintf(run.job, sizeof(run.job), "%s", job);
    CHECK_OK(journal_run_new(place->journal, &run, &place->run, &err), err);
    CHECK_OK(
        journal_run_planned(place->journal, place->run, "plans/1.plan", &totals, STR_NONE, &err),
        err);
    CHECK_OK(journal_run_move(place->journal, place->run, RUN_APPLYING, NULL, &err), err);
}

static void end_run(struct place *place)
{
    struct err err;
    CHECK_OK(journal_run_move(place->journal, place->run, RUN_DONE, NULL, &err), err);
}

static void open_place(struct place *place)
{
    struct err err;
    static const struct vault_options options = {.free_floor_bytes = 1};
    AUTO_BUF struct buf path = {0};
    fakeclock_init(&fake);
    CHECK_OK(fs_open_dir(AT_FDCWD, tap_tmpdir(), &place->dir, &err), err);
    buf_printf(&path, "%s/steward.db", tap_tmpdir());
    place->journal = journal_open(buf_z(&path), JOURNAL_WRITE, &fake.clock, &err);
    place->vault = vault_open(place->dir, "backups", &options, &err);
    if (!CHECK(place->journal != NULL && place->vault != NULL)) {
        exit(1); /* nothing below could go on */
    }
}

static void close_place(struct place *place)
{
    vault_close(place->vault);
    journal_close(place->journal);
    (void)close(place->dir); /* a directory opened for reading */
}

static void id_of(int number, uint8_t id[CHANGE_ID_BYTES], char *hex)
{
    memset(id, number, CHANGE_ID_BYTES);
    num_hex(id, CHANGE_ID_BYTES, hex);
}

static void make_directory(struct place *place, int number, const char *name, bool seal, char *path)
{
    struct err err;
    uint8_t id[CHANGE_ID_BYTES];
    char hex[2 * CHANGE_ID_BYTES + 1];
    id_of(number, id, hex);
    AUTO(backup_free) struct backup *backup = NULL;
    CHECK_OK((backup = vault_begin(place->vault, str_of(name), "20261124_120000", hex, 0, &err)) !=
                 NULL,
             err);
    CHECK_OK(backup_add(backup, "tickets/tickets.json", STR("0123456789"), &err), err);
    if (seal) {
        CHECK_OK(backup_seal(backup, &err), err);
    }
    (void)snprintf(path, 128, "%s", backup_path(backup));
}

static void move(struct place *place, int number, enum change_state from, enum change_state to,
                 const char *backup)
{
    struct err err;
    char hex[2 * CHANGE_ID_BYTES + 1];
    struct transition transition = {.run = place->run,
                                    .seq = (uint64_t)number,
                                    .from = from,
                                    .to = to,
                                    .backup = backup,
                                    .count_attempt = to == CHANGE_SENT};
    id_of(number, transition.id, hex);
    CHECK_OK(journal_move(place->journal, &transition, &err), err);
}

/* A change with a sealed backup, in the given state. */
static void make_change(struct place *place, int number, enum change_state state)
{
    char name[32];
    char path[128];
    (void)snprintf(name, sizeof(name), "p%d@example.com", number);
    make_directory(place, number, name, true, path);
    move(place, number, CHANGE_PLANNED, CHANGE_BACKED_UP, path);
    if (state == CHANGE_BACKED_UP) {
        return;
    }
    if (state == CHANGE_FAILED) {
        move(place, number, CHANGE_BACKED_UP, CHANGE_FAILED, NULL);
        return;
    }
    move(place, number, CHANGE_BACKED_UP, CHANGE_SENT, NULL);
    if (state == CHANGE_SENT) {
        return;
    }
    move(place, number, CHANGE_SENT, state == CHANGE_UNDONE ? CHANGE_VERIFIED : state, NULL);
    if (state == CHANGE_UNDONE) {
        move(place, number, CHANGE_VERIFIED, CHANGE_UNDONE, NULL);
    }
}

static void describe(const struct catalogue *catalogue, const enum retention_reason *reasons,
                     struct buf *out)
{
    static const char *const needs[] = {"-", "run", "undo"};
    for (size_t i = 0; i < catalogue->count; i++) {
        const struct catalogue_entry *entry = &catalogue->entries[i];
        buf_printf(out, "%.2s %.3s run=%lld %s%s need=%s files=%llu bytes=%llu%s%s\n",
                   entry->change[0] != '\0' ? entry->change : "--", entry->name,
                   (long long)entry->run, entry->known ? change_state_name(entry->state) : "orphan",
                   entry->sealed ? "" : " unsealed", needs[entry->need],
                   (unsigned long long)entry->files, (unsigned long long)entry->bytes,
                   reasons != NULL ? " " : "", reasons != NULL ? retention_name(reasons[i]) : "");
    }
}

static void check_catalogue(struct place *place, const char *expected)
{
    struct err err;
    struct catalogue catalogue = {0};
    AUTO_BUF struct buf out = {0};
    CHECK_OK(catalogue_read(place->vault, place->journal, true, &catalogue, &err), err);
    describe(&catalogue, NULL, &out);
    for (size_t i = 0; i < catalogue.missing_count; i++) {
        buf_printf(&out, "missing %.2s run=%lld\n", catalogue.missing[i].change,
                   (long long)catalogue.missing[i].run);
    }
    CHECK_STR(buf_z(&out), expected);
    catalogue_done(&catalogue);
}

/* --- the catalogue -------------------------------------------------------------------------------- */

static void directories_are_held_against_the_journal(void)
{
    struct place place;
    char path[128];
    struct err err;
    open_place(&place);
    new_run(&place, "merge", 6);
    make_change(&place, 1, CHANGE_VERIFIED);
    make_change(&place, 2, CHANGE_FAILED);
    end_run(&place);
    fakeclock_advance_ms(&fake, 1000);
    new_run(&place, "merge", 6);
    make_change(&place, 3, CHANGE_VERIFIED);
    make_change(&place, 4, CHANGE_UNKNOWN);
    CHECK_OK(fs_remove_tree(place.dir, "backups/p2@example.com_20261124_120000", &err), err);
    CHECK(mkdirat(place.dir, "backups/.old", 0700) == 0);
    CHECK(mkdirat(place.dir, "backups/strange", 0700) == 0);
    make_directory(&place, 9, "q@example.com", false, path);
    struct timespec times[2] = {{1795521700, 0}, {1795521700, 0}};
    CHECK(utimensat(place.dir, "backups/.old", times, 0) == 0);
    CHECK(utimensat(place.dir, "backups/strange", times, 0) == 0);
    CHECK(utimensat(place.dir, path, times, 0) == 0);
    check_catalogue(&place, "01 p1@ run=1 verified need=undo files=1 bytes=10\n"
                            "03 p3@ run=2 verified need=run files=1 bytes=10\n"
                            "04 p4@ run=2 unknown need=run files=1 bytes=10\n"
                            "-- .ol run=0 orphan unsealed need=- files=0 bytes=0\n"
                            "09 q@e run=0 orphan unsealed need=- files=2 bytes=76\n"
                            "-- str run=0 orphan unsealed need=- files=0 bytes=0\n"
                            "missing 02 run=1\n");
    end_run(&place);
    new_run(&place, "merge-undo", 1);
    check_catalogue(&place, /* while something is undone, verified ones are needed */
                    "01 p1@ run=1 verified need=run files=1 bytes=10\n"
                    "03 p3@ run=2 verified need=run files=1 bytes=10\n"
                    "04 p4@ run=2 unknown need=run files=1 bytes=10\n"
                    "-- .ol run=0 orphan unsealed need=- files=0 bytes=0\n"
                    "09 q@e run=0 orphan unsealed need=- files=2 bytes=76\n"
                    "-- str run=0 orphan unsealed need=- files=0 bytes=0\n"
                    "missing 02 run=1\n");
    close_place(&place);
}

static void a_backup_is_found_by_its_change(void)
{
    struct place place;
    struct err err;
    struct catalogue catalogue = {0};
    open_place(&place);
    new_run(&place, "merge", 20);
    make_change(&place, 0x11, CHANGE_VERIFIED);
    make_change(&place, 0x12, CHANGE_VERIFIED);
    CHECK_OK(catalogue_read(place.vault, place.journal, true, &catalogue, &err), err);
    const struct catalogue_entry *found = NULL;
    CHECK_OK((found = catalogue_find(&catalogue, place.journal, STR("1111"), &err)) != NULL, err);
    CHECK(found != NULL && strncmp(found->change, "1111", 4) == 0);
    CHECK_OK((found = catalogue_find(&catalogue, place.journal,
                                     STR("p18@example.com_20261124_120000"), &err)) != NULL,
             err);
    CHECK(found != NULL && strncmp(found->change, "1212", 4) == 0);
    CHECK_ERR(catalogue_find(&catalogue, place.journal, STR("111"), &err) != NULL, err,
              ERR_NOT_FOUND, "could not find a backup '111'");
    CHECK_ERR(catalogue_find(&catalogue, place.journal, STR("1313"), &err) != NULL, err,
              ERR_NOT_FOUND, "could not find a backup '1313'");
    /* a copy of a directory has the same change */
    memcpy(catalogue.entries[0].change, catalogue.entries[1].change,
           sizeof(catalogue.entries[0].change));
    CHECK_ERR(catalogue_find(&catalogue, NULL, STR("12121212"), &err) != NULL, err, ERR_USAGE,
              "could not choose a backup: '12121212' names more than one");
    catalogue_done(&catalogue);
    close_place(&place);
}

/* --- retention ------------------------------------------------------------------------------------ */

static struct catalogue_entry entry_of(const char *what, int days_old)
{
    struct catalogue_entry entry = {.name = what,
                                    .known = true,
                                    .sealed = true,
                                    .bytes = 100,
                                    .at_ms = FAKECLOCK_REAL_MS - (int64_t)days_old * MS_A_DAY};
    if (strcmp(what, "run") == 0) {
        entry.need = NEED_RUN;
    } else if (strcmp(what, "undo") == 0) {
        entry.need = NEED_UNDO;
    } else if (strcmp(what, "orphan") == 0) {
        entry.known = false;
    } else if (strcmp(what, "half") == 0) {
        entry.known = false;
        entry.sealed = false;
    } else if (strcmp(what, "leaving") == 0) {
        entry.known = false;
        entry.sealed = false;
        entry.leaving = true;
    }
    return entry;
}

static void the_table_of_retention(void)
{
    static const char *const kinds[] = {"run", "undo", "orphan", "half", "final", "leaving"};
    struct catalogue_entry entries[ARRAY_LEN(kinds) * 3];
    enum retention_reason reasons[ARRAY_LEN(entries)];
    struct catalogue catalogue = {.entries = entries};
    static const int ages[] = {31, 30, 29};
    for (size_t a = 0; a < ARRAY_LEN(ages); a++) {
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            entries[catalogue.count++] = entry_of(kinds[k], ages[a]);
        }
    }
    static const struct {
        uint64_t max_bytes;
        bool force;
        const char *old;   /* 31 and 30 days */
        const char *young; /* 29 */
        uint64_t kept;
    } cases[] = {
        {0, false, "needed-by-run old orphan unfinished old leaving ",
         "needed-by-run needed-by-undo orphan young young leaving ", 900},
        /* the limit takes the two that nobody needs, and no more */
        {899, false, "needed-by-run old orphan unfinished old leaving ",
         "needed-by-run needed-by-undo orphan size young leaving ", 800},
        {1, false, "needed-by-run old orphan unfinished old leaving ",
         "needed-by-run needed-by-undo orphan size size leaving ", 700},
        {900, false, "needed-by-run old orphan unfinished old leaving ",
         "needed-by-run needed-by-undo orphan young young leaving ", 900},
        {0, true, "old old old unfinished old leaving ", "young young young young young leaving ",
         500},
        {250, true, "old old old unfinished old leaving ", "size size size young young leaving ",
         200},
    };
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        const struct retention retention = {.now_ms = FAKECLOCK_REAL_MS,
                                            .days = 30,
                                            .max_bytes = cases[c].max_bytes,
                                            .force = cases[c].force};
        AUTO_BUF struct buf out = {0};
        AUTO_BUF struct buf expected = {0};
        CHECK_INT(catalogue_retention(&catalogue, &retention, reasons), cases[c].kept);
        for (size_t i = 0; i < catalogue.count; i++) {
            buf_printf(&out, "%s ", retention_name(reasons[i]));
        }
        buf_printf(&expected, "%s%s%s", cases[c].old, cases[c].old, cases[c].young);
        CHECK_STR(buf_z(&out), buf_z(&expected));
    }
    /* a clock that was set back makes nothing old */
    entries[0] = entry_of("final", -5);
    const struct retention early = {.now_ms = 0, .days = 1};
    catalogue.count = 1;
    CHECK_INT(catalogue_retention(&catalogue, &early, reasons), 100);
    CHECK_STR(retention_text(reasons[0]), "younger than the retention");
}

/* --- pruning -------------------------------------------------------------------------------------- */

static bool prune(struct place *place, int days_later, bool force, uint64_t *removed,
                  struct err *err)
{
    struct catalogue catalogue = {0};
    enum retention_reason reasons[16];
    const struct retention retention = {.now_ms = clock_real_ms(&fake.clock) +
                                                  (int64_t)days_later * MS_A_DAY,
                                        .days = 30,
                                        .force = force};
    bool ok = catalogue_read(place->vault, place->journal, true, &catalogue, err);
    if (ok) {
        (void)catalogue_retention(&catalogue, &retention, reasons);
        ok = catalogue_prune(&catalogue, reasons, place->vault, place->journal, &fake.clock, NULL,
                             removed, err);
        catalogue_done(&catalogue);
    }
    return ok;
}

static void fill_place(struct place *place)
{
    new_run(place, "merge", 6);
    make_change(place, 1, CHANGE_VERIFIED);
    make_change(place, 2, CHANGE_FAILED);
    make_change(place, 3, CHANGE_UNDONE);
    make_change(place, 4, CHANGE_UNKNOWN);
    end_run(place);
}

static bool collect(void *ctx, str key, str value)
{
    buf_printf(ctx, "%.9s %" STR_FMT "\n", key.ptr, STR_ARG(value));
    return true;
}

static bool collect_audit(void *ctx, uint64_t seq, str body)
{
    (void)seq;
    if (memmem(body.ptr, body.len, "\"prune\"", 7) != NULL) {
        buf_addz(ctx, "prune\n");
        CHECK(memmem(body.ptr, body.len, "example.com", 11) == NULL);
    }
    return true;
}

static void pruning_removes_and_remembers(void)
{
    struct place place;
    struct err err;
    uint64_t removed = 0;
    char at[CLOCK_TEXT_BYTES];
    open_place(&place);
    fill_place(&place);
    CHECK_OK(prune(&place, 29, false, &removed, &err), err);
    CHECK_INT(removed, 0);
    CHECK_OK(prune(&place, 31, false, &removed, &err), err);
    CHECK_INT(removed, 3);
    check_catalogue(&place, "04 p4@ run=1 unknown need=run files=1 bytes=10\n");
    AUTO_BUF struct buf memory = {0};
    AUTO_BUF struct buf audit = {0};
    CHECK_OK(journal_memory_each(place.journal, STR(CATALOGUE_PRUNED), collect, &memory, &err),
             err);
    CHECK_STR(buf_z(&memory),
              "pruned/01 {\"at\":\"2026-11-24T12:00:00.000Z\",\"run\":1,\"reason\":\"old\"}\n"
              "pruned/02 {\"at\":\"2026-11-24T12:00:00.000Z\",\"run\":1,\"reason\":\"old\"}\n"
              "pruned/03 {\"at\":\"2026-11-24T12:00:00.000Z\",\"run\":1,\"reason\":\"old\"}\n");
    CHECK_OK(journal_audit_each(place.journal, 1, collect_audit, &audit, &err), err);
    CHECK_STR(buf_z(&audit), "prune\nprune\nprune\n");
    CHECK_OK(catalogue_pruned(place.journal, "01010101", at, &err), err);
    CHECK_STR(at, "2026-11-24T12:00:00.000Z");
    CHECK_OK(catalogue_pruned(place.journal, "04040404", at, &err), err);
    CHECK_STR(at, "");
    struct catalogue catalogue = {0};
    CHECK_OK(catalogue_read(place.vault, place.journal, true, &catalogue, &err), err);
    CHECK_ERR(catalogue_find(&catalogue, place.journal, STR("0202"), &err) != NULL, err,
              ERR_NOT_FOUND,
              "could not find a backup '0202': it was pruned at 2026-11-24T12:00:00.000Z");
    catalogue_done(&catalogue);
    /* with force also what its run needs */
    CHECK_OK(prune(&place, 31, true, &removed, &err), err);
    CHECK_INT(removed, 1);
    check_catalogue(&place, "");
    close_place(&place);
}

static const char *failure;

static int prune_with_failure(void)
{
    struct place place;
    struct err err = {0};
    uint64_t removed = 0;
    open_place(&place);
    (void)setenv("STEWARD_FAILPOINTS", failure, 1);
    atomic_store(&failpoint_armed_, 0);
    bool ok = prune(&place, 31, false, &removed, &err);
    printf("# %s: %s\n", failure, err.message);
    (void)fflush(stdout);
    return ok ? 0 : strstr(err.message, "example.com") != NULL ? 2 : 1;
}

static int status_of(int (*run)(void))
{
    int status = 0;
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        _exit(run());
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

/* Whatever the prune was doing: each backup is there and whole, or on its way out, or gone and noted. */
static void check_between(struct place *place, const char *when)
{
    struct err err;
    struct catalogue catalogue = {0};
    CHECK_OK(catalogue_read(place->vault, place->journal, true, &catalogue, &err), err);
    if (!CHECK_INT(catalogue.missing_count, 0)) {
        printf("# %s\n", when);
    }
    for (size_t i = 0; i < catalogue.count; i++) {
        bool whole = false;
        const struct catalogue_entry *entry = &catalogue.entries[i];
        if (!entry->leaving) {
            CHECK_OK(vault_verify(place->vault, entry->name, NULL, NULL, &whole, &err), err);
            CHECK(whole && entry->known);
        }
    }
    catalogue_done(&catalogue);
}

static void a_killed_prune_leaves_nothing_half(void)
{
    static const char *const points[] = {
        "fs.rename=kill@1",    "fs.rename=kill@2",    "fs.rename=kill@3",    "fs.fsync=kill@1",
        "vault.remove=kill@1", "vault.remove=kill@2", "vault.remove=kill@3", "fs.rename=EIO@2",
        "fs.fsync=EIO@1",      "vault.remove=EIO@2",
    };
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        struct place place;
        struct err err;
        uint64_t removed = 0;
        open_place(&place);
        CHECK_OK(fs_remove_tree(place.dir, "backups", &err), err);
        close_place(&place);
        AUTO_BUF struct buf path = {0};
        static const char *const ends[] = {"", "-wal", "-shm"};
        for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
            buf_clear(&path);
            buf_printf(&path, "%s/steward.db%s", tap_tmpdir(), ends[k]);
            (void)unlinkat(AT_FDCWD, buf_z(&path), 0); /* one that is not there is fine */
        }
        open_place(&place);
        fill_place(&place);
        close_place(&place);
        failure = points[i];
        int status = status_of(prune_with_failure);
        bool kills = strstr(points[i], "kill") != NULL;
        CHECK(kills ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 1);
        open_place(&place);
        check_between(&place, points[i]);
        CHECK_OK(prune(&place, 31, false, &removed, &err), err);
        check_catalogue(&place, "04 p4@ run=1 unknown need=run files=1 bytes=10\n");
        close_place(&place);
    }
}

static void mark(void *ctx, size_t i)
{
    atomic_int *marks = ctx;
    (void)atomic_fetch_add(&marks[i], 1);
}

static void each_is_called_once_in_parallel(void)
{
    atomic_int marks[1000] = {0};
    struct stop stop;
    stop_init(&stop);
    CHECK(catalogue_parallel(1000, &stop, mark, marks));
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        CHECK_INT(atomic_load(&marks[i]), 1);
    }
    stop_raise(&stop, 1);
    CHECK(!catalogue_parallel(1000, &stop, mark, marks));
    CHECK(catalogue_parallel(0, NULL, mark, marks));
    stop_done(&stop);
}

TAP_MAIN(TAP_TEST(directories_are_held_against_the_journal),
         TAP_TEST(a_backup_is_found_by_its_change), TAP_TEST(the_table_of_retention),
         TAP_TEST(pruning_removes_and_remembers), TAP_TEST(a_killed_prune_leaves_nothing_half),
         TAP_TEST(each_is_called_once_in_parallel))
