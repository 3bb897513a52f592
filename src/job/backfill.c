/* SPDX-License-Identifier: MIT */
#include "job/backfill.h"

#include <stdio.h>

#include "engine/undo.h"
#include "format/jsonx.h"
#include "job/backfill_internal.h"
#include "job/devrev_session.h"
#include "job/inputs.h"

struct worker {
    struct job_run *run;
    struct devrev *devrev;
};

/* What a change needs between check and apply. */
struct issue {
    struct devrev_answer answer;
    bool right; /* the value is there already */
};

/* --- the remote ----------------------------------------------------------------------------------- */

static bool open_remote(struct job_run *run, struct err *err)
{
    run->shared = devrev_session_shared(run, err);
    return run->shared != NULL;
}

static void close_remote(struct job_run *run)
{
    devrev_shared_free(run->shared);
    run->shared = NULL;
}

static void *worker_open(struct job_run *run, struct err *err)
{
    struct devrev *devrev = devrev_new(run->shared, err);
    if (devrev == NULL) {
        return NULL;
    }
    struct worker *worker = xnew(struct worker);
    *worker = (struct worker){.run = run, .devrev = devrev};
    return worker;
}

static void worker_close(void *ctx)
{
    struct worker *worker = ctx;
    if (worker != NULL) {
        devrev_free(worker->devrev);
        free(worker);
    }
}

/* The issue as it is now, in `answer`. Gone: ERR_DRIFT. */
static const json_t *read_issue(struct worker *worker, str id, struct devrev_answer *answer,
                                struct err *err)
{
    json_t *request = json_pack("{s:s%}", "id", id.ptr != NULL ? id.ptr : "", id.len);
    if (!devrev_read(worker->devrev, "works.get", request, answer, err)) {
        if (err->kind == ERR_NOT_FOUND) {
            (void)err_set(err, ERR_DRIFT, "the remote does not know the issue: it is gone");
        }
        return NULL;
    }
    const json_t *work = jsonx_get(answer->json, "work");
    if (jsonx_str(work, "id").len == 0) {
        (void)err_set(err, ERR_PROTOCOL, "could not call works.get: the answer holds no work");
        return NULL;
    }
    return work;
}

/* --- the steps -------------------------------------------------------------------------------------- */

/* An undo's columns stand behind the one that says what it undoes. */
static size_t column_of(const struct plan_header *plan, enum backfill_column column)
{
    return (size_t)column + (undo_is_plan(plan) ? 1 : 0);
}

static str field_of(const struct plan_header *plan)
{
    return plan->columns[column_of(plan, COLUMN_FIELD)].name;
}

static const struct plan_value *value_of(const struct plan_header *plan,
                                         const struct plan_change *change,
                                         enum backfill_column column)
{
    return &change->values[column_of(plan, column)];
}

static bool check_creator(const struct plan_header *plan, struct job_change *change,
                          const json_t *work, struct err *err)
{
    str planned = value_of(plan, &change->plan, COLUMN_CREATOR)->before;
    str id = jsonx_str(work, "created_by.id");
    if (str_eq(planned, id) || str_eq(planned, jsonx_str(work, "created_by.display_id"))) {
        return true;
    }
    return err_set(err, ERR_DRIFT, "its creator is '%s', not '%s' as in the plan",
                   shown_id(&change->arena, id), shown_id(&change->arena, planned));
}

/* What may be there before a change depends on its kind. */
static bool check_value(const struct plan_header *plan, struct job_change *change, str now,
                        struct issue *issue, struct err *err)
{
    const struct plan_value *value = value_of(plan, &change->plan, COLUMN_FIELD);
    issue->right = str_eq(now, value->after);
    if (issue->right || str_eqz(plan->kind, BACKFILL_OVERWRITE)) {
        return true;
    }
    if (str_eq(now, str_eqz(plan->kind, BACKFILL_RESTORE) ? value->before : STR(""))) {
        return true;
    }
    if (now.len == 0) {
        return err_set(err, ERR_DRIFT, "its %.*s is empty by now", STR_ARG(field_of(plan)));
    }
    return err_set(err, ERR_DRIFT, "its %.*s holds another value, '%s'", STR_ARG(field_of(plan)),
                   shown_id(&change->arena, now));
}

static bool check(void *ctx, struct job_change *change, struct err *err)
{
    struct worker *worker = ctx;
    const struct plan_header *plan = worker->run->plan;
    struct issue *issue = change->data;
    if (issue == NULL) {
        issue = change->data = xnew(struct issue);
    }
    devrev_stop_level(worker->devrev, 1);
    const json_t *work = read_issue(worker, change->plan.target, &issue->answer, err);
    bool ok = work != NULL;
    if (ok && !str_eqz(jsonx_str(work, "type"), "issue")) {
        ok = err_set(err, ERR_DRIFT, "it is no issue but another kind of work");
    }
    ok = ok && check_creator(plan, change, work, err) &&
         check_value(plan, change, backfill_field_value(work, field_of(plan)), issue, err);
    return ok || err_wrap(err, "issue '%s'", shown_id(&change->arena, change->plan.target));
}

/* The pre-image: one value, in the journal. */
static bool capture(void *ctx, struct job_change *change, struct err *err)
{
    const struct worker *worker = ctx;
    const struct issue *issue = change->data;
    str before =
        backfill_field_value(jsonx_get(issue->answer.json, "work"), field_of(worker->run->plan));
    AUTO_BUF struct buf detail = {0};
    buf_addz(&detail, "{\"before\":");
    if (before.len != 0) {
        buf_add_json(&detail, before);
    } else {
        buf_addz(&detail, "null");
    }
    buf_printf(&detail, ",\"already\":%s}", issue->right ? "true" : "false");
    if (detail.len >= sizeof(change->detail)) {
        return err_set(err, ERR_BACKUP,
                       "could not keep the old value of issue '%s': it is too long",
                       shown_id(&change->arena, change->plan.target));
    }
    memcpy(change->detail, buf_z(&detail), detail.len + 1);
    (void)snprintf(change->backup, sizeof(change->backup), "journal");
    return true;
}

static bool apply(void *ctx, struct job_change *change, struct err *err)
{
    struct worker *worker = ctx;
    const struct plan_header *plan = worker->run->plan;
    const struct issue *issue = change->data;
    AUTO_ANSWER struct devrev_answer answer = {0};
    if (issue->right) {
        return true; /* nothing is to be sent; confirm reads it once more */
    }
    devrev_stop_level(worker->devrev, 1);
    json_t *request =
        backfill_field_request(jsonx_get(issue->answer.json, "work"), change->plan.target,
                               field_of(plan), value_of(plan, &change->plan, COLUMN_FIELD)->after);
    return devrev_write(worker->devrev, "works.update", request, &answer, err);
}

static enum confirm_result confirm(void *ctx, struct job_change *change, struct err *err)
{
    struct worker *worker = ctx;
    AUTO_ANSWER struct devrev_answer answer = {0};
    const struct plan_header *plan = worker->run->plan;
    devrev_stop_level(worker->devrev, 2); /* a drain still settles what was sent */
    const json_t *work = read_issue(worker, change->plan.target, &answer, err);
    if (work == NULL) {
        return err->kind == ERR_DRIFT ? CONFIRM_CONTRADICTED : CONFIRM_UNREADABLE;
    }
    str now = backfill_field_value(work, field_of(plan));
    if (str_eq(now, value_of(plan, &change->plan, COLUMN_FIELD)->after)) {
        return CONFIRM_DONE;
    }
    json_t *detail = json_loads(change->detail, 0, NULL);
    str before = jsonx_str(detail, "before");
    bool unchanged = str_eq(now, before.ptr != NULL ? before : STR(""));
    json_decref(detail);
    if (unchanged) {
        return CONFIRM_ABSENT;
    }
    (void)err_set(err, ERR_VERIFY, "its %.*s holds '%s', neither the old value nor ours",
                  STR_ARG(field_of(plan)), shown_id(&change->arena, now));
    return CONFIRM_CONTRADICTED;
}

static void forget(struct job_change *change)
{
    struct issue *issue = change->data;
    if (issue != NULL) {
        devrev_answer_done(&issue->answer);
        free(issue);
        change->data = NULL;
    }
}

static void concluded(void *ctx, struct job_change *change)
{
    /* the journal has it all: there is no backup directory with logs of its own */
    (void)ctx;
    (void)change;
}

static bool verify(void *ctx, struct job_change *change,
                   void (*difference)(void *ctx, const char *text), void *difference_ctx,
                   struct err *err)
{
    struct worker *worker = ctx;
    AUTO_ANSWER struct devrev_answer answer = {0};
    struct err failure = {0};
    const struct plan_header *plan = worker->run->plan;
    str field = field_of(plan);
    bool done = change->row.state == CHANGE_VERIFIED;
    /* what was never sent may hold the value for other reasons: nothing is promised about it */
    bool sent = change->row.attempts > 0;
    if (!done &&
        (!sent || (change->row.state != CHANGE_FAILED && change->row.state != CHANGE_SKIPPED))) {
        return true;
    }
    const json_t *work = read_issue(worker, change->plan.target, &answer, &failure);
    if (work == NULL && failure.kind == ERR_DRIFT) {
        if (done) {
            difference(difference_ctx, arena_printf(&change->arena, "issue '%s' is gone",
                                                    shown_id(&change->arena, change->plan.target)));
        }
        return true;
    }
    if (work == NULL) {
        *err = failure;
        return false;
    }
    bool holds = str_eq(backfill_field_value(work, field),
                        value_of(plan, &change->plan, COLUMN_FIELD)->after);
    if (holds != done) {
        difference(difference_ctx,
                   arena_printf(&change->arena, "%.*s of issue '%s' is %s", STR_ARG(field),
                                shown_id(&change->arena, change->plan.target),
                                done ? "not what was written"
                                     : "the planned value although its change is not done"));
    }
    return true;
}

static void add_line(struct buf *out, const char *name, str value)
{
    if (value.len != 0) {
        buf_printf(out, "  %-14s %.*s\n", name, STR_ARG(value));
    }
}

static void describe(const struct plan_header *plan, const struct plan_change *change,
                     struct buf *out)
{
    const struct plan_value *field = value_of(plan, change, COLUMN_FIELD);
    bool undo = str_eqz(plan->kind, BACKFILL_RESTORE);
    buf_printf(out, "set %.*s of %.*s\n", STR_ARG(field_of(plan)), STR_ARG(change->target));
    add_line(out, "to",
             undo ? (field->after.len != 0 ? field->after : STR("nothing, as it was"))
                  : value_of(plan, change, COLUMN_GROUP)->after);
    add_line(out, "instead of", field->before);
    add_line(out, "creator", value_of(plan, change, COLUMN_CREATOR)->before);
    add_line(out, "why", change->reason);
}

/* A write that timed out may still arrive; reads that long after it decide. Writing the same value once
 * more would do no harm, so the merge's patience is not needed. */
static int64_t settle_ms(const struct settings *settings)
{
    return settings->read_timeout_ms < settings->merge_settle_ms ? settings->read_timeout_ms
                                                                 : settings->merge_settle_ms;
}

/* A CSV that has changed since would be decided otherwise. */
static bool fresh(struct job_run *run, const struct run *planned, struct err *err)
{
    return inputs_check(planned, run->log, err);
}

#define BACKFILL_STEPS                                                                             \
    .remote = "devrev", .rate_calls = 50, .rate_period_ms = 10000, .open = open_remote,            \
    .close = close_remote, .worker_open = worker_open, .worker_close = worker_close,               \
    .at_once = true, .check = check, .capture = capture, .apply = apply, .confirm = confirm,       \
    .forget = forget, .concluded = concluded, .verify = verify, .describe = describe,              \
    .settle_ms = settle_ms

const struct job backfill_job = {
    .name = "backfill",
    .summary = "fill one missing field of many issues",
    .undo = &backfill_undo_job,
    .plan = backfill_plan,
    .fresh = fresh,
    BACKFILL_STEPS,
};

static const char *const limits[] = {
    "what somebody has changed since: it stays as it is, and each such issue is named",
    "the times of the changes: each issue has been modified once more",
    NULL,
};

const struct job backfill_undo_job = {
    .name = "backfill-undo",
    .summary = "put the old values of a backfill back",
    .limits = limits,
    .plan = backfill_undo_plan,
    BACKFILL_STEPS,
};
