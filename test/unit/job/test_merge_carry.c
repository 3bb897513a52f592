/* SPDX-License-Identifier: MIT */
/* Which external reference goes over to the survivor, when, and what is said where it does not. */
#include <stdio.h>

#include "unit/job/merge_rig.h"

static struct rig rig;
static struct err err;

static void start(const char *loser, const char *survivor, bool wanted)
{
    rig_start(&rig);
    rig.settings.carry_external_ref = wanted;
    struct merge_data *data = merge_data_of(&rig.worker, &rig.change);
    const char *text =
        arena_printf(&rig.change.arena,
                     "{\"version\":1,\"loser\":{\"id\":\"" RIG_LOSER "\",\"external_ref\":\"%s\"},"
                     "\"survivor\":{\"id\":\"" RIG_SURVIVOR "\",\"external_ref\":\"%s\"},"
                     "\"works\":[],\"conversations\":[]}",
                     loser, survivor);
    CHECK_OK(merge_record_decode(str_of(text), &rig.change.arena, &data->record, &err), err);
    data->recorded = true;
    (void)snprintf(rig.change.detail, sizeof(rig.change.detail), "{\"counts\":{}}");
}

static enum confirm_result finish(void)
{
    err = (struct err){0};
    return merge_finish(&rig.worker, &rig.change, &err);
}

static void nothing_is_asked_where_nothing_goes_over(void)
{
    const struct {
        const char *loser, *survivor;
        bool wanted;
    } cases[] = {
        {"user_1", "user_2", true}, {"REVU-1", "REVU-2", true},  {"", "REVU-2", true},
        {"REVU-1", "", true},       {"user_1", "REVU-2", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start(cases[i].loser, cases[i].survivor, cases[i].wanted);
        CHECK_INT(finish(), CONFIRM_DONE);
        CHECK_INT(httpserver_count(rig.server), 0);
        CHECK_STR(rig.change.detail, "{\"counts\":{}}");
        CHECK_STR(err.message, "");
        rig_finish(&rig);
    }
}

static void it_is_written_and_read_back(void)
{
    static const char *const before[] = {"REVU-2", ""};
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        start("user_1", before[i], true);
        rig_contact(&rig, 2, before[i], "");
        rig_answer(&rig, 200, "{\"rev_user\":{}}");
        CHECK_INT(finish(), CONFIRM_PENDING);
        CHECK_STR(rig_path(&rig, 1), "/rev-users.update");
        CHECK_STR(rig_body(&rig, 1), "{\"id\":\"" RIG_SURVIVOR "\",\"external_ref\":\"user_1\"}");
        CHECK_STR(rig.change.detail, "{\"counts\":{}}");
        rig_contact(&rig, 2, "user_1", "");
        CHECK_INT(finish(), CONFIRM_DONE);
        CHECK_STR(rig.change.detail, "{\"counts\":{},\"carried\":true}");
        CHECK_INT(httpserver_count(rig.server), 3);
        rig_finish(&rig);
    }
}

static void a_refusal_does_not_unmake_the_merge(void)
{
    start("user_1", "REVU-2", true);
    rig_contact(&rig, 2, "REVU-2", "");
    rig_answer(&rig, 409, "{\"type\":\"conflict\"}");
    CHECK_INT(finish(), CONFIRM_DONE);
    CHECK_STR(err.message, "merged, but the external reference was not carried over: "
                           "could not call rev-users.update: the remote answered 409 conflict");
    CHECK_STR(rig.change.detail, "{\"counts\":{}}");
    rig_finish(&rig);

    start("user_1", "REVU-2", true);
    rig_contact(&rig, 2, "REVU-2", "");
    rig_answer(&rig, 500, "{}");
    CHECK_INT(finish(), CONFIRM_PENDING);
    rig_finish(&rig);
}

static void another_reference_meanwhile_stays(void)
{
    start("user_1", "REVU-2", true);
    rig_contact(&rig, 2, "user_9", "");
    CHECK_INT(finish(), CONFIRM_DONE);
    CHECK_INT(httpserver_count(rig.server), 1);
    CHECK_STR(err.message, "merged, but the external reference was not carried over: the survivor "
                           "has got another one since");
    CHECK_STR(rig.change.detail, "{\"counts\":{},\"carried\":false}");
    rig_finish(&rig);
}

static void the_journal_says_what_was_carried(void)
{
    struct change_row row = {.detail = "{\"counts\":{},\"carried\":true}"};
    CHECK_INT(merge_carried_of(&row), CARRIED_OVER);
    row = (struct change_row){.detail = "{\"carried\":false}"};
    CHECK_INT(merge_carried_of(&row), CARRIED_ANOTHER);
    row = (struct change_row){.detail = "{\"counts\":{}}"};
    CHECK_INT(merge_carried_of(&row), CARRIED_NOT);
    row = (struct change_row){.detail = ""};
    CHECK_INT(merge_carried_of(&row), CARRIED_NOT);
}

TAP_MAIN(TAP_TEST(nothing_is_asked_where_nothing_goes_over), TAP_TEST(it_is_written_and_read_back),
         TAP_TEST(a_refusal_does_not_unmake_the_merge), TAP_TEST(another_reference_meanwhile_stays),
         TAP_TEST(the_journal_says_what_was_carried))
