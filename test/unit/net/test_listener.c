/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/tap.h"

static struct err err;

static void answer(void *ctx, str path, struct listener_answer *ret)
{
    int *asked = ctx;
    ++*asked;
    if (str_eqz(path, "/metrics")) {
        ret->status = 200;
        ret->content_type = "text/plain; version=0.0.4";
        buf_addz(&ret->body, "a 1\n");
    } else if (str_eqz(path, "/empty")) {
        ret->status = 200;
    }
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

/* Everything that comes back for one request. */
static void ask(uint16_t port, const char *request, struct buf *out)
{
    char bytes[512];
    ssize_t n;
    buf_clear(out);
    AUTO_CLOSE int fd = connect_to(port);
    CHECK(fd >= 0 && write(fd, request, strlen(request)) == (ssize_t)strlen(request));
    while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
        buf_add(out, bytes, (size_t)n);
    }
}

static bool holds(const struct buf *text, const char *word)
{
    return memmem(text->ptr, text->len, word, strlen(word)) != NULL;
}

static void answers(void)
{
    int asked = 0;
    AUTO_BUF struct buf out = {0};
    struct listener *listener = listener_start("127.0.0.1:0", answer, &asked, &err);
    CHECK(listener != NULL);
    uint16_t port = listener_port(listener);
    ask(port, "GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &out);
    CHECK(str_starts(buf_str(&out), STR("HTTP/1.1 200 OK\r\n")));
    CHECK(holds(&out, "\r\nContent-Type: text/plain; version=0.0.4\r\n"));
    CHECK(holds(&out, "\r\nX-Content-Type-Options: nosniff\r\n"));
    CHECK(holds(&out, "\r\n\r\na 1\n"));

    ask(port, "HEAD /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &out);
    CHECK(str_starts(buf_str(&out), STR("HTTP/1.1 200 OK\r\n")));
    CHECK(holds(&out, "\r\nContent-Length: 4\r\n"));
    CHECK(!holds(&out, "a 1"));

    ask(port, "GET /empty HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &out);
    CHECK(holds(&out, "\r\nContent-Length: 0\r\n"));
    CHECK(holds(&out, "\r\nContent-Type: text/plain; charset=utf-8\r\n"));

    ask(port, "GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", &out);
    CHECK(str_starts(buf_str(&out), STR("HTTP/1.1 404 Not Found\r\n")));
    CHECK(holds(&out, "\r\n\r\nnot found\n"));
    CHECK_INT(asked, 4);

    ask(port,
        "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
        &out);
    CHECK(str_starts(buf_str(&out), STR("HTTP/1.1 405 Method Not Allowed\r\n")));
    CHECK(holds(&out, "\r\nAllow: GET, HEAD\r\n"));
    CHECK_INT(asked, 4); /* nobody was asked */
    listener_stop(listener);
    CHECK(connect_to(port) < 0);
}

static void stops_while_somebody_is_connected(void)
{
    int asked = 0;
    char byte;
    struct listener *listener = listener_start(":0", answer, &asked, &err);
    CHECK(listener != NULL);
    AUTO_CLOSE int silent = connect_to(listener_port(listener));
    AUTO_CLOSE int half = connect_to(listener_port(listener));
    CHECK(silent >= 0 && half >= 0 && write(half, "GET /met", 8) == 8);
    (void)clock_sleep_ms(clock_system(), 50, NULL, 0);
    int64_t begun = clock_mono_ns(clock_system());
    listener_stop(listener);
    CHECK(clock_mono_ns(clock_system()) - begun < INT64_C(2000000000));
    CHECK(read(half, &byte, 1) <= 0);
    CHECK_INT(asked, 0);
}

static void refused(const char *address)
{
    char expected[160];
    (void)snprintf(expected, sizeof(expected),
                   "could not listen on '%s': it is no address and port", address);
    CHECK(listener_start(address, answer, NULL, &err) == NULL);
    CHECK_INT(err.kind, ERR_CONFIG);
    CHECK_STR(err.message, expected);
    CHECK_STR(err.hint, "Write 127.0.0.1:9464 or [::1]:9464.");
    err = (struct err){0};
}

static void addresses(void)
{
    static const char *const bad[] = {
        "",          "9464",         "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",   "127.0.0.1:65536",
        "host:9464", "127.0.0.1:-1", "[]:9464",   "[::1:9464",  "1.2.3.4.5:9464"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        refused(bad[i]);
    }
    struct listener *listener = listener_start("[::1]:0", answer, NULL, &err);
    if (listener == NULL) {
        CHECK_INT(err.kind, ERR_IO); /* a machine without IPv6 */
        err = (struct err){0};
    } else {
        CHECK(listener_port(listener) != 0);
        listener_stop(listener);
    }
    listener_stop(NULL);
}

static void a_port_that_is_taken(void)
{
    int asked = 0;
    char address[32];
    char expected[96];
    struct listener *first = listener_start("127.0.0.1:0", answer, &asked, &err);
    CHECK(first != NULL);
    (void)snprintf(address, sizeof(address), "127.0.0.1:%d", listener_port(first));
    (void)snprintf(expected, sizeof(expected), "could not listen on '%s': Address already in use",
                   address);
    CHECK(listener_start(address, answer, &asked, &err) == NULL);
    CHECK_INT(err.kind, ERR_IO);
    CHECK_STR(err.message, expected);
    listener_stop(first);
}

TAP_MAIN(TAP_TEST(answers), TAP_TEST(stops_while_somebody_is_connected), TAP_TEST(addresses),
         TAP_TEST(a_port_that_is_taken))
