/* SPDX-License-Identifier: MIT */
/*
 * The engine: what every job has in common. A workspace is opened once per command; then runs are
 * planned, applied, resumed, verified, reported.
 *
 * Engine functions return true where everything was done, and otherwise an error whose kind is the
 * exit code of cli.md: ERR_PARTIAL (3), ERR_REFUSED (4), ERR_VERIFY (5), ERR_STOPPED (6),
 * ERR_INTERRUPTED (130) and so on. They print nothing but progress.
 *
 * Files: engine.c workspace and planning; executor.c one change's life; schedule.c who does what
 * next; verify.c; report*.c; progress.c; signals.c.
 */
#ifndef STEWARD_ENGINE_ENGINE_H
#define STEWARD_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/job.h"

enum progress_mode {
    PROGRESS_NONE,  /* --quiet */
    PROGRESS_LINES, /* plain lines on stderr, not a terminal */
    PROGRESS_LIVE,  /* a block of lines on stderr, redrawn */
    PROGRESS_JSON,  /* a line of JSON on stderr every two seconds */
};

struct engine_options {
    const char *workspace; /* directory; must exist */
    const char *command;   /* "apply": for the lock's message and the log */
    bool write;            /* takes the lock and opens the journal for writing */
    const struct settings *settings;
    const struct clock *clock; /* NULL: clock_system() */
    struct stop *stop;         /* raised by signals_start */
    enum log_level stderr_level;
    enum progress_mode progress;
    bool color;
};

struct engine;

/* Writing: makes logs/ reports/ plans/ limits/ (0700), takes the lock (ERR_LOCKED), opens the
 * journal. Reading: the journal must exist (ERR_NOT_FOUND with a hint). */
struct engine *engine_open(const struct engine_options *options, struct err *err) MUST_CHECK;
void engine_close(struct engine *engine);
DEFINE_AUTO(struct engine, engine_close)

struct journal *engine_journal(struct engine *engine);
struct log *engine_log(struct engine *engine);
int engine_workspace_fd(const struct engine *engine);
const struct settings *engine_settings(const struct engine *engine);

/* "7" or "last"; unknown: ERR_NOT_FOUND. */
bool engine_find_run(struct engine *engine, str text, int64_t *ret, struct err *err) MUST_CHECK;

/* The newest run that can be gone on with (applying, paused, interrupted); else the last one. */
bool engine_find_resumable(struct engine *engine, int64_t *ret, struct err *err) MUST_CHECK;

/* The file that the plan of `run` lies in, checked against the journal's hash. */
struct plan_reader *engine_open_plan(struct engine *engine, const struct run *run,
                                     struct err *err) MUST_CHECK;

/* A change as it stands: the plan's part and the journal's. `row` is NULL while it is `planned`. */
typedef bool (*engine_change_fn)(void *ctx, const struct plan_header *header,
                                 const struct plan_change *change, const struct change_row *row);
/* In order of the plan. `finding` (may be NULL) gets the review list and the bad rows on the way.
 */
bool engine_each_change(struct engine *engine, const struct run *run, engine_change_fn each,
                        void (*finding)(void *ctx, enum plan_item item,
                                        const struct plan_finding *found),
                        void *ctx, struct err *err) MUST_CHECK;

struct plan_intent {
    const struct job *job;
    const void *job_options; /* given to job->plan */
    const char *rules;       /* name or file, as given */
    const char *source;      /* as given, for people */
    const char *options_json;
};

/* What a job is lent while it plans, without a run: for commands that only ask. */
struct job_run engine_planning_run(struct engine *engine);

/* Makes a run, plans it, records it. On failure the run is `failed` and nothing else remains. */
bool engine_plan(struct engine *engine, const struct plan_intent *intent, int64_t *ret_run,
                 struct plan_summary *ret, struct err *err) MUST_CHECK;

/* Applies a run that is `planned`: anything else is ERR_REFUSED. */
bool engine_apply(struct engine *engine, const struct job *job, int64_t run,
                  struct err *err) MUST_CHECK;

/* Goes on with a run that was started. A finished run: settles `unknown` by reading, sends nothing.
 */
bool engine_resume(struct engine *engine, const struct job *job, int64_t run,
                   struct err *err) MUST_CHECK;

struct verify_result {
    uint64_t checked;    /* changes looked at */
    uint64_t different;  /* changes with at least one difference */
    uint64_t unreadable; /* changes that could not be read */
    uint64_t undecided;  /* `unknown` ones: not judged */
};

/* Remote state against the plan, for every change (E7). `difference` is called for each one, from
 * one thread at a time. A difference: ERR_VERIFY; something unreadable: ERR_PARTIAL. */
bool engine_verify(struct engine *engine, const struct job *job, int64_t run,
                   void (*difference)(void *ctx, const struct plan_change *change,
                                      const char *text),
                   void *ctx, struct verify_result *ret, struct err *err) MUST_CHECK;

/* Takes a report piece by piece, in order. False with `err` set: it ends there. */
typedef bool (*engine_piece_fn)(void *ctx, str piece, struct err *err);

/* The report of a run, made from journal and plan alone, in bounded memory: as JSON
 * (schemas/report.schema.json) and as one page of HTML that needs nothing else. */
bool engine_report_json(struct engine *engine, int64_t run, engine_piece_fn piece, void *ctx,
                        struct err *err) MUST_CHECK;
bool engine_report_html(struct engine *engine, int64_t run, engine_piece_fn piece, void *ctx,
                        struct err *err) MUST_CHECK;

enum report_format { REPORT_JSON, REPORT_HTML };

/* The report as the file `path`, whole or not at all (0600). */
bool engine_report_file(struct engine *engine, int64_t run, enum report_format format, int dirfd,
                        const char *path, struct err *err) MUST_CHECK;

#endif
