/* SPDX-License-Identifier: MIT */
#include "sandbox/slack.h"

#include "base/hash.h"
#include "sandbox/jw.h"

enum { TEXT_MAX = 40000, SECRET_CHARS = 24 };

struct post {
    struct sandbox *sandbox;
    const struct visit *visit;
    struct answer *answer;
    json_t *body; /* NULL: not JSON */
    struct fault fault;
    const char *cause;
    int64_t arrived_ms;
};

/* Made of the token, so that it is the same after a restart. */
static void add_path(const struct sandbox *sandbox, struct buf *out)
{
    char hex[SHA256_HEX];
    sha256_hex_of(sandbox->token, strlen(sandbox->token), hex);
    buf_printf(out, "services/T0SANDBOX/B0SANDBOX/%.*s", SECRET_CHARS, hex);
}

void slack_env(const struct sandbox *sandbox, uint16_t port, struct buf *out)
{
    buf_printf(out, "#SLACK_WEBHOOK=http://127.0.0.1:%u/", port);
    add_path(sandbox, out);
    buf_addc(out, '\n');
}

static void say(struct post *post, int status, const char *text)
{
    post->answer->status = status;
    buf_clear(&post->answer->body);
    buf_addz(&post->answer->body, text);
}

static void judge(struct post *post)
{
    AUTO_BUF struct buf path = {0};
    add_path(post->sandbox, &path);
    const char *text = json_string_value(json_object_get(post->body, "text"));
    if (!str_eqz(post->visit->method, "POST") || !str_eq(post->visit->call, buf_str(&path))) {
        say(post, 404, "no_service");
    } else if (!json_is_object(post->body)) {
        say(post, 400, "invalid_payload");
    } else if (text == NULL || text[0] == '\0') {
        say(post, 400, "no_text");
    } else if (strlen(text) > TEXT_MAX) {
        say(post, 400, "msg_too_long");
    } else {
        say(post, 200, "ok");
    }
}

/* True: the request goes no further. */
static bool stopped_by_fault(struct post *post)
{
    const struct fault *fault = faults_hit(&post->sandbox->faults, "webhook");
    if (fault == NULL) {
        return false;
    }
    post->fault = *fault;
    post->cause = fault_cause(fault);
    post->answer->action = fault->action;
    if (fault->action == FAULT_DROP_BEFORE) {
        post->answer->status = 0;
        return true;
    }
    if (fault->action == FAULT_STATUS) {
        say(post, fault->status, fault->status == 429 ? "rate_limited" : "a fault was asked for");
        post->answer->retry_after = fault->retry_after;
        return true;
    }
    if (fault->action == FAULT_REDIRECT) {
        post->answer->status = 301;
        post->answer->redirect = true;
        return true;
    }
    return false;
}

static void record(struct post *post)
{
    struct sandbox *sandbox = post->sandbox;
    int status = post->fault.action == FAULT_DROP_AFTER ? 0 : post->answer->status;
    struct call_row row = {.second = post->arrived_ms / 1000,
                           .call = "webhook",
                           .status = status,
                           .cause = post->cause,
                           .count = 1};
    AUTO_BUF struct buf line = {0};
    calls_add(&sandbox->calls, &row);
    jw_obj(&line, NULL);
    jw_int(&line, "seq", ++sandbox->request_seq);
    jw_int(&line, "at_ms", post->arrived_ms);
    jw_str(&line, "remote", "slack");
    jw_str(&line, "call", "webhook");
    jw_int(&line, "status", status);
    if (post->cause != NULL) {
        jw_str(&line, "cause", post->cause);
    } else {
        jw_null(&line, "cause");
    }
    jw_null(&line, "effect");
    char *body = post->body != NULL ? json_dumps(post->body, JSON_COMPACT) : NULL;
    jw_raw(&line, "body", body != NULL ? body : "null");
    free(body);
    jw_end_obj(&line);
    AUTO_BUF struct buf log = {0};
    buf_printf(&log, "%d\t%" STR_FMT "\t", STORE_COUNTED, STR_ARG(buf_str(&line)));
    if (sandbox->store.log_fd >= 0) {
        store_line(&sandbox->store, 'R', buf_str(&log));
    }
    store_request(&sandbox->store, buf_str(&line));
}

void slack_dispatch(struct sandbox *sandbox, const struct visit *visit, struct answer *ret)
{
    *ret = (struct answer){.retry_after = -1};
    struct post post = {.sandbox = sandbox,
                        .visit = visit,
                        .answer = ret,
                        .body = json_loadb(visit->body.ptr != NULL ? visit->body.ptr : "",
                                           visit->body.len, 0, NULL)};
    pthread_mutex_lock(&sandbox->lock);
    post.arrived_ms = sandbox_tick(sandbox);
    if (!stopped_by_fault(&post)) {
        judge(&post);
    }
    record(&post);
    pthread_mutex_unlock(&sandbox->lock);
    json_decref(post.body);
    int64_t slow = post.fault.action == FAULT_SLOW ? post.fault.wait_ms : 0;
    int64_t wait_ms = ret->status == 0 ? 0 : sandbox->options->latency_ms + slow;
    if (wait_ms > 0) {
        (void)clock_sleep_ms(clock_system(), wait_ms, sandbox->stop, 1);
    }
}
