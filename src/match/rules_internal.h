/* SPDX-License-Identifier: MIT */
/*
 * From the file as written (rules_schema.h) to what is evaluated (rules.h): shared by the files that
 * build the parts; nobody else includes it. Names become indices, texts become numbers, and whatever
 * would make a decision uncertain is refused, with its place.
 */
#ifndef STEWARD_MATCH_RULES_INTERNAL_H
#define STEWARD_MATCH_RULES_INTERNAL_H

#include <stdio.h>

#include "base/err.h"
#include "match/rules.h"
#include "match/rules_schema.h"
#include "match/rules_yaml.h"

enum { RULES_MAX_LISTS = 32 };

struct rules_build {
    struct rules *rules;
    const struct raw_rules *raw;
    const struct rules_yaml *yaml;
    int dirfd;
    struct sha256 *sha;
    bool list_used[RULES_MAX_LISTS];
    char path[128]; /* of the value in hand */
    struct err *err;
};

#define AT(b, ...) ((void)snprintf((b)->path, sizeof((b)->path), __VA_ARGS__))
#define WRONG(b, ...) rules_yaml_error((b)->yaml, (b)->path, (b)->err, __VA_ARGS__)

/* --- scalars; the place is b->path ------------------------------------------------------------ */

const char *rules_keep(struct rules_build *b, const char *text);
bool rules_is_name(const char *text);
bool rules_check_name(struct rules_build *b, const char *text);

/* NULL is `fallback`. */
bool rules_read_bool(struct rules_build *b, const char *text, bool fallback, bool *ret);
bool rules_read_number(struct rules_build *b, const char *text, int64_t min, int64_t max,
                       uint32_t *ret);

/* --- names ------------------------------------------------------------------------------------ */

/* -1 where there is none. */
int rules_find_column(const struct rules_build *b, const char *name);
/* Among the first `count` facts. */
int rules_find_fact(const struct rules_build *b, const char *name, size_t count);
int rules_find_key(const struct rules_build *b, const char *name);

/* A column or a value that the rules may use. */
bool rules_read_term(struct rules_build *b, const char *name, int *ret);
/* NULL is -1. */
bool rules_read_fact(struct rules_build *b, const char *name, int *ret);
bool rules_read_words(struct rules_build *b, const char *name, const struct words **ret);
bool rules_read_part(struct rules_build *b, const char *text, int term, enum rule_part *ret);

/* TRIM for a value. */
enum form rules_term_form(const struct rules *rules, int term);

/* --- the parts, in this order ----------------------------------------------------------------- */

bool rules_build_lists(struct rules_build *b);
bool rules_build_columns(struct rules_build *b);
bool rules_build_values(struct rules_build *b);
bool rules_build_facts(struct rules_build *b);
bool rules_build_keys(struct rules_build *b);
bool rules_build_strategies(struct rules_build *b);
bool rules_build_guards(struct rules_build *b);

#endif
