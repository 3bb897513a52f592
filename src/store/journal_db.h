/* SPDX-License-Identifier: MIT */
/*
 * One connection to the journal with its prepared statements: what journal.c, journal_read.c and
 * journal_write.c share. Private to the journal; one thread at a time.
 */
#ifndef STEWARD_STORE_JOURNAL_DB_H
#define STEWARD_STORE_JOURNAL_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

#define RUN_COLUMNS                                                                                \
    "id, state, job, rules, source, options, plan_path, plan_hash, plan_changes, plan_review, "    \
    "plan_bad, planned_at_ms, started_at_ms, finished_at_ms, stop_reason"
#define CHANGE_COLUMNS                                                                             \
    "seq, id, state, acknowledged, attempts, sent_at_ms, updated_at_ms, error_kind, error, "       \
    "backup, detail"

#define JOURNAL_STATEMENTS(X)                                                                      \
    X(SQL_BEGIN, "BEGIN")                                                                          \
    X(SQL_BEGIN_WRITE, "BEGIN IMMEDIATE")                                                          \
    X(SQL_COMMIT, "COMMIT")                                                                        \
    X(SQL_ROLLBACK, "ROLLBACK")                                                                    \
    X(SQL_RUN_GET, "SELECT " RUN_COLUMNS " FROM run WHERE id = ?1")                                \
    X(SQL_RUN_LAST, "SELECT max(id) FROM run")                                                     \
    X(SQL_RUN_ALL, "SELECT " RUN_COLUMNS " FROM run ORDER BY id")                                  \
    X(SQL_TALLY_GET, "SELECT state, n FROM tally WHERE run = ?1")                                  \
    X(SQL_CHANGE_GET, "SELECT " CHANGE_COLUMNS " FROM change WHERE run = ?1 AND seq = ?2")         \
    X(SQL_CHANGE_ALL, "SELECT " CHANGE_COLUMNS " FROM change WHERE run = ?1 ORDER BY seq")         \
    X(SQL_CHANGE_STATES, "SELECT seq, state FROM change WHERE run = ?1 ORDER BY seq")              \
    X(SQL_CHANGE_WORDS, "SELECT run, id, state FROM change")                                       \
    X(SQL_TALLY_ALL, "SELECT run, state, n FROM tally")                                            \
    X(SQL_STAT_ALL, "SELECT session, json FROM stat WHERE run = ?1 ORDER BY session")              \
    X(SQL_AUDIT_ALL, "SELECT seq, body, hash, run FROM audit ORDER BY seq")                        \
    X(SQL_AUDIT_RUN, "SELECT seq, body, hash FROM audit WHERE run = ?1 ORDER BY seq")              \
    X(SQL_AUDIT_HEAD, "SELECT seq, hash FROM audit_head WHERE one = 1")                            \
    X(SQL_MEMORY_ALL, "SELECT key, value FROM memory WHERE key >= ?1 ORDER BY key")                \
    X(SQL_RUN_NEW,                                                                                 \
      "INSERT INTO run (state, job, rules, source, options) VALUES (?1, ?2, ?3, ?4, ?5)")          \
    X(SQL_RUN_PLANNED,                                                                             \
      "UPDATE run SET state = ?2, plan_path = ?3, plan_hash = ?4, plan_changes = ?5, "             \
      "plan_review = ?6, plan_bad = ?7, planned_at_ms = ?8, options = coalesce(?9, options) "      \
      "WHERE id = ?1")                                                                             \
    X(SQL_RUN_MOVE,                                                                                \
      "UPDATE run SET state = ?2, stop_reason = ?3, started_at_ms = ?4, finished_at_ms = ?5 "      \
      "WHERE id = ?1")                                                                             \
    X(SQL_CHANGE_PUT,                                                                              \
      "INSERT INTO change (run, seq, id, state, acknowledged, attempts, sent_at_ms, "              \
      "updated_at_ms, error_kind, error, backup, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "     \
      "?8, ?9, ?10, coalesce(?11, ''), coalesce(?12, '')) "                                        \
      "ON CONFLICT (run, seq) DO UPDATE SET state = ?4, acknowledged = ?5, "                       \
      "attempts = attempts + ?6, sent_at_ms = CASE ?7 WHEN 0 THEN sent_at_ms ELSE ?7 END, "        \
      "updated_at_ms = ?8, error_kind = ?9, error = ?10, backup = coalesce(?11, backup), "         \
      "detail = coalesce(?12, detail)")                                                            \
    X(SQL_CHANGE_ACK,                                                                              \
      "UPDATE change SET acknowledged = 1, updated_at_ms = ?3 WHERE run = ?1 AND seq = ?2")        \
    X(SQL_TALLY_ADD, "INSERT INTO tally (run, state, n) VALUES (?1, ?2, ?3) "                      \
                     "ON CONFLICT (run, state) DO UPDATE SET n = n + ?3")                          \
    X(SQL_STAT_PUT, "INSERT INTO stat (run, session, json) VALUES (?1, ?2, ?3) "                   \
                    "ON CONFLICT (run, session) DO UPDATE SET json = ?3")                          \
    X(SQL_AUDIT_ADD, "INSERT INTO audit (seq, run, body, hash) VALUES (?1, ?2, ?3, ?4)")           \
    X(SQL_AUDIT_HEAD_PUT, "UPDATE audit_head SET seq = ?1, hash = ?2 WHERE one = 1")               \
    X(SQL_MEMORY_PUT, "INSERT INTO memory (key, value) VALUES (?1, ?2) "                           \
                      "ON CONFLICT (key) DO UPDATE SET value = ?2")                                \
    X(SQL_MEMORY_DROP, "DELETE FROM memory WHERE key = ?1")

enum journal_sql {
#define X(name, text) name,
    JOURNAL_STATEMENTS(X)
#undef X
        SQL_COUNT
};

struct journal_db {
    sqlite3 *db;
    char *name; /* the file's name, for errors */
    bool writes;
    sqlite3_stmt *stmts[SQL_COUNT];
    struct journal_db *next; /* in the journal's list of idle readers */
};

/* Opens the file and checks that it is a steward journal of this version and not damaged; the
 * writing one makes the tables in an empty file. `known`: another connection has checked it
 * already. */
struct journal_db *journal_db_open(const char *path, bool writes, bool known,
                                   struct err *err) MUST_CHECK;
void journal_db_close(struct journal_db *db);
DEFINE_AUTO(struct journal_db, journal_db_close)

/* A statement, prepared once and reset: bind, then step. NULL: the error is set. */
sqlite3_stmt *journal_db_stmt(struct journal_db *db, enum journal_sql which, struct err *err);

/* Steps a statement that gives no rows. */
bool journal_db_run(struct journal_db *db, sqlite3_stmt *stmt, struct err *err) MUST_CHECK;
/* One step: *ret_row false at the end. */
bool journal_db_step(struct journal_db *db, sqlite3_stmt *stmt, bool *ret_row,
                     struct err *err) MUST_CHECK;
/* BEGIN, COMMIT and the like. */
bool journal_db_simple(struct journal_db *db, enum journal_sql which, struct err *err) MUST_CHECK;

/* The error of SQLite's code `rc` as ours. Damage is ERR_CORRUPT. Of the writing connection: fatal.
 */
bool journal_db_fail(struct journal_db *db, int rc, struct err *err);
/* ERR_CORRUPT because of what a row holds. */
bool journal_db_damaged(const struct journal_db *db, const char *what, struct err *err);

/* Binding and reading; texts are bound without a copy and must live until the step. */
void journal_bind_text(sqlite3_stmt *stmt, int at, str s);
void journal_bind_int(sqlite3_stmt *stmt, int at, int64_t value);
str journal_text(sqlite3_stmt *stmt, int column);

#endif
