/* SPDX-License-Identifier: MIT */
/*
 * The long parts of the page: causes, changes, findings. Each is one walk over plan and journal, so
 * that nothing is kept, and is cut into parts that a browser folds away and need not lay out.
 *
 * Up to RICH_CHANGES changes are shown as cards with a table each; a browser holds some fifty nodes
 * for one. Beyond that a change is one row of a table, about ten nodes, so that 100,000 still open.
 */
#include "engine/report_html.h"
#include "engine/undo.h"

#include <inttypes.h>

enum {
    RICH_CHANGES = 2000,
    RICH_PART = 100,
    ROW_PART = 500,
    MAX_CAUSE_ROWS = 1000, /* of one cause; the others are in the list of changes */
    MAX_CHANGES = 250000,  /* beyond this no browser helps; the JSON report has all */
    MAX_FINDINGS = 100000,
};

/* --- lists in parts ------------------------------------------------------------------------ */

static void close_part(struct html_parts *list)
{
    if (list->rows != HTML_BLOCK_COUNT) {
        html_plain(list->page, rows_end);
    }
    html_plain(list->page, list_end);
}

void html_parts_next(struct html_parts *list)
{
    struct html_page *page = list->page;
    if (list->at % list->part == 0) {
        if (list->at != 0) {
            close_part(list);
        }
        uint64_t last = list->at + list->part < list->total ? list->at + list->part : list->total;
        str from = html_number(page, list->at + 1);
        str to = html_number(page, last);
        str all = html_number(page, list->total);
        str title = html_printf(page, "%s %" STR_FMT " to %" STR_FMT " of %" STR_FMT, list->what,
                                STR_ARG(from), STR_ARG(to), STR_ARG(all));
        /* what fits in one part is printed whole, too */
        str class = list->total <= list->part ? STR("short") : STR("");
        if (list->at == 0) {
            html_put(page, list_open, .class = class, .title = title);
        } else {
            html_put(page, list, .class = class, .title = title);
        }
        if (list->rows != HTML_BLOCK_COUNT) {
            html_fill(page, list->rows, NULL);
        }
    }
    list->at++;
}

void html_parts_end(struct html_parts *list)
{
    if (list->at != 0) {
        close_part(list);
    }
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void put_more(struct html_page *page, uint64_t all, uint64_t shown, const char *where)
{
    if (all > shown) {
        str more = html_number(page, all - shown);
        html_put(page, text,
                 .text = html_printf(page, "%" STR_FMT " more are not listed here: %s",
                                     STR_ARG(more), where));
    }
}

/* --- causes -------------------------------------------------------------------------------- */

static const struct {
    enum err_kind kind;
    const char *what; /* "skipped 3: ..." */
    const char *meaning;
    const char *todo;
} causes[] = {
    {ERR_DRIFT, "the record had changed",
     "Somebody or something changed the record after the plan was made, so the decision may no "
     "longer be right. Nothing was sent.",
     "Plan again: the new plan decides on the records as they are now."},
    {ERR_BACKUP, "no complete backup could be made",
     "A change without a backup that reads back is never sent. Nothing was sent.",
     "Put the cause below right (space on the disk, rights, something that could not be read), "
     "then "
     "plan again."},
    {ERR_NETWORK, "the remote did not answer", "The connection failed or the answer never came.",
     "Check the connection with `steward doctor`, then plan again."},
    {ERR_REMOTE, "the remote refused or failed it",
     "The remote's answer is given with each change.",
     "Correct what the answer names, or ask the remote's support with the request's number, then "
     "plan again."},
    {ERR_PROTOCOL, "the remote's answer could not be understood",
     "The remote answered something that its documentation does not describe.",
     "Try a newer version of steward; tell its makers what the answer was."},
    {ERR_AUTH, "the remote refused the token", "The token is wrong, expired or may not do this.",
     "Put a valid token into .env, check it with `steward doctor`, then plan again."},
    {ERR_LIMITED, "the remote asked to slow down",
     "The remote's own limit was reached and it did not let the call through in time.",
     "Lower RATE_LIMIT_CALLS, or run when others use less, then plan again."},
    {ERR_NOT_FOUND, "the record is not there any more",
     "The record was removed after the plan was made.",
     "Plan again: it will no longer be in the plan."},
    {ERR_VERIFY, "the remote shows something else than was meant",
     "The record was read after the change and is not as the plan promised.",
     "Look at the record in the remote; its backup holds how it was before."},
    {ERR_IO, "a local file failed", "A file or directory on this machine could not be used.",
     "Put the cause below right, then plan again."},
};

/* It was sent, and whatever the reason: it must be read, not sent again. */
static const char unknown_meaning[] = "The change was sent, but the remote has neither shown it "
                                      "nor refused it for certain. It is never "
                                      "sent again by itself, because it may have happened.";

static size_t cause_of(enum err_kind kind)
{
    size_t at = 0;
    while (at < ARRAY_LEN(causes) && causes[at].kind != kind) {
        at++;
    }
    return at;
}

static void put_cause(struct html_report *report, enum change_state state, enum err_kind kind,
                      uint64_t count)
{
    struct html_page *page = &report->page;
    size_t at = cause_of(kind);
    bool known = at < ARRAY_LEN(causes);
    const char *what = known ? causes[at].what : "for another reason";
    const char *meaning = known ? causes[at].meaning : "Each change says what it was.";
    const char *todo = known ? causes[at].todo : "Put the cause below right, then plan again.";
    if (state == CHANGE_UNKNOWN) {
        html_put(page, cause, .state = html_state(state), .count = html_number(page, count),
                 .what = STR("it is not proven what became of it"), .meaning = STR(unknown_meaning),
                 .todo =
                     html_printf(page,
                                 "Run `steward resume %" PRId64 "`: it reads again and settles "
                                 "what can be settled. What stays unknown, look up in the remote.",
                                 report->facts.run.id));
    } else {
        html_put(page, cause, .state = html_state(state), .count = html_number(page, count),
                 .what = str_of(what), .meaning = str_of(meaning), .todo = str_of(todo));
    }
}

struct cause_walk {
    struct html_parts list;
    enum change_state state;
    enum err_kind kind;
};

static bool add_cause_row(void *ctx, const struct plan_header *header UNUSED,
                          const struct plan_change *change, const struct change_row *row)
{
    struct cause_walk *walk = ctx;
    if (row == NULL || row->state != walk->state || row->error_kind != walk->kind) {
        return true;
    }
    html_parts_next(&walk->list);
    html_put(walk->list.page, cause_row, .id = str_of(change->id), .brief = ((str){change->id, 8}),
             .target = change->target, .error = str_of(row->error));
    return walk->list.at < walk->list.total;
}

static bool put_cause_group(struct html_report *report, enum change_state state, enum err_kind kind,
                            struct err *err)
{
    struct html_page *page = &report->page;
    uint64_t count = report->facts.causes[state][kind];
    struct cause_walk walk = {.list = {.page = page,
                                       .what = "Records",
                                       .total = lesser(count, MAX_CAUSE_ROWS),
                                       .part = ROW_PART,
                                       .rows = HTML_cause_rows},
                              .state = state,
                              .kind = kind};
    put_cause(report, state, kind, count);
    bool ok =
        engine_each_change(report->engine, &report->facts.run, add_cause_row, NULL, &walk, err);
    html_parts_end(&walk.list);
    put_more(page, count, MAX_CAUSE_ROWS, "they are in the list of changes, each with its cause.");
    return ok;
}

bool html_causes(struct html_report *report, struct err *err)
{
    static const enum change_state states[] = {CHANGE_FAILED, CHANGE_UNKNOWN, CHANGE_SKIPPED};
    const uint64_t *counts = report->facts.run.counts;
    if (counts[CHANGE_FAILED] + counts[CHANGE_UNKNOWN] + counts[CHANGE_SKIPPED] == 0) {
        return true;
    }
    html_put(&report->page, section, .id = STR("failures"),
             .title = STR("What was not done, and why"));
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        for (int kind = 0; kind < ERR_KIND_COUNT; kind++) {
            if (report->facts.causes[states[i]][kind] != 0 &&
                !put_cause_group(report, states[i], (enum err_kind)kind, err)) {
                return false;
            }
        }
    }
    html_plain(&report->page, section_end);
    return true;
}

/* --- changes ------------------------------------------------------------------------------- */

struct change_walk {
    struct html_report *report;
    struct html_parts list;
    bool rich;
    struct buf before, after, about;
};

static void put_values(struct html_page *page, const struct plan_header *header,
                       const struct plan_change *change)
{
    html_plain(page, values);
    for (size_t i = 0; i < header->column_count; i++) {
        const struct plan_value *value = &change->values[i];
        if (value->before.len + value->after.len != 0) {
            bool same = str_eq(value->before, value->after);
            html_put(page, value, .class = same ? STR("same") : STR("differs"),
                     .name = header->columns[i].name, .before = value->before,
                     .after = value->after);
        }
    }
    html_plain(page, values_end);
}

static str when_of(struct html_page *page, const struct change_row *row)
{
    if (row == NULL) {
        return STR("not begun");
    }
    if (row->sent_at_ms == 0) {
        str when = html_time(page, row->updated_at_ms);
        return html_printf(page, "never sent, last touched %" STR_FMT, STR_ARG(when));
    }
    str sent = html_time(page, row->sent_at_ms);
    if (row->state != CHANGE_VERIFIED) {
        return html_printf(page, "sent %" STR_FMT ", attempts %d", STR_ARG(sent), row->attempts);
    }
    str took = html_duration(page, row->updated_at_ms - row->sent_at_ms);
    return html_printf(page, "sent %" STR_FMT ", confirmed after %" STR_FMT ", attempts %d",
                       STR_ARG(sent), STR_ARG(took), row->attempts);
}

static void put_card(struct html_page *page, const struct plan_header *header,
                     const struct plan_change *change, const struct change_row *row)
{
    str id = str_of(change->id);
    str state = html_state(row != NULL ? row->state : CHANGE_PLANNED);
    if (change->survivor.len != 0) {
        bool back = undo_is_plan(header); /* out of the survivor */
        html_put(page, change_into, .state = state, .id = id,
                 .target = back ? change->survivor : change->target,
                 .survivor = back ? change->target : change->survivor, .strategy = change->strategy,
                 .reason = change->reason);
    } else {
        html_put(page, change, .state = state, .id = id, .target = change->target,
                 .strategy = change->strategy, .reason = change->reason);
    }
    put_values(page, header, change);
    if (row != NULL && row->error[0] != '\0') {
        html_put(page, change_error, .kind = str_of(err_kind_name(row->error_kind)),
                 .error = str_of(row->error));
    }
    if (row != NULL && row->backup[0] != '\0') {
        html_put(page, change_end_backup, .id = id, .when = when_of(page, row),
                 .backup = str_of(row->backup));
    } else {
        html_put(page, change_end, .id = id, .when = when_of(page, row));
    }
}

static void add_line(struct buf *out, str name, str value)
{
    buf_addz(out, out->len != 0 ? "\n" : "");
    buf_adds(out, name);
    buf_addz(out, ": ");
    buf_adds(out, value);
}

static void put_row(struct change_walk *walk, const struct plan_header *header,
                    const struct plan_change *change, const struct change_row *row)
{
    buf_clear(&walk->before);
    buf_clear(&walk->after);
    buf_clear(&walk->about);
    buf_adds(&walk->about, change->target);
    if (change->survivor.len != 0) {
        buf_addz(&walk->about, undo_is_plan(header) ? "\nout of " : "\ninto ");
        buf_adds(&walk->about, change->survivor);
    }
    add_line(&walk->about, change->strategy, change->reason);
    if (row != NULL && row->error[0] != '\0') {
        add_line(&walk->about, str_of(err_kind_name(row->error_kind)), str_of(row->error));
    }
    if (row != NULL && row->backup[0] != '\0') {
        add_line(&walk->about, STR("backup"), str_of(row->backup));
    }
    for (size_t i = 0; i < header->column_count; i++) {
        const struct plan_value *value = &change->values[i];
        if (value->before.len + value->after.len != 0) {
            add_line(&walk->before, header->columns[i].name, value->before);
            add_line(&walk->after, header->columns[i].name, value->after);
        }
    }
    html_put(walk->list.page, change_row, .id = str_of(change->id),
             .state = html_state(row != NULL ? row->state : CHANGE_PLANNED),
             .about = buf_str(&walk->about), .before = buf_str(&walk->before),
             .after = buf_str(&walk->after));
}

static bool add_change(void *ctx, const struct plan_header *header,
                       const struct plan_change *change, const struct change_row *row)
{
    struct change_walk *walk = ctx;
    html_parts_next(&walk->list);
    if (walk->rich) {
        put_card(walk->list.page, header, change, row);
    } else {
        put_row(walk, header, change, row);
    }
    return walk->list.at < walk->list.total && !err_is(&walk->list.page->err);
}

bool html_changes(struct html_report *report, struct err *err)
{
    struct html_page *page = &report->page;
    uint64_t all = report->facts.listed;
    if (all == 0) {
        return true;
    }
    bool rich = all <= RICH_CHANGES;
    struct change_walk walk = {.report = report,
                               .list = {.page = page,
                                        .what = "Changes",
                                        .total = lesser(all, MAX_CHANGES),
                                        .part = rich ? RICH_PART : ROW_PART,
                                        .rows = rich ? HTML_BLOCK_COUNT : HTML_change_rows},
                               .rich = rich};
    html_put(page, section, .id = STR("changes"), .title = STR("Every change, before and after"));
    html_put(page, text,
             .text =
                 STR("Before is what the plan saw, after is what holds once the change is done. "
                     "Where one record goes into another, before is the one that goes and after "
                     "the one that stays."));
    bool ok = engine_each_change(report->engine, &report->facts.run, add_change, NULL, &walk, err);
    html_parts_end(&walk.list);
    put_more(page, all, MAX_CHANGES, "the JSON report has them all.");
    html_plain(page, section_end);
    buf_done(&walk.before);
    buf_done(&walk.after);
    buf_done(&walk.about);
    return ok;
}

/* --- findings ------------------------------------------------------------------------------ */

struct finding_walk {
    struct html_parts list;
    enum plan_item item;
};

static bool pass_change(void *ctx UNUSED, const struct plan_header *header UNUSED,
                        const struct plan_change *change UNUSED,
                        const struct change_row *row UNUSED)
{
    return true;
}

static void add_finding(void *ctx, enum plan_item item, const struct plan_finding *finding)
{
    struct finding_walk *walk = ctx;
    if (item != walk->item || walk->list.at == walk->list.total) {
        return;
    }
    struct html_page *page = walk->list.page;
    html_parts_next(&walk->list);
    if (item == PLAN_REVIEW) {
        html_put(page, review_row, .line = html_printf(page, "%" PRIu64, finding->line),
                 .id = finding->id, .reason = finding->reason);
    } else {
        html_put(page, bad_row, .line = html_printf(page, "%" PRIu64, finding->line),
                 .reason = finding->reason);
    }
}

static bool put_findings(struct html_report *report, enum plan_item item, uint64_t all,
                         struct err *err)
{
    struct html_page *page = &report->page;
    struct finding_walk walk = {
        .list = {.page = page,
                 .what = item == PLAN_REVIEW ? "Records" : "Rows",
                 .total = lesser(all, MAX_FINDINGS),
                 .part = ROW_PART,
                 .rows = item == PLAN_REVIEW ? HTML_review_rows : HTML_bad_rows},
        .item = item,
    };
    bool ok = engine_each_change(report->engine, &report->facts.run, pass_change, add_finding,
                                 &walk, err);
    html_parts_end(&walk.list);
    put_more(page, all, MAX_FINDINGS, "the JSON report has them all.");
    return ok;
}

bool html_findings(struct html_report *report, struct err *err)
{
    struct html_page *page = &report->page;
    const struct plan_totals *totals = &report->facts.run.plan;
    if (totals->review != 0) {
        html_put(page, section, .id = STR("review"), .title = STR("Left to people"));
        html_put(page, text,
                 .text = STR("The rules do not decide about these records, or something speaks "
                             "against what they would decide. Nothing was changed."));
        if (!put_findings(report, PLAN_REVIEW, totals->review, err)) {
            return false;
        }
        html_plain(page, section_end);
    }
    if (totals->bad != 0) {
        html_put(page, section, .id = STR("bad-rows"), .title = STR("Rows that could not be used"));
        if (!put_findings(report, PLAN_BAD, totals->bad, err)) {
            return false;
        }
        html_plain(page, section_end);
    }
    return true;
}
