/* SPDX-License-Identifier: MIT */
/* Drift: what must stop a merge before anything is stored or sent. */
#include "unit/job/merge_rig.h"

static struct rig rig;
static struct err err;

static bool check(void)
{
    return merge_check(&rig.worker, &rig.change, &err);
}

static void unchanged_contacts_pass(void)
{
    rig_start(&rig);
    rig_contact(&rig, 1, "REVU-1", "");
    rig_contact(&rig, 2, " user_2", ",\"full_name\":\"someone else\"");
    CHECK_OK(check(), err);
    CHECK_INT(httpserver_count(rig.server), 2);
    CHECK_STR(rig_path(&rig, 0), "/rev-users.get");
    CHECK_STR(rig_body(&rig, 0), "{\"id\":\"REVU-1\"}");
    CHECK_STR(rig_body(&rig, 1), "{\"id\":\"REVU-2\"}");
    CHECK_STR(rig.change.detail, "");
    rig_finish(&rig);
}

struct drift {
    const char *ref1, *more1, *ref2, *more2;
    const char *message;
};

static void drift_names_field_and_contact_but_no_value(void)
{
    const struct drift cases[] = {
        {"REVU-1", ",\"email\":\"other@example.com\"", "user_2", "",
         "contact 'REVU-1' has changed since the plan: its email is another"},
        {"REVU-1", "", "user_2", ",\"email\":\"\"",
         "contact 'REVU-2' has changed since the plan: its email is another"},
        {"REVU-11", "", "user_2", "",
         "contact 'REVU-1' has changed since the plan: its external_ref is another"},
        {"REVU-1", "", "User_2", "",
         "contact 'REVU-2' has changed since the plan: its external_ref is another"},
        {"REVU-1", ",\"state\":\"deleted\"", "user_2", "", "contact 'REVU-1' is deleted"},
        {"REVU-1", "", "user_2", ",\"state\":\"deactivated\"", "contact 'REVU-2' is deactivated"},
        {"REVU-1", "", "user_2", ",\"state\":\"locked\"", "contact 'REVU-2' is locked"},
        {"REVU-1", ",\"primary_identity\":{\"type\":\"rev_user\",\"id\":\"" RIG_OTHER "\"}",
         "user_2", "", "contact 'REVU-1' is already merged into another contact, '" RIG_OTHER "'"},
        {"REVU-1", "", "user_2", ",\"primary_identity\":{\"id\":\"" RIG_OTHER "\"}",
         "contact 'REVU-2' is itself merged into another contact, '" RIG_OTHER "'"},
        {"REVU-1", "", "user_2", ",\"id\":\"don:identity:dvrv-us-1:devo/0:revo/4:revu/1\"",
         "'REVU-1' and 'REVU-2' are one contact on the remote"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        rig_start(&rig);
        rig_contact(&rig, 1, cases[i].ref1, cases[i].more1);
        rig_contact(&rig, 2, cases[i].ref2, cases[i].more2);
        CHECK_ERR(check(), err, ERR_DRIFT, cases[i].message);
        CHECK_INT(httpserver_count(rig.server), 2);
        CHECK_STR(rig.change.detail, "");
        rig_finish(&rig);
    }
}

static void states_that_are_fine(void)
{
    const char *states[] = {
        ",\"state\":\"shadow\"",  ",\"state\":\"unassigned\"",
        ",\"state\":\"new-one\"", ",\"state\":null",
        ",\"is_verified\":true",  ",\"primary_identity\":{\"id\":\"" RIG_LOSER "\"}"};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        rig_start(&rig);
        rig_contact(&rig, 1, "REVU-1", states[i]);
        rig_contact(&rig, 2, "user_2", "");
        CHECK_OK(check(), err);
        rig_finish(&rig);
    }
}

static const char merged[] = ",\"primary_identity\":{\"id\":\"" RIG_SURVIVOR "\"}";

static void a_merge_that_someone_else_made_is_drift(void)
{
    rig_start(&rig);
    rig_contact(&rig, 1, "REVU-1", merged);
    rig_contact(&rig, 2, "user_2", "");
    CHECK_ERR(check(), err, ERR_DRIFT, "contact 'REVU-1' is already merged into 'REVU-2'");
    CHECK_STR(rig.change.detail, "{\"already_merged\":true}");
    rig_finish(&rig);
}

static void an_earlier_send_that_came_through_is_not_sent_again(void)
{
    rig_start(&rig);
    rig.change.row.attempts = 1;
    rig_contact(&rig, 1, "changed", merged);
    rig_contact(&rig, 2, "user_2", "");
    CHECK_OK(check(), err);
    CHECK_OK(merge_apply(&rig.worker, &rig.change, &err), err);
    CHECK_INT(httpserver_count(rig.server), 2);
    CHECK_INT(httpserver_count_path(rig.server, "/rev-users.merge"), 0);
    rig_finish(&rig);
}

static void unknown_contacts(void)
{
    rig_start(&rig);
    rig_answer(&rig, 404, "{\"type\":\"not_found\"}");
    CHECK_ERR(check(), err, ERR_DRIFT, "the remote does not know contact 'REVU-1'");
    rig_contact(&rig, 1, "REVU-1", "");
    rig_answer(&rig, 404, "{\"type\":\"not_found\"}");
    CHECK_ERR(check(), err, ERR_DRIFT, "the remote does not know contact 'REVU-2'");
    /* an address in the id column stays out of messages */
    rig.change.plan.target = STR("ann@example.com\n");
    rig_answer(&rig, 404, "{\"type\":\"not_found\"}");
    CHECK_ERR(check(), err, ERR_DRIFT, "the remote does not know contact 'ann?example.com?'");
    rig.change.plan.target = STR("\xff");
    CHECK_ERR(check(), err, ERR_INPUT, "could not call rev-users.get: id '?' is not UTF-8");
    CHECK_INT(httpserver_count(rig.server), 4);
    rig_finish(&rig);
}

static void failing_reads_are_no_drift(void)
{
    rig_start(&rig);
    rig_answer(&rig, 401, "{\"type\":\"unauthenticated\"}");
    CHECK_ERR(check(), err, ERR_AUTH,
              "could not call rev-users.get: the token was refused (401 unauthenticated)");
    CHECK(err.fatal);
    rig_answer(&rig, 500, "");
    rig_answer(&rig, 500, "");
    CHECK_ERR(check(), err, ERR_REMOTE,
              "could not call rev-users.get: the remote answered 500 (2 attempts)");
    CHECK(!err.fatal);
    rig_answer(&rig, 200, "{}");
    CHECK_ERR(check(), err, ERR_PROTOCOL,
              "could not call rev-users.get: the answer holds no contact");
    stop_raise(&rig.stop, 1);
    CHECK(!check());
    CHECK_INT(err.kind, ERR_INTERRUPTED);
    rig_finish(&rig);
}

TAP_MAIN(TAP_TEST(unchanged_contacts_pass), TAP_TEST(drift_names_field_and_contact_but_no_value),
         TAP_TEST(states_that_are_fine), TAP_TEST(a_merge_that_someone_else_made_is_drift),
         TAP_TEST(an_earlier_send_that_came_through_is_not_sent_again), TAP_TEST(unknown_contacts),
         TAP_TEST(failing_reads_are_no_drift))
