/* SPDX-License-Identifier: MIT */
/*
 * HTTP in front of a sandbox: libmicrohttpd, a thread a connection, on 127.0.0.1. API requests go to
 * dispatch or, on its own port, to sandbox/snowflake.h; /sandbox/... is the stand-in's own and never logged or limited.
 */
#ifndef STEWARD_SANDBOX_SERVER_H
#define STEWARD_SANDBOX_SERVER_H

#include "sandbox/api.h"

struct snowflake;

struct server;

/* `snowflake` NULL: DevRev is served. `wanted` 0: a free port; otherwise exactly that one. */
struct server *server_start(struct sandbox *sandbox, struct snowflake *snowflake, uint16_t wanted,
                            struct err *err) MUST_CHECK;
uint16_t server_port(const struct server *server);
/* Waits for requests under way. */
void server_stop(struct server *server);

#endif
