/* SPDX-License-Identifier: MIT */
/*
 * A forest of classes (union by size, never compressed: readers must not write, and a chain is then
 * at most log2 n long). A root holds the list of all links that end in its class, and the id that
 * the class lives on as.
 */
#include "match/links.h"

#include "base/map.h"

struct node;

/* One end of a link, in the list of a class. */
struct end {
    struct end *next;
    struct node *other;
    enum link_kind kind;
};

struct node {
    str id;
    struct node *parent; /* NULL: a root, and only then is the rest valid */
    struct node *living;
    size_t size; /* ids in the class */
    struct end *first;
    struct end *last;
    size_t ends;
};

struct link {
    enum link_kind kind;
    str a;
    str b;
};

struct links {
    struct arena arena;
    struct map nodes; /* id -> struct node */
    struct link *list;
    size_t len;
    size_t cap;
};

struct links *links_new(void)
{
    return xnew(struct links);
}

void links_free(struct links *links)
{
    if (links == NULL) {
        return;
    }
    free(links->list);
    map_done(&links->nodes);
    arena_done(&links->arena);
    free(links);
}

static struct node *node_of(struct links *links, str id)
{
    struct node *node = map_get(&links->nodes, id);
    if (node == NULL) {
        node = arena_new(&links->arena, struct node);
        node->id = str_dup(&links->arena, id);
        node->size = 1;
        node->living = node;
        (void)map_put(&links->nodes, node->id, node); /* it was not there */
    }
    return node;
}

static struct node *root_of(struct node *node)
{
    while (node->parent != NULL) {
        node = node->parent;
    }
    return node;
}

static void add_end(struct links *links, struct node *node, struct node *other, enum link_kind kind)
{
    struct node *root = root_of(node);
    struct end *end = arena_new(&links->arena, struct end);
    *end = (struct end){.other = other, .kind = kind};
    if (root->last != NULL) {
        root->last->next = end;
    } else {
        root->first = end;
    }
    root->last = end;
    root->ends++;
}

void links_add(struct links *links, enum link_kind kind, str a, str b)
{
    struct node *from = node_of(links, a);
    struct node *to = node_of(links, b);
    if (links->len == links->cap) {
        links->cap = links->cap != 0 ? links->cap * 2 : 16;
        links->list = xrealloc(links->list, links->cap, sizeof(*links->list));
    }
    links->list[links->len++] = (struct link){.kind = kind, .a = from->id, .b = to->id};
    add_end(links, from, to, kind);
    add_end(links, to, from, kind);
}

void links_merged(struct links *links, str loser, str survivor)
{
    struct node *from = root_of(node_of(links, loser));
    struct node *into = root_of(node_of(links, survivor));
    if (from == into) {
        return;
    }
    struct node *living = into->living;
    struct node *big = into->size >= from->size ? into : from;
    struct node *small = big == into ? from : into;
    small->parent = big;
    big->size += small->size;
    big->living = living;
    big->ends += small->ends;
    if (small->first != NULL) {
        if (big->last != NULL) {
            big->last->next = small->first;
        } else {
            big->first = small->first;
        }
        big->last = small->last;
    }
}

/* The class that `id` is in, NULL where nothing is known of it. */
static const struct node *class_of(const struct links *links, str id)
{
    struct node *node = map_get(&links->nodes, id);
    return node != NULL ? root_of(node) : NULL;
}

bool links_forbid(const struct links *links, str a, str b)
{
    const struct node *left = class_of(links, a);
    const struct node *right = left != NULL ? class_of(links, b) : NULL;
    if (right == NULL || str_eq(a, b)) {
        return false;
    }
    if (left->ends > right->ends) {
        const struct node *swap = left;
        left = right;
        right = swap;
    }
    for (const struct end *end = left->first; end != NULL; end = end->next) {
        if (end->kind == LINK_CANNOT && root_of(end->other) == right) {
            return true;
        }
    }
    return false;
}

bool links_named(const struct links *links, str id)
{
    const struct node *node = class_of(links, id);
    return node != NULL && node->first != NULL;
}

size_t links_count(const struct links *links)
{
    return links->len;
}

void links_at(const struct links *links, size_t i, enum link_kind *ret_kind, str *ret_a, str *ret_b)
{
    *ret_kind = links->list[i].kind;
    *ret_a = links->list[i].a;
    *ret_b = links->list[i].b;
}

str links_living(const struct links *links, str id)
{
    const struct node *node = class_of(links, id);
    return node != NULL ? node->living->id : id;
}
