/* SPDX-License-Identifier: MIT */
#include "sandbox/dispatch.h"

#include <stdio.h>
#include <string.h>

#include "sandbox/jw.h"

enum { NO_LIMIT = 1000000, NO_LIMIT_PERIOD_S = 300 }; /* what the headers say without --limit */

/* What is known of a request while it is served. */
struct service {
    struct sandbox *sandbox;
    const struct visit *visit;
    struct answer *answer;
    const struct endpoint *endpoint; /* NULL: no such route */
    json_t *body;                    /* NULL: not JSON */
    struct schema_fault wrong;       /* type NULL: the schema is kept */
    struct fault fault;              /* action FAULT_NONE: none hit */
    const char *cause;
    int64_t arrived_ms;
    int flags; /* STORE_* */
    int64_t effect_seq;
};

int64_t sandbox_tick(struct sandbox *sandbox)
{
    int64_t now = clock_real_ms(clock_system());
    if (now > sandbox->now_ms) {
        sandbox->now_ms = now;
    }
    return sandbox->now_ms;
}

/* --- reading, before the lock ------------------------------------------------------------------- */

static bool is_json_type(str type)
{
    str rest;
    str head = str_trim_ascii(str_cut(type, ';', &rest));
    return type.len == 0 || str_eq_nocase(head, STR("application/json"));
}

static void read_body(struct service *service)
{
    const struct visit *visit = service->visit;
    if (visit->too_large) {
        return;
    }
    const struct schema *schema = service->sandbox->schemas[endpoint_place(service->endpoint)];
    if (str_eqz(visit->method, "GET")) {
        service->body = json_object();
        for (size_t i = 0; i < visit->query_len; i++) {
            schema_query(schema, service->body, visit->query[i].name, visit->query[i].raw);
        }
    } else if (!is_json_type(visit->content_type)) {
        service->wrong = (struct schema_fault){.type = "invalid_content_type"};
        (void)snprintf(service->wrong.message, sizeof(service->wrong.message),
                       "the content type is not application/json");
        (void)snprintf(service->wrong.value, sizeof(service->wrong.value), "%" STR_FMT,
                       STR_ARG(visit->content_type));
        return;
    } else {
        service->body = json_loadb(visit->body.ptr != NULL ? visit->body.ptr : "", visit->body.len,
                                   JSON_DECODE_ANY, NULL);
    }
    if (service->body == NULL) {
        service->wrong = (struct schema_fault){.type = "parse_error"};
        (void)snprintf(service->wrong.message, sizeof(service->wrong.message),
                       "the body is not JSON");
        return;
    }
    (void)schema_check(schema, service->body, &service->wrong);
}

/* --- arrival ------------------------------------------------------------------------------------ */

static bool token_matches(const struct sandbox *sandbox, str authorization)
{
    str token = authorization;
    if (token.len > 7 && str_eq_nocase((str){token.ptr, 7}, STR("Bearer "))) {
        token = str_trim_ascii((str){token.ptr + 7, token.len - 7});
    }
    return str_eqz(token, sandbox->token);
}

static void fail(struct service *service, int status, const char *type, const char *message)
{
    service->answer->status = status;
    fail_body(&service->answer->body, type, message);
}

static void fail_limited(struct service *service, int64_t seconds)
{
    struct buf *out = &service->answer->body;
    service->answer->status = 429;
    service->answer->retry_after = seconds;
    buf_clear(out);
    jw_obj(out, NULL);
    jw_str(out, "message", "too many requests");
    jw_str(out, "type", "too_many_requests");
    if (seconds >= 0) {
        jw_int(out, "retry_after", seconds);
    }
    jw_end_obj(out);
}

static const struct {
    int status;
    const char *type;
} STATUS_TYPES[] = {{400, "bad_request"},    {401, "unauthenticated"},
                    {403, "forbidden"},      {404, "not_found"},
                    {409, "conflict"},       {413, "request_entity_too_large"},
                    {500, "internal_error"}, {503, "service_unavailable"}};

static void fail_by_fault(struct service *service)
{
    int status = service->fault.status;
    if (status == 429) {
        fail_limited(service, service->fault.retry_after);
        return;
    }
    const char *type = status >= 500 ? "internal_error" : "bad_request";
    for (size_t i = 0; i < ARRAY_LEN(STATUS_TYPES); i++) {
        type = STATUS_TYPES[i].status == status ? STATUS_TYPES[i].type : type;
    }
    fail(service, status, type, "a fault was asked for");
    service->answer->retry_after = service->fault.retry_after;
}

/* Faults that decide before anything happens. True: the request goes no further. */
static bool stopped_by_fault(struct service *service)
{
    struct sandbox *sandbox = service->sandbox;
    switch (service->fault.action) {
    case FAULT_DROP_BEFORE:
        service->answer->status = 0;
        return true;
    case FAULT_STATUS:
        fail_by_fault(service);
        service->flags |= service->fault.status == 429 ? 0 : STORE_ACCEPTED;
        return true;
    case FAULT_EXPIRE:
        sandbox->expired = true;
        service->flags |= STORE_EXPIRED;
        fail(service, 401, "token_expired", "the token has expired");
        return true;
    case FAULT_REDIRECT:
        service->answer->status = 301;
        service->answer->redirect = true;
        service->flags |= STORE_ACCEPTED;
        return true;
    case FAULT_NONE:
    case FAULT_DROP_AFTER:
    case FAULT_SLOW:
    case FAULT_TRUNCATE:
    case FAULT_GARBAGE:
    case FAULT_STALE:
    case FAULT_NEVER:
    case FAULT_RESET_MID:
        break;
    }
    service->flags |= STORE_ACCEPTED;
    return false;
}

/* With the lock. True: the request may be carried out. */
static bool admit(struct service *service)
{
    struct sandbox *sandbox = service->sandbox;
    int64_t wait_ms = 0;
    service->arrived_ms = sandbox_tick(sandbox);
    if (service->endpoint == NULL) {
        bool method = service->answer->allow != NULL;
        service->answer->status = method ? 405 : 404;
        buf_addz(&service->answer->body, method ? "{\"message\":\"method not allowed\"}"
                                                : "{\"message\":\"route not found\"}");
        return false;
    }
    if (sandbox->expired || !token_matches(sandbox, service->visit->authorization)) {
        service->cause = sandbox->expired ? "expire" : NULL;
        fail(service, 401, sandbox->expired ? "token_expired" : "unauthenticated",
             sandbox->expired ? "the token has expired" : "the token is not valid");
        return false;
    }
    if (!limit_allows(&sandbox->limit, service->arrived_ms, &wait_ms)) {
        service->cause = "limit";
        fail_limited(service, (wait_ms + 999) / 1000);
        return false;
    }
    service->flags |= STORE_COUNTED;
    const struct fault *fault = faults_hit(&sandbox->faults, service->endpoint->call);
    if (fault != NULL) {
        service->fault = *fault;
        service->cause = fault_cause(&service->fault);
        service->answer->action = fault->action;
    }
    bool stopped = stopped_by_fault(service);
    if ((service->flags & STORE_ACCEPTED) != 0) {
        limit_accept(&sandbox->limit, service->arrived_ms);
    }
    return !stopped;
}

/* --- carrying out ------------------------------------------------------------------------------- */

static void effect_line(struct service *service, const struct request *request, const char *body,
                        struct buf *line)
{
    enum fault_action action = service->fault.action;
    bool answered =
        action != FAULT_DROP_AFTER && action != FAULT_TRUNCATE && action != FAULT_RESET_MID;
    service->effect_seq = ++service->sandbox->effect_seq;
    jw_obj(line, NULL);
    jw_int(line, "seq", service->effect_seq);
    jw_int(line, "at_ms", request->now_ms);
    jw_str(line, "remote", "devrev");
    jw_str(line, "call", request->endpoint->call);
    jw_raw(line, "body", body);
    if (service->cause != NULL) {
        jw_str(line, "fault", service->cause);
    } else {
        jw_null(line, "fault");
    }
    jw_bool(line, "answered", answered);
    jw_end_obj(line);
}

/* With the lock. The effect's line, empty where nothing changed. */
static void carry_out(struct service *service, const char *body, struct buf *effect)
{
    struct answer *answer = service->answer;
    if (service->visit->too_large) {
        fail(service, 413, "request_entity_too_large", "the body is larger than 1 MiB");
        return;
    }
    if (service->wrong.type != NULL) {
        answer->status = 400;
        fail_schema(&answer->body, &service->wrong);
        return;
    }
    struct request request = {.sandbox = service->sandbox,
                              .endpoint = service->endpoint,
                              .body = service->body,
                              .now_ms = sandbox_tick(service->sandbox),
                              .as_of = WORLD_NOW,
                              .never = service->fault.action == FAULT_NEVER,
                              .out = answer->body,
                              .status = 200};
    if (service->fault.action == FAULT_STALE && !service->endpoint->write) {
        request.as_of = request.now_ms - service->fault.wait_ms;
    }
    service->endpoint->run(&request);
    answer->body = request.out;
    answer->status = request.status;
    if (request.changed) {
        effect_line(service, &request, body, effect);
    }
}

static void request_line(const struct service *service, int64_t seq, const char *call,
                         const char *body, struct buf *line)
{
    bool silent = service->fault.action == FAULT_DROP_AFTER;
    jw_obj(line, NULL);
    jw_int(line, "seq", seq);
    jw_int(line, "at_ms", service->arrived_ms);
    jw_str(line, "remote", "devrev");
    jw_str(line, "call", call);
    jw_int(line, "status", silent ? 0 : service->answer->status);
    if (service->cause != NULL) {
        jw_str(line, "cause", service->cause);
    } else {
        jw_null(line, "cause");
    }
    if (service->effect_seq != 0) {
        jw_int(line, "effect", service->effect_seq);
    } else {
        jw_null(line, "effect");
    }
    jw_raw(line, "body", body);
    jw_end_obj(line);
}

enum { LABEL_BYTES = 96 };

/* The name under which a call is counted: of unknown routes only the beginning, made printable. */
static void label(const struct service *service, char out[LABEL_BYTES])
{
    str call = service->visit->call;
    size_t len = call.len < LABEL_BYTES - 1 ? call.len : LABEL_BYTES - 1;
    for (size_t i = 0; i < len; i++) {
        out[i] = call.ptr[i] > ' ' && call.ptr[i] < 0x7f ? call.ptr[i] : '?';
    }
    out[len] = '\0';
}

/* With the lock: log, effects file, requests file, in this order. */
static void record(struct service *service, const char *body, const struct buf *effect)
{
    struct sandbox *sandbox = service->sandbox;
    AUTO_BUF struct buf line = {0};
    char call[LABEL_BYTES];
    label(service, call);
    bool silent = service->fault.action == FAULT_DROP_AFTER;
    struct call_row row = {.second = service->arrived_ms / 1000,
                           .call = call,
                           .status = silent ? 0 : service->answer->status,
                           .cause = service->cause,
                           .count = 1};
    calls_add(&sandbox->calls, &row);
    int64_t seq = ++sandbox->request_seq;
    service->answer->request = seq;
    if (sandbox->store.log_fd < 0 && sandbox->store.requests_fd < 0) {
        if (effect->len > 0) {
            store_effect(&sandbox->store, buf_str(effect));
        }
        return;
    }
    request_line(service, seq, call, body, &line);
    if (sandbox->store.log_fd >= 0) {
        AUTO_BUF struct buf log = {0};
        buf_printf(&log, "%d\t", service->flags);
        buf_adds(&log, buf_str(&line));
        buf_addc(&log, '\t');
        buf_adds(&log, buf_str(effect));
        store_line(&sandbox->store, 'R', buf_str(&log));
    }
    if (effect->len > 0) {
        store_effect(&sandbox->store, buf_str(effect));
    }
    store_request(&sandbox->store, buf_str(&line));
}

static void rate_headers(struct service *service)
{
    const struct limit *limit = &service->sandbox->limit;
    struct answer *answer = service->answer;
    int64_t now_ms = service->arrived_ms;
    answer->limit = limit->calls > 0 ? limit->calls : NO_LIMIT;
    answer->left = limit->calls > 0 ? limit_left(limit, now_ms) : NO_LIMIT;
    int64_t wait_ms = limit->calls > 0 ? limit->period_ms : NO_LIMIT_PERIOD_S * 1000LL;
    (void)limit_allows(limit, now_ms, &wait_ms); /* at the limit: until one is allowed again */
    answer->reset_s = (now_ms + wait_ms + 999) / 1000;
}

/* Ends early when the sandbox stops: what has arrived is still carried out. */
static void wait_ms(const struct service *service, int64_t ms)
{
    if (ms > 0) {
        (void)clock_sleep_ms(clock_system(), ms, service->sandbox->stop, 1);
    }
}

static char *dump_body(const struct service *service)
{
    bool write = service->endpoint != NULL && service->endpoint->write;
    return write && service->body != NULL
               ? json_dumps(service->body, JSON_COMPACT | JSON_ENCODE_ANY)
               : NULL;
}

static void serve(struct service *service)
{
    struct sandbox *sandbox = service->sandbox;
    AUTO_FREE char *body = dump_body(service);
    AUTO_BUF struct buf effect = {0};
    int64_t wait = sandbox->options->latency_ms;
    pthread_mutex_lock(&sandbox->lock);
    bool admitted = admit(service);
    wait += service->fault.action == FAULT_SLOW ? service->fault.wait_ms : 0;
    int64_t before = admitted ? wait / 2 : 0;
    if (before > 0) {
        pthread_mutex_unlock(&sandbox->lock);
        wait_ms(service, before);
        pthread_mutex_lock(&sandbox->lock);
    }
    merges_run(sandbox, sandbox_tick(sandbox));
    if (admitted) {
        carry_out(service, body, &effect);
    }
    record(service, body, &effect);
    merges_run(sandbox, sandbox->now_ms); /* a merge without delay is done before its answer */
    rate_headers(service);
    pthread_mutex_unlock(&sandbox->lock);
    wait_ms(service, service->answer->status == 0 ? 0 : wait - before);
}

static void garble(struct answer *answer)
{
    buf_clear(&answer->body);
    buf_addz(&answer->body, "<html><body>\x01\xff upstream said { \"rev_user\": ");
}

void dispatch(struct sandbox *sandbox, const struct visit *visit, struct answer *ret)
{
    *ret = (struct answer){.retry_after = -1};
    struct service service = {.sandbox = sandbox, .visit = visit, .answer = ret};
    const struct endpoint *endpoint = endpoint_find(visit->call);
    bool post = str_eqz(visit->method, "POST");
    if (endpoint != NULL && (post || (str_eqz(visit->method, "GET") && !endpoint->write))) {
        service.endpoint = endpoint;
        read_body(&service);
    } else if (endpoint != NULL) {
        ret->allow = endpoint->write ? "POST" : "GET, POST";
    }
    serve(&service);
    if (ret->action == FAULT_GARBAGE) {
        garble(ret);
    }
    json_decref(service.body);
}

/* --- replay ------------------------------------------------------------------------------------- */

static bool replay_json(struct sandbox *sandbox, const json_t *line, struct err *err)
{
    const char *call = json_string_value(json_object_get(line, "call"));
    const char *fault = json_string_value(json_object_get(line, "fault"));
    json_t *body = json_object_get(line, "body");
    int64_t at_ms = json_integer_value(json_object_get(line, "at_ms"));
    sandbox->effect_seq = json_integer_value(json_object_get(line, "seq"));
    if (at_ms > sandbox->now_ms) {
        sandbox->now_ms = at_ms;
    }
    if (call == NULL || body == NULL) {
        return err_set(err, ERR_CORRUPT, "could not replay the state: not an effect");
    }
    if (strcmp(call, "rev-users.merge/done") == 0) {
        return merge_replay_done(sandbox, body, at_ms) ||
               err_set(err, ERR_CORRUPT, "could not replay the state: effect %lld",
                       (long long)sandbox->effect_seq);
    }
    const struct endpoint *endpoint = endpoint_find(str_of(call));
    struct request request = {.sandbox = sandbox,
                              .endpoint = endpoint,
                              .body = body,
                              .now_ms = at_ms,
                              .as_of = WORLD_NOW,
                              .never = fault != NULL && strcmp(fault, "never") == 0,
                              .status = 200};
    if (endpoint != NULL && endpoint->write) {
        endpoint->run(&request);
    }
    buf_done(&request.out);
    return request.changed || err_set(err, ERR_CORRUPT, "could not replay the state: effect %lld",
                                      (long long)sandbox->effect_seq);
}

bool dispatch_replay(struct sandbox *sandbox, str line, struct err *err)
{
    json_t *json = json_loadb(line.ptr, line.len, 0, NULL);
    bool ok = replay_json(sandbox, json, err);
    json_decref(json);
    return ok;
}
