/* SPDX-License-Identifier: MIT */
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/version.h"
#include "engine/approval.h"
#include "engine/executor.h"
#include "engine/internal.h"
#include "engine/limits.h"
#include "engine/pace.h"
#include "engine/undo.h"
#include "engine/watch.h"
#include "store/lock.h"

static const char *const directories[] = {"logs", "reports", "plans", "limits"};

static bool make_directories(struct engine *engine, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
        if (!fs_mkdirs(engine->workspace_fd, directories[i], err)) {
            return false;
        }
    }
    return true;
}

static bool open_for_writing(struct engine *engine, struct err *err)
{
    const struct engine_options *options = &engine->options;
    engine->lock = lock_take(engine->workspace_fd, options->command, options->clock, err);
    if (engine->lock == NULL || !make_directories(engine, err)) {
        return false;
    }
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/logs/steward.log", options->workspace);
    const struct log_options log_options = {.clock = options->clock,
                                            .file_level = options->settings->log_level,
                                            .stderr_level = options->stderr_level,
                                            .color = options->color,
                                            .max_bytes = options->settings->log_max_mb * 1000000,
                                            .keep = options->settings->log_keep};
    engine->log = log_open(buf_z(&path), &log_options, err);
    return engine->log != NULL;
}

struct engine *engine_open(const struct engine_options *options, struct err *err)
{
    AUTO(engine_close) struct engine *engine = xnew(struct engine);
    engine->options = *options;
    engine->workspace_fd = -1;
    if (engine->options.clock == NULL) {
        engine->options.clock = clock_system();
    }
    if (!fs_open_dir(AT_FDCWD, options->workspace, &engine->workspace_fd, err)) {
        (void)err_hint(err, "Give an existing directory with --workspace.");
        return NULL;
    }
    if (options->write && !open_for_writing(engine, err)) {
        return NULL;
    }
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/steward.db", options->workspace);
    engine->journal = journal_open(buf_z(&path), options->write ? JOURNAL_WRITE : JOURNAL_READ,
                                   engine->options.clock, err);
    if (engine->journal == NULL) {
        if (err->kind == ERR_NOT_FOUND) {
            (void)err_hint(
                err, "Nothing was planned in this workspace yet: `steward merge --csv FILE`.");
        }
        return NULL;
    }
    return STEAL(engine);
}

void engine_close(struct engine *engine)
{
    if (engine == NULL) {
        return;
    }
    journal_close(engine->journal);
    log_close(engine->log);
    lock_drop(engine->lock);
    if (engine->workspace_fd >= 0) {
        (void)close(engine->workspace_fd); /* a directory opened for reading */
    }
    free(engine);
}

struct journal *engine_journal(struct engine *engine)
{
    return engine->journal;
}

struct log *engine_log(struct engine *engine)
{
    return engine->log;
}

const struct settings *engine_settings(const struct engine *engine)
{
    return engine->options.settings;
}

int engine_workspace_fd(const struct engine *engine)
{
    return engine->workspace_fd;
}

bool engine_find_run(struct engine *engine, str text, int64_t *ret, struct err *err)
{
    if (str_eqz(text, "last")) {
        return journal_run_last(engine->journal, ret, err);
    }
    int64_t id;
    if (!num_parse_i64(text, 1, INT64_MAX, &id)) {
        (void)err_set(err, ERR_USAGE, "could not understand run '%" STR_FMT "'", STR_ARG(text));
        return err_hint(err, "Give a run's number, or `last`; `steward runs` lists them.");
    }
    struct arena arena = {0};
    struct run run;
    bool found = journal_run_get(engine->journal, id, &arena, &run, err);
    arena_done(&arena);
    if (found) {
        *ret = id;
    }
    return found;
}

static bool note_resumable(void *ctx, const struct run *run)
{
    int64_t *newest = ctx;
    if (run->state == RUN_APPLYING || run->state == RUN_PAUSED || run->state == RUN_INTERRUPTED) {
        *newest = run->id;
    }
    return true;
}

bool engine_find_resumable(struct engine *engine, int64_t *ret, struct err *err)
{
    int64_t newest = 0;
    if (!journal_run_each(engine->journal, note_resumable, &newest, err)) {
        return false;
    }
    if (newest == 0) {
        return journal_run_last(engine->journal, ret, err);
    }
    *ret = newest;
    return true;
}

struct plan_reader *engine_open_plan(struct engine *engine, const struct run *run, struct err *err)
{
    if (!run->has_plan) {
        (void)err_set(err, ERR_REFUSED,
                      "could not open the plan of run %lld: it was never finished",
                      (long long)run->id);
        (void)err_hint(err, "Plan again.");
        return NULL;
    }
    return plan_reader_open(engine->workspace_fd, run->plan_path, run->plan.hash, err);
}

/* --- changes as they stand ----------------------------------------------------------------- */

struct merged_view {
    struct plan_reader *plan;
    engine_change_fn each;
    void (*finding)(void *ctx, enum plan_item item, const struct plan_finding *found);
    void *ctx;
    struct err err;
    bool failed;
    bool stopped;
};

/* Gives out the plan's records up to the change `until` (exclusive), or to the end. When it stops
 * at a change, *ret_change is that change and *ret_at is true. */
static bool give_until(struct merged_view *view, uint64_t until, struct plan_change *ret_change,
                       bool *ret_at)
{
    *ret_at = false;
    while (!view->stopped) {
        enum plan_item item;
        struct plan_finding finding;
        if (!plan_next(view->plan, &item, ret_change, &finding, &view->err)) {
            view->failed = true;
            return false;
        }
        if (item == PLAN_END) {
            return true;
        }
        if (item != PLAN_CHANGE) {
            if (view->finding != NULL) {
                view->finding(view->ctx, item, &finding);
            }
            continue;
        }
        if (ret_change->seq == until) {
            *ret_at = true;
            return true;
        }
        view->stopped = !view->each(view->ctx, plan_reader_header(view->plan), ret_change, NULL);
    }
    return true;
}

static bool join_row(void *ctx, const struct change_row *row)
{
    struct merged_view *view = ctx;
    struct plan_change change;
    bool at;
    if (!give_until(view, row->seq, &change, &at)) {
        return false;
    }
    if (at) {
        view->stopped = !view->each(view->ctx, plan_reader_header(view->plan), &change, row);
    }
    return !view->stopped;
}

bool engine_each_change(struct engine *engine, const struct run *run, engine_change_fn each,
                        void (*finding)(void *ctx, enum plan_item item,
                                        const struct plan_finding *found),
                        void *ctx, struct err *err)
{
    AUTO(plan_reader_free) struct plan_reader *plan = engine_open_plan(engine, run, err);
    if (plan == NULL) {
        return false;
    }
    struct merged_view view = {.plan = plan, .each = each, .finding = finding, .ctx = ctx};
    if (!journal_change_each(engine->journal, run->id, join_row, &view, err)) {
        return false;
    }
    struct plan_change change;
    bool at;
    if (!view.failed) {
        (void)give_until(&view, UINT64_MAX, &change, &at); /* its failure is in view.failed */
    }
    if (view.failed) {
        *err = view.err;
        return false;
    }
    return true;
}

/* --- what a job is lent -------------------------------------------------------------------- */

void engine_job_run_done(struct job_run *run)
{
    pressure_free(run->pressure);
    limiter_close(run->limiter);
    callstats_free(run->calls);
    vault_close(run->vault);
    *run = (struct job_run){0};
}

bool engine_job_run_init(struct engine *engine, const struct job *job, const struct run *run,
                         const struct plan_header *plan, struct job_run *ret, struct err *err)
{
    const struct settings *settings = engine->options.settings;
    *ret = (struct job_run){
        .run = run->id,
        .settings = settings,
        .clock = engine->options.clock,
        .stop = engine->options.stop,
        .log = engine->log,
        .workspace_fd = engine->workspace_fd,
        .journal = engine->journal,
        .plan = plan,
    };
    int64_t started = run->started_at_ms != 0 ? run->started_at_ms : clock_real_ms(ret->clock);
    clock_stamp(started, ret->stamp);
    const struct limiter_options limits = {
        .calls = settings->rate_limit_calls >= 0 ? settings->rate_limit_calls : job->rate_calls,
        .period_ms = settings->rate_limit_period_ms >= 0 ? settings->rate_limit_period_ms
                                                         : job->rate_period_ms,
        .clock = ret->clock,
    };
    char path[128];
    (void)snprintf(path, sizeof(path), "limits/%s", job->remote);
    const struct vault_options vault = {
        .compress = settings->compress,
        .key_file = settings->backup_key_file,
        .passphrase = &settings->backup_passphrase,
        .passphrase_file = settings->backup_passphrase_file,
    };
    ret->calls = callstats_new();
    callstats_over_time(ret->calls, ret->clock, limits.calls, limits.period_ms);
    ret->limiter = limiter_open(engine->workspace_fd, path, &limits, err);
    if (ret->limiter != NULL) {
        ret->pressure = pace_new(ret, job->remote);
        ret->vault = vault_open(engine->workspace_fd, settings->backup_dir, &vault, err);
    }
    if (ret->vault == NULL) {
        engine_job_run_done(ret);
        return false;
    }
    return true;
}

/* --- planning ------------------------------------------------------------------------------ */

/* The options that were given, and the facts that planning found. */
static bool record_plan(struct engine *engine, const struct plan_intent *intent,
                        const struct job_run *job_run, const char *path,
                        const struct plan_totals *totals, struct err *err)
{
    str given = str_of(intent->options_json);
    str facts = buf_str(&job_run->facts);
    AUTO_BUF struct buf options = {0};
    if (facts.len != 0) {
        bool none = str_eqz(given, "{}"); /* then no comma goes before the first fact */
        buf_adds(&options, (str){given.ptr, given.len - 1});
        buf_adds(&options, (str){facts.ptr + none, facts.len - none});
        buf_addc(&options, '}');
    }
    return journal_run_planned(engine->journal, job_run->run, path, totals, buf_str(&options), err);
}

struct job_run engine_planning_run(struct engine *engine)
{
    return (struct job_run){
        .settings = engine->options.settings,
        .clock = engine->options.clock,
        .stop = engine->options.stop,
        .log = engine->log,
        .workspace_fd = engine->workspace_fd,
        .journal = engine->journal,
    };
}

bool engine_plan(struct engine *engine, const struct plan_intent *intent, int64_t *ret_run,
                 struct plan_summary *ret, struct err *err)
{
    struct run run = {.options = str_of(intent->options_json)};
    (void)snprintf(run.job, sizeof(run.job), "%s", intent->job->name);
    (void)snprintf(run.rules, sizeof(run.rules), "%s", intent->rules);
    (void)snprintf(run.source, sizeof(run.source), "%s", intent->source);
    if (!journal_run_new(engine->journal, &run, &run.id, err)) {
        return false;
    }
    char path[64];
    (void)snprintf(path, sizeof(path), "plans/%lld.plan", (long long)run.id);
    struct job_run job_run = engine_planning_run(engine);
    job_run.run = run.id;
    log_context(run.id, "");
    bool ok = intent->job->plan(&job_run, intent->job_options, path, ret, err) &&
              record_plan(engine, intent, &job_run, path, &ret->totals, err);
    buf_done(&job_run.facts);
    if (!ok) {
        /* the planning error is the one to tell; a run left in `planning` is shown as such */
        struct err second = {0};
        if (!journal_run_move(engine->journal, run.id, RUN_FAILED, err->message, &second)) {
            log_at(engine->log, LOG_ERROR, "could not write the journal", LOG_ERR(&second));
        }
        return false;
    }
    log_at(engine->log, LOG_INFO, "planned", LOG_INT("changes", ret->totals.changes),
           LOG_INT("review", ret->totals.review), LOG_INT("bad_rows", ret->totals.bad));
    *ret_run = run.id;
    return true;
}

/* --- applying ------------------------------------------------------------------------------ */

/* A run with nothing left to do: was all of it done? */
static bool tell_finished(const struct run *run, struct err *err)
{
    uint64_t failed = run->counts[CHANGE_FAILED];
    uint64_t skipped = run->counts[CHANGE_SKIPPED];
    uint64_t unknown = run->counts[CHANGE_UNKNOWN];
    if (failed + skipped + unknown == 0) {
        return true;
    }
    (void)err_set(err, ERR_PARTIAL,
                  "run %lld finished, but %llu failed, %llu skipped, %llu unknown",
                  (long long)run->id, (unsigned long long)failed, (unsigned long long)skipped,
                  (unsigned long long)unknown);
    return err_hint(err, "`steward show %lld` says why for each.", (long long)run->id);
}

/* How the run ended, from what the schedule and the journal say. */
static bool run_outcome(struct engine *engine, int64_t run_id, struct watch *watch,
                        const struct err *halted, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    bool read = journal_run_get(engine->journal, run_id, &arena, &run, err);
    arena_done(&arena);
    if (!read) {
        return false;
    }
    uint64_t open =
        run.counts[CHANGE_PLANNED] + run.counts[CHANGE_BACKED_UP] + run.counts[CHANGE_SENT];
    enum run_state to = RUN_DONE;
    const char *reason = NULL;
    if (open != 0) {
        to = err_is(halted) ? RUN_PAUSED : RUN_INTERRUPTED;
        reason = err_is(halted) ? halted->message : "stopped by a signal";
    }
    if (!journal_run_move(engine->journal, run_id, to, reason, err)) {
        watch_ended(watch, &run, RUN_FAILED, err->message); /* whoever is on call must know */
        return false;
    }
    log_at(engine->log, LOG_INFO, "run ended", LOG_STR("state", run_state_name(to)),
           LOG_INT("open", open));
    watch_ended(watch, &run, to, reason);
    if (open != 0 && err_is(halted)) {
        *err = *halted;
        if (err_exit_code(err->kind) == 1) {
            err->kind = ERR_STOPPED; /* resumable: say so by the exit code */
        }
        (void)err_wrap(err, "run %lld paused with %llu changes to go", (long long)run_id,
                       (unsigned long long)open);
        return err_hint(err, "Put the cause right, then `steward resume %lld`.", (long long)run_id);
    }
    if (open != 0) {
        (void)err_set(err, ERR_INTERRUPTED, "run %lld was interrupted with %llu changes to go",
                      (long long)run_id, (unsigned long long)open);
        return err_hint(err, "`steward resume %lld` goes on from here.", (long long)run_id);
    }
    return tell_finished(&run, err);
}

static bool work_through(struct engine *engine, const struct job *job, struct job_run *job_run,
                         struct plan_reader *plan, bool settle_only, struct watch **ret_watch,
                         struct err *halted, struct err *err)
{
    const struct settings *settings = engine->options.settings;
    const struct schedule_options options = {
        .plan = plan,
        .journal = engine->journal,
        .run = job_run->run,
        .clock = job_run->clock,
        .stop = job_run->stop,
        .pressure = job_run->pressure,
        .batch_size = settings->batch_size,
        .max_batch_failures = settle_only ? 0 : settings->max_batch_failures,
        .canary = settings->canary,
        .settle_only = settle_only,
    };
    struct schedule *schedule = schedule_new(&options, err);
    if (schedule == NULL) {
        return false;
    }
    struct executor executor = {
        .job = job,
        .run = job_run,
        .journal = engine->journal,
        .schedule = schedule,
        .settle_ms = job->settle_ms(settings),
        .max_sends = settings->max_retries > 0 ? (int)settings->max_retries : 1,
        .verified = undo_is_plan(plan_reader_header(plan)) ? undo_verified : NULL,
        .verified_ctx = engine,
    };
    *ret_watch = watch_start(job_run, job, schedule, engine->options.progress, err);
    executor.profile = watch_profile(*ret_watch);
    bool ok = *ret_watch != NULL && executor_run(&executor, settings->workers, err);
    watch_stop(*ret_watch);
    schedule_halted(schedule, halted);
    schedule_free(schedule, job);
    return ok;
}

/* After a kill the run is still `applying`; that it is gone on with stands in the audit trail. */
static bool begin_applying(struct engine *engine, const struct run *run, struct err *err)
{
    log_at(engine->log, LOG_INFO, run->state == RUN_PLANNED ? "run begins" : "run goes on",
           LOG_STR("command", engine->options.command), LOG_STR("version", STEWARD_VERSION),
           LOG_STR("job", run->job), LOG_STR("rules", run->rules),
           LOG_INT("changes", run->plan.changes));
    if (run->state == RUN_APPLYING) {
        journal_audit(engine->journal, run->id, "resume", STR("{\"after\":\"kill\"}"));
        return true;
    }
    return (run->state != RUN_PLANNED || approval_settle(engine, run, err)) &&
           journal_run_move(engine->journal, run->id, RUN_APPLYING, NULL, err);
}

/* From the journal, which has just stamped the first start: a resumed run must arrive at the same names
 * of backups, and a clock that was read twice may have passed a second. */
static bool stamp_first_start(struct engine *engine, struct job_run *job_run, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine->journal, job_run->run, &arena, &run, err);
    if (ok) {
        clock_stamp(run.started_at_ms, job_run->stamp);
    }
    arena_done(&arena);
    return ok;
}

static bool apply_run(struct engine *engine, const struct job *job, const struct run *run,
                      bool settle_only, struct err *err)
{
    AUTO(plan_reader_free) struct plan_reader *plan = engine_open_plan(engine, run, err);
    if (plan == NULL) {
        return false;
    }
    struct job_run job_run;
    if (!engine_job_run_init(engine, job, run, plan_reader_header(plan), &job_run, err)) {
        return false;
    }
    AUTO(watch_free) struct watch *watch = NULL;
    struct err halted = {0};
    bool first = run->state == RUN_PLANNED && job->fresh != NULL;
    bool ok = (!first || job->fresh(&job_run, run, err)) && job->open(&job_run, err);
    if (ok) {
        log_context(run->id, "");
        ok = begin_applying(engine, run, err) && stamp_first_start(engine, &job_run, err) &&
             undo_begin(engine, run->id, err) &&
             work_through(engine, job, &job_run, plan, settle_only, &watch, &halted, err) &&
             undo_end(engine, run->id, err);
        job->close(&job_run);
    }
    engine_job_run_done(&job_run);
    return ok && run_outcome(engine, run->id, watch, &halted, err);
}

/* What is refused, or is going to be because it was not approved, will not be changed. */
static bool check_limits(struct engine *engine, const struct run *run, struct err *err)
{
    uint64_t changes = run->plan.changes - run->counts[CHANGE_REFUSED];
    if (run->state == RUN_PLANNED) {
        AUTO(approval_free) struct approval *approval = approval_load(engine->journal, run, err);
        if (approval == NULL || !approval_count(engine, run, approval, &changes, err)) {
            return false;
        }
    }
    return limits_check(engine->options.settings, run, changes, err);
}

bool engine_apply(struct engine *engine, const struct job *job, int64_t run_id, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine->journal, run_id, &arena, &run, err);
    if (ok && run.state != RUN_PLANNED) {
        (void)err_set(err, ERR_REFUSED, "could not apply run %lld: it is %s, not planned",
                      (long long)run_id, run_state_name(run.state));
        bool open =
            run.state == RUN_APPLYING || run.state == RUN_PAUSED || run.state == RUN_INTERRUPTED;
        (void)err_hint(err,
                       open ? "`steward resume %lld` goes on with it."
                            : "Plan anew; `steward show %lld` tells what became of this one.",
                       (long long)run_id);
        ok = false;
    }
    ok = ok && check_limits(engine, &run, err) && apply_run(engine, job, &run, false, err);
    arena_done(&arena);
    return ok;
}

static bool resume_run(struct engine *engine, const struct job *job, const struct run *run,
                       struct err *err)
{
    switch (run->state) {
    case RUN_APPLYING:
    case RUN_PAUSED:
    case RUN_INTERRUPTED:
        return check_limits(engine, run, err) && apply_run(engine, job, run, false, err);
    case RUN_DONE:
        if (run->counts[CHANGE_UNKNOWN] == 0) {
            return tell_finished(run, err);
        }
        return apply_run(engine, job, run, true, err);
    case RUN_PLANNING:
    case RUN_PLANNED:
    case RUN_FAILED:
    case RUN_UNDONE:
    case RUN_STATE_COUNT:
        break;
    }
    (void)err_set(err, ERR_REFUSED, "could not resume run %lld: it is %s", (long long)run->id,
                  run_state_name(run->state));
    if (run->state == RUN_PLANNED) {
        return err_hint(err, "It was never started: `steward apply %lld`.", (long long)run->id);
    }
    return err_hint(err, "Plan anew with `steward %s`.", run->job);
}

bool engine_resume(struct engine *engine, const struct job *job, int64_t run_id, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine->journal, run_id, &arena, &run, err);
    ok = ok && resume_run(engine, job, &run, err);
    arena_done(&arena);
    return ok;
}
