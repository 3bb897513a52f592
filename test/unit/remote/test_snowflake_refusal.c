/* SPDX-License-Identifier: MIT */
#include "remote/snowflake_refusal.h"

#include "harness/tap.h"

static struct err err;

static bool refused(int status, const char *body)
{
    const struct snowflake_refused what = {
        .status = status,
        .body = str_of(body),
        .auth = SNOWFLAKE_KEY_PAIR,
        .fingerprint = "SHA256:abc=",
    };
    return snowflake_refusal(&what, &err);
}

static bool refused_as(enum snowflake_auth auth, int status, bool own_host)
{
    const struct snowflake_refused what = {
        .status = status, .body = STR("<html>"), .auth = auth, .own_host = own_host};
    return snowflake_refusal(&what, &err);
}

static void a_refused_sign_in_says_what_to_check(void)
{
    CHECK_ERR(refused(401, "{\"code\":\"390144\",\"message\":\"JWT token is invalid.\"}"), err,
              ERR_AUTH, "could not query Snowflake: the sign-in was refused (401, code 390144)");
    CHECK_STR(err.hint, "Compare RSA_PUBLIC_KEY_FP of DESC USER with SHA256:abc=; check "
                        "SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER and this machine's clock.");
    CHECK_ERR(refused_as(SNOWFLAKE_TOKEN, 401, false), err, ERR_AUTH,
              "could not query Snowflake: the sign-in was refused (401)");
    CHECK_STR(err.hint, "The token is wrong, expired or not allowed from this network: make a new "
                        "one and put it into SNOWFLAKE_TOKEN.");
    CHECK_ERR(refused_as(SNOWFLAKE_PASSWORD, 401, false), err, ERR_AUTH,
              "could not query Snowflake: the sign-in was refused (401)");
    CHECK_STR(err.hint, "Snowflake's SQL API takes no passwords. Set SNOWFLAKE_PRIVATE_KEY_PATH, "
                        "or SNOWFLAKE_TOKEN to a programmatic access token (ALTER USER ... ADD "
                        "PROGRAMMATIC ACCESS TOKEN).");
}

static void a_wrong_account_is_guessed_where_no_code_tells(void)
{
    CHECK_ERR(refused_as(SNOWFLAKE_TOKEN, 404, false), err, ERR_REMOTE,
              "could not query Snowflake: it answered 404");
    CHECK_STR(err.hint, "Check SNOWFLAKE_ACCOUNT (<org>-<account>), and whether network rules let "
                        "this machine in.");
    CHECK_ERR(refused_as(SNOWFLAKE_TOKEN, 403, true), err, ERR_AUTH,
              "could not query Snowflake: it answered 403");
    CHECK_STR(err.hint, "Check SNOWFLAKE_HOST.");
}

static void known_codes_are_explained(void)
{
    static const struct {
        const char *body;
        const char *message;
        const char *hint;
    } cases[] = {
        {"{\"code\":\"000606\",\"message\":\"No active warehouse selected\"}",
         "could not query Snowflake: no warehouse is active (422, code 000606)",
         "Set SNOWFLAKE_WAREHOUSE to a warehouse that the role may use; a suspended one must be "
         "resumed or have AUTO_RESUME."},
        {"{\"code\":\"000904\",\"message\":\"SQL compilation error: error line 1 at position "
         "7\\ninvalid identifier 'U.EMIAL'\"}",
         "could not query Snowflake: there is no such column: 'U.EMIAL' (422, code 000904)",
         "Correct the query (--query FILE), or the columns of the view that it reads."},
        {"{\"code\":\"002003\",\"message\":\"SQL compilation error:\\nObject 'CRM.X' does not "
         "exist or not authorized.\"}",
         "could not query Snowflake: there is no such object, or the role may not use it: 'CRM.X' "
         "(422, code 002003)",
         "Check SNOWFLAKE_DATABASE, SNOWFLAKE_SCHEMA and SNOWFLAKE_ROLE; docs/sources.md lists the "
         "rights."},
        {"{\"code\":\"001003\",\"message\":\"syntax error near 'secret@example.com'\"}",
         "could not query Snowflake: the query has a syntax error (422, code 001003)",
         "Check the file that --query names."},
        {"{\"code\":\"000604\"}",
         "could not query Snowflake: the statement was cancelled at Snowflake (422, code 000604)",
         ""},
        {"{\"code\":\"100038\",\"message\":\"Numeric value 'a@example.com' is not recognized\"}",
         "could not query Snowflake: it answered 422, code 100038", ""},
        {"not json", "could not query Snowflake: it answered 422", ""},
        {"{\"code\":\"x'; drop\"}", "could not query Snowflake: it answered 422", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK_ERR(refused(422, cases[i].body), err, ERR_REMOTE, cases[i].message);
        CHECK_STR(err.hint, cases[i].hint);
        CHECK_INT(err.http_status, 422);
        CHECK(!err.retryable);
    }
}

static void names_are_bounded_and_printable(void)
{
    CHECK_ERR(
        refused(422, "{\"code\":\"000904\",\"message\":\"invalid identifier 'A\\u001b[1m'\"}"), err,
        ERR_REMOTE,
        "could not query Snowflake: there is no such column: 'A?[1m' (422, code 000904)");
    CHECK_ERR(refused(422, "{\"code\":\"000904\",\"message\":\"invalid identifier 'A\"}"), err,
              ERR_REMOTE, "could not query Snowflake: there is no such column (422, code 000904)");
    AUTO_BUF struct buf body = {0};
    buf_printf(&body, "{\"code\":\"000904\",\"message\":\"invalid identifier '%0*d'\"}", 200, 0);
    CHECK_ERR(refused(422, buf_z(&body)), err, ERR_REMOTE,
              "could not query Snowflake: there is no such column (422, code 000904)");
}

static void what_may_be_tried_again(void)
{
    static const struct {
        int status;
        bool again;
    } cases[] = {{400, false}, {408, false}, {500, true}, {501, false},
                 {502, true},  {503, true},  {504, true}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        err = (struct err){0};
        CHECK(!refused(cases[i].status, "{}"));
        CHECK_INT(err.retryable, cases[i].again);
        CHECK_INT(err.kind, ERR_REMOTE);
    }
}

TAP_MAIN(TAP_TEST(a_refused_sign_in_says_what_to_check),
         TAP_TEST(a_wrong_account_is_guessed_where_no_code_tells),
         TAP_TEST(known_codes_are_explained), TAP_TEST(names_are_bounded_and_printable),
         TAP_TEST(what_may_be_tried_again))
