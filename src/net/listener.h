/* SPDX-License-Identifier: MIT */
/*
 * A small HTTP server for local readers: metrics, health. libmicrohttpd does the protocol; it and the
 * libraries behind it are loaded when the first listener starts, as net/latecurl.c does, so that commands
 * that listen to nobody start as fast as before.
 *
 * One thread of its own; answers are short and made in it, one at a time. GET and HEAD only. Nothing is
 * encrypted or asked for a password: it belongs on a loopback address or behind something that does both.
 */
#ifndef STEWARD_NET_LISTENER_H
#define STEWARD_NET_LISTENER_H

#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct listener;

struct listener_answer {
    int status;
    const char *content_type;
    struct buf body;
};

/* `path` begins with '/', without its query. The answer is zeroed; a status that stays 0 is 404. */
typedef void (*listener_fn)(void *ctx, str path, struct listener_answer *ret);

/* `address`: "127.0.0.1:9464", "[::1]:9464", ":9464" (loopback), port 0: a free one. ERR_CONFIG where it is
 * none; ERR_IO where it cannot be listened on, or the library cannot be loaded. */
struct listener *listener_start(const char *address, listener_fn answer, void *ctx,
                                struct err *err) MUST_CHECK;
uint16_t listener_port(const struct listener *listener);
/* Ends the thread. NULL is fine. */
void listener_stop(struct listener *listener);

#endif
