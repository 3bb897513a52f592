/* SPDX-License-Identifier: MIT */
#include "net/headers.h"

#include "base/num.h"

enum { RETRY_AFTER_CAP_MS = 3600 * 1000 };

/* The names remotes give their request number, the most telling first. */
static const char *const request_id_names[] = {
    "x-devrev-request-id", "x-request-id", "x-amzn-requestid", "x-amz-request-id",
    "request-id",          "x-trace-id",   "x-correlation-id", "sforce-request-id",
};

/* Copies what is printable; the rest becomes '_', because the text reaches logs. */
static void keep_text(char *out, size_t size, str value)
{
    size_t n = value.len < size - 1 ? value.len : size - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        out[i] = c > 0x20 && c < 0x7f ? (char)c : '_';
    }
    out[n] = '\0';
}

/* As keep_text, but a space is kept ("application/json; charset=utf-8"). */
static void keep_phrase(char *out, size_t size, str value)
{
    keep_text(out, size, value);
    for (size_t i = 0; i < value.len && i < size - 1; i++) {
        if (value.ptr[i] == ' ') {
            out[i] = ' ';
        }
    }
}

static int64_t clamp_retry_ms(int64_t ms)
{
    if (ms < 0) {
        return 0;
    }
    return ms > RETRY_AFTER_CAP_MS ? RETRY_AFTER_CAP_MS : ms;
}

static bool all_digits(str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len != 0;
}

static void take_retry_after(struct headers *headers, struct http_response *response, str value)
{
    int64_t seconds = 0;
    double fraction = 0;
    int64_t at_ms = 0;
    if (num_parse_i64(value, 0, RETRY_AFTER_CAP_MS / 1000, &seconds)) {
        response->retry_after_ms = seconds * 1000;
    } else if (all_digits(value)) { /* more than the cap, however long */
        response->retry_after_ms = RETRY_AFTER_CAP_MS;
    } else if (num_parse_decimal(value, 0, 3600, &fraction)) {
        /* not in RFC 9110, but sent: rounded up, never early */
        response->retry_after_ms = clamp_retry_ms((int64_t)(fraction * 1000) + 1);
    } else if (clock_parse_http(value, &at_ms)) {
        headers->retry_at_ms = at_ms;
    }
}

static void take_count(int64_t *field, str value)
{
    (void)num_parse_i64(value, 0, INT64_C(1) << 53, field); /* anything else counts as absent */
}

static void take_request_id(struct headers *headers, struct http_response *response, str name,
                            str value)
{
    for (size_t i = 0; i < ARRAY_LEN(request_id_names); i++) {
        int rank = (int)(ARRAY_LEN(request_id_names) - i);
        if (rank > headers->request_id_rank && value.len != 0 &&
            str_eq_nocase(name, str_of(request_id_names[i]))) {
            keep_text(response->request_id, sizeof(response->request_id), value);
            headers->request_id_rank = rank;
            return;
        }
    }
}

static void take_field(struct headers *headers, struct http_response *response, str name, str value)
{
    if (str_eq_nocase(name, STR("retry-after"))) {
        take_retry_after(headers, response, value);
    } else if (str_eq_nocase(name, STR("x-ratelimit-limit"))) {
        take_count(&response->ratelimit_limit, value);
    } else if (str_eq_nocase(name, STR("x-ratelimit-remaining"))) {
        take_count(&response->ratelimit_remaining, value);
    } else if (str_eq_nocase(name, STR("x-ratelimit-reset"))) {
        take_count(&response->ratelimit_reset_s, value);
    } else if (str_eq_nocase(name, STR("date"))) {
        (void)clock_parse_http(value, &response->date_ms); /* stays 0: no skew is known */
    } else if (str_eq_nocase(name, STR("content-type"))) {
        keep_phrase(response->content_type, sizeof(response->content_type), value);
    } else if (str_eq_nocase(name, STR("location"))) {
        keep_text(response->location, sizeof(response->location), value);
    } else {
        take_request_id(headers, response, name, value);
    }
}

static void start_answer(struct headers *headers, struct http_response *response)
{
    headers->request_id_rank = 0;
    headers->retry_at_ms = 0;
    response->status = 0;
    response->retry_after_ms = -1;
    response->ratelimit_limit = -1;
    response->ratelimit_remaining = -1;
    response->ratelimit_reset_s = -1;
    response->date_ms = 0;
    response->content_type[0] = '\0';
    response->location[0] = '\0';
    response->request_id[0] = '\0';
}

static void end_answer(struct headers *headers, struct http_response *response, int64_t now_ms)
{
    if (response->status < 200) {
        return; /* interim: the real answer follows */
    }
    headers->complete = true;
    if (response->retry_after_ms < 0 && headers->retry_at_ms != 0) {
        /* against the remote's own clock where it tells it: ours may be wrong */
        int64_t from_ms = response->date_ms != 0 ? response->date_ms : now_ms;
        response->retry_after_ms = clamp_retry_ms(headers->retry_at_ms - from_ms);
    }
}

static bool take_status_line(struct http_response *response, str line)
{
    str rest;
    (void)str_cut(line, ' ', &rest);
    rest = str_trim_ascii(rest);
    int64_t status = 0;
    if (rest.len < 3 || !num_parse_i64((str){rest.ptr, 3}, 100, 999, &status)) {
        return false;
    }
    response->status = (int)status;
    return true;
}

bool headers_take(struct headers *headers, struct http_response *response, str line, int64_t now_ms)
{
    headers->bytes += line.len;
    if (headers->bytes > HEADERS_MAX_BYTES || (line.len != 0 && memchr(line.ptr, 0, line.len))) {
        return false;
    }
    if (headers->complete) {
        return true; /* trailers say nothing to us */
    }
    if (str_starts(line, STR("HTTP/"))) {
        start_answer(headers, response);
        return take_status_line(response, line);
    }
    line = str_trim_ascii(line);
    if (line.len == 0) {
        end_answer(headers, response, now_ms);
        return true;
    }
    str value;
    str name = str_cut(line, ':', &value);
    if (value.ptr != NULL) {
        take_field(headers, response, str_trim_ascii(name), str_trim_ascii(value));
    }
    return true;
}
