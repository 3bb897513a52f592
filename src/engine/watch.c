/* SPDX-License-Identifier: MIT */
#include "engine/watch.h"

#include "engine/alert.h"
#include "engine/control.h"
#include "engine/metrics.h"
#include "engine/progress.h"

struct watch {
    struct job_run
        quiet; /* what is left of the run's loans when it has worked: settings, log, journal */
    struct progress *progress;
    struct control *control;
    struct alerts *alerts;
    struct metrics *metrics;
};

static void tell(const struct job_run *run, const char *what, const struct err *err)
{
    if (err_is(err)) {
        log_at(run->log, LOG_WARN, what, LOG_ERR(err));
    }
}

struct watch *watch_start(struct job_run *run, const struct job *job, struct schedule *schedule,
                          enum progress_mode mode, struct err *err)
{
    struct watch *watch = xnew(struct watch);
    const struct progress_options progress = {
        .mode = mode, .run = run, .journal = run->journal, .schedule = schedule};
    const struct metrics_source metrics = {
        .run = run, .job = job->name, .remote = job->remote, .schedule = schedule};
    watch->quiet = (struct job_run){.run = run->run,
                                    .settings = run->settings,
                                    .clock = run->clock,
                                    .stop = run->stop,
                                    .log = run->log,
                                    .workspace_fd = run->workspace_fd,
                                    .journal = run->journal};
    watch->progress = progress_start(&progress, err);
    if (watch->progress == NULL) {
        free(watch);
        return NULL;
    }
    struct err why = {0};
    watch->control = control_start(run, &why);
    tell(run, "cannot be controlled from outside", &why);
    why = (struct err){0};
    watch->alerts = alerts_start(run, job->name, schedule, &why);
    tell(run, "nobody is alerted", &why);
    why = (struct err){0};
    watch->metrics = metrics_start(&metrics, &why);
    tell(run, "metrics cannot be read", &why);
    return watch;
}

void watch_stop(struct watch *watch)
{
    if (watch != NULL) {
        metrics_stop(watch->metrics);
        alerts_stop(STEAL(watch->alerts));
        control_stop(STEAL(watch->control));
        progress_stop(STEAL(watch->progress));
    }
}

void watch_ended(struct watch *watch, const struct run *run, enum run_state state,
                 const char *reason)
{
    if (watch != NULL) {
        metrics_ended(watch->metrics, &watch->quiet, state);
        alerts_ended(&watch->quiet, run, state, reason);
    }
}

void watch_free(struct watch *watch)
{
    if (watch != NULL) {
        metrics_free(watch->metrics);
        free(watch);
    }
}
