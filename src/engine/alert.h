/* SPDX-License-Identifier: MIT */
/*
 * Alerts of a run (E17): by e-mail and to a Slack webhook, when a threshold is passed and at the end.
 *
 *   error rate   of the changes that ended in this process, at least ALERT_MIN_DONE of them
 *   batch        the batch at hand takes longer
 *   API errors   calls without an answer or with a status of 400 and above
 *   breaker      it has opened since the process began
 *
 * One message a condition and process, however often it is met again; one at the end of the run. A thread
 * of its own judges every second and sends, so that a server that hangs holds nothing up while the run
 * works. When it has worked, what is still to be told gets 10 s in all, and the message of the end 10 s by
 * e-mail and 10 s for Slack. An alert that cannot be sent is a line in the log and an audit entry, and
 * never stops a run. Messages hold numbers, the run and the host, no personal data.
 */
#ifndef STEWARD_ENGINE_ALERT_H
#define STEWARD_ENGINE_ALERT_H

#include "engine/job.h"
#include "engine/schedule.h"

enum { ALERT_MIN_DONE = 10 };

#define ALERT_CONDITIONS(X)                                                                        \
    X(ALERT_ERROR_RATE, "error-rate")                                                              \
    X(ALERT_BATCH_TIME, "batch-time")                                                              \
    X(ALERT_API_ERRORS, "api-errors")                                                              \
    X(ALERT_BREAKER, "breaker-open")

enum alert_condition {
#define X(condition, name) condition,
    ALERT_CONDITIONS(X)
#undef X
        ALERT_CONDITION_COUNT
};

struct alert_facts {
    uint64_t done; /* changes that ended, however */
    uint64_t failed;
    uint64_t api_errors;
    int64_t batch_ms;        /* since the batch at hand began, or a pause in it ended */
    uint64_t breaker_opened; /* times */
};

struct alert_limits {
    int64_t error_permille; /* 0: not judged, as for the others */
    int64_t batch_ms;
    int64_t api_errors;
};

/* Bits 1 << enum alert_condition. Pure. */
unsigned alert_judge(const struct alert_limits *limits, const struct alert_facts *facts);

/* What a message says of a condition: "error rate 0.25 (5 of 20 changes), the limit is 0.1". */
void alert_text(enum alert_condition condition, const struct alert_limits *limits,
                const struct alert_facts *facts, struct buf *out);

/* {"text":"..."} for a Slack webhook: &, < and > escaped, at most 3,000 characters. */
void alert_slack_json(str subject, str body, struct buf *out);

struct alerts;

/* NULL without an error: none are configured. */
struct alerts *alerts_start(struct job_run *run, const char *job, struct schedule *schedule,
                            struct err *err);
/* Ends the thread. NULL is fine. */
void alerts_stop(struct alerts *alerts);

/* The message at the end of a run, whose counts are read before; `reason` NULL: none. */
void alerts_ended(struct job_run *run, const struct run *row, enum run_state state,
                  const char *reason);

#endif
