/* SPDX-License-Identifier: MIT */
/*
 * Named places where a test can make the program die or a system call fail.
 *
 *   STEWARD_FAILPOINTS="apply.sent=kill@3;fs.write=ENOSPC@2+"
 *
 * name=ACTION@HIT: at the HITth time (from 1; "HIT+" from then on). ACTION: kill (SIGKILL to
 * oneself), abort, sleep:MS, or an errno name (EIO ENOSPC EACCES EMFILE EDQUOT) where the place
 * injects errors. STEWARD_FAILPOINT_TRACE=FILE appends each name as it is passed, so that a harness
 * can enumerate them. Without the variables a failpoint costs one relaxed load. Compiled out with
 * -Dfailpoints=false.
 */
#ifndef STEWARD_BASE_FAILPOINT_H
#define STEWARD_BASE_FAILPOINT_H

#include <stdatomic.h>

extern atomic_int failpoint_armed_; /* 0 unknown, 1 off, 2 on */

int failpoint_hit_(const char *name);

#ifdef STEWARD_FAILPOINTS
/* Dies here when told to; otherwise evaluates to 0 or the errno to inject. */
#define FAILPOINT(name)                                                                            \
    (atomic_load_explicit(&failpoint_armed_, memory_order_relaxed) == 1 ? 0 : failpoint_hit_(name))
#else
#define FAILPOINT(name) 0
#endif

#endif
