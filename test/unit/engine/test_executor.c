/* SPDX-License-Identifier: MIT */
/*
 * The executor against a remote made of arrays: each change's target names how the remote behaves,
 * and the test counts what the remote was sent, not what the engine says.
 */
#include "engine/executor.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "base/num.h"
#include "harness/tap.h"

enum { MAX = 512 };

/* What the remote does with change `seq`; the target is "<kind>-<seq>". */
static struct {
    pthread_mutex_t lock;
    char kinds[MAX][16];
    int sends[MAX];
    int captures[MAX];
    bool applied[MAX];
    bool token_dead;
    bool now_visible; /* "late" changes show from now on */
    int raise_after;  /* raise `stop` after so many sends, 0: never */
    struct stop *stop;
} remote = {.lock = PTHREAD_MUTEX_INITIALIZER};

static const char *kind_of(const struct job_change *change)
{
    return remote.kinds[change->plan.seq];
}

static bool is(const struct job_change *change, const char *kind)
{
    return strcmp(kind_of(change), kind) == 0;
}

static bool fake_plan(struct job_run *run, const void *options, const char *path,
                      struct plan_summary *ret, struct err *err)
{
    const char *const *kinds = options;
    const struct plan_header header = {.job = STR("fake"),
                                       .rules = STR("none"),
                                       .rules_hash = STR("00"),
                                       .kind = STR("fake-change"),
                                       .source = STR("test")};
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(run->workspace_fd, path, &header, err);
    if (writer == NULL) {
        return false;
    }
    for (size_t i = 0; kinds[i] != NULL; i++) {
        char target[32];
        (void)snprintf(target, sizeof(target), "%s-%zu", kinds[i], i);
        const struct plan_change change = {.target = str_of(target), .reason = STR("because")};
        if (!plan_add_change(writer, &change, err)) {
            return false;
        }
    }
    return plan_writer_finish(writer, &ret->totals, err);
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

static bool fake_check(void *worker UNUSED, struct job_change *change, struct err *err)
{
    if (remote.token_dead) {
        (void)err_set(err, ERR_AUTH, "the token was refused");
        err->fatal = true;
        return false;
    }
    return !is(change, "drift") || err_set(err, ERR_DRIFT, "'email' changed since the plan");
}

static bool fake_capture(void *worker UNUSED, struct job_change *change, struct err *err)
{
    pthread_mutex_lock(&remote.lock);
    remote.captures[change->plan.seq]++;
    pthread_mutex_unlock(&remote.lock);
    if (is(change, "backup")) {
        return err_set(err, ERR_BACKUP, "could not read back 'tickets/tickets.json'");
    }
    (void)snprintf(change->backup, sizeof(change->backup), "backups/%llu",
                   (unsigned long long)change->plan.seq);
    return true;
}

static bool fake_apply(void *worker UNUSED, struct job_change *change, struct err *err)
{
    uint64_t seq = change->plan.seq;
    pthread_mutex_lock(&remote.lock);
    int sends = ++remote.sends[seq];
    if (remote.raise_after != 0 && --remote.raise_after == 0) {
        stop_raise(remote.stop, 1);
    }
    bool applies = is(change, "ok") || is(change, "lost-answer") ||
                   (is(change, "lost-request") && sends == 2) || (is(change, "busy") && sends == 3);
    remote.applied[seq] = remote.applied[seq] || applies;
    pthread_mutex_unlock(&remote.lock);
    if (is(change, "lost-answer") || is(change, "dead") ||
        (is(change, "lost-request") && sends == 1)) {
        (void)err_set(err, ERR_NETWORK, "the connection was lost");
        err->ambiguous = true;
        return false;
    }
    if (is(change, "busy") && sends < 3) {
        (void)err_set(err, ERR_LIMITED, "asked to slow down");
        err->retryable = true;
        err->retry_after_ms = 1;
        return false;
    }
    return !is(change, "refused") || err_set(err, ERR_REMOTE, "400 bad_request");
}

static enum confirm_result fake_confirm(void *worker UNUSED, struct job_change *change,
                                        struct err *err)
{
    if (is(change, "reject")) {
        (void)err_set(err, ERR_REMOTE, "the remote's job failed");
        return CONFIRM_REJECTED;
    }
    if (is(change, "contradict")) {
        (void)err_set(err, ERR_REMOTE, "merged into another contact");
        return CONFIRM_CONTRADICTED;
    }
    pthread_mutex_lock(&remote.lock);
    bool applied = remote.applied[change->plan.seq] || (is(change, "late") && remote.now_visible);
    pthread_mutex_unlock(&remote.lock);
    return applied ? CONFIRM_DONE : CONFIRM_ABSENT;
}

static void fake_forget(struct job_change *change UNUSED)
{
}

static void fake_concluded(void *worker UNUSED, struct job_change *change UNUSED)
{
}

static bool fake_verify(void *worker UNUSED, struct job_change *change,
                        void (*difference)(void *ctx, const char *text), void *ctx,
                        struct err *err UNUSED)
{
    if (is(change, "ok") && change->plan.seq == 1) {
        difference(ctx, "display_name differs");
    }
    return true;
}

static int64_t fake_settle(const struct settings *settings)
{
    return settings->merge_settle_ms;
}

static const struct job fake_job = {
    .name = "fake",
    .summary = "a remote made of arrays",
    .remote = "fake",
    .plan = fake_plan,
    .open = fake_open,
    .close = fake_close,
    .worker_open = fake_worker_open,
    .worker_close = fake_worker_close,
    .check = fake_check,
    .capture = fake_capture,
    .apply = fake_apply,
    .confirm = fake_confirm,
    .forget = fake_forget,
    .concluded = fake_concluded,
    .verify = fake_verify,
    .settle_ms = fake_settle,
};

/* --- a workspace with one planned run ------------------------------------------------------ */

static struct settings settings;
static struct stop stop;
static struct engine *engine;
static int64_t run_id;

static void open_workspace(void)
{
    struct err err = {0};
    const struct engine_options options = {.workspace = tap_tmpdir(),
                                           .command = "test",
                                           .write = true,
                                           .settings = &settings,
                                           .stop = &stop,
                                           .stderr_level = LOG_OFF};
    stop_init(&stop);
    remote.stop = &stop;
    engine = engine_open(&options, &err);
    if (!CHECK(engine != NULL)) {
        printf("# %s\n", err.message);
        exit(1);
    }
}

static void close_workspace(void)
{
    engine_close(engine);
    stop_done(&stop);
}

static void plan_changes(const char *const *kinds)
{
    struct err err = {0};
    settings = (struct settings){
        .rate_limit_calls = 0,
        .rate_limit_period_ms = 1000,
        .max_retries = 3,
        .workers = 4,
        .batch_size = 100,
        .max_batch_failures = 50,
        .max_changes = 1000,
        .merge_settle_ms = 300,
        .backup_dir = "backups",
        .log_level = LOG_DEBUG,
    };
    remote.token_dead = false;
    remote.now_visible = false;
    remote.raise_after = 0;
    memset(remote.sends, 0, sizeof(remote.sends));
    memset(remote.captures, 0, sizeof(remote.captures));
    memset(remote.applied, 0, sizeof(remote.applied));
    for (size_t i = 0; kinds[i] != NULL; i++) {
        (void)snprintf(remote.kinds[i], sizeof(remote.kinds[i]), "%s", kinds[i]);
    }
    open_workspace();
    const struct plan_intent intent = {.job = &fake_job,
                                       .job_options = kinds,
                                       .rules = "none",
                                       .source = "test",
                                       .options_json = "{}"};
    struct plan_summary summary;
    CHECK_OK(engine_plan(engine, &intent, &run_id, &summary, &err), err);
}

static struct run run_now(void)
{
    struct arena arena = {0};
    struct run run;
    struct err err = {0};
    CHECK_OK(journal_run_get(engine_journal(engine), run_id, &arena, &run, &err), err);
    arena_done(&arena);
    return run;
}

static void check_row(uint64_t seq, enum change_state state, const char *error)
{
    struct change_row row = {0};
    bool found;
    struct err err = {0};
    CHECK_OK(journal_change_get(engine_journal(engine), run_id, seq, &row, &found, &err), err);
    CHECK(found);
    CHECK_STR(change_state_name(row.state), change_state_name(state));
    CHECK_STR(row.error, error);
}

static int acknowledged(uint64_t seq)
{
    struct change_row row = {0};
    bool found;
    struct err err = {0};
    CHECK_OK(journal_change_get(engine_journal(engine), run_id, seq, &row, &found, &err), err);
    return row.acknowledged;
}

static void each_change_is_sent_once(void)
{
    static const char *const kinds[] = {"ok", "ok", "ok", NULL};
    struct err err;
    plan_changes(kinds);
    CHECK_OK(engine_apply(engine, &fake_job, run_id, &err), err);
    struct run run = run_now();
    CHECK_STR(run_state_name(run.state), "done");
    CHECK_INT(run.counts[CHANGE_VERIFIED], 3);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(remote.sends[i], 1);
        CHECK_INT(remote.captures[i], 1);
    }
    CHECK_ERR(engine_apply(engine, &fake_job, run_id, &err), err, ERR_REFUSED,
              "could not apply run 1: it is done, not planned");
    CHECK_OK(engine_resume(engine, &fake_job, run_id, &err), err);
    CHECK_INT(remote.sends[0], 1);
    close_workspace();
}

static void nothing_is_sent_after_drift_or_a_bad_backup(void)
{
    static const char *const kinds[] = {"ok", "drift", "backup", NULL};
    struct err err;
    plan_changes(kinds);
    CHECK_ERR(engine_apply(engine, &fake_job, run_id, &err), err, ERR_PARTIAL,
              "run 1 finished, but 0 failed, 2 skipped, 0 unknown");
    CHECK_INT(remote.sends[0], 1);
    CHECK_INT(remote.sends[1], 0);
    CHECK_INT(remote.sends[2], 0);
    check_row(1, CHANGE_SKIPPED, "'email' changed since the plan");
    check_row(2, CHANGE_SKIPPED, "could not read back 'tickets/tickets.json'");
    close_workspace();
}

/* What shows at once is looked at at once; what does not is looked at later, as ever. */
static void an_acknowledgement_is_followed_at_once(void)
{
    static const char *const kinds[] = {"ok", "ok", "lost-answer", "dead", NULL};
    static const char *const never[] = {"never", NULL};
    struct job prompt = fake_job;
    struct err err;
    prompt.at_once = true;
    plan_changes(kinds);
    settings.max_retries = 1;
    CHECK_ERR(engine_apply(engine, &prompt, run_id, &err), err, ERR_PARTIAL,
              "run 1 finished, but 1 failed, 0 skipped, 0 unknown");
    check_row(0, CHANGE_VERIFIED, "");
    check_row(1, CHANGE_VERIFIED, "");
    check_row(2, CHANGE_VERIFIED, "");
    for (int i = 0; i < 4; i++) {
        CHECK_INT(remote.sends[i], 1);
    }
    CHECK_INT(acknowledged(0), 1);
    CHECK_INT(acknowledged(3), 0);
    close_workspace();

    plan_changes(never);
    CHECK_ERR(engine_apply(engine, &prompt, run_id, &err), err, ERR_PARTIAL,
              "run 2 finished, but 0 failed, 0 skipped, 1 unknown");
    CHECK_INT(remote.sends[0], 1);
    CHECK_INT(acknowledged(0), 1);
    close_workspace();
}

static void a_lost_answer_is_settled_by_reading(void)
{
    static const char *const kinds[] = {"lost-answer", NULL};
    struct err err;
    plan_changes(kinds);
    CHECK_OK(engine_apply(engine, &fake_job, run_id, &err), err);
    CHECK_INT(remote.sends[0], 1);
    check_row(0, CHANGE_VERIFIED, "");
    close_workspace();
}

static void a_lost_request_is_sent_again_after_the_settle_time(void)
{
    static const char *const kinds[] = {"lost-request", NULL};
    struct err err;
    plan_changes(kinds);
    int64_t begun = clock_mono_ns(clock_system());
    CHECK_OK(engine_apply(engine, &fake_job, run_id, &err), err);
    CHECK(clock_mono_ns(clock_system()) - begun >= INT64_C(300000000));
    CHECK_INT(remote.sends[0], 2);
    CHECK_INT(remote.captures[0], 1);
    check_row(0, CHANGE_VERIFIED, "");
    close_workspace();
}

static void a_dead_remote_is_given_up_after_three_sends(void)
{
    static const char *const kinds[] = {"dead", NULL};
    struct err err;
    plan_changes(kinds);
    CHECK_ERR(engine_apply(engine, &fake_job, run_id, &err), err, ERR_PARTIAL,
              "run 1 finished, but 1 failed, 0 skipped, 0 unknown");
    CHECK_INT(remote.sends[0], 3);
    check_row(0, CHANGE_FAILED, "not applied after 3 attempts: the connection was lost");
    close_workspace();
}

static void acknowledged_but_not_seen_is_unknown_and_never_sent_again(void)
{
    static const char *const kinds[] = {"late", NULL};
    struct err err;
    plan_changes(kinds);
    CHECK_ERR(engine_apply(engine, &fake_job, run_id, &err), err, ERR_PARTIAL,
              "run 1 finished, but 0 failed, 0 skipped, 1 unknown");
    check_row(
        0, CHANGE_UNKNOWN,
        "acknowledged by the remote, but 0 s later it does not show and no job of it is known");
    CHECK_ERR(engine_resume(engine, &fake_job, run_id, &err), err, ERR_PARTIAL,
              "run 1 finished, but 0 failed, 0 skipped, 1 unknown");
    remote.now_visible = true;
    CHECK_OK(engine_resume(engine, &fake_job, run_id, &err), err);
    CHECK_INT(remote.sends[0], 1);
    check_row(0, CHANGE_VERIFIED, "");
    close_workspace();
}

static void refusals_and_contradictions(void)
{
    static const char *const kinds[] = {"refused", "reject", "contradict", "busy", NULL};
    struct err err;
    plan_changes(kinds);
    CHECK_ERR(engine_apply(engine, &fake_job, run_id, &err), err, ERR_PARTIAL,
              "run 1 finished, but 2 failed, 0 skipped, 1 unknown");
    check_row(0, CHANGE_FAILED, "400 bad_request");
    check_row(1, CHANGE_FAILED, "the remote's job failed");
    check_row(2, CHANGE_UNKNOWN, "merged into another contact");
    check_row(3, CHANGE_VERIFIED, "");
    CHECK_INT(remote.sends[0], 1);
    CHECK_INT(remote.sends[1], 1);
    CHECK_INT(remote.sends[2], 1);
    CHECK_INT(remote.sends[3], 3);
    close_workspace();
}

static void a_dead_token_pauses_the_run(void)
{
    static const char *const kinds[] = {"ok", "ok", NULL};
    struct err err;
    plan_changes(kinds);
    remote.token_dead = true;
    CHECK_ERR(engine_apply(engine, &fake_job, run_id, &err), err, ERR_AUTH,
              "run 1 paused with 2 changes to go: the token was refused");
    CHECK_INT(err_exit_code(err.kind), 6);
    CHECK_STR(run_state_name(run_now().state), "paused");
    remote.token_dead = false;
    close_workspace();
    open_workspace(); /* a new process */
    CHECK_OK(engine_resume(engine, &fake_job, run_id, &err), err);
    CHECK_INT(remote.sends[0], 1);
    CHECK_INT(remote.sends[1], 1);
    close_workspace();
}

static void failures_of_a_batch_stop_the_run(void)
{
    static const char *const kinds[] = {"refused", "refused", "refused", "ok", "ok", NULL};
    struct err err;
    plan_changes(kinds);
    settings.workers = 1;
    settings.max_batch_failures = 3;
    CHECK_ERR(
        engine_apply(engine, &fake_job, run_id, &err), err, ERR_STOPPED,
        "run 1 paused with 2 changes to go: stopped after 3 failures in batch 1 (of 100 changes)");
    CHECK_INT(remote.sends[3] + remote.sends[4], 0);
    CHECK_ERR(engine_resume(engine, &fake_job, run_id, &err), err, ERR_PARTIAL,
              "run 1 finished, but 3 failed, 0 skipped, 0 unknown");
    CHECK_INT(remote.sends[0], 1);
    CHECK_INT(remote.sends[3], 1);
    CHECK_INT(remote.sends[4], 1);
    close_workspace();
}

static void a_failed_canary_stops_the_run(void)
{
    static const char *const kinds[] = {"refused", "refused", "ok", "ok", "ok", "ok", NULL};
    struct err err;
    plan_changes(kinds);
    settings.canary = 2;
    CHECK_ERR(
        engine_apply(engine, &fake_job, run_id, &err), err, ERR_STOPPED,
        "run 1 paused with 4 changes to go: stopped before the rest: all 2 changes of the canary "
        "failed");
    for (int i = 2; i < 6; i++) {
        CHECK_INT(remote.sends[i], 0);
    }
    close_workspace();
}

static void guards_refuse(void)
{
    static const char *const kinds[] = {"ok", "ok", NULL};
    struct err err;
    plan_changes(kinds);
    CHECK_ERR(engine_resume(engine, &fake_job, run_id, &err), err, ERR_REFUSED,
              "could not resume run 1: it is planned");
    CHECK_STR(err.hint, "It was never started: `steward apply 1`.");
    settings.max_changes = 1;
    CHECK_ERR(engine_apply(engine, &fake_job, run_id, &err), err, ERR_REFUSED,
              "could not apply run 1: its 2 changes are more than the limit of 1");
    CHECK_ERR(engine_apply(engine, &fake_job, 9, &err), err, ERR_NOT_FOUND,
              "could not find run 9 in the journal");
    CHECK_INT(remote.sends[0], 0);
    close_workspace();
}

static void a_raised_stop_drains_and_the_run_goes_on_later(void)
{
    const char *kinds[101];
    struct err err;
    for (int i = 0; i < 100; i++) {
        kinds[i] = "ok";
    }
    kinds[100] = NULL;
    plan_changes(kinds);
    remote.raise_after = 10;
    bool ok = engine_apply(engine, &fake_job, run_id, &err);
    CHECK(!ok);
    CHECK_STR(err_kind_name(err.kind), "interrupted");
    struct run run = run_now();
    CHECK_STR(run_state_name(run.state), "interrupted");
    CHECK_INT(run.counts[CHANGE_SENT], 0); /* what was sent was confirmed before the end */
    CHECK(run.counts[CHANGE_VERIFIED] >= 10);
    close_workspace();
    open_workspace();
    CHECK_OK(engine_resume(engine, &fake_job, run_id, &err), err);
    for (int i = 0; i < 100; i++) {
        CHECK_INT(remote.sends[i], 1);
    }
    close_workspace();
}

static void many_workers(void)
{
    const char *kinds[MAX + 1];
    struct err err;
    for (int i = 0; i < MAX; i++) {
        kinds[i] = i % 7 == 0 ? "lost-answer" : "ok";
    }
    kinds[MAX] = NULL;
    plan_changes(kinds);
    settings.workers = 16;
    settings.canary = 5;
    CHECK_OK(engine_apply(engine, &fake_job, run_id, &err), err);
    for (int i = 0; i < MAX; i++) {
        CHECK_INT(remote.sends[i], 1);
    }
    CHECK_INT(run_now().counts[CHANGE_VERIFIED], MAX);
    close_workspace();
}

static bool take_id(void *ctx, const struct plan_header *header UNUSED,
                    const struct plan_change *change, const struct change_row *row UNUSED)
{
    (void)num_parse_hex(str_of(change->id), ctx, CHANGE_ID_BYTES); /* the reader made it */
    return false;
}

static void a_killed_process_is_gone_on_with(void)
{
    static const char *const kinds[] = {"ok", "ok", "ok", NULL};
    struct err err;
    plan_changes(kinds);
    /* what a kill leaves: the run `applying`, one change sent, no answer recorded, and it happened */
    struct transition first = {.run = run_id, .to = CHANGE_BACKED_UP, .backup = "backups/0"};
    struct run run = run_now();
    CHECK_OK(engine_each_change(engine, &run, take_id, NULL, first.id, &err), err);
    CHECK_OK(journal_run_move(engine_journal(engine), run_id, RUN_APPLYING, NULL, &err), err);
    CHECK_OK(journal_move(engine_journal(engine), &first, &err), err);
    first.from = CHANGE_BACKED_UP;
    first.to = CHANGE_SENT;
    first.count_attempt = true;
    CHECK_OK(journal_move(engine_journal(engine), &first, &err), err);
    remote.applied[0] = true;
    close_workspace();
    open_workspace();
    CHECK_OK(engine_resume(engine, &fake_job, run_id, &err), err);
    CHECK_INT(remote.sends[0], 0);
    CHECK_INT(remote.captures[0], 0);
    CHECK_INT(remote.sends[1], 1);
    CHECK_INT(run_now().counts[CHANGE_VERIFIED], 3);
    close_workspace();
}

static void kills_use_up_no_attempt(void)
{
    static const char *const kinds[] = {"ok", NULL};
    struct err err;
    plan_changes(kinds);
    /* what five kills between intent and request leave: never sent, yet with five intents */
    struct transition move = {.run = run_id, .to = CHANGE_BACKED_UP, .backup = "backups/0"};
    struct run run = run_now();
    CHECK_OK(engine_each_change(engine, &run, take_id, NULL, move.id, &err), err);
    CHECK_OK(journal_run_move(engine_journal(engine), run_id, RUN_APPLYING, NULL, &err), err);
    CHECK_OK(journal_move(engine_journal(engine), &move, &err), err);
    for (int i = 0; i < 5; i++) {
        move = (struct transition){.run = run_id, .from = CHANGE_BACKED_UP, .to = CHANGE_SENT};
        CHECK_OK(engine_each_change(engine, &run, take_id, NULL, move.id, &err), err);
        move.count_attempt = true;
        CHECK_OK(journal_move(engine_journal(engine), &move, &err), err);
        move.from = CHANGE_SENT;
        move.to = CHANGE_BACKED_UP;
        move.count_attempt = false;
        if (i < 4) {
            CHECK_OK(journal_move(engine_journal(engine), &move, &err), err);
        }
    }
    close_workspace();
    open_workspace();
    CHECK_OK(engine_resume(engine, &fake_job, run_id, &err), err);
    CHECK_INT(remote.sends[0], 1);
    check_row(0, CHANGE_VERIFIED, "");
    close_workspace();
}

static char seen_difference[128];

static void keep_difference(void *ctx UNUSED, const struct plan_change *change, const char *text)
{
    (void)snprintf(seen_difference, sizeof(seen_difference), "%" STR_FMT ": %s",
                   STR_ARG(change->target), text);
}

static void verify_names_the_difference(void)
{
    static const char *const kinds[] = {"ok", "ok", "drift", NULL};
    struct err err;
    plan_changes(kinds);
    CHECK(!engine_apply(engine, &fake_job, run_id, &err));
    struct verify_result result;
    CHECK_ERR(engine_verify(engine, &fake_job, run_id, keep_difference, NULL, &result, &err), err,
              ERR_VERIFY, "run 1: 1 of 3 changes differ from what was promised");
    CHECK_INT(result.checked, 3);
    CHECK_INT(result.different, 1);
    CHECK_STR(seen_difference, "ok-1: display_name differs");
    close_workspace();
}

TAP_MAIN(TAP_TEST(each_change_is_sent_once), TAP_TEST(nothing_is_sent_after_drift_or_a_bad_backup),
         TAP_TEST(an_acknowledgement_is_followed_at_once),
         TAP_TEST(a_lost_answer_is_settled_by_reading),
         TAP_TEST(a_lost_request_is_sent_again_after_the_settle_time),
         TAP_TEST(a_dead_remote_is_given_up_after_three_sends),
         TAP_TEST(acknowledged_but_not_seen_is_unknown_and_never_sent_again),
         TAP_TEST(refusals_and_contradictions), TAP_TEST(a_dead_token_pauses_the_run),
         TAP_TEST(failures_of_a_batch_stop_the_run), TAP_TEST(a_failed_canary_stops_the_run),
         TAP_TEST(guards_refuse), TAP_TEST(a_raised_stop_drains_and_the_run_goes_on_later),
         TAP_TEST(many_workers), TAP_TEST(a_killed_process_is_gone_on_with),
         TAP_TEST(kills_use_up_no_attempt), TAP_TEST(verify_names_the_difference))
