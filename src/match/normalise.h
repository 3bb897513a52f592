/* SPDX-License-Identifier: MIT */
/*
 * Normal forms: the texts in which two values are compared. They are only for comparing; what is
 * written to a remote, and shown to people, is the value as it came.
 *
 *   trim   Unicode White_Space dropped at both ends
 *   fold   trimmed, NFKC_Casefold (full folding, default ignorables dropped), runs of white space
 *          inside become one space, trimmed again
 *   email  exactly one '@' with text on both sides, or it counts as empty. Local part:
 *          NFKC_Casefold. Domain: NFKC, U+3002 is a dot, a dot at the end dropped, then its A-label
 *          by UTS 46 non-transitional; where it has none, the folded text
 *   count  1 to 18 digits, a ".0" at the end allowed, empty is 0
 *   code   trimmed, a ".0" at the end dropped: a number that went through a spreadsheet
 *   time   RFC 3339, or YYYY-MM-DD[ HH:MM[:SS]] taken as UTC: an instant
 *
 * Values are expected to be UTF-8. Pure: no state, any thread; results live in the caller's buffer
 * until it is used again. ASCII, which is nearly everything, never reaches the Unicode libraries.
 */
#ifndef STEWARD_MATCH_NORMALISE_H
#define STEWARD_MATCH_NORMALISE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum form { FORM_TRIM, FORM_FOLD, FORM_EMAIL, FORM_COUNT, FORM_CODE, FORM_TIME, FORM_NUMBER_OF };

const char *form_name(enum form form);
/* FORM_NUMBER_OF where there is no form of that name. */
enum form form_by_name(str name);

str norm_trim_unicode(str s);

/* A view of `s`. */
static inline str norm_trim(str s)
{
    /* visible ASCII at both ends: nothing to do, which is nearly always so */
    if (s.len != 0 && s.ptr[0] > ' ' && s.ptr[0] < 0x7f && s.ptr[s.len - 1] > ' ' &&
        s.ptr[s.len - 1] < 0x7f) {
        return s;
    }
    return norm_trim_unicode(s);
}

/* Into `out`, which is cleared first. */
str norm_fold(str s, struct buf *out);

struct norm_email {
    str text; /* local '@' domain; empty where the value counts as empty */
    str local;
    str domain;
    bool plain; /* it is visible ASCII */
};

/* Into `out`, which is cleared first. */
struct norm_email norm_email(str s, struct buf *out);

/* False where `s` is no count; empty is 0. */
bool norm_count(str s, uint64_t *ret);

/* A view of `s`. */
str norm_code(str s);

struct norm_time {
    int64_t seconds;   /* since 1970 */
    uint64_t fraction; /* of a second, in units of 10^-18 */
};

/* False where `s`, which is not empty, is no time; one with more than 18 digits behind the point is
 * none. */
bool norm_time(str s, struct norm_time *ret);

/* `s` in a form, as a view of `s` or in `out`. A wrong count or time is its trimmed text. */
str norm_value(enum form form, str s, struct buf *out);

/* True where two values are the same in the form of that name; an unknown name compares trimmed. */
bool norm_same(str form, str a, str b);

#endif
