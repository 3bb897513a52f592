/* SPDX-License-Identifier: MIT */
/* Any lines as the head of an answer: what is kept is bounded and printable. */
#include <stdlib.h>

#include "net/headers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void require_printable(const char *text, size_t size)
{
    size_t len = strnlen(text, size);
    require(len < size);
    for (size_t i = 0; i < len; i++) {
        require(text[i] >= 0x20 && text[i] < 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct headers headers = {0};
    struct http_response response = {.retry_after_ms = -1,
                                     .ratelimit_limit = -1,
                                     .ratelimit_remaining = -1,
                                     .ratelimit_reset_s = -1};
    for (str rest = {(const char *)data, size}; rest.ptr != NULL;) {
        str line = str_cut(rest, '\n', &rest);
        if (!headers_take(&headers, &response, line, INT64_C(1795521600000))) {
            break;
        }
    }
    require(!headers.complete || (response.status >= 200 && response.status <= 999));
    require(response.retry_after_ms >= -1 && response.retry_after_ms <= 3600000);
    require(response.ratelimit_limit >= -1 && response.ratelimit_remaining >= -1 &&
            response.ratelimit_reset_s >= -1);
    require_printable(response.request_id, sizeof(response.request_id));
    require_printable(response.content_type, sizeof(response.content_type));
    require_printable(response.location, sizeof(response.location));
    return 0;
}
