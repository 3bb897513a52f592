/* SPDX-License-Identifier: MIT */
/*
 * The stand-in of Snowflake's SQL API v2, on a port of its own. It serves the contacts of the sandbox
 * as they are when a statement is submitted.
 *
 *   calls       statements.submit, .get, .partition (GET with ?partition=n), .cancel: their names in
 *               faults, /sandbox/calls and --requests. --limit is DevRev's and does not count here
 *   signing in  the programmatic access token of the env file, or a key-pair token of the user whose
 *               public key --snowflake-key registered (sandbox/snowflake_token.h)
 *   account     SANDBOX-STEWARD, user STEWARD, role STEWARD_READER (or none), warehouse STEWARD_WH,
 *               database CRM, schema DEVREV; the warehouse SUSPENDED_WH is there and never answers
 *   statements  sandbox/snowflake_sql.h. async=true is answered with 202, and so is the first look at it;
 *               what is wrong with the SQL is told then. The same requestId is the same statement
 *   partitions  the first of 100 rows, each next one twice as large; all but the first come as gzip
 *   types       times as TIMESTAMP_TZ and TIMESTAMP_LTZ, counts as FIXED, the rest as TEXT
 *
 * Faults mean what they mean for DevRev, and: `never` on statements.submit is a statement that runs
 * until it is cancelled; `expire` refuses the very token it met from then on, so a newly signed one
 * works. `stale` does nothing. Statements live in memory, the newest 64 of them: after a restart a handle
 * is unknown.
 */
#ifndef STEWARD_SANDBOX_SNOWFLAKE_H
#define STEWARD_SANDBOX_SNOWFLAKE_H

#include "sandbox/dispatch.h"

struct snowflake;

/* `key_path` (may be NULL): the user's public key. `sandbox` is open and outlives it. */
struct snowflake *snowflake_open(struct sandbox *sandbox, const char *key_path,
                                 struct err *err) MUST_CHECK;
void snowflake_close(struct snowflake *snowflake);

/* One request from arrival to answer; blocks for the latency. Any thread. */
void snowflake_dispatch(struct snowflake *snowflake, const struct visit *visit, struct answer *ret);

/* SNOWFLAKE_...=... lines. */
void snowflake_env(const struct snowflake *snowflake, uint16_t port, struct buf *out);

#endif
