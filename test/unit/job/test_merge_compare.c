/* SPDX-License-Identifier: MIT */
#include "harness/tap.h"
#include "job/merge_internal.h"
#include "remote/devrev_answer.h"

static json_t *decode(const char *text)
{
    struct err err;
    json_t *json = NULL;
    CHECK_OK(devrev_decode(str_of(text), &json, &err), err);
    return json;
}

static void fields_are_found_by_path(void)
{
    struct arena arena = {0};
    json_t *contact =
        decode("{\"email\":\"a\",\"rev_org\":{\"display_name\":\"Org\"},\"custom_fields\":"
               "{\"tnt__tier\":3,\"tnt__share\":0.5,\"tnt__flag\":true},\"tags\":[1]}");
    CHECK_TEXT(merge_field(&arena, contact, STR("email")), "a");
    CHECK_TEXT(merge_field(&arena, contact, STR("rev_org.display_name")), "Org");
    CHECK_TEXT(merge_field(&arena, contact, STR("custom_fields.tnt__tier")), "3");
    CHECK_TEXT(merge_field(&arena, contact, STR("custom_fields.tnt__share")), "0.5");
    CHECK_TEXT(merge_field(&arena, contact, STR("custom_fields.tnt__flag")), "true");
    CHECK_TEXT(merge_field(&arena, contact, STR("tags")), "");
    CHECK_TEXT(merge_field(&arena, contact, STR("email.x")), "");
    CHECK_TEXT(merge_field(&arena, contact, STR("none")), "");
    json_decref(contact);
    arena_done(&arena);
}

static void check_kept_but(const char *except, const char *before, const char *now,
                           const char *expected)
{
    json_t *a = decode(before);
    json_t *b = decode(now);
    AUTO_BUF struct buf out = {0};
    merge_kept_differences(a, b, except, &out);
    CHECK_STR(buf_z(&out), expected);
    json_decref(a);
    json_decref(b);
}

static void check_kept(const char *before, const char *now, const char *expected)
{
    check_kept_but("", before, now, expected);
}

static void kept_fields_are_compared(void)
{
    check_kept("{\"email\":\"a\",\"modified_date\":\"x\"}",
               "{\"email\":\"a\",\"modified_date\":\"y\"}", "");
    check_kept("{\"tags\":[],\"description\":\"\",\"custom_fields\":{},\"full_name\":null}", "{}",
               "");
    check_kept("{}", "{\"description\":\"x\"}", "description");
    check_kept_but("external_ref", "{\"external_ref\":\"a\",\"email\":\"b\"}",
                   "{\"external_ref\":\"c\",\"email\":\"d\"}", "email");
    check_kept("{\"phone_numbers\":[\"1\",\"2\",\"2\"]}", "{\"phone_numbers\":[\"2\",\"1\",\"2\"]}",
               "");
    check_kept("{\"phone_numbers\":[\"1\",\"1\",\"2\"]}", "{\"phone_numbers\":[\"2\",\"1\",\"2\"]}",
               "phone_numbers");
    check_kept("{\"custom_fields\":{\"a\":1,\"b\":2}}", "{\"custom_fields\":{\"b\":2,\"a\":1.0}}",
               "");
    check_kept("{\"display_name\":\"a\",\"full_name\":\"b\",\"email\":\"c\",\"external_ref\":\"d\","
               "\"phone_numbers\":[\"1\"],\"description\":\"e\",\"custom_fields\":{\"a\":1},"
               "\"tags\":[{\"tag\":{\"id\":\"t\"}}]}",
               "{}",
               "display_name, full_name, email, external_ref, phone_numbers, description, "
               "custom_fields, tags");
}

static void the_primary_identity_is_another_contact(void)
{
    json_t *contact = decode("{\"id\":\"don:identity:p:devo/0:revu/1\",\"primary_identity\":"
                             "{\"id\":\"don:identity:p:devo/0:revu/2\"}}");
    CHECK_TEXT(merge_primary(contact), "don:identity:p:devo/0:revu/2");
    json_decref(contact);
    contact = decode("{\"id\":\"don:identity:p:devo/0:revu/1\",\"primary_identity\":"
                     "{\"id\":\"don:identity:p:devo/0:revo/7:revu/1\"}}");
    CHECK_TEXT(merge_primary(contact), "");
    json_decref(contact);
    contact = decode("{\"id\":\"x\",\"primary_identity\":null}");
    CHECK_TEXT(merge_primary(contact), "");
    json_decref(contact);
}

TAP_MAIN(TAP_TEST(fields_are_found_by_path), TAP_TEST(kept_fields_are_compared),
         TAP_TEST(the_primary_identity_is_another_contact))
