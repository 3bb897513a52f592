/* SPDX-License-Identifier: MIT */
/* Whatever a value is, it stays a value; and numbers read as people write them. */
#include "engine/report_html_page.h"

#include "harness/tap.h"

#define REPLACED "\xef\xbf\xbd"

static void check_escape(str text, const char *expected)
{
    AUTO_BUF struct buf out = {0};
    html_escape(&out, text);
    CHECK_STR(buf_z(&out), expected);
}

static void markup_becomes_text(void)
{
    check_escape(STR(""), "");
    check_escape(STR("Ann Lee"), "Ann Lee");
    check_escape(STR("<script>alert('1')</script>"),
                 "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;");
    check_escape(STR("\" onclick=\"x\" &amp;"), "&quot; onclick=&quot;x&quot; &amp;amp;");
    check_escape(STR("{{id}} <!-- block x -->"), "{{id}} &lt;!-- block x --&gt;");
    check_escape(STR("a\tb\nc\r"), "a\tb\nc\r");
}

static void only_characters_go_through(void)
{
    check_escape(STR("a\0b\x1f\x7f"), "a" REPLACED "b" REPLACED REPLACED);
    /* M\xc3\xbcller, a right-to-left name, an emoji: as they are */
    check_escape(STR("M\xc3\xbcller \xd7\x93\xd7\xa0\xd7\x94 \xf0\x9f\x98\x80"),
                 "M\xc3\xbcller \xd7\x93\xd7\xa0\xd7\x94 \xf0\x9f\x98\x80");
    check_escape(STR("\xff<\xc3"), REPLACED "&lt;" REPLACED);
    check_escape(STR("\xc0\xbc"), REPLACED REPLACED);                           /* '<' too long */
    check_escape(STR("\xe0\x80\xbc"), REPLACED REPLACED REPLACED);              /* and longer */
    check_escape(STR("\xed\xa0\x80"), REPLACED REPLACED REPLACED);              /* half a pair */
    check_escape(STR("\xf4\x90\x80\x80"), REPLACED REPLACED REPLACED REPLACED); /* too large */
    check_escape(STR("\xf0\x8f\xbf\xbf"), REPLACED REPLACED REPLACED REPLACED);
    check_escape(STR("\xc2\x85"), REPLACED REPLACED); /* a control character of C1 */
    check_escape(STR("\xe2\x82"), REPLACED REPLACED); /* cut */
}

struct pieces {
    struct buf text;
    int count;
    int fail_at;
};

static bool take(void *ctx, str piece, struct err *err)
{
    struct pieces *pieces = ctx;
    pieces->count++;
    if (pieces->count == pieces->fail_at) {
        return err_set(err, ERR_IO, "could not write: the disk is full");
    }
    buf_adds(&pieces->text, piece);
    return true;
}

static void blocks_are_filled(void)
{
    struct err err;
    struct pieces pieces = {0};
    struct html_page page = {.write = take, .ctx = &pieces};
    html_put(&page, value, .class = STR("differs"), .name = STR("full_name"),
             .before = STR("\"Bobby\" <b>"), .after = STR(""));
    html_plain(&page, values_end);
    html_put(&page, nav_link, .id = STR("a\"b"), .text = STR("A & B"));
    CHECK_OK(html_finish(&page, &err), err);
    CHECK_INT(pieces.count, 1);
    CHECK_STR(
        buf_z(&pieces.text),
        "<tr class=\"differs\"><th>full_name</th><td>&quot;Bobby&quot; &lt;b&gt;</td><td></td>"
        "</tr></tbody></table><a href=\"#a&quot;b\">A &amp; B</a>");
    buf_done(&pieces.text);
    html_done(&page);
}

static void a_failed_write_ends_the_page(void)
{
    struct err err;
    struct pieces pieces = {.fail_at = 2};
    struct html_page page = {.write = take, .ctx = &pieces};
    for (int i = 0; i < 20000; i++) {
        html_put(&page, text, .text = STR("twenty bytes of text"));
    }
    CHECK_INT(pieces.count, 2); /* after it, nothing more is tried */
    CHECK(pieces.text.len >= 64 * 1024);
    CHECK(pieces.text.len < 65 * 1024);
    CHECK_ERR(html_finish(&page, &err), err, ERR_IO, "could not write: the disk is full");
    buf_done(&pieces.text);
    html_done(&page);
}

static void values_for_people(void)
{
    struct pieces pieces = {0};
    struct html_page page = {.write = take, .ctx = &pieces};
    CHECK_TEXT(html_number(&page, 0), "0");
    CHECK_TEXT(html_number(&page, 999), "999");
    CHECK_TEXT(html_number(&page, 1000), "1,000");
    CHECK_TEXT(html_number(&page, 1234567), "1,234,567");
    CHECK_TEXT(html_number(&page, UINT64_MAX), "18,446,744,073,709,551,615");
    CHECK_TEXT(html_time(&page, 0), "-");
    CHECK_TEXT(html_time(&page, INT64_C(1795521600123)), "2026-11-24 12:00:00 UTC");
    CHECK_TEXT(html_millis(&page, 0.01), "0 ms");
    CHECK_TEXT(html_millis(&page, 0.35), "0.3 ms");
    CHECK_TEXT(html_millis(&page, 9.96), "10 ms");
    CHECK_TEXT(html_millis(&page, 999.4), "999 ms");
    CHECK_TEXT(html_millis(&page, 999.6), "1.00 s");
    CHECK_TEXT(html_millis(&page, 9949), "9.95 s");
    CHECK_TEXT(html_millis(&page, 9951), "10 s");
    CHECK_TEXT(html_duration(&page, 59999), "60 s");
    CHECK_TEXT(html_duration(&page, 60000), "1 min 00 s");
    CHECK_TEXT(html_duration(&page, 3599499), "59 min 59 s");
    CHECK_TEXT(html_duration(&page, 3600000), "1 h 00 min");
    CHECK_TEXT(html_duration(&page, INT64_C(100) * 3600000 + 120000), "100 h 02 min");
    CHECK_TEXT(html_cut(&page, STR("short"), 8), "short");
    CHECK_TEXT(html_cut(&page, STR("a longer name"), 8), "a lon...");
    CHECK_TEXT(html_cut(&page, STR("abcd\xc3\xbcxyz"), 8), "abcd..."); /* between characters */
    html_done(&page);
}

TAP_MAIN(TAP_TEST(markup_becomes_text), TAP_TEST(only_characters_go_through),
         TAP_TEST(blocks_are_filled), TAP_TEST(a_failed_write_ends_the_page),
         TAP_TEST(values_for_people))
