/* SPDX-License-Identifier: MIT */
/*
 * Snowflake's SQL API v2 (docs/sources.md): runs one statement and hands out its rows. Reads only
 * what it is told to read; it knows nothing of contacts.
 *
 *   submit   POST /api/v2/statements?requestId=...&async=true: the answer is a handle, so that the
 *            statement can be cancelled whenever it runs
 *   poll     GET /api/v2/statements/<handle>, with growing pauses, until it is done
 *   fetch    the first partition came with that; each other one is read piece by piece
 *
 * Every request may be sent again without harm: the submission carries a request id, and from its
 * second sending on retry=true, so Snowflake runs it once. Tried again, with full jitter: no answer,
 * 429 (which waits for Retry-After), 500, 502, 503, 504, an answer that is cut short, garbled or no
 * JSON, and a partition that breaks off (the sink is told to drop what it got of it). A refused key
 * pair token (401) is signed anew once a request.
 *
 * Rows are counted against what Snowflake announces, for every partition: half a result is an error.
 *
 * Where stop is at 1 or above the statement is cancelled and the error is ERR_INTERRUPTED.
 *
 * Authentication, the first that is set: private key, token, password. The API takes no passwords, but
 * a programmatic access token may stand in a password's place, so that is what it is sent as.
 *
 * Errors begin with "could not query Snowflake: " and hold no data: of Snowflake's own messages only
 * the quoted name of a column or object is kept, because they can quote values and the account.
 *   401, 403             ERR_AUTH, with what to check
 *   422 and other 4xx    ERR_REMOTE with the code, and a hint where the code is known
 *   429, 5xx at last     ERR_LIMITED, ERR_REMOTE; retryable
 *   no answer at last    ERR_NETWORK
 *   cut short, garbled   ERR_PROTOCOL
 *
 * One thread at a time.
 */
#ifndef STEWARD_REMOTE_SNOWFLAKE_H
#define STEWARD_REMOTE_SNOWFLAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/str.h"
#include "net/callstats.h"
#include "net/retry.h"

enum { SNOWFLAKE_MAX_LIMITED = 10, SNOWFLAKE_STATEMENT_TIMEOUT_S = 3600 };

/* Everything is borrowed and must outlive the client; what is NULL or not set is left to the user's
 * defaults at Snowflake. */
struct snowflake_options {
    const char *account;  /* SNOWFLAKE_ACCOUNT: "<org>-<account>", or a locator with its region */
    const char *user;     /* SNOWFLAKE_USER: needed with a private key */
    const char *base_url; /* SNOWFLAKE_HOST; NULL: from the account */
    const char *private_key_path;
    const struct secret *passphrase;
    const struct secret *token;
    const struct secret *password;
    const char *warehouse;
    const char *database;
    const char *schema;
    const char *role;
    struct callstats *calls; /* may be NULL */
    const struct clock *clock;
    struct stop *stop; /* may be NULL */
    struct log *log;   /* may be NULL */
    struct retry_policy retry;
    int64_t connect_timeout_ms;
    int64_t read_timeout_ms;
};

struct snowflake;

/* Sends nothing. Missing or unusable settings: ERR_CONFIG. */
struct snowflake *snowflake_new(const struct snowflake_options *options,
                                struct err *err) MUST_CHECK;
void snowflake_free(struct snowflake *snowflake);
DEFINE_AUTO(struct snowflake, snowflake_free)

/* Where rows go, in the order in which they are called. False, with `err` filled, ends the query. */
struct snowflake_sink {
    /* The columns' names. */
    bool (*columns)(void *ctx, const str *names, size_t count, struct err *err);
    /* Partition `number` begins. The same number a second time: what came of it before is void. */
    bool (*partition)(void *ctx, uint64_t number, struct err *err);
    /* Cells as remote/snowflake_cell.h writes them; null is empty. */
    bool (*row)(void *ctx, const str *cells, size_t count, struct err *err);
    void *ctx;
};

struct snowflake_result {
    uint64_t rows;
    uint64_t partitions;
};

/* One statement; a semicolon at its end is allowed. */
bool snowflake_query(struct snowflake *snowflake, str sql, const struct snowflake_sink *sink,
                     struct snowflake_result *ret, struct err *err) MUST_CHECK;

#endif
