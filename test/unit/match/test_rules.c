/* SPDX-License-Identifier: MIT */
#include "match/rules.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "harness/tap.h"

/* A rule set that loads; tests change one piece of it. */
static const char good[] = "name: test\n"
                           "version: 1\n"
                           "summary: a test\n"
                           "kind: merge-contact\n"
                           "columns:\n"
                           "  - name: id\n"
                           "    headers: [ID, User ID]\n"
                           "    form: trim\n"
                           "    identity: yes\n"
                           "    required: yes\n"
                           "  - name: email\n"
                           "    form: email\n"
                           "    remote: email\n"
                           "  - {name: note, form: fold, decides: no}\n"
                           "lists:\n"
                           "  - name: some\n"
                           "    words: [Info, admin]\n"
                           "facts:\n"
                           "  - name: left\n"
                           "    all: [{column: id, prefix: l-}]\n"
                           "  - name: blocked\n"
                           "    any:\n"
                           "      - {column: email, part: local, in: some}\n"
                           "      - {column: email, empty: yes, not: no}\n"
                           "keys:\n"
                           "  - {name: mail, columns: [email], blocked: blocked, word: shared}\n"
                           "strategies:\n"
                           "  - name: first\n"
                           "    key: mail\n"
                           "    when:\n"
                           "      - {at-least: 2}\n"
                           "      - {exactly: 1, fact: left}\n"
                           "    keep: left\n"
                           "limits:\n"
                           "  max-cluster: 7\n";

static void loads(void)
{
    struct err err;
    AUTO(rules_free) struct rules *rules = NULL;
    CHECK_OK((rules = rules_parse("t.yaml", STR(good), -1, &err)) != NULL, err);
    if (rules == NULL) {
        return;
    }
    CHECK_STR(rules->name, "test");
    CHECK_STR(rules->kind, "merge-contact");
    CHECK_INT(rules->column_count, 3);
    CHECK_INT(rules->identity, 0);
    CHECK_STR(rules->columns[0].headers[1], "User ID");
    CHECK(rules->columns[0].headers[2] == NULL);
    CHECK_STR(rules->columns[0].remote, "");
    CHECK_INT(rules->columns[1].form, FORM_EMAIL);
    CHECK(!rules->columns[1].required);
    CHECK(rules->columns[1].decides);
    CHECK(!rules->columns[2].decides);
    CHECK(words_has(&rules->lists[0].words, STR("info")));
    CHECK_INT(rules->fact_count, 2);
    CHECK(rules->facts[1].any);
    CHECK_INT(rules->facts[1].tests[0].part, PART_LOCAL);
    CHECK_INT(rules->facts[1].tests[1].op, OP_EMPTY);
    CHECK(!rules->facts[1].tests[1].negate);
    CHECK_INT(rules->keys[0].blocked, 1);
    CHECK_STR(rules->keys[0].word, "shared");
    CHECK_INT(rules->strategies[0].cases[0].conditions[0].quantifier, Q_AT_LEAST);
    CHECK_INT(rules->strategies[0].cases[0].conditions[0].fact, -1);
    CHECK_INT(rules->strategies[0].cases[0].conditions[1].fact, 0);
    CHECK_INT(rules->strategies[0].cases[0].merge, -1);
    CHECK_STR(rules->strategies[0].otherwise, "undecided");
    CHECK_INT(rules->max_cluster, 7);
    CHECK_INT(strlen(rules->hash), 64);
}

/* `good` with the first `from` replaced. */
static void check_wrong(const char *from, const char *to, const char *message, const char *file,
                        int line)
{
    AUTO_BUF struct buf text = {0};
    const char *at = strstr(good, from);
    if (!tap_check(at != NULL, file, line, from)) {
        return;
    }
    buf_add(&text, good, (size_t)(at - good));
    buf_addz(&text, to);
    buf_addz(&text, at + strlen(from));
    struct err err = {0};
    AUTO(rules_free) struct rules *rules = rules_parse("t.yaml", buf_str(&text), -1, &err);
    char expected[600];
    (void)snprintf(expected, sizeof(expected), "could not use 't.yaml': %s", message);
    (void)tap_check_err(rules != NULL, &err, ERR_CONFIG, expected, file, line, to);
}

#define WRONG(from, to, message) check_wrong(from, to, message, __FILE__, __LINE__)

static void refuses_what_is_no_rule_file(void)
{
    WRONG("summary: a test", "summery: a test",
          "line 3, column 1: unknown word 'summery', known here: name version summary kind columns "
          "values lists facts keys strategies guards limits labels");
    WRONG("kind: merge-contact\n", "", "line 1, column 1: 'kind' is missing");
    WRONG("kind: merge-contact", "kind: merge-contact\nname: x",
          "line 5, column 1: 'name' stands "
          "there twice");
    WRONG("kind: merge-contact", "kind: [a]", "line 4, column 7: expected one value");
    WRONG("headers: [ID, User ID]", "headers: ID",
          "line 7, column 14: expected a list ('- entry' or '[entry, ...]')");
    WRONG("headers: [ID, User ID]", "headers: []",
          "line 7, column 14: expected 1 to 16 entries, not 0");
    WRONG("[{column: id, prefix: l-}]", "[id]",
          "line 20, column 11: expected words with values ('word: value')");
    WRONG("form: fold", "form: \"\"", "line 14, column 24: expected 1 to 64 bytes, not 0");
    WRONG("form: fold", "form: \"a\\0b\"", "line 14, column 24: a NUL character in a value");
    WRONG("name: test", "name: &a test", "line 1, column 7: anchors and aliases are not allowed");
    WRONG("name: test", "name: *a", "line 1, column 7: anchors and aliases are not allowed");
    WRONG("  max-cluster: 7\n", "  max-cluster: 7\n---\nname: x\n",
          "line 36, column 1: a second document is not allowed");
    WRONG("name: test", "name: [test",
          "line 2, column 8: not YAML: did not find expected ',' or ']'");
    WRONG("  max-cluster: 7", "  max-cluster: \"7",
          "line 36, column 1: not YAML: found unexpected end of stream");
    struct err err;
    struct rules *rules = NULL;
    CHECK_ERR((rules = rules_parse("t.yaml", STR(""), -1, &err)) != NULL, err, ERR_CONFIG,
              "could not use 't.yaml': it is empty");
    CHECK_ERR((rules = rules_parse("t.yaml", STR("# only this\n"), -1, &err)) != NULL, err,
              ERR_CONFIG, "could not use 't.yaml': it is empty");
    CHECK_ERR((rules = rules_parse("t.yaml", STR("- a\n"), -1, &err)) != NULL, err, ERR_CONFIG,
              "could not use 't.yaml': line 1, column 1: expected words with values ('word: "
              "value')");
}

static void refuses_wrong_heads(void)
{
    WRONG("version: 1", "version: 2", "line 2, column 10: version '2' is not known here, 1 is");
    WRONG("version: 1", "version: 01", "line 2, column 10: version '01' is not known here, 1 is");
    WRONG("name: test", "name: Test!",
          "line 1, column 7: 'Test!' is no name: a-z, 0-9, '-' and '_'");
    WRONG("max-cluster: 7", "max-cluster: 1",
          "line 35, column 16: expected a number from 2 to 1000000, not '1'");
    WRONG("max-cluster: 7", "max-cluster: 010x",
          "line 35, column 16: expected a number from 2 to 1000000, not '010x'");
    WRONG("max-cluster: 7", "max-cluster: 010",
          "line 35, column 16: expected a number from 2 to 1000000, not '010'");
}

static void refuses_wrong_columns(void)
{
    WRONG("form: email", "form: mail",
          "line 12, column 11: there is no form 'mail', known are trim, fold, email, count, "
          "code and time");
    WRONG("required: yes", "required: wat", "line 10, column 15: expected yes or no, not 'wat'");
    WRONG("identity: yes", "identity: no", "line 6, column 3: no column has 'identity: yes'");
    WRONG("required: yes", "required: no",
          "line 9, column 15: an identity column is required, has the form trim and decides");
    WRONG("{name: note, form: fold, decides: no}",
          "{name: note, form: trim, identity: yes, required: yes}",
          "line 14, column 40: a second identity column");
    WRONG("{name: note", "{name: email",
          "line 14, column 12: the column 'email' stands there twice");
}

static void refuses_wrong_lists(void)
{
    WRONG("words: [Info, admin]", "words: [Info, INFO]",
          "line 16, column 5: line 2 of the list 'some' stands there twice or is not UTF-8");
    WRONG("words: [Info, admin]", "words: ['#']", "line 16, column 5: the list 'some' is empty");
    WRONG("    words: [Info, admin]\n", "",
          "line 16, column 5: a list has either 'file' or 'words'");
    WRONG("words: [Info, admin]", "file: some.txt",
          "line 17, column 11: the list 'some.txt' does not lie below the rule file");
    WRONG("lists:\n", "lists:\n  - {name: other, words: [x]}\n",
          "line 16, column 12: nothing uses the list 'other'");
    WRONG("lists:\n", "lists:\n  - {name: some, words: [x]}\n",
          "line 17, column 11: the list 'some' stands there twice");
}

static void refuses_wrong_facts(void)
{
    WRONG("column: id, prefix: l-", "column: idd, prefix: l-",
          "line 20, column 20: there is no column 'idd'");
    WRONG("column: id, prefix: l-", "column: note, prefix: l-",
          "line 20, column 20: the column 'note' has 'decides: no'");
    WRONG(
        "column: id, prefix: l-", "column: id",
        "line 20, column 11: a test needs one of prefix, equals, in, under, empty, same-as, fact");
    WRONG("column: id, prefix: l-", "column: id, prefix: l-, equals: x",
          "line 20, column 44: a test asks one thing, 'equals' is a second one");
    WRONG("column: id, prefix: l-", "prefix: l-", "line 20, column 11: the test has no column");
    WRONG("column: id, prefix: l-", "column: id, fact: left",
          "line 20, column 30: there is no fact 'left' before this one");
    WRONG("{column: email, empty: yes, not: no}", "{column: email, fact: left}",
          "line 24, column 9: a test of a fact has no column");
    WRONG("column: id, prefix: l-", "column: id, part: local, prefix: l-",
          "line 20, column 30: only a column of the form email has parts");
    WRONG("column: id, prefix: l-", "column: email, equals: nobody",
          "line 20, column 35: nothing is left of the text in its normal form");
    WRONG("part: local", "part: tag",
          "line 23, column 31: there is no part 'tag', known are local and domain");
    WRONG("in: some", "in: any", "line 23, column 42: there is no list 'any'");
    WRONG("empty: yes", "empty: 3", "line 24, column 32: expected yes or no, not '3'");
    WRONG("not: no", "not: nope", "line 24, column 42: expected yes or no, not 'nope'");
    WRONG("name: blocked", "name: left", "line 21, column 11: the fact 'left' stands there twice");
    WRONG("    all: [{column: id, prefix: l-}]\n", "",
          "line 19, column 5: a fact has either 'all' or 'any'");
}

static void refuses_wrong_keys(void)
{
    WRONG("columns: [email]", "columns: [mail]", "line 26, column 28: there is no column 'mail'");
    WRONG("columns: [email]", "columns: [note]",
          "line 26, column 28: the column 'note' has 'decides: no'");
    WRONG("blocked: blocked, ", "", "line 26, column 5: 'blocked' and 'word' come together");
    WRONG("blocked: blocked", "blocked: shut", "line 26, column 45: there is no fact 'shut'");
    WRONG("keys:\n", "keys:\n  - {name: mail, columns: [id]}\n",
          "line 27, column 12: the key 'mail' stands there twice");
}

static void refuses_wrong_strategies(void)
{
    WRONG("key: mail", "key: phone", "line 29, column 10: there is no key 'phone'");
    WRONG("keep: left", "keep: right", "line 33, column 11: there is no fact 'right'");
    WRONG("keep: left", "keep: left\n    merge: right",
          "line 34, column 12: there is no fact 'right'");
    WRONG("{at-least: 2}", "{at-least: -1}",
          "line 31, column 20: expected a number from 0 to 1000000, not '-1'");
    WRONG("{at-least: 2}", "{at-least: 2, at-most: 3}",
          "line 31, column 32: a condition asks one thing, 'at-most' is a second one");
    WRONG("{at-least: 2}", "{fact: left}",
          "line 31, column 9: a condition needs one of exactly, at-least, at-most, every, same");
    WRONG("{at-least: 2}", "{every: yes}", "line 31, column 17: 'every' is yes and names a fact");
    WRONG("{at-least: 2}", "{every: no, fact: left}",
          "line 31, column 17: 'every' is yes and names a fact");
    WRONG("{exactly: 1, fact: left}", "{at-least: 1, fact: left}",
          "line 33, column 11: the survivor is not certain: 'when' needs {exactly: 1, fact: left}");
    WRONG("keep: left", "keep: left\n    otherwise: {word: Not Good}",
          "line 34, column 23: 'Not Good' is no name: a-z, 0-9, '-' and '_'");
    WRONG("keep: left", "keep: left\n    otherwise: {word: no, count: [right]}",
          "line 34, column 35: there is no fact 'right'");
    WRONG("limits:",
          "  - {name: first, key: mail, when: [{exactly: 1, fact: left}], keep: left}\n"
          "limits:",
          "line 34, column 12: the strategy 'first' stands there twice");
}

#define VALUES "values:\n  - {name: who, first: [id, email]}\nlists:\n"

static void loads_values(void)
{
    AUTO_BUF struct buf text = {0};
    const char *at = strstr(good, "lists:\n");
    buf_add(&text, good, (size_t)(at - good));
    buf_addz(&text, VALUES);
    const char *keys = strstr(good, "columns: [email]");
    buf_add(&text, at + 7, (size_t)(keys - at - 7));
    buf_addz(&text, "columns: [email, who]");
    buf_addz(&text, keys + strlen("columns: [email]"));
    struct err err;
    AUTO(rules_free) struct rules *rules = NULL;
    CHECK_OK((rules = rules_parse("t.yaml", buf_str(&text), -1, &err)) != NULL, err);
    if (rules != NULL) {
        CHECK_INT(rules->value_count, 1);
        CHECK_INT(rules->values[0].first_count, 2);
        CHECK_INT(rules->values[0].first[1], 1);
        CHECK_INT(rules->keys[0].terms[1], 3);
        CHECK_STR(rules_term(rules, 3), "who");
        CHECK_STR(rules_term(rules, 1), "email");
    }
}

static void refuses_wrong_values(void)
{
    WRONG("lists:\n", "values:\n  - {name: who, first: [id]}\nlists:\n",
          "line 16, column 24: expected 2 to 4 entries, not 1");
    WRONG("lists:\n", "values:\n  - {name: who, first: [id, mail]}\nlists:\n",
          "line 16, column 29: there is no column 'mail'");
    WRONG("lists:\n", "values:\n  - {name: who, first: [id, note]}\nlists:\n",
          "line 16, column 29: the column 'note' has 'decides: no'");
    WRONG("lists:\n", "values:\n  - {name: email, first: [id, email]}\nlists:\n",
          "line 16, column 12: a column or value 'email' is there already");
    /* no value of values: so there is no circle */
    WRONG("lists:\n", "values:\n  - {name: who, first: [id, who]}\nlists:\n",
          "line 16, column 29: there is no column 'who'");
    WRONG("form: email\n", "form: email\n    empty: none\n",
          "line 13, column 12: there is no list 'none'");
    WRONG("required: yes\n", "required: yes\n    empty: some\n",
          "line 9, column 15: an identity column is required, has the form trim and decides");
}

static void refuses_lists_of_unfolded_values(void)
{
    WRONG("column: id, prefix: l-", "column: id, in: some",
          "line 20, column 28: lists hold folded words: 'id' needs the form fold or email");
    WRONG("column: id, prefix: l-", "column: id, under: some",
          "line 20, column 31: lists hold folded words: 'id' needs the form fold or email");
}

static void refuses_wrong_parts_of_keys(void)
{
    WRONG("columns: [email]", "columns: [id], part: local",
          "line 26, column 39: only a column of the form email has parts");
    WRONG("columns: [email]", "columns: [email, id], part: local",
          "line 26, column 46: a key of a part has one column");
    WRONG("columns: [email]", "columns: [email], part: tag",
          "line 26, column 42: there is no part 'tag', known are local and domain");
    WRONG("columns: [email]", "columns: [email], only: right",
          "line 26, column 42: there is no fact 'right'");
    WRONG("keys:\n", "keys:\n  - {name: other, columns: [id]}\n",
          "line 26, column 12: no strategy uses the key 'other'");
}

static void refuses_wrong_cases(void)
{
    WRONG("    keep: left\n", "",
          "line 28, column 5: the survivor is told by either 'keep' or 'choose'");
    WRONG("keep: left", "keep: left\n    choose: [{oldest: id}]",
          "line 28, column 5: the survivor is told by either 'keep' or 'choose'");
    WRONG(
        "keep: left", "keep: left\n    cases: [{when: [{exactly: 2}], choose: [{oldest: id}]}]",
        "line 28, column 5: a strategy has either 'cases', or one 'when' with 'keep' or 'choose'");
    WRONG("    when:\n      - {at-least: 2}\n      - {exactly: 1, fact: left}\n", "",
          "line 28, column 5: 'when' is missing");
    WRONG("    when:\n      - {at-least: 2}\n      - {exactly: 1, fact: left}\n    keep: left\n",
          "    cases:\n      - {when: [{exactly: 2}], keep: left}\n",
          "line 31, column 38: the survivor is not certain: 'when' needs {exactly: 1, fact: left}");
    WRONG("{at-least: 2}", "{same: mail}", "line 31, column 16: there is no column 'mail'");
    WRONG("{at-least: 2}", "{same: email, fact: left}",
          "line 31, column 29: 'same' looks at all contacts: 'except' names a fact of those that "
          "agree with any");
    WRONG("{at-least: 2}", "{same: email, except: right}",
          "line 31, column 31: there is no fact 'right'");
    WRONG("{at-least: 2}", "{at-least: 2, except: left}",
          "line 31, column 31: 'except' goes with 'same'");
    WRONG("name: first", "name: must-link",
          "line 28, column 11: 'must-link' is the name of what people decided");
}

static void refuses_uncertain_survivors(void)
{
    WRONG("keep: left", "choose: [{prefer: left}]",
          "line 33, column 23: the survivor is not certain: the last step must be 'oldest', which "
          "no two contacts share");
    WRONG("keep: left", "choose: [{oldest: id}, {prefer: left}]",
          "line 33, column 23: nothing behind 'oldest' is ever asked: it has to be the last step");
    WRONG("keep: left", "choose: [{prefer: right}, {oldest: id}]",
          "line 33, column 23: there is no fact 'right'");
    WRONG("keep: left", "choose: [{oldest: number}]",
          "line 33, column 23: there is no column 'number'");
    WRONG("keep: left", "choose: [{most: id}, {oldest: id}]",
          "line 33, column 21: 'most' needs a column of the form count");
    WRONG("keep: left", "choose: [{latest: id}, {oldest: id}]",
          "line 33, column 23: 'latest' needs a column of the form time");
    WRONG("keep: left", "choose: [{}]",
          "line 33, column 14: a step needs one of prefer, most, latest, oldest");
    WRONG("keep: left", "choose: [{prefer: left, oldest: id}]",
          "line 33, column 37: a step asks one thing, 'oldest' is a second one");
    WRONG("keep: left", "choose: []", "line 33, column 13: expected 1 to 16 entries, not 0");
}

static void refuses_wrong_guards(void)
{
    WRONG("limits:", "guards: [{word: conflict, differ: uid}]\nlimits:",
          "line 34, column 35: there is no column 'uid'");
    WRONG("limits:", "guards: [{word: Con, differ: id}]\nlimits:",
          "line 34, column 17: 'Con' is no name: a-z, 0-9, '-' and '_'");
    WRONG("limits:", "guards: [{word: conflict, differ: id, where: right}]\nlimits:",
          "line 34, column 46: there is no fact 'right'");
    WRONG("limits:", "guards: [{word: conflict, differ: id, except-merged-by: [second]}]\nlimits:",
          "line 34, column 58: there is no strategy 'second'");
    WRONG("limits:", "guards: [{word: conflict}]\nlimits:",
          "line 34, column 10: 'differ' is missing");
}

static void idle_guards_are_left_out(void)
{
    struct err err;
    bool has[RULES_MAX_COLUMNS];
    memset(has, 1, sizeof(has));
    AUTO(rules_free) struct rules *pairs = NULL;
    CHECK_OK((pairs = rules_load("revu-pairs", &err)) != NULL, err);
    if (pairs == NULL) {
        return;
    }
    rules_drop_idle_guards(pairs, has);
    CHECK_INT(pairs->guard_count, 1);
    CHECK_STR(rules_term(pairs, pairs->guards[0].term), "uid");
    has[pairs->guards[0].term] = false;
    rules_drop_idle_guards(pairs, has);
    CHECK_INT(pairs->guard_count, 0);
}

static void loads_the_built_in_set(void)
{
    struct err err;
    AUTO(rules_free) struct rules *rules = NULL;
    CHECK_OK((rules = rules_load("revu-pairs", &err)) != NULL, err);
    if (rules != NULL) {
        CHECK_STR(rules->name, "revu-pairs");
        CHECK_INT(rules->max_cluster, 25);
        CHECK_INT(rules->list_count, 5);
    }
    AUTO(rules_free) struct rules *external = NULL;
    CHECK_OK((external = rules_load("external-contacts", &err)) != NULL, err);
    if (external != NULL) {
        CHECK_INT(external->strategy_count, 5);
        CHECK_INT(external->guard_count, 2);
        CHECK_INT(external->guards[1].except, 1 << 1);
        CHECK_INT(external->keys[1].carry_count, 5);
        CHECK_INT(external->list_count, 9);
    }
    struct rules *other = NULL;
    CHECK_ERR((other = rules_load("no-such-set", &err)) != NULL, err, ERR_NOT_FOUND,
              "could not find the rule set 'no-such-set'");
    CHECK_STR(err.hint,
              "Give a built-in name (see `steward rules list`) or the path of a rule file.");
}

static void loads_files_with_lists(void)
{
    char dir[400];
    char path[512];
    char list[512];
    struct err err;
    (void)snprintf(dir, sizeof(dir), "%s/lists", tap_tmpdir());
    (void)snprintf(path, sizeof(path), "%s/own.yaml", tap_tmpdir());
    (void)snprintf(list, sizeof(list), "%s/some.txt", dir);
    AUTO_BUF struct buf text = {0};
    const char *at = strstr(good, "words: [Info, admin]");
    buf_add(&text, good, (size_t)(at - good));
    buf_addz(&text, "file: lists/some.txt");
    buf_addz(&text, at + strlen("words: [Info, admin]"));
    CHECK_OK(fs_mkdirs(AT_FDCWD, dir, &err), err);
    CHECK_OK(fs_write_new(AT_FDCWD, path, buf_str(&text), false, &err), err);
    char expected[1200];
    (void)snprintf(expected, sizeof(expected),
                   "could not use '%s': line 17, column 11: could not open 'lists/some.txt': No "
                   "such file or directory",
                   path);
    struct rules *none = NULL;
    CHECK_ERR((none = rules_load(path, &err)) != NULL, err, ERR_CONFIG, expected);
    CHECK_OK(fs_write_new(AT_FDCWD, list, STR("# some\nInfo\n"), false, &err), err);
    AUTO(rules_free) struct rules *rules = NULL;
    CHECK_OK((rules = rules_load(path, &err)) != NULL, err);
    CHECK(rules != NULL && words_has(&rules->lists[0].words, STR("info")));
    /* the hash covers the list */
    CHECK_OK(fs_write_atomic(AT_FDCWD, list, STR("# some\nInfo\nsales\n"), &err), err);
    AUTO(rules_free) struct rules *changed = NULL;
    CHECK_OK((changed = rules_load(path, &err)) != NULL, err);
    CHECK(rules != NULL && changed != NULL && strcmp(rules->hash, changed->hash) != 0);
    (void)snprintf(expected, sizeof(expected),
                   "could not open '%s/none.yaml': No such file or "
                   "directory",
                   tap_tmpdir());
    (void)snprintf(path, sizeof(path), "%s/none.yaml", tap_tmpdir());
    CHECK_ERR((none = rules_load(path, &err)) != NULL, err, ERR_CONFIG, expected);
}

static void lists_stay_below_the_file(void)
{
    WRONG("words: [Info, admin]", "file: ../some.txt",
          "line 17, column 11: the list '../some.txt' does not lie below the rule file");
    WRONG("words: [Info, admin]", "file: /etc/some.txt",
          "line 17, column 11: the list '/etc/some.txt' does not lie below the rule file");
}

TAP_MAIN(TAP_TEST(loads), TAP_TEST(refuses_what_is_no_rule_file), TAP_TEST(refuses_wrong_heads),
         TAP_TEST(refuses_wrong_columns), TAP_TEST(refuses_wrong_lists),
         TAP_TEST(refuses_wrong_facts), TAP_TEST(refuses_wrong_keys),
         TAP_TEST(refuses_wrong_strategies), TAP_TEST(loads_values), TAP_TEST(refuses_wrong_values),
         TAP_TEST(refuses_lists_of_unfolded_values), TAP_TEST(refuses_wrong_parts_of_keys),
         TAP_TEST(refuses_wrong_cases), TAP_TEST(refuses_uncertain_survivors),
         TAP_TEST(refuses_wrong_guards), TAP_TEST(idle_guards_are_left_out),
         TAP_TEST(loads_the_built_in_set), TAP_TEST(loads_files_with_lists),
         TAP_TEST(lists_stay_below_the_file))
