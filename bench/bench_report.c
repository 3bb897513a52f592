/* SPDX-License-Identifier: MIT */
/*
 * Reports of a large run: wall time, CPU time and peak memory of both formats.
 *
 *   bench_report [DIR] [CHANGES]      (default: below $TMPDIR, 100000)
 *
 * The run is made once, by a process of its own; each report is made by a process of its own, so that
 * its peak is its own.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "engine/engine.h"

enum { THREADS = 32 };

static const char *workspace;
static uint64_t changes = 100000;
static struct settings settings = {.backup_dir = "backups", .log_level = LOG_INFO};

static double now_s(void)
{
    return (double)clock_mono_ns(clock_system()) / 1e9;
}

static void must(bool ok, const struct err *err)
{
    if (!ok) {
        (void)fprintf(stderr, "bench_report: %s\n", err->message);
        exit(1);
    }
}

/* --- the run ------------------------------------------------------------------------------------ */

static const struct plan_column columns[] = {
    {STR("email"), STR("email"), STR("email"), true},
    {STR("external_ref"), STR("external_ref"), STR("trim"), true},
    {STR("display_name"), STR("display_name"), STR("trim"), false},
    {STR("full_name"), STR("full_name"), STR("trim"), false},
    {STR("created_at"), STR(""), STR("trim"), false},
    {STR("tickets"), STR(""), STR("trim"), false},
};

static void add_change(struct plan_writer *writer, uint64_t i)
{
    static const char *const strategies[] = {"same e-mail, one verified", "same e-mail family",
                                             "account and name", "fallback"};
    struct err err = {0};
    char text[8][80];
    (void)snprintf(text[0], sizeof(text[0]), "don:identity:dvrv-us-1:devo/abc:revu/%llu",
                   (unsigned long long)i * 2);
    (void)snprintf(text[1], sizeof(text[1]), "don:identity:dvrv-us-1:devo/abc:revu/%llu",
                   (unsigned long long)i * 2 + 1);
    (void)snprintf(text[2], sizeof(text[2]), "somebody.%llu@example.com", (unsigned long long)i);
    (void)snprintf(text[3], sizeof(text[3]), "REVU-%llu", (unsigned long long)i * 2);
    (void)snprintf(text[4], sizeof(text[4]), "user_%llx", (unsigned long long)i * 7919);
    (void)snprintf(text[5], sizeof(text[5]), "Some <Body> %llu", (unsigned long long)i);
    const struct plan_value values[] = {
        {str_of(text[2]), str_of(text[2])},     {str_of(text[3]), str_of(text[4])},
        {str_of(text[5]), STR("Some Body")},    {STR("Some Body"), STR("Some Body")},
        {STR("2024-01-02"), STR("2023-05-06")}, {STR("3"), STR("12")},
    };
    const struct plan_change change = {.target = str_of(text[0]),
                                       .survivor = str_of(text[1]),
                                       .strategy = str_of(strategies[i % 4]),
                                       .reason = STR("the newer one has no tickets of its own"),
                                       .values = values};
    const struct plan_finding review = {str_of(text[3]), i, STR("more than one could survive")};
    must(plan_add_change(writer, &change, &err), &err);
    must(plan_add_review(writer, &review, &err), &err);
}

static bool make_plan(struct job_run *run, const void *options UNUSED, const char *path,
                      struct plan_summary *ret, struct err *err)
{
    const struct plan_header header = {.job = STR("merge"),
                                       .rules = STR("external-contacts"),
                                       .rules_hash = STR("00"),
                                       .kind = STR("merge-contact"),
                                       .source = STR("csv"),
                                       .columns = columns,
                                       .column_count = ARRAY_LEN(columns)};
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(run->workspace_fd, path, &header, err);
    for (uint64_t i = 0; writer != NULL && i < changes; i++) {
        add_change(writer, i);
    }
    return writer != NULL && plan_writer_finish(writer, &ret->totals, err);
}

struct worker {
    pthread_t thread;
    struct journal *journal;
    int64_t run;
    uint64_t from;
    uint64_t to;
};

/* One change in twenty is skipped for drift, the others are done. */
static void *walk(void *arg)
{
    static const enum change_state path[] = {CHANGE_PLANNED, CHANGE_BACKED_UP, CHANGE_SENT,
                                             CHANGE_VERIFIED};
    const struct worker *worker = arg;
    struct err err = {0};
    struct err drift = {0};
    (void)err_set(&drift, ERR_DRIFT, "contact 'REVU-1' has changed since the plan");
    for (uint64_t seq = worker->from; seq < worker->to; seq++) {
        bool skipped = seq % 20 == 0;
        for (size_t i = 0; i + 1 < ARRAY_LEN(path); i++) {
            struct transition move = {.run = worker->run,
                                      .seq = seq,
                                      .from = path[i],
                                      .to = skipped ? CHANGE_SKIPPED : path[i + 1],
                                      .count_attempt = path[i + 1] == CHANGE_SENT,
                                      .error = skipped ? &drift : NULL};
            memcpy(move.id, &seq, sizeof(seq));
            if (!skipped && i == 0) {
                move.backup = "backups/somebody@example.com_20261124_120000";
                move.detail = "{\"counts\":{\"tickets\":{\"backed up\":3,\"with the survivor "
                              "after\":3},\"conversations\":{\"backed up\":1,\"with the survivor "
                              "after\":1}}}";
            }
            must(journal_move(worker->journal, &move, &err), &err);
            if (skipped) {
                break;
            }
        }
    }
    return NULL;
}

static struct engine *open_engine(bool write)
{
    struct err err = {0};
    const struct engine_options options = {.workspace = workspace,
                                           .command = "bench",
                                           .write = write,
                                           .settings = &settings,
                                           .stderr_level = LOG_OFF};
    struct engine *engine = engine_open(&options, &err);
    must(engine != NULL, &err);
    return engine;
}

static void make_run(void)
{
    static const struct job job = {.name = "merge", .plan = make_plan};
    const struct plan_intent intent = {
        .job = &job, .rules = "external-contacts", .source = "contacts.csv", .options_json = "{}"};
    struct err err = {0};
    struct plan_summary summary;
    struct worker workers[THREADS];
    int64_t run;
    struct engine *engine = open_engine(true);
    struct journal *journal = engine_journal(engine);
    must(engine_plan(engine, &intent, &run, &summary, &err), &err);
    must(journal_run_move(journal, run, RUN_APPLYING, NULL, &err), &err);
    for (uint64_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.journal = journal,
                                     .run = run,
                                     .from = changes * i / THREADS,
                                     .to = changes * (i + 1) / THREADS};
        if (pthread_create(&workers[i].thread, NULL, walk, &workers[i]) != 0) {
            exit(1);
        }
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(workers[i].thread, NULL); /* they end by themselves */
    }
    must(journal_run_move(journal, run, RUN_DONE, NULL, &err), &err);
    engine_close(engine);
}

/* --- the reports -------------------------------------------------------------------------------- */

static void make_report(enum report_format format, const char *name)
{
    struct err err = {0};
    struct engine *engine = open_engine(false);
    must(engine_report_file(engine, 1, format, engine_workspace_fd(engine), name, &err), &err);
    engine_close(engine);
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* Runs `work` in a child; its usage is printed where `what` is not NULL. */
static void in_a_child(const char *what, enum report_format format, const char *name)
{
    double wall = now_s();
    pid_t child = fork();
    if (child == 0) {
        if (what == NULL) {
            make_run();
        } else {
            make_report(format, name);
        }
        exit(0);
    }
    int status = 1;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) {
        exit(1);
    }
    if (what == NULL) {
        return;
    }
    struct stat stat;
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/%s", workspace, name);
    if (lstat(path, &stat) != 0) {
        exit(1);
    }
    printf("%s  %6.2f s, %5.2f s CPU, %6.1f MB peak, file of %.1f MB\n", what, now_s() - wall,
           seconds(usage.ru_utime) + seconds(usage.ru_stime), (double)usage.ru_maxrss / 1024,
           (double)stat.st_size / 1e6);
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    char path[4096];
    struct err err = {0};
    (void)snprintf(path, sizeof(path), "%s/steward-bench-report-%d",
                   argc > 1      ? argv[1]
                   : tmp != NULL ? tmp
                                 : "/tmp",
                   (int)getpid());
    if (argc > 2) {
        changes = strtoull(argv[2], NULL, 10);
    }
    workspace = path;
    must(fs_mkdirs(AT_FDCWD, path, &err), &err);
    in_a_child(NULL, REPORT_JSON, NULL);
    printf("reports of a run of %llu changes, all with a row in the journal:\n",
           (unsigned long long)changes);
    (void)fflush(stdout);
    in_a_child("  HTML", REPORT_HTML, "run.html");
    (void)fflush(stdout);
    in_a_child("  JSON", REPORT_JSON, "run.json");
    (void)fflush(stdout);
    if (getenv("STEWARD_BENCH_KEEP") == NULL) {
        must(fs_remove_tree(AT_FDCWD, path, &err), &err);
    }
    return 0;
}
