/* SPDX-License-Identifier: MIT */
/*
 * Key-pair authentication for Snowflake: a private RSA key and the JSON web tokens signed with it
 * (RS256). Sends nothing.
 *
 * Account and user go into a token in upper case, the account without what follows its first period
 * (the region of a locator such as "xy12345.eu-central-1"; "<org>-<account>" has none).
 */
#ifndef STEWARD_REMOTE_SNOWFLAKE_AUTH_H
#define STEWARD_REMOTE_SNOWFLAKE_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

enum {
    SNOWFLAKE_KEY_MAX_BYTES = 64 * 1024,
    SNOWFLAKE_KEY_MIN_BITS = 2048,
    SNOWFLAKE_JWT_LIFE_S = 3540, /* Snowflake cuts what is longer than an hour */
    SNOWFLAKE_FINGERPRINT_BYTES = 64,
};

struct snowflake_key;

/* A PEM file, PKCS#8, encrypted where `passphrase` (may be NULL or not set) says so. Errors are
 * ERR_CONFIG and name the setting that is to be looked at. */
struct snowflake_key *snowflake_key_load(const char *path, const struct secret *passphrase,
                                         struct err *err) MUST_CHECK;
void snowflake_key_free(struct snowflake_key *key);
DEFINE_AUTO(struct snowflake_key, snowflake_key_free)

/* "SHA256:<base64>", what DESC USER shows as RSA_PUBLIC_KEY_FP; no secret. */
const char *snowflake_key_fingerprint(const struct snowflake_key *key);

/* A token that is valid from `now_s` on. Tokens of one second differ by their `serial` (0, 1, ...):
 * a refused one is never sent again under another name. */
bool snowflake_jwt(const struct snowflake_key *key, const char *account, const char *user,
                   int64_t now_s, int serial, struct secret *ret, struct err *err) MUST_CHECK;

#endif
