/* SPDX-License-Identifier: MIT */
#include "remote/snowflake_rows.h"

#define ZLIB_CONST /* input is not written to */
#include <zlib.h>

enum state {
    START,        /* before '{' */
    KEY_OR_END,   /* after '{' */
    KEY,          /* after ',' between members */
    IN_KEY,       /* inside a member's name */
    COLON,        /* after the name */
    VALUE,        /* after ':' */
    SKIP,         /* inside a member that nobody wants */
    SKIP_TEXT,    /* inside a text of it */
    ROW_OR_END,   /* after the '[' of data */
    ROW,          /* after ',' between rows */
    AFTER_ROW,    /* after the ']' of a row */
    CELL_OR_END,  /* after the '[' of a row */
    CELL,         /* after ',' between cells */
    IN_CELL,      /* inside a text */
    IN_NULL,      /* inside the word null */
    AFTER_CELL,   /* after a cell */
    AFTER_MEMBER, /* after a value */
    END,          /* after '}' */
};

struct cell {
    size_t from;
    size_t len;
    bool is_null;
};

struct snowflake_rows {
    size_t columns;
    bool (*row)(void *ctx, const str *cells, struct err *err);
    void *ctx;

    bool begun; /* the first byte has told whether it is gzip */
    bool zipped;
    bool zip_ended;
    z_stream zip;

    enum state state;
    bool has_data;
    struct buf text; /* of the row that is being read, or the member's name */
    struct cell *cells;
    str *views;
    size_t cell_count;
    size_t word;   /* letters of "null" seen */
    size_t depth;  /* of what is skipped */
    bool escaped;  /* after a backslash */
    int hex_left;  /* digits of \uXXXX to come */
    uint32_t hex;  /* and their value */
    uint32_t high; /* a high surrogate that waits for its low one, 0 none */
    uint64_t count;
};

struct snowflake_rows *snowflake_rows_new(size_t columns,
                                          bool (*row)(void *ctx, const str *cells, struct err *err),
                                          void *ctx)
{
    struct snowflake_rows *rows = xnew(struct snowflake_rows);
    rows->columns = columns;
    rows->row = row;
    rows->ctx = ctx;
    rows->text.max = SNOWFLAKE_MAX_ROW_BYTES;
    rows->cells = xcalloc(columns + 1, sizeof(*rows->cells));
    rows->views = xcalloc(columns + 1, sizeof(*rows->views));
    return rows;
}

void snowflake_rows_free(struct snowflake_rows *rows)
{
    if (rows == NULL) {
        return;
    }
    if (rows->zipped) {
        (void)inflateEnd(&rows->zip); /* frees; its result says only that it was mid-way */
    }
    buf_done(&rows->text);
    free(rows->cells);
    free(rows->views);
    free(rows);
}

static bool broken(struct err *err, const char *why)
{
    return err_set(err, ERR_PROTOCOL, "could not read the partition: %s", why);
}

/* --- texts ----------------------------------------------------------------------------------- */

static void add_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_addc(out, (char)(0xc0 | c >> 6));
        buf_addc(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_addc(out, (char)(0xe0 | c >> 12));
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_addc(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_addc(out, (char)(0xf0 | c >> 18));
        buf_addc(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_addc(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* A whole \uXXXX has been read. */
static bool take_unit(struct snowflake_rows *rows, struct err *err)
{
    bool low = rows->hex >= 0xdc00 && rows->hex <= 0xdfff;
    if (low != (rows->high != 0)) {
        return broken(err, "half a surrogate pair");
    }
    if (low) {
        add_utf8(&rows->text, 0x10000 + ((rows->high - 0xd800) << 10) + (rows->hex - 0xdc00));
        rows->high = 0;
    } else if (rows->hex >= 0xd800 && rows->hex <= 0xdbff) {
        rows->high = rows->hex;
    } else {
        add_utf8(&rows->text, rows->hex);
    }
    return true;
}

static bool take_hex(struct snowflake_rows *rows, char c, struct err *err)
{
    uint32_t digit;
    if (c >= '0' && c <= '9') {
        digit = (uint32_t)(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        digit = (uint32_t)((c | 0x20) - 'a') + 10;
    } else {
        return broken(err, "a bad escape");
    }
    rows->hex = rows->hex << 4 | digit;
    rows->hex_left--;
    return rows->hex_left > 0 || take_unit(rows, err);
}

static bool take_escape(struct snowflake_rows *rows, char c, struct err *err)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    rows->escaped = false;
    if (c == 'u') {
        rows->hex = 0;
        rows->hex_left = 4;
        return true;
    }
    const char *at = c != '\0' ? strchr(from, c) : NULL;
    if (at == NULL || rows->high != 0) {
        return broken(err, at == NULL ? "a bad escape" : "half a surrogate pair");
    }
    buf_addc(&rows->text, to[at - from]);
    return true;
}

/* Takes bytes of a text up to its end; `ret_used` counts them. *ret_closed: the quote has come. */
static bool take_text(struct snowflake_rows *rows, str bytes, size_t *ret_used, bool *ret_closed,
                      struct err *err)
{
    size_t i = 0;
    *ret_closed = false;
    while (i < bytes.len && !*ret_closed) {
        char c = bytes.ptr[i];
        if (rows->hex_left > 0) {
            if (!take_hex(rows, c, err)) {
                return false;
            }
            i++;
        } else if (rows->escaped) {
            if (!take_escape(rows, c, err)) {
                return false;
            }
            i++;
        } else if (c == '\\') {
            rows->escaped = true;
            i++;
        } else if (rows->high != 0) {
            return broken(err, "half a surrogate pair");
        } else if (c == '"') {
            *ret_closed = true;
            i++;
        } else {
            size_t from = i;
            while (i < bytes.len && bytes.ptr[i] != '"' && bytes.ptr[i] != '\\') {
                if ((unsigned char)bytes.ptr[i] < 0x20) {
                    return broken(err, "a control character in a text");
                }
                i++;
            }
            buf_add(&rows->text, bytes.ptr + from, i - from);
        }
    }
    *ret_used = i;
    return !rows->text.overflow || broken(err, "a row is too large");
}

/* --- rows ------------------------------------------------------------------------------------ */

static bool begin_cell(struct snowflake_rows *rows, bool is_null, struct err *err)
{
    if (rows->cell_count == rows->columns) {
        return broken(err, "a row has more cells than there are columns");
    }
    rows->cells[rows->cell_count] = (struct cell){rows->text.len, 0, is_null};
    return true;
}

static bool end_cell(struct snowflake_rows *rows, struct err *err)
{
    struct cell *cell = &rows->cells[rows->cell_count++];
    cell->len = rows->text.len - cell->from;
    str text = {buf_z(&rows->text) + cell->from, cell->len};
    rows->state = AFTER_CELL;
    return str_is_utf8(text) || broken(err, "a text is not UTF-8");
}

static bool end_row(struct snowflake_rows *rows, struct err *err)
{
    if (rows->cell_count != rows->columns) {
        return broken(err, "a row has fewer cells than there are columns");
    }
    for (size_t i = 0; i < rows->columns; i++) {
        const struct cell *cell = &rows->cells[i];
        rows->views[i] =
            cell->is_null ? STR_NONE : (str){buf_z(&rows->text) + cell->from, cell->len};
    }
    rows->count++;
    rows->state = AFTER_ROW;
    return rows->row(rows->ctx, rows->views, err);
}

static void begin_row(struct snowflake_rows *rows)
{
    buf_clear(&rows->text);
    rows->cell_count = 0;
    rows->state = CELL_OR_END;
}

/* --- one byte -------------------------------------------------------------------------------- */

static bool begin_value(struct snowflake_rows *rows, char c, struct err *err)
{
    if (!str_eqz(buf_str(&rows->text), "data")) {
        rows->depth = c == '[' || c == '{' ? 1 : 0;
        rows->state = c == '"' ? SKIP_TEXT : SKIP;
        return true;
    }
    if (rows->has_data) {
        return broken(err, "'data' stands there twice");
    }
    if (c != '[') {
        return broken(err, "'data' is not a list");
    }
    rows->has_data = true;
    rows->state = ROW_OR_END;
    return true;
}

/* Inside a value that is not wanted: only its end matters. */
static bool skip(struct snowflake_rows *rows, char c, struct err *err)
{
    if (c == '"') {
        rows->state = SKIP_TEXT;
    } else if (c == '[' || c == '{') {
        rows->depth++;
        return rows->depth <= SNOWFLAKE_MAX_DEPTH || broken(err, "it is nested too deeply");
    } else if (rows->depth == 0 && (c == ',' || c == '}')) {
        rows->state = c == ',' ? KEY : END;
    } else if (c == ']' || c == '}') {
        if (rows->depth == 0) {
            return broken(err, "it is not JSON");
        }
        rows->depth--;
        rows->state = rows->depth == 0 ? AFTER_MEMBER : SKIP;
    }
    return true;
}

static bool begin_something(struct snowflake_rows *rows, char c, struct err *err)
{
    switch (c) {
    case '"':
        rows->state = IN_CELL;
        return begin_cell(rows, false, err);
    case 'n':
        rows->state = IN_NULL;
        rows->word = 1;
        return begin_cell(rows, true, err);
    case ']':
        if (rows->state == CELL_OR_END) {
            return end_row(rows, err);
        }
        break;
    default:
        break;
    }
    return broken(err, "a cell is neither text nor null");
}

static bool take_null(struct snowflake_rows *rows, char c, struct err *err)
{
    if (c != "null"[rows->word]) {
        return broken(err, "a cell is neither text nor null");
    }
    rows->word++;
    return rows->word < 4 || end_cell(rows, err);
}

static bool expect(struct snowflake_rows *rows, char c, char wanted, enum state next,
                   struct err *err)
{
    if (c != wanted) {
        return broken(err, "it is not JSON");
    }
    rows->state = next;
    return true;
}

static bool take_key_start(struct snowflake_rows *rows, char c, struct err *err)
{
    if (c == '}' && rows->state == KEY_OR_END) {
        rows->state = END;
        return true;
    }
    buf_clear(&rows->text);
    return expect(rows, c, '"', IN_KEY, err);
}

/* One byte outside of texts; white space has been taken out where it may stand. */
static bool take_byte(struct snowflake_rows *rows, char c, struct err *err)
{
    switch (rows->state) {
    case START:
        return expect(rows, c, '{', KEY_OR_END, err);
    case KEY_OR_END:
    case KEY:
        return take_key_start(rows, c, err);
    case COLON:
        return expect(rows, c, ':', VALUE, err);
    case VALUE:
        return begin_value(rows, c, err);
    case SKIP:
        return skip(rows, c, err);
    case ROW_OR_END:
        if (c == ']') {
            rows->state = AFTER_MEMBER;
            return true;
        }
        __attribute__((fallthrough));
    case ROW:
        if (c != '[') {
            return broken(err, "a row is not a list");
        }
        begin_row(rows);
        return true;
    case AFTER_ROW:
        if (c == ',') {
            rows->state = ROW;
            return true;
        }
        return expect(rows, c, ']', AFTER_MEMBER, err);
    case CELL_OR_END:
    case CELL:
        return begin_something(rows, c, err);
    case IN_NULL:
        return take_null(rows, c, err);
    case AFTER_CELL:
        if (c == ']') {
            return end_row(rows, err);
        }
        return expect(rows, c, ',', CELL, err);
    case AFTER_MEMBER:
        if (c == ',') {
            rows->state = KEY;
            return true;
        }
        return expect(rows, c, '}', END, err);
    case END:
        return broken(err, "something follows it");
    case IN_KEY:
    case IN_CELL:
    case SKIP_TEXT:
        break;
    }
    return broken(err, "it is not JSON");
}

/* --- pieces ---------------------------------------------------------------------------------- */

/* The text that the state is inside of has ended. */
static bool end_text(struct snowflake_rows *rows, struct err *err)
{
    if (rows->state == IN_KEY) {
        rows->state = COLON;
    } else if (rows->state == IN_CELL) {
        return end_cell(rows, err);
    } else { /* SKIP_TEXT */
        buf_clear(&rows->text);
        rows->state = rows->depth == 0 ? AFTER_MEMBER : SKIP;
    }
    return true;
}

static bool take_plain(struct snowflake_rows *rows, str bytes, struct err *err)
{
    size_t i = 0;
    while (i < bytes.len) {
        if (rows->state == IN_CELL || rows->state == IN_KEY || rows->state == SKIP_TEXT) {
            size_t used = 0;
            bool closed = false;
            if (!take_text(rows, (str){bytes.ptr + i, bytes.len - i}, &used, &closed, err) ||
                (closed && !end_text(rows, err))) {
                return false;
            }
            i += used;
            continue;
        }
        char c = bytes.ptr[i++];
        bool space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
        if (!(space && rows->state != IN_NULL) && !take_byte(rows, c, err)) {
            return false;
        }
    }
    return true;
}

static bool take_zipped(struct snowflake_rows *rows, str bytes, struct err *err)
{
    char plain[64 * 1024];
    z_stream *zip = &rows->zip;
    zip->next_in = (const Bytef *)bytes.ptr;
    zip->avail_in = (uInt)bytes.len;
    do {
        if (rows->zip_ended) { /* gzip allows several streams, one behind the other */
            if (zip->avail_in == 0) {
                return true;
            }
            (void)inflateReset(zip); /* fails only for a stream that was never set up */
            rows->zip_ended = false;
        }
        zip->next_out = (Bytef *)plain;
        zip->avail_out = sizeof(plain);
        int result = inflate(zip, Z_NO_FLUSH);
        if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
            return broken(err, "it is not gzip, or damaged");
        }
        rows->zip_ended = result == Z_STREAM_END;
        if (!take_plain(rows, (str){plain, sizeof(plain) - zip->avail_out}, err)) {
            return false;
        }
    } while (zip->avail_in > 0 || zip->avail_out == 0);
    return true;
}

static bool begin(struct snowflake_rows *rows, str piece, struct err *err)
{
    enum { GZIP_FIRST = 0x1f, GZIP_ONLY = 16 };
    rows->begun = true;
    if ((unsigned char)piece.ptr[0] != GZIP_FIRST) {
        return true;
    }
    if (inflateInit2(&rows->zip, GZIP_ONLY + MAX_WBITS) != Z_OK) {
        return err_set(err, ERR_INTERNAL, "could not start zlib");
    }
    rows->zipped = true;
    return true;
}

bool snowflake_rows_feed(struct snowflake_rows *rows, str piece, struct err *err)
{
    if (piece.len == 0) {
        return true;
    }
    if (!rows->begun && !begin(rows, piece, err)) {
        return false;
    }
    return rows->zipped ? take_zipped(rows, piece, err) : take_plain(rows, piece, err);
}

bool snowflake_rows_end(struct snowflake_rows *rows, uint64_t *ret_count, struct err *err)
{
    if ((rows->zipped && !rows->zip_ended) || rows->state != END) {
        return broken(err, "it is cut short");
    }
    if (!rows->has_data) {
        return broken(err, "it has no 'data'");
    }
    *ret_count = rows->count;
    return true;
}
