/* SPDX-License-Identifier: MIT */
#include "remote/snowflake_cell.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/num.h"

enum { DATE_BYTES = 10, SECOND_BYTES = 19, NANO_DIGITS = 9, DAY_S = 86400 };

/* Years 1 to 9999: what RFC 3339 can write. */
static const int64_t FIRST_SECOND = -62135596800;
static const int64_t LAST_SECOND = 253402300799;

enum snowflake_type snowflake_type_of(str name)
{
    static const struct {
        str name;
        enum snowflake_type type;
    } types[] = {
        {STR("date"), SNOWFLAKE_DATE},
        {STR("time"), SNOWFLAKE_TIME},
        {STR("timestamp_ntz"), SNOWFLAKE_TIMESTAMP},
        {STR("timestamp_ltz"), SNOWFLAKE_TIMESTAMP},
        {STR("timestamp_tz"), SNOWFLAKE_TIMESTAMP_TZ},
    };
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_eq_nocase(name, types[i].name)) {
            return types[i].type;
        }
    }
    return SNOWFLAKE_AS_IS;
}

/* An instant: whole seconds, rounded down, and nanoseconds above them. */
struct instant {
    int64_t seconds;
    uint32_t nanos;
};

static bool parse_fraction(str digits, uint32_t *ret)
{
    uint32_t nanos = 0;
    if (digits.len == 0 || digits.len > NANO_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < NANO_DIGITS; i++) {
        char c = i < digits.len ? digits.ptr[i] : '0';
        if (c < '0' || c > '9') {
            return false;
        }
        nanos = nanos * 10 + (uint32_t)(c - '0');
    }
    *ret = nanos;
    return true;
}

/* "-1.25" is a second and a quarter before: the fraction counts backwards too. */
static bool parse_instant(str text, int64_t min, int64_t max, struct instant *ret)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (negative) {
        text = (str){text.ptr + 1, text.len - 1};
    }
    str fraction;
    str whole = str_cut(text, '.', &fraction);
    int64_t seconds;
    uint32_t nanos = 0;
    if (!num_parse_i64(whole, 0, -(FIRST_SECOND - 1) + LAST_SECOND, &seconds) ||
        (fraction.ptr != NULL && !parse_fraction(fraction, &nanos))) {
        return false;
    }
    if (negative) {
        seconds = nanos > 0 ? -seconds - 1 : -seconds;
        nanos = nanos > 0 ? 1000000000 - nanos : 0;
    }
    if (seconds < min || seconds > max) {
        return false;
    }
    *ret = (struct instant){seconds, nanos};
    return true;
}

static void add_fraction(uint32_t nanos, bool always, struct buf *out)
{
    if (nanos % 1000 != 0) {
        buf_printf(out, ".%09" PRIu32, nanos);
    } else if (nanos % 1000000 != 0) {
        buf_printf(out, ".%06" PRIu32, nanos / 1000);
    } else if (nanos != 0 || always) {
        buf_printf(out, ".%03" PRIu32, nanos / 1000000);
    }
}

/* The first `len` bytes of "2026-11-24T14:05:00.000Z". */
static void add_utc(int64_t seconds, size_t len, struct buf *out)
{
    char text[CLOCK_TEXT_BYTES];
    clock_rfc3339(seconds * 1000, text);
    buf_add(out, text, len);
}

static bool add_date(str text, struct buf *out)
{
    int64_t days;
    if (!num_parse_i64(text, FIRST_SECOND / DAY_S, LAST_SECOND / DAY_S, &days)) {
        return false;
    }
    add_utc(days * DAY_S, DATE_BYTES, out);
    return true;
}

static bool add_time(str text, struct buf *out)
{
    struct instant time;
    if (!parse_instant(text, 0, DAY_S - 1, &time)) {
        return false;
    }
    buf_printf(out, "%02d:%02d:%02d", (int)(time.seconds / 3600), (int)(time.seconds / 60 % 60),
               (int)(time.seconds % 60));
    add_fraction(time.nanos, false, out);
    return true;
}

static bool add_timestamp(str text, struct buf *out)
{
    struct instant at;
    if (!parse_instant(text, FIRST_SECOND, LAST_SECOND, &at)) {
        return false;
    }
    add_utc(at.seconds, SECOND_BYTES, out);
    add_fraction(at.nanos, true, out);
    buf_addc(out, 'Z');
    return true;
}

/* "<epoch seconds> <minutes east of Greenwich, and 1440>" */
static bool add_timestamp_tz(str text, struct buf *out)
{
    enum { SHIFT = 1440 };
    str offset;
    str instant = str_cut(text, ' ', &offset);
    struct instant at;
    int64_t minutes;
    if (!num_parse_i64(offset, 1, 2 * SHIFT - 1, &minutes) ||
        !parse_instant(instant, FIRST_SECOND, LAST_SECOND, &at)) {
        return false;
    }
    minutes -= SHIFT;
    int64_t local = at.seconds + minutes * 60;
    if (local < FIRST_SECOND || local > LAST_SECOND) {
        return false;
    }
    add_utc(local, SECOND_BYTES, out);
    add_fraction(at.nanos, true, out);
    if (minutes == 0) {
        buf_addc(out, 'Z');
        return true;
    }
    int east = (int)(minutes < 0 ? -minutes : minutes);
    buf_printf(out, "%c%02d:%02d", minutes < 0 ? '-' : '+', east / 60, east % 60);
    return true;
}

bool snowflake_cell(enum snowflake_type type, str text, struct buf *out, struct err *err)
{
    static const char *const names[] = {
        [SNOWFLAKE_DATE] = "DATE",
        [SNOWFLAKE_TIME] = "TIME",
        [SNOWFLAKE_TIMESTAMP] = "TIMESTAMP",
        [SNOWFLAKE_TIMESTAMP_TZ] = "TIMESTAMP_TZ",
    };
    bool ok = true;
    switch (type) {
    case SNOWFLAKE_AS_IS:
        buf_adds(out, text);
        break;
    case SNOWFLAKE_DATE:
        ok = add_date(text, out);
        break;
    case SNOWFLAKE_TIME:
        ok = add_time(text, out);
        break;
    case SNOWFLAKE_TIMESTAMP:
        ok = add_timestamp(text, out);
        break;
    case SNOWFLAKE_TIMESTAMP_TZ:
        ok = add_timestamp_tz(text, out);
        break;
    }
    return ok || err_set(err, ERR_PROTOCOL, "could not read a value of type %s", names[type]);
}
