/* SPDX-License-Identifier: MIT */
/*
 * A rule set: what a contact is, what makes two of them one, who survives. Data (YAML, rules/ and
 * docs/rules.md), loaded once, checked whole, immutable afterwards: any number of threads may use
 * it.
 *
 *   columns     what is read from the source, by name or alias, with a normal form
 *   values      the first of some columns that is not empty
 *   lists       words in files beside the rule file
 *   facts       yes-or-no properties of one contact, by tests on its columns and on earlier facts
 *   keys        values that two contacts must share to be looked at together
 *   strategies  over the group of one key: how many of the group must have which fact, who is kept,
 *               who goes into it
 *   guards      what the contacts of a finished star must not differ in
 *
 * There is nothing to evaluate but counts of facts and a few orders, so the whole set is a few
 * numbers a contact, and the words of a rule set occur in its file only.
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
    RULES_MAX_VALUES = 8,
    RULES_MAX_TERMS = RULES_MAX_COLUMNS + RULES_MAX_VALUES,
    RULES_MAX_FACTS = 30, /* bits of a uint32_t; the last two are grouping's own */
    RULES_MAX_KEYS = 8,
    RULES_MAX_KEY_TERMS = 4,
    RULES_MAX_CARRIES = 32,
    RULES_MAX_STRATEGIES = 15, /* bits of a uint16_t; the last one is memory's */
    RULES_MAX_CASES = 8,
    RULES_MAX_CONDITIONS = 16,
    RULES_MAX_STEPS = 16,
    RULES_MAX_GUARDS = 4,
    RULES_MAX_TESTS = 16,
    RULES_FILE_BYTES = 256 * 1024,
    RULES_LIST_BYTES = 4 * 1024 * 1024
};

/* What strategies of memory are called (links.h). */
#define RULES_MUST_LINK "must-link"

struct rule_column {
    const char *name;
    const char *const *headers; /* NULL-terminated: its names in files, beside `name` */
    const char *mapped;         /* by match/columns_map.h: its only name in the file, NULL: none */
    const char *remote;         /* the remote's field, "" where it has none */
    enum form form;
    const struct words *empty; /* words that count as empty, NULL: none */
    bool required;
    bool identity; /* exactly one column: the contact's id */
    bool decides;  /* the rules read it; false: carried for people only */
};

/* The first of some columns that is not empty. A *term* is a column, or, numbered behind them, a
 * value. */
struct rule_value {
    const char *name;
    const int *first;
    size_t first_count;
};

enum rule_part {
    PART_WHOLE,
    PART_LOCAL, /* of an e-mail: before the '@', without its "+tag", folded */
    PART_DOMAIN /* of an e-mail */
};

enum rule_op {
    OP_PREFIX,  /* begins with `text` */
    OP_EQUALS,  /* is `text` */
    OP_EMPTY,   /* is empty */
    OP_IN,      /* is on `words` */
    OP_UNDER,   /* is on `words`, or below an entry by dots */
    OP_SAME_AS, /* is not empty and equals the term `other` */
    OP_FACT     /* the earlier fact `other` holds; only while a file is read, see rule_fact */
};

struct rule_test {
    enum rule_op op;
    bool negate;
    enum rule_part part;
    int term;
    int other;
    str text;
    const struct words *words;
};

/* All of its tests hold, or with `any` one of them. Those of earlier facts are bits: of facts that must
 * be there and of facts that must not. */
struct rule_fact {
    const char *name;
    bool any;
    uint32_t set;
    uint32_t clear;
    const struct rule_test *tests; /* of terms */
    size_t test_count;
};

/* What the strategies of a key compare within a group, one number each (contact.h). */
enum rule_carry_kind {
    CARRY_TEXT,
    CARRY_COUNT,
    CARRY_TIME,
    CARRY_FRACTION, /* stands behind the CARRY_TIME of its term */
    CARRY_NUMBER    /* the digits that the text ends in */
};

struct rule_carry {
    enum rule_carry_kind kind;
    int term;
};

struct rule_key {
    const char *name;
    const int *terms; /* a contact in whose row one of them is empty has no such key */
    size_t term_count;
    enum rule_part part; /* of the only term */
    int only;            /* fact without which a contact has no such key, -1 where none */
    int blocked;         /* fact that makes the key no evidence, -1 where none */
    const char *word;    /* first word of the reason on contacts that share only blocked keys */
    struct rule_carry carries[RULES_MAX_CARRIES];
    size_t carry_count;
};

enum rule_quantifier { Q_EXACTLY, Q_AT_LEAST, Q_AT_MOST, Q_EVERY, Q_SAME };

struct rule_condition {
    enum rule_quantifier quantifier;
    uint32_t number;
    int fact;  /* -1: all contacts of the group; Q_SAME: those with it agree with any, -1: none */
    int term;  /* Q_SAME */
    int carry; /* Q_SAME: where the key carries it */
};

enum rule_step_kind { STEP_PREFER, STEP_MOST, STEP_LATEST, STEP_OLDEST };

struct rule_step {
    enum rule_step_kind kind;
    int fact; /* STEP_PREFER */
    int term; /* otherwise */
    int carry;
};

struct rule_case {
    const struct rule_condition *conditions; /* all must hold */
    size_t condition_count;
    int keep; /* fact of the survivor, and a condition makes sure that it is one; -1: by `steps` */
    const struct rule_step *steps; /* narrow the group down to one; the last is STEP_OLDEST */
    size_t step_count;
    int merge; /* fact of those that go into it, -1: all others */
};

struct rule_strategy {
    const char *name;
    int key;
    const struct rule_case *cases; /* the first one whose conditions hold decides */
    size_t case_count;
    const char *otherwise; /* first word of the reason where none does */
    const int *counted;    /* facts whose numbers the reason names */
    size_t counted_count;
};

/* Two contacts of a finished star must not hold different values. */
struct rule_guard {
    const char *word;
    int term;
    int where;       /* fact of the contacts that it looks at, -1: all */
    uint16_t except; /* contacts that these strategies made losers do not count, one bit each */
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
    struct rule_value *values;
    size_t value_count;
    struct rule_list *lists;
    size_t list_count;
    struct rule_fact *facts;
    size_t fact_count;
    struct rule_key *keys;
    size_t key_count;
    struct rule_strategy *strategies;
    size_t strategy_count;
    struct rule_guard *guards;
    size_t guard_count;
    uint32_t max_cluster;             /* contacts of one finished star, survivor included */
    int max_share_of;                 /* term: the contact's account; -1: none */
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

/* Leaves out, before the rules are used, the guards on columns that the source does not have: they can
 * stop nothing. `has`: one for each column. */
void rules_drop_idle_guards(struct rules *rules, const bool *has);

/* A term's name. */
static inline const char *rules_term(const struct rules *rules, int term)
{
    return (size_t)term < rules->column_count
               ? rules->columns[term].name
               : rules->values[(size_t)term - rules->column_count].name;
}

#endif
