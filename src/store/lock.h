/* SPDX-License-Identifier: MIT */
/*
 * One running steward per workspace (E22). flock(2) on `steward.lock`, so a dead owner holds
 * nothing; the file names the owner (pid, host, start time, command) for the message of whoever is
 * refused.
 */
#ifndef STEWARD_STORE_LOCK_H
#define STEWARD_STORE_LOCK_H

#include <stdbool.h>

#include "base/clock.h"
#include "base/err.h"

struct lock;

/* `command` is without the program's name: "apply". Held by another: ERR_LOCKED "could not lock the
 * workspace: 'steward apply' (pid 123) has held it for 4 minutes" with a hint; the owner's host is
 * named where it is not this one. */
struct lock *lock_take(int workspace_fd, const char *command, const struct clock *clock,
                       struct err *err) MUST_CHECK;
void lock_drop(struct lock *lock);
DEFINE_AUTO(struct lock, lock_drop)

/* Who holds it, for doctor and show: false where nobody does. `ret_text` as in the message:
 * "'steward apply' (pid 123) has held it for 4 minutes". */
bool lock_owner(int workspace_fd, const struct clock *clock, char *ret_text, size_t size);

#endif
