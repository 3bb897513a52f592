/* SPDX-License-Identifier: MIT */
/*
 * Who does what next. The workers of a run share one schedule: it reads the plan in order, hands
 * out changes that are still to be done, and keeps those that wait for a later look (an
 * asynchronous change is confirmed by reading again, with growing pauses) so that no worker sleeps
 * on one change.
 *
 * Safety lives here too: the canary (the first few changes alone; if all of them fail, nothing more
 * goes out), the failures of each batch, and halting.
 * So does pressure: no more items are in hand than the remote's width allows, and a held run only
 * confirms what was sent.
 *
 * An item belongs to the worker that took it until it gives it back by schedule_defer or
 * schedule_conclude. Any thread may call; one mutex, never held while anything but the plan file is
 * read.
 */
#ifndef STEWARD_ENGINE_SCHEDULE_H
#define STEWARD_ENGINE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/job.h"

enum work_step {
    WORK_FRESH,   /* check, capture, send */
    WORK_SEND,    /* captured and proven not applied: check and send again */
    WORK_CONFIRM, /* sent: read */
};

struct work_item {
    struct job_change change;
    enum work_step step;
    bool canary;
    int polls;
    int sends; /* by this process: what a kill cut short uses up no attempt */
    int64_t due_ns;
    int64_t begun_ns;      /* when a worker first had it, 0: not yet */
    int64_t first_look_ms; /* real time of the first confirmation in this process, 0: none yet */
    struct err last;       /* why it is still open, for `unknown` */
    size_t heap_index;
};

enum work_outcome {
    WORK_VERIFIED,
    WORK_FAILED,  /* failed, unknown, or the backup failed: counts against the batch */
    WORK_SKIPPED, /* drift */
    WORK_LEFT,    /* interrupted: as it was */
};

struct schedule_options {
    struct plan_reader *plan; /* used under the schedule's lock only */
    struct journal *journal;
    int64_t run;
    const struct clock *clock;
    struct stop *stop;
    struct pressure *pressure; /* how many may be busy, and whether the run is held */
    int64_t batch_size;
    int64_t max_batch_failures; /* 0: no limit */
    int64_t canary;             /* 0: none */
    bool settle_only;           /* a finished run: only `sent` and `unknown` are looked at */
};

struct schedule;

/* Reads the states of the run's changes from the journal. */
struct schedule *schedule_new(const struct schedule_options *options, struct err *err) MUST_CHECK;
/* Frees what is still queued, calling job->forget. */
void schedule_free(struct schedule *schedule, const struct job *job);

/* The next thing to do; waits for it. NULL: nothing is left, or the run halts. */
struct work_item *schedule_next(struct schedule *schedule);

/* Look at it again after `delay_ms`. */
void schedule_defer(struct schedule *schedule, struct work_item *item, int64_t delay_ms);

/* Done with it; the item is freed (the caller has called job->forget). */
void schedule_conclude(struct schedule *schedule, struct work_item *item,
                       enum work_outcome outcome);

/* No more new work; the first reason is kept. ERR_STOPPED: what was sent is still looked at for a
 * few seconds. Anything else is fatal: calls in flight are stopped too. */
void schedule_halt(struct schedule *schedule, const struct err *why);

/* Why it halted; kind ERR_NONE where it did not. */
void schedule_halted(struct schedule *schedule, struct err *ret);

struct schedule_counts {
    uint64_t done[4]; /* by enum work_outcome, this process */
    uint64_t todo;    /* what this process set out to do */
    uint64_t waiting; /* sent, to be looked at again */
};
void schedule_counts(struct schedule *schedule, struct schedule_counts *ret);

#endif
