/* SPDX-License-Identifier: MIT */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"
#include "net/late.h"

enum { CONNECTIONS = 16, IDLE_S = 10, BACKLOG = 16 };

/* Its binary interface since 0.9.71; the header of the build is checked against it by the compiler. */
static const char library[] = "libmicrohttpd.so.12";

#define FUNCTIONS(X)                                                                               \
    X(MHD_start_daemon)                                                                            \
    X(MHD_stop_daemon)                                                                             \
    X(MHD_create_response_from_buffer)                                                             \
    X(MHD_add_response_header)                                                                     \
    X(MHD_queue_response)                                                                          \
    X(MHD_destroy_response)

LATE_LIBRARY(FUNCTIONS, library)

struct listener {
    listener_fn answer;
    void *ctx;
    struct MHD_Daemon *daemon;
    uint16_t port;
};

/* --- requests --------------------------------------------------------------------------------- */

static enum MHD_Result send_answer(struct MHD_Connection *connection,
                                   struct listener_answer *answer)
{
    buf_add(&answer->body, "", 1); /* so that there is something to point at */
    struct MHD_Response *response = late.MHD_create_response_from_buffer(
        answer->body.len - 1, answer->body.ptr, MHD_RESPMEM_MUST_COPY);
    if (response == NULL) {
        return MHD_NO;
    }
    (void)late.MHD_add_response_header(response, "Content-Type",
                                       answer->content_type != NULL ? answer->content_type
                                                                    : "text/plain; charset=utf-8");
    (void)late.MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (answer->status == 405) {
        (void)late.MHD_add_response_header(response, "Allow", "GET, HEAD");
    }
    enum MHD_Result result =
        late.MHD_queue_response(connection, (unsigned)answer->status, response);
    late.MHD_destroy_response(response);
    return result;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version UNUSED,
                                  const char *upload UNUSED, size_t *upload_len, void **slot UNUSED)
{
    const struct listener *listener = ctx;
    struct listener_answer answer = {0};
    bool reads = str_eqz(STR("GET"), method) || str_eqz(STR("HEAD"), method);
    *upload_len = 0;
    if (reads) {
        listener->answer(listener->ctx, str_of(url), &answer);
    }
    if (!reads || answer.status == 0) {
        answer.status = reads ? 404 : 405;
        buf_addz(&answer.body, reads ? "not found\n" : "only GET\n");
    }
    enum MHD_Result result = send_answer(connection, &answer);
    buf_done(&answer.body);
    return result;
}

static void on_log(void *ctx UNUSED, const char *format UNUSED, va_list args UNUSED)
{
    /* a reader that went away is no news */
}

/* --- addresses ---------------------------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool parse_address(const char *text, union address *ret, socklen_t *ret_len, struct err *err)
{
    const char *colon = strrchr(text, ':');
    int64_t port = -1;
    char host[64] = "127.0.0.1";
    size_t len = colon != NULL ? (size_t)(colon - text) : sizeof(host);
    *ret = (union address){0};
    if (len < sizeof(host) && num_parse_i64(str_of(colon + 1), 0, UINT16_MAX, &port)) {
        if (len > 2 && text[0] == '[' && text[len - 1] == ']') {
            (void)snprintf(host, sizeof(host), "%.*s", (int)len - 2, text + 1);
        } else if (len != 0) {
            (void)snprintf(host, sizeof(host), "%.*s", (int)len, text);
        }
        ret->v4.sin_port = ret->v6.sin6_port = htons((uint16_t)port);
        if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
            ret->v4.sin_family = AF_INET;
            *ret_len = sizeof(ret->v4);
            return true;
        }
        if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
            ret->v6.sin6_family = AF_INET6;
            *ret_len = sizeof(ret->v6);
            return true;
        }
    }
    (void)err_set(err, ERR_CONFIG, "could not listen on '%s': it is no address and port", text);
    return err_hint(err, "Write 127.0.0.1:9464 or [::1]:9464.");
}

static bool listen_on(const char *text, int *ret_fd, uint16_t *ret_port, struct err *err)
{
    union address address;
    socklen_t len = 0;
    int on = 1;
    if (!parse_address(text, &address, &len, err)) {
        return false;
    }
    AUTO_CLOSE int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, &address.any, len) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, &address.any, &len) < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not listen on '%s'", text);
    }
    *ret_port =
        ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    *ret_fd = fd;
    fd = -1;
    return true;
}

/* --- life --------------------------------------------------------------------------------------- */

struct listener *listener_start(const char *address, listener_fn answer, void *ctx, struct err *err)
{
    int fd = -1;
    struct listener *listener = xnew(struct listener);
    *listener = (struct listener){.answer = answer, .ctx = ctx};
    if (!late_ready()) {
        (void)err_set(err, ERR_IO, "could not listen on '%s': %s could not be loaded", address,
                      library);
        (void)err_hint(err, "Install libmicrohttpd12.");
        free(listener);
        return NULL;
    }
    if (!listen_on(address, &fd, &listener->port, err)) {
        free(listener);
        return NULL;
    }
    listener->daemon = late.MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, listener,
        MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_END);
    if (listener->daemon == NULL) {
        (void)close(fd);
        free(listener);
        (void)err_set(err, ERR_INTERNAL, "could not listen on '%s': the server did not start",
                      address);
        return NULL;
    }
    return listener;
}

uint16_t listener_port(const struct listener *listener)
{
    return listener->port;
}

void listener_stop(struct listener *listener)
{
    if (listener != NULL) {
        late.MHD_stop_daemon(listener->daemon); /* closes the listening socket too */
        free(listener);
    }
}
