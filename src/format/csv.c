/* SPDX-License-Identifier: MIT */
/*
 * The reader looks at 64 bytes at a time: one bit for each byte that can end or change something
 * (delimiter, quote, line feed, NUL), and then walks over the set bits. The body of that walk is
 * one function, compiled for AVX2 and SSE2 (chosen when a reader is made), or for plain C
 * elsewhere.
 *
 * A row is scanned within the buffer. Where the buffer ends before the row does, the row is moved
 * to the front, more is read, and the row is scanned again: buffers are large against rows. A row
 * beyond its limit is not kept: skip_row walks over it byte by byte.
 */
#include "format/csv.h"

#include <errno.h>
#include <unistd.h>

#include "base/failpoint.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum {
    DEFAULT_FIELD_BYTES = 1024 * 1024,
    DEFAULT_ROW_BYTES = 8 * 1024 * 1024,
    DEFAULT_FIELDS = 1000,
    BUFFER_BYTES = 256 * 1024, /* stays in the second level cache between pread and scan */
    BLOCK = 64
};

/* How a scan over the buffer ended. */
enum scan { SCAN_ROW, SCAN_BLANK, SCAN_MORE };

struct csv_reader {
    int fd; /* -1: from memory */
    str text;
    char delimiter;
    struct csv_limits limits;
    enum scan (*scan)(struct csv_reader *reader, struct csv_row *row);

    char *buffer;
    size_t capacity;      /* without the BLOCK bytes of padding behind */
    size_t len;           /* valid bytes */
    size_t at;            /* where the next row begins */
    uint64_t offset;      /* file offset of buffer[0] */
    uint64_t read_offset; /* file offset of the next read */
    uint64_t stop;        /* rows begin before it */
    uint64_t line;
    bool eof;

    str *fields;
    uint32_t *doubled; /* fields that hold doubled quotes */
    size_t doubled_count;

    size_t block;  /* start of the block that `mask` belongs to, SIZE_MAX where none */
    uint64_t mask; /* its marks at or behind the next row */
    bool block_high;
};

const char *csv_problem_text(enum csv_problem problem)
{
    switch (problem) {
    case CSV_OK:
        return "no problem";
    case CSV_QUOTE_IN_FIELD:
        return "a quote inside a field that is not quoted";
    case CSV_TEXT_AFTER_QUOTE:
        return "text after a closing quote";
    case CSV_UNCLOSED_QUOTE:
        return "a quote that is never closed";
    case CSV_NUL:
        return "a NUL byte";
    case CSV_FIELD_TOO_LONG:
        return "a field that is too long";
    case CSV_ROW_TOO_LONG:
        return "a row that is too long";
    case CSV_TOO_MANY_FIELDS:
        return "too many fields";
    case CSV_PROBLEM_COUNT:
        break;
    }
    return "an unknown problem";
}

/* --- marks of one block ----------------------------------------------------------------------- */

struct marks {
    uint64_t any;  /* delimiter, quote, line feed or NUL */
    uint64_t high; /* not zero: a byte above 0x7f */
};

typedef struct marks marks_fn(const char *p, char delimiter);

#if defined(__x86_64__)
static inline struct marks marks_sse2(const char *p, char delimiter)
{
    const __m128i wanted = _mm_set1_epi8(delimiter);
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i feed = _mm_set1_epi8('\n');
    const __m128i zero = _mm_setzero_si128();
    struct marks m = {0};
    for (unsigned i = 0; i < 4; i++) {
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(p + i * 16));
        __m128i hit =
            _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(b, wanted), _mm_cmpeq_epi8(b, quote)),
                         _mm_or_si128(_mm_cmpeq_epi8(b, feed), _mm_cmpeq_epi8(b, zero)));
        m.any |= (uint64_t)(uint32_t)_mm_movemask_epi8(hit) << (i * 16);
        m.high |= (uint64_t)(uint32_t)_mm_movemask_epi8(b);
    }
    return m;
}

__attribute__((target("avx2,bmi"))) static inline struct marks marks_avx2(const char *p,
                                                                          char delimiter)
{
    const __m256i wanted = _mm256_set1_epi8(delimiter);
    const __m256i quote = _mm256_set1_epi8('"');
    const __m256i feed = _mm256_set1_epi8('\n');
    const __m256i zero = _mm256_setzero_si256();
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    __m256i hit_a =
        _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(a, wanted), _mm256_cmpeq_epi8(a, quote)),
                        _mm256_or_si256(_mm256_cmpeq_epi8(a, feed), _mm256_cmpeq_epi8(a, zero)));
    __m256i hit_b =
        _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(b, wanted), _mm256_cmpeq_epi8(b, quote)),
                        _mm256_or_si256(_mm256_cmpeq_epi8(b, feed), _mm256_cmpeq_epi8(b, zero)));
    struct marks m;
    m.any = (uint64_t)(uint32_t)_mm256_movemask_epi8(hit_a) |
            (uint64_t)(uint32_t)_mm256_movemask_epi8(hit_b) << 32;
    m.high = (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_or_si256(a, b));
    return m;
}
#else
static inline struct marks marks_plain(const char *p, char delimiter)
{
    struct marks m = {0};
    for (size_t i = 0; i < BLOCK; i++) {
        char c = p[i];
        uint64_t hit = (uint64_t)(c == delimiter || c == '"' || c == '\n' || c == '\0');
        m.any |= hit << i;
        m.high |= (uint64_t)((unsigned char)c >> 7);
    }
    return m;
}
#endif

/* --- one row in the buffer -------------------------------------------------------------------- */

enum state {
    IN_START,  /* at the first byte of a field */
    IN_TEXT,   /* in a field where quotes are text: it broke a rule */
    IN_QUOTES, /* between quotes */
    IN_CLOSED  /* behind a quote that may be the closing one, or the first of two */
};

struct scanner {
    enum state state;
    size_t field;  /* where the field begins */
    size_t closed; /* IN_CLOSED: where the quote was */
    size_t count;
    size_t most; /* fields are kept while there are fewer: none behind a problem */
    uint64_t line;
    uint64_t quote_line; /* where the open quote is */
    uint64_t field_line;
    bool doubled; /* the field holds doubled quotes */
    enum csv_problem problem;
    uint64_t problem_line;
    bool too_long; /* a field was, the first of them on this line: */
    uint64_t too_long_line;
};

static void complain(struct scanner *s, enum csv_problem problem, uint64_t line)
{
    if (s->problem == CSV_OK) {
        s->problem = problem;
        s->problem_line = line;
        s->most = s->count;
    }
}

/* Ends the field, whose text goes to `end` and whose raw bytes go to `raw_end`; the next one begins
 * at `next`. */
static void end_field(struct csv_reader *r, struct scanner *s, size_t end, size_t raw_end,
                      size_t next)
{
    if (raw_end - s->field > r->limits.max_field_bytes && !s->too_long) {
        s->too_long = true;
        s->too_long_line = s->field_line;
    }
    if (s->count < s->most) {
        str field = {r->buffer + s->field, end - s->field};
        if (s->state == IN_CLOSED) {
            field.ptr++;
            field.len = s->closed - s->field - 1;
            if (s->doubled) {
                r->doubled[r->doubled_count++] = (uint32_t)s->count;
            }
        }
        r->fields[s->count++] = field;
    } else {
        complain(s, CSV_TOO_MANY_FIELDS, s->line);
    }
    s->field = next;
    s->field_line = s->line;
    s->state = IN_START;
    s->doubled = false;
}

/* The marked byte at `pos`. True where it ends the row; *ret_end is then the text's end. */
static bool take_mark(struct csv_reader *r, struct scanner *s, size_t pos, size_t row_at)
{
    char c = r->buffer[pos];
    if (c == '\0') {
        complain(s, CSV_NUL, s->line);
        if (s->state == IN_CLOSED) {
            s->state = IN_TEXT;
        }
        return false;
    }
    if (s->state == IN_QUOTES) {
        if (c == '"') {
            s->state = IN_CLOSED;
            s->closed = pos;
        } else if (c == '\n') {
            s->line++;
        }
        return false;
    }
    if (s->state == IN_CLOSED) {
        bool next = pos == s->closed + 1;
        if (c == '"' && next) {
            s->state = IN_QUOTES;
            s->doubled = true;
            return false;
        }
        bool crlf = c == '\n' && pos == s->closed + 2 && r->buffer[pos - 1] == '\r';
        if (!next && !crlf) {
            complain(s, CSV_TEXT_AFTER_QUOTE, s->line);
            s->state = IN_TEXT;
        }
    }
    if (c == '"') {
        if (s->state == IN_START && pos == s->field) {
            s->state = IN_QUOTES;
            s->quote_line = s->line;
        } else {
            complain(s, CSV_QUOTE_IN_FIELD, s->line);
            s->state = IN_TEXT;
        }
        return false;
    }
    if (c == '\n') {
        size_t end = pos > row_at && r->buffer[pos - 1] == '\r' ? pos - 1 : pos;
        end_field(r, s, end < s->field ? s->field : end, pos, pos + 1);
        s->line++;
        return true;
    }
    end_field(r, s, pos, pos, pos + 1);
    return false;
}

/* The file ends inside or right behind the last row. */
static void end_of_file(struct csv_reader *r, struct scanner *s)
{
    size_t end = r->len;
    if (s->state == IN_QUOTES) {
        s->problem = CSV_UNCLOSED_QUOTE;
        s->problem_line = s->quote_line;
        s->most = s->count;
    } else if (end > s->field && r->buffer[end - 1] == '\r') {
        end--;
    }
    if (s->state == IN_CLOSED && s->closed + 1 != end) {
        complain(s, CSV_TEXT_AFTER_QUOTE, s->line);
        s->state = IN_TEXT;
    }
    end_field(r, s, end, r->len, r->len);
}

/* Doubled quotes become one, in place: the row is not scanned again. */
static void undouble(struct csv_reader *r)
{
    for (size_t i = 0; i < r->doubled_count; i++) {
        str *field = &r->fields[r->doubled[i]];
        char *base = r->buffer + (field->ptr - r->buffer);
        size_t to = 0;
        for (size_t from = 0; from < field->len; from++) {
            base[to++] = base[from];
            if (base[from] == '"') {
                from++;
            }
        }
        field->len = to;
    }
}

static enum scan finish_row(struct csv_reader *r, struct scanner *s, struct csv_row *row, bool high)
{
    size_t raw = s->field - r->at;
    if (s->problem != CSV_UNCLOSED_QUOTE) {
        if (s->too_long) {
            s->problem = CSV_FIELD_TOO_LONG;
            s->problem_line = s->too_long_line;
        } else if (raw > r->limits.max_row_bytes) {
            s->problem = CSV_ROW_TOO_LONG;
            s->problem_line = r->line;
        }
    }
    undouble(r);
    *row = (struct csv_row){
        .fields = r->fields,
        .count = s->count,
        .ascii = !high,
        .line = r->line,
        .offset = r->offset + r->at,
        .problem = s->problem,
        .problem_line = s->problem_line,
    };
    r->at = s->field;
    r->line = s->line;
    return SCAN_ROW;
}

/* The marks of the block at `block`, without those of the padding behind the buffer's bytes. */
static inline __attribute__((always_inline)) uint64_t
load_block(const struct csv_reader *r, size_t block, marks_fn *marks, bool *ret_high)
{
    struct marks m = marks(r->buffer + block, r->delimiter);
    *ret_high = m.high != 0;
    size_t left = r->len - block;
    return left >= BLOCK ? m.any : m.any & ((UINT64_C(1) << left) - 1);
}

static inline __attribute__((always_inline)) enum scan
scan_with(struct csv_reader *r, struct csv_row *row, marks_fn *marks)
{
    struct scanner s = {
        .field = r->at, .line = r->line, .field_line = r->line, .most = r->limits.max_fields};
    r->doubled_count = 0;
    const char *buffer = r->buffer;
    str *fields = r->fields;
    const char delimiter = r->delimiter;
    const size_t max_field = r->limits.max_field_bytes;
    size_t block = r->block;
    uint64_t mask = r->mask;
    bool high = r->block_high;
    if (block == SIZE_MAX) {
        block = r->at;
        mask = load_block(r, block, marks, &high);
    }
    bool row_high = high;
    for (;;) {
        while (mask != 0) {
            size_t pos = block + (size_t)__builtin_ctzll(mask);
            mask &= mask - 1;
            size_t raw = pos - s.field;
            if (buffer[pos] == delimiter && s.state == IN_START && s.count < s.most &&
                raw <= max_field) {
                /* nearly every mark: end_field without its cases */
                fields[s.count++] = (str){buffer + s.field, raw};
                s.field = pos + 1;
                continue;
            }
            if (!take_mark(r, &s, pos, r->at)) {
                continue;
            }
            r->block = block;
            r->mask = mask;
            r->block_high = high;
            raw = s.field - r->at;
            if (raw == 1 || (raw == 2 && buffer[r->at] == '\r')) {
                r->at = s.field;
                r->line = s.line;
                return SCAN_BLANK;
            }
            return finish_row(r, &s, row, row_high);
        }
        block += BLOCK;
        if (block >= r->len) {
            break;
        }
        mask = load_block(r, block, marks, &high);
        row_high |= high;
    }
    r->block = SIZE_MAX;
    if (!r->eof) {
        return SCAN_MORE;
    }
    if (r->at == r->len || (r->len - r->at == 1 && buffer[r->at] == '\r')) {
        r->at = r->len;
        return SCAN_BLANK;
    }
    end_of_file(r, &s);
    return finish_row(r, &s, row, row_high);
}

#if defined(__x86_64__)
static enum scan scan_sse2(struct csv_reader *r, struct csv_row *row)
{
    return scan_with(r, row, marks_sse2);
}

__attribute__((target("avx2,bmi"))) static enum scan scan_avx2(struct csv_reader *r,
                                                               struct csv_row *row)
{
    return scan_with(r, row, marks_avx2);
}
#else
static enum scan scan_plain(struct csv_reader *r, struct csv_row *row)
{
    return scan_with(r, row, marks_plain);
}
#endif

static enum scan (*best_scan(void))(struct csv_reader *r, struct csv_row *row)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") ? scan_avx2 : scan_sse2;
#else
    return scan_plain;
#endif
}

/* --- the buffer ------------------------------------------------------------------------------- */

/* Reads at r->read_offset; *ret_len 0 at the end. */
static bool read_some(struct csv_reader *r, char *to, size_t room, size_t *ret_len, struct err *err)
{
    if (r->fd < 0) {
        size_t left = r->read_offset < r->text.len ? r->text.len - (size_t)r->read_offset : 0;
        size_t take = left < room ? left : room;
        if (take != 0) {
            memcpy(to, r->text.ptr + r->read_offset, take);
        }
        *ret_len = take;
        return true;
    }
    for (;;) {
        int injected = FAILPOINT("csv.read");
        ssize_t n = -1;
        if (injected != 0) {
            errno = injected;
        } else {
            n = pread(r->fd, to, room, (off_t)r->read_offset);
        }
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_set_errno(err, ERR_IO, errno, "could not read the file at byte %llu",
                                 (unsigned long long)r->read_offset);
        }
        *ret_len = (size_t)n;
        return true;
    }
}

/* Moves the begun row to the front and reads behind it. */
static bool fill(struct csv_reader *r, struct err *err)
{
    size_t left = r->len - r->at;
    if (r->at != 0) {
        memmove(r->buffer, r->buffer + r->at, left);
        r->offset += r->at;
        r->at = 0;
        r->len = left;
    }
    if (left * 2 > r->capacity) {
        r->capacity *= 2;
        r->buffer = xrealloc(r->buffer, r->capacity + BLOCK, 1);
    }
    size_t got = 0;
    if (!read_some(r, r->buffer + r->len, r->capacity - r->len, &got, err)) {
        return false;
    }
    r->len += got;
    r->read_offset += got;
    r->eof = got == 0;
    r->block = SIZE_MAX;
    memset(r->buffer + r->len, 0, BLOCK);
    return true;
}

/* A row beyond its limit, byte by byte and without keeping it: the same rules as take_mark. */
struct skipper {
    enum state state;
    bool after_cr; /* IN_CLOSED: a CR came behind the quote */
    uint64_t field_bytes;
    uint64_t max_field;
    bool too_long;
    uint64_t too_long_line;
    uint64_t line;
    uint64_t field_line;
    uint64_t quote_line;
};

static void skip_field_end(struct skipper *k)
{
    if (k->field_bytes > k->max_field && !k->too_long) {
        k->too_long = true;
        k->too_long_line = k->field_line;
    }
    k->field_bytes = 0;
    k->field_line = k->line;
    k->state = IN_START;
    k->after_cr = false;
}

/* True at the line feed that ends the row. */
static bool skip_byte(struct skipper *k, char c, char delimiter)
{
    if (k->state == IN_CLOSED) {
        if (c == '"' && !k->after_cr) {
            k->state = IN_QUOTES;
            k->field_bytes++;
            return false;
        }
        if (c == '\r' && !k->after_cr) {
            k->after_cr = true;
            k->field_bytes++;
            return false;
        }
        if (!(c == '\n' || (c == delimiter && !k->after_cr))) {
            k->state = IN_TEXT;
        }
    }
    if (k->state == IN_QUOTES) {
        k->line += c == '\n';
        if (c == '"') {
            k->state = IN_CLOSED;
        }
        k->field_bytes++;
        return false;
    }
    if (c == '\n') {
        skip_field_end(k);
        k->line++;
        return true;
    }
    if (c == delimiter) {
        skip_field_end(k);
        return false;
    }
    if (k->state == IN_START) {
        k->quote_line = k->line;
        k->state = c == '"' && k->field_bytes == 0 ? IN_QUOTES : c == '"' ? IN_TEXT : IN_START;
    }
    k->field_bytes++;
    return false;
}

static bool skip_row(struct csv_reader *r, struct csv_row *row, struct err *err)
{
    struct skipper k = {
        .line = r->line, .field_line = r->line, .max_field = r->limits.max_field_bytes};
    uint64_t offset = r->offset + r->at;
    bool ended = false;
    while (!ended) {
        while (r->at < r->len && !ended) {
            ended = skip_byte(&k, r->buffer[r->at++], r->delimiter);
        }
        if (ended) {
            break;
        }
        if (!fill(r, err)) {
            return false;
        }
        if (r->eof) {
            break;
        }
    }
    bool open = !ended && k.state == IN_QUOTES;
    if (!ended) {
        skip_field_end(&k);
    }
    *row = (struct csv_row){
        .fields = r->fields,
        .line = r->line,
        .offset = offset,
        .problem = open         ? CSV_UNCLOSED_QUOTE
                   : k.too_long ? CSV_FIELD_TOO_LONG
                                : CSV_ROW_TOO_LONG,
        .problem_line = open         ? k.quote_line
                        : k.too_long ? k.too_long_line
                                     : r->line,
    };
    r->line = k.line;
    r->block = SIZE_MAX;
    return true;
}

/* --- the reader ------------------------------------------------------------------------------- */

static size_t or_default(size_t value, size_t fallback)
{
    return value != 0 ? value : fallback;
}

static struct csv_reader *reader_new(char delimiter, const struct csv_limits *limits,
                                     size_t capacity)
{
    struct csv_reader *r = xnew(struct csv_reader);
    struct csv_limits given = limits != NULL ? *limits : (struct csv_limits){0};
    r->fd = -1;
    r->delimiter = delimiter;
    r->limits = (struct csv_limits){
        .max_field_bytes = or_default(given.max_field_bytes, DEFAULT_FIELD_BYTES),
        .max_row_bytes = or_default(given.max_row_bytes, DEFAULT_ROW_BYTES),
        .max_fields = or_default(given.max_fields, DEFAULT_FIELDS),
    };
    r->scan = best_scan();
    r->capacity = capacity;
    r->buffer = xcalloc(1, r->capacity + BLOCK);
    r->fields = xcalloc(r->limits.max_fields, sizeof(*r->fields));
    r->doubled = xcalloc(r->limits.max_fields, sizeof(*r->doubled));
    csv_reader_seek(r, 0, 1, 0);
    return r;
}

struct csv_reader *csv_reader_new(int fd, char delimiter, const struct csv_limits *limits)
{
    struct csv_reader *r = reader_new(delimiter, limits, BUFFER_BYTES);
    r->fd = fd;
    return r;
}

struct csv_reader *csv_reader_of(str text, char delimiter, const struct csv_limits *limits)
{
    /* a short text needs no large buffer: its rows are never moved */
    size_t room = text.len < BUFFER_BYTES / 2 ? 2 * text.len + BLOCK : BUFFER_BYTES;
    struct csv_reader *r = reader_new(delimiter, limits, room);
    r->text = text;
    return r;
}

void csv_reader_free(struct csv_reader *reader)
{
    if (reader != NULL) {
        free(reader->buffer);
        free(reader->fields);
        free(reader->doubled);
        free(reader);
    }
}

void csv_reader_seek(struct csv_reader *reader, uint64_t offset, uint64_t line, uint64_t end)
{
    reader->offset = offset;
    reader->read_offset = offset;
    reader->line = line;
    reader->stop = end != 0 ? end : UINT64_MAX;
    reader->len = 0;
    reader->at = 0;
    reader->eof = false;
    reader->block = SIZE_MAX;
}

void csv_reader_position(const struct csv_reader *reader, uint64_t *ret_offset, uint64_t *ret_line)
{
    *ret_offset = reader->offset + reader->at;
    *ret_line = reader->line;
}

static bool skip_bom(struct csv_reader *r, struct err *err)
{
    while (r->len < 3 && !r->eof) {
        if (!fill(r, err)) {
            return false;
        }
    }
    if (r->len >= 3 && memcmp(r->buffer, "\xef\xbb\xbf", 3) == 0) {
        r->at = 3;
        r->block = SIZE_MAX;
    }
    return true;
}

bool csv_next(struct csv_reader *reader, struct csv_row *ret_row, bool *ret_more, struct err *err)
{
    if (reader->offset == 0 && reader->at == 0 && reader->len == 0 && !reader->eof &&
        !skip_bom(reader, err)) {
        return false;
    }
    for (;;) {
        if (reader->offset + reader->at >= reader->stop ||
            (reader->at == reader->len && reader->eof)) {
            *ret_more = false;
            return true;
        }
        enum scan scan = reader->at < reader->len ? reader->scan(reader, ret_row) : SCAN_MORE;
        if (scan == SCAN_ROW) {
            *ret_more = true;
            return true;
        }
        if (scan == SCAN_BLANK) {
            continue;
        }
        if (reader->len - reader->at > reader->limits.max_row_bytes) {
            if (!skip_row(reader, ret_row, err)) {
                return false;
            }
            *ret_more = true;
            return true;
        }
        if (!fill(reader, err)) {
            return false;
        }
    }
}
