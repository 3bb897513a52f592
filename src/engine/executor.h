/* SPDX-License-Identifier: MIT */
/*
 * One change's life, and the workers that live it. Internal to the engine: engine_apply and
 * engine_resume are the doors.
 *
 * The order that makes a kill at any instant harmless (E5):
 *
 *   check -> capture (sealed, read back)
 *         -> journal: backed_up, sent (durable, in one commit) -> one request -> journal: acknowledged
 *         -> reads until the remote shows it -> journal: verified
 *
 * Where nothing may be sent now, only `backed_up` is written, and the change is sent later.
 * Killed before `sent` is durable: nothing left the machine, the change is done again from the
 * start. Killed after: the change may have happened; it is settled by reading, and sent again only
 * where the reads, `settle_ms` after the send, show nothing, the remote knows of no job, and no
 * acknowledgement was recorded. Acknowledged but not to be seen: `unknown`.
 *
 * Failpoints: apply.before_check apply.after_check apply.after_capture apply.after_backed_up
 * apply.before_intent apply.after_intent apply.after_answer apply.after_ack apply.before_confirm
 * apply.before_finish apply.after_finish apply.before_outcome apply.after_outcome.
 */
#ifndef STEWARD_ENGINE_EXECUTOR_H
#define STEWARD_ENGINE_EXECUTOR_H

#include "engine/engine.h"
#include "engine/schedule.h"

struct profile;

struct executor {
    const struct job *job;
    struct job_run *run;
    struct journal *journal;
    struct schedule *schedule;
    int64_t settle_ms;
    int max_sends;
    /* After a change is durably `verified`, in its worker; NULL: nobody wants to know. */
    void (*verified)(void *ctx, const struct job_change *change);
    void *verified_ctx;
    struct profile *profile; /* NULL: none */
};

/* Runs the schedule empty with `workers` threads; false only where a thread could not start. Why it
 * ended early is in the schedule. */
bool executor_run(struct executor *executor, int64_t workers, struct err *err) MUST_CHECK;

#endif
