/* SPDX-License-Identifier: MIT */
/* The backup: every call in its order, every file with its exact bytes, and no backup at all where
 * anything could not be read. */
#include <stdio.h>

#include "base/fs.h"
#include "unit/job/merge_rig.h"

#define OPERATION                                                                                  \
    "{\"at\":\"2026-11-24T12:00:00.000Z\",\"level\":\"info\",\"run\":7,"                           \
    "\"change\":\"00112233445566778899aabbccddeeff\","

static struct rig rig;
static struct err err;
static struct vault *vault;

static void start(void)
{
    rig_start(&rig);
    struct vault_options options = {.free_floor_bytes = 1};
    CHECK((vault = vault_open(rig.run.workspace_fd, "backups", &options, &err)) != NULL);
    rig.run.vault = vault;
    rig_contact(&rig, 1, "REVU-1", "");
    rig_contact(&rig, 2, "user_2", ",\"score\":1.50");
    CHECK_OK(merge_check(&rig.worker, &rig.change, &err), err);
}

static void finish(void)
{
    vault_close(vault);
    CHECK_OK(fs_remove_tree(rig.run.workspace_fd, "backups", &err), err);
    rig_finish(&rig);
}

static bool capture(void)
{
    err = (struct err){0};
    return merge_capture(&rig.worker, &rig.change, &err);
}

/* The content of a file of the backup. */
static const char *content(const char *path)
{
    static struct buf bytes;
    buf_clear(&bytes);
    const char *whole =
        arena_printf(&rig.change.arena, "backups/ann@example.com_20261124_120000/%s", path);
    CHECK_OK(fs_read(rig.run.workspace_fd, whole, &bytes, &err), err);
    return arena_strdup(&rig.change.arena, buf_z(&bytes));
}

static bool exists(const char *path)
{
    return fs_exists(
        rig.run.workspace_fd,
        arena_printf(&rig.change.arena, "backups/ann@example.com_20261124_120000/%s", path));
}

#define REF(id) "{\"type\":\"rev_user\",\"id\":\"" id "\"}"
#define TICKET_1                                                                                   \
    "{\"id\":\"don:t1\",\"display_id\":\"TKT-1\",\"type\":\"ticket\",\"title\":\"a\\u0062\","      \
    "\"reported_by\":[" REF(RIG_LOSER) "],\"owned_by\":[],\"created_by\":" REF(                    \
        RIG_LOSER) ","                                                                             \
                   "\"artifacts\":[{\"id\":\"don:a1\",\"display_id\":\"ARTIFACT-1\","              \
                   "\"file\":{\"name\":\"Ann Lee.pdf\",\"size\":3,\"type\":\"x\"}}]}"
#define TICKET_2                                                                                   \
    "{\"id\":\"don:t2\",\"display_id\":\"TKT-2\",\"type\":\"ticket\","                             \
    "\"reported_by\":[" REF(RIG_SURVIVOR) "],\"owned_by\":[" REF(RIG_LOSER) "]}"
#define CONVERSATION                                                                               \
    "{\"id\":\"don:c1\",\"display_id\":\"CONV-1\",\"members\":[" REF(RIG_LOSER) "," REF(           \
        RIG_SURVIVOR) "]}"
#define COMMENT                                                                                    \
    "{\"id\":\"don:t1:comment/1\",\"type\":\"timeline_comment\",\"body\":\"hello\","               \
    "\"created_by\":" REF(                                                                         \
        RIG_LOSER) ",\"thread\":{\"total_replies\":1},"                                            \
                   "\"artifacts\":[{\"id\":\"don:a2\",\"display_id\":\"ARTIFACT-2\","              \
                   "\"file\":{\"name\":\"..\\/x\",\"size\":5}},{\"id\":\"don:a1\"}]}"
#define REPLY "{\"id\":\"don:t1:comment/2\",\"body\":\"me too\"}"
#define EVENT "{\"id\":\"don:t1:event/3\",\"type\":\"timeline_change_event\"}"

/* Answers in their order; instead of number `fail_at` (from 0) comes `fail_status`, and no more. */
static int fail_at;
static int fail_status;
static int said;
static int reply_status = 200;

static void say(const char *body)
{
    if (said == fail_at) {
        rig_answer(&rig, fail_status, "{}");
        rig_answer(&rig, fail_status, "{}"); /* a read is tried twice */
    } else if (said < fail_at) {
        rig_answer(&rig, 200, body);
    }
    said++;
}

static void say_artifact(const char *path, const char *body)
{
    say(arena_printf(&rig.change.arena, "{\"url\":\"%s%s\"}", httpserver_url(rig.server), path));
    say(body);
}

static int say_all(int failing, int status)
{
    fail_at = failing;
    fail_status = status;
    said = 0;
    say("{\"works\":[" TICKET_1 "],\"next_cursor\":\"x\"}"); /* reported */
    say("{\"works\":[],\"next_cursor\":\"y\"}");
    say("{\"works\":[" TICKET_2 "]}");
    say("{\"works\":[" TICKET_1 "]}"); /* created: known already */
    say("{\"works\":[]}");             /* owned */
    say("{\"works\":[]}");             /* opportunities */
    say("{\"conversations\":[" CONVERSATION "]}");
    say_artifact("/a1?sig=1", "PDF");
    say("{\"links\":[]}"); /* loser, survivor, tickets */
    say("{\"links\":[]}");
    say("{\"links\":[ {\"id\":\"l1\",\"n\":2.0} ]}");
    say("{}");
    say("{\"timeline_entries\":[]}"); /* loser, survivor */
    say("{\"timeline_entries\":[]}");
    say("{\"timeline_entries\":[],\"next_cursor\":\"p\"}"); /* TKT-1 */
    say("{\"timeline_entries\":[" COMMENT "," EVENT "]}");
    if (reply_status == 200) {
        say("{\"timeline_entries\":[" REPLY "]}"); /* the thread */
    } else {
        rig_answer(&rig, reply_status, "{}");
    }
    say_artifact("/a2?sig=2", "image");
    say("{\"timeline_entries\":[]}"); /* TKT-2 */
    say("{\"timeline_entries\":[]}"); /* CONV-1 */
    return said;
}

enum { NONE = 1000 };

static void every_file_with_its_bytes(void)
{
    start();
    (void)say_all(NONE, 0);
    CHECK_OK(capture(), err);
    CHECK_STR(rig.change.backup, "backups/ann@example.com_20261124_120000");
    CHECK_INT(httpserver_unexpected(rig.server), 0);
    CHECK_INT(httpserver_count(rig.server), 24);

    CHECK_STR(
        content("metadata/contact_info.json"),
        "{\"version\":1,\"change\":\"00112233445566778899aabbccddeeff\","
        "\"captured_at\":\"2026-11-24T12:00:00.000Z\",\n"
        "\"loser\":{\"id\":\"" RIG_LOSER "\",\"display_id\":\"REVU-1\","
        "\"email\":\"ann@example.com\",\"external_ref\":\"REVU-1\",\"state\":\"active\"},\n"
        "\"survivor\":{\"id\":\"" RIG_SURVIVOR "\",\"display_id\":\"REVU-2\","
        "\"email\":\"ann@example.com\",\"external_ref\":\"user_2\",\"state\":\"active\","
        "\"score\":1.50},\n"
        "\"works\":[\n"
        "{\"id\":\"don:t1\",\"display_id\":\"TKT-1\",\"reported_by\":[\"loser\"],"
        "\"created_by\":[\"loser\"],\"owned_by\":[],\"contact\":[]},\n"
        "{\"id\":\"don:t2\",\"display_id\":\"TKT-2\",\"reported_by\":[\"survivor\"],"
        "\"created_by\":[],\"owned_by\":[\"loser\"],\"contact\":[]}],\n"
        "\"conversations\":[\n"
        "{\"id\":\"don:c1\",\"display_id\":\"CONV-1\",\"members\":[\"loser\",\"survivor\"]}]}\n");
    CHECK_STR(
        content("tickets/tickets.json"),
        "{\"works\":[\n"
        "{\"id\":\"don:t1\",\"display_id\":\"TKT-1\",\"type\":\"ticket\","
        "\"reported_by\":[\"loser\"],\"created_by\":[\"loser\"],\"owned_by\":[],\"contact\":[],"
        "\"timeline\":\"conversations/TKT-1/messages.json\",\"attachments\":["
        "{\"id\":\"don:a1\",\"name\":\"Ann Lee.pdf\","
        "\"path\":\"tickets/attachments/TKT-1_ARTIFACT-1.pdf\",\"bytes\":3,\"sha256\":"
        "\"1d393b0081b632c54654eb08c345ff76b92ae4efe0768b4c0f64b9ebbe920492\"}],\n"
        "\"raw\":" TICKET_1 "},\n"
        "{\"id\":\"don:t2\",\"display_id\":\"TKT-2\",\"type\":\"ticket\","
        "\"reported_by\":[\"survivor\"],\"created_by\":[],\"owned_by\":[\"loser\"],"
        "\"contact\":[],\"timeline\":\"conversations/TKT-2/messages.json\",\"attachments\":[],\n"
        "\"raw\":" TICKET_2 "}]}\n");
    CHECK_STR(content("tickets/relationships.json"),
              "{\"objects\":[\n"
              "{\"object\":\"" RIG_LOSER "\",\"display_id\":\"REVU-1\",\"links\":[]},\n"
              "{\"object\":\"" RIG_SURVIVOR "\",\"display_id\":\"REVU-2\",\"links\":[]},\n"
              "{\"object\":\"don:t1\",\"display_id\":\"TKT-1\",\"links\":[\n"
              "{\"id\":\"l1\",\"n\":2.0}]},\n"
              "{\"object\":\"don:t2\",\"display_id\":\"TKT-2\",\"links\":[]}]}\n");
    CHECK_STR(content("tickets/attachments/TKT-1_ARTIFACT-1.pdf"), "PDF");
    CHECK_STR(content("conversations/TKT-1/attachments/ARTIFACT-2"), "image");
    CHECK_STR(content("conversations/TKT-1/messages.json"),
              "{\"object\":\"don:t1\",\"kind\":\"work\",\n"
              "\"entries\":[\n" COMMENT ",\n" EVENT "],\n"
              "\"replies\":[\n{\"of\":\"don:t1:comment/1\",\"entries\":[\n" REPLY "]}],\n"
              "\"attachments\":[{\"id\":\"don:a2\",\"name\":\"../x\","
              "\"path\":\"conversations/TKT-1/attachments/ARTIFACT-2\",\"bytes\":5,\"sha256\":"
              "\"6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d\"},"
              "{\"id\":\"don:a1\",\"name\":\"Ann Lee.pdf\","
              "\"path\":\"tickets/attachments/TKT-1_ARTIFACT-1.pdf\",\"bytes\":3,\"sha256\":"
              "\"1d393b0081b632c54654eb08c345ff76b92ae4efe0768b4c0f64b9ebbe920492\"}]}\n");
    CHECK_STR(
        content("conversations/TKT-1/participants.json"),
        "{\"object\":\"don:t1\",\n\"participants\":[\n"
        "{\"role\":\"reporter\",\"user\":" REF(
            RIG_LOSER) "},\n"
                       "{\"role\":\"creator\",\"user\":" REF(
                           RIG_LOSER) "},\n"
                                      "{\"role\":\"author\",\"user\":" REF(RIG_LOSER) "}]}\n");
    CHECK_STR(content("conversations/CONV-1/messages.json"),
              "{\"object\":\"don:c1\",\"kind\":\"conversation\",\n\"conversation\":" CONVERSATION
              ",\n\"entries\":[],\n\"replies\":[],\n\"attachments\":[]}\n");
    CHECK_STR(content("conversations/CONV-1/participants.json"),
              "{\"object\":\"don:c1\",\n\"participants\":[\n"
              "{\"role\":\"member\",\"user\":" REF(RIG_LOSER) "},\n"
                                                              "{\"role\":\"member\",\"user\":" REF(
                                                                  RIG_SURVIVOR) "}]}\n");
    CHECK_STR(content("conversations/REVU-1/messages.json"),
              "{\"object\":\"" RIG_LOSER "\",\"kind\":\"contact\",\n\"entries\":[],\n"
              "\"replies\":[],\n\"attachments\":[]}\n");
    CHECK(exists("conversations/REVU-2/participants.json"));
    CHECK(exists("metadata/verification.json"));
    CHECK_STR(
        content("metadata/merge_state.json"),
        "{\"version\":1,\"run\":7,\"change\":\"00112233445566778899aabbccddeeff\","
        "\"state\":\"backed_up\",\"at\":\"2026-11-24T12:00:00.000Z\",\"loser\":\"" RIG_LOSER
        "\",\"survivor\":\"" RIG_SURVIVOR "\",\"works\":2,\"conversations\":1,"
        "\"timeline_entries\":3,\"attachments\":2,\"attachment_bytes\":8,"
        "\"threads_not_listed\":0,\"not_included\":\"Timeline entries that are visible only to "
        "their author and to named users are hidden from this token and cannot be in this "
        "backup.\"}\n");
    CHECK_STR(content("logs/merge_operations.log"), OPERATION "\"event\":\"backed up\"}\n");
    CHECK(strstr(content("logs/api_calls.log"), "\"call\":\"artifacts.locate\",\"attempt\":1,"
                                                "\"status\":200") != NULL);
    CHECK(strstr(content("logs/api_calls.log"), "sig=") == NULL);
    CHECK(strstr(content("logs/api_calls.log"), "ann@") == NULL);
    CHECK_STR(content("logs/errors.log"), "");
    CHECK_STR(rig.change.detail,
              "{\"counts\":{\"tickets\":{\"of the survivor before\":1,\"of the loser before\":1,"
              "\"backed up\":2},\"conversations\":{\"of the survivor before\":1,"
              "\"of the loser before\":1,\"backed up\":1}}}");
    finish();
}

static void batches_ask_for_both_contacts(void)
{
    start();
    (void)say_all(NONE, 0);
    CHECK_OK(capture(), err);
    static const char both[] = "[\"" RIG_LOSER "\",\"" RIG_SURVIVOR "\"]";
    char expected[512];
    (void)snprintf(expected, sizeof(expected), "{\"reported_by\":%s,\"limit\":100}", both);
    CHECK_STR(rig_body(&rig, 2), expected);
    (void)snprintf(expected, sizeof(expected),
                   "{\"reported_by\":%s,\"limit\":100,\"cursor\":\"y\"}", both);
    CHECK_STR(rig_body(&rig, 4), expected);
    (void)snprintf(expected, sizeof(expected), "{\"created_by\":%s,\"limit\":100}", both);
    CHECK_STR(rig_body(&rig, 5), expected);
    (void)snprintf(expected, sizeof(expected), "{\"owned_by\":%s,\"limit\":100}", both);
    CHECK_STR(rig_body(&rig, 6), expected);
    (void)snprintf(expected, sizeof(expected),
                   "{\"type\":[\"opportunity\"],\"opportunity\":{\"contacts\":%s},\"limit\":100}",
                   both);
    CHECK_STR(rig_body(&rig, 7), expected);
    (void)snprintf(expected, sizeof(expected), "{\"members\":%s,\"limit\":100}", both);
    CHECK_STR(rig_body(&rig, 8), expected);
    CHECK_STR(rig_body(&rig, 9), "{\"id\":\"don:a1\"}");
    CHECK_STR(rig_path(&rig, 10), "/a1?sig=1");
    CHECK_STR(rig_body(&rig, 11), "{\"object\":\"" RIG_LOSER "\",\"limit\":100}");
    CHECK_STR(rig_path(&rig, 18), "/timeline-entries.list");
    CHECK_STR(rig_body(&rig, 19), "{\"object\":\"don:t1:comment/1\",\"limit\":100}");
    finish();
}

static void anything_unread_is_no_backup(void)
{
    start();
    int all = say_all(NONE, 0);
    finish();
    CHECK_INT(all, 22);
    for (int i = 0; i < all; i++) {
        start();
        (void)say_all(i, 500);
        CHECK(!capture());
        CHECK_INT(err.kind, ERR_BACKUP);
        CHECK(!err.fatal);
        CHECK(str_starts(str_of(err.message), STR("could not make the backup: could not call ")));
        CHECK(str_ends(str_of(err.message), STR("the remote answered 500 (2 attempts)")));
        CHECK_STR(rig.change.backup, "");
        CHECK(!exists("metadata/verification.json"));
        finish();
    }
}

static void a_refused_token_stops_the_run(void)
{
    const int calls[] = {0, 7, 9, 13};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        start();
        (void)say_all(calls[i], 401);
        CHECK_ERR(capture(), err, ERR_AUTH,
                  calls[i] == 0   ? "could not call works.list: the token was refused (401)"
                  : calls[i] == 7 ? "could not call artifacts.locate: the token was refused (401)"
                  : calls[i] == 9
                      ? "could not call links.list: the token was refused (401)"
                      : "could not call timeline-entries.list: the token was refused (401)");
        CHECK(err.fatal);
        CHECK(!exists("metadata/verification.json"));
        finish();
    }
}

static void replies_that_cannot_be_listed_are_told(void)
{
    const int statuses[] = {400, 404};
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        start();
        reply_status = statuses[i];
        (void)say_all(NONE, 0);
        reply_status = 200;
        CHECK_OK(capture(), err);
        CHECK(strstr(content("metadata/merge_state.json"), "\"threads_not_listed\":1") != NULL);
        CHECK(strstr(content("conversations/TKT-1/messages.json"), "\"replies\":[],") != NULL);
        finish();
    }
}

static void a_remote_without_replies_is_not_asked_for_ever(void)
{
    start();
    rig.worker.threads_refused = 3;
    fail_at = NONE;
    said = 0;
    say("{\"works\":[" TICKET_2 "]}");
    say("{}");
    say("{}");
    say("{}");
    say("{}");
    say("{}"); /* links of three objects */
    say("{}");
    say("{}");
    say("{}"); /* timelines of the contacts */
    say("{}");
    say("{\"timeline_entries\":[{\"id\":\"c\",\"thread\":{\"total_replies\":2}}]}");
    CHECK_OK(capture(), err);
    CHECK_INT(httpserver_count(rig.server), 2 + 11);
    CHECK(strstr(content("metadata/merge_state.json"), "\"threads_not_listed\":1") != NULL);
    finish();
}

static void an_attachment_of_another_size_is_no_backup(void)
{
    start();
    fail_at = NONE;
    said = 0;
    say("{\"works\":[" TICKET_1 "]}");
    say("{}");
    say("{}");
    say("{}");
    say("{}");
    say_artifact("/a1", "PDF, but longer");
    CHECK_ERR(capture(), err, ERR_BACKUP,
              "could not download attachment 'don:a1': 15 bytes came, the remote says 3");
    CHECK(!exists("metadata/verification.json"));
    CHECK(strstr(content("logs/errors.log"), "15 bytes came") != NULL);
    finish();
}

static void a_later_attempt_uses_the_same_directory(void)
{
    start();
    (void)say_all(14, 500);
    CHECK(!capture());
    (void)say_all(NONE, 0);
    CHECK_OK(capture(), err);
    CHECK_STR(rig.change.backup, "backups/ann@example.com_20261124_120000");
    bool ok = false;
    CHECK_OK(vault_verify(vault, rig.change.backup, NULL, NULL, &ok, &err), err);
    CHECK(ok);
    finish();
}

/* --- after it ------------------------------------------------------------------------------- */

static void another_process_goes_on_from_the_backup(void)
{
    start();
    (void)say_all(NONE, 0);
    CHECK_OK(capture(), err);
    merge_forget(&rig.change);
    memcpy(rig.change.row.backup, rig.change.backup, sizeof(rig.change.row.backup));
    rig.change.backup[0] = '\0';

    rig_answer(&rig, 200, "{}");
    CHECK_OK(merge_apply(&rig.worker, &rig.change, &err), err);
    CHECK_STR(rig_path(&rig, 24), "/rev-users.merge");
    CHECK_STR(rig_body(&rig, 24),
              "{\"primary_user\":\"" RIG_SURVIVOR "\",\"secondary_user\":\"" RIG_LOSER "\"}");

    merge_forget(&rig.change);
    rig_contact(&rig, 1, "REVU-1", ",\"primary_identity\":{\"id\":\"" RIG_SURVIVOR "\"}");
    rig_contact(&rig, 2, "user_2", "");
    rig_answer(&rig, 200, "{\"works\":[{\"id\":\"don:t2\"},{\"id\":\"don:t1\"}]}");
    rig_answer(&rig, 200, "{\"conversations\":[{\"id\":\"don:c1\"}]}");
    CHECK_INT(merge_confirm(&rig.worker, &rig.change, &err), CONFIRM_DONE);

    rig.change.row.state = CHANGE_VERIFIED;
    rig.change.row.attempts = 1;
    merge_concluded(&rig.worker, &rig.change);
    CHECK(strstr(content("metadata/merge_state.json"), "\"state\":\"verified\"") != NULL);
    CHECK(strstr(content("metadata/merge_state.json"), "\"attempts\":1") != NULL);
    CHECK(strstr(content("metadata/merge_state.json"), "\"attachments\":2") != NULL);
    CHECK_STR(content("logs/merge_operations.log"),
              OPERATION "\"event\":\"backed up\"}\n" OPERATION "\"event\":\"verified\"}\n");
    bool ok = false;
    CHECK_OK(vault_verify(vault, rig.change.row.backup, NULL, NULL, &ok, &err), err);
    CHECK(ok);
    finish();
}

static void without_a_backup_nothing_is_sent(void)
{
    start();
    CHECK_ERR(merge_apply(&rig.worker, &rig.change, &err), err, ERR_BACKUP,
              "could not read the backup: the journal names none");
    CHECK(!err.ambiguous);
    CHECK_INT(httpserver_count_path(rig.server, "/rev-users.merge"), 0);
    finish();
}

TAP_MAIN(TAP_TEST(every_file_with_its_bytes), TAP_TEST(batches_ask_for_both_contacts),
         TAP_TEST(anything_unread_is_no_backup), TAP_TEST(a_refused_token_stops_the_run),
         TAP_TEST(replies_that_cannot_be_listed_are_told),
         TAP_TEST(a_remote_without_replies_is_not_asked_for_ever),
         TAP_TEST(an_attachment_of_another_size_is_no_backup),
         TAP_TEST(a_later_attempt_uses_the_same_directory),
         TAP_TEST(another_process_goes_on_from_the_backup),
         TAP_TEST(without_a_backup_nothing_is_sent))
