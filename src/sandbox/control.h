/* SPDX-License-Identifier: MIT */
/*
 * The stand-in's own addresses: /sandbox/state, /sandbox/calls, /sandbox/faults and the bytes of
 * artifacts. No token, no limit, not logged.
 */
#ifndef STEWARD_SANDBOX_CONTROL_H
#define STEWARD_SANDBOX_CONTROL_H

#include "sandbox/dispatch.h"

/* `visit->call` begins with "sandbox/". *ret_mime is constant text. */
int control_serve(struct sandbox *sandbox, const struct visit *visit, struct buf *out,
                  const char **ret_mime);

#endif
