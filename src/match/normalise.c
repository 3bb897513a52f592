/* SPDX-License-Identifier: MIT */
#include "match/normalise.h"

#include <idn2.h>
#include <utf8proc.h>

static const char *const form_names[FORM_NUMBER_OF] = {"trim", "fold", "email", "count"};

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

/* Visible ASCII. */
static inline bool is_graph(char c)
{
    return c > ' ' && c < 0x7f;
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

str norm_trim(str s)
{
    if (s.len != 0 && is_graph(s.ptr[0]) && is_graph(s.ptr[s.len - 1])) {
        return s;
    }
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
    str rest = {out->ptr + from, out->len - from};
    char *to = out->ptr != NULL ? out->ptr + from : NULL;
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
    out->len = to != NULL ? (size_t)(to - out->ptr) : 0;
}

static void add_fold(struct buf *out, str s)
{
    size_t from = out->len;
    add_casefold(out, norm_trim(s));
    collapse(out, from);
}

str norm_fold(str s, struct buf *out)
{
    buf_clear(out);
    add_fold(out, s);
    return buf_str(out);
}

/* --- e-mail ----------------------------------------------------------------------------------- */

/* What a byte may be in an address that needs no Unicode library. */
enum {
    IN_LOCAL = 1,
    IN_DOMAIN = 2,
    UPPER = 'a' - 'A' /* to be added for the lower-case letter */
};

static const unsigned char plain[256] = {
    ['!' ... ','] = IN_LOCAL, ['-' ... '.'] = IN_LOCAL | IN_DOMAIN,
    ['/'] = IN_LOCAL,         ['0' ... '9'] = IN_LOCAL | IN_DOMAIN,
    [':' ... '?'] = IN_LOCAL, ['A' ... 'Z'] = IN_LOCAL | IN_DOMAIN | UPPER,
    ['[' ... '^'] = IN_LOCAL, ['_'] = IN_LOCAL | IN_DOMAIN,
    ['`'] = IN_LOCAL,         ['a' ... 'z'] = IN_LOCAL | IN_DOMAIN,
    ['{' ... '~'] = IN_LOCAL,
};

static inline unsigned plain_class(char c)
{
    return plain[(unsigned char)c];
}

/* True where a lower-case text of host characters may be more than it shows: an empty label, or one
 * that may be an A-label ("xn--"). */
static bool has_odd_label(const char *text, size_t len)
{
    if (text[0] == '.' || text[len - 1] == '.') {
        return true;
    }
    for (size_t i = 1; i < len; i++) {
        if ((text[i] == '.' || text[i] == '-') && text[i - 1] == text[i] &&
            (text[i] == '.' || (i >= 2 && text[i - 2] == 'n'))) {
            return true;
        }
    }
    return false;
}

/* Most addresses: visible ASCII, one '@', a domain that is its own normal form but for case. False,
 * and nothing said, where it is another kind. */
static bool plain_email(str s, struct buf *out, struct norm_email *ret)
{
    char *to = buf_reserve(out, s.len);
    if (to == NULL) {
        return false;
    }
    size_t at = 0;
    while (at < s.len && (plain_class(s.ptr[at]) & IN_LOCAL) != 0) {
        to[at] = (char)(s.ptr[at] + (char)(plain_class(s.ptr[at]) & UPPER));
        at++;
    }
    if (at == 0 || at + 1 >= s.len || s.ptr[at] != '@') {
        return false;
    }
    to[at] = '@';
    for (size_t i = at + 1; i < s.len; i++) {
        unsigned class = plain_class(s.ptr[i]);
        if ((class & IN_DOMAIN) == 0) {
            return false;
        }
        to[i] = (char)(s.ptr[i] + (char)(class & UPPER));
    }
    if (has_odd_label(to + at + 1, s.len - at - 1)) {
        return false;
    }
    out->len = s.len;
    *ret = (struct norm_email){
        .text = {to, s.len}, .local = {to, at}, .domain = {to + at + 1, s.len - at - 1}};
    return true;
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

str norm_value(enum form form, str s, struct buf *out)
{
    uint64_t count = 0;
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
