/* SPDX-License-Identifier: MIT */
#include "match/normalise.h"

#include <idn2.h>
#include <utf8proc.h>

#include "base/clock.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

static const char *const form_names[FORM_NUMBER_OF] = {"trim",  "fold", "email",
                                                       "count", "code", "time"};

const char *form_name(enum form form)
{
    return (unsigned)form < FORM_NUMBER_OF ? form_names[form] : "unknown";
}

enum form form_by_name(str name)
{
    int form = 0;
    while (form < FORM_NUMBER_OF && !str_eqz(name, form_names[form])) {
        form++;
    }
    return (enum form)form;
}

/* --- white space ------------------------------------------------------------------------------ */

/* Unicode's White_Space property: 25 code points, unchanged since Unicode 6.3. */
static bool is_white(int32_t c)
{
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool is_white_ascii(char c)
{
    return c == ' ' || (c >= 9 && c <= 13);
}

/* Bytes of the white space that `s` begins with, 0 where it begins with something else. */
static size_t white_at_start(str s)
{
    if (s.len == 0 || (unsigned char)s.ptr[0] < 0x80) {
        return s.len != 0 && is_white_ascii(s.ptr[0]) ? 1 : 0;
    }
    int32_t c = -1;
    ssize_t n = utf8proc_iterate((const uint8_t *)s.ptr, (ssize_t)s.len, &c);
    return n > 0 && is_white(c) ? (size_t)n : 0;
}

static size_t white_at_end(str s)
{
    if (s.len == 0 || (unsigned char)s.ptr[s.len - 1] < 0x80) {
        return s.len != 0 && is_white_ascii(s.ptr[s.len - 1]) ? 1 : 0;
    }
    size_t n = 1;
    while (n < s.len && n < 3 && ((unsigned char)s.ptr[s.len - n] & 0xc0) == 0x80) {
        n++;
    }
    return white_at_start((str){s.ptr + s.len - n, n}) == n ? n : 0;
}

str norm_trim_unicode(str s)
{
    for (size_t n; (n = white_at_start(s)) != 0;) {
        s.ptr += n;
        s.len -= n;
    }
    for (size_t n; (n = white_at_end(s)) != 0;) {
        s.len -= n;
    }
    return s;
}

/* --- folding ---------------------------------------------------------------------------------- */

static bool is_ascii(str s)
{
    uint8_t all = 0;
    for (size_t i = 0; i < s.len; i++) {
        all |= (uint8_t)s.ptr[i];
    }
    return all < 0x80;
}

static char lower(char c)
{
    return (char)(c + ((c >= 'A' && c <= 'Z') ? 'a' - 'A' : 0));
}

static void add_lower(struct buf *out, str s)
{
    char *to = buf_reserve(out, s.len);
    if (to == NULL) {
        return;
    }
    for (size_t i = 0; i < s.len; i++) {
        to[i] = lower(s.ptr[i]);
    }
    out->len += s.len;
}

/* Appends utf8proc's mapping; text that it refuses (no UTF-8) is appended as it is. */
static void add_mapped(struct buf *out, str s, utf8proc_option_t options)
{
    uint8_t *mapped = NULL;
    ssize_t n = utf8proc_map((const uint8_t *)s.ptr, (ssize_t)s.len, &mapped, options);
    if (n < 0) {
        buf_adds(out, s);
    } else {
        buf_add(out, mapped, (size_t)n);
    }
    free(mapped);
}

static void add_casefold(struct buf *out, str s)
{
    if (is_ascii(s)) {
        add_lower(out, s);
        return;
    }
    add_mapped(out, s, /* utf8proc_NFKC_Casefold's options, for a text with a length */
               UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                   UTF8PROC_IGNORE);
}

/* Runs of white space become one space, and none is left at the ends. In place, from `from` on. */
static void collapse(struct buf *out, size_t from)
{
    if (out->ptr == NULL) {
        return;
    }
    str rest = {out->ptr + from, out->len - from};
    char *to = out->ptr + from;
    bool gap = false;
    while (rest.len > 0) {
        size_t n = white_at_start(rest);
        if (n != 0) {
            gap = true;
        } else {
            if (gap && to != out->ptr + from) {
                *to++ = ' ';
            }
            gap = false;
            *to++ = rest.ptr[0];
            n = 1;
        }
        rest.ptr += n;
        rest.len -= n;
    }
    out->len = (size_t)(to - out->ptr);
}

static void add_fold(struct buf *out, str s)
{
    size_t from = out->len;
    add_casefold(out, norm_trim(s));
    collapse(out, from);
}

/* --- e-mail ----------------------------------------------------------------------------------- */

/* Which bytes of a text of at most 64 are what, one bit each. */
struct classes {
    uint64_t at;      /* '@' */
    uint64_t dot;     /* '.' */
    uint64_t hyphen;  /* '-' */
    uint64_t host;    /* letters, digits, '-', '_' and '.' */
    uint64_t visible; /* visible ASCII */
    uint64_t space;
};

enum { CLASSES_BYTES = 64 };

#if defined(__SSE2__)
/* `low` <= byte <= `high`, for ASCII limits; bytes above 0x7f are negative and never within. */
static inline __m128i within(__m128i bytes, char low, char high)
{
    return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8((char)(low - 1))),
                         _mm_cmplt_epi8(bytes, _mm_set1_epi8((char)(high + 1))));
}

static inline uint64_t bits(__m128i hit, size_t at)
{
    return (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << at;
}

static inline void classify_block(const char *from, char *to, size_t at, struct classes *c)
{
    __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(from + at));
    b = _mm_or_si128(b, _mm_and_si128(within(b, 'A', 'Z'), _mm_set1_epi8('a' - 'A')));
    _mm_storeu_si128((__m128i *)(void *)(to + at), b);
    __m128i dot = _mm_cmpeq_epi8(b, _mm_set1_epi8('.'));
    __m128i hyphen = _mm_cmpeq_epi8(b, _mm_set1_epi8('-'));
    __m128i host = _mm_or_si128(within(b, 'a', 'z'), within(b, '0', '9'));
    host = _mm_or_si128(host, _mm_or_si128(dot, hyphen));
    host = _mm_or_si128(host, _mm_cmpeq_epi8(b, _mm_set1_epi8('_')));
    c->at |= bits(_mm_cmpeq_epi8(b, _mm_set1_epi8('@')), at);
    c->dot |= bits(dot, at);
    c->hyphen |= bits(hyphen, at);
    c->host |= bits(host, at);
    c->visible |= bits(within(b, '!', '~'), at);
    c->space |= bits(_mm_cmpeq_epi8(b, _mm_set1_epi8(' ')), at);
}

/* Copies in lower case, and says what the bytes are. `to` has room for CLASSES_BYTES. */
static inline struct classes classify(const char *from, char *to, size_t len)
{
    struct classes c = {0};
    char small[16] = {0};
    if (len < sizeof(small)) {
        memcpy(small, from, len);
        classify_block(small, to, 0, &c);
        return c;
    }
    for (size_t at = 0; at + 16 < len; at += 16) {
        classify_block(from, to, at, &c);
    }
    classify_block(from, to, len - 16, &c); /* the last ones again rather than any behind them */
    return c;
}
#else
static inline struct classes classify(const char *from, char *to, size_t len)
{
    struct classes c = {0};
    for (size_t i = 0; i < len; i++) {
        char b = to[i] = lower(from[i]);
        bool word = (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9') || b == '_';
        c.at |= (uint64_t)(b == '@') << i;
        c.dot |= (uint64_t)(b == '.') << i;
        c.hyphen |= (uint64_t)(b == '-') << i;
        c.host |= (uint64_t)(word || b == '.' || b == '-') << i;
        c.visible |= (uint64_t)(b > ' ' && b < 0x7f) << i;
        c.space |= (uint64_t)(b == ' ') << i;
    }
    return c;
}
#endif

/* Most addresses: short, visible ASCII, one '@', a domain that is its own normal form but for case:
 * host characters, no empty label, and none that may be an A-label ("xn--"). False, and nothing
 * said, where it is another kind. */
static bool plain_email(str s, struct buf *out, struct norm_email *ret)
{
    if (s.len == 0 || s.len > CLASSES_BYTES) {
        return false;
    }
    char *to = buf_reserve(out, CLASSES_BYTES);
    if (to == NULL) {
        return false;
    }
    struct classes c = classify(s.ptr, to, s.len);
    uint64_t all = UINT64_MAX >> (CLASSES_BYTES - s.len);
    if (c.visible != all || c.at == 0 || (c.at & (c.at - 1)) != 0) {
        return false;
    }
    size_t at = (size_t)__builtin_ctzll(c.at);
    uint64_t domain = all & ~(c.at | (c.at - 1));
    uint64_t first = c.at << 1;
    uint64_t last = UINT64_C(1) << (s.len - 1);
    if (at == 0 || domain == 0 || (c.host & domain) != domain || (c.dot & (first | last)) != 0 ||
        (c.dot & c.dot << 1 & domain) != 0 || (c.hyphen & c.hyphen << 1 & domain) != 0) {
        return false;
    }
    out->len = s.len;
    *ret = (struct norm_email){.text = {to, s.len},
                               .local = {to, at},
                               .domain = {to + at + 1, s.len - at - 1},
                               .plain = true};
    return true;
}

/* Most words: short, visible ASCII and single spaces inside, so that only the case can change. False,
 * and nothing said, where it is another kind. */
static bool plain_fold(str s, struct buf *out)
{
    char *to = s.len != 0 && s.len <= CLASSES_BYTES ? buf_reserve(out, CLASSES_BYTES) : NULL;
    if (to == NULL) {
        return false;
    }
    struct classes c = classify(s.ptr, to, s.len);
    uint64_t all = UINT64_MAX >> (CLASSES_BYTES - s.len);
    uint64_t ends = UINT64_C(1) | UINT64_C(1) << (s.len - 1);
    if ((c.visible | c.space) != all || (c.space & (c.space << 1 | ends)) != 0) {
        return false;
    }
    out->len = s.len;
    return true;
}

str norm_fold(str s, struct buf *out)
{
    buf_clear(out);
    if (plain_fold(s, out)) {
        return buf_str(out);
    }
    add_fold(out, s);
    return buf_str(out);
}

/* A-labels hold letters, digits, '-' (and '_', which mail does not forbid) and dots. */
static bool is_host(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        char c = lower(*p);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
              c == '.')) {
            return false;
        }
    }
    return *text != '\0';
}

/* "\xe3\x80\x82" is U+3002, the ideographic full stop. */
static void dots(struct buf *domain)
{
    size_t to = 0;
    for (size_t i = 0; i < domain->len; i++) {
        if (i + 3 <= domain->len && memcmp(domain->ptr + i, "\xe3\x80\x82", 3) == 0) {
            domain->ptr[to++] = '.';
            i += 2;
        } else {
            domain->ptr[to++] = domain->ptr[i];
        }
    }
    if (to > 0 && domain->ptr[to - 1] == '.') {
        to--;
    }
    domain->len = to;
    if (domain->ptr != NULL) {
        domain->ptr[to] = '\0';
    }
}

static void add_domain(struct buf *out, str s)
{
    AUTO_BUF struct buf domain = {0};
    if (is_ascii(s)) {
        buf_adds(&domain, s);
    } else {
        add_mapped(&domain, s, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    }
    dots(&domain);
    char *ascii = NULL;
    bool whole = domain.len != 0 && memchr(domain.ptr, '\0', domain.len) == NULL;
    if (whole && idn2_to_ascii_8z(domain.ptr, &ascii, IDN2_NONTRANSITIONAL) == IDN2_OK &&
        is_host(ascii)) {
        add_lower(out, str_of(ascii));
    } else {
        add_fold(out, buf_str(&domain));
    }
    idn2_free(ascii);
}

static bool ends_white(str s)
{
    return white_at_start(s) != 0 || white_at_end(s) != 0;
}

/* `s` is trimmed and has its only '@' at `at`. */
static struct norm_email split_email(str s, size_t at, struct buf *out)
{
    add_casefold(out, (str){s.ptr, at});
    size_t local = out->len;
    buf_addc(out, '@');
    add_domain(out, (str){s.ptr + at + 1, s.len - at - 1});
    /* what normalising brought to the ends goes as well (U+00B4 becomes a space and an accent) */
    str text = buf_str(out);
    size_t start = 0;
    if (text.ptr == NULL || out->overflow) {
        return (struct norm_email){0}; /* longer than any buffer: no address */
    }
    if (ends_white(text)) {
        str trimmed = norm_trim(text);
        start = (size_t)(trimmed.ptr - text.ptr);
        text = trimmed;
    }
    size_t before = local - start;
    bool one = memchr(text.ptr, '@', before) == NULL;
    if (!one || before == 0 || text.len <= before + 1 ||
        memchr(text.ptr + before + 1, '@', text.len - before - 1) != NULL) {
        return (struct norm_email){0};
    }
    return (struct norm_email){
        .text = text,
        .local = {text.ptr, before},
        .domain = {text.ptr + before + 1, text.len - before - 1},
    };
}

struct norm_email norm_email(str s, struct buf *out)
{
    buf_clear(out);
    s = norm_trim(s);
    struct norm_email ready;
    if (plain_email(s, out, &ready)) {
        return ready;
    }
    const char *at = s.len != 0 ? memchr(s.ptr, '@', s.len) : NULL;
    if (at == NULL) {
        return (struct norm_email){0};
    }
    size_t before = (size_t)(at - s.ptr);
    size_t after = s.len - before - 1;
    if (before == 0 || after == 0 || memchr(at + 1, '@', after) != NULL) {
        return (struct norm_email){0};
    }
    return split_email(s, before, out);
}

/* --- the rest --------------------------------------------------------------------------------- */

bool norm_count(str s, uint64_t *ret)
{
    s = norm_trim(s);
    if (str_ends(s, STR(".0"))) {
        s.len -= 2;
        if (s.len == 0) {
            return false;
        }
    }
    if (s.len == 0) {
        *ret = 0;
        return true;
    }
    if (s.len > 18) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(s.ptr[i] - '0');
    }
    *ret = value;
    return true;
}

str norm_code(str s)
{
    s = norm_trim(s);
    if (str_ends(s, STR(".0"))) {
        s = norm_trim((str){s.ptr, s.len - 2});
    }
    return s;
}

enum { TIME_SECONDS_BYTES = 19 /* YYYY-MM-DDTHH:MM:SS */, TIME_DIGITS = 18, TIME_BYTES = 32 };

/* The digits behind the point, in units of 10^-18; what follows them is left in *rest. */
static bool read_fraction(str digits, uint64_t *ret, str *rest)
{
    size_t count = 0;
    size_t kept = 0; /* without zeros at the end */
    while (count < digits.len && digits.ptr[count] >= '0' && digits.ptr[count] <= '9') {
        count++;
        kept = digits.ptr[count - 1] != '0' ? count : kept;
    }
    if (count == 0 || kept > TIME_DIGITS) {
        return false;
    }
    *ret = 0;
    for (size_t i = 0; i < TIME_DIGITS; i++) {
        *ret = *ret * 10 + (i < kept ? (uint64_t)(digits.ptr[i] - '0') : 0);
    }
    *rest = (str){digits.ptr + count, digits.len - count};
    return true;
}

enum { TIME_DAY_SECONDS = 86400 };

/* The number of two digits, above 99 where they are none. */
static unsigned two_digits(const char *p)
{
    unsigned tens = (unsigned)(p[0] - '0');
    unsigned ones = (unsigned)(p[1] - '0');
    return tens <= 9 && ones <= 9 ? tens * 10 + ones : 100;
}

/* "2024-02-29T01:02:03Z" and the same with a space and without a zone, of this century's days that
 * every month has: most of what comes. False, and nothing said, where it is another kind. */
static bool plain_time(str s, struct norm_time *ret)
{
    static const unsigned before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool zone = s.len == TIME_SECONDS_BYTES + 1 && s.ptr[10] == 'T' && s.ptr[19] == 'Z';
    bool none = s.len == TIME_SECONDS_BYTES && s.ptr[10] == ' ';
    if ((!zone && !none) || s.ptr[0] != '2' || s.ptr[1] != '0' || s.ptr[4] != '-' ||
        s.ptr[7] != '-' || s.ptr[13] != ':' || s.ptr[16] != ':') {
        return false;
    }
    unsigned year = two_digits(s.ptr + 2);
    unsigned month = two_digits(s.ptr + 5);
    unsigned day = two_digits(s.ptr + 8);
    unsigned hour = two_digits(s.ptr + 11);
    unsigned minute = two_digits(s.ptr + 14);
    unsigned second = two_digits(s.ptr + 17);
    if (year > 99 || month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 ||
        second > 59) {
        return false;
    }
    /* 2000 was a leap year, and 10957 days after 1970; in this century every fourth one is */
    unsigned leap_days = (year + 3) / 4 + (year % 4 == 0 && month > 2);
    unsigned days = 10957 + year * 365 + leap_days + before_month[month - 1] + day - 1;
    ret->seconds = (int64_t)days * TIME_DAY_SECONDS + hour * 3600 + minute * 60 + second;
    ret->fraction = 0;
    return true;
}

bool norm_time(str s, struct norm_time *ret)
{
    s = norm_trim(s);
    if (plain_time(s, ret)) {
        return true;
    }
    char whole[TIME_BYTES];
    uint64_t fraction = 0;
    if (s.len > TIME_SECONDS_BYTES && s.ptr[TIME_SECONDS_BYTES] == '.') {
        str zone;
        str digits = {s.ptr + TIME_SECONDS_BYTES + 1, s.len - TIME_SECONDS_BYTES - 1};
        /* a fraction is RFC 3339's, and that has a zone */
        if (!read_fraction(digits, &fraction, &zone) || zone.len == 0 ||
            zone.len > sizeof(whole) - TIME_SECONDS_BYTES) {
            return false;
        }
        memcpy(whole, s.ptr, TIME_SECONDS_BYTES);
        memcpy(whole + TIME_SECONDS_BYTES, zone.ptr, zone.len);
        s = (str){whole, TIME_SECONDS_BYTES + zone.len};
    }
    int64_t ms = 0;
    if (s.len == 0 || memchr(s.ptr, '.', s.len) != NULL || !clock_parse(s, &ms)) {
        return false;
    }
    *ret = (struct norm_time){ms / 1000, fraction};
    return true;
}

str norm_value(enum form form, str s, struct buf *out)
{
    uint64_t count = 0;
    struct norm_time time;
    switch (form) {
    case FORM_TRIM:
    case FORM_NUMBER_OF:
        return norm_trim(s);
    case FORM_FOLD:
        return norm_fold(s, out);
    case FORM_EMAIL:
        return norm_email(s, out).text;
    case FORM_COUNT:
        if (!norm_count(s, &count)) {
            return norm_trim(s);
        }
        buf_clear(out);
        buf_printf(out, "%llu", (unsigned long long)count);
        return buf_str(out);
    case FORM_CODE:
        return norm_code(s);
    case FORM_TIME:
        if (!norm_time(s, &time)) {
            return norm_trim(s);
        }
        buf_clear(out);
        buf_printf(out, "%lld.%018llu", (long long)time.seconds, (unsigned long long)time.fraction);
        return buf_str(out);
    }
    return norm_trim(s);
}

bool norm_same(str form, str a, str b)
{
    AUTO_BUF struct buf left = {0};
    AUTO_BUF struct buf right = {0};
    enum form known = form_by_name(form);
    return str_eq(norm_value(known, a, &left), norm_value(known, b, &right));
}
