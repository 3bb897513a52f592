/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/num.h"

void stop_init(struct stop *stop)
{
    pthread_mutex_init(&stop->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&stop->raised, &attr);
    pthread_condattr_destroy(&attr);
    atomic_init(&stop->level, 0);
}

void stop_done(struct stop *stop)
{
    pthread_cond_destroy(&stop->raised);
    pthread_mutex_destroy(&stop->lock);
}

void stop_raise(struct stop *stop, int level)
{
    pthread_mutex_lock(&stop->lock);
    if (atomic_load(&stop->level) < level) {
        atomic_store(&stop->level, level);
        pthread_cond_broadcast(&stop->raised);
    }
    pthread_mutex_unlock(&stop->lock);
}

int stop_level(const struct stop *stop)
{
    return atomic_load(&stop->level);
}

static int64_t read_clock_ns(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts); /* cannot fail for the fixed ids used here */
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t system_real_ms(void *ctx UNUSED)
{
    return read_clock_ns(CLOCK_REALTIME) / 1000000;
}

static int64_t system_mono_ns(void *ctx UNUSED)
{
    return read_clock_ns(CLOCK_BOOTTIME);
}

static bool system_sleep_ns(void *ctx UNUSED, int64_t ns, struct stop *stop, int level)
{
    if (ns <= 0) {
        return stop == NULL || stop_level(stop) < level;
    }
    int64_t until = read_clock_ns(CLOCK_MONOTONIC) + ns;
    struct timespec ts = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    if (stop == NULL) {
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR) {
        }
        return true;
    }
    bool free_to_go = true;
    pthread_mutex_lock(&stop->lock);
    for (;;) {
        if (atomic_load(&stop->level) >= level) {
            free_to_go = false;
            break;
        }
        if (pthread_cond_timedwait(&stop->raised, &stop->lock, &ts) == ETIMEDOUT) {
            break;
        }
    }
    pthread_mutex_unlock(&stop->lock);
    return free_to_go;
}

static const struct clock the_system_clock = {system_real_ms, system_mono_ns, system_sleep_ns,
                                              NULL};

const struct clock *clock_system(void)
{
    return &the_system_clock;
}

static void split_utc(int64_t real_ms, struct tm *ret_tm, int *ret_ms)
{
    int64_t seconds = real_ms / 1000;
    int64_t rest = real_ms % 1000;
    if (rest < 0) {
        rest += 1000;
        seconds--;
    }
    time_t t = (time_t)seconds;
    *ret_tm = (struct tm){0};
    (void)gmtime_r(&t, ret_tm); /* only fails for years beyond int */
    *ret_ms = (int)rest;
}

void clock_rfc3339(int64_t real_ms, char *out)
{
    struct tm tm;
    int ms;
    split_utc(real_ms, &tm, &ms);
    (void)snprintf(out, CLOCK_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                   (tm.tm_year + 1900) % 10000, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
                   tm.tm_sec, ms);
}

void clock_stamp(int64_t real_ms, char *out)
{
    struct tm tm;
    int ms;
    split_utc(real_ms, &tm, &ms);
    (void)snprintf(out, CLOCK_TEXT_BYTES, "%04d%02d%02d_%02d%02d%02d", (tm.tm_year + 1900) % 10000,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* --- parsing ------------------------------------------------------------------------------ */

struct cursor {
    const char *p;
    const char *end;
    bool bad;
};

static int64_t take_digits(struct cursor *c, int count, int64_t min, int64_t max)
{
    if (c->bad || c->end - c->p < count) {
        c->bad = true;
        return 0;
    }
    int64_t value = 0;
    if (!num_parse_i64((str){c->p, (size_t)count}, min, max, &value) || c->p[0] == '-') {
        c->bad = true;
        return 0;
    }
    c->p += count;
    return value;
}

static void take_char(struct cursor *c, char wanted)
{
    if (c->bad || c->p == c->end || *c->p != wanted) {
        c->bad = true;
        return;
    }
    c->p++;
}

static bool days_in_month_ok(int64_t year, int64_t month, int64_t day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap ? 1 : 0);
}

/* Days since 1970-01-01 of a Gregorian date (H. Hinnant's days_from_civil). */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t yoe = year - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

static int64_t take_fraction_ms(struct cursor *c)
{
    int64_t ms = 0;
    int64_t scale = 100;
    bool any = false;
    while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
        ms += (*c->p - '0') * scale;
        scale /= 10;
        any = true;
        c->p++;
    }
    if (!any) {
        c->bad = true;
    }
    return ms;
}

static int64_t take_zone_minutes(struct cursor *c)
{
    if (c->p == c->end) {
        c->bad = true;
        return 0;
    }
    char sign = *c->p++;
    if (sign == 'Z' || sign == 'z') {
        return 0;
    }
    if (sign != '+' && sign != '-') {
        c->bad = true;
        return 0;
    }
    int64_t hours = take_digits(c, 2, 0, 23);
    take_char(c, ':');
    int64_t minutes = take_digits(c, 2, 0, 59);
    return (sign == '-' ? -1 : 1) * (hours * 60 + minutes);
}

bool clock_parse(str s, int64_t *ret_real_ms)
{
    struct cursor c = {.p = s.ptr, .end = s.ptr + s.len};
    int64_t year = take_digits(&c, 4, 0, 9999);
    take_char(&c, '-');
    int64_t month = take_digits(&c, 2, 1, 12);
    take_char(&c, '-');
    int64_t day = take_digits(&c, 2, 1, 31);
    if (c.bad || !days_in_month_ok(year, month, day)) {
        return false;
    }
    int64_t hour = 0;
    int64_t minute = 0;
    int64_t second = 0;
    int64_t ms = 0;
    int64_t zone = 0;
    if (c.p < c.end) {
        char sep = *c.p++;
        bool rfc = sep == 'T' || sep == 't';
        if (!rfc && sep != ' ') {
            return false;
        }
        hour = take_digits(&c, 2, 0, 23);
        take_char(&c, ':');
        minute = take_digits(&c, 2, 0, 59);
        bool has_seconds = !c.bad && c.p < c.end && *c.p == ':';
        if (rfc || has_seconds) {
            take_char(&c, ':');
            second = take_digits(&c, 2, 0, 60);
        }
        if (!c.bad && has_seconds && c.p < c.end && *c.p == '.') {
            c.p++;
            ms = take_fraction_ms(&c);
        }
        /* RFC 3339 allows a space for the T, and then has a zone as well */
        if (!c.bad && (rfc || (has_seconds && c.p < c.end))) {
            zone = take_zone_minutes(&c);
        }
    }
    if (c.bad || c.p != c.end) {
        return false;
    }
    int64_t seconds =
        days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone * 60;
    *ret_real_ms = seconds * 1000 + ms;
    return true;
}

static int64_t take_month_name(struct cursor *c)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    if (!c->bad && c->end - c->p >= 3) {
        for (int64_t i = 0; i < 12; i++) {
            if (memcmp(c->p, names + i * 3, 3) == 0) {
                c->p += 3;
                return i + 1;
            }
        }
    }
    c->bad = true;
    return 1;
}

bool clock_parse_http(str s, int64_t *ret_real_ms)
{
    struct cursor c = {.p = s.ptr, .end = s.ptr + s.len};
    int64_t year;
    int64_t month;
    int64_t day;
    while (c.p < c.end && ((*c.p >= 'A' && *c.p <= 'Z') || (*c.p >= 'a' && *c.p <= 'z'))) {
        c.p++; /* the day's name says nothing that the date does not */
    }
    bool asctime = c.p < c.end && *c.p == ' ';
    if (!asctime) {
        take_char(&c, ',');
    }
    take_char(&c, ' ');
    if (asctime) { /* Sun Nov  6 08:49:37 1994 */
        month = take_month_name(&c);
        take_char(&c, ' ');
        if (!c.bad && c.p < c.end && *c.p == ' ') {
            c.p++;
            day = take_digits(&c, 1, 1, 9);
        } else {
            day = take_digits(&c, 2, 1, 31);
        }
        year = 0;
    } else { /* Sun, 06 Nov 1994 08:49:37 GMT, or Sunday, 06-Nov-94 08:49:37 GMT */
        day = take_digits(&c, 2, 1, 31);
        char sep = !c.bad && c.p < c.end && *c.p == '-' ? '-' : ' ';
        take_char(&c, sep);
        month = take_month_name(&c);
        take_char(&c, sep);
        if (sep == '-') {
            year = take_digits(&c, 2, 0, 99);
            year += year < 70 ? 2000 : 1900;
        } else {
            year = take_digits(&c, 4, 1970, 9999);
        }
    }
    take_char(&c, ' ');
    int64_t hour = take_digits(&c, 2, 0, 23);
    take_char(&c, ':');
    int64_t minute = take_digits(&c, 2, 0, 59);
    take_char(&c, ':');
    int64_t second = take_digits(&c, 2, 0, 60);
    take_char(&c, ' ');
    if (asctime) {
        year = take_digits(&c, 4, 1970, 9999);
    } else if (!c.bad && c.end - c.p == 3 && memcmp(c.p, "GMT", 3) == 0) {
        c.p += 3;
    } else {
        c.bad = true;
    }
    if (c.bad || c.p != c.end || !days_in_month_ok(year, month, day)) {
        return false;
    }
    *ret_real_ms =
        (days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second) * 1000;
    return true;
}
