/* SPDX-License-Identifier: MIT */
/*
 * What the remote shows of a merge. The proof is the loser's primary_identity; a 404 or a state
 * "deleted" proves nothing, because it does not say into whom. Then the recorded tickets and
 * conversations must be with the survivor and the survivor's own fields untouched.
 */
#include "job/merge_internal.h"

#include <stdio.h>

#include "base/map.h"

enum { SKEW_MARGIN_MS = 2000 };

enum loser_shows {
    SHOWS_MERGED,    /* into the survivor */
    SHOWS_ELSEWHERE, /* into another one */
    SHOWS_ALONE,
    SHOWS_GONE, /* 404, or deleted without a word of whom it went into */
};

/* Takes each difference as a sentence. */
struct differences {
    void (*each)(void *ctx, const char *text);
    void *ctx;
    size_t count;
    bool reference_differs; /* and that is right */
};

static const char *name_of(const struct merge_record *record, struct arena *arena,
                           enum merge_side side)
{
    str name = record->display_id[side].len != 0 ? record->display_id[side] : record->id[side];
    return str_z(arena, name);
}

bool merge_get_contact(struct merge_worker *worker, str id, struct devrev_answer *answer,
                       const json_t **ret, struct err *err)
{
    json_t *request = json_pack("{s:s%}", "id", id.ptr, id.len);
    if (!devrev_read(worker->devrev, "rev-users.get", request, answer, err)) {
        return false;
    }
    *ret = merge_rev_user(answer, err);
    return *ret != NULL;
}

/* --- the loser ----------------------------------------------------------------------------- */

/* Whom a read of the loser says that it is merged into: its primary_identity, or the contact that was
 * given back in its place. Empty: nobody. */
static str merged_into(const json_t *contact, str loser)
{
    str into = merge_primary(contact);
    str id = merge_text(contact, "id");
    return into.len == 0 && !devrev_same_user(id, loser) ? id : into;
}

/* *ret_into: the contact that it is merged into, empty where none. */
static bool look_at_loser(struct merge_worker *worker, const struct merge_record *record,
                          struct arena *arena, enum loser_shows *ret, const char **ret_into,
                          struct err *err)
{
    str loser = record->id[MERGE_LOSER];
    str survivor = record->id[MERGE_SURVIVOR];
    AUTO_ANSWER struct devrev_answer answer = {0};
    const json_t *contact = NULL;
    struct err failure = {0};
    if (merge_get_contact(worker, loser, &answer, &contact, &failure)) {
        str into = merged_into(contact, loser);
        *ret_into = str_z(arena, into);
        *ret = into.len == 0
                   ? (str_eqz(merge_text(contact, "state"), "deleted") ? SHOWS_GONE : SHOWS_ALONE)
               : devrev_same_user(into, survivor) ? SHOWS_MERGED
                                                  : SHOWS_ELSEWHERE;
        return true;
    }
    if (failure.kind == ERR_NOT_FOUND) {
        *ret_into = "";
        *ret = SHOWS_GONE;
        return true;
    }
    *err = failure;
    return false;
}

/* --- jobs of the remote -------------------------------------------------------------------- */

struct job_search {
    str id[MERGE_SIDES];
    int64_t since_ms; /* older jobs are of an earlier attempt */
    int64_t found_ms;
    char state[32]; /* "" none found */
};

/* How a job names its users is not documented: any text in its metadata will do. */
static bool mentions(const json_t *value, str user)
{
    if (json_is_string(value)) {
        return devrev_same_user((str){json_string_value(value), json_string_length(value)}, user);
    }
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        if (mentions(member, user)) {
            return true;
        }
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (mentions(json_array_get(value, i), user)) {
            return true;
        }
    }
    return false;
}

static bool take_jobs(void *ctx, const struct devrev_answer *answer, const json_t *items,
                      bool *done, struct err *err)
{
    struct job_search *search = ctx;
    (void)answer;
    (void)err;
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *job = json_array_get(items, i);
        int64_t created_ms = 0;
        bool dated = clock_parse(merge_text(job, "created_date"), &created_ms);
        if (dated && created_ms < search->since_ms) {
            *done = true; /* newest first: the rest is older still */
            continue;
        }
        const json_t *metadata = json_object_get(job, "metadata_list");
        if (!mentions(metadata, search->id[MERGE_LOSER]) ||
            !mentions(metadata, search->id[MERGE_SURVIVOR])) {
            continue;
        }
        if (search->state[0] == '\0' || created_ms >= search->found_ms) {
            search->found_ms = created_ms;
            (void)snprintf(search->state, sizeof(search->state), "%.*s",
                           STR_ARG(merge_text(job, "state")));
        }
    }
    return true;
}

static bool search_jobs(struct merge_worker *worker, const struct job_change *change,
                        const struct merge_record *record, struct job_search *ret, struct err *err)
{
    *ret = (struct job_search){
        .id = {record->id[MERGE_LOSER], record->id[MERGE_SURVIVOR]},
        .since_ms = change->row.sent_at_ms + devrev_skew_ms(worker->devrev) - SKEW_MARGIN_MS,
    };
    json_t *request =
        json_pack("{s:[s],s:[s]}", "category", "merge_revuser", "sort_by", "created_date:desc");
    return devrev_pages(worker->devrev, "jobs.list", request, "jobs", take_jobs, ret, err);
}

/* --- what must be with the survivor -------------------------------------------------------- */

struct count_search {
    struct map missing; /* ids still to be seen */
};

static bool take_seen(void *ctx, const struct devrev_answer *answer, const json_t *items,
                      bool *done, struct err *err)
{
    struct count_search *search = ctx;
    (void)answer;
    (void)err;
    for (size_t i = 0; i < json_array_size(items); i++) {
        (void)map_remove(&search->missing, merge_text(json_array_get(items, i), "id"));
    }
    *done = search->missing.len == 0;
    return true;
}

static void add_difference(struct differences *differences, const char *text)
{
    differences->count++;
    differences->each(differences->ctx, text);
}

/* The recorded items of either side must be listed for the survivor, or be with a contact that undo has
 * brought back out of it. */
static bool compare_items(struct merge_worker *worker, const struct merge_record *record,
                          const struct merge_list *list, const struct merge_item *items,
                          size_t count, struct differences *differences, struct arena *arena,
                          struct err *err)
{
    struct count_search search = {0};
    size_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        if (((items[i].roles[MERGE_LOSER] | items[i].roles[MERGE_SURVIVOR]) & list->role) != 0) {
            (void)map_put(&search.missing, items[i].id, &search);
            wanted++;
        }
    }
    str survivor = record->id[MERGE_SURVIVOR];
    bool ok =
        wanted == 0 || devrev_pages(worker->devrev, list->call,
                                    json_pack("{s:[s%]}", list->member, survivor.ptr, survivor.len),
                                    list->items, take_seen, &search, err);
    if (ok && search.missing.len != 0) {
        ok = merge_parted_forgive(worker, record, list, items, count, &search.missing, err);
    }
    if (ok && search.missing.len != 0) {
        add_difference(differences, arena_printf(arena, "%zu of %zu %s are not with contact '%s'",
                                                 search.missing.len, wanted, list->what,
                                                 name_of(record, arena, MERGE_SURVIVOR)));
    }
    map_done(&search.missing);
    return ok;
}

/* `done`: the change that is verified; NULL: it is being confirmed. */
static bool compare_survivor(struct merge_worker *worker, const struct merge_record *record,
                             const struct job_change *done, struct differences *differences,
                             struct arena *arena, struct err *err)
{
    AUTO_ANSWER struct devrev_answer answer = {0};
    const json_t *now = NULL;
    struct err failure = {0};
    if (!merge_get_contact(worker, record->id[MERGE_SURVIVOR], &answer, &now, &failure)) {
        if (failure.kind != ERR_NOT_FOUND) {
            *err = failure;
            return false;
        }
        add_difference(differences, arena_printf(arena, "contact '%s' is not there any more",
                                                 name_of(record, arena, MERGE_SURVIVOR)));
        return true;
    }
    AUTO_BUF struct buf fields = {0};
    bool another = merge_reference_may_differ(record, now, done);
    differences->reference_differs = another;
    merge_kept_differences(record->contact[MERGE_SURVIVOR], now, another ? "external_ref" : "",
                           &fields);
    if (fields.len != 0) {
        add_difference(differences,
                       arena_printf(arena, "contact '%s' has not kept %s",
                                    name_of(record, arena, MERGE_SURVIVOR), buf_z(&fields)));
    }
    if (done != NULL && merge_carried_of(&done->row) == CARRIED_OVER &&
        !merge_carries(record, now)) {
        add_difference(differences,
                       arena_printf(arena,
                                    "contact '%s' does not have the external reference of '%s'",
                                    name_of(record, arena, MERGE_SURVIVOR),
                                    name_of(record, arena, MERGE_LOSER)));
    }
    str into = merge_primary(now);
    if (into.len != 0) {
        add_difference(differences,
                       arena_printf(arena, "contact '%s' is itself merged into another",
                                    name_of(record, arena, MERGE_SURVIVOR)));
    }
    return true;
}

static bool compare_all(struct merge_worker *worker, const struct merge_record *record,
                        const struct job_change *done, struct differences *differences,
                        struct arena *arena, struct err *err)
{
    static const struct merge_list tickets = {"works.list", "works",   "reported_by", "works.get",
                                              "work",       "tickets", MERGE_REPORTED};
    static const struct merge_list conversations = {
        "conversations.list", "conversations", "members",   "conversations.get",
        "conversation",       "conversations", MERGE_MEMBER};
    return compare_survivor(worker, record, done, differences, arena, err) &&
           compare_items(worker, record, &tickets, record->works, record->work_count, differences,
                         arena, err) &&
           compare_items(worker, record, &conversations, record->conversations,
                         record->conversation_count, differences, arena, err);
}

/* --- confirm ------------------------------------------------------------------------------- */

static void join(void *ctx, const char *text)
{
    struct buf *out = ctx;
    buf_printf(out, "%s%s", out->len != 0 ? "; " : "", text);
}

static enum confirm_result confirm_merged(struct merge_worker *worker, struct job_change *change,
                                          const struct merge_record *record, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    struct differences differences = {.each = join, .ctx = &text};
    if (!compare_all(worker, record, NULL, &differences, &change->arena, err)) {
        return CONFIRM_UNREADABLE;
    }
    merge_data_of(worker, change)->reference_differs = differences.reference_differs;
    if (differences.count != 0) {
        (void)err_set(err, ERR_VERIFY, "merged, but %s", buf_z(&text));
        return CONFIRM_PENDING;
    }
    merge_record_counts(record, true, change);
    return CONFIRM_DONE;
}

static enum confirm_result judge_job(const char *state, const char *loser, struct err *err)
{
    if (strcmp(state, "failed") == 0) {
        (void)err_set(err, ERR_REMOTE, "the remote's own job for the merge of contact '%s' failed",
                      loser);
        return CONFIRM_REJECTED;
    }
    if (strcmp(state, "completed") == 0) {
        (void)err_set(err, ERR_VERIFY,
                      "the remote's job is completed, but contact '%s' does not show as merged",
                      loser);
    } else {
        (void)err_set(err, ERR_REMOTE, "the remote's job for the merge of contact '%s' is %s",
                      loser, strcmp(state, "in_progress") == 0 ? "in progress" : "queued");
    }
    return CONFIRM_PENDING;
}

static enum confirm_result confirm_open(struct merge_worker *worker, struct job_change *change,
                                        const struct merge_record *record, enum loser_shows shows,
                                        struct err *err)
{
    struct merge_data *data = change->data;
    const char *loser = name_of(record, &change->arena, MERGE_LOSER);
    if (shows == SHOWS_ALONE && change->row.acknowledged && data->looks == 1) {
        return CONFIRM_PENDING; /* just acknowledged: the job list can wait for the second look */
    }
    struct job_search search;
    if (!search_jobs(worker, change, record, &search, err)) {
        return CONFIRM_UNREADABLE;
    }
    if (search.state[0] != '\0') {
        return judge_job(search.state, loser, err);
    }
    if (shows == SHOWS_GONE) {
        (void)err_set(err, ERR_VERIFY,
                      "contact '%s' is gone, but nothing shows into which contact it was merged",
                      loser);
        return CONFIRM_PENDING;
    }
    return CONFIRM_ABSENT;
}

static enum confirm_result confirm(struct merge_worker *worker, struct job_change *change,
                                   struct err *err)
{
    struct merge_data *data = merge_data_of(worker, change);
    const struct merge_record *record = NULL;
    enum loser_shows shows = SHOWS_ALONE;
    const char *into = "";
    devrev_stop_level(worker->devrev, 2); /* a drain still settles what was sent */
    data->looks++;
    if (!merge_record_get(worker, change, &record, err) ||
        !look_at_loser(worker, record, &change->arena, &shows, &into, err)) {
        return CONFIRM_UNREADABLE;
    }
    switch (shows) {
    case SHOWS_MERGED:
        return confirm_merged(worker, change, record, err);
    case SHOWS_ELSEWHERE:
        (void)err_set(err, ERR_VERIFY, "contact '%s' is merged into '%.120s', not into '%s'",
                      name_of(record, &change->arena, MERGE_LOSER), into,
                      name_of(record, &change->arena, MERGE_SURVIVOR));
        return CONFIRM_CONTRADICTED;
    case SHOWS_ALONE:
    case SHOWS_GONE:
        return confirm_open(worker, change, record, shows, err);
    }
    return CONFIRM_UNREADABLE;
}

enum confirm_result merge_confirm(void *ctx, struct job_change *change, struct err *err)
{
    struct merge_worker *worker = ctx;
    struct err failure = {0};
    enum confirm_result result = confirm(worker, change, &failure);
    if (result != CONFIRM_DONE && err_is(&failure)) {
        merge_note_error(worker, change, "confirm", &failure);
        if (err != NULL) {
            *err = failure;
        }
    }
    return result;
}

/* --- verify -------------------------------------------------------------------------------- */

static bool verify_done(struct merge_worker *worker, struct job_change *change,
                        struct differences *differences, struct err *err)
{
    const struct merge_record *record = NULL;
    enum loser_shows shows = SHOWS_ALONE;
    const char *into = "";
    if (!merge_record_get(worker, change, &record, err) ||
        !look_at_loser(worker, record, &change->arena, &shows, &into, err)) {
        return false;
    }
    const char *loser = name_of(record, &change->arena, MERGE_LOSER);
    const char *survivor = name_of(record, &change->arena, MERGE_SURVIVOR);
    switch (shows) {
    case SHOWS_MERGED:
        break;
    case SHOWS_ELSEWHERE:
        add_difference(differences, arena_printf(&change->arena,
                                                 "contact '%s' is merged into '%s', not into '%s'",
                                                 loser, into, survivor));
        break;
    case SHOWS_ALONE:
        add_difference(
            differences,
            arena_printf(&change->arena, "contact '%s' is not merged into '%s'", loser, survivor));
        break;
    case SHOWS_GONE:
        add_difference(differences, arena_printf(&change->arena,
                                                 "contact '%s' is gone, and nothing shows that it "
                                                 "was merged into '%s'",
                                                 loser, survivor));
        break;
    }
    return compare_all(worker, record, change, differences, &change->arena, err);
}

/* The loser of a change that did not happen must not be in its survivor. */
static bool verify_untouched(struct merge_worker *worker, struct job_change *change,
                             struct differences *differences, struct err *err)
{
    if (strstr(change->row.detail, "\"already_merged\":true") != NULL) {
        return true; /* it was so before this run */
    }
    AUTO_ANSWER struct devrev_answer loser_answer = {0};
    AUTO_ANSWER struct devrev_answer survivor_answer = {0};
    const json_t *loser = NULL;
    const json_t *survivor = NULL;
    struct err failure = {0};
    if (!merge_get_contact(worker, change->plan.target, &loser_answer, &loser, &failure)) {
        if (failure.kind == ERR_NOT_FOUND) {
            return true;
        }
        *err = failure;
        return false;
    }
    str into = merge_primary(loser);
    if (into.len == 0) {
        return true;
    }
    /* the plan may name the survivor by its display id: ask who that is */
    if (!merge_get_contact(worker, change->plan.survivor, &survivor_answer, &survivor, &failure)) {
        if (failure.kind == ERR_NOT_FOUND) {
            return true;
        }
        *err = failure;
        return false;
    }
    if (devrev_same_user(into, merge_text(survivor, "id"))) {
        add_difference(
            differences,
            arena_printf(
                &change->arena, "contact '%.*s' is merged into '%.*s' although its change is %s",
                STR_ARG(merge_text(loser, "display_id")),
                STR_ARG(merge_text(survivor, "display_id")), change_state_name(change->row.state)));
    }
    return true;
}

bool merge_verify(void *ctx, struct job_change *change,
                  void (*difference)(void *ctx, const char *text), void *difference_ctx,
                  struct err *err)
{
    struct merge_worker *worker = ctx;
    struct err failure = {0};
    struct differences differences = {.each = difference, .ctx = difference_ctx};
    bool ok = true;
    (void)merge_data_of(worker, change);
    devrev_stop_level(worker->devrev, 1);
    switch (change->row.state) {
    case CHANGE_VERIFIED:
        ok = verify_done(worker, change, &differences, &failure);
        break;
    case CHANGE_PLANNED:
    case CHANGE_BACKED_UP:
    case CHANGE_FAILED:
    case CHANGE_SKIPPED:
    case CHANGE_REFUSED:
        ok = verify_untouched(worker, change, &differences, &failure);
        break;
    case CHANGE_SENT:
    case CHANGE_UNKNOWN:
    case CHANGE_UNDONE:
    case CHANGE_STATE_COUNT:
        break; /* nothing is promised about them */
    }
    if (!ok && err != NULL) {
        *err = failure;
    }
    return ok;
}
