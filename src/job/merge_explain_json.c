/* SPDX-License-Identifier: MIT */
/* An explanation as one JSON document, schemas/rules-explain.schema.json. */
#include "job/merge_explain_internal.h"

static void add_text(struct buf *out, const char *name, str text)
{
    buf_printf(out, "\"%s\":", name);
    buf_add_json(out, text);
}

static void add_or_null(struct buf *out, const char *name, str text)
{
    if (text.len != 0) {
        add_text(out, name, text);
    } else {
        buf_printf(out, "\"%s\":null", name);
    }
}

static void add_row_id(const struct explained *e, uint32_t row, struct buf *out)
{
    AUTO_BUF struct buf id = {0};
    explain_id(e, row, &id);
    buf_add_json(out, buf_str(&id));
}

static void add_contact(const struct explained *e, struct buf *out)
{
    const struct rules *rules = e->rules;
    size_t shown = e->line_count < EXPLAIN_LINES ? e->line_count : EXPLAIN_LINES;
    buf_printf(out, ",\"rows\":%zu,\"lines\":[", e->line_count);
    for (size_t i = 0; i < shown; i++) {
        buf_printf(out, "%s%llu", i == 0 ? "" : ",", (unsigned long long)e->lines[i]);
    }
    buf_addz(out, "],\n\"values\":{");
    for (size_t i = 0; i < rules->column_count + rules->value_count; i++) {
        bool absent = i < rules->column_count && e->plan->columns[i].index < 0;
        buf_addz(out, i == 0 ? "" : ",");
        if (absent) {
            buf_printf(out, "\"%s\":null", rules_term(rules, (int)i));
        } else {
            add_text(out, rules_term(rules, (int)i), e->terms[i]);
        }
    }
    buf_addz(out, "},\n\"facts\":{");
    for (size_t i = 0; i < rules->fact_count; i++) {
        buf_printf(out, "%s\"%s\":%s", i == 0 ? "" : ",", rules->facts[i].name,
                   explain_has_fact(e, i) ? "true" : "false");
    }
    buf_addz(out, "},\n\"keys\":{");
    for (size_t i = 0; i < rules->key_count; i++) {
        buf_printf(out, "%s\"%s\":%s", i == 0 ? "" : ",", rules->keys[i].name,
                   e->has_key[i] ? "true" : "false");
    }
    buf_addc(out, '}');
}

static const char *outcome_name(enum trace_outcome outcome)
{
    switch (outcome) {
    case TRACE_NO_KEY:
        return "no-key";
    case TRACE_ALONE:
        return "alone";
    case TRACE_GONE:
        return "gone";
    case TRACE_BLOCKED:
        return "blocked";
    case TRACE_BAD:
        return "bad-row";
    case TRACE_LEFT:
        return "others-gone";
    case TRACE_DECIDED:
        return "decided";
    case TRACE_UNREADABLE:
        return "unreadable-time";
    case TRACE_NOBODY:
        return "nobody-to-merge";
    case TRACE_OTHERWISE:
        break;
    }
    return "not-decided";
}

static void add_conditions(const struct explained *e, const struct rule_case *rule,
                           const struct trace_condition *found, struct buf *out)
{
    for (size_t i = 0; i < rule->condition_count && found[i].asked; i++) {
        AUTO_BUF struct buf text = {0};
        explain_condition(e->rules, &rule->conditions[i], &text);
        buf_addz(out, i == 0 ? "{" : ",{");
        add_text(out, "condition", buf_str(&text));
        buf_printf(out, ",\"held\":%s,\"count\":%u}", found[i].held ? "true" : "false",
                   found[i].count);
    }
}

static void add_steps(const struct explained *e, const struct rule_strategy *strategy,
                      const struct trace_strategy *t, struct buf *out)
{
    const struct rule_case *rule = t->decided >= 0 ? &strategy->cases[t->decided] : NULL;
    for (size_t i = 0; rule != NULL && i < rule->step_count && t->left[i] != 0; i++) {
        AUTO_BUF struct buf text = {0};
        explain_step(e->rules, &rule->steps[i], &text);
        buf_addz(out, i == 0 ? "{" : ",{");
        add_text(out, "step", buf_str(&text));
        buf_printf(out, ",\"left\":%u}", t->left[i]);
    }
}

static void add_strategy(const struct explained *e, size_t number, struct buf *out)
{
    const struct rule_strategy *strategy = &e->rules->strategies[number];
    const struct trace_strategy *t = &e->trace.strategies[number];
    buf_printf(out,
               "%s{\"name\":\"%s\",\"key\":\"%s\",\"outcome\":\"%s\",\"contacts\":%zu,\"ids\":[",
               number == 0 ? "\n" : ",\n", strategy->name, e->rules->keys[strategy->key].name,
               outcome_name(t->outcome), t->member_count);
    for (size_t i = 0; i < t->member_count && i < EXPLAIN_MEMBERS; i++) {
        buf_addz(out, i == 0 ? "" : ",");
        add_row_id(e, t->members[i], out);
    }
    buf_addz(out, "],\"cases\":[");
    for (size_t c = 0; c < strategy->case_count && t->conditions[c][0].asked; c++) {
        buf_addz(out, c == 0 ? "[" : ",[");
        add_conditions(e, &strategy->cases[c], t->conditions[c], out);
        buf_addc(out, ']');
    }
    buf_addz(out, "],\"steps\":[");
    add_steps(e, strategy, t, out);
    buf_addz(out, "],\"survivor\":");
    if (t->outcome == TRACE_DECIDED || (t->outcome == TRACE_GONE && t->decided >= 0)) {
        add_row_id(e, t->survivor, out);
    } else {
        buf_addz(out, "null");
    }
    buf_addc(out, '}');
}

void explain_json(const struct explained *e, struct buf *out)
{
    static const char *const actions[] = {"none", "review", "merge", "keep"};
    buf_printf(out, "{\"rules\":\"%s\",\"hash\":\"%s\",", e->rules->name, e->rules->hash);
    add_text(out, "id", e->id);
    add_contact(e, out);
    buf_addz(out, ",\n\"strategies\":[");
    for (size_t i = 0; i < e->rules->strategy_count; i++) {
        add_strategy(e, i, out);
    }
    buf_printf(out, "],\n\"star_taken_apart\":%s,\"action\":\"%s\",",
               e->trace.fell ? "true" : "false", actions[e->action]);
    add_or_null(out, "strategy", e->strategy);
    buf_addc(out, ',');
    add_or_null(out, "survivor", e->survivor);
    buf_addc(out, ',');
    add_text(out, "reason", e->reason);
    buf_addz(out, "}\n");
}
