/* SPDX-License-Identifier: MIT */
#include "sandbox/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sandbox/control.h"
#include "sandbox/dispatch.h"

enum { BODY_MAX = 1024 * 1024, QUERY_MAX = 64, CONNECTIONS_MAX = 1024, STACK_BYTES = 1024 * 1024 };

struct server {
    struct sandbox *sandbox;
    server_fn serve;
    void *ctx;
    struct MHD_Daemon *daemon;
    uint16_t port;
};

/* One HTTP request while it comes in. */
struct incoming {
    struct buf body;
    bool too_large;
    struct arena arena;
    struct query query[QUERY_MAX];
    size_t query_len;
};

/* --- sending ------------------------------------------------------------------------------------ */

/* A body of which only the first half leaves; then the connection is closed, or reset. */
struct half {
    struct buf body;
    int fd;
    bool reset;
};

static ssize_t read_half(void *ctx, uint64_t pos, char *out, size_t max)
{
    const struct half *half = ctx;
    size_t end = half->body.len / 2;
    if (pos >= end) {
        if (half->reset) {
            struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
            (void)connect(half->fd, &nowhere, sizeof(nowhere)); /* dissolves the connection: RST */
        }
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    size_t n = end - (size_t)pos < max ? end - (size_t)pos : max;
    memcpy(out, half->body.ptr + pos, n);
    return (ssize_t)n;
}

static void free_half(void *ctx)
{
    struct half *half = ctx;
    buf_done(&half->body);
    free(half);
}

static struct MHD_Response *half_response(struct MHD_Connection *connection, struct answer *answer)
{
    struct half *half = xnew(struct half);
    half->body = answer->body;
    half->reset = answer->action == FAULT_RESET_MID;
    half->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    answer->body = (struct buf){0};
    return MHD_create_response_from_callback(half->body.len, 16 * 1024, read_half, half, free_half);
}

static struct MHD_Response *whole_response(struct buf *body)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(body->len, body->ptr, MHD_RESPMEM_MUST_FREE);
    *body = (struct buf){0};
    return response;
}

static void header(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name,
                                  value); /* fails only for bad names or no memory */
}

static void number_header(struct MHD_Response *response, const char *name, int64_t value)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    header(response, name, text);
}

static enum MHD_Result send_response(struct MHD_Connection *connection, int status,
                                     struct MHD_Response *response)
{
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, const struct visit *visit,
                                   struct answer *answer)
{
    if (answer->action == FAULT_DROP_BEFORE || answer->action == FAULT_DROP_AFTER) {
        buf_done(&answer->body);
        return MHD_NO; /* closes the connection without a byte */
    }
    bool half = answer->action == FAULT_TRUNCATE || answer->action == FAULT_RESET_MID;
    struct MHD_Response *response =
        half ? half_response(connection, answer) : whole_response(&answer->body);
    header(response, "Content-Type", "application/json");
    if (answer->gzip) {
        header(response, "Content-Encoding", "gzip");
    }
    if (answer->limit > 0) {
        number_header(response, "X-Ratelimit-Limit", (int64_t)answer->limit);
        number_header(response, "X-Ratelimit-Remaining", (int64_t)answer->left);
        number_header(response, "X-Ratelimit-Reset", answer->reset_s);
    }
    if (answer->retry_after >= 0) {
        number_header(response, "Retry-After", answer->retry_after);
    }
    if (answer->request != 0) {
        number_header(response, "X-Request-Id", answer->request);
    }
    if (answer->allow != NULL) {
        header(response, "Allow", answer->allow);
    }
    if (answer->redirect) {
        AUTO_BUF struct buf place = {0};
        buf_printf(&place, "http://other-host.invalid/%" STR_FMT, STR_ARG(visit->call));
        header(response, "Location", buf_z(&place));
    }
    return send_response(connection, answer->status, response);
}

/* --- receiving ---------------------------------------------------------------------------------- */

/* Query values stay encoded: a comma that is encoded does not separate. */
static size_t keep_encoded(void *ctx UNUSED, struct MHD_Connection *connection UNUSED, char *text)
{
    return strlen(text);
}

static enum MHD_Result take_query(void *ctx, enum MHD_ValueKind kind UNUSED, const char *name,
                                  const char *value)
{
    struct incoming *incoming = ctx;
    if (incoming->query_len < QUERY_MAX) {
        struct buf decoded = {0};
        schema_unescape(str_of(name), &decoded);
        struct query *query = &incoming->query[incoming->query_len++];
        query->name = str_dup(&incoming->arena, buf_str(&decoded));
        query->raw = str_of(value != NULL ? value : "");
        buf_done(&decoded);
    }
    return MHD_YES;
}

static str header_of(struct MHD_Connection *connection, const char *name)
{
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
    return str_of(value != NULL ? value : "");
}

static enum MHD_Result serve(struct server *server, struct MHD_Connection *connection,
                             const char *url, const char *method, struct incoming *incoming)
{
    (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, take_query, incoming);
    struct visit visit = {.method = str_of(method),
                          .call = str_of(url[0] == '/' ? url + 1 : url),
                          .authorization = header_of(connection, "Authorization"),
                          .content_type = header_of(connection, "Content-Type"),
                          .token_type =
                              header_of(connection, "X-Snowflake-Authorization-Token-Type"),
                          .user_agent = header_of(connection, "User-Agent"),
                          .body = buf_str(&incoming->body),
                          .too_large = incoming->too_large,
                          .query = incoming->query,
                          .query_len = incoming->query_len};
    if (str_starts(visit.call, STR("sandbox/"))) {
        struct buf body = {0};
        const char *mime = NULL;
        int status = control_serve(server->sandbox, &visit, &body, &mime);
        struct MHD_Response *response = whole_response(&body);
        header(response, "Content-Type", mime);
        return send_response(connection, status, response);
    }
    struct answer answer;
    server->serve(server->ctx, &visit, &answer);
    return send_answer(connection, &visit, &answer);
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version UNUSED,
                                  const char *upload, size_t *upload_len, void **slot)
{
    struct incoming *incoming = *slot;
    if (incoming == NULL) {
        *slot = xnew(struct incoming);
        return MHD_YES;
    }
    if (*upload_len > 0) {
        if (incoming->body.len + *upload_len > BODY_MAX) {
            incoming->too_large = true;
        } else {
            buf_add(&incoming->body, upload, *upload_len);
        }
        *upload_len = 0;
        return MHD_YES;
    }
    return serve(ctx, connection, url, method, incoming);
}

static void on_end(void *ctx UNUSED, struct MHD_Connection *connection UNUSED, void **slot,
                   enum MHD_RequestTerminationCode code UNUSED)
{
    struct incoming *incoming = *slot;
    if (incoming != NULL) {
        buf_done(&incoming->body);
        arena_done(&incoming->arena);
        free(incoming);
        *slot = NULL;
    }
}

/* A drop that was asked for is no news. */
static void on_log(void *ctx UNUSED, const char *format UNUSED, va_list args UNUSED)
{
}

/* --- life --------------------------------------------------------------------------------------- */

static bool listen_on(uint16_t wanted, int *ret_fd, uint16_t *ret_port, struct err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(wanted)};
    socklen_t size = sizeof(address);
    int on = 1;
    AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
        bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 512) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not listen on 127.0.0.1:%u", wanted);
    }
    *ret_fd = fd;
    *ret_port = ntohs(address.sin_port);
    fd = -1;
    return true;
}

struct server *server_start(struct sandbox *sandbox, server_fn serve_visit, void *ctx,
                            uint16_t wanted, struct err *err)
{
    int fd = -1;
    uint16_t port = 0;
    if (!listen_on(wanted, &fd, &port, err)) {
        return NULL;
    }
    struct server *server = xnew(struct server);
    server->sandbox = sandbox;
    server->serve = serve_visit;
    server->ctx = ctx;
    server->port = port;
    server->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
        MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, NULL, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(128 * 1024), MHD_OPTION_END);
    if (server->daemon == NULL) {
        (void)close(fd);
        free(server);
        (void)err_set(err, ERR_INTERNAL, "could not start the HTTP server on port %u", port);
        return NULL;
    }
    return server;
}

uint16_t server_port(const struct server *server)
{
    return server->port;
}

void server_stop(struct server *server)
{
    if (server != NULL) {
        MHD_stop_daemon(server->daemon); /* closes the listening socket too */
        free(server);
    }
}
