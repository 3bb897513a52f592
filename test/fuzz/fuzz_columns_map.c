/* SPDX-License-Identifier: MIT */
/*
 * Column maps: any bytes are refused with a place and change nothing, or give each column at most one
 * header of its own.
 */
#include <stdlib.h>

#include "match/columns_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char rule_set[] =
    "name: fuzz\n"
    "version: 1\n"
    "summary: three columns\n"
    "kind: merge-contact\n"
    "columns:\n"
    "  - {name: id, headers: [Key], form: trim, identity: yes, required: "
    "yes}\n"
    "  - {name: email, form: email}\n"
    "  - {name: ref, form: fold}\n"
    "facts:\n"
    "  - {name: left, all: [{column: ref, prefix: l}]}\n"
    "keys:\n"
    "  - {name: mail, columns: [email]}\n"
    "strategies:\n"
    "  - {name: first, key: mail, when: [{exactly: 1, fact: left}], keep: "
    "left}\n";

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    AUTO(rules_free) struct rules *rules = rules_parse("r.yaml", STR(rule_set), -1, &err);
    must(rules != NULL);
    bool ok = columns_map_parse("m.yaml", (str){(const char *)data, size}, rules, &err);
    must(ok || (err.kind == ERR_CONFIG && err.message[0] != '\0'));
    for (size_t i = 0; i < rules->column_count; i++) {
        const char *header = rules->columns[i].mapped;
        must(header == NULL || (ok && str_eq(str_trim_ascii(str_of(header)), str_of(header))));
        for (size_t j = 0; j < i && header != NULL; j++) {
            const char *other = rules->columns[j].mapped;
            must(other == NULL || !str_eq_nocase(str_of(other), str_of(header)));
            must(other != NULL || !str_eq_nocase(str_of(rules->columns[j].name), str_of(header)));
        }
    }
    return 0;
}
