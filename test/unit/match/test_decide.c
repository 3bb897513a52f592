/* SPDX-License-Identifier: MIT */
#include "match/decide.h"

#include <stdio.h>

#include "base/rng.h"
#include "harness/tap.h"

/* Two strategies over two keys, so that stars grow; at most four contacts may become one. */
static const char two_steps[] =
    "name: two-steps\n"
    "version: 1\n"
    "summary: by mail, then by phone\n"
    "kind: merge-contact\n"
    "columns:\n"
    "  - {name: id, form: trim, identity: yes, required: yes}\n"
    "  - {name: mail, form: email}\n"
    "  - {name: phone, form: trim}\n"
    "  - {name: role, form: trim}\n"
    "  - {name: tickets, form: count}\n"
    "facts:\n"
    "  - {name: app, all: [{column: role, equals: app}]}\n"
    "  - {name: main, all: [{column: role, equals: main}]}\n"
    "  - {name: old, all: [{column: role, prefix: old}, {fact: main, not: yes}]}\n"
    "  - {name: shared, any: [{column: mail, part: local, equals: info},\n"
    "                         {column: id, same-as: phone}]}\n"
    "keys:\n"
    "  - {name: mail, columns: [mail], blocked: shared, word: shared-mail}\n"
    "  - {name: phone, columns: [phone]}\n"
    "strategies:\n"
    "  - name: by-mail\n"
    "    key: mail\n"
    "    when: [{exactly: 1, fact: app}, {at-least: 1, fact: old}]\n"
    "    keep: app\n"
    "    merge: old\n"
    "    otherwise: {word: unclear, count: [app, old]}\n"
    "  - name: by-phone\n"
    "    key: phone\n"
    "    when: [{exactly: 1, fact: main}, {at-most: 9}]\n"
    "    keep: main\n"
    "limits: {max-cluster: 4}\n";

enum { COLUMNS = 5, MAX_ROWS = 64 };

/* "id mail phone role tickets" a row, '-' for empty; NULL ends; "!" is a row that cannot be read.
 */
static struct rows *read_rows(const struct rules *rules, struct ids *ids, const char *const *lines,
                              size_t count)
{
    struct rows *rows = rows_new(rules, ids);
    AUTO(contact_reader_free) struct contact_reader *reader = contact_reader_new(rules);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(lines[i], "!") == 0) {
            rows_add_unreadable(rows);
            continue;
        }
        str cells[COLUMNS];
        str rest = str_of(lines[i]);
        for (size_t c = 0; c < COLUMNS; c++) {
            cells[c] = str_cut(rest, ' ', &rest);
            cells[c] = str_eqz(cells[c], "-") ? STR("") : cells[c];
        }
        struct contact contact;
        contact_read(reader, cells, &contact);
        (void)rows_add(rows, &contact);
    }
    return rows;
}

static void add_decision(struct buf *out, const struct decisions *d, const struct ids *ids,
                         uint32_t row)
{
    static const char *const names[] = {"none", "review", "merge", "keep"};
    uint32_t first = decisions_first(d, row);
    enum action action = decisions_action(d, first);
    ids_unpack(ids, d->id[row], out);
    buf_printf(out, " %s", names[action]);
    if ((d->row[row].flags & ROW_BAD) != 0) {
        buf_addz(out, (d->row[row].flags & ROW_CONFLICT) != 0 ? " conflict\n" : " bad\n");
        return;
    }
    if (action == ACTION_KEEP || action == ACTION_MERGE) {
        buf_addc(out, ' ');
        decisions_strategy(d, first, out);
        buf_addc(out, ' ');
        ids_unpack(ids, d->id[decisions_root(d, first)], out);
    }
    buf_addz(out, ": ");
    decisions_reason(d, first, out);
    buf_addc(out, '\n');
}

/* The decisions of all rows, one a line, read in `parts` parts and decided by `threads`. */
static void decide_lines(const char *text, const char *const *lines, size_t parts, int threads,
                         struct buf *out)
{
    struct err err = {0};
    AUTO(rules_free) struct rules *rules = rules_parse("t.yaml", str_of(text), -1, &err);
    if (!CHECK(rules != NULL)) {
        printf("# %s\n", err.message);
        return;
    }
    size_t count = 0;
    while (lines[count] != NULL) {
        count++;
    }
    AUTO(ids_free) struct ids *ids = ids_new();
    struct rows *read[4] = {0};
    for (size_t i = 0; i < parts; i++) {
        size_t from = count * i / parts;
        read[i] = read_rows(rules, ids, lines + from, count * (i + 1) / parts - from);
    }
    const struct decide_options options = {.threads = threads};
    AUTO(decisions_free)
    struct decisions *d = decide(rules, read, parts, &options, &err);
    for (size_t i = 0; i < parts; i++) {
        rows_free(read[i]);
    }
    if (CHECK(d != NULL)) {
        CHECK_INT(d->count, count);
        for (uint32_t row = 0; row < d->count; row++) {
            add_decision(out, d, ids, row);
        }
    }
}

static void check_decisions(const char *expected, const char *const *lines, const char *file,
                            int line)
{
    for (size_t parts = 1; parts <= 3; parts++) {
        AUTO_BUF struct buf out = {0};
        decide_lines(two_steps, lines, parts, (int)parts, &out);
        (void)tap_check_str(buf_str(&out), str_of(expected), file, line, lines[0]);
    }
}

#define DECIDES(expected, ...)                                                                     \
    check_decisions(expected, (const char *const[]){__VA_ARGS__, NULL}, __FILE__, __LINE__)

static void one_strategy_decides(void)
{
    DECIDES("1 keep by-mail 1: survivor of 3 contacts\n"
            "2 merge by-mail 1: same mail\n"
            "3 merge by-mail 1: same mail\n"
            "4 review: undecided: 'by-mail' leaves it\n"
            "5 none: no other contact shares one of its keys\n"
            "6 none: it has none of the keys\n",
            "1 a@x.example - app 0", "2 A@X.example - old 0", "3 a@x.example - old2 0",
            "4 a@x.example - other 0", "5 b@x.example - old 0", "6 - - app 0");
}

static void conditions_fail(void)
{
    DECIDES("1 review: unclear: 2 app, 0 old, 1 other\n"
            "2 review: unclear: 2 app, 0 old, 1 other\n"
            "3 review: unclear: 2 app, 0 old, 1 other\n"
            "4 review: unclear: 0 app, 2 old, 0 other\n"
            "5 review: unclear: 0 app, 2 old, 0 other\n",
            "1 a@x.example - app 0", "2 a@x.example - app 0", "3 a@x.example - - 0",
            "4 b@x.example - old 0", "5 b@x.example - old 0");
}

static void without_a_word_it_is_undecided(void)
{
    DECIDES("1 review: undecided: 2 contacts share one phone, and 'by-phone' does not decide "
            "between them\n"
            "2 review: undecided: 2 contacts share one phone, and 'by-phone' does not decide "
            "between them\n",
            "1 - 55 app 0", "2 - 55 app 0");
}

static void stars_grow(void)
{
    /* 2 goes into 1 by mail, then 1 into 3 by phone: 2 goes straight to 3 */
    DECIDES("1 merge by-phone 3: same phone\n"
            "2 merge by-mail+by-phone 3: same mail\n"
            "3 keep by-phone 3: survivor of 3 contacts\n",
            "1 a@x.example 55 app 0", "2 a@x.example 77 old 0", "3 - 55 main 0");
}

static void survivors_absorb_twice(void)
{
    /* 3 is kept by mail (as app) in one group; by phone the group of 1 is another star */
    DECIDES("1 keep by-mail 1: survivor of 2 contacts\n"
            "2 merge by-mail 1: same mail\n"
            "3 keep by-phone 3: survivor of 2 contacts\n"
            "4 merge by-phone 3: same phone\n",
            "1 a@x.example - app 0", "2 a@x.example - old 0", "3 - 55 main 0", "4 - 55 - 0");
}

static void large_stars_fall(void)
{
    DECIDES("1 review: too-large: 5 contacts would become one, at most 4 may\n"
            "2 review: too-large: 5 contacts would become one, at most 4 may\n"
            "3 review: too-large: 5 contacts would become one, at most 4 may\n"
            "4 review: too-large: 5 contacts would become one, at most 4 may\n"
            "5 review: too-large: 5 contacts would become one, at most 4 may\n",
            "1 a@x.example - app 0", "2 a@x.example - old 0", "3 a@x.example - old 0",
            "4 a@x.example - old 0", "5 a@x.example - old 0");
    /* grown by two strategies: 3 and 2 contacts are fine alone */
    DECIDES("1 review: too-large: 5 contacts would become one, at most 4 may\n"
            "2 review: too-large: 5 contacts would become one, at most 4 may\n"
            "3 review: too-large: 5 contacts would become one, at most 4 may\n"
            "4 review: too-large: 5 contacts would become one, at most 4 may\n"
            "5 review: too-large: 5 contacts would become one, at most 4 may\n"
            "6 keep by-mail 6: survivor of 2 contacts\n"
            "7 merge by-mail 6: same mail\n",
            "1 a@x.example 55 app 0", "2 a@x.example - old 0", "3 a@x.example - old 0",
            "4 - 55 main 0", "5 - 55 - 0", "6 c@x.example - app 0", "7 c@x.example - old 0");
}

static void blocked_keys_are_no_evidence(void)
{
    DECIDES("1 review: shared-mail: 2 contacts share a blocked mail\n"
            "2 review: shared-mail: 2 contacts share a blocked mail\n"
            "3 none: no other contact shares one of its keys\n"
            "4 review: shared-mail: 3 contacts share a blocked mail\n"
            "5 review: shared-mail: 3 contacts share a blocked mail\n"
            "66 review: shared-mail: 3 contacts share a blocked mail\n",
            "1 info@x.example - app 0", "2 info@x.example - old 0", "3 info@y.example - old 0",
            "4 a@x.example - app 0", "5 a@x.example - old 0", "66 a@x.example 66 old 0");
}

static void another_key_decides_where_one_is_blocked(void)
{
    DECIDES("1 keep by-phone 1: survivor of 2 contacts\n"
            "2 merge by-phone 1: same phone\n",
            "1 info@x.example 55 main 0", "2 info@x.example 55 old 0");
}

static void the_first_reason_counts(void)
{
    /* unclear before undecided; a blocked key is told only where nothing else is shared */
    DECIDES("1 review: undecided: 2 contacts share one phone, and 'by-phone' does not decide "
            "between them\n"
            "2 review: undecided: 2 contacts share one phone, and 'by-phone' does not decide "
            "between them\n"
            "3 review: unclear: 0 app, 0 old, 2 other\n"
            "4 review: unclear: 0 app, 0 old, 2 other\n",
            "1 info@x.example 55 - 0", "2 info@x.example 55 - 0", "3 b@x.example 77 - 0",
            "4 b@x.example 77 - 0");
}

static void bad_rows_leave_their_groups_undecided(void)
{
    DECIDES(" review bad\n"
            "1 review: undecided: 1 of the 3 contacts that share its mail is a bad row\n"
            "2 review: undecided: 1 of the 3 contacts that share its mail is a bad row\n"
            " review bad\n"
            "4 review bad\n"
            "5 review: undecided: 1 of the 2 contacts that share its phone is a bad row\n",
            "!", "1 a@x.example - app 0", "2 a@x.example - old 0", "- a@x.example - - 0",
            "4 - 55 main x", "5 - 55 - 0");
}

static void one_id_on_several_lines(void)
{
    DECIDES("1 keep by-mail 1: survivor of 2 contacts\n"
            "2 merge by-mail 1: same mail\n"
            "1 keep by-mail 1: survivor of 2 contacts\n"
            "2 merge by-mail 1: same mail\n"
            "2 merge by-mail 1: same mail\n",
            "1 a@x.example - app 0", "2 a@x.example - old 0", "1 a@x.example - app 0",
            "2 a@x.example - old 0", "2 a@x.example - old 0");
    /* one content of three differs: all three are bad, with both of their keys */
    DECIDES("1 review conflict\n"
            "1 review conflict\n"
            "2 review: undecided: 2 of the 3 contacts that share its mail are bad rows\n"
            "1 review conflict\n"
            "3 review: undecided: 1 of the 2 contacts that share its mail is a bad row\n",
            "1 a@x.example - app 0", "1 a@x.example - app 0", "2 a@x.example - old 0",
            "1 b@x.example - app 0", "3 b@x.example - old 0");
}

static void stops(void)
{
    struct stop stop;
    stop_init(&stop);
    stop_raise(&stop, 1);
    struct err err = {0};
    AUTO(rules_free) struct rules *rules = rules_parse("t.yaml", STR(two_steps), -1, &err);
    AUTO(ids_free) struct ids *ids = ids_new();
    static const char *const lines[] = {"1 a@x.example - app 0"};
    struct rows *rows = read_rows(rules, ids, lines, 1);
    struct decisions *d = NULL;
    const struct decide_options options = {.threads = 2, .stop = &stop};
    CHECK_ERR((d = decide(rules, &rows, 1, &options, &err)) != NULL, err, ERR_INTERRUPTED,
              "could not finish the plan: interrupted");
    rows_free(rows);
    stop_done(&stop);
}

/* Decisions of four rows, as if decide() had a bug. */
static void check_refuted(const struct decision row[4], const char *message, int line)
{
    struct err err = {0};
    AUTO(rules_free) struct rules *rules = rules_parse("t.yaml", STR(two_steps), -1, &err);
    AUTO(ids_free) struct ids *ids = ids_new();
    struct ids_cache cache = {0};
    uint64_t id[4] = {ids_pack(ids, &cache, STR("a")), ids_pack(ids, &cache, STR("b")),
                      ids_pack(ids, &cache, STR("c")), ids_pack(ids, &cache, STR("d"))};
    struct decision copy[4];
    memcpy(copy, row, sizeof(copy));
    const struct decisions d = {.rules = rules, .ids = ids, .count = 4, .row = copy, .id = id};
    bool proved = decisions_prove(&d, &err);
    if (message == NULL) {
        CHECK_OK(proved, err);
    } else {
        (void)tap_check_err(proved, &err, ERR_INTERNAL, message, __FILE__, line, message);
    }
}

#define REFUTED(message, ...)                                                                      \
    check_refuted((const struct decision[4]){__VA_ARGS__}, message, __LINE__)

static void plans_are_proved(void)
{
    REFUTED(NULL, {.flags = ACTION_KEEP, .link = 3}, {.flags = ACTION_MERGE, .link = 0},
            {.flags = ACTION_MERGE, .link = 1}, {.flags = ACTION_NONE});
    REFUTED("could not prove the plan: contact 'a' goes round in a circle",
            {.flags = ACTION_MERGE, .link = 1}, {.flags = ACTION_MERGE, .link = 0});
    REFUTED("could not prove the plan: contact 'b' goes into none that is kept",
            {.flags = ACTION_REVIEW}, {.flags = ACTION_MERGE, .link = 0});
    REFUTED("could not prove the plan: contact 'a' goes round in a circle",
            {.flags = ACTION_MERGE, .link = 9});
    REFUTED("could not prove the plan: contact 'b' is no good row of its own",
            {.flags = ACTION_KEEP, .link = 2}, {.flags = ACTION_MERGE | ROW_REPEAT, .link = 0});
    REFUTED("could not prove the plan: contact 'a' is no good row of its own",
            {.flags = ACTION_KEEP | ROW_BAD, .link = 2}, {.flags = ACTION_MERGE, .link = 0});
    REFUTED("could not prove the plan: contact 'a' is kept for a wrong number of others",
            {.flags = ACTION_KEEP, .link = 1});
    REFUTED("could not prove the plan: contact 'a' is kept for a wrong number of others",
            {.flags = ACTION_KEEP, .link = 5}); /* at most 4 may become one */
    REFUTED("could not prove the plan: 1 contacts are merged, and survivors wait for 2",
            {.flags = ACTION_KEEP, .link = 3}, {.flags = ACTION_MERGE, .link = 0});
}

/* Whatever comes in: a loser has one survivor that is kept, and a survivor knows its losers. */
static void stars_only(void)
{
    static const char *const roles[] = {"app", "old", "main", "-"};
    struct rng rng;
    rng_seed(&rng, 99);
    for (int round = 0; round < 200; round++) {
        static char texts[MAX_ROWS][64];
        const char *lines[MAX_ROWS + 1] = {0};
        for (size_t i = 0; i < MAX_ROWS; i++) {
            (void)snprintf(texts[i], sizeof(texts[i]), "%d m%d@x.example p%d %s 0",
                           (int)rng_below(&rng, 80), (int)rng_below(&rng, 20),
                           (int)rng_below(&rng, 20), roles[rng_below(&rng, 4)]);
            lines[i] = texts[i];
        }
        struct err err = {0};
        AUTO(rules_free) struct rules *rules = rules_parse("t.yaml", STR(two_steps), -1, &err);
        AUTO(ids_free) struct ids *ids = ids_new();
        struct rows *rows = read_rows(rules, ids, lines, MAX_ROWS);
        const struct decide_options options = {.threads = 1};
        AUTO(decisions_free) struct decisions *d = decide(rules, &rows, 1, &options, &err);
        rows_free(rows);
        if (!CHECK(d != NULL)) {
            return;
        }
        uint32_t losers[MAX_ROWS] = {0};
        bool ok = true;
        for (uint32_t row = 0; row < d->count; row++) {
            if (decisions_action(d, row) == ACTION_MERGE) {
                uint32_t root = decisions_root(d, row);
                ok &= root != row && decisions_action(d, root) == ACTION_KEEP;
                losers[root]++;
            }
        }
        for (uint32_t row = 0; row < d->count; row++) {
            bool kept = decisions_action(d, row) == ACTION_KEEP;
            ok &= losers[row] == (kept ? d->row[row].link - 1 : 0);
            ok &= !kept || (losers[row] > 0 && losers[row] < rules->max_cluster);
        }
        CHECK(ok);
    }
}

TAP_MAIN(TAP_TEST(one_strategy_decides), TAP_TEST(conditions_fail),
         TAP_TEST(without_a_word_it_is_undecided), TAP_TEST(stars_grow),
         TAP_TEST(survivors_absorb_twice), TAP_TEST(large_stars_fall),
         TAP_TEST(blocked_keys_are_no_evidence), TAP_TEST(another_key_decides_where_one_is_blocked),
         TAP_TEST(the_first_reason_counts), TAP_TEST(bad_rows_leave_their_groups_undecided),
         TAP_TEST(one_id_on_several_lines), TAP_TEST(stops), TAP_TEST(plans_are_proved),
         TAP_TEST(stars_only))
