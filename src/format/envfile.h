/* SPDX-License-Identifier: MIT */
/*
 * Reads `.env` files.
 *
 *   NAME=value # comment            up to a '#' after white space, trimmed
 *   export NAME = 'as it is'        nothing is special between single quotes
 *   NAME="a \"b\"\n"                \n \r \t \\ \" \' \$ \`; another backslash stays
 *
 * Quoted values may go over several lines (keys in PEM form). Names are letters, digits and '_', not
 * beginning with a digit. A byte order mark and CRLF are accepted; nothing is expanded ($NAME stays).
 * Values may be secrets: they are never part of an error, and the copy made here is wiped.
 */
#ifndef STEWARD_FORMAT_ENVFILE_H
#define STEWARD_FORMAT_ENVFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum { ENVFILE_MAX_BYTES = 1024 * 1024, ENVFILE_MAX_VALUE = 64 * 1024, ENVFILE_MAX_NAME = 256 };

/* One entry, in order of the file, a name given twice comes twice. `line` is where it begins; the views
 * live until the callback returns. False ends the reading. */
typedef bool envfile_entry(void *ctx, uint64_t line, str name, str value);

/* `file` is for messages: "could not read '.env': line 3: ..." (ERR_CONFIG). False without `err`
 * touched where the callback returned false: it knows why. */
bool envfile_parse(str text, const char *file, envfile_entry *entry, void *ctx,
                   struct err *err) MUST_CHECK;

#endif
