/* SPDX-License-Identifier: MIT */
/* Every transition of the breaker as a table: in which state, what happens, which state follows. */
#include "net/breaker.h"

#include <stdio.h>

#include "harness/tap.h"

static const struct breaker_policy usual = {
    .window = 20, .least = 10, .percent = 50, .probes = 3, .open_ns = 60};

static struct breaker breaker;
static uint64_t tickets[64]; /* in flight, oldest first */
static int in_flight;

static void begin(void)
{
    breaker_init(&breaker, &usual);
    in_flight = 0;
}

static uint64_t land(void)
{
    uint64_t ticket = tickets[0];
    in_flight--;
    for (int i = 0; i < in_flight; i++) {
        tickets[i] = tickets[i + 1];
    }
    return ticket;
}

/* One letter, one event at `now`; false where it did not end as the letter says:
 *   r, w  a read, a write is let go        R, W  it must wait
 *   !     a write is refused               g, b, n  the oldest call in flight ends good, bad, nothing
 *   G, B  a whole call: read and its end */
static bool happen(char event, int64_t now)
{
    enum breaker_verdict verdict;
    uint64_t ticket = 0;
    switch (event) {
    case 'r':
    case 'w':
        verdict = breaker_ask(&breaker, event == 'w', now, &tickets[in_flight]);
        in_flight++;
        return verdict == BREAKER_GO;
    case 'R':
    case 'W':
        return breaker_ask(&breaker, event == 'W', now, &ticket) == BREAKER_WAIT;
    case '!':
        return breaker_ask(&breaker, true, now, &ticket) == BREAKER_REFUSE;
    case 'g':
    case 'b':
    case 'n':
        (void)breaker_note(&breaker, land(),
                           event == 'g'   ? BREAKER_GOOD
                           : event == 'b' ? BREAKER_BAD
                                          : BREAKER_NOTHING,
                           now);
        return true;
    case 'G':
    case 'B':
        return happen('r', now) && happen(event == 'G' ? 'g' : 'b', now);
    default:
        return false;
    }
}

static void transitions(void)
{
    static const struct {
        const char *name;
        const char *events; /* a digit moves the clock by so many tens */
        enum breaker_state state;
    } table[] = {
        {"new", "", BREAKER_CLOSED},
        {"closed lets all go", "rwrwrw", BREAKER_CLOSED},
        {"nine bad of nine are too few to judge", "BBBBBBBBB", BREAKER_CLOSED},
        {"ten bad of ten open", "BBBBBBBBBB", BREAKER_OPEN},
        {"half of ten opens", "GGGGGBBBBB", BREAKER_OPEN},
        {"four of ten do not", "GGGGGGBBBB", BREAKER_CLOSED},
        {"nine bad of the last twenty do not", "GGGGGGGGGGGGGGGGGGGGBBBBBBBBB", BREAKER_CLOSED},
        {"ten do", "GGGGGGGGGGGGGGGGGGGGBBBBBBBBBB", BREAKER_OPEN},
        {"what is older than twenty is forgotten", "BBBBGGGGGGGGGGGGGGGGGGGGBBBBBB",
         BREAKER_CLOSED},
        {"only a bad call opens", "BBBBBBBBBrrg", BREAKER_CLOSED},
        {"what says nothing is not counted", "rnrnrnrnrnrnrnrnrnrnBBBBBBBBB", BREAKER_CLOSED},
        {"open: reads wait, writes are refused", "BBBBBBBBBBR!R!", BREAKER_OPEN},
        {"open until the very end", "BBBBBBBBBB5R!", BREAKER_OPEN},
        {"then half-open with the first read", "BBBBBBBBBB6r", BREAKER_HALF_OPEN},
        {"a write never makes it half-open", "BBBBBBBBBB6!", BREAKER_OPEN},
        {"half-open: three reads at once, no write", "BBBBBBBBBB6rrrR!", BREAKER_HALF_OPEN},
        {"half-open: a good one does not free its place", "BBBBBBBBBB6rrrgR!", BREAKER_HALF_OPEN},
        {"half-open: one that says nothing does", "BBBBBBBBBB6rrrnrR!", BREAKER_HALF_OPEN},
        {"half-open: two good ones are too few", "BBBBBBBBBB6GG!", BREAKER_HALF_OPEN},
        {"half-open: three good ones close", "BBBBBBBBBB6GGGw", BREAKER_CLOSED},
        {"half-open: a bad one opens", "BBBBBBBBBB6GGBR!", BREAKER_OPEN},
        {"opened again it waits as long again", "BBBBBBBBBB6B5R", BREAKER_OPEN},
        {"and tries again", "BBBBBBBBBB6B6GGG", BREAKER_CLOSED},
        {"closed again it begins anew", "BBBBBBBBBB6GGGBBBBBBBBB", BREAKER_CLOSED},
        {"late answers of the closed time do not count while open", "rrrBBBBBBBBBBggg",
         BREAKER_OPEN},
        {"nor while half-open", "rrrBBBBBBBBBB6rggg!", BREAKER_HALF_OPEN},
        {"late probes do not count once it has opened again", "BBBBBBBBBB6rrrbgg6r!",
         BREAKER_HALF_OPEN},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        begin();
        int64_t now = 1000;
        bool ok = true;
        for (const char *event = table[i].events; *event != '\0'; event++) {
            if (*event >= '0' && *event <= '9') {
                now += (*event - '0') * 10;
                continue;
            }
            ok = ok && happen(*event, now);
        }
        if (!CHECK(ok && breaker.state == table[i].state)) {
            printf("# %s: %s\n", table[i].name, breaker_state_name(breaker.state));
        }
    }
}

static void says_for_how_long_it_is_broken(void)
{
    begin();
    CHECK_INT(breaker_broken_ns(&breaker, 5000), 0);
    for (int i = 0; i < 10; i++) {
        CHECK(happen('B', 1000));
    }
    CHECK_INT(breaker_broken_ns(&breaker, 1030), 30);
    CHECK(happen('B', 1060)); /* half-open, and open again: one outage */
    CHECK_INT(breaker_broken_ns(&breaker, 1100), 100);
    CHECK_INT(breaker.opened, 1);
    CHECK(happen('G', 1120) && happen('G', 1121) && happen('G', 1122));
    CHECK_INT(breaker_broken_ns(&breaker, 1122), 0);
}

TAP_MAIN(TAP_TEST(transitions), TAP_TEST(says_for_how_long_it_is_broken))
