/* SPDX-License-Identifier: MIT */
/*
 * Metrics of a run in Prometheus' text format 0.0.4 (E16): on /metrics of METRICS_LISTEN while it works,
 * and as the textfile METRICS_FILE when it ends, for node_exporter's textfile collector. Names follow
 * Prometheus' conventions; labels are names of ours (remote, call, outcome, state), never data.
 *
 *   steward_build_info                       version
 *   steward_run_info                         run, kind ("job" is Prometheus' own label)
 *   steward_run_changes                      what this process set out to do
 *   steward_changes_total                    ended changes by outcome
 *   steward_changes_confirming               sent, not confirmed yet
 *   steward_http_requests_total              by remote, call, code ("none": no answer)
 *   steward_http_request_duration_seconds    histogram by remote, call
 *   steward_http_retries_total               by remote, call
 *   steward_http_throttle_seconds_total      waited for the limit, by remote
 *   steward_rate_limit_calls, _period_seconds, _free_calls
 *   steward_circuit_state                    1 for the state it is in
 *   steward_circuit_opened_total             times, by remote
 *   steward_workers_busy_limit, steward_workers
 *   steward_run_state                        1 for the state; in the textfile that of the end
 *   steward_run_last_completion_timestamp_seconds, _last_success_timestamp_seconds
 *   process_*                                as Prometheus' clients name them
 *
 * The textfile lacks what means nothing when the run has ended: the limit, the breaker, workers, and
 * process_*, which the collector exposes of itself.
 */
#ifndef STEWARD_ENGINE_METRICS_H
#define STEWARD_ENGINE_METRICS_H

#include "engine/job.h"
#include "engine/schedule.h"

struct metrics_source {
    struct job_run *run;
    const char *job;
    const char *remote;
    struct schedule *schedule;
};

struct metrics;

/* Listens where METRICS_LISTEN says; failing is told by `err` and is no reason not to run. NULL without
 * an error: nothing is wanted. */
struct metrics *metrics_start(const struct metrics_source *source, struct err *err);

/* The text at this moment, without the run's state. */
void metrics_text(const struct metrics_source *source, struct buf *out);

/* Keeps what the textfile needs and ends the listener. NULL is fine. */
void metrics_stop(struct metrics *metrics);

/* Writes METRICS_FILE (atomically, readable for everybody, as the collector is another user): what the run
 * was when it worked, and how it ended. `run`: settings, log, journal and clock are used. NULL metrics are
 * fine. */
void metrics_ended(struct metrics *metrics, const struct job_run *run, enum run_state state);
void metrics_free(struct metrics *metrics);
DEFINE_AUTO(struct metrics, metrics_free)

#endif
