/* SPDX-License-Identifier: MIT */
#include "remote/snowflake_refusal.h"

#include <stdio.h>

#include "format/jsonx.h"

enum { NAME_BYTES = 120, CODE_BYTES = 24 };

/* Codes whose cause is known. `quote`: the message ends with a name that is worth showing. */
static const struct {
    const char *code;
    const char *why;
    const char *quote; /* what stands before the quoted name; NULL: nothing to show */
    const char *hint;
} known[] = {
    {"000606", "no warehouse is active", NULL,
     "Set SNOWFLAKE_WAREHOUSE to a warehouse that the role may use; a suspended one must be "
     "resumed "
     "or have AUTO_RESUME."},
    {"000608", "the warehouse is suspended", NULL,
     "Resume it (ALTER WAREHOUSE ... RESUME), or set AUTO_RESUME on it."},
    {"000609", "the warehouse is suspended", NULL,
     "Resume it (ALTER WAREHOUSE ... RESUME), or set AUTO_RESUME on it."},
    {"090073", "the warehouse cannot be resumed: its resource monitor's quota is used up", NULL,
     "Ask the account's administrator, or set another SNOWFLAKE_WAREHOUSE."},
    {"000630", "the statement ran into its time limit", NULL,
     "Use a larger warehouse, or a query that reads less."},
    {"000604", "the statement was cancelled at Snowflake", NULL, NULL},
    {"000904", "there is no such column", "invalid identifier",
     "Correct the query (--query FILE), or the columns of the view that it reads."},
    {"002003", "there is no such object, or the role may not use it", "Object",
     "Check SNOWFLAKE_DATABASE, SNOWFLAKE_SCHEMA and SNOWFLAKE_ROLE; docs/sources.md lists the "
     "rights."},
    {"002043", "there is no such object, or the role may not use it", "Object",
     "Check SNOWFLAKE_DATABASE, SNOWFLAKE_SCHEMA and SNOWFLAKE_ROLE; docs/sources.md lists the "
     "rights."},
    {"001003", "the query has a syntax error", NULL, "Check the file that --query names."},
    {"390186", "the role is not granted to the user", NULL, "Check SNOWFLAKE_ROLE."},
    {"391911", "the API does not allow this kind of statement", NULL,
     "A source is one SELECT; see docs/sources.md."},
};

/* "Object 'A.B' does not" and "invalid identifier 'FOO'": the name alone, made printable. */
static bool find_name(str message, const char *before, char out[NAME_BYTES])
{
    const char *at = before != NULL && message.len > 0
                         ? memmem(message.ptr, message.len, before, strlen(before))
                         : NULL;
    if (at == NULL) {
        return false;
    }
    str rest = {at, message.len - (size_t)(at - message.ptr)};
    str behind;
    (void)str_cut(rest, '\'', &behind);
    str end;
    str name = behind.ptr != NULL ? str_cut(behind, '\'', &end) : STR_NONE;
    if (name.len == 0 || end.ptr == NULL || name.len >= NAME_BYTES) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        out[i] = name.ptr[i] >= ' ' && name.ptr[i] < 0x7f ? name.ptr[i] : '?';
    }
    out[name.len] = '\0';
    return true;
}

static bool is_code(str code)
{
    for (size_t i = 0; i < code.len; i++) {
        if (code.ptr[i] < '0' || code.ptr[i] > '9') {
            return false;
        }
    }
    return code.len > 0 && code.len < CODE_BYTES;
}

static bool refuse_token(const struct snowflake_refused *refused, const char *what, struct err *err)
{
    (void)err_set(err, ERR_AUTH, "could not query Snowflake: the sign-in was refused (%s)", what);
    switch (refused->auth) {
    case SNOWFLAKE_KEY_PAIR:
        return err_hint(err,
                        "Compare RSA_PUBLIC_KEY_FP of DESC USER with %s; check SNOWFLAKE_ACCOUNT, "
                        "SNOWFLAKE_USER and this machine's clock.",
                        refused->fingerprint);
    case SNOWFLAKE_TOKEN:
        return err_hint(err, "The token is wrong, expired or not allowed from this network: make a "
                             "new one and put it into SNOWFLAKE_TOKEN.");
    case SNOWFLAKE_PASSWORD:
        break;
    }
    return err_hint(err,
                    "Snowflake's SQL API takes no passwords. Set SNOWFLAKE_PRIVATE_KEY_PATH, or "
                    "SNOWFLAKE_TOKEN to a programmatic access token (ALTER USER ... ADD "
                    "PROGRAMMATIC ACCESS TOKEN).");
}

static bool refuse_account(const struct snowflake_refused *refused, const char *what,
                           struct err *err)
{
    (void)err_set(err, refused->status == 403 ? ERR_AUTH : ERR_REMOTE,
                  "could not query Snowflake: it answered %s", what);
    return err_hint(err, "%s",
                    refused->own_host ? "Check SNOWFLAKE_HOST."
                                      : "Check SNOWFLAKE_ACCOUNT (<org>-<account>), and whether "
                                        "network rules let this machine in.");
}

static bool refuse_statement(str code, str message, const char *what, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (!str_eqz(code, known[i].code)) {
            continue;
        }
        char name[NAME_BYTES];
        bool named = find_name(message, known[i].quote, name);
        (void)err_set(err, ERR_REMOTE, "could not query Snowflake: %s%s%s%s (%s)", known[i].why,
                      named ? ": '" : "", named ? name : "", named ? "'" : "", what);
        return known[i].hint != NULL ? err_hint(err, "%s", known[i].hint) : false;
    }
    return err_set(err, ERR_REMOTE, "could not query Snowflake: it answered %s", what);
}

bool snowflake_refusal(const struct snowflake_refused *refused, struct err *err)
{
    struct err ignored = {0}; /* a refusal without readable body is still that status */
    AUTO(json_decref) json_t *json = jsonx_parse(refused->body, 0, &ignored);
    str code = jsonx_str(json, "code");
    char what[CODE_BYTES + 16];
    if (is_code(code)) {
        (void)snprintf(what, sizeof(what), "%d, code %" STR_FMT, refused->status, STR_ARG(code));
    } else {
        (void)snprintf(what, sizeof(what), "%d", refused->status);
        code = STR_NONE;
    }
    int status = refused->status;
    if (status == 401) {
        (void)refuse_token(refused, what, err);
    } else if (status == 403 || (status == 404 && code.len == 0)) {
        (void)refuse_account(refused, what, err);
    } else {
        (void)refuse_statement(code, jsonx_str(json, "message"), what, err);
    }
    err->http_status = status;
    err->retryable = status == 500 || status == 502 || status == 503 || status == 504;
    return false;
}
