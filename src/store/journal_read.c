/* SPDX-License-Identifier: MIT */
/*
 * Reading: a small pool of read-only connections. A caller takes one out for the time of its call,
 * so no lock is held while a callback runs, and a callback that reads again gets another
 * connection.
 */
#include <stdio.h>

#include "store/journal_impl.h"

struct journal_db *journal_reader_take(struct journal *journal, struct err *err)
{
    pthread_mutex_lock(&journal->readers_lock);
    struct journal_db *db = journal->idle_readers;
    if (db != NULL) {
        journal->idle_readers = db->next;
    }
    pthread_mutex_unlock(&journal->readers_lock);
    return db != NULL ? db : journal_db_open(journal->path, false, true, err);
}

void journal_reader_give(struct journal *journal, struct journal_db *db)
{
    /* A statement left in mid-way would hold its snapshot, and the WAL could not be reused. */
    for (sqlite3_stmt *stmt = sqlite3_next_stmt(db->db, NULL); stmt != NULL;
         stmt = sqlite3_next_stmt(db->db, stmt)) {
        (void)sqlite3_reset(stmt); /* its error was told */
    }
    if (sqlite3_get_autocommit(db->db) == 0) {
        (void)sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL); /* ending a read cannot fail */
    }
    pthread_mutex_lock(&journal->readers_lock);
    db->next = journal->idle_readers;
    journal->idle_readers = db;
    pthread_mutex_unlock(&journal->readers_lock);
}

void journal_readers_close(struct journal *journal)
{
    while (journal->idle_readers != NULL) {
        struct journal_db *db = journal->idle_readers;
        journal->idle_readers = db->next;
        journal_db_close(db);
    }
}

/* A number that the writer only ever makes 0 or more. */
static bool column_count(struct journal_db *db, sqlite3_stmt *stmt, int column, uint64_t *ret,
                         struct err *err)
{
    int64_t value = sqlite3_column_int64(stmt, column);
    if (value < 0) {
        return journal_db_damaged(db, "a count is negative", err);
    }
    *ret = (uint64_t)value;
    return true;
}

static void copy_text(char *to, size_t size, str s)
{
    bool cut = s.len >= size;
    size_t len = cut ? size - 1 : s.len;
    memcpy(to, s.ptr, len);
    to[len] = '\0';
    if (cut && size > 4) {
        memcpy(to + size - 4, "...", 3);
    }
}

/* --- runs ------------------------------------------------------------------------------------- */

/* In the order of RUN_COLUMNS. `options` stays SQLite's. */
static bool read_run_row(struct journal_db *db, sqlite3_stmt *stmt, struct run *ret,
                         struct err *err)
{
    struct run run = {
        .id = sqlite3_column_int64(stmt, 0),
        .options = journal_text(stmt, 5),
        .planned_at_ms = sqlite3_column_int64(stmt, 11),
        .started_at_ms = sqlite3_column_int64(stmt, 12),
        .finished_at_ms = sqlite3_column_int64(stmt, 13),
    };
    if (!run_state_parse(journal_text(stmt, 1), &run.state)) {
        return journal_db_damaged(db, "a run is in an unknown state", err);
    }
    copy_text(run.job, sizeof(run.job), journal_text(stmt, 2));
    copy_text(run.rules, sizeof(run.rules), journal_text(stmt, 3));
    copy_text(run.source, sizeof(run.source), journal_text(stmt, 4));
    copy_text(run.plan_path, sizeof(run.plan_path), journal_text(stmt, 6));
    copy_text(run.stop_reason, sizeof(run.stop_reason), journal_text(stmt, 14));
    run.has_plan = sqlite3_column_type(stmt, 7) != SQLITE_NULL;
    str hash = journal_text(stmt, 7);
    if (run.has_plan && hash.len != SHA256_BYTES) {
        return journal_db_damaged(db, "a plan's hash has a wrong length", err);
    }
    memcpy(run.plan.hash, hash.ptr, run.has_plan ? SHA256_BYTES : 0);
    if (!column_count(db, stmt, 8, &run.plan.changes, err) ||
        !column_count(db, stmt, 9, &run.plan.review, err) ||
        !column_count(db, stmt, 10, &run.plan.bad, err)) {
        return false;
    }
    *ret = run;
    return true;
}

static bool read_tally(struct journal_db *db, struct run *run, struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_TALLY_GET, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, run->id);
    uint64_t left = run->plan.changes;
    bool row;
    while (journal_db_step(db, stmt, &row, err)) {
        if (!row) {
            run->counts[CHANGE_PLANNED] = left;
            return true;
        }
        enum change_state state;
        uint64_t n = 0;
        if (!change_state_parse(journal_text(stmt, 0), &state) || state == CHANGE_PLANNED) {
            return journal_db_damaged(db, "a tally is of an unknown state", err);
        }
        if (!column_count(db, stmt, 1, &n, err)) {
            return false;
        }
        if (n > left) {
            return journal_db_damaged(db, "a run counts more changes than its plan holds", err);
        }
        run->counts[state] = n;
        left -= n;
    }
    return false;
}

static bool run_get(struct journal_db *db, int64_t id, struct arena *arena, struct run *ret,
                    struct err *err)
{
    if (!journal_db_simple(db, SQL_BEGIN, err)) { /* run and tally of one moment */
        return false;
    }
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_RUN_GET, err);
    bool row;
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, id);
    if (!journal_db_step(db, stmt, &row, err)) {
        return false;
    }
    if (!row) {
        (void)err_set(err, ERR_NOT_FOUND, "could not find run %lld in the journal", (long long)id);
        return err_hint(err, "`steward runs` lists the runs of this workspace.");
    }
    struct run run = {0};
    if (!read_run_row(db, stmt, &run, err) || !read_tally(db, &run, err)) {
        return false;
    }
    run.options = str_dup(arena, run.options);
    *ret = run;
    return true;
}

bool journal_run_get(struct journal *journal, int64_t id, struct arena *arena, struct run *ret,
                     struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    bool ok = run_get(db, id, arena, ret, err);
    journal_reader_give(journal, db);
    return ok;
}

static bool run_last(struct journal_db *db, int64_t *ret, struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_RUN_LAST, err);
    bool row;
    if (stmt == NULL || !journal_db_step(db, stmt, &row, err)) {
        return false;
    }
    int64_t id = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt); /* a SELECT that gave its row */
    if (id == 0) {
        (void)err_set(err, ERR_NOT_FOUND, "could not find the last run: there is none yet");
        return err_hint(err, "Plan one first, for instance with `steward merge --csv FILE`.");
    }
    *ret = id;
    return true;
}

bool journal_run_last(struct journal *journal, int64_t *ret_id, struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    bool ok = run_last(db, ret_id, err);
    journal_reader_give(journal, db);
    return ok;
}

static bool run_each(struct journal_db *db, bool (*each)(void *ctx, const struct run *run),
                     void *ctx, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    if (!journal_db_simple(db, SQL_BEGIN, err) ||
        (stmt = journal_db_stmt(db, SQL_RUN_ALL, err)) == NULL) {
        return false;
    }
    bool row;
    while (journal_db_step(db, stmt, &row, err)) {
        struct run run = {0};
        if (!row) {
            return true;
        }
        if (!read_run_row(db, stmt, &run, err) || !read_tally(db, &run, err)) {
            return false;
        }
        if (!each(ctx, &run)) {
            return true;
        }
    }
    return false;
}

bool journal_run_each(struct journal *journal, bool (*each)(void *ctx, const struct run *run),
                      void *ctx, struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    bool ok = run_each(db, each, ctx, err);
    journal_reader_give(journal, db);
    return ok;
}

/* --- changes ---------------------------------------------------------------------------------- */

static bool parse_err_kind(str name, enum err_kind *ret)
{
    *ret = ERR_NONE;
    for (int kind = 0; name.len != 0 && kind < ERR_KIND_COUNT; kind++) {
        if (str_eqz(name, err_kind_name((enum err_kind)kind))) {
            *ret = (enum err_kind)kind;
            return true;
        }
    }
    return name.len == 0;
}

/* In the order of CHANGE_COLUMNS. */
static bool read_change_row(struct journal_db *db, sqlite3_stmt *stmt, struct change_row *row,
                            struct err *err)
{
    str id = journal_text(stmt, 1);
    if (id.len != CHANGE_ID_BYTES || !change_state_parse(journal_text(stmt, 2), &row->state) ||
        !parse_err_kind(journal_text(stmt, 7), &row->error_kind)) {
        return journal_db_damaged(db, "a change is in an unknown state", err);
    }
    if (!column_count(db, stmt, 0, &row->seq, err)) {
        return false;
    }
    memcpy(row->id, id.ptr, CHANGE_ID_BYTES);
    row->acknowledged = sqlite3_column_int(stmt, 3) != 0;
    row->attempts = sqlite3_column_int(stmt, 4);
    row->sent_at_ms = sqlite3_column_int64(stmt, 5);
    row->updated_at_ms = sqlite3_column_int64(stmt, 6);
    copy_text(row->error, sizeof(row->error), journal_text(stmt, 8));
    copy_text(row->backup, sizeof(row->backup), journal_text(stmt, 9));
    copy_text(row->detail, sizeof(row->detail), journal_text(stmt, 10));
    return true;
}

static bool change_each(struct journal_db *db, int64_t run,
                        bool (*each)(void *ctx, const struct change_row *row), void *ctx,
                        struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_CHANGE_ALL, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, run);
    struct change_row change;
    bool row;
    while (journal_db_step(db, stmt, &row, err)) {
        if (row && !read_change_row(db, stmt, &change, err)) {
            return false;
        }
        if (!row || !each(ctx, &change)) {
            return true;
        }
    }
    return false;
}

bool journal_change_each(struct journal *journal, int64_t run,
                         bool (*each)(void *ctx, const struct change_row *row), void *ctx,
                         struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    bool ok = change_each(db, run, each, ctx, err);
    journal_reader_give(journal, db);
    return ok;
}

static bool state_each(struct journal_db *db, int64_t run,
                       bool (*each)(void *ctx, uint64_t seq, enum change_state state), void *ctx,
                       struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_CHANGE_STATES, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, run);
    bool row;
    while (journal_db_step(db, stmt, &row, err)) {
        enum change_state state;
        uint64_t seq = 0;
        if (!row) {
            return true;
        }
        if (!change_state_parse(journal_text(stmt, 1), &state)) {
            return journal_db_damaged(db, "a change is in an unknown state", err);
        }
        if (!column_count(db, stmt, 0, &seq, err)) {
            return false;
        }
        if (!each(ctx, seq, state)) {
            return true;
        }
    }
    return false;
}

bool journal_state_each(struct journal *journal, int64_t run,
                        bool (*each)(void *ctx, uint64_t seq, enum change_state state), void *ctx,
                        struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    bool ok = state_each(db, run, each, ctx, err);
    journal_reader_give(journal, db);
    return ok;
}

bool journal_change_get(struct journal *journal, int64_t run, uint64_t seq, struct change_row *ret,
                        bool *ret_found, struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_CHANGE_GET, err);
    bool found = false;
    bool ok = stmt != NULL;
    if (ok) {
        journal_bind_int(stmt, 1, run);
        journal_bind_int(stmt, 2, (int64_t)seq);
        ok = journal_db_step(db, stmt, &found, err) &&
             (!found || read_change_row(db, stmt, ret, err));
    }
    if (ok) {
        *ret_found = found;
    }
    journal_reader_give(journal, db);
    return ok;
}

/* --- statistics, memory -----------------------------------------------------------------
 */

bool journal_stat_each(struct journal *journal, int64_t run,
                       bool (*each)(void *ctx, str session, str json), void *ctx, struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_STAT_ALL, err);
    bool ok = stmt != NULL;
    bool row = ok;
    if (ok) {
        journal_bind_int(stmt, 1, run);
    }
    while (row && (ok = journal_db_step(db, stmt, &row, err)) && row) {
        row = each(ctx, journal_text(stmt, 0), journal_text(stmt, 1));
    }
    journal_reader_give(journal, db);
    return ok;
}

bool journal_memory_each(struct journal *journal, str prefix,
                         bool (*each)(void *ctx, str key, str value), void *ctx, struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_MEMORY_ALL, err);
    bool ok = stmt != NULL;
    bool row = ok;
    if (ok) {
        journal_bind_text(stmt, 1, prefix);
    }
    while (row && (ok = journal_db_step(db, stmt, &row, err)) && row) {
        str key = journal_text(stmt, 0);
        row = str_starts(key, prefix) && each(ctx, key, journal_text(stmt, 1));
    }
    journal_reader_give(journal, db);
    return ok;
}
