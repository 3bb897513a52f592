/* SPDX-License-Identifier: MIT */
/*
 * The part of a rule file that says where a person's own decisions stand in the input, so that the
 * rules can be measured against them (`steward merge --score`). It decides nothing.
 *
 *   labels: {action: [Action], merge: Merge, keep: Main, strategy: [Strategy]}
 *
 * A cell of the action column that is `merge` or `keep` (trimmed, exactly) is a label, any other is
 * none. The strategy column, which may be left out, holds the number of the strategy: 1 is the first.
 */
#ifndef STEWARD_MATCH_RULES_LABELS_H
#define STEWARD_MATCH_RULES_LABELS_H

#include <cyaml/cyaml.h>

#include "match/rules.h"
#include "match/rules_yaml.h"

struct rule_labels {
    const char *const *action; /* headers, NULL-terminated, at least one */
    str merge;
    str keep;
    const char *const *strategy; /* NULL: none */
};

/* As it is written. */
struct raw_labels {
    const char **action;
    unsigned action_count;
    const char *merge;
    const char *keep;
    const char **strategy;
    unsigned strategy_count;
};

extern const cyaml_schema_field_t rules_labels_fields[];

/* `raw` NULL: there are none. */
bool rules_labels_build(const struct raw_labels *raw, const struct rules_yaml *yaml,
                        struct rules *rules, struct err *err) MUST_CHECK;

#endif
