/* SPDX-License-Identifier: MIT */
/* What is known of one contact: facts and keys. */
#include "match/rules_internal.h"

/* --- facts ------------------------------------------------------------------------------------ */

/* The one operation of a test, and its value; `where` is the test's path. */
static bool read_operation(struct rules_build *b, const char *where, const struct raw_test *raw,
                           size_t fact, struct rule_test *test)
{
    const struct {
        const char *word;
        const char *value;
        enum rule_op op;
    } given[] = {
        {"prefix", raw->prefix, OP_PREFIX},
        {"equals", raw->equals, OP_EQUALS},
        {"in", raw->in, OP_IN},
        {"under", raw->under, OP_UNDER},
        {"empty", raw->empty, OP_EMPTY},
        {"same-as", raw->same_as, OP_SAME_AS},
        {"fact", raw->fact, OP_FACT},
    };
    const char *value = NULL;
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        if (given[i].value == NULL) {
            continue;
        }
        if (value != NULL) {
            AT(b, "%s/%s", where, given[i].word);
            return WRONG(b, "a test asks one thing, '%s' is a second one", given[i].word);
        }
        value = given[i].value;
        test->op = given[i].op;
        AT(b, "%s/%s", where, given[i].word);
    }
    if (value == NULL) {
        AT(b, "%s", where);
        return WRONG(b, "a test needs one of prefix, equals, in, under, empty, same-as, fact");
    }
    bool yes = true;
    switch (test->op) {
    case OP_PREFIX:
    case OP_EQUALS:
        test->text = str_dup(&b->rules->arena, str_of(value));
        return true;
    case OP_IN:
    case OP_UNDER:
        return rules_read_words(b, value, &test->words);
    case OP_EMPTY:
        if (!rules_read_bool(b, value, true, &yes)) {
            return false;
        }
        test->negate = !yes;
        return true;
    case OP_SAME_AS:
        return rules_read_term(b, value, &test->other);
    case OP_FACT:
        test->other = rules_find_fact(b, value, fact);
        return test->other >= 0 || WRONG(b, "there is no fact '%s' before this one", value);
    }
    return false;
}

/* What is compared with a normal form must be one, and must be something. */
static bool normalise_text(struct rules_build *b, struct rule_test *test, enum form form)
{
    if (test->op != OP_EQUALS && test->op != OP_PREFIX) {
        return true;
    }
    AUTO_BUF struct buf scratch = {0};
    if (test->op == OP_EQUALS || form == FORM_FOLD) {
        test->text = str_dup(&b->rules->arena, norm_value(form, test->text, &scratch));
    }
    return test->text.len != 0 || WRONG(b, "nothing is left of the text in its normal form");
}

static bool build_test(struct rules_build *b, const char *where, const struct raw_test *raw,
                       size_t fact, struct rule_test *test)
{
    if (!read_operation(b, where, raw, fact, test)) {
        return false;
    }
    AT(b, "%s", where);
    if ((raw->column != NULL) == (test->op == OP_FACT)) {
        return test->op == OP_FACT ? WRONG(b, "a test of a fact has no column")
                                   : WRONG(b, "the test has no column");
    }
    if (raw->column != NULL) {
        AT(b, "%s/column", where);
        if (!rules_read_term(b, raw->column, &test->term)) {
            return false;
        }
        AT(b, "%s/part", where);
        enum form form = rules_term_form(b->rules, test->term);
        if (!rules_read_part(b, raw->part, test->term, &test->part)) {
            return false;
        }
        AT(b, "%s/%s", where, test->op == OP_EQUALS ? "equals" : "prefix");
        bool folded = form == FORM_FOLD || form == FORM_EMAIL;
        if ((test->op == OP_IN || test->op == OP_UNDER) && !folded) {
            AT(b, "%s/%s", where, test->op == OP_IN ? "in" : "under");
            return WRONG(b, "lists hold folded words: '%s' needs the form fold or email",
                         raw->column);
        }
        if (!normalise_text(b, test, test->part == PART_WHOLE ? form : FORM_FOLD)) {
            return false;
        }
    }
    AT(b, "%s/not", where);
    bool negate = false;
    if (!rules_read_bool(b, raw->negate, false, &negate)) {
        return false;
    }
    test->negate ^= negate;
    return true;
}

static bool check_lists_used(struct rules_build *b)
{
    for (size_t i = 0; i < b->raw->lists_count; i++) {
        if (!b->list_used[i]) {
            AT(b, "lists/%zu/name", i);
            return WRONG(b, "nothing uses the list '%s'", b->raw->lists[i].name);
        }
    }
    return true;
}

static bool build_fact(struct rules_build *b, size_t i)
{
    const struct raw_fact *raw = &b->raw->facts[i];
    struct rule_fact *fact = &b->rules->facts[i];
    AT(b, "facts/%zu/name", i);
    if (!rules_check_name(b, raw->name)) {
        return false;
    }
    if (rules_find_fact(b, raw->name, i) >= 0) {
        return WRONG(b, "the fact '%s' stands there twice", raw->name);
    }
    AT(b, "facts/%zu", i);
    if ((raw->all != NULL) == (raw->any != NULL)) {
        return WRONG(b, "a fact has either 'all' or 'any'");
    }
    fact->name = rules_keep(b, raw->name);
    fact->any = raw->any != NULL;
    size_t count = fact->any ? raw->any_count : raw->all_count;
    const struct raw_test *tests = fact->any ? raw->any : raw->all;
    struct rule_test *made = arena_array(&b->rules->arena, count, sizeof(*made));
    fact->tests = made;
    for (size_t j = 0; j < count; j++) {
        char where[64];
        struct rule_test test = {0};
        (void)snprintf(where, sizeof(where), "facts/%zu/%s/%zu", i, fact->any ? "any" : "all", j);
        if (!build_test(b, where, &tests[j], i, &test)) {
            return false;
        }
        if (test.op != OP_FACT) {
            made[fact->test_count++] = test;
        } else if (test.negate) {
            fact->clear |= UINT32_C(1) << test.other;
        } else {
            fact->set |= UINT32_C(1) << test.other;
        }
    }
    return true;
}

bool rules_build_facts(struct rules_build *b)
{
    b->rules->fact_count = b->raw->facts_count;
    b->rules->facts = arena_array(&b->rules->arena, b->raw->facts_count, sizeof(*b->rules->facts));
    for (size_t i = 0; i < b->raw->facts_count; i++) {
        if (!build_fact(b, i)) {
            return false;
        }
    }
    return check_lists_used(b);
}

/* --- keys ------------------------------------------------------------------------------------- */

int rules_find_key(const struct rules_build *b, const char *name)
{
    for (size_t i = 0; i < b->raw->keys_count; i++) {
        if (strcmp(b->raw->keys[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool build_key(struct rules_build *b, size_t i)
{
    const struct raw_key *raw = &b->raw->keys[i];
    struct rule_key *key = &b->rules->keys[i];
    AT(b, "keys/%zu/name", i);
    if (!rules_check_name(b, raw->name)) {
        return false;
    }
    if (rules_find_key(b, raw->name) != (int)i) {
        return WRONG(b, "the key '%s' stands there twice", raw->name);
    }
    key->name = rules_keep(b, raw->name);
    key->term_count = raw->columns_count;
    int *terms = arena_array(&b->rules->arena, raw->columns_count, sizeof(*terms));
    key->terms = terms;
    for (size_t j = 0; j < raw->columns_count; j++) {
        AT(b, "keys/%zu/columns/%zu", i, j);
        if (!rules_read_term(b, raw->columns[j], &terms[j])) {
            return false;
        }
    }
    AT(b, "keys/%zu/part", i);
    if (raw->part != NULL && raw->columns_count != 1) {
        return WRONG(b, "a key of a part has one column");
    }
    if (!rules_read_part(b, raw->part, terms[0], &key->part)) {
        return false;
    }
    AT(b, "keys/%zu/only", i);
    if (!rules_read_fact(b, raw->only, &key->only)) {
        return false;
    }
    key->blocked = -1;
    key->word = "undecided";
    AT(b, "keys/%zu", i);
    if ((raw->blocked != NULL) != (raw->word != NULL)) {
        return WRONG(b, "'blocked' and 'word' come together");
    }
    if (raw->blocked != NULL) {
        AT(b, "keys/%zu/word", i);
        if (!rules_check_name(b, raw->word)) {
            return false;
        }
        key->word = rules_keep(b, raw->word);
        AT(b, "keys/%zu/blocked", i);
        return rules_read_fact(b, raw->blocked, &key->blocked);
    }
    return true;
}

bool rules_build_keys(struct rules_build *b)
{
    b->rules->key_count = b->raw->keys_count;
    b->rules->keys = arena_array(&b->rules->arena, b->raw->keys_count, sizeof(*b->rules->keys));
    for (size_t i = 0; i < b->raw->keys_count; i++) {
        if (!build_key(b, i)) {
            return false;
        }
    }
    return true;
}
