/* SPDX-License-Identifier: MIT */
/*
 * The account of which a plan merges away the largest share of its contacts (E11): what a rule set's
 * `max-share-of` names is the account. Good rows count, a contact once; a contact without an account
 * counts nowhere, and neither does an account with fewer than MERGE_SHARE_MIN_CONTACTS: of three
 * contacts one is a third, and means nothing.
 */
#ifndef STEWARD_JOB_MERGE_SHARE_H
#define STEWARD_JOB_MERGE_SHARE_H

#include "job/merge_plan.h"

enum { MERGE_SHARE_MIN_CONTACTS = 20 };

struct merge_share {
    uint64_t changes; /* contacts of that account that are merged away; 0: no account counts */
    uint64_t contacts;
};

/* After merge_plan_run, of a plan whose rule set names an account. */
bool merge_share_measure(const struct merge_plan *plan, struct merge_share *ret,
                         struct err *err) MUST_CHECK;

#endif
