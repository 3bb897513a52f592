/* SPDX-License-Identifier: MIT */
#include "remote/snowflake_rows.h"

#include <stdio.h>
#include <zlib.h>

#include "harness/tap.h"

/* Rows as text: cells joined by '|', null as '~', rows by '\n'. */
static bool note(void *ctx, const str *cells, struct err *err UNUSED)
{
    struct buf *out = ctx;
    for (size_t i = 0; i < 2; i++) {
        buf_addz(out, i > 0 ? "|" : "");
        buf_adds(out, cells[i].ptr != NULL ? cells[i] : STR("~"));
    }
    buf_addc(out, '\n');
    return true;
}

/* In pieces of `step` bytes; two columns. */
static bool read_all(str text, size_t step, struct buf *out, uint64_t *ret_count, struct err *err)
{
    AUTO(snowflake_rows_free) struct snowflake_rows *rows = snowflake_rows_new(2, note, out);
    buf_clear(out);
    for (size_t i = 0; i < text.len; i += step) {
        size_t len = text.len - i < step ? text.len - i : step;
        if (!snowflake_rows_feed(rows, (str){text.ptr + i, len}, err)) {
            return false;
        }
    }
    return snowflake_rows_end(rows, ret_count, err);
}

static void zip(str plain, struct buf *out)
{
    z_stream stream = {0};
    CHECK_INT(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    size_t bound = deflateBound(&stream, plain.len);
    char *room = buf_reserve(out, bound);
    stream.next_in = (Bytef *)(uintptr_t)plain.ptr;
    stream.avail_in = (uInt)plain.len;
    stream.next_out = (Bytef *)room;
    stream.avail_out = (uInt)bound;
    CHECK_INT(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->len += stream.total_out;
    (void)deflateEnd(&stream);
}

static const char SAMPLE[] =
    " {\"skipped\": {\"a\":[1,\"]}\\\"\",{}]}, \"data\" : [ [\"a\" , "
    "null],\r\n[\"\\u00e9\\ud83d\\ude00"
    "\\n\\\"\\\\\\/\",\"\"],[\"x,y\",\"n\"]] ,\"other\":12,\"text\":\"t\"} \n";
static const char ROWS[] = "a|~\n\xc3\xa9\xf0\x9f\x98\x80\n\"\\/|\nx,y|n\n";

static void rows_come_whole_whatever_the_pieces(void)
{
    AUTO_BUF struct buf out = {0};
    struct err err;
    for (size_t step = 1; step < sizeof(SAMPLE); step++) {
        uint64_t count = 0;
        CHECK_OK(read_all(STR(SAMPLE), step, &out, &count, &err), err);
        CHECK_INT(count, 3);
        CHECK_TEXT(buf_str(&out), ROWS);
    }
}

static void gzip_is_seen_by_its_first_byte(void)
{
    AUTO_BUF struct buf zipped = {0};
    AUTO_BUF struct buf out = {0};
    struct err err;
    zip(STR(SAMPLE), &zipped);
    for (size_t step = 1; step <= zipped.len; step++) {
        uint64_t count = 0;
        CHECK_OK(read_all(buf_str(&zipped), step, &out, &count, &err), err);
        CHECK_INT(count, 3);
        CHECK_TEXT(buf_str(&out), ROWS);
    }
}

static void gzip_in_two_streams(void)
{
    AUTO_BUF struct buf zipped = {0};
    AUTO_BUF struct buf out = {0};
    struct err err;
    uint64_t count = 0;
    zip((str){SAMPLE, 80}, &zipped);
    zip((str){SAMPLE + 80, sizeof(SAMPLE) - 1 - 80}, &zipped);
    CHECK_OK(read_all(buf_str(&zipped), 7, &out, &count, &err), err);
    CHECK_TEXT(buf_str(&out), ROWS);
}

static void every_cut_of_gzip_is_noticed(void)
{
    AUTO_BUF struct buf zipped = {0};
    AUTO_BUF struct buf out = {0};
    struct err err;
    uint64_t count = 0;
    zip(STR(SAMPLE), &zipped);
    for (size_t len = 1; len < zipped.len; len++) {
        CHECK_ERR(read_all((str){zipped.ptr, len}, 16, &out, &count, &err), err, ERR_PROTOCOL,
                  "could not read the partition: it is cut short");
    }
}

static void a_flipped_bit_in_gzip_is_noticed(void)
{
    AUTO_BUF struct buf zipped = {0};
    AUTO_BUF struct buf out = {0};
    uint64_t count = 0;
    zip(STR(SAMPLE), &zipped);
    for (size_t i = 10; i < zipped.len; i++) { /* behind the header, whose time means nothing */
        struct err err = {0};
        zipped.ptr[i] = (char)(zipped.ptr[i] ^ 1);
        CHECK(!read_all(buf_str(&zipped), 16, &out, &count, &err));
        CHECK_INT(err.kind, ERR_PROTOCOL);
        zipped.ptr[i] = (char)(zipped.ptr[i] ^ 1);
    }
}

static void no_rows(void)
{
    AUTO_BUF struct buf out = {0};
    struct err err;
    uint64_t count = 9;
    CHECK_OK(read_all(STR("{\"data\":[]}"), 3, &out, &count, &err), err);
    CHECK_INT(count, 0);
}

static void what_is_not_a_partition(void)
{
    static const struct {
        str text;
        const char *why;
    } cases[] = {
        {STR(""), "it is cut short"},
        {STR("{}"), "it has no 'data'"},
        {STR("{\"a\":1}"), "it has no 'data'"},
        {STR("<html>"), "it is not JSON"},
        {STR("[]"), "it is not JSON"},
        {STR("{\"data\":[[\"a\",null]]"), "it is cut short"},
        {STR("{\"data\":[[\"a\",nul"), "it is cut short"},
        {STR("{\"data\":[[\"a\",null]]}x"), "something follows it"},
        {STR("{\"data\":null}"), "'data' is not a list"},
        {STR("{\"data\":[],\"data\":[]}"), "'data' stands there twice"},
        {STR("{\"data\":[1]}"), "a row is not a list"},
        {STR("{\"data\":[[\"a\",1]]}"), "a cell is neither text nor null"},
        {STR("{\"data\":[[\"a\",true]]}"), "a cell is neither text nor null"},
        {STR("{\"data\":[[\"a\",nulL]]}"), "a cell is neither text nor null"},
        {STR("{\"data\":[[\"a\",n ull]]}"), "a cell is neither text nor null"},
        {STR("{\"data\":[[\"a\",]]}"), "a cell is neither text nor null"},
        {STR("{\"data\":[[\"a\"]]}"), "a row has fewer cells than there are columns"},
        {STR("{\"data\":[[]]}"), "a row has fewer cells than there are columns"},
        {STR("{\"data\":[[\"a\",\"b\",\"c\"]]}"), "a row has more cells than there are columns"},
        {STR("{\"data\":[[\"a\",\"b\",null]]}"), "a row has more cells than there are columns"},
        {STR("{\"data\":[[\"a\",\"b\"],]}"), "a row is not a list"},
        {STR("{\"data\":[[\"a\" \"b\"]]}"), "it is not JSON"},
        {STR("{\"data\":[[\"\\x\",\"b\"]]}"), "a bad escape"},
        {STR("{\"data\":[[\"\\u12g4\",\"b\"]]}"), "a bad escape"},
        {STR("{\"data\":[[\"\\ud83d\",\"b\"]]}"), "half a surrogate pair"},
        {STR("{\"data\":[[\"\\ud83dx\",\"b\"]]}"), "half a surrogate pair"},
        {STR("{\"data\":[[\"\\ud83d\\n\",\"b\"]]}"), "half a surrogate pair"},
        {STR("{\"data\":[[\"\\ude00\",\"b\"]]}"), "half a surrogate pair"},
        {STR("{\"data\":[[\"\\ud83d\\ud83d\",\"b\"]]}"), "half a surrogate pair"},
        {STR("{\"data\":[[\"a\nb\",\"b\"]]}"), "a control character in a text"},
        {STR("{\"data\":[[\"\xff\",\"b\"]]}"), "a text is not UTF-8"},
        {STR("{\"a\":1]}"), "it is not JSON"},
        {STR("{\"a\" 1}"), "it is not JSON"},
        {STR("\x1f\x8bnot gzip at all"), "it is not gzip, or damaged"},
    };
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char message[128];
        struct err err;
        uint64_t count = 0;
        (void)snprintf(message, sizeof(message), "could not read the partition: %s", cases[i].why);
        CHECK_ERR(read_all(cases[i].text, 1, &out, &count, &err), err, ERR_PROTOCOL, message);
        CHECK_ERR(read_all(cases[i].text, 1000, &out, &count, &err), err, ERR_PROTOCOL, message);
    }
}

static void depth_of_what_is_skipped_has_a_bound(void)
{
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf out = {0};
    struct err err;
    uint64_t count = 0;
    buf_addz(&text, "{\"a\":");
    for (int i = 0; i < SNOWFLAKE_MAX_DEPTH + 1; i++) {
        buf_addc(&text, '[');
    }
    CHECK_ERR(read_all(buf_str(&text), 100, &out, &count, &err), err, ERR_PROTOCOL,
              "could not read the partition: it is nested too deeply");
}

static bool refuse(void *ctx UNUSED, const str *cells UNUSED, struct err *err)
{
    return err_set(err, ERR_IO, "could not write 'x'");
}

static void whoever_takes_the_rows_may_refuse(void)
{
    struct err err;
    AUTO(snowflake_rows_free) struct snowflake_rows *rows = snowflake_rows_new(1, refuse, NULL);
    CHECK_ERR(snowflake_rows_feed(rows, STR("{\"data\":[[\"a\"]]}"), &err), err, ERR_IO,
              "could not write 'x'");
}

TAP_MAIN(TAP_TEST(rows_come_whole_whatever_the_pieces), TAP_TEST(gzip_is_seen_by_its_first_byte),
         TAP_TEST(gzip_in_two_streams), TAP_TEST(every_cut_of_gzip_is_noticed),
         TAP_TEST(a_flipped_bit_in_gzip_is_noticed), TAP_TEST(no_rows),
         TAP_TEST(what_is_not_a_partition), TAP_TEST(depth_of_what_is_skipped_has_a_bound),
         TAP_TEST(whoever_takes_the_rows_may_refuse))
