/* SPDX-License-Identifier: MIT */
#include "job/merge_memory.h"

#include "format/jsonx.h"
#include "job/merge_plan_internal.h"
#include "store/memory.h"

static const str missing_key = {"links-missing", 13};

/* --- links ----------------------------------------------------------------------------------- */

static bool add_link(void *ctx, const struct memory_link *link)
{
    links_add(ctx, link->must ? LINK_MUST : LINK_CANNOT, link->a, link->b);
    return true;
}

struct inheritance {
    struct links *links;
    struct journal *journal;
    int workspace_fd;
    bool reached; /* this pass came to an id that no link had named before */
    bool failed;
    struct err *err;
};

struct verified {
    uint8_t *seqs; /* by seq: 1 */
    uint64_t count;
};

static bool note_verified(void *ctx, uint64_t seq, enum change_state state)
{
    struct verified *verified = ctx;
    if (seq < verified->count) {
        verified->seqs[seq] = state == CHANGE_VERIFIED;
    }
    return true;
}

static void inherit(struct inheritance *all, const struct plan_change *change)
{
    bool loser = links_named(all->links, change->target);
    bool survivor = links_named(all->links, change->survivor);
    if (loser || survivor) {
        links_merged(all->links, change->target, change->survivor);
        all->reached |= loser != survivor;
    }
}

static bool inherit_run(struct inheritance *all, const struct run *run,
                        const struct verified *verified)
{
    AUTO(plan_reader_free)
    struct plan_reader *plan =
        plan_reader_open(all->workspace_fd, run->plan_path, run->plan.hash, all->err);
    enum plan_item item = PLAN_BAD;
    while (plan != NULL && item != PLAN_END) {
        struct plan_change change;
        struct plan_finding finding;
        if (!plan_next(plan, &item, &change, &finding, all->err)) {
            return false;
        }
        if (item == PLAN_CHANGE && verified->seqs[change.seq] != 0) {
            inherit(all, &change);
        }
    }
    return plan != NULL;
}

static bool look_at_run(void *ctx, const struct run *run)
{
    struct inheritance *all = ctx;
    if (run->counts[CHANGE_VERIFIED] == 0 || strcmp(run->job, "merge") != 0) {
        return true;
    }
    struct verified verified = {.count = run->plan.changes};
    verified.seqs = xcalloc(verified.count, 1);
    bool ok = journal_state_each(all->journal, run->id, note_verified, &verified, all->err) &&
              inherit_run(all, run, &verified);
    free(verified.seqs);
    if (!ok) {
        (void)err_wrap(all->err, "could not inherit links through the merges of run %lld",
                       (long long)run->id);
        (void)err_hint(all->err,
                       "Put '%s' back from a copy of the workspace: without it a link might "
                       "be passed over.",
                       run->plan_path);
        all->failed = true;
    }
    return ok;
}

/* Merges that no link reaches are left out: a workspace has millions of them. One that is reached by
 * a later one only, because runs were not applied in the order in which they were planned, is found by
 * the next pass. */
static bool inherit_all(struct inheritance *all)
{
    do {
        all->reached = false;
        if (!journal_run_each(all->journal, look_at_run, all, all->err) || all->failed) {
            return false;
        }
    } while (all->reached);
    return true;
}

struct links *merge_memory_links(struct journal *journal, int workspace_fd, struct err *err)
{
    AUTO(links_free) struct links *links = links_new();
    if (!memory_link_each(journal, add_link, links, err)) {
        return NULL;
    }
    struct inheritance all = {
        .links = links, .journal = journal, .workspace_fd = workspace_fd, .err = err};
    return links_count(links) == 0 || inherit_all(&all) ? STEAL(links) : NULL;
}

/* --- links of contacts that are not there ----------------------------------------------------- */

struct sought {
    uint64_t packed;
    size_t at; /* in the result */
};

static int by_packed(const void *left, const void *right)
{
    const struct sought *a = left;
    const struct sought *b = right;
    return (a->packed > b->packed) - (a->packed < b->packed);
}

static void mark_found(const struct sought *sought, size_t count, uint64_t packed, bool *missing)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sought[middle].packed < packed) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (; low < count && sought[low].packed == packed; low++) {
        missing[sought[low].at] = false;
    }
}

/* Marks the ids of link i in ret[2 * i] and ret[2 * i + 1]; returns how many links have a mark. */
static uint64_t find_missing(const struct links *links, struct merge_plan *plan, bool *ret)
{
    size_t count = links_count(links) * 2;
    AUTO_FREE struct sought *sought = xcalloc(count, sizeof(*sought));
    struct ids_cache cache = {0};
    for (size_t i = 0; i < count; i++) {
        enum link_kind kind;
        str pair[2];
        links_at(links, i / 2, &kind, &pair[0], &pair[1]);
        str living = links_living(links, pair[i % 2]);
        sought[i] = (struct sought){.packed = ids_pack(plan->ids, &cache, living), .at = i};
        ret[i] = true;
    }
    qsort(sought, count, sizeof(*sought), by_packed);
    for (uint32_t row = 0; row < plan->decisions->count; row++) {
        mark_found(sought, count, plan->decisions->id[row], ret);
    }
    uint64_t stale = 0;
    for (size_t i = 0; i < count; i += 2) {
        stale += ret[i] || ret[i + 1];
    }
    return stale;
}

bool merge_memory_note(struct job_run *run, const struct links *links, struct merge_plan *plan,
                       uint64_t *ret_stale, struct err *err)
{
    *ret_stale = 0;
    if (links_count(links) == 0) {
        return true;
    }
    AUTO_FREE bool *missing = xcalloc(links_count(links) * 2, sizeof(*missing));
    *ret_stale = find_missing(links, plan, missing);
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "{\"run\":%lld,\"missing\":[", (long long)run->run);
    for (size_t i = 0; i < links_count(links) * 2; i++) {
        enum link_kind kind;
        str pair[2];
        links_at(links, i / 2, &kind, &pair[0], &pair[1]);
        if (missing[i]) {
            buf_addz(&text, text.ptr[text.len - 1] == '[' ? "" : ",");
            buf_add_json(&text, pair[i % 2]);
        }
    }
    buf_addz(&text, "]}");
    return journal_memory_put(run->journal, missing_key, buf_str(&text), err);
}

struct noted {
    int64_t *ret_run;
    void (*each)(void *ctx, str id);
    void *ctx;
    bool ok;
    struct err *err;
};

static bool read_noted(void *ctx, str key, str value)
{
    struct noted *noted = ctx;
    if (!str_eq(key, missing_key)) {
        return false;
    }
    AUTO(json_decref) json_t *json = jsonx_parse(value, 0, noted->err);
    noted->ok = json != NULL && jsonx_int(json, "run", noted->ret_run);
    const json_t *id;
    JSONX_EACH(id, jsonx_get(json, "missing"))
    {
        noted->each(noted->ctx, jsonx_text(id));
    }
    return false;
}

bool merge_memory_noted(struct journal *journal, int64_t *ret_run, void (*each)(void *ctx, str id),
                        void *ctx, struct err *err)
{
    struct noted noted = {.ret_run = ret_run, .each = each, .ctx = ctx, .ok = true, .err = err};
    *ret_run = 0;
    if (!journal_memory_each(journal, missing_key, read_noted, &noted, err)) {
        return false;
    }
    return noted.ok || err_set(err, ERR_CORRUPT,
                               "could not understand which links were missing in the last plan");
}
