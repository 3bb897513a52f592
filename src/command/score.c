/* SPDX-License-Identifier: MIT */
#include "command/score.h"

#include <inttypes.h>

enum { SHOWN_ROWS = 20 };

static const char *action_name(enum action action)
{
    switch (action) {
    case ACTION_NONE:
        return "none";
    case ACTION_REVIEW:
        return "review";
    case ACTION_MERGE:
        return "merge";
    case ACTION_KEEP:
        return "keep";
    }
    return "";
}

/* --- for people ------------------------------------------------------------------------------- */

static void add_share(struct buf *out, uint64_t part, uint64_t whole)
{
    if (whole == 0) {
        buf_printf(out, "  %9s", "-");
    } else {
        buf_printf(out, "  %7.1f %%", 100.0 * (double)part / (double)whole);
    }
}

static void print_measure(const char *name, const struct score_measure *m, FILE *out)
{
    AUTO_BUF struct buf line = {0};
    buf_printf(&line, "%-22s  %9" PRIu64 "  %9" PRIu64 "  %9" PRIu64, name, m->decided, m->labelled,
               m->agreed);
    add_share(&line, m->agreed, m->decided);
    add_share(&line, m->agreed, m->labelled);
    (void)fprintf(out, "%s\n", buf_z(&line));
}

static void print_strategies(const struct merge_score *score, bool keep, FILE *out)
{
    for (size_t i = 0; i < score->strategy_count; i++) {
        char name[80];
        const struct score_part *part = &score->strategies[i];
        (void)snprintf(name, sizeof(name), "  %zu %s", i + 1, part->name);
        print_measure(name, keep ? &part->keep : &part->merge, out);
    }
}

static const char *label_text(const struct merge_score *score, enum score_label label)
{
    switch (label) {
    case LABEL_MERGE:
        return score->merge_label;
    case LABEL_KEEP:
        return score->keep_label;
    case LABEL_NONE:
        break;
    }
    return "-";
}

static void print_row(const struct merge_score *score, const struct score_row *row, FILE *out)
{
    (void)fprintf(out, "  line %" PRIu64 "  %s: labelled %s", row->line, row->id,
                  label_text(score, row->label));
    if (row->label_strategy != 0) {
        (void)fprintf(out, " %" PRIu32, row->label_strategy);
    }
    (void)fprintf(out, ", decided %s%s%s: %s\n", action_name(row->action),
                  row->strategy[0] != '\0' ? " " : "", row->strategy, row->reason);
}

void score_table(const struct merge_score *score, FILE *out)
{
    (void)fprintf(out,
                  "\nScore against the labels, over %" PRIu64 " good rows\n\n"
                  "%-22s  %9s  %9s  %9s  %9s  %9s\n",
                  score->good, "", "decided", "labelled", "agreed", "precision", "recall");
    print_measure("merge", &score->merge, out);
    print_strategies(score, false, out);
    print_measure("keep", &score->keep, out);
    print_strategies(score, true, out);
    uint64_t differ = score->other_action + score->other_strategy;
    (void)fprintf(out, "\n%" PRIu64 " %s", differ, differ == 1 ? "row disagrees" : "rows disagree");
    if (score->strategy_count != 0) {
        (void)fprintf(out, ", %" PRIu64 " of them in the strategy only", score->other_strategy);
    }
    (void)fputc('\n', out);
    for (size_t i = 0; i < score->row_count && i < SHOWN_ROWS; i++) {
        print_row(score, &score->rows[i], out);
    }
    if (differ > SHOWN_ROWS) {
        (void)fprintf(out, "  and %" PRIu64 " more; --json gives all of them\n",
                      differ - SHOWN_ROWS);
    }
}

/* --- for programs ----------------------------------------------------------------------------- */

static void add_ratio(struct buf *out, const char *name, uint64_t part, uint64_t whole)
{
    if (whole == 0) {
        buf_printf(out, ",\"%s\":null", name);
    } else {
        buf_printf(out, ",\"%s\":%.6f", name, (double)part / (double)whole);
    }
}

static void add_measure(struct buf *out, const char *name, const struct score_measure *m)
{
    buf_printf(out, "\"%s\":{\"decided\":%" PRIu64 ",\"labelled\":%" PRIu64 ",\"agreed\":%" PRIu64,
               name, m->decided, m->labelled, m->agreed);
    add_ratio(out, "precision", m->agreed, m->decided);
    add_ratio(out, "recall", m->agreed, m->labelled);
    buf_addc(out, '}');
}

static void add_strategies(struct buf *out, const struct merge_score *score)
{
    if (score->strategy_count == 0) {
        buf_addz(out, "null");
        return;
    }
    buf_addc(out, '[');
    for (size_t i = 0; i < score->strategy_count; i++) {
        const struct score_part *part = &score->strategies[i];
        buf_printf(out, "%s\n{\"number\":%zu,\"name\":", i == 0 ? "" : ",", i + 1);
        buf_add_json(out, str_of(part->name));
        buf_addc(out, ',');
        add_measure(out, "merge", &part->merge);
        buf_addc(out, ',');
        add_measure(out, "keep", &part->keep);
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

static void add_row(struct buf *out, const struct score_row *row)
{
    static const char *const labels[] = {"null", "\"merge\"", "\"keep\""};
    buf_printf(out, "{\"line\":%" PRIu64 ",\"id\":", row->line);
    buf_add_json(out, str_of(row->id));
    buf_printf(out, ",\"label\":%s,\"label_strategy\":", labels[row->label]);
    if (row->label_strategy != 0) {
        buf_printf(out, "%" PRIu32, row->label_strategy);
    } else {
        buf_addz(out, "null");
    }
    buf_printf(out, ",\"action\":\"%s\",\"strategy\":", action_name(row->action));
    if (row->strategy[0] != '\0') {
        buf_add_json(out, str_of(row->strategy));
    } else {
        buf_addz(out, "null");
    }
    buf_addz(out, ",\"reason\":");
    buf_add_json(out, str_of(row->reason));
    buf_addc(out, '}');
}

void score_json(const struct merge_score *score, const struct run *run, FILE *out)
{
    uint64_t differ = score->other_action + score->other_strategy;
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "{\"run\":%" PRId64 ",\"rules\":", run->id);
    buf_add_json(&text, str_of(run->rules));
    buf_printf(&text, ",\"rows\":{\"good\":%" PRIu64 ",\"bad\":%" PRIu64 "},\n", score->good,
               score->bad);
    add_measure(&text, "merge", &score->merge);
    buf_addz(&text, ",\n");
    add_measure(&text, "keep", &score->keep);
    buf_addz(&text, ",\n\"strategies\":");
    add_strategies(&text, score);
    buf_printf(&text,
               ",\n\"disagree\":{\"action\":%" PRIu64 ",\"strategy\":%" PRIu64
               ",\"omitted\":%" PRIu64 ",\"rows\":[",
               score->other_action, score->other_strategy, differ - score->row_count);
    for (size_t i = 0; i < score->row_count; i++) {
        buf_addz(&text, i == 0 ? "\n" : ",\n");
        add_row(&text, &score->rows[i]);
        (void)fwrite(text.ptr, 1, text.len, out); /* the command notices a full disk at its end */
        buf_clear(&text);
    }
    buf_addz(&text, "]}}\n");
    (void)fwrite(text.ptr, 1, text.len, out);
}
