/* SPDX-License-Identifier: MIT */
#include "match/contact.h"

#define XXH_INLINE_ALL /* a call for each of a few short texts a row would cost more than the hash \
                        */
#include <xxhash.h>

struct value {
    str text;   /* in the column's form */
    str local;  /* of an e-mail, without "+tag" */
    str domain; /* of an e-mail */
    struct buf scratch;
};

struct contact_reader {
    const struct rules *rules;
    struct value values[RULES_MAX_COLUMNS];
    struct buf joined;
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
    for (size_t i = 0; i < RULES_MAX_COLUMNS; i++) {
        buf_done(&reader->values[i].scratch);
    }
    buf_done(&reader->joined);
    free(reader);
}

/* False where the cell is not of the column's form. */
static bool read_value(struct value *value, const struct rule_column *column, str cell)
{
    uint64_t count = 0;
    switch (column->form) {
    case FORM_EMAIL: {
        struct norm_email email = norm_email(cell, &value->scratch);
        const char *plus =
            email.local.len != 0 ? memchr(email.local.ptr, '+', email.local.len) : NULL;
        value->text = email.text;
        value->domain = email.domain;
        value->local = email.local;
        value->local.len = plus != NULL ? (size_t)(plus - email.local.ptr) : email.local.len;
        return true;
    }
    case FORM_COUNT:
        value->text = norm_trim(cell);
        return norm_count(value->text, &count);
    case FORM_TRIM:
    case FORM_FOLD:
    case FORM_NUMBER_OF:
        value->text = norm_value(column->form, cell, &value->scratch);
        return true;
    }
    return true;
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

static bool holds(const struct contact_reader *reader, const struct rule_test *test, uint32_t facts)
{
    const struct value *value = &reader->values[test->column];
    str text = test->op != OP_FACT ? part_of(value, test->part) : STR_NONE;
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
    case OP_FACT:
        result = (facts >> test->other & 1) != 0;
        break;
    }
    return result != test->negate;
}

static bool fact_holds(const struct contact_reader *reader, const struct rule_fact *fact,
                       uint32_t facts)
{
    for (size_t i = 0; i < fact->test_count; i++) {
        if (holds(reader, &fact->tests[i], facts) == fact->any) {
            return fact->any;
        }
    }
    return !fact->any;
}

/* Length before text, so that no two lists of texts join to the same bytes. */
static void join(struct buf *joined, str text)
{
    uint32_t len = (uint32_t)text.len; /* cells are limited to far less */
    char *to = buf_reserve(joined, sizeof(len) + text.len);
    if (to != NULL) {
        memcpy(to, &len, sizeof(len));
        if (text.len != 0) {
            memcpy(to + sizeof(len), text.ptr, text.len);
        }
        joined->len += sizeof(len) + text.len;
    }
}

static void set_hash(struct contact_key *key, str text)
{
    XXH128_hash_t hash = XXH3_128bits(text.ptr, text.len);
    key->low = hash.low64;
    key->high = hash.high64;
}

static void read_key(struct contact_reader *reader, const struct rule_key *key,
                     struct contact_key *ret)
{
    ret->present = true;
    for (size_t i = 0; i < key->column_count; i++) {
        ret->present &= reader->values[key->columns[i]].text.len != 0;
    }
    if (!ret->present) {
        return;
    }
    if (key->column_count == 1) {
        str text = reader->values[key->columns[0]].text;
        set_hash(ret, text);
        return;
    }
    buf_clear(&reader->joined);
    for (size_t i = 0; i < key->column_count; i++) {
        join(&reader->joined, reader->values[key->columns[i]].text);
    }
    set_hash(ret, buf_str(&reader->joined));
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
        if (!read_value(&reader->values[i], &rules->columns[i], cells[i]) && ret->wrong < 0) {
            ret->wrong = (int)i;
        }
        if (!rules->columns[i].identity) { /* contents are compared within one id */
            str text = norm_trim(cells[i]);
            ret->content = XXH3_64bits_withSeed(text.ptr, text.len, ret->content + i + 1);
        }
    }
    ret->id = norm_trim(cells[rules->identity]);
    ret->facts = 0;
    for (size_t i = 0; i < rules->fact_count; i++) {
        ret->facts |= (uint32_t)fact_holds(reader, &rules->facts[i], ret->facts) << i;
    }
    for (size_t i = 0; i < rules->key_count; i++) {
        read_key(reader, &rules->keys[i], &ret->keys[i]);
    }
}
