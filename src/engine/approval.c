/* SPDX-License-Identifier: MIT */
#include "engine/approval.h"

#include <ctype.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#include "base/failpoint.h"
#include "base/map.h"
#include "base/num.h"
#include "engine/internal.h"
#include "format/jsonx.h"
#include "store/memory_link.h"

enum { BATCH = 4096 }; /* refusals in one commit */

/* --- what is approved ------------------------------------------------------------------------ */

struct approval {
    struct arena arena;
    struct map ids;        /* in hex */
    struct map strategies; /* by name */
    bool whole;
};

void approval_free(struct approval *approval)
{
    if (approval == NULL) {
        return;
    }
    map_done(&approval->ids);
    map_done(&approval->strategies);
    arena_done(&approval->arena);
    free(approval);
}

bool approval_is_partial(const struct approval *approval)
{
    return !approval->whole && approval->ids.len + approval->strategies.len != 0;
}

static bool covers_path(const struct approval *approval, str path)
{
    str rest = path;
    while (rest.ptr != NULL) {
        str part = str_cut(rest, '+', &rest);
        if (!map_has(&approval->strategies, part)) {
            return false;
        }
    }
    return path.len != 0;
}

bool approval_covers(const struct approval *approval, const struct plan_change *change)
{
    return !approval_is_partial(approval) || map_has(&approval->ids, str_of(change->id)) ||
           map_has(&approval->strategies, change->strategy) ||
           covers_path(approval, change->strategy);
}

static void prefix_of(int64_t run, struct buf *out)
{
    buf_printf(out, "approval/%" PRId64 "/", run);
}

struct loader {
    struct approval *approval;
    size_t prefix_len;
    char plan[SHA256_HEX];
    bool wrong;
};

static bool load_one(void *ctx, str key, str value)
{
    struct loader *loader = ctx;
    struct approval *approval = loader->approval;
    AUTO(json_decref) json_t *json = jsonx_parse(value, 0, NULL);
    str name;
    str what =
        str_cut((str){key.ptr + loader->prefix_len, key.len - loader->prefix_len}, '/', &name);
    name = str_dup(&approval->arena, name);
    loader->wrong = !str_eqz(jsonx_str(json, "plan"), loader->plan);
    if (str_eqz(what, "plan")) {
        approval->whole = true;
    } else if (str_eqz(what, "strategy")) {
        (void)map_put(&approval->strategies, name, approval); /* a set: each key comes once */
    } else {
        (void)map_put(&approval->ids, name, approval);
    }
    return !loader->wrong;
}

struct approval *approval_load(struct journal *journal, const struct run *run, struct err *err)
{
    AUTO(approval_free) struct approval *approval = xnew(struct approval);
    AUTO_BUF struct buf prefix = {0};
    prefix_of(run->id, &prefix);
    struct loader loader = {.approval = approval, .prefix_len = prefix.len};
    num_hex(run->plan.hash, SHA256_BYTES, loader.plan);
    if (!journal_memory_each(journal, buf_str(&prefix), load_one, &loader, err)) {
        return NULL;
    }
    if (loader.wrong) {
        (void)err_set(err, ERR_CORRUPT,
                      "could not use the approvals of run %" PRId64 ": they are of another plan",
                      run->id);
        (void)err_hint(err, "steward.db was changed by something else.");
        return NULL;
    }
    return STEAL(approval);
}

struct counter {
    const struct approval *approval;
    uint64_t count;
};

static bool count_covered(void *ctx, const struct plan_header *header UNUSED,
                          const struct plan_change *change, const struct change_row *row)
{
    struct counter *counter = ctx;
    counter->count += row == NULL && approval_covers(counter->approval, change);
    return true;
}

bool approval_count(struct engine *engine, const struct run *run, const struct approval *approval,
                    uint64_t *ret, struct err *err)
{
    struct counter counter = {.approval = approval, .count = run->counts[CHANGE_PLANNED]};
    if (approval_is_partial(approval)) {
        counter.count = 0;
        if (!engine_each_change(engine, run, count_covered, NULL, &counter, err)) {
            return false;
        }
    }
    *ret = counter.count;
    return true;
}

/* --- which changes are meant ----------------------------------------------------------------- */

struct wanted {
    str prefix;
    uint64_t found; /* changes whose ids begin so */
    enum change_state state;
    char id[CHANGE_ID_HEX];
};

struct chooser {
    const char *verb; /* "approve" */
    struct engine *engine;
    const struct run *run;
    const struct approval_choice *choice;
    struct arena arena;
    struct wanted *wanted; /* id_count of them */
    struct map by_prefix;  /* str -> struct wanted */
    uint64_t lengths;      /* bit n: a prefix of n digits */
    uint64_t by_strategy;  /* changes that the strategy had a part in */
};

static void chooser_done(struct chooser *chooser)
{
    map_done(&chooser->by_prefix);
    arena_done(&chooser->arena);
}

static bool read_prefix(struct chooser *chooser, const char *text, struct wanted *ret,
                        struct err *err)
{
    char *prefix = arena_strdup(&chooser->arena, text);
    size_t len = strlen(prefix);
    bool hex = len >= APPROVAL_PREFIX && len < CHANGE_ID_HEX;
    for (char *c = prefix; hex && *c != '\0'; c++) {
        *c = (char)tolower((unsigned char)*c);
        hex = strchr("0123456789abcdef", *c) != NULL;
    }
    if (!hex) {
        (void)err_set(err, ERR_USAGE, "could not understand the change '%s'", text);
        return err_hint(err, "Give a change's id or its first characters, at least %d.",
                        APPROVAL_PREFIX);
    }
    ret->prefix = (str){prefix, len};
    (void)map_put(&chooser->by_prefix, ret->prefix, ret); /* the same given twice: the last */
    chooser->lengths |= UINT64_C(1) << len;
    return true;
}

static bool strategy_has(str strategy, const char *name)
{
    if (name == NULL) {
        return false;
    }
    bool has = str_eqz(strategy, name);
    while (!has && strategy.ptr != NULL) {
        has = str_eqz(str_cut(strategy, '+', &strategy), name);
    }
    return has;
}

/* Calls for every given prefix that `change`'s id begins with; true where there is one. */
static bool match_ids(struct chooser *chooser, const struct plan_change *change,
                      void (*match)(struct wanted *wanted, const struct plan_change *change,
                                    enum change_state state),
                      enum change_state state)
{
    bool any = false;
    for (uint64_t lengths = chooser->lengths; lengths != 0; lengths &= lengths - 1) {
        str prefix = {change->id, (size_t)__builtin_ctzll(lengths)};
        struct wanted *wanted = map_get(&chooser->by_prefix, prefix);
        if (wanted != NULL && match != NULL) {
            match(wanted, change, state);
        }
        any |= wanted != NULL;
    }
    return any;
}

static void note_match(struct wanted *wanted, const struct plan_change *change,
                       enum change_state state)
{
    wanted->found++;
    wanted->state = state;
    memcpy(wanted->id, change->id, sizeof(wanted->id));
}

static bool look_for(void *ctx, const struct plan_header *header UNUSED,
                     const struct plan_change *change, const struct change_row *row)
{
    struct chooser *chooser = ctx;
    (void)match_ids(chooser, change, note_match, row != NULL ? row->state : CHANGE_PLANNED);
    chooser->by_strategy += strategy_has(change->strategy, chooser->choice->strategy);
    return true;
}

static bool check_wanted(const struct chooser *chooser, const struct wanted *wanted,
                         struct err *err)
{
    int64_t run = chooser->run->id;
    if (wanted->found == 0) {
        (void)err_set(err, ERR_USAGE,
                      "could not %s change '%" STR_FMT "': run %" PRId64
                      " has no change whose id begins so",
                      chooser->verb, STR_ARG(wanted->prefix), run);
    } else if (wanted->found > 1) {
        (void)err_set(err, ERR_USAGE,
                      "could not %s change '%" STR_FMT "': the ids of %" PRIu64 " changes begin so",
                      chooser->verb, STR_ARG(wanted->prefix), wanted->found);
    } else if (wanted->state != CHANGE_PLANNED) {
        (void)err_set(err, ERR_REFUSED, "could not %s change '%.8s': it is %s already",
                      chooser->verb, wanted->id, change_state_name(wanted->state));
        return err_hint(err, "To change one's mind: `steward links forget A B`, then plan anew.");
    } else {
        return true;
    }
    return err_hint(err, "`steward show %" PRId64 " --all` lists them.", run);
}

static bool check_found(const struct chooser *chooser, struct err *err)
{
    const struct approval_choice *choice = chooser->choice;
    for (size_t i = 0; i < choice->id_count; i++) {
        /* of the same prefix given twice only one is in the map */
        if (!check_wanted(chooser, map_get(&chooser->by_prefix, chooser->wanted[i].prefix), err)) {
            return false;
        }
    }
    if (choice->strategy != NULL && chooser->by_strategy == 0) {
        (void)err_set(err, ERR_USAGE,
                      "could not %s by strategy '%s': it had no part in any change of run %" PRId64,
                      chooser->verb, choice->strategy, chooser->run->id);
        return err_hint(err, "`steward show %" PRId64 " --all` says why each is there.",
                        chooser->run->id);
    }
    return true;
}

static bool check_state(const char *verb, const struct run *run, struct err *err)
{
    if (run->state == RUN_PLANNED) {
        return true;
    }
    (void)err_set(err, ERR_REFUSED,
                  "could not %s changes of run %" PRId64 ": it is %s, not planned", verb, run->id,
                  run_state_name(run->state));
    return err_hint(err, "Only a plan that has not begun can be judged; plan anew.");
}

/* Every id is one planned change of the run, and the strategy had a part in some. */
static bool choose(struct chooser *chooser, struct err *err)
{
    const struct approval_choice *choice = chooser->choice;
    if (!check_state(chooser->verb, chooser->run, err)) {
        return false;
    }
    chooser->wanted = arena_array(&chooser->arena, choice->id_count, sizeof(*chooser->wanted));
    for (size_t i = 0; i < choice->id_count; i++) {
        if (!read_prefix(chooser, choice->ids[i], &chooser->wanted[i], err)) {
            return false;
        }
    }
    if (choice->id_count == 0 && choice->strategy == NULL) {
        return true;
    }
    return engine_each_change(chooser->engine, chooser->run, look_for, NULL, chooser, err) &&
           check_found(chooser, err);
}

/* --- who and when ---------------------------------------------------------------------------- */

static void sign(const struct engine *engine, struct approval_outcome *ret)
{
    char host[256] = "";
    char text[1024];
    struct passwd entry;
    struct passwd *user = NULL;
    (void)gethostname(host, sizeof(host) - 1); /* a host without a name signs without one */
    (void)getpwuid_r(geteuid(), &entry, text, sizeof(text), &user); /* none: the number signs */
    if (user != NULL) {
        (void)snprintf(ret->by, sizeof(ret->by), "%.60s@%s", user->pw_name, host);
    } else {
        (void)snprintf(ret->by, sizeof(ret->by), "%lld@%s", (long long)geteuid(), host);
    }
    clock_rfc3339(clock_real_ms(engine->options.clock), ret->at);
}

/* {"by":..,"plan":..,"strategy":..,"changes":[..]}; what was not given is left out. */
static void audit(const struct chooser *chooser, const struct approval_outcome *outcome)
{
    const struct approval_choice *choice = chooser->choice;
    char plan[SHA256_HEX];
    num_hex(chooser->run->plan.hash, SHA256_BYTES, plan);
    AUTO_BUF struct buf detail = {0};
    buf_addz(&detail, "{\"by\":");
    buf_add_json(&detail, str_of(outcome->by));
    buf_printf(&detail, ",\"plan\":\"%s\"", plan);
    if (choice->strategy != NULL) {
        buf_addz(&detail, ",\"strategy\":");
        buf_add_json(&detail, str_of(choice->strategy));
    }
    for (size_t i = 0; i < choice->id_count; i++) {
        const struct wanted *wanted = map_get(&chooser->by_prefix, chooser->wanted[i].prefix);
        buf_printf(&detail, "%s\"%s\"", i == 0 ? ",\"changes\":[" : ",", wanted->id);
    }
    buf_addz(&detail, choice->id_count != 0 ? "]}" : "}");
    journal_audit(chooser->engine->journal, chooser->run->id, chooser->verb, buf_str(&detail));
}

static bool count_left(struct engine *engine, int64_t run_id, struct approval_outcome *ret,
                       struct err *err)
{
    struct arena arena = {0};
    struct run run;
    AUTO(approval_free) struct approval *approval = NULL;
    bool ok = journal_run_get(engine->journal, run_id, &arena, &run, err);
    if (ok) {
        approval = approval_load(engine->journal, &run, err);
        ok = approval != NULL && approval_count(engine, &run, approval, &ret->approved, err);
    }
    if (ok) {
        ret->whole = approval->whole;
        ret->left = run.counts[CHANGE_PLANNED];
    }
    arena_done(&arena);
    return ok;
}

/* --- approving ------------------------------------------------------------------------------- */

static bool keep_approvals(struct chooser *chooser, const struct approval_outcome *outcome,
                           struct err *err)
{
    const struct approval_choice *choice = chooser->choice;
    char plan[SHA256_HEX];
    num_hex(chooser->run->plan.hash, SHA256_BYTES, plan);
    AUTO_BUF struct buf value = {0};
    buf_printf(&value, "{\"plan\":\"%s\",\"by\":", plan);
    buf_add_json(&value, str_of(outcome->by));
    buf_printf(&value, ",\"at\":\"%s\"}", outcome->at);
    struct arena *arena = &chooser->arena;
    struct journal_memo *memos = arena_array(arena, choice->id_count + 1, sizeof(*memos));
    size_t count = 0;
    int64_t run = chooser->run->id;
    for (size_t i = 0; i < choice->id_count; i++) {
        const struct wanted *wanted = map_get(&chooser->by_prefix, chooser->wanted[i].prefix);
        memos[count++].key =
            str_of(arena_printf(arena, "approval/%" PRId64 "/change/%s", run, wanted->id));
    }
    if (choice->strategy != NULL) {
        memos[count++].key =
            str_of(arena_printf(arena, "approval/%" PRId64 "/strategy/%s", run, choice->strategy));
    } else if (count == 0) {
        memos[count++].key = str_of(arena_printf(arena, "approval/%" PRId64 "/plan", run));
    }
    for (size_t i = 0; i < count; i++) {
        memos[i].value = buf_str(&value);
    }
    return journal_memory_put_all(chooser->engine->journal, memos, count, err);
}

bool engine_approve(struct engine *engine, int64_t run_id, const struct approval_choice *choice,
                    struct approval_outcome *ret, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    struct chooser chooser = {.verb = "approve", .engine = engine, .run = &run, .choice = choice};
    bool ok = journal_run_get(engine->journal, run_id, &arena, &run, err) && choose(&chooser, err);
    if (ok) {
        sign(engine, ret);
        audit(&chooser, ret);
        ok = keep_approvals(&chooser, ret, err);
    }
    chooser_done(&chooser);
    arena_done(&arena);
    return ok && count_left(engine, run_id, ret, err);
}

/* --- refusing -------------------------------------------------------------------------------- */

struct refuser {
    struct engine *engine;
    int64_t run;
    struct chooser *chooser;         /* these; NULL: */
    const struct approval *approval; /* those that it does not cover */
    bool remember;
    struct err why;
    struct arena arena; /* of one batch */
    struct transition *moves;
    struct memory_link *links;
    size_t count;
    size_t link_count;
    uint64_t refused;
    struct err err;
    bool failed;
};

/* What is remembered goes first: killed in between, the change is planned still and refused again. */
static bool flush(struct refuser *refuser)
{
    struct journal *journal = refuser->engine->journal;
    if ((refuser->link_count != 0 &&
         !memory_link_put_all(journal, refuser->engine->options.clock, refuser->links,
                              refuser->link_count, &refuser->err)) ||
        (refuser->count != 0 &&
         !journal_move_all(journal, refuser->moves, refuser->count, &refuser->err))) {
        refuser->failed = true;
    }
    refuser->refused += refuser->count;
    refuser->count = refuser->link_count = 0;
    arena_reset(&refuser->arena);
    return !refuser->failed;
}

static void remember(struct refuser *refuser, const struct plan_change *change)
{
    struct arena *arena = &refuser->arena;
    refuser->links[refuser->link_count++] = (struct memory_link){
        .a = str_dup(arena, change->target),
        .b = str_dup(arena, change->survivor),
        .run = refuser->run,
        .change = str_dup(arena, str_of(change->id)),
        .why = STR("refused"),
    };
}

static bool refuse_one(void *ctx, const struct plan_header *header UNUSED,
                       const struct plan_change *change, const struct change_row *row)
{
    struct refuser *refuser = ctx;
    struct chooser *chooser = refuser->chooser;
    bool meant = chooser != NULL ? match_ids(chooser, change, NULL, CHANGE_PLANNED) ||
                                       strategy_has(change->strategy, chooser->choice->strategy)
                                 : !approval_covers(refuser->approval, change);
    if (row != NULL || !meant) {
        return true;
    }
    struct transition *move = &refuser->moves[refuser->count++];
    *move = (struct transition){
        .run = refuser->run, .seq = change->seq, .to = CHANGE_REFUSED, .error = &refuser->why};
    (void)num_parse_hex(str_of(change->id), move->id, sizeof(move->id)); /* the reader wrote it */
    if (refuser->remember && change->survivor.len != 0) {
        remember(refuser, change);
    }
    return refuser->count < BATCH || flush(refuser);
}

static bool refuse_all(struct refuser *refuser, const struct run *run, const char *why,
                       struct err *err)
{
    refuser->run = run->id;
    refuser->moves = xcalloc(BATCH, sizeof(*refuser->moves));
    refuser->links = xcalloc(BATCH, sizeof(*refuser->links));
    (void)err_set(&refuser->why, ERR_REFUSED, "%s", why);
    bool ok = engine_each_change(refuser->engine, run, refuse_one, NULL, refuser, err);
    if (ok && !refuser->failed) {
        (void)flush(refuser); /* it keeps its failure */
    }
    if (refuser->failed) {
        *err = refuser->err;
        ok = err_wrap(err, "could not refuse changes of run %" PRId64, run->id);
    }
    free(refuser->moves);
    free(refuser->links);
    arena_done(&refuser->arena);
    return ok;
}

bool engine_refuse(struct engine *engine, const struct job *job, int64_t run_id,
                   const struct approval_choice *choice, struct approval_outcome *ret,
                   struct err *err)
{
    struct arena arena = {0};
    struct run run;
    struct chooser chooser = {.verb = "refuse", .engine = engine, .run = &run, .choice = choice};
    struct refuser refuser = {
        .engine = engine, .chooser = &chooser, .remember = job->remembers_refusals};
    bool ok = journal_run_get(engine->journal, run_id, &arena, &run, err) && choose(&chooser, err);
    if (ok) {
        sign(engine, ret);
        audit(&chooser, ret);
        ok = refuse_all(&refuser, &run, "refused before the plan was applied", err);
        ret->refused = refuser.refused;
    }
    chooser_done(&chooser);
    arena_done(&arena);
    return ok && count_left(engine, run_id, ret, err);
}

bool approval_settle(struct engine *engine, const struct run *run, struct err *err)
{
    AUTO(approval_free) struct approval *approval = approval_load(engine->journal, run, err);
    if (approval == NULL) {
        return false;
    }
    struct refuser refuser = {.engine = engine, .approval = approval};
    bool ok = !approval_is_partial(approval) ||
              refuse_all(&refuser, run, "not approved when the plan was applied", err);
    (void)FAILPOINT("apply.after_refusals"); /* a place to die */
    return ok;
}
