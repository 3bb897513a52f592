/* SPDX-License-Identifier: MIT */
/*
 * What outlives the process. Three appended files, each line one write(2):
 *
 *   DIR/log      the write-ahead log of --state: checksum, kind and fields, tabs between them
 *   --effects    one JSON line for each change
 *   --requests   one JSON line for each request
 *
 * A change goes into the log first, together with the very line that the effects file gets, then
 * into the effects file, and only then can any read show it (the caller holds the one lock). So after
 * a kill the log knows at most one line more than the effects file, and start-up writes it. A torn
 * line can only be the last one of a file, and is cut off. The log is replayed by carrying the effect
 * lines out again, which makes the same world; then it is rewritten without what nothing needs.
 *
 * Kinds of log lines: H identity, F fault rules, C calls of a second, A a call that the limit counts,
 * N numbers, R a request (flags, its line, its effect line or nothing), E an effect line.
 */
#ifndef STEWARD_SANDBOX_STORE_H
#define STEWARD_SANDBOX_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct store {
    int dir_fd;      /* -1: everything lives in memory */
    int log_fd;      /* -1 likewise */
    int effects_fd;  /* -1: not asked for */
    int requests_fd; /* -1: not asked for */
};

/* Flags of an R line. */
enum { STORE_COUNTED = 1, STORE_ACCEPTED = 2, STORE_EXPIRED = 4 };

/* What a replay hands over, in order. Any may be called many times. */
struct store_replay {
    bool (*identity)(void *ctx, str text, struct err *err);
    bool (*faults)(void *ctx, str json, struct err *err);
    void (*calls)(void *ctx, int64_t second, const char *call, int status, const char *cause,
                  int64_t count);
    void (*accepted)(void *ctx, int64_t at_ms);
    void (*numbers)(void *ctx, int64_t request_seq, int64_t effect_seq, int64_t port, bool expired);
    bool (*request)(void *ctx, int flags, str line, struct err *err);
    bool (*effect)(void *ctx, str line, struct err *err);
    void *ctx;
};

/* Opens what is not NULL; takes the directory's lock; replays the log, brings the effects file up to
 * it and cuts torn lines. */
bool store_open(struct store *store, const char *state_dir, const char *effects,
                const char *requests, const struct store_replay *replay,
                struct err *err) MUST_CHECK;
void store_close(struct store *store);

/* Starts the shortened log; lines are then added with store_line until store_rewrite_end. */
bool store_rewrite_begin(struct store *store, struct err *err) MUST_CHECK;
bool store_rewrite_end(struct store *store, struct err *err) MUST_CHECK;

/* One log line: kind and fields with tabs between. Nothing without --state. A failed write ends the
 * process: a stand-in that cannot keep its promise must not go on. */
void store_line(struct store *store, char kind, str fields);
/* One line into the effects or requests file, if there is one. */
void store_effect(struct store *store, str json);
void store_request(struct store *store, str json);

#endif
