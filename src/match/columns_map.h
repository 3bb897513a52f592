/* SPDX-License-Identifier: MIT */
/*
 * Which header of a file is which column of a rule set, for files with names of their own:
 *
 *   columns: {id: "Contact Id", email: Mail, bi: ""}
 *
 * A mapped header takes the place of every name that its column has in the rule set, and the file
 * must have it. Columns that are not mapped are found as ever.
 */
#ifndef STEWARD_MATCH_COLUMNS_MAP_H
#define STEWARD_MATCH_COLUMNS_MAP_H

#include "match/rules.h"

enum { COLUMNS_MAP_BYTES = 64 * 1024 };

/* Reads the file `path` and sets the headers of the columns that it names; before the rules are used.
 * ERR_CONFIG with line and column: not such a file, no such column, a column or a header that stands
 * there twice, a header by which the file would be searched for another column too. */
bool columns_map_load(const char *path, struct rules *rules, struct err *err) MUST_CHECK;

/* The same from memory; `file` is for messages. */
bool columns_map_parse(const char *file, str text, struct rules *rules, struct err *err) MUST_CHECK;

#endif
