/* SPDX-License-Identifier: MIT */
/*
 * The life of a sandbox: seeded, brought up to the state of an earlier process, served, closed.
 */
#ifndef STEWARD_SANDBOX_SANDBOX_H
#define STEWARD_SANDBOX_SANDBOX_H

#include "sandbox/api.h"

/* `options` and `stop` must outlive it. sandbox->port is the port of the earlier process, 0 none. */
bool sandbox_open(struct sandbox *sandbox, const struct options *options, struct stop *stop,
                  struct err *err) MUST_CHECK;
void sandbox_close(struct sandbox *sandbox);

/* Remembers the port, so that a restart can take it again. */
void sandbox_set_port(struct sandbox *sandbox, uint16_t port);

/* Replaces every fault rule, lifts an expired token. With the lock. */
void sandbox_set_faults(struct sandbox *sandbox, const struct faults *faults);

/* {"contacts":[...],"works":[...],"conversations":[...]}; with the lock. */
void sandbox_state_json(const struct sandbox *sandbox, struct buf *out);

/* Carries out merges when they are due, until stop is raised; a thread of its own. */
void *sandbox_merge_worker(void *sandbox);

#endif
