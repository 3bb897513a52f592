/* SPDX-License-Identifier: MIT */
/*
 * Reads INI files, as Python's configparser (which the old scripts used) reads simple ones.
 *
 *   ; comment          # comment       only as whole lines: a value may hold ';' and '#'
 *   [section]
 *   key = value                        or key: value, whichever of '=' and ':' comes first
 *
 * Keys, values and section names are trimmed; quotes are part of the value; nothing is expanded; there
 * are no continuation lines. Names are without case: compare them with str_eq_nocase. A byte order
 * mark and CRLF are accepted. Values may be secrets and are never part of an error; they are views into
 * the text, which the caller wipes.
 */
#ifndef STEWARD_FORMAT_INI_H
#define STEWARD_FORMAT_INI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { INI_MAX_BYTES = 1024 * 1024, INI_MAX_VALUE = 64 * 1024, INI_MAX_NAME = 256 };

/* One entry, in order of the file; `section` is empty (not none) before the first section line.
 * False ends the reading. */
typedef bool ini_entry(void *ctx, uint64_t line, str section, str key, str value);

/* `file` is for messages: "could not read 'steward.ini': line 3: ..." (ERR_CONFIG). False without `err`
 * touched where the callback returned false: it knows why. */
bool ini_parse(str text, const char *file, ini_entry *entry, void *ctx, struct err *err) MUST_CHECK;

#endif
