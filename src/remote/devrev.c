/* SPDX-License-Identifier: MIT */
#include "remote/devrev.h"

#include <stdio.h>

#include "base/failpoint.h"
#include "base/map.h"
#include "net/http.h"
#include "remote/devrev_answer.h"

enum {
    LONGEST_PARK_MS = 3600 * 1000,
    SKEW_TRUSTED_MS = 5000, /* below it our own, finer clock is used for X-Ratelimit-Reset */
    MAX_PAGES = 1000000,
};

struct devrev_shared {
    struct devrev_options options;
    struct pressure *own; /* NULL: it was given */
    char *base_url;       /* without a slash at the end */
};

struct devrev {
    struct devrev_shared *shared;
    struct http *http;
    struct rng rng;
    int stop_level;
    int64_t skew_ms;
    void (*hook)(void *ctx, const struct devrev_call *call);
    void *hook_ctx;
};

/* One call of devrev_read or devrev_write, over all its attempts. */
struct exchange {
    struct devrev *devrev;
    const char *call;
    char *url;
    char *body;
    bool is_write;
    bool is_unmetered; /* a download, which takes no token of the limiter */
    bool unreachable;  /* the last attempt found no connection */
    int attempt;       /* 429s not counted */
    int limited;
    int64_t wish_ms; /* what the last 429 asked for, -1: nothing */
    int sends;       /* 429s counted */
    struct http_response response;
};

enum verdict { ANSWERED, AGAIN, AGAIN_UNCOUNTED, FAILED };

/* --- life ---------------------------------------------------------------------------------- */

static bool check_token(const struct secret *token, struct err *err)
{
    if (token == NULL || !secret_is_set(token) || secret_reveal(token).len == 0) {
        (void)err_set(err, ERR_CONFIG, "could not use DEVREV_API_TOKEN: it is not set");
        return err_hint(err, "Put it into the environment or into .env of the workspace.");
    }
    str value = secret_reveal(token);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c == '\n' || c == '\r') {
            return err_set(err, ERR_CONFIG,
                           "could not use DEVREV_API_TOKEN: it contains a line end");
        }
        if (c <= 0x20 || c == 0x7f) {
            return err_set(err, ERR_CONFIG,
                           "could not use DEVREV_API_TOKEN: it contains a blank or a control "
                           "character");
        }
        if (c > 0x7f) {
            return err_set(err, ERR_CONFIG,
                           "could not use DEVREV_API_TOKEN: it contains a character outside ASCII");
        }
    }
    return true;
}

struct devrev_shared *devrev_shared_new(const struct devrev_options *options, struct err *err)
{
    if (options->base_url == NULL ||
        !http_check_base_url("DEVREV_BASE_URL", options->base_url, err) ||
        !check_token(options->token, err)) {
        return NULL;
    }
    struct devrev_shared *shared = xnew(struct devrev_shared);
    shared->options = *options;
    if (options->pressure == NULL) {
        const struct pressure_options pressure = {
            .remote = "devrev", .limiter = options->limiter, .clock = options->clock};
        shared->own = pressure_new(&pressure);
        shared->options.pressure = shared->own;
    }
    shared->base_url = xstrdup(options->base_url);
    for (size_t n = strlen(shared->base_url); n > 0 && shared->base_url[n - 1] == '/'; n--) {
        shared->base_url[n - 1] = '\0';
    }
    return shared;
}

void devrev_shared_free(struct devrev_shared *shared)
{
    if (shared != NULL) {
        pressure_free(shared->own);
        free(shared->base_url);
        free(shared);
    }
}

struct devrev *devrev_new(struct devrev_shared *shared, struct err *err)
{
    struct http_options options = {
        .connect_timeout_ms = shared->options.connect_timeout_ms,
        .read_timeout_ms = shared->options.read_timeout_ms,
        .clock = shared->options.clock,
        .stop = shared->options.stop,
    };
    struct http *http = http_new(&options, err);
    if (http == NULL) {
        return NULL;
    }
    struct devrev *devrev = xnew(struct devrev);
    devrev->shared = shared;
    devrev->http = http;
    devrev->stop_level = 1;
    rng_seed_system(&devrev->rng);
    return devrev;
}

void devrev_free(struct devrev *devrev)
{
    if (devrev != NULL) {
        http_free(devrev->http);
        free(devrev);
    }
}

void devrev_stop_level(struct devrev *devrev, int level)
{
    devrev->stop_level = level;
}

int64_t devrev_skew_ms(const struct devrev *devrev)
{
    return devrev->skew_ms;
}

void devrev_on_call(struct devrev *devrev, void (*hook)(void *ctx, const struct devrev_call *call),
                    void *ctx)
{
    devrev->hook = hook;
    devrev->hook_ctx = ctx;
}

void devrev_answer_done(struct devrev_answer *answer)
{
    buf_done(&answer->raw);
    json_decref(answer->json);
    answer->json = NULL;
    answer->status = 0;
}

/* --- one attempt --------------------------------------------------------------------------- */

/* http's "could not call 'host': cause" with the call's name put in. */
static void name_call(const char *call, struct err *err)
{
    static const char prefix[] = "could not call ";
    size_t len = sizeof(prefix) - 1;
    if (strncmp(err->message, prefix, len) != 0) {
        (void)err_wrap(err, "could not call %s", call);
        return;
    }
    char rest[sizeof(err->message)];
    memcpy(rest, err->message + len, sizeof(rest) - len);
    (void)snprintf(err->message, sizeof(err->message), "could not call %.64s at %.600s", call,
                   rest);
}

static void tell(struct exchange *exchange, enum err_kind error, int64_t waited_ns)
{
    struct devrev *devrev = exchange->devrev;
    const struct devrev_options *options = &devrev->shared->options;
    const struct http_response *response = &exchange->response;
    struct devrev_call call = {
        .call = exchange->call,
        .attempt = exchange->sends,
        .status = response->status,
        .error = error,
        .at_ms = clock_real_ms(options->clock),
        .duration_ns = response->duration_ns,
        .waited_ns = waited_ns,
        .request_id = response->request_id,
    };
    if (options->calls != NULL) {
        if (exchange->is_unmetered) {
            callstats_add_unmetered(options->calls, call.call, call.status, call.duration_ns);
        } else {
            callstats_add(options->calls, call.call, call.status, call.duration_ns, waited_ns);
        }
        if (call.attempt > 1) {
            callstats_retry(options->calls, call.call);
        }
    }
    if (options->log != NULL) {
        /* what went wrong is kept at the level that is always on, with what the remote calls it */
        bool wrong = error != ERR_NONE && error != ERR_NOT_FOUND;
        log_at(options->log, wrong ? LOG_INFO : LOG_DEBUG, "api call", LOG_STR("remote", "devrev"),
               LOG_STR("call", call.call), LOG_INT("status", call.status),
               LOG_INT("attempt", call.attempt), LOG_STR("error", err_kind_name(error)),
               LOG_INT("duration_us", call.duration_ns / 1000),
               LOG_INT("waited_us", waited_ns / 1000), LOG_STR("request_id", call.request_id));
    }
    if (devrev->hook != NULL) {
        devrev->hook(devrev->hook_ctx, &call);
    }
}

/* The remote says how many calls it allows until when; and where nothing is left, wait for its
 * reset. The header is in whole seconds, so the true moment may lie up to a second earlier; waiting
 * for the later one would waste that second of every period. Being early costs one 429 at most, which
 * is obeyed. */
static void obey_quota(struct devrev *devrev, const struct http_response *response)
{
    const struct devrev_options *options = &devrev->shared->options;
    int64_t now = clock_real_ms(options->clock);
    if (response->date_ms > 0) {
        /* the Date header is cut to the second: half of one is the best guess */
        int64_t skew = response->date_ms + 500 - now;
        devrev->skew_ms = skew < SKEW_TRUSTED_MS && skew > -SKEW_TRUSTED_MS ? 0 : skew;
    }
    if (response->ratelimit_reset_s <= 0 || response->ratelimit_reset_s > INT64_MAX / 2000) {
        return;
    }
    int64_t left = response->ratelimit_reset_s * 1000 - 999 - (now + devrev->skew_ms);
    if (left > 0 && response->ratelimit_remaining == 0) {
        limiter_park(options->limiter, left < LONGEST_PARK_MS ? left : LONGEST_PARK_MS, "quota");
    }
    limiter_learn(options->limiter, response->ratelimit_limit, left);
}

/* -1: it named no time. */
static int64_t wish_ms(const struct http_response *response)
{
    return response->retry_after_ms >= 0 ? response->retry_after_ms
                                         : devrev_retry_after_ms(buf_str(&response->body));
}

static enum verdict slow_down(struct exchange *exchange, struct err *err)
{
    exchange->limited++;
    if (exchange->limited < DEVREV_MAX_LIMITED) {
        return AGAIN_UNCOUNTED;
    }
    (void)err_set(err, ERR_LIMITED,
                  "could not call %s: the remote asked to slow down %d times (429)", exchange->call,
                  exchange->limited);
    err->retryable = true;
    err->http_status = 429;
    err->retry_after_ms = (int)pressure_park_ms(exchange->wish_ms);
    return FAILED;
}

/* http_send has failed. */
static enum verdict judge_failure(struct exchange *exchange, struct err *err)
{
    name_call(exchange->call, err);
    if (err->kind == ERR_INTERRUPTED || err->kind == ERR_CONFIG || err->kind == ERR_INTERNAL ||
        err->kind == ERR_REMOTE) {
        err->ambiguous = err->ambiguous && exchange->is_write;
        return FAILED;
    }
    exchange->unreachable = !err->ambiguous;
    if (exchange->is_write && err->ambiguous) {
        return FAILED;
    }
    err->ambiguous = false;
    /* a read may be tried again after anything; what stays untrusted or too large does so each time
     */
    err->retryable = !err->fatal;
    return err->retryable ? AGAIN : FAILED;
}

static enum verdict judge_answer(struct exchange *exchange, struct devrev_answer *ret,
                                 struct err *err)
{
    struct http_response *response = &exchange->response;
    int status = response->status;
    if (status == 429) {
        return slow_down(exchange, err);
    }
    if (status < 200 || status >= 300) {
        (void)devrev_refusal(exchange->call, exchange->is_write, status, buf_str(&response->body),
                             err);
        return err->retryable ? AGAIN : FAILED;
    }
    json_t *json = NULL;
    bool empty = exchange->is_write && response->body.len == 0;
    if (!empty && !devrev_decode(buf_str(&response->body), &json, err)) {
        (void)err_wrap(err, "could not call %s", exchange->call);
        err->http_status = status;
        err->ambiguous = exchange->is_write;
        err->retryable = !exchange->is_write;
        return exchange->is_write ? FAILED : AGAIN;
    }
    devrev_answer_done(ret);
    ret->raw = response->body;
    response->body = (struct buf){0};
    ret->json = json;
    ret->status = status;
    return ANSWERED;
}

/* What an attempt says about the remote's health. http_send was told that it is a write, so it is
 * ambiguous from the moment that a connection was up. */
static int health(bool sent, const struct http_response *response, const struct err *err)
{
    if (sent) {
        return response->status;
    }
    return err->ambiguous && err->kind != ERR_INTERRUPTED ? PRESSURE_SILENT : PRESSURE_NOT_MADE;
}

static enum verdict attempt(struct exchange *exchange, struct devrev_answer *ret, struct err *err)
{
    struct devrev *devrev = exchange->devrev;
    const struct devrev_options *options = &devrev->shared->options;
    static const struct http_header beta = {"X-Devrev-Scope", {"beta", 4}};
    /* Reads are given to http as writes too: they are POSTs, and `ambiguous` then tells for both
     * whether a connection had come up. */
    struct http_request request = {
        .method = "POST",
        .url = exchange->url,
        .is_write = true,
        .bearer = options->token,
        .headers = &beta,
        .header_count = 1,
        .body = str_of(exchange->body),
    };
    struct pressure_pass pass;
    if (!pressure_begin(options->pressure, exchange->is_write, options->stop, devrev->stop_level,
                        &pass, err)) {
        name_call(exchange->call, err);
        return FAILED;
    }
    if (exchange->is_write) {
        (void)FAILPOINT("devrev.before_send");
    }
    exchange->sends++;
    bool sent = http_send(devrev->http, &request, &exchange->response, err);
    obey_quota(devrev, &exchange->response);
    exchange->wish_ms = sent && exchange->response.status == 429 ? wish_ms(&exchange->response) : 0;
    pressure_end(options->pressure, &pass, health(sent, &exchange->response, err),
                 exchange->wish_ms);
    if (exchange->is_write) {
        (void)FAILPOINT("devrev.after_send");
    }
    enum verdict verdict = sent ? judge_answer(exchange, ret, err) : judge_failure(exchange, err);
    tell(exchange,
         verdict == ANSWERED          ? ERR_NONE
         : verdict == AGAIN_UNCOUNTED ? ERR_LIMITED
                                      : err->kind,
         pass.waited_ns);
    if (exchange->is_write) {
        (void)FAILPOINT("devrev.after_response");
    }
    return verdict;
}

/* --- all attempts -------------------------------------------------------------------------- */

/* The last attempt has failed. */
static bool give_up(const struct exchange *exchange, struct err *err)
{
    if (exchange->attempt > 1) {
        size_t len = strlen(err->message);
        (void)snprintf(err->message + len, sizeof(err->message) - len, " (%d attempts)",
                       exchange->attempt);
    }
    if (exchange->unreachable) {
        err->fatal = true;
        (void)err_hint(err,
                       "Check the network and DEVREV_BASE_URL, then go on with steward resume.");
    }
    return false;
}

static bool pause_before_next(struct exchange *exchange, struct err *err)
{
    struct devrev *devrev = exchange->devrev;
    const struct devrev_options *options = &devrev->shared->options;
    int64_t ms = retry_pause_ms(&options->retry, exchange->attempt + 1, &devrev->rng);
    int64_t budget_ms = pressure_retry_ms(options->pressure);
    ms = budget_ms > ms ? budget_ms : ms;
    if (exchange->response.retry_after_ms > ms) { /* a 503 may name a time too */
        ms = exchange->response.retry_after_ms;
    }
    if (clock_sleep_ms(options->clock, ms, options->stop, devrev->stop_level)) {
        return true;
    }
    (void)err_set(err, ERR_INTERRUPTED, "could not call %s: stopped before the next attempt",
                  exchange->call);
    err->retryable = true;
    return false;
}

/* Attempts are for a remote that is well as a whole; what falls into the breaker's time waits for it,
 * in pressure_begin, and uses up none. */
static bool falls_to_breaker(const struct exchange *exchange)
{
    return !exchange->unreachable &&
           !pressure_is_closed(exchange->devrev->shared->options.pressure);
}

static bool run(struct exchange *exchange, struct devrev_answer *ret, struct err *err)
{
    int attempts = exchange->devrev->shared->options.retry.attempts;
    exchange->attempt = 1;
    for (;;) {
        struct err failure = {0};
        exchange->unreachable = false;
        switch (attempt(exchange, ret, &failure)) {
        case ANSWERED:
            return true;
        case AGAIN_UNCOUNTED:
            continue;
        case FAILED:
            *err = failure;
            return give_up(exchange, err);
        case AGAIN:
            if (falls_to_breaker(exchange)) {
                continue;
            }
            if (exchange->attempt >= attempts) {
                *err = failure;
                return give_up(exchange, err);
            }
            if (!pause_before_next(exchange, err)) {
                return false;
            }
            exchange->attempt++;
            break;
        }
    }
}

static bool exchange(struct devrev *devrev, const char *call, json_t *request, bool is_write,
                     struct devrev_answer *ret, struct err *err)
{
    struct err local = {0};
    struct err *failure = err != NULL ? err : &local;
    char *body = request != NULL ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (body == NULL) {
        return err_set(failure, ERR_INTERNAL, "could not call %s: its request is not valid", call);
    }
    struct buf url = {0};
    buf_printf(&url, "%s/%s", devrev->shared->base_url, call);
    struct exchange exchange = {
        .devrev = devrev, .call = call, .url = url.ptr, .body = body, .is_write = is_write};
    bool ok = run(&exchange, ret, failure);
    http_response_done(&exchange.response);
    buf_done(&url);
    free(body);
    return ok;
}

bool devrev_read(struct devrev *devrev, const char *call, json_t *request,
                 struct devrev_answer *ret, struct err *err)
{
    return exchange(devrev, call, request, false, ret, err);
}

bool devrev_write(struct devrev *devrev, const char *call, json_t *request,
                  struct devrev_answer *ret, struct err *err)
{
    return exchange(devrev, call, request, true, ret, err);
}

/* --- pages --------------------------------------------------------------------------------- */

struct walk {
    struct arena arena; /* the cursors */
    struct map seen;
};

static bool next_cursor(struct walk *walk, const char *call, const json_t *answer, json_t *request,
                        bool *done, struct err *err)
{
    const json_t *value = json_object_get(answer, "next_cursor");
    const char *cursor = json_string_value(value);
    if (value != NULL && !json_is_null(value) && cursor == NULL) {
        return err_set(err, ERR_PROTOCOL, "could not call %s: next_cursor is not text", call);
    }
    if (cursor == NULL || cursor[0] == '\0') {
        *done = true;
        return true;
    }
    str copy = str_dup(&walk->arena, str_of(cursor));
    if (map_has(&walk->seen, copy)) {
        return err_set(err, ERR_PROTOCOL, "could not call %s: the same cursor came twice", call);
    }
    if (walk->seen.len >= MAX_PAGES) {
        return err_set(err, ERR_PROTOCOL, "could not call %s: more than %d pages", call, MAX_PAGES);
    }
    (void)map_put(&walk->seen, copy, walk);
    if (json_object_set_new(request, "cursor", json_stringn(copy.ptr, copy.len)) != 0) {
        return err_set(err, ERR_PROTOCOL, "could not call %s: next_cursor is not UTF-8", call);
    }
    return true;
}

bool devrev_pages(struct devrev *devrev, const char *call, json_t *request, const char *items,
                  bool (*page)(void *ctx, const struct devrev_answer *answer, const json_t *items,
                               bool *done, struct err *err),
                  void *ctx, struct err *err)
{
    if (request == NULL || json_object_set_new(request, "limit", json_integer(DEVREV_PAGE)) != 0) {
        json_decref(request);
        return err_set(err, ERR_INTERNAL, "could not call %s: its request is not valid", call);
    }
    AUTO_ANSWER struct devrev_answer answer = {0};
    struct walk walk = {0};
    bool done = false;
    bool ok = true;
    while (ok && !done) {
        ok = devrev_read(devrev, call, json_incref(request), &answer, err);
        if (!ok) {
            break;
        }
        const json_t *list = json_object_get(answer.json, items);
        if (list != NULL && !json_is_null(list) && !json_is_array(list)) {
            ok = err_set(err, ERR_PROTOCOL, "could not call %s: '%s' is not a list", call, items);
            break;
        }
        ok = page(ctx, &answer, list, &done, err) &&
             (done || next_cursor(&walk, call, answer.json, request, &done, err));
    }
    map_done(&walk.seen);
    arena_done(&walk.arena);
    json_decref(request);
    return ok;
}

/* --- files --------------------------------------------------------------------------------- */

struct fetch {
    const struct devrev_sink *sink;
    struct http_response *response;
    bool sink_failed;
};

static bool take_piece(void *ctx, str piece, struct err *err)
{
    struct fetch *fetch = ctx;
    if (fetch->response->status != 200) {
        return true; /* an error's body is not the file */
    }
    fetch->sink_failed = !fetch->sink->piece(fetch->sink->ctx, piece, err);
    return !fetch->sink_failed;
}

static enum verdict fetch_once(struct exchange *exchange, const struct devrev_sink *sink,
                               struct err *err)
{
    struct fetch fetch = {.sink = sink, .response = &exchange->response};
    struct http_request request = {
        .method = "GET", .url = exchange->url, .sink = take_piece, .sink_ctx = &fetch};
    if (!sink->start(sink->ctx, err)) {
        return FAILED;
    }
    exchange->sends++;
    bool sent = http_send(exchange->devrev->http, &request, &exchange->response, err);
    if (fetch.sink_failed) {
        return FAILED;
    }
    enum verdict verdict = ANSWERED;
    int status = exchange->response.status;
    if (!sent) {
        bool again = err->kind == ERR_NETWORK || err->kind == ERR_PROTOCOL;
        name_call(exchange->call, err);
        verdict = again && !err->fatal ? AGAIN : FAILED;
        err->fatal = false; /* another host than the API's: the next record may have a better one */
    } else if (status != 200) {
        (void)err_set(err, ERR_REMOTE, "could not call %s: the remote answered %d", exchange->call,
                      status);
        verdict = status >= 500 || status == 429 || status == 408 ? AGAIN : FAILED;
    }
    tell(exchange, verdict == ANSWERED ? ERR_NONE : err->kind, 0);
    return verdict;
}

/* As safe as the API's own address: what is encrypted there must not come in the clear. */
static bool check_address(const struct devrev *devrev, const char *url, struct err *err)
{
    if (strncasecmp(url, "https://", 8) == 0) {
        return true;
    }
    if (strncasecmp(url, "http://", 7) != 0) {
        return err_set(err, ERR_PROTOCOL,
                       "could not call artifact: its address is not a web address");
    }
    return strncasecmp(devrev->shared->base_url, "https://", 8) != 0 ||
           err_set(err, ERR_PROTOCOL, "could not call artifact: its address is not encrypted");
}

bool devrev_download(struct devrev *devrev, const char *url, const struct devrev_sink *sink,
                     struct err *err)
{
    struct err local = {0};
    struct err *failure = err != NULL ? err : &local;
    if (!check_address(devrev, url, failure)) {
        return false;
    }
    AUTO_FREE char *copy = xstrdup(url);
    struct exchange exchange = {
        .devrev = devrev, .call = "artifact", .url = copy, .is_unmetered = true, .attempt = 1};
    int attempts = devrev->shared->options.retry.attempts;
    bool ok = false;
    for (;;) {
        struct err this_failure = {0};
        enum verdict verdict = fetch_once(&exchange, sink, &this_failure);
        if (verdict == ANSWERED) {
            ok = true;
            break;
        }
        *failure = this_failure;
        if (verdict == FAILED || exchange.attempt >= attempts ||
            !pause_before_next(&exchange, failure)) {
            break;
        }
        exchange.attempt++;
    }
    http_response_done(&exchange.response);
    return ok || give_up(&exchange, failure);
}

/* --- ids ----------------------------------------------------------------------------------- */

/* "don:identity:P:devo/O" and "revu/N" of a contact's id. */
static bool split_user(str id, str *ret_org, str *ret_user)
{
    const char *last = id.ptr != NULL && id.len != 0 ? memrchr(id.ptr, ':', id.len) : NULL;
    if (!str_starts(id, STR("don:identity:")) || last == NULL) {
        return false;
    }
    size_t head_len = (size_t)(last - id.ptr);
    str user = {last + 1, id.len - head_len - 1};
    if (!str_starts(user, STR("revu/")) || user.len == 5) {
        return false;
    }
    str head = {id.ptr, head_len};
    const char *parent = memrchr(head.ptr, ':', head.len);
    str tail = {parent + 1, (size_t)(head.ptr + head.len - parent - 1)};
    if (str_starts(tail, STR("revo/"))) {
        head.len = (size_t)(parent - head.ptr);
    }
    *ret_org = head;
    *ret_user = user;
    return true;
}

bool devrev_same_user(str a, str b)
{
    if (str_eq(a, b)) {
        return a.len != 0;
    }
    str org_a, org_b, user_a, user_b;
    return split_user(a, &org_a, &user_a) && split_user(b, &org_b, &user_b) &&
           str_eq(org_a, org_b) && str_eq(user_a, user_b);
}
