/* SPDX-License-Identifier: MIT */
/*
 * From the file as written (rules_schema.h) to what is evaluated (rules.h): names become indices,
 * texts become numbers, and whatever would make a decision uncertain is refused here, with its
 * place.
 */
#include "match/rules.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/version.h"
#include "match/rules_labels.h"
#include "match/rules_schema.h"
#include "match/rules_yaml.h"

struct build {
    struct rules *rules;
    const struct raw_rules *raw;
    const struct rules_yaml *yaml;
    int dirfd;
    struct sha256 *sha;
    bool list_used[32];
    char path[128]; /* of the value in hand */
    struct err *err;
};

#define AT(b, ...) ((void)snprintf((b)->path, sizeof((b)->path), __VA_ARGS__))
#define WRONG(b, ...) rules_yaml_error((b)->yaml, (b)->path, (b)->err, __VA_ARGS__)

void rules_free(struct rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (size_t i = 0; i < rules->list_count; i++) {
        words_done(&rules->lists[i].words);
    }
    arena_done(&rules->arena);
    free(rules);
}

/* --- values ----------------------------------------------------------------------------------- */

static const char *keep(struct build *b, const char *text)
{
    return arena_strdup(&b->rules->arena, text);
}

/* NULL is `fallback`. */
static bool read_bool(struct build *b, const char *text, bool fallback, bool *ret)
{
    *ret = fallback;
    return text == NULL || num_parse_bool(str_of(text), ret) ||
           WRONG(b, "expected yes or no, not '%s'", text);
}

static bool read_number(struct build *b, const char *text, int64_t min, int64_t max, uint32_t *ret)
{
    int64_t value = 0;
    if (!num_parse_i64(str_of(text), min, max, &value)) {
        return WRONG(b, "expected a number from %lld to %lld, not '%s'", (long long)min,
                     (long long)max, text);
    }
    *ret = (uint32_t)value;
    return true;
}

static bool is_name(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_';
        if (!plain) {
            return false;
        }
    }
    return *text != '\0';
}

static bool check_name(struct build *b, const char *text)
{
    return is_name(text) || WRONG(b, "'%s' is no name: a-z, 0-9, '-' and '_'", text);
}

static int find_column(const struct build *b, const char *name)
{
    for (size_t i = 0; i < b->raw->columns_count; i++) {
        if (strcmp(b->raw->columns[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int find_list(const struct build *b, const char *name)
{
    for (size_t i = 0; i < b->raw->lists_count; i++) {
        if (strcmp(b->raw->lists[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* Among the first `count` facts. */
static int find_fact(const struct build *b, const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(b->raw->facts[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool read_column(struct build *b, const char *name, int *ret)
{
    *ret = find_column(b, name);
    return *ret >= 0 || WRONG(b, "there is no column '%s'", name);
}

static bool read_fact(struct build *b, const char *name, int *ret)
{
    *ret = find_fact(b, name, b->raw->facts_count);
    return *ret >= 0 || WRONG(b, "there is no fact '%s'", name);
}

/* --- columns ---------------------------------------------------------------------------------- */

static bool build_column(struct build *b, size_t i)
{
    const struct raw_column *raw = &b->raw->columns[i];
    struct rule_column *column = &b->rules->columns[i];
    AT(b, "columns/%zu/name", i);
    if (!check_name(b, raw->name)) {
        return false;
    }
    if (find_column(b, raw->name) != (int)i) {
        return WRONG(b, "the column '%s' stands there twice", raw->name);
    }
    column->name = keep(b, raw->name);
    const char **headers = arena_array(&b->rules->arena, raw->headers_count + 1, sizeof(*headers));
    for (size_t j = 0; j < raw->headers_count; j++) {
        headers[j] = keep(b, raw->headers[j]);
    }
    column->headers = headers;
    column->remote = keep(b, raw->remote != NULL ? raw->remote : "");
    AT(b, "columns/%zu/form", i);
    column->form = form_by_name(str_of(raw->form));
    if (column->form == FORM_NUMBER_OF) {
        return WRONG(b, "there is no form '%s', known are trim, fold, email and count", raw->form);
    }
    AT(b, "columns/%zu/required", i);
    if (!read_bool(b, raw->required, false, &column->required)) {
        return false;
    }
    AT(b, "columns/%zu/decides", i);
    if (!read_bool(b, raw->decides, true, &column->decides)) {
        return false;
    }
    AT(b, "columns/%zu/identity", i);
    if (!read_bool(b, raw->identity, false, &column->identity)) {
        return false;
    }
    if (column->identity && (column->form != FORM_TRIM || !column->required || !column->decides)) {
        return WRONG(b, "an identity column is required, has the form trim and decides");
    }
    if (column->identity && b->rules->identity >= 0) {
        return WRONG(b, "a second identity column");
    }
    b->rules->identity = column->identity ? (int)i : b->rules->identity;
    return true;
}

static bool build_columns(struct build *b)
{
    b->rules->column_count = b->raw->columns_count;
    b->rules->columns =
        arena_array(&b->rules->arena, b->raw->columns_count, sizeof(*b->rules->columns));
    for (size_t i = 0; i < b->raw->columns_count; i++) {
        if (!build_column(b, i)) {
            return false;
        }
    }
    AT(b, "columns");
    return b->rules->identity >= 0 || WRONG(b, "no column has 'identity: yes'");
}

/* --- lists ------------------------------------------------------------------------------------ */

/* Below the rule file's directory: no way up, no absolute path. */
static bool is_list_path(const char *file)
{
    return file[0] != '/' && strstr(file, "..") == NULL;
}

static bool read_list_file(struct build *b, const char *file, struct buf *text)
{
    struct err cause = {0};
    if (b->dirfd < 0 || !is_list_path(file)) {
        return WRONG(b, "the list '%s' does not lie below the rule file", file);
    }
    if (!fs_read(b->dirfd, file, text, &cause)) {
        return WRONG(b, "%s", cause.message);
    }
    return true;
}

static bool build_list(struct build *b, size_t i)
{
    const struct raw_list *raw = &b->raw->lists[i];
    struct rule_list *list = &b->rules->lists[i];
    AT(b, "lists/%zu/name", i);
    if (!check_name(b, raw->name)) {
        return false;
    }
    if (find_list(b, raw->name) != (int)i) {
        return WRONG(b, "the list '%s' stands there twice", raw->name);
    }
    AT(b, "lists/%zu", i);
    if ((raw->file != NULL) == (raw->words != NULL)) {
        return WRONG(b, "a list has either 'file' or 'words'");
    }
    list->name = keep(b, raw->name);
    AUTO_BUF struct buf text = {.max = RULES_LIST_BYTES};
    if (raw->file != NULL) {
        list->file = keep(b, raw->file);
        AT(b, "lists/%zu/file", i);
        if (!read_list_file(b, raw->file, &text)) {
            return false;
        }
    }
    for (size_t j = 0; raw->words != NULL && j < raw->words_count; j++) {
        buf_printf(&text, "%s\n", raw->words[j]);
    }
    sha256_add(b->sha, text.ptr, text.len);
    size_t bad = words_add(&list->words, &b->rules->arena, buf_str(&text));
    if (bad != 0) {
        return WRONG(b, "line %zu of the list '%s' stands there twice or is not UTF-8", bad,
                     raw->name);
    }
    return list->words.count != 0 || WRONG(b, "the list '%s' is empty", raw->name);
}

static bool build_lists(struct build *b)
{
    b->rules->list_count = b->raw->lists_count;
    b->rules->lists = arena_array(&b->rules->arena, b->raw->lists_count, sizeof(*b->rules->lists));
    for (size_t i = 0; i < b->raw->lists_count; i++) {
        if (!build_list(b, i)) {
            return false;
        }
    }
    return true;
}

static bool check_lists_used(struct build *b)
{
    for (size_t i = 0; i < b->raw->lists_count; i++) {
        if (!b->list_used[i]) {
            AT(b, "lists/%zu/name", i);
            return WRONG(b, "no fact uses the list '%s'", b->raw->lists[i].name);
        }
    }
    return true;
}

/* --- facts ------------------------------------------------------------------------------------ */

static bool read_part(struct build *b, const char *text, enum form form, enum rule_part *ret)
{
    *ret = PART_WHOLE;
    if (text == NULL) {
        return true;
    }
    if (form != FORM_EMAIL) {
        return WRONG(b, "only a column of the form email has parts");
    }
    if (strcmp(text, "local") == 0) {
        *ret = PART_LOCAL;
    } else if (strcmp(text, "domain") == 0) {
        *ret = PART_DOMAIN;
    } else {
        return WRONG(b, "there is no part '%s', known are local and domain", text);
    }
    return true;
}

static bool read_words(struct build *b, const char *name, struct rule_test *test)
{
    int list = find_list(b, name);
    if (list < 0) {
        return WRONG(b, "there is no list '%s'", name);
    }
    b->list_used[list] = true;
    test->words = &b->rules->lists[list].words;
    return true;
}

/* The one operation of a test, and its value; `where` is the test's path. */
static bool read_operation(struct build *b, const char *where, const struct raw_test *raw,
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
        return read_words(b, value, test);
    case OP_EMPTY:
        if (!read_bool(b, value, true, &yes)) {
            return false;
        }
        test->negate = !yes;
        return true;
    case OP_SAME_AS:
        return read_column(b, value, &test->other);
    case OP_FACT:
        test->other = find_fact(b, value, fact);
        return test->other >= 0 || WRONG(b, "there is no fact '%s' before this one", value);
    }
    return false;
}

/* What is compared with a normal form must be one, and must be something. */
static bool normalise_text(struct build *b, struct rule_test *test, enum form form)
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

static bool build_test(struct build *b, const char *where, const struct raw_test *raw, size_t fact,
                       struct rule_test *test)
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
        if (!read_column(b, raw->column, &test->column)) {
            return false;
        }
        if (!b->rules->columns[test->column].decides) {
            return WRONG(b, "the column '%s' has 'decides: no'", raw->column);
        }
        AT(b, "%s/part", where);
        enum form form = b->rules->columns[test->column].form;
        if (!read_part(b, raw->part, form, &test->part)) {
            return false;
        }
        AT(b, "%s/%s", where, test->op == OP_EQUALS ? "equals" : "prefix");
        if (!normalise_text(b, test, test->part == PART_WHOLE ? form : FORM_FOLD)) {
            return false;
        }
    }
    AT(b, "%s/not", where);
    bool negate = false;
    if (!read_bool(b, raw->negate, false, &negate)) {
        return false;
    }
    test->negate ^= negate;
    return true;
}

static bool build_fact(struct build *b, size_t i)
{
    const struct raw_fact *raw = &b->raw->facts[i];
    struct rule_fact *fact = &b->rules->facts[i];
    AT(b, "facts/%zu/name", i);
    if (!check_name(b, raw->name)) {
        return false;
    }
    if (find_fact(b, raw->name, i) >= 0) {
        return WRONG(b, "the fact '%s' stands there twice", raw->name);
    }
    AT(b, "facts/%zu", i);
    if ((raw->all != NULL) == (raw->any != NULL)) {
        return WRONG(b, "a fact has either 'all' or 'any'");
    }
    fact->name = keep(b, raw->name);
    fact->any = raw->any != NULL;
    fact->test_count = fact->any ? raw->any_count : raw->all_count;
    const struct raw_test *tests = fact->any ? raw->any : raw->all;
    struct rule_test *made = arena_array(&b->rules->arena, fact->test_count, sizeof(*made));
    fact->tests = made;
    for (size_t j = 0; j < fact->test_count; j++) {
        char where[64];
        (void)snprintf(where, sizeof(where), "facts/%zu/%s/%zu", i, fact->any ? "any" : "all", j);
        if (!build_test(b, where, &tests[j], i, &made[j])) {
            return false;
        }
    }
    return true;
}

static bool build_facts(struct build *b)
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

static int find_key(const struct build *b, const char *name)
{
    for (size_t i = 0; i < b->raw->keys_count; i++) {
        if (strcmp(b->raw->keys[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool build_key(struct build *b, size_t i)
{
    const struct raw_key *raw = &b->raw->keys[i];
    struct rule_key *key = &b->rules->keys[i];
    AT(b, "keys/%zu/name", i);
    if (!check_name(b, raw->name)) {
        return false;
    }
    if (find_key(b, raw->name) != (int)i) {
        return WRONG(b, "the key '%s' stands there twice", raw->name);
    }
    key->name = keep(b, raw->name);
    key->column_count = raw->columns_count;
    int *columns = arena_array(&b->rules->arena, raw->columns_count, sizeof(*columns));
    key->columns = columns;
    for (size_t j = 0; j < raw->columns_count; j++) {
        AT(b, "keys/%zu/columns/%zu", i, j);
        if (!read_column(b, raw->columns[j], &columns[j])) {
            return false;
        }
        if (!b->rules->columns[columns[j]].decides) {
            return WRONG(b, "the column '%s' has 'decides: no'", raw->columns[j]);
        }
    }
    key->blocked = -1;
    key->word = "undecided";
    AT(b, "keys/%zu", i);
    if ((raw->blocked != NULL) != (raw->word != NULL)) {
        return WRONG(b, "'blocked' and 'word' come together");
    }
    if (raw->blocked != NULL) {
        AT(b, "keys/%zu/word", i);
        if (!check_name(b, raw->word)) {
            return false;
        }
        key->word = keep(b, raw->word);
        AT(b, "keys/%zu/blocked", i);
        return read_fact(b, raw->blocked, &key->blocked);
    }
    return true;
}

static bool build_keys(struct build *b)
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

/* --- strategies ------------------------------------------------------------------------------- */

static bool build_condition(struct build *b, size_t strategy, size_t i,
                            const struct raw_condition *raw, struct rule_condition *condition)
{
    const struct {
        const char *word;
        const char *value;
        enum rule_quantifier quantifier;
    } given[] = {
        {"exactly", raw->exactly, Q_EXACTLY},
        {"at-least", raw->at_least, Q_AT_LEAST},
        {"at-most", raw->at_most, Q_AT_MOST},
        {"every", raw->every, Q_EVERY},
    };
    const char *value = NULL;
    for (size_t j = 0; j < ARRAY_LEN(given); j++) {
        if (given[j].value == NULL) {
            continue;
        }
        if (value != NULL) {
            AT(b, "strategies/%zu/when/%zu/%s", strategy, i, given[j].word);
            return WRONG(b, "a condition counts once, '%s' is a second one", given[j].word);
        }
        value = given[j].value;
        condition->quantifier = given[j].quantifier;
        AT(b, "strategies/%zu/when/%zu/%s", strategy, i, given[j].word);
    }
    if (value == NULL) {
        AT(b, "strategies/%zu/when/%zu", strategy, i);
        return WRONG(b, "a condition needs one of exactly, at-least, at-most, every");
    }
    bool yes = true;
    if (condition->quantifier == Q_EVERY) {
        if (!read_bool(b, value, true, &yes)) {
            return false;
        }
        if (!yes || raw->fact == NULL) {
            return WRONG(b, "'every' is yes and names a fact");
        }
    } else if (!read_number(b, value, 0, 1000000, &condition->number)) {
        return false;
    }
    condition->fact = -1;
    AT(b, "strategies/%zu/when/%zu/fact", strategy, i);
    return raw->fact == NULL || read_fact(b, raw->fact, &condition->fact);
}

/* The survivor is certain only where exactly one contact has the fact. */
static bool check_survivor(struct build *b, const struct rule_strategy *strategy, const char *name)
{
    for (size_t i = 0; i < strategy->condition_count; i++) {
        const struct rule_condition *c = &strategy->conditions[i];
        if (c->quantifier == Q_EXACTLY && c->number == 1 && c->fact == strategy->keep) {
            return true;
        }
    }
    return WRONG(b, "the survivor is not certain: 'when' needs {exactly: 1, fact: %s}", name);
}

static bool build_otherwise(struct build *b, size_t i, struct rule_strategy *strategy)
{
    const struct raw_otherwise *raw = b->raw->strategies[i].otherwise;
    strategy->otherwise = "undecided";
    if (raw == NULL) {
        return true;
    }
    AT(b, "strategies/%zu/otherwise/word", i);
    if (!check_name(b, raw->word)) {
        return false;
    }
    strategy->otherwise = keep(b, raw->word);
    strategy->counted_count = raw->count_count;
    int *counted = arena_array(&b->rules->arena, raw->count_count, sizeof(*counted));
    strategy->counted = counted;
    for (size_t j = 0; j < raw->count_count; j++) {
        AT(b, "strategies/%zu/otherwise/count/%zu", i, j);
        if (!read_fact(b, raw->count[j], &counted[j])) {
            return false;
        }
    }
    return true;
}

static bool build_strategy(struct build *b, size_t i)
{
    const struct raw_strategy *raw = &b->raw->strategies[i];
    struct rule_strategy *strategy = &b->rules->strategies[i];
    AT(b, "strategies/%zu/name", i);
    if (!check_name(b, raw->name)) {
        return false;
    }
    for (size_t j = 0; j < i; j++) {
        if (strcmp(b->raw->strategies[j].name, raw->name) == 0) {
            return WRONG(b, "the strategy '%s' stands there twice", raw->name);
        }
    }
    strategy->name = keep(b, raw->name);
    AT(b, "strategies/%zu/key", i);
    strategy->key = find_key(b, raw->key);
    if (strategy->key < 0) {
        return WRONG(b, "there is no key '%s'", raw->key);
    }
    strategy->condition_count = raw->when_count;
    struct rule_condition *conditions =
        arena_array(&b->rules->arena, raw->when_count, sizeof(*conditions));
    strategy->conditions = conditions;
    for (size_t j = 0; j < raw->when_count; j++) {
        if (!build_condition(b, i, j, &raw->when[j], &conditions[j])) {
            return false;
        }
    }
    strategy->merge = -1;
    AT(b, "strategies/%zu/merge", i);
    if (raw->merge != NULL && !read_fact(b, raw->merge, &strategy->merge)) {
        return false;
    }
    AT(b, "strategies/%zu/keep", i);
    return read_fact(b, raw->keep, &strategy->keep) && check_survivor(b, strategy, raw->keep) &&
           build_otherwise(b, i, strategy);
}

static bool build_strategies(struct build *b)
{
    b->rules->strategy_count = b->raw->strategies_count;
    b->rules->strategies =
        arena_array(&b->rules->arena, b->raw->strategies_count, sizeof(*b->rules->strategies));
    for (size_t i = 0; i < b->raw->strategies_count; i++) {
        if (!build_strategy(b, i)) {
            return false;
        }
    }
    return true;
}

/* --- the whole -------------------------------------------------------------------------------- */

enum { DEFAULT_MAX_CLUSTER = 25 };

static bool build_head(struct build *b)
{
    AT(b, "version");
    if (strcmp(b->raw->version, "1") != 0) {
        return WRONG(b, "version '%s' is not known here, 1 is", b->raw->version);
    }
    AT(b, "name");
    if (!check_name(b, b->raw->name)) {
        return false;
    }
    AT(b, "kind");
    if (!check_name(b, b->raw->kind)) {
        return false;
    }
    b->rules->name = keep(b, b->raw->name);
    b->rules->summary = keep(b, b->raw->summary);
    b->rules->kind = keep(b, b->raw->kind);
    b->rules->max_cluster = DEFAULT_MAX_CLUSTER;
    AT(b, "limits/max-cluster");
    return b->raw->limits == NULL || b->raw->limits->max_cluster == NULL ||
           read_number(b, b->raw->limits->max_cluster, 2, 1000000, &b->rules->max_cluster);
}

struct rules *rules_parse(const char *file, str text, int dirfd, struct err *err)
{
    AUTO(rules_yaml_free)
    struct rules_yaml *yaml = rules_yaml_load(file, text, rules_schema(), err);
    if (yaml == NULL) {
        return NULL;
    }
    AUTO(rules_free) struct rules *rules = xnew(struct rules);
    AUTO(sha256_free) struct sha256 *sha = sha256_new();
    sha256_add(sha, text.ptr, text.len);
    struct build b = {
        .rules = rules,
        .raw = rules_yaml_root(yaml),
        .yaml = yaml,
        .dirfd = dirfd,
        .sha = sha,
        .err = err,
    };
    rules->identity = -1;
    rules->path = arena_strdup(&rules->arena, file);
    if (!build_head(&b) || !build_columns(&b) || !build_lists(&b) || !build_facts(&b) ||
        !build_keys(&b) || !build_strategies(&b) ||
        !rules_labels_build(b.raw->labels, yaml, rules, err)) {
        return NULL;
    }
    uint8_t hash[SHA256_BYTES];
    sha256_end(sha, hash);
    num_hex(hash, sizeof(hash), rules->hash);
    return STEAL(rules);
}

static struct rules *load_file(const char *path, struct err *err)
{
    AUTO_BUF struct buf text = {.max = RULES_FILE_BYTES};
    if (!fs_read(AT_FDCWD, path, &text, err)) {
        if (err->kind == ERR_IO) {
            err->kind = ERR_CONFIG;
        }
        return NULL;
    }
    AUTO_FREE char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (slash != NULL) {
        slash[1] = '\0';
    }
    AUTO_CLOSE int dirfd =
        open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* -1: no lists */
    return rules_parse(path, buf_str(&text), dirfd, err);
}

struct rules *rules_load(const char *name_or_path, struct err *err)
{
    if (!is_name(name_or_path)) {
        return load_file(name_or_path, err);
    }
    const char *given = getenv("STEWARD_DATA_DIR"); /* NOLINT(concurrency-mt-unsafe): never set */
    const char *data = given != NULL && given[0] != '\0' ? given : STEWARD_DATA_DIR;
    struct arena scratch = {0};
    struct rules *rules = NULL;
    const char *path = arena_printf(&scratch, "%s/rules/%s.yaml", data, name_or_path);
    if (fs_exists(AT_FDCWD, path)) {
        rules = load_file(path, err);
    } else {
        (void)err_set(err, ERR_NOT_FOUND, "could not find the rule set '%s'", name_or_path);
        (void)err_hint(err, "Give a built-in name (see `steward rules list`) or the path of a "
                            "rule file.");
    }
    arena_done(&scratch);
    return rules;
}
