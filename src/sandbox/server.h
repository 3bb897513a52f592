/* SPDX-License-Identifier: MIT */
/*
 * HTTP in front of a stand-in: libmicrohttpd, a thread a connection, on 127.0.0.1, each stand-in on a port
 * of its own. /sandbox/... is the sandbox's own everywhere, and never logged or limited.
 */
#ifndef STEWARD_SANDBOX_SERVER_H
#define STEWARD_SANDBOX_SERVER_H

#include "sandbox/api.h"

struct visit;
struct answer;
struct server;

/* One request from arrival to answer; blocks for the latency. Any thread. */
typedef void (*server_fn)(void *ctx, const struct visit *visit, struct answer *ret);

/* `wanted` 0: a free port; otherwise exactly that one. */
struct server *server_start(struct sandbox *sandbox, server_fn serve, void *ctx, uint16_t wanted,
                            struct err *err) MUST_CHECK;
uint16_t server_port(const struct server *server);
/* Waits for requests under way. */
void server_stop(struct server *server);

#endif
