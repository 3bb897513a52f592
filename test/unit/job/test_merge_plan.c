/* SPDX-License-Identifier: MIT */
#include "job/merge_plan.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/queue.h"
#include "harness/tap.h"

#define HEAD "REV_USER_ID,DISPLAY_NAME,EMAIL,EXTERNAL_REF,FULL_NAME,TICKET_COUNT\n"

static struct err err; /* of the call in hand */

struct rig {
    const char *rules;
    const struct links *links;
    char csv[512];
    char out[512];
    char plan[512];
    struct merge_plan_result result;
    struct plan_totals totals;
};

static void rig_begin(struct rig *rig, str text)
{
    *rig = (struct rig){.rules = "revu-pairs"};
    (void)snprintf(rig->csv, sizeof(rig->csv), "%s/in.csv", tap_tmpdir());
    (void)snprintf(rig->out, sizeof(rig->out), "%s/out.csv", tap_tmpdir());
    (void)snprintf(rig->plan, sizeof(rig->plan), "%s/test.plan", tap_tmpdir());
    (void)unlink(rig->csv);
    (void)unlink(rig->out);
    (void)unlink(rig->plan);
    CHECK_OK(fs_write_new(AT_FDCWD, rig->csv, text, false, &err), err);
}

static bool rig_run(struct rig *rig, bool strict, int threads)
{
    struct merge_plan_options options = {.csv_path = rig->csv,
                                         .rules = rig->rules,
                                         .csv_out = rig->out,
                                         .strict = strict,
                                         .threads = threads,
                                         .links = rig->links};
    AUTO(merge_plan_free) struct merge_plan *plan = merge_plan_open(&options, &err);
    if (plan == NULL) {
        return false;
    }
    AUTO(plan_writer_free)
    struct plan_writer *writer =
        plan_writer_new(AT_FDCWD, rig->plan, merge_plan_header(plan), &err);
    return writer != NULL && merge_plan_run(plan, writer, &rig->result, &err) &&
           plan_writer_finish(writer, &rig->totals, &err);
}

static void check_out(const struct rig *rig, const char *expected)
{
    AUTO_BUF struct buf text = {0};
    CHECK_OK(fs_read(AT_FDCWD, rig->out, &text, &err), err);
    CHECK_TEXT(buf_str(&text), expected);
}

/* The plan's records, one a line. */
static void check_plan(const struct rig *rig, const char *expected)
{
    err = (struct err){0};
    AUTO_BUF struct buf out = {0};
    AUTO(plan_reader_free)
    struct plan_reader *reader = plan_reader_open(AT_FDCWD, rig->plan, NULL, &err);
    if (!CHECK(reader != NULL)) {
        return;
    }
    size_t columns = plan_reader_header(reader)->column_count;
    enum plan_item item = PLAN_END;
    struct plan_change change;
    struct plan_finding finding;
    while (plan_next(reader, &item, &change, &finding, &err) && item != PLAN_END) {
        if (item != PLAN_CHANGE) {
            buf_printf(&out, "%s %" STR_FMT " %llu %" STR_FMT "\n",
                       item == PLAN_BAD ? "bad" : "review", STR_ARG(finding.id),
                       (unsigned long long)finding.line, STR_ARG(finding.reason));
            continue;
        }
        buf_printf(&out, "change %" STR_FMT " > %" STR_FMT " (%" STR_FMT ": %" STR_FMT ")",
                   STR_ARG(change.target), STR_ARG(change.survivor), STR_ARG(change.strategy),
                   STR_ARG(change.reason));
        for (size_t i = 0; i < columns; i++) {
            buf_printf(&out, " [%" STR_FMT "|%" STR_FMT "]", STR_ARG(change.values[i].before),
                       STR_ARG(change.values[i].after));
        }
        buf_addc(&out, '\n');
    }
    CHECK(!err_is(&err));
    CHECK_TEXT(buf_str(&out), expected);
}

static void plans_pairs(void)
{
    struct rig rig;
    rig_begin(&rig, STR(HEAD "u/1,Ann,Ann@example.com,REVU-1,Ann Lee,3\n"
                             "u/2,\"Lee, Ann\", ann@example.com,user_1,,0\n"
                             "u/3,Bob,bob@example.com,user_2,,\n"
                             "u/4,Zoe,zoe@example.com,user_3,,1\n"
                             "u/5,Zoe,zoe@example.com,crm-9,,1\n"
                             "u/6,Info,info@example.com,user_4,,1\n"
                             "u/7,Info,info@example.com,REVU-4,,1\n"
                             "u/8,None,,REVU-5,,1\n"));
    CHECK_OK(rig_run(&rig, false, 1), err);
    check_out(&rig, "user_id,action,strategy,survivor_id,reason\n"
                    "u/1,merge,revu-pairs,u/2,same email\n"
                    "u/2,keep,revu-pairs,u/2,survivor of 2 contacts\n"
                    "u/3,none,,,no other contact shares its email\n"
                    "u/4,review,,,\"not-a-pair: 0 generated, 1 cxp, 1 other\"\n"
                    "u/5,review,,,\"not-a-pair: 0 generated, 1 cxp, 1 other\"\n"
                    "u/6,review,,,email: 2 contacts share a blocked email\n"
                    "u/7,review,,,email: 2 contacts share a blocked email\n"
                    "u/8,none,,,it has no email\n");
    check_plan(&rig, "change u/1 > u/2 (revu-pairs: same email) "
                     "[Ann@example.com| ann@example.com] [REVU-1|user_1] [3|0] [Ann|Lee, Ann] "
                     "[Ann Lee|]\n"
                     "review u/4 5 not-a-pair: 0 generated, 1 cxp, 1 other\n"
                     "review u/5 6 not-a-pair: 0 generated, 1 cxp, 1 other\n"
                     "review u/6 7 email: 2 contacts share a blocked email\n"
                     "review u/7 8 email: 2 contacts share a blocked email\n");
    CHECK_INT(rig.result.rows, 8);
    CHECK_INT(rig.result.good, 8);
    CHECK_INT(rig.result.keep, 1);
    CHECK_INT(rig.result.merge, 1);
    CHECK_INT(rig.result.review, 4);
    CHECK_INT(rig.result.none, 2);
    CHECK_INT(rig.result.contacts, 8);
    CHECK_INT(rig.result.changes, 1);
    CHECK_INT(rig.totals.changes, 1);
    CHECK_INT(rig.totals.review, 4);
    CHECK(rig.result.peak_bytes > 0);
}

static void a_change_stands_where_its_second_contact_is(void)
{
    struct rig rig;
    rig_begin(&rig, STR("id,email,external_ref\n"
                        "s1,a@example.com,user_1\n"
                        "l2,b@example.com,REVU-2\n"
                        "r3,c@example.com,x\n"
                        "s2,b@example.com,user_2\n"
                        "l1,a@example.com,REVU-1\n"
                        "r4,c@example.com,x\n"));
    CHECK_OK(rig_run(&rig, false, 2), err);
    check_plan(&rig, "review r3 4 not-a-pair: 0 generated, 0 cxp, 2 other\n"
                     "change l2 > s2 (revu-pairs: same email) [b@example.com|b@example.com] "
                     "[REVU-2|user_2]\n"
                     "change l1 > s1 (revu-pairs: same email) [a@example.com|a@example.com] "
                     "[REVU-1|user_1]\n"
                     "review r4 7 not-a-pair: 0 generated, 0 cxp, 2 other\n");
}

static void lists_bad_rows(void)
{
    struct rig rig;
    rig_begin(&rig, STR(HEAD "u/1,a,ann@example.com,REVU-1,a,3\n"
                             "u/2,a,ann@example.com,user_1,a\n"
                             "\n"
                             "u/3,a,\"bob@example.com\nx\",user_2,a,1\n"
                             ",a,ann@example.com,user_2,a,1\n"
                             "u/5,\xff,eve@example.com,user_2,a,1\n"
                             "u/6,a,eve@example.com,user_2,a,many\n"
                             "u/7,a\"b,eve@example.com,user_2,a,1\n"
                             "u/8,a,eve@example.com,user_3,a,1\n"
                             "u/9,a,one@example.com,user_3,a,1\n"
                             "u/9,a,two@example.com,user_3,a,1\n"
                             "x\n"
                             "u/10,\"a\n\0b\",x@example.com,user_9,a,1\n"
                             "u/1,b,ann@example.com,REVU-1,other,3\n"
                             "u/11,\"open,\n"));
    CHECK_OK(rig_run(&rig, false, 1), err);
    check_out(
        &rig,
        "user_id,action,strategy,survivor_id,reason\n"
        "u/1,review,,,undecided: 1 of the 2 contacts that share its email is a bad row\n"
        ",review,,,\"bad-row: line 3 has 5 fields, the header has 6\"\n"
        "u/3,none,,,no other contact shares its email\n"
        ",review,,,bad-row: line 7 has no id\n"
        ",review,,,bad-row: line 8 is not UTF-8\n"
        "u/6,review,,,bad-row: line 9: tickets is no count\n"
        ",review,,,bad-row: line 10: a quote inside a field that is not quoted\n"
        "u/8,review,,,undecided: 1 of the 2 contacts that share its email is a bad row\n"
        "u/9,review,,,bad-row: line 12: its id stands in several rows with different content\n"
        "u/9,review,,,bad-row: line 13: its id stands in several rows with different content\n"
        ",review,,,\"bad-row: line 14 has 1 field, the header has 6\"\n"
        ",review,,,bad-row: line 15: a NUL byte in line 16\n"
        "u/1,review,,,undecided: 1 of the 2 contacts that share its email is a bad row\n"
        ",review,,,bad-row: line 18: a quote that is never closed\n");
    check_plan(&rig,
               "review u/1 2 undecided: 1 of the 2 contacts that share its email is a bad row\n"
               "bad  3 bad-row: line 3 has 5 fields, the header has 6\n"
               "bad  7 bad-row: line 7 has no id\n"
               "bad  8 bad-row: line 8 is not UTF-8\n"
               "bad u/6 9 bad-row: line 9: tickets is no count\n"
               "bad  10 bad-row: line 10: a quote inside a field that is not quoted\n"
               "review u/8 11 undecided: 1 of the 2 contacts that share its email is a bad row\n"
               "bad u/9 12 bad-row: line 12: its id stands in several rows with different content\n"
               "bad u/9 13 bad-row: line 13: its id stands in several rows with different content\n"
               "bad  14 bad-row: line 14 has 1 field, the header has 6\n"
               "bad  15 bad-row: line 15: a NUL byte in line 16\n"
               "bad  18 bad-row: line 18: a quote that is never closed\n");
    CHECK_INT(rig.result.rows, 14);
    CHECK_INT(rig.result.good, 4);
    CHECK_INT(rig.result.bad, 10);
    CHECK_INT(rig.result.review, 13);
    CHECK_INT(rig.result.contacts, 3);
    CHECK_INT(rig.result.first_bad_count, 10);
    CHECK_INT(rig.result.first_bad[0].line, 3);
    CHECK_STR(rig.result.first_bad[0].reason, "bad-row: line 3 has 5 fields, the header has 6");
    CHECK_INT(rig.result.first_bad[9].line, 18);
}

static void a_long_cell_is_a_bad_row(void)
{
    AUTO_BUF struct buf text = {0};
    buf_addz(&text, "id,email,external_ref\nu1,a@example.com,user_1\nu2,a@example.com,");
    for (int i = 0; i < 65537; i++) {
        buf_addc(&text, 'x');
    }
    buf_addz(&text, "\nu3,b@example.com,");
    for (int i = 0; i < 65536; i++) {
        buf_addc(&text, 'x');
    }
    buf_addz(&text, "\nu4,c@example.com,\"");
    for (int i = 0; i < 9000000; i++) {
        buf_addc(&text, i % 100 == 0 ? '\n' : 'x');
    }
    buf_addz(&text, "\"\nu5,d@example.com,user_1\n");
    struct rig rig;
    rig_begin(&rig, buf_str(&text));
    CHECK_OK(rig_run(&rig, false, 2), err);
    check_out(&rig, "user_id,action,strategy,survivor_id,reason\n"
                    "u1,none,,,no other contact shares its email\n"
                    ",review,,,bad-row: line 3: a field that is too long\n"
                    "u3,none,,,no other contact shares its email\n"
                    ",review,,,bad-row: line 5: a field that is too long\n"
                    "u5,none,,,no other contact shares its email\n");
}

/* The other shape as it comes, with its empty name. */
#define PIVOT                                                                                      \
    "Email,External Ref,Modified By Name,User ID,Type,Display ID,Devrev Account ID,"               \
    "Devrev Account Name,Updated At,CXP User id,Updated by BI service,,Linked to acc,Tickets,"     \
    "Action,Strategy\n"

static void plans_the_pivot_shape(void)
{
    struct rig rig;
    rig_begin(&rig,
              STR(PIVOT
                  "a@x.example,user_1,Ann,U1,rev_user,REVU-1,A,Acme,2024-01-01,1,No,,Yes,3,Main,1\n"
                  "b@x.example,r,Ann,U2,rev_user,REVU-2,,Acme,2024-01-01,,No,,Yes,1,,\n"
                  "A@x.example,,Ann,U3,rev_user,REVU-3,A,Acme,2024-01-01,,No,,Yes,,Merge,1\n"
                  ",r,Ann,U4,rev_user,REVU-4,,Upwork,2024-01-01,,No,,Yes,2,,\n"));
    rig.rules = "external-contacts";
    CHECK_OK(rig_run(&rig, true, 2), err);
    check_out(&rig, "user_id,action,strategy,survivor_id,reason\n"
                    "U1,keep,cxp-uid,U1,survivor of 2 contacts\n"
                    "U2,keep,external-ref,U2,survivor of 2 contacts\n"
                    "U3,merge,cxp-uid,U1,same email-and-account\n"
                    "U4,merge,external-ref,U2,same reference\n");
    check_plan(&rig, "change U3 > U1 (cxp-uid: same email-and-account) [A@x.example|a@x.example] "
                     "[|user_1] [A|A] [Acme|Acme] [Ann|Ann] [No|No] [|1] [2024-01-01|2024-01-01] "
                     "[|3] [REVU-3|REVU-1]\n"
                     "change U4 > U2 (external-ref: same reference) [|b@x.example] [r|r] [|] "
                     "[Upwork|Acme] [Ann|Ann] [No|No] [|] [2024-01-01|2024-01-01] [2|1] "
                     "[REVU-4|REVU-2]\n");
}

static void people_come_first(void)
{
    struct rig rig;
    rig_begin(&rig, STR(HEAD "u/1,Ann,a@example.com,REVU-1,Ann Lee,3\n"
                             "u/2,Ann,a@example.com,user_1,,0\n"
                             "u/3,Bob,b@example.com,user_2,,\n"
                             "u/4,Zoe,c@example.com,REVU-3,,1\n"));
    AUTO(links_free) struct links *links = links_new();
    links_add(links, LINK_CANNOT, STR("u/1"), STR("u/2"));
    links_add(links, LINK_MUST, STR("u/4"), STR("u/3"));
    rig.links = links;
    CHECK_OK(rig_run(&rig, true, 1), err);
    check_out(&rig, "user_id,action,strategy,survivor_id,reason\n"
                    "u/1,review,,,cannot-link: people said that 'u/2' and 'u/1' are not one\n"
                    "u/2,review,,,cannot-link: people said that 'u/2' and 'u/1' are not one\n"
                    "u/3,keep,must-link,u/3,survivor of 2 contacts\n"
                    "u/4,merge,must-link,u/3,people said that they are one\n");
    CHECK_INT(rig.totals.changes, 1);
}

static void guards_of_pairs(void)
{
    struct rig rig;
    /* two users, where the file says so */
    rig_begin(&rig, STR(PIVOT "a@x.example,user_1,,U1,,,,,,1,,,,,,\n"
                              "a@x.example,REVU-1,,U2,,,,,,2.0,,,,,,\n"
                              "b@x.example,user_3,,U3,,,,,,3,,,,,,\n"
                              "b@x.example,REVU-3,,U4,,,,,,n/a,,,,,,\n"));
    CHECK_OK(rig_run(&rig, true, 1), err);
    check_out(&rig, "user_id,action,strategy,survivor_id,reason\n"
                    "U1,review,,,conflict: 'U1' and 'U2' differ in uid\n"
                    "U2,review,,,conflict: 'U1' and 'U2' differ in uid\n"
                    "U3,keep,revu-pairs,U3,survivor of 2 contacts\n"
                    "U4,merge,revu-pairs,U3,same email\n");
}

static void needs_the_columns_of_its_rules(void)
{
    struct rig rig;
    rig_begin(&rig, STR(HEAD "u/1,Ann,a@example.com,REVU-1,Ann Lee,3\n"));
    rig.rules = "external-contacts";
    AUTO_BUF struct buf expected = {0};
    buf_printf(&expected,
               "could not use '%s': missing columns: 'account_id', 'account_name', 'modified_by', "
               "'bi_service', 'uid', 'updated'",
               rig.csv);
    CHECK_ERR(rig_run(&rig, false, 1), err, ERR_INPUT, buf_z(&expected));
}

static void check_refused(const char *text, const char *what)
{
    struct rig rig;
    rig_begin(&rig, str_of(text));
    AUTO_BUF struct buf expected = {0};
    const char *mark = strchr(what, '%');
    buf_add(&expected, what, mark != NULL ? (size_t)(mark - what) : strlen(what));
    if (mark != NULL) {
        buf_addz(&expected, rig.csv);
        buf_addz(&expected, mark + 1);
    }
    CHECK_ERR(rig_run(&rig, false, 1), err, ERR_INPUT, buf_z(&expected));
    CHECK(!fs_exists(AT_FDCWD, rig.out));
}

static void refuses_unusable_files(void)
{
    check_refused("", "could not plan '%': the file is empty");
    check_refused("\n\n", "could not plan '%': the file is empty");
    check_refused(HEAD, "could not plan '%': no row follows the header");
    check_refused(HEAD "\n\n", "could not plan '%': no row follows the header");
    check_refused("REV_USER_ID,NAME\nx,y\n",
                  "could not use '%': missing columns: 'email', 'external_ref'");
    check_refused("id,email,EMAIL,external_ref,tickets,Tickets\n",
                  "could not use '%': columns that stand there twice: 'email', 'tickets'");
    check_refused("id;email;external_ref\nx;y;z\n",
                  "could not read '%': its columns are separated by semicolons");
    check_refused("id,\"email\nx,y\n", "could not read the header of '%': a quote that is never "
                                       "closed in line 1");
    check_refused("id,email,external_ref\n,a,b\nx,y\n",
                  "could not plan '%': none of its 2 rows is good: bad-row: line 2 has no id");
}

static void refuses_what_is_no_file(void)
{
    struct rig rig;
    char expected[700];
    rig_begin(&rig, STR(HEAD));
    (void)unlink(rig.csv);
    (void)snprintf(expected, sizeof(expected), "could not open '%s': No such file or directory",
                   rig.csv);
    CHECK_ERR(rig_run(&rig, false, 1), err, ERR_INPUT, expected);
    (void)snprintf(rig.csv, sizeof(rig.csv), "%s", tap_tmpdir());
    (void)snprintf(expected, sizeof(expected), "could not read '%s': it is a directory", rig.csv);
    CHECK_ERR(rig_run(&rig, false, 1), err, ERR_INPUT, expected);
    (void)snprintf(rig.csv, sizeof(rig.csv), "/dev/null");
    CHECK_ERR(rig_run(&rig, false, 1), err, ERR_INPUT,
              "could not read '/dev/null': it is not a regular file");
}

static void strict_refuses_one_bad_row(void)
{
    struct rig rig;
    char expected[700];
    rig_begin(&rig, STR(HEAD "u/1,a,ann@example.com,REVU-1,a,3\n"
                             "u/2,a,ann@example.com,user_1,a,x\n"));
    (void)snprintf(expected, sizeof(expected),
                   "could not plan '%s': 1 of its 2 rows is bad: bad-row: line 3: tickets is no "
                   "count",
                   rig.csv);
    CHECK_ERR(rig_run(&rig, true, 1), err, ERR_INPUT, expected);
    CHECK_STR(err.hint, "Without --strict the good rows are planned and the bad ones listed.");
    CHECK(!fs_exists(AT_FDCWD, rig.out));
    CHECK_INT(rig.result.bad, 1);
    CHECK_STR(rig.result.first_bad[0].reason, "bad-row: line 3: tickets is no count");
    rig_begin(&rig, STR(HEAD "u/1,a,ann@example.com,REVU-1,a,3\n"));
    CHECK_OK(rig_run(&rig, true, 1), err);
}

static void the_input_is_no_output(void)
{
    struct rig rig;
    char expected[700];
    rig_begin(&rig, STR("id,email,external_ref\nu1,a@example.com,user_1\n"));
    memcpy(rig.out, rig.csv, sizeof(rig.out));
    (void)snprintf(expected, sizeof(expected), "could not write '%s': it is the input", rig.csv);
    CHECK_ERR(rig_run(&rig, false, 1), err, ERR_USAGE, expected);
    (void)snprintf(rig.out, sizeof(rig.out), "%s/none/out.csv", tap_tmpdir());
    (void)unlink(rig.plan);
    (void)snprintf(expected, sizeof(expected), "could not create '%s': No such file or directory",
                   rig.out);
    CHECK_ERR(rig_run(&rig, false, 1), err, ERR_IO, expected);
}

static void the_decisions_replace_a_file_whole(void)
{
    struct rig rig;
    rig_begin(&rig, STR("id,email,external_ref\nu1,a@example.com,user_1\n"));
    CHECK_OK(
        fs_write_new(AT_FDCWD, rig.out, STR("older and longer than what comes now"), false, &err),
        err);
    CHECK_OK(rig_run(&rig, false, 1), err);
    check_out(&rig, "user_id,action,strategy,survivor_id,reason\n"
                    "u1,none,,,no other contact shares its email\n");
}

static void fills_the_plan_header(void)
{
    struct rig rig;
    rig_begin(&rig, STR("Tickets,id,Full Name,email,External Ref,other\n1,a,b,c,d,e\n"));
    struct merge_plan_options options = {.csv_path = rig.csv, .rules = "revu-pairs"};
    AUTO(merge_plan_free) struct merge_plan *plan = merge_plan_open(&options, &err);
    if (!CHECK(plan != NULL)) {
        return;
    }
    const struct plan_header *header = merge_plan_header(plan);
    CHECK_TEXT(header->job, "merge");
    CHECK_TEXT(header->rules, "revu-pairs");
    CHECK_TEXT(header->kind, "merge-contact");
    CHECK_TEXT(header->source, "csv");
    CHECK_INT(header->rules_hash.len, 64);
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < header->column_count; i++) {
        const struct plan_column *c = &header->columns[i];
        buf_printf(&out, "%" STR_FMT "/%" STR_FMT "/%" STR_FMT "/%d ", STR_ARG(c->name),
                   STR_ARG(c->remote), STR_ARG(c->form), c->decides);
    }
    CHECK_STR(buf_z(&out), "email/email/email/1 external_ref/external_ref/trim/1 "
                           "tickets//count/1 full_name/full_name/trim/0 ");
}

static void interrupts(void)
{
    struct rig rig;
    rig_begin(&rig, STR("id,email,external_ref\nu1,a@example.com,user_1\n"));
    struct stop stop;
    stop_init(&stop);
    struct merge_plan_options options = {
        .csv_path = rig.csv, .rules = "revu-pairs", .csv_out = rig.out, .stop = &stop};
    AUTO(merge_plan_free) struct merge_plan *plan = merge_plan_open(&options, &err);
    stop_raise(&stop, 1);
    CHECK_ERR(merge_plan_run(plan, NULL, &rig.result, &err), err, ERR_INTERRUPTED,
              "could not finish the plan: interrupted");
    char expected[700];
    (void)snprintf(expected, sizeof(expected), "could not plan '%s' twice", rig.csv);
    CHECK_ERR(merge_plan_run(plan, NULL, &rig.result, &err), err, ERR_INTERNAL, expected);
    CHECK(!fs_exists(AT_FDCWD, rig.out));
    stop_done(&stop);
}

/* The decisions go to a pipe that nobody empties until the file has been changed: the planner is
 * then certainly between its first and its last look at the file. */
static void *change_and_drain(void *arg)
{
    const struct rig *rig = arg;
    AUTO_CLOSE int pipe = open(rig->out, O_RDONLY | O_CLOEXEC);
    AUTO_CLOSE int file = open(rig->csv, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (write(file, "x", 1) != 1) {
        return NULL;
    }
    char drop[4096];
    while (read(pipe, drop, sizeof(drop)) > 0) {
    }
    return NULL;
}

static void notices_a_changed_file(void)
{
    AUTO_BUF struct buf text = {0};
    buf_addz(&text, "id,email,external_ref\n");
    for (int i = 0; i < 5000; i++) {
        buf_printf(&text, "u%d,person%d@example.com,user_%d\n", i, i, i);
    }
    struct rig rig;
    rig_begin(&rig, buf_str(&text));
    CHECK_INT(mkfifo(rig.out, 0600), 0);
    pthread_t thread;
    CHECK_OK(thread_start(&thread, "drain", change_and_drain, &rig, &err), err);
    char expected[700];
    (void)snprintf(expected, sizeof(expected),
                   "could not plan '%s': the file changed while it was read", rig.csv);
    CHECK_ERR(rig_run(&rig, false, 1), err, ERR_INPUT, expected);
    (void)pthread_join(thread, NULL);
    CHECK_STR(err.hint, "Plan again when nothing writes to the file.");
}

TAP_MAIN(TAP_TEST(plans_pairs), TAP_TEST(plans_the_pivot_shape), TAP_TEST(people_come_first),
         TAP_TEST(guards_of_pairs), TAP_TEST(needs_the_columns_of_its_rules),
         TAP_TEST(a_change_stands_where_its_second_contact_is), TAP_TEST(lists_bad_rows),
         TAP_TEST(a_long_cell_is_a_bad_row), TAP_TEST(refuses_unusable_files),
         TAP_TEST(refuses_what_is_no_file), TAP_TEST(strict_refuses_one_bad_row),
         TAP_TEST(the_input_is_no_output), TAP_TEST(the_decisions_replace_a_file_whole),
         TAP_TEST(fills_the_plan_header), TAP_TEST(interrupts), TAP_TEST(notices_a_changed_file))
