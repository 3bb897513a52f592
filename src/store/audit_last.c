/* SPDX-License-Identifier: MIT */
#include "store/audit_last.h"

#include <stdio.h>
#include <xxhash.h>

#include "base/arena.h"
#include "base/num.h"

enum { FIRST_CAPACITY = 1024, MAX_RUN = 1000000 };

/* `said`: number of the entry and, below it, the state; 0: an empty place. */
struct word {
    uint64_t key;
    uint64_t said;
};

struct run_word {
    uint64_t entry; /* 0: the trail does not know the run */
    enum run_state state;
    bool has_row;
    char plan_hash[SHA256_HEX]; /* "" none */
    uint64_t rows[CHANGE_STATE_COUNT];
    uint64_t tally[CHANGE_STATE_COUNT];
};

struct audit_last {
    struct word *words;
    size_t capacity; /* a power of two */
    size_t changes;
    struct run_word *runs; /* by number */
    size_t run_count;
    uint64_t rows;
    uint64_t differences;
    char first[256];
};

struct audit_last *audit_last_new(void)
{
    struct audit_last *last = xnew(struct audit_last);
    last->capacity = FIRST_CAPACITY;
    last->words = xcalloc(last->capacity, sizeof(*last->words));
    return last;
}

void audit_last_free(struct audit_last *last)
{
    if (last != NULL) {
        free(last->words);
        free(last->runs);
        free(last);
    }
}

static void differs(struct audit_last *last, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void differs(struct audit_last *last, const char *fmt, ...)
{
    if (last->differences++ == 0) {
        va_list args;
        va_start(args, fmt);
        (void)vsnprintf(last->first, sizeof(last->first), fmt, args);
        va_end(args);
    }
}

/* NULL: no number that a run can have. */
static struct run_word *run_of(struct audit_last *last, int64_t run)
{
    if (run <= 0 || run > MAX_RUN) {
        return NULL;
    }
    if ((size_t)run >= last->run_count) {
        size_t count = (size_t)run + 1 + last->run_count / 2;
        last->runs = xrealloc(last->runs, count, sizeof(*last->runs));
        memset(last->runs + last->run_count, 0, (count - last->run_count) * sizeof(*last->runs));
        last->run_count = count;
    }
    return &last->runs[run];
}

/* --- changes ----------------------------------------------------------------------------------- */

static uint64_t key_of(int64_t run, const uint8_t id[CHANGE_ID_BYTES])
{
    return XXH3_64bits_withSeed(id, CHANGE_ID_BYTES, (uint64_t)run);
}

static struct word *find(struct word *words, size_t capacity, uint64_t key)
{
    size_t at = key & (capacity - 1);
    while (words[at].said != 0 && words[at].key != key) {
        at = (at + 1) & (capacity - 1);
    }
    return &words[at];
}

static void grow(struct audit_last *last)
{
    size_t capacity = last->capacity * 2;
    struct word *words = xcalloc(capacity, sizeof(*words));
    for (size_t i = 0; i < last->capacity; i++) {
        if (last->words[i].said != 0) {
            *find(words, capacity, last->words[i].key) = last->words[i];
        }
    }
    free(last->words);
    last->words = words;
    last->capacity = capacity;
}

static void change_said(struct audit_last *last, int64_t run, const uint8_t id[CHANGE_ID_BYTES],
                        enum change_state state, uint64_t entry)
{
    if (last->changes * 2 >= last->capacity) {
        grow(last);
    }
    uint64_t key = key_of(run, id);
    struct word *word = find(last->words, last->capacity, key);
    last->changes += word->said == 0;
    *word = (struct word){key, entry * CHANGE_STATE_COUNT + (uint64_t)state};
}

/* --- reading entries --------------------------------------------------------------------------- */

/* Takes `text` off the front. */
static bool skip(str *rest, const char *text)
{
    str prefix = str_of(text);
    if (!str_starts(*rest, prefix)) {
        return false;
    }
    rest->ptr += prefix.len;
    rest->len -= prefix.len;
    return true;
}

/* Takes what stands before `end` off, and `end` too. */
static str take(str *rest, char end)
{
    return str_cut(*rest, end, rest);
}

static bool run_entry(struct audit_last *last, uint64_t seq, int64_t run, str rest)
{
    if (skip(&rest, "\"from\":\"")) {
        (void)take(&rest, '"'); /* the entry before said it */
        if (!skip(&rest, ",")) {
            return false;
        }
    }
    struct run_word *word = run_of(last, run);
    if (word == NULL || !skip(&rest, "\"to\":\"") ||
        !run_state_parse(take(&rest, '"'), &word->state)) {
        return false;
    }
    word->entry = seq;
    if (skip(&rest, ",\"plan_hash\":\"")) {
        str hash = take(&rest, '"');
        (void)snprintf(word->plan_hash, sizeof(word->plan_hash), "%" STR_FMT, STR_ARG(hash));
    }
    return true;
}

static bool change_entry(struct audit_last *last, uint64_t seq, int64_t run, str id, str rest)
{
    uint8_t bytes[CHANGE_ID_BYTES];
    enum change_state state;
    if (!skip(&rest, "\"from\":\"")) {
        return false;
    }
    (void)take(&rest, '"'); /* the entry before said it */
    if (!skip(&rest, ",\"to\":\"") || !change_state_parse(take(&rest, '"'), &state) ||
        !num_parse_hex(id, bytes, sizeof(bytes))) {
        return false;
    }
    change_said(last, run, bytes, state, seq);
    return true;
}

bool audit_last_entry(struct audit_last *last, uint64_t seq, str body)
{
    str rest = body;
    str id = STR_NONE;
    int64_t run = 0;
    (void)take(&rest, ','); /* number and time */
    (void)take(&rest, ',');
    if (!skip(&rest, "\"run\":")) {
        return false;
    }
    str number = take(&rest, ',');
    if (!skip(&rest, "\"change\":")) {
        return false;
    }
    if (skip(&rest, "\"")) {
        id = take(&rest, '"');
        (void)skip(&rest, ",");
    } else {
        (void)take(&rest, ','); /* null */
    }
    if (!skip(&rest, "\"event\":\"")) {
        return false;
    }
    str event = take(&rest, '"');
    bool of_run = str_eqz(event, "run");
    if (!of_run && !str_eqz(event, "change")) {
        return true;
    }
    if (!skip(&rest, ",\"detail\":{") || !num_parse_i64(number, 1, MAX_RUN, &run)) {
        return false;
    }
    return of_run ? run_entry(last, seq, run, rest) : change_entry(last, seq, run, id, rest);
}

/* --- rows -------------------------------------------------------------------------------------- */

void audit_last_run(struct audit_last *last, int64_t run, enum run_state state, str plan_hash)
{
    struct run_word *word = run_of(last, run);
    if (word == NULL || word->entry == 0) {
        differs(last, "run %lld is in the journal and no entry tells of it", (long long)run);
        return;
    }
    word->has_row = true;
    if (word->state != state) {
        differs(last, "run %lld is %s in the journal, and %s by entry %llu", (long long)run,
                run_state_name(state), run_state_name(word->state),
                (unsigned long long)word->entry);
    }
    if (!str_eqz(plan_hash, word->plan_hash)) {
        differs(last, "run %lld has another plan in the journal than in the trail", (long long)run);
    }
}

void audit_last_change(struct audit_last *last, int64_t run, const uint8_t id[CHANGE_ID_BYTES],
                       enum change_state state)
{
    struct run_word *of_run = run_of(last, run);
    const struct word *word = find(last->words, last->capacity, key_of(run, id));
    char hex[CHANGE_ID_HEX];
    num_hex(id, CHANGE_ID_BYTES, hex);
    last->rows++;
    if (of_run != NULL) {
        of_run->rows[state]++;
    }
    if (word->said == 0) {
        last->rows--;
        differs(last, "change '%s' of run %lld is %s in the journal and no entry tells of it", hex,
                (long long)run, change_state_name(state));
        return;
    }
    enum change_state said = (enum change_state)(word->said % CHANGE_STATE_COUNT);
    if (said != state) {
        differs(last, "change '%s' of run %lld is %s in the journal, and %s by entry %llu", hex,
                (long long)run, change_state_name(state), change_state_name(said),
                (unsigned long long)(word->said / CHANGE_STATE_COUNT));
    }
}

void audit_last_tally(struct audit_last *last, int64_t run, enum change_state state, uint64_t n)
{
    struct run_word *word = run_of(last, run);
    if (word != NULL) {
        word->tally[state] = n;
    }
}

uint64_t audit_last_end(struct audit_last *last, const char **ret_first)
{
    for (size_t run = 0; run < last->run_count; run++) {
        const struct run_word *word = &last->runs[run];
        if (word->entry != 0 && !word->has_row) {
            differs(last, "run %zu is missing in the journal; entry %llu tells of it", run,
                    (unsigned long long)word->entry);
        }
        for (int state = 0; state < CHANGE_STATE_COUNT; state++) {
            if (word->rows[state] != word->tally[state]) {
                differs(last, "the journal counts %llu changes of run %zu as %s, and has %llu",
                        (unsigned long long)word->tally[state], run,
                        change_state_name((enum change_state)state),
                        (unsigned long long)word->rows[state]);
            }
        }
    }
    if (last->rows != last->changes) {
        differs(last, "the trail tells of %zu changes, and %llu of them are in the journal",
                last->changes, (unsigned long long)last->rows);
    }
    *ret_first = last->first;
    return last->differences;
}
