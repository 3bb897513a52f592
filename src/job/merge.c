/* SPDX-License-Identifier: MIT */
#include "job/merge.h"

#include "job/devrev_session.h"
#include "job/merge_fresh.h"
#include "job/merge_internal.h"
#include "job/merge_memory.h"
#include "job/merge_plan.h"
#include "job/merge_score.h"
#include "job/merge_share.h"
#include "job/merge_undo.h"
#include "job/merge_walk.h"
#include "job/source.h"
#include "match/rules.h"

static const char DEFAULT_RULES[] = "revu-pairs";

/* --- planning ------------------------------------------------------------------------------ */

static void summarise(const struct merge_plan_result *result, struct plan_summary *ret)
{
    ret->rows = result->rows;
    ret->bad = result->bad;
    ret->keep = result->keep;
    ret->merge = result->merge;
    ret->review = result->review;
    ret->none = result->none;
    ret->first_bad_count = 0;
    for (int i = 0; i < result->first_bad_count && i < (int)ARRAY_LEN(ret->first_bad); i++) {
        ret->first_bad[i].line = result->first_bad[i].line;
        memcpy(ret->first_bad[i].reason, result->first_bad[i].reason,
               sizeof(result->first_bad[i].reason));
        ret->first_bad_count++;
    }
}

_Static_assert(sizeof(((struct merge_plan_bad *)0)->reason) <=
                   sizeof(((struct plan_summary *)0)->first_bad[0].reason),
               "a reason of the planner fits into the summary");

/* A rule set that does not load is told before anything is asked of a remote. */
static bool read_source(struct job_run *run, const struct merge_options *wanted, const char *rules,
                        char ret_path[SOURCE_PATH_BYTES], struct err *err)
{
    AUTO(rules_free) struct rules *loaded = rules_load(rules, err);
    const struct source_options source = {
        .name = wanted->source,
        .query = wanted->query,
        .rules = rules,
        .rate_calls = merge_job.rate_calls,
        .rate_period_ms = merge_job.rate_period_ms,
    };
    uint64_t rows;
    return loaded != NULL && source_spool(run, &source, ret_path, &rows, err);
}

/* The fact that limits_check reads. null: it was not counted, because nothing asked for a limit. */
static bool note_share(struct job_run *run, const struct merge_plan *plan, struct err *err)
{
    if (merge_walk_rules(plan)->max_share_of < 0) {
        return true;
    }
    if (run->settings->max_account_share >= 100) {
        buf_addz(&run->facts, ",\"max_account_share\":null");
        return true;
    }
    struct merge_share share = {0};
    if (!merge_share_measure(plan, &share, err)) {
        return false;
    }
    double percent = share.contacts != 0 ? 100 * (double)share.changes / (double)share.contacts : 0;
    buf_printf(&run->facts,
               ",\"max_account_share\":{\"percent\":%.1f,\"changes\":%llu,\"contacts\":%llu}",
               percent, (unsigned long long)share.changes, (unsigned long long)share.contacts);
    return true;
}

static bool merge_plan(struct job_run *run, const void *options, const char *path,
                       struct plan_summary *ret, struct err *err)
{
    const struct merge_options *wanted = options;
    const char *rules = wanted->rules != NULL ? wanted->rules : DEFAULT_RULES;
    char spooled[SOURCE_PATH_BYTES];
    if (wanted->source != NULL && !read_source(run, wanted, rules, spooled, err)) {
        return false;
    }
    AUTO(links_free)
    struct links *links = merge_memory_links(run->journal, run->workspace_fd, err);
    if (links == NULL) {
        return false;
    }
    struct merge_plan_options planner = {
        .csv_path = wanted->source != NULL ? spooled : wanted->csv_path,
        .csv_dir_fd = wanted->source != NULL ? run->workspace_fd : 0,
        .rules = rules,
        .map = wanted->map,
        .links = links,
        .csv_out = wanted->csv_out,
        .strict = wanted->strict,
        .threads = wanted->threads,
        .stop = run->stop,
    };
    AUTO(merge_plan_free) struct merge_plan *plan = merge_plan_open(&planner, err);
    if (plan == NULL || (wanted->score != NULL && !merge_score_begin(wanted->score, plan, err))) {
        return false;
    }
    AUTO(plan_writer_free)
    struct plan_writer *writer =
        plan_writer_new(run->workspace_fd, path, merge_plan_header(plan), err);
    struct merge_plan_result result = {0};
    struct plan_totals totals = {0};
    if (writer == NULL || !merge_plan_run(plan, writer, &result, err) ||
        (wanted->score != NULL && !merge_score_measure(wanted->score, plan, err)) ||
        !note_share(run, plan, err) || !plan_writer_finish(writer, &totals, err)) {
        return false;
    }
    summarise(&result, ret);
    ret->totals = totals;
    ret->links = links_count(links);
    return merge_memory_note(run, links, plan, &ret->stale_links, err) &&
           merge_fresh_note(run, wanted, rules, plan, err);
}

bool merge_validate(const struct merge_options *options, struct plan_summary *ret, struct err *err)
{
    const struct merge_plan_options planner = {
        .csv_path = options->csv_path,
        .rules = options->rules != NULL ? options->rules : DEFAULT_RULES,
        .map = options->map,
        .strict = options->strict,
        .threads = options->threads,
    };
    AUTO(merge_plan_free) struct merge_plan *plan = merge_plan_open(&planner, err);
    struct merge_plan_result result = {0};
    if (plan == NULL || !merge_plan_run(plan, NULL, &result, err)) {
        return false;
    }
    summarise(&result, ret);
    return true;
}

/* --- life ---------------------------------------------------------------------------------- */

static bool merge_open(struct job_run *run, struct err *err)
{
    run->shared = devrev_session_shared(run, err);
    return run->shared != NULL;
}

static void merge_close(struct job_run *run)
{
    devrev_shared_free(run->shared);
    run->shared = NULL;
}

static void *merge_worker_open(struct job_run *run, struct err *err)
{
    struct devrev *devrev = devrev_new(run->shared, err);
    if (devrev == NULL) {
        return NULL;
    }
    struct merge_worker *worker = xnew(struct merge_worker);
    worker->run = run;
    worker->devrev = devrev;
    return worker;
}

static void merge_worker_close(void *ctx)
{
    struct merge_worker *worker = ctx;
    if (worker != NULL) {
        devrev_free(worker->devrev);
        free(worker);
    }
}

static int64_t merge_settle_ms(const struct settings *settings)
{
    return settings->merge_settle_ms;
}

const struct job merge_undo_job = {
    .name = "merge-undo",
    .summary = "bring merged contacts back from their backups",
    .remote = "devrev",
    .rate_calls = 45,
    .rate_period_ms = 60000,
    .limits = merge_undo_limits,
    .plan = merge_undo_plan,
    .open = merge_open,
    .close = merge_close,
    .worker_open = merge_worker_open,
    .worker_close = merge_worker_close,
    .check = merge_undo_check,
    .capture = merge_undo_capture,
    .apply = merge_undo_apply,
    .confirm = merge_undo_confirm,
    .finish = merge_undo_finish,
    .forget = merge_forget,
    .concluded = merge_concluded,
    .verify = merge_undo_verify,
    .describe = merge_undo_describe,
    .settle_ms = merge_settle_ms,
};

const struct job merge_job = {
    .name = "merge",
    .summary = "merge duplicate contacts into their survivors",
    .remote = "devrev",
    .pairs = true,
    .rate_calls = 45,
    .rate_period_ms = 60000,
    .remembers_refusals = true,
    .undo = &merge_undo_job,
    .plan = merge_plan,
    .fresh = merge_fresh,
    .open = merge_open,
    .close = merge_close,
    .worker_open = merge_worker_open,
    .worker_close = merge_worker_close,
    .check = merge_check,
    .capture = merge_capture,
    .apply = merge_apply,
    .confirm = merge_confirm,
    .finish = merge_finish,
    .forget = merge_forget,
    .concluded = merge_concluded,
    .verify = merge_verify,
    .describe = merge_describe,
    .describe_settings = merge_describe_settings,
    .settle_ms = merge_settle_ms,
};
