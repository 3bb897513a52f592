/* SPDX-License-Identifier: MIT */
/*
 * A scripted HTTP/1.1 server in a thread of the test, on 127.0.0.1 and a free port.
 *
 *   struct httpserver *server = httpserver_start();
 *   httpserver_script(server, &(struct httpserver_step){.status = 200, .body = STR("{}")});
 *   httpserver_script(server, &(struct httpserver_step){.act = HTTPSERVER_DROP});
 *   ... httpserver_url(server) ...
 *   CHECK_INT(httpserver_count(server), 2);
 *   httpserver_stop(server);
 *
 * Requests, of whatever connection, take the steps in order of arrival; a request beyond the last
 * step gets 200 and "{}". Every request is read fully and recorded before its step is carried out,
 * so what the remote saw is known whatever the client was told. Connections are served in parallel.
 */
#ifndef STEWARD_TEST_HTTPSERVER_H
#define STEWARD_TEST_HTTPSERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct httpserver;

enum httpserver_act {
    HTTPSERVER_REPLY,
    HTTPSERVER_DROP,     /* close without a byte */
    HTTPSERVER_RESET,    /* RST; after `cut` bytes of the body where that is not 0 */
    HTTPSERVER_TRUNCATE, /* whole Content-Length promised, close after `cut` bytes of the body */
    HTTPSERVER_RAW,      /* `body` is sent as it is, no status line, then close */
    HTTPSERVER_HANG,     /* no byte until the client goes away or the server stops */
};

struct httpserver_step {
    enum httpserver_act act;
    const char *expect_method; /* NULL: any */
    const char *expect_path;   /* with the query; NULL: any */
    int status;                /* 0: 200 */
    const char *headers;       /* "Name: value\r\n" lines, may be NULL */
    str body;                  /* must live as long as the server */
    size_t repeat;             /* body that many times; 0: once */
    size_t cut;
    int delay_ms;      /* before the answer */
    int byte_delay_ms; /* between the bytes of the body */
    bool close;        /* Connection: close, and closes */
};

struct httpserver_record {
    char method[16];
    char path[1024];
    char headers[8192]; /* the lines as they came */
    char body[4096];    /* its first bytes */
    size_t body_len;
    int connection;    /* from 1 */
    int on_connection; /* which request of its connection, from 1 */
    bool expected;     /* as the step said */
};

/* Also sets no_proxy for 127.0.0.1, so call it before the first thread. Aborts where it cannot. */
struct httpserver *httpserver_start(void);
void httpserver_stop(struct httpserver *server);

int httpserver_port(const struct httpserver *server);
/* "http://127.0.0.1:<port>" */
const char *httpserver_url(const struct httpserver *server);

/* Adds a step (copied). */
void httpserver_script(struct httpserver *server, const struct httpserver_step *step);

/* What arrived so far, complete requests only. */
int httpserver_count(struct httpserver *server);
/* False where there is no request of that number (from 0). */
bool httpserver_get(struct httpserver *server, int number, struct httpserver_record *ret);
/* How many requests were for this path. */
int httpserver_count_path(struct httpserver *server, const char *path);
/* How many did not meet the expectation of their step. */
int httpserver_unexpected(struct httpserver *server);
/* The value of a header of a record in `out`, "" where it has none. */
const char *httpserver_header(const struct httpserver_record *record, const char *name, char *out,
                              size_t size);

#endif
