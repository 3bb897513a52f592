/* SPDX-License-Identifier: MIT */
#include "sandbox/schema.h"

#include "harness/tap.h"

static const struct schema_name NAMES[] = {
    {"color", "=red|green"},
    {"inner", "{deep*:int32 more:$inner}"},
    {"closed", "{a:text !}"},
    {"choice", "{type*:text days*preset:uint32}"},
};

static struct schema_book *book;

static const struct schema *compile(const char *text)
{
    schema_book_free(book);
    book = schema_book_new(NAMES, ARRAY_LEN(NAMES));
    return schema_compile(book, text);
}

/* "" where it fits, else "type field". */
static const char *verdict(const struct schema *schema, const char *json)
{
    static char out[300];
    struct schema_fault fault;
    json_t *body = json_loads(json, JSON_DECODE_ANY, NULL);
    out[0] = '\0';
    if (!schema_check(schema, body, &fault)) {
        (void)snprintf(out, sizeof(out), "%s %s", fault.type, fault.field);
    }
    json_decref(body);
    return out;
}

static void checks_types(void)
{
    const struct schema *schema = compile("i:int32 l:int64 n:num b:bool t:text o:object x:any");
    CHECK_STR(verdict(schema, "{\"i\":1,\"l\":9000000000,\"n\":1.5,\"b\":true,\"t\":\"\",\"o\":{},"
                              "\"x\":null,\"unknown\":[]}"),
              "");
    CHECK_STR(verdict(schema, "[]"), "unexpected_json_type ");
    CHECK_STR(verdict(schema, "{\"i\":9000000000}"), "value_not_permitted i");
    CHECK_STR(verdict(schema, "{\"i\":1.0}"), "unexpected_json_type i");
    CHECK_STR(verdict(schema, "{\"b\":\"true\"}"), "unexpected_json_type b");
    CHECK_STR(verdict(schema, "{\"n\":\"1\"}"), "unexpected_json_type n");
    CHECK_STR(verdict(schema, "{\"t\":null}"), "unexpected_json_type t");
    CHECK_STR(verdict(schema, "{\"o\":[]}"), "unexpected_json_type o");
}

static void checks_required_null_and_closed(void)
{
    const struct schema *schema = compile("id*:id due:time? inner:$inner closed:$closed");
    CHECK_STR(verdict(schema, "{}"), "missing_required_field id");
    CHECK_STR(verdict(schema, "{\"id\":\"\"}"), "");
    CHECK_STR(verdict(schema, "{\"id\":\"x\",\"due\":null}"), "");
    CHECK_STR(verdict(schema, "{\"id\":\"x\",\"due\":\"soon\"}"), "invalid_field due");
    CHECK_STR(verdict(schema, "{\"id\":\"x\",\"inner\":{}}"), "missing_required_field inner.deep");
    schema = compile("choice:$choice");
    CHECK_STR(verdict(schema, "{\"choice\":{\"type\":\"range\"}}"), "");
    CHECK_STR(verdict(schema, "{\"choice\":{\"type\":\"preset\"}}"),
              "missing_required_field choice.days");
    CHECK_STR(verdict(schema, "{\"choice\":{\"type\":\"preset\",\"days\":-1}}"),
              "value_not_permitted choice.days");
    CHECK_STR(verdict(schema, "{\"choice\":{\"type\":\"preset\",\"days\":4294967295}}"), "");
    schema = compile("id*:id closed:$closed");
    CHECK_STR(verdict(schema, "{\"id\":\"x\",\"closed\":{\"b\":1}}"), "invalid_field b");
}

static void checks_lists_texts_and_enums(void)
{
    const struct schema *schema = compile("tags:id[]<2> name:text<2,3> sort:sort[] color:$color[]");
    CHECK_STR(verdict(schema, "{\"tags\":[\"a\",\"b\"],\"name\":\"\\u00e9\\u00e9\\u00e9\"}"), "");
    CHECK_STR(verdict(schema, "{\"tags\":[\"a\",\"b\",\"c\"]}"), "value_not_permitted tags");
    CHECK_STR(verdict(schema, "{\"tags\":\"a\"}"), "unexpected_json_type tags");
    CHECK_STR(verdict(schema, "{\"name\":\"a\"}"), "value_not_permitted name");
    CHECK_STR(verdict(schema, "{\"name\":\"abcd\"}"), "value_not_permitted name");
    CHECK_STR(verdict(schema, "{\"sort\":[\"-x\"]}"), "invalid_field sort");
    CHECK_STR(verdict(schema, "{\"sort\":[\"x:desc\"]}"), "");
    CHECK_STR(verdict(schema, "{\"color\":[\"red\",\"blue\"]}"), "invalid_enum_value color");
    struct schema_fault fault;
    json_t *body = json_pack("{s:[s]}", "color", "blue");
    CHECK(!schema_check(schema, body, &fault));
    CHECK_STR(fault.allowed, "[\"red\",\"green\"]");
    CHECK_STR(fault.value, "blue");
    CHECK_STR(fault.message, "field 'color': the value is not one of the allowed ones");
    json_decref(body);
}

static void reads_queries(void)
{
    const struct schema *schema =
        compile("ids:id[] n:int32 on:bool inner:$inner o:object t:text many:$inner[]");
    json_t *body = json_object();
    schema_query(schema, body, STR("ids"), STR("a%2Cb,c"));
    schema_query(schema, body, STR("ids"), STR("d"));
    schema_query(schema, body, STR("n"), STR("-5"));
    schema_query(schema, body, STR("on"), STR("true"));
    schema_query(schema, body, STR("inner.deep"), STR("7"));
    schema_query(schema, body, STR("inner.more.deep"), STR("x"));
    schema_query(schema, body, STR("o"), STR("%7B%22k%22:1%7D"));
    schema_query(schema, body, STR("t"), STR("a+b%20c%zz%"));
    schema_query(schema, body, STR("nope"), STR("1"));
    json_t *none = json_object();
    schema_query(schema, none, STR("ids"), STR(""));
    schema_query(schema, none, STR("many.deep"), STR("1"));
    schema_query(schema, none, STR("many.more.deep"), STR("2"));
    schema_query(schema, none, STR("o"), STR("a,b%2C,c,d"));
    char *forms = json_dumps(none, JSON_COMPACT);
    CHECK_STR(forms, "{\"ids\":[],\"many\":[{\"deep\":1,\"more\":{\"deep\":2}}],\"o\":{\"a\":\"b,"
                     "\",\"c\":\"d\"}}");
    free(forms);
    json_decref(none);
    char *text = json_dumps(body, JSON_COMPACT);
    CHECK_STR(text, "{\"ids\":[\"a,b\",\"c\",\"d\"],\"n\":-5,\"on\":true,"
                    "\"inner\":{\"deep\":7,\"more\":{\"deep\":\"x\"}},\"o\":{\"k\":1},"
                    "\"t\":\"a b c%zz%\"}");
    free(text);
    CHECK_STR(verdict(schema, "{\"inner\":{\"deep\":7,\"more\":{\"deep\":\"x\"}}}"),
              "unexpected_json_type inner.more.deep");
    json_decref(body);
    schema_book_free(book);
    book = NULL;
}

TAP_MAIN(TAP_TEST(checks_types), TAP_TEST(checks_required_null_and_closed),
         TAP_TEST(checks_lists_texts_and_enums), TAP_TEST(reads_queries))
