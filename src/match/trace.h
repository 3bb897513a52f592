/* SPDX-License-Identifier: MIT */
/*
 * What decide() found on its way about one contact, for a person who asks why.
 *
 * Rows are those of the decisions. One contact stands in one group of a key, and one thread at a time
 * decides a group, so no lock is needed.
 */
#ifndef STEWARD_MATCH_TRACE_H
#define STEWARD_MATCH_TRACE_H

#include "base/arena.h"
#include "match/rules.h"

enum trace_outcome {
    TRACE_NO_KEY,  /* it has no such key */
    TRACE_ALONE,   /* nobody shares the key */
    TRACE_GONE,    /* an earlier strategy merged it */
    TRACE_BLOCKED, /* the key is no evidence */
    TRACE_BAD,     /* the group holds a bad row */
    TRACE_LEFT,    /* the others of the group are gone */
    TRACE_DECIDED, /* by the case `decided` */
    TRACE_UNREADABLE /* a time that would decide cannot be read */,
    TRACE_NOBODY,   /* the conditions hold, and nobody is to be merged */
    TRACE_OTHERWISE /* no case holds */
};

struct trace_condition {
    bool asked;
    bool held;
    uint32_t count; /* contacts that it counted */
};

struct trace_strategy {
    enum trace_outcome outcome;
    bool was_gone;           /* before this strategy */
    const uint32_t *members; /* the group's rows in their order, those that are gone included */
    const bool *gone;
    size_t member_count;
    int decided; /* the case whose conditions hold, -1: none */
    struct trace_condition conditions[RULES_MAX_CASES][RULES_MAX_CONDITIONS];
    uint32_t left[RULES_MAX_STEPS]; /* candidates after each step of that case, 0: not asked */
    uint32_t survivor;              /* of TRACE_DECIDED */
};

struct trace {
    uint32_t row; /* set by the caller, who zeroes the rest */
    struct arena arena;
    struct trace_strategy strategies[RULES_MAX_STRATEGIES];
    bool fell; /* a guard took its star apart; then what it would have been: */
    bool survivor;
    uint32_t star; /* contacts of the star */
};

#endif
