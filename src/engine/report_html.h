/* SPDX-License-Identifier: MIT */
/* What the files report_html_*.c share: the parts of the page, in the order of the page. */
#ifndef STEWARD_ENGINE_REPORT_HTML_H
#define STEWARD_ENGINE_REPORT_HTML_H

#include "engine/report_facts.h"
#include "engine/report_html_page.h"

struct html_report {
    struct engine *engine;
    struct html_page page;
    struct report_facts facts;
};

/* "verified", for badges, colours and keys. */
str html_state(enum change_state state);

/* --- report_html_charts.c ------------------------------------------------------------------ */

void html_charts(struct html_report *report);

/* --- report_html_lists.c ------------------------------------------------------------------- */

/* A long list in parts that are folded away but for the first. */
struct html_parts {
    struct html_page *page;
    const char *what; /* "Changes" */
    uint64_t total;
    uint64_t part; /* items in a part */
    uint64_t at;
    enum html_block rows; /* the table's head, HTML_BLOCK_COUNT: no table */
};
/* Before each item. */
void html_parts_next(struct html_parts *list);
/* After the last. */
void html_parts_end(struct html_parts *list);

/* Failed, skipped and unknown changes by cause. */
bool html_causes(struct html_report *report, struct err *err) MUST_CHECK;
/* Every change with its values before and after. */
bool html_changes(struct html_report *report, struct err *err) MUST_CHECK;
/* What was left to people, and rows that could not be used. */
bool html_findings(struct html_report *report, struct err *err) MUST_CHECK;

#endif
