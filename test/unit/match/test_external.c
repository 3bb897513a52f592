/* SPDX-License-Identifier: MIT */
/* What rules/external-contacts.yaml decides, strategy by strategy and guard by guard. */
#include "match/decide.h"

#include <stdio.h>

#include "harness/tap.h"

enum { CELLS = 11, MAX_LINES = 40 };

/* "id|email|ref|account id|account name|modified by|bi|uid|updated|tickets|display id"; what a line
 * leaves out at its end is empty. */
static void add_line(struct rows *rows, struct contact_reader *reader, const char *line)
{
    str cells[RULES_MAX_COLUMNS] = {0};
    str rest = str_of(line);
    for (size_t i = 0; i < CELLS && rest.ptr != NULL; i++) {
        cells[i] = str_cut(rest, '|', &rest);
    }
    struct contact contact;
    contact_read(reader, cells, &contact);
    (void)rows_add(rows, &contact);
}

static void add_decision(struct buf *out, const struct decisions *d, uint32_t row)
{
    static const char *const names[] = {"none", "review", "merge", "keep"};
    uint32_t first = decisions_first(d, row);
    enum action action = decisions_action(d, first);
    ids_unpack(d->ids, d->id[row], out);
    buf_printf(out, " %s", names[action]);
    if ((d->row[row].flags & ROW_BAD) != 0) {
        buf_addz(out, " bad\n");
        return;
    }
    if (action == ACTION_KEEP || action == ACTION_MERGE) {
        buf_addc(out, ' ');
        decisions_strategy(d, first, out);
        buf_addc(out, ' ');
        ids_unpack(d->ids, d->id[decisions_root(d, first)], out);
    } else if (action == ACTION_REVIEW) {
        buf_addz(out, ": ");
        decisions_reason(d, first, out);
    }
    buf_addc(out, '\n');
}

static void decide_lines(const char *const *lines, const struct links *links, int threads,
                         struct buf *out)
{
    struct err err = {0};
    AUTO(rules_free) struct rules *rules = rules_load("external-contacts", &err);
    if (!CHECK(rules != NULL)) {
        printf("# %s\n", err.message);
        return;
    }
    AUTO(ids_free) struct ids *ids = ids_new();
    AUTO(contact_reader_free) struct contact_reader *reader = contact_reader_new(rules);
    size_t count = 0;
    while (lines[count] != NULL) {
        count++;
    }
    struct rows *parts[2] = {rows_new(rules, ids), rows_new(rules, ids)};
    for (size_t i = 0; i < count; i++) {
        add_line(parts[i >= count / 2], reader, lines[i]);
    }
    const struct decide_options options = {.threads = threads, .links = links};
    AUTO(decisions_free) struct decisions *d = decide(rules, parts, 2, &options, &err);
    rows_free(parts[0]);
    rows_free(parts[1]);
    if (!CHECK(d != NULL)) {
        printf("# %s\n", err.message);
        return;
    }
    CHECK_OK(decisions_prove(d, &err), err);
    for (uint32_t row = 0; row < d->count; row++) {
        add_decision(out, d, row);
    }
}

static void check_decisions(const char *expected, const char *const *lines, const char *file,
                            int line)
{
    for (int threads = 1; threads <= 2; threads++) {
        AUTO_BUF struct buf out = {0};
        decide_lines(lines, NULL, threads, &out);
        (void)tap_check_str(buf_str(&out), str_of(expected), file, line, lines[0]);
    }
}

#define DECIDES(expected, ...)                                                                     \
    check_decisions(expected, (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)

#define SHARE(n, key, strategy)                                                                    \
    "undecided: " n " contacts share one " key ", and '" strategy "' does not decide between "     \
    "them\n"

static void one_cxp_of_an_account_is_kept(void)
{
    DECIDES("1 keep cxp-uid 1\n"
            "2 merge cxp-uid 1\n"
            "3 merge cxp-uid 1\n",
            "1|a@x.example|user_1|ACC-1", "2|A@X.example|REVU-2|ACC-1|Other name",
            "3| a@x.example ||ACC-1");
    /* two of them, none of them, another account, an id is never a name */
    DECIDES(
        "1 review: " SHARE("2", "email-and-account", "cxp-uid") "2 review: " SHARE("2", "email-and-account", "cxp-uid") "3 review: " SHARE(
            "2", "email-and-account",
            "cxp-uid") "4 review: " SHARE("2", "email-and-account",
                                          "cxp-uid") "5 review: " SHARE("2", "email",
                                                                        "velocity-global") "6 "
                                                                                           "review:"
                                                                                           " " SHARE(
                                                                                               "2",
                                                                                               "ema"
                                                                                               "il",
                                                                                               "vel"
                                                                                               "oci"
                                                                                               "ty-"
                                                                                               "glo"
                                                                                               "ba"
                                                                                               "l") "7 "
                                                                                                    "revi"
                                                                                                    "ew:"
                                                                                                    " " SHARE("2", "email", "velocity-global") "8 review: " SHARE(
                                                                                                        "2",
                                                                                                        "email",
                                                                                                        "velocity-global"),
        "1|a@x.example|user_1|ACC-1", "2|a@x.example|user_2|ACC-1", "3|b@x.example||ACC-1",
        "4|b@x.example||ACC-1", "5|c@x.example|user_5|ACC-1", "6|c@x.example||ACC-2",
        "7|d@x.example|user_7|acme", "8|d@x.example|||acme");
    /* the account's name where there is no id, folded; no account equals nothing */
    DECIDES("1 keep cxp-uid 1\n"
            "2 merge cxp-uid 1\n"
            "3 review: " SHARE("2", "email", "velocity-global") "4 review: " SHARE(
                "2", "email", "velocity-global"),
            "1|a@x.example|user_1||Acme  Inc", "2|a@x.example||| ACME inc", "3|b@x.example|user_3",
            "4|b@x.example");
    DECIDES("1 review: email: 2 contacts share a blocked email-and-account\n"
            "2 review: email: 2 contacts share a blocked email-and-account\n"
            "3 none\n",
            "1|info@x.example|user_1|ACC-1", "2|INFO@x.example||ACC-1", "3|info@y.example||ACC-1");
}

static void the_bot_amended_go_into_the_other(void)
{
    DECIDES("1 merge bot-amended 2\n"
            "2 keep bot-amended 2\n"
            "3 merge bot-amended 2\n",
            "1|a@x.example|user_1|A||DevRev Bot", "2|a@x.example|user_2|A||Ann",
            "3|a@x.example|user_3|A||devrev  bot");
    DECIDES("1 review: " SHARE("3", "email-and-account", "cxp-uid") "2 review: " SHARE(
                "3", "email-and-account", "cxp-uid") "3 review: " SHARE("3", "email-and-account",
                                                                        "cxp-uid"),
            "1|a@x.example|user_1|A||DevRev Bot", "2|a@x.example|user_2|A||Ann",
            "3|a@x.example|user_3|A||Bob");
    DECIDES("1 review: " SHARE("3", "email-and-account", "cxp-uid") "2 review: " SHARE(
                "3", "email-and-account", "cxp-uid") "3 review: " SHARE("3", "email-and-account",
                                                                        "cxp-uid"),
            "1|a@x.example|user_1|A||DevRev Bot", "2|a@x.example|user_2|A||Ann",
            "3|a@x.example|REVU-3|A||DevRev Bot");
}

static void one_reference_narrows_to_one(void)
{
    /* an address that can be reached, before tickets */
    DECIDES("1 merge external-ref 2\n"
            "2 keep external-ref 2\n"
            "3 merge external-ref 2\n",
            "1||r|A|Acme||yes||2025-01-01|9|X-1", "2|a@x.example|r||||||2024-01-01|0|X-3",
            "3|noemail@x.example|r|A|Acme||yes|||9|X-2");
    /* a real account, then bi, then tickets, then the update, then the number */
    DECIDES("1 merge external-ref 2\n"
            "2 keep external-ref 2\n",
            "1|a@x.example|r||Upwork||yes|||9", "2|a@x.example|r||Acme||no|||0");
    DECIDES("1 merge external-ref 2\n"
            "2 keep external-ref 2\n",
            "1|a@x.example|r||Acme||no|||9", "2|a@x.example|r||Beta||Y|||0");
    DECIDES("1 merge external-ref 2\n"
            "2 keep external-ref 2\n",
            "1|a@x.example|r||Acme||||2025-01-01|9", "2|a@x.example|r||Beta||||2024-01-01|10.0");
    DECIDES("1 merge external-ref 2\n"
            "2 keep external-ref 2\n",
            "1|a@x.example|r||Acme||||2024-06-01T02:00:00+02:00|9|X-1",
            "2|a@x.example|r||Beta||||2024-06-01T00:00:00.0000000001Z|9|X-2");
    DECIDES("1 merge external-ref 2\n"
            "2 keep external-ref 2\n",
            "1|a@x.example|r||Acme||||2024-06-01 00:00|9|X-10",
            "2|a@x.example|r||Beta||||2024-06-01|9|X-9");
}

static void the_oldest_id_is_the_last_word(void)
{
    DECIDES("1 merge external-ref 2\n"
            "2 keep external-ref 2\n"
            "3 merge external-ref 2\n",
            "1||r||||||||X-00000000000000000000000000000000000011",
            "2||r||||||||X-00000000000000000000000000000000000010", "3||r||||||||no number");
    DECIDES("1 merge external-ref 2\n"
            "2 keep external-ref 2\n"
            "3 merge external-ref 2\n",
            "1||r||||||||X-1000000000000000000000", "2||r||||||||X-999999999999999999999",
            "3||r||||||||X-1000000000000000000001");
    /* the id's own number where there is no display id; then its bytes */
    DECIDES("u-20 merge external-ref u-3\n"
            "u-3 keep external-ref u-3\n",
            "u-20||r", "u-3||r||||||||");
    DECIDES("u7 merge external-ref b7\n"
            "c7 merge external-ref b7\n"
            "b7 keep external-ref b7\n",
            "u7||r", "c7||r", "b7||r");
}

static void references_need_one_address(void)
{
    DECIDES(
        "1 review: " SHARE("3", "reference", "external-ref") "2 review: " SHARE(
            "3", "reference", "external-ref") "3 review: " SHARE("3", "reference", "external-ref"),
        "1|a@x.example|r", "2|b@x.example|r", "3||r");
    /* a role address is an address */
    DECIDES("1 review: " SHARE("2", "reference",
                               "external-ref") "2 review: " SHARE("2", "reference", "external-ref"),
            "1|a@x.example|r", "2|info@x.example|r");
    /* generated ones and empty ones are no references */
    DECIDES("1 none\n"
            "2 none\n"
            "3 none\n"
            "4 none\n",
            "1|a@x.example|REVU-1", "2|b@x.example|REVU-1", "3|c@x.example", "4|d@x.example");
}

static void times_that_would_decide_must_be_readable(void)
{
    DECIDES("1 review: undecided: 'external-ref' would go by a time, and one of them cannot be "
            "read\n"
            "2 review: undecided: 'external-ref' would go by a time, and one of them cannot be "
            "read\n",
            "1||r||||||yesterday|1", "2||r||||||2024-01-01|1");
    DECIDES("1 keep external-ref 1\n"
            "2 merge external-ref 1\n",
            "1||r||||||yesterday|2", "2||r||||||2024-01-01|1");
    /* an empty one is the oldest */
    DECIDES("1 merge external-ref 2\n"
            "2 keep external-ref 2\n",
            "1||r|||||||1", "2||r||||||0000-01-01|1");
}

static void upwork_goes_into_the_real_account(void)
{
    DECIDES("1 merge upwork 2\n"
            "2 keep upwork 2\n"
            "3 merge upwork 2\n"
            "4 review: undecided: 'upwork' leaves it\n"
            "5 review: undecided: 'upwork' leaves it\n",
            "1|jo+a@upwork.com|||Upwork", "2|JO@cloud.upwork.com|||Acme",
            "3|jo+b+c@upwork.com|||UPWORK", "4|jo+d@upwork.com|||velocity global - other",
            "5|jo+e@upwork.com");
    DECIDES("1 review: " SHARE("3", "upwork-address", "upwork") "2 review: " SHARE(
                "3", "upwork-address", "upwork") "3 review: " SHARE("3", "upwork-address",
                                                                    "upwork") "4 none\n"
                                                                              "5 none\n"
                                                                              "6 none\n"
                                                                              "7 none\n",
            "1|jo+a@upwork.com|||Upwork", "2|jo@upwork.com|||Acme", "3|jo+b@upwork.com|||Beta",
            "4|jo@x.upwork.com|||Upwork", "5|info@upwork.com|||Upwork",
            "6|info+a@upwork.com|||Acme", "7|+a@upwork.com|||Acme");
}

static void local_parts_are_folded(void)
{
    DECIDES("1 review: email: 2 contacts share a blocked email\n"
            "2 review: email: 2 contacts share a blocked email\n"
            "3 review: email: 2 contacts share a blocked email\n"
            "4 review: email: 2 contacts share a blocked email\n"
            "5 keep upwork 5\n"
            "6 merge upwork 5\n",
            "1|na @upwork.com|||Acme", "2|NA\xe3\x80\x80@upwork.com|||Upwork",
            "3|info\xe3\x80\x80+a@x.example|||Acme", "4|info\xe3\x80\x80+a@x.example|||Upwork",
            "5|jo  lee +b@upwork.com|||Acme", "6|jo lee@cloud.upwork.com|||Upwork");
}

static void velocity_goes_into_the_real_account(void)
{
    DECIDES("1 merge velocity-global 2\n"
            "2 keep velocity-global 2\n",
            "1|a@x.example|||Velocity Global - OTHER", "2|a@x.example|||Acme");
    /* three: the one that refers to itself, by its uid or, without one, by its id */
    DECIDES("1 merge velocity-global 2\n"
            "2 keep velocity-global 2\n"
            "3 review: undecided: 'velocity-global' leaves it\n",
            "1|a@x.example|||Velocity Global - OTHER", "2|a@x.example|77||Acme|||77.0",
            "3|a@x.example|||Beta");
    DECIDES("1 merge velocity-global 2\n"
            "2 keep velocity-global 2\n"
            "3 merge velocity-global 2\n",
            "1|a@x.example|||Velocity Global - OTHER", "2|a@x.example|2||Acme|||N/A",
            "3|a@x.example|||velocity global - other");
    /* it must be real, and the only one */
    DECIDES(
        "1 review: " SHARE("3", "email", "velocity-global") "2 review: " SHARE(
            "3", "email", "velocity-global") "3 review: " SHARE("3", "email", "velocity-global"),
        "1|a@x.example|1||Velocity Global - OTHER", "2|a@x.example|2||Acme",
        "3|a@x.example|||Beta");
    DECIDES(
        "1 review: " SHARE("3", "email", "velocity-global") "2 review: " SHARE(
            "3", "email", "velocity-global") "3 review: " SHARE("3", "email", "velocity-global"),
        "1|a@x.example|||Velocity Global - OTHER", "2|a@x.example|5||Acme|||6",
        "3|a@x.example|||Upwork");
}

static void stars_grow_over_strategies(void)
{
    /* 2 goes into 1, then 1 into 3, which 4 went into by its reference before */
    DECIDES("1 merge upwork 3\n"
            "2 merge cxp-uid+upwork 3\n"
            "3 keep external-ref+upwork 3\n"
            "4 merge external-ref 3\n",
            "1|jo+a@upwork.com|user_1||Upwork", "2|jo+a@upwork.com|||Upwork",
            "3|jo@cloud.upwork.com|r||Acme", "4||r");
}

static void who_went_elsewhere_still_shares(void)
{
    DECIDES("1 keep cxp-uid 1\n"
            "2 merge cxp-uid 1\n"
            "3 review: undecided: 1 more shared its reference and is merged elsewhere\n",
            "1|b@x.example|user_1|A", "2|b@x.example|r|A", "3|c@x.example|r");
}

static void conflicts_take_stars_apart(void)
{
    DECIDES("1 review: conflict: '1' and '2' differ in uid\n"
            "2 review: conflict: '1' and '2' differ in uid\n"
            "3 review: conflict: '1' and '2' differ in uid\n",
            "1|a@x.example|user_1|A||||7", "2|a@x.example||A||||8", "3|a@x.example||A||||-");
    DECIDES("1 keep cxp-uid 1\n"
            "2 merge cxp-uid 1\n",
            "1|a@x.example|user_1|A||||7", "2|a@x.example||A||||7.0");
    /* two references, one by way of another strategy */
    DECIDES("1 review: conflict: '2' and '1' differ in external_ref\n"
            "2 review: conflict: '2' and '1' differ in external_ref\n",
            "1|a@x.example|user_1||Velocity Global - OTHER", "2|a@x.example|user_2||Acme");
    /* what the bot amended does not count, the others do */
    DECIDES("1 merge bot-amended 2\n"
            "2 keep bot-amended 2\n"
            "3 keep cxp-uid 3\n"
            "4 merge cxp-uid 3\n",
            "1|a@x.example|user_1|A||DevRev Bot||1", "2|a@x.example|user_2|A||Ann||2",
            "3|b@x.example|user_3|A", "4|b@x.example||A");
}

static void twenty_five_are_the_most(void)
{
    static char texts[26][64];
    const char *lines[27] = {0};
    AUTO_BUF struct buf expected = {0};
    for (int n = 25; n <= 26; n++) {
        buf_clear(&expected);
        for (int i = 0; i < n; i++) {
            (void)snprintf(texts[i], sizeof(texts[i]), "%d|a@x.example|%s|A", i + 1,
                           i == 0 ? "user_1" : "");
            lines[i] = texts[i];
            if (n == 26) {
                buf_printf(&expected,
                           "%d review: too-large: 26 contacts would become one, at most 25 may\n",
                           i + 1);
            } else {
                buf_printf(&expected, "%d %s cxp-uid 1\n", i + 1, i == 0 ? "keep" : "merge");
            }
        }
        check_decisions(buf_z(&expected), lines, __FILE__, __LINE__);
    }
}

static void bad_rows_are_members_and_partners(void)
{
    DECIDES("1 review: undecided: 1 of the 3 contacts that share its email-and-account is a bad "
            "row\n"
            "2 review: undecided: 1 of the 3 contacts that share its email-and-account is a bad "
            "row\n"
            "3 review bad\n"
            "4 keep cxp-uid 4\n"
            "4 keep cxp-uid 4\n"
            "5 merge cxp-uid 4\n",
            "1|a@x.example|user_1|A", "2|a@x.example||A", "3|a@x.example||A||||||many",
            "4|b@x.example|user_4|A", "4|b@x.example |user_4|A", "5|b@x.example||A");
}

static const char *const linked[] = {"1|a@x.example|user_1|A", "2|a@x.example||A", "3|c@x.example",
                                     "4|d@x.example", NULL};

static void check_links(const struct links *links, const char *expected, int line)
{
    AUTO_BUF struct buf out = {0};
    decide_lines(linked, links, 2, &out);
    (void)tap_check_str(buf_str(&out), str_of(expected), __FILE__, line, "links");
}

static void people_forbid(void)
{
    AUTO(links_free) struct links *links = links_new();
    links_add(links, LINK_CANNOT, STR("2"), STR("1"));
    links_add(links, LINK_CANNOT, STR("1"), STR("99"));
    check_links(links,
                "1 review: cannot-link: people said that '1' and '2' are not one\n"
                "2 review: cannot-link: people said that '1' and '2' are not one\n"
                "3 none\n"
                "4 none\n",
                __LINE__);
}

static void people_demand(void)
{
    AUTO(links_free) struct links *links = links_new();
    links_add(links, LINK_MUST, STR("3"), STR("4"));
    links_add(links, LINK_MUST, STR("4"), STR("3")); /* not round in a circle */
    links_add(links, LINK_MUST, STR("1"), STR("4"));
    links_add(links, LINK_MUST, STR("2"), STR("98"));
    links_add(links, LINK_MUST, STR("2"), STR("2"));
    check_links(links,
                "1 merge must-link 4\n"
                "2 review: undecided: 1 more shared its email-and-account and is merged elsewhere\n"
                "3 merge must-link 4\n"
                "4 keep must-link 4\n",
                __LINE__);
}

static void guards_look_at_what_people_demand(void)
{
    AUTO(links_free) struct links *links = links_new();
    links_add(links, LINK_MUST, STR("3"), STR("2"));
    links_add(links, LINK_CANNOT, STR("1"), STR("3"));
    check_links(links,
                "1 review: cannot-link: people said that '1' and '3' are not one\n"
                "2 review: cannot-link: people said that '1' and '3' are not one\n"
                "3 review: cannot-link: people said that '1' and '3' are not one\n"
                "4 none\n",
                __LINE__);
    /* what was merged earlier lives on in its survivor */
    AUTO(links_free) struct links *later = links_new();
    links_add(later, LINK_CANNOT, STR("1"), STR("77"));
    links_merged(later, STR("77"), STR("2"));
    links_add(later, LINK_MUST, STR("3"), STR("78"));
    links_merged(later, STR("78"), STR("4"));
    check_links(later,
                "1 review: cannot-link: people said that '1' and '2' are not one\n"
                "2 review: cannot-link: people said that '1' and '2' are not one\n"
                "3 merge must-link 4\n"
                "4 keep must-link 4\n",
                __LINE__);
}

TAP_MAIN(TAP_TEST(one_cxp_of_an_account_is_kept), TAP_TEST(the_bot_amended_go_into_the_other),
         TAP_TEST(one_reference_narrows_to_one), TAP_TEST(the_oldest_id_is_the_last_word),
         TAP_TEST(references_need_one_address), TAP_TEST(times_that_would_decide_must_be_readable),
         TAP_TEST(upwork_goes_into_the_real_account), TAP_TEST(local_parts_are_folded),
         TAP_TEST(velocity_goes_into_the_real_account), TAP_TEST(stars_grow_over_strategies),
         TAP_TEST(who_went_elsewhere_still_shares), TAP_TEST(conflicts_take_stars_apart),
         TAP_TEST(twenty_five_are_the_most), TAP_TEST(bad_rows_are_members_and_partners),
         TAP_TEST(people_forbid), TAP_TEST(people_demand),
         TAP_TEST(guards_look_at_what_people_demand))
