/* SPDX-License-Identifier: MIT */
/* Undo of a merge: what the contact is created with, how it is found again, what goes back to it and what
 * stays, and what the plan and the preview say. */
#include "job/merge_undo.h"

#include <stdio.h>

#include "engine/undo.h"
#include "store/memory_link.h"
#include "unit/job/merge_rig.h"

#define NEW "don:identity:dvrv-us-1:devo/0:revu/50"

static struct rig rig;
static struct err err;
static struct merge_undo *undo;
static struct plan_value values[UNDO_COLUMNS];

static const char record[] =
    "{\"version\":1,\"change\":\"00\",\"captured_at\":\"2026-11-24T11:00:00.000Z\","
    "\"loser\":{\"id\":\"" RIG_LOSER "\",\"display_id\":\"REVU-1\",\"display_name\":\"A. Lee\","
    "\"email\":\"ann@example.com\",\"external_ref\":\"user_1\"},"
    "\"survivor\":{\"id\":\"" RIG_SURVIVOR "\",\"display_id\":\"REVU-2\","
    "\"email\":\"ann@example.com\",\"external_ref\":\"REVU-2\"},"
    "\"works\":[{\"id\":\"w1\",\"display_id\":\"TKT-1\",\"reported_by\":[\"loser\"],"
    "\"owned_by\":[\"loser\"]},"
    "{\"id\":\"w2\",\"display_id\":\"TKT-2\",\"reported_by\":[\"survivor\"]},"
    "{\"id\":\"w3\",\"display_id\":\"TKT-3\",\"created_by\":[\"loser\"]}],"
    "\"conversations\":[{\"id\":\"c1\",\"display_id\":\"CONV-1\",\"members\":[\"loser\","
    "\"survivor\"]}]}";

static void start_with(const char *text)
{
    rig_start(&rig);
    err = (struct err){0};
    struct merge_data *data = merge_data_of(&rig.worker, &rig.change);
    data->undo = undo = xnew(struct merge_undo);
    CHECK_OK(merge_record_decode(str_of(text), &rig.change.arena, &undo->origin, &err), err);
    undo->read = true;
    /* its own backup, an hour after the merge's */
    CHECK_OK(merge_record_decode(str_of(text), &rig.change.arena, &data->record, &err), err);
    data->record.captured_ms = FAKECLOCK_REAL_MS;
    data->recorded = true;
    memset(values, 0, sizeof(values));
    rig.change.plan.values = values;
}

static void start(void)
{
    start_with(record);
}

static json_t *parse(const char *text)
{
    return json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
}

/* --- creating -------------------------------------------------------------------------------- */

static void check_request(const char *was, unsigned with, const char *expected)
{
    json_t *contact = parse(was);
    json_t *request = merge_undo_request(contact, with);
    char *text = json_dumps(request, JSON_COMPACT | JSON_SORT_KEYS);
    CHECK_STR(text, expected);
    free(text);
    json_decref(request);
    json_decref(contact);
}

static void it_is_created_with_what_the_backup_holds(void)
{
    static const char was[] =
        "{\"id\":\"x\",\"display_id\":\"REVU-1\",\"display_name\":\"A\",\"full_name\":\"A B\","
        "\"email\":\"a@example.com\",\"description\":\"\",\"phone_numbers\":[\"+1\"],"
        "\"external_ref\":\"user_1\",\"external_refs\":[\"user_1\",\"user_2\"],"
        "\"rev_org\":{\"id\":\"don:org\"},\"subtype\":\"vip\",\"state\":\"deactivated\","
        "\"custom_fields\":{\"tnt__seats\":5,\"tnt__share\":0.5,\"ctype__group\":{\"id\":\"g\"},"
        "\"tnt__none\":null,\"tnt__list\":[1,{\"id\":\"h\"}]},"
        "\"tags\":[{\"tag\":{\"id\":\"t\",\"name\":\"n\"},\"value\":\"v\"},{\"tag\":{\"id\":\"u\"}}"
        "]}";
    check_request(
        was, UNDO_WITH_REFERENCE | UNDO_WITH_CUSTOM,
        "{\"custom_fields\":{\"ctype__group\":\"g\",\"tnt__list\":[1,\"h\"],"
        "\"tnt__seats\":5,\"tnt__share\":0.5},"
        "\"custom_schema_spec\":{\"subtype\":\"vip\",\"tenant_fragment\":true},"
        "\"display_name\":\"A\",\"email\":\"a@example.com\",\"external_ref\":\"user_1\","
        "\"external_refs\":[\"user_1\",\"user_2\"],\"phone_numbers\":[\"+1\"],"
        "\"rev_org\":\"don:org\",\"tags\":[{\"id\":\"t\",\"value\":\"v\"},{\"id\":\"u\"}]}");
    check_request(was, 0,
                  "{\"display_name\":\"A\",\"email\":\"a@example.com\",\"phone_numbers\":[\"+1\"],"
                  "\"rev_org\":\"don:org\"}");
    check_request("{\"external_refs\":[\"a\"],\"custom_fields\":{},\"tags\":[]}",
                  UNDO_WITH_REFERENCE | UNDO_WITH_CUSTOM, "{}");
}

static bool apply(void)
{
    err = (struct err){0};
    return merge_undo_apply(&rig.worker, &rig.change, &err);
}

static const char created[] = "{\"rev_user\":{\"id\":\"" NEW "\",\"display_id\":\"REVU-50\"}}";

static void a_taken_reference_is_left_out(void)
{
    start();
    rig_contact(&rig, 2, "REVU-2", "");
    rig_answer(&rig, 409, "{\"type\":\"conflict\"}");
    rig_answer(&rig, 201, created);
    CHECK(apply());
    CHECK_STR(undo->created, NEW);
    CHECK_INT(httpserver_count(rig.server), 3);
    CHECK_STR(rig_path(&rig, 1), "/rev-users.create");
    CHECK(strstr(rig_body(&rig, 1), "\"external_ref\":\"user_1\"") != NULL);
    CHECK(strstr(rig_body(&rig, 2), "external_ref") == NULL);
    rig_finish(&rig);
}

static void a_carried_reference_is_given_back_first(void)
{
    start();
    rig_contact(&rig, 2, "user_1", "");
    rig_answer(&rig, 200, "{\"rev_user\":{}}");
    rig_answer(&rig, 201, created);
    CHECK(apply());
    CHECK_STR(rig_path(&rig, 1), "/rev-users.update");
    CHECK_STR(rig_body(&rig, 1), "{\"id\":\"" RIG_SURVIVOR "\",\"external_ref\":\"REVU-2\"}");
    CHECK_STR(rig_path(&rig, 2), "/rev-users.create");
    rig_finish(&rig);

    start(); /* it may have been given back, or not: nothing was created, so that is asked again later */
    rig_contact(&rig, 2, "user_1", "");
    rig_answer(&rig, 500, "{}");
    CHECK(!apply());
    CHECK(err.ambiguous);
    CHECK_INT(httpserver_count(rig.server), 2);
    CHECK(undo->created == NULL);
    rig_finish(&rig);
}

static void what_was_refused_or_lost_is_told(void)
{
    const struct {
        int status;
        bool ambiguous;
        const char *message;
    } cases[] = {
        {400, false, "could not call rev-users.create: the remote answered 400"},
        {502, true, "could not call rev-users.create: the remote answered 502"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        start();
        rig_contact(&rig, 2, "REVU-2", "");
        rig_answer(&rig, cases[i].status, "{}");
        CHECK(!apply());
        CHECK_STR(err.message, cases[i].message);
        CHECK_INT(err.ambiguous, cases[i].ambiguous);
        CHECK_INT(httpserver_count(rig.server), 2);
        rig_finish(&rig);
    }
}

/* --- finding --------------------------------------------------------------------------------- */

#define FOUND(id, reference, date, more)                                                           \
    "{\"id\":\"" id "\",\"display_id\":\"REVU-50\",\"display_name\":\"A. Lee\","                   \
    "\"email\":\"ann@example.com\",\"external_ref\":\"" reference "\","                            \
    "\"created_date\":\"" date "\"" more "}"
#define LATER "2026-11-24T12:00:01.000Z"
#define EARLIER "2026-11-24T11:59:50.000Z"

static enum confirm_result find(const char *by_reference, const char *by_email)
{
    start();
    rig_answer(&rig, 200, arena_printf(&rig.change.arena, "{\"rev_users\":[%s]}", by_reference));
    if (by_email != NULL) {
        rig_answer(&rig, 200, arena_printf(&rig.change.arena, "{\"rev_users\":[%s]}", by_email));
    }
    err = (struct err){0};
    enum confirm_result result = merge_undo_confirm(&rig.worker, &rig.change, &err);
    CHECK_INT(httpserver_count(rig.server), by_email != NULL ? 2 : 1);
    CHECK_STR(rig_path(&rig, 0), "/rev-users.list");
    CHECK_STR(rig_body(&rig, 0), "{\"external_ref\":[\"user_1\"],\"limit\":100}");
    if (by_email != NULL) {
        CHECK_STR(rig_body(&rig, 1), "{\"email\":[\"ann@example.com\"],\"limit\":100}");
    }
    CHECK_STR(undo->created != NULL ? undo->created : "", result == CONFIRM_DONE ? NEW : "");
    rig_finish(&rig);
    return result;
}

static void it_is_found_by_what_it_was_created_with(void)
{
    CHECK_INT(find(FOUND(NEW, "user_1", LATER, ""), NULL), CONFIRM_DONE);
    /* created without its reference */
    CHECK_INT(find("", FOUND(NEW, "REVU-50", LATER, "")), CONFIRM_DONE);
    /* nobody, the old one, an older one, one of another name, one with a reference of its own */
    CHECK_INT(find("", ""), CONFIRM_ABSENT);
    CHECK_INT(find("", FOUND(RIG_LOSER, "REVU-50", LATER, "")), CONFIRM_ABSENT);
    CHECK_INT(find("", FOUND(NEW, "REVU-50", EARLIER, "")), CONFIRM_ABSENT);
    CHECK_INT(find("", FOUND(NEW, "user_9", LATER, "")), CONFIRM_ABSENT);
    CHECK_INT(find("", FOUND(NEW, "REVU-50", LATER, ",\"state\":\"deleted\"")), CONFIRM_ABSENT);
    CHECK_INT(find(FOUND(NEW, "user_1", EARLIER, ""), ""), CONFIRM_ABSENT);
}

static void it_is_never_guessed(void)
{
    static const char message[] =
        "contact 'REVU-1' may have come back, and it cannot be told which contact it is";
    CHECK_INT(find("", FOUND(NEW, "REVU-50", LATER, "") "," FOUND(RIG_OTHER, "", LATER, "")),
              CONFIRM_CONTRADICTED);
    CHECK_STR(err.message, message);
    /* another loser of the same survivor looks the same: it may be that one's */
    CHECK_INT(find("", FOUND(NEW, "REVU-50", LATER,
                             "") "," FOUND(RIG_OTHER, "x", EARLIER,
                                           ",\"primary_identity\":{\"id\":\"" RIG_SURVIVOR "\"}")),
              CONFIRM_CONTRADICTED);
    CHECK_STR(err.message, message);
}

/* --- giving back ----------------------------------------------------------------------------- */

#define USER(id, type) "{\"id\":\"" id "\",\"type\":\"" type "\"}"

static enum confirm_result finish(void)
{
    err = (struct err){0};
    undo->created = NEW;
    return merge_undo_finish(&rig.worker, &rig.change, &err);
}

/* The lists of what the new contact has. */
static void say_seen(const char *reported, const char *owned, const char *conversations)
{
    struct arena *arena = &rig.change.arena;
    rig_answer(&rig, 200, arena_printf(arena, "{\"works\":[%s]}", reported));
    rig_answer(&rig, 200, arena_printf(arena, "{\"works\":[%s]}", owned));
    rig_answer(&rig, 200, arena_printf(arena, "{\"conversations\":[%s]}", conversations));
}

static void say_contacts(const char *survivor_more)
{
    rig_answer(
        &rig, 200,
        "{\"rev_user\":{\"id\":\"" NEW "\",\"display_id\":\"REVU-50\","
        "\"display_name\":\"A. Lee\",\"email\":\"ann@example.com\",\"external_ref\":\"user_1\"}}");
    rig_contact(&rig, 2, "REVU-2", survivor_more);
}

static bool note_link(void *ctx, const struct memory_link *link)
{
    buf_printf(ctx, "%s %" STR_FMT " %" STR_FMT " %" STR_FMT "\n", link->must ? "must" : "cannot",
               STR_ARG(link->a), STR_ARG(link->b), STR_ARG(link->why));
    return true;
}

static void what_is_the_survivors_goes_back(void)
{
    start();
    say_seen("", "", "");
    rig_answer(&rig, 200,
               "{\"work\":{\"id\":\"w1\",\"type\":\"ticket\",\"reported_by\":[" USER(
                   RIG_OTHER, "rev_user") "," USER(RIG_SURVIVOR, "rev_user") "],"
                                                                             "\"owned_by\":[" USER(
                                                                                 RIG_LOSER,
                                                                                 "rev_user") "]}}");
    rig_answer(&rig, 200, "{}");
    rig_answer(&rig, 200,
               "{\"conversation\":{\"id\":\"c1\",\"members\":[" USER(
                   RIG_SURVIVOR, "rev_user") "," USER("d", "dev_user") "]}}");
    rig_answer(&rig, 200, "{}");
    say_seen("{\"id\":\"w1\"}", "{\"id\":\"w1\"}", "{\"id\":\"c1\"}");
    say_contacts("");
    CHECK_INT(finish(), CONFIRM_DONE);
    CHECK_STR(err.message, "");
    CHECK_INT(httpserver_count(rig.server), 12);
    CHECK_STR(rig_path(&rig, 4), "/works.update");
    CHECK_STR(rig_body(&rig, 4),
              "{\"id\":\"w1\",\"reported_by\":{\"set\":[\"" RIG_OTHER "\",\"" NEW "\"]},"
              "\"owned_by\":{\"set\":[\"" NEW "\"]},\"type\":\"ticket\"}");
    CHECK_STR(rig_path(&rig, 6), "/conversations.update");
    /* the survivor was a member before, too */
    CHECK_STR(rig_body(&rig, 6),
              "{\"id\":\"c1\",\"members\":{\"set\":[\"" RIG_SURVIVOR "\",\"d\",\"" NEW "\"]}}");
    CHECK_STR(rig.change.detail,
              "{\"counts\":{\"tickets\":{\"given back\":1,\"left\":0},"
              "\"conversations\":{\"given back\":1,\"left\":0}},\"created\":\"" NEW "\"}");
    AUTO_BUF struct buf links = {0};
    CHECK_OK(memory_link_each(rig.run.journal, note_link, &links, &err), err);
    CHECK_STR(buf_z(&links), "cannot REVU-1 REVU-2 undone\ncannot REVU-2 REVU-50 undone\n");
    rig_finish(&rig);
}

static void what_is_there_already_is_not_written_again(void)
{
    start();
    say_seen("{\"id\":\"w1\"}", "{\"id\":\"w1\"}", "{\"id\":\"c1\"}");
    say_contacts("");
    CHECK_INT(finish(), CONFIRM_DONE);
    CHECK_INT(httpserver_count(rig.server), 5);
    rig_finish(&rig);
}

static void what_somebody_changed_stays_and_is_named(void)
{
    start();
    say_seen("", "{\"id\":\"w1\"}", "");
    rig_answer(&rig, 200,
               "{\"work\":{\"id\":\"w1\",\"reported_by\":[" USER(RIG_OTHER, "rev_user") "]}}");
    rig_answer(&rig, 404, "{\"type\":\"not_found\"}"); /* the conversation */
    say_contacts(",\"display_name\":\"Renamed\"");
    CHECK_INT(finish(), CONFIRM_DONE);
    CHECK_INT(err.kind, ERR_DRIFT);
    CHECK_STR(err.message, "left as it is: TKT-1 (somebody else's since), CONV-1 (cannot be read); "
                           "'REVU-2' keeps what was changed since: display_name");
    CHECK_STR(rig.change.detail,
              "{\"counts\":{\"tickets\":{\"given back\":0,\"left\":1},"
              "\"conversations\":{\"given back\":0,\"left\":1}},\"created\":\"" NEW "\"}");
    rig_finish(&rig);
}

static void what_does_not_show_yet_is_looked_at_again(void)
{
    start();
    say_seen("{\"id\":\"w1\"}", "{\"id\":\"w1\"}", "");
    rig_answer(
        &rig, 200,
        "{\"conversation\":{\"id\":\"c1\",\"members\":[" USER(RIG_SURVIVOR, "rev_user") "]}}");
    rig_answer(&rig, 200, "{}");
    say_seen("{\"id\":\"w1\"}", "{\"id\":\"w1\"}", "");
    CHECK_INT(finish(), CONFIRM_PENDING);
    CHECK_STR(err.message, "1 tickets and conversations do not show with contact '" NEW "'");
    CHECK_STR(rig.change.detail, "");
    rig_finish(&rig);

    start(); /* a write whose answer was lost */
    say_seen("{\"id\":\"w1\"}", "{\"id\":\"w1\"}", "");
    rig_answer(
        &rig, 200,
        "{\"conversation\":{\"id\":\"c1\",\"members\":[" USER(RIG_SURVIVOR, "rev_user") "]}}");
    rig_answer(&rig, 503, "{}");
    CHECK_INT(finish(), CONFIRM_UNREADABLE);
    CHECK(err.ambiguous);
    rig_finish(&rig);
}

/* TKT-1 was another loser's of the same survivor, too. */
static const char shared[] =
    "{\"version\":1,\"loser\":{\"id\":\"" RIG_LOSER "\",\"email\":\"ann@example.com\","
    "\"display_name\":\"A. Lee\",\"external_ref\":\"user_1\"},"
    "\"survivor\":{\"id\":\"" RIG_SURVIVOR "\",\"email\":\"ann@example.com\","
    "\"external_ref\":\"REVU-2\"},"
    "\"works\":[{\"id\":\"w1\",\"display_id\":\"TKT-1\",\"reported_by\":[\"loser\"],"
    "\"others\":{\"" RIG_OTHER "\":[\"reported_by\"]}}],\"conversations\":[]}";

static void check_shared(bool parted, const char *expected)
{
    start_with(shared);
    const struct memory_link link = {
        .a = STR(RIG_OTHER), .b = STR(RIG_SURVIVOR), .why = STR("undone")};
    if (parted) {
        CHECK_OK(memory_link_put(rig.run.journal, rig.run.clock, &link, &err), err);
    }
    rig_answer(&rig, 200, "{\"works\":[]}");
    rig_answer(&rig, 200,
               "{\"work\":{\"id\":\"w1\",\"reported_by\":[" USER(RIG_SURVIVOR, "rev_user") "]}}");
    rig_contact(&rig, 9, "user_9", ",\"primary_identity\":{\"id\":\"" RIG_SURVIVOR "\"}");
    rig_answer(&rig, 200, "{}");
    rig_answer(&rig, 200, "{\"works\":[{\"id\":\"w1\"}]}");
    say_contacts("");
    CHECK_INT(finish(), CONFIRM_DONE);
    CHECK_STR(rig_body(&rig, 3), expected);
    rig_finish(&rig);
}

static void the_survivor_stays_for_another_loser(void)
{
    check_shared(false,
                 "{\"id\":\"w1\",\"reported_by\":{\"set\":[\"" RIG_SURVIVOR "\",\"" NEW "\"]}}");
    check_shared(true, "{\"id\":\"w1\",\"reported_by\":{\"set\":[\"" NEW "\"]}}");
}

/* --- plan and preview ------------------------------------------------------------------------ */

static const struct plan_column merge_columns[] = {
    {{"email", 5}, {"email", 5}, {"email", 5}, true},
    {{"updated", 7}, {"modified_date", 13}, {"trim", 4}, false},
};

static bool give(void *ctx UNUSED, undo_take_fn take, void *take_ctx, struct err *give_err)
{
    const struct plan_value seen[] = {{STR("ann@example.com"), STR("bob@example.com")},
                                      {STR("2026"), STR("2025")}};
    const struct plan_change change = {.seq = 3,
                                       .id = "00112233445566778899aabbccddeeff",
                                       .target = STR("REVU-1"),
                                       .survivor = STR("REVU-2"),
                                       .strategy = STR("cxp-uid"),
                                       .reason = STR("same"),
                                       .values = seen};
    struct change_row row = {.state = CHANGE_UNKNOWN,
                             .backup = "backups/a",
                             .detail = "{\"counts\":{\"tickets\":{\"of the loser before\":4},"
                                       "\"conversations\":{\"of the loser before\":0}},"
                                       "\"carried\":true}"};
    return take(take_ctx, &change, &row, NULL, give_err) &&
           take(take_ctx, &change, &row, "its undo is not settled: resume run 9", give_err);
}

static void the_plan_says_what_comes_back(void)
{
    rig_start(&rig);
    const struct plan_header merged = {.rules = STR("external-contacts"),
                                       .rules_hash = STR("ab"),
                                       .columns = merge_columns,
                                       .column_count = ARRAY_LEN(merge_columns)};
    const struct undo_source source = {.run = 7, .header = &merged, .each = give};
    struct plan_summary summary = {0};
    char path[32];
    static int number = 0;
    (void)snprintf(path, sizeof(path), "undo-%d.plan", ++number);
    CHECK_OK(merge_undo_plan(&rig.run, &source, path, &summary, &err), err);
    CHECK_INT(summary.totals.changes, 1);
    CHECK_INT(summary.totals.review, 1);
    AUTO(plan_reader_free)
    struct plan_reader *plan = plan_reader_open(rig.run.workspace_fd, path, NULL, &err);
    const struct plan_header *header = plan_reader_header(plan);
    CHECK(undo_is_plan(header));
    CHECK_TEXT(header->job, "merge-undo");
    CHECK_TEXT(header->rules, "external-contacts");
    CHECK_INT(header->column_count, UNDO_COLUMNS + 2);
    CHECK(!header->columns[UNDO_COLUMNS].decides);
    enum plan_item item;
    struct plan_change change;
    struct plan_finding finding;
    CHECK_OK(plan_next(plan, &item, &change, &finding, &err), err);
    CHECK_TEXT(change.values[UNDO_COLUMN_ORIGIN].after, "7/3");
    CHECK_TEXT(change.values[UNDO_COLUMN_CHANGE].after, "00112233445566778899aabbccddeeff");
    CHECK_TEXT(change.values[UNDO_COLUMN_BACKUP].after, "backups/a");
    CHECK_TEXT(change.values[UNDO_COLUMNS].after, "ann@example.com");
    AUTO_BUF struct buf text = {0};
    merge_undo_describe(header, &change, &text);
    CHECK_STR(buf_z(&text), "bring back REVU-1\n out of REVU-2\n"
                            "  why            undoes change 00112233 of run 7\n"
                            "  was            unknown: only if it is seen that it was merged\n"
                            "  email          ann@example.com\n"
                            "  tickets        4, where they are still the survivor's\n"
                            "  conversations  0, where they are still the survivor's\n"
                            "  survivor       gives the external reference back\n");
    CHECK_OK(plan_next(plan, &item, &change, &finding, &err), err);
    CHECK_INT(item, PLAN_REVIEW);
    CHECK_TEXT(finding.reason, "its undo is not settled: resume run 9");
    rig_finish(&rig);
}

TAP_MAIN(TAP_TEST(it_is_created_with_what_the_backup_holds),
         TAP_TEST(a_taken_reference_is_left_out), TAP_TEST(a_carried_reference_is_given_back_first),
         TAP_TEST(what_was_refused_or_lost_is_told),
         TAP_TEST(it_is_found_by_what_it_was_created_with), TAP_TEST(it_is_never_guessed),
         TAP_TEST(what_is_the_survivors_goes_back),
         TAP_TEST(what_is_there_already_is_not_written_again),
         TAP_TEST(what_somebody_changed_stays_and_is_named),
         TAP_TEST(what_does_not_show_yet_is_looked_at_again),
         TAP_TEST(the_survivor_stays_for_another_loser), TAP_TEST(the_plan_says_what_comes_back))
