/* SPDX-License-Identifier: MIT */
/*
 * A rule set: what a contact is, what makes two of them one, who survives. Data (YAML, rules/ and
 * docs/rules.md), loaded once, checked whole, immutable afterwards: any number of threads may use
 * it.
 *
 *   columns     what is read from the source, by name or alias, with a normal form
 *   lists       words in files beside the rule file
 *   facts       yes-or-no properties of one contact, by tests on its columns and on earlier facts
 *   keys        values that two contacts must share to be looked at together
 *   strategies  over the group of one key: how many of the group must have which fact, who is kept,
 *               who goes into it
 *
 * There is nothing to evaluate but counts of facts, so the whole set is a few numbers a contact,
 * and the words of a rule set occur in its file only.
 */
#ifndef STEWARD_MATCH_RULES_H
#define STEWARD_MATCH_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"
#include "match/normalise.h"
#include "match/words.h"

enum {
    RULES_MAX_COLUMNS = 32,
    RULES_MAX_FACTS = 31, /* bits of a uint32_t; the last one is grouping's own */
    RULES_MAX_KEYS = 8,
    RULES_MAX_STRATEGIES = 16,
    RULES_MAX_CONDITIONS = 16,
    RULES_MAX_TESTS = 16,
    RULES_FILE_BYTES = 256 * 1024,
    RULES_LIST_BYTES = 4 * 1024 * 1024
};

struct rule_column {
    const char *name;
    const char *const *headers; /* NULL-terminated: its names in files, beside `name` */
    const char *mapped;         /* by match/columns_map.h: its only name in the file, NULL: none */
    const char *remote;         /* the remote's field, "" where it has none */
    enum form form;
    bool required;
    bool identity; /* exactly one column: the contact's id */
    bool decides;  /* the rules read it; false: carried for people only */
};

enum rule_part {
    PART_WHOLE,
    PART_LOCAL, /* of an e-mail: before the '@', without its "+tag" */
    PART_DOMAIN /* of an e-mail */
};

enum rule_op {
    OP_PREFIX,  /* begins with `text` */
    OP_EQUALS,  /* is `text` */
    OP_EMPTY,   /* is empty */
    OP_IN,      /* is on `words` */
    OP_UNDER,   /* is on `words`, or below an entry by dots */
    OP_SAME_AS, /* is not empty and equals the column `other` */
    OP_FACT     /* the earlier fact `other` holds */
};

struct rule_test {
    enum rule_op op;
    bool negate;
    enum rule_part part;
    int column;
    int other;
    str text;
    const struct words *words;
};

struct rule_fact {
    const char *name;
    bool any; /* one test is enough; false: all of them */
    const struct rule_test *tests;
    size_t test_count;
};

struct rule_key {
    const char *name;
    const int *columns; /* a contact in whose row one of them is empty has no such key */
    size_t column_count;
    int blocked;      /* fact that makes the key no evidence, -1 where none */
    const char *word; /* first word of the reason on contacts that share a blocked key */
};

enum rule_quantifier { Q_EXACTLY, Q_AT_LEAST, Q_AT_MOST, Q_EVERY };

struct rule_condition {
    enum rule_quantifier quantifier;
    uint32_t number;
    int fact; /* -1: all contacts of the group */
};

struct rule_strategy {
    const char *name;
    int key;
    const struct rule_condition *conditions; /* all must hold */
    size_t condition_count;
    int keep;              /* fact of the survivor; a condition makes sure that it is one */
    int merge;             /* fact of those that go into it, -1: all others */
    const char *otherwise; /* first word of the reason where the conditions do not hold */
    const int *counted;    /* facts whose numbers the reason names */
    size_t counted_count;
};

struct rule_list {
    const char *name;
    const char *file; /* relative to the rule file, NULL where the words stand in it */
    struct words words;
};

struct rule_labels;

struct rules {
    struct arena arena;
    const char *path; /* of the rule file */
    const char *name;
    const char *summary;
    const char *kind;      /* of the changes: "merge-contact" */
    char hash[SHA256_HEX]; /* of the rule file and its lists */
    struct rule_column *columns;
    size_t column_count;
    int identity; /* index of the id column */
    struct rule_list *lists;
    size_t list_count;
    struct rule_fact *facts;
    size_t fact_count;
    struct rule_key *keys;
    size_t key_count;
    struct rule_strategy *strategies;
    size_t strategy_count;
    uint32_t max_cluster;             /* contacts of one finished star, survivor included */
    const struct rule_labels *labels; /* match/rules_labels.h, NULL: none */
};

/* A built-in rule set by its name, or a rule file by its path (a name holds no '/' and no '.').
 * Built-in ones are <data>/rules/<name>.yaml, where <data> is $STEWARD_DATA_DIR, else the directory
 * that the build was made for. ERR_CONFIG names line and column; ERR_NOT_FOUND a name that does not
 * exist. */
struct rules *rules_load(const char *name_or_path, struct err *err) MUST_CHECK;

/* From memory; lists in files are looked for below dirfd (-1: there are none). `file` is for
 * messages. */
struct rules *rules_parse(const char *file, str text, int dirfd, struct err *err) MUST_CHECK;

void rules_free(struct rules *rules);
DEFINE_AUTO(struct rules, rules_free)

#endif
