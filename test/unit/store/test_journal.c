/* SPDX-License-Identifier: MIT */
#include "store/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/failpoint.h"
#include "base/fs.h"
#include "base/num.h"
#include "harness/tap.h"
#include "store/audit.h"

static _Atomic int64_t now_ms = 1764000000000;

static int64_t fixed_real_ms(void *ctx UNUSED)
{
    return now_ms;
}

static int64_t fixed_mono_ns(void *ctx UNUSED)
{
    return 0;
}

static bool no_sleep(void *ctx UNUSED, int64_t ns UNUSED, struct stop *stop UNUSED,
                     int level UNUSED)
{
    return true;
}

static const struct clock fixed = {fixed_real_ms, fixed_mono_ns, no_sleep, NULL};

static char path_text[512];

static const char *db_path(void)
{
    (void)snprintf(path_text, sizeof(path_text), "%s/steward.db", tap_tmpdir());
    return path_text;
}

static struct journal *open_journal(enum journal_mode mode)
{
    struct err err;
    struct journal *journal = NULL;
    now_ms = 1764000000000;
    CHECK_OK((journal = journal_open(db_path(), mode, &fixed, &err)) != NULL, err);
    if (journal == NULL) {
        exit(1); /* nothing below could go on */
    }
    return journal;
}

/* A planned run of `changes` changes. */
static int64_t new_run(struct journal *journal, uint64_t changes)
{
    struct err err;
    int64_t id = 0;
    struct run run = {.job = "merge",
                      .rules = "revu-pairs",
                      .source = "contacts.csv",
                      .options = STR("{\"batch\":100}")};
    struct plan_totals totals = {.changes = changes, .review = 2, .bad = 1, .hash = {0xab, 0xcd}};
    CHECK_OK(journal_run_new(journal, &run, &id, &err), err);
    CHECK_OK(journal_run_planned(journal, id, "plans/1.plan", &totals, STR_NONE, &err), err);
    return id;
}

static void id_of(uint64_t seq, uint8_t id[CHANGE_ID_BYTES])
{
    memset(id, 0, CHANGE_ID_BYTES);
    for (int i = 0; i < 8; i++) {
        id[i] = (uint8_t)(seq >> (8 * (7 - i)));
    }
}

static struct transition transition_of(int64_t run, uint64_t seq, enum change_state from,
                                       enum change_state to)
{
    struct transition move = {
        .run = run, .seq = seq, .from = from, .to = to, .count_attempt = to == CHANGE_SENT};
    id_of(seq, move.id);
    return move;
}

static bool move(struct journal *journal, int64_t run, uint64_t seq, enum change_state from,
                 enum change_state to, struct err *err)
{
    struct transition one = transition_of(run, seq, from, to);
    return journal_move(journal, &one, err);
}

static struct run get_run(struct journal *journal, int64_t id)
{
    struct err err;
    static struct arena arena;
    struct run run = {0};
    CHECK_OK(journal_run_get(journal, id, &arena, &run, &err), err);
    run.options = STR_NONE; /* not needed by who asks here */
    arena_done(&arena);
    return run;
}

static int64_t sql(const char *text)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    CHECK_INT(sqlite3_open(db_path(), &db), SQLITE_OK);
    const char *tail = text;
    while (*tail != '\0') {
        CHECK_INT(sqlite3_prepare_v2(db, tail, -1, &stmt, &tail), SQLITE_OK);
        int rc = sqlite3_step(stmt);
        CHECK(rc == SQLITE_ROW || rc == SQLITE_DONE);
        value = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : value;
        CHECK_INT(sqlite3_finalize(stmt), SQLITE_OK);
    }
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
    return value;
}

/* --- runs ------------------------------------------------------------------------------------- */

static void run_lives_from_planning_to_undone(void)
{
    struct err err;
    struct arena arena = {0};
    struct run run;
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    struct run fresh = {.job = "merge",
                        .rules = "revu-pairs",
                        .source = "contacts.csv",
                        .options = STR("{\"batch\":100}")};
    int64_t id = 0;
    CHECK_OK(journal_run_new(journal, &fresh, &id, &err), err);
    CHECK_INT(id, 1);
    CHECK_OK(journal_run_get(journal, 1, &arena, &run, &err), err);
    CHECK_INT(run.id, 1);
    CHECK_INT(run.state, RUN_PLANNING);
    CHECK_STR(run.job, "merge");
    CHECK_STR(run.rules, "revu-pairs");
    CHECK_STR(run.source, "contacts.csv");
    CHECK_TEXT(run.options, "{\"batch\":100}");
    CHECK(!run.has_plan);
    CHECK_STR(run.plan_path, "");
    CHECK_STR(run.stop_reason, "");
    CHECK_INT(run.planned_at_ms, 0);

    now_ms = 2000;
    struct plan_totals totals = {.changes = 7, .review = 2, .bad = 1, .hash = {0xab, 0xcd}};
    CHECK_OK(journal_run_planned(journal, 1, "plans/1.plan", &totals, STR_NONE, &err), err);
    run = get_run(journal, 1);
    CHECK_INT(run.state, RUN_PLANNED);
    CHECK(run.has_plan);
    CHECK_STR(run.plan_path, "plans/1.plan");
    CHECK_INT(run.plan.changes, 7);
    CHECK_INT(run.plan.review, 2);
    CHECK_INT(run.plan.bad, 1);
    CHECK(memcmp(run.plan.hash, totals.hash, SHA256_BYTES) == 0);
    CHECK_INT(run.planned_at_ms, 2000);
    CHECK_INT(run.started_at_ms, 0);
    CHECK_INT(run.counts[CHANGE_PLANNED], 7);

    now_ms = 3000;
    CHECK_OK(journal_run_move(journal, 1, RUN_APPLYING, NULL, &err), err);
    now_ms = 4000;
    CHECK_OK(journal_run_move(journal, 1, RUN_PAUSED, "the token has expired", &err), err);
    run = get_run(journal, 1);
    CHECK_INT(run.state, RUN_PAUSED);
    CHECK_STR(run.stop_reason, "the token has expired");
    CHECK_INT(run.finished_at_ms, 0);
    now_ms = 5000;
    CHECK_OK(journal_run_move(journal, 1, RUN_APPLYING, NULL, &err), err);
    now_ms = 6000;
    CHECK_OK(journal_run_move(journal, 1, RUN_DONE, NULL, &err), err);
    run = get_run(journal, 1);
    CHECK_STR(run.stop_reason, "");
    CHECK_INT(run.started_at_ms, 3000);
    CHECK_INT(run.finished_at_ms, 6000);
    CHECK_OK(journal_run_move(journal, 1, RUN_APPLYING, NULL, &err), err);
    CHECK_INT(get_run(journal, 1).finished_at_ms, 0);
    CHECK_OK(journal_run_move(journal, 1, RUN_DONE, NULL, &err), err);
    CHECK_OK(journal_run_move(journal, 1, RUN_UNDONE, NULL, &err), err);
    CHECK_INT(get_run(journal, 1).state, RUN_UNDONE);
    arena_done(&arena);
}

static void refused_run_moves_say_why(void)
{
    struct err err;
    struct run run = {.job = "merge", .options = STR("{}")};
    struct arena arena = {0};
    struct plan_totals totals = {.changes = 1};
    char long_path[80];
    int64_t id = 0;
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    CHECK_ERR(journal_run_last(journal, &id, &err), err, ERR_NOT_FOUND,
              "could not find the last run: there is none yet");
    CHECK_STR(err.hint, "Plan one first, for instance with `steward merge --csv FILE`.");
    CHECK_OK(journal_run_new(journal, &run, &id, &err), err);
    CHECK_ERR(journal_run_get(journal, 9, &arena, &run, &err), err, ERR_NOT_FOUND,
              "could not find run 9 in the journal");
    CHECK_STR(err.hint, "`steward runs` lists the runs of this workspace.");
    CHECK_ERR(journal_run_move(journal, 9, RUN_DONE, NULL, &err), err, ERR_NOT_FOUND,
              "could not find run 9 in the journal");
    CHECK_ERR(journal_run_move(journal, 1, RUN_DONE, NULL, &err), err, ERR_INTERNAL,
              "could not move run 1 from planning to done: not an allowed move");
    CHECK(!err.fatal);
    CHECK_ERR(journal_run_move(journal, 1, RUN_PLANNED, NULL, &err), err, ERR_INTERNAL,
              "could not move run 1 from planning to planned: not an allowed move");
    CHECK_ERR(move(journal, 1, 0, CHANGE_PLANNED, CHANGE_REFUSED, &err), err, ERR_INTERNAL,
              "could not move a change of run 1: it has no plan");
    memset(long_path, 'x', sizeof(long_path));
    long_path[64] = '\0';
    CHECK_ERR(journal_run_planned(journal, 1, long_path, &totals, STR_NONE, &err), err,
              ERR_INTERNAL, "could not record the plan of run 1: its path is too long");
    CHECK_OK(journal_run_planned(journal, 1, long_path + 1, &totals, STR_NONE, &err), err);
    CHECK_ERR(journal_run_planned(journal, 1, "p", &totals, STR_NONE, &err), err, ERR_INTERNAL,
              "could not move run 1 from planned to planned: not an allowed move");
    CHECK_OK(move(journal, 1, 0, CHANGE_PLANNED, CHANGE_REFUSED, &err), err);
    CHECK_OK(journal_run_last(journal, &id, &err), err);
    CHECK_INT(id, 1);
}

static bool collect_run(void *ctx, const struct run *run)
{
    struct buf *out = ctx;
    buf_printf(out, "%lld %s %s %llu %llu\n", (long long)run->id, run_state_name(run->state),
               run->job, (unsigned long long)run->counts[CHANGE_PLANNED],
               (unsigned long long)run->counts[CHANGE_REFUSED]);
    return run->id < 2;
}

static void runs_are_listed_oldest_first(void)
{
    struct err err;
    AUTO_BUF struct buf out = {0};
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    for (uint64_t i = 1; i <= 3; i++) {
        CHECK_INT(new_run(journal, i * 10), i);
    }
    CHECK_OK(move(journal, 2, 4, CHANGE_PLANNED, CHANGE_REFUSED, &err), err);
    CHECK_OK(journal_run_each(journal, collect_run, &out, &err), err);
    CHECK_STR(buf_z(&out), "1 planned merge 10 0\n2 planned merge 19 1\n");
}

/* --- changes ---------------------------------------------------------------------------------- */

static void allowed_moves_are_those_of_the_contract(void)
{
    static const char *const changes = "planned>backed_up planned>failed planned>skipped "
                                       "planned>refused backed_up>backed_up backed_up>sent "
                                       "backed_up>failed backed_up>skipped sent>backed_up "
                                       "sent>verified sent>failed sent>unknown verified>undone "
                                       "unknown>verified unknown>failed unknown>undone ";
    static const char *const runs = "planning>planned planning>failed planned>applying "
                                    "applying>paused applying>interrupted applying>done "
                                    "applying>failed paused>applying interrupted>applying "
                                    "done>applying done>undone ";
    AUTO_BUF struct buf text = {0};
    for (int from = 0; from < CHANGE_STATE_COUNT; from++) {
        for (int to = 0; to < CHANGE_STATE_COUNT; to++) {
            if (change_move_allowed((enum change_state)from, (enum change_state)to)) {
                buf_printf(&text, "%s>%s ", change_state_name((enum change_state)from),
                           change_state_name((enum change_state)to));
            }
        }
    }
    CHECK_STR(buf_z(&text), changes);
    buf_clear(&text);
    for (int from = 0; from < RUN_STATE_COUNT; from++) {
        for (int to = 0; to < RUN_STATE_COUNT; to++) {
            if (run_move_allowed((enum run_state)from, (enum run_state)to)) {
                buf_printf(&text, "%s>%s ", run_state_name((enum run_state)from),
                           run_state_name((enum run_state)to));
            }
        }
    }
    CHECK_STR(buf_z(&text), runs);
    CHECK(!change_move_allowed(CHANGE_STATE_COUNT, CHANGE_PLANNED));
    CHECK(!run_move_allowed(RUN_PLANNING, RUN_STATE_COUNT));
    enum change_state state = CHANGE_SENT;
    CHECK(change_state_parse(STR("undone"), &state) && state == CHANGE_UNDONE);
    CHECK(!change_state_parse(STR("undon"), &state) && state == CHANGE_UNDONE);
    CHECK_STR(change_state_name(CHANGE_STATE_COUNT), "unknown-state");
    CHECK_STR(run_state_name(RUN_STATE_COUNT), "unknown-state");
}

static void a_change_keeps_what_it_is_not_given(void)
{
    struct err err;
    struct change_row row = {0};
    bool found = true;
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 10);
    CHECK_OK(journal_change_get(journal, run, 3, &row, &found, &err), err);
    CHECK(!found);

    now_ms = 10;
    struct transition one = transition_of(run, 3, CHANGE_PLANNED, CHANGE_BACKED_UP);
    one.backup = "backups/x_20261124_000000";
    one.detail = "{\"tickets\":5}";
    CHECK_OK(journal_move(journal, &one, &err), err);
    now_ms = 20;
    CHECK_OK(move(journal, run, 3, CHANGE_BACKED_UP, CHANGE_SENT, &err), err);
    now_ms = 30;
    CHECK_OK(journal_acknowledge(journal, run, 3, &err), err);
    CHECK_OK(journal_change_get(journal, run, 3, &row, &found, &err), err);
    CHECK(found);
    CHECK_INT(row.seq, 3);
    CHECK(memcmp(row.id, one.id, CHANGE_ID_BYTES) == 0);
    CHECK_INT(row.state, CHANGE_SENT);
    CHECK(row.acknowledged);
    CHECK_INT(row.attempts, 1);
    CHECK_INT(row.sent_at_ms, 20);
    CHECK_INT(row.updated_at_ms, 30);
    CHECK_INT(row.error_kind, ERR_NONE);
    CHECK_STR(row.error, "");
    CHECK_STR(row.backup, "backups/x_20261124_000000");
    CHECK_STR(row.detail, "{\"tickets\":5}");

    /* back to backed_up keeps the acknowledgement; the next send starts anew */
    CHECK_OK(move(journal, run, 3, CHANGE_SENT, CHANGE_BACKED_UP, &err), err);
    CHECK_OK(journal_change_get(journal, run, 3, &row, &found, &err), err);
    CHECK(row.acknowledged);
    CHECK_INT(row.sent_at_ms, 20);
    now_ms = 40;
    CHECK_OK(move(journal, run, 3, CHANGE_BACKED_UP, CHANGE_SENT, &err), err);
    CHECK_OK(journal_change_get(journal, run, 3, &row, &found, &err), err);
    CHECK(!row.acknowledged);
    CHECK_INT(row.attempts, 2);
    CHECK_INT(row.sent_at_ms, 40);

    /* not waited for, and yet before whatever is waited for later */
    journal_acknowledge_later(journal, run, 3);
    struct transition both[2] = {transition_of(run, 4, CHANGE_PLANNED, CHANGE_BACKED_UP),
                                 transition_of(run, 4, CHANGE_BACKED_UP, CHANGE_SENT)};
    CHECK_OK(journal_move_all(journal, both, 2, &err), err);
    CHECK_OK(journal_change_get(journal, run, 3, &row, &found, &err), err);
    CHECK(row.acknowledged);
    CHECK_OK(journal_change_get(journal, run, 4, &row, &found, &err), err);
    CHECK_INT(row.state, CHANGE_SENT);

    struct err cause = {0};
    (void)err_set(&cause, ERR_REMOTE, "could not merge: 500");
    one = transition_of(run, 3, CHANGE_SENT, CHANGE_UNKNOWN);
    one.error = &cause;
    one.acknowledged = true;
    one.detail = "{}";
    CHECK_OK(journal_move(journal, &one, &err), err);
    CHECK_OK(journal_change_get(journal, run, 3, &row, &found, &err), err);
    CHECK_INT(row.state, CHANGE_UNKNOWN);
    CHECK(row.acknowledged);
    CHECK_INT(row.error_kind, ERR_REMOTE);
    CHECK_STR(row.error, "could not merge: 500");
    CHECK_STR(row.detail, "{}");
    CHECK_OK(move(journal, run, 3, CHANGE_UNKNOWN, CHANGE_VERIFIED, &err), err);
    CHECK_OK(journal_change_get(journal, run, 3, &row, &found, &err), err);
    CHECK_INT(row.error_kind, ERR_NONE);
    CHECK_STR(row.error, "");
    CHECK_STR(row.backup, "backups/x_20261124_000000");
    struct run now = get_run(journal, run);
    CHECK_INT(now.counts[CHANGE_PLANNED], 8);
    CHECK_INT(now.counts[CHANGE_VERIFIED], 1);
    CHECK_INT(now.counts[CHANGE_SENT], 1);
    CHECK_INT(now.counts[CHANGE_BACKED_UP], 0);
}

static void long_error_is_cut_on_reading(void)
{
    struct err err;
    struct err cause = {.kind = ERR_REMOTE};
    struct change_row row = {0};
    bool found = false;
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 1);
    memset(cause.message, 'x', sizeof(cause.message) - 1);
    struct transition one = transition_of(run, 0, CHANGE_PLANNED, CHANGE_FAILED);
    one.error = &cause;
    CHECK_OK(journal_move(journal, &one, &err), err);
    CHECK_OK(journal_change_get(journal, run, 0, &row, &found, &err), err);
    CHECK_INT(strlen(row.error), sizeof(row.error) - 1);
    CHECK(str_ends(str_of(row.error), STR("xx...")));
}

static void refused_moves_say_why_and_touch_nothing(void)
{
    struct err err;
    char text[600];
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 3);
    CHECK_ERR(move(journal, run, 1, CHANGE_SENT, CHANGE_VERIFIED, &err), err, ERR_INTERNAL,
              "could not move change '00000000000000010000000000000000' of run 1 from sent to "
              "verified: the journal has it as planned");
    CHECK(!err.fatal);
    CHECK_ERR(
        move(journal, run, 1, CHANGE_PLANNED, CHANGE_SENT, &err), err, ERR_INTERNAL,
        "could not move change '00000000000000010000000000000000' of run 1 from planned to sent: "
        "not an allowed move");
    CHECK_ERR(move(journal, run, 3, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err, ERR_INTERNAL,
              "could not move change '00000000000000030000000000000000' of run 1 from planned to "
              "skipped: its plan has no such change");
    CHECK_ERR(move(journal, 7, 1, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err, ERR_NOT_FOUND,
              "could not find run 7 in the journal");
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    struct transition one = transition_of(run, 1, CHANGE_PLANNED, CHANGE_BACKED_UP);
    one.backup = text + sizeof(text) - 1 - 384;
    CHECK_ERR(journal_move(journal, &one, &err), err, ERR_INTERNAL,
              "could not move change '00000000000000010000000000000000' of run 1 from planned to "
              "backed_up: the path of its backup is too long");
    one.backup++;
    one.detail = text + sizeof(text) - 1 - 512;
    CHECK_ERR(journal_move(journal, &one, &err), err, ERR_INTERNAL,
              "could not move change '00000000000000010000000000000000' of run 1 from planned to "
              "backed_up: its detail is too long");
    CHECK_ERR(journal_acknowledge(journal, run, 1, &err), err, ERR_INTERNAL,
              "could not acknowledge change 1 of run 1: the journal has it as planned");
    CHECK_INT(get_run(journal, run).counts[CHANGE_PLANNED], 3);
    one.detail++;
    CHECK_OK(journal_move(journal, &one, &err), err);
    one = transition_of(run, 1, CHANGE_BACKED_UP, CHANGE_SENT);
    one.id[0] = 9;
    CHECK_ERR(journal_move(journal, &one, &err), err, ERR_INTERNAL,
              "could not move change '09000000000000010000000000000000' of run 1 from backed_up to "
              "sent: the journal has another change in its place");
    CHECK(!journal_move(journal, &one, NULL));
    CHECK_INT(get_run(journal, run).counts[CHANGE_BACKED_UP], 1);
    CHECK_INT(sql("SELECT count(*) FROM audit"), 3); /* planning, planned, backed_up */
}

static bool collect_change(void *ctx, const struct change_row *row)
{
    struct buf *out = ctx;
    buf_printf(out, "%llu %s\n", (unsigned long long)row->seq, change_state_name(row->state));
    return row->seq != 8;
}

static void changes_come_in_order_of_the_plan(void)
{
    struct err err;
    AUTO_BUF struct buf out = {0};
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t first = new_run(journal, 10);
    int64_t second = new_run(journal, 10);
    CHECK_OK(move(journal, second, 9, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err);
    CHECK_OK(move(journal, second, 0, CHANGE_PLANNED, CHANGE_REFUSED, &err), err);
    CHECK_OK(move(journal, first, 5, CHANGE_PLANNED, CHANGE_FAILED, &err), err);
    CHECK_OK(move(journal, second, 8, CHANGE_PLANNED, CHANGE_FAILED, &err), err);
    CHECK_OK(journal_change_each(journal, second, collect_change, &out, &err), err);
    CHECK_STR(buf_z(&out), "0 refused\n8 failed\n");
    buf_clear(&out);
    CHECK_OK(journal_change_each(journal, first, collect_change, &out, &err), err);
    CHECK_STR(buf_z(&out), "5 failed\n");
}

static bool collect_state(void *ctx, uint64_t seq, enum change_state state)
{
    struct buf *out = ctx;
    buf_printf(out, "%llu %s\n", (unsigned long long)seq, change_state_name(state));
    return seq != 8;
}

static void states_alone_come_in_the_same_order(void)
{
    struct err err;
    AUTO_BUF struct buf out = {0};
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 10);
    CHECK_OK(move(journal, run, 9, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err);
    CHECK_OK(move(journal, run, 0, CHANGE_PLANNED, CHANGE_REFUSED, &err), err);
    CHECK_OK(journal_state_each(journal, run, collect_state, &out, &err), err);
    CHECK_STR(buf_z(&out), "0 refused\n9 skipped\n");
    buf_clear(&out);
    CHECK_OK(move(journal, run, 8, CHANGE_PLANNED, CHANGE_FAILED, &err), err);
    CHECK_OK(journal_state_each(journal, run, collect_state, &out, &err), err);
    CHECK_STR(buf_z(&out), "0 refused\n8 failed\n");
}

struct nested {
    struct journal *journal;
    int64_t run;
    int seen;
};

static bool move_in_callback(void *ctx, const struct change_row *row)
{
    struct nested *nested = ctx;
    struct change_row again = {0};
    bool found = false;
    struct err err;
    CHECK_OK(journal_change_get(nested->journal, nested->run, row->seq, &again, &found, &err), err);
    CHECK(found);
    CHECK_OK(move(nested->journal, nested->run, row->seq, CHANGE_BACKED_UP, CHANGE_SKIPPED, &err),
             err);
    nested->seen++;
    return true;
}

static void a_callback_may_call_the_journal(void)
{
    struct err err;
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    struct nested nested = {journal, new_run(journal, 5), 0};
    for (uint64_t seq = 0; seq < 5; seq++) {
        CHECK_OK(move(journal, nested.run, seq, CHANGE_PLANNED, CHANGE_BACKED_UP, &err), err);
    }
    CHECK_OK(journal_change_each(journal, nested.run, move_in_callback, &nested, &err), err);
    CHECK_INT(nested.seen, 5);
    CHECK_INT(get_run(journal, nested.run).counts[CHANGE_SKIPPED], 5);
}

/* --- many threads ------------------------------------------------------------------------------ */

enum { THREADS = 16, PER_THREAD = 40 };

struct worker {
    pthread_t thread;
    struct journal *journal;
    int64_t run;
    uint64_t first;
    int failures;
};

static void *work(void *arg)
{
    static const enum change_state path[] = {CHANGE_PLANNED, CHANGE_BACKED_UP, CHANGE_SENT,
                                             CHANGE_VERIFIED};
    struct worker *worker = arg;
    for (uint64_t seq = worker->first; seq < worker->first + PER_THREAD; seq++) {
        struct err err = {0};
        journal_audit(worker->journal, worker->run, "request", STR("{\"call\":\"works.list\"}"));
        for (size_t i = 0; i + 1 < ARRAY_LEN(path); i++) {
            worker->failures +=
                move(worker->journal, worker->run, seq, path[i], path[i + 1], &err) ? 0 : 1;
            if (path[i + 1] == CHANGE_SENT) {
                worker->failures +=
                    journal_acknowledge(worker->journal, worker->run, seq, &err) ? 0 : 1;
            }
        }
        /* a wrong one in every group: the others must not feel it */
        worker->failures +=
            move(worker->journal, worker->run, seq, CHANGE_SENT, CHANGE_FAILED, &err) ? 1 : 0;
        journal_stat(worker->journal, worker->run, "session", STR("{}"));
    }
    return NULL;
}

static bool count_rows(void *ctx, const struct change_row *row)
{
    uint64_t *counts = ctx;
    counts[row->state]++;
    return true;
}

static void sixteen_threads_share_the_journal(void)
{
    struct err err;
    struct worker workers[THREADS] = {0};
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, THREADS * PER_THREAD + 1);
    for (int i = 0; i < THREADS; i++) {
        workers[i] =
            (struct worker){.journal = journal, .run = run, .first = (uint64_t)i * PER_THREAD};
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
    /* Readers see the tally and the rows agree at any moment. */
    for (int i = 0; i < 50; i++) {
        struct run now = get_run(journal, run);
        uint64_t sum = 0;
        for (int state = 0; state < CHANGE_STATE_COUNT; state++) {
            sum += now.counts[state];
        }
        CHECK_INT(sum, THREADS * PER_THREAD + 1);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(workers[i].thread, NULL) == 0);
        CHECK_INT(workers[i].failures, 0);
    }
    uint64_t counts[CHANGE_STATE_COUNT] = {0};
    CHECK_OK(journal_change_each(journal, run, count_rows, counts, &err), err);
    CHECK_INT(counts[CHANGE_VERIFIED], THREADS * PER_THREAD);
    struct run now = get_run(journal, run);
    CHECK_INT(now.counts[CHANGE_VERIFIED], THREADS * PER_THREAD);
    CHECK_INT(now.counts[CHANGE_PLANNED], 1);
    struct audit_walk walk = {0};
    CHECK_OK(journal_audit_verify(journal, &walk, &err), err);
    CHECK_INT(walk.entries, 2 + THREADS * PER_THREAD * 5);
    CHECK_INT(walk.broken, 0);
}

/* --- audit, stat, memory ------------------------------------------------------------------------ */

static bool collect_audit(void *ctx, uint64_t seq, str body)
{
    struct buf *out = ctx;
    buf_printf(out, "%llu %" STR_FMT "\n", (unsigned long long)seq, STR_ARG(body));
    return true;
}

static void every_move_is_in_the_audit_trail_in_order(void)
{
    struct err err;
    struct err cause = {0};
    AUTO_BUF struct buf out = {0};
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    now_ms = 7;
    int64_t run = new_run(journal, 2);
    journal_audit(journal, run, "request", STR("{\"call\":\"rev-users.get\"}"));
    journal_audit(journal, 0, "note", STR("not \"JSON\""));
    journal_audit(journal, run, "decision", STR_NONE);
    journal_audit(journal, run, "lines", STR("{\n}"));
    (void)err_set(&cause, ERR_DRIFT, "could not send: it has changed");
    struct transition one = transition_of(run, 1, CHANGE_PLANNED, CHANGE_SKIPPED);
    one.error = &cause;
    one.backup = "backups/secret.person@example.com_20261124_000000";
    CHECK_OK(journal_move(journal, &one, &err), err);
    CHECK_OK(move(journal, run, 0, CHANGE_PLANNED, CHANGE_BACKED_UP, &err), err);
    CHECK_OK(move(journal, run, 0, CHANGE_BACKED_UP, CHANGE_SENT, &err), err);
    CHECK_OK(journal_acknowledge(journal, run, 0, &err), err);
    CHECK_OK(journal_run_move(journal, run, RUN_APPLYING, NULL, &err), err);
    CHECK_OK(journal_run_move(journal, run, RUN_PAUSED, "a reason", &err), err);
    CHECK_OK(journal_audit_each(journal, 0, collect_audit, &out, &err), err);
    CHECK_STR(
        buf_z(&out),
        "1 {\"seq\":1,\"at_ms\":7,\"run\":1,\"change\":null,\"event\":\"run\",\"detail\":"
        "{\"to\":\"planning\",\"job\":\"merge\",\"rules\":\"revu-pairs\"}}\n"
        "2 {\"seq\":2,\"at_ms\":7,\"run\":1,\"change\":null,\"event\":\"run\",\"detail\":"
        "{\"from\":\"planning\",\"to\":\"planned\",\"plan_hash\":"
        "\"abcd000000000000000000000000000000000000000000000000000000000000\"}}\n"
        "3 {\"seq\":3,\"at_ms\":7,\"run\":1,\"change\":null,\"event\":\"request\",\"detail\":"
        "{\"call\":\"rev-users.get\"}}\n"
        "4 {\"seq\":4,\"at_ms\":7,\"run\":null,\"change\":null,\"event\":\"note\",\"detail\":"
        "\"not \\\"JSON\\\"\"}\n"
        "5 "
        "{\"seq\":5,\"at_ms\":7,\"run\":1,\"change\":null,\"event\":\"decision\",\"detail\":null}\n"
        "6 {\"seq\":6,\"at_ms\":7,\"run\":1,\"change\":null,\"event\":\"lines\",\"detail\":"
        "\"{\\n}\"}\n"
        "7 {\"seq\":7,\"at_ms\":7,\"run\":1,\"change\":\"00000000000000010000000000000000\","
        "\"event\":\"change\",\"detail\":{\"from\":\"planned\",\"to\":\"skipped\",\"error\":"
        "\"drift\"}}\n"
        "8 {\"seq\":8,\"at_ms\":7,\"run\":1,\"change\":\"00000000000000000000000000000000\","
        "\"event\":\"change\",\"detail\":{\"from\":\"planned\",\"to\":\"backed_up\"}}\n"
        "9 {\"seq\":9,\"at_ms\":7,\"run\":1,\"change\":\"00000000000000000000000000000000\","
        "\"event\":\"change\",\"detail\":{\"from\":\"backed_up\",\"to\":\"sent\"}}\n"
        "10 {\"seq\":10,\"at_ms\":7,\"run\":1,\"change\":\"00000000000000000000000000000000\","
        "\"event\":\"acknowledged\",\"detail\":null}\n"
        "11 {\"seq\":11,\"at_ms\":7,\"run\":1,\"change\":null,\"event\":\"run\",\"detail\":"
        "{\"from\":\"planned\",\"to\":\"applying\"}}\n"
        "12 {\"seq\":12,\"at_ms\":7,\"run\":1,\"change\":null,\"event\":\"run\",\"detail\":"
        "{\"from\":\"applying\",\"to\":\"paused\",\"reason\":\"a reason\"}}\n");
    buf_clear(&out);
    (void)new_run(journal, 1);
    CHECK_OK(journal_audit_each(journal, 2, collect_audit, &out, &err), err);
    CHECK(str_starts(buf_str(&out), STR("13 {\"seq\":13,\"at_ms\":7,\"run\":2,")));
}

static void what_nobody_waits_for_is_written_at_the_end_too(void)
{
    struct err err;
    AUTO_BUF struct buf out = {0};
    struct journal *journal = open_journal(JOURNAL_WRITE);
    now_ms = 7;
    journal_audit(journal, 0, "note", STR("1"));
    journal_close(journal);
    journal = open_journal(JOURNAL_READ);
    CHECK_OK(journal_audit_each(journal, 0, collect_audit, &out, &err), err);
    CHECK_STR(
        buf_z(&out),
        "1 {\"seq\":1,\"at_ms\":7,\"run\":null,\"change\":null,\"event\":\"note\",\"detail\":1}\n");
    journal_close(journal);
    journal_close(NULL);
}

static void what_nobody_waits_for_is_soon_on_the_disk(void)
{
    struct err err;
    struct audit_walk walk = {0};
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    for (int i = 0; i < 3000; i++) { /* more than one group's worth */
        journal_audit(journal, 0, "note", STR("1"));
    }
    for (int i = 0; i < 500 && walk.entries < 3000; i++) {
        (void)usleep(10000); /* 5 s at most; 50 ms is what it takes */
        CHECK_OK(journal_audit_verify(journal, &walk, &err), err);
    }
    CHECK_INT(walk.entries, 3000);
    CHECK_INT(walk.broken, 0);
}

static void tampering_with_the_audit_trail_is_found(void)
{
    static const struct {
        const char *sql;
        uint64_t entries;
        uint64_t broken;
        uint64_t to;
        enum audit_fault fault;
    } cases[] = {
        {"UPDATE audit SET body = replace(body, 'note', 'nota') WHERE seq = 3", 6, 3, 3,
         AUDIT_CHANGED},
        {"UPDATE audit SET hash = zeroblob(32) WHERE seq = 6", 6, 6, 6, AUDIT_CHANGED},
        {"UPDATE audit SET run = 4 WHERE seq = 2", 6, 2, 2, AUDIT_CHANGED},
        {"DELETE FROM audit WHERE seq = 1", 5, 1, 1, AUDIT_MISSING},
        {"DELETE FROM audit WHERE seq IN (2, 3)", 4, 2, 3, AUDIT_MISSING},
        {"DELETE FROM audit WHERE seq = 6", 5, 6, 6, AUDIT_MISSING},
        {"DELETE FROM audit", 0, 1, 6, AUDIT_MISSING},
        {"DELETE FROM audit; UPDATE audit_head SET seq = 0", 0, 1, 1, AUDIT_CHANGED},
        {"DELETE FROM audit_head", 6, 7, 7, AUDIT_HEAD_MISSING},
        {"UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; "
         "UPDATE audit SET seq = 3 WHERE seq = 99",
         6, 2, 2, AUDIT_MOVED},
        {"DELETE FROM audit WHERE seq = 2; UPDATE audit SET seq = seq - 1 WHERE seq > 2", 5, 2, 2,
         AUDIT_MOVED},
        {"INSERT INTO audit SELECT 7, run, body, hash FROM audit WHERE seq = 6", 7, 7, 7,
         AUDIT_MOVED},
        {"UPDATE audit_head SET seq = 4", 6, 5, 6, AUDIT_ADDED},
        {"UPDATE audit_head SET hash = zeroblob(32)", 6, 6, 6, AUDIT_CHANGED},
    };
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct audit_walk walk = {0};
        (void)unlink(db_path());
        struct journal *journal = open_journal(JOURNAL_WRITE);
        for (int n = 0; n < 6; n++) {
            journal_audit(journal, 0, "note", STR("{}"));
        }
        journal_close(journal);
        journal = open_journal(JOURNAL_READ);
        CHECK_OK(journal_audit_verify(journal, &walk, &err), err);
        CHECK_INT(walk.entries, 6);
        CHECK_INT(walk.broken, 0);
        journal_close(journal);
        (void)sql(cases[i].sql);
        journal = open_journal(JOURNAL_READ);
        CHECK_OK(journal_audit_verify(journal, &walk, &err), err);
        CHECK_INT(walk.entries, cases[i].entries);
        CHECK_INT(walk.broken, cases[i].broken);
        CHECK_INT(walk.to, cases[i].to);
        CHECK_STR(audit_fault_name(walk.fault), audit_fault_name(cases[i].fault));
        journal_close(journal);
    }
}

/* Two runs; the second has three changes, verified, failed and skipped. */
static void make_two_runs(void)
{
    struct err err;
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    (void)new_run(journal, 1);
    int64_t run = new_run(journal, 3);
    CHECK_OK(move(journal, run, 0, CHANGE_PLANNED, CHANGE_BACKED_UP, &err), err);
    CHECK_OK(move(journal, run, 0, CHANGE_BACKED_UP, CHANGE_SENT, &err), err);
    CHECK_OK(journal_acknowledge(journal, run, 0, &err), err);
    CHECK_OK(move(journal, run, 0, CHANGE_SENT, CHANGE_VERIFIED, &err), err);
    CHECK_OK(move(journal, run, 1, CHANGE_PLANNED, CHANGE_FAILED, &err), err);
    CHECK_OK(move(journal, run, 2, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err);
    journal_audit(journal, run, "note", STR("{}"));
}

static void a_state_that_is_not_the_trail_s_is_found(void)
{
    static const struct {
        const char *sql;
        uint64_t count;
        const char *first;
    } cases[] = {
        {"UPDATE memory SET value = ''", 0, ""},
        {"UPDATE change SET state = 'verified' WHERE seq = 1", 3,
         "change '00000000000000010000000000000000' of run 2 is verified in the journal, and "
         "failed "
         "by entry 9"},
        {"UPDATE change SET state = 'verified' WHERE seq = 1; UPDATE tally SET n = 2 WHERE state = "
         "'verified'; UPDATE tally SET n = 0 WHERE state = 'failed'",
         1,
         "change '00000000000000010000000000000000' of run 2 is verified in the journal, and "
         "failed "
         "by entry 9"},
        {"DELETE FROM change WHERE seq = 2; UPDATE tally SET n = 0 WHERE state = 'skipped'", 1,
         "the trail tells of 3 changes, and 2 of them are in the journal"},
        {"INSERT INTO change SELECT run, 7, x'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'undone', 0, 0, "
         "0, 0, '', '', '', '' FROM "
         "change WHERE seq = 0",
         2,
         "change 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' of run 2 is undone in the journal and no entry "
         "tells of it"},
        {"UPDATE tally SET n = 5 WHERE state = 'verified'", 1,
         "the journal counts 5 changes of run 2 as verified, and has 1"},
        {"UPDATE run SET state = 'done' WHERE id = 1", 1,
         "run 1 is done in the journal, and planned by entry 2"},
        {"UPDATE run SET plan_hash = zeroblob(32) WHERE id = 1", 1,
         "run 1 has another plan in the journal than in the trail"},
        {"DELETE FROM run WHERE id = 1", 1, "run 1 is missing in the journal; entry 2 tells of it"},
        {"UPDATE run SET id = 9 WHERE id = 1", 2,
         "run 9 is in the journal and no entry tells of it"},
    };
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct audit_walk walk = {0};
        struct audit_difference difference = {.count = 99};
        (void)unlink(db_path());
        make_two_runs();
        (void)sql(cases[i].sql);
        AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_READ);
        CHECK_OK(journal_audit_compare(journal, NULL, &walk, &difference, &err), err);
        CHECK_INT(walk.broken, 0);
        CHECK_INT(difference.count, cases[i].count);
        CHECK_STR(difference.first, cases[i].first);
    }
    /* a broken trail vouches for nothing */
    struct audit_walk walk = {0};
    struct audit_difference difference = {.count = 99};
    (void)sql("UPDATE audit SET body = 'x' WHERE seq = 3");
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_READ);
    CHECK_OK(journal_audit_compare(journal, NULL, &walk, &difference, &err), err);
    CHECK_INT(walk.broken, 3);
    CHECK_INT(difference.count, 0);
}

static void the_chain_is_sha256_over_hash_and_body(void)
{
    uint8_t expected[SHA256_BYTES];
    uint8_t hash[SHA256_BYTES] = {0};
    char bytes[SHA256_BYTES + 2] = {0};
    bytes[SHA256_BYTES] = 'a';
    bytes[SHA256_BYTES + 1] = 'b';
    sha256_of(bytes, sizeof(bytes), expected);
    audit_chain(hash, STR("ab"), hash);
    CHECK(memcmp(hash, expected, SHA256_BYTES) == 0);
}

static bool collect_pair(void *ctx, str a, str b)
{
    struct buf *out = ctx;
    buf_printf(out, "%" STR_FMT "=%" STR_FMT "\n", STR_ARG(a), STR_ARG(b));
    return !str_eqz(a, "pair/b");
}

static void stat_is_replaced_by_its_session(void)
{
    struct err err;
    AUTO_BUF struct buf out = {0};
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 1);
    journal_stat(journal, run, "b", STR("{\"calls\":1}"));
    journal_stat(journal, run, "a", STR("{}"));
    journal_stat(journal, run, "b", STR("{\"calls\":2}"));
    journal_stat(journal, run + 1, "a", STR("{}"));
    CHECK_OK(move(journal, run, 0, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err);
    CHECK_OK(journal_stat_each(journal, run, collect_pair, &out, &err), err);
    CHECK_STR(buf_z(&out), "a={}\nb={\"calls\":2}\n");
}

static void memory_is_kept_by_key(void)
{
    struct err err;
    AUTO_BUF struct buf out = {0};
    struct journal *journal = open_journal(JOURNAL_WRITE);
    CHECK_OK(journal_memory_put(journal, STR("pair/c"), STR("3"), &err), err);
    CHECK_OK(journal_memory_put(journal, STR("pair/a"), STR("1"), &err), err);
    CHECK_OK(journal_memory_put(journal, STR("mark"), STR("x"), &err), err);
    CHECK_OK(journal_memory_put(journal, STR("pair/a"), STR(""), &err), err);
    CHECK_OK(journal_memory_put(journal, STR("pairs"), STR("9"), &err), err);
    CHECK_OK(journal_memory_put(journal, STR("pair/d"), STR("4"), &err), err);
    CHECK_OK(journal_memory_put(journal, STR("pair/d"), STR_NONE, &err), err);
    journal_close(journal);
    journal = open_journal(JOURNAL_READ);
    CHECK_OK(journal_memory_each(journal, STR("pair/"), collect_pair, &out, &err), err);
    CHECK_STR(buf_z(&out), "pair/a=\npair/c=3\n");
    journal_close(journal);
}

static void many_are_put_at_once(void)
{
    struct err err;
    AUTO_BUF struct buf out = {0};
    struct journal *journal = open_journal(JOURNAL_WRITE);
    CHECK_OK(journal_memory_put(journal, STR("pair/b"), STR("0"), &err), err);
    const struct journal_memo memos[] = {
        {STR("pair/c"), STR("3")}, {STR("pair/a"), STR("1")}, {STR("pair/b"), STR_NONE}};
    CHECK_OK(journal_memory_put_all(journal, memos, ARRAY_LEN(memos), &err), err);
    CHECK_OK(journal_memory_put_all(journal, NULL, 0, &err), err);
    journal_close(journal);
    journal = open_journal(JOURNAL_READ);
    CHECK_OK(journal_memory_each(journal, STR("pair/"), collect_pair, &out, &err), err);
    CHECK_STR(buf_z(&out), "pair/a=1\npair/c=3\n");
    journal_close(journal);
}

static void many_moves_are_judged_one_by_one(void)
{
    struct err err;
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 4);
    struct transition moves[4];
    for (uint64_t i = 0; i < 4; i++) {
        moves[i] = transition_of(run, i, CHANGE_PLANNED, CHANGE_REFUSED);
    }
    CHECK_OK(journal_move_all(journal, moves, 2, &err), err);
    CHECK_INT(get_run(journal, run).counts[CHANGE_REFUSED], 2);
    CHECK_ERR(journal_move_all(journal, moves + 1, 3, &err), err, ERR_INTERNAL,
              "could not move change '00000000000000010000000000000000' of run 1 from planned to "
              "refused: the journal has it as refused");
    CHECK_INT(get_run(journal, run).counts[CHANGE_REFUSED], 4);
    CHECK_INT(get_run(journal, run).counts[CHANGE_PLANNED], 0);
}

/* --- two processes, kills ------------------------------------------------------------------------ */

static void reader_works_beside_a_writer_and_cannot_write(void)
{
    struct err err;
    AUTO(journal_close) struct journal *writer = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(writer, 4);
    AUTO(journal_close) struct journal *reader = open_journal(JOURNAL_READ);
    CHECK_INT(get_run(reader, run).counts[CHANGE_PLANNED], 4);
    CHECK_OK(move(writer, run, 0, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err);
    CHECK_INT(get_run(reader, run).counts[CHANGE_PLANNED], 3);
    CHECK_ERR(move(reader, run, 1, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err, ERR_INTERNAL,
              "could not write the journal: it is open for reading only");
    journal_audit(reader, run, "note", STR("{}"));
    journal_stat(reader, run, "s", STR("{}"));
    CHECK_INT(get_run(writer, run).counts[CHANGE_PLANNED], 3);
}

static void files_are_private(void)
{
    struct stat st;
    char name[600];
    mode_t before = umask(0);
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    (void)new_run(journal, 1);
    (void)umask(before);
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        (void)snprintf(name, sizeof(name), "%s%s", db_path(), ends[i]);
        CHECK(stat(name, &st) == 0);
        CHECK_INT(st.st_mode & 07777, 0600);
    }
}

/* In a child: arms `spec` and makes moves 0, 1, 2 ... until it dies; says each that returned. */
static uint64_t moves_before_death(const char *spec)
{
    int ends[2];
    char byte;
    uint64_t told = 0;
    int status = 0;
    CHECK(pipe(ends) == 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        (void)setenv("STEWARD_FAILPOINTS", spec, 1);
        struct journal *journal = journal_open(db_path(), JOURNAL_WRITE, &fixed, &err);
        atomic_store(&failpoint_armed_, 0);
        for (uint64_t seq = 0; journal != NULL && seq < 10; seq++) {
            if (!move(journal, 1, seq, CHANGE_PLANNED, CHANGE_BACKED_UP, &err) ||
                write(ends[1], "m", 1) != 1) {
                break;
            }
        }
        _exit(7);
    }
    (void)close(ends[1]);
    while (read(ends[0], &byte, 1) == 1) {
        told++;
    }
    (void)close(ends[0]);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return told;
}

static void check_after_death(uint64_t expected)
{
    struct err err;
    struct audit_walk walk = {0};
    struct journal *journal = open_journal(JOURNAL_READ); /* -wal and -shm of the dead lie there */
    CHECK_INT(get_run(journal, 1).counts[CHANGE_BACKED_UP], expected);
    journal_close(journal);
    journal = open_journal(JOURNAL_WRITE);
    CHECK_INT(get_run(journal, 1).counts[CHANGE_BACKED_UP], expected);
    CHECK_OK(journal_audit_verify(journal, &walk, &err), err);
    CHECK_INT(walk.entries, 2 + expected);
    CHECK_INT(walk.broken, 0);
    CHECK_OK(move(journal, 1, expected, CHANGE_PLANNED, CHANGE_BACKED_UP, &err), err);
    journal_close(journal);
    CHECK_INT(sql("SELECT count(*) FROM change"), (int64_t)expected + 1);
    CHECK_INT(sql("SELECT sum(n) FROM tally"), (int64_t)expected + 1);
}

static void killed_before_commit_nothing_is_there(void)
{
    struct journal *journal = open_journal(JOURNAL_WRITE);
    (void)new_run(journal, 20);
    journal_close(journal);
    CHECK_INT(moves_before_death("journal.before_commit=kill@4"), 3);
    check_after_death(3);
}

static void killed_after_commit_it_is_there(void)
{
    struct journal *journal = open_journal(JOURNAL_WRITE);
    (void)new_run(journal, 20);
    journal_close(journal);
    CHECK_INT(moves_before_death("journal.after_commit=kill@4"), 3);
    check_after_death(4);
}

/* The child's exit code is the number of failed checks. */
static void in_child(void (*run)(void))
{
    int status = 0;
    (void)tap_tmpdir(); /* the same for both */
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        run();
        exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 0);
}

/* In the child: TAP's own bookkeeping does not reach the parent. */
#define CHILD_CHECK(cond)                                                                          \
    do {                                                                                           \
        if (!CHECK(cond)) {                                                                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static void commit_fails_in_child(void)
{
    struct err err = {0};
    struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 20);
    (void)setenv("STEWARD_FAILPOINTS", "journal.before_commit=ENOSPC", 1);
    atomic_store(&failpoint_armed_, 0);
    CHILD_CHECK(!move(journal, run, 0, CHANGE_PLANNED, CHANGE_SKIPPED, &err));
    CHILD_CHECK(err.fatal && err.kind == ERR_IO);
    CHILD_CHECK(strcmp(err.message,
                       "could not write the journal 'steward.db': No space left on device") == 0);
    CHILD_CHECK(strcmp(err.hint, "Free some disk space, then go on with `steward resume`.") == 0);
    err = (struct err){0};
    CHILD_CHECK(!move(journal, run, 1, CHANGE_PLANNED, CHANGE_SKIPPED, &err));
    CHILD_CHECK(err.fatal);
    CHILD_CHECK(strcmp(err.message,
                       "could not write the journal 'steward.db': No space left on device") == 0);
    journal_audit(journal, run, "note", STR("{}"));
    CHILD_CHECK(get_run(journal, run).counts[CHANGE_PLANNED] == 20);
    journal_close(journal);
}

static void a_failed_commit_ends_it(void)
{
    in_child(commit_fails_in_child);
    struct journal *journal = open_journal(JOURNAL_WRITE);
    struct err err;
    struct audit_walk walk = {0};
    CHECK_INT(get_run(journal, 1).counts[CHANGE_PLANNED], 20);
    CHECK_OK(journal_audit_verify(journal, &walk, &err), err);
    CHECK_INT(walk.entries, 2);
    CHECK_INT(walk.broken, 0);
    journal_close(journal);
}

static void disk_is_full_in_child(void)
{
    struct err err = {0};
    struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 5000);
    (void)signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit = {200000, 200000};
    CHILD_CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    uint64_t seq = 0;
    while (seq < 5000 && move(journal, run, seq, CHANGE_PLANNED, CHANGE_SKIPPED, &err)) {
        seq++;
    }
    CHILD_CHECK(seq > 0 && seq < 5000);
    CHILD_CHECK(err.fatal && err.kind == ERR_IO);
    CHILD_CHECK(strcmp(err.message, "could not write the journal 'steward.db': disk I/O error") ==
                0);
    CHILD_CHECK(get_run(journal, run).counts[CHANGE_SKIPPED] == seq);
    journal_close(journal);
}

static void a_full_disk_loses_nothing_that_was_told(void)
{
    in_child(disk_is_full_in_child);
    struct journal *journal = open_journal(JOURNAL_WRITE);
    struct err err;
    struct audit_walk walk = {0};
    CHECK_OK(journal_audit_verify(journal, &walk, &err), err);
    CHECK_INT(walk.broken, 0);
    CHECK_INT(get_run(journal, 1).counts[CHANGE_SKIPPED], (int64_t)walk.entries - 2);
    journal_close(journal);
}

static void reads_as_nobody_in_child(void)
{
    struct err err = {0};
    CHILD_CHECK(setegid(65534) == 0 && seteuid(65534) == 0);
    CHILD_CHECK(eaccess(tap_tmpdir(), W_OK) != 0);
    struct journal *journal = journal_open(db_path(), JOURNAL_READ, &fixed, &err);
    CHILD_CHECK(journal != NULL);
    CHILD_CHECK(get_run(journal, 1).counts[CHANGE_PLANNED] == 4);
    journal_close(journal);
    CHILD_CHECK(seteuid(0) == 0);
}

static void a_read_only_workspace_can_be_read(void)
{
    if (getuid() != 0) {
        printf("# only root can become another user\n");
        return;
    }
    struct journal *journal = open_journal(JOURNAL_WRITE);
    (void)new_run(journal, 4);
    journal_close(journal);
    CHECK(chmod(tap_tmpdir(), 0755) == 0 && chmod(db_path(), 0644) == 0);
    in_child(reads_as_nobody_in_child);
}

/* --- what is not a journal ----------------------------------------------------------------------- */

static void write_db(str bytes)
{
    (void)unlink(db_path());
    struct err err;
    CHECK_OK(fs_write_new(AT_FDCWD, db_path(), bytes, false, &err), err);
}

static void bad_in_both_modes(enum err_kind kind, const char *message, const char *hint)
{
    struct err err;
    static const enum journal_mode modes[] = {JOURNAL_READ, JOURNAL_WRITE};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        CHECK_ERR(journal_open(db_path(), modes[i], &fixed, &err) != NULL, err, kind, message);
        CHECK_STR(err.hint, hint);
    }
}

static const char *const damaged_hint = "Copy 'steward.db*' aside and keep it: it says what was "
                                        "sent. Then put back a copy from before, or "
                                        "try `sqlite3 steward.db .recover`.";

static void missing_and_empty_are_told_apart(void)
{
    struct err err;
    CHECK_ERR(journal_open(db_path(), JOURNAL_READ, &fixed, &err) != NULL, err, ERR_NOT_FOUND,
              "could not open the journal 'steward.db': No such file or directory");
    CHECK_STR(err.hint, "Nothing was planned here yet, or --workspace names another directory.");
    write_db(STR(""));
    CHECK_ERR(journal_open(db_path(), JOURNAL_READ, &fixed, &err) != NULL, err, ERR_NOT_FOUND,
              "could not open the journal 'steward.db': it is empty");
    struct journal *journal =
        open_journal(JOURNAL_WRITE); /* killed right after the file was made */
    CHECK_INT(new_run(journal, 1), 1);
    journal_close(journal);
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/none/steward.db", tap_tmpdir());
    CHECK_ERR(journal_open(path, JOURNAL_WRITE, &fixed, &err) != NULL, err, ERR_IO,
              "could not create the journal 'steward.db': No such file or directory");
    CHECK_STR(err.hint, "The workspace must be a directory that you may write to.");
}

static void a_newer_journal_is_refused(void)
{
    journal_close(open_journal(JOURNAL_WRITE));
    (void)sql("PRAGMA user_version = 2");
    bad_in_both_modes(ERR_CORRUPT,
                      "could not open the journal 'steward.db': it was written by a newer steward "
                      "(format 2, this one reads 1)",
                      "Use that steward, or another --workspace.");
    (void)sql("PRAGMA user_version = 0");
    bad_in_both_modes(
        ERR_CORRUPT,
        "could not read the journal 'steward.db': it is damaged: its version is unknown",
        damaged_hint);
}

static void other_files_are_not_journals(void)
{
    static const char *const message =
        "could not open the journal 'steward.db': it is not a steward journal";
    static const char *const hint = "Move the file away, or use another --workspace.";
    char noise[8192];
    for (size_t i = 0; i < sizeof(noise); i++) {
        noise[i] = (char)(i * 7 + 1);
    }
    write_db((str){noise, sizeof(noise)});
    bad_in_both_modes(ERR_CORRUPT, message, hint);
    (void)unlink(db_path());
    (void)sql("CREATE TABLE other (x)");
    bad_in_both_modes(ERR_CORRUPT, message, hint);
    CHECK_INT(sql("SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'delete'"), 1);
}

static void a_missing_table_is_damage(void)
{
    journal_close(open_journal(JOURNAL_WRITE));
    (void)sql("DROP TABLE tally");
    bad_in_both_modes(
        ERR_CORRUPT,
        "could not read the journal 'steward.db': it is damaged: its tables are not those "
        "of a steward journal",
        damaged_hint);
}

static void a_lost_audit_head_is_damage(void)
{
    struct err err;
    journal_close(open_journal(JOURNAL_WRITE));
    (void)sql("DELETE FROM audit_head");
    CHECK_ERR(
        journal_open(db_path(), JOURNAL_WRITE, &fixed, &err) != NULL, err, ERR_CORRUPT,
        "could not read the journal 'steward.db': it is damaged: the end of its audit chain is "
        "missing");
}

static void strange_rows_are_damage(void)
{
    static const struct {
        const char *sql;
        const char *what;
    } cases[] = {
        {"UPDATE run SET state = 'flying'", "a run is in an unknown state"},
        {"UPDATE run SET plan_hash = x'00'", "a plan's hash has a wrong length"},
        {"UPDATE run SET plan_changes = -1", "a count is negative"},
        {"UPDATE run SET plan_review = -1", "a count is negative"},
        {"UPDATE tally SET n = -1", "a count is negative"},
        {"UPDATE tally SET n = 99", "a run counts more changes than its plan holds"},
        {"UPDATE tally SET state = 'x'", "a tally is of an unknown state"},
        {"UPDATE tally SET state = 'planned'", "a tally is of an unknown state"},
    };
    struct err err;
    struct arena arena = {0};
    struct run run;
    char message[256];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)unlink(db_path());
        struct journal *journal = open_journal(JOURNAL_WRITE);
        (void)new_run(journal, 3);
        CHECK_OK(move(journal, 1, 0, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err);
        journal_close(journal);
        (void)sql(cases[i].sql);
        journal = open_journal(JOURNAL_READ);
        (void)snprintf(message, sizeof(message),
                       "could not read the journal 'steward.db': it is damaged: %s", cases[i].what);
        CHECK_ERR(journal_run_get(journal, 1, &arena, &run, &err), err, ERR_CORRUPT, message);
        CHECK_STR(err.hint, damaged_hint);
        journal_close(journal);
    }
    static const char *const changes[] = {"UPDATE change SET state = 'x'",
                                          "UPDATE change SET id = x'1234'",
                                          "UPDATE change SET error_kind = 'x'"};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        AUTO_BUF struct buf out = {0};
        (void)unlink(db_path());
        struct journal *journal = open_journal(JOURNAL_WRITE);
        (void)new_run(journal, 3);
        CHECK_OK(move(journal, 1, 0, CHANGE_PLANNED, CHANGE_BACKED_UP, &err), err);
        journal_close(journal);
        (void)sql(changes[i]);
        journal = open_journal(JOURNAL_WRITE);
        CHECK_ERR(
            journal_change_each(journal, 1, collect_change, &out, &err), err, ERR_CORRUPT,
            "could not read the journal 'steward.db': it is damaged: a change is in an unknown "
            "state");
        CHECK(!err.fatal);
        CHECK_INT(journal_state_each(journal, 1, collect_state, &out, &err), i != 0);
        if (i < 2) {
            CHECK_ERR(move(journal, 1, 0, CHANGE_BACKED_UP, CHANGE_SENT, &err), err, ERR_CORRUPT,
                      "could not read the journal 'steward.db': it is damaged: a change is in an "
                      "unknown state");
            CHECK(err.fatal);
        }
        journal_close(journal);
    }
}

/* Every page of a small journal in turn is overwritten: it is noticed, or what is read is right. */
static void overwritten_pages_are_noticed(void)
{
    struct err err = {0};
    AUTO_BUF struct buf good = {0};
    struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 200);
    for (uint64_t seq = 0; seq < 200; seq++) {
        CHECK_OK(move(journal, run, seq, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err);
    }
    journal_close(journal);
    CHECK_OK(fs_read(AT_FDCWD, db_path(), &good, &err), err);
    CHECK(good.len > 20 * 4096);
    size_t noticed = 0;
    for (size_t page = 0; page < good.len / 4096; page++) {
        AUTO_BUF struct buf bad = {0};
        buf_adds(&bad, buf_str(&good));
        memset(bad.ptr + page * 4096, 0x5a, 4096);
        write_db(buf_str(&bad));
        err = (struct err){0};
        journal = journal_open(db_path(), JOURNAL_READ, &fixed, &err);
        noticed += journal == NULL && err.kind == ERR_CORRUPT ? 1 : 0;
        journal_close(journal);
    }
    CHECK_INT(noticed, good.len / 4096);
    for (size_t cut = 0; cut < good.len; cut += 4096) { /* and cut at every page */
        write_db((str){good.ptr, cut});
        err = (struct err){0};
        journal = journal_open(db_path(), JOURNAL_READ, &fixed, &err);
        CHECK(journal == NULL);
        CHECK(err.kind == (cut == 0 ? ERR_NOT_FOUND : ERR_CORRUPT));
        journal_close(journal);
    }
}

/* No -shm can be made: what a read-only directory does to an ordinary user, done to root too. */
static void a_journal_without_room_for_its_shm_can_be_read(void)
{
    struct err err;
    char name[600];
    char odd[560];
    struct journal *journal = open_journal(JOURNAL_WRITE);
    (void)new_run(journal, 4);
    journal_close(journal);
    (void)snprintf(odd, sizeof(odd), "%s/a?b#c%%d.db", tap_tmpdir());
    CHECK(rename(db_path(), odd) == 0);
    (void)snprintf(name, sizeof(name), "%s-shm", odd);
    CHECK(symlink("nowhere", name) == 0);
    CHECK_OK((journal = journal_open(odd, JOURNAL_READ, &fixed, &err)) != NULL, err);
    CHECK_INT(get_run(journal, 1).counts[CHANGE_PLANNED], 4);
    journal_close(journal);
    (void)snprintf(name, sizeof(name), "%s-wal", odd);
    (void)unlink(name); /* the try to open may have left an empty one */
    CHECK_OK(fs_write_new(AT_FDCWD, name, STR("something"), false, &err), err);
    CHECK_ERR(journal_open(odd, JOURNAL_READ, &fixed, &err) != NULL, err, ERR_IO,
              "could not read the journal 'a?b#c%d.db': unable to open database file");
}

static void callers_wait_where_nobody_waits_for_too_many(void)
{
    struct err err;
    struct audit_walk walk = {0};
    struct journal *journal = open_journal(JOURNAL_WRITE);
    (void)setenv("STEWARD_FAILPOINTS", "journal.before_commit=sleep:700@1", 1);
    atomic_store(&failpoint_armed_, 0);
    for (int i = 0; i < 20000; i++) {
        journal_audit(journal, 0, "note", STR("1"));
    }
    journal_close(journal);
    journal = open_journal(JOURNAL_READ);
    CHECK_OK(journal_audit_verify(journal, &walk, &err), err);
    CHILD_CHECK(walk.entries == 20000 && walk.broken == 0);
    journal_close(journal);
}

static void a_flood_of_audit_entries_is_bounded(void)
{
    in_child(callers_wait_where_nobody_waits_for_too_many);
}

static void another_writer_is_told(void)
{
    struct err err;
    sqlite3 *other = NULL;
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    int64_t run = new_run(journal, 4);
    CHECK_INT(sqlite3_open(db_path(), &other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    CHECK_ERR(move(journal, run, 0, CHANGE_PLANNED, CHANGE_SKIPPED, &err), err, ERR_IO,
              "could not write the journal 'steward.db': database is locked");
    CHECK_STR(err.hint, "Another program holds the file open for writing; end it.");
    CHECK(err.fatal);
    CHECK_INT(sqlite3_close(other), SQLITE_OK);
}

static void another_writer_of_an_empty_file_is_told(void)
{
    struct err err;
    sqlite3 *other = NULL;
    CHECK_INT(sqlite3_open(db_path(), &other), SQLITE_OK);
    CHECK_INT(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    CHECK_ERR(journal_open(db_path(), JOURNAL_WRITE, &fixed, &err) != NULL, err, ERR_IO,
              "could not write the journal 'steward.db': database is locked");
    CHECK_INT(sqlite3_close(other), SQLITE_OK);
}

static bool see_run(void *ctx UNUSED, const struct run *run UNUSED)
{
    return true;
}

static bool see_change(void *ctx UNUSED, const struct change_row *row UNUSED)
{
    return true;
}

static bool see_state(void *ctx UNUSED, uint64_t seq UNUSED, enum change_state state UNUSED)
{
    return true;
}

static bool see_entry(void *ctx UNUSED, uint64_t seq UNUSED, str body UNUSED)
{
    return true;
}

static bool see_pair(void *ctx UNUSED, str a UNUSED, str b UNUSED)
{
    return true;
}

/* How many of the readers fail, each with ERR_CORRUPT. */
static int count_failing_readers(struct journal *journal)
{
    struct arena arena = {0};
    struct err err[11] = {0};
    struct run run;
    struct change_row row;
    int64_t id;
    struct audit_walk walk = {0};
    bool found;
    int failing = 0;
    const bool results[] = {
        journal_run_last(journal, &id, &err[0]),
        journal_run_get(journal, 1, &arena, &run, &err[1]),
        journal_run_each(journal, see_run, NULL, &err[2]),
        journal_change_each(journal, 1, see_change, NULL, &err[3]),
        journal_state_each(journal, 1, see_state, NULL, &err[4]),
        journal_change_get(journal, 1, 7, &row, &found, &err[5]),
        journal_stat_each(journal, 1, see_pair, NULL, &err[6]),
        journal_audit_each(journal, 0, see_entry, NULL, &err[7]),
        journal_audit_each(journal, 1, see_entry, NULL, &err[8]),
        journal_audit_verify(journal, &walk, &err[9]),
        journal_memory_each(journal, STR(""), see_pair, NULL, &err[10]),
    };
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        failing += results[i] ? 0 : 1;
        CHECK(results[i] || err[i].kind == ERR_CORRUPT);
        CHECK(results[i] || strcmp(err[i].hint, damaged_hint) == 0);
    }
    arena_done(&arena);
    return failing;
}

/* Too large for the check at the start: damage is found where it is met, and nowhere else. */
static void damage_in_a_large_journal_is_met_on_the_way(void)
{
    struct err err;
    AUTO_BUF struct buf good = {0};
    struct journal *journal = open_journal(JOURNAL_WRITE);
    (void)new_run(journal, 30000);
    journal_audit(journal, 1, "note", STR("{}"));
    CHECK_OK(journal_memory_put(journal, STR("a"), STR("b"), &err), err);
    journal_close(journal);
    (void)sql(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 19999) "
        "INSERT INTO change SELECT 1, i, zeroblob(16), 'skipped', 0, 0, 0, 0, '', "
        "printf('%200c', 'x'), '', '' FROM n;"
        "INSERT INTO tally VALUES (1, 'skipped', 20000); INSERT INTO stat VALUES (1, 's', '{}')");
    CHECK_OK(fs_read(AT_FDCWD, db_path(), &good, &err), err);
    CHECK(good.len > 1100 * 4096);
    journal = open_journal(JOURNAL_READ);
    CHECK_INT(count_failing_readers(journal), 0);
    journal_close(journal);
    int met = 0;
    for (size_t page = 1; page < 12; page++) { /* the tables' first pages */
        AUTO_BUF struct buf bad = {0};
        buf_adds(&bad, buf_str(&good));
        memset(bad.ptr + page * 4096, 0x5a, 4096);
        write_db(buf_str(&bad));
        CHECK_OK((journal = journal_open(db_path(), JOURNAL_READ, &fixed, &err)) != NULL, err);
        int failing = journal != NULL ? count_failing_readers(journal) : 0;
        CHECK(failing < 8); /* the other tables are sound */
        met += failing != 0 ? 1 : 0;
        journal_close(journal);
    }
    CHECK(met >= 7);
    /* a row in the middle */
    memset(good.ptr + good.len / 2 / 4096 * 4096, 0x5a, 4096);
    write_db(buf_str(&good));
    journal = open_journal(JOURNAL_READ);
    CHECK_INT(count_failing_readers(journal), 2); /* all changes, all states */
    journal_close(journal);
    journal = open_journal(JOURNAL_WRITE);
    CHECK_ERR(
        journal_change_each(journal, 1, see_change, NULL, &err), err, ERR_CORRUPT,
        "could not read the journal 'steward.db': it is damaged: database disk image is malformed");
    CHECK(!err.fatal);
    journal_close(journal);
}

static void tables_that_vanish_are_damage(void)
{
    struct err err;
    AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
    (void)new_run(journal, 3);
    (void)sql(
        "DROP TABLE run; DROP TABLE tally; DROP TABLE change; DROP TABLE stat; DROP TABLE audit; "
        "DROP TABLE memory");
    CHECK_INT(count_failing_readers(journal), 11);
    CHECK_ERR(
        journal_run_move(journal, 1, RUN_APPLYING, NULL, &err), err, ERR_CORRUPT,
        "could not read the journal 'steward.db': it is damaged: its tables are not those of a "
        "steward journal");
    CHECK(err.fatal);
}

/* Every kind of request meets a lost table: fatal, and nothing else happens. */
static void each_request_fails_on_a_lost_table(void)
{
    static const struct {
        const char *table;
        int request;
    } cases[] = {{"run", 0},    {"audit", 0},  {"run", 1},  {"audit", 2},  {"tally", 3},
                 {"change", 3}, {"change", 4}, {"stat", 5}, {"memory", 6}, {"audit_head", 2}};
    struct plan_totals totals = {.changes = 1};
    struct run fresh = {.job = "merge", .options = STR("{}")};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        char drop[64];
        int64_t id = 0;
        (void)unlink(db_path());
        AUTO(journal_close) struct journal *journal = open_journal(JOURNAL_WRITE);
        (void)new_run(journal, 3);
        (void)snprintf(drop, sizeof(drop), "DROP TABLE %s", cases[i].table);
        (void)sql(drop);
        bool ok = true;
        if (cases[i].request == 0) {
            ok = journal_run_new(journal, &fresh, &id, &err);
        } else if (cases[i].request == 1) {
            ok = journal_run_planned(journal, 1, "p", &totals, STR_NONE, &err);
        } else if (cases[i].request == 2) {
            ok = journal_run_move(journal, 1, RUN_APPLYING, NULL, &err);
        } else if (cases[i].request == 3) {
            ok = move(journal, 1, 0, CHANGE_PLANNED, CHANGE_SKIPPED, &err);
        } else if (cases[i].request == 4) {
            ok = journal_acknowledge(journal, 1, 0, &err);
        } else if (cases[i].request == 5) {
            journal_stat(journal, 1, "s", STR("{}"));
            ok = journal_memory_put(journal, STR("k"), STR("v"), &err);
        } else {
            ok = journal_memory_put(journal, STR("k"), STR("v"), &err);
        }
        CHECK(!ok);
        CHECK(err.fatal);
        CHECK_STR(err.message,
                  "could not read the journal 'steward.db': it is damaged: its tables are "
                  "not those of a steward journal");
        CHECK(!journal_memory_put(journal, STR("k"), STR("v"), &err));
        CHECK_STR(err.message,
                  "could not read the journal 'steward.db': it is damaged: its tables are "
                  "not those of a steward journal");
    }
}

TAP_MAIN(TAP_TEST(run_lives_from_planning_to_undone), TAP_TEST(refused_run_moves_say_why),
         TAP_TEST(runs_are_listed_oldest_first), TAP_TEST(allowed_moves_are_those_of_the_contract),
         TAP_TEST(a_change_keeps_what_it_is_not_given), TAP_TEST(long_error_is_cut_on_reading),
         TAP_TEST(refused_moves_say_why_and_touch_nothing),
         TAP_TEST(changes_come_in_order_of_the_plan), TAP_TEST(states_alone_come_in_the_same_order),
         TAP_TEST(a_callback_may_call_the_journal), TAP_TEST(sixteen_threads_share_the_journal),
         TAP_TEST(every_move_is_in_the_audit_trail_in_order),
         TAP_TEST(what_nobody_waits_for_is_written_at_the_end_too),
         TAP_TEST(what_nobody_waits_for_is_soon_on_the_disk),
         TAP_TEST(tampering_with_the_audit_trail_is_found),
         TAP_TEST(a_state_that_is_not_the_trail_s_is_found),
         TAP_TEST(the_chain_is_sha256_over_hash_and_body),
         TAP_TEST(stat_is_replaced_by_its_session), TAP_TEST(memory_is_kept_by_key),
         TAP_TEST(many_are_put_at_once), TAP_TEST(many_moves_are_judged_one_by_one),
         TAP_TEST(reader_works_beside_a_writer_and_cannot_write), TAP_TEST(files_are_private),
         TAP_TEST(killed_before_commit_nothing_is_there), TAP_TEST(killed_after_commit_it_is_there),
         TAP_TEST(a_failed_commit_ends_it), TAP_TEST(a_full_disk_loses_nothing_that_was_told),
         TAP_TEST(a_read_only_workspace_can_be_read), TAP_TEST(missing_and_empty_are_told_apart),
         TAP_TEST(a_newer_journal_is_refused), TAP_TEST(other_files_are_not_journals),
         TAP_TEST(a_missing_table_is_damage), TAP_TEST(a_lost_audit_head_is_damage),
         TAP_TEST(strange_rows_are_damage), TAP_TEST(overwritten_pages_are_noticed),
         TAP_TEST(a_journal_without_room_for_its_shm_can_be_read),
         TAP_TEST(a_flood_of_audit_entries_is_bounded), TAP_TEST(another_writer_is_told),
         TAP_TEST(another_writer_of_an_empty_file_is_told),
         TAP_TEST(damage_in_a_large_journal_is_met_on_the_way),
         TAP_TEST(tables_that_vanish_are_damage), TAP_TEST(each_request_fails_on_a_lost_table))
