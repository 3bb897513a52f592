/* SPDX-License-Identifier: MIT */
/*
 * The writer thread takes the whole queue at once, so callers that arrive during a commit share the
 * next one: the slower the disk, the larger the groups. Callers that were just let go often come back
 * at once, so the writer gives them an eighth of the last commit's time before it takes the next group;
 * otherwise groups of one and of all but one would take turns, at little more than half the rate.
 * Requests that nobody waits for do not cost a commit of their own: they ride with the next that
 * somebody waits for, or go after 50 ms.
 */
#include "store/journal.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <time.h>

#include "base/queue.h"
#include "store/journal_impl.h"

enum {
    UNWAITED_MAX = 16384,  /* then whoever comes waits for room */
    UNWAITED_GROUP = 1024, /* enough for a commit of their own */
    UNWAITED_MS = 50,
    GATHER_SHARE = 8,
    GATHER_MAX_NS = 1000000,
};

static const char *const change_names[] = {
#define X(state, name) name,
    CHANGE_STATES(X)
#undef X
};

static const char *const run_names[] = {
#define X(state, name) name,
    RUN_STATES(X)
#undef X
};

#define TO(state) (1u << (state))

static const unsigned change_moves[CHANGE_STATE_COUNT] = {
    [CHANGE_PLANNED] =
        TO(CHANGE_BACKED_UP) | TO(CHANGE_SKIPPED) | TO(CHANGE_FAILED) | TO(CHANGE_REFUSED),
    [CHANGE_BACKED_UP] =
        TO(CHANGE_BACKED_UP) | TO(CHANGE_SENT) | TO(CHANGE_SKIPPED) | TO(CHANGE_FAILED),
    [CHANGE_SENT] =
        TO(CHANGE_VERIFIED) | TO(CHANGE_FAILED) | TO(CHANGE_UNKNOWN) | TO(CHANGE_BACKED_UP),
    [CHANGE_UNKNOWN] = TO(CHANGE_VERIFIED) | TO(CHANGE_FAILED) | TO(CHANGE_UNDONE),
    [CHANGE_VERIFIED] = TO(CHANGE_UNDONE),
};

static const unsigned run_moves[RUN_STATE_COUNT] = {
    [RUN_PLANNING] = TO(RUN_PLANNED) | TO(RUN_FAILED),
    [RUN_PLANNED] = TO(RUN_APPLYING),
    [RUN_APPLYING] = TO(RUN_PAUSED) | TO(RUN_INTERRUPTED) | TO(RUN_DONE) | TO(RUN_FAILED),
    [RUN_PAUSED] = TO(RUN_APPLYING),
    [RUN_INTERRUPTED] = TO(RUN_APPLYING),
    [RUN_DONE] = TO(RUN_APPLYING) | TO(RUN_UNDONE),
};

const char *change_state_name(enum change_state state)
{
    return (unsigned)state < CHANGE_STATE_COUNT ? change_names[state] : "unknown-state";
}

const char *run_state_name(enum run_state state)
{
    return (unsigned)state < RUN_STATE_COUNT ? run_names[state] : "unknown-state";
}

bool change_state_parse(str name, enum change_state *ret)
{
    for (int state = 0; state < CHANGE_STATE_COUNT; state++) {
        if (str_eqz(name, change_names[state])) {
            *ret = (enum change_state)state;
            return true;
        }
    }
    return false;
}

bool run_state_parse(str name, enum run_state *ret)
{
    for (int state = 0; state < RUN_STATE_COUNT; state++) {
        if (str_eqz(name, run_names[state])) {
            *ret = (enum run_state)state;
            return true;
        }
    }
    return false;
}

bool change_move_allowed(enum change_state from, enum change_state to)
{
    return (unsigned)from < CHANGE_STATE_COUNT && (unsigned)to < CHANGE_STATE_COUNT &&
           (change_moves[from] & TO(to)) != 0;
}

bool run_move_allowed(enum run_state from, enum run_state to)
{
    return (unsigned)from < RUN_STATE_COUNT && (unsigned)to < RUN_STATE_COUNT &&
           (run_moves[from] & TO(to)) != 0;
}

/* --- the writer thread ---------------------------------------------------------------------- */

static struct timespec deadline_in_ns(int64_t ns)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at); /* cannot fail for this clock */
    at.tv_nsec += (long)ns;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static int64_t now_ns(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at); /* cannot fail for this clock */
    return (int64_t)at.tv_sec * 1000000000 + at.tv_nsec;
}

static bool must_commit(const struct journal *journal)
{
    return journal->waited != 0 || journal->closing || journal->unwaited >= UNWAITED_GROUP;
}

/* Waits a moment for the callers that the last commit let go. With the lock held. */
static void gather(struct journal *journal)
{
    int64_t ns = journal->commit_ns / GATHER_SHARE;
    struct timespec deadline = deadline_in_ns(ns < GATHER_MAX_NS ? ns : GATHER_MAX_NS);
    while (journal->waited != 0 && journal->waited < journal->expected && !journal->closing) {
        if (pthread_cond_timedwait(&journal->work, &journal->lock, &deadline) == ETIMEDOUT) {
            break;
        }
    }
}

/* The queue, once there is something worth a commit; NULL when closing and empty. With the lock
 * held. */
static struct request *take_group(struct journal *journal)
{
    while (journal->first == NULL && !journal->closing) {
        pthread_cond_wait(&journal->work, &journal->lock);
    }
    struct timespec deadline = deadline_in_ns(UNWAITED_MS * INT64_C(1000000));
    while (!must_commit(journal)) {
        if (pthread_cond_timedwait(&journal->work, &journal->lock, &deadline) == ETIMEDOUT) {
            break;
        }
    }
    gather(journal);
    struct request *group = journal->first;
    journal->first = NULL;
    journal->last = &journal->first;
    journal->waited = 0;
    journal->unwaited = 0;
    pthread_cond_broadcast(&journal->room);
    return group;
}

/* With the lock held. A waited request is its caller's again as soon as `done` is set. */
static void give_back(struct journal *journal, struct request *group)
{
    journal->expected = journal->waited;
    while (group != NULL) {
        struct request *next = group->next;
        if (!group->waited) {
            free(group);
        } else {
            if (err_is(&journal->broken)) {
                group->ok = false;
                if (group->err != NULL) {
                    *group->err = journal->broken;
                }
            }
            group->done = true;
            journal->expected += group->last;
            pthread_cond_signal(&group->wake);
        }
        group = next;
    }
}

static void *writer_main(void *arg)
{
    struct journal *journal = arg;
    pthread_mutex_lock(&journal->lock);
    for (;;) {
        struct request *group = take_group(journal);
        if (group == NULL) {
            break;
        }
        if (!err_is(&journal->broken)) {
            struct err err = {0};
            pthread_mutex_unlock(&journal->lock);
            int64_t began_ns = now_ns();
            bool ok = journal_writer_group(journal->writer, group, &err);
            int64_t took_ns = now_ns() - began_ns;
            pthread_mutex_lock(&journal->lock);
            journal->commit_ns = took_ns;
            if (!ok) {
                journal->broken = err;
            }
        }
        give_back(journal, group);
    }
    pthread_mutex_unlock(&journal->lock);
    return NULL;
}

/* With the lock held. */
static void enqueue(struct journal *journal, struct request *request)
{
    request->next = NULL;
    *journal->last = request;
    journal->last = &request->next;
    journal->waited += request->waited && request->last; /* callers, not requests: see gather */
    journal->unwaited += !request->waited;
    pthread_cond_signal(&journal->work);
}

/* They come into one group, because it takes the whole queue. */
static bool submit_all(struct journal *journal, struct request *requests, size_t count,
                       struct err *err)
{
    if (journal->mode != JOURNAL_WRITE) {
        return err_set(err, ERR_INTERNAL,
                       "could not write the journal: it is open for reading only");
    }
    for (size_t i = 0; i < count; i++) {
        requests[i].waited = true;
        requests[i].last = i + 1 == count;
        requests[i].err = err;
        pthread_cond_init(&requests[i].wake, NULL);
    }
    bool ok = true;
    pthread_mutex_lock(&journal->lock);
    for (size_t i = 0; i < count; i++) {
        enqueue(journal, &requests[i]);
    }
    for (size_t i = 0; i < count; i++) {
        while (!requests[i].done) {
            pthread_cond_wait(&requests[i].wake, &journal->lock);
        }
        ok = ok && requests[i].ok;
    }
    pthread_mutex_unlock(&journal->lock);
    for (size_t i = 0; i < count; i++) {
        pthread_cond_destroy(&requests[i].wake);
    }
    return ok;
}

static bool submit(struct journal *journal, struct request *request, struct err *err)
{
    return submit_all(journal, request, 1, err);
}

/* Takes it over. Dropped where the journal is broken: whoever waits next is told. */
static void enqueue_unwaited(struct journal *journal, struct request *request)
{
    pthread_mutex_lock(&journal->lock);
    while (journal->unwaited >= UNWAITED_MAX && !journal->closing) {
        pthread_cond_wait(&journal->room, &journal->lock);
    }
    enqueue(journal, request);
    pthread_mutex_unlock(&journal->lock);
}

/* Copies the texts. */
static void submit_unwaited(struct journal *journal, enum request_kind kind, int64_t run,
                            const char *name, str text)
{
    if (journal->mode != JOURNAL_WRITE) {
        return;
    }
    size_t name_len = strlen(name);
    char *memory = xcalloc(1, sizeof(struct request) + name_len + 1 + text.len + 1);
    struct request *request = (struct request *)(void *)memory;
    char *texts = memory + sizeof(struct request);
    memcpy(texts, name, name_len);
    if (text.len != 0) {
        memcpy(texts + name_len + 1, text.ptr, text.len);
    }
    request->kind = kind;
    request->run = run;
    request->name = (str){texts, name_len};
    request->text = (str){texts + name_len + 1, text.len};
    enqueue_unwaited(journal, request);
}

/* --- opening and closing --------------------------------------------------------------------- */

static bool start_writer(struct journal *journal, const struct clock *clock, struct err *err)
{
    struct journal_db *db = journal_db_open(journal->path, true, false, err);
    if (db == NULL) {
        return false;
    }
    journal->writer = journal_writer_new(db, clock, err);
    if (journal->writer == NULL) {
        return false;
    }
    journal->thread_runs = thread_start(&journal->thread, "journal", writer_main, journal, err);
    return journal->thread_runs;
}

static bool start_reading(struct journal *journal, struct err *err)
{
    journal->idle_readers = journal_db_open(journal->path, false, false, err);
    return journal->idle_readers != NULL;
}

struct journal *journal_open(const char *path, enum journal_mode mode, const struct clock *clock,
                             struct err *err)
{
    AUTO(journal_close) struct journal *journal = xnew(struct journal);
    journal->path = xstrdup(path);
    journal->mode = mode;
    journal->last = &journal->first;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&journal->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&journal->room, NULL);
    pthread_mutex_init(&journal->lock, NULL);
    pthread_mutex_init(&journal->readers_lock, NULL);
    bool ok =
        mode == JOURNAL_WRITE ? start_writer(journal, clock, err) : start_reading(journal, err);
    return ok ? STEAL(journal) : NULL;
}

void journal_close(struct journal *journal)
{
    if (journal == NULL) {
        return;
    }
    if (journal->thread_runs) {
        pthread_mutex_lock(&journal->lock);
        journal->closing = true;
        pthread_cond_signal(&journal->work);
        pthread_mutex_unlock(&journal->lock);
        (void)pthread_join(journal->thread, NULL); /* the thread is ours and ends by itself */
    }
    journal_readers_close(journal); /* first: the last connection to go tidies the WAL away */
    journal_writer_free(journal->writer);
    pthread_mutex_destroy(&journal->readers_lock);
    pthread_mutex_destroy(&journal->lock);
    pthread_cond_destroy(&journal->room);
    pthread_cond_destroy(&journal->work);
    free(journal->path);
    free(journal);
}

/* --- requests --------------------------------------------------------------------------------- */

bool journal_run_new(struct journal *journal, const struct run *run, int64_t *ret_id,
                     struct err *err)
{
    struct request request = {.kind = REQUEST_RUN_NEW, .new_run = run};
    if (!submit(journal, &request, err)) {
        return false;
    }
    *ret_id = request.run;
    return true;
}

bool journal_run_planned(struct journal *journal, int64_t id, const char *plan_path,
                         const struct plan_totals *totals, str options, struct err *err)
{
    struct request request = {.kind = REQUEST_RUN_PLANNED,
                              .run = id,
                              .plan_path = plan_path,
                              .totals = totals,
                              .text = options};
    return submit(journal, &request, err);
}

bool journal_run_move(struct journal *journal, int64_t id, enum run_state to, const char *reason,
                      struct err *err)
{
    struct request request = {.kind = REQUEST_RUN_MOVE, .run = id, .to = to, .reason = reason};
    return submit(journal, &request, err);
}

bool journal_move(struct journal *journal, const struct transition *transition, struct err *err)
{
    struct request request = {.kind = REQUEST_MOVE, .transition = transition};
    return submit(journal, &request, err);
}

bool journal_move_all(struct journal *journal, const struct transition *transitions, size_t count,
                      struct err *err)
{
    AUTO_FREE struct request *requests = xcalloc(count, sizeof(*requests));
    for (size_t i = 0; i < count; i++) {
        requests[i].kind = REQUEST_MOVE;
        requests[i].transition = &transitions[i];
    }
    return submit_all(journal, requests, count, err);
}

bool journal_acknowledge(struct journal *journal, int64_t run, uint64_t seq, struct err *err)
{
    struct request request = {.kind = REQUEST_ACKNOWLEDGE, .run = run, .seq = seq};
    return submit(journal, &request, err);
}

void journal_acknowledge_later(struct journal *journal, int64_t run, uint64_t seq)
{
    struct request *request = xnew(struct request);
    *request = (struct request){.kind = REQUEST_ACKNOWLEDGE, .run = run, .seq = seq};
    enqueue_unwaited(journal, request);
}

void journal_stat(struct journal *journal, int64_t run, const char *session, str json)
{
    submit_unwaited(journal, REQUEST_STAT, run, session, json);
}

void journal_audit(struct journal *journal, int64_t run, const char *event, str detail)
{
    json_t *parsed = json_loadb(detail.len != 0 ? detail.ptr : "{}",
                                detail.len != 0 ? detail.len : 2, JSON_DECODE_ANY, NULL);
    bool one_line = detail.len == 0 || memchr(detail.ptr, '\n', detail.len) == NULL;
    if (parsed != NULL && one_line) {
        submit_unwaited(journal, REQUEST_AUDIT, run, event, detail);
    } else {
        AUTO_BUF struct buf text = {0};
        buf_add_json(&text, detail);
        submit_unwaited(journal, REQUEST_AUDIT, run, event, buf_str(&text));
    }
    json_decref(parsed);
}

bool journal_memory_put_all(struct journal *journal, const struct journal_memo *memos, size_t count,
                            struct err *err)
{
    AUTO_FREE struct request *requests = xcalloc(count, sizeof(*requests));
    for (size_t i = 0; i < count; i++) {
        requests[i].kind = REQUEST_MEMORY;
        requests[i].name = memos[i].key;
        requests[i].text = memos[i].value;
    }
    return submit_all(journal, requests, count, err);
}

bool journal_memory_put(struct journal *journal, str key, str value, struct err *err)
{
    struct request request = {.kind = REQUEST_MEMORY, .name = key, .text = value};
    return submit(journal, &request, err);
}
