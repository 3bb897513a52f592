/* SPDX-License-Identifier: MIT */
#include "engine/approval.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/fakeclock.h"
#include "harness/tap.h"
#include "store/memory_link.h"

/* --- a job that sends nothing anywhere -------------------------------------------------------- */

/* strategy of each change; target l<i>, survivor s<i> */
static bool fake_plan(struct job_run *run, const void *options, const char *path,
                      struct plan_summary *ret, struct err *err)
{
    const char *const *strategies = options;
    const struct plan_header header = {
        .job = STR("fake"), .rules = STR("none"), .kind = STR("fake"), .source = STR("test")};
    AUTO(plan_writer_free)
    struct plan_writer *writer = plan_writer_new(run->workspace_fd, path, &header, err);
    if (writer == NULL) {
        return false;
    }
    for (size_t i = 0; strategies[i] != NULL; i++) {
        char target[32];
        char survivor[32];
        (void)snprintf(target, sizeof(target), "l%zu", i);
        (void)snprintf(survivor, sizeof(survivor), "s%zu", i);
        const struct plan_change change = {.target = str_of(target),
                                           .survivor = str_of(survivor),
                                           .strategy = str_of(strategies[i]),
                                           .reason = STR("test")};
        if (!plan_add_change(writer, &change, err)) {
            return false;
        }
    }
    return plan_writer_finish(writer, &ret->totals, err);
}

static bool opened;

static bool fake_open(struct job_run *run, struct err *err)
{
    (void)run;
    opened = true;
    return err_set(err, ERR_CONFIG, "could not open the fake remote");
}

static const struct job job = {.name = "fake",
                               .remote = "fake",
                               .remembers_refusals = true,
                               .plan = fake_plan,
                               .open = fake_open};
static const struct job forgetful = {.name = "fake", .remote = "fake"};

/* --- a workspace with a plan ------------------------------------------------------------------ */

static struct settings settings;
static struct fakeclock fake;
static struct engine *engine;
static int64_t run_id;

static void plan_by(const char *const *strategies)
{
    struct err err = {0};
    struct plan_summary summary = {0};
    settings = (struct settings){
        .max_changes = 1000000, .max_account_share = 100, .backup_dir = "backups"};
    fakeclock_init(&fake);
    const struct engine_options options = {.workspace = tap_tmpdir(),
                                           .command = "test",
                                           .write = true,
                                           .settings = &settings,
                                           .clock = &fake.clock,
                                           .stderr_level = LOG_OFF};
    engine = engine_open(&options, &err);
    if (!CHECK_OK(engine != NULL, err)) {
        exit(1);
    }
    const struct plan_intent intent = {.job = &job,
                                       .job_options = strategies,
                                       .rules = "none",
                                       .source = "test",
                                       .options_json = "{}"};
    CHECK_OK(engine_plan(engine, &intent, &run_id, &summary, &err), err);
}

static void close_workspace(void)
{
    engine_close(engine);
}

/* "planned planned refused" and the like, with '*' where a change is covered by the approvals */
static bool add_state(void *ctx, const struct plan_header *header, const struct plan_change *change,
                      const struct change_row *row)
{
    (void)header;
    struct {
        struct approval *approval;
        struct buf text;
    } *states = ctx;
    buf_printf(&states->text, "%s%s%s", states->text.len != 0 ? " " : "",
               change_state_name(row != NULL ? row->state : CHANGE_PLANNED),
               row == NULL && approval_covers(states->approval, change) ? "*" : "");
    return true;
}

static void check_states(const char *expected)
{
    struct err err;
    struct arena arena = {0};
    struct run run = {0};
    struct {
        struct approval *approval;
        struct buf text;
    } states = {0};
    CHECK_OK(journal_run_get(engine_journal(engine), run_id, &arena, &run, &err), err);
    states.approval = approval_load(engine_journal(engine), &run, &err);
    CHECK(states.approval != NULL);
    CHECK_OK(engine_each_change(engine, &run, add_state, NULL, &states, &err), err);
    CHECK_STR(buf_z(&states.text), expected);
    uint64_t count = 0;
    uint64_t stars = 0;
    for (const char *c = expected; *c != '\0'; c++) {
        stars += *c == '*';
    }
    CHECK_OK(approval_count(engine, &run, states.approval, &count, &err), err);
    CHECK_INT(count, stars);
    approval_free(states.approval);
    buf_done(&states.text);
    arena_done(&arena);
}

struct ids {
    char id[8][CHANGE_ID_HEX];
    size_t count;
};

static bool add_id(void *ctx, const struct plan_header *header, const struct plan_change *change,
                   const struct change_row *row)
{
    (void)header;
    (void)row;
    struct ids *ids = ctx;
    memcpy(ids->id[ids->count++], change->id, CHANGE_ID_HEX);
    return true;
}

static struct ids ids_of_run(void)
{
    struct err err;
    struct arena arena = {0};
    struct run run = {0};
    struct ids ids = {0};
    CHECK_OK(journal_run_get(engine_journal(engine), run_id, &arena, &run, &err), err);
    CHECK_OK(engine_each_change(engine, &run, add_id, NULL, &ids, &err), err);
    arena_done(&arena);
    return ids;
}

static struct approval_outcome approve(const char *id, const char *strategy)
{
    struct err err;
    struct approval_outcome outcome = {0};
    const struct approval_choice choice = {
        .ids = &id, .id_count = id != NULL ? 1 : 0, .strategy = strategy};
    CHECK_OK(engine_approve(engine, run_id, &choice, &outcome, &err), err);
    return outcome;
}

static struct approval_outcome refuse(const struct job *by, const char *id, const char *strategy)
{
    struct err err;
    struct approval_outcome outcome = {0};
    const struct approval_choice choice = {
        .ids = &id, .id_count = id != NULL ? 1 : 0, .strategy = strategy};
    CHECK_OK(engine_refuse(engine, by, run_id, &choice, &outcome, &err), err);
    return outcome;
}

static bool settle(struct err *err)
{
    struct arena arena = {0};
    struct run run = {0};
    bool ok = journal_run_get(engine_journal(engine), run_id, &arena, &run, err) &&
              approval_settle(engine, &run, err);
    arena_done(&arena);
    return ok;
}

/* --- the tests -------------------------------------------------------------------------------- */

static void without_approvals_all_is_covered(void)
{
    static const char *const strategies[] = {"a", "b", NULL};
    struct err err;
    plan_by(strategies);
    check_states("planned* planned*");
    CHECK_OK(settle(&err), err);
    check_states("planned* planned*");
    close_workspace();
}

static void exactly_what_was_approved_is_left(void)
{
    static const char *const strategies[] = {"a", "b", "c", NULL};
    struct err err;
    plan_by(strategies);
    struct ids ids = ids_of_run();
    struct approval_outcome outcome = approve(ids.id[1], NULL);
    CHECK_INT(outcome.approved, 1);
    CHECK_INT(outcome.left, 3);
    CHECK(!outcome.whole);
    CHECK_STR(outcome.at, "2026-11-24T12:00:00.000Z");
    CHECK(strchr(outcome.by, '@') != NULL);
    check_states("planned planned* planned");
    char prefix[5] = {0};
    memcpy(prefix, ids.id[2], 4);
    CHECK_INT(approve(prefix, NULL).approved, 2);
    check_states("planned planned* planned*");
    CHECK_OK(settle(&err), err);
    check_states("refused planned* planned*");
    CHECK_OK(settle(&err), err); /* again, as after a kill */
    check_states("refused planned* planned*");
    close_workspace();
}

static void a_path_needs_all_of_its_strategies(void)
{
    static const char *const strategies[] = {"a", "a+b", "b", "ab", "c+a+b", NULL};
    plan_by(strategies);
    CHECK_INT(approve(NULL, "a").approved, 1);
    check_states("planned* planned planned planned planned");
    CHECK_INT(approve(NULL, "b").approved, 3);
    check_states("planned* planned* planned* planned planned");
    CHECK_INT(approve(NULL, "c+a+b").approved, 4);
    check_states("planned* planned* planned* planned planned*");
    struct approval_outcome outcome = approve(NULL, NULL);
    CHECK(outcome.whole);
    CHECK_INT(outcome.approved, 5);
    check_states("planned* planned* planned* planned* planned*");
    close_workspace();
}

static bool add_link(void *ctx, const struct memory_link *link)
{
    struct buf *out = ctx;
    buf_printf(out, "%s %" STR_FMT " %" STR_FMT " %" STR_FMT " %lld\n",
               link->must ? "must" : "cannot", STR_ARG(link->a), STR_ARG(link->b),
               STR_ARG(link->why), (long long)link->run);
    return true;
}

static void one_strategy_is_enough_to_refuse_and_it_is_remembered(void)
{
    static const char *const strategies[] = {"a", "a+b", "b", NULL};
    struct err err;
    plan_by(strategies);
    struct ids ids = ids_of_run();
    CHECK_INT(approve(ids.id[0], NULL).approved, 1);
    CHECK_INT(refuse(&job, NULL, "a").refused, 2);
    check_states("refused refused planned");
    CHECK_INT(refuse(&job, NULL, "b").refused, 1); /* the other one is refused already */
    check_states("refused refused refused");
    AUTO_BUF struct buf out = {0};
    CHECK_OK(memory_link_each(engine_journal(engine), add_link, &out, &err), err);
    CHECK_STR(buf_z(&out),
              "cannot l0 s0 refused 1\ncannot l1 s1 refused 1\ncannot l2 s2 refused 1\n");
    close_workspace();
}

static void neither_a_job_without_pairs_nor_apply_remembers(void)
{
    static const char *const strategies[] = {"a", "b", "c", NULL};
    struct err err;
    plan_by(strategies);
    struct ids ids = ids_of_run();
    CHECK_INT(refuse(&forgetful, ids.id[0], NULL).refused, 1);
    CHECK_INT(approve(ids.id[1], NULL).approved, 1);
    CHECK_OK(settle(&err), err);
    check_states("refused planned* refused");
    AUTO_BUF struct buf out = {0};
    CHECK_OK(memory_link_each(engine_journal(engine), add_link, &out, &err), err);
    CHECK_STR(buf_z(&out), "");
    close_workspace();
}

static void what_is_wrong_judges_nothing(void)
{
    static const char *const strategies[] = {"a", "b", NULL};
    struct err err;
    struct approval_outcome outcome;
    plan_by(strategies);
    struct ids ids = ids_of_run();
    const char *pair[] = {ids.id[0], "00000000"};
    struct approval_choice choice = {.ids = pair, .id_count = 2};
    CHECK_ERR(engine_approve(engine, run_id, &choice, &outcome, &err), err, ERR_USAGE,
              "could not approve change '00000000': run 1 has no change whose id begins so");
    CHECK_ERR(engine_refuse(engine, &job, run_id, &choice, &outcome, &err), err, ERR_USAGE,
              "could not refuse change '00000000': run 1 has no change whose id begins so");
    pair[1] = "abc";
    CHECK_ERR(engine_refuse(engine, &job, run_id, &choice, &outcome, &err), err, ERR_USAGE,
              "could not understand the change 'abc'");
    check_states("planned* planned*");
    pair[1] = ids.id[0]; /* named twice is once */
    CHECK_OK(engine_refuse(engine, &job, run_id, &choice, &outcome, &err), err);
    CHECK_INT(outcome.refused, 1);
    check_states("refused planned*");
    close_workspace();
}

/* 4 hex digits are 65,536; among 1,000 changes some share them. */
static void a_beginning_that_several_have_is_refused(void)
{
    enum { MANY = 1000 };
    static const char *strategies[MANY + 1];
    struct err err;
    struct approval_outcome outcome;
    for (int i = 0; i < MANY; i++) {
        strategies[i] = "a";
    }
    plan_by(strategies);
    struct arena arena = {0};
    struct run run = {0};
    CHECK_OK(journal_run_get(engine_journal(engine), run_id, &arena, &run, &err), err);
    static char prefixes[MANY][5];
    static uint8_t seen[65536];
    const char *shared = NULL;
    for (uint64_t i = 0; i < MANY; i++) {
        uint8_t id[CHANGE_ID_BYTES];
        char target[32];
        (void)snprintf(target, sizeof(target), "l%d", (int)i);
        plan_change_id(run.plan.hash, STR("fake"), str_of(target), id);
        (void)snprintf(prefixes[i], sizeof(prefixes[i]), "%02x%02x", id[0], id[1]);
        unsigned at = id[0] * 256u + id[1];
        shared = seen[at]++ == 1 ? prefixes[i] : shared;
    }
    arena_done(&arena);
    if (CHECK(shared != NULL)) {
        char message[128];
        (void)snprintf(message, sizeof(message),
                       "could not approve change '%s': the ids of 2 changes begin so", shared);
        const struct approval_choice choice = {.ids = &shared, .id_count = 1};
        CHECK_ERR(engine_approve(engine, run_id, &choice, &outcome, &err), err, ERR_USAGE, message);
    }
    CHECK_INT(refuse(&job, NULL, "a").refused, MANY);
    close_workspace();
}

/* More than one commit. */
static void thousands_are_refused_in_pieces(void)
{
    enum { MANY = 9001 };
    static const char *strategies[MANY + 1];
    struct err err;
    for (int i = 0; i < MANY; i++) {
        strategies[i] = i % 3 == 0 ? "a" : "b";
    }
    plan_by(strategies);
    CHECK_INT(approve(NULL, "a").approved, 3001);
    CHECK_OK(settle(&err), err);
    struct arena arena = {0};
    struct run run = {0};
    CHECK_OK(journal_run_get(engine_journal(engine), run_id, &arena, &run, &err), err);
    CHECK_INT(run.counts[CHANGE_PLANNED], 3001);
    CHECK_INT(run.counts[CHANGE_REFUSED], 6000);
    arena_done(&arena);
    close_workspace();
}

/* The limit holds what would be applied, and a refusal by a guard leaves the plan as it is. */
static void limits_count_what_is_approved(void)
{
    static const char *const strategies[] = {"a", "b", "b", NULL};
    struct err err;
    plan_by(strategies);
    settings.max_changes = 1;
    opened = false;
    CHECK_ERR(engine_apply(engine, &job, run_id, &err), err, ERR_REFUSED,
              "could not apply run 1: its 3 changes are more than the limit of 1");
    CHECK_INT(approve(NULL, "b").approved, 2);
    CHECK_ERR(engine_apply(engine, &job, run_id, &err), err, ERR_REFUSED,
              "could not apply run 1: its 2 changes are more than the limit of 1");
    CHECK(!opened);
    check_states("planned planned* planned*");
    CHECK_INT(refuse(&job, NULL, "b").refused, 2);
    CHECK_ERR(engine_apply(engine, &job, run_id, &err), err, ERR_CONFIG,
              "could not open the fake remote");
    check_states("planned refused refused");
    close_workspace();
}

TAP_MAIN(TAP_TEST(without_approvals_all_is_covered), TAP_TEST(exactly_what_was_approved_is_left),
         TAP_TEST(a_path_needs_all_of_its_strategies),
         TAP_TEST(one_strategy_is_enough_to_refuse_and_it_is_remembered),
         TAP_TEST(neither_a_job_without_pairs_nor_apply_remembers),
         TAP_TEST(what_is_wrong_judges_nothing), TAP_TEST(a_beginning_that_several_have_is_refused),
         TAP_TEST(thousands_are_refused_in_pieces), TAP_TEST(limits_count_what_is_approved))
