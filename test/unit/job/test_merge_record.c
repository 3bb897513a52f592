/* SPDX-License-Identifier: MIT */
#include "harness/tap.h"
#include "job/merge_internal.h"

static struct merge_other others[] = {{{"o1", 2}, MERGE_REPORTED | MERGE_OWNED},
                                      {{"o2", 2}, MERGE_MEMBER}};
static struct merge_item works[] = {
    {{"w1", 2}, {"TKT-1", 5}, {MERGE_REPORTED | MERGE_CREATED, MERGE_REPORTED}, others, 2},
    {{"w2", 2}, {"ISS-2", 5}, {0, MERGE_OWNED}, NULL, 0},
    {{"w\"3", 3}, {"OPP-3", 5}, {MERGE_CONTACT, 0}, NULL, 0},
};
static struct merge_item conversations[] = {{{"c1", 2}, {"CONV-1", 6}, {MERGE_MEMBER, 0}, NULL, 0}};

static const char expected[] =
    "{\"version\":1,\"change\":\"ab12\",\"captured_at\":\"2026-11-24T12:00:00.000Z\",\n"
    "\"loser\":{\"id\":\"L\",\"display_id\":\"REVU-1\",\"n\":1.500},\n"
    "\"survivor\":{\"id\":\"S\"},\n"
    "\"works\":[\n"
    "{\"id\":\"w1\",\"display_id\":\"TKT-1\",\"reported_by\":[\"loser\",\"survivor\"],"
    "\"created_by\":[\"loser\"],\"owned_by\":[],\"contact\":[],"
    "\"others\":{\"o1\":[\"reported_by\",\"owned_by\"],\"o2\":[\"members\"]}},\n"
    "{\"id\":\"w2\",\"display_id\":\"ISS-2\",\"reported_by\":[],\"created_by\":[],"
    "\"owned_by\":[\"survivor\"],\"contact\":[]},\n"
    "{\"id\":\"w\\\"3\",\"display_id\":\"OPP-3\",\"reported_by\":[],\"created_by\":[],\"owned_by\":"
    "[],"
    "\"contact\":[\"loser\"]}],\n"
    "\"conversations\":[\n"
    "{\"id\":\"c1\",\"display_id\":\"CONV-1\",\"members\":[\"loser\"]}]}\n";

static void goes_out_and_comes_back(void)
{
    struct merge_record record = {
        .works = works,
        .work_count = ARRAY_LEN(works),
        .conversations = conversations,
        .conversation_count = ARRAY_LEN(conversations),
    };
    /* the contacts are the remote's own bytes */
    const str raw[MERGE_SIDES] = {STR("{\"id\":\"L\",\"display_id\":\"REVU-1\",\"n\":1.500}"),
                                  STR("{\"id\":\"S\"}")};
    AUTO_BUF struct buf out = {0};
    merge_record_encode(&record, "ab12", INT64_C(1795521600000), raw, &out);
    CHECK_STR(buf_z(&out), expected);

    struct arena arena = {0};
    struct merge_record back = {0};
    struct err err;
    CHECK_OK(merge_record_decode(buf_str(&out), &arena, &back, &err), err);
    CHECK_TEXT(back.id[MERGE_LOSER], "L");
    CHECK_TEXT(back.display_id[MERGE_LOSER], "REVU-1");
    CHECK_TEXT(back.id[MERGE_SURVIVOR], "S");
    CHECK_TEXT(back.display_id[MERGE_SURVIVOR], "");
    CHECK_INT(back.work_count, ARRAY_LEN(works));
    for (size_t i = 0; i < back.work_count; i++) {
        CHECK(str_eq(back.works[i].id, works[i].id));
        CHECK(str_eq(back.works[i].display_id, works[i].display_id));
        CHECK_INT(back.works[i].roles[MERGE_LOSER], works[i].roles[MERGE_LOSER]);
        CHECK_INT(back.works[i].roles[MERGE_SURVIVOR], works[i].roles[MERGE_SURVIVOR]);
    }
    CHECK_INT(back.works[0].other_count, 2);
    CHECK_TEXT(back.works[0].others[0].id, "o1");
    CHECK_INT(back.works[0].others[0].roles, MERGE_REPORTED | MERGE_OWNED);
    CHECK_TEXT(back.works[0].others[1].id, "o2");
    CHECK_INT(back.works[0].others[1].roles, MERGE_MEMBER);
    CHECK_INT(back.works[1].other_count, 0);
    CHECK_INT(back.captured_ms, INT64_C(1795521600000));
    CHECK_INT(back.conversation_count, 1);
    CHECK_INT(back.conversations[0].roles[MERGE_LOSER], MERGE_MEMBER);
    merge_record_done(&back);
    arena_done(&arena);
}

static void damaged_ones_are_refused(void)
{
    const char *broken[] = {
        "",
        "[]",
        "{}",
        "{\"version\":1}",
        "{\"version\":2,\"loser\":{\"id\":\"L\"},\"survivor\":{\"id\":\"S\"},\"works\":[],"
        "\"conversations\":[]}",
        "{\"version\":1,\"loser\":{\"id\":\"L\"},\"survivor\":{},\"works\":[],\"conversations\":[]"
        "}",
        "{\"version\":1,\"loser\":{\"id\":\"L\"},\"survivor\":{\"id\":\"S\"},\"conversations\":[]}",
        "{\"version\":1,\"loser\":{\"id\":\"L\"},\"survivor\":{\"id\":\"S\"},\"works\":[{}],"
        "\"conversations\":[]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct arena arena = {0};
        struct merge_record record = {0};
        struct err err;
        CHECK_ERR(merge_record_decode(str_of(broken[i]), &arena, &record, &err), err, ERR_CORRUPT,
                  "could not read 'metadata/contact_info.json' of the backup: it is damaged or of "
                  "another version");
        CHECK(record.contact[MERGE_LOSER] == NULL);
        arena_done(&arena);
    }
}

TAP_MAIN(TAP_TEST(goes_out_and_comes_back), TAP_TEST(damaged_ones_are_refused))
