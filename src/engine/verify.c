/* SPDX-License-Identifier: MIT */
/*
 * Verification: every change of a run against the remote, by a few threads of readers. The main
 * thread walks plan and journal and feeds a bounded queue; the readers call job->verify.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/queue.h"
#include "engine/engine.h"
#include "engine/internal.h"

enum { MAX_READERS = 64 };

struct verifier {
    struct engine *engine;
    const struct job *job;
    struct job_run *run;
    struct queue *queue;
    size_t column_count;

    pthread_mutex_t lock;
    struct verify_result result GUARDED_BY(lock);
    struct err fatal GUARDED_BY(lock); /* the first error that ends it all */
    void (*difference)(void *ctx, const struct plan_change *change, const char *text);
    void *ctx;
};

struct reader {
    struct verifier *verifier;
    const struct job_change *change;
    bool differs;
};

static void note_difference(void *ctx, const char *text)
{
    struct reader *reader = ctx;
    struct verifier *verifier = reader->verifier;
    pthread_mutex_lock(&verifier->lock);
    verifier->difference(verifier->ctx, &reader->change->plan, text);
    pthread_mutex_unlock(&verifier->lock);
    reader->differs = true;
}

static void give_up(struct verifier *verifier, const struct err *err)
{
    pthread_mutex_lock(&verifier->lock);
    if (!err_is(&verifier->fatal)) {
        verifier->fatal = *err;
    }
    pthread_mutex_unlock(&verifier->lock);
    queue_close(verifier->queue);
}

static void verify_one(struct verifier *verifier, void *worker, struct job_change *change)
{
    struct reader reader = {.verifier = verifier, .change = change};
    struct err err = {0};
    bool read = verifier->job->verify(worker, change, note_difference, &reader, &err);
    if (!read && (err.fatal || err.kind == ERR_INTERRUPTED)) {
        give_up(verifier, &err);
        return;
    }
    if (!read) {
        AUTO_BUF struct buf text = {0};
        buf_printf(&text, "could not be read: %s", err.message);
        note_difference(&reader, buf_z(&text));
    }
    pthread_mutex_lock(&verifier->lock);
    verifier->result.checked++;
    if (!read) {
        verifier->result.unreadable++;
    } else if (change->row.state == CHANGE_UNKNOWN || change->row.state == CHANGE_SENT) {
        verifier->result.undecided++;
    } else if (reader.differs) {
        verifier->result.different++;
    }
    pthread_mutex_unlock(&verifier->lock);
}

static void change_free(const struct job *job, struct job_change *change)
{
    job->forget(change);
    arena_done(&change->arena);
    free(change);
}

static void *read_remote(void *arg)
{
    struct verifier *verifier = arg;
    struct err err = {0};
    void *worker = verifier->job->worker_open(verifier->run, &err);
    if (worker == NULL) {
        give_up(verifier, &err);
    }
    struct job_change *change;
    while ((change = queue_take(verifier->queue)) != NULL) {
        bool over;
        pthread_mutex_lock(&verifier->lock);
        over = err_is(&verifier->fatal);
        pthread_mutex_unlock(&verifier->lock);
        if (!over) {
            log_context(verifier->run->run, change->plan.id);
            verify_one(verifier, worker, change);
            log_context(verifier->run->run, "");
        }
        change_free(verifier->job, change);
    }
    if (worker != NULL) {
        verifier->job->worker_close(worker);
    }
    return NULL;
}

static bool feed(void *ctx, const struct plan_header *header, const struct plan_change *change,
                 const struct change_row *row)
{
    struct verifier *verifier = ctx;
    struct job_change *item = xnew(struct job_change);
    item->arena.block_bytes = 4096;
    item->plan = *plan_change_copy(&item->arena, change, header->column_count);
    if (row != NULL) {
        item->row = *row;
        memcpy(item->backup, row->backup, sizeof(item->backup));
        memcpy(item->detail, row->detail, sizeof(item->detail));
    }
    if (!queue_put(verifier->queue, item)) {
        change_free(verifier->job, item);
        return false;
    }
    return true;
}

static bool verify_all(struct verifier *verifier, const struct run *run, struct err *err)
{
    pthread_t threads[MAX_READERS];
    int64_t wanted = verifier->run->settings->workers;
    wanted = wanted < 1 ? 1 : wanted > MAX_READERS ? MAX_READERS : wanted;
    int64_t started = 0;
    while (started < wanted &&
           thread_start(&threads[started], "verifier", read_remote, verifier, err)) {
        started++;
    }
    bool ok = started > 0; /* fewer readers are slower, not wrong */
    if (ok) {
        ok = engine_each_change(verifier->engine, run, feed, NULL, verifier, err);
    }
    queue_close(verifier->queue);
    for (int64_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    if (ok && err_is(&verifier->fatal)) {
        *err = verifier->fatal;
        return err_wrap(err, "could not verify run %lld", (long long)run->id);
    }
    return ok;
}

static bool tell(const struct run *run, const struct verify_result *result, struct err *err)
{
    if (result->different != 0) {
        (void)err_set(err, ERR_VERIFY,
                      "run %lld: %llu of %llu changes differ from what was promised",
                      (long long)run->id, (unsigned long long)result->different,
                      (unsigned long long)result->checked);
        return false;
    }
    if (result->unreadable != 0) {
        return err_set(err, ERR_PARTIAL, "run %lld: %llu of %llu changes could not be read",
                       (long long)run->id, (unsigned long long)result->unreadable,
                       (unsigned long long)result->checked);
    }
    return true;
}

static bool verify_run(struct engine *engine, const struct job *job, const struct run *run,
                       struct verifier *verifier, struct err *err)
{
    AUTO(plan_reader_free) struct plan_reader *plan = engine_open_plan(engine, run, err);
    struct job_run job_run;
    if (plan == NULL ||
        !engine_job_run_init(engine, job, run, plan_reader_header(plan), &job_run, err)) {
        return false;
    }
    verifier->run = &job_run;
    bool ok = job->open(&job_run, err);
    if (ok) {
        ok = verify_all(verifier, run, err);
        job->close(&job_run);
    }
    verifier->run = NULL;
    engine_job_run_done(&job_run);
    return ok;
}

bool engine_verify(struct engine *engine, const struct job *job, int64_t run_id,
                   void (*difference)(void *ctx, const struct plan_change *change,
                                      const char *text),
                   void *ctx, struct verify_result *ret, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    bool found = journal_run_get(engine->journal, run_id, &arena, &run, err);
    arena_done(&arena);
    if (!found) {
        return false;
    }
    struct verifier verifier = {.engine = engine, .job = job, .difference = difference, .ctx = ctx};
    pthread_mutex_init(&verifier.lock, NULL);
    verifier.queue = queue_new(256);
    bool ok = verify_run(engine, job, &run, &verifier, err);
    queue_free(verifier.queue);
    pthread_mutex_destroy(&verifier.lock);
    *ret = verifier.result;
    if (!ok) {
        return false;
    }
    char detail[200];
    (void)snprintf(detail, sizeof(detail),
                   "{\"checked\":%llu,\"different\":%llu,\"unreadable\":%llu,\"undecided\":%llu}",
                   (unsigned long long)ret->checked, (unsigned long long)ret->different,
                   (unsigned long long)ret->unreadable, (unsigned long long)ret->undecided);
    journal_audit(engine->journal, run_id, "verify", str_of(detail));
    return tell(&run, ret, err);
}
