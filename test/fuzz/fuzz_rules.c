/* SPDX-License-Identifier: MIT */
/*
 * Rule files: any bytes load or are refused with a place; what loads can be run on a few contacts
 * and gives stars only.
 */
#include <stdio.h>
#include <stdlib.h>

#include "match/decide.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTACTS = 12 };

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void run(const struct rules *rules)
{
    static const char *const values[] = {
        "a@example.com", "b@example.com", "REVU-1", "user_2", "7", ""};
    AUTO(ids_free) struct ids *ids = ids_new();
    struct rows *rows = rows_new(rules, ids);
    AUTO(contact_reader_free) struct contact_reader *reader = contact_reader_new(rules);
    for (size_t i = 0; i < CONTACTS; i++) {
        str cells[RULES_MAX_COLUMNS];
        for (size_t c = 0; c < rules->column_count; c++) {
            cells[c] = str_of(values[(i * 5 + c * 3 + i / 2) % ARRAY_LEN(values)]);
        }
        char id[16];
        (void)snprintf(id, sizeof(id), "u%zu", i % 10); /* some ids come twice */
        cells[rules->identity] = str_of(id);
        struct contact contact;
        contact_read(reader, cells, &contact);
        (void)rows_add(rows, &contact);
    }
    struct err err = {0};
    const struct decide_options options = {.threads = 1};
    AUTO(decisions_free) struct decisions *d = decide(rules, &rows, 1, &options, &err);
    must(d != NULL && d->count == CONTACTS && decisions_prove(d, &err));
    for (uint32_t row = 0; row < d->count; row++) {
        uint32_t first = decisions_first(d, row);
        AUTO_BUF struct buf text = {0};
        decisions_reason(d, first, &text);
        must(text.len != 0);
        if (decisions_action(d, first) == ACTION_MERGE) {
            uint32_t root = decisions_root(d, first);
            must(root != first && decisions_action(d, root) == ACTION_KEEP);
            decisions_strategy(d, first, &text);
        }
    }
    rows_free(rows);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    AUTO(rules_free)
    struct rules *rules = rules_parse("fuzz.yaml", (str){(const char *)data, size}, -1, &err);
    if (rules == NULL) {
        must(err.kind == ERR_CONFIG && err.message[0] != '\0');
        return 0;
    }
    run(rules);
    return 0;
}
