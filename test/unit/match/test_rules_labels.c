/* SPDX-License-Identifier: MIT */
#include "match/rules_labels.h"

#include "harness/tap.h"

static const char head[] = "name: test\n"
                           "version: 1\n"
                           "summary: a test\n"
                           "kind: merge-contact\n"
                           "columns:\n"
                           "  - {name: id, form: trim, identity: yes, required: yes}\n"
                           "facts:\n"
                           "  - {name: left, all: [{column: id, prefix: l}]}\n"
                           "keys:\n"
                           "  - {name: key, columns: [id]}\n"
                           "strategies:\n"
                           "  - {name: first, key: key, when: [{exactly: 1, fact: left}], keep: "
                           "left}\n";

static struct rules *load(const char *labels, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "%s%s", head, labels);
    return rules_parse("t.yaml", buf_str(&text), -1, err);
}

static void loads(void)
{
    struct err err;
    AUTO(rules_free) struct rules *rules = NULL;
    CHECK_OK((rules = load("labels: {action: [Action, What], merge: ' Merge ', keep: Main, "
                           "strategy: [Strategy]}\n",
                           &err)) != NULL,
             err);
    const struct rule_labels *labels = rules->labels;
    CHECK(labels != NULL);
    CHECK_STR(labels->action[0], "Action");
    CHECK_STR(labels->action[1], "What");
    CHECK(labels->action[2] == NULL);
    CHECK_TEXT(labels->merge, "Merge");
    CHECK_TEXT(labels->keep, "Main");
    CHECK_STR(labels->strategy[0], "Strategy");
    CHECK(labels->strategy[1] == NULL);
}

static void may_be_left_out(void)
{
    struct err err;
    AUTO(rules_free) struct rules *none = NULL;
    CHECK_OK((none = load("", &err)) != NULL, err);
    CHECK(none->labels == NULL);
    AUTO(rules_free) struct rules *some = NULL;
    CHECK_OK((some = load("labels: {action: [A], merge: m, keep: k}\n", &err)) != NULL, err);
    CHECK(some->labels->strategy == NULL);
}

static void refuses(void)
{
    static const struct {
        const char *labels;
        const char *message;
    } cases[] = {
        {"labels:\n  merge: a\n  keep: b\n",
         "could not use 't.yaml': line 14, column 3: 'action' is missing"},
        {"labels:\n  action: [A]\n  merge: same\n  keep: same\n",
         "could not use 't.yaml': line 16, column 9: 'same' already is the label of 'merge'"},
        {"labels:\n  action: [A]\n  merge: ' '\n  keep: k\n",
         "could not use 't.yaml': line 15, column 10: a label is a word, not blanks"},
        {"labels:\n  action: []\n  merge: m\n  keep: k\n",
         "could not use 't.yaml': line 14, column 11: expected 1 to 16 entries, not 0"},
        {"labels:\n  action: [A]\n  merge: m\n  keep: k\n  undo: u\n",
         "could not use 't.yaml': line 17, column 3: unknown word 'undo', known here: action merge "
         "keep strategy"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err;
        CHECK_ERR(load(cases[i].labels, &err) != NULL, err, ERR_CONFIG, cases[i].message);
    }
}

TAP_MAIN(TAP_TEST(loads), TAP_TEST(may_be_left_out), TAP_TEST(refuses))
