/* SPDX-License-Identifier: MIT */
/*
 * One easy handle in a multi handle of its own, so that waiting is ours: between polls the loop
 * looks at `stop` and at the silence, which curl_easy_perform would do once a second at best.
 *
 * Two independent guards keep libcurl from sending a request twice. The body is streamed without
 * SEEKFUNCTION, so that a started body cannot be rewound; and PREREQFUNCTION, which libcurl calls
 * whenever it is about to send on a connection, refuses a second time once bytes of the request
 * have left. The second also covers reads: one call of http_send is at most one request, which the
 * rate limit relies on.
 */
#include "net/http.h"

#include <curl/curl.h>

#include "base/version.h"
#include "net/headers.h"

enum {
    DEFAULT_CONNECT_MS = 30000,
    DEFAULT_READ_MS = 60000,
    POLL_MS = 100,      /* how late a raised stop may be seen */
    MAX_HEADERS = 32,   /* of one request, ours included */
    REUSE_SECONDS = 30, /* an older idle connection is likely to be closed under a write */
    HOST_BYTES = 128,
    KEPT_BYTES = 1 << 20, /* a body buffer that grew larger is not kept for the next answer */
};

struct http {
    CURLM *multi;
    CURL *easy;
    struct http_options options;
};

/* Header lines as libcurl wants them, in memory that is wiped: one of them is the token. */
struct header_list {
    struct curl_slist nodes[MAX_HEADERS];
    size_t count;
};

enum ending { ENDED_BY_CURL, ENDED_BY_STOP, ENDED_BY_SILENCE, ENDED_BY_SETUP };

struct call {
    struct http *http;
    const struct http_request *request;
    struct http_response *response;
    char host[HOST_BYTES];
    str body; /* what is still to be sent */
    struct headers headers;
    int64_t active_ns; /* when the last byte moved */
    bool opened;       /* a connection was ready for the request */
    bool resend_refused;
    bool bad_headers;
    bool too_large;
    bool sink_failed;
    enum ending ending;
    CURLcode code;
    struct err *err; /* the sink's error goes here */
};

/* --- life --------------------------------------------------------------------------------- */

void http_global_init(void)
{
    /* fails only where memory is gone; every handle would then fail with a message */
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http *http_new(const struct http_options *options, struct err *err)
{
    struct http *http = xnew(struct http);
    http->options = *options;
    if (http->options.connect_timeout_ms <= 0) {
        http->options.connect_timeout_ms = DEFAULT_CONNECT_MS;
    }
    if (http->options.read_timeout_ms <= 0) {
        http->options.read_timeout_ms = DEFAULT_READ_MS;
    }
    if (http->options.max_response == 0) {
        http->options.max_response = BUF_DEFAULT_MAX;
    }
    if (http->options.user_agent == NULL) {
        http->options.user_agent = "steward/" STEWARD_VERSION;
    }
    http->multi = curl_multi_init();
    http->easy = curl_easy_init();
    if (http->multi == NULL || http->easy == NULL) {
        http_free(http);
        (void)err_set(err, ERR_INTERNAL, "could not start the HTTP client");
        return NULL;
    }
    return http;
}

void http_free(struct http *http)
{
    if (http == NULL) {
        return;
    }
    if (http->easy != NULL) {
        curl_easy_cleanup(http->easy);
    }
    if (http->multi != NULL) {
        (void)curl_multi_cleanup(http->multi); /* the easy handle is gone: cannot fail */
    }
    free(http);
}

void http_response_done(struct http_response *response)
{
    buf_done(&response->body);
}

/* --- texts -------------------------------------------------------------------------------- */

/* "host" or "host:port" for messages: never the path or query, which may name a person. */
static void host_of(const char *url, char out[HOST_BYTES])
{
    const char *start = strstr(url, "://");
    start = start != NULL ? start + 3 : url;
    size_t n = strcspn(start, "/?#");
    const char *at = memrchr(start, '@', n);
    if (at != NULL) {
        n -= (size_t)(at + 1 - start);
        start = at + 1;
    }
    if (n >= HOST_BYTES) {
        n = HOST_BYTES - 1;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = start[i] > 0x20 && start[i] < 0x7f ? start[i] : '?';
    }
    out[n] = '\0';
}

static bool has_control(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f) {
            return true;
        }
    }
    return false;
}

bool http_check_base_url(const char *setting, const char *url, struct err *err)
{
    str text = str_of(url);
    if (text.len == 0) {
        return err_set(err, ERR_CONFIG, "could not use '%s': it is empty", setting);
    }
    if (has_control(text) || memchr(text.ptr, ' ', text.len) != NULL) {
        return err_set(err, ERR_CONFIG,
                       "could not use '%s': it holds a space or a control character", setting);
    }
    bool scheme = strncasecmp(url, "https://", 8) == 0 || strncasecmp(url, "http://", 7) == 0;
    if (!scheme) {
        (void)err_set(err, ERR_CONFIG,
                      "could not use '%s': it does not begin with https:// or http://", setting);
        return err_hint(err, "Write the whole address, for instance https://api.example.com");
    }
    char host[HOST_BYTES];
    host_of(url, host);
    if (host[0] == '\0' || host[0] == ':') {
        return err_set(err, ERR_CONFIG, "could not use '%s': it names no host", setting);
    }
    const char *rest = strstr(url, "://") + 3;
    if (memchr(rest, '@', strcspn(rest, "/?#")) != NULL) {
        return err_set(err, ERR_CONFIG, "could not use '%s': it holds a user name", setting);
    }
    if (strpbrk(rest, "?#") != NULL) {
        return err_set(err, ERR_CONFIG, "could not use '%s': it holds a query or a fragment",
                       setting);
    }
    CURLU *parsed = curl_url();
    bool ok = parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK;
    curl_url_cleanup(parsed);
    if (!ok) {
        return err_set(err, ERR_CONFIG, "could not use '%s': it is not a valid URL", setting);
    }
    return true;
}

/* --- header list -------------------------------------------------------------------------- */

static void header_list_done(struct header_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        explicit_bzero(list->nodes[i].data, strlen(list->nodes[i].data));
        free(list->nodes[i].data);
    }
    list->count = 0;
}

static bool header_list_add(struct header_list *list, const char *name, const char *prefix,
                            str value, struct err *err)
{
    if (list->count == MAX_HEADERS) {
        return err_set(err, ERR_INTERNAL, "could not send the request: too many headers");
    }
    if (has_control(value)) {
        (void)err_set(
            err, ERR_CONFIG,
            "could not send header '%s': its value holds a line break or control character", name);
        err->fatal = true;
        return err_hint(err, "Look for a stray line end in the token or setting.");
    }
    size_t name_len = strlen(name);
    size_t prefix_len = strlen(prefix);
    char *line = xcalloc(name_len + 2 + prefix_len + value.len + 1, 1);
    memcpy(line, name, name_len);
    if (prefix_len + value.len == 0) {
        line[name_len] = ';'; /* libcurl's spelling of a header without a value */
    } else {
        memcpy(line + name_len, ": ", 2);
        memcpy(line + name_len + 2, prefix, prefix_len);
        memcpy(line + name_len + 2 + prefix_len, value.ptr, value.len);
    }
    struct curl_slist *node = &list->nodes[list->count];
    *node = (struct curl_slist){.data = line};
    if (list->count != 0) {
        list->nodes[list->count - 1].next = node;
    }
    list->count++;
    return true;
}

static bool build_headers(const struct http_request *request, bool has_body,
                          struct header_list *list, struct err *err)
{
    bool has_type = false;
    for (size_t i = 0; i < request->header_count; i++) {
        const struct http_header *header = &request->headers[i];
        has_type = has_type || str_eq_nocase(str_of(header->name), STR("content-type"));
        if (!header_list_add(list, header->name, "", header->value, err)) {
            return false;
        }
    }
    const char *type = request->content_type != NULL ? request->content_type : "application/json";
    if (has_body && !has_type && !header_list_add(list, "Content-Type", "", str_of(type), err)) {
        return false;
    }
    if (request->bearer != NULL && secret_is_set(request->bearer) &&
        !header_list_add(list, "Authorization", "Bearer ", secret_reveal(request->bearer), err)) {
        return false;
    }
    /* "Expect:" takes libcurl's "Expect: 100-continue" out: it costs a second where it is not known
     */
    if (list->count == MAX_HEADERS) {
        return err_set(err, ERR_INTERNAL, "could not send the request: too many headers");
    }
    struct curl_slist *last = &list->nodes[list->count];
    *last = (struct curl_slist){.data = xstrdup("Expect:")};
    if (list->count != 0) {
        list->nodes[list->count - 1].next = last;
    }
    list->count++;
    return true;
}

/* --- callbacks ---------------------------------------------------------------------------- */

static void note_activity(struct call *call)
{
    call->active_ns = clock_mono_ns(call->http->options.clock);
}

static size_t give_body(char *out, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;
    size_t room = size * count;
    size_t n = call->body.len < room ? call->body.len : room;
    if (n != 0) {
        memcpy(out, call->body.ptr, n);
        call->body.ptr += n;
        call->body.len -= n;
    }
    note_activity(call);
    return n;
}

static size_t take_header(char *data, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;
    size_t n = size * count;
    note_activity(call);
    if (!headers_take(&call->headers, call->response, (str){data, n},
                      clock_real_ms(call->http->options.clock))) {
        call->bad_headers = true;
        return n + 1; /* any other number than n ends the transfer */
    }
    return n;
}

static size_t take_body(char *data, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;
    size_t n = size * count;
    note_activity(call);
    bool good = call->response->status >= 200 && call->response->status < 300;
    if (call->request->sink != NULL && good) {
        if (!call->request->sink(call->request->sink_ctx, (str){data, n}, call->err)) {
            call->sink_failed = true;
            return n == 0 ? 1 : 0;
        }
        return n;
    }
    buf_add(&call->response->body, data, n);
    if (call->response->body.overflow) {
        call->too_large = true;
        return n == 0 ? 1 : 0;
    }
    return n;
}

static long bytes_sent(CURL *easy)
{
    long bytes = 0;
    return curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK ? bytes : 1;
}

static int before_request(void *ctx, char *local_ip UNUSED, char *remote_ip UNUSED,
                          int local_port UNUSED, int remote_port UNUSED)
{
    struct call *call = ctx;
    note_activity(call);
    if (call->opened && bytes_sent(call->http->easy) > 0) {
        call->resend_refused = true;
        return CURL_PREREQFUNC_ABORT;
    }
    call->opened = true;
    return CURL_PREREQFUNC_OK;
}

/* --- one request -------------------------------------------------------------------------- */

static bool set_transport(struct call *call)
{
    struct http *http = call->http;
    CURL *easy = http->easy;
    long connect_ms = (long)http->options.connect_timeout_ms;
    curl_easy_reset(easy); /* options only: the open connection stays */
    return curl_easy_setopt(easy, CURLOPT_URL, call->request->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           /* a stop does not wait for a name server */
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, http->options.user_agent) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)REUSE_SECONDS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) == CURLE_OK;
}

static bool set_callbacks(struct call *call)
{
    CURL *easy = call->http->easy;
    return curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQDATA, call) == CURLE_OK;
}

static bool set_method(struct call *call, bool has_body, struct header_list *list)
{
    CURL *easy = call->http->easy;
    const char *method = call->request->method;
    bool ok = curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list->nodes) == CURLE_OK;
    if (has_body) {
        curl_off_t len = (curl_off_t)call->body.len;
        ok = ok && curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, len) == CURLE_OK;
    } else if (strcmp(method, "HEAD") == 0) {
        return ok && curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    }
    return ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method) == CURLE_OK;
}

static bool fell_silent(const struct call *call)
{
    const struct http_options *options = &call->http->options;
    return call->opened &&
           clock_mono_ns(options->clock) - call->active_ns > options->read_timeout_ms * 1000000;
}

static bool finished(struct call *call)
{
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(call->http->multi, &left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            call->code = message->data.result;
            return true;
        }
    }
    return false;
}

static enum ending transfer(struct call *call)
{
    struct http *http = call->http;
    for (;;) {
        int running = 0;
        if (curl_multi_perform(http->multi, &running) != CURLM_OK) {
            return ENDED_BY_SETUP;
        }
        if (finished(call)) {
            return ENDED_BY_CURL;
        }
        if (http->options.stop != NULL && stop_level(http->options.stop) >= 2) {
            return ENDED_BY_STOP;
        }
        if (fell_silent(call)) {
            return ENDED_BY_SILENCE;
        }
        if (curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK) {
            return ENDED_BY_SETUP;
        }
    }
}

static bool run(struct call *call, bool has_body, struct header_list *list)
{
    struct http *http = call->http;
    if (!set_transport(call) || !set_callbacks(call) || !set_method(call, has_body, list) ||
        curl_multi_add_handle(http->multi, http->easy) != CURLM_OK) {
        return false;
    }
    call->ending = transfer(call);
    /* before the handle leaves the multi: removing an unfinished transfer closes its connection */
    call->opened = call->opened && bytes_sent(http->easy) > 0;
    return curl_multi_remove_handle(http->multi, http->easy) == CURLM_OK &&
           call->ending != ENDED_BY_SETUP;
}

/* --- what happened ------------------------------------------------------------------------ */

/* Fails with what is certain about the request: after its first byte left, a write may have
 * happened. */
static bool fail(const struct call *call, enum err_kind kind, const char *cause, struct err *err)
{
    (void)err_set(err, kind, "could not call '%s': %s", call->host, cause);
    err->http_status = call->response->status;
    err->ambiguous = call->request->is_write && call->opened;
    err->retryable = !err->ambiguous && kind != ERR_CONFIG && kind != ERR_INTERRUPTED;
    return false;
}

static bool fail_before_sending(const struct call *call, struct err *err)
{
    char text[64];
    long proxy_status = 0;
    (void)curl_easy_getinfo(call->http->easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    if (proxy_status != 0 && (proxy_status < 200 || proxy_status > 299)) {
        (void)snprintf(text, sizeof(text), "the proxy answered %ld", proxy_status);
        return fail(call, ERR_NETWORK, text, err);
    }
    switch ((int)call->code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return fail(call, ERR_CONFIG, "the URL is not valid", err);
    case CURLE_COULDNT_RESOLVE_HOST:
        return fail(call, ERR_NETWORK, "the host name could not be resolved", err);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return fail(call, ERR_NETWORK, "the name of the proxy could not be resolved", err);
    case CURLE_OPERATION_TIMEDOUT:
        return fail(call, ERR_NETWORK, "no connection within the connect timeout", err);
    case CURLE_COULDNT_CONNECT: {
        long os_errno = 0;
        (void)curl_easy_getinfo(call->http->easy, CURLINFO_OS_ERRNO, &os_errno);
        (void)fail(call, ERR_NETWORK,
                   os_errno != 0 ? err_errno_text((int)os_errno) : "no connection", err);
        err->os_errno = (int)os_errno;
        return false;
    }
    case CURLE_PEER_FAILED_VERIFICATION: {
        (void)fail(call, ERR_NETWORK, "its certificate is not trusted", err);
        err->retryable = false;
        err->fatal = true;
        return err_hint(err, "Check the address, the clock and the certificates of this machine.");
    }
    case CURLE_SSL_CONNECT_ERROR:
        return fail(call, ERR_NETWORK, "no TLS connection", err);
    default:
        return fail(call, ERR_NETWORK, curl_easy_strerror(call->code), err);
    }
}

static bool fail_by_curl(const struct call *call, struct err *err)
{
    if (!call->opened) {
        return fail_before_sending(call, err);
    }
    if (call->headers.complete) {
        return fail(call, ERR_PROTOCOL, "the answer was cut short", err);
    }
    switch ((int)call->code) {
    case CURLE_UNSUPPORTED_PROTOCOL: /* what libcurl makes of a first line that is no status line */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_OUT_OF_MEMORY: /* a header line above libcurl's own limit */
    case CURLE_BAD_CONTENT_ENCODING:
        return fail(call, ERR_PROTOCOL, "the answer is not HTTP", err);
    default:
        return fail(call, ERR_NETWORK, "the connection broke before an answer arrived", err);
    }
}

/* A redirect is not an answer: a 3xx other than 304 says that nothing was done, or (303) does not
 * say. */
static bool fail_redirect(const struct call *call, struct err *err)
{
    char text[HOST_BYTES + 64];
    char host[HOST_BYTES] = "";
    bool elsewhere = strstr(call->response->location, "://") != NULL;
    if (elsewhere) {
        host_of(call->response->location, host);
    }
    (void)snprintf(text, sizeof(text), "it answered %d, a redirect%s%s%s", call->response->status,
                   elsewhere ? " to '" : "", host, elsewhere ? "'" : "");
    (void)fail(call, ERR_REMOTE, text, err);
    err->retryable = false;
    err->ambiguous = call->request->is_write && call->response->status == 303;
    return err_hint(err, "Check the address of the remote; redirects are never followed.");
}

static bool judge(struct call *call, struct err *err)
{
    char text[96];
    if (call->sink_failed) {
        call->err->ambiguous = call->request->is_write;
        return false; /* the sink has filled err */
    }
    if (call->bad_headers) {
        return fail(call, ERR_PROTOCOL, "its header lines are broken or too long", err);
    }
    if (call->too_large) {
        (void)snprintf(text, sizeof(text), "the answer is larger than %zu bytes",
                       call->http->options.max_response);
        (void)fail(call, ERR_PROTOCOL, text, err);
        err->retryable = false;
        return false;
    }
    if (call->ending == ENDED_BY_STOP) {
        return fail(call, ERR_INTERRUPTED, "stopped while waiting for the answer", err);
    }
    if (call->ending == ENDED_BY_SILENCE) {
        (void)snprintf(text, sizeof(text), "it was silent for %lld ms",
                       (long long)call->http->options.read_timeout_ms);
        return fail(call, ERR_NETWORK, text, err);
    }
    if (call->code != CURLE_OK || call->resend_refused) {
        return fail_by_curl(call, err);
    }
    if (!call->headers.complete) {
        return fail(call, ERR_PROTOCOL, "the answer is not HTTP", err);
    }
    int status = call->response->status;
    if (status >= 300 && status < 400 && status != 304) {
        return fail_redirect(call, err);
    }
    return true;
}

static void reset_response(struct http_response *response, size_t max)
{
    struct buf body = response->body;
    if (body.cap > KEPT_BYTES) {
        buf_done(&body);
    }
    body.max = max;
    buf_clear(&body);
    *response = (struct http_response){.body = body,
                                       .retry_after_ms = -1,
                                       .ratelimit_limit = -1,
                                       .ratelimit_remaining = -1,
                                       .ratelimit_reset_s = -1};
}

bool http_send(struct http *http, const struct http_request *request,
               struct http_response *response, struct err *err)
{
    struct err unused = {0};
    err = err != NULL ? err : &unused;
    struct call call = {
        .http = http, .request = request, .response = response, .body = request->body, .err = err};
    host_of(request->url, call.host);
    reset_response(response, http->options.max_response);
    if (http->options.stop != NULL && stop_level(http->options.stop) >= 2) {
        return fail(&call, ERR_INTERRUPTED, "stopped before the request was sent", err);
    }
    if (request->is_write && call.body.len == 0) {
        call.body = STR("{}");
    }
    bool has_body = call.body.len != 0;
    struct header_list list = {.count = 0};
    int64_t started_ns = clock_mono_ns(http->options.clock);
    bool ok = build_headers(request, has_body, &list, err);
    if (ok && !run(&call, has_body, &list)) {
        ok = fail(&call, ERR_INTERNAL, "the HTTP client failed", err);
    } else if (ok) {
        ok = judge(&call, err);
    }
    response->duration_ns = clock_mono_ns(http->options.clock) - started_ns;
    header_list_done(&list);
    return ok;
}
