/* SPDX-License-Identifier: MIT */
/* Undo as the engine sees it: what is chosen, what is refused, and what becomes of the run that is undone.
 * The job is made of arrays. */
#include "engine/undo.h"

#include <stdio.h>

#include "harness/tap.h"

enum { MAX = 8 };

static struct {
    const char *kinds[MAX + 1]; /* "ok", "fail", "unknown": what becomes of the change */
    int done[MAX];
    int undone[MAX];
    int finished;
    int late;           /* so often finish is not ready */
    bool undo_unknown;  /* the undo of the last change cannot be settled */
    const char *remark; /* of finish */
} remote;

static uint64_t number_of(const struct job_change *change)
{
    return (uint64_t)(change->plan.target.ptr[change->plan.target.len - 1] - '0');
}

static bool write_plan(struct job_run *run, const struct plan_header *header, const char *path,
                       bool (*fill)(struct plan_writer *writer, const void *ctx, struct err *err),
                       const void *ctx, struct plan_summary *ret, struct err *err)
{
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(run->workspace_fd, path, header, err);
    return writer != NULL && fill(writer, ctx, err) &&
           plan_writer_finish(writer, &ret->totals, err);
}

static bool fill_plan(struct plan_writer *writer, const void *ctx UNUSED, struct err *err)
{
    for (size_t i = 0; remote.kinds[i] != NULL; i++) {
        char target[16];
        (void)snprintf(target, sizeof(target), "thing-%zu", i);
        const struct plan_change change = {.target = str_of(target)};
        if (!plan_add_change(writer, &change, err)) {
            return false;
        }
    }
    return true;
}

static bool fake_plan(struct job_run *run, const void *options UNUSED, const char *path,
                      struct plan_summary *ret, struct err *err)
{
    const struct plan_header header = {.job = STR("fake"), .kind = STR("do")};
    return write_plan(run, &header, path, fill_plan, NULL, ret, err);
}

struct taker {
    struct plan_writer *writer;
    int64_t run;
};

static bool take(void *ctx, const struct plan_change *change, const struct change_row *row UNUSED,
                 const char *why_not, struct err *err)
{
    const struct taker *taker = ctx;
    if (why_not != NULL) {
        const struct plan_finding left = {.id = change->target, .reason = str_of(why_not)};
        return plan_add_review(taker->writer, &left, err);
    }
    AUTO_BUF struct buf origin = {0};
    undo_origin_text(taker->run, change->seq, &origin);
    const struct plan_value value = {.after = buf_str(&origin)};
    const struct plan_change undo = {.target = change->target, .values = &value};
    return plan_add_change(taker->writer, &undo, err);
}

static bool fill_undo(struct plan_writer *writer, const void *ctx, struct err *err)
{
    const struct undo_source *source = ctx;
    struct taker taker = {writer, source->run};
    return source->each(source->ctx, take, &taker, err);
}

static bool undo_plan(struct job_run *run, const void *options, const char *path,
                      struct plan_summary *ret, struct err *err)
{
    const struct plan_column column = {.name = STR(UNDO_ORIGIN), .form = STR("trim")};
    const struct plan_header header = {
        .job = STR("fake-undo"), .kind = STR("undo"), .columns = &column, .column_count = 1};
    return write_plan(run, &header, path, fill_undo, options, ret, err);
}

static bool fake_open(struct job_run *run UNUSED, struct err *err UNUSED)
{
    return true;
}

static void fake_close(struct job_run *run UNUSED)
{
}

static void *fake_worker_open(struct job_run *run, struct err *err UNUSED)
{
    return run;
}

static void fake_worker_close(void *worker UNUSED)
{
}

static bool fake_step(void *worker UNUSED, struct job_change *change UNUSED, struct err *err UNUSED)
{
    return true;
}

static bool fake_apply(void *worker UNUSED, struct job_change *change, struct err *err)
{
    const char *kind = remote.kinds[number_of(change)];
    if (strcmp(kind, "fail") == 0) {
        return err_set(err, ERR_REMOTE, "400");
    }
    remote.done[number_of(change)]++;
    return true;
}

static enum confirm_result fake_confirm(void *worker UNUSED, struct job_change *change,
                                        struct err *err)
{
    if (strcmp(remote.kinds[number_of(change)], "unknown") == 0) {
        (void)err_set(err, ERR_REMOTE, "something else is there");
        return CONFIRM_CONTRADICTED;
    }
    return CONFIRM_DONE;
}

static bool undo_apply(void *worker UNUSED, struct job_change *change, struct err *err UNUSED)
{
    remote.undone[number_of(change)]++;
    return true;
}

static enum confirm_result undo_confirm(void *worker UNUSED, struct job_change *change UNUSED,
                                        struct err *err)
{
    if (remote.undo_unknown) {
        (void)err_set(err, ERR_REMOTE, "there are two of it");
        return CONFIRM_CONTRADICTED;
    }
    return CONFIRM_DONE;
}

static enum confirm_result undo_finish(void *worker UNUSED, struct job_change *change UNUSED,
                                       struct err *err)
{
    remote.finished++;
    if (remote.late > 0) {
        remote.late--;
        (void)err_set(err, ERR_VERIFY, "not there yet");
        return CONFIRM_PENDING;
    }
    if (remote.remark != NULL) {
        (void)err_set(err, ERR_DRIFT, "%s", remote.remark);
    }
    return CONFIRM_DONE;
}

static void fake_forget(struct job_change *change UNUSED)
{
}

static void fake_concluded(void *worker UNUSED, struct job_change *change UNUSED)
{
}

static int64_t fake_settle(const struct settings *settings UNUSED)
{
    return 50;
}

#define FAKE                                                                                       \
    .remote = "fake", .open = fake_open, .close = fake_close, .worker_open = fake_worker_open,     \
    .worker_close = fake_worker_close, .check = fake_step, .capture = fake_step,                   \
    .forget = fake_forget, .concluded = fake_concluded, .settle_ms = fake_settle

static const struct job undo_job = {
    .name = "fake-undo",
    .plan = undo_plan,
    .apply = undo_apply,
    .confirm = undo_confirm,
    .finish = undo_finish,
    FAKE,
};
static const struct job fake_job = {
    .name = "fake",
    .undo = &undo_job,
    .plan = fake_plan,
    .apply = fake_apply,
    .confirm = fake_confirm,
    FAKE,
};

/* --- a workspace with run 1 applied ---------------------------------------------------------- */

static struct settings settings;
static struct stop stop;
static struct engine *engine;
static struct arena arena;
static struct plan_summary summary;
static struct err err;

static int64_t plan_run(const struct job *job)
{
    const struct plan_intent intent = {
        .job = job, .rules = "none", .source = "test", .options_json = "{}"};
    int64_t run = 0;
    CHECK_OK(engine_plan(engine, &intent, &run, &summary, &err), err);
    return run;
}

static void start(const char *const *kinds)
{
    memset(&remote, 0, sizeof(remote));
    for (size_t i = 0; kinds[i] != NULL; i++) {
        remote.kinds[i] = kinds[i];
    }
    settings = (struct settings){.rate_limit_period_ms = 1000,
                                 .max_retries = 3,
                                 .workers = 1,
                                 .batch_size = 100,
                                 .max_changes = 1000,
                                 .max_account_share = 100,
                                 .backup_dir = "backups",
                                 .log_level = LOG_DEBUG};
    stop_init(&stop);
    const struct engine_options options = {.workspace = tap_tmpdir(),
                                           .command = "test",
                                           .write = true,
                                           .settings = &settings,
                                           .stop = &stop,
                                           .stderr_level = LOG_OFF};
    err = (struct err){0};
    engine = engine_open(&options, &err);
    CHECK(engine != NULL);
    (void)plan_run(&fake_job);
}

static void start_applied(const char *const *kinds)
{
    start(kinds);
    bool whole = engine_apply(engine, &fake_job, 1, &err);
    CHECK(whole || err.kind == ERR_PARTIAL); /* where a kind says so */
}

static void finish(void)
{
    engine_close(engine);
    stop_done(&stop);
    arena_done(&arena);
}

static struct run run_now(int64_t id)
{
    struct run run = {0};
    CHECK_OK(journal_run_get(engine_journal(engine), id, &arena, &run, &err), err);
    return run;
}

static bool plan_undo(const struct job *job, int64_t of, const char *only, int64_t *ret_run)
{
    struct run run = run_now(of);
    summary = (struct plan_summary){0};
    err = (struct err){0};
    return engine_plan_undo(engine, job, &run, str_of(only), ret_run, &summary, &err);
}

static void check_states(int64_t id, const char *run_state, const char *states)
{
    struct run run = run_now(id);
    AUTO_BUF struct buf is = {0};
    CHECK_STR(run_state_name(run.state), run_state);
    for (uint64_t seq = 0; seq < run.plan.changes; seq++) {
        struct change_row row = {0};
        bool found = false;
        CHECK_OK(journal_change_get(engine_journal(engine), id, seq, &row, &found, &err), err);
        buf_printf(&is, "%s%s", seq == 0 ? "" : " ",
                   change_state_name(found ? row.state : CHANGE_PLANNED));
    }
    CHECK_STR(buf_z(&is), states);
}

static const char *error_of(int64_t run, uint64_t seq)
{
    struct change_row row = {0};
    bool found = false;
    CHECK_OK(journal_change_get(engine_journal(engine), run, seq, &row, &found, &err), err);
    return arena_strdup(&arena, row.error);
}

/* --- cases ----------------------------------------------------------------------------------- */

static bool note_origin(void *ctx, const struct plan_header *header,
                        const struct plan_change *change, const struct change_row *row UNUSED)
{
    CHECK(undo_is_plan(header));
    buf_printf(ctx, "%" STR_FMT "=%" STR_FMT " ", STR_ARG(change->target),
               STR_ARG(change->values[0].after));
    return true;
}

static void what_may_have_happened_is_undone(void)
{
    static const char *const kinds[] = {"ok", "fail", "unknown", "ok", NULL};
    int64_t undo = 0;
    start_applied(kinds);
    check_states(1, "done", "verified failed unknown verified");
    CHECK(plan_undo(&fake_job, 1, "", &undo));
    CHECK_INT(undo, 2);
    CHECK_INT(summary.totals.changes, 3);
    struct run run = run_now(undo);
    CHECK_STR(run.source, "run 1");
    CHECK_STR(run.job, "fake-undo");
    CHECK_INT(undo_of(&run), 1);
    AUTO_BUF struct buf origins = {0};
    CHECK_OK(engine_each_change(engine, &run, note_origin, NULL, &origins, &err), err);
    CHECK_STR(buf_z(&origins), "thing-0=1/0 thing-2=1/2 thing-3=1/3 ");

    CHECK_OK(engine_apply(engine, &undo_job, undo, &err), err);
    check_states(2, "done", "verified verified verified");
    check_states(1, "undone", "undone failed undone undone");
    CHECK_INT(remote.undone[0], 1);
    CHECK_INT(remote.undone[1], 0);

    CHECK(plan_undo(&fake_job, 1, "", &undo));
    CHECK_INT(undo, 0); /* nothing is left, nothing was planned */
    CHECK_OK(engine_resume(engine, &undo_job, 2, &err), err);
    CHECK_INT(remote.undone[0], 1);
    CHECK(!plan_undo(&undo_job, 2, "", &undo));
    CHECK_STR(err.message, "could not undo run 2: fake-undo cannot be undone");
    finish();
}

static bool note_id(void *ctx, const struct plan_header *header UNUSED,
                    const struct plan_change *change, const struct change_row *row UNUSED)
{
    char(*ids)[CHANGE_ID_HEX] = ctx;
    memcpy(ids[change->seq], change->id, CHANGE_ID_HEX);
    return true;
}

static void one_is_named_by_its_id(void)
{
    static const char *const kinds[] = {"ok", "fail", "ok", NULL};
    char ids[3][CHANGE_ID_HEX];
    int64_t undo = 0;
    start_applied(kinds);
    struct run run = run_now(1);
    CHECK_OK(engine_each_change(engine, &run, note_id, NULL, ids, &err), err);
    static const char *const not_ids[] = {"abc", "ABCD", "0123456789abcdef0123456789abcdef0"};
    for (size_t i = 0; i < ARRAY_LEN(not_ids); i++) {
        CHECK(!plan_undo(&fake_job, 1, not_ids[i], &undo));
        CHECK_INT(err.kind, ERR_USAGE);
        CHECK_STR(err.message,
                  arena_printf(&arena, "could not understand the change '%s'", not_ids[i]));
    }
    CHECK(!plan_undo(&fake_job, 1, "00000000", &undo));
    CHECK_STR(err.message,
              "could not undo change '00000000': run 1 has no change whose id begins so");
    CHECK(!plan_undo(&fake_job, 1, ids[1], &undo));
    CHECK_INT(err.kind, ERR_REFUSED);
    CHECK_STR(err.message,
              arena_printf(&arena,
                           "could not undo change '%.8s': it is failed, nothing of it was applied",
                           ids[1]));
    char prefix[9] = "";
    memcpy(prefix, ids[2], 8);
    CHECK(plan_undo(&fake_job, 1, prefix, &undo));
    CHECK_INT(summary.totals.changes, 1);
    CHECK_OK(engine_apply(engine, &undo_job, undo, &err), err);
    check_states(1, "done", "verified failed undone");
    CHECK(plan_undo(&fake_job, 1, ids[2], &undo));
    CHECK_INT(undo, 0);
    finish();
}

static void what_was_not_applied_is_refused(void)
{
    static const char *const kinds[] = {"ok", NULL};
    int64_t undo = 0;
    start(kinds);
    CHECK(!plan_undo(&fake_job, 1, "", &undo));
    CHECK_INT(err.kind, ERR_REFUSED);
    CHECK_STR(err.message, "could not undo run 1: it is planned, nothing of it was applied");
    finish();
}

static void an_undo_that_was_begun_is_gone_on_with(void)
{
    static const char *const kinds[] = {"ok", NULL};
    int64_t undo = 0;
    start_applied(kinds);
    CHECK(plan_undo(&fake_job, 1, "", &undo));
    CHECK_OK(journal_run_move(engine_journal(engine), undo, RUN_APPLYING, NULL, &err), err);
    CHECK(!plan_undo(&fake_job, 1, "", &undo));
    CHECK_INT(err.kind, ERR_REFUSED);
    CHECK_STR(err.message, "could not undo run 1: run 2 does so and is not finished");
    CHECK_STR(err.hint, "`steward resume 2` goes on with it.");
    finish();
}

static void a_plan_that_is_stale_undoes_nothing_twice(void)
{
    static const char *const kinds[] = {"ok", "ok", NULL};
    int64_t first = 0;
    int64_t second = 0;
    start_applied(kinds);
    CHECK(plan_undo(&fake_job, 1, "", &first));
    CHECK(plan_undo(&fake_job, 1, "", &second));
    CHECK_OK(engine_apply(engine, &undo_job, second, &err), err);
    CHECK(!engine_apply(engine, &undo_job, first, &err));
    CHECK_INT(err.kind, ERR_PARTIAL);
    check_states(first, "done", "skipped skipped");
    CHECK_STR(error_of(first, 0), "the change that it undoes is undone by now");
    CHECK_INT(remote.undone[0], 1);
    CHECK_INT(remote.undone[1], 1);
    finish();
}

static void what_another_undo_may_have_done_is_settled_first(void)
{
    static const char *const kinds[] = {"ok", NULL};
    int64_t first = 0;
    int64_t second = 0;
    int64_t third = 0;
    start_applied(kinds);
    CHECK(plan_undo(&fake_job, 1, "", &first));
    CHECK(plan_undo(&fake_job, 1, "", &second));
    remote.undo_unknown = true;
    CHECK(!engine_apply(engine, &undo_job, second, &err));
    check_states(second, "done", "unknown");
    check_states(1, "done", "verified");
    CHECK(!plan_undo(&fake_job, 1, "", &third));
    CHECK_INT(err.kind, ERR_REFUSED);
    CHECK_STR(err.message, "could not undo run 1: what is left of it is not settled");
    CHECK_STR(err.hint, "`steward resume 3` settles it by reading.");
    CHECK(!engine_apply(engine, &undo_job, first, &err));
    check_states(first, "done", "skipped");
    CHECK_STR(error_of(first, 0), "run 3 may have undone it already; resume that run first");
    CHECK_INT(remote.undone[0], 1);
    remote.undo_unknown = false;
    CHECK_OK(engine_resume(engine, &undo_job, second, &err), err);
    check_states(1, "undone", "undone");
    finish();
}

/* A kill came between the outcome of the undo and the note that the change is undone. */
static void the_end_of_a_resumed_undo_notes_what_is_undone(void)
{
    static const char *const kinds[] = {"ok", NULL};
    static const enum change_state way[] = {CHANGE_BACKED_UP, CHANGE_SENT, CHANGE_VERIFIED};
    int64_t undo = 0;
    start_applied(kinds);
    CHECK(plan_undo(&fake_job, 1, "", &undo));
    CHECK_OK(journal_run_move(engine_journal(engine), undo, RUN_APPLYING, NULL, &err), err);
    struct transition move = {.run = undo, .from = CHANGE_PLANNED};
    for (size_t i = 0; i < ARRAY_LEN(way); i++) {
        move.to = way[i];
        CHECK_OK(journal_move(engine_journal(engine), &move, &err), err);
        move.from = way[i];
    }
    check_states(1, "done", "verified");
    CHECK_OK(engine_resume(engine, &undo_job, undo, &err), err);
    check_states(1, "undone", "undone");
    CHECK_INT(remote.undone[0], 0);
    finish();
}

static void finishing_is_looked_at_again_and_may_remark(void)
{
    static const char *const kinds[] = {"ok", NULL};
    int64_t undo = 0;
    start_applied(kinds);
    CHECK(plan_undo(&fake_job, 1, "", &undo));
    remote.late = 2;
    remote.remark = "left as it is: a name";
    CHECK_OK(engine_apply(engine, &undo_job, undo, &err), err);
    CHECK_INT(remote.undone[0], 1);
    CHECK_INT(remote.finished, 3);
    check_states(undo, "done", "verified");
    CHECK_STR(error_of(undo, 0), "left as it is: a name");
    finish();
}

TAP_MAIN(TAP_TEST(what_may_have_happened_is_undone), TAP_TEST(one_is_named_by_its_id),
         TAP_TEST(what_was_not_applied_is_refused),
         TAP_TEST(an_undo_that_was_begun_is_gone_on_with),
         TAP_TEST(a_plan_that_is_stale_undoes_nothing_twice),
         TAP_TEST(what_another_undo_may_have_done_is_settled_first),
         TAP_TEST(the_end_of_a_resumed_undo_notes_what_is_undone),
         TAP_TEST(finishing_is_looked_at_again_and_may_remark))
