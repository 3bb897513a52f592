/* SPDX-License-Identifier: MIT */
#include "net/headers.h"

#include "harness/tap.h"

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW_MS INT64_C(784111777000)

static struct http_response response;

/* Feeds lines that are separated by '\n'; false where one is refused. */
static bool feed(const char *lines)
{
    struct headers headers = {0};
    response = (struct http_response){.status = -1};
    for (str rest = str_of(lines); rest.ptr != NULL;) {
        str line = str_cut(rest, '\n', &rest);
        if (!headers_take(&headers, &response, line, NOW_MS)) {
            return false;
        }
    }
    return headers.complete;
}

static void a_bare_answer_has_nothing(void)
{
    CHECK(feed("HTTP/1.1 200 OK\r\n\r\n"));
    CHECK_INT(response.status, 200);
    CHECK_INT(response.retry_after_ms, -1);
    CHECK_INT(response.ratelimit_limit, -1);
    CHECK_INT(response.ratelimit_remaining, -1);
    CHECK_INT(response.ratelimit_reset_s, -1);
    CHECK_INT(response.date_ms, 0);
    CHECK_STR(response.request_id, "");
    CHECK_STR(response.location, "");
    CHECK_STR(response.content_type, "");
}

static void all_fields_in_any_case(void)
{
    CHECK(feed(
        "HTTP/2 429\r\nRETRY-AFTER:  7 \r\nx-ratelimit-limit: 1000\r\n"
        "X-RateLimit-Remaining: 0\r\nX-Ratelimit-Reset: 784111837\r\n"
        "date: Sun, 06 Nov 1994 08:49:30 GMT\r\ncontent-TYPE: application/json; charset=utf-8\r\n"
        "Location: https://other.example.com/x\r\nX-Request-Id: abc-1\r\n\r\n"));
    CHECK_INT(response.status, 429);
    CHECK_INT(response.retry_after_ms, 7000);
    CHECK_INT(response.ratelimit_limit, 1000);
    CHECK_INT(response.ratelimit_remaining, 0);
    CHECK_INT(response.ratelimit_reset_s, 784111837);
    CHECK_INT(response.date_ms, NOW_MS - 7000);
    CHECK_STR(response.content_type, "application/json; charset=utf-8");
    CHECK_STR(response.location, "https://other.example.com/x");
    CHECK_STR(response.request_id, "abc-1");
}

static int64_t retry_after(const char *value, const char *date)
{
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "HTTP/1.1 503 Busy\nRetry-After: %s\n%s%s\n", value, date,
               date[0] != '\0' ? "\n" : "");
    CHECK(feed(buf_z(&text)));
    return response.retry_after_ms;
}

static void retry_after_in_seconds(void)
{
    CHECK_INT(retry_after("0", ""), 0);
    CHECK_INT(retry_after("120", ""), 120000);
    CHECK_INT(retry_after("3600", ""), 3600000);
    CHECK_INT(retry_after("3601", ""), 3600000);
    CHECK_INT(retry_after("99999999999999999999999999", ""), 3600000);
    CHECK_INT(retry_after("0.5", ""), 501);
    CHECK_INT(retry_after("-1", ""), -1);
    CHECK_INT(retry_after("soon", ""), -1);
    CHECK_INT(retry_after("", ""), -1);
    CHECK_INT(retry_after("1 2", ""), -1);
}

static void retry_after_as_a_date_counts_from_the_remotes_clock(void)
{
    CHECK_INT(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", ""), 60000);
    CHECK_INT(retry_after("Sunday, 06-Nov-94 08:50:37 GMT", ""), 60000);
    CHECK_INT(retry_after("Sun Nov  6 08:50:37 1994", ""), 60000);
    CHECK_INT(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", ""), 0);
    CHECK_INT(retry_after("Sun, 06 Nov 1994 07:49:37 GMT", ""), 0);
    CHECK_INT(retry_after("Sun, 06 Nov 1999 08:49:37 GMT", ""), 3600000);
    CHECK_INT(retry_after("Sun, 06 Nov 1994 08:50:37 GMT", "Date: Sun, 06 Nov 1994 08:50:27 GMT"),
              10000);
}

static void odd_counts_count_as_absent(void)
{
    CHECK(feed("HTTP/1.1 200 OK\nX-Ratelimit-Limit: many\nX-Ratelimit-Remaining: -1\n"
               "X-Ratelimit-Reset: 99999999999999999999\n\n"));
    CHECK_INT(response.ratelimit_limit, -1);
    CHECK_INT(response.ratelimit_remaining, -1);
    CHECK_INT(response.ratelimit_reset_s, -1);
}

static void the_most_telling_request_id_wins(void)
{
    CHECK(feed("HTTP/1.1 200 OK\nX-Correlation-Id: c\nX-Request-Id: b\nX-Devrev-Request-Id: a\n"
               "X-Request-Id: z\n\n"));
    CHECK_STR(response.request_id, "a");
    CHECK(feed("HTTP/1.1 200 OK\nX-Request-Id: \nX-Amz-Request-Id: 4/2+2=\n\n"));
    CHECK_STR(response.request_id, "4/2+2=");
}

static void long_and_unprintable_values_are_tamed(void)
{
    AUTO_BUF struct buf text = {0};
    buf_addz(&text, "HTTP/1.1 200 OK\nX-Request-Id: a b\x1b[31m\xc3\xa9");
    for (int i = 0; i < 200; i++) {
        buf_addc(&text, 'x');
    }
    buf_addz(&text, "\n\n");
    CHECK(feed(buf_z(&text)));
    CHECK_INT(strlen(response.request_id), 79);
    CHECK(str_starts(str_of(response.request_id), STR("a_b_[31m__xxx")));
}

static void an_interim_answer_leaves_nothing_behind(void)
{
    CHECK(feed("HTTP/1.1 103 Early Hints\nRetry-After: 9\nX-Request-Id: early\n\n"
               "HTTP/1.1 200 OK\nContent-Type: text/plain\n\n"));
    CHECK_INT(response.status, 200);
    CHECK_INT(response.retry_after_ms, -1);
    CHECK_STR(response.request_id, "");
    CHECK(!feed("HTTP/1.1 100 Continue\n\n"));
}

static void trailers_change_nothing(void)
{
    CHECK(feed("HTTP/1.1 200 OK\nRetry-After: 1\n\nRetry-After: 9\nHTTP/1.1 500 No\n\n"));
    CHECK_INT(response.status, 200);
    CHECK_INT(response.retry_after_ms, 1000);
}

static void lines_without_a_colon_are_passed_over(void)
{
    CHECK(feed("HTTP/1.1 200 OK\nnonsense\n: no name\nDate\n\n"));
    CHECK_INT(response.date_ms, 0);
}

static void broken_status_lines_are_refused(void)
{
    CHECK(!feed("HTTP/1.1\n\n"));
    CHECK(!feed("HTTP/1.1 OK\n\n"));
    CHECK(!feed("HTTP/1.1 99\n\n"));
    CHECK(!feed("HTTP/1.1 -20\n\n"));
}

static void nul_and_endless_headers_are_refused(void)
{
    struct headers headers = {0};
    CHECK(!headers_take(&headers, &response, STR("X: a\0b\r\n"), NOW_MS));
    headers = (struct headers){0};
    char line[1024];
    memset(line, 'a', sizeof(line));
    for (int i = 0; i < HEADERS_MAX_BYTES / 1024; i++) {
        CHECK(headers_take(&headers, &response, (str){line, sizeof(line)}, NOW_MS));
    }
    CHECK(!headers_take(&headers, &response, STR("x"), NOW_MS));
}

TAP_MAIN(TAP_TEST(a_bare_answer_has_nothing), TAP_TEST(all_fields_in_any_case),
         TAP_TEST(retry_after_in_seconds),
         TAP_TEST(retry_after_as_a_date_counts_from_the_remotes_clock),
         TAP_TEST(odd_counts_count_as_absent), TAP_TEST(the_most_telling_request_id_wins),
         TAP_TEST(long_and_unprintable_values_are_tamed),
         TAP_TEST(an_interim_answer_leaves_nothing_behind), TAP_TEST(trailers_change_nothing),
         TAP_TEST(lines_without_a_colon_are_passed_over), TAP_TEST(broken_status_lines_are_refused),
         TAP_TEST(nul_and_endless_headers_are_refused))
