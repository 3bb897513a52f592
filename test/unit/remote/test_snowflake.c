/* SPDX-License-Identifier: MIT */
/* What is sent, and every way in which a query can end: the exact error, how many requests were made,
 * and which rows the sink kept. */
#include "remote/snowflake.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <zlib.h>

#include "harness/fakeclock.h"
#include "harness/httpserver.h"
#include "harness/tap.h"

static struct httpserver *server;
static struct fakeclock fake;
static struct stop stop;
static struct callstats *calls;
static struct secret token;
static struct snowflake_options options;
static struct snowflake *snowflake;
static struct snowflake_result result;
static struct err err;

/* What came of the query: "columns: A,B" and "partition 0" and rows, cells joined by '|'. */
static struct buf seen;
static uint64_t refuse_row; /* from 1; 0: none */
static int raise_level;     /* at the first row; 0: not */

static bool take_columns(void *ctx UNUSED, const str *names, size_t count,
                         struct err *failure UNUSED)
{
    buf_addz(&seen, "columns:");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&seen, " '%" STR_FMT "'", STR_ARG(names[i]));
    }
    buf_addc(&seen, '\n');
    return true;
}

static bool take_partition(void *ctx UNUSED, uint64_t number, struct err *failure UNUSED)
{
    buf_printf(&seen, "partition %d\n", (int)number);
    return true;
}

static bool take_row(void *ctx UNUSED, const str *cells, size_t count, struct err *failure)
{
    if (raise_level > 0) {
        stop_raise(&stop, raise_level);
    }
    if (refuse_row > 0 && --refuse_row == 0) {
        return err_set(failure, ERR_IO, "could not write 'sources/1.csv': No space left on device");
    }
    for (size_t i = 0; i < count; i++) {
        buf_printf(&seen, "%s%" STR_FMT, i > 0 ? "|" : "", STR_ARG(cells[i]));
    }
    buf_addc(&seen, '\n');
    return true;
}

static const struct snowflake_sink SINK = {take_columns, take_partition, take_row, NULL};

static void begin(void)
{
    fakeclock_init(&fake);
    stop_init(&stop);
    calls = callstats_new();
    secret_set(&token, STR("pat-1"));
    err = (struct err){0};
    refuse_row = 0;
    raise_level = 0;
    server = httpserver_start();
    options = (struct snowflake_options){
        .account = "org-acct",
        .base_url = httpserver_url(server),
        .token = &token,
        .warehouse = "WH",
        .database = "DB",
        .calls = calls,
        .clock = &fake.clock,
        .stop = &stop,
        .retry = {.attempts = 3, .base_ms = 200, .cap_ms = 60000},
    };
}

static void start(void)
{
    begin();
    snowflake = snowflake_new(&options, &err);
    CHECK(snowflake != NULL);
}

static void finish(void)
{
    snowflake_free(snowflake);
    snowflake = NULL;
    httpserver_stop(server);
    callstats_free(calls);
    secret_done(&token);
    stop_done(&stop);
    buf_done(&seen);
}

static void script(struct httpserver_step step)
{
    httpserver_script(server, &step);
}

static bool query(void)
{
    buf_clear(&seen);
    return snowflake_query(snowflake, STR("select A, B from T;\n"), &SINK, &result, &err);
}

static struct httpserver_record request(int number)
{
    static struct httpserver_record record;
    CHECK(httpserver_get(server, number, &record));
    return record;
}

/* --- answers ------------------------------------------------------------------------------------ */

#define HANDLE "01b2-0c"
#define RUNNING STR("{\"code\":\"333334\",\"statementHandle\":\"" HANDLE "\"}")
#define HEAD(rows, parts)                                                                          \
    "{\"code\":\"090001\",\"statementHandle\":\"" HANDLE                                           \
    "\",\"resultSetMetaData\":{\"numRows\":" rows ",\"partitionInfo\":" parts                      \
    ",\"rowType\":[{\"name\":\"A\",\"type\":\"text\"},"                                            \
    "{\"name\":\" b\",\"type\":\"timestamp_ltz\"}]},\"data\":"
#define SMALL HEAD("2", "[{\"rowCount\":2}]") "[[\"x,1\",\"0.5\"],[null,null]]}"
#define THREE HEAD("4", "[{\"rowCount\":1},{\"rowCount\":2},{\"rowCount\":1}]") "[[\"1\",null]]}"

static const char SMALL_SEEN[] =
    "columns: 'A' ' b'\npartition 0\nx,1|1970-01-01T00:00:00.500Z\n|\n";

static str zip(const char *plain, struct buf *out)
{
    z_stream stream = {0};
    CHECK_INT(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    char *room = buf_reserve(out, 1000);
    stream.next_in = (Bytef *)(uintptr_t)plain;
    stream.avail_in = (uInt)strlen(plain);
    stream.next_out = (Bytef *)room;
    stream.avail_out = 1000;
    CHECK_INT(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out->len += stream.total_out;
    (void)deflateEnd(&stream);
    return buf_str(out);
}

/* --- what is sent ------------------------------------------------------------------------------- */

static void a_statement_is_submitted_polled_and_read(void)
{
    start();
    script((struct httpserver_step){.status = 202, .body = RUNNING});
    script((struct httpserver_step){.status = 202,
                                    .body = RUNNING,
                                    .expect_method = "GET",
                                    .expect_path = "/api/v2/statements/" HANDLE});
    script((struct httpserver_step){.body = STR(SMALL)});
    CHECK_OK(query(), err);
    CHECK_TEXT(buf_str(&seen), SMALL_SEEN);
    CHECK_INT(result.rows, 2);
    CHECK_INT(result.partitions, 1);
    CHECK_INT(httpserver_count(server), 3);
    CHECK_INT(httpserver_unexpected(server), 0);
    CHECK_INT(atomic_load(&fake.slept_ns) / 1000000, 200 + 300);
    finish();
}

static void the_submission_says_all_that_is_set(void)
{
    start();
    script((struct httpserver_step){.body = STR(SMALL)});
    CHECK_OK(query(), err);
    struct httpserver_record record = request(0);
    char value[200];
    CHECK_STR(record.method, "POST");
    CHECK_STR(record.body, "{\"statement\":\"select A, B from T\",\"timeout\":3600,"
                           "\"warehouse\":\"WH\",\"database\":\"DB\","
                           "\"parameters\":{\"QUERY_TAG\":\"steward\"}}");
    static const char path[] = "/api/v2/statements?requestId=";
    CHECK(strncmp(record.path, path, sizeof(path) - 1) == 0);
    CHECK_STR(record.path + sizeof(path) - 1 + 36, "&async=true&nullable=true");
    CHECK_STR(httpserver_header(&record, "Authorization", value, sizeof(value)), "Bearer pat-1");
    CHECK_STR(
        httpserver_header(&record, "X-Snowflake-Authorization-Token-Type", value, sizeof(value)),
        "PROGRAMMATIC_ACCESS_TOKEN");
    CHECK_STR(httpserver_header(&record, "Accept", value, sizeof(value)), "application/json");
    CHECK_STR(httpserver_header(&record, "Content-Type", value, sizeof(value)), "application/json");
    CHECK(strncmp(httpserver_header(&record, "User-Agent", value, sizeof(value)), "steward/", 8) ==
          0);
    finish();
}

static void a_lost_submission_is_sent_again_under_the_same_id(void)
{
    start();
    script((struct httpserver_step){.act = HTTPSERVER_DROP});
    script((struct httpserver_step){.status = 503, .body = STR("<html>")});
    script((struct httpserver_step){.body = STR(SMALL)});
    CHECK_OK(query(), err);
    CHECK_TEXT(buf_str(&seen), SMALL_SEEN);
    CHECK_INT(httpserver_count(server), 3);
    char first[1100];
    (void)snprintf(first, sizeof(first), "%s&retry=true", request(0).path);
    CHECK_STR(request(1).path, first);
    CHECK_STR(request(2).path, first);
    struct callstats_totals totals;
    callstats_totals(calls, &totals);
    CHECK_INT(totals.calls, 3);
    CHECK_INT(totals.retries, 2);
    finish();
}

static void partitions_come_zipped_and_are_counted(void)
{
    AUTO_BUF struct buf zipped = {0};
    start();
    script((struct httpserver_step){.body = STR(THREE)});
    script((struct httpserver_step){.expect_path = "/api/v2/statements/" HANDLE "?partition=1",
                                    .headers = "Content-Encoding: gzip\r\n",
                                    .body =
                                        zip("{\"data\":[[\"2\",\"1.0\"],[\"3\",null]]}", &zipped)});
    script((struct httpserver_step){.expect_path = "/api/v2/statements/" HANDLE "?partition=2",
                                    .body = STR("{\"data\":[[\"4\",null]]}")});
    CHECK_OK(query(), err);
    CHECK_TEXT(buf_str(&seen), "columns: 'A' ' b'\npartition 0\n1|\npartition 1\n"
                               "2|1970-01-01T00:00:01.000Z\n3|\npartition 2\n4|\n");
    CHECK_INT(result.rows, 4);
    CHECK_INT(result.partitions, 3);
    CHECK_INT(httpserver_unexpected(server), 0);
    finish();
}

/* --- partitions that fail ----------------------------------------------------------------------- */

static void a_partition_that_breaks_off_is_read_again(void)
{
    AUTO_BUF struct buf zipped = {0};
    str whole = zip("{\"data\":[[\"2\",null],[\"3\",null]]}", &zipped);
    start();
    script((struct httpserver_step){.body = STR(THREE)});
    script((struct httpserver_step){
        .act = HTTPSERVER_TRUNCATE, .body = STR("{\"data\":[[\"2\",null],[\"3\",nu"), .cut = 21});
    script((struct httpserver_step){.body = {whole.ptr, whole.len - 4}}); /* gzip cut short */
    script((struct httpserver_step){.body = whole});
    script((struct httpserver_step){.body = STR("{\"data\":[[\"4\",null]]}")});
    CHECK_OK(query(), err);
    CHECK_TEXT(buf_str(&seen),
               "columns: 'A' ' b'\npartition 0\n1|\npartition 1\n2|\npartition 1\n2|\n3|\n"
               "partition 1\n2|\n3|\npartition 2\n4|\n");
    CHECK_INT(httpserver_count(server), 5);
    finish();
}

static void a_partition_that_fails_for_good_fails_all(void)
{
    start();
    script((struct httpserver_step){.body = STR(THREE)});
    for (int i = 0; i < 3; i++) {
        script((struct httpserver_step){.body = STR("{\"data\":[[\"2\",null]]}")});
    }
    CHECK_ERR(query(), err, ERR_PROTOCOL,
              "could not query Snowflake: partition 2 of 3: could not read the partition: it holds "
              "1 rows, not 2 (3 attempts)");
    CHECK_INT(httpserver_count(server), 4);
    finish();
}

static void a_refused_partition_fails_all(void)
{
    start();
    script((struct httpserver_step){.body = STR(THREE)});
    script((struct httpserver_step){.status = 400, .body = STR("{\"code\":\"391922\"}")});
    CHECK_ERR(query(), err, ERR_REMOTE, "could not query Snowflake: it answered 400, code 391922");
    CHECK_INT(httpserver_count(server), 2);
    finish();
}

static void what_the_sink_refuses_is_not_asked_for_again(void)
{
    start();
    refuse_row = 2;
    script((struct httpserver_step){.body = STR(THREE)});
    script((struct httpserver_step){.body = STR("{\"data\":[[\"2\",null],[\"3\",null]]}")});
    CHECK_ERR(query(), err, ERR_IO, "could not write 'sources/1.csv': No space left on device");
    CHECK_INT(httpserver_count(server), 2);
    finish();
}

static void a_value_that_breaks_its_type_names_the_column(void)
{
    start();
    script(
        (struct httpserver_step){.body = STR(HEAD("1", "[{\"rowCount\":1}]") "[[\"a\",\"b\"]]}")});
    CHECK_ERR(query(), err, ERR_PROTOCOL,
              "could not query Snowflake: column 2: could not read a value of type TIMESTAMP");
    CHECK_INT(httpserver_count(server), 1);
    finish();
}

/* --- results that are none ---------------------------------------------------------------------- */

static void results_that_contradict_themselves(void)
{
    static const struct {
        const char *body;
        const char *message;
    } cases[] = {
        {"{\"statementHandle\":\"h\"}", "the answer has no result"},
        {"{}", "the answer names no statement"},
        {"{\"statementHandle\":\"../x\"}", "the answer names no statement"},
        {HEAD("3", "[{\"rowCount\":2}]") "[]}", "its partitions hold 2 rows, the result 3"},
        {HEAD("2", "[{\"rowCount\":2}]") "[[\"a\",null]]}",
         "the first partition has not as many rows as announced"},
        {HEAD("2", "[]") "[]}", "the result does not say how many rows it has"},
        {HEAD("-1", "[{\"rowCount\":0}]") "[]}", "the result does not say how many rows it has"},
        {HEAD("1", "[{\"rowCount\":\"1\"}]") "[]}",
         "a partition does not say how many rows it has"},
        {HEAD("1", "[{\"rowCount\":1}]") "[[\"a\"]]}",
         "a row has not as many cells as there are columns"},
        {HEAD("1", "[{\"rowCount\":1}]") "[[\"a\",1]]}", "a cell is neither text nor null"},
        {"{\"statementHandle\":\"h\",\"resultSetMetaData\":{\"rowType\":[]}}",
         "the result has no columns"},
        {"{\"statementHandle\":\"h\",\"resultSetMetaData\":{\"rowType\":[{\"name\":\"A\"}]}}",
         "a column has no name or type"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char message[200];
        start();
        script((struct httpserver_step){.body = str_of(cases[i].body)});
        (void)snprintf(message, sizeof(message), "could not query Snowflake: %s", cases[i].message);
        CHECK_ERR(query(), err, ERR_PROTOCOL, message);
        finish();
    }
}

static void an_empty_result_is_one(void)
{
    start();
    script((struct httpserver_step){.body = STR(HEAD("0", "[{\"rowCount\":0}]") "[]}")});
    CHECK_OK(query(), err);
    CHECK_INT(result.rows, 0);
    finish();
}

/* --- answers that are none ---------------------------------------------------------------------- */

static void garbage_is_asked_for_again(void)
{
    start();
    for (int i = 0; i < 3; i++) {
        script((struct httpserver_step){.body = STR("<html>maintenance</html>")});
    }
    CHECK_ERR(
        query(), err, ERR_PROTOCOL,
        "could not query Snowflake: could not read the JSON: byte 1: invalid syntax (3 attempts)");
    CHECK_INT(httpserver_count(server), 3);
    finish();
}

static void nobody_there(void)
{
    begin();
    options.base_url = "http://127.0.0.1:1";
    snowflake = snowflake_new(&options, &err);
    CHECK_ERR(query(), err, ERR_NETWORK,
              "could not query Snowflake: could not call '127.0.0.1:1': Connection refused "
              "(3 attempts)");
    CHECK_STR(err.hint, "Check SNOWFLAKE_HOST and the network.");
    finish();
}

static void slowing_down_is_obeyed_and_not_counted(void)
{
    start();
    for (int i = 0; i < 4; i++) {
        script((struct httpserver_step){
            .status = 429, .headers = "Retry-After: 7\r\n", .body = STR("{\"code\":\"390505\"}")});
    }
    script((struct httpserver_step){.body = STR(SMALL)});
    CHECK_OK(query(), err);
    CHECK_INT(atomic_load(&fake.slept_ns) / 1000000, 4 * 7000);
    finish();
}

static void slowing_down_for_ever_ends(void)
{
    start();
    for (int i = 0; i < SNOWFLAKE_MAX_LIMITED; i++) {
        script((struct httpserver_step){.status = 429, .headers = "Retry-After: 1\r\n"});
    }
    CHECK_ERR(query(), err, ERR_LIMITED,
              "could not query Snowflake: it asked to slow down 10 times (429)");
    CHECK(err.retryable);
    CHECK_INT(httpserver_count(server), SNOWFLAKE_MAX_LIMITED);
    finish();
}

static void what_is_wrong_with_the_query_is_told_at_once(void)
{
    start();
    script((struct httpserver_step){.status = 202, .body = RUNNING});
    script((struct httpserver_step){
        .status = 422,
        .body = STR("{\"code\":\"000904\",\"message\":\"invalid identifier 'C'\"}")});
    CHECK_ERR(query(), err, ERR_REMOTE,
              "could not query Snowflake: there is no such column: 'C' (422, code 000904)");
    CHECK_INT(httpserver_count(server), 2);
    finish();
}

static void a_refused_token_is_not_tried_again(void)
{
    start();
    script((struct httpserver_step){.status = 401, .body = STR("{\"code\":\"390303\"}")});
    CHECK_ERR(query(), err, ERR_AUTH,
              "could not query Snowflake: the sign-in was refused (401, code 390303)");
    CHECK_INT(httpserver_count(server), 1);
    finish();
}

/* --- key pairs ---------------------------------------------------------------------------------- */

static void start_with_key(void)
{
    static char path[512];
    begin();
    (void)snprintf(path, sizeof(path), "%s/key.p8", tap_tmpdir());
    EVP_PKEY *pkey = EVP_RSA_gen(2048);
    BIO *bio = BIO_new_file(path, "w");
    CHECK_INT(PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
    BIO_free(bio);
    EVP_PKEY_free(pkey);
    options.private_key_path = path;
    options.user = "U";
    snowflake = snowflake_new(&options, &err);
    CHECK(snowflake != NULL);
}

static const char *bearer_of(int number, char *out, size_t size)
{
    struct httpserver_record record = request(number);
    return httpserver_header(&record, "Authorization", out, size);
}

static void a_refused_key_pair_token_is_signed_anew_once(void)
{
    start_with_key();
    char first[2000];
    char second[2000];
    script((struct httpserver_step){.status = 401, .body = STR("{\"code\":\"390144\"}")});
    script((struct httpserver_step){.body = STR(SMALL)});
    CHECK_OK(query(), err);
    struct httpserver_record record = request(0);
    CHECK_STR(
        httpserver_header(&record, "X-Snowflake-Authorization-Token-Type", first, sizeof(first)),
        "KEYPAIR_JWT");
    CHECK(strcmp(bearer_of(0, first, sizeof(first)), bearer_of(1, second, sizeof(second))) != 0);

    script((struct httpserver_step){.status = 401, .body = STR("{\"code\":\"390144\"}")});
    script((struct httpserver_step){.status = 401, .body = STR("{\"code\":\"390144\"}")});
    CHECK_ERR(query(), err, ERR_AUTH,
              "could not query Snowflake: the sign-in was refused (401, code 390144)");
    CHECK_INT(httpserver_count(server), 4);
    finish();
}

static void a_token_is_signed_anew_before_it_ends(void)
{
    start_with_key();
    char first[2000];
    char second[2000];
    for (int i = 0; i < 3; i++) {
        script((struct httpserver_step){.body = STR(SMALL)});
    }
    CHECK_OK(query(), err);
    fakeclock_advance_ms(&fake, INT64_C(49) * 60 * 1000);
    CHECK_OK(query(), err);
    CHECK_STR(bearer_of(0, first, sizeof(first)), bearer_of(1, second, sizeof(second)));
    fakeclock_advance_ms(&fake, INT64_C(2) * 60 * 1000);
    CHECK_OK(query(), err);
    CHECK(strcmp(first, bearer_of(2, second, sizeof(second))) != 0);
    finish();
}

/* --- stopping ----------------------------------------------------------------------------------- */

static void a_running_statement_is_cancelled(void)
{
    start();
    stop_raise(&stop, 1);
    script((struct httpserver_step){.status = 202, .body = RUNNING});
    script((struct httpserver_step){.expect_method = "POST",
                                    .expect_path = "/api/v2/statements/" HANDLE "/cancel",
                                    .body = STR("{\"code\":\"000604\"}")});
    CHECK_ERR(query(), err, ERR_INTERRUPTED, "could not query Snowflake: interrupted");
    CHECK_STR(err.hint, "The statement was cancelled; nothing was planned.");
    CHECK_INT(httpserver_count(server), 2);
    CHECK_INT(httpserver_unexpected(server), 0);
    finish();
}

static void a_cancel_that_fails_is_said(void)
{
    start();
    stop_raise(&stop, 1);
    script((struct httpserver_step){.status = 202, .body = RUNNING});
    script((struct httpserver_step){.act = HTTPSERVER_DROP});
    CHECK_ERR(query(), err, ERR_INTERRUPTED, "could not query Snowflake: interrupted");
    CHECK_STR(err.hint, "The statement could not be cancelled and may go on running at Snowflake; "
                        "nothing was planned.");
    finish();
}

static void a_result_that_is_being_read_is_left(void)
{
    start();
    raise_level = 1;
    script((struct httpserver_step){.body = STR(THREE)});
    script((struct httpserver_step){.body = STR("{\"data\":[[\"2\",null],[\"3\",null]]}")});
    CHECK_ERR(query(), err, ERR_INTERRUPTED, "could not query Snowflake: interrupted");
    CHECK_INT(httpserver_count(server), 2);
    finish();
}

/* --- settings ----------------------------------------------------------------------------------- */

static void settings_that_are_missing_or_wrong(void)
{
    begin();
    options.account = NULL;
    CHECK_ERR(snowflake_new(&options, &err) != NULL, err, ERR_CONFIG,
              "could not use SNOWFLAKE_ACCOUNT: it is not set");
    options.account = "https://org-acct.snowflakecomputing.com";
    CHECK_ERR(snowflake_new(&options, &err) != NULL, err, ERR_CONFIG,
              "could not use SNOWFLAKE_ACCOUNT: it is not an account's name");
    CHECK_STR(err.hint, "It is \"<org>-<account>\", without https:// and .snowflakecomputing.com.");
    options.account = "org-acct";
    options.token = NULL;
    CHECK_ERR(snowflake_new(&options, &err) != NULL, err, ERR_CONFIG,
              "could not sign in to Snowflake: no key and no token is set");
    options.private_key_path = "key.p8";
    CHECK_ERR(snowflake_new(&options, &err) != NULL, err, ERR_CONFIG,
              "could not use SNOWFLAKE_USER: it is not set");
    finish();
}

static void a_password_goes_as_a_token(void)
{
    begin();
    options.token = NULL;
    options.password = &token;
    snowflake = snowflake_new(&options, &err);
    script((struct httpserver_step){.status = 401});
    CHECK_ERR(query(), err, ERR_AUTH, "could not query Snowflake: the sign-in was refused (401)");
    CHECK(strstr(err.hint, "Snowflake's SQL API takes no passwords.") != NULL);
    char value[100];
    CHECK_STR(bearer_of(0, value, sizeof(value)), "Bearer pat-1");
    finish();
}

TAP_MAIN(TAP_TEST(a_statement_is_submitted_polled_and_read),
         TAP_TEST(the_submission_says_all_that_is_set),
         TAP_TEST(a_lost_submission_is_sent_again_under_the_same_id),
         TAP_TEST(partitions_come_zipped_and_are_counted),
         TAP_TEST(a_partition_that_breaks_off_is_read_again),
         TAP_TEST(a_partition_that_fails_for_good_fails_all),
         TAP_TEST(a_refused_partition_fails_all),
         TAP_TEST(what_the_sink_refuses_is_not_asked_for_again),
         TAP_TEST(a_value_that_breaks_its_type_names_the_column),
         TAP_TEST(results_that_contradict_themselves), TAP_TEST(an_empty_result_is_one),
         TAP_TEST(garbage_is_asked_for_again), TAP_TEST(nobody_there),
         TAP_TEST(slowing_down_is_obeyed_and_not_counted), TAP_TEST(slowing_down_for_ever_ends),
         TAP_TEST(what_is_wrong_with_the_query_is_told_at_once),
         TAP_TEST(a_refused_token_is_not_tried_again),
         TAP_TEST(a_refused_key_pair_token_is_signed_anew_once),
         TAP_TEST(a_token_is_signed_anew_before_it_ends),
         TAP_TEST(a_running_statement_is_cancelled), TAP_TEST(a_cancel_that_fails_is_said),
         TAP_TEST(a_result_that_is_being_read_is_left),
         TAP_TEST(settings_that_are_missing_or_wrong), TAP_TEST(a_password_goes_as_a_token))
