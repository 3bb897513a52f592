/* SPDX-License-Identifier: MIT */
#include "match/contact.h"

#define XXH_INLINE_ALL /* a call for each of a few short texts a row would cost more than the hash \
                        */
#include <xxhash.h>

struct value {
    str text;   /* in the column's form */
    str local;  /* of an e-mail, without "+tag", folded */
    str domain; /* of an e-mail */
    uint64_t count;
    struct norm_time time;
    bool is_time;
    int source; /* of a value: which of its columns gave the text */
    bool hashed;
    XXH128_hash_t hash; /* of `text`, and of where a value comes from */
    struct buf scratch;
    struct buf folded; /* of a local part with white space */
};

struct contact_reader {
    const struct rules *rules;
    struct value values[RULES_MAX_TERMS];
    struct buf folded;
};

struct contact_reader *contact_reader_new(const struct rules *rules)
{
    struct contact_reader *reader = xnew(struct contact_reader);
    reader->rules = rules;
    return reader;
}

void contact_reader_free(struct contact_reader *reader)
{
    if (reader == NULL) {
        return;
    }
    for (size_t i = 0; i < RULES_MAX_TERMS; i++) {
        buf_done(&reader->values[i].scratch);
        buf_done(&reader->values[i].folded);
    }
    buf_done(&reader->folded);
    free(reader);
}

static void read_email(struct value *value, str cell)
{
    struct norm_email email = norm_email(cell, &value->scratch);
    const char *plus = email.local.len != 0 ? memchr(email.local.ptr, '+', email.local.len) : NULL;
    value->text = email.text;
    value->domain = email.domain;
    value->local = email.local;
    value->local.len = plus != NULL ? (size_t)(plus - email.local.ptr) : email.local.len;
    if (!email.plain) {
        value->local = norm_fold(value->local, &value->folded);
    }
}

/* False where the cell makes a bad row: it is no count. A time that is none may still not matter. */
static bool read_form(struct value *value, enum form form, str cell)
{
    switch (form) {
    case FORM_EMAIL:
        read_email(value, cell);
        return true;
    case FORM_COUNT:
        value->text = norm_trim(cell);
        value->count = 0;
        return norm_count(value->text, &value->count);
    case FORM_TIME:
        value->text = norm_trim(cell);
        value->is_time = norm_time(value->text, &value->time);
        return true;
    case FORM_FOLD:
        value->text = norm_fold(cell, &value->scratch);
        return true;
    case FORM_CODE:
        value->text = norm_code(cell);
        return true;
    case FORM_TRIM:
    case FORM_NUMBER_OF:
        break;
    }
    value->text = norm_trim(cell);
    return true;
}

static bool read_value(struct contact_reader *reader, size_t i, str cell)
{
    struct value *value = &reader->values[i];
    const struct rule_column *column = &reader->rules->columns[i];
    value->hashed = false;
    if (!read_form(value, column->form, cell)) {
        return false;
    }
    if (column->empty != NULL && value->text.len != 0 &&
        words_has(column->empty, norm_fold(value->text, &reader->folded))) {
        value->text = STR_NONE;
        value->local = STR_NONE;
        value->domain = STR_NONE;
        value->count = 0;
        value->is_time = false;
    }
    return true;
}

/* The first of its columns that is not empty. */
static void read_first(struct contact_reader *reader, size_t i)
{
    const struct rule_value *rule = &reader->rules->values[i];
    struct value *value = &reader->values[reader->rules->column_count + i];
    value->text = STR_NONE;
    value->hashed = false;
    for (size_t j = 0; j < rule->first_count && value->text.len == 0; j++) {
        value->text = reader->values[rule->first[j]].text;
        value->source = (int)j;
    }
}

static str part_of(const struct value *value, enum rule_part part)
{
    switch (part) {
    case PART_LOCAL:
        return value->local;
    case PART_DOMAIN:
        return value->domain;
    case PART_WHOLE:
        break;
    }
    return value->text;
}

static bool holds(const struct contact_reader *reader, const struct rule_test *test)
{
    str text = part_of(&reader->values[test->term], test->part);
    bool result = false;
    switch (test->op) {
    case OP_PREFIX:
        /* the first byte settles most, without a call */
        result = text.len != 0 && text.ptr[0] == test->text.ptr[0] && str_starts(text, test->text);
        break;
    case OP_EQUALS:
        result = str_eq(text, test->text);
        break;
    case OP_EMPTY:
    case OP_FACT:
        result = text.len == 0;
        break;
    case OP_IN:
        result = words_has(test->words, text);
        break;
    case OP_UNDER:
        result = words_above(test->words, text);
        break;
    case OP_SAME_AS:
        result = text.len != 0 && str_eq(text, reader->values[test->other].text);
        break;
    }
    return result != test->negate;
}

static bool fact_holds(const struct contact_reader *reader, const struct rule_fact *fact,
                       uint32_t facts)
{
    bool by_facts = fact->any ? ((facts & fact->set) | (~facts & fact->clear)) != 0
                              : (facts & fact->set) == fact->set && (facts & fact->clear) == 0;
    if (by_facts == fact->any) {
        return fact->any;
    }
    for (size_t i = 0; i < fact->test_count; i++) {
        if (holds(reader, &fact->tests[i]) == fact->any) {
            return fact->any;
        }
    }
    return !fact->any;
}

static bool is_value(const struct contact_reader *reader, int term)
{
    return (size_t)term >= reader->rules->column_count;
}

/* Each term is hashed once, however many keys and guards look at it. */
static XXH128_hash_t term_hash(struct contact_reader *reader, int term)
{
    struct value *value = &reader->values[term];
    if (!value->hashed) {
        /* values from different columns are different, whatever their texts */
        uint64_t seed = is_value(reader, term) ? (uint64_t)value->source + 1 : 0;
        value->hash = XXH3_128bits_withSeed(value->text.ptr, value->text.len, seed);
        value->hashed = true;
    }
    return value->hash;
}

/* 0 where it is empty. */
static uint64_t text_hash(struct contact_reader *reader, int term)
{
    if (reader->values[term].text.len == 0) {
        return 0;
    }
    uint64_t hash = term_hash(reader, term).low64;
    return hash != 0 ? hash : 1;
}

/* The digits that `text` ends in, without zeros in front of others. */
static str digits_at_end(str text)
{
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] >= '0' && text.ptr[at - 1] <= '9') {
        at--;
    }
    while (at + 1 < text.len && text.ptr[at] == '0') {
        at++;
    }
    return (str){text.ptr + at, text.len - at};
}

enum { SHORT_DIGITS = 18 };

static uint64_t number_at_end(str text, str *ret_digits)
{
    str digits = text.len != 0 ? digits_at_end(text) : STR_NONE;
    if (digits.len == 0) {
        return CARRY_NO_NUMBER;
    }
    if (digits.len > SHORT_DIGITS) {
        *ret_digits = digits;
        return CARRY_LONG;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < digits.len; i++) {
        number = number * 10 + (uint64_t)(digits.ptr[i] - '0');
    }
    return number;
}

static uint64_t time_second(const struct value *value)
{
    if (value->text.len == 0) {
        return 0;
    }
    return value->is_time ? CARRY_OLDEST_TIME + (uint64_t)value->time.seconds : CARRY_UNREADABLE;
}

static void read_carries(struct contact_reader *reader, const struct rule_key *key,
                         struct contact_key *ret)
{
    for (size_t i = 0; i < key->carry_count; i++) {
        const struct rule_carry *carry = &key->carries[i];
        const struct value *value = &reader->values[carry->term];
        switch (carry->kind) {
        case CARRY_TEXT:
            ret->carries[i] = text_hash(reader, carry->term);
            break;
        case CARRY_COUNT:
            ret->carries[i] = value->count;
            break;
        case CARRY_TIME:
            ret->carries[i] = time_second(value);
            break;
        case CARRY_FRACTION:
            ret->carries[i] = value->text.len != 0 && value->is_time ? value->time.fraction : 0;
            break;
        case CARRY_NUMBER:
            ret->carries[i] = number_at_end(value->text, &ret->digits[i]);
            break;
        }
    }
}

static void read_key(struct contact_reader *reader, const struct rule_key *key, uint32_t facts,
                     struct contact_key *ret)
{
    ret->present = key->only < 0 || (facts >> key->only & 1) != 0;
    for (size_t i = 0; ret->present && i < key->term_count; i++) {
        ret->present = reader->values[key->terms[i]].text.len != 0;
    }
    if (!ret->present) {
        return;
    }
    XXH128_hash_t hash = {0};
    if (key->part != PART_WHOLE) {
        str text = part_of(&reader->values[key->terms[0]], key->part);
        ret->present = text.len != 0;
        hash = XXH3_128bits(text.ptr, text.len);
    } else if (key->term_count == 1) {
        hash = term_hash(reader, key->terms[0]);
    } else {
        XXH128_hash_t all[RULES_MAX_KEY_TERMS];
        for (size_t i = 0; i < key->term_count; i++) {
            all[i] = term_hash(reader, key->terms[i]);
        }
        hash = XXH3_128bits(all, key->term_count * sizeof(*all));
    }
    ret->low = hash.low64;
    ret->high = hash.high64;
    if (ret->present && key->carry_count != 0) {
        read_carries(reader, key, ret);
    }
}

static void read_guards(struct contact_reader *reader, struct contact *contact)
{
    const struct rules *rules = reader->rules;
    for (size_t i = 0; i < rules->guard_count; i++) {
        const struct rule_guard *guard = &rules->guards[i];
        bool looked_at = guard->where < 0 || (contact->facts >> guard->where & 1) != 0;
        contact->guards[i] = looked_at ? text_hash(reader, guard->term) : 0;
    }
}

str contact_term(const struct contact_reader *reader, int term)
{
    return reader->values[term].text;
}

void contact_read(struct contact_reader *reader, const str *cells, struct contact *ret)
{
    const struct rules *rules = reader->rules;
    ret->wrong = -1;
    ret->content = 0;
    for (size_t i = 0; i < rules->column_count; i++) {
        if (!rules->columns[i].decides) {
            continue;
        }
        if (!read_value(reader, i, cells[i]) && ret->wrong < 0) {
            ret->wrong = (int)i;
        }
        if (!rules->columns[i].identity) { /* contents are compared within one id */
            str text = norm_trim(cells[i]);
            ret->content = XXH3_64bits_withSeed(text.ptr, text.len, ret->content + i + 1);
        }
    }
    for (size_t i = 0; i < rules->value_count; i++) {
        read_first(reader, i);
    }
    ret->id = norm_trim(cells[rules->identity]);
    ret->facts = 0;
    for (size_t i = 0; i < rules->fact_count; i++) {
        ret->facts |= (uint32_t)fact_holds(reader, &rules->facts[i], ret->facts) << i;
    }
    for (size_t i = 0; i < rules->key_count; i++) {
        read_key(reader, &rules->keys[i], ret->facts, &ret->keys[i]);
    }
    read_guards(reader, ret);
}
