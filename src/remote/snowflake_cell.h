/* SPDX-License-Identifier: MIT */
/*
 * A cell of a Snowflake answer as CSV text (facts: every cell is JSON text or null, whatever its
 * type). Pure, no I/O.
 *
 *   DATE           days since 1970-01-01          -> 2026-11-24
 *   TIME           seconds since midnight         -> 14:05:00, 14:05:00.250
 *   TIMESTAMP      epoch seconds with a fraction  -> 2026-11-24T14:05:00.000Z (LTZ, and NTZ, which is
 *                                                    a wall clock as if UTC)
 *   TIMESTAMP_TZ   the same and an offset         -> 2026-11-24T15:05:00.000+01:00
 *   anything else  as it came: numbers have their point already, booleans are true and false
 *
 * Fractions have three, six or nine digits, the fewest that keep the value (a time: none where it is
 * whole). Nothing goes through a floating-point number.
 */
#ifndef STEWARD_REMOTE_SNOWFLAKE_CELL_H
#define STEWARD_REMOTE_SNOWFLAKE_CELL_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

enum snowflake_type {
    SNOWFLAKE_AS_IS,
    SNOWFLAKE_DATE,
    SNOWFLAKE_TIME,
    SNOWFLAKE_TIMESTAMP,
    SNOWFLAKE_TIMESTAMP_TZ,
};

/* By the name in rowType, without case. */
enum snowflake_type snowflake_type_of(str name);

/* Appends the text of a cell that is not null. ERR_PROTOCOL, without the value, where it is not what
 * its type promises; `out` may then hold a part. */
bool snowflake_cell(enum snowflake_type type, str text, struct buf *out,
                    struct err *err) MUST_CHECK;

#endif
