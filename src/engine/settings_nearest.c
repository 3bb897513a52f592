/* SPDX-License-Identifier: MIT */
#include "engine/settings_nearest.h"

enum { MAX_NAME = 63 };

static char fold(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment; three rows are enough to see a swap of neighbours. */
size_t nearest_distance(str a, str b)
{
    if (a.len > MAX_NAME || b.len > MAX_NAME) {
        return SIZE_MAX;
    }
    size_t rows[3][MAX_NAME + 1];
    size_t *before = rows[0];
    size_t *above = rows[1];
    size_t *row = rows[2];
    for (size_t j = 0; j <= b.len; j++) {
        before[j] = 0;
        above[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            char x = fold(a.ptr[i - 1]);
            char y = fold(b.ptr[j - 1]);
            size_t cost = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (x == y ? 0 : 1));
            if (i > 1 && j > 1 && x == fold(b.ptr[j - 2]) && fold(a.ptr[i - 2]) == y) {
                cost = least(cost, before[j - 2] + 1);
            }
            row[j] = cost;
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b.len];
}

static bool begins_with(str name, str start)
{
    if (start.len < 3 || name.len < start.len) {
        return false;
    }
    return str_eq_nocase((str){name.ptr, start.len}, start);
}

void nearest_offer(struct nearest *nearest, const char *candidate)
{
    str name = str_of(candidate);
    size_t distance = nearest_distance(nearest->wanted, name);
    size_t longer = nearest->wanted.len > name.len ? nearest->wanted.len : name.len;
    bool near = distance <= (longer < 3 ? 1 : longer / 3) && distance < longer;
    if (!near && begins_with(name, nearest->wanted)) {
        near = true;
        distance = longer; /* a beginning counts less than a slip of the finger */
    }
    if (near && (nearest->best == NULL || distance < nearest->distance)) {
        nearest->best = candidate;
        nearest->distance = distance;
    }
}
