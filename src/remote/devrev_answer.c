/* SPDX-License-Identifier: MIT */
#include "remote/devrev_answer.h"

#include <stdio.h>

enum { WORD_BYTES = 65 };

bool devrev_decode(str body, json_t **ret, struct err *err)
{
    json_error_t detail;
    json_t *json = json_loadb(body.ptr != NULL ? body.ptr : "", body.len,
                              JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL | JSON_DECODE_ANY, &detail);
    if (json == NULL) {
        return err_set(err, ERR_PROTOCOL, "the answer is not JSON (byte %d of %zu)",
                       detail.position, body.len);
    }
    if (!json_is_object(json)) {
        json_decref(json);
        return err_set(err, ERR_PROTOCOL, "the answer is not a JSON object");
    }
    *ret = json;
    return true;
}

/* A published word such as "invalid_field" or a field name. What is not one is left out: it may be
 * data. */
static void take_word(const json_t *object, const char *key, char out[WORD_BYTES])
{
    const char *text = json_string_value(json_object_get(object, key));
    out[0] = '\0';
    if (text == NULL) {
        return;
    }
    size_t len = strlen(text);
    size_t good = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    if (len == 0 || len >= WORD_BYTES || good != len) {
        return;
    }
    memcpy(out, text, len + 1);
}

static bool is_unknown_route(const json_t *object)
{
    const char *message = json_string_value(json_object_get(object, "message"));
    return message != NULL && strcmp(message, "route not found") == 0;
}

/* "401 unauthenticated", "400 invalid_field 'name'", "502" */
static void describe(const json_t *object, int status, char *out, size_t size)
{
    char type[WORD_BYTES];
    char field[WORD_BYTES];
    take_word(object, "type", type);
    take_word(object, "field_name", field);
    (void)snprintf(out, size, "%d%s%s%s%s%s", status, type[0] != '\0' ? " " : "", type,
                   field[0] != '\0' ? " '" : "", field, field[0] != '\0' ? "'" : "");
}

static bool refuse_token(const char *call, const char *what, struct err *err)
{
    (void)err_set(err, ERR_AUTH, "could not call %s: the token was refused (%s)", call, what);
    err->fatal = true;
    return err_hint(err,
                    "Put a valid token into DEVREV_API_TOKEN; steward doctor devrev shows whose "
                    "it is and when it ends.");
}

static bool refuse_permission(const char *call, bool is_write, const char *what, struct err *err)
{
    (void)err_set(err, is_write ? ERR_AUTH : ERR_REMOTE,
                  "could not call %s: the token's owner may not do this (%s)", call, what);
    err->fatal = is_write;
    return err_hint(err, "Give the token's owner the permission for %s.", call);
}

bool devrev_refusal(const char *call, bool is_write, int status, str body, struct err *err)
{
    json_t *object = NULL;
    struct err ignored = {0};
    if (!devrev_decode(body, &object, &ignored)) {
        object = NULL; /* an error without a readable body is still that status */
    }
    char what[2 * WORD_BYTES + 24];
    describe(object, status, what, sizeof(what));
    bool no_route = is_unknown_route(object);
    json_decref(object);

    if (status == 401) {
        (void)refuse_token(call, what, err);
    } else if (status == 403) {
        (void)refuse_permission(call, is_write, what, err);
    } else if (status == 404 && no_route) {
        (void)err_set(err, ERR_REMOTE, "could not call %s: the remote has no such call (404)",
                      call);
        err->fatal = true;
        (void)err_hint(err, "Check DEVREV_BASE_URL; for DevRev itself it is https://api.devrev.ai");
    } else if (status == 404) {
        (void)err_set(err, ERR_NOT_FOUND, "could not call %s: the remote answered %s", call, what);
    } else if (status >= 500 || status == 408) {
        (void)err_set(err, ERR_REMOTE, "could not call %s: the remote answered %s", call, what);
        err->ambiguous = is_write;
        err->retryable = !is_write;
    } else if (status >= 300) {
        (void)err_set(err, ERR_REMOTE, "could not call %s: the remote answered %s", call, what);
    } else {
        (void)err_set(err, ERR_PROTOCOL, "could not call %s: the remote answered %s", call, what);
        err->ambiguous = is_write;
        err->retryable = !is_write;
    }
    err->http_status = status;
    return false;
}

int64_t devrev_retry_after_ms(str body)
{
    json_t *object = NULL;
    struct err ignored = {0};
    if (!devrev_decode(body, &object, &ignored)) {
        return -1; /* no readable body: no wish */
    }
    const json_t *value = json_object_get(object, "retry_after");
    double seconds = json_is_number(value) ? json_number_value(value) : -1;
    json_decref(object);
    if (!(seconds >= 0)) {
        return -1;
    }
    return seconds > 3600 ? 3600 * 1000 : (int64_t)(seconds * 1000);
}
