/* SPDX-License-Identifier: MIT */
/* The same function in several threads, and back when all of them have returned. */
#ifndef STEWARD_MATCH_PARALLEL_H
#define STEWARD_MATCH_PARALLEL_H

#include "base/err.h"

enum { PARALLEL_MAX = 64 };

/* Calls work(arg, 0) to work(arg, threads - 1), the first in the calling thread. Where a thread
 * cannot be started the others still run to their end: ERR_INTERNAL. */
bool parallel_run(int threads, void (*work)(void *arg, int index), void *arg,
                  struct err *err) MUST_CHECK;

#endif
