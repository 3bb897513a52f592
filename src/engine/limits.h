/* SPDX-License-Identifier: MIT */
/* How much one run may change (E11): what a plan is held against before any of it is applied. */
#ifndef STEWARD_ENGINE_LIMITS_H
#define STEWARD_ENGINE_LIMITS_H

#include "engine/settings.h"
#include "store/journal.h"

/* `changes`: as many would be applied. MAX_CHANGES bounds them; MAX_ACCOUNT_SHARE bounds the fact
 * "max_account_share" of the run's options, {"percent":45,"changes":9,"contacts":20}, where planning
 * left one: the account of which the plan changes the largest share. null: the plan was made without
 * the limit, and is refused with one. ERR_REFUSED. */
bool limits_check(const struct settings *settings, const struct run *run, uint64_t changes,
                  struct err *err) MUST_CHECK;

#endif
