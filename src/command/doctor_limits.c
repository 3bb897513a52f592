/* SPDX-License-Identifier: MIT */
/*
 * How fast a remote may be asked, and how long a run of so many changes takes at that: what is configured, what
 * the workspace's limiter has learned and has left, and what a change cost in earlier runs.
 */
#include <inttypes.h>

#include "command/doctor.h"
#include "format/jsonx.h"
#include "job/backfill.h"
#include "job/merge.h"
#include "net/limiter.h"
#include "store/journal.h"

/* A merge with five tickets and one conversation (docs/merge.md), an issue (docs/backfill.md). */
enum { MERGE_CALLS = 27, BACKFILL_CALLS = 3, LEAST_CHANGES = 10 };

struct costs {
    struct journal *journal;
    const char *job;
    bool counts; /* the run at hand is one to be measured */
    uint64_t calls;
    uint64_t changes;
    struct limiter_state learned; /* by the last process that told; `learned` false: none */
};

/* What the remote allowed a process, as its progress told last (engine/progress_text.h). */
static void take_learned(const json_t *stat, struct costs *costs)
{
    const json_t *limit = json_object_get(json_object_get(stat, "progress"), "limit");
    if (limit != NULL) {
        costs->learned = (struct limiter_state){
            .calls = json_integer_value(json_object_get(limit, "calls")),
            .period_ms = json_integer_value(json_object_get(limit, "period_ms")),
            .learned = json_is_true(json_object_get(limit, "learned"))};
    }
}

static bool add_session(void *ctx, str session, str json)
{
    struct costs *costs = ctx;
    struct err err = {0};
    const char *name;
    json_t *call;
    (void)session;
    AUTO(json_decref) json_t *stat = jsonx_parse(json, 0, &err);
    take_learned(stat, costs);
    json_object_foreach(json_object_get(stat, "calls"), name, call)
    {
        costs->calls +=
            !costs->counts ? 0 : (uint64_t)json_integer_value(json_object_get(call, "count"));
    }
    return true;
}

/* A run that is on its way has calls for changes that are not counted yet. */
static bool add_run(void *ctx, const struct run *run)
{
    struct costs *costs = ctx;
    struct err err = {0};
    costs->counts = run->state == RUN_DONE && strcmp(run->job, costs->job) == 0;
    if (costs->counts) {
        costs->changes +=
            run->plan.changes - run->counts[CHANGE_REFUSED] - run->counts[CHANGE_PLANNED];
    }
    return journal_stat_each(costs->journal, run->id, add_session, costs, &err);
}

/* Calls a change, as measured, or as the documents say where too little was. */
static double calls_of_change(struct checkup *checkup, const struct costs *costs,
                              const struct job *job)
{
    if (costs->changes >= LEAST_CHANGES && costs->calls != 0) {
        double each = (double)costs->calls / (double)costs->changes;
        checkup_add(checkup, "a change costs", FINDING_OK,
                    "%.1f calls, measured over %" PRIu64 " changes (%s)", each, costs->changes,
                    job->name);
        return each;
    }
    double each = job == &backfill_job ? BACKFILL_CALLS : MERGE_CALLS;
    checkup_add(checkup, "a change costs", FINDING_OK,
                "%.0f calls, an estimate: fewer than %d changes were measured (%s)", each,
                LEAST_CHANGES, job->name);
    return each;
}

static void add_limit(struct checkup *checkup, const struct limiter_options *limits,
                      const struct limiter_state *state)
{
    if (limits->calls == 0) {
        checkup_add(checkup, "configured limit", FINDING_OK, "none");
    } else {
        checkup_add(checkup, "configured limit", FINDING_OK, "%" PRId64 " calls in %.12g s",
                    limits->calls, (double)limits->period_ms / 1000);
    }
    if (state->learned) {
        checkup_add(checkup, "learned limit", FINDING_OK, "%" PRId64 " calls in %.12g s",
                    state->calls, (double)state->period_ms / 1000);
    } else {
        checkup_add(checkup, "learned limit", FINDING_OK,
                    "none: the remote has told no stricter one");
    }
    if (state->why != NULL) {
        checkup_add(checkup, "calls left", FINDING_WARN, "none for %.1f s: %s",
                    (double)state->next_ms / 1000, state->why);
        checkup_fix(checkup, "Wait; a run waits by itself.");
    } else if (state->free_tokens >= 0) {
        checkup_add(checkup, "calls left", FINDING_OK, "%" PRId64 " at once", state->free_tokens);
    } else {
        checkup_add(checkup, "calls left", FINDING_OK, "as many as you like");
    }
}

static void add_estimate(struct checkup *checkup, int64_t changes, double calls,
                         const struct limiter_state *state)
{
    const char *name = arena_printf(&checkup->arena, "%" PRId64 " changes", changes);
    struct estimate *estimate = &checkup->estimate;
    *estimate = (struct estimate){
        .known = true, .changes = changes, .calls = (int64_t)(calls * (double)changes + 0.5)};
    if (state->calls == 0) {
        estimate->seconds = -1;
        checkup_add(checkup, name, FINDING_OK,
                    "%" PRId64 " calls; no limit says how long they take", estimate->calls);
        return;
    }
    /* what is free now goes at once, the rest as the periods pass */
    int64_t rest = estimate->calls > state->free_tokens ? estimate->calls - state->free_tokens : 0;
    double wait = (double)rest / (double)state->calls * (double)state->period_ms / 1000;
    estimate->seconds = (int64_t)(wait + 0.5);
    int64_t minutes = estimate->seconds / 60;
    checkup_add(checkup, name, FINDING_OK,
                "%" PRId64 " calls, at least %" PRId64 " h %02" PRId64 " min %02" PRId64 " s",
                estimate->calls, minutes / 60, minutes % 60, estimate->seconds % 60);
}

void doctor_limits(struct checkup *checkup, int workspace_fd, const char *workspace,
                   const struct settings *settings, const struct doctor_question *question)
{
    const struct job *job = question->backfill ? &backfill_job : &merge_job;
    const struct limiter_options limits = {
        .calls = settings->rate_limit_calls >= 0 ? settings->rate_limit_calls : job->rate_calls,
        .period_ms = settings->rate_limit_period_ms >= 0 ? settings->rate_limit_period_ms
                                                         : job->rate_period_ms,
        .clock = clock_system(),
    };
    struct err err = {0};
    AUTO(limiter_close)
    struct limiter *limiter = doctor_limiter(workspace_fd, &limits, &err);
    if (limiter == NULL) {
        checkup_add(checkup, "limits", FINDING_FAIL, "%s", err.message);
        checkup_fix(checkup, "Give the right to write into limits/ of the workspace.");
        return;
    }
    struct limiter_state state;
    limiter_look(limiter, &state);
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/steward.db", workspace);
    AUTO(journal_close)
    struct journal *journal = journal_open(buf_z(&path), JOURNAL_READ, clock_system(), &err);
    struct costs costs = {.journal = journal, .job = job->name};
    /* what could not be read is not measured; the journal's own check tells why */
    bool read = journal != NULL && journal_run_each(journal, add_run, &costs, &err);
    const struct limiter_state *learned = &costs.learned;
    if (read && learned->learned && learned->period_ms > 0 &&
        (state.calls == 0 || learned->calls * state.period_ms < state.calls * learned->period_ms)) {
        state.calls = learned->calls;
        state.period_ms = learned->period_ms;
        state.learned = true;
    }
    add_limit(checkup, &limits, &state);
    double calls = calls_of_change(checkup, &costs, job);
    if (question->changes > 0) {
        add_estimate(checkup, question->changes, calls, &state);
    }
}
