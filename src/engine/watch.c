/* SPDX-License-Identifier: MIT */
#include "engine/watch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/fs.h"
#include "engine/alert.h"
#include "engine/control.h"
#include "engine/metrics.h"
#include "engine/profile.h"
#include "engine/progress.h"

struct watch {
    struct job_run
        quiet; /* what is left of the run's loans when it has worked: settings, log, journal */
    struct progress *progress;
    struct control *control;
    struct alerts *alerts;
    struct metrics *metrics;
    struct profile *profile;
    const char *remote;
    enum progress_mode mode;
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
    watch->remote = job->remote;
    watch->mode = mode;
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
    watch->profile = run->settings->profile != NULL ? profile_new(run->clock, NULL) : NULL;
    return watch;
}

struct profile *watch_profile(struct watch *watch)
{
    return watch != NULL ? watch->profile : NULL;
}

/* The file that was asked for is named from where the user stands, the usual one lies in the workspace. */
static void write_profile(const struct watch *watch)
{
    const struct job_run *run = &watch->quiet;
    const char *path = run->settings->profile;
    bool usual = strcmp(path, "true") == 0;
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf file = {0};
    char name[64];
    struct err err = {0};
    (void)snprintf(name, sizeof(name), "reports/run-%" PRId64 ".speedscope.json", run->run);
    path = usual ? name : path;
    if (str_ends(str_of(path), STR(".folded"))) {
        profile_folded(watch->profile, watch->remote, &file);
    } else {
        profile_speedscope(watch->profile, run->run, watch->remote, &file);
    }
    bool ok = fs_write_atomic(usual ? run->workspace_fd : AT_FDCWD, path, buf_str(&file), &err);
    tell(run, "the profile is lost", &err);
    if (watch->mode == PROGRESS_LINES || watch->mode == PROGRESS_LIVE) {
        profile_table(watch->profile, run->run, watch->remote, &text);
        if (ok) {
            buf_printf(&text, "  the same for speedscope and flamegraphs: %s\n", path);
        }
        live_above(log_live(run->log), buf_str(&text));
    }
}

void watch_stop(struct watch *watch)
{
    if (watch != NULL) {
        metrics_stop(watch->metrics);
        alerts_stop(STEAL(watch->alerts));
        control_stop(STEAL(watch->control));
        progress_stop(STEAL(watch->progress));
        if (watch->profile != NULL) {
            write_profile(watch);
        }
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
        profile_free(watch->profile);
        free(watch);
    }
}
