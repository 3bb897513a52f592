/* SPDX-License-Identifier: MIT */
/*
 * What the store can do: durable transitions by number of threads, opening and counting a run of a
 * million changed rows, writing and reading a plan, sealing backups.
 *
 *   bench_journal [DIR] [ROWS]      (default: below $TMPDIR, 1000000)
 *
 * The disk decides much of it, so fsync is measured first and printed.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/num.h"
#include "store/journal.h"
#include "store/plan.h"
#include "store/vault.h"

enum {
    THREADS_MAX = 32,
    TRANSITIONS = 20000,
    FSYNCS = 200,
    BACKUP_FILES = 15,
    BACKUP_FILE_BYTES = 4000,
    BACKUPS = 400,
};

static double now_s(void)
{
    return (double)clock_mono_ns(clock_system()) / 1e9;
}

static double cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage); /* cannot fail for oneself */
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static NORETURN void give_up(const struct err *err)
{
    (void)fprintf(stderr, "bench_journal: %s\n", err->message);
    exit(1);
}

static void must(bool ok, const struct err *err)
{
    if (!ok) {
        give_up(err);
    }
}

/* --- journal ------------------------------------------------------------------------------------ */

struct worker {
    pthread_t thread;
    struct journal *journal;
    int64_t run;
    uint64_t from;
    uint64_t to;
};

static struct transition transition_of(int64_t run, uint64_t seq, enum change_state from,
                                       enum change_state to)
{
    struct transition move = {
        .run = run, .seq = seq, .from = from, .to = to, .count_attempt = to == CHANGE_SENT};
    memcpy(move.id, &seq, sizeof(seq));
    if (to == CHANGE_BACKED_UP) {
        move.backup = "backups/someone@example.com_20261124_120000";
    }
    return move;
}

static void *walk(void *arg)
{
    static const enum change_state path[] = {CHANGE_PLANNED, CHANGE_BACKED_UP, CHANGE_SENT,
                                             CHANGE_VERIFIED};
    const struct worker *worker = arg;
    struct err err = {0};
    for (uint64_t seq = worker->from; seq < worker->to; seq++) {
        for (size_t i = 0; i + 1 < ARRAY_LEN(path); i++) {
            struct transition move = transition_of(worker->run, seq, path[i], path[i + 1]);
            must(journal_move(worker->journal, &move, &err), &err);
        }
    }
    return NULL;
}

static int64_t new_run(struct journal *journal, uint64_t changes)
{
    struct err err = {0};
    struct run run = {.job = "merge", .rules = "revu-pairs", .options = STR("{}")};
    struct plan_totals totals = {.changes = changes};
    int64_t id = 0;
    must(journal_run_new(journal, &run, &id, &err), &err);
    must(journal_run_planned(journal, id, "plans/1.plan", &totals, STR_NONE, &err), &err);
    return id;
}

static void measure_transitions(const char *path, int threads)
{
    struct err err = {0};
    struct worker workers[THREADS_MAX] = {0};
    uint64_t each = TRANSITIONS / 3 / (uint64_t)threads;
    AUTO(journal_close)
    struct journal *journal = journal_open(path, JOURNAL_WRITE, clock_system(), &err);
    must(journal != NULL, &err);
    int64_t run = new_run(journal, TRANSITIONS);
    double wall = now_s();
    double cpu = cpu_s();
    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.journal = journal,
                                     .run = run,
                                     .from = each * (uint64_t)i,
                                     .to = each * (uint64_t)(i + 1)};
        if (pthread_create(&workers[i].thread, NULL, walk, &workers[i]) != 0) {
            exit(1);
        }
    }
    for (int i = 0; i < threads; i++) {
        (void)pthread_join(workers[i].thread, NULL); /* they end by themselves */
    }
    wall = now_s() - wall;
    uint64_t done = each * 3 * (uint64_t)threads;
    printf("transitions, %2d threads   %9.0f /s   %6.1f us CPU each\n", threads,
           (double)done / wall, (cpu_s() - cpu) / (double)done * 1e6);
}

static bool count_row(void *ctx, const struct change_row *row)
{
    uint64_t *sum = ctx;
    *sum += row->seq;
    return true;
}

static void fill(const char *path, uint64_t rows)
{
    struct err err = {0};
    struct worker workers[THREADS_MAX] = {0};
    AUTO(journal_close)
    struct journal *journal = journal_open(path, JOURNAL_WRITE, clock_system(), &err);
    must(journal != NULL, &err);
    int64_t run = new_run(journal, rows);
    double wall = now_s();
    for (uint64_t i = 0; i < THREADS_MAX; i++) {
        workers[i] = (struct worker){.journal = journal,
                                     .run = run,
                                     .from = rows * i / THREADS_MAX,
                                     .to = rows * (i + 1) / THREADS_MAX};
        if (pthread_create(&workers[i].thread, NULL, walk, &workers[i]) != 0) {
            exit(1);
        }
    }
    for (int i = 0; i < THREADS_MAX; i++) {
        (void)pthread_join(workers[i].thread, NULL); /* they end by themselves */
    }
    printf("a run of %llu changes, 3 transitions each: %.1f s, %.0f /s\n", (unsigned long long)rows,
           now_s() - wall, (double)rows * 3 / (now_s() - wall));
}

static void measure_large_run(const char *path, uint64_t rows)
{
    struct err err = {0};
    struct arena arena = {0};
    struct run run;
    int64_t last = 0;
    uint64_t sum = 0;
    fill(path, rows);
    double wall = now_s();
    AUTO(journal_close)
    struct journal *journal = journal_open(path, JOURNAL_READ, clock_system(), &err);
    must(journal != NULL, &err);
    printf("  open                   %9.2f ms\n", (now_s() - wall) * 1e3);
    wall = now_s();
    must(journal_run_last(journal, &last, &err), &err);
    must(journal_run_get(journal, last, &arena, &run, &err), &err);
    printf("  run_last and run_get   %9.2f ms\n", (now_s() - wall) * 1e3);
    wall = now_s();
    must(journal_change_each(journal, last, count_row, &sum, &err), &err);
    printf("  change_each            %9.2f s\n", now_s() - wall);
    wall = now_s();
    struct audit_walk walk;
    struct audit_difference difference;
    must(journal_audit_verify(journal, &walk, &err), &err);
    printf("  audit_verify           %9.2f s, %llu entries\n", now_s() - wall,
           (unsigned long long)walk.entries);
    wall = now_s();
    must(journal_audit_compare(journal, NULL, &walk, &difference, &err), &err);
    printf("  audit_compare          %9.2f s, broken at %llu, %llu differences\n", now_s() - wall,
           (unsigned long long)walk.broken, (unsigned long long)difference.count);
    arena_done(&arena);
}

/* --- plan --------------------------------------------------------------------------------------- */

static const struct plan_column columns[] = {
    {STR("email"), STR("email"), STR("email"), true},
    {STR("external_ref"), STR("external_ref"), STR("trim"), true},
    {STR("display_name"), STR("display_name"), STR("trim"), false},
};

static uint64_t write_plan(int dir, uint64_t rows)
{
    struct err err = {0};
    struct plan_header header = {.job = STR("merge"),
                                 .rules = STR("revu-pairs"),
                                 .kind = STR("merge-contact"),
                                 .source = STR("csv"),
                                 .columns = columns,
                                 .column_count = ARRAY_LEN(columns)};
    struct plan_value values[ARRAY_LEN(columns)];
    struct plan_totals totals;
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(dir, "bench.plan", &header, &err);
    must(writer != NULL, &err);
    char target[64];
    char email[64];
    for (uint64_t i = 0; i < rows; i++) {
        (void)snprintf(target, sizeof(target), "don:identity:dvrv-us-1:devo/1:revu/%llu",
                       (unsigned long long)i);
        (void)snprintf(email, sizeof(email), "someone.%llu@example.com", (unsigned long long)i);
        values[0] = (struct plan_value){str_of(email), str_of(email)};
        values[1] = (struct plan_value){STR("REVU-1234567"), STR("user_1234567")};
        values[2] = (struct plan_value){STR("Some One"), STR("Some One")};
        struct plan_change change = {.target = str_of(target),
                                     .survivor = STR("don:identity:dvrv-us-1:devo/1:revu/1"),
                                     .strategy = STR("revu-pair"),
                                     .reason = STR("same e-mail, REVU and user reference"),
                                     .values = values};
        must(plan_add_change(writer, &change, &err), &err);
    }
    must(plan_writer_finish(writer, &totals, &err), &err);
    struct stat st;
    return fstatat(dir, "bench.plan", &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

static void measure_plan(int dir, uint64_t rows)
{
    struct err err = {0};
    double wall = now_s();
    double cpu = cpu_s();
    uint64_t bytes = write_plan(dir, rows);
    printf("plan of %llu changes, %llu bytes each\n", (unsigned long long)rows,
           (unsigned long long)(bytes / rows));
    printf("  write                  %9.2f s, %.2f s CPU\n", now_s() - wall, cpu_s() - cpu);
    wall = now_s();
    AUTO(plan_reader_free)
    struct plan_reader *reader = plan_reader_open(dir, "bench.plan", NULL, &err);
    must(reader != NULL, &err);
    printf("  open                   %9.2f ms\n", (now_s() - wall) * 1e3);
    wall = now_s();
    enum plan_item item = PLAN_CHANGE;
    while (item != PLAN_END) {
        struct plan_change change;
        struct plan_finding finding;
        must(plan_next(reader, &item, &change, &finding, &err), &err);
    }
    wall = now_s() - wall;
    printf("  read                   %9.2f s, %.0f ns each\n", wall, wall / (double)rows * 1e9);
}

/* --- vault -------------------------------------------------------------------------------------- */

struct backuper {
    pthread_t thread;
    struct vault *vault;
    int number;
    int count;
};

static void one_backup(struct vault *vault, int number, str bytes)
{
    struct err err = {0};
    char name[64];
    char path[64];
    (void)snprintf(name, sizeof(name), "someone.%d@example.com", number);
    AUTO(backup_free)
    struct backup *backup = vault_begin(vault, str_of(name), "20261124_120000", name, 0, &err);
    must(backup != NULL, &err);
    must(backup_add(backup, "metadata/contact_info.json", bytes, &err), &err);
    for (int i = 1; i < BACKUP_FILES; i++) {
        (void)snprintf(path, sizeof(path), "conversations/TKT-%d/%s.json", i / 2,
                       i % 2 == 0 ? "messages" : "participants");
        must(backup_add(backup, path, bytes, &err), &err);
    }
    must(backup_seal(backup, &err), &err);
}

static void *back_up(void *arg)
{
    const struct backuper *backuper = arg;
    AUTO_FREE char *bytes = xcalloc(BACKUP_FILE_BYTES, 1);
    memset(bytes, '7', BACKUP_FILE_BYTES);
    for (int i = 0; i < backuper->count; i++) {
        one_backup(backuper->vault, backuper->number * BACKUPS + i,
                   (str){bytes, BACKUP_FILE_BYTES});
    }
    return NULL;
}

static void measure_vault(int dir, int threads, bool compress)
{
    struct err err = {0};
    struct vault_options options = {.compress = compress};
    struct backuper backupers[THREADS_MAX] = {0};
    must(fs_remove_tree(dir, "backups", &err), &err);
    AUTO(vault_close) struct vault *vault = vault_open(dir, "backups", &options, &err);
    must(vault != NULL, &err);
    double wall = now_s();
    double cpu = cpu_s();
    for (int i = 0; i < threads; i++) {
        backupers[i] = (struct backuper){.vault = vault, .number = i, .count = BACKUPS / threads};
        if (pthread_create(&backupers[i].thread, NULL, back_up, &backupers[i]) != 0) {
            exit(1);
        }
    }
    for (int i = 0; i < threads; i++) {
        (void)pthread_join(backupers[i].thread, NULL); /* they end by themselves */
    }
    int done = BACKUPS / threads * threads;
    wall = now_s() - wall;
    printf("sealed backups of %d files, %d threads%s   %6.0f /s   %.2f ms CPU each\n", BACKUP_FILES,
           threads, compress ? ", zstd" : "", (double)done / wall, (cpu_s() - cpu) / done * 1e3);
}

/* ------------------------------------------------------------------------------------------------ */

static void measure_fsync(int dir)
{
    struct err err = {0};
    AUTO_CLOSE int fd = openat(dir, "fsync", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    double wall = now_s();
    for (int i = 0; i < FSYNCS; i++) {
        must(fs_write_all(fd, STR("x"), "fsync", &err) && fs_fsync(fd, "fsync", &err), &err);
    }
    printf("fsync of a grown file    %9.3f ms\n", (now_s() - wall) * 1e3 / FSYNCS);
}

int main(int argc, char **argv)
{
    static const int thread_counts[] = {1, 2, 4, 8, 16, 32};
    struct err err = {0};
    char dir_path[512];
    char path[600];
    int dir = -1;
    int64_t rows = 1000000;
    const char *base = getenv("TMPDIR");
    (void)snprintf(dir_path, sizeof(dir_path), "%s/steward-bench-XXXXXX",
                   argc > 1       ? argv[1]
                   : base != NULL ? base
                                  : "/tmp");
    if (argc > 2 && !num_parse_i64(str_of(argv[2]), 1, 100000000, &rows)) {
        (void)fprintf(stderr, "usage: bench_journal [DIR] [ROWS]\n");
        return 2;
    }
    if (mkdtemp(dir_path) == NULL) {
        perror("bench_journal: could not make a directory");
        return 1;
    }
    must(fs_open_dir(AT_FDCWD, dir_path, &dir, &err), &err);
    setvbuf(stdout, NULL, _IOLBF, 0);
    measure_fsync(dir);
    (void)snprintf(path, sizeof(path), "%s/steward.db", dir_path);
    for (size_t i = 0; i < ARRAY_LEN(thread_counts); i++) {
        measure_transitions(path, thread_counts[i]);
    }
    measure_vault(dir, 1, false);
    measure_vault(dir, 8, false);
    measure_vault(dir, 8, true);
    measure_plan(dir, (uint64_t)rows);
    measure_large_run(path, (uint64_t)rows);
    (void)close(dir); /* a directory opened for reading */
    must(fs_remove_tree(AT_FDCWD, dir_path, &err), &err);
    return 0;
}
