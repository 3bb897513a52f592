/* SPDX-License-Identifier: MIT */
/*
 * Reads the header lines of an answer into `struct http_response`. Apart from http.c so that it can
 * be tested and fuzzed without a connection. The lines come from a remote: nothing in them is
 * trusted, and what is kept is bounded and printable.
 */
#ifndef STEWARD_NET_HEADERS_H
#define STEWARD_NET_HEADERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "net/http.h"

enum { HEADERS_MAX_BYTES = 256 * 1024 }; /* all lines of one answer, interim answers included */

struct headers {
    size_t bytes;
    bool complete;       /* the empty line of a final (not 1xx) answer has come */
    int request_id_rank; /* of the name that response->request_id came from, 0 none */
    int64_t retry_at_ms; /* Retry-After as a date, 0 none */
};

/* One line, with or without its line end. False: the answer must be refused (a NUL, too much). */
bool headers_take(struct headers *headers, struct http_response *response, str line,
                  int64_t now_ms);

#endif
