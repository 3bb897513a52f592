/* SPDX-License-Identifier: MIT */
#include "remote/devrev_answer.h"

#include "harness/tap.h"

static void decodes_objects_only(void)
{
    struct err err;
    json_t *json = NULL;
    CHECK_OK(devrev_decode(STR("{\"a\":18446744073709551616,\"b\":\"x\\u0000y\"}"), &json, &err),
             err);
    CHECK_INT(json_string_length(json_object_get(json, "b")), 3);
    CHECK(json_number_value(json_object_get(json, "a")) > 1e19);
    json_decref(json);
    CHECK_ERR(devrev_decode(STR("[1]"), &json, &err), err, ERR_PROTOCOL,
              "the answer is not a JSON object");
    CHECK_ERR(devrev_decode(STR("{\"a\":1"), &json, &err), err, ERR_PROTOCOL,
              "the answer is not JSON (byte 6 of 6)");
    CHECK_ERR(devrev_decode(STR("{} {}"), &json, &err), err, ERR_PROTOCOL,
              "the answer is not JSON (byte 4 of 5)");
    CHECK_ERR(devrev_decode(STR(""), &json, &err), err, ERR_PROTOCOL,
              "the answer is not JSON (byte 0 of 0)");
}

struct expectation {
    int status;
    const char *body;
    enum err_kind kind;
    const char *message;
    bool fatal, retryable, ambiguous;
};

static void judge(bool is_write, const struct expectation *cases, size_t count)
{
    const char *call = is_write ? "rev-users.merge" : "rev-users.get";
    for (size_t i = 0; i < count; i++) {
        struct err err;
        CHECK_ERR(devrev_refusal(call, is_write, cases[i].status, str_of(cases[i].body), &err), err,
                  cases[i].kind, cases[i].message);
        CHECK_INT(err.fatal, cases[i].fatal);
        CHECK_INT(err.retryable, cases[i].retryable);
        CHECK_INT(err.ambiguous, cases[i].ambiguous);
        CHECK_INT(err.http_status, cases[i].status);
    }
}

static void a_refused_read(void)
{
    const struct expectation cases[] = {
        {301, "", ERR_REMOTE, "could not call rev-users.get: the remote answered 301"},
        {400,
         "{\"type\":\"invalid_field\",\"field_name\":\"email\",\"message\":\"ann@example.com\"}",
         ERR_REMOTE, "could not call rev-users.get: the remote answered 400 invalid_field 'email'"},
        {400, "{\"type\":\"ann@example.com\",\"field_name\":\"a b\"}", ERR_REMOTE,
         "could not call rev-users.get: the remote answered 400"},
        {401, "{\"type\":\"token_expired\"}", ERR_AUTH,
         "could not call rev-users.get: the token was refused (401 token_expired)", .fatal = true},
        {401, "no JSON", ERR_AUTH, "could not call rev-users.get: the token was refused (401)",
         .fatal = true},
        {403, "{\"type\":\"forbidden\"}", ERR_REMOTE,
         "could not call rev-users.get: the token's owner may not do this (403 forbidden)"},
        {404, "{\"type\":\"not_found\"}", ERR_NOT_FOUND,
         "could not call rev-users.get: the remote answered 404 not_found"},
        {404, "{\"message\":\"route not found\"}", ERR_REMOTE,
         "could not call rev-users.get: the remote has no such call (404)", .fatal = true},
        {408, "", ERR_REMOTE, "could not call rev-users.get: the remote answered 408",
         .retryable = true},
        {500, "{\"type\":\"internal_error\"}", ERR_REMOTE,
         "could not call rev-users.get: the remote answered 500 internal_error", .retryable = true},
        {503, "<html>", ERR_REMOTE, "could not call rev-users.get: the remote answered 503",
         .retryable = true},
        {199, "", ERR_PROTOCOL, "could not call rev-users.get: the remote answered 199",
         .retryable = true},
    };
    judge(false, cases, ARRAY_LEN(cases));
}

static void a_refused_write(void)
{
    const struct expectation cases[] = {
        {301, "", ERR_REMOTE, "could not call rev-users.merge: the remote answered 301"},
        {400, "{\"type\":\"bad_request\"}", ERR_REMOTE,
         "could not call rev-users.merge: the remote answered 400 bad_request"},
        {401, "{\"type\":\"unauthenticated\"}", ERR_AUTH,
         "could not call rev-users.merge: the token was refused (401 unauthenticated)",
         .fatal = true},
        {403, "{\"type\":\"forbidden\"}", ERR_AUTH,
         "could not call rev-users.merge: the token's owner may not do this (403 forbidden)",
         .fatal = true},
        {404, "{\"type\":\"not_found\"}", ERR_NOT_FOUND,
         "could not call rev-users.merge: the remote answered 404 not_found"},
        {408, "", ERR_REMOTE, "could not call rev-users.merge: the remote answered 408",
         .ambiguous = true},
        {409, "{\"type\":\"conflict\"}", ERR_REMOTE,
         "could not call rev-users.merge: the remote answered 409 conflict"},
        {500, "{\"type\":\"internal_error\"}", ERR_REMOTE,
         "could not call rev-users.merge: the remote answered 500 internal_error",
         .ambiguous = true},
        {502, "", ERR_REMOTE, "could not call rev-users.merge: the remote answered 502",
         .ambiguous = true},
        {199, "", ERR_PROTOCOL, "could not call rev-users.merge: the remote answered 199",
         .ambiguous = true},
    };
    judge(true, cases, ARRAY_LEN(cases));
}

static void reads_how_long_to_wait(void)
{
    CHECK_INT(devrev_retry_after_ms(STR("{\"retry_after\":7}")), 7000);
    CHECK_INT(devrev_retry_after_ms(STR("{\"retry_after\":0.5}")), 500);
    CHECK_INT(devrev_retry_after_ms(STR("{\"retry_after\":0}")), 0);
    CHECK_INT(devrev_retry_after_ms(STR("{\"retry_after\":1e300}")), 3600000);
    CHECK_INT(devrev_retry_after_ms(STR("{\"retry_after\":-1}")), -1);
    CHECK_INT(devrev_retry_after_ms(STR("{\"retry_after\":\"7\"}")), -1);
    CHECK_INT(devrev_retry_after_ms(STR("{}")), -1);
    CHECK_INT(devrev_retry_after_ms(STR("slow down")), -1);
}

TAP_MAIN(TAP_TEST(decodes_objects_only), TAP_TEST(a_refused_read), TAP_TEST(a_refused_write),
         TAP_TEST(reads_how_long_to_wait))
