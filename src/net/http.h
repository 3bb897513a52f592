/* SPDX-License-Identifier: MIT */
/*
 * HTTP over libcurl: one `struct http` (one easy handle, one connection) a worker, used by the
 * thread that made it.
 *
 * A request is never sent twice by the library: libcurl 7.88 re-sends
 * by itself when a reused connection dies before the first response byte. So everything goes over
 * HTTP/1.1; bodies are streamed by a READFUNCTION without SEEKFUNCTION (which makes libcurl give up
 * with CURLE_SEND_FAIL_REWIND instead) and the body of a write is never empty (an empty one gets
 * "{}"); and a PREREQFUNCTION refuses any second sending, that of a read too, because each sending
 * needs a token of the limiter. An idle connection older than 30 s is not used again.
 * Redirects are never followed: a 3xx is ERR_REMOTE naming the host, and no credential leaves the
 * host it was meant for. TLS is verified. Proxy variables of the environment are obeyed as curl
 * does.
 *
 * Errors of http_send say what is certain:
 *   could not resolve or connect, TLS failed      ERR_NETWORK, retryable, not ambiguous
 *   its certificate is not trusted                ERR_NETWORK, fatal
 *   no answer after the first byte of a write     ERR_NETWORK, ambiguous
 *   the same for a read                           ERR_NETWORK, retryable
 *   answer cut short, or no HTTP                  ERR_PROTOCOL (write: ambiguous; read: retryable)
 *   answer above max_response                     ERR_PROTOCOL (write: ambiguous)
 *   3xx other than 304                            ERR_REMOTE, not ambiguous (303: write ambiguous)
 *   stop at level 2                               ERR_INTERRUPTED (write: ambiguous once begun)
 *   a header or token with a line break, bad URL  ERR_CONFIG, nothing sent
 *
 * Any other HTTP status is not an error here: the caller reads response->status. Messages name the
 * host only.
 */
#ifndef STEWARD_NET_HTTP_H
#define STEWARD_NET_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

struct http;

struct http_options {
    int64_t connect_timeout_ms; /* 0: 30,000 */
    int64_t
        read_timeout_ms;    /* 0: 60,000; silence for that long ends a call, not its whole length */
    size_t max_response;    /* 0: 64 MiB */
    const char *user_agent; /* NULL: "steward/<version>" */
    const struct clock *clock;
    struct stop *stop; /* level 2 aborts a call in flight (a write: ambiguous); may be NULL */
};

struct http *http_new(const struct http_options *options, struct err *err) MUST_CHECK;
void http_free(struct http *http);
DEFINE_AUTO(struct http, http_free)

struct http_header {
    const char *name;
    str value;
};

struct http_request {
    const char *method; /* "GET", "POST", "PATCH", "PUT", "DELETE" */
    const char *url;
    bool is_write;               /* may change something: the rules above */
    const struct secret *bearer; /* Authorization: Bearer; may be NULL */
    const struct http_header *headers;
    size_t header_count;
    const char *content_type; /* NULL: application/json where there is a body */
    str body;
    /* where not NULL the body of a 2xx answer goes here piece by piece instead of response->body,
     * and max_response does not apply; it fails with `err` filled, which ends the call */
    bool (*sink)(void *ctx, str piece, struct err *err);
    void *sink_ctx;
};

struct http_response {
    int status;
    struct buf body;         /* owned; http_response_done */
    int64_t retry_after_ms;  /* -1 none; both forms of RFC 9110, never negative, capped at 1 h */
    int64_t ratelimit_limit; /* X-Ratelimit-*: -1 none */
    int64_t ratelimit_remaining;
    int64_t ratelimit_reset_s; /* Unix seconds */
    int64_t date_ms;           /* Date header, 0 none: for clock skew */
    char content_type[64];
    char location[512];
    char request_id[80];
    int64_t duration_ns;
};

void http_response_done(struct http_response *response);
#define AUTO_RESPONSE CLEANUP(http_response_done)

/* One request, one attempt. `response` must be zeroed or used before; its body is replaced. */
bool http_send(struct http *http, const struct http_request *request,
               struct http_response *response, struct err *err) MUST_CHECK;

/* "https://host:port" parts of a base URL; without scheme or host: ERR_CONFIG naming the setting.
 */
bool http_check_base_url(const char *setting, const char *url, struct err *err) MUST_CHECK;

/* Call once before the first thread. */
void http_global_init(void);

#endif
