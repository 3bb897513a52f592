/* SPDX-License-Identifier: MIT */
/*
 * Reading the audit trail, and holding it against the tables.
 */
#include <stdio.h>

#include "base/num.h"
#include "store/audit_last.h"
#include "store/journal_impl.h"

bool journal_audit_each(struct journal *journal, int64_t run,
                        bool (*each)(void *ctx, uint64_t seq, str body), void *ctx, struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    sqlite3_stmt *stmt = journal_db_stmt(db, run != 0 ? SQL_AUDIT_RUN : SQL_AUDIT_ALL, err);
    bool ok = stmt != NULL;
    bool row = ok;
    if (ok && run != 0) {
        journal_bind_int(stmt, 1, run);
    }
    while (row && (ok = journal_db_step(db, stmt, &row, err)) && row) {
        row = each(ctx, (uint64_t)sqlite3_column_int64(stmt, 0), journal_text(stmt, 1));
    }
    journal_reader_give(journal, db);
    return ok;
}

/* Entries and head as of the moment at which the connection's transaction began. */
static bool walk_entries(struct journal_db *db, struct audit_walk *walk, struct audit_last *last,
                         struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_AUDIT_ALL, err);
    bool row = stmt != NULL;
    bool ok = row;
    while (row && (ok = journal_db_step(db, stmt, &row, err)) && row) {
        str body = journal_text(stmt, 1);
        audit_walk_add(walk, (uint64_t)sqlite3_column_int64(stmt, 0), sqlite3_column_int64(stmt, 3),
                       body, journal_text(stmt, 2));
        if (last != NULL && walk->broken == 0 && !audit_last_entry(last, walk->entries, body)) {
            return journal_db_damaged(db, "an entry of its audit trail cannot be read", err);
        }
    }
    if (!ok || (stmt = journal_db_stmt(db, SQL_AUDIT_HEAD, err)) == NULL ||
        !journal_db_step(db, stmt, &row, err)) {
        return false;
    }
    audit_walk_end(walk, row ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0,
                   row ? journal_text(stmt, 1) : STR_NONE);
    return true;
}

static bool compare_runs(struct journal_db *db, struct audit_last *last, struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_RUN_ALL, err);
    bool row = stmt != NULL;
    bool ok = row;
    while (row && (ok = journal_db_step(db, stmt, &row, err)) && row) {
        enum run_state state;
        char hex[SHA256_HEX] = "";
        str hash = journal_text(stmt, 7);
        if (!run_state_parse(journal_text(stmt, 1), &state)) {
            return journal_db_damaged(db, "a run is in an unknown state", err);
        }
        if (hash.len == SHA256_BYTES) {
            num_hex((const uint8_t *)hash.ptr, SHA256_BYTES, hex);
        }
        audit_last_run(last, sqlite3_column_int64(stmt, 0), state, str_of(hex));
    }
    return ok;
}

static bool compare_changes(struct journal_db *db, struct audit_last *last, struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_CHANGE_WORDS, err);
    bool row = stmt != NULL;
    bool ok = row;
    while (row && (ok = journal_db_step(db, stmt, &row, err)) && row) {
        enum change_state state;
        str id = journal_text(stmt, 1);
        if (id.len != CHANGE_ID_BYTES || !change_state_parse(journal_text(stmt, 2), &state)) {
            return journal_db_damaged(db, "a change is in an unknown state", err);
        }
        audit_last_change(last, sqlite3_column_int64(stmt, 0), (const uint8_t *)id.ptr, state);
    }
    stmt = ok ? journal_db_stmt(db, SQL_TALLY_ALL, err) : NULL;
    row = stmt != NULL;
    ok = row;
    while (row && (ok = journal_db_step(db, stmt, &row, err)) && row) {
        enum change_state state;
        if (!change_state_parse(journal_text(stmt, 1), &state)) {
            return journal_db_damaged(db, "a count is of an unknown state", err);
        }
        audit_last_tally(last, sqlite3_column_int64(stmt, 0), state,
                         (uint64_t)sqlite3_column_int64(stmt, 2));
    }
    return ok;
}

bool journal_audit_verify(struct journal *journal, struct audit_walk *ret, struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    struct audit_walk walk = {0};
    bool ok = journal_db_simple(db, SQL_BEGIN, err) && walk_entries(db, &walk, NULL, err);
    if (ok) {
        *ret = walk;
    }
    journal_reader_give(journal, db);
    return ok;
}

bool journal_audit_compare(struct journal *journal, const uint8_t *noted, struct audit_walk *ret,
                           struct audit_difference *ret_difference, struct err *err)
{
    struct journal_db *db = journal_reader_take(journal, err);
    if (db == NULL) {
        return false;
    }
    AUTO(audit_last_free) struct audit_last *last = audit_last_new();
    struct audit_walk walk = {.noted = noted};
    const char *first = "";
    uint64_t count = 0;
    bool ok = journal_db_simple(db, SQL_BEGIN, err) && walk_entries(db, &walk, last, err);
    if (ok && walk.broken == 0) { /* a broken trail vouches for nothing */
        ok = compare_runs(db, last, err) && compare_changes(db, last, err);
        count = audit_last_end(last, &first);
    }
    if (ok) {
        *ret = walk;
        ret_difference->count = count;
        (void)snprintf(ret_difference->first, sizeof(ret_difference->first), "%s", first);
    }
    journal_reader_give(journal, db);
    return ok;
}
