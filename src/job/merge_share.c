/* SPDX-License-Identifier: MIT */
#include "job/merge_share.h"

#include "base/map.h"
#include "job/merge_walk.h"

struct account {
    uint64_t contacts;
    uint64_t changes;
};

struct measuring {
    const struct rules *rules;
    struct contact_reader *reader;
    struct arena arena;
    struct map accounts;
};

static struct account *account_of(struct measuring *m, str name)
{
    struct account *account = map_get(&m->accounts, name);
    if (account == NULL) {
        account = arena_new(&m->arena, struct account);
        (void)map_put(&m->accounts, str_dup(&m->arena, name), account);
    }
    return account;
}

static bool measure_row(void *ctx, const struct merge_walk_row *row, struct err *err)
{
    (void)err; /* nothing here can fail */
    struct measuring *m = ctx;
    if (row->bad || row->repeat) {
        return true;
    }
    struct contact contact;
    contact_read(m->reader, row->cells, &contact);
    str name = contact_term(m->reader, m->rules->max_share_of);
    if (name.len != 0) {
        struct account *account = account_of(m, name);
        account->contacts++;
        account->changes += row->action == ACTION_MERGE;
    }
    return true;
}

/* Of equal shares that of the larger account: the order of a map says nothing. */
static bool is_larger(const struct account *a, const struct merge_share *b)
{
    uint64_t left = a->changes * (b->contacts != 0 ? b->contacts : 1);
    uint64_t right = b->changes * a->contacts;
    return left != right ? left > right : a->changes != 0 && a->contacts > b->contacts;
}

static void find_largest(const struct map *accounts, struct merge_share *ret)
{
    *ret = (struct merge_share){0};
    for (size_t i = 0; i < accounts->capacity; i++) {
        const struct account *account = accounts->slots[i].value;
        if (accounts->slots[i].used && account->contacts >= MERGE_SHARE_MIN_CONTACTS &&
            is_larger(account, ret)) {
            *ret = (struct merge_share){account->changes, account->contacts};
        }
    }
}

bool merge_share_measure(const struct merge_plan *plan, struct merge_share *ret, struct err *err)
{
    struct measuring m = {.rules = merge_walk_rules(plan)};
    m.reader = contact_reader_new(m.rules);
    bool ok = merge_walk(plan, measure_row, &m, err);
    if (ok) {
        find_largest(&m.accounts, ret);
    }
    contact_reader_free(m.reader);
    map_done(&m.accounts);
    arena_done(&m.arena);
    return ok;
}
