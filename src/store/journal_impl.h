/* SPDX-License-Identifier: MIT */
/* The journal's body, shared by journal.c (writer thread), journal_read.c and journal_audit.c. Private to
 * these.
 */
#ifndef STEWARD_STORE_JOURNAL_IMPL_H
#define STEWARD_STORE_JOURNAL_IMPL_H

#include <pthread.h>

#include "store/journal.h"
#include "store/journal_write.h"

struct journal {
    char *path;
    enum journal_mode mode;

    pthread_mutex_t readers_lock;
    struct journal_db *idle_readers; /* guarded by readers_lock */

    /* WRITE only. */
    struct journal_writer *writer; /* the writer thread's */
    pthread_t thread;
    bool thread_runs;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t work;  /* CLOCK_MONOTONIC: a request came, or closing */
    pthread_cond_t room;  /* the queue was taken */
    struct request *first;
    struct request **last;
    size_t waited;     /* requests in the queue whose callers wait */
    size_t unwaited;   /* and whose callers do not */
    size_t expected;   /* callers that were waiting or let go when the last commit ended */
    int64_t commit_ns; /* how long the last commit took */
    bool closing;
    struct err broken; /* kind ERR_NONE while the writer works */
};

/* A read-only connection for the time of a call; NULL where none can be had. */
struct journal_db *journal_reader_take(struct journal *journal, struct err *err);
void journal_reader_give(struct journal *journal, struct journal_db *db);
void journal_readers_close(struct journal *journal);

#endif
