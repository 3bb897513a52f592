/* SPDX-License-Identifier: MIT */
/* What the remote may show of a merge, and what is made of it. */
#include "unit/job/merge_rig.h"

static struct rig rig;
static struct err err;

static const char record[] =
    "{\"version\":1,\"change\":\"00\",\"captured_at\":\"2026-11-24T12:00:00.000Z\","
    "\"loser\":{\"id\":\"" RIG_LOSER "\",\"display_id\":\"REVU-1\"},"
    "\"survivor\":{\"id\":\"" RIG_SURVIVOR "\",\"display_id\":\"REVU-2\","
    "\"email\":\"ann@example.com\",\"external_ref\":\"user_2\",\"phone_numbers\":[\"1\",\"2\"],"
    "\"custom_fields\":{\"tnt__tier\":3}},"
    "\"works\":[{\"id\":\"w1\",\"display_id\":\"TKT-1\",\"reported_by\":[\"loser\"]},"
    "{\"id\":\"w2\",\"display_id\":\"TKT-2\",\"reported_by\":[\"survivor\"]},"
    "{\"id\":\"w3\",\"display_id\":\"TKT-3\",\"reported_by\":[],\"created_by\":[\"loser\"]}],"
    "\"conversations\":[{\"id\":\"c1\",\"display_id\":\"CONV-1\",\"members\":[\"loser\"]}]}";

static void start(void)
{
    rig_start(&rig);
    struct merge_data *data = merge_data_of(&rig.worker, &rig.change);
    CHECK_OK(merge_record_decode(str_of(record), &rig.change.arena, &data->record, &err), err);
    data->recorded = true;
}

static enum confirm_result confirm(void)
{
    err = (struct err){0};
    return merge_confirm(&rig.worker, &rig.change, &err);
}

static void loser_merged_into(const char *id)
{
    rig_contact(&rig, 1, "REVU-1",
                arena_printf(&rig.change.arena, ",\"primary_identity\":{\"id\":\"%s\"}", id));
}

static void survivor_as_it_was(void)
{
    rig_contact(&rig, 2, "user_2",
                ",\"phone_numbers\":[\"2\",\"1\"],\"custom_fields\":{\"tnt__tier\":3},\"tags\":[]");
}

static void all_is_there(void)
{
    start();
    loser_merged_into(RIG_SURVIVOR);
    survivor_as_it_was();
    rig_answer(&rig, 200, "{\"works\":[{\"id\":\"w2\"}],\"next_cursor\":\"x\"}");
    rig_answer(&rig, 200, "{\"works\":[{\"id\":\"w9\"},{\"id\":\"w1\"}],\"next_cursor\":\"y\"}");
    rig_answer(&rig, 200, "{\"conversations\":[{\"id\":\"c1\"}]}");
    CHECK_INT(confirm(), CONFIRM_DONE);
    CHECK(!err_is(&err));
    CHECK_INT(httpserver_count(rig.server), 5); /* the third page of works is not needed */
    CHECK_STR(rig_path(&rig, 2), "/works.list");
    CHECK_STR(rig_body(&rig, 2), "{\"reported_by\":[\"" RIG_SURVIVOR "\"],\"limit\":100}");
    CHECK_STR(rig_path(&rig, 4), "/conversations.list");
    CHECK_STR(rig_body(&rig, 4), "{\"members\":[\"" RIG_SURVIVOR "\"],\"limit\":100}");
    CHECK_STR(rig.change.detail,
              "{\"counts\":{\"tickets\":{\"of the survivor before\":1,\"of the loser before\":1,"
              "\"backed up\":3,\"with the survivor after\":2},"
              "\"conversations\":{\"of the survivor before\":0,\"of the loser before\":1,"
              "\"backed up\":1,\"with the survivor after\":1}}}");
    rig_finish(&rig);
}

static void merged_but_not_whole_is_pending(void)
{
    start();
    loser_merged_into("don:identity:dvrv-us-1:devo/0:revo/3:revu/2");
    rig_contact(&rig, 2, "other", ",\"phone_numbers\":[\"1\"],\"custom_fields\":{\"tnt__tier\":4}");
    rig_answer(&rig, 200, "{\"works\":[{\"id\":\"w2\"}]}");
    rig_answer(&rig, 200, "{\"conversations\":[]}");
    CHECK_INT(confirm(), CONFIRM_PENDING);
    CHECK_STR(
        err.message,
        "merged, but contact 'REVU-2' has not kept external_ref, phone_numbers, custom_fields; "
        "1 of 2 tickets are not with contact 'REVU-2'; "
        "1 of 1 conversations are not with contact 'REVU-2'");
    rig_finish(&rig);
}

static void merged_into_another_contradicts(void)
{
    start();
    loser_merged_into(RIG_OTHER);
    CHECK_INT(confirm(), CONFIRM_CONTRADICTED);
    CHECK_STR(err.message, "contact 'REVU-1' is merged into '" RIG_OTHER "', not into 'REVU-2'");
    CHECK_INT(httpserver_count(rig.server), 1);
    rig_finish(&rig);
}

static void a_read_may_give_the_other_contact_back(void)
{
    start();
    survivor_as_it_was(); /* asked for the loser */
    survivor_as_it_was();
    rig_answer(&rig, 200, "{\"works\":[{\"id\":\"w1\"},{\"id\":\"w2\"}]}");
    rig_answer(&rig, 200, "{\"conversations\":[{\"id\":\"c1\"}]}");
    CHECK_INT(confirm(), CONFIRM_DONE);
    rig_contact(&rig, 9, "user_9", "");
    CHECK_INT(confirm(), CONFIRM_CONTRADICTED);
    CHECK_STR(err.message, "contact 'REVU-1' is merged into '" RIG_OTHER "', not into 'REVU-2'");
    rig_finish(&rig);
}

#define JOB(state, created, a, b)                                                                  \
    "{\"id\":\"j\",\"state\":\"" state "\",\"created_date\":\"" created "\","                      \
    "\"metadata_list\":[{\"key\":\"p\",\"type\":\"don\",\"value\":\"" a "\"},"                     \
    "{\"key\":\"s\",\"value\":{\"id\":\"" b "\"}}]}"

static enum confirm_result with_jobs(const char *jobs)
{
    start();
    rig_contact(&rig, 1, "REVU-1", "");
    rig_answer(&rig, 200, arena_printf(&rig.change.arena, "{\"jobs\":[%s]}", jobs));
    return confirm();
}

static void the_job_list_decides_what_is_not_seen_yet(void)
{
    CHECK_INT(with_jobs(""), CONFIRM_ABSENT);
    CHECK_STR(rig_path(&rig, 1), "/jobs.list");
    CHECK_STR(
        rig_body(&rig, 1),
        "{\"category\":[\"merge_revuser\"],\"sort_by\":[\"created_date:desc\"],\"limit\":100}");
    rig_finish(&rig);

    CHECK_INT(with_jobs(JOB("queued", "2026-11-24T12:00:01Z", RIG_SURVIVOR, RIG_LOSER)),
              CONFIRM_PENDING);
    CHECK_STR(err.message, "the remote's job for the merge of contact 'REVU-1' is queued");
    rig_finish(&rig);

    CHECK_INT(with_jobs(JOB("in_progress", "2026-11-24T12:00:01Z", RIG_SURVIVOR, RIG_LOSER)),
              CONFIRM_PENDING);
    CHECK_STR(err.message, "the remote's job for the merge of contact 'REVU-1' is in progress");
    rig_finish(&rig);

    CHECK_INT(with_jobs(JOB("completed", "2026-11-24T12:00:01Z", RIG_SURVIVOR, RIG_LOSER)),
              CONFIRM_PENDING);
    CHECK_STR(err.message,
              "the remote's job is completed, but contact 'REVU-1' does not show as merged");
    rig_finish(&rig);

    CHECK_INT(with_jobs(JOB("failed", "2026-11-24T12:00:01Z", RIG_LOSER, RIG_SURVIVOR)),
              CONFIRM_REJECTED);
    CHECK_STR(err.message, "the remote's own job for the merge of contact 'REVU-1' failed");
    rig_finish(&rig);
}

static void jobs_of_others_and_of_earlier_do_not_count(void)
{
    CHECK_INT(with_jobs(JOB("failed", "2026-11-24T12:00:01Z", RIG_OTHER, RIG_LOSER)),
              CONFIRM_ABSENT);
    rig_finish(&rig);
    CHECK_INT(with_jobs(JOB("failed", "2026-11-24T11:59:57Z", RIG_SURVIVOR, RIG_LOSER)),
              CONFIRM_ABSENT);
    rig_finish(&rig);
    /* the newest one counts, whatever the order */
    CHECK_INT(with_jobs(JOB("failed", "2026-11-24T12:00:01Z", RIG_SURVIVOR, RIG_LOSER) "," JOB(
                  "queued", "2026-11-24T12:00:05Z", RIG_SURVIVOR, RIG_LOSER)),
              CONFIRM_PENDING);
    rig_finish(&rig);
}

static void an_acknowledged_merge_gets_a_second_look_before_the_jobs(void)
{
    start();
    rig.change.row.acknowledged = true;
    rig_contact(&rig, 1, "REVU-1", "");
    CHECK_INT(confirm(), CONFIRM_PENDING);
    CHECK_INT(httpserver_count(rig.server), 1);
    rig_contact(&rig, 1, "REVU-1", "");
    rig_answer(&rig, 200, "{\"jobs\":[]}");
    CHECK_INT(confirm(), CONFIRM_ABSENT);
    CHECK_INT(httpserver_count(rig.server), 3);
    rig_finish(&rig);
}

static void gone_proves_nothing(void)
{
    start();
    rig.change.row.acknowledged = true;
    rig_answer(&rig, 404, "{\"type\":\"not_found\"}");
    rig_answer(&rig, 200, "{\"jobs\":[]}");
    CHECK_INT(confirm(), CONFIRM_PENDING);
    CHECK_STR(err.message,
              "contact 'REVU-1' is gone, but nothing shows into which contact it was merged");
    rig_contact(&rig, 1, "REVU-1", ",\"state\":\"deleted\"");
    rig_answer(&rig, 200, "{\"jobs\":[]}");
    CHECK_INT(confirm(), CONFIRM_PENDING);
    CHECK_STR(err.message,
              "contact 'REVU-1' is gone, but nothing shows into which contact it was merged");
    rig_finish(&rig);
}

static void reads_that_fail_decide_nothing(void)
{
    start();
    rig_answer(&rig, 500, "");
    rig_answer(&rig, 500, "");
    CHECK_INT(confirm(), CONFIRM_UNREADABLE);
    CHECK_STR(err.message, "could not call rev-users.get: the remote answered 500 (2 attempts)");
    rig_answer(&rig, 401, "{\"type\":\"token_expired\"}");
    CHECK_INT(confirm(), CONFIRM_UNREADABLE);
    CHECK(err.fatal);
    rig_contact(&rig, 1, "REVU-1", "");
    rig_answer(&rig, 404, "{\"message\":\"route not found\"}");
    CHECK_INT(confirm(), CONFIRM_UNREADABLE); /* no job list: absence is not proven */
    loser_merged_into(RIG_SURVIVOR);
    survivor_as_it_was();
    rig_answer(&rig, 403, "");
    CHECK_INT(confirm(), CONFIRM_UNREADABLE);
    rig_finish(&rig);
}

static void a_drain_does_not_end_confirming(void)
{
    start();
    stop_raise(&rig.stop, 1);
    loser_merged_into(RIG_OTHER);
    CHECK_INT(confirm(), CONFIRM_CONTRADICTED);
    stop_raise(&rig.stop, 2);
    CHECK_INT(confirm(), CONFIRM_UNREADABLE);
    CHECK_INT(err.kind, ERR_INTERRUPTED);
    rig_finish(&rig);
}

/* --- verify -------------------------------------------------------------------------------- */

static struct buf told;

static void tell(void *ctx, const char *text)
{
    (void)ctx;
    buf_printf(&told, "%s\n", text);
}

static bool verify(enum change_state state)
{
    rig.change.row.state = state;
    buf_clear(&told);
    err = (struct err){0};
    return merge_verify(&rig.worker, &rig.change, tell, NULL, &err);
}

static void verified_changes_are_held_against_the_backup(void)
{
    start();
    loser_merged_into(RIG_SURVIVOR);
    survivor_as_it_was();
    rig_answer(&rig, 200, "{\"works\":[{\"id\":\"w1\"},{\"id\":\"w2\"}]}");
    rig_answer(&rig, 200, "{\"conversations\":[{\"id\":\"c1\"}]}");
    CHECK_OK(verify(CHANGE_VERIFIED), err);
    CHECK_STR(buf_z(&told), "");
    rig_contact(&rig, 1, "REVU-1", "");
    rig_contact(&rig, 2, "user_2",
                ",\"display_name\":\"new\",\"primary_identity\":{\"id\":\"" RIG_OTHER "\"}");
    rig_answer(&rig, 200, "{\"works\":[]}");
    rig_answer(&rig, 200, "{\"conversations\":[]}");
    CHECK_OK(verify(CHANGE_VERIFIED), err);
    CHECK_STR(buf_z(&told),
              "contact 'REVU-1' is not merged into 'REVU-2'\n"
              "contact 'REVU-2' has not kept display_name, phone_numbers, custom_fields\n"
              "contact 'REVU-2' is itself merged into another\n"
              "2 of 2 tickets are not with contact 'REVU-2'\n"
              "1 of 1 conversations are not with contact 'REVU-2'\n");
    rig_answer(&rig, 404, "{\"type\":\"not_found\"}");
    rig_answer(&rig, 404, "{\"type\":\"not_found\"}");
    rig_answer(&rig, 200, "{\"works\":[{\"id\":\"w1\"},{\"id\":\"w2\"}]}");
    rig_answer(&rig, 200, "{\"conversations\":[{\"id\":\"c1\"}]}");
    CHECK_OK(verify(CHANGE_VERIFIED), err);
    CHECK_STR(buf_z(&told),
              "contact 'REVU-1' is gone, and nothing shows that it was merged into 'REVU-2'\n"
              "contact 'REVU-2' is not there any more\n");
    loser_merged_into(RIG_OTHER);
    survivor_as_it_was();
    rig_answer(&rig, 200, "{\"works\":[{\"id\":\"w1\"},{\"id\":\"w2\"}]}");
    rig_answer(&rig, 200, "{\"conversations\":[{\"id\":\"c1\"}]}");
    CHECK_OK(verify(CHANGE_VERIFIED), err);
    CHECK_STR(buf_z(&told), "contact 'REVU-1' is merged into '" RIG_OTHER "', not into 'REVU-2'\n");
    buf_done(&told);
    rig_finish(&rig);
}

static void others_must_have_left_the_loser_alone(void)
{
    const enum change_state states[] = {CHANGE_PLANNED, CHANGE_BACKED_UP, CHANGE_FAILED,
                                        CHANGE_SKIPPED, CHANGE_REFUSED};
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        rig_start(&rig);
        rig_contact(&rig, 1, "REVU-1", "");
        CHECK_OK(verify(states[i]), err);
        CHECK_STR(buf_z(&told), "");
        loser_merged_into(RIG_OTHER);
        rig_contact(&rig, 2, "user_2", "");
        CHECK_OK(verify(states[i]), err);
        CHECK_STR(buf_z(&told), "");
        loser_merged_into(RIG_SURVIVOR);
        rig_contact(&rig, 2, "user_2", "");
        CHECK_OK(verify(states[i]), err);
        CHECK_STR(
            buf_z(&told),
            arena_printf(&rig.change.arena,
                         "contact 'REVU-1' is merged into 'REVU-2' although its change is %s\n",
                         change_state_name(states[i])));
        rig_answer(&rig, 404, "{\"type\":\"not_found\"}");
        CHECK_OK(verify(states[i]), err);
        CHECK_STR(buf_z(&told), "");
        rig_answer(&rig, 500, "");
        rig_answer(&rig, 500, "");
        CHECK(!verify(states[i]));
        CHECK_STR(err.message,
                  "could not call rev-users.get: the remote answered 500 (2 attempts)");
        buf_done(&told);
        rig_finish(&rig);
    }
}

static void what_was_merged_before_the_run_is_no_difference(void)
{
    rig_start(&rig);
    memcpy(rig.change.row.detail, "{\"already_merged\":true}", sizeof("{\"already_merged\":true}"));
    CHECK_OK(verify(CHANGE_SKIPPED), err);
    CHECK_OK(verify(CHANGE_UNKNOWN), err);
    CHECK_OK(verify(CHANGE_SENT), err);
    CHECK_INT(httpserver_count(rig.server), 0);
    rig_finish(&rig);
}

TAP_MAIN(TAP_TEST(all_is_there), TAP_TEST(merged_but_not_whole_is_pending),
         TAP_TEST(merged_into_another_contradicts),
         TAP_TEST(a_read_may_give_the_other_contact_back),
         TAP_TEST(the_job_list_decides_what_is_not_seen_yet),
         TAP_TEST(jobs_of_others_and_of_earlier_do_not_count),
         TAP_TEST(an_acknowledged_merge_gets_a_second_look_before_the_jobs),
         TAP_TEST(gone_proves_nothing), TAP_TEST(reads_that_fail_decide_nothing),
         TAP_TEST(a_drain_does_not_end_confirming),
         TAP_TEST(verified_changes_are_held_against_the_backup),
         TAP_TEST(others_must_have_left_the_loser_alone),
         TAP_TEST(what_was_merged_before_the_run_is_no_difference))
