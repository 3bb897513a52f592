/* SPDX-License-Identifier: MIT */
/* What an answer of Snowflake's that is not 200 or 202 means. Pure, no I/O. */
#ifndef STEWARD_REMOTE_SNOWFLAKE_REFUSAL_H
#define STEWARD_REMOTE_SNOWFLAKE_REFUSAL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum snowflake_auth { SNOWFLAKE_KEY_PAIR, SNOWFLAKE_TOKEN, SNOWFLAKE_PASSWORD };

struct snowflake_refused {
    int status;
    str body;
    enum snowflake_auth auth;
    const char *fingerprint; /* of the key, NULL: none */
    bool own_host;           /* SNOWFLAKE_HOST is set */
};

/* Fills `err` (kind, hint, http_status, retryable); returns false. */
bool snowflake_refusal(const struct snowflake_refused *refused, struct err *err);

#endif
