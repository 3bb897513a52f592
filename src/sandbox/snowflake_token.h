/* SPDX-License-Identifier: MIT */
/*
 * Who may use the stand-in of Snowflake: a programmatic access token, or a key-pair token checked as
 * Snowflake documents it: RS256 with the user's registered public key, iss
 * "<ACCOUNT>.<USER>.SHA256:<fingerprint>", sub "<ACCOUNT>.<USER>", in upper case, exp in the future and
 * counted for at most an hour after iat, times in seconds or milliseconds.
 */
#ifndef STEWARD_SANDBOX_SNOWFLAKE_TOKEN_H
#define STEWARD_SANDBOX_SNOWFLAKE_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct snowflake_keys;

/* A PEM file with the public key, as ALTER USER ... SET RSA_PUBLIC_KEY registers it. */
struct snowflake_keys *snowflake_keys_load(const char *path, struct err *err) MUST_CHECK;
void snowflake_keys_free(struct snowflake_keys *keys);

/* `account` and `user` in upper case. `keys` may be NULL: no key is registered. */
bool snowflake_jwt_valid(const struct snowflake_keys *keys, str token, const char *account,
                         const char *user, int64_t now_ms);

#endif
