/* SPDX-License-Identifier: MIT */
/*
 * One API request from arrival to answer: route, token, limit, fault, schema, handler, log. Knows no
 * sockets; sandbox/server.c carries out what the answer says about the connection.
 */
#ifndef STEWARD_SANDBOX_DISPATCH_H
#define STEWARD_SANDBOX_DISPATCH_H

#include "sandbox/api.h"

struct query {
    str name; /* decoded */
    str raw;  /* still percent-encoded */
};

struct visit {
    str method;
    str call; /* the path without its first slash */
    str authorization;
    str content_type;
    str token_type; /* X-Snowflake-Authorization-Token-Type */
    str user_agent;
    str body;
    bool too_large; /* the body was not kept */
    const struct query *query;
    size_t query_len;
};

struct answer {
    int status;
    struct buf body;
    enum fault_action action; /* what happens to the connection or the bytes */
    int64_t retry_after;      /* -1 none */
    bool redirect;
    const char *allow; /* the methods that the route has, NULL where that is no matter */
    bool gzip;         /* the body is compressed */
    size_t limit;      /* 0: no X-Ratelimit headers */
    size_t left;
    int64_t reset_s;
    int64_t request; /* X-Request-Id: its "seq" in the requests file; 0: none */
};

/* Blocks for the latency. Any thread. `ret` belongs to the caller (answer->body). */
void dispatch(struct sandbox *sandbox, const struct visit *visit, struct answer *ret);

/* The same time base as every answer; with the lock. */
int64_t sandbox_tick(struct sandbox *sandbox);

/* Carries an effect line of an earlier process out again. */
bool dispatch_replay(struct sandbox *sandbox, str line, struct err *err);

#endif
