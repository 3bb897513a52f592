/* SPDX-License-Identifier: MIT */
/* What test/fault/pressure.py cannot ask in a few words: arithmetic of limits, and odd answers. */
#include "engine/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/queue.h"
#include "harness/tap.h"

static void a_slower_limit_keeps_the_other(void)
{
    static const struct {
        struct control_limit slower;
        struct control_limit limit;
        bool keeps;
    } table[] = {
        {{45, 60000}, {45, 60000}, true},   /* the same */
        {{46, 60000}, {45, 60000}, false},  /* one more */
        {{45, 600000}, {45, 60000}, true},  /* over a longer time */
        {{46, 600000}, {45, 60000}, false}, /* a lower rate, and 46 may come at once */
        {{22, 30000}, {45, 60000}, true},   /* two periods fit into one */
        {{23, 30000}, {45, 60000}, false},  /* 46 */
        {{15, 25000}, {45, 60000}, true},   /* three touch a minute */
        {{16, 25000}, {45, 60000}, false},  /* 48 */
        {{1, 1}, {45, 60000}, false},       /* 60,000 */
        {{1, 60000}, {1, 60000}, true},     /* the least */
        {{100000, 1000}, {0, 60000}, true}, /* nothing is configured */
        {{1, 86400000}, {45, 60000}, true}, /* a call a day */
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (!CHECK(control_keeps(&table[i].slower, &table[i].limit) == table[i].keeps)) {
            printf("# row %zu\n", i);
        }
    }
}

static const struct control_request pause_seven = {.run = 7, .order = CONTROL_PAUSE};

static void nobody_listens(void)
{
    struct err err;
    struct control_answer answer = {0};
    int dir = open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK_ERR(control_ask(dir, &pause_seven, &answer, &err), err, ERR_NOT_FOUND,
              "could not reach a running steward: No such file or directory");
    (void)close(dir);
}

/* --- a running steward that answers oddly --------------------------------------------------- */

struct teller {
    int fd;
    const char *answer;
    char heard[512];
};

static void *tell_one(void *arg)
{
    struct teller *teller = arg;
    int fd = accept(teller->fd, NULL, NULL);
    ssize_t n = recv(fd, teller->heard, sizeof(teller->heard) - 1, 0);
    (void)n;
    (void)send(fd, teller->answer, strlen(teller->answer), MSG_NOSIGNAL);
    (void)close(fd);
    return NULL;
}

static bool ask_teller(struct teller *teller, struct control_answer *ret, struct err *err)
{
    int dir = open(tap_tmpdir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/control.sock",
                   dir);
    (void)unlinkat(dir, "control.sock", 0);
    teller->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(teller->fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    CHECK(listen(teller->fd, 1) == 0);
    pthread_t thread;
    struct err other = {0};
    CHECK(thread_start(&thread, "teller", tell_one, teller, &other));
    bool ok = control_ask(dir, &pause_seven, ret, err);
    pthread_join(thread, NULL);
    (void)close(teller->fd);
    (void)close(dir);
    return ok;
}

static void answers(void)
{
    struct err err = {0};
    struct control_answer answer = {0};
    struct teller good = {
        .answer = "{\"run\":7,\"state\":\"paused\",\"limit\":{\"calls\":4,\"period_ms\":5},"
                  "\"configured\":{\"calls\":6,\"period_ms\":7},\"workers\":{\"may_be_busy\":2,"
                  "\"of\":8},\"breaker\":\"half-open\"}\n"};
    CHECK_OK(ask_teller(&good, &answer, &err), err);
    CHECK_STR(good.heard,
              "{\"run\":7,\"do\":\"pause\",\"calls\":0,\"period_ms\":0,\"above\":false}\n");
    CHECK(answer.paused);
    CHECK_INT(answer.limit.calls, 4);
    CHECK_INT(answer.limit.period_ms, 5);
    CHECK_INT(answer.configured.calls, 6);
    CHECK_INT(answer.configured.period_ms, 7);
    CHECK_INT(answer.width, 2);
    CHECK_INT(answer.most, 8);
    CHECK_STR(answer.breaker, "half-open");

    struct teller refusing = {.answer = "{\"error\":{\"kind\":\"refused\",\"message\":\"could not "
                                        "pause run 7: no\",\"hint\":\"Do.\"}}\n"};
    CHECK_ERR(ask_teller(&refusing, &answer, &err), err, ERR_REFUSED, "could not pause run 7: no");
    CHECK_STR(err.hint, "Do.");

    static const char *const odd[] = {"[]\n", "{}\n", "{\"state\":\"paused\"}\n", "nonsense\n"};
    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct teller teller = {.answer = odd[i]};
        CHECK_ERR(ask_teller(&teller, &answer, &err), err, ERR_PROTOCOL,
                  "could not understand the running steward's answer");
    }
    struct teller silent = {.answer = "{\"state\""};
    CHECK_ERR(ask_teller(&silent, &answer, &err), err, ERR_IO,
              "could not talk to the running steward: no answer came");
}

TAP_MAIN(TAP_TEST(a_slower_limit_keeps_the_other), TAP_TEST(nobody_listens), TAP_TEST(answers))
