/* SPDX-License-Identifier: MIT */
/*
 * The name that somebody most likely meant: of settings, options and commands.
 */
#ifndef STEWARD_ENGINE_SETTINGS_NEAREST_H
#define STEWARD_ENGINE_SETTINGS_NEAREST_H

#include <stddef.h>

#include "base/str.h"

/* Edits (insert, delete, replace, swap of neighbours; ASCII case ignored) between two names of at
 * most 63 bytes; longer ones are as far apart as can be. */
size_t nearest_distance(str a, str b);

struct nearest {
    str wanted;
    const char *best; /* NULL: nothing is near enough */
    size_t distance;
};

/* `struct nearest n = {.wanted = name};` then one call for each candidate. Near enough is at most a
 * third of the longer name, or where the candidate begins with the wanted name (3 bytes or more). */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
