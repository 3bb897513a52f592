/* SPDX-License-Identifier: MIT */
#include "command/help.h"
#include "harness/tap.h"

#include "command/cli.h"
#include "command/document.h"

static void check_columns(const struct buf *text)
{
    str rest = buf_str(text);
    while (rest.ptr != NULL && rest.len > 0) {
        str line = str_cut(rest, '\n', &rest);
        if (line.len > HELP_COLUMNS || (line.len > 0 && line.ptr[line.len - 1] == ' ')) {
            CHECK_TEXT(line, "a line of at most 80 columns without spaces at its end");
        }
    }
    CHECK(str_ends(buf_str(text), STR("\n")));
}

static void every_help_fits_80_columns(void)
{
    AUTO_BUF struct buf text = {0};
    help_overview(&text);
    check_columns(&text);
    for (const struct command *const *c = commands; *c != NULL; c++) {
        buf_clear(&text);
        help_command(&text, *c);
        check_columns(&text);
    }
}

static void wraps_words(void)
{
    AUTO_BUF struct buf text = {0};
    help_wrap(&text, "one two three four\n\nfive", 4, 2, 12);
    CHECK_STR(buf_z(&text), "one two\n  three four\n\n  five\n");
}

static void options_are_in_one_place(void)
{
    /* a name or letter that stands twice would be parsed as the first */
    for (const struct command *const *c = commands; *c != NULL; c++) {
        for (const struct option *o = (*c)->options; o != NULL && o->name != NULL; o++) {
            for (const struct option *other = o + 1; other->name != NULL; other++) {
                CHECK(!str_eqz(str_of(o->name), other->name));
                CHECK(o->letter == 0 || o->letter != other->letter);
            }
            CHECK(o->letter == 0 || o->argument == NULL); /* short ones take no value */
            CHECK((o->help != NULL) != (o->same_as != NULL));
        }
    }
}

static void the_page_names_every_command(void)
{
    AUTO_BUF struct buf text = {0};
    document_man(&text);
    CHECK(str_starts(buf_str(&text), STR(".TH STEWARD 1 ")));
    for (const struct command *const *c = commands; *c != NULL; c++) {
        AUTO_BUF struct buf title = {0};
        buf_printf(&title, "\n.SS %s\n", (*c)->name);
        CHECK(strstr(buf_z(&text), buf_z(&title)) != NULL);
    }
}

TAP_MAIN(TAP_TEST(every_help_fits_80_columns), TAP_TEST(wraps_words),
         TAP_TEST(options_are_in_one_place), TAP_TEST(the_page_names_every_command))
