/* SPDX-License-Identifier: MIT */
#include "format/jsonx.h"

#include "harness/tap.h"

static struct err err;

static bool parses(str text)
{
    AUTO(json_decref) json_t *json = jsonx_parse(text, 0, &err);
    return json != NULL;
}

static void getters_go_by_path_and_type(void)
{
    AUTO(json_decref)
    json_t *json =
        jsonx_parse(STR("{\"id\":\"don:1\",\"user\":{\"name\":\"\",\"state\":{\"n\":-7}},"
                        "\"ok\":true,\"no\":false,\"nil\":null,\"real\":1.5,\"a.b\":\"dotted\"}"),
                    0, &err);
    CHECK(json != NULL);
    CHECK_TEXT(jsonx_str(json, "id"), "don:1");
    CHECK_TEXT(jsonx_str(json, "user.name"), "");
    CHECK(jsonx_str(json, "user").ptr == NULL);
    CHECK(jsonx_str(json, "user.state.n").ptr == NULL);
    CHECK(jsonx_str(json, "nil").ptr == NULL);
    CHECK(jsonx_str(json, "none").ptr == NULL);
    CHECK(jsonx_str(json, "id.deeper").ptr == NULL);
    CHECK(jsonx_str(json, "a.b").ptr == NULL);
    CHECK(jsonx_str(json, "").ptr == NULL);
    CHECK(jsonx_str(json, "user..name").ptr == NULL);
    CHECK(jsonx_str(NULL, "id").ptr == NULL);
    int64_t number = 42;
    CHECK(jsonx_int(json, "user.state.n", &number));
    CHECK_INT(number, -7);
    CHECK(!jsonx_int(json, "real", &number));
    CHECK(!jsonx_int(json, "id", &number));
    CHECK(!jsonx_int(json, "none", &number));
    CHECK_INT(number, -7);
    bool flag = false;
    CHECK(jsonx_bool(json, "ok", &flag));
    CHECK(flag);
    CHECK(jsonx_bool(json, "no", &flag));
    CHECK(!flag);
    CHECK(!jsonx_bool(json, "nil", &flag));
    CHECK(jsonx_get(json, "user.state") != NULL);
    CHECK(jsonx_get(json, "user.states") == NULL);
}

static void arrays_are_walked(void)
{
    AUTO(json_decref)
    json_t *json = jsonx_parse(
        STR("{\"works\":[{\"id\":\"a\"},{\"id\":\"b\"},{\"id\":\"c\"}],\"no\":{}}"), 0, &err);
    AUTO_BUF struct buf ids = {0};
    const json_t *work;
    JSONX_EACH(work, jsonx_get(json, "works"))
    {
        buf_adds(&ids, jsonx_str(work, "id"));
    }
    CHECK_STR(buf_z(&ids), "abc");
    JSONX_EACH(work, jsonx_get(json, "no"))
    {
        CHECK(false);
    }
    JSONX_EACH(work, jsonx_get(json, "missing"))
    {
        CHECK(false);
    }
}

static void text_may_hold_any_character(void)
{
    AUTO(json_decref)
    json_t *json = jsonx_parse(STR("[\"a\\u0000b\",\"\\u00e9\\ud83d\\ude00\"]"), 0, &err);
    CHECK(json != NULL);
    CHECK_INT(jsonx_text(json_array_get(json, 0)).len, 3);
    CHECK_TEXT(jsonx_text(json_array_get(json, 1)), "\xc3\xa9\xf0\x9f\x98\x80");
}

static void the_canonical_form(void)
{
    AUTO(json_decref)
    json_t *json = jsonx_parse(
        STR(" { \"b\" : [ 1 , true, null, \"x\\ny\\u00e9\" ],\n \"a\" : { \"z\": {}, \"Z\": [] }, "
            "\"aa\": -0 }"),
        0, &err);
    AUTO_BUF struct buf out = {0};
    buf_addz(&out, "<");
    CHECK(jsonx_write(json, &out));
    CHECK_STR(buf_z(&out),
              "<{\"a\":{\"Z\":[],\"z\":{}},\"aa\":0,\"b\":[1,true,null,\"x\\ny\xc3\xa9\"]}");
    AUTO_BUF struct buf small = {.max = 10};
    CHECK(!jsonx_write(json, &small));
    AUTO(json_decref) json_t *alone = json_string("s");
    buf_clear(&out);
    CHECK(jsonx_write(alone, &out));
    CHECK_STR(buf_z(&out), "\"s\"");
}

static void errors_name_the_place_and_not_the_content(void)
{
    CHECK_ERR(parses(STR("")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 0: it ends too early");
    CHECK_ERR(parses(STR_NONE), err, ERR_PROTOCOL,
              "could not read the JSON: byte 0: it ends too early");
    CHECK_ERR(parses(STR("{\"email\":\"topsecret")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 19: it ends too early");
    CHECK_ERR(parses(STR("{\"email\":topsecret}")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 18: invalid syntax");
    CHECK_ERR(parses(STR("{\"topsecret\":1,\"topsecret\":2}")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 26: a key is there twice");
    CHECK_ERR(parses(STR("{} topsecret")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 12: something follows the end");
    CHECK_ERR(parses(STR("{\"a\":\"\xff\"}")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 6: not UTF-8");
    CHECK_ERR(parses(STR("{\"a\\u0000b\":1}")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 11: a NUL in a key");
    CHECK_ERR(parses(STR("[9223372036854775808]")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 20: a number is too large");
    CHECK_ERR(parses(STR("[1e999]")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 6: a number is too large");
    CHECK_ERR(parses(STR("\"alone\"")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 7: invalid syntax");
    CHECK_ERR(parses(STR("<html>topsecret</html>")), err, ERR_PROTOCOL,
              "could not read the JSON: byte 1: invalid syntax");
    CHECK(parses(STR("[9223372036854775807,-9223372036854775808]")));
}

static void depth_and_size_have_limits(void)
{
    AUTO_BUF struct buf text = {0};
    for (int i = 0; i < JSONX_MAX_DEPTH; i++) {
        buf_addz(&text, i % 2 == 0 ? "[" : "{\"a\":");
    }
    buf_addz(&text, "\"[[[\\\"{{{\"");
    for (int i = JSONX_MAX_DEPTH - 1; i >= 0; i--) {
        buf_addc(&text, i % 2 == 0 ? ']' : '}');
    }
    CHECK(parses(buf_str(&text)));
    buf_clear(&text);
    for (int i = 0; i < 1000000; i++) {
        buf_addc(&text, '[');
    }
    CHECK_ERR(parses(buf_str(&text)), err, ERR_PROTOCOL,
              "could not read the JSON: byte 129: more than 128 levels");
    CHECK_ERR(jsonx_parse(STR("[1,2]"), 4, &err) != NULL, err, ERR_PROTOCOL,
              "could not read the JSON: it is larger than 4 bytes");
    AUTO(json_decref) json_t *fits = jsonx_parse(STR("[1,2]"), 5, &err);
    CHECK(fits != NULL);
}

int main(int argc, char **argv)
{
    static const struct tap_test tests[] = {
        TAP_TEST(getters_go_by_path_and_type),
        TAP_TEST(arrays_are_walked),
        TAP_TEST(text_may_hold_any_character),
        TAP_TEST(the_canonical_form),
        TAP_TEST(errors_name_the_place_and_not_the_content),
        TAP_TEST(depth_and_size_have_limits),
    };
    jsonx_global_init();
    return tap_run(argc, argv, tests, ARRAY_LEN(tests));
}
