/* SPDX-License-Identifier: MIT */
#include "store/journal_db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "store/disk.h"

enum {
    SCHEMA_VERSION = 1,
    APPLICATION_ID = 0x53545744, /* "STWD" */
    BUSY_MS = 2000,
    /* Small enough to be read through at every start (a few milliseconds); a larger one is checked
     * page by page as it is used. */
    QUICK_CHECK_PAGES = 1024,
};

#define DAMAGED_HINT                                                                               \
    "Copy 'steward.db*' aside and keep it: it says what was sent. Then put back a copy from "      \
    "before, "                                                                                     \
    "or try `sqlite3 steward.db .recover`."

static const char *const statements[] = {
#define X(name, text) text,
    JOURNAL_STATEMENTS(X)
#undef X
};

static const char schema[] =
    "CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, state TEXT NOT NULL, job TEXT NOT "
    "NULL, "
    "rules TEXT NOT NULL, source TEXT NOT NULL, options TEXT NOT NULL, plan_path TEXT, "
    "plan_hash BLOB, plan_changes INTEGER NOT NULL DEFAULT 0, plan_review INTEGER NOT NULL DEFAULT "
    "0, "
    "plan_bad INTEGER NOT NULL DEFAULT 0, planned_at_ms INTEGER NOT NULL DEFAULT 0, "
    "started_at_ms INTEGER NOT NULL DEFAULT 0, finished_at_ms INTEGER NOT NULL DEFAULT 0, "
    "stop_reason TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE TABLE change (run INTEGER NOT NULL, seq INTEGER NOT NULL, id BLOB NOT NULL, "
    "state TEXT NOT NULL, acknowledged INTEGER NOT NULL, attempts INTEGER NOT NULL, "
    "sent_at_ms INTEGER NOT NULL, updated_at_ms INTEGER NOT NULL, error_kind TEXT NOT NULL, "
    "error TEXT NOT NULL, backup TEXT NOT NULL, detail TEXT NOT NULL, PRIMARY KEY (run, seq)) "
    "STRICT, WITHOUT ROWID;"
    "CREATE TABLE tally (run INTEGER NOT NULL, state TEXT NOT NULL, n INTEGER NOT NULL, "
    "PRIMARY KEY (run, state)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE stat (run INTEGER NOT NULL, session TEXT NOT NULL, json TEXT NOT NULL, "
    "PRIMARY KEY (run, session)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE audit (seq INTEGER PRIMARY KEY, run INTEGER NOT NULL, body TEXT NOT NULL, "
    "hash BLOB NOT NULL) STRICT;"
    "CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, "
    "hash BLOB NOT NULL) STRICT;"
    "INSERT INTO audit_head VALUES (1, 0, zeroblob(32));"
    "CREATE TABLE memory (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;";

bool journal_db_damaged(const struct journal_db *db, const char *what, struct err *err)
{
    (void)err_set(err, ERR_CORRUPT, "could not read the journal '%s': it is damaged: %s", db->name,
                  what);
    if (err != NULL) {
        err->fatal = db->writes;
    }
    return err_hint(err, DAMAGED_HINT);
}

bool journal_db_fail(struct journal_db *db, int rc, struct err *err)
{
    int os_errno = db->db != NULL ? sqlite3_system_errno(db->db) : 0;
    int primary = rc & 0xff;
    const char *what = db->writes ? "write" : "read";
    if (primary == SQLITE_NOTADB) {
        (void)err_set(err, ERR_CORRUPT,
                      "could not open the journal '%s': it is not a steward journal", db->name);
        (void)err_hint(err, "Move the file away, or use another --workspace.");
    } else if (primary == SQLITE_CORRUPT) {
        (void)journal_db_damaged(db, sqlite3_errstr(rc), err);
    } else if (primary == SQLITE_ERROR) { /* our texts are right, so a table or column is missing */
        (void)journal_db_damaged(db, "its tables are not those of a steward journal", err);
    } else {
        (void)err_set(err, ERR_IO, "could not %s the journal '%s': %s", what, db->name,
                      primary == SQLITE_IOERR && os_errno != 0 ? err_errno_text(os_errno)
                                                               : sqlite3_errstr(rc));
        if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
            (void)err_hint(err, "Another program holds the file open for writing; end it.");
        }
    }
    if (err != NULL) {
        err->fatal = db->writes;
        err->os_errno = primary == SQLITE_FULL ? ENOSPC : os_errno;
    }
    return disk_hint(err);
}

sqlite3_stmt *journal_db_stmt(struct journal_db *db, enum journal_sql which, struct err *err)
{
    if (db->stmts[which] == NULL) {
        int rc = sqlite3_prepare_v3(db->db, statements[which], -1, SQLITE_PREPARE_PERSISTENT,
                                    &db->stmts[which], NULL);
        if (rc != SQLITE_OK) {
            (void)journal_db_fail(db, rc, err);
            return NULL;
        }
    }
    (void)sqlite3_reset(db->stmts[which]); /* tells the last step's error again, which was seen */
    return db->stmts[which];
}

bool journal_db_step(struct journal_db *db, sqlite3_stmt *stmt, bool *ret_row, struct err *err)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        *ret_row = rc == SQLITE_ROW;
        return true;
    }
    int extended = sqlite3_extended_errcode(db->db);
    (void)journal_db_fail(db, extended, err);
    (void)sqlite3_reset(stmt); /* the error is told; the locks must go */
    return false;
}

bool journal_db_run(struct journal_db *db, sqlite3_stmt *stmt, struct err *err)
{
    bool row;
    bool ok = stmt != NULL && journal_db_step(db, stmt, &row, err);
    (void)sqlite3_reset(stmt); /* it is done, or its error was told; NULL is fine */
    return ok;
}

bool journal_db_simple(struct journal_db *db, enum journal_sql which, struct err *err)
{
    return journal_db_run(db, journal_db_stmt(db, which, err), err);
}

void journal_bind_text(sqlite3_stmt *stmt, int at, str s)
{
    /* Only a wrong index or a text of 1 GB could fail, and neither comes here. */
    (void)sqlite3_bind_text64(stmt, at, s.ptr != NULL ? s.ptr : "", s.len, SQLITE_STATIC,
                              SQLITE_UTF8);
}

void journal_bind_int(sqlite3_stmt *stmt, int at, int64_t value)
{
    (void)sqlite3_bind_int64(stmt, at, value); /* only a wrong index could fail */
}

str journal_text(sqlite3_stmt *stmt, int column)
{
    const char *text = sqlite3_column_blob(stmt, column);
    return (str){text != NULL ? text : "", (size_t)sqlite3_column_bytes(stmt, column)};
}

static bool exec(struct journal_db *db, const char *sql, struct err *err)
{
    int rc = sqlite3_exec(db->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK || journal_db_fail(db, sqlite3_extended_errcode(db->db), err);
}

static bool query_int(struct journal_db *db, const char *sql, int64_t *ret, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->db, sql, -1, &stmt, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
    bool ok = rc == SQLITE_ROW;
    if (ok) {
        *ret = sqlite3_column_int64(stmt, 0);
    } else { /* each of these queries has a row in a sound file */
        int extended = sqlite3_extended_errcode(db->db);
        (void)journal_db_fail(db, rc != SQLITE_DONE ? extended : SQLITE_CORRUPT, err);
    }
    (void)sqlite3_finalize(stmt); /* its error is told already */
    return ok;
}

static bool create_tables(struct journal_db *db, struct err *err)
{
    char pragmas[96];
    (void)snprintf(pragmas, sizeof(pragmas),
                   "PRAGMA application_id = %d; PRAGMA user_version = %d;", APPLICATION_ID,
                   SCHEMA_VERSION);
    return exec(db, "BEGIN IMMEDIATE", err) && exec(db, schema, err) && exec(db, pragmas, err) &&
           exec(db, "COMMIT", err);
}

static bool check_version(struct journal_db *db, bool *ret_empty, struct err *err)
{
    int64_t application = 0;
    int64_t version = 0;
    int64_t tables = 0;
    if (!query_int(db, "PRAGMA application_id", &application, err) ||
        !query_int(db, "PRAGMA user_version", &version, err) ||
        !query_int(db, "SELECT count(*) FROM sqlite_schema", &tables, err)) {
        return false;
    }
    if (application == 0 && version == 0 && tables == 0) {
        *ret_empty = true;
        if (db->writes) {
            return true;
        }
        (void)err_set(err, ERR_NOT_FOUND, "could not open the journal '%s': it is empty", db->name);
        return err_hint(err,
                        "Nothing was planned here yet, or --workspace names another directory.");
    }
    if (application != APPLICATION_ID) {
        return journal_db_fail(db, SQLITE_NOTADB, err);
    }
    if (version > SCHEMA_VERSION) {
        (void)err_set(err, ERR_CORRUPT,
                      "could not open the journal '%s': it was written by a newer steward (format "
                      "%lld, this one reads %d)",
                      db->name, (long long)version, SCHEMA_VERSION);
        return err_hint(err, "Use that steward, or another --workspace.");
    }
    return version == SCHEMA_VERSION || journal_db_damaged(db, "its version is unknown", err);
}

static bool quick_check(struct journal_db *db, struct err *err)
{
    int64_t pages = 0;
    if (!query_int(db, "PRAGMA page_count", &pages, err)) {
        return false;
    }
    if (pages > QUICK_CHECK_PAGES) {
        return true;
    }
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
    bool ok =
        rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW && str_eqz(journal_text(stmt, 0), "ok");
    (void)sqlite3_finalize(stmt); /* whatever it is, the file is not sound */
    return ok || journal_db_damaged(db, "SQLite's quick check fails", err);
}

/* Every statement is prepared once, so that a missing table is an error now and not in mid-run. */
static bool prepare_all(struct journal_db *db, struct err *err)
{
    for (int which = 0; which < SQL_COUNT; which++) {
        if (journal_db_stmt(db, (enum journal_sql)which, err) == NULL) {
            return false;
        }
    }
    return true;
}

/* The URI for a journal that nobody can be writing to: no -wal, and no right to make one. */
static char *immutable_uri(const char *path)
{
    AUTO_BUF struct buf uri = {0};
    buf_addz(&uri, "file:");
    for (const char *p = path; *p != '\0'; p++) {
        if (*p == '?' || *p == '#' || *p == '%') {
            buf_printf(&uri, "%%%02X", (unsigned)(unsigned char)*p);
        } else {
            buf_addc(&uri, *p);
        }
    }
    buf_addz(&uri, "?immutable=1");
    return xstrdup(buf_z(&uri));
}

static bool wal_is_empty(const char *path)
{
    AUTO_BUF struct buf wal = {0};
    buf_printf(&wal, "%s-wal", path);
    struct stat st;
    return stat(buf_z(&wal), &st) != 0 ? errno == ENOENT : st.st_size == 0;
}

static int open_reading(struct journal_db *db, const char *path)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(path, &db->db, flags, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(db->db, BUSY_MS); /* cannot fail */
        rc = sqlite3_exec(db->db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    }
    /* In a directory that we may not write to, WAL mode cannot make its -shm. Without a -wal there
     * is no writer, so the file may be read as one that does not change. */
    if (((rc & 0xff) != SQLITE_CANTOPEN && (rc & 0xff) != SQLITE_READONLY) || !wal_is_empty(path)) {
        return rc;
    }
    (void)sqlite3_close(db->db); /* nothing is open in it */
    AUTO_FREE char *uri = immutable_uri(path);
    return sqlite3_open_v2(uri, &db->db, flags | SQLITE_OPEN_URI, NULL);
}

/* SQLite would make the file with the umask's mode and would not flush its name. */
static bool create_file(const char *path, const char *name, struct err *err)
{
    AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        if (errno == EEXIST) {
            return true;
        }
        (void)err_set_errno(err, ERR_IO, errno, "could not create the journal '%s'", name);
        return err_hint(err, "The workspace must be a directory that you may write to.");
    }
    AUTO_FREE char *parent = xstrdup(path);
    char *slash = strrchr(parent, '/');
    if (slash != NULL) {
        slash[slash == parent ? 1 : 0] = '\0';
    }
    AUTO_CLOSE int dir = open(slash != NULL ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return (dir >= 0 && fsync(dir) == 0) || disk_fail(err, errno, "create the journal", name);
}

/* After the check: a file that is not ours is not even switched to WAL. */
static bool set_up_writer(struct journal_db *db, bool empty, struct err *err)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
    bool stepped = rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW;
    bool wal = stepped && str_eqz(journal_text(stmt, 0), "wal");
    rc = sqlite3_extended_errcode(db->db);
    (void)sqlite3_finalize(stmt); /* its error is in rc */
    if (!stepped) {
        return journal_db_fail(db, rc, err);
    }
    if (!wal) {
        return err_set(err, ERR_IO, /* GCOVR_EXCL_LINE: no such file system in the tests */
                       "could not open the journal '%s': its file system has no WAL mode",
                       db->name);
    }
    /* Changes are met in order: a larger cache (8 MiB here) would be memory for nothing. */
    return exec(db,
                "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; "
                "PRAGMA cache_size = -8192;",
                err) &&
           (!empty || create_tables(db, err));
}

static bool set_up(struct journal_db *db, struct err *err)
{
    /* A journal may come from anywhere: nothing in its schema may run code. */
    (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    if (!db->writes) {
        (void)sqlite3_db_config(db->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    (void)sqlite3_busy_timeout(db->db, BUSY_MS); /* cannot fail */
    return exec(
        db, "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;", err);
}

static bool check(struct journal_db *db, struct err *err)
{
    bool empty = false;
    return check_version(db, &empty, err) && (!db->writes || set_up_writer(db, empty, err)) &&
           quick_check(db, err) && prepare_all(db, err);
}

struct journal_db *journal_db_open(const char *path, bool writes, bool known, struct err *err)
{
    AUTO(journal_db_close) struct journal_db *db = xnew(struct journal_db);
    const char *slash = strrchr(path, '/');
    db->name = xstrdup(slash != NULL ? slash + 1 : path);
    db->writes = writes;
    struct stat st;
    if (!writes && stat(path, &st) != 0) {
        (void)err_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno,
                            "could not open the journal '%s'", db->name);
        (void)err_hint(err,
                       "Nothing was planned here yet, or --workspace names another directory.");
        return NULL;
    }
    if (writes && !create_file(path, db->name, err)) {
        return NULL;
    }
    int rc = writes ? sqlite3_open_v2(
                          path, &db->db,
                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL)
                    : open_reading(db, path);
    if (rc != SQLITE_OK) {
        (void)journal_db_fail(db, rc, err);
        return NULL;
    }
    return set_up(db, err) && (known || check(db, err)) ? STEAL(db) : NULL;
}

void journal_db_close(struct journal_db *db)
{
    if (db == NULL) {
        return;
    }
    for (int which = 0; which < SQL_COUNT; which++) {
        (void)sqlite3_finalize(db->stmts[which]); /* errors were told when they happened */
    }
    (void)sqlite3_close(
        db->db); /* what is committed is in the WAL; the checkpoint is only tidying */
    free(db->name);
    free(db);
}
