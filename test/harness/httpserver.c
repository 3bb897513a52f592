/* SPDX-License-Identifier: MIT */
#include "harness/httpserver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"

enum { MAX_CONNECTIONS = 512, MAX_HEAD = 64 * 1024 };

struct connection {
    struct httpserver *server;
    pthread_t thread;
    int fd;
    int number;
};

struct httpserver {
    pthread_mutex_t lock;
    struct httpserver_step *steps;
    size_t step_count;
    size_t next_step;
    struct httpserver_record *records;
    size_t record_count;
    size_t record_room;
    struct connection connections[MAX_CONNECTIONS];
    int connection_count;
    pthread_t acceptor;
    atomic_bool stopping;
    int listener;
    int port;
    char url[64];
};

/* --- one request -------------------------------------------------------------------------- */

struct input {
    int fd;
    char bytes[MAX_HEAD];
    size_t len;
};

static bool read_more(struct input *in)
{
    if (in->len == sizeof(in->bytes)) {
        return false;
    }
    ssize_t n = recv(in->fd, in->bytes + in->len, sizeof(in->bytes) - in->len, 0);
    if (n <= 0) {
        return false;
    }
    in->len += (size_t)n;
    return true;
}

static void drop_bytes(struct input *in, size_t n)
{
    memmove(in->bytes, in->bytes + n, in->len - n);
    in->len -= n;
}

static void copy_text(char *out, size_t size, const char *from, size_t len)
{
    size_t n = len < size - 1 ? len : size - 1;
    memcpy(out, from, n);
    out[n] = '\0';
}

const char *httpserver_header(const struct httpserver_record *record, const char *name, char *out,
                              size_t size)
{
    out[0] = '\0';
    size_t name_len = strlen(name);
    for (const char *line = record->headers; line != NULL && *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        size_t len = end != NULL ? (size_t)(end - line) : strlen(line);
        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0) {
            str value = str_trim_ascii((str){line + name_len + 1, len - name_len - 1});
            copy_text(out, size, value.ptr, value.len);
            return out;
        }
        line = end != NULL ? end + 2 : NULL;
    }
    return out;
}

static bool read_head(struct input *in, struct httpserver_record *record)
{
    char *end;
    while ((end = memmem(in->bytes, in->len, "\r\n\r\n", 4)) == NULL) {
        if (!read_more(in)) {
            return false;
        }
    }
    size_t head = (size_t)(end - in->bytes) + 4;
    char *line_end = memmem(in->bytes, in->len, "\r\n", 2);
    str target;
    str line = {in->bytes, (size_t)(line_end - in->bytes)};
    str method = str_cut(line, ' ', &target);
    str version;
    str path = str_cut(target, ' ', &version);
    copy_text(record->method, sizeof(record->method), method.ptr, method.len);
    copy_text(record->path, sizeof(record->path), path.ptr != NULL ? path.ptr : "", path.len);
    copy_text(record->headers, sizeof(record->headers), line_end + 2,
              head - (size_t)(line_end + 2 - in->bytes));
    drop_bytes(in, head);
    return true;
}

static bool read_body(struct input *in, struct httpserver_record *record)
{
    char text[32];
    int64_t left = 0;
    (void)num_parse_i64(str_of(httpserver_header(record, "Content-Length", text, sizeof(text))), 0,
                        INT64_C(1) << 40, &left); /* none: 0 */
    while (left > 0) {
        if (in->len == 0 && !read_more(in)) {
            return false;
        }
        size_t n = (int64_t)in->len < left ? in->len : (size_t)left;
        if (record->body_len < sizeof(record->body) - 1) {
            size_t room = sizeof(record->body) - 1 - record->body_len;
            memcpy(record->body + record->body_len, in->bytes, n < room ? n : room);
        }
        record->body_len += n;
        left -= (int64_t)n;
        drop_bytes(in, n);
    }
    return true;
}

static struct httpserver_step note_request(struct httpserver *server,
                                           struct httpserver_record *record)
{
    struct httpserver_step step = {.status = 200, .body = STR("{}")};
    pthread_mutex_lock(&server->lock);
    if (server->next_step < server->step_count) {
        step = server->steps[server->next_step++];
    }
    record->expected =
        (step.expect_method == NULL || strcmp(step.expect_method, record->method) == 0) &&
        (step.expect_path == NULL || strcmp(step.expect_path, record->path) == 0);
    if (server->record_count == server->record_room) {
        server->record_room = server->record_room != 0 ? server->record_room * 2 : 16;
        server->records = xrealloc(server->records, server->record_room, sizeof(*record));
    }
    server->records[server->record_count++] = *record;
    pthread_mutex_unlock(&server->lock);
    return step;
}

/* --- one answer --------------------------------------------------------------------------- */

static bool nap(struct connection *connection, int ms)
{
    for (int left = ms; left > 0 && !atomic_load(&connection->server->stopping); left -= 10) {
        int part = left < 10 ? left : 10;
        struct timespec ts = {.tv_nsec = (long)part * 1000000};
        (void)nanosleep(&ts, NULL); /* a shorter nap is as good */
    }
    return !atomic_load(&connection->server->stopping);
}

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return true;
}

static bool send_body(struct connection *connection, const struct httpserver_step *step,
                      size_t most)
{
    size_t times = step->repeat != 0 ? step->repeat : 1;
    for (size_t t = 0; t < times && most > 0; t++) {
        size_t n = step->body.len < most ? step->body.len : most;
        most -= n;
        if (step->byte_delay_ms == 0) {
            if (!send_all(connection->fd, step->body.ptr, n)) {
                return false;
            }
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            if (!send_all(connection->fd, step->body.ptr + i, 1) ||
                !nap(connection, step->byte_delay_ms)) {
                return false;
            }
        }
    }
    return true;
}

static void reset_connection(int fd)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)); /* close then sends RST */
}

static void wait_for_end(struct connection *connection)
{
    struct pollfd fd = {.fd = connection->fd, .events = POLLIN | POLLRDHUP};
    while (!atomic_load(&connection->server->stopping) && poll(&fd, 1, 10) == 0) {
    }
}

/* False: the connection is to be closed. */
static bool answer(struct connection *connection, const struct httpserver_step *step)
{
    int fd = connection->fd;
    size_t whole = step->body.len * (step->repeat != 0 ? step->repeat : 1);
    if (!nap(connection, step->delay_ms)) {
        return false;
    }
    switch (step->act) {
    case HTTPSERVER_DROP:
        return false;
    case HTTPSERVER_HANG:
        wait_for_end(connection);
        return false;
    case HTTPSERVER_RAW:
        (void)send_body(connection, step, whole); /* the client may have seen enough */
        return false;
    case HTTPSERVER_RESET:
        if (step->cut == 0) {
            reset_connection(fd);
            return false;
        }
        break;
    case HTTPSERVER_REPLY:
    case HTTPSERVER_TRUNCATE:
        break;
    }
    bool close_it = step->close || step->act != HTTPSERVER_REPLY;
    char head[256];
    int n = snprintf(head, sizeof(head), "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s",
                     step->status != 0 ? step->status : 200, whole,
                     step->close ? "Connection: close\r\n" : "");
    if (!send_all(fd, head, (size_t)n) ||
        (step->headers != NULL && !send_all(fd, step->headers, strlen(step->headers))) ||
        !send_all(fd, "\r\n", 2) ||
        !send_body(connection, step, step->act == HTTPSERVER_REPLY ? whole : step->cut)) {
        return false;
    }
    if (step->act == HTTPSERVER_RESET) {
        (void)nap(connection, 50); /* let the client read what was sent before the RST */
        reset_connection(fd);
    }
    return !close_it;
}

/* --- threads ------------------------------------------------------------------------------ */

static void *serve_connection(void *arg)
{
    struct connection *connection = arg;
    struct input *in = xnew(struct input);
    in->fd = connection->fd;
    for (int i = 1;; i++) {
        struct httpserver_record *record = xnew(struct httpserver_record);
        record->connection = connection->number;
        record->on_connection = i;
        bool whole = read_head(in, record) && read_body(in, record);
        bool again = false;
        if (whole) {
            struct httpserver_step step = note_request(connection->server, record);
            again = answer(connection, &step);
        }
        free(record);
        if (!again) {
            break;
        }
    }
    free(in);
    pthread_mutex_lock(&connection->server->lock);
    (void)close(connection->fd); /* a socket of the test */
    connection->fd = -1;
    pthread_mutex_unlock(&connection->server->lock);
    return NULL;
}

static void *accept_connections(void *arg)
{
    struct httpserver *server = arg;
    while (!atomic_load(&server->stopping)) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0) {
            continue;
        }
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* only slower without */
        pthread_mutex_lock(&server->lock);
        struct connection *connection = &server->connections[server->connection_count];
        connection->server = server;
        connection->fd = fd;
        connection->number = server->connection_count + 1;
        bool started = server->connection_count < MAX_CONNECTIONS - 1 &&
                       !atomic_load(&server->stopping) &&
                       pthread_create(&connection->thread, NULL, serve_connection, connection) == 0;
        server->connection_count += started ? 1 : 0;
        pthread_mutex_unlock(&server->lock);
        if (!started) {
            (void)close(fd); /* a socket of the test */
        }
    }
    return NULL;
}

struct httpserver *httpserver_start(void)
{
    struct httpserver *server = xnew(struct httpserver);
    pthread_mutex_init(&server->lock, NULL);
    setenv("no_proxy", "127.0.0.1,localhost", 1);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    if (server->listener < 0 ||
        bind(server->listener, (const struct sockaddr *)&address, len) != 0 ||
        listen(server->listener, 128) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &len) != 0) {
        perror("test server");
        abort();
    }
    server->port = ntohs(address.sin_port);
    (void)snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%d", server->port);
    if (pthread_create(&server->acceptor, NULL, accept_connections, server) != 0) {
        abort();
    }
    return server;
}

void httpserver_stop(struct httpserver *server)
{
    atomic_store(&server->stopping, true);
    (void)shutdown(server->listener, SHUT_RDWR); /* wakes accept */
    pthread_join(server->acceptor, NULL);
    pthread_mutex_lock(&server->lock);
    int count = server->connection_count;
    for (int i = 0; i < count; i++) {
        if (server->connections[i].fd >= 0) {
            (void)shutdown(server->connections[i].fd, SHUT_RDWR); /* wakes recv */
        }
    }
    pthread_mutex_unlock(&server->lock);
    for (int i = 0; i < count; i++) {
        pthread_join(server->connections[i].thread, NULL);
    }
    (void)close(server->listener); /* a socket of the test */
    pthread_mutex_destroy(&server->lock);
    free(server->steps);
    free(server->records);
    free(server);
}

/* --- what the test asks ------------------------------------------------------------------- */

int httpserver_port(const struct httpserver *server)
{
    return server->port;
}

const char *httpserver_url(const struct httpserver *server)
{
    return server->url;
}

void httpserver_script(struct httpserver *server, const struct httpserver_step *step)
{
    pthread_mutex_lock(&server->lock);
    server->steps = xrealloc(server->steps, server->step_count + 1, sizeof(*step));
    server->steps[server->step_count++] = *step;
    pthread_mutex_unlock(&server->lock);
}

int httpserver_count(struct httpserver *server)
{
    pthread_mutex_lock(&server->lock);
    int count = (int)server->record_count;
    pthread_mutex_unlock(&server->lock);
    return count;
}

bool httpserver_get(struct httpserver *server, int number, struct httpserver_record *ret)
{
    pthread_mutex_lock(&server->lock);
    bool there = number >= 0 && (size_t)number < server->record_count;
    if (there) {
        *ret = server->records[number];
    }
    pthread_mutex_unlock(&server->lock);
    return there;
}

int httpserver_count_path(struct httpserver *server, const char *path)
{
    int count = 0;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->record_count; i++) {
        count += strcmp(server->records[i].path, path) == 0 ? 1 : 0;
    }
    pthread_mutex_unlock(&server->lock);
    return count;
}

int httpserver_unexpected(struct httpserver *server)
{
    int count = 0;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->record_count; i++) {
        count += server->records[i].expected ? 0 : 1;
    }
    pthread_mutex_unlock(&server->lock);
    return count;
}
