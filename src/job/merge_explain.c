/* SPDX-License-Identifier: MIT */
#include "job/merge_explain.h"

#include "job/merge_explain_internal.h"

/* --- words that both tellings use ------------------------------------------------------------- */

void explain_id(const struct explained *e, uint32_t row, struct buf *out)
{
    ids_unpack(e->plan->ids, e->plan->decisions->id[row], out);
}

static const char *fact_name(const struct rules *rules, int fact)
{
    return fact < 0 ? "contacts" : rules->facts[fact].name;
}

void explain_condition(const struct rules *rules, const struct rule_condition *condition,
                       struct buf *out)
{
    switch (condition->quantifier) {
    case Q_EXACTLY:
        buf_printf(out, "exactly %u %s", condition->number, fact_name(rules, condition->fact));
        break;
    case Q_AT_LEAST:
        buf_printf(out, "at least %u %s", condition->number, fact_name(rules, condition->fact));
        break;
    case Q_AT_MOST:
        buf_printf(out, "at most %u %s", condition->number, fact_name(rules, condition->fact));
        break;
    case Q_EVERY:
        buf_printf(out, "every contact %s", fact_name(rules, condition->fact));
        break;
    case Q_SAME:
        buf_printf(out, "the same %s", rules_term(rules, condition->term));
        if (condition->fact >= 0) {
            buf_printf(out, ", %s aside", rules->facts[condition->fact].name);
        }
        break;
    }
}

void explain_step(const struct rules *rules, const struct rule_step *step, struct buf *out)
{
    switch (step->kind) {
    case STEP_PREFER:
        buf_printf(out, "prefer %s", rules->facts[step->fact].name);
        break;
    case STEP_MOST:
        buf_printf(out, "most %s", rules_term(rules, step->term));
        break;
    case STEP_LATEST:
        buf_printf(out, "latest %s", rules_term(rules, step->term));
        break;
    case STEP_OLDEST:
        buf_printf(out, "oldest %s", rules_term(rules, step->term));
        break;
    }
}

/* --- finding ---------------------------------------------------------------------------------- */

/* The first row with the id. */
static bool find_row(struct merge_plan *plan, const struct plan_parts *parts, str id,
                     uint32_t *ret_row)
{
    struct ids_cache cache = {0};
    uint64_t packed = ids_pack(plan->ids, &cache, id);
    uint32_t base = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const struct rows *rows = parts->rows[i];
        for (uint32_t row = 0; row < rows->count; row++) {
            if (rows->id[row] == packed && id.len != 0) {
                *ret_row = base + row;
                return true;
            }
        }
        base += rows->count;
    }
    return false;
}

static bool decide_traced(struct merge_plan *plan, struct explained *e, struct plan_parts *parts,
                          struct err *err)
{
    if (!find_row(plan, parts, e->id, &e->trace.row)) {
        (void)err_set(err, ERR_NOT_FOUND, "could not explain '%" STR_FMT "': no row of '%s' has it",
                      STR_ARG(e->id), plan->csv_path);
        return err_hint(err, "Ids are compared exactly, but for white space at their ends.");
    }
    const struct decide_options options = {
        .threads = plan->threads, .stop = plan->stop, .links = plan->links, .trace = &e->trace};
    plan->decisions = decide(plan->rules, parts->rows, parts->count, &options, err);
    return plan->decisions != NULL && decisions_prove(plan->decisions, err);
}

static str keep_text(struct explained *e, const struct buf *text)
{
    return str_dup(&e->arena, buf_str(text));
}

/* The values of its first row, and why that is a bad one. */
static void look_at_row(struct explained *e, const struct csv_row *row)
{
    AUTO(contact_reader_free) struct contact_reader *reader = contact_reader_new(e->rules);
    str cells[RULES_MAX_COLUMNS];
    struct contact contact;
    if (!plan_row_cells(e->plan, row, cells)) {
        return; /* it was readable when its id was found: the file changed, which is told later */
    }
    contact_read(reader, cells, &contact);
    AUTO_BUF struct buf scratch = {0};
    for (size_t i = 0; i < e->rules->column_count + e->rules->value_count; i++) {
        bool read = i >= e->rules->column_count || e->rules->columns[i].decides;
        e->terms[i] =
            str_dup(&e->arena, read ? contact_term(reader, (int)i)
                                    : norm_value(e->rules->columns[i].form, cells[i], &scratch));
    }
    e->facts = contact.facts;
    for (size_t i = 0; i < e->rules->key_count; i++) {
        e->has_key[i] = contact.keys[i].present;
    }
    if (e->bad) {
        AUTO_BUF struct buf reason = {0};
        plan_row_reason(e->plan, row, &contact, &reason);
        e->reason = keep_text(e, &reason);
    }
}

/* Its rows, by reading the file again. */
static bool read_rows(struct explained *e, struct err *err)
{
    const struct merge_plan *plan = e->plan;
    const struct decisions *d = plan->decisions;
    AUTO(csv_reader_free)
    struct csv_reader *reader = csv_reader_new(plan->fd, ',', &plan_csv_limits);
    csv_reader_seek(reader, plan->body_offset, plan->body_line, 0);
    for (uint32_t row = 0;; row++) {
        struct csv_row read;
        bool more = false;
        if (!csv_next(reader, &read, &more, err)) {
            return err_wrap(err, "could not read '%s'", plan->csv_path);
        }
        if (!more || row == d->count) {
            return (!more && row == d->count && plan_check_unchanged(plan, err)) ||
                   plan_changed(plan, err);
        }
        if (d->id[row] != d->id[e->trace.row]) {
            continue;
        }
        if (row == e->trace.row) {
            look_at_row(e, &read);
        }
        if (e->line_count < EXPLAIN_LINES) {
            e->lines[e->line_count] = read.line;
        }
        e->line_count++;
    }
}

static void take_decision(struct explained *e)
{
    const struct decisions *d = e->plan->decisions;
    uint32_t row = e->trace.row;
    AUTO_BUF struct buf text = {0};
    e->bad = (d->row[row].flags & ROW_BAD) != 0;
    e->action = decisions_action(d, row);
    if (e->bad) {
        return;
    }
    decisions_reason(d, row, &text);
    e->reason = keep_text(e, &text);
    if (e->action == ACTION_KEEP || e->action == ACTION_MERGE) {
        buf_clear(&text);
        decisions_strategy(d, row, &text);
        e->strategy = keep_text(e, &text);
        buf_clear(&text);
        explain_id(e, decisions_root(d, row), &text);
        e->survivor = keep_text(e, &text);
    }
}

static bool explain(struct merge_plan *plan, struct explained *e, struct err *err)
{
    struct plan_parts parts = {0};
    bool ok = plan_read(plan, &parts, err) && plan_check_unchanged(plan, err) &&
              decide_traced(plan, e, &parts, err);
    for (size_t i = 0; i < parts.count; i++) {
        rows_free(parts.rows[i]);
    }
    if (!ok) {
        return false;
    }
    take_decision(e);
    return read_rows(e, err);
}

bool merge_explain(const struct merge_plan_options *options, str id, bool json, struct buf *out,
                   struct err *err)
{
    AUTO(merge_plan_free) struct merge_plan *plan = merge_plan_open(options, err);
    if (plan == NULL) {
        return false;
    }
    struct explained *e = xnew(struct explained);
    e->plan = plan;
    e->rules = plan->rules;
    e->id = norm_trim(id);
    bool ok = explain(plan, e, err);
    if (ok && json) {
        explain_json(e, out);
    } else if (ok) {
        explain_text(e, out);
    }
    arena_done(&e->trace.arena);
    arena_done(&e->arena);
    free(e);
    return ok;
}
