/* SPDX-License-Identifier: MIT */
/*
 * A job: the plug that the engine drives. The engine knows runs, changes and states, and no job's
 * words; a job knows its remote, and nothing of journal, workers or resuming.
 *
 * One change's life, all in one worker thread at a time (never two threads on one change):
 *
 *   check    read the record now; has anything the decision used changed? (drift)
 *   capture  store the pre-image in the vault, sealed and read back
 *            ---- the engine makes the intent durable: state `sent` ----
 *   apply    the one side effect: at most one request that must not be sent twice. What has to come before
 *            it and is harmless to repeat is read first, and then written
 *   confirm  read until the remote shows it; may be called many times, later, by another worker or
 *            process, when all that is left is the plan, the journal row and the sealed backup
 *   finish   may be missing; what belongs to the change once it has happened and is harmless to repeat:
 *            each write only after a read that shows it is wanted still. Looked at again like confirm
 *   forget   release what check and capture kept
 *
 * Results are told by the error's kind and flags; the engine turns them into states:
 *
 *   check    ERR_DRIFT -> skipped; other errors -> failed; fatal -> the run pauses, change untouched
 *   capture  ERR_BACKUP -> skipped; other errors -> failed; fatal -> pause
 *   apply    true: acknowledged. false and ambiguous: the engine settles it by confirm. false and not
 *            ambiguous: certainly nothing happened -> failed; retryable or fatal: back to backed_up
 *            (sent again later, or the run pauses)
 *   confirm  see the enum below
 *   finish   the same enum; CONFIRM_DONE with an error filled: done, and the error is a remark for
 *            people (what was left as it is), which changes no state
 *
 * Waiting for rate limits and retries of reads happen inside (remote/); a raised stop ends them
 * with ERR_INTERRUPTED, and the change stays where it was.
 */
#ifndef STEWARD_ENGINE_JOB_H
#define STEWARD_ENGINE_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/log.h"
#include "engine/settings.h"
#include "net/callstats.h"
#include "net/limiter.h"
#include "net/pressure.h"
#include "store/journal.h"
#include "store/plan.h"
#include "store/vault.h"

/* What the engine lends to a job for one command. Read-only but for `shared`. */
struct job_run {
    int64_t run; /* its number */
    const struct settings *settings;
    const struct clock *clock;
    struct stop *stop;
    struct log *log;
    int workspace_fd;
    struct journal *journal; /* what earlier runs did and what people decided: to be read, and while
                                applying for its memory (store/memory_link.h) */
    struct vault *vault;
    struct limiter *limiter;
    struct pressure *pressure; /* over `limiter`: give it to the remote's client */
    struct callstats *calls;
    char stamp[CLOCK_TEXT_BYTES]; /* YYYYMMDD_HHMMSS of the run's first start: names of backups */
    const struct plan_header *plan;
    /* plan() adds what it wants to be known of the plan later and the plan itself does not hold:
     * members of a JSON object, each led by a comma: `,"max_account_share":{...}`. They are kept in
     * the run's options. */
    struct buf facts;
    void *shared; /* the job's, from open to close */
};

struct job_change {
    struct plan_change plan; /* owned by `arena` */
    struct change_row row;   /* what the journal knows; the engine keeps it up to date */
    struct arena arena;      /* lives as long as the item; jobs may allocate from it */
    void *data;              /* the job's, from check to forget */
    /* capture sets: the backup's path as backup_path() gave it */
    char backup[sizeof(((struct change_row *)0)->backup)];
    /* any step may set: the job's JSON for the journal, without personal data. The report adds up
     * {"counts":{"tickets":{"before":2,"after":5}}} over all changes; the names are the job's. */
    char detail[sizeof(((struct change_row *)0)->detail)];
};

enum confirm_result {
    CONFIRM_DONE,         /* the remote shows the change, whole */
    CONFIRM_PENDING,      /* begun or queued there: certainly not lost, look again */
    CONFIRM_ABSENT,       /* reads show nothing of it, and no job of the remote's knows of it */
    CONFIRM_CONTRADICTED, /* the remote shows something else; err says what -> unknown */
    CONFIRM_REJECTED,     /* the remote says that it tried and failed; err says why -> failed */
    CONFIRM_UNREADABLE,   /* the reads failed; err says why; fatal -> pause, otherwise look again */
};

struct plan_summary {
    uint64_t rows; /* good and bad, without header and blank lines */
    uint64_t bad;
    uint64_t keep, merge, review, none; /* decisions by action, where the job has such */
    uint64_t links;                     /* what people decided about pairs, as it is remembered */
    uint64_t stale_links;               /* of these: about a record that the source does not have */
    struct plan_totals totals;
    struct {
        uint64_t line;
        char reason[160];
    } first_bad[10];
    size_t first_bad_count;
};

/* What job->undo->plan gets as its options: the changes of a run that are to be undone, in order, and
 * those that cannot be now (`why_not`, else NULL). The plan's first column is UNDO_ORIGIN; its `after` is
 * what undo_origin_text (engine/undo.h) makes. */
#define UNDO_ORIGIN "undoes"
typedef bool (*undo_take_fn)(void *ctx, const struct plan_change *change,
                             const struct change_row *row, const char *why_not, struct err *err);
struct undo_source {
    int64_t run;
    const struct plan_header *header; /* of the run's plan */
    bool (*each)(void *ctx, undo_take_fn take, void *take_ctx, struct err *err);
    void *ctx;
};

struct job {
    const char *name;       /* "merge" */
    const char *summary;    /* one line */
    const char *remote;     /* "devrev": names the limiter's file */
    bool pairs;             /* each change puts one record into another, which is kept */
    int64_t rate_calls;     /* default limit where RATE_LIMIT_CALLS is not set: 45 ... */
    int64_t rate_period_ms; /* ... in 60,000 */

    const struct job *undo; /* the job that undoes it; NULL: none can */
    const char *const
        *limits; /* of such a job: what does not come back, lines for people; NULL-ended */

    /* What `apply` acknowledged shows at once, and may be applied twice without harm: the first look
     * follows in the same breath, and the acknowledgement is durable with what it finds, not before. */
    bool at_once;

    /* A refused change is remembered: its two records are never to be one (store/memory_link.h). */
    bool remembers_refusals;

    /* Decides, writes the plan file `path` below the workspace and fills *ret. `options` is the
     * job's own options struct, from its command. Deterministic: same input, same bytes. */
    bool (*plan)(struct job_run *run, const void *options, const char *path,
                 struct plan_summary *ret, struct err *err);

    /* Before the first send of a run, not when it is resumed: is its plan still what its inputs would
     * give? ERR_REFUSED says what has changed. NULL: nothing can change. */
    bool (*fresh)(struct job_run *run, const struct run *planned, struct err *err);

    /* Shared state of all workers (configuration checked, nothing sent). */
    bool (*open)(struct job_run *run, struct err *err);
    void (*close)(struct job_run *run);

    /* A worker's own connection; called and used in the worker's thread. */
    void *(*worker_open)(struct job_run *run, struct err *err);
    void (*worker_close)(void *worker);

    bool (*check)(void *worker, struct job_change *change, struct err *err);
    bool (*capture)(void *worker, struct job_change *change, struct err *err);
    bool (*apply)(void *worker, struct job_change *change, struct err *err);
    enum confirm_result (*confirm)(void *worker, struct job_change *change, struct err *err);
    enum confirm_result (*finish)(void *worker, struct job_change *change, struct err *err);
    void (*forget)(struct job_change *change);

    /* After the outcome is durable: note it in the backup's logs and merge_state. Failing only
     * logs. */
    void (*concluded)(void *worker, struct job_change *change);

    /* Compares the remote with what the plan promised, for a change in whatever state. Each
     * difference is one call of `difference` (no personal data). False: could not be read. */
    bool (*verify)(void *worker, struct job_change *change,
                   void (*difference)(void *ctx, const char *text), void *ctx, struct err *err);

    /* A change as a person reads it in preview and report: lines, may hold personal data. */
    void (*describe)(const struct plan_header *plan, const struct plan_change *change,
                     struct buf *out);
    /* What today's settings add to it, such lines too; may be missing. */
    void (*describe_settings)(const struct settings *settings, const struct plan_header *plan,
                              const struct plan_change *change, struct buf *out);

    /* How long after the last send `absent` begins to count (settings may say). */
    int64_t (*settle_ms)(const struct settings *settings);
};

#endif
