/* SPDX-License-Identifier: MIT */
#include "engine/executor.h"

#include <stdio.h>

#include "base/failpoint.h"
#include "base/num.h"
#include "base/queue.h"
#include "engine/profile.h"

enum {
    FIRST_LOOK_MS = 100, /* after an acknowledgement */
    LONGEST_LOOK_MS = 15000,
    MAX_WORKERS = 256,
    /* how long something that the remote says it is working on may take, at least */
    PENDING_MIN_MS = 60000,
    UNKNOWN_LOOKS = 3,
    HELD_BACK_MS = 1000,
};

/* A worker thread's view. */
struct hand {
    struct executor *executor;
    void *worker; /* the job's connection */
};

static struct transition transition_of(const struct executor *executor,
                                       const struct work_item *item, enum change_state to,
                                       const struct err *why)
{
    const struct job_change *change = &item->change;
    struct transition transition = {
        .run = executor->run->run,
        .seq = change->plan.seq,
        .from = change->row.state,
        .to = to,
        .acknowledged = change->row.acknowledged,
        .count_attempt = to == CHANGE_SENT,
        .error = why,
        .backup = change->backup,
        .detail = change->detail,
    };
    memcpy(transition.id, change->row.id, sizeof(transition.id));
    return transition;
}

/* Moves a change durably; one that is sent at once passes `backed_up` in the same commit. A journal that
 * cannot be written halts the run. */
static bool move(struct executor *executor, struct work_item *item, enum change_state to,
                 const struct err *why)
{
    struct transition steps[2];
    size_t count = 0;
    struct err err = {0};
    if (to == CHANGE_SENT && item->change.row.state == CHANGE_PLANNED) {
        steps[count++] = transition_of(executor, item, CHANGE_BACKED_UP, NULL);
        item->change.row.state = CHANGE_BACKED_UP;
    }
    steps[count++] = transition_of(executor, item, to, why);
    enum profile_phase phase = profile_enter(PROFILE_JOURNAL);
    bool moved = journal_move_all(executor->journal, steps, count, &err);
    (void)profile_enter(phase);
    if (!moved) {
        log_at(executor->run->log, LOG_ERROR, "could not write the journal", LOG_ERR(&err));
        schedule_halt(executor->schedule, &err);
        return false;
    }
    item->change.row.state = to;
    if (to == CHANGE_SENT) {
        item->change.row.attempts++;
        item->change.row.acknowledged = false;
        item->change.row.sent_at_ms = clock_real_ms(executor->run->clock);
    }
    return true;
}

/* The change's outcome: durable, then told to the job's backup log, then counted. */
static void conclude(struct hand *hand, struct work_item *item, enum change_state to,
                     enum work_outcome outcome, const struct err *why)
{
    struct executor *executor = hand->executor;
    int64_t taken_ms = (clock_mono_ns(executor->run->clock) - item->begun_ns) / 1000000;
    (void)FAILPOINT("apply.before_outcome");
    if (item->change.row.state != to && !move(executor, item, to, why)) {
        outcome = WORK_LEFT;
    } else {
        (void)FAILPOINT("apply.after_outcome");
        if (to == CHANGE_VERIFIED && executor->verified != NULL) {
            executor->verified(executor->verified_ctx, &item->change);
        }
        if (why != NULL) {
            log_at(executor->run->log, LOG_WARN,
                   to == CHANGE_VERIFIED ? "change done, but for this" : "change not done",
                   LOG_STR("state", change_state_name(to)), LOG_INT("duration_ms", taken_ms),
                   LOG_ERR(why));
        } else {
            log_at(executor->run->log, LOG_DEBUG, "change done",
                   LOG_STR("state", change_state_name(to)), LOG_INT("duration_ms", taken_ms));
        }
        (void)profile_enter(PROFILE_CONCLUDE);
        executor->job->concluded(hand->worker, &item->change);
        (void)profile_enter(PROFILE_ENGINE);
    }
    executor->job->forget(&item->change);
    schedule_conclude(executor->schedule, item, outcome);
}

/* Leaves the change as the journal has it. */
static void leave(struct hand *hand, struct work_item *item)
{
    hand->executor->job->forget(&item->change);
    schedule_conclude(hand->executor->schedule, item, WORK_LEFT);
}

/* An error before anything was sent. */
static void not_sent(struct hand *hand, struct work_item *item, const struct err *why)
{
    if (why->kind == ERR_INTERRUPTED) {
        leave(hand, item);
        return;
    }
    if (why->fatal) {
        schedule_halt(hand->executor->schedule, why);
        leave(hand, item);
        return;
    }
    if (why->kind == ERR_DRIFT) {
        conclude(hand, item, CHANGE_SKIPPED, WORK_SKIPPED, why);
    } else if (why->kind == ERR_BACKUP) {
        conclude(hand, item, CHANGE_SKIPPED, WORK_FAILED, why);
    } else {
        conclude(hand, item, CHANGE_FAILED, WORK_FAILED, why);
    }
}

/* Growing pauses: 100 ms, 200 ms, ... 15 s. */
static void look_later(struct hand *hand, struct work_item *item)
{
    int64_t ms = FIRST_LOOK_MS;
    for (int i = 0; i < item->polls && ms < LONGEST_LOOK_MS; i++) {
        ms *= 2;
    }
    int64_t cap = hand->executor->settle_ms / 4;
    if (cap < FIRST_LOOK_MS) {
        cap = FIRST_LOOK_MS;
    }
    if (cap > LONGEST_LOOK_MS) {
        cap = LONGEST_LOOK_MS;
    }
    item->polls++;
    item->step = WORK_CONFIRM;
    schedule_defer(hand->executor->schedule, item, ms < cap ? ms : cap);
}

/* The remote certainly did not do it. */
static void not_applied(struct hand *hand, struct work_item *item, const struct err *why,
                        int64_t pause_ms)
{
    struct executor *executor = hand->executor;
    if (item->sends >= executor->max_sends) {
        struct err given_up = {0};
        (void)err_set(&given_up, ERR_REMOTE, "not applied after %d attempts: %s", item->sends,
                      why->message);
        conclude(hand, item, CHANGE_FAILED, WORK_FAILED, &given_up);
        return;
    }
    if (!move(executor, item, CHANGE_BACKED_UP, why)) {
        leave(hand, item);
        return;
    }
    item->step = WORK_SEND;
    item->polls = 0;
    schedule_defer(executor->schedule, item, pause_ms);
}

/* The run is paused, or the remote's breaker is not closed: checked and sent later. */
static void hold_back(struct hand *hand, struct work_item *item)
{
    item->step = WORK_SEND;
    item->polls = 0;
    schedule_defer(hand->executor->schedule, item, HELD_BACK_MS);
}

/* Nothing left the machine, for the same reasons: no attempt is used up. */
static bool was_held_back(const struct err *err)
{
    return err->kind == ERR_LIMITED && err->http_status == 0;
}

static bool may_send(const struct executor *executor)
{
    return stop_level(executor->run->stop) == 0 && pressure_takes_writes(executor->run->pressure);
}

/* Nothing is to be sent now. */
static void put_off(struct hand *hand, struct work_item *item)
{
    if (stop_level(hand->executor->run->stop) > 0) {
        leave(hand, item);
    } else {
        hold_back(hand, item);
    }
}

/* False: the journal cannot be written. */
static bool note_answer(struct executor *executor, struct work_item *item)
{
    struct err err = {0};
    bool noted = true;
    if (executor->job->at_once) {
        journal_acknowledge_later(executor->journal, executor->run->run, item->change.plan.seq);
    } else {
        (void)profile_enter(PROFILE_JOURNAL);
        noted =
            journal_acknowledge(executor->journal, executor->run->run, item->change.plan.seq, &err);
        (void)profile_enter(PROFILE_ENGINE);
    }
    if (!noted) {
        schedule_halt(executor->schedule, &err);
    }
    item->change.row.acknowledged = noted;
    return noted;
}

static void do_confirm(struct hand *hand, struct work_item *item);

static void send_change(struct hand *hand, struct work_item *item)
{
    struct executor *executor = hand->executor;
    if (!may_send(executor)) {
        put_off(hand, item);
        return;
    }
    (void)FAILPOINT("apply.before_intent");
    if (!move(executor, item, CHANGE_SENT, NULL)) {
        leave(hand, item);
        return;
    }
    item->sends++;
    (void)FAILPOINT("apply.after_intent");
    struct err err = {0};
    (void)profile_enter(PROFILE_APPLY);
    bool answered = executor->job->apply(hand->worker, &item->change, &err);
    (void)profile_enter(PROFILE_ENGINE);
    (void)FAILPOINT("apply.after_answer");
    item->polls = 0;
    if (answered) {
        if (!note_answer(executor, item)) {
            leave(hand, item);
            return;
        }
        (void)FAILPOINT("apply.after_ack");
        item->last = (struct err){0};
        if (executor->job->at_once) {
            do_confirm(hand, item);
        } else {
            look_later(hand, item);
        }
        return;
    }
    item->last = err;
    if (err.ambiguous) {
        look_later(hand, item);
    } else if (err.kind == ERR_INTERRUPTED || err.fatal) {
        if (err.fatal) {
            schedule_halt(executor->schedule, &err);
        }
        (void)move(executor, item, CHANGE_BACKED_UP, &err); /* a failed move has halted the run */
        leave(hand, item);
    } else if (err.retryable && was_held_back(&err)) {
        item->sends--;
        if (move(executor, item, CHANGE_BACKED_UP, &err)) {
            hold_back(hand, item);
        } else {
            leave(hand, item);
        }
    } else if (err.retryable) {
        not_applied(hand, item, &err, err.retry_after_ms > 0 ? err.retry_after_ms : 1000);
    } else {
        conclude(hand, item, CHANGE_FAILED, WORK_FAILED, &err);
    }
}

static bool check(struct hand *hand, struct work_item *item, struct err *err)
{
    (void)profile_enter(PROFILE_CHECK);
    bool ok = hand->executor->job->check(hand->worker, &item->change, err);
    (void)profile_enter(PROFILE_ENGINE);
    return ok;
}

static void do_fresh(struct hand *hand, struct work_item *item)
{
    struct executor *executor = hand->executor;
    struct err err = {0};
    (void)FAILPOINT("apply.before_check");
    if (!check(hand, item, &err)) {
        not_sent(hand, item, &err);
        return;
    }
    (void)FAILPOINT("apply.after_check");
    (void)profile_enter(PROFILE_CAPTURE);
    bool captured = executor->job->capture(hand->worker, &item->change, &err);
    (void)profile_enter(PROFILE_ENGINE);
    if (!captured) {
        not_sent(hand, item, &err);
        return;
    }
    (void)FAILPOINT("apply.after_capture");
    if (may_send(executor)) {
        send_change(hand, item);
        return;
    }
    if (!move(executor, item, CHANGE_BACKED_UP, NULL)) {
        leave(hand, item);
        return;
    }
    (void)FAILPOINT("apply.after_backed_up");
    put_off(hand, item);
}

static void do_send_again(struct hand *hand, struct work_item *item)
{
    struct err err = {0};
    if (!check(hand, item, &err)) {
        not_sent(hand, item, &err);
        return;
    }
    send_change(hand, item);
}

/* Reads show nothing of it, `settled` says that this was long enough after the send. */
static void absent(struct hand *hand, struct work_item *item, bool settled)
{
    struct err why = {0};
    if (!settled) {
        look_later(hand, item);
        return;
    }
    if (item->change.row.acknowledged) {
        (void)err_set(
            &why, ERR_REMOTE,
            "acknowledged by the remote, but %lld s later it does not show and no job of it is "
            "known",
            (long long)(hand->executor->settle_ms / 1000));
        conclude(hand, item, CHANGE_UNKNOWN, WORK_FAILED, &why);
        return;
    }
    (void)err_set(&why, ERR_REMOTE, "%s",
                  err_is(&item->last) ? item->last.message : "the answer never arrived");
    if (item->change.row.state == CHANGE_UNKNOWN) {
        /* a settled `unknown` is never sent again by itself */
        (void)err_wrap(&why, "certainly not applied");
        conclude(hand, item, CHANGE_FAILED, WORK_FAILED, &why);
        return;
    }
    not_applied(hand, item, &why, 0);
}

/* Neither done nor refuted: later again, until it has taken too long in this process. What is
 * `unknown` already only gets a few looks. */
static void still_open(struct hand *hand, struct work_item *item, int64_t age_ms,
                       const struct err *why)
{
    const struct job_run *run = hand->executor->run;
    int64_t limit =
        hand->executor->settle_ms > PENDING_MIN_MS ? hand->executor->settle_ms : PENDING_MIN_MS;
    int64_t looked_ms = clock_real_ms(run->clock) - item->first_look_ms;
    if (!pressure_takes_writes(run->pressure)) {
        /* a pause or an outage tells nothing of the change, and `finish` may want to write */
        item->first_look_ms = clock_real_ms(run->clock);
        look_later(hand, item);
        return;
    }
    if (item->change.row.state == CHANGE_UNKNOWN ? item->polls < UNKNOWN_LOOKS
                                                 : looked_ms < limit) {
        look_later(hand, item);
        return;
    }
    struct err open = {0};
    (void)err_set(&open, ERR_REMOTE, "not confirmed %lld s after it was sent: %s",
                  (long long)(age_ms / 1000),
                  err_is(why) ? why->message : "the remote is still working on it");
    conclude(hand, item, CHANGE_UNKNOWN, WORK_FAILED, &open);
}

/* Has it happened, and is what belongs to it done? */
static enum confirm_result look(struct hand *hand, struct work_item *item, struct err *err)
{
    const struct job *job = hand->executor->job;
    (void)profile_enter(PROFILE_CONFIRM);
    enum confirm_result result = job->confirm(hand->worker, &item->change, err);
    if (result == CONFIRM_DONE && job->finish != NULL) {
        (void)profile_enter(PROFILE_FINISH);
        (void)FAILPOINT("apply.before_finish");
        result = job->finish(hand->worker, &item->change, err);
        (void)FAILPOINT("apply.after_finish");
    }
    (void)profile_enter(PROFILE_ENGINE);
    return result;
}

static void do_confirm(struct hand *hand, struct work_item *item)
{
    struct executor *executor = hand->executor;
    struct err err = {0};
    /* the age is taken before the reads: they must have begun that long after the send */
    int64_t now_ms = clock_real_ms(executor->run->clock);
    int64_t age_ms = now_ms - item->change.row.sent_at_ms;
    if (item->first_look_ms == 0) {
        item->first_look_ms = now_ms;
    }
    (void)FAILPOINT("apply.before_confirm");
    switch (look(hand, item, &err)) {
    case CONFIRM_DONE:
        conclude(hand, item, CHANGE_VERIFIED, WORK_VERIFIED, err_is(&err) ? &err : NULL);
        return;
    case CONFIRM_PENDING:
        still_open(hand, item, age_ms, &err);
        return;
    case CONFIRM_ABSENT:
        absent(hand, item, age_ms >= executor->settle_ms);
        return;
    case CONFIRM_CONTRADICTED:
        conclude(hand, item, CHANGE_UNKNOWN, WORK_FAILED, &err);
        return;
    case CONFIRM_REJECTED:
        conclude(hand, item, CHANGE_FAILED, WORK_FAILED, &err);
        return;
    case CONFIRM_UNREADABLE:
        if (err.fatal || err.kind == ERR_INTERRUPTED) {
            if (err.fatal) {
                schedule_halt(executor->schedule, &err);
            }
            leave(hand, item);
            return;
        }
        still_open(hand, item, age_ms, &err);
        return;
    }
}

static struct work_item *next(struct executor *executor)
{
    (void)profile_enter(PROFILE_IDLE);
    struct work_item *item = schedule_next(executor->schedule);
    (void)profile_enter(PROFILE_ENGINE);
    return item;
}

static void *work(void *arg)
{
    struct executor *executor = arg;
    struct hand hand = {.executor = executor};
    struct err err = {0};
    hand.worker = executor->job->worker_open(executor->run, &err);
    if (hand.worker == NULL) {
        schedule_halt(executor->schedule, &err);
        return NULL;
    }
    struct work_item *item;
    profile_begin(executor->profile);
    while ((item = next(executor)) != NULL) {
        log_context(executor->run->run, item->change.plan.id);
        item->begun_ns = item->begun_ns != 0 ? item->begun_ns : clock_mono_ns(executor->run->clock);
        /* the journal keys a change by the bytes of its id */
        (void)num_parse_hex(str_of(item->change.plan.id), item->change.row.id, CHANGE_ID_BYTES);
        switch (item->step) {
        case WORK_FRESH:
            do_fresh(&hand, item);
            break;
        case WORK_SEND:
            do_send_again(&hand, item);
            break;
        case WORK_CONFIRM:
            do_confirm(&hand, item);
            break;
        }
        log_context(executor->run->run, "");
    }
    profile_end(executor->profile);
    executor->job->worker_close(hand.worker);
    return NULL;
}

bool executor_run(struct executor *executor, int64_t workers, struct err *err)
{
    pthread_t threads[MAX_WORKERS];
    int64_t started = 0;
    bool ok = true;
    int64_t wanted = workers < 1 ? 1 : workers > MAX_WORKERS ? MAX_WORKERS : workers;
    while (started < wanted) {
        char name[24];
        (void)snprintf(name, sizeof(name), "worker-%d", (int)started + 1); /* at most 256 */
        if (!thread_start(&threads[started], name, work, executor, err)) {
            ok = started > 0; /* fewer workers are slower, not wrong */
            break;
        }
        started++;
    }
    for (int64_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    return ok;
}
