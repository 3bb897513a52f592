/* SPDX-License-Identifier: MIT */
/*
 * What the journal's writer thread does with a group of requests: one transaction, one fsync.
 * Private to the journal; everything here belongs to the writer thread.
 */
#ifndef STEWARD_STORE_JOURNAL_WRITE_H
#define STEWARD_STORE_JOURNAL_WRITE_H

#include <pthread.h>

#include "store/journal.h"
#include "store/journal_db.h"

enum request_kind {
    REQUEST_RUN_NEW,
    REQUEST_RUN_PLANNED,
    REQUEST_RUN_MOVE,
    REQUEST_MOVE,
    REQUEST_ACKNOWLEDGE,
    REQUEST_STAT,
    REQUEST_AUDIT,
    REQUEST_MEMORY,
};

struct request {
    enum request_kind kind;
    bool waited; /* on its caller's stack; otherwise malloc'ed, with its texts behind it */
    bool last;   /* of those that its caller waits for together */
    bool ok;
    bool done;           /* guarded by the journal's lock */
    pthread_cond_t wake; /* where waited */
    struct request *next;
    struct err *err; /* the caller's, may be NULL; the caller sleeps while the writer fills it */

    int64_t run;                         /* all but RUN_NEW and MEMORY; RUN_NEW: the result */
    const struct run *new_run;           /* RUN_NEW */
    const char *plan_path;               /* RUN_PLANNED */
    const struct plan_totals *totals;    /* RUN_PLANNED */
    enum run_state to;                   /* RUN_MOVE */
    const char *reason;                  /* RUN_MOVE */
    const struct transition *transition; /* MOVE */
    uint64_t seq;                        /* ACKNOWLEDGE */
    str name;                            /* STAT: session; AUDIT: event; MEMORY: key */
    str text; /* STAT: JSON; AUDIT: detail; MEMORY: value, ptr NULL removes; RUN_PLANNED: options */
};

struct journal_writer;

/* Takes over `db`. */
struct journal_writer *journal_writer_new(struct journal_db *db, const struct clock *clock,
                                          struct err *err) MUST_CHECK;
void journal_writer_free(struct journal_writer *writer);

/* Carries out the list in order and commits. True: each request's `ok` and error say how it went,
 * and it is on the disk. False: nothing of the list is, `err` is fatal, and the writer must not be
 * used again. */
bool journal_writer_group(struct journal_writer *writer, struct request *first,
                          struct err *err) MUST_CHECK;

#endif
