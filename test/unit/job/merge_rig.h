/* SPDX-License-Identifier: MIT */
/*
 * What the tests of merge stand on: a scripted DevRev, one worker, one change of two contacts
 * (REVU-1 into REVU-2), a clock that only sleeping moves.
 */
#ifndef STEWARD_TEST_MERGE_RIG_H
#define STEWARD_TEST_MERGE_RIG_H

#include "harness/fakeclock.h"
#include "harness/httpserver.h"
#include "harness/tap.h"
#include "job/merge.h"
#include "job/merge_internal.h"

#define RIG_LOSER "don:identity:dvrv-us-1:devo/0:revu/1"
#define RIG_SURVIVOR "don:identity:dvrv-us-1:devo/0:revu/2"
#define RIG_OTHER "don:identity:dvrv-us-1:devo/0:revu/9"

struct rig {
    struct httpserver *server;
    struct fakeclock fake;
    struct stop stop;
    struct limiter *limiter;
    struct secret token;
    struct settings settings;
    struct devrev_shared *shared;
    struct merge_worker worker;
    struct job_run run;
    struct job_change change;
    struct plan_value values[4];
    struct err err;
};

/* Columns: email (email, decides), external_ref (trim, decides), full_name (trim), tickets (no remote
 * field). Both contacts are ann@example.com. */
void rig_start(struct rig *rig);
void rig_finish(struct rig *rig);

void rig_answer(struct rig *rig, int status, const char *body);

/* rev-users.get answers of contact `n`: REVU-<n>, ann@example.com; `more` are further members such as
 * ",\"state\":\"deleted\"" */
void rig_contact(struct rig *rig, int n, const char *external_ref, const char *more);

/* The path of request `number`, "" where there is none. */
const char *rig_path(struct rig *rig, int number);
/* The body of request `number`. */
const char *rig_body(struct rig *rig, int number);

#endif
