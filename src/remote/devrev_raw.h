/* SPDX-License-Identifier: MIT */
/*
 * Parts of an answer as they came, byte by byte, for backups: a decoded and re-encoded object has
 * lost its number formats, key order and duplicates. Only for text that jansson has accepted.
 */
#ifndef STEWARD_REMOTE_DEVREV_RAW_H
#define STEWARD_REMOTE_DEVREV_RAW_H

#include <stdbool.h>

#include "base/str.h"

/* The value of `key` in the object `raw`; of several the last, as the decoder takes it. False where
 * there is none. Keys that are written with escapes are not found. */
bool devrev_raw_member(str raw, const char *key, str *ret);

/* The next element of the array `raw`; *pos starts at 0. False at the end. */
bool devrev_raw_next(str raw, size_t *pos, str *ret);

#endif
