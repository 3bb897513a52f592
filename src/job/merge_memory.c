/* SPDX-License-Identifier: MIT */
#include "job/merge_memory.h"

#include <inttypes.h>

#include "engine/approval.h"
#include "format/jsonx.h"
#include "job/merge_plan_internal.h"
#include "store/memory_link.h"

static const str missing_key = {"links-missing", 13};

/* --- changes of a run in one state ------------------------------------------------------------ */

struct states {
    uint8_t *by_seq; /* enum change_state; CHANGE_PLANNED is 0 */
    uint64_t count;
};

static bool note_state(void *ctx, uint64_t seq, enum change_state state)
{
    struct states *states = ctx;
    if (seq < states->count) {
        states->by_seq[seq] = (uint8_t)state;
    }
    return true;
}

typedef bool (*change_fn)(void *ctx, const struct plan_change *change, struct err *err);

static bool walk_plan(int workspace_fd, const struct run *run, const struct states *states,
                      enum change_state wanted, change_fn each, void *ctx, struct err *err)
{
    AUTO(plan_reader_free)
    struct plan_reader *plan = plan_reader_open(workspace_fd, run->plan_path, run->plan.hash, err);
    enum plan_item item = PLAN_BAD;
    while (plan != NULL && item != PLAN_END) {
        struct plan_change change;
        struct plan_finding finding;
        if (!plan_next(plan, &item, &change, &finding, err)) {
            return false;
        }
        if (item == PLAN_CHANGE && states->by_seq[change.seq] == wanted &&
            !each(ctx, &change, err)) {
            return false;
        }
    }
    return plan != NULL;
}

static bool each_change(struct journal *journal, int workspace_fd, const struct run *run,
                        enum change_state wanted, change_fn each, void *ctx, struct err *err)
{
    struct states states = {.count = run->plan.changes};
    states.by_seq = xcalloc(states.count, 1);
    bool ok = journal_state_each(journal, run->id, note_state, &states, err) &&
              walk_plan(workspace_fd, run, &states, wanted, each, ctx, err);
    free(states.by_seq);
    return ok;
}

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

static bool inherit(void *ctx, const struct plan_change *change, struct err *err)
{
    struct inheritance *all = ctx;
    (void)err; /* nothing here can fail */
    bool loser = links_named(all->links, change->target);
    bool survivor = links_named(all->links, change->survivor);
    if (loser || survivor) {
        links_merged(all->links, change->target, change->survivor);
        all->reached |= loser != survivor;
    }
    return true;
}

static bool inherit_run(void *ctx, const struct run *run)
{
    struct inheritance *all = ctx;
    if (run->counts[CHANGE_VERIFIED] == 0 || strcmp(run->job, "merge") != 0 ||
        each_change(all->journal, all->workspace_fd, run, CHANGE_VERIFIED, inherit, all,
                    all->err)) {
        return true;
    }
    all->err->kind = ERR_CORRUPT;
    all->err->hint[0] = '\0'; /* "plan again" is no help here */
    (void)err_wrap(all->err, "could not inherit links through the merges of run %" PRId64, run->id);
    (void)err_hint(all->err,
                   "Put '%s' back from a copy of the workspace: without it a link might be "
                   "passed over.",
                   run->plan_path);
    all->failed = true;
    return false;
}

/* Merges that no link reaches are left out: a workspace has millions of them. One that is reached by
 * a later one only, because runs were not applied in the order in which they were planned, is found by
 * the next pass. */
static bool inherit_all(struct inheritance *all)
{
    do {
        all->reached = false;
        if (!journal_run_each(all->journal, inherit_run, all, all->err) || all->failed) {
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

/* --- a plan that was made before ------------------------------------------------------------- */

struct recheck {
    struct links *links;
    const struct run *planned;
    const struct approval *approval;
};

/* One after the other, as if they were carried out: so two losers of one star meet, too. */
static bool check_change(void *ctx, const struct plan_change *change, struct err *err)
{
    struct recheck *recheck = ctx;
    int64_t run = recheck->planned->id;
    if (!approval_covers(recheck->approval, change)) {
        return true;
    }
    if (links_forbid(recheck->links, change->target, change->survivor)) {
        (void)err_set(err, ERR_REFUSED,
                      "could not apply run %" PRId64
                      ": change '%.8s' would make two contacts one that are never to be one, as "
                      "was decided since the plan",
                      run, change->id);
        return err_hint(err,
                        "`steward links list` shows the decision. Plan again, or leave the change "
                        "out: `steward refuse %" PRId64 " %.8s`.",
                        run, change->id);
    }
    if (links_named(recheck->links, change->target) ||
        links_named(recheck->links, change->survivor)) {
        links_merged(recheck->links, change->target, change->survivor);
    }
    return true;
}

bool merge_memory_check(struct job_run *run, const struct run *planned, struct err *err)
{
    AUTO(links_free)
    struct links *links = merge_memory_links(run->journal, run->workspace_fd, err);
    if (links == NULL || links_count(links) == 0) {
        return links != NULL;
    }
    AUTO(approval_free) struct approval *approval = approval_load(run->journal, planned, err);
    struct recheck recheck = {.links = links, .planned = planned, .approval = approval};
    return approval != NULL && each_change(run->journal, run->workspace_fd, planned, CHANGE_PLANNED,
                                           check_change, &recheck, err);
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
