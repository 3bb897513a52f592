/* SPDX-License-Identifier: MIT */
#include "sandbox/calls.h"

#include "harness/tap.h"

static void adds_up_by_second_call_status_and_cause(void)
{
    struct calls calls = {0};
    struct call_row rows[] = {{1, "a", 200, NULL, 1},    {1, "a", 200, NULL, 2},
                              {1, "a", 429, "limit", 1}, {1, "a", 429, "limit", 1},
                              {2, "a", 200, NULL, 1},    {1, "a", 200, NULL, 1}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        calls_add(&calls, &rows[i]);
    }
    AUTO_BUF struct buf out = {0};
    calls_json(&calls, &out);
    CHECK_STR(buf_z(&out),
              "{\"calls\":["
              "{\"second\":1,\"remote\":\"devrev\",\"call\":\"a\",\"status\":200,\"cause\":null,"
              "\"count\":4},"
              "{\"second\":1,\"remote\":\"devrev\",\"call\":\"a\",\"status\":429,"
              "\"cause\":\"limit\",\"count\":2},"
              "{\"second\":2,\"remote\":\"devrev\",\"call\":\"a\",\"status\":200,\"cause\":null,"
              "\"count\":1}]}");
    calls_done(&calls);
}

TAP_MAIN(TAP_TEST(adds_up_by_second_call_status_and_cause))
