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
    CHECK_INT(rules->strategies[0].conditions[0].quantifier, Q_AT_LEAST);
    CHECK_INT(rules->strategies[0].conditions[0].fact, -1);
    CHECK_INT(rules->strategies[0].conditions[1].fact, 0);
    CHECK_INT(rules->strategies[0].merge, -1);
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
          "lists facts keys strategies limits labels");
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
}

static void refuses_wrong_columns(void)
{
    WRONG("form: email", "form: mail",
          "line 12, column 11: there is no form 'mail', known are trim, fold, email and count");
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
          "line 16, column 12: no fact uses the list 'other'");
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
          "line 31, column 32: a condition counts once, 'at-most' is a second one");
    WRONG("{at-least: 2}", "{fact: left}",
          "line 31, column 9: a condition needs one of exactly, at-least, at-most, every");
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

static void loads_the_built_in_set(void)
{
    struct err err;
    AUTO(rules_free) struct rules *rules = NULL;
    CHECK_OK((rules = rules_load("revu-pairs", &err)) != NULL, err);
    if (rules != NULL) {
        CHECK_STR(rules->name, "revu-pairs");
        CHECK_INT(rules->max_cluster, 25);
        CHECK_INT(rules->list_count, 4);
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
         TAP_TEST(refuses_wrong_strategies), TAP_TEST(loads_the_built_in_set),
         TAP_TEST(loads_files_with_lists), TAP_TEST(lists_stay_below_the_file))
