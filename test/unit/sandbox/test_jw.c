/* SPDX-License-Identifier: MIT */
#include "sandbox/jw.h"

#include "harness/tap.h"

static void writes_commas_and_nesting(void)
{
    AUTO_BUF struct buf out = {0};
    jw_obj(&out, NULL);
    jw_str(&out, "a", "x\"\n\\");
    jw_str(&out, "left_out", NULL);
    jw_int(&out, "n", -9223372036854775807LL);
    jw_arr(&out, "list");
    jw_str(&out, NULL, "");
    jw_bool(&out, NULL, true);
    jw_obj(&out, NULL);
    jw_end_obj(&out);
    jw_arr(&out, NULL);
    jw_end_arr(&out);
    jw_null(&out, NULL);
    jw_end_arr(&out);
    jw_raw(&out, "raw", "{\"k\":1}");
    jw_raw(&out, "left_out", NULL);
    jw_bool(&out, "f", false);
    jw_time(&out, "t", 1672531200123);
    jw_end_obj(&out);
    CHECK_STR(buf_z(&out), "{\"a\":\"x\\\"\\n\\\\\",\"n\":-9223372036854775807,"
                           "\"list\":[\"\",true,{},[],null],\"raw\":{\"k\":1},\"f\":false,"
                           "\"t\":\"2023-01-01T00:00:00.123Z\"}");
}

TAP_MAIN(TAP_TEST(writes_commas_and_nesting))
