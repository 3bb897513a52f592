/* SPDX-License-Identifier: MIT */
#include "format/envfile.h"

#include "harness/tap.h"

/* "line name=value|" of every entry. */
static struct buf seen;
static struct err err;

static bool note(void *ctx, uint64_t line, str name, str value)
{
    int *left = ctx;
    buf_printf(&seen, "%llu %" STR_FMT "=", (unsigned long long)line, STR_ARG(name));
    buf_adds(&seen, value);
    buf_addc(&seen, '|');
    return --*left != 0;
}

static bool parse(str text)
{
    int left = 1000;
    buf_clear(&seen);
    return envfile_parse(text, ".env", note, &left, &err);
}

#define CHECK_READS(text, expected)                                                                \
    do {                                                                                           \
        CHECK_OK(parse(STR(text)), err);                                                           \
        CHECK_STR(buf_z(&seen), expected);                                                         \
    } while (false)

static void plain_values(void)
{
    CHECK_READS("", "");
    CHECK_READS("A=1", "1 A=1|");
    CHECK_READS("A=1\nB_2=two words \n", "1 A=1|2 B_2=two words|");
    CHECK_READS("\n# a comment\n   # B=1\n\nA =  1  \n", "5 A=1|");
    CHECK_READS("A=\nB=", "1 A=|2 B=|");
    CHECK_READS("A=a#b # c\nB=# c\nC=x\t#c", "1 A=a#b|2 B=|3 C=x|");
    CHECK_READS("A=it's \"so\"\\n $B ${C}", "1 A=it's \"so\"\\n $B ${C}|");
    CHECK_READS("A=b=c", "1 A=b=c|");
    CHECK_READS("a=1\na=2", "1 a=1|2 a=2|");
}

static void bom_crlf_and_export(void)
{
    CHECK_READS("\xef\xbb\xbf"
                "A=1\r\nB=\"2\"\r\n\r\n# x\r\nC='3' # y\r\n",
                "1 A=1|2 B=2|5 C=3|");
    CHECK_READS("export A=1\n  export\tB = 2\nexport=3", "1 A=1|2 B=2|3 export=3|");
}

static void quoted_values(void)
{
    CHECK_READS("A='a \\n \"#\" $B '", "1 A=a \\n \"#\" $B |");
    CHECK_READS("A=\"a\\n\\r\\t\\\\\\\"\\'\\$\\`\\x # b\"", "1 A=a\n\r\t\\\"'$`\\x # b|");
    CHECK_READS("A=\"\"\nB=''", "1 A=|2 B=|");
    CHECK_READS("A=\"one\ntwo\"\nB='three\r\nfour' # c\nC=5",
                "1 A=one\ntwo|3 B=three\nfour|5 C=5|");
}

static void broken_lines_are_named(void)
{
    CHECK_ERR(parse(STR("A=1\nB=2\ntopsecret\n")), err, ERR_CONFIG,
              "could not read '.env': line 3: no '=' after the name");
    CHECK_STR(buf_z(&seen), "1 A=1|2 B=2|");
    CHECK_ERR(
        parse(STR("\n1A=x")), err, ERR_CONFIG,
        "could not read '.env': line 2: the name before '=' must be letters, digits and '_', not "
        "a digit first");
    CHECK_ERR(
        parse(STR("=x")), err, ERR_CONFIG,
        "could not read '.env': line 1: the name before '=' must be letters, digits and '_', not "
        "a digit first");
    CHECK_ERR(
        parse(STR("A B=x")), err, ERR_CONFIG,
        "could not read '.env': line 1: the name before '=' must be letters, digits and '_', not "
        "a digit first");
    CHECK_ERR(parse(STR("A=\"x\ny\nz")), err, ERR_CONFIG,
              "could not read '.env': line 1: a quote is not closed");
    CHECK_ERR(parse(STR("A='")), err, ERR_CONFIG,
              "could not read '.env': line 1: a quote is not closed");
    CHECK_ERR(parse(STR("A=\"x\\")), err, ERR_CONFIG,
              "could not read '.env': line 1: a quote is not closed");
    CHECK_ERR(parse(STR("A='x\ny'z")), err, ERR_CONFIG,
              "could not read '.env': line 2: text after the closing quote");
    CHECK_ERR(parse(STR("A=1\n\nB=\0")), err, ERR_CONFIG,
              "could not read '.env': line 3: a NUL byte");
}

static void sizes_have_limits(void)
{
    AUTO_BUF struct buf text = {0};
    buf_addz(&text, "B=1\nA=");
    for (int i = 0; i < ENVFILE_MAX_VALUE; i++) {
        buf_addc(&text, 'x');
    }
    CHECK_OK(parse(buf_str(&text)), err);
    CHECK_INT(seen.len, ENVFILE_MAX_VALUE + 11);
    buf_addc(&text, 'x');
    CHECK_ERR(parse(buf_str(&text)), err, ERR_CONFIG,
              "could not read '.env': line 2: the value is longer than 64 KiB");
    text.ptr[6] = '"';
    buf_addc(&text, '"');
    buf_addc(&text, '"');
    text.ptr[text.len - 2] = 'x';
    CHECK_ERR(parse(buf_str(&text)), err, ERR_CONFIG,
              "could not read '.env': line 2: the value is longer than 64 KiB");
    while (text.len <= ENVFILE_MAX_BYTES) {
        buf_addz(&text, "\n#");
    }
    CHECK_ERR(parse(buf_str(&text)), err, ERR_CONFIG,
              "could not read '.env': it is larger than 1 MiB");
    buf_clear(&text);
    for (int i = 0; i <= ENVFILE_MAX_NAME; i++) {
        buf_addc(&text, 'N');
    }
    buf_addz(&text, "=1");
    CHECK_ERR(
        parse(buf_str(&text)), err, ERR_CONFIG,
        "could not read '.env': line 1: the name before '=' must be letters, digits and '_', not "
        "a digit first");
    CHECK_OK(parse((str){text.ptr + 1, text.len - 1}), err);
}

static void a_token_of_4_kb_comes_whole(void)
{
    AUTO_BUF struct buf text = {0};
    AUTO_BUF struct buf expected = {0};
    buf_addz(&text, "DEVREV_API_TOKEN=");
    buf_addz(&expected, "1 DEVREV_API_TOKEN=");
    for (int i = 0; i < 4096; i++) {
        buf_addc(&text, (char)('A' + i % 26));
        buf_addc(&expected, (char)('A' + i % 26));
    }
    buf_addc(&expected, '|');
    CHECK_OK(parse(buf_str(&text)), err);
    CHECK_STR(buf_z(&seen), buf_z(&expected));
}

static void the_callback_may_end_it(void)
{
    int left = 1;
    buf_clear(&seen);
    err = (struct err){0};
    CHECK(!envfile_parse(STR("A=1\nB=2"), ".env", note, &left, &err));
    CHECK_INT(err.kind, ERR_NONE);
    CHECK_STR(buf_z(&seen), "1 A=1|");
    buf_done(&seen);
}

TAP_MAIN(TAP_TEST(plain_values), TAP_TEST(bom_crlf_and_export), TAP_TEST(quoted_values),
         TAP_TEST(broken_lines_are_named), TAP_TEST(sizes_have_limits),
         TAP_TEST(a_token_of_4_kb_comes_whole), TAP_TEST(the_callback_may_end_it))
