/* SPDX-License-Identifier: MIT */
/*
 * What people decided about pairs of contacts: "never these two" (cannot) and "this one into that
 * one" (must). A plan is made with them; who keeps them is not known here (store/memory_link.h does).
 *
 * A merged contact is gone, but what was decided about it is not: links_merged tells of earlier
 * merges, and what holds for one id of such a class then holds for every id of it.
 *
 *   AUTO(links_free) struct links *links = links_new();
 *   links_add(links, LINK_CANNOT, STR("A"), STR("C"));
 *   links_merged(links, STR("C"), STR("B"));
 *   links_forbid(links, STR("A"), STR("B"));          true: C lives on in B
 *
 * Filled by one thread, in any order; then read by any number of them. Ids are copied.
 */
#ifndef STEWARD_MATCH_LINKS_H
#define STEWARD_MATCH_LINKS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/str.h"

enum link_kind { LINK_CANNOT, LINK_MUST };

struct links;

struct links *links_new(void);
void links_free(struct links *links);
DEFINE_AUTO(struct links, links_free)

/* LINK_MUST: `a`, the loser, goes into `b`, the survivor. */
void links_add(struct links *links, enum link_kind kind, str a, str b);

/* `loser` was merged into `survivor`: one class from here on. */
void links_merged(struct links *links, str loser, str survivor);

/* A cannot-link stands between the classes of the two, or between two ids of the class that both
 * are in. An id and itself: never. */
bool links_forbid(const struct links *links, str a, str b);

/* Does any link concern this id or its class? Cheap. */
bool links_named(const struct links *links, str id);

/* Links in the order in which they were added, `i` below the count; classes do not show here. */
size_t links_count(const struct links *links);
void links_at(const struct links *links, size_t i, enum link_kind *ret_kind, str *ret_a,
              str *ret_b);

/* The id that the class of `id` lives on as: the survivor that was merged into no other. `id`
 * itself where nothing is known of it. */
str links_living(const struct links *links, str id);

#endif
