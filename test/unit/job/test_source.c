/* SPDX-License-Identifier: MIT */
/* The live scan against scripted answers, and what no source may do: leave half an input behind. */
#include "job/source.h"

#include <fcntl.h>

#include "base/fs.h"
#include "harness/fakeclock.h"
#include "harness/httpserver.h"
#include "harness/tap.h"

static struct httpserver *server;
static struct fakeclock fake;
static struct stop stop;
static struct settings settings;
static struct job_run run;
static char path[SOURCE_PATH_BYTES];
static uint64_t rows;
static struct err err;

static void start(void)
{
    server = httpserver_start();
    fakeclock_init(&fake);
    stop_init(&stop);
    err = (struct err){0};
    settings = (struct settings){
        .devrev_base_url = httpserver_url(server),
        .rate_limit_calls = -1,
        .rate_limit_period_ms = -1,
        .max_retries = 2,
    };
    secret_set(&settings.devrev_token, STR("tok-1"));
    run = (struct job_run){
        .run = 7, .settings = &settings, .clock = &fake.clock, .stop = &stop, .workspace_fd = -1};
    CHECK_OK(fs_open_dir(AT_FDCWD, tap_tmpdir(), &run.workspace_fd, &err), err);
    CHECK_OK(fs_mkdirs(run.workspace_fd, "limits", &err), err);
}

static void finish(void)
{
    (void)close(run.workspace_fd);
    secret_done(&settings.devrev_token);
    stop_done(&stop);
    httpserver_stop(server);
}

static void page(const char *body)
{
    httpserver_script(server, &(struct httpserver_step){.expect_method = "POST",
                                                        .expect_path = "/rev-users.scan",
                                                        .body = str_of(body)});
}

static bool scan(void)
{
    const struct source_options options = {
        .name = "devrev", .rate_calls = 45, .rate_period_ms = 60000};
    return source_spool(&run, &options, path, &rows, &err);
}

static void nothing_is_there(void)
{
    CHECK(!fs_exists(run.workspace_fd, "sources/7.csv"));
    CHECK(!fs_exists(run.workspace_fd, "sources/7.csv.part"));
}

static void every_page_of_live_contacts(void)
{
    start();
    page("{\"rev_users\":[{\"id\":\"1\",\"display_name\":\"A, B\",\"email\":\"a@example.com\","
         "\"external_ref\":\"REVU-1\",\"full_name\":\"F\",\"created_date\":\"C\","
         "\"modified_date\":\"M\"},{\"id\":\"2\",\"primary_identity\":{\"id\":\"1\"}}],"
         "\"next_cursor\":\"c1\"}");
    page("{\"rev_users\":[],\"next_cursor\":\"c2\"}");
    page(
        "{\"rev_users\":[{\"id\":\"3\",\"state\":\"deleted\"},"
        "{\"id\":\"4\",\"primary_identity\":{\"id\":\"4\"},\"state\":\"locked\",\"email\":null}]}");
    CHECK_OK(scan(), err);
    CHECK_STR(path, "sources/7.csv");
    CHECK_INT(rows, 2);
    CHECK_INT(httpserver_unexpected(server), 0);
    AUTO_BUF struct buf text = {0};
    CHECK_OK(fs_read(run.workspace_fd, path, &text, &err), err);
    CHECK_TEXT(buf_str(&text), "REV_USER_ID,DISPLAY_NAME,EMAIL,EXTERNAL_REF,FULL_NAME,CREATED_AT,"
                               "UPDATED_AT,TICKET_COUNT\n"
                               "1,\"A, B\",a@example.com,REVU-1,F,C,M,\n"
                               "4,,,,,,,\n");
    static const char *const bodies[] = {"{}", "{\"cursor\":\"c1\"}", "{\"cursor\":\"c2\"}"};
    for (int i = 0; i < 3; i++) {
        struct httpserver_record record;
        CHECK(httpserver_get(server, i, &record));
        CHECK_STR(record.body, bodies[i]);
    }
    finish();
}

static void a_cursor_that_comes_again_ends_it(void)
{
    start();
    for (int i = 0; i < 3; i++) {
        page("{\"rev_users\":[{\"id\":\"1\"}],\"next_cursor\":\"c1\"}");
    }
    CHECK_ERR(scan(), err, ERR_PROTOCOL,
              "could not call rev-users.scan: a cursor came a second time");
    CHECK_INT(httpserver_count(server), 2);
    nothing_is_there();
    finish();
}

static void a_contact_without_id_ends_it(void)
{
    start();
    page("{\"rev_users\":[{\"id\":\"1\"},{\"email\":\"a@example.com\"}]}");
    CHECK_ERR(scan(), err, ERR_PROTOCOL, "could not call rev-users.scan: a contact has no id");
    nothing_is_there();
    finish();
}

static void a_page_without_list_ends_it(void)
{
    start();
    page("{\"rev_users\":[{\"id\":\"1\"}],\"next_cursor\":\"c1\"}");
    page("{}");
    CHECK_ERR(scan(), err, ERR_PROTOCOL,
              "could not call rev-users.scan: 'rev_users' is not a list");
    nothing_is_there();
    finish();
}

static void no_contacts_are_an_error(void)
{
    start();
    page("{\"rev_users\":[]}");
    CHECK_ERR(scan(), err, ERR_INPUT, "could not plan from devrev: it gave no row");
    CHECK_STR(err.hint, "Check whose token DEVREV_API_TOKEN is: it sees no contacts.");
    nothing_is_there();
    finish();
}

static void a_refused_token_is_nothing_to_resume(void)
{
    start();
    httpserver_script(server, &(struct httpserver_step){
                                  .status = 401, .body = STR("{\"type\":\"unauthenticated\"}")});
    CHECK_ERR(scan(), err, ERR_REMOTE,
              "could not call rev-users.scan: the token was refused (401 unauthenticated)");
    CHECK_INT(err_exit_code(err.kind), 1);
    nothing_is_there();
    finish();
}

static void nobody_there_is_nothing_to_resume(void)
{
    start();
    settings.devrev_base_url = "http://127.0.0.1:1";
    CHECK_ERR(scan(), err, ERR_NETWORK,
              "could not call rev-users.scan at '127.0.0.1:1': Connection refused (2 attempts)");
    CHECK_STR(err.hint, "Check the network and DEVREV_BASE_URL, then plan again.");
    nothing_is_there();
    finish();
}

static void a_stop_leaves_nothing(void)
{
    start();
    stop_raise(&stop, 1);
    CHECK(!scan());
    CHECK_INT(err.kind, ERR_INTERRUPTED);
    CHECK_INT(httpserver_count(server), 0);
    nothing_is_there();
    finish();
}

static void what_the_record_calls_it(void)
{
    static const struct {
        struct source_options options;
        const char *text;
    } cases[] = {
        {{.name = "devrev", .rules = "external-contacts"}, "devrev"},
        {{.name = "snowflake"}, "snowflake:contacts"},
        {{.name = "snowflake", .rules = "revu-pairs"}, "snowflake:contacts"},
        {{.name = "snowflake", .rules = "external-contacts"}, "snowflake:pivot"},
        {{.name = "snowflake", .rules = "external-contacts", .query = "q.sql"}, "snowflake:q.sql"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_BUF struct buf out = {0};
        source_describe(&cases[i].options, &out);
        CHECK_TEXT(buf_str(&out), cases[i].text);
    }
}

TAP_MAIN(TAP_TEST(every_page_of_live_contacts), TAP_TEST(a_cursor_that_comes_again_ends_it),
         TAP_TEST(a_contact_without_id_ends_it), TAP_TEST(a_page_without_list_ends_it),
         TAP_TEST(no_contacts_are_an_error), TAP_TEST(a_refused_token_is_nothing_to_resume),
         TAP_TEST(nobody_there_is_nothing_to_resume), TAP_TEST(a_stop_leaves_nothing),
         TAP_TEST(what_the_record_calls_it))
