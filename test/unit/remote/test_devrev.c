/* SPDX-License-Identifier: MIT */
/* Every way in which a call can end, for reads and for writes: the exact error, what the error allows,
 * and how many requests the remote has seen. */
#include "remote/devrev.h"

#include <stdio.h>

#include "harness/fakeclock.h"
#include "harness/httpserver.h"
#include "harness/tap.h"

static struct httpserver *server;
static struct fakeclock fake;
static struct stop stop;
static struct limiter *limiter;
static struct callstats *calls;
static struct secret token;
static struct devrev_shared *shared;
static struct devrev *devrev;
static struct err err;

static void start_at(const char *url)
{
    fakeclock_init(&fake);
    stop_init(&stop);
    calls = callstats_new();
    secret_set(&token, STR("tok-1"));
    err = (struct err){0};
    struct limiter_options limits = {.calls = 0, .period_ms = 1000, .clock = &fake.clock};
    limiter = limiter_open(-1, NULL, &limits, &err);
    CHECK(limiter != NULL);
    struct devrev_options options = {
        .base_url = url,
        .token = &token,
        .limiter = limiter,
        .calls = calls,
        .clock = &fake.clock,
        .stop = &stop,
        .retry = {.attempts = 3, .base_ms = 200, .cap_ms = 60000},
    };
    shared = devrev_shared_new(&options, &err);
    CHECK(shared != NULL);
    devrev = devrev_new(shared, &err);
    CHECK(devrev != NULL);
}

static void start(void)
{
    server = httpserver_start();
    start_at(httpserver_url(server));
}

static void finish(void)
{
    devrev_free(devrev);
    devrev_shared_free(shared);
    limiter_close(limiter);
    callstats_free(calls);
    secret_done(&token);
    stop_done(&stop);
    if (server != NULL) {
        httpserver_stop(server);
    }
    server = NULL;
}

static void script(struct httpserver_step step)
{
    httpserver_script(server, &step);
}

static json_t *get_request(void)
{
    return json_pack("{s:s}", "id", "REVU-1");
}

static bool read_one(struct devrev_answer *answer)
{
    return devrev_read(devrev, "rev-users.get", get_request(), answer, &err);
}

static bool write_one(struct devrev_answer *answer)
{
    return devrev_write(devrev, "rev-users.merge",
                        json_pack("{s:s,s:s}", "primary_user", "a", "secondary_user", "b"), answer,
                        &err);
}

/* err.message with the server's port as "PORT". */
static const char *message(void)
{
    static char text[sizeof(err.message) + 8];
    char port[16];
    (void)snprintf(port, sizeof(port), ":%d'", httpserver_port(server));
    const char *at = strstr(err.message, port);
    if (at == NULL) {
        return err.message;
    }
    (void)snprintf(text, sizeof(text), "%.*s:PORT'%s", (int)(at - err.message), err.message,
                   at + strlen(port));
    return text;
}

/* --- what is sent --------------------------------------------------------------------------- */

static void a_read_is_a_post_with_token_and_scope(void)
{
    start();
    script((struct httpserver_step){.body = STR("{\"rev_user\":{\"id\":\"x\",\"n\":1.50}}")});
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_OK(read_one(&answer), err);
    CHECK_TEXT(buf_str(&answer.raw), "{\"rev_user\":{\"id\":\"x\",\"n\":1.50}}");
    CHECK_INT(answer.status, 200);
    CHECK(json_object_get(answer.json, "rev_user") != NULL);
    struct httpserver_record record;
    char value[256];
    CHECK(httpserver_get(server, 0, &record));
    CHECK_STR(record.method, "POST");
    CHECK_STR(record.path, "/rev-users.get");
    CHECK_STR(record.body, "{\"id\":\"REVU-1\"}");
    CHECK_STR(httpserver_header(&record, "Authorization", value, sizeof(value)), "Bearer tok-1");
    CHECK_STR(httpserver_header(&record, "X-Devrev-Scope", value, sizeof(value)), "beta");
    CHECK_STR(httpserver_header(&record, "Content-Type", value, sizeof(value)), "application/json");
    finish();
}

static void slashes_at_the_end_of_the_base_url_are_no_matter(void)
{
    server = httpserver_start();
    char url[128];
    (void)snprintf(url, sizeof(url), "%s//", httpserver_url(server));
    start_at(url);
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_OK(read_one(&answer), err);
    CHECK_INT(httpserver_count_path(server, "/rev-users.get"), 1);
    finish();
}

static void an_impossible_request_is_not_sent(void)
{
    start();
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_ERR(devrev_read(devrev, "rev-users.get", NULL, &answer, &err), err, ERR_INTERNAL,
              "could not call rev-users.get: its request is not valid");
    CHECK_INT(httpserver_count(server), 0);
    finish();
}

/* --- configuration ------------------------------------------------------------------------- */

static struct devrev_shared *configure(const char *url, str value)
{
    struct secret secret = {0};
    secret_set(&secret, value);
    struct devrev_options options = {
        .base_url = url, .token = &secret, .clock = clock_system(), .retry = {.attempts = 1}};
    struct devrev_shared *made = devrev_shared_new(&options, &err);
    secret_done(&secret);
    return made;
}

static void unusable_settings_are_named(void)
{
    const char *url = "https://api.devrev.example.com";
    CHECK_ERR(configure(url, STR("a\nb")) != NULL, err, ERR_CONFIG,
              "could not use DEVREV_API_TOKEN: it contains a line end");
    CHECK_ERR(configure(url, STR("ab\r")) != NULL, err, ERR_CONFIG,
              "could not use DEVREV_API_TOKEN: it contains a line end");
    CHECK_ERR(configure(url, STR("a b")) != NULL, err, ERR_CONFIG,
              "could not use DEVREV_API_TOKEN: it contains a blank or a control character");
    CHECK_ERR(configure(url, STR("a\xc3\xa4")) != NULL, err, ERR_CONFIG,
              "could not use DEVREV_API_TOKEN: it contains a character outside ASCII");
    CHECK_ERR(configure(url, STR("")) != NULL, err, ERR_CONFIG,
              "could not use DEVREV_API_TOKEN: it is not set");
    CHECK_STR(err.hint, "Put it into the environment or into .env of the workspace.");
    CHECK_ERR(configure("api.devrev.example.com", STR("t")) != NULL, err, ERR_CONFIG,
              "could not use 'DEVREV_BASE_URL': it does not begin with https:// or http://");
}

/* --- one case of failing ------------------------------------------------------------------- */

struct failing {
    const char *name;
    struct httpserver_step step; /* as often as it is asked for */
    enum err_kind kind;
    const char *message;
    int requests;
    bool fatal, retryable, ambiguous;
};

static void fail_each(bool is_write, const struct failing *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        start();
        for (int k = 0; k < 12; k++) {
            script(cases[i].step);
        }
        AUTO_ANSWER struct devrev_answer answer = {0};
        bool ok = is_write ? write_one(&answer) : read_one(&answer);
        CHECK(!ok);
        CHECK_STR(err_kind_name(err.kind), err_kind_name(cases[i].kind));
        CHECK_STR(message(), cases[i].message);
        CHECK_INT(httpserver_count(server), cases[i].requests);
        CHECK_INT(err.fatal, cases[i].fatal);
        CHECK_INT(err.retryable, cases[i].retryable);
        CHECK_INT(err.ambiguous, cases[i].ambiguous);
        CHECK(answer.json == NULL);
        finish();
    }
}

static void reads_that_fail(void)
{
    const struct failing cases[] = {
        {"drop",
         {.act = HTTPSERVER_DROP},
         ERR_NETWORK,
         "could not call rev-users.get at '127.0.0.1:PORT': the connection broke before an answer "
         "arrived (3 attempts)",
         3,
         .retryable = true},
        {"reset",
         {.act = HTTPSERVER_RESET},
         ERR_NETWORK,
         "could not call rev-users.get at '127.0.0.1:PORT': the connection broke before an answer "
         "arrived (3 attempts)",
         3,
         .retryable = true},
        {"truncated",
         {.act = HTTPSERVER_TRUNCATE, .body = STR("{\"rev_user\":{}}"), .cut = 5},
         ERR_PROTOCOL,
         "could not call rev-users.get at '127.0.0.1:PORT': the answer was cut short (3 attempts)",
         3,
         .retryable = true},
        {"not HTTP",
         {.act = HTTPSERVER_RAW, .body = STR("garbage\r\n\r\n")},
         ERR_PROTOCOL,
         "could not call rev-users.get at '127.0.0.1:PORT': the answer is not HTTP (3 attempts)",
         3,
         .retryable = true},
        {"not JSON",
         {.body = STR("<html>")},
         ERR_PROTOCOL,
         "could not call rev-users.get: the answer is not JSON (byte 1 of 6) (3 attempts)",
         3,
         .retryable = true},
        {"empty",
         {.body = STR("")},
         ERR_PROTOCOL,
         "could not call rev-users.get: the answer is not JSON (byte 0 of 0) (3 attempts)",
         3,
         .retryable = true},
        {"500",
         {.status = 500, .body = STR("{\"type\":\"internal_error\"}")},
         ERR_REMOTE,
         "could not call rev-users.get: the remote answered 500 internal_error (3 attempts)",
         3,
         .retryable = true},
        {"503",
         {.status = 503, .headers = "Retry-After: 2\r\n"},
         ERR_REMOTE,
         "could not call rev-users.get: the remote answered 503 (3 attempts)",
         3,
         .retryable = true},
        {"400",
         {.status = 400, .body = STR("{\"type\":\"invalid_field\",\"field_name\":\"id\"}")},
         ERR_REMOTE,
         "could not call rev-users.get: the remote answered 400 invalid_field 'id'",
         1},
        {"401",
         {.status = 401, .body = STR("{\"type\":\"unauthenticated\"}")},
         ERR_AUTH,
         "could not call rev-users.get: the token was refused (401 unauthenticated)",
         1,
         .fatal = true},
        {"403",
         {.status = 403, .body = STR("{\"type\":\"forbidden\"}")},
         ERR_REMOTE,
         "could not call rev-users.get: the token's owner may not do this (403 forbidden)",
         1},
        {"404",
         {.status = 404, .body = STR("{\"type\":\"not_found\"}")},
         ERR_NOT_FOUND,
         "could not call rev-users.get: the remote answered 404 not_found",
         1},
        {"redirect",
         {.status = 301, .headers = "Location: https://other.example.com/x?key=1\r\n"},
         ERR_REMOTE,
         "could not call rev-users.get at '127.0.0.1:PORT': it answered 301, a redirect to "
         "'other.example.com'",
         1},
        {"429",
         {.status = 429, .headers = "Retry-After: 2\r\n"},
         ERR_LIMITED,
         "could not call rev-users.get: the remote asked to slow down 10 times (429)",
         10,
         .retryable = true},
    };
    fail_each(false, cases, ARRAY_LEN(cases));
}

static void writes_that_fail(void)
{
    const struct failing cases[] = {
        {"drop",
         {.act = HTTPSERVER_DROP},
         ERR_NETWORK,
         "could not call rev-users.merge at '127.0.0.1:PORT': the connection broke before an "
         "answer "
         "arrived",
         1,
         .ambiguous = true},
        {"reset",
         {.act = HTTPSERVER_RESET},
         ERR_NETWORK,
         "could not call rev-users.merge at '127.0.0.1:PORT': the connection broke before an "
         "answer "
         "arrived",
         1,
         .ambiguous = true},
        {"truncated",
         {.act = HTTPSERVER_TRUNCATE, .body = STR("{\"a\":1}"), .cut = 1},
         ERR_PROTOCOL,
         "could not call rev-users.merge at '127.0.0.1:PORT': the answer was cut short",
         1,
         .ambiguous = true},
        {"not HTTP",
         {.act = HTTPSERVER_RAW, .body = STR("garbage\r\n\r\n")},
         ERR_PROTOCOL,
         "could not call rev-users.merge at '127.0.0.1:PORT': the answer is not HTTP",
         1,
         .ambiguous = true},
        {"not JSON",
         {.body = STR("<html>")},
         ERR_PROTOCOL,
         "could not call rev-users.merge: the answer is not JSON (byte 1 of 6)",
         1,
         .ambiguous = true},
        {"500",
         {.status = 500},
         ERR_REMOTE,
         "could not call rev-users.merge: the remote answered 500",
         1,
         .ambiguous = true},
        {"503",
         {.status = 503, .headers = "Retry-After: 2\r\n"},
         ERR_REMOTE,
         "could not call rev-users.merge: the remote answered 503",
         1,
         .ambiguous = true},
        {"408",
         {.status = 408},
         ERR_REMOTE,
         "could not call rev-users.merge: the remote answered 408",
         1,
         .ambiguous = true},
        {"400",
         {.status = 400, .body = STR("{\"type\":\"bad_request\",\"message\":\"ann@example.com\"}")},
         ERR_REMOTE,
         "could not call rev-users.merge: the remote answered 400 bad_request",
         1},
        {"401",
         {.status = 401, .body = STR("{\"type\":\"token_expired\"}")},
         ERR_AUTH,
         "could not call rev-users.merge: the token was refused (401 token_expired)",
         1,
         .fatal = true},
        {"403",
         {.status = 403},
         ERR_AUTH,
         "could not call rev-users.merge: the token's owner may not do this (403)",
         1,
         .fatal = true},
        {"404",
         {.status = 404, .body = STR("{\"type\":\"not_found\"}")},
         ERR_NOT_FOUND,
         "could not call rev-users.merge: the remote answered 404 not_found",
         1},
        {"redirect",
         {.status = 301, .headers = "Location: https://other.example.com/\r\n"},
         ERR_REMOTE,
         "could not call rev-users.merge at '127.0.0.1:PORT': it answered 301, a redirect to "
         "'other.example.com'",
         1},
        {"429",
         {.status = 429, .headers = "Retry-After: 2\r\n"},
         ERR_LIMITED,
         "could not call rev-users.merge: the remote asked to slow down 10 times (429)",
         10,
         .retryable = true},
    };
    fail_each(true, cases, ARRAY_LEN(cases));
}

static void no_connection_stops_the_run(void)
{
    for (int is_write = 0; is_write < 2; is_write++) {
        server = httpserver_start();
        char url[128];
        (void)snprintf(url, sizeof(url), "%s", httpserver_url(server));
        int port = httpserver_port(server);
        httpserver_stop(server);
        server = NULL;
        start_at(url);
        AUTO_ANSWER struct devrev_answer answer = {0};
        CHECK(!(is_write != 0 ? write_one(&answer) : read_one(&answer)));
        char expected[256];
        (void)snprintf(expected, sizeof(expected),
                       "could not call %s at '127.0.0.1:%d': Connection refused (3 attempts)",
                       is_write != 0 ? "rev-users.merge" : "rev-users.get", port);
        CHECK_STR(err.message, expected);
        CHECK_INT(err.kind, ERR_NETWORK);
        CHECK(err.fatal);
        CHECK(err.retryable);
        CHECK(!err.ambiguous);
        CHECK_STR(err.hint,
                  "Check the network and DEVREV_BASE_URL, then go on with steward resume.");
        finish();
    }
}

/* --- trying again -------------------------------------------------------------------------- */

static void a_read_is_tried_again_until_it_works(void)
{
    start();
    script((struct httpserver_step){.act = HTTPSERVER_DROP});
    script((struct httpserver_step){.status = 502});
    script((struct httpserver_step){.body = STR("{\"ok\":true}")});
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_OK(read_one(&answer), err);
    CHECK_TEXT(buf_str(&answer.raw), "{\"ok\":true}");
    CHECK_INT(httpserver_count(server), 3);
    struct callstats_totals totals;
    callstats_totals(calls, &totals);
    CHECK_INT(totals.calls, 3);
    CHECK_INT(totals.errors, 2);
    CHECK_INT(totals.retries, 2);
    finish();
}

static void a_429_is_no_attempt(void)
{
    start();
    script((struct httpserver_step){.status = 502});
    for (int i = 0; i < 5; i++) {
        script((struct httpserver_step){.status = 429, .headers = "Retry-After: 3\r\n"});
    }
    script((struct httpserver_step){.status = 502});
    script((struct httpserver_step){.body = STR("{}")});
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_OK(read_one(&answer), err);
    CHECK_INT(httpserver_count(server), 8);
    finish();
}

/* Time that passes while the remote answers one 429 with `headers` and `body`, and then well. */
static int64_t waited_ms(bool is_write, const char *headers, str body)
{
    start();
    script((struct httpserver_step){.status = 429, .headers = headers, .body = body});
    int64_t before = clock_mono_ns(&fake.clock);
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_OK(is_write ? write_one(&answer) : read_one(&answer), err);
    CHECK_INT(httpserver_count(server), 2);
    int64_t waited = (clock_mono_ns(&fake.clock) - before) / 1000000;
    finish();
    return waited;
}

static void a_429_is_waited_for(void)
{
    CHECK_INT(waited_ms(false, "Retry-After: 7\r\n", STR("{}")), 7000);
    CHECK_INT(waited_ms(true, "Retry-After: 7\r\n", STR("{}")), 7000);
    CHECK_INT(waited_ms(false, "Retry-After: 2\r\n", STR("{\"retry_after\":9}")), 2000);
    CHECK_INT(waited_ms(false, NULL, STR("{\"type\":\"too_many_requests\",\"retry_after\":9}")),
              9000);
    CHECK_INT(waited_ms(false, NULL, STR("slow down")), 60000);
}

static void a_stop_ends_the_waiting(void)
{
    start();
    stop_raise(&stop, 1);
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK(!read_one(&answer));
    CHECK_INT(err.kind, ERR_INTERRUPTED);
    CHECK(!write_one(&answer));
    CHECK_INT(err.kind, ERR_INTERRUPTED);
    CHECK(err.retryable);
    CHECK(!err.ambiguous);
    CHECK_INT(httpserver_count(server), 0);
    devrev_stop_level(devrev, 2); /* what was sent is still settled */
    CHECK_OK(read_one(&answer), err);
    CHECK_INT(httpserver_count(server), 1);
    finish();
}

static void an_exhausted_quota_parks_until_its_reset(void)
{
    start();
    char headers[128];
    (void)snprintf(headers, sizeof(headers),
                   "X-Ratelimit-Remaining: 0\r\nX-Ratelimit-Reset: %lld\r\n",
                   (long long)(FAKECLOCK_REAL_MS / 1000 + 30));
    script((struct httpserver_step){.headers = headers, .body = STR("{}")});
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_OK(read_one(&answer), err);
    int64_t before = clock_mono_ns(&fake.clock);
    CHECK_OK(read_one(&answer), err);
    CHECK_INT((clock_mono_ns(&fake.clock) - before) / 1000000, 29001);
    finish();
}

/* --- the circuit breaker ------------------------------------------------------------------- */

static void a_broken_remote_is_waited_for_by_reads_only(void)
{
    start();
    for (int i = 0; i < 10; i++) {
        script((struct httpserver_step){.status = 503});
    }
    AUTO_ANSWER struct devrev_answer answer = {0};
    for (int i = 0; i < 3; i++) { /* nine bad calls are too few */
        CHECK(!read_one(&answer));
        CHECK_STR(err.message,
                  "could not call rev-users.get: the remote answered 503 (3 attempts)");
    }
    int64_t before = clock_mono_ns(&fake.clock);
    CHECK_OK(read_one(&answer), err); /* the tenth opens; the next one, a minute later, is well */
    CHECK((clock_mono_ns(&fake.clock) - before) / 1000000 >= 60000);
    CHECK_INT(httpserver_count(server), 11);
    CHECK_ERR(write_one(&answer), err, ERR_LIMITED,
              "could not call rev-users.merge: not sent: the circuit breaker of devrev is not "
              "closed");
    CHECK(err.retryable);
    CHECK(!err.ambiguous);
    CHECK_INT(err.http_status, 0);
    CHECK_INT(httpserver_count(server), 11);
    CHECK_OK(read_one(&answer), err);
    CHECK_OK(read_one(&answer), err);
    CHECK_OK(write_one(&answer), err);
    CHECK_INT(httpserver_count_path(server, "/rev-users.merge"), 1);
    finish();
}

static void a_remote_that_stays_broken_ends_the_run(void)
{
    start();
    for (int i = 0; i < 30; i++) {
        script((struct httpserver_step){.status = 503});
    }
    AUTO_ANSWER struct devrev_answer answer = {0};
    for (int i = 0; i < 3; i++) {
        CHECK(!read_one(&answer));
    }
    CHECK_ERR(read_one(&answer), err, ERR_STOPPED,
              "could not call rev-users.get: the circuit breaker of devrev has not closed for 600 "
              "s: it does not answer well");
    CHECK(err.fatal);
    CHECK_INT(httpserver_count(server), 20);
    finish();
}

static void the_limit_is_learned_from_the_headers(void)
{
    start();
    char headers[192];
    (void)snprintf(headers, sizeof(headers),
                   "X-Ratelimit-Limit: 300\r\nX-Ratelimit-Remaining: 299\r\n"
                   "X-Ratelimit-Reset: %lld\r\n",
                   (long long)(FAKECLOCK_REAL_MS / 1000 + 301));
    script((struct httpserver_step){.headers = headers, .body = STR("{}")});
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_OK(read_one(&answer), err);
    struct limiter_state state;
    limiter_look(limiter, &state);
    CHECK_INT(state.calls, 300);
    CHECK_INT(state.period_ms, 300001);
    CHECK(state.learned);
    finish();
}

/* --- writes -------------------------------------------------------------------------------- */

static void an_acknowledged_write(void)
{
    const str bodies[] = {STR("{}"), STR("")};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        start();
        script((struct httpserver_step){.body = bodies[i]});
        AUTO_ANSWER struct devrev_answer answer = {0};
        CHECK_OK(write_one(&answer), err);
        CHECK_INT(httpserver_count(server), 1);
        struct httpserver_record record;
        CHECK(httpserver_get(server, 0, &record));
        CHECK_STR(record.path, "/rev-users.merge");
        CHECK_STR(record.body, "{\"primary_user\":\"a\",\"secondary_user\":\"b\"}");
        finish();
    }
}

static void a_write_on_a_dead_connection_is_sent_once(void)
{
    start();
    script((struct httpserver_step){.body = STR("{}")});
    script((struct httpserver_step){.act = HTTPSERVER_DROP});
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_OK(read_one(&answer), err);
    CHECK(!write_one(&answer));
    CHECK(err.ambiguous);
    CHECK_INT(httpserver_count_path(server, "/rev-users.merge"), 1);
    finish();
}

/* --- pages --------------------------------------------------------------------------------- */

struct pages {
    char ids[256];
    int pages;
    int stop_after;
};

static bool take_page(void *ctx, const struct devrev_answer *answer, const json_t *items,
                      bool *done, struct err *page_err)
{
    struct pages *pages = ctx;
    (void)answer;
    (void)page_err;
    for (size_t i = 0; i < json_array_size(items); i++) {
        size_t len = strlen(pages->ids);
        (void)snprintf(pages->ids + len, sizeof(pages->ids) - len, "%s ",
                       json_string_value(json_object_get(json_array_get(items, i), "id")));
    }
    pages->pages++;
    *done = pages->pages == pages->stop_after;
    return true;
}

static bool walk(struct pages *pages)
{
    return devrev_pages(devrev, "works.list", json_pack("{s:[s]}", "reported_by", "u"), "works",
                        take_page, pages, &err);
}

static void all_pages_the_empty_one_included(void)
{
    start();
    script((struct httpserver_step){
        .body = STR("{\"works\":[{\"id\":\"1\"},{\"id\":\"2\"}],\"next_cursor\":\"c1\"}")});
    script((struct httpserver_step){.body = STR("{\"works\":[],\"next_cursor\":\"c2\"}")});
    script((struct httpserver_step){.body = STR("{\"next_cursor\":\"c3\"}")});
    script(
        (struct httpserver_step){.body = STR("{\"works\":[{\"id\":\"3\"}],\"next_cursor\":\"\"}")});
    struct pages pages = {0};
    CHECK_OK(walk(&pages), err);
    CHECK_STR(pages.ids, "1 2 3 ");
    CHECK_INT(pages.pages, 4);
    CHECK_INT(httpserver_count(server), 4);
    struct httpserver_record record;
    CHECK(httpserver_get(server, 0, &record));
    CHECK_STR(record.body, "{\"reported_by\":[\"u\"],\"limit\":100}");
    CHECK(httpserver_get(server, 2, &record));
    CHECK_STR(record.body, "{\"reported_by\":[\"u\"],\"limit\":100,\"cursor\":\"c2\"}");
    finish();
}

static void a_walk_can_end_early(void)
{
    start();
    script((struct httpserver_step){.body = STR("{\"works\":[],\"next_cursor\":\"c1\"}")});
    struct pages pages = {.stop_after = 1};
    CHECK_OK(walk(&pages), err);
    CHECK_INT(httpserver_count(server), 1);
    finish();
}

static void cursors_that_go_round_end_in_an_error(void)
{
    start();
    const str bodies[] = {STR("{\"next_cursor\":\"a\"}"), STR("{\"next_cursor\":\"b\"}"),
                          STR("{\"next_cursor\":\"a\"}")};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        script((struct httpserver_step){.body = bodies[i]});
    }
    struct pages pages = {0};
    CHECK_ERR(walk(&pages), err, ERR_PROTOCOL,
              "could not call works.list: the same cursor came twice");
    CHECK_INT(httpserver_count(server), 3);
    finish();
}

static void answers_of_the_wrong_shape(void)
{
    const struct {
        str body;
        const char *message;
    } cases[] = {
        {STR("{\"works\":{}}"), "could not call works.list: 'works' is not a list"},
        {STR("{\"works\":[],\"next_cursor\":7}"),
         "could not call works.list: next_cursor is not text"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start();
        script((struct httpserver_step){.body = cases[i].body});
        struct pages pages = {0};
        CHECK_ERR(walk(&pages), err, ERR_PROTOCOL, cases[i].message);
        CHECK_INT(httpserver_count(server), 1);
        finish();
    }
}

/* --- files --------------------------------------------------------------------------------- */

struct file {
    struct buf bytes;
    int starts;
    bool full;
};

static bool file_start(void *ctx, struct err *file_err)
{
    struct file *file = ctx;
    (void)file_err;
    file->starts++;
    buf_clear(&file->bytes);
    return true;
}

static bool file_piece(void *ctx, str piece, struct err *file_err)
{
    struct file *file = ctx;
    if (file->full) {
        return err_set(file_err, ERR_IO, "could not write: disk full");
    }
    buf_adds(&file->bytes, piece);
    return true;
}

static bool download(struct file *file)
{
    char url[256];
    (void)snprintf(url, sizeof(url), "%s/files/1?signature=secret", httpserver_url(server));
    struct devrev_sink sink = {file_start, file_piece, file};
    return devrev_download(devrev, url, &sink, &err);
}

static void a_file_comes_without_the_token(void)
{
    start();
    script((struct httpserver_step){.body = STR("0123456789"), .repeat = 10000});
    struct file file = {0};
    CHECK_OK(download(&file), err);
    CHECK_INT(file.bytes.len, 100000);
    CHECK_INT(file.starts, 1);
    struct httpserver_record record;
    char value[64];
    CHECK(httpserver_get(server, 0, &record));
    CHECK_STR(record.method, "GET");
    CHECK_STR(httpserver_header(&record, "Authorization", value, sizeof(value)), "");
    buf_done(&file.bytes);
    finish();
}

static void a_broken_download_starts_anew(void)
{
    start();
    script((struct httpserver_step){
        .act = HTTPSERVER_TRUNCATE, .body = STR("0123456789"), .repeat = 1000, .cut = 5000});
    script((struct httpserver_step){.status = 500, .body = STR("not the file")});
    script((struct httpserver_step){.body = STR("whole")});
    struct file file = {0};
    CHECK_OK(download(&file), err);
    CHECK_TEXT(buf_str(&file.bytes), "whole");
    CHECK_INT(file.starts, 3);
    buf_done(&file.bytes);
    finish();
}

static void downloads_that_fail(void)
{
    const struct {
        struct httpserver_step step;
        const char *message;
        int requests;
    } cases[] = {
        {{.act = HTTPSERVER_DROP},
         "could not call artifact at '127.0.0.1:PORT': the connection broke before an answer "
         "arrived (3 attempts)",
         3},
        {{.status = 403}, "could not call artifact: the remote answered 403", 1},
        {{.status = 503}, "could not call artifact: the remote answered 503 (3 attempts)", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start();
        for (int k = 0; k < 3; k++) {
            script(cases[i].step);
        }
        struct file file = {0};
        CHECK(!download(&file));
        CHECK_STR(message(), cases[i].message);
        CHECK(strstr(err.message, "signature") == NULL);
        CHECK(!err.fatal);
        CHECK_INT(httpserver_count(server), cases[i].requests);
        buf_done(&file.bytes);
        finish();
    }
    start();
    script((struct httpserver_step){.body = STR("x")});
    struct file file = {.full = true};
    CHECK_ERR(download(&file), err, ERR_IO, "could not write: disk full");
    CHECK_INT(httpserver_count(server), 1);
    struct devrev_sink sink = {file_start, file_piece, &file};
    CHECK_ERR(devrev_download(devrev, "file:///etc/hostname", &sink, &err), err, ERR_PROTOCOL,
              "could not call artifact: its address is not a web address");
    finish();
}

static void an_encrypted_remote_gives_no_plain_address(void)
{
    start_at("https://api.devrev.example.com");
    struct file file = {0};
    struct devrev_sink sink = {file_start, file_piece, &file};
    CHECK_ERR(devrev_download(devrev, "http://files.example.com/1", &sink, &err), err, ERR_PROTOCOL,
              "could not call artifact: its address is not encrypted");
    CHECK_INT(file.starts, 0);
    finish();
}

/* --- hook and ids -------------------------------------------------------------------------- */

static void note_call(void *ctx, const struct devrev_call *call)
{
    struct buf *out = ctx;
    buf_printf(out, "%s %d %d %s %s;", call->call, call->attempt, call->status,
               err_kind_name(call->error), call->request_id);
}

static void every_attempt_is_told(void)
{
    start();
    script((struct httpserver_step){.act = HTTPSERVER_DROP});
    script((struct httpserver_step){.status = 429, .headers = "Retry-After: 1\r\n"});
    script((struct httpserver_step){.headers = "X-Request-Id: r-7\r\n", .body = STR("{}")});
    AUTO_BUF struct buf seen = {0};
    devrev_on_call(devrev, note_call, &seen);
    AUTO_ANSWER struct devrev_answer answer = {0};
    CHECK_OK(read_one(&answer), err);
    CHECK_STR(buf_z(&seen), "rev-users.get 1 0 network ;rev-users.get 2 429 limited ;"
                            "rev-users.get 3 200 none r-7;");
    finish();
}

static void two_forms_name_one_contact(void)
{
    str plain = STR("don:identity:dvrv-us-1:devo/0:revu/7");
    CHECK(devrev_same_user(plain, plain));
    CHECK(devrev_same_user(plain, STR("don:identity:dvrv-us-1:devo/0:revo/3:revu/7")));
    CHECK(devrev_same_user(STR("don:identity:dvrv-us-1:devo/0:revo/4:revu/7"),
                           STR("don:identity:dvrv-us-1:devo/0:revo/3:revu/7")));
    CHECK(!devrev_same_user(plain, STR("don:identity:dvrv-us-1:devo/0:revu/77")));
    CHECK(!devrev_same_user(plain, STR("don:identity:dvrv-us-1:devo/1:revu/7")));
    CHECK(!devrev_same_user(plain, STR("don:identity:dvrv-in-1:devo/0:revu/7")));
    CHECK(!devrev_same_user(plain, STR("don:identity:dvrv-us-1:devo/0:devu/7")));
    CHECK(!devrev_same_user(STR("REVU-7"), plain));
    CHECK(!devrev_same_user(STR(""), STR("")));
    CHECK(!devrev_same_user(STR("don:identity:"), STR("don:identity:revu/")));
}

TAP_MAIN(TAP_TEST(a_read_is_a_post_with_token_and_scope),
         TAP_TEST(slashes_at_the_end_of_the_base_url_are_no_matter),
         TAP_TEST(an_impossible_request_is_not_sent), TAP_TEST(unusable_settings_are_named),
         TAP_TEST(reads_that_fail), TAP_TEST(writes_that_fail),
         TAP_TEST(no_connection_stops_the_run), TAP_TEST(a_read_is_tried_again_until_it_works),
         TAP_TEST(a_429_is_no_attempt), TAP_TEST(a_429_is_waited_for),
         TAP_TEST(a_stop_ends_the_waiting), TAP_TEST(an_exhausted_quota_parks_until_its_reset),
         TAP_TEST(an_acknowledged_write), TAP_TEST(a_write_on_a_dead_connection_is_sent_once),
         TAP_TEST(all_pages_the_empty_one_included), TAP_TEST(a_walk_can_end_early),
         TAP_TEST(cursors_that_go_round_end_in_an_error), TAP_TEST(answers_of_the_wrong_shape),
         TAP_TEST(a_file_comes_without_the_token), TAP_TEST(a_broken_download_starts_anew),
         TAP_TEST(downloads_that_fail), TAP_TEST(an_encrypted_remote_gives_no_plain_address),
         TAP_TEST(every_attempt_is_told), TAP_TEST(two_forms_name_one_contact),
         TAP_TEST(a_broken_remote_is_waited_for_by_reads_only),
         TAP_TEST(a_remote_that_stays_broken_ends_the_run),
         TAP_TEST(the_limit_is_learned_from_the_headers))
