/* SPDX-License-Identifier: MIT */
/*
 * Planning a merge from a CSV file: which contact goes into which, for every row, by a rule set.
 *
 *   open   loads the rule set and checks the header line (so the caller can fill its plan header)
 *   run    pass 1 reads every row into a few bytes each, groups and decides; pass 2 reads the file
 *          again for what a person must see (values, reasons) and writes decisions and plan
 *
 * The file must be a regular file: it is read twice, and a difference between the passes is an
 * error (ERR_INPUT). Same input, same bytes out, whatever the number of threads, the locale or the
 * machine.
 *
 * ERR_INPUT (exit 64, nothing planned): no such file, a directory, an empty file, a header only,
 * required columns missing (all named), a doubled column, another delimiter, no good row, or any
 * bad row with `strict`. ERR_CONFIG (2): a rule file that does not load; the message names line and
 * column. ERR_INTERRUPTED where `stop` was raised. After a failure of run the plan writer and the
 * decisions file are to be thrown away; the decisions file is then not put in place.
 *
 * One thread calls; run starts its own threads and joins them before it returns.
 */
#ifndef STEWARD_JOB_MERGE_PLAN_H
#define STEWARD_JOB_MERGE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "match/links.h"
#include "store/plan.h"

struct merge_plan_options {
    const char *csv_path;
    int csv_dir_fd;          /* where above 0, csv_path is relative to that directory */
    const char *rules;       /* a built-in name ("revu-pairs") or the path of a rule file */
    const char *map;         /* match/columns_map.h: headers of this file; NULL: the rule set's */
    const char *csv_out;     /* decisions of all rows; NULL: none */
    bool strict;             /* one bad row is enough to plan nothing */
    int threads;             /* 0: one for each processor, at most 8 */
    const struct stop *stop; /* may be NULL; level 1 ends the run */
    /* what people decided about pairs; NULL: nothing */
    const struct links *links;
};

/* A bad row, for the screen. */
struct merge_plan_bad {
    uint64_t line;    /* where the row begins */
    char reason[128]; /* "bad-row: ..." without personal data */
};

enum { MERGE_PLAN_FIRST_BAD = 10 };

struct merge_plan_result {
    uint64_t rows; /* keep + merge + review + none */
    uint64_t good;
    uint64_t bad;  /* counted in `review` too */
    uint64_t keep; /* rows, as written to the decisions file; a contact on two lines counts twice */
    uint64_t merge;
    uint64_t review;
    uint64_t none;
    uint64_t contacts;   /* distinct good contacts */
    uint64_t changes;    /* what went to the plan writer: one a loser */
    uint64_t peak_bytes; /* the planner's own memory at its largest */
    struct merge_plan_bad first_bad[MERGE_PLAN_FIRST_BAD]; /* in the order of the file */
    int first_bad_count;
};

struct merge_plan;

struct merge_plan *merge_plan_open(const struct merge_plan_options *options,
                                   struct err *err) MUST_CHECK;
void merge_plan_free(struct merge_plan *plan);
DEFINE_AUTO(struct merge_plan, merge_plan_free)

/* job, rules, rules_hash, kind, source and columns, valid as long as `plan`. */
const struct plan_header *merge_plan_header(const struct merge_plan *plan);

/* Decides every row. `writer` NULL: only the decisions file. Changes, reviews and bad rows go to
 * the writer in the order of the file (a change where its second contact stands); a contact on
 * several lines goes there once. The caller finishes the writer. Once per `plan`. */
bool merge_plan_run(struct merge_plan *plan, struct plan_writer *writer,
                    struct merge_plan_result *ret, struct err *err) MUST_CHECK;

#endif
