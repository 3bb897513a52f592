/* SPDX-License-Identifier: MIT */
/*
 * A plain load generator for bench_backfill.py: what an HTTP client can get out of the sandbox that does
 * nothing else. No journal, no backup, no JSON, no limit: for each line of the standard input
 * (ISSUE<TAB>VALUE) works.get, works.update, works.get over one keep-alive connection a thread, each
 * answer read to its end.
 *
 *   load PORT TOKEN THREADS <LINES      prints: calls seconds cpu_seconds failed
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "base/str.h"

enum { LINE_BYTES = 512, MESSAGE_BYTES = 16384, MOST_THREADS = 64 };

static struct {
    const char *token;
    uint16_t port;
    pthread_mutex_t lock; /* of the input and the counts */
    uint64_t calls;
    uint64_t failed;
} load = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int dial(void)
{
    int on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(load.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0)) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Reads one answer whole; its status, or -1. */
static int64_t read_answer(int fd)
{
    char bytes[MESSAGE_BYTES];
    size_t have = 0;
    const char *end = NULL;
    while (end == NULL) {
        ssize_t n = read(fd, bytes + have, sizeof(bytes) - 1 - have);
        if (n <= 0) {
            return -1;
        }
        have += (size_t)n;
        bytes[have] = '\0';
        end = strstr(bytes, "\r\n\r\n");
    }
    int64_t status = -1;
    int64_t length = 0;
    const char *field = strcasestr(bytes, "\r\nContent-Length: ");
    if (field != NULL) {
        const char *digits = field + strlen("\r\nContent-Length: ");
        (void)num_parse_i64((str){digits, strcspn(digits, "\r")}, 0, INT64_MAX, &length);
    }
    (void)num_parse_i64((str){bytes + strlen("HTTP/1.1 "), 3}, 100, 599, &status);
    int64_t missing = length - (int64_t)(have - (size_t)(end + 4 - bytes));
    while (missing > 0) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n <= 0) {
            return -1;
        }
        missing -= n;
    }
    return status;
}

static bool call(int fd, const char *name, const struct buf *body)
{
    AUTO_BUF struct buf request = {0};
    buf_printf(&request,
               "POST /%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\n"
               "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               name, load.port, load.token, body->len);
    buf_adds(&request, buf_str(body));
    return write(fd, request.ptr, request.len) == (ssize_t)request.len && read_answer(fd) == 200;
}

static bool fill(int fd, const char *issue, const char *value)
{
    AUTO_BUF struct buf get = {0};
    AUTO_BUF struct buf update = {0};
    buf_printf(&get, "{\"id\":\"%s\"}", issue);
    buf_printf(
        &update,
        "{\"id\":\"%s\",\"type\":\"issue\",\"custom_fields\":{\"tnt__creator_group\":\"%s\"},"
        "\"custom_schema_spec\":{\"tenant_fragment\":true}}",
        issue, value);
    return call(fd, "works.get", &get) && call(fd, "works.update", &update) &&
           call(fd, "works.get", &get);
}

static void *work(void *arg UNUSED)
{
    char line[LINE_BYTES];
    int fd = dial();
    for (;;) {
        pthread_mutex_lock(&load.lock);
        bool more = fgets(line, sizeof(line), stdin) != NULL;
        pthread_mutex_unlock(&load.lock);
        char *value = more ? strchr(line, '\t') : NULL;
        if (fd < 0 || value == NULL) {
            break;
        }
        *value++ = '\0';
        value[strcspn(value, "\n")] = '\0';
        bool ok = fill(fd, line, value);
        pthread_mutex_lock(&load.lock);
        load.calls += 3;
        load.failed += !ok;
        pthread_mutex_unlock(&load.lock);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[MOST_THREADS];
    int64_t port;
    int64_t count;
    struct rusage usage;
    if (argc != 4 || !num_parse_i64(str_of(argv[1]), 1, UINT16_MAX, &port) ||
        !num_parse_i64(str_of(argv[3]), 1, MOST_THREADS, &count)) {
        return 2;
    }
    load.port = (uint16_t)port;
    load.token = argv[2];
    int64_t begun = clock_mono_ns(clock_system());
    for (int64_t i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
            return 1;
        }
    }
    for (int64_t i = 0; i < count; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    double seconds = (double)(clock_mono_ns(clock_system()) - begun) / 1e9;
    (void)getrusage(RUSAGE_SELF, &usage);
    double cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                 (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    (void)printf("%llu %.3f %.3f %llu\n", (unsigned long long)load.calls, seconds, cpu,
                 (unsigned long long)load.failed);
    return load.failed != 0;
}
