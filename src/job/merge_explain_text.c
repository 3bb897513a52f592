/* SPDX-License-Identifier: MIT */
/* An explanation as people read it. */
#include "job/merge_explain_internal.h"

/* --- the contact ------------------------------------------------------------------------------ */

static void add_lines(const struct explained *e, struct buf *out)
{
    buf_printf(out, "Contact %" STR_FMT ", line", STR_ARG(e->id));
    size_t shown = e->line_count < EXPLAIN_LINES ? e->line_count : EXPLAIN_LINES;
    for (size_t i = 0; i < shown; i++) {
        buf_printf(out, "%s %llu", i == 0 ? "" : ",", (unsigned long long)e->lines[i]);
    }
    if (shown < e->line_count) {
        buf_printf(out, " and %zu more", e->line_count - shown);
    }
    buf_addz(out, "\n\nValues, as they are compared\n");
}

static void add_values(const struct explained *e, struct buf *out)
{
    const struct rules *rules = e->rules;
    for (size_t i = 0; i < rules->column_count + rules->value_count; i++) {
        bool column = i < rules->column_count;
        if (column && (!rules->columns[i].decides || rules->columns[i].identity)) {
            continue;
        }
        buf_printf(out, "  %-16s ", rules_term(rules, (int)i));
        if (column && e->plan->columns[i].index < 0) {
            buf_addz(out, "(no such column)\n");
        } else if (e->terms[i].len == 0) {
            buf_addz(out, "(empty)\n");
        } else {
            buf_printf(out, "%" STR_FMT "\n", STR_ARG(e->terms[i]));
        }
    }
}

static void add_facts(const struct explained *e, struct buf *out)
{
    for (int holds = 1; holds >= 0; holds--) {
        const char *before = holds ? "\nFacts\n  it is      " : "\n  it is not  ";
        for (size_t i = 0; i < e->rules->fact_count; i++) {
            if (explain_has_fact(e, i) == (holds != 0)) {
                buf_printf(out, "%s%s", before, e->rules->facts[i].name);
                before = ", ";
            }
        }
        if (before[0] != ',') {
            buf_printf(out, "%s-", before);
        }
    }
    buf_addc(out, '\n');
}

/* --- strategies ------------------------------------------------------------------------------- */

static void add_members(const struct explained *e, const struct trace_strategy *t, struct buf *out)
{
    buf_printf(out, "     %zu %s it:", t->member_count,
               t->member_count == 1 ? "contact has" : "contacts share");
    for (size_t i = 0; i < t->member_count && i < EXPLAIN_MEMBERS; i++) {
        buf_addz(out, i == 0 ? " " : ", ");
        explain_id(e, t->members[i], out);
        buf_addz(out, t->gone[i] ? " (gone)" : "");
    }
    buf_addz(out, t->member_count > EXPLAIN_MEMBERS ? ", ...\n" : "\n");
}

static void add_conditions(const struct explained *e, const struct rule_strategy *strategy,
                           const struct trace_strategy *t, struct buf *out)
{
    for (size_t c = 0; c < strategy->case_count; c++) {
        const struct rule_case *rule = &strategy->cases[c];
        for (size_t i = 0; i < rule->condition_count && t->conditions[c][i].asked; i++) {
            const struct trace_condition *found = &t->conditions[c][i];
            if (i == 0 && strategy->case_count > 1) {
                buf_printf(out, "     case %zu\n", c + 1);
            }
            buf_addz(out, found->held ? "       yes  " : "       no   ");
            explain_condition(e->rules, &rule->conditions[i], out);
            buf_printf(out, ": %u\n", found->count);
        }
    }
}

static void add_steps(const struct explained *e, const struct rule_case *rule,
                      const struct trace_strategy *t, struct buf *out)
{
    for (size_t i = 0; i < rule->step_count && t->left[i] != 0; i++) {
        buf_addz(out, "       ");
        explain_step(e->rules, &rule->steps[i], out);
        buf_printf(out, ": %u left\n", t->left[i]);
    }
}

/* What became of the group; of this contact in it, only where it was decided. */
static void add_outcome(const struct explained *e, const struct trace_strategy *t, struct buf *out)
{
    switch (t->outcome) {
    case TRACE_NO_KEY:
        buf_addz(out, "it has no such key\n");
        return;
    case TRACE_ALONE:
        buf_addz(out, "nobody shares it\n");
        return;
    case TRACE_GONE:
        buf_addz(out, "it was merged before\n");
        return;
    case TRACE_BLOCKED:
        buf_addz(out, "not decided: the key is no evidence\n");
        return;
    case TRACE_BAD:
        buf_addz(out, "not decided: a bad row is among them\n");
        return;
    case TRACE_LEFT:
        buf_addz(out, "not decided: the others are merged elsewhere\n");
        return;
    case TRACE_UNREADABLE:
        buf_addz(out, "not decided: a time that would tell cannot be read\n");
        return;
    case TRACE_NOBODY:
        buf_addz(out, "not decided: nobody is to be merged\n");
        return;
    case TRACE_OTHERWISE:
        buf_addz(out, "not decided\n");
        return;
    case TRACE_DECIDED:
        buf_addz(out, "decided: ");
        explain_id(e, t->survivor, out);
        buf_addz(out, " is kept\n");
        return;
    }
}

static void add_strategy(const struct explained *e, size_t number, struct buf *out)
{
    const struct rule_strategy *strategy = &e->rules->strategies[number];
    const struct trace_strategy *t = &e->trace.strategies[number];
    buf_printf(out, "  %zu. %s, by %s: ", number + 1, strategy->name,
               e->rules->keys[strategy->key].name);
    add_outcome(e, t, out);
    if (t->outcome == TRACE_NO_KEY || t->outcome == TRACE_ALONE) {
        return;
    }
    add_members(e, t, out);
    add_conditions(e, strategy, t, out);
    if (t->decided >= 0) {
        add_steps(e, &strategy->cases[t->decided], t, out);
    }
}

/* --- the whole -------------------------------------------------------------------------------- */

void explain_text(const struct explained *e, struct buf *out)
{
    static const char *const actions[] = {"none: it stays as it is", "review: left to people",
                                          "merge into ", "keep: others go into it"};
    add_lines(e, out);
    add_values(e, out);
    add_facts(e, out);
    buf_addz(out, "\nStrategies\n");
    for (size_t i = 0; i < e->rules->strategy_count; i++) {
        add_strategy(e, i, out);
    }
    if (e->trace.fell) {
        buf_printf(out, "\nGuards\n  the star of %u contacts that it %s is taken apart\n",
                   e->trace.star, e->trace.survivor ? "was kept for" : "went into");
    }
    buf_printf(out, "\nDecision\n  %s%" STR_FMT, actions[e->action],
               STR_ARG(e->action == ACTION_MERGE ? e->survivor : STR_NONE));
    if (e->strategy.len != 0) {
        buf_printf(out, ", by %" STR_FMT, STR_ARG(e->strategy));
    }
    buf_printf(out, "\n  %" STR_FMT "\n", STR_ARG(e->reason));
}
