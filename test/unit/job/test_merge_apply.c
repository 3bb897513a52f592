/* SPDX-License-Identifier: MIT */
/* The one request: what is sent, what an answer allows, and what is noted of it. */
#include "unit/job/merge_rig.h"

static struct rig rig;
static struct err err;

static struct merge_data *start(void)
{
    rig_start(&rig);
    struct merge_data *data = merge_data_of(&rig.worker, &rig.change);
    data->record.id[MERGE_LOSER] = STR(RIG_LOSER);
    data->record.id[MERGE_SURVIVOR] = STR(RIG_SURVIVOR);
    data->recorded = true;
    return data;
}

static bool apply(void)
{
    err = (struct err){0};
    return merge_apply(&rig.worker, &rig.change, &err);
}

#define AT                                                                                         \
    "{\"at\":\"2026-11-24T12:00:00.000Z\",\"level\":\"info\",\"run\":7,"                           \
    "\"change\":\"00112233445566778899aabbccddeeff\","

static void the_loser_goes_into_the_survivor(void)
{
    const struct merge_data *data = start();
    rig_answer(&rig, 200, "{}");
    CHECK(apply());
    CHECK_INT(httpserver_count(rig.server), 1);
    CHECK_STR(rig_path(&rig, 0), "/rev-users.merge");
    CHECK_STR(rig_body(&rig, 0),
              "{\"primary_user\":\"" RIG_SURVIVOR "\",\"secondary_user\":\"" RIG_LOSER "\"}");
    CHECK_TEXT(buf_str(&data->operation_log), AT "\"event\":\"merge acknowledged\"}\n");
    CHECK_INT(data->error_log.len, 0);
    CHECK(strstr(buf_z(&data->api_log), "\"call\":\"rev-users.merge\",\"attempt\":1,\"status\":200,"
                                        "\"error\":\"none\",") != NULL);
    rig_finish(&rig);
}

static void a_refusal_is_told_from_doubt(void)
{
    const struct {
        int status;
        enum err_kind kind;
        bool ambiguous, fatal;
        const char *operation;
    } cases[] = {
        {400, ERR_REMOTE, false, false, AT "\"event\":\"merge not done\",\"detail\":\"remote\"}\n"},
        {404, ERR_NOT_FOUND, false, false,
         AT "\"event\":\"merge not done\",\"detail\":\"not-found\"}\n"},
        {401, ERR_AUTH, false, true, AT "\"event\":\"merge not done\",\"detail\":\"auth\"}\n"},
        {403, ERR_AUTH, false, true, AT "\"event\":\"merge not done\",\"detail\":\"auth\"}\n"},
        {500, ERR_REMOTE, true, false,
         AT "\"event\":\"merge without a clear answer\",\"detail\":\"remote\"}\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct merge_data *data = start();
        rig_answer(&rig, cases[i].status, "{\"message\":\"ann@example.com\"}");
        CHECK(!apply());
        CHECK_INT(httpserver_count(rig.server), 1);
        CHECK_INT(err.kind, cases[i].kind);
        CHECK_INT(err.ambiguous, cases[i].ambiguous);
        CHECK_INT(err.fatal, cases[i].fatal);
        CHECK_TEXT(buf_str(&data->operation_log), cases[i].operation);
        char expected[200];
        (void)snprintf(
            expected, sizeof(expected),
            "\"level\":\"error\",\"run\":7,\"change\":\"00112233445566778899aabbccddeeff\","
            "\"step\":\"merge\",\"error\":\"%s\",\"status\":%d,\"detail\":\"could not",
            err_kind_name(cases[i].kind), cases[i].status);
        CHECK(strstr(buf_z(&data->error_log), expected) != NULL);
        CHECK(strstr(buf_z(&data->error_log), "ann@") == NULL);
        rig_finish(&rig);
    }
}

static void a_stop_before_the_send_sends_nothing(void)
{
    (void)start();
    stop_raise(&rig.stop, 1);
    CHECK(!apply());
    CHECK_INT(err.kind, ERR_INTERRUPTED);
    CHECK(!err.ambiguous);
    CHECK_INT(httpserver_count(rig.server), 0);
    rig_finish(&rig);
}

static void without_a_backup_there_is_nothing_to_note(void)
{
    (void)start();
    rig.change.row.state = CHANGE_SKIPPED;
    merge_concluded(&rig.worker, &rig.change); /* opens no vault: there is none */
    CHECK_INT(httpserver_count(rig.server), 0);
    rig_finish(&rig);
}

TAP_MAIN(TAP_TEST(the_loser_goes_into_the_survivor), TAP_TEST(a_refusal_is_told_from_doubt),
         TAP_TEST(a_stop_before_the_send_sends_nothing),
         TAP_TEST(without_a_backup_there_is_nothing_to_note))
