/* SPDX-License-Identifier: MIT */
/* One strategy: the groups of its key, and what becomes of each. */
#include <stdio.h>
#include <xxhash.h>

#include "match/decide_internal.h"

enum { NO_ENTRY = -1, PREFETCH = 24 /* records ahead */ };

#define NO_MEMBER UINT32_MAX

/* Ranks of reasons for leaving a contact to people: the lowest one is told. A blocked key is told only
 * where nothing else is shared. */
enum rank { RANK_OTHERWISE, RANK_UNDECIDED, RANK_TOO_LARGE, RANK_BLOCKED };

struct group {
    uint32_t total; /* contacts, those included that are gone: worker->members */
    uint32_t size;  /* contacts that are not gone */
    uint32_t bad;
    bool blocked;
    uint32_t counts[RULES_MAX_FACTS]; /* of those that are not gone */
};

static inline struct key_record *record_at(const struct worker *worker, size_t i)
{
    return (struct key_record *)(void *)((char *)worker->records + i * worker->record_bytes);
}

static inline bool is_gone(const struct member *member)
{
    return (member->facts & FACT_GONE) != 0;
}

static inline bool has_fact(const struct member *member, int fact)
{
    return fact < 0 || (member->facts >> fact & 1) != 0;
}

/* --- reasons ---------------------------------------------------------------------------------- */

/* The number of a reason; `key` says which text it is, so that most need not be written again. */
static uint32_t add_reason(struct work *work, struct worker *worker, uint64_t key, enum rank rank,
                           str text)
{
    struct cached_reason *cached = &worker->cache[key % REASON_CACHE];
    *cached = (struct cached_reason){
        .key = key, .number = reasons_add(work->d->reasons, rank, text), .valid = true};
    return cached->number;
}

static bool cached_reason(const struct worker *worker, uint64_t key, uint32_t *ret)
{
    const struct cached_reason *cached = &worker->cache[key % REASON_CACHE];
    *ret = cached->number;
    return cached->valid && cached->key == key;
}

static uint32_t reason_text(struct work *work, struct worker *worker, enum rank rank,
                            const char *text)
{
    uint64_t key = XXH3_64bits(text, strlen(text));
    uint32_t number = 0;
    return cached_reason(worker, key, &number) ? number
                                               : add_reason(work, worker, key, rank, str_of(text));
}

static const char *is_are(uint32_t n)
{
    return n == 1 ? "is a bad row" : "are bad rows";
}

/* Names are at most 64 bytes. */
static uint32_t reason_blocked(struct work *work, struct worker *worker, const struct rule_key *key,
                               const struct group *group)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "%s: %u contacts share a blocked %s", key->word,
                   group->total, key->name);
    return reason_text(work, worker, RANK_BLOCKED, text);
}

static uint32_t reason_bad(struct work *work, struct worker *worker, const struct rule_key *key,
                           const struct group *group)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "undecided: %u of the %u contacts that share its %s %s",
                   group->bad, group->total, key->name, is_are(group->bad));
    return reason_text(work, worker, RANK_UNDECIDED, text);
}

static uint32_t reason_left(struct work *work, struct worker *worker, const struct rule_key *key,
                            const struct group *group)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "undecided: %u more shared its %s and %s merged elsewhere",
                   group->total - 1, key->name, group->total == 2 ? "is" : "are");
    return reason_text(work, worker, RANK_UNDECIDED, text);
}

static uint32_t reason_leaves(struct work *work, struct worker *worker)
{
    char text[160];
    (void)snprintf(text, sizeof(text), "undecided: '%s' leaves it",
                   work->d->rules->strategies[worker->strategy].name);
    return reason_text(work, worker, RANK_UNDECIDED, text);
}

static uint32_t reason_otherwise(struct work *work, struct worker *worker,
                                 const struct rule_strategy *strategy, const struct group *group)
{
    uint32_t numbers[RULES_MAX_FACTS + 2] = {group->size, (uint32_t)worker->strategy};
    uint32_t rest = group->size;
    for (size_t i = 0; i < strategy->counted_count; i++) {
        uint32_t n = group->counts[strategy->counted[i]];
        numbers[2 + i] = n;
        rest = rest > n ? rest - n : 0; /* facts may overlap */
    }
    uint64_t key = XXH3_64bits(numbers, (2 + strategy->counted_count) * sizeof(*numbers));
    uint32_t number = 0;
    if (cached_reason(worker, key, &number)) {
        return number;
    }
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "%s:", strategy->otherwise);
    for (size_t i = 0; i < strategy->counted_count; i++) {
        buf_printf(&text, " %u %s,", numbers[2 + i],
                   work->d->rules->facts[strategy->counted[i]].name);
    }
    if (strategy->counted_count != 0) {
        buf_printf(&text, " %u other", rest);
    } else {
        buf_printf(&text, " %u contacts share one %s, and '%s' does not decide between them",
                   group->size, work->d->rules->keys[strategy->key].name, strategy->name);
    }
    enum rank rank =
        strcmp(strategy->otherwise, "undecided") == 0 ? RANK_UNDECIDED : RANK_OTHERWISE;
    return add_reason(work, worker, key, rank, buf_str(&text));
}

/* Leaves a contact to people, unless a strategy has decided it or a better reason is there. */
static void leave(struct decisions *d, uint32_t row, uint32_t reason)
{
    enum action action = action_of(d, row);
    if (action == ACTION_KEEP || action == ACTION_MERGE) {
        return;
    }
    if (action == ACTION_REVIEW && reasons_rank(d->row[row].link) <= reasons_rank(reason)) {
        return;
    }
    mark(d, row, ACTION_REVIEW, reason);
}

/* Nobody is told a reason where all have been decided, and that is often so. */
static bool some_open(const struct work *work, const struct worker *worker,
                      const struct group *group)
{
    for (uint32_t i = 0; i < group->total; i++) {
        enum action action = action_of(work->d, worker->members[i].row);
        if (action == ACTION_NONE || action == ACTION_REVIEW) {
            return true;
        }
    }
    return false;
}

static void leave_all(struct work *work, const struct worker *worker, const struct group *group,
                      uint32_t reason)
{
    for (uint32_t i = 0; i < group->total; i++) {
        leave(work->d, worker->members[i].row, reason);
    }
}

/* --- conditions ------------------------------------------------------------------------------- */

/* Contacts with the fact agree with any; of the others an empty value agrees with none. */
static bool all_same(const struct worker *worker, const struct rule_condition *condition,
                     const struct group *group, uint32_t *ret_count)
{
    uint64_t value = 0;
    bool same = true;
    *ret_count = 0;
    for (uint32_t i = 0; i < group->total; i++) {
        const struct member *member = &worker->members[i];
        if (is_gone(member) || (condition->fact >= 0 && has_fact(member, condition->fact))) {
            continue;
        }
        uint64_t other = member->carries[condition->carry];
        same &= other != 0 && (value == 0 || other == value);
        value = other;
        ++*ret_count;
    }
    return same;
}

static bool condition_holds(const struct worker *worker, const struct rule_condition *condition,
                            const struct group *group, uint32_t *ret_count)
{
    uint32_t count = condition->fact < 0 ? group->size : group->counts[condition->fact];
    *ret_count = count;
    switch (condition->quantifier) {
    case Q_EXACTLY:
        return count == condition->number;
    case Q_AT_LEAST:
        return count >= condition->number;
    case Q_AT_MOST:
        return count <= condition->number;
    case Q_EVERY:
        return count == group->size;
    case Q_SAME:
        return all_same(worker, condition, group, ret_count);
    }
    return false;
}

static bool case_holds(const struct worker *worker, const struct rule_strategy *strategy,
                       size_t number, const struct group *group)
{
    const struct rule_case *rule = &strategy->cases[number];
    bool holds = true;
    for (size_t i = 0; i < rule->condition_count && holds; i++) {
        uint32_t count;
        holds = condition_holds(worker, &rule->conditions[i], group, &count);
        if (worker->trace != NULL) {
            worker->trace->conditions[number][i] = (struct trace_condition){true, holds, count};
        }
    }
    return holds;
}

/* --- survivors -------------------------------------------------------------------------------- */

/* The order of the numbers that two texts end in: none is last. */
static int compare_numbers(const struct ids *ids, uint64_t a, uint64_t b)
{
    bool both_long = a != b && a != CARRY_NO_NUMBER && b != CARRY_NO_NUMBER &&
                     (a & CARRY_LONG) != 0 && (b & CARRY_LONG) != 0;
    if (!both_long) {
        return a < b ? -1 : a > b; /* a long one is above all short ones */
    }
    str left = ids_text(ids, a & ~CARRY_LONG);
    str right = ids_text(ids, b & ~CARRY_LONG);
    if (left.len != right.len) {
        return left.len < right.len ? -1 : 1;
    }
    return str_cmp(left, right);
}

static int compare_ids(const struct decisions *d, uint32_t a, uint32_t b)
{
    AUTO_BUF struct buf left = {0};
    AUTO_BUF struct buf right = {0};
    ids_unpack(d->ids, d->id[a], &left);
    ids_unpack(d->ids, d->id[b], &right);
    return str_cmp(buf_str(&left), buf_str(&right));
}

/* How `a` stands to `b` in a step: above 0 where it is the better one. */
static int compare_step(const struct work *work, const struct rule_step *step,
                        const struct member *a, const struct member *b)
{
    uint64_t left = a->carries[step->carry];
    uint64_t right = b->carries[step->carry];
    int order = 0;
    switch (step->kind) {
    case STEP_PREFER:
        return (int)has_fact(a, step->fact) - (int)has_fact(b, step->fact);
    case STEP_MOST:
        return left > right ? 1 : -(left < right);
    case STEP_LATEST:
        if (left == right) { /* the fraction is carried behind the second */
            left = a->carries[step->carry + 1];
            right = b->carries[step->carry + 1];
        }
        return left > right ? 1 : -(left < right);
    case STEP_OLDEST:
        order = compare_numbers(work->d->ids, left, right);
        return order != 0 ? -order : -compare_ids(work->d, a->row, b->row);
    }
    return 0;
}

static bool some_unreadable(const struct worker *worker, const struct rule_step *step, size_t count)
{
    for (size_t i = 0; step->kind == STEP_LATEST && i < count; i++) {
        if (worker->members[worker->candidates[i]].carries[step->carry] == CARRY_UNREADABLE) {
            return true;
        }
    }
    return false;
}

/* Leaves the best of the candidates. */
static size_t narrow(const struct work *work, const struct worker *worker,
                     const struct rule_step *step, size_t count)
{
    uint32_t *candidates = worker->candidates;
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        int order = compare_step(work, step, &worker->members[candidates[i]],
                                 &worker->members[candidates[0]]);
        if (order > 0) {
            candidates[0] = candidates[i];
            kept = 1;
        } else if (order == 0) {
            candidates[kept++] = candidates[i];
        }
    }
    return kept;
}

/* The surviving member, NO_MEMBER where a time would decide that cannot be read. */
static uint32_t choose_survivor(const struct work *work, struct worker *worker,
                                const struct rule_case *rule, const struct group *group)
{
    worker->candidates = decide_grow(worker->candidates, &worker->candidate_room, group->size,
                                     sizeof(*worker->candidates));
    size_t count = 0;
    for (uint32_t i = 0; i < group->total; i++) {
        if (!is_gone(&worker->members[i])) {
            worker->candidates[count++] = i;
        }
    }
    for (size_t i = 0; i < rule->step_count && count > 1; i++) {
        if (some_unreadable(worker, &rule->steps[i], count)) {
            return NO_MEMBER;
        }
        count = narrow(work, worker, &rule->steps[i], count);
        if (worker->trace != NULL) {
            worker->trace->left[i] = (uint32_t)count;
        }
    }
    return worker->candidates[0];
}

static uint32_t find_survivor(const struct work *work, struct worker *worker,
                              const struct rule_case *rule, const struct group *group)
{
    if (rule->keep < 0) {
        return choose_survivor(work, worker, rule, group);
    }
    uint32_t i = 0; /* a condition makes sure that there is one */
    while (is_gone(&worker->members[i]) || !has_fact(&worker->members[i], rule->keep)) {
        i++;
    }
    return i;
}

/* --- one group -------------------------------------------------------------------------------- */

static void set_outcome(struct worker *worker, enum trace_outcome outcome)
{
    if (worker->trace != NULL) {
        worker->trace->outcome = outcome;
    }
}

static bool is_loser(const struct worker *worker, const struct rule_case *rule, uint32_t survivor,
                     uint32_t i)
{
    const struct member *member = &worker->members[i];
    return i != survivor && !is_gone(member) && has_fact(member, rule->merge);
}

static uint32_t count_losers(const struct worker *worker, const struct rule_case *rule,
                             const struct group *group, uint32_t survivor)
{
    uint32_t losers = 0;
    for (uint32_t i = 0; i < group->total; i++) {
        losers += is_loser(worker, rule, survivor, i);
    }
    return losers;
}

static void mark_star(struct work *work, struct worker *worker, const struct rule_case *rule,
                      const struct group *group, uint32_t survivor, uint32_t losers)
{
    struct decisions *d = work->d;
    uint32_t kept = worker->members[survivor].row;
    for (uint32_t i = 0; i < group->total; i++) {
        struct member *member = &worker->members[i];
        if (is_loser(worker, rule, survivor, i)) {
            mark(d, member->row, ACTION_MERGE, kept);
            d->row[member->row].via = (uint8_t)worker->strategy;
            member->facts |= FACT_GONE;
        } else if (i != survivor && !is_gone(member)) {
            leave(d, member->row, reason_leaves(work, worker));
        }
    }
    mark(d, kept, ACTION_KEEP, losers + 1);
    d->row[kept].absorbed |= (uint16_t)(1U << worker->strategy);
}

/* The conditions of a case hold. */
static void merge_group(struct work *work, struct worker *worker,
                        const struct rule_strategy *strategy, size_t number,
                        const struct group *group)
{
    struct decisions *d = work->d;
    const struct rule_case *rule = &strategy->cases[number];
    char text[192];
    uint32_t survivor = find_survivor(work, worker, rule, group);
    if (survivor == NO_MEMBER) {
        set_outcome(worker, TRACE_UNREADABLE);
        (void)snprintf(text, sizeof(text),
                       "undecided: '%s' would go by a time, and one of them cannot be read",
                       strategy->name);
        leave_all(work, worker, group, reason_text(work, worker, RANK_UNDECIDED, text));
        return;
    }
    uint32_t losers = count_losers(worker, rule, group, survivor);
    if (losers == 0) {
        set_outcome(worker, TRACE_NOBODY);
        leave_all(work, worker, group, reason_otherwise(work, worker, strategy, group));
        return;
    }
    set_outcome(worker, TRACE_DECIDED);
    if (worker->trace != NULL) {
        worker->trace->decided = (int)number;
        worker->trace->survivor = worker->members[survivor].row;
    }
    if (work->simple && losers + 1 > d->rules->max_cluster) {
        (void)snprintf(text, sizeof(text),
                       "too-large: %u contacts would become one, at most %u may", losers + 1,
                       d->rules->max_cluster);
        leave_all(work, worker, group, reason_text(work, worker, RANK_TOO_LARGE, text));
        return;
    }
    mark_star(work, worker, rule, group, survivor, losers);
}

/* Why the group is not even looked at, where that is so. */
static bool is_passed_over(struct worker *worker, const struct group *group)
{
    if (group->blocked) {
        set_outcome(worker, TRACE_BLOCKED);
    } else if (group->bad != 0) {
        set_outcome(worker, TRACE_BAD);
    } else if (group->size < 2) {
        set_outcome(worker, TRACE_LEFT);
    } else {
        return false;
    }
    return true;
}

static uint32_t reason_passed_over(struct work *work, struct worker *worker,
                                   const struct rule_key *key, const struct group *group)
{
    if (group->blocked) {
        return reason_blocked(work, worker, key, group);
    }
    return group->bad != 0 ? reason_bad(work, worker, key, group)
                           : reason_left(work, worker, key, group);
}

static void decide_group(struct work *work, struct worker *worker, const struct group *group)
{
    const struct rules *rules = work->d->rules;
    const struct rule_strategy *strategy = &rules->strategies[worker->strategy];
    if (is_passed_over(worker, group)) {
        if (some_open(work, worker, group)) {
            const struct rule_key *key = &rules->keys[strategy->key];
            leave_all(work, worker, group, reason_passed_over(work, worker, key, group));
        }
        return;
    }
    for (size_t i = 0; i < strategy->case_count; i++) {
        if (case_holds(worker, strategy, i, group)) {
            merge_group(work, worker, strategy, i, group);
            return;
        }
    }
    set_outcome(worker, TRACE_OTHERWISE);
    if (some_open(work, worker, group)) {
        leave_all(work, worker, group, reason_otherwise(work, worker, strategy, group));
    }
}

/* --- the groups of a partition ---------------------------------------------------------------- */

/* Links the records of each key; rows that repeat others take no part. */
static void link_groups(const struct work *work, struct worker *worker, size_t count)
{
    size_t slots = decide_clear_slots(worker, count);
    size_t room = worker->next_room;
    worker->next = decide_grow(worker->next, &room, count, sizeof(*worker->next));
    worker->last = decide_grow(worker->last, &worker->next_room, count, sizeof(*worker->last));
    bool repeats = atomic_load(&work->repeats) != 0;
    for (size_t i = 0; i < count; i++) {
        const struct key_record *record = record_at(worker, i);
        worker->next[i] = NO_ENTRY;
        worker->last[i] = NO_ENTRY; /* no group begins here */
        if (repeats && (work->d->row[record->row].flags & ROW_REPEAT) != 0) {
            continue;
        }
        size_t slot = record->low & (slots - 1);
        while (worker->slots[slot] != 0) {
            const struct key_record *other = record_at(worker, worker->slots[slot] - 1);
            if (other->low == record->low && other->high == record->high) {
                break;
            }
            slot = (slot + 1) & (slots - 1);
        }
        if (worker->slots[slot] == 0) {
            worker->slots[slot] = (uint32_t)(i + 1);
            worker->last[i] = (int32_t)i;
        } else {
            int32_t *last = &worker->last[worker->slots[slot] - 1];
            worker->next[*last] = (int32_t)i;
            *last = (int32_t)i;
        }
    }
}

/* Its contacts as they stand now. */
static void read_members(const struct work *work, struct worker *worker, size_t first,
                         struct group *group)
{
    for (int32_t i = (int32_t)first; i != NO_ENTRY; i = worker->next[i]) {
        if (group->total == worker->member_room) {
            worker->member_room = worker->member_room != 0 ? worker->member_room * 2 : 64;
            worker->members =
                xrealloc(worker->members, worker->member_room, sizeof(*worker->members));
        }
        const struct key_record *record = record_at(worker, (size_t)i);
        const struct decision *decision = &work->d->row[record->row];
        uint32_t facts = decision->facts;
        if ((decision->flags & ROW_BAD) != 0) {
            facts |= FACT_BAD;
        } else if ((decision->flags & ROW_ACTION) == ACTION_MERGE) {
            facts |= FACT_GONE;
        }
        worker->members[group->total++] =
            (struct member){.row = record->row, .facts = facts, .carries = record->carries};
    }
}

static void count_members(const struct work *work, const struct worker *worker, struct group *group)
{
    const struct rules *rules = work->d->rules;
    int blocked = rules->keys[rules->strategies[worker->strategy].key].blocked;
    group->size = 0;
    group->bad = 0;
    group->blocked = false;
    memset(group->counts, 0, rules->fact_count * sizeof(*group->counts));
    for (uint32_t i = 0; i < group->total; i++) {
        uint32_t facts = worker->members[i].facts;
        group->blocked |= blocked >= 0 && (facts >> blocked & 1) != 0;
        if ((facts & FACT_GONE) != 0) {
            continue;
        }
        group->size++;
        group->bad += (facts & FACT_BAD) != 0;
        for (uint32_t rest = facts & (FACT_BAD - 1); rest != 0; rest &= rest - 1) {
            group->counts[__builtin_ctz(rest)]++;
        }
    }
}

/* The traced row's group, where it is this one. */
static void trace_group(struct work *work, struct worker *worker, const struct group *group)
{
    struct trace *trace = work->trace;
    bool here = false;
    bool is_out = false;
    for (uint32_t i = 0; i < group->total && !here; i++) {
        here = worker->members[i].row == trace->row;
        is_out = is_gone(&worker->members[i]);
    }
    worker->trace = here ? &trace->strategies[worker->strategy] : NULL;
    if (!here) {
        return;
    }
    uint32_t *members = arena_array(&trace->arena, group->total, sizeof(*members));
    bool *gone = arena_array(&trace->arena, group->total, sizeof(*gone));
    for (uint32_t i = 0; i < group->total; i++) {
        members[i] = worker->members[i].row;
        gone[i] = is_gone(&worker->members[i]);
    }
    worker->trace->members = members;
    worker->trace->gone = gone;
    worker->trace->member_count = group->total;
    worker->trace->decided = -1;
    worker->trace->was_gone = is_out;
    worker->trace->outcome = TRACE_ALONE;
}

/* Strategies of one key meet the same groups, so each group goes through all of them at once. */
static void one_group(struct work *work, struct worker *worker, size_t first)
{
    struct group group = {0};
    read_members(work, worker, first, &group);
    worker->trace = NULL;
    for (size_t i = work->first_strategy; i < work->end_strategy; i++) {
        worker->strategy = i;
        count_members(work, worker, &group);
        if (work->trace != NULL) {
            trace_group(work, worker, &group);
        }
        if (group.total > 1 && group.size > 0) {
            decide_group(work, worker, &group);
        }
        if (worker->trace != NULL && worker->trace->was_gone) {
            set_outcome(worker, TRACE_GONE);
        }
    }
}

/* The rows of a group's first two contacts, which are nearly always all. */
static inline void prefetch_group(const struct work *work, const struct worker *worker, size_t i,
                                  size_t count)
{
    if (i < count && worker->last[i] != NO_ENTRY && worker->next[i] != NO_ENTRY) {
        size_t second = (size_t)worker->next[i];
        __builtin_prefetch(&work->d->row[record_at(worker, i)->row], 1);
        __builtin_prefetch(&work->d->row[record_at(worker, second)->row], 1);
        __builtin_prefetch(record_at(worker, second)->carries);
    }
}

void groups_run(void *arg, int index)
{
    struct work *work = arg;
    struct worker *worker = &work->workers[index];
    int key = work->d->rules->strategies[work->first_strategy].key;
    size_t partition;
    while (decide_take_partition(work, &partition)) {
        size_t count = decide_gather(work, worker, key, partition);
        link_groups(work, worker, count);
        for (size_t i = 0; i < count; i++) {
            prefetch_group(work, worker, i + PREFETCH, count);
            bool alone = worker->next[i] == NO_ENTRY;
            if (worker->last[i] != NO_ENTRY && (!alone || work->trace != NULL)) {
                one_group(work, worker, i);
            }
        }
    }
}
