/* SPDX-License-Identifier: MIT */
#include "base/live.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "harness/tap.h"

/* What stands around a block: without wrapping, over what was there, and back. */
#define BEGIN "\r\033[?7l"
#define NEXT "\033[K\n"
#define END "\033[K\n\033[J\033[?7h"
#define WIPE "\r\033[K\n\033[J\033[A"

struct screen {
    int near; /* what the block is drawn on */
    int far;  /* what comes out */
};

/* A terminal that changes nothing of what is written to it. */
static struct screen open_screen(unsigned short columns, unsigned short rows)
{
    struct screen screen = {-1, -1};
    const struct winsize size = {.ws_col = columns, .ws_row = rows};
    struct termios raw = {0};
    cfmakeraw(&raw);
    CHECK(openpty(&screen.far, &screen.near, NULL, &raw, &size) == 0);
    CHECK(fcntl(screen.far, F_SETFL, O_NONBLOCK) == 0);
    return screen;
}

static void resize(const struct screen *screen, unsigned short columns, unsigned short rows)
{
    const struct winsize size = {.ws_col = columns, .ws_row = rows};
    CHECK(ioctl(screen->near, TIOCSWINSZ, &size) == 0);
}

static void close_screen(const struct screen *screen)
{
    CHECK(close(screen->near) == 0);
    CHECK(close(screen->far) == 0);
}

/* What was written since the last time. */
static const char *seen(const struct screen *screen)
{
    static char text[4096];
    ssize_t n = read(screen->far, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void a_block_is_drawn_over_itself(void)
{
    struct screen screen = open_screen(80, 24);
    AUTO(live_free) struct live *live = live_new(screen.near);
    live_show(live, STR("one\ntwo\n"));
    CHECK_STR(seen(&screen), BEGIN "one" NEXT "two" END "\033[2A");
    live_show(live, STR("three\nfour\nfive\n"));
    CHECK_STR(seen(&screen), BEGIN "three" NEXT "four" NEXT "five" END "\033[3A");
    live_show(live, STR("three\nfour\nfive\n"));
    CHECK_STR(seen(&screen), "");
    live_show(live, STR(""));
    CHECK_STR(seen(&screen), WIPE);
    live_show(live, STR(""));
    CHECK_STR(seen(&screen), "");
    close_screen(&screen);
}

static void text_goes_above_it_in_one_write(void)
{
    struct screen screen = open_screen(80, 24);
    AUTO(live_free) struct live *live = live_new(screen.near);
    live_above(live, STR("before\n"));
    CHECK_STR(seen(&screen), "before\n");
    live_show(live, STR("one\ntwo\n"));
    (void)seen(&screen);
    live_above(live, STR("a line of the log\n"));
    CHECK_STR(seen(&screen), WIPE "a line of the log\n" BEGIN "one" NEXT "two" END "\033[2A");
    live_keep(live);
    CHECK_STR(seen(&screen), BEGIN "one" NEXT "two" END);
    live_above(live, STR("after\n"));
    CHECK_STR(seen(&screen), "after\n");
    live_keep(live);
    CHECK_STR(seen(&screen), "");
    close_screen(&screen);
}

static void lines_are_cut_and_left_out(void)
{
    struct screen screen = open_screen(10, 4);
    AUTO(live_free) struct live *live = live_new(screen.near);
    live_show(live, STR("123456789\n1234567890\nthree\nfour\n"));
    CHECK_STR(seen(&screen), BEGIN "123456789" NEXT "123456789" NEXT "three" END "\033[3A");
    close_screen(&screen);
}

static void another_size_is_another_block(void)
{
    struct screen screen = open_screen(40, 24);
    AUTO(live_free) struct live *live = live_new(screen.near);
    live_show(live, STR("123456789012345678901234567890\nshort\n"));
    (void)seen(&screen);
    resize(&screen, 16, 24);
    live_show(live, STR("123456789012345678901234567890\nshort\n"));
    CHECK_STR(seen(&screen), BEGIN "123456789012345" NEXT "short" END "\033[2A");
    close_screen(&screen);
}

static void what_is_no_terminal_has_the_usual_size(void)
{
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    AUTO(live_free) struct live *live = live_new(ends[1]);
    size_t columns;
    size_t rows;
    live_size(live, &columns, &rows);
    CHECK(columns == 80);
    CHECK(rows == 24);
    CHECK(close(ends[0]) == 0);
    CHECK(close(ends[1]) == 0);
}

TAP_MAIN(TAP_TEST(a_block_is_drawn_over_itself), TAP_TEST(text_goes_above_it_in_one_write),
         TAP_TEST(lines_are_cut_and_left_out), TAP_TEST(another_size_is_another_block),
         TAP_TEST(what_is_no_terminal_has_the_usual_size))
