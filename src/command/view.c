/* SPDX-License-Identifier: MIT */
#include "command/view.h"

#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/num.h"
#include "engine/approval.h"
#include "engine/progress_text.h"
#include "format/jsonx.h"
#include "store/lock.h"

enum { HEARD_OF_MS = 10000, COLUMNS = 80 }; /* a process at work is heard of every two seconds */

/* --- what the process at work told last ------------------------------------------------------- */

struct standing {
    struct progress_facts facts;
    bool known;
    bool working; /* and it still is */
    char owner[256];
};

static bool take_session(void *ctx, str session, str json)
{
    struct standing *standing = ctx;
    struct progress_facts facts;
    struct err err = {0};
    (void)session;
    AUTO(json_decref) json_t *stat = jsonx_parse(json, 0, &err);
    json_t *progress = json_object_get(stat, "progress");
    char *text = progress != NULL ? json_dumps(progress, JSON_COMPACT) : NULL;
    if (text != NULL && progress_parse(str_of(text), &facts) &&
        (!standing->known || facts.at_ms >= standing->facts.at_ms)) {
        standing->facts = facts;
        standing->known = true;
    }
    free(text);
    return true;
}

/* Only of a run that is on its way: how a finished one went is what reports are for. */
static bool read_standing(struct engine *engine, const struct run *run, struct standing *ret,
                          struct err *err)
{
    bool open =
        run->state == RUN_APPLYING || run->state == RUN_PAUSED || run->state == RUN_INTERRUPTED;
    *ret = (struct standing){0};
    if (open && !journal_stat_each(engine_journal(engine), run->id, take_session, ret, err)) {
        return false;
    }
    ret->working =
        ret->known && !ret->facts.ended &&
        clock_real_ms(clock_system()) - ret->facts.at_ms < HEARD_OF_MS &&
        lock_owner(engine_workspace_fd(engine), clock_system(), ret->owner, sizeof(ret->owner));
    return true;
}

/* --- JSON ---------------------------------------------------------------------------------- */

static void add_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text == NULL || text[0] == '\0') {
        buf_addz(out, "null");
    } else {
        buf_add_json(out, str_of(text));
    }
}

static void add_time(struct buf *out, const char *name, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES] = "";
    if (ms != 0) {
        clock_rfc3339(ms, text);
    }
    add_text(out, name, text);
}

/* Without the closing brace. */
static void add_run(struct buf *out, const struct run *run)
{
    char hash[SHA256_HEX] = "";
    if (run->has_plan) {
        num_hex(run->plan.hash, SHA256_BYTES, hash);
    }
    buf_printf(out, "{\"run\":%" PRId64, run->id);
    add_text(out, "job", run->job);
    add_text(out, "rules", run->rules);
    add_text(out, "state", run_state_name(run->state));
    add_text(out, "plan_hash", hash);
    add_time(out, "planned_at", run->planned_at_ms);
    add_time(out, "started_at", run->started_at_ms);
    add_time(out, "finished_at", run->finished_at_ms);
    buf_addz(out, ",\n\"counts\":{");
    for (int i = 0; i < CHANGE_STATE_COUNT; i++) {
        buf_printf(out, "\"%s\":%" PRIu64 ",", change_state_name((enum change_state)i),
                   run->counts[i]);
    }
    buf_printf(out, "\"review\":%" PRIu64 "}", run->plan.review);
}

void view_run_summary_json(const struct run *run, struct buf *out)
{
    add_run(out, run);
    buf_addc(out, '}');
}

static void add_change(struct buf *out, const struct plan_header *header,
                       const struct plan_change *change, const struct change_row *row)
{
    buf_addz(out, "{\"id\":");
    buf_add_json(out, str_of(change->id));
    buf_addz(out, ",\"kind\":");
    buf_add_json(out, header->kind);
    buf_addz(out, ",\"target\":");
    buf_add_json(out, change->target);
    buf_addc(out, ',');
    plan_change_effect(header, change, out);
    add_text(out, "state", change_state_name(row != NULL ? row->state : CHANGE_PLANNED));
    buf_addz(out, ",\"reason\":");
    buf_add_json(out, change->reason);
    add_text(out, "error", row != NULL ? row->error : NULL);
    add_text(out, "backup", row != NULL ? row->backup : NULL);
    buf_addc(out, '}');
}

struct json_writer {
    FILE *out;
    struct buf line;
    uint64_t written;
    uint64_t limit;
    bool document; /* else JSON lines */
};

static bool write_change(void *ctx, const struct plan_header *header,
                         const struct plan_change *change, const struct change_row *row)
{
    struct json_writer *writer = ctx;
    if (writer->written == writer->limit) {
        return false;
    }
    buf_clear(&writer->line);
    if (writer->document) {
        buf_addz(&writer->line, writer->written == 0 ? "\n" : ",\n");
    }
    add_change(&writer->line, header, change, row);
    if (!writer->document) {
        buf_addc(&writer->line, '\n');
    }
    writer->written++;
    return fwrite(writer->line.ptr, 1, writer->line.len, writer->out) == writer->line.len;
}

static bool write_changes(struct engine *engine, const struct run *run, struct json_writer *writer,
                          struct err *err)
{
    bool ok = !run->has_plan || engine_each_change(engine, run, write_change, NULL, writer, err);
    buf_done(&writer->line);
    return ok;
}

bool view_run_json(struct engine *engine, const struct run *run, FILE *out, struct err *err)
{
    AUTO_BUF struct buf head = {0};
    struct standing standing;
    if (!read_standing(engine, run, &standing, err)) {
        return false;
    }
    add_run(&head, run);
    (void)fprintf(out, "%s,\n\"changes\":[", buf_z(&head));
    struct json_writer writer = {.out = out, .limit = VIEW_JSON_CHANGES, .document = true};
    if (!write_changes(engine, run, &writer, err)) {
        return false;
    }
    (void)fputc(']', out);
    if (run->has_plan && run->plan.changes > writer.written) {
        (void)fprintf(out, ",\n\"changes_omitted\":%" PRIu64, run->plan.changes - writer.written);
    }
    if (standing.known) {
        buf_clear(&head);
        progress_json(&standing.facts, &head);
        (void)fprintf(out, ",\n\"working\":%s,\n\"progress\":%s",
                      standing.working ? "true" : "false", buf_z(&head));
    }
    (void)fputs("}\n", out);
    return true;
}

bool view_changes_json(struct engine *engine, const struct run *run, FILE *out, struct err *err)
{
    struct json_writer writer = {.out = out, .limit = UINT64_MAX};
    return write_changes(engine, run, &writer, err);
}

/* --- for people ---------------------------------------------------------------------------- */

/* 0: not a terminal. */
static size_t terminal_columns(FILE *out)
{
    struct winsize size;
    bool known = isatty(fileno(out)) == 1 && ioctl(fileno(out), TIOCGWINSZ, &size) == 0;
    return known ? size.ws_col : 0;
}

bool view_standing(struct engine *engine, const struct run *run, FILE *out, struct err *err)
{
    struct standing standing;
    if (!read_standing(engine, run, &standing, err)) {
        return false;
    }
    if (!standing.known) {
        return true;
    }
    if (standing.working) {
        (void)fprintf(out, "\nA steward works on it: %s\n", standing.owner);
    } else {
        char at[CLOCK_TEXT_BYTES];
        clock_rfc3339(standing.facts.at_ms, at);
        (void)fprintf(out, "\nNo steward works on it; the last one at %s:\n", at);
    }
    AUTO_BUF struct buf block = {0};
    size_t columns = terminal_columns(out);
    progress_block(&standing.facts, columns != 0 ? columns : COLUMNS, &block);
    (void)fputs(buf_z(&block), out);
    return true;
}

static void print_time(FILE *out, const char *name, int64_t ms)
{
    if (ms != 0) {
        char text[CLOCK_TEXT_BYTES];
        clock_rfc3339(ms, text);
        (void)fprintf(out, "  %-12s %s\n", name, text);
    }
}

static void print_counts(const struct run *run, FILE *out)
{
    for (int i = 0; i < CHANGE_STATE_COUNT; i++) {
        if (run->counts[i] != 0) {
            (void)fprintf(out, "  %-12s %" PRIu64 "\n", change_state_name((enum change_state)i),
                          run->counts[i]);
        }
    }
}

void view_run_head(const struct run *run, FILE *out)
{
    (void)fprintf(out, "Run %" PRId64 ": %s by %s, %s\n", run->id, run->job, run->rules,
                  run_state_name(run->state));
    (void)fprintf(out, "  %-12s %s\n", "source", run->source);
    if (run->has_plan) {
        char hash[SHA256_HEX];
        num_hex(run->plan.hash, SHA256_BYTES, hash);
        (void)fprintf(out, "  %-12s %s\n", "plan", hash);
    }
    print_time(out, "planned at", run->planned_at_ms);
    print_time(out, "started at", run->started_at_ms);
    print_time(out, "finished at", run->finished_at_ms);
    if (run->stop_reason[0] != '\0') {
        (void)fprintf(out, "  %-12s %s\n", "stopped", run->stop_reason);
    }
    if (run->has_plan) {
        (void)fprintf(
            out, "\nChanges: %" PRIu64 ", left to people: %" PRIu64 ", bad rows: %" PRIu64 "\n",
            run->plan.changes, run->plan.review, run->plan.bad);
        print_counts(run, out);
    }
}

static const char *next_command(enum run_state state)
{
    switch (state) {
    case RUN_PLANNED:
        return "apply";
    case RUN_APPLYING:
    case RUN_PAUSED:
    case RUN_INTERRUPTED:
        return "resume";
    case RUN_DONE:
        return "verify";
    case RUN_PLANNING:
    case RUN_FAILED:
    case RUN_UNDONE:
    case RUN_STATE_COUNT:
        break;
    }
    return NULL;
}

static void print_next(const struct run *run, FILE *out)
{
    const char *next = next_command(run->state);
    if (next != NULL && run->plan.changes != 0) {
        (void)fprintf(out, "\nNext: steward %s %" PRId64 "\n", next, run->id);
    }
}

void view_outcome(const struct run *run, FILE *out)
{
    (void)fprintf(out, "Run %" PRId64 ": %s\n", run->id, run_state_name(run->state));
    print_counts(run, out);
    print_next(run, out);
}

/* What a job says about a change may hold several lines; each is put below the change's id. */
static void print_described(const struct job *job, const struct settings *settings,
                            const struct plan_header *header, const struct plan_change *change,
                            FILE *out)
{
    AUTO_BUF struct buf text = {0};
    job->describe(header, change, &text);
    if (job->describe_settings != NULL) {
        job->describe_settings(settings, header, change, &text);
    }
    str rest = buf_str(&text);
    while (rest.ptr != NULL && rest.len > 0) {
        str line = str_cut(rest, '\n', &rest);
        (void)fprintf(out, "    %" STR_FMT "\n", STR_ARG(line));
    }
}

static void print_more(const struct run *run, uint64_t more, FILE *out)
{
    if (more != 0) {
        (void)fprintf(out, "  ... and %" PRIu64 " more: steward show %" PRId64 " --all\n", more,
                      run->id);
    }
}

enum part { PART_ALL, PART_NOT_DONE, PART_OTHER };

struct change_printer {
    const struct job *job;
    const struct settings *settings;
    const struct approval *approval;
    FILE *out;
    enum part part;
    uint64_t printed;
    uint64_t limit;
};

static bool needs_a_look(enum change_state state)
{
    return state == CHANGE_FAILED || state == CHANGE_SKIPPED || state == CHANGE_UNKNOWN;
}

static bool print_change(void *ctx, const struct plan_header *header,
                         const struct plan_change *change, const struct change_row *row)
{
    struct change_printer *printer = ctx;
    if (printer->printed == printer->limit) {
        return false;
    }
    bool not_done = row != NULL && needs_a_look(row->state);
    if (printer->part != PART_ALL && not_done != (printer->part == PART_NOT_DONE)) {
        return true;
    }
    printer->printed++;
    bool approved = row == NULL && approval_is_partial(printer->approval) &&
                    approval_covers(printer->approval, change);
    (void)fprintf(printer->out, "  %.8s  %s%s\n", change->id,
                  change_state_name(row != NULL ? row->state : CHANGE_PLANNED),
                  approved ? ", approved" : "");
    print_described(printer->job, printer->settings, header, change, printer->out);
    if (row != NULL && row->error[0] != '\0') {
        (void)fprintf(printer->out, "    %s: %s\n",
                      row->state == CHANGE_VERIFIED ? "but" : "because", row->error);
    }
    return true;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void print_title(FILE *out, const char *what, uint64_t shown, uint64_t all)
{
    if (shown < all) {
        (void)fprintf(out, "\n%s (the first %" PRIu64 " of %" PRIu64 "):\n", what, shown, all);
    } else {
        (void)fprintf(out, "\n%s (%" PRIu64 "):\n", what, all);
    }
}

/* Where not all are printed, what a person has to look at comes first. */
static bool print_in_parts(struct engine *engine, const struct run *run, uint64_t not_done,
                           struct change_printer *printer, struct err *err)
{
    uint64_t limit = printer->limit;
    uint64_t others = run->plan.changes - not_done;
    printer->part = PART_NOT_DONE;
    printer->limit = lesser(not_done, limit);
    print_title(printer->out, "Not done", printer->limit, not_done);
    if (!engine_each_change(engine, run, print_change, NULL, printer, err)) {
        return false;
    }
    printer->part = PART_OTHER;
    printer->limit = limit;
    if (printer->printed < limit && others != 0) {
        print_title(printer->out, "Others", lesser(others, limit - printer->printed), others);
        return engine_each_change(engine, run, print_change, NULL, printer, err);
    }
    return true;
}

bool view_changes(struct engine *engine, const struct job *job, const struct run *run,
                  uint64_t limit, FILE *out, struct err *err)
{
    if (!run->has_plan || run->plan.changes == 0) {
        return true;
    }
    AUTO(approval_free)
    struct approval *approval = approval_load(engine_journal(engine), run, err);
    if (approval == NULL) {
        return false;
    }
    struct change_printer printer = {.job = job,
                                     .settings = engine_settings(engine),
                                     .approval = approval,
                                     .out = out,
                                     .limit = limit};
    uint64_t not_done =
        run->counts[CHANGE_FAILED] + run->counts[CHANGE_SKIPPED] + run->counts[CHANGE_UNKNOWN];
    if (not_done != 0 && run->plan.changes > limit) {
        if (!print_in_parts(engine, run, not_done, &printer, err)) {
            return false;
        }
    } else {
        (void)fputc('\n', out);
        if (!engine_each_change(engine, run, print_change, NULL, &printer, err)) {
            return false;
        }
    }
    print_more(run, run->plan.changes - printer.printed, out);
    return true;
}

/* --- preview ------------------------------------------------------------------------------- */

static void print_totals(const struct job *job, const struct run *run,
                         const struct plan_summary *summary, FILE *out)
{
    const struct {
        const char *name;
        uint64_t rows;
        const char *meaning;
    } lines[] = {
        {"rows", summary->rows, "read from the source"},
        {"bad", summary->bad, "could not be used"},
        {"merge", summary->merge, "go into another record"},
        {"keep", summary->keep, "take others in"},
        {"review", summary->review, "are left to people"},
        {"none", summary->none, "stay as they are"},
    };
    char hash[SHA256_HEX];
    num_hex(run->plan.hash, SHA256_BYTES, hash);
    (void)fprintf(out, "Run %" PRId64 ": %s by %s from %s\nPlan %.16s: %" PRIu64 " change%s\n%s",
                  run->id, run->job, run->rules, run->source, hash, run->plan.changes,
                  run->plan.changes == 1 ? "" : "s", job->limits == NULL ? "\n" : "");
    /* an undo is planned from a run, which has no rows */
    for (size_t i = 0; job->limits == NULL && i < ARRAY_LEN(lines); i++) {
        if (!job->pairs && (i == 2 || i == 3)) {
            continue;
        }
        (void)fprintf(out, "  %-7s %9" PRIu64 "  %s\n", lines[i].name, lines[i].rows,
                      lines[i].meaning);
    }
}

struct previewer {
    const struct job *job;
    const struct settings *settings;
    const struct plan_header *header;
    FILE *out;
    struct buf reviews;
    uint64_t changes_left; /* to be shown */
    uint64_t reviews_left;
};

static void preview_review(struct previewer *previewer, const struct plan_finding *finding)
{
    if (previewer->reviews_left == 0) {
        return;
    }
    previewer->reviews_left--;
    if (finding->line != 0) {
        buf_printf(&previewer->reviews, "  line %" PRIu64, finding->line);
    }
    /* as one line for programs; on a terminal that is too narrow for it as two */
    size_t room = terminal_columns(previewer->out);
    bool long_line = finding->id.len + finding->reason.len + 20 > room && room != 0;
    buf_printf(&previewer->reviews, "  %" STR_FMT ":%s%" STR_FMT "\n", STR_ARG(finding->id),
               long_line ? "\n      " : " ", STR_ARG(finding->reason));
}

static void preview_change(struct previewer *previewer, const struct plan_change *change)
{
    if (previewer->changes_left > 0) {
        previewer->changes_left--;
        (void)fprintf(previewer->out, "  %.8s\n", change->id);
        print_described(previewer->job, previewer->settings, previewer->header, change,
                        previewer->out);
    }
}

/* Only as far into the plan as there is something to show. */
static bool preview_plan(struct previewer *previewer, struct plan_reader *plan, struct err *err)
{
    previewer->header = plan_reader_header(plan);
    while (previewer->changes_left > 0 || previewer->reviews_left > 0) {
        enum plan_item item;
        struct plan_change change;
        struct plan_finding finding;
        if (!plan_next(plan, &item, &change, &finding, err)) {
            return false;
        }
        if (item == PLAN_END) {
            return true;
        }
        if (item == PLAN_CHANGE) {
            preview_change(previewer, &change);
        } else if (item == PLAN_REVIEW) {
            preview_review(previewer, &finding);
        }
    }
    return true;
}

void view_bad_rows(const struct plan_summary *summary, FILE *out)
{
    if (summary->bad == 0) {
        return;
    }
    print_title(out, "Bad rows", summary->first_bad_count, summary->bad);
    for (size_t i = 0; i < summary->first_bad_count; i++) {
        str reason = str_of(summary->first_bad[i].reason);
        /* under this title "bad-row: line 7: ..." says two things twice */
        if (str_starts(reason, STR("bad-row: line "))) {
            reason = (str){reason.ptr + 9, reason.len - 9};
            (void)fprintf(out, "  %" STR_FMT "\n", STR_ARG(reason));
        } else {
            (void)fprintf(out, "  line %" PRIu64 ": %" STR_FMT "\n", summary->first_bad[i].line,
                          STR_ARG(reason));
        }
    }
}

static void print_links(const struct plan_summary *summary, FILE *out)
{
    if (summary->stale_links != 0) {
        (void)fprintf(out,
                      "\nOf %" PRIu64 " remembered links %" PRIu64
                      " %s a record that the source does not have: steward links list\n",
                      summary->links, summary->stale_links,
                      summary->stale_links == 1 ? "names" : "name");
    }
}

/* What an undo cannot do, said before it is done. */
static void print_limits(const struct job *job, FILE *out)
{
    if (job->limits != NULL) {
        (void)fputs("\nWhat does not come back:\n", out);
    }
    for (size_t i = 0; job->limits != NULL && job->limits[i] != NULL; i++) {
        (void)fprintf(out, "  %s\n", job->limits[i]);
    }
}

bool view_preview(struct engine *engine, const struct job *job, const struct run *run,
                  const struct plan_summary *summary, FILE *out, struct err *err)
{
    print_totals(job, run, summary, out);
    const struct plan_totals *totals = &run->plan;
    struct previewer previewer = {.job = job,
                                  .settings = engine_settings(engine),
                                  .out = out,
                                  .changes_left = lesser(totals->changes, VIEW_CHANGES),
                                  .reviews_left = lesser(totals->review, VIEW_REVIEWS)};
    uint64_t changes = previewer.changes_left;
    uint64_t reviews = previewer.reviews_left;
    if (changes > 0) {
        print_title(out, "Changes", changes, totals->changes);
    }
    AUTO(plan_reader_free) struct plan_reader *plan = engine_open_plan(engine, run, err);
    bool ok = plan != NULL && preview_plan(&previewer, plan, err);
    if (ok) {
        print_more(run, totals->changes - changes, out);
        if (reviews > 0) {
            print_title(out, "Left to people", reviews, totals->review);
            (void)fputs(buf_z(&previewer.reviews), out);
        }
        view_bad_rows(summary, out);
        print_limits(job, out);
        if (totals->changes == 0) {
            (void)fputs("\nThere is nothing to change.\n", out);
        }
        print_links(summary, out);
    }
    buf_done(&previewer.reviews);
    return ok;
}
