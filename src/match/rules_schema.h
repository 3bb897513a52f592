/* SPDX-License-Identifier: MIT */
/* The rule file as it is written: every scalar is text, NULL where it is left out. */
#ifndef STEWARD_MATCH_RULES_SCHEMA_H
#define STEWARD_MATCH_RULES_SCHEMA_H

#include <cyaml/cyaml.h>

struct raw_column {
    const char *name;
    const char **headers;
    unsigned headers_count;
    const char *remote;
    const char *form;
    const char *empty;
    const char *required;
    const char *identity;
    const char *decides;
};

struct raw_value {
    const char *name;
    const char **first;
    unsigned first_count;
};

struct raw_list {
    const char *name;
    const char *file;
    const char **words;
    unsigned words_count;
};

struct raw_test {
    const char *column;
    const char *part;
    const char *prefix;
    const char *equals;
    const char *in;
    const char *under;
    const char *empty;
    const char *same_as;
    const char *fact;
    const char *negate;
};

struct raw_fact {
    const char *name;
    struct raw_test *all;
    unsigned all_count;
    struct raw_test *any;
    unsigned any_count;
};

struct raw_key {
    const char *name;
    const char **columns;
    unsigned columns_count;
    const char *part;
    const char *only;
    const char *blocked;
    const char *word;
};

struct raw_condition {
    const char *exactly;
    const char *at_least;
    const char *at_most;
    const char *every;
    const char *same;
    const char *fact;
    const char *except;
};

struct raw_step {
    const char *prefer;
    const char *most;
    const char *latest;
    const char *oldest;
};

struct raw_case {
    struct raw_condition *when;
    unsigned when_count;
    const char *keep;
    struct raw_step *choose;
    unsigned choose_count;
    const char *merge;
};

struct raw_otherwise {
    const char *word;
    const char **count;
    unsigned count_count;
};

struct raw_strategy {
    const char *name;
    const char *key;
    struct raw_condition *when; /* one case, written without `cases` */
    unsigned when_count;
    const char *keep;
    struct raw_step *choose;
    unsigned choose_count;
    const char *merge;
    struct raw_case *cases;
    unsigned cases_count;
    struct raw_otherwise *otherwise;
};

struct raw_guard {
    const char *word;
    const char *differ;
    const char *where;
    const char **except;
    unsigned except_count;
};

struct raw_limits {
    const char *max_cluster;
    const char *max_share_of;
};

struct raw_labels; /* match/rules_labels.h */

struct raw_rules {
    const char *name;
    const char *version;
    const char *summary;
    const char *kind;
    struct raw_column *columns;
    unsigned columns_count;
    struct raw_value *values;
    unsigned values_count;
    struct raw_list *lists;
    unsigned lists_count;
    struct raw_fact *facts;
    unsigned facts_count;
    struct raw_key *keys;
    unsigned keys_count;
    struct raw_strategy *strategies;
    unsigned strategies_count;
    struct raw_guard *guards;
    unsigned guards_count;
    struct raw_limits *limits;
    struct raw_labels *labels;
};

const cyaml_schema_value_t *rules_schema(void);

#endif
