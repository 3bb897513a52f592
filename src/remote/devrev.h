/* SPDX-License-Identifier: MIT */
/*
 * DevRev's API: a thin client that knows how to call, wait, retry and tell errors
 * apart, and nothing of merges.
 *
 * One `struct devrev_shared` a command, for any number of threads; one `struct devrev` (one HTTP
 * connection) a worker, used by the thread that made it. Everything is asked by POST with a JSON
 * body and `X-Devrev-Scope: beta`, because GET cannot carry custom_fields and the public schema
 * lacks tags.
 *
 * Both kinds of call wait for the limiter, once an attempt. 429 parks the limiter for Retry-After
 * (the header, else the body's retry_after, else 60 s) and does not count as an attempt; after
 * DEVREV_MAX_LIMITED of them the call gives up. `X-Ratelimit-Remaining: 0` parks it until
 * X-Ratelimit-Reset; X-Ratelimit-Limit and how far away the reset is teach it the remote's limit.
 *
 * Every attempt passes the circuit breaker (net/pressure.h). While it is not closed reads wait for it,
 * without using up attempts, and writes are refused: ERR_LIMITED, retryable, http_status 0. Where it
 * does not close in time: ERR_STOPPED, fatal. 5xx, 408 and no answer are bad calls; that no connection
 * comes up at all ends the run by itself and is left out.
 *
 *   devrev_read   tries again, with full jitter, after no answer, 5xx, and an answer cut short or
 *                 not JSON
 *   devrev_write  at most one request that can have had an effect. Tried again only when it certainly
 *                 had none: never connected, or 429. Otherwise err->ambiguous says that the remote
 *                 may have carried it out (5xx, 408, connection lost, timeout, unreadable 200)
 *
 * Errors ("could not call <call>: <cause>"):
 *   401                 ERR_AUTH, fatal
 *   403                 write: ERR_AUTH, fatal; read: ERR_REMOTE
 *   404                 ERR_NOT_FOUND; for a call that the remote does not have ERR_REMOTE, fatal
 *   429                 ERR_LIMITED, retryable
 *   3xx, other 4xx      ERR_REMOTE with the published type and field name, never the remote's
 *                       message: that may quote the data
 *   5xx                 ERR_REMOTE; read: retryable; write: ambiguous
 *   no answer           ERR_NETWORK; fatal where no connection came up at all, because the next
 *                       record would fail the same way; a write then has had no effect
 *   cut short, garbled  ERR_PROTOCOL
 *   stopped             ERR_INTERRUPTED, retryable (a write was not sent)
 */
#ifndef STEWARD_REMOTE_DEVREV_H
#define STEWARD_REMOTE_DEVREV_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"
#include "net/callstats.h"
#include "net/limiter.h"
#include "net/pressure.h"
#include "net/retry.h"

enum { DEVREV_MAX_LIMITED = 10, DEVREV_PAGE = 100 };

/* Everything is borrowed and must outlive the shared state. */
struct devrev_options {
    const char *base_url; /* DEVREV_BASE_URL */
    const struct secret *token;
    struct limiter *limiter;
    struct pressure *pressure; /* over `limiter`; NULL: one of its own */
    struct callstats *calls;   /* may be NULL */
    const struct clock *clock;
    struct stop *stop; /* may be NULL */
    struct log *log;   /* may be NULL */
    struct retry_policy retry;
    int64_t connect_timeout_ms;
    int64_t read_timeout_ms;
};

struct devrev_shared;

/* Sends nothing. A base URL or token that cannot be used: ERR_CONFIG. */
struct devrev_shared *devrev_shared_new(const struct devrev_options *options,
                                        struct err *err) MUST_CHECK;
void devrev_shared_free(struct devrev_shared *shared);
DEFINE_AUTO(struct devrev_shared, devrev_shared_free)

struct devrev;

struct devrev *devrev_new(struct devrev_shared *shared, struct err *err) MUST_CHECK;
void devrev_free(struct devrev *devrev);
DEFINE_AUTO(struct devrev, devrev_free)

/* From which level of stop on waits end: 1 (the default) where nothing was sent yet, 2 for settling
 * what was sent, which a drain still does. */
void devrev_stop_level(struct devrev *devrev, int level);

/* How much the remote's clock is ahead of ours, from the last Date header; 0 before the first. */
int64_t devrev_skew_ms(const struct devrev *devrev);

/* One attempt of a call, for logs. Views live during the hook only. */
struct devrev_call {
    const char *call;
    int attempt;
    int status; /* 0: no answer */
    enum err_kind error;
    int64_t at_ms; /* when it ended */
    int64_t duration_ns;
    int64_t waited_ns;
    const char *request_id;
};

/* `hook` NULL: none. */
void devrev_on_call(struct devrev *devrev, void (*hook)(void *ctx, const struct devrev_call *call),
                    void *ctx);

struct devrev_answer {
    struct buf raw; /* the bytes as they came */
    json_t *json;   /* an object; NULL where the body of a write's answer is empty */
    int status;
};

void devrev_answer_done(struct devrev_answer *answer);
#define AUTO_ANSWER CLEANUP(devrev_answer_done)

/* `request` is taken over, also on failure; NULL (json_pack could not make it) is ERR_INTERNAL.
 * `ret` must be zeroed or used before. */
bool devrev_read(struct devrev *devrev, const char *call, json_t *request,
                 struct devrev_answer *ret, struct err *err) MUST_CHECK;
bool devrev_write(struct devrev *devrev, const char *call, json_t *request,
                  struct devrev_answer *ret, struct err *err) MUST_CHECK;

/* All pages of a list: `limit` and `cursor` are added to the request (taken over). `page` gets each
 * answer and its array `items`; it may set *done to end early. It ends when next_cursor is missing;
 * empty pages are no end; a cursor that comes a second time is ERR_PROTOCOL. */
bool devrev_pages(struct devrev *devrev, const char *call, json_t *request, const char *items,
                  bool (*page)(void *ctx, const struct devrev_answer *answer, const json_t *items,
                               bool *done, struct err *err),
                  void *ctx, struct err *err) MUST_CHECK;

/* Fetches a URL that artifacts.locate gave: no token goes there, it waits for no limiter, and messages
 * name its host only, because the rest is a signature. http:// only where the API is http:// too.
 * `start` is called before every attempt's first piece, so that what an earlier attempt gave can be
 * dropped. */
struct devrev_sink {
    bool (*start)(void *ctx, struct err *err);
    bool (*piece)(void *ctx, str bytes, struct err *err);
    void *ctx;
};
bool devrev_download(struct devrev *devrev, const char *url, const struct devrev_sink *sink,
                     struct err *err) MUST_CHECK;

/* Two ids of one contact: the same text, or the two published forms
 * don:identity:P:devo/O:revu/N and don:identity:P:devo/O:revo/R:revu/N. */
bool devrev_same_user(str a, str b);

#endif
