/* SPDX-License-Identifier: MIT */
#include "format/csv.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/rng.h"
#include "harness/tap.h"

/* Every row as "line[problem@line]:<a><b>\n". */
static void dump_rows(struct csv_reader *reader, struct buf *out)
{
    struct err err = {0};
    struct csv_row row;
    bool more = true;
    while (csv_next(reader, &row, &more, &err) && more) {
        buf_printf(out, "%llu", (unsigned long long)row.line);
        if (row.problem != CSV_OK) {
            buf_printf(out, "!%d@%llu", (int)row.problem, (unsigned long long)row.problem_line);
        }
        buf_addc(out, ':');
        for (size_t i = 0; i < row.count; i++) {
            buf_printf(out, "<%" STR_FMT ">", STR_ARG(row.fields[i]));
        }
        buf_addc(out, '\n');
    }
    CHECK(!err_is(&err));
}

static void dump(str text, const struct csv_limits *limits, struct buf *out)
{
    AUTO(csv_reader_free) struct csv_reader *reader = csv_reader_of(text, ',', limits);
    dump_rows(reader, out);
}

static void check_limited(const char *text, size_t len, const struct csv_limits *limits,
                          const char *expected)
{
    AUTO_BUF struct buf out = {0};
    dump((str){text, len}, limits, &out);
    CHECK_STR(buf_z(&out), expected);
}

#define READS(text, expected) check_limited(text, sizeof(text) - 1, NULL, expected)

static void reads_plain_rows(void)
{
    READS("", "");
    READS("a", "1:<a>\n");
    READS("a\n", "1:<a>\n");
    READS("a,b\nc,\n", "1:<a><b>\n2:<c><>\n");
    READS("a,b\r\nc,d\r\n", "1:<a><b>\n2:<c><d>\n");
    READS(",\n", "1:<><>\n");
    READS(",", "1:<><>\n");
    READS("a b, c \n", "1:<a b>< c >\n");
}

static void skips_a_byte_order_mark(void)
{
    READS("\xef\xbb\xbf"
          "a,b\n",
          "1:<a><b>\n");
    READS("\xef\xbb\xbf\"a\",b\n", "1:<a><b>\n");
    READS("\xef\xbb\xbf", "");
    READS("a\n\xef\xbb\xbf"
          "b\n",
          "1:<a>\n2:<\xef\xbb\xbf"
          "b>\n");
}

static void blank_lines_are_no_rows(void)
{
    READS("\n\na\n\r\n\nb\n\n", "3:<a>\n6:<b>\n");
    READS(" \n", "1:< >\n");
    READS("\"\"\n", "1:<>\n");
    READS("a\n\r", "1:<a>\n");
    READS("\n", "");
}

static void reads_quotes(void)
{
    READS("\"a,b\",\"c\"\"d\",\"\"\n", "1:<a,b><c\"d><>\n");
    READS("\"\"\"\"\n", "1:<\">\n");
    READS("\"a\nb\",c\nd,e\n", "1:<a\nb><c>\n3:<d><e>\n");
    READS("\"a\r\nb\"\r\n\"c\"\r\n", "1:<a\r\nb>\n3:<c>\n");
    READS("\"a\"", "1:<a>\n");
    READS("\"a\"\r", "1:<a>\n");
    READS("x,\"a\"\"\"", "1:<x><a\">\n");
    READS("\"\"\"a\"\"\",\"\"\"b\"\n", "1:<\"a\"><\"b>\n");
}

static void carriage_returns(void)
{
    READS("a\rb,c\n", "1:<a\rb><c>\n");
    READS("a,b\r", "1:<a><b>\n");
    READS("a\r\r\n", "1:<a\r>\n");
    READS("\"a\"\rb\n", "1!2@1:\n");
    READS("\"a\"\r,b\n", "1!2@1:\n");
}

static void a_stray_quote_costs_one_row(void)
{
    READS("a\"b,c\nd,e\n", "1!1@1:\n2:<d><e>\n");
    READS("x,5\" pipe,\"y\nz\"\nnext,row\n", "1!1@1:<x>\n3:<next><row>\n");
    READS("\"a\"b,c\nd\n", "1!2@1:\n2:<d>\n");
    READS("x,\"a\"b\"c\nd\n", "1!2@1:<x>\n2:<d>\n");
    READS("x, \"a\"\nd\n", "1!1@1:<x>\n2:<d>\n");
}

static void an_unclosed_quote_takes_the_rest(void)
{
    READS("a,b\nc,\"d\ne,f\n", "1:<a><b>\n2!3@2:<c>\n");
    READS("a\n\"x\ny\",\"\n", "1:<a>\n2!3@3:<x\ny>\n");
    READS("\"", "1!3@1:\n");
    READS("\"a\"\"", "1!3@1:\n");
}

static void nul_is_a_problem(void)
{
    READS("a,b\0c,d\ne\n", "1!4@1:<a>\n2:<e>\n");
    READS("\"a\n\0\",d\ne\n", "1!4@2:\n3:<e>\n");
    READS("\0", "1!4@1:\n");
    READS("a\0", "1!4@1:\n");
    READS("\"a\"\0,b\nc\n", "1!4@1:\n2:<c>\n");
}

static void limits_hold(void)
{
    static const struct csv_limits limits = {
        .max_field_bytes = 4, .max_row_bytes = 12, .max_fields = 3};
#define LIMITED(text, expected) check_limited(text, sizeof(text) - 1, &limits, expected)
    LIMITED("abcd,e\n", "1:<abcd><e>\n");
    LIMITED("abcde,e\nf\n", "1!5@1:<abcde><e>\n2:<f>\n");
    LIMITED("a,b,c,d\nf\n", "1!7@1:<a><b><c>\n2:<f>\n");
    LIMITED("abc,abc,abc\nf\n", "1:<abc><abc><abc>\n2:<f>\n");
    LIMITED("abc,abc,abcd\nf\n", "1!6@1:<abc><abc><abcd>\n2:<f>\n");
    LIMITED("a,\"\n\n\n\"\nf\n", "1!5@1:<a><\n\n\n>\n5:<f>\n");
#undef LIMITED
}

/* Rows larger than the buffer: the row is skipped, its lines are counted, reading goes on. */
static void huge_rows_are_skipped(void)
{
    static const struct csv_limits limits = {.max_field_bytes = 1000, .max_row_bytes = 2000};
    AUTO_BUF struct buf text = {0};
    buf_addz(&text, "a,b\nx,\"");
    for (int i = 0; i < 400000; i++) {
        buf_addz(&text, i % 1000 == 0 ? "\n" : i % 7 == 0 ? "\"\"" : "y");
    }
    buf_addz(&text, "\",z\nc,d\n");
    for (int i = 0; i < 200000; i++) {
        buf_addz(&text, "ab,");
    }
    buf_addz(&text, "\ne,f\n\"");
    for (int i = 0; i < 400000; i++) {
        buf_addz(&text, "w");
    }
    AUTO_BUF struct buf out = {0};
    dump(buf_str(&text), &limits, &out);
    CHECK_STR(buf_z(&out), "1:<a><b>\n2!5@2:\n403:<c><d>\n404!6@404:\n405:<e><f>\n406!3@406:\n");
}

/* Random texts over a small alphabet, with rows across every buffer end: a large prefix of short
 * rows is put before, so that each text meets the end of the buffer at another place. */
static void the_buffer_end_changes_nothing(void)
{
    static const char alphabet[] = "ab,\"\"\n\r,\n";
    struct rng rng;
    rng_seed(&rng, 20261124);
    for (int round = 0; round < 60; round++) {
        AUTO_BUF struct buf text = {0};
        for (int i = 0; i < 300; i++) {
            buf_addc(&text, alphabet[rng_next(&rng) % (sizeof(alphabet) - 1)]);
        }
        AUTO_BUF struct buf small = {0};
        dump(buf_str(&text), NULL, &small);

        size_t pad = 256 * 1024 - (size_t)(rng_next(&rng) % 300);
        AUTO_BUF struct buf padded = {0};
        while (padded.len + 4 < pad) {
            buf_addz(&padded, "p,q\n");
        }
        while (padded.len < pad) {
            buf_addc(&padded, '\n');
        }
        uint64_t lines = 0;
        for (size_t i = 0; i < padded.len; i++) {
            lines += padded.ptr[i] == '\n';
        }
        uint64_t offset = padded.len;
        buf_adds(&padded, buf_str(&text));
        AUTO(csv_reader_free) struct csv_reader *whole = csv_reader_of(buf_str(&padded), ',', NULL);
        AUTO(csv_reader_free) struct csv_reader *tail = csv_reader_of(buf_str(&padded), ',', NULL);
        csv_reader_seek(tail, offset, 1, 0);
        AUTO_BUF struct buf seeked = {0};
        dump_rows(tail, &seeked);
        CHECK_TEXT(buf_str(&seeked), buf_z(&small));
        struct err err = {0};
        struct csv_row row;
        bool more = true;
        AUTO_BUF struct buf behind = {0};
        while (csv_next(whole, &row, &more, &err) && more) {
            if (row.offset < offset) {
                continue;
            }
            buf_printf(&behind, "%llu", (unsigned long long)(row.line - lines));
            if (row.problem != CSV_OK) {
                buf_printf(&behind, "!%d@%llu", (int)row.problem,
                           (unsigned long long)(row.problem_line - lines));
            }
            buf_addc(&behind, ':');
            for (size_t i = 0; i < row.count; i++) {
                buf_printf(&behind, "<%" STR_FMT ">", STR_ARG(row.fields[i]));
            }
            buf_addc(&behind, '\n');
        }
        CHECK_TEXT(buf_str(&behind), buf_z(&small));
    }
}

static void ranges_meet(void)
{
    static const char text[] = "h,i\n\"a\nb\",c\n\nd,e\nf,g\n";
    AUTO(csv_reader_free) struct csv_reader *reader = csv_reader_of(str_of(text), ',', NULL);
    csv_reader_seek(reader, 0, 1, 6);
    AUTO_BUF struct buf first = {0};
    dump_rows(reader, &first);
    CHECK_STR(buf_z(&first), "1:<h><i>\n2:<a\nb><c>\n");
    uint64_t offset = 0;
    uint64_t line = 0;
    csv_reader_position(reader, &offset, &line);
    CHECK_INT(offset, 12);
    CHECK_INT(line, 4);
    csv_reader_seek(reader, offset, line, 0);
    AUTO_BUF struct buf second = {0};
    dump_rows(reader, &second);
    CHECK_STR(buf_z(&second), "5:<d><e>\n6:<f><g>\n");
    csv_reader_position(reader, &offset, &line);
    CHECK_INT(offset, sizeof(text) - 1);
    CHECK_INT(line, 7);
}

static void reads_a_file_by_descriptor(void)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/t.csv", tap_tmpdir());
    struct err err;
    CHECK_OK(fs_write_new(AT_FDCWD, path, STR("a;\"b;c\"\nd;e"), false, &err), err);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO(csv_reader_free) struct csv_reader *reader = csv_reader_new(fd, ';', NULL);
    AUTO_BUF struct buf out = {0};
    dump_rows(reader, &out);
    CHECK_STR(buf_z(&out), "1:<a><b;c>\n2:<d><e>\n");
    AUTO(csv_reader_free) struct csv_reader *closed = csv_reader_new(1000000, ',', NULL);
    struct csv_row row;
    bool more = true;
    CHECK_ERR(csv_next(closed, &row, &more, &err), err, ERR_IO,
              "could not read the file at byte 0: Bad file descriptor");
}

static void tells_plain_text(void)
{
    AUTO(csv_reader_free)
    struct csv_reader *reader = csv_reader_of(STR("a,b\n\xc3\xa4,b\n"), ',', NULL);
    struct err err = {0};
    struct csv_row row;
    bool more = false;
    CHECK_OK(csv_next(reader, &row, &more, &err), err);
    CHECK_OK(csv_next(reader, &row, &more, &err), err);
    CHECK(!row.ascii);
    AUTO(csv_reader_free) struct csv_reader *plain = csv_reader_of(STR("a,b\n"), ',', NULL);
    CHECK_OK(csv_next(plain, &row, &more, &err), err);
    CHECK(row.ascii);
}

static bool match(const char *line, struct csv_column *columns, size_t count, struct err *err)
{
    AUTO(csv_reader_free) struct csv_reader *reader = csv_reader_of(str_of(line), ',', NULL);
    struct csv_row row = {0};
    bool more = false;
    return csv_next(reader, &row, &more, err) &&
           csv_header_match(&row, "in.csv", columns, count, err);
}

static void finds_columns(void)
{
    static const char *const mail[] = {"E-Mail", "mail", NULL};
    struct csv_column columns[] = {
        {.name = "id", .required = true},
        {.name = "EMAIL", .aliases = mail, .required = true},
        {.name = "tickets"},
    };
    struct err err;
    CHECK_OK(match("x, e-mail ,,,ID,\n", columns, 3, &err), err);
    CHECK_INT(columns[0].index, 4);
    CHECK_INT(columns[1].index, 1);
    CHECK_INT(columns[2].index, -1);
    CHECK_ERR(match("x,tickets\n", columns, 3, &err), err, ERR_INPUT,
              "could not use 'in.csv': missing columns: 'id', 'EMAIL'");
    CHECK_ERR(match("id,mail,EMAIL,tickets,Tickets\n", columns, 3, &err), err, ERR_INPUT,
              "could not use 'in.csv': columns that stand there twice: 'EMAIL', 'tickets'");
    CHECK_ERR(match("id;mail;tickets\n", columns, 3, &err), err, ERR_INPUT,
              "could not read 'in.csv': its columns are separated by semicolons");
    CHECK_STR(err.hint, "Save it with commas between the columns.");
    CHECK_ERR(match("id\tmail\n", columns, 3, &err), err, ERR_INPUT,
              "could not read 'in.csv': its columns are separated by tabs");
    CHECK_ERR(match("id|mail\n", columns, 3, &err), err, ERR_INPUT,
              "could not read 'in.csv': its columns are separated by vertical bars");
    CHECK_ERR(match("id,ma\"il\n", columns, 3, &err), err, ERR_INPUT,
              "could not read the header of 'in.csv': a quote inside a field that is not quoted in "
              "line 1");
}

static void writes_fields(void)
{
    AUTO_BUF struct buf out = {0};
    csv_add_field(&out, STR("plain"), true);
    csv_add_field(&out, STR("a,b"), false);
    csv_add_field(&out, STR("say \"hi\""), false);
    csv_add_field(&out, STR("two\nlines"), false);
    csv_add_field(&out, STR(""), false);
    csv_end_row(&out);
    CHECK_STR(buf_z(&out), "plain,\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\n");
}

static void what_is_written_reads_back(void)
{
    static const char alphabet[] = "a,\"\n\r ";
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 500; round++) {
        AUTO_BUF struct buf text = {0};
        char cells[3][8];
        size_t lens[3];
        for (int i = 0; i < 3; i++) {
            lens[i] = (size_t)(rng_next(&rng) % sizeof(cells[i]));
            for (size_t j = 0; j < lens[i]; j++) {
                cells[i][j] = alphabet[rng_next(&rng) % (sizeof(alphabet) - 1)];
            }
            csv_add_field(&text, (str){cells[i], lens[i]}, i == 0);
        }
        csv_end_row(&text);
        AUTO(csv_reader_free) struct csv_reader *reader = csv_reader_of(buf_str(&text), ',', NULL);
        struct err err;
        struct csv_row row = {0};
        bool more = false;
        CHECK_OK(csv_next(reader, &row, &more, &err), err);
        CHECK_INT(row.problem, CSV_OK);
        CHECK_INT(row.count, 3);
        for (size_t i = 0; i < row.count; i++) {
            CHECK(str_eq(row.fields[i], (str){cells[i], lens[i]}));
        }
    }
}

static void problems_have_texts(void)
{
    CHECK_STR(csv_problem_text(CSV_OK), "no problem");
    CHECK_STR(csv_problem_text(CSV_TEXT_AFTER_QUOTE), "text after a closing quote");
    CHECK_STR(csv_problem_text(CSV_UNCLOSED_QUOTE), "a quote that is never closed");
    CHECK_STR(csv_problem_text(CSV_NUL), "a NUL byte");
    CHECK_STR(csv_problem_text(CSV_FIELD_TOO_LONG), "a field that is too long");
    CHECK_STR(csv_problem_text(CSV_ROW_TOO_LONG), "a row that is too long");
    CHECK_STR(csv_problem_text(CSV_TOO_MANY_FIELDS), "too many fields");
    CHECK_STR(csv_problem_text(CSV_PROBLEM_COUNT), "an unknown problem");
}

TAP_MAIN(TAP_TEST(reads_plain_rows), TAP_TEST(skips_a_byte_order_mark),
         TAP_TEST(blank_lines_are_no_rows), TAP_TEST(reads_quotes), TAP_TEST(carriage_returns),
         TAP_TEST(a_stray_quote_costs_one_row), TAP_TEST(an_unclosed_quote_takes_the_rest),
         TAP_TEST(nul_is_a_problem), TAP_TEST(limits_hold), TAP_TEST(huge_rows_are_skipped),
         TAP_TEST(the_buffer_end_changes_nothing), TAP_TEST(ranges_meet),
         TAP_TEST(reads_a_file_by_descriptor), TAP_TEST(tells_plain_text), TAP_TEST(finds_columns),
         TAP_TEST(writes_fields), TAP_TEST(what_is_written_reads_back),
         TAP_TEST(problems_have_texts))
