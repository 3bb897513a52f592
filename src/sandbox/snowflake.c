/* SPDX-License-Identifier: MIT */
#include "sandbox/snowflake.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"
#include "base/num.h"
#include "sandbox/jw.h"
#include "sandbox/sandbox.h"
#include "sandbox/snowflake_result.h"
#include "sandbox/snowflake_sql.h"
#include "sandbox/snowflake_token.h"

static const char ACCOUNT[] = "SANDBOX-STEWARD";
static const char USER[] = "STEWARD";
static const char ROLE[] = "STEWARD_READER";
static const char WAREHOUSE[] = "STEWARD_WH";
static const char SUSPENDED[] = "SUSPENDED_WH";
static const char DATABASE[] = "CRM";
static const char SCHEMA[] = "DEVREV";

enum { STATEMENTS_MAX = 64, HANDLE_BYTES = 40, REQUEST_ID_BYTES = 64, REFUSED_MAX = 16 };

struct statement {
    char handle[HANDLE_BYTES];
    char request_id[REQUEST_ID_BYTES];
    struct arena arena;
    struct sql_query query;
    struct snowflake_result *result; /* NULL: query.code says why not */
    int looks_left;                  /* answered with 202 before it is done */
    bool never;
    bool cancelled;
    int64_t created_ms;
};

struct snowflake {
    struct sandbox *sandbox; /* its lock guards what follows */
    struct snowflake_keys *keys;
    char token[80];
    struct statement statements[STATEMENTS_MAX]; /* a ring */
    uint64_t count;                              /* ever made */
    char refused[REFUSED_MAX][SHA256_HEX];       /* tokens that `expire` met, a ring */
    size_t refused_count;
};

struct snowflake *snowflake_open(struct sandbox *sandbox, const char *key_path, struct err *err)
{
    struct snowflake_keys *keys = NULL;
    if (key_path != NULL) {
        keys = snowflake_keys_load(key_path, err);
        if (keys == NULL) {
            return NULL;
        }
    }
    struct snowflake *snowflake = xnew(struct snowflake);
    snowflake->sandbox = sandbox;
    snowflake->keys = keys;
    (void)snprintf(snowflake->token, sizeof(snowflake->token), "sandbox-pat-%016llx%016llx",
                   (unsigned long long)world_mix(&sandbox->world, 3, 3),
                   (unsigned long long)world_mix(&sandbox->world, 4, 4));
    return snowflake;
}

static void statement_done(struct statement *statement)
{
    snowflake_result_free(statement->result);
    arena_done(&statement->arena);
    *statement = (struct statement){.result = NULL};
}

void snowflake_close(struct snowflake *snowflake)
{
    if (snowflake != NULL) {
        for (size_t i = 0; i < STATEMENTS_MAX; i++) {
            statement_done(&snowflake->statements[i]);
        }
        snowflake_keys_free(snowflake->keys);
        free(snowflake);
    }
}

void snowflake_env(const struct snowflake *snowflake, uint16_t port, struct buf *out)
{
    buf_printf(out, "SNOWFLAKE_HOST=http://127.0.0.1:%u\n", port);
    buf_printf(out, "SNOWFLAKE_ACCOUNT=%s\nSNOWFLAKE_USER=%s\nSNOWFLAKE_PASSWORD=%s\n", ACCOUNT,
               USER, snowflake->token);
    buf_printf(out, "SNOWFLAKE_WAREHOUSE=%s\nSNOWFLAKE_DATABASE=%s\nSNOWFLAKE_SCHEMA=%s\n",
               WAREHOUSE, DATABASE, SCHEMA);
}

/* --- answers ----------------------------------------------------------------------------------- */

struct service {
    struct snowflake *snowflake;
    const struct visit *visit;
    struct answer *answer;
    const char *call;
    str handle;
    int64_t partition; /* -1: none asked for */
    struct fault fault;
    const char *cause;
    int64_t arrived_ms;
    int flags; /* STORE_* */
};

static void answer_code(struct answer *answer, int status, const char *code, const char *sql_state,
                        str message)
{
    struct buf *out = &answer->body;
    answer->status = status;
    buf_clear(out);
    jw_obj(out, NULL);
    jw_str(out, "code", code);
    jw_str(out, "sqlState", sql_state);
    jw_text(out, "message", message);
    jw_end_obj(out);
}

static void refuse(struct service *service, int status, const char *code, const char *message)
{
    answer_code(service->answer, status, code, "", str_of(message));
}

/* --- arrival ----------------------------------------------------------------------------------- */

static str parameter(const struct visit *visit, const char *name)
{
    for (size_t i = 0; i < visit->query_len; i++) {
        if (str_eqz(visit->query[i].name, name)) {
            return visit->query[i].raw;
        }
    }
    return STR_NONE;
}

/* The call's name; NULL with an answer where there is no such route. */
static const char *route(struct service *service)
{
    static const str base = STR("api/v2/statements");
    const struct visit *visit = service->visit;
    bool post = str_eqz(visit->method, "POST");
    bool get = str_eqz(visit->method, "GET");
    if (!str_starts(visit->call, base)) {
        answer_code(service->answer, 404, "390404", "", STR("route not found"));
        return NULL;
    }
    str rest = {visit->call.ptr + base.len, visit->call.len - base.len};
    if (rest.len == 0 && post) {
        return "statements.submit";
    }
    str action;
    (void)str_cut(rest, '/', &rest);
    service->handle = str_cut(rest, '/', &action);
    if (service->handle.len > 0 && action.ptr == NULL && get) {
        str number = parameter(visit, "partition");
        bool ok = number.ptr == NULL || num_parse_i64(number, 0, INT32_MAX, &service->partition);
        service->partition = number.ptr == NULL ? -1 : ok ? service->partition : INT32_MAX;
        return number.ptr == NULL ? "statements.get" : "statements.partition";
    }
    if (str_eqz(action, "cancel") && post) {
        return "statements.cancel";
    }
    answer_code(service->answer, post || get ? 404 : 405, "390404", "", STR("route not found"));
    return NULL;
}

static str bearer(const struct visit *visit)
{
    static const str word = STR("Bearer ");
    str text = visit->authorization;
    bool has = text.len > word.len && str_eq_nocase((str){text.ptr, word.len}, word);
    return has ? str_trim_ascii((str){text.ptr + word.len, text.len - word.len}) : STR_NONE;
}

static bool was_refused(const struct snowflake *snowflake, str token)
{
    char hex[SHA256_HEX];
    sha256_hex_of(token.ptr, token.len, hex);
    for (size_t i = 0; i < snowflake->refused_count && i < REFUSED_MAX; i++) {
        if (strcmp(snowflake->refused[i], hex) == 0) {
            return true;
        }
    }
    return false;
}

static bool may_enter(struct service *service)
{
    struct snowflake *snowflake = service->snowflake;
    str token = bearer(service->visit);
    str type = service->visit->token_type;
    if (token.len == 0) {
        refuse(service, 400, "390146", "Invalid authorization header.");
        return false;
    }
    if (service->visit->user_agent.len == 0) {
        refuse(service, 400, "390142", "Incoming request does not contain a valid User-Agent.");
        return false;
    }
    bool expired = was_refused(snowflake, token);
    bool key_pair = str_eqz(type, "KEYPAIR_JWT");
    bool known =
        key_pair ? snowflake_jwt_valid(snowflake->keys, token, ACCOUNT, USER, service->arrived_ms)
                 : str_eqz(type, "PROGRAMMATIC_ACCESS_TOKEN") && str_eqz(token, snowflake->token);
    if (known && !expired) {
        return true;
    }
    service->cause = expired ? "expire" : NULL;
    refuse(service, 401, key_pair ? "390144" : "390303",
           key_pair ? "JWT token is invalid." : "Invalid access token.");
    return false;
}

/* True: the request goes no further. */
static bool stopped_by_fault(struct service *service)
{
    struct snowflake *snowflake = service->snowflake;
    struct answer *answer = service->answer;
    switch (service->fault.action) {
    case FAULT_DROP_BEFORE:
        answer->status = 0;
        return true;
    case FAULT_STATUS:
        refuse(service, service->fault.status, service->fault.status == 429 ? "390505" : "000000",
               "a fault was asked for");
        answer->retry_after = service->fault.retry_after;
        return true;
    case FAULT_EXPIRE: {
        str token = bearer(service->visit);
        sha256_hex_of(token.ptr, token.len,
                      snowflake->refused[snowflake->refused_count++ % REFUSED_MAX]);
        refuse(service, 401,
               str_eqz(service->visit->token_type, "KEYPAIR_JWT") ? "390144" : "390303",
               "the token has expired");
        return true;
    }
    case FAULT_REDIRECT:
        answer->status = 301;
        answer->redirect = true;
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
    return false;
}

/* With the lock. True: the request may be carried out. */
static bool admit(struct service *service)
{
    struct sandbox *sandbox = service->snowflake->sandbox;
    service->arrived_ms = sandbox_tick(sandbox);
    if (service->call == NULL || !may_enter(service)) {
        return false;
    }
    service->flags |= STORE_COUNTED;
    const struct fault *fault = faults_hit(&sandbox->faults, service->call);
    if (fault != NULL) {
        service->fault = *fault;
        service->cause = fault_cause(&service->fault);
        service->answer->action = fault->action;
    }
    return !stopped_by_fault(service);
}

/* --- statements -------------------------------------------------------------------------------- */

static struct statement *find_statement(struct snowflake *snowflake, str handle)
{
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        if (handle.len > 0 && str_eqz(handle, snowflake->statements[i].handle)) {
            return &snowflake->statements[i];
        }
    }
    return NULL;
}

static struct statement *find_request(struct snowflake *snowflake, str request_id)
{
    for (size_t i = 0; i < STATEMENTS_MAX; i++) {
        if (request_id.len > 0 && str_eqz(request_id, snowflake->statements[i].request_id)) {
            return &snowflake->statements[i];
        }
    }
    return NULL;
}

static void answer_running(struct service *service, const struct statement *statement)
{
    struct buf *out = &service->answer->body;
    service->answer->status = 202;
    jw_obj(out, NULL);
    jw_str(out, "code", "333334");
    jw_str(out, "sqlState", "00000");
    jw_str(out, "message",
           "Asynchronous execution in progress. Use provided query id to perform query monitoring "
           "and management.");
    jw_str(out, "statementHandle", statement->handle);
    char url[80];
    (void)snprintf(url, sizeof(url), "/api/v2/statements/%s", statement->handle);
    jw_str(out, "statementStatusUrl", url);
    jw_end_obj(out);
}

static void answer_statement(struct service *service, struct statement *statement)
{
    struct answer *answer = service->answer;
    if (statement->cancelled) {
        answer_code(answer, 422, "000604", "57014", STR("SQL execution canceled"));
    } else if (statement->never || statement->looks_left > 0) {
        statement->looks_left -= statement->looks_left > 0;
        answer_running(service, statement);
    } else if (statement->query.code != NULL) {
        answer_code(answer, 422, statement->query.code, statement->query.sql_state,
                    statement->query.message);
    } else if (!snowflake_result_answer(statement->result, statement->handle, statement->created_ms,
                                        service->partition, &answer->body, &answer->gzip)) {
        refuse(service, 400, "391922", "The requested partition is out of range.");
    } else {
        answer->status = 200;
    }
}

/* What the functions of a SELECT without a table say; nothing is null. */
static void fill_context(struct sql_query *query, const char *role, const char *warehouse,
                         const char *database, const char *schema)
{
    const struct {
        const char *name;
        const char *value;
    } known[] = {
        {"CURRENT_USER", USER},           {"CURRENT_ROLE", role != NULL ? role : ROLE},
        {"CURRENT_WAREHOUSE", warehouse}, {"CURRENT_DATABASE", database},
        {"CURRENT_SCHEMA", schema},
    };
    for (size_t i = 0; i < query->count; i++) {
        for (size_t j = 0; j < ARRAY_LEN(known); j++) {
            if (str_eqz(query->columns[i].expression, known[j].name)) {
                query->columns[i].constant = str_of(known[j].value);
            }
        }
    }
}

static void run(struct snowflake *snowflake, struct statement *statement, const char *sql,
                const json_t *body)
{
    const char *warehouse = json_string_value(json_object_get(body, "warehouse"));
    const char *database = json_string_value(json_object_get(body, "database"));
    const char *schema = json_string_value(json_object_get(body, "schema"));
    struct sql_query *query = &statement->query;
    sql_understand(&statement->arena, str_dup(&statement->arena, str_of(sql)), query);
    if (query->kind == SQL_CONTEXT) {
        fill_context(query, json_string_value(json_object_get(body, "role")), warehouse, database,
                     schema);
    }
    if (query->code == NULL && query->kind != SQL_CONTEXT &&
        (warehouse == NULL || strcmp(warehouse, WAREHOUSE) != 0)) {
        bool there = warehouse == NULL || strcmp(warehouse, SUSPENDED) == 0;
        query->code = there ? "000606" : "002043";
        query->sql_state = there ? "57P03" : "02000";
        query->message = there ? STR("No active warehouse selected in the current session.")
                               : STR("SQL compilation error:\nObject does not exist, or operation "
                                     "cannot be performed.");
    }
    if (query->code == NULL && query->kind == SQL_TABLES &&
        (database == NULL || strcmp(database, DATABASE) != 0 || schema == NULL ||
         strcmp(schema, SCHEMA) != 0)) {
        query->code = "002003";
        query->sql_state = "42S02";
        query->message =
            STR("SQL compilation error:\nObject 'REV_USERS' does not exist or not authorized.");
    }
    if (query->code == NULL) {
        statement->result = snowflake_result_new(&snowflake->sandbox->world, query);
    }
    if (query->code == NULL && statement->result == NULL) {
        query->code = "000904";
        query->sql_state = "42000";
        query->message = STR("SQL compilation error: a column that the stand-in has no data for");
    }
}

static struct statement *new_statement(struct service *service, const char *sql, const json_t *body)
{
    struct snowflake *snowflake = service->snowflake;
    struct statement *statement = &snowflake->statements[snowflake->count++ % STATEMENTS_MAX];
    statement_done(statement);
    str request_id = parameter(service->visit, "requestId");
    (void)snprintf(statement->handle, sizeof(statement->handle),
                   "01b2c3d4-0000-%04" PRIx64 "-0000-%012" PRIx64, snowflake->count >> 48 & 0xffff,
                   snowflake->count & 0xffffffffffff);
    (void)snprintf(statement->request_id, sizeof(statement->request_id), "%" STR_FMT,
                   STR_ARG(request_id));
    statement->created_ms = service->arrived_ms;
    statement->never = service->fault.action == FAULT_NEVER;
    statement->looks_left = str_eqz(parameter(service->visit, "async"), "true") ? 2 : 0;
    run(snowflake, statement, sql, body);
    return statement;
}

/* Names that the published request has. */
static bool is_known_member(const char *name)
{
    static const char *const names[] = {"statement", "timeout", "database", "schema",
                                        "warehouse", "role",    "bindings", "parameters"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool check_body(struct service *service, json_t *body)
{
    const char *role = json_string_value(json_object_get(body, "role"));
    const char *name;
    json_t *value;
    if (json_string_value(json_object_get(body, "statement")) == NULL) {
        refuse(service, 400, "390142", "Incoming request does not contain a valid payload.");
        return false;
    }
    json_object_foreach(body, name, value)
    {
        if (!is_known_member(name)) {
            refuse(service, 400, "390142", "Incoming request does not contain a valid payload.");
            return false;
        }
    }
    if (role != NULL && strcmp(role, ROLE) != 0) {
        refuse(service, 400, "390186",
               "Role specified in the connect string is not granted to this user.");
        return false;
    }
    return true;
}

static void submit(struct service *service)
{
    str text = service->visit->body;
    struct statement *known =
        find_request(service->snowflake, parameter(service->visit, "requestId"));
    if (known != NULL && str_eqz(parameter(service->visit, "retry"), "true")) {
        answer_statement(service, known);
        return;
    }
    json_t *body = json_loadb(text.ptr != NULL ? text.ptr : "", text.len, 0, NULL);
    if (check_body(service, body)) {
        const char *sql = json_string_value(json_object_get(body, "statement"));
        answer_statement(service, new_statement(service, sql, body));
    }
    json_decref(body);
}

/* With the lock. */
static void carry_out(struct service *service)
{
    if (strcmp(service->call, "statements.submit") == 0) {
        submit(service);
        return;
    }
    struct statement *statement = find_statement(service->snowflake, service->handle);
    if (statement == NULL) {
        refuse(service, 400, "000709", "Statement not found.");
    } else if (strcmp(service->call, "statements.cancel") == 0) {
        statement->cancelled = true;
        answer_code(service->answer, 200, "000604", "57014", STR("SQL execution canceled"));
    } else {
        answer_statement(service, statement);
    }
}

/* With the lock; as dispatch.c does it, without effects: nothing is changed here. */
static void record(struct service *service)
{
    struct sandbox *sandbox = service->snowflake->sandbox;
    const char *call = service->call != NULL ? service->call : "statements.unknown";
    int status = service->fault.action == FAULT_DROP_AFTER ? 0 : service->answer->status;
    struct call_row row = {.second = service->arrived_ms / 1000,
                           .call = call,
                           .status = status,
                           .cause = service->cause,
                           .count = 1};
    calls_add(&sandbox->calls, &row);
    AUTO_BUF struct buf line = {0};
    jw_obj(&line, NULL);
    jw_int(&line, "seq", ++sandbox->request_seq);
    jw_int(&line, "at_ms", service->arrived_ms);
    jw_str(&line, "remote", "snowflake");
    jw_str(&line, "call", call);
    jw_int(&line, "status", status);
    if (service->cause != NULL) {
        jw_str(&line, "cause", service->cause);
    } else {
        jw_null(&line, "cause");
    }
    jw_null(&line, "effect");
    jw_end_obj(&line);
    AUTO_BUF struct buf log = {0};
    buf_printf(&log, "%d\t%" STR_FMT "\t", service->flags, STR_ARG(buf_str(&line)));
    if (sandbox->store.log_fd >= 0) {
        store_line(&sandbox->store, 'R', buf_str(&log));
    }
    store_request(&sandbox->store, buf_str(&line));
}

static void wait_ms(const struct service *service, int64_t ms)
{
    if (ms > 0) {
        (void)clock_sleep_ms(clock_system(), ms, service->snowflake->sandbox->stop, 1);
    }
}

void snowflake_dispatch(struct snowflake *snowflake, const struct visit *visit, struct answer *ret)
{
    *ret = (struct answer){.retry_after = -1};
    ret->body.max = (size_t)1 << 30;
    struct sandbox *sandbox = snowflake->sandbox;
    struct service service = {
        .snowflake = snowflake, .visit = visit, .answer = ret, .partition = -1};
    service.call = route(&service);
    pthread_mutex_lock(&sandbox->lock);
    if (admit(&service)) {
        merges_run(sandbox, sandbox_tick(sandbox));
        carry_out(&service);
    }
    record(&service);
    pthread_mutex_unlock(&sandbox->lock);
    int64_t slow = service.fault.action == FAULT_SLOW ? service.fault.wait_ms : 0;
    wait_ms(&service, ret->status == 0 ? 0 : sandbox->options->latency_ms + slow);
    if (ret->action == FAULT_GARBAGE) {
        ret->gzip = false;
        buf_clear(&ret->body);
        buf_addz(&ret->body, "<html><body>upstream said nothing</body></html>");
    }
}
