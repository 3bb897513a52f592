/* SPDX-License-Identifier: MIT */
/*
 * What an answer of DevRev's means. Pure: no I/O, no clock. Internal to remote/.
 */
#ifndef STEWARD_REMOTE_DEVREV_ANSWER_H
#define STEWARD_REMOTE_DEVREV_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

/* Decodes a body: an object, or ERR_PROTOCOL. Leniently: large integers become reals, NUL is
 * allowed, bytes behind the object are an error (they are the sign of a mixed-up stream). */
bool devrev_decode(str body, json_t **ret, struct err *err) MUST_CHECK;

/* The error that a status of 300 and above (or below 200) stands for, as devrev.h lists them,
 * except that 429 is the caller's. Takes from the body only `type` and `field_name`, made harmless.
 * Always returns false. */
bool devrev_refusal(const char *call, bool is_write, int status, str body, struct err *err);

/* The body's retry_after in milliseconds, -1 where there is none. */
int64_t devrev_retry_after_ms(str body);

#endif
