/* SPDX-License-Identifier: MIT */
#include "net/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/httpserver.h"
#include "harness/tap.h"

/* One server and one client a test function. */
static struct httpserver *server;
static struct http *http;
static struct http_response response;
static struct err err;

static void start(const struct http_options *options)
{
    server = httpserver_start();
    struct http_options mine = *options;
    mine.clock = clock_system();
    err = (struct err){0};
    http = http_new(&mine, &err);
    CHECK(http != NULL);
    response = (struct http_response){0};
}

static void stop_all(void)
{
    http_response_done(&response);
    http_free(http);
    httpserver_stop(server);
}

static bool send_to(const char *base, const char *method, const char *path, bool is_write, str body)
{
    char url[512];
    (void)snprintf(url, sizeof(url), "%s%s", base, path);
    struct http_request request = {
        .method = method, .url = url, .is_write = is_write, .body = body};
    return http_send(http, &request, &response, &err);
}

static bool get(const char *path)
{
    return send_to(httpserver_url(server), "GET", path, false, STR_NONE);
}

static bool post(const char *path, str body)
{
    return send_to(httpserver_url(server), "POST", path, true, body);
}

/* The message for our server's address. */
static const char *says(const char *cause)
{
    static char text[256];
    (void)snprintf(text, sizeof(text), "could not call '127.0.0.1:%d': %s", httpserver_port(server),
                   cause);
    return text;
}

static void check_flags(bool retryable, bool ambiguous)
{
    CHECK_INT(err.retryable, retryable);
    CHECK_INT(err.ambiguous, ambiguous);
}

/* --- what goes out ------------------------------------------------------------------------ */

static void a_read_and_a_write_arrive_as_asked(void)
{
    start(&(struct http_options){0});
    struct httpserver_record record;
    char value[256];
    struct secret token = {0};
    secret_set(&token, STR("t0ken"));
    const struct http_header extra[] = {{"X-Devrev-Scope", STR("beta")}, {"X-Empty", STR("")}};
    char url[128];
    (void)snprintf(url, sizeof(url), "%s/rev-users.merge?x=1", httpserver_url(server));
    httpserver_script(server,
                      &(struct httpserver_step){
                          .status = 201,
                          .headers = "X-Request-Id: r-1\r\nContent-Type: application/json\r\n",
                          .body = STR("{\"ok\":true}")});
    struct http_request request = {.method = "POST",
                                   .url = url,
                                   .is_write = true,
                                   .bearer = &token,
                                   .headers = extra,
                                   .header_count = 2,
                                   .body = STR("{\"a\":1}")};
    CHECK_OK(http_send(http, &request, &response, &err), err);
    CHECK_INT(response.status, 201);
    CHECK_TEXT(buf_str(&response.body), "{\"ok\":true}");
    CHECK_STR(response.request_id, "r-1");
    CHECK_STR(response.content_type, "application/json");
    CHECK(response.duration_ns > 0);
    CHECK(httpserver_get(server, 0, &record));
    CHECK_STR(record.method, "POST");
    CHECK_STR(record.path, "/rev-users.merge?x=1");
    CHECK_STR(record.body, "{\"a\":1}");
    CHECK_STR(httpserver_header(&record, "Authorization", value, sizeof(value)), "Bearer t0ken");
    CHECK_STR(httpserver_header(&record, "Content-Type", value, sizeof(value)), "application/json");
    CHECK_STR(httpserver_header(&record, "X-Devrev-Scope", value, sizeof(value)), "beta");
    CHECK_STR(httpserver_header(&record, "User-Agent", value, sizeof(value)), "steward/0.1.0");
    CHECK_STR(httpserver_header(&record, "Expect", value, sizeof(value)), "");
    CHECK(strstr(record.headers, "X-Empty:") != NULL);

    CHECK_OK(get("/ping"), err);
    CHECK(httpserver_get(server, 1, &record));
    CHECK_STR(record.method, "GET");
    CHECK_STR(httpserver_header(&record, "Authorization", value, sizeof(value)), "");
    CHECK_STR(httpserver_header(&record, "Content-Type", value, sizeof(value)), "");
    CHECK_STR(httpserver_header(&record, "Content-Length", value, sizeof(value)), "");
    CHECK_INT(record.connection, 1);
    CHECK_INT(record.on_connection, 2);
    secret_done(&token);
    stop_all();
}

static void every_method_and_a_large_body_arrive(void)
{
    start(&(struct http_options){0});
    const char *const methods[] = {"PATCH", "PUT", "DELETE", "POST"};
    struct httpserver_record record;
    char value[64];
    AUTO_BUF struct buf large = {0};
    for (int i = 0; i < 3000000; i++) {
        buf_addc(&large, (char)('a' + i % 26));
    }
    for (int i = 0; i < 4; i++) {
        CHECK_OK(send_to(httpserver_url(server), methods[i], "/x", true, buf_str(&large)), err);
        CHECK(httpserver_get(server, i, &record));
        CHECK_STR(record.method, methods[i]);
        CHECK_INT(record.body_len, 3000000);
        CHECK_INT(record.connection, 1);
    }
    CHECK_OK(send_to(httpserver_url(server), "DELETE", "/x", true, STR_NONE), err);
    CHECK(httpserver_get(server, 4, &record));
    CHECK_STR(record.body, "{}");
    CHECK_STR(httpserver_header(&record, "Content-Length", value, sizeof(value)), "2");
    CHECK_OK(send_to(httpserver_url(server), "POST", "/list", false, STR("{\"q\":1}")), err);
    CHECK(httpserver_get(server, 5, &record));
    CHECK_STR(record.body, "{\"q\":1}");
    stop_all();
}

static void too_many_headers_are_refused(void)
{
    start(&(struct http_options){0});
    struct http_header many[40];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = (struct http_header){"X-A", STR("1")};
    }
    struct http_request request = {
        .method = "GET", .url = httpserver_url(server), .headers = many, .header_count = 31};
    CHECK_OK(http_send(http, &request, &response, &err), err);
    for (size_t count = 32; count <= ARRAY_LEN(many); count++) {
        request.header_count = count;
        CHECK_ERR(http_send(http, &request, &response, &err), err, ERR_INTERNAL,
                  "could not send the request: too many headers");
    }
    CHECK_INT(httpserver_count(server), 1);
    stop_all();
}

static void a_token_with_a_line_end_is_not_sent(void)
{
    start(&(struct http_options){0});
    struct secret token = {0};
    secret_set(&token, STR("t0ken\nX-Evil: 1"));
    struct http_request request = {
        .method = "GET", .url = httpserver_url(server), .bearer = &token};
    CHECK_ERR(http_send(http, &request, &response, &err), err, ERR_CONFIG,
              "could not send header 'Authorization': its value holds a line break or control "
              "character");
    CHECK(err.fatal);
    const struct http_header evil = {"X-A", STR("1\r\nX-Evil: 1")};
    request = (struct http_request){
        .method = "GET", .url = httpserver_url(server), .headers = &evil, .header_count = 1};
    CHECK_ERR(http_send(http, &request, &response, &err), err, ERR_CONFIG,
              "could not send header 'X-A': its value holds a line break or control character");
    CHECK_INT(httpserver_count(server), 0);
    secret_done(&token);
    stop_all();
}

/* --- never twice ------------------------------------------------------------------------- */

/* A warm connection, on which the second request is read, recorded and dropped. */
static void drop_on_reuse(const char *method, bool is_write, str body, bool ambiguous)
{
    start(&(struct http_options){0});
    httpserver_script(server, &(struct httpserver_step){.body = STR("{}")});
    httpserver_script(server, &(struct httpserver_step){.act = HTTPSERVER_DROP});
    CHECK_OK(get("/warm"), err);
    CHECK_ERR(send_to(httpserver_url(server), method, "/merge", is_write, body), err, ERR_NETWORK,
              says("the connection broke before an answer arrived"));
    check_flags(!ambiguous, ambiguous);
    struct httpserver_record record;
    CHECK(httpserver_get(server, 1, &record));
    CHECK_STR(record.path, "/merge");
    CHECK_STR(record.method, method);
    CHECK_INT(record.on_connection, 2);
    CHECK_INT(httpserver_count_path(server, "/merge"), 1);
    /* and the client is as good as new */
    CHECK_OK(post("/next", STR("{}")), err);
    CHECK_INT(httpserver_count(server), 3);
    stop_all();
}

static void a_write_on_a_dying_connection_arrives_once(void)
{
    drop_on_reuse("POST", true, STR("{\"primary\":1}"), true);
    drop_on_reuse("PATCH", true, STR("{\"primary\":1}"), true);
    drop_on_reuse("PUT", true, STR("{\"primary\":1}"), true);
}

static void a_write_without_a_body_too(void)
{
    drop_on_reuse("POST", true, STR_NONE, true);
    drop_on_reuse("PATCH", true, STR_NONE, true);
    drop_on_reuse("DELETE", true, STR_NONE, true);
}

static void a_read_is_asked_once_and_may_be_retried(void)
{
    drop_on_reuse("GET", false, STR_NONE, false);
    drop_on_reuse("POST", false, STR("{\"id\":1}"), false);
}

static void a_reset_instead_of_a_close_makes_no_difference(void)
{
    start(&(struct http_options){0});
    httpserver_script(server, &(struct httpserver_step){.body = STR("{}")});
    httpserver_script(server, &(struct httpserver_step){.act = HTTPSERVER_RESET});
    CHECK_OK(get("/warm"), err);
    CHECK_ERR(post("/merge", STR("{}")), err, ERR_NETWORK,
              says("the connection broke before an answer arrived"));
    check_flags(false, true);
    CHECK_INT(httpserver_count_path(server, "/merge"), 1);
    stop_all();
}

static void a_fresh_connection_that_is_dropped_is_ambiguous(void)
{
    start(&(struct http_options){0});
    httpserver_script(server, &(struct httpserver_step){.act = HTTPSERVER_DROP});
    CHECK_ERR(post("/merge", STR("{}")), err, ERR_NETWORK,
              says("the connection broke before an answer arrived"));
    check_flags(false, true);
    CHECK_INT(httpserver_count(server), 1);
    stop_all();
}

static void a_connection_closed_while_idle_costs_nothing(void)
{
    start(&(struct http_options){0});
    httpserver_script(
        server, &(struct httpserver_step){.body = STR("{}"), .act = HTTPSERVER_TRUNCATE, .cut = 2});
    CHECK_OK(get("/warm"), err);
    (void)usleep(50000); /* the server's FIN has arrived */
    CHECK_OK(post("/merge", STR("{}")), err);
    CHECK_INT(httpserver_count_path(server, "/merge"), 1);
    stop_all();
}

/* --- broken answers ----------------------------------------------------------------------- */

/* The same failure for a write and for a read. */
static void check_broken(const struct httpserver_step *step, enum err_kind kind, const char *cause)
{
    httpserver_script(server, step);
    CHECK_ERR(post("/w", STR("{}")), err, kind, says(cause));
    check_flags(false, true);
    httpserver_script(server, step);
    CHECK_ERR(get("/r"), err, kind, says(cause));
    check_flags(true, false);
}

static void an_answer_that_is_cut_short(void)
{
    start(&(struct http_options){0});
    check_broken(&(struct httpserver_step){.act = HTTPSERVER_TRUNCATE,
                                           .body = STR("{\"rev_user\":{}}"),
                                           .cut = 5},
                 ERR_PROTOCOL, "the answer was cut short");
    CHECK_INT(err.http_status, 200);
    check_broken(&(struct httpserver_step){.act = HTTPSERVER_RESET,
                                           .body = STR("{\"rev_user\":{}}"),
                                           .cut = 5},
                 ERR_PROTOCOL, "the answer was cut short");
    CHECK_INT(httpserver_count(server), 4);
    stop_all();
}

static void an_answer_that_is_no_http(void)
{
    start(&(struct http_options){0});
    check_broken(&(struct httpserver_step){.act = HTTPSERVER_RAW,
                                           .body = STR("SSH-2.0-OpenSSH_9.2\r\n\r\n")},
                 ERR_PROTOCOL, "the answer is not HTTP");
    check_broken(&(struct httpserver_step){.act = HTTPSERVER_RAW,
                                           .body = STR("HTTP/1.1 twohundred OK\r\n\r\n")},
                 ERR_PROTOCOL, "the answer is not HTTP");
    CHECK_INT(httpserver_count(server), 4);
    stop_all();
}

static void header_lines_with_a_nul_or_without_end(void)
{
    start(&(struct http_options){0});
    check_broken(&(struct httpserver_step){.act = HTTPSERVER_RAW,
                                           .body = STR("HTTP/1.1 200 OK\r\nX-A: a\0b\r\n"
                                                       "Content-Length: 0\r\n\r\n")},
                 ERR_PROTOCOL, "the answer is not HTTP");
    AUTO_BUF struct buf many = {0};
    buf_addz(&many, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 20000; i++) {
        buf_printf(&many, "X-Filler-%06d: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", i);
    }
    buf_addz(&many, "Content-Length: 0\r\n\r\n");
    CHECK(many.len > 1000000);
    check_broken(&(struct httpserver_step){.act = HTTPSERVER_RAW, .body = buf_str(&many)},
                 ERR_PROTOCOL, "its header lines are broken or too long");
    AUTO_BUF struct buf wide = {0};
    buf_addz(&wide, "HTTP/1.1 200 OK\r\nX-Wide: ");
    for (int i = 0; i < 1000000; i++) {
        buf_addc(&wide, 'a');
    }
    buf_addz(&wide, "\r\nContent-Length: 0\r\n\r\n");
    check_broken(&(struct httpserver_step){.act = HTTPSERVER_RAW, .body = buf_str(&wide)},
                 ERR_PROTOCOL, "the answer is not HTTP");
    stop_all();
}

static void an_answer_above_the_limit(void)
{
    start(&(struct http_options){.max_response = 1 << 20});
    AUTO_BUF struct buf piece = {0};
    for (int i = 0; i < 1 << 20; i++) {
        buf_addc(&piece, 'x');
    }
    const struct httpserver_step huge = {.body = buf_str(&piece), .repeat = 100};
    httpserver_script(server, &huge);
    CHECK_ERR(post("/w", STR("{}")), err, ERR_PROTOCOL,
              says("the answer is larger than 1048576 bytes"));
    check_flags(false, true);
    httpserver_script(server, &huge);
    CHECK_ERR(get("/r"), err, ERR_PROTOCOL, says("the answer is larger than 1048576 bytes"));
    check_flags(false, false);
    CHECK(response.body.len <= 1 << 20);
    const struct httpserver_step exact = {.body = buf_str(&piece)};
    httpserver_script(server, &exact);
    CHECK_OK(get("/exact"), err);
    CHECK_INT(response.body.len, 1 << 20);
    CHECK_OK(get("/small"), err);
    CHECK_TEXT(buf_str(&response.body), "{}");
    CHECK(response.body.cap < 1 << 20); /* the large buffer is not kept */
    stop_all();
}

static void a_redirect_is_an_error_and_the_token_stays(void)
{
    start(&(struct http_options){0});
    struct httpserver *other = httpserver_start();
    char location[128];
    char cause[128];
    (void)snprintf(location, sizeof(location), "Location: %s/rev-users.merge\r\n",
                   httpserver_url(other));
    (void)snprintf(cause, sizeof(cause), "it answered 301, a redirect to '127.0.0.1:%d'",
                   httpserver_port(other));
    httpserver_script(server, &(struct httpserver_step){.status = 301, .headers = location});
    CHECK_ERR(post("/w", STR("{}")), err, ERR_REMOTE, says(cause));
    check_flags(false, false);
    CHECK_INT(err.http_status, 301);
    CHECK_INT(response.status, 301);
    CHECK_STR(err.hint, "Check the address of the remote; redirects are never followed.");
    httpserver_script(server,
                      &(struct httpserver_step){.status = 303, .headers = "Location: /x\r\n"});
    CHECK_ERR(post("/w", STR("{}")), err, ERR_REMOTE, says("it answered 303, a redirect"));
    check_flags(false, true);
    httpserver_script(server, &(struct httpserver_step){.status = 302});
    CHECK_ERR(get("/r"), err, ERR_REMOTE, says("it answered 302, a redirect"));
    CHECK_INT(httpserver_count(other), 0);
    CHECK_INT(httpserver_count(server), 3);
    httpserver_stop(other);
    stop_all();
}

static void a_status_is_the_callers_matter(void)
{
    start(&(struct http_options){0});
    const int statuses[] = {200, 204, 304, 400, 401, 404, 409, 429, 500, 503};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        httpserver_script(server, &(struct httpserver_step){.status = statuses[i]});
        CHECK_OK(post("/w", STR("{}")), err);
        CHECK_INT(response.status, statuses[i]);
    }
    httpserver_script(server, &(struct httpserver_step){.status = 429,
                                                        .headers = "Retry-After: 2\r\n"
                                                                   "X-Ratelimit-Remaining: 0\r\n",
                                                        .body = STR("{\"message\":\"slow\"}")});
    CHECK_OK(get("/r"), err);
    CHECK_INT(response.retry_after_ms, 2000);
    CHECK_INT(response.ratelimit_remaining, 0);
    CHECK_TEXT(buf_str(&response.body), "{\"message\":\"slow\"}");
    httpserver_script(server, &(struct httpserver_step){
                                  .status = 503,
                                  .headers = "Retry-After: Sun, 06 Nov 1994 08:49:39 GMT\r\n"
                                             "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                              });
    CHECK_OK(get("/r"), err);
    CHECK_INT(response.retry_after_ms, 2000);
    CHECK_INT(response.date_ms, INT64_C(784111777000));
    CHECK_OK(get("/r"), err);
    CHECK_INT(response.retry_after_ms, -1);
    CHECK_TEXT(buf_str(&response.body), "{}");
    stop_all();
}

/* --- no connection ------------------------------------------------------------------------ */

static void a_refused_connection_sent_nothing(void)
{
    start(&(struct http_options){0});
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* bound, not listening: refused */
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    CHECK(bind(fd, (const struct sockaddr *)&address, len) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    char base[64];
    char message[128];
    (void)snprintf(base, sizeof(base), "http://127.0.0.1:%d", ntohs(address.sin_port));
    (void)snprintf(message, sizeof(message), "could not call '127.0.0.1:%d': Connection refused",
                   ntohs(address.sin_port));
    CHECK_ERR(send_to(base, "POST", "/w", true, STR("{}")), err, ERR_NETWORK, message);
    check_flags(true, false);
    CHECK_INT(err.os_errno, ECONNREFUSED);
    (void)close(fd);
    stop_all();
}

static void an_unknown_host_sent_nothing(void)
{
    start(&(struct http_options){0});
    CHECK_ERR(send_to("https://steward-test.invalid", "POST", "/w", true, STR("{}")), err,
              ERR_NETWORK,
              "could not call 'steward-test.invalid': the host name could not be resolved");
    check_flags(true, false);
    stop_all();
}

static void a_failed_tls_handshake_sent_nothing(void)
{
    start(&(struct http_options){0});
    char base[64];
    (void)snprintf(base, sizeof(base), "https://127.0.0.1:%d", httpserver_port(server));
    /* the server takes the hello for the head of a request and never answers: end it by hand */
    struct http_options quick = {.connect_timeout_ms = 300, .clock = clock_system()};
    AUTO(http_free) struct http *impatient = http_new(&quick, &err);
    struct http_request request = {
        .method = "POST", .url = base, .is_write = true, .body = STR("{}")};
    CHECK_ERR(http_send(impatient, &request, &response, &err), err, ERR_NETWORK,
              says("no connection within the connect timeout"));
    check_flags(true, false);
    CHECK_INT(httpserver_count(server), 0);
    stop_all();
}

/* A TLS server for one connection: with a certificate that nobody trusts, or without any TLS. */
struct tls_server {
    pthread_t thread;
    int listener;
    int port;
    bool speaks_tls;
    bool shook_hands;
};

static SSL_CTX *make_untrusted(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"127.0.0.1", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_sign(cert, key, EVP_sha256());
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(ctx, cert);
    SSL_CTX_use_PrivateKey(ctx, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static void *serve_tls(void *arg)
{
    struct tls_server *tls = arg;
    int fd = accept(tls->listener, NULL, NULL);
    if (!tls->speaks_tls) {
        (void)!write(fd, "HTTP/1.1 400 Bad\r\n\r\n",
                     20); /* the client decides what it makes of it */
        (void)close(fd);
        return NULL;
    }
    SSL_CTX *ctx = make_untrusted();
    SSL *ssl = SSL_new(ctx);
    SSL_set_fd(ssl, fd);
    char byte = 0;
    /* the handshake is only over for the client once it has accepted the certificate */
    tls->shook_hands = SSL_accept(ssl) == 1 && SSL_read(ssl, &byte, 1) == 1;
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    (void)close(fd);
    return NULL;
}

static void start_tls(struct tls_server *tls)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    tls->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(tls->listener, (const struct sockaddr *)&address, len) == 0);
    CHECK(listen(tls->listener, 1) == 0);
    CHECK(getsockname(tls->listener, (struct sockaddr *)&address, &len) == 0);
    tls->port = ntohs(address.sin_port);
    CHECK(pthread_create(&tls->thread, NULL, serve_tls, tls) == 0);
}

static void check_tls(bool speaks_tls, const char *cause, bool fatal)
{
    struct tls_server tls = {.speaks_tls = speaks_tls};
    start_tls(&tls);
    char base[64];
    char message[128];
    (void)snprintf(base, sizeof(base), "https://127.0.0.1:%d", tls.port);
    (void)snprintf(message, sizeof(message), "could not call '127.0.0.1:%d': %s", tls.port, cause);
    CHECK_ERR(send_to(base, "POST", "/w", true, STR("{}")), err, ERR_NETWORK, message);
    check_flags(!fatal, false);
    CHECK_INT(err.fatal, fatal);
    pthread_join(tls.thread, NULL);
    CHECK(!tls.shook_hands);
    (void)close(tls.listener);
}

static void an_untrusted_certificate_gets_nothing(void)
{
    start(&(struct http_options){0});
    check_tls(true, "its certificate is not trusted", true);
    CHECK_STR(err.hint, "Check the address, the clock and the certificates of this machine.");
    check_tls(false, "no TLS connection", false);
    stop_all();
}

static void a_proxy_that_refuses_sent_nothing_and_sees_no_token(void)
{
    start(&(struct http_options){0});
    setenv("https_proxy", httpserver_url(server), 1);
    httpserver_script(server, &(struct httpserver_step){.expect_method = "CONNECT", .status = 502});
    struct secret token = {0};
    secret_set(&token, STR("t0ken"));
    struct http_request request = {.method = "POST",
                                   .url = "https://api.example.com/rev-users.merge",
                                   .is_write = true,
                                   .bearer = &token,
                                   .body = STR("{}")};
    CHECK_ERR(http_send(http, &request, &response, &err), err, ERR_NETWORK,
              "could not call 'api.example.com': the proxy answered 502");
    check_flags(true, false);
    unsetenv("https_proxy");
    struct httpserver_record record;
    char value[64];
    CHECK(httpserver_get(server, 0, &record));
    CHECK(record.expected);
    CHECK_STR(record.path, "api.example.com:443");
    CHECK_STR(httpserver_header(&record, "Authorization", value, sizeof(value)), "");
    CHECK_INT(httpserver_count(server), 1);
    secret_done(&token);
    stop_all();
}

static void a_head_has_no_body(void)
{
    start(&(struct http_options){0});
    httpserver_script(server,
                      &(struct httpserver_step){.act = HTTPSERVER_RAW,
                                                .body = STR("HTTP/1.1 200 OK\r\n"
                                                            "Content-Length: 1000\r\n\r\n")});
    CHECK_OK(send_to(httpserver_url(server), "HEAD", "/x", false, STR_NONE), err);
    CHECK_INT(response.status, 200);
    CHECK_INT(response.body.len, 0);
    struct httpserver_record record;
    CHECK(httpserver_get(server, 0, &record));
    CHECK_STR(record.method, "HEAD");
    stop_all();
}

static void a_bad_url_is_a_setting_to_mend(void)
{
    start(&(struct http_options){0});
    CHECK_ERR(send_to("ftp://files.example.com", "GET", "/w", false, STR_NONE), err, ERR_CONFIG,
              "could not call 'files.example.com': the URL is not valid");
    check_flags(false, false);
    CHECK_ERR(send_to("http://", "GET", "", false, STR_NONE), err, ERR_CONFIG,
              "could not call '': the URL is not valid");
    stop_all();
}

/* --- silence and stop --------------------------------------------------------------------- */

static void silence_ends_a_call(void)
{
    start(&(struct http_options){.read_timeout_ms = 200});
    httpserver_script(server, &(struct httpserver_step){.act = HTTPSERVER_HANG});
    CHECK_ERR(post("/w", STR("{}")), err, ERR_NETWORK, says("it was silent for 200 ms"));
    check_flags(false, true);
    CHECK(response.duration_ns >= 200 * INT64_C(1000000));
    CHECK(response.duration_ns < 5000 * INT64_C(1000000));
    httpserver_script(server, &(struct httpserver_step){.act = HTTPSERVER_HANG});
    CHECK_ERR(get("/r"), err, ERR_NETWORK, says("it was silent for 200 ms"));
    check_flags(true, false);
    stop_all();
}

static void a_slow_answer_is_not_a_silent_one(void)
{
    start(&(struct http_options){.read_timeout_ms = 1000});
    httpserver_script(
        server, &(struct httpserver_step){.body = STR("{\"slow\":true}"), .byte_delay_ms = 100});
    CHECK_OK(get("/r"), err);
    CHECK_TEXT(buf_str(&response.body), "{\"slow\":true}");
    CHECK(response.duration_ns > 1200 * INT64_C(1000000));
    stop_all();
}

struct raiser {
    struct stop *stop;
    int level;
};

static void *raise_soon(void *arg)
{
    const struct raiser *raiser = arg;
    (void)usleep(100000); /* the call is in flight by then, or it is refused before: both checked */
    stop_raise(raiser->stop, raiser->level);
    return NULL;
}

static void a_hard_stop_aborts_a_call(void)
{
    struct stop stop;
    stop_init(&stop);
    start(&(struct http_options){.stop = &stop});
    httpserver_script(server, &(struct httpserver_step){.act = HTTPSERVER_HANG});
    struct raiser raiser = {&stop, 2};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, raise_soon, &raiser) == 0);
    CHECK_ERR(post("/w", STR("{}")), err, ERR_INTERRUPTED,
              says("stopped while waiting for the answer"));
    check_flags(false, true);
    CHECK(response.duration_ns < 2000 * INT64_C(1000000));
    pthread_join(thread, NULL);
    CHECK_ERR(post("/w", STR("{}")), err, ERR_INTERRUPTED,
              says("stopped before the request was sent"));
    check_flags(false, false);
    CHECK_INT(httpserver_count(server), 1);
    stop_all();
    stop_done(&stop);
}

static void a_soft_stop_lets_a_call_end(void)
{
    struct stop stop;
    stop_init(&stop);
    start(&(struct http_options){.stop = &stop});
    stop_raise(&stop, 1);
    CHECK_OK(post("/w", STR("{}")), err);
    stop_all();
    stop_done(&stop);
}

/* --- pieces ------------------------------------------------------------------------------- */

struct pieces {
    struct buf all;
    size_t fail_after;
};

static bool take_piece(void *ctx, str piece, struct err *error)
{
    struct pieces *pieces = ctx;
    buf_adds(&pieces->all, piece);
    if (pieces->all.len > pieces->fail_after) {
        return err_set(error, ERR_IO, "could not write 'part': disk full");
    }
    return true;
}

static void a_sink_takes_what_is_larger_than_memory(void)
{
    start(&(struct http_options){.max_response = 16});
    struct pieces pieces = {.fail_after = SIZE_MAX};
    char url[128];
    (void)snprintf(url, sizeof(url), "%s/artifact", httpserver_url(server));
    struct http_request request = {
        .method = "GET", .url = url, .sink = take_piece, .sink_ctx = &pieces};
    httpserver_script(server,
                      &(struct httpserver_step){.body = STR("0123456789"), .repeat = 100000});
    CHECK_OK(http_send(http, &request, &response, &err), err);
    CHECK_INT(pieces.all.len, 1000000);
    CHECK_INT(response.body.len, 0);

    httpserver_script(server, &(struct httpserver_step){.status = 404, .body = STR("{\"m\":1}")});
    buf_clear(&pieces.all);
    CHECK_OK(http_send(http, &request, &response, &err), err);
    CHECK_INT(pieces.all.len, 0);
    CHECK_TEXT(buf_str(&response.body), "{\"m\":1}");

    pieces.fail_after = 5;
    httpserver_script(server,
                      &(struct httpserver_step){.body = STR("0123456789"), .repeat = 100000});
    CHECK_ERR(http_send(http, &request, &response, &err), err, ERR_IO,
              "could not write 'part': disk full");
    buf_done(&pieces.all);
    stop_all();
}

/* --- settings ----------------------------------------------------------------------------- */

static void base_urls_are_checked(void)
{
    CHECK_OK(http_check_base_url("DEVREV_BASE_URL", "https://api.example.com", &err), err);
    CHECK_OK(http_check_base_url("DEVREV_BASE_URL", "http://127.0.0.1:8080/gateway/", &err), err);
    CHECK_OK(http_check_base_url("DEVREV_BASE_URL", "http://[::1]:8080", &err), err);
    CHECK_ERR(http_check_base_url("DEVREV_BASE_URL", "", &err), err, ERR_CONFIG,
              "could not use 'DEVREV_BASE_URL': it is empty");
    CHECK_ERR(http_check_base_url("DEVREV_BASE_URL", "api.example.com", &err), err, ERR_CONFIG,
              "could not use 'DEVREV_BASE_URL': it does not begin with https:// or http://");
    CHECK_STR(err.hint, "Write the whole address, for instance https://api.example.com");
    CHECK_ERR(http_check_base_url("U", "ftp://api.example.com", &err), err, ERR_CONFIG,
              "could not use 'U': it does not begin with https:// or http://");
    CHECK_ERR(http_check_base_url("U", "https://", &err), err, ERR_CONFIG,
              "could not use 'U': it names no host");
    CHECK_ERR(http_check_base_url("U", "https:///path", &err), err, ERR_CONFIG,
              "could not use 'U': it names no host");
    CHECK_ERR(http_check_base_url("U", "https://:443", &err), err, ERR_CONFIG,
              "could not use 'U': it names no host");
    CHECK_ERR(http_check_base_url("U", "https://me:pw@api.example.com", &err), err, ERR_CONFIG,
              "could not use 'U': it holds a user name");
    CHECK_ERR(http_check_base_url("U", "https://api.example.com?a=1", &err), err, ERR_CONFIG,
              "could not use 'U': it holds a query or a fragment");
    CHECK_ERR(http_check_base_url("U", "https://api.example.com\n", &err), err, ERR_CONFIG,
              "could not use 'U': it holds a space or a control character");
    CHECK_ERR(http_check_base_url("U", "https://api.example.com:99999", &err), err, ERR_CONFIG,
              "could not use 'U': it is not a valid URL");
}

/* --- many at once ------------------------------------------------------------------------- */

static void *send_many(void *arg)
{
    const char *url = arg;
    struct err error = {0};
    struct http_options options = {.clock = clock_system()};
    AUTO(http_free) struct http *mine = http_new(&options, &error);
    struct http_response answer = {0};
    size_t good = 0;
    for (int i = 0; mine != NULL && i < 50; i++) {
        struct http_request request = {
            .method = "POST", .url = url, .is_write = true, .body = STR("{\"n\":1}")};
        good += http_send(mine, &request, &answer, &error) && answer.status == 200 ? 1 : 0;
    }
    http_response_done(&answer);
    return good == 50 ? arg : NULL;
}

static void workers_do_not_disturb_each_other(void)
{
    start(&(struct http_options){0});
    pthread_t threads[8];
    char url[128];
    (void)snprintf(url, sizeof(url), "%s/w", httpserver_url(server));
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        CHECK(pthread_create(&threads[i], NULL, send_many, url) == 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *good = NULL;
        pthread_join(threads[i], &good);
        CHECK(good != NULL);
    }
    CHECK_INT(httpserver_count(server), 400);
    stop_all();
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        TAP_TEST(a_read_and_a_write_arrive_as_asked),
        TAP_TEST(every_method_and_a_large_body_arrive),
        TAP_TEST(too_many_headers_are_refused),
        TAP_TEST(a_token_with_a_line_end_is_not_sent),
        TAP_TEST(a_write_on_a_dying_connection_arrives_once),
        TAP_TEST(a_write_without_a_body_too),
        TAP_TEST(a_read_is_asked_once_and_may_be_retried),
        TAP_TEST(a_reset_instead_of_a_close_makes_no_difference),
        TAP_TEST(a_fresh_connection_that_is_dropped_is_ambiguous),
        TAP_TEST(a_connection_closed_while_idle_costs_nothing),
        TAP_TEST(an_answer_that_is_cut_short),
        TAP_TEST(an_answer_that_is_no_http),
        TAP_TEST(header_lines_with_a_nul_or_without_end),
        TAP_TEST(an_answer_above_the_limit),
        TAP_TEST(a_redirect_is_an_error_and_the_token_stays),
        TAP_TEST(a_status_is_the_callers_matter),
        TAP_TEST(a_refused_connection_sent_nothing),
        TAP_TEST(an_unknown_host_sent_nothing),
        TAP_TEST(a_failed_tls_handshake_sent_nothing),
        TAP_TEST(an_untrusted_certificate_gets_nothing),
        TAP_TEST(a_proxy_that_refuses_sent_nothing_and_sees_no_token),
        TAP_TEST(a_head_has_no_body),
        TAP_TEST(a_bad_url_is_a_setting_to_mend),
        TAP_TEST(silence_ends_a_call),
        TAP_TEST(a_slow_answer_is_not_a_silent_one),
        TAP_TEST(a_hard_stop_aborts_a_call),
        TAP_TEST(a_soft_stop_lets_a_call_end),
        TAP_TEST(a_sink_takes_what_is_larger_than_memory),
        TAP_TEST(base_urls_are_checked),
        TAP_TEST(workers_do_not_disturb_each_other),
    };
    http_global_init();
    return tap_run(argc, argv, tests, ARRAY_LEN(tests));
}
