/* SPDX-License-Identifier: MIT */
#include "remote/snowflake.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>

#include "format/jsonx.h"
#include "net/http.h"
#include "remote/snowflake_auth.h"
#include "remote/snowflake_cell.h"
#include "remote/snowflake_refusal.h"
#include "remote/snowflake_rows.h"

enum {
    RESIGN_AFTER_S = 50 * 60, /* a token lives for 59 minutes */
    POLL_FIRST_MS = 200,
    POLL_LONGEST_MS = 5000,
    LIMITED_PAUSE_MS = 1000, /* after a 429 that names no time, at least */
    MAX_COLUMNS = 10000,
    MAX_PARTITIONS = 10000000,
    HANDLE_BYTES = 65,
    UUID_BYTES = 37,
};

struct snowflake {
    struct snowflake_options options;
    char *base_url; /* without a slash at the end */
    struct http *http;
    struct rng rng;
    enum snowflake_auth auth;
    struct snowflake_key *key; /* SNOWFLAKE_KEY_PAIR */
    struct secret jwt;
    int64_t signed_s; /* when; 0: never */
    int serial;       /* of the next token */
};

/* --- life ---------------------------------------------------------------------------------- */

static bool is_given(const struct secret *secret)
{
    return secret != NULL && secret_is_set(secret) && secret_reveal(secret).len > 0;
}

static bool check_account(const char *account, struct err *err)
{
    if (account == NULL || account[0] == '\0') {
        (void)err_set(err, ERR_CONFIG, "could not use SNOWFLAKE_ACCOUNT: it is not set");
        return err_hint(err, "It is \"<org>-<account>\", the host's name before "
                             ".snowflakecomputing.com.");
    }
    for (const char *c = account; *c != '\0'; c++) {
        bool word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                    (*c >= '0' && *c <= '9') || *c == '-' || *c == '_' || *c == '.';
        if (!word) {
            (void)err_set(err, ERR_CONFIG,
                          "could not use SNOWFLAKE_ACCOUNT: it is not an account's name");
            return err_hint(err, "It is \"<org>-<account>\", without https:// and "
                                 ".snowflakecomputing.com.");
        }
    }
    return true;
}

/* "https://<org>-<account>.snowflakecomputing.com": lower case, and an underscore is a hyphen. */
static char *base_url_of(const struct snowflake_options *options)
{
    AUTO_BUF struct buf url = {0};
    if (options->base_url != NULL) {
        buf_addz(&url, options->base_url);
        while (url.len > 0 && url.ptr[url.len - 1] == '/') {
            url.ptr[--url.len] = '\0';
        }
    } else {
        buf_addz(&url, "https://");
        for (const char *c = options->account; *c != '\0'; c++) {
            buf_addc(&url, *c == '_' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c);
        }
        buf_addz(&url, ".snowflakecomputing.com");
    }
    return xstrdup(buf_z(&url));
}

static bool choose_auth(struct snowflake *snowflake, struct err *err)
{
    const struct snowflake_options *options = &snowflake->options;
    if (options->private_key_path != NULL) {
        snowflake->auth = SNOWFLAKE_KEY_PAIR;
        if (options->user == NULL) {
            (void)err_set(err, ERR_CONFIG, "could not use SNOWFLAKE_USER: it is not set");
            return err_hint(err, "A private key belongs to a user: name it.");
        }
        snowflake->key = snowflake_key_load(options->private_key_path, options->passphrase, err);
        return snowflake->key != NULL;
    }
    if (is_given(options->token)) {
        snowflake->auth = SNOWFLAKE_TOKEN;
        return true;
    }
    if (is_given(options->password)) {
        snowflake->auth = SNOWFLAKE_PASSWORD;
        return true;
    }
    (void)err_set(err, ERR_CONFIG, "could not sign in to Snowflake: no key and no token is set");
    return err_hint(err, "Set SNOWFLAKE_PRIVATE_KEY_PATH or SNOWFLAKE_TOKEN in .env of the "
                         "workspace; docs/sources.md says how to make them.");
}

struct snowflake *snowflake_new(const struct snowflake_options *options, struct err *err)
{
    if (!check_account(options->account, err) ||
        (options->base_url != NULL &&
         !http_check_base_url("SNOWFLAKE_HOST", options->base_url, err))) {
        return NULL;
    }
    AUTO(snowflake_free) struct snowflake *snowflake = xnew(struct snowflake);
    snowflake->options = *options;
    if (!choose_auth(snowflake, err)) {
        return NULL;
    }
    const struct http_options http = {
        .connect_timeout_ms = options->connect_timeout_ms,
        .read_timeout_ms = options->read_timeout_ms,
        .clock = options->clock,
        .stop = options->stop,
    };
    snowflake->http = http_new(&http, err);
    if (snowflake->http == NULL) {
        return NULL;
    }
    snowflake->base_url = base_url_of(options);
    rng_seed_system(&snowflake->rng);
    return STEAL(snowflake);
}

void snowflake_free(struct snowflake *snowflake)
{
    if (snowflake != NULL) {
        http_free(snowflake->http);
        snowflake_key_free(snowflake->key);
        secret_done(&snowflake->jwt);
        free(snowflake->base_url);
        free(snowflake);
    }
}

/* --- one attempt --------------------------------------------------------------------------- */

/* A request over all its attempts. */
struct exchange {
    struct snowflake *snowflake;
    const char *call; /* for statistics and logs: "statements.get" */
    const char *method;
    const char *url;
    const char *url_again; /* from the second sending on; NULL: url */
    str body;
    int attempt; /* 429s and new tokens not counted */
    int limited;
    int sends;
    bool signed_anew;
    struct http_response response;

    /* one of the two takes the answer */
    json_t **ret_json;
    struct fetch *fetch;
};

enum verdict { ANSWERED, AGAIN, AGAIN_UNCOUNTED, FAILED };

/* A partition that is being read. */
struct fetch {
    const struct snowflake_sink *sink;
    uint64_t number; /* from 0 */
    uint64_t total;  /* of partitions */
    uint64_t expected;
    struct snowflake_rows *rows;
    struct result *result;
    bool refused; /* by whoever takes the rows: trying again would not help */
};

static const struct secret *credential(struct snowflake *snowflake, struct err *err)
{
    const struct snowflake_options *options = &snowflake->options;
    if (snowflake->auth != SNOWFLAKE_KEY_PAIR) {
        return snowflake->auth == SNOWFLAKE_TOKEN ? options->token : options->password;
    }
    int64_t now_s = clock_real_ms(options->clock) / 1000;
    if (snowflake->signed_s == 0 || now_s - snowflake->signed_s > RESIGN_AFTER_S ||
        now_s < snowflake->signed_s) {
        if (!snowflake_jwt(snowflake->key, options->account, options->user, now_s,
                           snowflake->serial, &snowflake->jwt, err)) {
            return NULL;
        }
        snowflake->serial++;
        snowflake->signed_s = now_s;
    }
    return &snowflake->jwt;
}

static void tell(const struct exchange *exchange, enum err_kind error)
{
    const struct snowflake_options *options = &exchange->snowflake->options;
    const struct http_response *response = &exchange->response;
    if (options->calls != NULL) {
        callstats_add(options->calls, exchange->call, response->status, response->duration_ns, 0);
        if (exchange->sends > 1) {
            callstats_retry(options->calls, exchange->call);
        }
    }
    if (options->log != NULL) {
        log_at(options->log, error != ERR_NONE ? LOG_INFO : LOG_DEBUG, "api call",
               LOG_STR("remote", "snowflake"), LOG_STR("call", exchange->call),
               LOG_INT("status", response->status), LOG_INT("attempt", exchange->sends),
               LOG_STR("error", err_kind_name(error)),
               LOG_INT("duration_us", response->duration_ns / 1000),
               LOG_STR("request_id", response->request_id));
    }
}

static bool take_piece(void *ctx, str piece, struct err *err)
{
    struct exchange *exchange = ctx;
    return exchange->response.status != 200 ||
           snowflake_rows_feed(exchange->fetch->rows, piece, err);
}

static bool end_partition(const struct fetch *fetch, struct err *err)
{
    uint64_t count = 0;
    if (!snowflake_rows_end(fetch->rows, &count, err)) {
        return false;
    }
    if (count != fetch->expected) {
        return err_set(err, ERR_PROTOCOL,
                       "could not read the partition: it holds %" PRIu64 " rows, not %" PRIu64,
                       count, fetch->expected);
    }
    return true;
}

/* http_send has failed, or whoever takes the bytes. */
static enum verdict judge_failure(const struct exchange *exchange, struct err *err)
{
    if (exchange->fetch != NULL && exchange->fetch->refused) {
        return FAILED;
    }
    bool again = (err->kind == ERR_NETWORK || err->kind == ERR_PROTOCOL) && !err->fatal;
    err->retryable = again;
    if (err->kind == ERR_NETWORK) {
        (void)err_hint(err, "%s",
                       exchange->snowflake->options.base_url != NULL
                           ? "Check SNOWFLAKE_HOST and the network."
                           : "Check SNOWFLAKE_ACCOUNT (<org>-<account>) and the network.");
    }
    if (exchange->fetch != NULL) {
        (void)err_wrap(err, "partition %" PRIu64 " of %" PRIu64, exchange->fetch->number + 1,
                       exchange->fetch->total);
    }
    (void)err_wrap(err, "could not query Snowflake");
    return again ? AGAIN : FAILED;
}

static enum verdict slow_down(struct exchange *exchange, struct err *err)
{
    exchange->limited++;
    (void)err_set(err, ERR_LIMITED,
                  "could not query Snowflake: it asked to slow down %d times (429)",
                  exchange->limited);
    err->retryable = true;
    err->http_status = 429;
    return exchange->limited < SNOWFLAKE_MAX_LIMITED ? AGAIN_UNCOUNTED : FAILED;
}

static enum verdict judge_answer(struct exchange *exchange, struct err *err)
{
    struct snowflake *snowflake = exchange->snowflake;
    int status = exchange->response.status;
    if (status == 429) {
        return slow_down(exchange, err);
    }
    if (status != 200 && status != 202) {
        const struct snowflake_refused refused = {
            .status = status,
            .body = buf_str(&exchange->response.body),
            .auth = snowflake->auth,
            .fingerprint =
                snowflake->key != NULL ? snowflake_key_fingerprint(snowflake->key) : NULL,
            .own_host = snowflake->options.base_url != NULL,
        };
        (void)snowflake_refusal(&refused, err);
        if (status == 401 && snowflake->auth == SNOWFLAKE_KEY_PAIR && !exchange->signed_anew) {
            exchange->signed_anew = true;
            snowflake->signed_s = 0;
            return AGAIN_UNCOUNTED;
        }
        return err->retryable ? AGAIN : FAILED;
    }
    bool ok;
    if (exchange->fetch != NULL) {
        ok = status == 200 ? end_partition(exchange->fetch, err)
                           : err_set(err, ERR_PROTOCOL, "a partition was answered with 202");
    } else {
        json_decref(*exchange->ret_json);
        *exchange->ret_json = jsonx_parse(buf_str(&exchange->response.body), 0, err);
        ok = *exchange->ret_json != NULL;
    }
    return ok ? ANSWERED : judge_failure(exchange, err);
}

static const char *auth_name(enum snowflake_auth auth)
{
    return auth == SNOWFLAKE_KEY_PAIR ? "KEYPAIR_JWT" : "PROGRAMMATIC_ACCESS_TOKEN";
}

static enum verdict attempt(struct exchange *exchange, struct err *err)
{
    struct snowflake *snowflake = exchange->snowflake;
    const struct secret *bearer = credential(snowflake, err);
    if (bearer == NULL) {
        return FAILED;
    }
    const struct http_header headers[] = {
        {"Accept", STR("application/json")},
        {"X-Snowflake-Authorization-Token-Type", str_of(auth_name(snowflake->auth))},
    };
    bool again = exchange->sends > 0 && exchange->url_again != NULL;
    const struct http_request request = {
        .method = exchange->method,
        .url = again ? exchange->url_again : exchange->url,
        .bearer = bearer,
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .body = exchange->body,
        .sink = exchange->fetch != NULL ? take_piece : NULL,
        .sink_ctx = exchange,
    };
    exchange->sends++;
    bool sent = http_send(snowflake->http, &request, &exchange->response, err);
    enum verdict verdict = sent ? judge_answer(exchange, err) : judge_failure(exchange, err);
    tell(exchange, verdict == ANSWERED ? ERR_NONE : err->kind);
    return verdict;
}

/* --- all attempts -------------------------------------------------------------------------- */

static bool interrupted(struct err *err)
{
    return err_set(err, ERR_INTERRUPTED, "could not query Snowflake: interrupted");
}

static bool pause_ms(const struct snowflake *snowflake, int64_t ms, struct err *err)
{
    return clock_sleep_ms(snowflake->options.clock, ms, snowflake->options.stop, 1) ||
           interrupted(err);
}

static bool pause_before_next(struct exchange *exchange, enum verdict verdict, struct err *err)
{
    struct snowflake *snowflake = exchange->snowflake;
    const struct retry_policy *policy = &snowflake->options.retry;
    if (verdict == AGAIN) {
        exchange->attempt++;
        return pause_ms(snowflake, retry_pause_ms(policy, exchange->attempt, &snowflake->rng), err);
    }
    if (exchange->response.status != 429) {
        return true; /* a new token */
    }
    int64_t ms = exchange->response.retry_after_ms;
    if (ms < 0) {
        ms = LIMITED_PAUSE_MS + retry_pause_ms(policy, exchange->limited + 1, &snowflake->rng);
    }
    return pause_ms(snowflake, ms, err);
}

/* `begin` (may be NULL) is called before every attempt. */
static bool carry_out(struct exchange *exchange,
                      bool (*begin)(struct fetch *fetch, struct err *err), struct err *err)
{
    exchange->attempt = 1;
    for (;;) {
        struct err failure = {0}; /* what passes is not told */
        enum verdict verdict = FAILED;
        if (begin == NULL || begin(exchange->fetch, &failure)) {
            verdict = attempt(exchange, &failure);
        }
        if (verdict == ANSWERED) {
            return true;
        }
        bool spent =
            verdict == AGAIN && exchange->attempt >= exchange->snowflake->options.retry.attempts;
        if (spent && exchange->attempt > 1) {
            size_t len = strlen(failure.message);
            (void)snprintf(failure.message + len, sizeof(failure.message) - len, " (%d attempts)",
                           exchange->attempt);
        }
        if (verdict == FAILED || spent || !pause_before_next(exchange, verdict, &failure)) {
            *err = failure;
            return false;
        }
    }
}

/* --- the statement ------------------------------------------------------------------------- */

static bool make_uuid(char out[UUID_BYTES], struct err *err)
{
    unsigned char b[16];
    if (RAND_bytes(b, sizeof(b)) != 1) {
        return err_set(err, ERR_INTERNAL, "could not query Snowflake: no random numbers");
    }
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(out, UUID_BYTES,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
    return true;
}

static void add_name(struct buf *out, const char *key, const char *value)
{
    if (value != NULL) {
        buf_printf(out, ",\"%s\":", key);
        buf_add_json(out, str_of(value));
    }
}

static void statement_body(const struct snowflake_options *options, str sql, struct buf *out)
{
    sql = str_trim_ascii(sql);
    if (str_ends(sql, STR(";"))) {
        sql.len--;
    }
    buf_addz(out, "{\"statement\":");
    buf_add_json(out, sql);
    buf_printf(out, ",\"timeout\":%d", SNOWFLAKE_STATEMENT_TIMEOUT_S);
    add_name(out, "warehouse", options->warehouse);
    add_name(out, "database", options->database);
    add_name(out, "schema", options->schema);
    add_name(out, "role", options->role);
    buf_addz(out, ",\"parameters\":{\"QUERY_TAG\":\"steward\"}}");
}

static bool take_handle(const json_t *answer, char out[HANDLE_BYTES], struct err *err)
{
    str handle = jsonx_str(answer, "statementHandle");
    bool ok = handle.len > 0 && handle.len < HANDLE_BYTES;
    for (size_t i = 0; ok && i < handle.len; i++) {
        char c = handle.ptr[i];
        ok = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-';
    }
    if (!ok) {
        return err_set(err, ERR_PROTOCOL,
                       "could not query Snowflake: the answer names no statement");
    }
    memcpy(out, handle.ptr, handle.len);
    out[handle.len] = '\0';
    return true;
}

static bool submit(struct snowflake *snowflake, str sql, json_t **ret, int *ret_status,
                   struct err *err)
{
    char uuid[UUID_BYTES];
    if (!make_uuid(uuid, err)) {
        return false;
    }
    AUTO_BUF struct buf body = {0};
    AUTO_BUF struct buf url = {0};
    AUTO_BUF struct buf again = {0};
    statement_body(&snowflake->options, sql, &body);
    buf_printf(&url, "%s/api/v2/statements?requestId=%s&async=true&nullable=true",
               snowflake->base_url, uuid);
    buf_printf(&again, "%s&retry=true", buf_z(&url));
    struct exchange exchange = {
        .snowflake = snowflake,
        .call = "statements.submit",
        .method = "POST",
        .url = buf_z(&url),
        .url_again = buf_z(&again),
        .body = buf_str(&body),
        .ret_json = ret,
    };
    bool ok = carry_out(&exchange, NULL, err);
    *ret_status = exchange.response.status;
    http_response_done(&exchange.response);
    return ok;
}

/* Best effort: a statement that goes on running costs credits, and changes nothing. */
static void cancel(struct snowflake *snowflake, const char *handle, struct err *err)
{
    AUTO_BUF struct buf url = {0};
    buf_printf(&url, "%s/api/v2/statements/%s/cancel", snowflake->base_url, handle);
    AUTO(json_decref) json_t *json = NULL;
    struct exchange exchange = {
        .snowflake = snowflake,
        .call = "statements.cancel",
        .method = "POST",
        .url = buf_z(&url),
        .body = STR("{}"),
        .ret_json = &json,
    };
    struct err ignored = {0};
    bool ok = attempt(&exchange, &ignored) == ANSWERED;
    http_response_done(&exchange.response);
    (void)err_hint(err, "%s",
                   ok ? "The statement was cancelled; nothing was planned."
                      : "The statement could not be cancelled and may go on running at Snowflake; "
                        "nothing was planned.");
}

/* Until it is done; *json is replaced by the answer that says so. */
static bool poll(struct snowflake *snowflake, const char *handle, int status, json_t **json,
                 struct err *err)
{
    AUTO_BUF struct buf url = {0};
    buf_printf(&url, "%s/api/v2/statements/%s", snowflake->base_url, handle);
    int64_t wait = POLL_FIRST_MS;
    bool ok = true;
    while (ok && status == 202) {
        struct exchange exchange = {
            .snowflake = snowflake,
            .call = "statements.get",
            .method = "GET",
            .url = buf_z(&url),
            .ret_json = json,
        };
        ok = pause_ms(snowflake, wait, err) && carry_out(&exchange, NULL, err);
        status = exchange.response.status;
        http_response_done(&exchange.response);
        wait = wait * 3 / 2 < POLL_LONGEST_MS ? wait * 3 / 2 : POLL_LONGEST_MS;
    }
    return ok;
}

/* --- the result ---------------------------------------------------------------------------- */

struct result {
    struct arena arena;
    const struct snowflake_sink *sink;
    const struct stop *stop;
    str *names;
    enum snowflake_type *types;
    size_t columns;
    uint64_t *counts; /* of the partitions */
    uint64_t partitions;
    uint64_t rows; /* as announced */

    struct buf text; /* of one row's written cells */
    size_t *ends;    /* where each ends in it */
    str *cells;
    struct fetch *fetch; /* the partition that is being read */
};

static void result_done(struct result *result)
{
    buf_done(&result->text);
    arena_done(&result->arena);
}

static bool malformed(struct err *err, const char *why)
{
    return err_set(err, ERR_PROTOCOL, "could not query Snowflake: %s", why);
}

static bool read_columns(const json_t *meta, struct result *result, struct err *err)
{
    const json_t *list = jsonx_get(meta, "rowType");
    size_t count = json_array_size(list);
    if (count == 0 || count > MAX_COLUMNS) {
        return malformed(err, "the result has no columns");
    }
    result->names = arena_array(&result->arena, count, sizeof(str));
    result->types = arena_array(&result->arena, count, sizeof(*result->types));
    result->ends = arena_array(&result->arena, count, sizeof(size_t));
    result->cells = arena_array(&result->arena, count, sizeof(str));
    const json_t *column;
    JSONX_EACH(column, list)
    {
        str name = jsonx_str(column, "name");
        str type = jsonx_str(column, "type");
        if (name.ptr == NULL || type.ptr == NULL) {
            return malformed(err, "a column has no name or type");
        }
        result->names[result->columns] = str_dup(&result->arena, name);
        result->types[result->columns++] = snowflake_type_of(type);
    }
    return true;
}

static bool read_partitions(const json_t *meta, struct result *result, struct err *err)
{
    const json_t *list = jsonx_get(meta, "partitionInfo");
    size_t count = json_array_size(list);
    int64_t rows;
    if (!jsonx_int(meta, "numRows", &rows) || rows < 0 || count == 0 || count > MAX_PARTITIONS) {
        return malformed(err, "the result does not say how many rows it has");
    }
    result->rows = (uint64_t)rows;
    result->counts = arena_array(&result->arena, count, sizeof(uint64_t));
    uint64_t sum = 0;
    const json_t *part;
    JSONX_EACH(part, list)
    {
        int64_t part_rows;
        if (!jsonx_int(part, "rowCount", &part_rows) || part_rows < 0 || part_rows > rows) {
            return malformed(err, "a partition does not say how many rows it has");
        }
        result->counts[result->partitions++] = (uint64_t)part_rows;
        sum += (uint64_t)part_rows;
    }
    if (sum != result->rows) {
        return err_set(err, ERR_PROTOCOL,
                       "could not query Snowflake: its partitions hold %" PRIu64
                       " rows, the result %" PRIu64,
                       sum, result->rows);
    }
    return true;
}

/* A row of either kind of partition: cells are written as CSV text and handed on. */
static bool take_row(void *ctx, const str *cells, struct err *err)
{
    struct result *result = ctx;
    result->fetch->refused = true; /* until it is over: what fails here fails each time */
    if (result->stop != NULL && stop_level(result->stop) >= 1) {
        return interrupted(err);
    }
    buf_clear(&result->text);
    for (size_t i = 0; i < result->columns; i++) {
        if (result->types[i] != SNOWFLAKE_AS_IS && cells[i].ptr != NULL &&
            !snowflake_cell(result->types[i], cells[i], &result->text, err)) {
            return err_wrap(err, "could not query Snowflake: column %zu", i + 1);
        }
        result->ends[i] = result->text.len;
    }
    size_t from = 0;
    for (size_t i = 0; i < result->columns; i++) {
        if (cells[i].ptr == NULL) {
            result->cells[i] = STR("");
        } else if (result->types[i] == SNOWFLAKE_AS_IS) {
            result->cells[i] = cells[i];
        } else {
            result->cells[i] = (str){buf_z(&result->text) + from, result->ends[i] - from};
        }
        from = result->ends[i];
    }
    if (!result->sink->row(result->sink->ctx, result->cells, result->columns, err)) {
        return false;
    }
    result->fetch->refused = false;
    return true;
}

static bool take_inline_row(struct result *result, const json_t *row, str *cells, struct err *err)
{
    if (json_array_size(row) != result->columns) {
        return malformed(err, "a row has not as many cells as there are columns");
    }
    const json_t *cell;
    size_t i = 0;
    JSONX_EACH(cell, row)
    {
        if (!json_is_string(cell) && !json_is_null(cell)) {
            return malformed(err, "a cell is neither text nor null");
        }
        cells[i++] = jsonx_text(cell);
    }
    return take_row(result, cells, err);
}

static bool take_inline_rows(struct result *result, const json_t *rows, struct err *err)
{
    str *cells = arena_array(&result->arena, result->columns, sizeof(str));
    const json_t *row;
    JSONX_EACH(row, rows)
    {
        if (!take_inline_row(result, row, cells, err)) {
            return false;
        }
    }
    return true;
}

static bool take_inline(struct result *result, const json_t *answer, struct err *err)
{
    const json_t *rows = jsonx_get(answer, "data");
    if (json_array_size(rows) != result->counts[0]) {
        return malformed(err, "the first partition has not as many rows as announced");
    }
    struct fetch fetch = {.sink = result->sink};
    result->fetch = &fetch;
    bool ok =
        result->sink->partition(result->sink->ctx, 0, err) && take_inline_rows(result, rows, err);
    result->fetch = NULL;
    return ok;
}

static bool begin_partition(struct fetch *fetch, struct err *err)
{
    snowflake_rows_free(fetch->rows);
    fetch->rows = snowflake_rows_new(fetch->result->columns, take_row, fetch->result);
    return fetch->sink->partition(fetch->sink->ctx, fetch->number, err);
}

static bool fetch_partition(struct snowflake *snowflake, const char *handle, uint64_t number,
                            struct result *result, struct err *err)
{
    AUTO_BUF struct buf url = {0};
    buf_printf(&url, "%s/api/v2/statements/%s?partition=%" PRIu64, snowflake->base_url, handle,
               number);
    struct fetch fetch = {.sink = result->sink,
                          .number = number,
                          .total = result->partitions,
                          .expected = result->counts[number],
                          .result = result};
    struct exchange exchange = {
        .snowflake = snowflake,
        .call = "statements.partition",
        .method = "GET",
        .url = buf_z(&url),
        .fetch = &fetch,
    };
    result->fetch = &fetch;
    bool ok = carry_out(&exchange, begin_partition, err);
    result->fetch = NULL;
    snowflake_rows_free(fetch.rows);
    http_response_done(&exchange.response);
    return ok;
}

static bool read_result(struct snowflake *snowflake, const char *handle, json_t **answer,
                        struct result *result, struct err *err)
{
    const json_t *meta = jsonx_get(*answer, "resultSetMetaData");
    if (meta == NULL) {
        return malformed(err, "the answer has no result");
    }
    if (!read_columns(meta, result, err) || !read_partitions(meta, result, err) ||
        !result->sink->columns(result->sink->ctx, result->names, result->columns, err) ||
        !take_inline(result, *answer, err)) {
        return false;
    }
    json_decref(*answer); /* the others are read without it */
    *answer = NULL;
    for (uint64_t i = 1; i < result->partitions; i++) {
        if (!fetch_partition(snowflake, handle, i, result, err)) {
            return false;
        }
    }
    return true;
}

bool snowflake_query(struct snowflake *snowflake, str sql, const struct snowflake_sink *sink,
                     struct snowflake_result *ret, struct err *err)
{
    AUTO(json_decref) json_t *answer = NULL;
    char handle[HANDLE_BYTES];
    int status = 0;
    if (!submit(snowflake, sql, &answer, &status, err) || !take_handle(answer, handle, err)) {
        return false;
    }
    struct result result = {.sink = sink, .stop = snowflake->options.stop};
    bool ran = poll(snowflake, handle, status, &answer, err);
    bool ok = ran && read_result(snowflake, handle, &answer, &result, err);
    if (ok) {
        *ret = (struct snowflake_result){result.rows, result.partitions};
        if (snowflake->options.log != NULL) {
            log_at(snowflake->options.log, LOG_INFO, "snowflake statement read",
                   LOG_STR("statement", handle), LOG_INT("rows", result.rows),
                   LOG_INT("partitions", result.partitions));
        }
    } else if (!ran && err->kind == ERR_INTERRUPTED) {
        cancel(snowflake, handle, err);
    }
    result_done(&result);
    return ok;
}
