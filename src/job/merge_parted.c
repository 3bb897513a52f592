/* SPDX-License-Identifier: MIT */
/*
 * What undo has parted from a survivor: the contacts that came back out of it, known from the cannot-links
 * that undo leaves in the memory of the workspace. What such a contact has got back is rightly not the
 * survivor's any more, for every other merge into it.
 */
#include "job/merge_internal.h"

#include "store/memory_link.h"

struct loader {
    const struct merge_record *record;
    struct merge_parted *parted;
};

static bool is_survivor(const struct merge_record *record, str id)
{
    return str_eq(id, record->id[MERGE_SURVIVOR]) || str_eq(id, record->display_id[MERGE_SURVIVOR]);
}

static bool load_link(void *ctx, const struct memory_link *link)
{
    const struct loader *loader = ctx;
    if (link->must || !str_eqz(link->why, "undone")) {
        return true;
    }
    bool first = is_survivor(loader->record, link->a);
    if (first || is_survivor(loader->record, link->b)) {
        str id = str_dup(&loader->parted->arena, first ? link->b : link->a);
        (void)map_put(&loader->parted->ids, id, loader->parted);
    }
    return true;
}

bool merge_parted_load(struct merge_worker *worker, const struct merge_record *record,
                       struct merge_parted *ret, struct err *err)
{
    struct loader loader = {.record = record, .parted = ret};
    *ret = (struct merge_parted){0};
    return memory_link_each(worker->run->journal, load_link, &loader, err);
}

void merge_parted_done(struct merge_parted *parted)
{
    map_done(&parted->ids);
    arena_done(&parted->arena);
}

bool merge_parted_has(const struct merge_parted *parted, const json_t *contact)
{
    return map_has(&parted->ids, merge_text(contact, "id")) ||
           map_has(&parted->ids, merge_text(contact, "display_id"));
}

static bool is_with_parted(struct merge_worker *worker, const struct merge_parted *parted,
                           const struct merge_list *list, str id, bool *ret, struct err *err)
{
    AUTO_ANSWER struct devrev_answer answer = {0};
    struct err failure = {0};
    *ret = false;
    if (!devrev_read(worker->devrev, list->get, json_pack("{s:s%}", "id", id.ptr, id.len), &answer,
                     &failure)) {
        if (failure.kind == ERR_NOT_FOUND) {
            return true;
        }
        *err = failure;
        return false;
    }
    const json_t *people =
        json_object_get(json_object_get(answer.json, list->object), list->member);
    for (size_t i = 0; i < json_array_size(people) && !*ret; i++) {
        *ret = merge_parted_has(parted, json_array_get(people, i));
    }
    return true;
}

bool merge_parted_forgive(struct merge_worker *worker, const struct merge_record *record,
                          const struct merge_list *list, const struct merge_item *items,
                          size_t count, struct map *missing, struct err *err)
{
    struct merge_parted parted;
    bool ok = merge_parted_load(worker, record, &parted, err);
    for (size_t i = 0; ok && parted.ids.len != 0 && i < count; i++) {
        bool with = false;
        if (map_has(missing, items[i].id)) {
            ok = is_with_parted(worker, &parted, list, items[i].id, &with, err);
        }
        if (with) {
            (void)map_remove(missing, items[i].id);
        }
    }
    merge_parted_done(&parted);
    return ok;
}
