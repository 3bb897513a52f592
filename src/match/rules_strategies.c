/* SPDX-License-Identifier: MIT */
/* What is decided over a group, and what is checked of a finished star. */
#include "match/rules_internal.h"

/* The shape of a case, whether it stands in `cases` or in the strategy itself. */
struct place {
    char path[64]; /* "strategies/0" or "strategies/0/cases/1" */
    struct rule_key *key;
};

/* --- what keys carry -------------------------------------------------------------------------- */

/* The number of a carried value, which is added where it is not there. */
static bool carry(struct rules_build *b, struct rule_key *key, enum rule_carry_kind kind, int term,
                  int *ret)
{
    size_t need = kind == CARRY_TIME ? 2 : 1;
    for (size_t i = 0; i < key->carry_count; i++) {
        if (key->carries[i].kind == kind && key->carries[i].term == term) {
            *ret = (int)i;
            return true;
        }
    }
    if (key->carry_count + need > RULES_MAX_CARRIES) {
        return WRONG(b, "the strategies of the key '%s' compare too many values", key->name);
    }
    *ret = (int)key->carry_count;
    key->carries[key->carry_count++] = (struct rule_carry){kind, term};
    if (kind == CARRY_TIME) {
        key->carries[key->carry_count++] = (struct rule_carry){CARRY_FRACTION, term};
    }
    return true;
}

/* --- conditions ------------------------------------------------------------------------------- */

/* The one question of a condition, and its value. */
static bool read_question(struct rules_build *b, const char *where, const struct raw_condition *raw,
                          struct rule_condition *condition, const char **ret_value)
{
    const struct {
        const char *word;
        const char *value;
        enum rule_quantifier quantifier;
    } given[] = {
        {"exactly", raw->exactly, Q_EXACTLY}, {"at-least", raw->at_least, Q_AT_LEAST},
        {"at-most", raw->at_most, Q_AT_MOST}, {"every", raw->every, Q_EVERY},
        {"same", raw->same, Q_SAME},
    };
    *ret_value = NULL;
    for (size_t j = 0; j < ARRAY_LEN(given); j++) {
        if (given[j].value == NULL) {
            continue;
        }
        AT(b, "%s/%s", where, given[j].word);
        if (*ret_value != NULL) {
            return WRONG(b, "a condition asks one thing, '%s' is a second one", given[j].word);
        }
        *ret_value = given[j].value;
        condition->quantifier = given[j].quantifier;
    }
    if (*ret_value == NULL) {
        AT(b, "%s", where);
        return WRONG(b, "a condition needs one of exactly, at-least, at-most, every, same");
    }
    return true;
}

static bool build_same(struct rules_build *b, struct rule_key *key, const char *where,
                       const struct raw_condition *raw, struct rule_condition *condition)
{
    if (!rules_read_term(b, raw->same, &condition->term) ||
        !carry(b, key, CARRY_TEXT, condition->term, &condition->carry)) {
        return false;
    }
    if (raw->fact != NULL) {
        AT(b, "%s/fact", where);
        return WRONG(b, "'same' looks at all contacts: 'except' names a fact of those that agree "
                        "with any");
    }
    AT(b, "%s/except", where);
    return rules_read_fact(b, raw->except, &condition->fact);
}

static bool build_condition(struct rules_build *b, const struct place *place, size_t i,
                            const struct raw_condition *raw, struct rule_condition *condition)
{
    char where[96];
    const char *value;
    (void)snprintf(where, sizeof(where), "%s/when/%zu", place->path, i);
    if (!read_question(b, where, raw, condition, &value)) {
        return false;
    }
    if (condition->quantifier == Q_SAME) {
        return build_same(b, place->key, where, raw, condition);
    }
    bool yes = true;
    if (condition->quantifier == Q_EVERY) {
        if (!rules_read_bool(b, value, true, &yes)) {
            return false;
        }
        if (!yes || raw->fact == NULL) {
            return WRONG(b, "'every' is yes and names a fact");
        }
    } else if (!rules_read_number(b, value, 0, 1000000, &condition->number)) {
        return false;
    }
    if (raw->except != NULL) {
        AT(b, "%s/except", where);
        return WRONG(b, "'except' goes with 'same'");
    }
    AT(b, "%s/fact", where);
    return rules_read_fact(b, raw->fact, &condition->fact);
}

/* --- survivors -------------------------------------------------------------------------------- */

/* The one word of a step, and its value. */
static bool read_step(struct rules_build *b, const char *where, const struct raw_step *raw,
                      struct rule_step *step, const char **ret_value)
{
    const struct {
        const char *word;
        const char *value;
        enum rule_step_kind kind;
    } given[] = {
        {"prefer", raw->prefer, STEP_PREFER},
        {"most", raw->most, STEP_MOST},
        {"latest", raw->latest, STEP_LATEST},
        {"oldest", raw->oldest, STEP_OLDEST},
    };
    *ret_value = NULL;
    for (size_t j = 0; j < ARRAY_LEN(given); j++) {
        if (given[j].value == NULL) {
            continue;
        }
        AT(b, "%s/%s", where, given[j].word);
        if (*ret_value != NULL) {
            return WRONG(b, "a step asks one thing, '%s' is a second one", given[j].word);
        }
        *ret_value = given[j].value;
        step->kind = given[j].kind;
    }
    if (*ret_value == NULL) {
        AT(b, "%s", where);
        return WRONG(b, "a step needs one of prefer, most, latest, oldest");
    }
    return true;
}

static bool build_step(struct rules_build *b, const struct place *place, size_t i,
                       const struct raw_step *raw, struct rule_step *step)
{
    char where[96];
    const char *value;
    (void)snprintf(where, sizeof(where), "%s/choose/%zu", place->path, i);
    if (!read_step(b, where, raw, step, &value)) {
        return false;
    }
    step->fact = -1;
    if (step->kind == STEP_PREFER) {
        return rules_read_fact(b, value, &step->fact);
    }
    if (!rules_read_term(b, value, &step->term)) {
        return false;
    }
    enum form form = rules_term_form(b->rules, step->term);
    if (step->kind == STEP_MOST && form != FORM_COUNT) {
        return WRONG(b, "'most' needs a column of the form count");
    }
    if (step->kind == STEP_LATEST && form != FORM_TIME) {
        return WRONG(b, "'latest' needs a column of the form time");
    }
    static const enum rule_carry_kind kinds[] = {
        [STEP_MOST] = CARRY_COUNT, [STEP_LATEST] = CARRY_TIME, [STEP_OLDEST] = CARRY_NUMBER};
    return carry(b, place->key, kinds[step->kind], step->term, &step->carry);
}

/* Only 'oldest' is a total order: what it leaves alike is told apart by the bytes of the id. */
static bool build_steps(struct rules_build *b, const struct place *place,
                        const struct raw_case *raw, struct rule_case *made)
{
    made->keep = -1;
    made->step_count = raw->choose_count;
    struct rule_step *steps =
        arena_array(&b->rules->arena, raw->choose_count, sizeof(*made->steps));
    made->steps = steps;
    for (size_t i = 0; i < raw->choose_count; i++) {
        if (!build_step(b, place, i, &raw->choose[i], &steps[i])) {
            return false;
        }
        bool last = i + 1 == raw->choose_count;
        if (steps[i].kind == STEP_OLDEST && !last) {
            return WRONG(b, "nothing behind 'oldest' is ever asked: it has to be the last step");
        }
        if (steps[i].kind != STEP_OLDEST && last) {
            return WRONG(b, "the survivor is not certain: the last step must be 'oldest', which no "
                            "two contacts share");
        }
    }
    return true;
}

/* The survivor is certain only where exactly one contact has the fact. */
static bool check_survivor(struct rules_build *b, const struct rule_case *made, const char *name)
{
    for (size_t i = 0; i < made->condition_count; i++) {
        const struct rule_condition *c = &made->conditions[i];
        if (c->quantifier == Q_EXACTLY && c->number == 1 && c->fact == made->keep) {
            return true;
        }
    }
    return WRONG(b, "the survivor is not certain: 'when' needs {exactly: 1, fact: %s}", name);
}

/* --- cases ------------------------------------------------------------------------------------ */

static bool build_case(struct rules_build *b, const struct place *place, const struct raw_case *raw,
                       struct rule_case *made)
{
    made->condition_count = raw->when_count;
    struct rule_condition *conditions =
        arena_array(&b->rules->arena, raw->when_count, sizeof(*conditions));
    made->conditions = conditions;
    for (size_t j = 0; j < raw->when_count; j++) {
        if (!build_condition(b, place, j, &raw->when[j], &conditions[j])) {
            return false;
        }
    }
    AT(b, "%s/merge", place->path);
    if (!rules_read_fact(b, raw->merge, &made->merge)) {
        return false;
    }
    AT(b, "%s", place->path);
    if ((raw->keep != NULL) == (raw->choose != NULL)) {
        return WRONG(b, "the survivor is told by either 'keep' or 'choose'");
    }
    if (raw->choose != NULL) {
        return build_steps(b, place, raw, made);
    }
    AT(b, "%s/keep", place->path);
    return rules_read_fact(b, raw->keep, &made->keep) && check_survivor(b, made, raw->keep);
}

static bool build_cases(struct rules_build *b, size_t i, struct rule_strategy *strategy)
{
    const struct raw_strategy *raw = &b->raw->strategies[i];
    struct place place = {.key = &b->rules->keys[strategy->key]};
    AT(b, "strategies/%zu", i);
    bool single = raw->when != NULL || raw->keep != NULL || raw->choose != NULL;
    if (single == (raw->cases != NULL) || (raw->merge != NULL && raw->cases != NULL)) {
        return WRONG(b, "a strategy has either 'cases', or one 'when' with 'keep' or 'choose'");
    }
    const struct raw_case one = {
        .when = raw->when,
        .when_count = raw->when_count,
        .keep = raw->keep,
        .choose = raw->choose,
        .choose_count = raw->choose_count,
        .merge = raw->merge,
    };
    if (single && raw->when == NULL) {
        return WRONG(b, "'when' is missing");
    }
    const struct raw_case *cases = single ? &one : raw->cases;
    strategy->case_count = single ? 1 : raw->cases_count;
    struct rule_case *made = arena_array(&b->rules->arena, strategy->case_count, sizeof(*made));
    strategy->cases = made;
    for (size_t j = 0; j < strategy->case_count; j++) {
        if (single) {
            (void)snprintf(place.path, sizeof(place.path), "strategies/%zu", i);
        } else {
            (void)snprintf(place.path, sizeof(place.path), "strategies/%zu/cases/%zu", i, j);
        }
        if (!build_case(b, &place, &cases[j], &made[j])) {
            return false;
        }
    }
    return true;
}

/* --- strategies ------------------------------------------------------------------------------- */

static bool build_otherwise(struct rules_build *b, size_t i, struct rule_strategy *strategy)
{
    const struct raw_otherwise *raw = b->raw->strategies[i].otherwise;
    strategy->otherwise = "undecided";
    if (raw == NULL) {
        return true;
    }
    AT(b, "strategies/%zu/otherwise/word", i);
    if (!rules_check_name(b, raw->word)) {
        return false;
    }
    strategy->otherwise = rules_keep(b, raw->word);
    strategy->counted_count = raw->count_count;
    int *counted = arena_array(&b->rules->arena, raw->count_count, sizeof(*counted));
    strategy->counted = counted;
    for (size_t j = 0; j < raw->count_count; j++) {
        AT(b, "strategies/%zu/otherwise/count/%zu", i, j);
        if (!rules_read_fact(b, raw->count[j], &counted[j])) {
            return false;
        }
    }
    return true;
}

/* Among the first `count` strategies, -1 where there is none. */
static int find_strategy(const struct rules_build *b, const char *name, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(b->raw->strategies[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static bool build_strategy(struct rules_build *b, size_t i)
{
    const struct raw_strategy *raw = &b->raw->strategies[i];
    struct rule_strategy *strategy = &b->rules->strategies[i];
    AT(b, "strategies/%zu/name", i);
    if (!rules_check_name(b, raw->name)) {
        return false;
    }
    if (find_strategy(b, raw->name, i) >= 0) {
        return WRONG(b, "the strategy '%s' stands there twice", raw->name);
    }
    if (strcmp(raw->name, RULES_MUST_LINK) == 0) {
        return WRONG(b, "'%s' is the name of what people decided", raw->name);
    }
    strategy->name = rules_keep(b, raw->name);
    AT(b, "strategies/%zu/key", i);
    strategy->key = rules_find_key(b, raw->key);
    if (strategy->key < 0) {
        return WRONG(b, "there is no key '%s'", raw->key);
    }
    return build_cases(b, i, strategy) && build_otherwise(b, i, strategy);
}

/* A key that no strategy asks for would still make partners of contacts, in nobody's name. */
static bool check_keys_used(struct rules_build *b)
{
    for (size_t i = 0; i < b->raw->keys_count; i++) {
        bool used = false;
        for (size_t j = 0; j < b->rules->strategy_count; j++) {
            used |= b->rules->strategies[j].key == (int)i;
        }
        if (!used) {
            AT(b, "keys/%zu/name", i);
            return WRONG(b, "no strategy uses the key '%s'", b->raw->keys[i].name);
        }
    }
    return true;
}

bool rules_build_strategies(struct rules_build *b)
{
    b->rules->strategy_count = b->raw->strategies_count;
    b->rules->strategies =
        arena_array(&b->rules->arena, b->raw->strategies_count, sizeof(*b->rules->strategies));
    for (size_t i = 0; i < b->raw->strategies_count; i++) {
        if (!build_strategy(b, i)) {
            return false;
        }
    }
    return check_keys_used(b);
}

/* --- guards ----------------------------------------------------------------------------------- */

static bool build_guard(struct rules_build *b, size_t i)
{
    const struct raw_guard *raw = &b->raw->guards[i];
    struct rule_guard *guard = &b->rules->guards[i];
    AT(b, "guards/%zu/word", i);
    if (!rules_check_name(b, raw->word)) {
        return false;
    }
    guard->word = rules_keep(b, raw->word);
    AT(b, "guards/%zu/differ", i);
    if (!rules_read_term(b, raw->differ, &guard->term)) {
        return false;
    }
    AT(b, "guards/%zu/where", i);
    if (!rules_read_fact(b, raw->where, &guard->where)) {
        return false;
    }
    for (size_t j = 0; j < raw->except_count; j++) {
        AT(b, "guards/%zu/except-merged-by/%zu", i, j);
        int strategy = find_strategy(b, raw->except[j], b->raw->strategies_count);
        if (strategy < 0) {
            return WRONG(b, "there is no strategy '%s'", raw->except[j]);
        }
        guard->except |= (uint16_t)(1U << strategy);
    }
    return true;
}

bool rules_build_guards(struct rules_build *b)
{
    b->rules->guard_count = b->raw->guards_count;
    b->rules->guards =
        arena_array(&b->rules->arena, b->raw->guards_count, sizeof(*b->rules->guards));
    for (size_t i = 0; i < b->raw->guards_count; i++) {
        if (!build_guard(b, i)) {
            return false;
        }
    }
    return true;
}
