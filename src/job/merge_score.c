/* SPDX-License-Identifier: MIT */
#include "job/merge_score.h"

#include "job/merge_walk.h"
#include "match/normalise.h"
#include "match/rules_labels.h"

void merge_score_done(struct merge_score *score)
{
    free(score->rows);
    arena_done(&score->arena);
    *score = (struct merge_score){0};
}

bool merge_score_begin(struct merge_score *score, const struct merge_plan *plan, struct err *err)
{
    const struct rules *rules = merge_walk_rules(plan);
    const struct rule_labels *labels = rules->labels;
    if (labels == NULL) {
        (void)err_set(err, ERR_USAGE, "could not score: the rule set '%s' knows no labels",
                      rules->name);
        return err_hint(err, "Say in its section 'labels' which column holds them.");
    }
    struct csv_column columns[2] = {
        {.name = labels->action[0], .aliases = labels->action + 1, .required = true},
        {.name = labels->strategy != NULL ? labels->strategy[0] : "",
         .aliases = labels->strategy != NULL ? labels->strategy + 1 : NULL},
    };
    if (!merge_walk_columns(plan, columns, labels->strategy != NULL ? 2 : 1, err)) {
        return false;
    }
    *score = (struct merge_score){
        .action_index = columns[0].index,
        .strategy_index = labels->strategy != NULL ? columns[1].index : -1,
    };
    score->merge_label = str_z(&score->arena, labels->merge);
    score->keep_label = str_z(&score->arena, labels->keep);
    if (score->strategy_index >= 0) {
        score->strategy_count = rules->strategy_count;
        score->strategies =
            arena_array(&score->arena, rules->strategy_count, sizeof(*score->strategies));
        for (size_t i = 0; i < rules->strategy_count; i++) {
            score->strategies[i].name = arena_strdup(&score->arena, rules->strategies[i].name);
        }
    }
    return true;
}

/* --- one row ---------------------------------------------------------------------------------- */

struct measuring {
    struct merge_score *score;
    const struct rules *rules;
    const struct decisions *decisions;
    struct buf strategy; /* of the row in hand */
    struct buf reason;
};

/* What a person said about a row, and what the rules did. */
struct verdict {
    enum score_label label;
    uint32_t label_strategy; /* 0: none */
    enum action action;
    uint32_t strategies; /* that decided it, a bit each */
};

static void read_label(const struct measuring *m, const struct csv_row *csv, struct verdict *ret)
{
    const struct rule_labels *labels = m->rules->labels;
    str action = norm_trim(csv->fields[m->score->action_index]);
    ret->label = str_eq(action, labels->merge)  ? LABEL_MERGE
                 : str_eq(action, labels->keep) ? LABEL_KEEP
                                                : LABEL_NONE;
    uint64_t number = 0;
    if (ret->label != LABEL_NONE && m->score->strategy_index >= 0 &&
        norm_count(csv->fields[m->score->strategy_index], &number) &&
        number <= m->rules->strategy_count) {
        ret->label_strategy = (uint32_t)number;
    }
}

static uint32_t strategy_bit(const struct rules *rules, str name)
{
    for (size_t i = 0; i < rules->strategy_count; i++) {
        if (str_eqz(name, rules->strategies[i].name)) {
            return UINT32_C(1) << i;
        }
    }
    return 0; /* memory decided it, no strategy */
}

/* Fills m->strategy too. */
static void read_decision(struct measuring *m, const struct merge_walk_row *row,
                          struct verdict *ret)
{
    ret->action = row->action;
    buf_clear(&m->strategy);
    if (row->action != ACTION_MERGE && row->action != ACTION_KEEP) {
        return;
    }
    decisions_strategy(m->decisions, row->decided, &m->strategy);
    str rest = buf_str(&m->strategy);
    do {
        ret->strategies |= strategy_bit(m->rules, str_cut(rest, '+', &rest));
    } while (rest.len != 0 && row->action == ACTION_KEEP); /* a merge is its first step's */
}

static void count(struct score_measure *measure, bool decided, bool labelled)
{
    measure->decided += decided;
    measure->labelled += labelled;
    measure->agreed += decided && labelled;
}

static void count_verdict(struct merge_score *score, const struct verdict *v)
{
    count(&score->merge, v->action == ACTION_MERGE, v->label == LABEL_MERGE);
    count(&score->keep, v->action == ACTION_KEEP, v->label == LABEL_KEEP);
    for (size_t i = 0; i < score->strategy_count; i++) {
        struct score_part *part = &score->strategies[i];
        bool decided = (v->strategies >> i & 1) != 0;
        bool labelled = v->label_strategy == i + 1;
        count(&part->merge, decided && v->action == ACTION_MERGE,
              labelled && v->label == LABEL_MERGE);
        count(&part->keep, decided && v->action == ACTION_KEEP, labelled && v->label == LABEL_KEEP);
    }
}

static bool same_action(const struct verdict *v)
{
    switch (v->label) {
    case LABEL_MERGE:
        return v->action == ACTION_MERGE;
    case LABEL_KEEP:
        return v->action == ACTION_KEEP;
    case LABEL_NONE:
        break;
    }
    return v->action != ACTION_MERGE && v->action != ACTION_KEEP;
}

static void note_row(struct measuring *m, const struct merge_walk_row *row, const struct verdict *v)
{
    struct merge_score *score = m->score;
    if (score->row_count == MERGE_SCORE_ROWS) {
        return;
    }
    if (score->row_count == score->row_room) {
        score->row_room = score->row_room != 0 ? score->row_room * 2 : 64;
        score->rows = xrealloc(score->rows, score->row_room, sizeof(*score->rows));
    }
    buf_clear(&m->reason);
    decisions_reason(m->decisions, row->decided, &m->reason);
    score->rows[score->row_count++] = (struct score_row){
        .line = row->csv->line,
        .id = str_z(&score->arena, norm_trim(row->cells[m->rules->identity])),
        .label = v->label,
        .label_strategy = v->label_strategy,
        .action = v->action,
        .strategy = arena_strdup(&score->arena, buf_z(&m->strategy)),
        .reason = arena_strdup(&score->arena, buf_z(&m->reason)),
    };
}

static bool measure_row(void *ctx, const struct merge_walk_row *row, struct err *err)
{
    (void)err; /* nothing here can fail */
    struct measuring *m = ctx;
    if (row->bad) {
        m->score->bad++;
        return true;
    }
    m->score->good++;
    struct verdict v = {0};
    read_label(m, row->csv, &v);
    read_decision(m, row, &v);
    count_verdict(m->score, &v);
    bool other_action = !same_action(&v);
    bool other_strategy =
        !other_action && v.label_strategy != 0 && (v.strategies >> (v.label_strategy - 1) & 1) == 0;
    m->score->other_action += other_action;
    m->score->other_strategy += other_strategy;
    if (other_action || other_strategy) {
        note_row(m, row, &v);
    }
    return true;
}

bool merge_score_measure(struct merge_score *score, const struct merge_plan *plan, struct err *err)
{
    struct measuring m = {
        .score = score,
        .rules = merge_walk_rules(plan),
        .decisions = merge_walk_decisions(plan),
    };
    bool ok = merge_walk(plan, measure_row, &m, err);
    buf_done(&m.strategy);
    buf_done(&m.reason);
    return ok;
}
