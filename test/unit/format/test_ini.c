/* SPDX-License-Identifier: MIT */
#include "format/ini.h"

#include "harness/tap.h"

/* "line [section] key=value|" of every entry. */
static struct buf seen;
static struct err err;

static bool note(void *ctx, uint64_t line, str section, str key, str value)
{
    int *left = ctx;
    CHECK(section.ptr != NULL);
    buf_printf(&seen, "%llu [%" STR_FMT "] %" STR_FMT "=%" STR_FMT "|", (unsigned long long)line,
               STR_ARG(section), STR_ARG(key), STR_ARG(value));
    return --*left != 0;
}

static bool parse(str text)
{
    int left = 1000;
    buf_clear(&seen);
    return ini_parse(text, "steward.ini", note, &left, &err);
}

#define CHECK_READS(text, expected)                                                                \
    do {                                                                                           \
        CHECK_OK(parse(STR(text)), err);                                                           \
        CHECK_STR(buf_z(&seen), expected);                                                         \
    } while (false)

static void sections_and_keys(void)
{
    CHECK_READS("", "");
    CHECK_READS("[database]\nhost = db.example.com\nport=5432\n\n[redis]\npassword: p w \n",
                "2 [database] host=db.example.com|3 [database] port=5432|6 [redis] password=p w|");
    CHECK_READS("early=1\n[ A b ]\n  x  =  1  ", "1 [] early=1|3 [A b] x=1|");
    CHECK_READS("[s] ; why\nk=\n[t]# x\nk=v", "2 [s] k=|4 [t] k=v|");
}

static void the_first_separator_counts(void)
{
    CHECK_READS("[e]\nurl = http://es.example.com:9200\nurl: http://a=b\nA:B=c",
                "2 [e] url=http://es.example.com:9200|3 [e] url=http://a=b|4 [e] A=B=c|");
}

static void comments_are_whole_lines(void)
{
    CHECK_READS("; c\n# c\n  ;c\n[s]\nk = a;b #c \"q\" %x", "5 [s] k=a;b #c \"q\" %x|");
}

static void bom_and_crlf(void)
{
    CHECK_READS("\xef\xbb\xbf[s]\r\nk=v\r\n\r\n;c\r\nl=w", "2 [s] k=v|5 [s] l=w|");
}

static void a_token_of_4_kb_comes_whole(void)
{
    AUTO_BUF struct buf text = {0};
    buf_addz(&text, "k=");
    for (int i = 0; i < 4096; i++) {
        buf_addc(&text, (char)('A' + i % 26));
    }
    CHECK_OK(parse(buf_str(&text)), err);
    CHECK_INT(seen.len, 4096 + 8);
    CHECK(memcmp(seen.ptr + 7, text.ptr + 2, 4096) == 0);
}

static void broken_lines_are_named(void)
{
    CHECK_ERR(parse(STR("[a]\nk=1\ntopsecret")), err, ERR_CONFIG,
              "could not read 'steward.ini': line 3: neither '[section]' nor 'key = value'");
    CHECK_STR(buf_z(&seen), "2 [a] k=1|");
    CHECK_ERR(parse(STR("[a\nk=1")), err, ERR_CONFIG,
              "could not read 'steward.ini': line 1: no ']' after the name of the section");
    CHECK_ERR(parse(STR("[a] b")), err, ERR_CONFIG,
              "could not read 'steward.ini': line 1: text after the ']' of a section");
    CHECK_ERR(parse(STR("[]")), err, ERR_CONFIG,
              "could not read 'steward.ini': line 1: the name of the section is empty or too long");
    CHECK_ERR(parse(STR("\n = v")), err, ERR_CONFIG,
              "could not read 'steward.ini': line 2: the key is empty or too long");
    CHECK_ERR(parse(STR("k=v\nk\0=v")), err, ERR_CONFIG,
              "could not read 'steward.ini': line 2: a NUL byte");
}

static void sizes_have_limits(void)
{
    AUTO_BUF struct buf text = {0};
    buf_addz(&text, "k=");
    for (int i = 0; i < INI_MAX_VALUE; i++) {
        buf_addc(&text, 'x');
    }
    CHECK_OK(parse(buf_str(&text)), err);
    buf_addc(&text, 'x');
    CHECK_ERR(parse(buf_str(&text)), err, ERR_CONFIG,
              "could not read 'steward.ini': line 1: the value is longer than 64 KiB");
    while (text.len <= INI_MAX_BYTES) {
        buf_addz(&text, "\n#");
    }
    CHECK_ERR(parse(buf_str(&text)), err, ERR_CONFIG,
              "could not read 'steward.ini': it is larger than 1 MiB");
    buf_clear(&text);
    buf_addc(&text, '[');
    for (int i = 0; i <= INI_MAX_NAME; i++) {
        buf_addc(&text, 'n');
    }
    buf_addc(&text, ']');
    CHECK_ERR(parse(buf_str(&text)), err, ERR_CONFIG,
              "could not read 'steward.ini': line 1: the name of the section is empty or too long");
    text.ptr[0] = 'n';
    text.ptr[text.len - 1] = '=';
    CHECK_ERR(parse(buf_str(&text)), err, ERR_CONFIG,
              "could not read 'steward.ini': line 1: the key is empty or too long");
}

static void the_callback_may_end_it(void)
{
    int left = 1;
    buf_clear(&seen);
    err = (struct err){0};
    CHECK(!ini_parse(STR("a=1\nb=2"), "x.ini", note, &left, &err));
    CHECK_INT(err.kind, ERR_NONE);
    CHECK_STR(buf_z(&seen), "1 [] a=1|");
    buf_done(&seen);
}

TAP_MAIN(TAP_TEST(sections_and_keys), TAP_TEST(the_first_separator_counts),
         TAP_TEST(comments_are_whole_lines), TAP_TEST(bom_and_crlf),
         TAP_TEST(a_token_of_4_kb_comes_whole), TAP_TEST(broken_lines_are_named),
         TAP_TEST(sizes_have_limits), TAP_TEST(the_callback_may_end_it))
