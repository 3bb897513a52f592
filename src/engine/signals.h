/* SPDX-License-Identifier: MIT */
/*
 * SIGINT and SIGTERM: the first drains (stop level 1), the second stops at once (level 2); both
 * leave a run that can be resumed. One thread waits for them with sigwait; every other thread has
 * them blocked. SIGPIPE is ignored.
 */
#ifndef STEWARD_ENGINE_SIGNALS_H
#define STEWARD_ENGINE_SIGNALS_H

#include "base/clock.h"
#include "base/err.h"

/* Call from the main thread before any other thread exists. `stop` must live as long as the
 * process. */
bool signals_start(struct stop *stop, struct err *err) MUST_CHECK;

#endif
