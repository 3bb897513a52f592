/* SPDX-License-Identifier: MIT */
#include "engine/undo.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"
#include "engine/internal.h"
#include "format/jsonx.h"

/* --- which change undoes which ------------------------------------------------------------- */

void undo_origin_text(int64_t run, uint64_t seq, struct buf *out)
{
    buf_printf(out, "%" PRId64 "/%" PRIu64, run, seq);
}

static bool parse_origin(str text, int64_t *ret_run, uint64_t *ret_seq)
{
    str rest = STR_NONE;
    str number = str_cut(text, '/', &rest);
    int64_t seq = 0;
    if (!num_parse_i64(number, 1, INT64_MAX, ret_run) || rest.ptr == NULL ||
        !num_parse_i64(rest, 0, INT64_MAX, &seq)) {
        return false;
    }
    *ret_seq = (uint64_t)seq;
    return true;
}

bool undo_is_plan(const struct plan_header *header)
{
    return header->column_count != 0 && str_eqz(header->columns[0].name, UNDO_ORIGIN);
}

/* False where the plan is no undo's, or of another run than `origin`. */
static bool origin_of(const struct plan_header *header, const struct plan_change *change,
                      const struct run *origin, uint64_t *ret_seq)
{
    int64_t run;
    return undo_is_plan(header) && parse_origin(change->values[0].after, &run, ret_seq) &&
           run == origin->id && *ret_seq < origin->plan.changes;
}

int64_t undo_of(const struct run *run)
{
    struct err ignored = {0}; /* options that cannot be read name no run */
    int64_t found = 0;
    AUTO(json_decref) json_t *options = jsonx_parse(run->options, 0, &ignored);
    return jsonx_int(options, "undo_of", &found) ? found : 0;
}

/* --- the states of the run that is undone -------------------------------------------------- */

struct origin {
    struct run run;
    struct arena arena; /* of `run` */
    uint8_t *states;    /* enum change_state by seq */
    int64_t *
        settled_by; /* by seq: an undo run that may have done it, and must be settled first; 0: none */
};

static void origin_done(struct origin *origin)
{
    free(origin->states);
    free(origin->settled_by);
    arena_done(&origin->arena);
}

static bool note_state(void *ctx, uint64_t seq, enum change_state state)
{
    struct origin *origin = ctx;
    if (seq < origin->run.plan.changes) {
        origin->states[seq] = (uint8_t)state;
    }
    return true;
}

static bool origin_read(struct engine *engine, int64_t run, struct origin *ret, struct err *err)
{
    *ret = (struct origin){0};
    if (!journal_run_get(engine->journal, run, &ret->arena, &ret->run, err)) {
        return false;
    }
    ret->states = xcalloc(ret->run.plan.changes + 1, sizeof(*ret->states));
    ret->settled_by = xcalloc(ret->run.plan.changes + 1, sizeof(*ret->settled_by));
    return journal_state_each(engine->journal, run, note_state, ret, err);
}

struct undo_runs {
    int64_t of;
    int64_t except;  /* the run that asks */
    int64_t open;    /* one that was begun and not finished */
    int64_t ids[64]; /* finished ones with changes that are not settled */
    size_t count;
};

static bool note_undo_run(void *ctx, const struct run *run)
{
    struct undo_runs *runs = ctx;
    if (run->id == runs->except || undo_of(run) != runs->of) {
        return true;
    }
    if (run->state == RUN_APPLYING || run->state == RUN_PAUSED || run->state == RUN_INTERRUPTED) {
        runs->open = run->id;
    } else if (run->counts[CHANGE_UNKNOWN] != 0 && runs->count < ARRAY_LEN(runs->ids)) {
        runs->ids[runs->count++] = run->id;
    }
    return true;
}

struct unsettled {
    struct origin *origin;
    int64_t run;
};

static bool note_unsettled(void *ctx, const struct plan_header *header,
                           const struct plan_change *change, const struct change_row *row)
{
    const struct unsettled *unsettled = ctx;
    struct origin *origin = unsettled->origin;
    uint64_t seq;
    if (row != NULL && row->state == CHANGE_UNKNOWN &&
        origin_of(header, change, &origin->run, &seq)) {
        origin->settled_by[seq] = unsettled->run;
    }
    return true;
}

/* What earlier undo runs may have done without anybody knowing. */
static bool read_unsettled(struct engine *engine, struct origin *origin,
                           const struct undo_runs *runs, struct err *err)
{
    for (size_t i = 0; i < runs->count; i++) {
        struct arena arena = {0};
        struct run run;
        struct unsettled unsettled = {.origin = origin, .run = runs->ids[i]};
        bool ok = journal_run_get(engine->journal, runs->ids[i], &arena, &run, err) &&
                  engine_each_change(engine, &run, note_unsettled, NULL, &unsettled, err);
        arena_done(&arena);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* The run, its states and what else has a say about it. */
static bool origin_open(struct engine *engine, int64_t run, int64_t except, struct origin *ret,
                        struct undo_runs *ret_runs, struct err *err)
{
    *ret_runs = (struct undo_runs){.of = run, .except = except};
    return origin_read(engine, run, ret, err) &&
           journal_run_each(engine->journal, note_undo_run, ret_runs, err) &&
           read_unsettled(engine, ret, ret_runs, err);
}

static bool may_have_happened(enum change_state state)
{
    return state == CHANGE_VERIFIED || state == CHANGE_UNKNOWN;
}

/* --- planning ------------------------------------------------------------------------------ */

struct chooser {
    struct engine *engine;
    struct origin *origin;
    str only; /* a prefix, lower case; empty: all */
    undo_take_fn take;
    void *take_ctx;
    struct err err;
    bool failed;
    uint64_t named; /* changes whose id begins with `only` */
    uint64_t undoable;
    uint64_t open;           /* sent, and not settled */
    int64_t settle;          /* a run that must be settled first, for the hint; 0: none */
    enum change_state state; /* of the change that was named last */
    char id[CHANGE_ID_HEX];
};

/* Why a change of this run cannot be undone now; NULL: it can. */
static const char *why_not(struct chooser *chooser, uint64_t seq, enum change_state state,
                           char text[80])
{
    const struct origin *origin = chooser->origin;
    int64_t settle = state == CHANGE_SENT ? origin->run.id : origin->settled_by[seq];
    if (settle == 0) {
        return NULL;
    }
    chooser->settle = settle;
    if (state == CHANGE_SENT) {
        (void)snprintf(text, 80, "it was sent and is not settled: resume run %" PRId64, settle);
    } else {
        (void)snprintf(text, 80, "its undo is not settled: resume run %" PRId64, settle);
    }
    return text;
}

static bool choose(void *ctx, const struct plan_header *header UNUSED,
                   const struct plan_change *change, const struct change_row *row)
{
    struct chooser *chooser = ctx;
    enum change_state state = row != NULL ? row->state : CHANGE_PLANNED;
    if (!str_starts(str_of(change->id), chooser->only)) {
        return true;
    }
    chooser->named++;
    chooser->state = state;
    memcpy(chooser->id, change->id, sizeof(chooser->id));
    if (!may_have_happened(state) && state != CHANGE_SENT) {
        return true;
    }
    char text[80];
    const char *why = why_not(chooser, change->seq, state, text);
    chooser->undoable += why == NULL;
    chooser->open += why != NULL;
    chooser->failed =
        chooser->take != NULL && !chooser->take(chooser->take_ctx, change, row, why, &chooser->err);
    return !chooser->failed;
}

static bool choose_all(struct chooser *chooser, struct err *err)
{
    chooser->named = chooser->undoable = chooser->open = 0;
    if (!engine_each_change(chooser->engine, &chooser->origin->run, choose, NULL, chooser, err)) {
        return false;
    }
    if (chooser->failed) {
        *err = chooser->err;
    }
    return !chooser->failed;
}

static bool give_chosen(void *ctx, undo_take_fn take, void *take_ctx, struct err *err)
{
    struct chooser *chooser = ctx;
    chooser->take = take;
    chooser->take_ctx = take_ctx;
    return choose_all(chooser, err);
}

static bool check_only(const struct chooser *chooser, struct err *err)
{
    int64_t run = chooser->origin->run.id;
    if (chooser->only.len == 0) {
        return true;
    }
    if (chooser->named == 0) {
        (void)err_set(err, ERR_USAGE,
                      "could not undo change '%" STR_FMT "': run %" PRId64
                      " has no change whose id begins so",
                      STR_ARG(chooser->only), run);
    } else if (chooser->named > 1) {
        (void)err_set(err, ERR_USAGE,
                      "could not undo change '%" STR_FMT "': the ids of %" PRIu64
                      " changes begin so",
                      STR_ARG(chooser->only), chooser->named);
    } else if (chooser->undoable + chooser->open != 0 || chooser->state == CHANGE_UNDONE) {
        return true;
    } else {
        return err_set(err, ERR_REFUSED,
                       "could not undo change '%.8s': it is %s, nothing of it was applied",
                       chooser->id, change_state_name(chooser->state));
    }
    return err_hint(err, "`steward show %" PRId64 " --all` lists them.", run);
}

/* The changes that can be undone now; where there is none, why. */
static bool check_choice(const struct chooser *chooser, struct err *err)
{
    if (!check_only(chooser, err)) {
        return false;
    }
    if (chooser->undoable == 0 && chooser->open != 0) {
        (void)err_set(err, ERR_REFUSED,
                      "could not undo run %" PRId64 ": what is left of it is not settled",
                      chooser->origin->run.id);
        return err_hint(err, "`steward resume %" PRId64 "` settles it by reading.",
                        chooser->settle);
    }
    return true;
}

static bool check_run(const struct job *job, const struct run *run, struct err *err)
{
    if (job->undo == NULL) {
        (void)err_set(err, ERR_REFUSED, "could not undo run %" PRId64 ": %s cannot be undone",
                      run->id, job->name);
        return undo_of(run) != 0 ? err_hint(err, "Plan and apply the changes anew.") : false;
    }
    if (run->started_at_ms == 0) {
        return err_set(err, ERR_REFUSED,
                       "could not undo run %" PRId64 ": it is %s, nothing of it was applied",
                       run->id, run_state_name(run->state));
    }
    return true;
}

/* Hex digits, at least UNDO_PREFIX, as ids are written. */
static bool check_prefix(str only, struct err *err)
{
    size_t hex = 0;
    while (hex < only.len && strchr("0123456789abcdef", only.ptr[hex]) != NULL) {
        hex++;
    }
    if (only.len == 0 || (hex == only.len && only.len >= UNDO_PREFIX && hex < CHANGE_ID_HEX)) {
        return true;
    }
    (void)err_set(err, ERR_USAGE, "could not understand the change '%" STR_FMT "'", STR_ARG(only));
    return err_hint(err, "Give a change's id or its first characters, at least %d.", UNDO_PREFIX);
}

static bool plan_chosen(struct chooser *chooser, const struct job *job,
                        const struct plan_header *header, int64_t *ret_run,
                        struct plan_summary *ret, struct err *err)
{
    const struct run *run = &chooser->origin->run;
    const struct undo_source source = {
        .run = run->id, .header = header, .each = give_chosen, .ctx = chooser};
    char text[32];
    (void)snprintf(text, sizeof(text), "run %" PRId64, run->id);
    AUTO_BUF struct buf options = {0};
    buf_printf(&options, "{\"undo_of\":%" PRId64 ",\"only\":", run->id);
    if (chooser->only.len != 0) {
        buf_add_json(&options, str_of(chooser->id));
    } else {
        buf_addz(&options, "null");
    }
    buf_addc(&options, '}');
    const struct plan_intent intent = {
        .job = job->undo,
        .job_options = &source,
        .rules = run->rules,
        .source = text,
        .options_json = buf_z(&options),
    };
    return engine_plan(chooser->engine, &intent, ret_run, ret, err);
}

static bool plan_undo(struct chooser *chooser, const struct job *job, int64_t *ret_run,
                      struct plan_summary *ret, struct err *err)
{
    if (!choose_all(chooser, err) || !check_choice(chooser, err)) {
        return false;
    }
    *ret_run = 0;
    if (chooser->undoable == 0) {
        return true;
    }
    AUTO(plan_reader_free)
    struct plan_reader *plan = engine_open_plan(chooser->engine, &chooser->origin->run, err);
    return plan != NULL && plan_chosen(chooser, job, plan_reader_header(plan), ret_run, ret, err);
}

bool engine_plan_undo(struct engine *engine, const struct job *job, const struct run *run, str only,
                      int64_t *ret_run, struct plan_summary *ret, struct err *err)
{
    struct origin origin;
    struct undo_runs runs;
    if (!check_prefix(only, err) || !check_run(job, run, err)) {
        return false;
    }
    bool ok = origin_open(engine, run->id, 0, &origin, &runs, err);
    if (ok && runs.open != 0) {
        ok = err_set(err, ERR_REFUSED,
                     "could not undo run %" PRId64 ": run %" PRId64 " does so and is not finished",
                     run->id, runs.open);
        (void)err_hint(err, "`steward resume %" PRId64 "` goes on with it.", runs.open);
    }
    struct chooser chooser = {.engine = engine, .origin = &origin, .only = only};
    ok = ok && plan_undo(&chooser, job, ret_run, ret, err);
    origin_done(&origin);
    return ok;
}

/* --- applying ------------------------------------------------------------------------------ */

struct undo_walk {
    struct engine *engine;
    int64_t run; /* the undo's */
    struct origin *origin;
    struct err err;
    bool failed;
};

static struct transition move_of(int64_t run, uint64_t seq, const char *id, enum change_state from,
                                 enum change_state to)
{
    struct transition transition = {.run = run, .seq = seq, .from = from, .to = to};
    (void)num_parse_hex(str_of(id), transition.id, CHANGE_ID_BYTES); /* it was made by num_hex */
    return transition;
}

/* Skips what somebody else has undone, or may have, since this plan was made. */
static bool skip_stale(void *ctx, const struct plan_header *header,
                       const struct plan_change *change, const struct change_row *row)
{
    struct undo_walk *walk = ctx;
    const struct origin *origin = walk->origin;
    enum change_state state = row != NULL ? row->state : CHANGE_PLANNED;
    uint64_t seq;
    if (state != CHANGE_PLANNED && (state != CHANGE_BACKED_UP || row->attempts != 0)) {
        return true;
    }
    struct err why = {0};
    if (!origin_of(header, change, &origin->run, &seq)) {
        walk->failed = true;
        (void)err_set(&walk->err, ERR_CORRUPT,
                      "could not go on with run %" PRId64
                      ": change '%s' does not say what it undoes",
                      walk->run, change->id);
        return false;
    }
    if (!may_have_happened((enum change_state)origin->states[seq])) {
        (void)err_set(&why, ERR_REFUSED, "the change that it undoes is %s by now",
                      change_state_name((enum change_state)origin->states[seq]));
    } else if (origin->settled_by[seq] != 0) {
        (void)err_set(&why, ERR_REFUSED,
                      "run %" PRId64 " may have undone it already; resume that run first",
                      origin->settled_by[seq]);
    } else {
        return true;
    }
    struct transition skip = move_of(walk->run, change->seq, change->id, state, CHANGE_SKIPPED);
    skip.error = &why;
    walk->failed = !journal_move(walk->engine->journal, &skip, &walk->err);
    return !walk->failed;
}

/* The undo is verified: so is that its change is undone. */
static bool mark_undone(struct engine *engine, int64_t run, uint64_t seq, struct err *err)
{
    struct change_row row;
    bool found = false;
    if (!journal_change_get(engine->journal, run, seq, &row, &found, err)) {
        return false;
    }
    if (!found || !may_have_happened(row.state)) {
        return true; /* it is, from before a kill */
    }
    struct transition undone = {.run = run,
                                .seq = seq,
                                .from = row.state,
                                .to = CHANGE_UNDONE,
                                .acknowledged = row.acknowledged};
    memcpy(undone.id, row.id, sizeof(undone.id));
    return journal_move(engine->journal, &undone, err);
}

static bool mark_one(void *ctx, const struct plan_header *header, const struct plan_change *change,
                     const struct change_row *row)
{
    struct undo_walk *walk = ctx;
    const struct origin *origin = walk->origin;
    uint64_t seq;
    if (row == NULL || row->state != CHANGE_VERIFIED ||
        !origin_of(header, change, &origin->run, &seq) ||
        !may_have_happened((enum change_state)origin->states[seq])) {
        return true;
    }
    walk->failed = !mark_undone(walk->engine, origin->run.id, seq, &walk->err);
    return !walk->failed;
}

static bool walk_undo(struct engine *engine, int64_t run_id, engine_change_fn each, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    struct origin origin = {0};
    struct undo_runs runs;
    bool ok = journal_run_get(engine->journal, run_id, &arena, &run, err);
    int64_t of = ok ? undo_of(&run) : 0;
    if (ok && of != 0) {
        struct undo_walk walk = {.engine = engine, .run = run_id, .origin = &origin};
        ok = origin_open(engine, of, run_id, &origin, &runs, err) &&
             engine_each_change(engine, &run, each, NULL, &walk, err);
        if (ok && walk.failed) {
            *err = walk.err;
            ok = false;
        }
        origin_done(&origin);
    }
    arena_done(&arena);
    return ok;
}

bool undo_begin(struct engine *engine, int64_t run, struct err *err)
{
    return walk_undo(engine, run, skip_stale, err);
}

void undo_verified(void *ctx, const struct job_change *change)
{
    struct engine *engine = ctx;
    struct err err = {0};
    int64_t run;
    uint64_t seq;
    if (parse_origin(change->plan.values[0].after, &run, &seq) &&
        !mark_undone(engine, run, seq, &err)) {
        /* the end of the run, or of its resumption, tries again */
        log_at(engine->log, LOG_WARN, "could not note what was undone", LOG_ERR(&err));
    }
}

/* Nothing of the run is left that may still be in force. */
static bool end_origin(struct engine *engine, int64_t undo_run, struct err *err)
{
    struct arena arena = {0};
    struct run run;
    bool ok = journal_run_get(engine->journal, undo_run, &arena, &run, err);
    int64_t of = ok ? undo_of(&run) : 0;
    if (ok && of != 0) {
        ok = journal_run_get(engine->journal, of, &arena, &run, err);
        if (ok && run.state == RUN_DONE && run.counts[CHANGE_UNDONE] != 0 &&
            run.counts[CHANGE_VERIFIED] + run.counts[CHANGE_UNKNOWN] == 0) {
            ok = journal_run_move(engine->journal, of, RUN_UNDONE, NULL, err);
        }
    }
    arena_done(&arena);
    return ok;
}

bool undo_end(struct engine *engine, int64_t run, struct err *err)
{
    return walk_undo(engine, run, mark_one, err) && end_origin(engine, run, err);
}
