/* SPDX-License-Identifier: MIT */
#include "match/columns_map.h"

#include <fcntl.h>

#include "base/fs.h"
#include "harness/tap.h"

static const char rule_set[] = "name: test\n"
                               "version: 1\n"
                               "summary: a test\n"
                               "kind: merge-contact\n"
                               "columns:\n"
                               "  - {name: id, headers: [User ID, Key], form: trim, identity: yes, "
                               "required: yes}\n"
                               "  - {name: email, form: email, required: yes}\n"
                               "  - {name: bi, form: fold}\n"
                               "facts:\n"
                               "  - {name: left, all: [{column: bi, prefix: l}]}\n"
                               "keys:\n"
                               "  - {name: mail, columns: [email]}\n"
                               "strategies:\n"
                               "  - {name: first, key: mail, when: [{exactly: 1, fact: left}], "
                               "keep: left}\n";

static struct rules *load(void)
{
    struct err err;
    struct rules *rules = NULL;
    CHECK_OK((rules = rules_parse("t.yaml", STR(rule_set), -1, &err)) != NULL, err);
    return rules;
}

static void maps(void)
{
    struct err err;
    AUTO(rules_free) struct rules *rules = load();
    CHECK_OK(
        columns_map_parse("m.yaml", STR("columns: {id: ' Contact Id ', bi: \"\"}\n"), rules, &err),
        err);
    CHECK_STR(rules->columns[0].mapped, "Contact Id");
    CHECK(rules->columns[1].mapped == NULL);
    CHECK_STR(rules->columns[2].mapped, "");
}

/* Two columns may change their names. */
static void swaps(void)
{
    struct err err;
    AUTO(rules_free) struct rules *rules = load();
    CHECK_OK(columns_map_parse("m.yaml", STR("columns: {id: Email, email: Key}\n"), rules, &err),
             err);
    CHECK_STR(rules->columns[0].mapped, "Email");
    CHECK_STR(rules->columns[1].mapped, "Key");
}

static void refuses(void)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"columns:\n  id: A\n  mail: B\n",
         "could not use 'm.yaml': line 3, column 3: unknown word 'mail', known here: id email bi"},
        {"columns:\n  id: A\n  id: B\n",
         "could not use 'm.yaml': line 3, column 3: 'id' stands there twice"},
        {"columns:\n  id: A\n  email: ' a'\n",
         "could not use 'm.yaml': line 3, column 10: the header 'a' is mapped to the column 'id' "
         "already"},
        {"columns:\n  email: user id\n",
         "could not use 'm.yaml': line 2, column 10: the header 'user id' is a name of the column "
         "'id': map that one too"},
        {"columns:\n  id: EMAIL\n",
         "could not use 'm.yaml': line 2, column 7: the header 'EMAIL' is a name of the column "
         "'email': map that one too"},
        {"columns:\n  id: [A, B]\n",
         "could not use 'm.yaml': line 2, column 7: expected one value"},
        {"columns: id\n",
         "could not use 'm.yaml': line 1, column 10: expected words with values ('word: value')"},
        {"rows: 1\n",
         "could not use 'm.yaml': line 1, column 1: unknown word 'rows', known here: columns"},
        {"{}\n", "could not use 'm.yaml': line 1, column 1: 'columns' is missing"},
        {"", "could not use 'm.yaml': it is empty"},
        {"columns: {id: &a A}\n",
         "could not use 'm.yaml': line 1, column 15: anchors and aliases are not allowed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err;
        AUTO(rules_free) struct rules *rules = load();
        CHECK_ERR(columns_map_parse("m.yaml", str_of(cases[i].text), rules, &err), err, ERR_CONFIG,
                  cases[i].message);
        CHECK(rules->columns[0].mapped == NULL && rules->columns[1].mapped == NULL);
    }
}

static void reads_files(void)
{
    struct err err;
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/m.yaml", tap_tmpdir());
    AUTO(rules_free) struct rules *rules = load();
    CHECK(!columns_map_load(buf_z(&path), rules, &err));
    CHECK_INT(err.kind, ERR_CONFIG);
    CHECK_OK(fs_write_new(AT_FDCWD, buf_z(&path), STR("columns: {email: Mail}\n"), false, &err),
             err);
    CHECK_OK(columns_map_load(buf_z(&path), rules, &err), err);
    CHECK_STR(rules->columns[1].mapped, "Mail");
}

TAP_MAIN(TAP_TEST(maps), TAP_TEST(swaps), TAP_TEST(refuses), TAP_TEST(reads_files))
