/* SPDX-License-Identifier: MIT */
/*
 * A request first reads and judges, then writes. So one that is refused has written nothing and the
 * others of its group are not touched; an error of SQLite after the first write ends the whole
 * group.
 */
#include "store/journal_write.h"

#include <stdio.h>

#include "base/failpoint.h"
#include "base/num.h"
#include "store/audit.h"
#include "store/disk.h"

struct journal_writer {
    struct journal_db *db;
    const struct clock *clock;
    int64_t now_ms; /* of the group */
    /* The run that the last move was about: its plan's size, and what the group adds to its tally.
     */
    int64_t run;
    bool run_known;
    uint64_t run_changes;
    int64_t tally[CHANGE_STATE_COUNT];
    /* The audit chain's end. */
    uint64_t audit_seq;
    uint8_t audit_hash[SHA256_BYTES];
    struct buf body;
    struct buf detail;
};

struct journal_writer *journal_writer_new(struct journal_db *db, const struct clock *clock,
                                          struct err *err)
{
    struct journal_writer *writer = xnew(struct journal_writer);
    writer->db = db;
    writer->clock = clock;
    sqlite3_stmt *stmt = journal_db_stmt(db, SQL_AUDIT_HEAD, err);
    bool row = false;
    bool ok = stmt != NULL && journal_db_step(db, stmt, &row, err);
    if (ok &&
        (!row || sqlite3_column_int64(stmt, 0) < 0 || journal_text(stmt, 1).len != SHA256_BYTES)) {
        ok = journal_db_damaged(db, "the end of its audit chain is missing", err);
    }
    if (!ok) {
        journal_writer_free(writer);
        return NULL;
    }
    writer->audit_seq = (uint64_t)sqlite3_column_int64(stmt, 0);
    memcpy(writer->audit_hash, journal_text(stmt, 1).ptr, SHA256_BYTES);
    (void)sqlite3_reset(stmt); /* a SELECT that gave its row */
    return writer;
}

void journal_writer_free(struct journal_writer *writer)
{
    if (writer != NULL) {
        journal_db_close(writer->db);
        buf_done(&writer->body);
        buf_done(&writer->detail);
        free(writer);
    }
}

/* --- audit ---------------------------------------------------------------------------------- */

static bool audit(struct journal_writer *writer, int64_t run, const char *change, const char *event,
                  str detail, struct err *err)
{
    struct audit_entry entry = {
        .seq = writer->audit_seq + 1,
        .at_ms = writer->now_ms,
        .run = run,
        .change = change,
        .event = event,
        .detail = detail,
    };
    buf_clear(&writer->body);
    audit_body(&writer->body, &entry);
    audit_chain(writer->audit_hash, buf_str(&writer->body), writer->audit_hash);
    writer->audit_seq = entry.seq;
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_AUDIT_ADD, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, (int64_t)entry.seq);
    journal_bind_int(stmt, 2, run);
    journal_bind_text(stmt, 3, buf_str(&writer->body));
    (void)sqlite3_bind_blob(stmt, 4, writer->audit_hash, SHA256_BYTES, SQLITE_STATIC);
    return journal_db_run(writer->db, stmt, err);
}

static bool audit_keep_head(struct journal_writer *writer, struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_AUDIT_HEAD_PUT, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, (int64_t)writer->audit_seq);
    (void)sqlite3_bind_blob(stmt, 2, writer->audit_hash, SHA256_BYTES, SQLITE_STATIC);
    return journal_db_run(writer->db, stmt, err);
}

static void detail_text(struct journal_writer *writer, const char *key, str value)
{
    buf_addz(&writer->detail, writer->detail.len == 0 ? "{" : ",");
    buf_add_json(&writer->detail, str_of(key));
    buf_addc(&writer->detail, ':');
    buf_add_json(&writer->detail, value);
}

static str detail_end(struct journal_writer *writer)
{
    buf_addc(&writer->detail, '}');
    return buf_str(&writer->detail);
}

/* --- tally ---------------------------------------------------------------------------------- */

static bool tally_write(struct journal_writer *writer, struct err *err)
{
    for (int state = 0; state < CHANGE_STATE_COUNT; state++) {
        if (writer->tally[state] == 0) {
            continue;
        }
        sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_TALLY_ADD, err);
        if (stmt == NULL) {
            return false;
        }
        journal_bind_int(stmt, 1, writer->run);
        journal_bind_text(stmt, 2, str_of(change_state_name((enum change_state)state)));
        journal_bind_int(stmt, 3, writer->tally[state]);
        if (!journal_db_run(writer->db, stmt, err)) {
            return false;
        }
        writer->tally[state] = 0;
    }
    return true;
}

/* --- runs ----------------------------------------------------------------------------------- */

struct run_row {
    enum run_state state;
    uint64_t changes;
    int64_t started_at_ms;
    int64_t finished_at_ms;
};

/* *ret_has_plan may be NULL. */
static bool run_read(struct journal_writer *writer, int64_t id, struct run_row *ret,
                     bool *ret_has_plan, struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_RUN_GET, err);
    bool row = false;
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, id);
    if (!journal_db_step(writer->db, stmt, &row, err)) {
        return false;
    }
    if (!row) {
        return err_set(err, ERR_NOT_FOUND, "could not find run %lld in the journal", (long long)id);
    }
    struct run_row run = {
        .changes = (uint64_t)sqlite3_column_int64(stmt, 8),
        .started_at_ms = sqlite3_column_int64(stmt, 12),
        .finished_at_ms = sqlite3_column_int64(stmt, 13),
    };
    bool known = run_state_parse(journal_text(stmt, 1), &run.state);
    if (ret_has_plan != NULL) {
        *ret_has_plan = sqlite3_column_type(stmt, 7) != SQLITE_NULL;
    }
    (void)sqlite3_reset(stmt); /* a SELECT that gave its row */
    *ret = run;
    return known || journal_db_damaged(writer->db, "a run is in an unknown state", err);
}

static bool run_refuse(int64_t id, enum run_state from, enum run_state to, struct err *err)
{
    return err_set(err, ERR_INTERNAL, "could not move run %lld from %s to %s: not an allowed move",
                   (long long)id, run_state_name(from), run_state_name(to));
}

static bool audit_run_move(struct journal_writer *writer, int64_t id, enum run_state from,
                           enum run_state to, const char *more_key, str more, struct err *err)
{
    buf_clear(&writer->detail);
    detail_text(writer, "from", str_of(run_state_name(from)));
    detail_text(writer, "to", str_of(run_state_name(to)));
    if (more.len != 0) {
        detail_text(writer, more_key, more);
    }
    return audit(writer, id, "", "run", detail_end(writer), err);
}

static bool do_run_new(struct journal_writer *writer, struct request *request, struct err *err)
{
    const struct run *run = request->new_run;
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_RUN_NEW, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_text(stmt, 1, str_of(run_state_name(RUN_PLANNING)));
    journal_bind_text(stmt, 2, str_of(run->job));
    journal_bind_text(stmt, 3, str_of(run->rules));
    journal_bind_text(stmt, 4, str_of(run->source));
    journal_bind_text(stmt, 5, run->options);
    if (!journal_db_run(writer->db, stmt, err)) {
        return false;
    }
    request->run = sqlite3_last_insert_rowid(writer->db->db);
    buf_clear(&writer->detail);
    detail_text(writer, "to", str_of(run_state_name(RUN_PLANNING)));
    detail_text(writer, "job", str_of(run->job));
    detail_text(writer, "rules", str_of(run->rules));
    return audit(writer, request->run, "", "run", detail_end(writer), err);
}

static bool do_run_planned(struct journal_writer *writer, const struct request *request,
                           struct err *err)
{
    struct run_row run;
    if (!run_read(writer, request->run, &run, NULL, err)) {
        return false;
    }
    if (run.state != RUN_PLANNING) {
        return run_refuse(request->run, run.state, RUN_PLANNED, err);
    }
    if (strlen(request->plan_path) >= sizeof(((struct run *)NULL)->plan_path)) {
        return err_set(err, ERR_INTERNAL,
                       "could not record the plan of run %lld: its path is too long",
                       (long long)request->run);
    }
    const struct plan_totals *totals = request->totals;
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_RUN_PLANNED, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, request->run);
    journal_bind_text(stmt, 2, str_of(run_state_name(RUN_PLANNED)));
    journal_bind_text(stmt, 3, str_of(request->plan_path));
    (void)sqlite3_bind_blob(stmt, 4, totals->hash, SHA256_BYTES, SQLITE_STATIC);
    journal_bind_int(stmt, 5, (int64_t)totals->changes);
    journal_bind_int(stmt, 6, (int64_t)totals->review);
    journal_bind_int(stmt, 7, (int64_t)totals->bad);
    journal_bind_int(stmt, 8, writer->now_ms);
    if (request->text.ptr != NULL) {
        journal_bind_text(stmt, 9, request->text);
    } else {
        (void)sqlite3_bind_null(stmt, 9);
    }
    writer->run_known = writer->run_known && writer->run != request->run;
    char hex[SHA256_HEX];
    num_hex(totals->hash, SHA256_BYTES, hex);
    return journal_db_run(writer->db, stmt, err) &&
           audit_run_move(writer, request->run, RUN_PLANNING, RUN_PLANNED, "plan_hash", str_of(hex),
                          err);
}

static bool do_run_move(struct journal_writer *writer, const struct request *request,
                        struct err *err)
{
    struct run_row run;
    if (!run_read(writer, request->run, &run, NULL, err)) {
        return false;
    }
    /* Only journal_run_planned knows the plan that RUN_PLANNED wants. */
    if (!run_move_allowed(run.state, request->to) || request->to == RUN_PLANNED) {
        return run_refuse(request->run, run.state, request->to, err);
    }
    enum run_state to = request->to;
    bool ends = to == RUN_DONE || to == RUN_FAILED || to == RUN_UNDONE;
    int64_t started =
        to == RUN_APPLYING && run.started_at_ms == 0 ? writer->now_ms : run.started_at_ms;
    int64_t finished = ends ? writer->now_ms : to == RUN_APPLYING ? 0 : run.finished_at_ms;
    str reason = str_of(request->reason);
    size_t most = sizeof(((struct run *)NULL)->stop_reason) - 1;
    reason.len = reason.len < most ? reason.len : most;
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_RUN_MOVE, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, request->run);
    journal_bind_text(stmt, 2, str_of(run_state_name(to)));
    journal_bind_text(stmt, 3, reason);
    journal_bind_int(stmt, 4, started);
    journal_bind_int(stmt, 5, finished);
    return journal_db_run(writer->db, stmt, err) &&
           audit_run_move(writer, request->run, run.state, to, "reason", reason, err);
}

/* --- changes -------------------------------------------------------------------------------- */

struct known {
    bool found;
    enum change_state state;
    bool acknowledged;
    uint8_t id[CHANGE_ID_BYTES];
};

static bool change_read(struct journal_writer *writer, int64_t run, uint64_t seq, struct known *ret,
                        struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_CHANGE_GET, err);
    bool row = false;
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, run);
    journal_bind_int(stmt, 2, (int64_t)seq);
    if (!journal_db_step(writer->db, stmt, &row, err)) {
        return false;
    }
    struct known known = {.state = CHANGE_PLANNED, .found = row};
    bool ok = true;
    if (row) {
        str id = journal_text(stmt, 1);
        ok = id.len == CHANGE_ID_BYTES && change_state_parse(journal_text(stmt, 2), &known.state);
        known.acknowledged = sqlite3_column_int(stmt, 3) != 0;
        memcpy(known.id, id.ptr, ok ? CHANGE_ID_BYTES : 0);
        (void)sqlite3_reset(stmt); /* a SELECT that gave its row */
    }
    *ret = known;
    return ok || journal_db_damaged(writer->db, "a change is in an unknown state", err);
}

/* Makes `id` the run that the tally is about. */
static bool run_select(struct journal_writer *writer, int64_t id, struct err *err)
{
    if (writer->run_known && writer->run == id) {
        return true;
    }
    struct run_row run;
    bool has_plan;
    if (!tally_write(writer, err) || !run_read(writer, id, &run, &has_plan, err)) {
        return false;
    }
    if (!has_plan) {
        return err_set(err, ERR_INTERNAL, "could not move a change of run %lld: it has no plan",
                       (long long)id);
    }
    writer->run = id;
    writer->run_changes = run.changes;
    writer->run_known = true;
    return true;
}

static bool refuse_move(const struct transition *move, const char *why, struct err *err)
{
    char id[CHANGE_ID_HEX];
    num_hex(move->id, CHANGE_ID_BYTES, id);
    return err_set(err, ERR_INTERNAL, "could not move change '%s' of run %lld from %s to %s: %s",
                   id, (long long)move->run, change_state_name(move->from),
                   change_state_name(move->to), why);
}

static bool judge_move(const struct journal_writer *writer, const struct transition *move,
                       const struct known *known, struct err *err)
{
    char why[96];
    if (move->seq >= writer->run_changes) {
        return refuse_move(move, "its plan has no such change", err);
    }
    if (known->found && memcmp(known->id, move->id, CHANGE_ID_BYTES) != 0) {
        return refuse_move(move, "the journal has another change in its place", err);
    }
    if (known->state != move->from) {
        (void)snprintf(why, sizeof(why), "the journal has it as %s",
                       change_state_name(known->state));
        return refuse_move(move, why, err);
    }
    if (!change_move_allowed(move->from, move->to)) {
        return refuse_move(move, "not an allowed move", err);
    }
    if (move->backup != NULL &&
        strlen(move->backup) >= sizeof(((struct change_row *)NULL)->backup)) {
        return refuse_move(move, "the path of its backup is too long", err);
    }
    if (move->detail != NULL &&
        strlen(move->detail) >= sizeof(((struct change_row *)NULL)->detail)) {
        return refuse_move(move, "its detail is too long", err);
    }
    return true;
}

static bool audit_move(struct journal_writer *writer, const struct transition *move,
                       struct err *err)
{
    char id[CHANGE_ID_HEX];
    num_hex(move->id, CHANGE_ID_BYTES, id);
    buf_clear(&writer->detail);
    detail_text(writer, "from", str_of(change_state_name(move->from)));
    detail_text(writer, "to", str_of(change_state_name(move->to)));
    if (move->error != NULL) {
        detail_text(writer, "error", str_of(err_kind_name(move->error->kind)));
    }
    return audit(writer, move->run, id, "change", detail_end(writer), err);
}

static void bind_or_null(sqlite3_stmt *stmt, int at, const char *text)
{
    if (text != NULL) {
        journal_bind_text(stmt, at, str_of(text));
    } else {
        (void)sqlite3_bind_null(stmt, at); /* only a wrong index could fail */
    }
}

static bool do_move(struct journal_writer *writer, const struct request *request, struct err *err)
{
    const struct transition *move = request->transition;
    struct known known;
    if (!run_select(writer, move->run, err) ||
        !change_read(writer, move->run, move->seq, &known, err) ||
        !judge_move(writer, move, &known, err)) {
        return false;
    }
    bool acknowledged = move->acknowledged || (known.acknowledged && move->to != CHANGE_SENT);
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_CHANGE_PUT, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, move->run);
    journal_bind_int(stmt, 2, (int64_t)move->seq);
    (void)sqlite3_bind_blob(stmt, 3, move->id, CHANGE_ID_BYTES, SQLITE_STATIC);
    journal_bind_text(stmt, 4, str_of(change_state_name(move->to)));
    journal_bind_int(stmt, 5, acknowledged ? 1 : 0);
    journal_bind_int(stmt, 6, move->count_attempt ? 1 : 0);
    journal_bind_int(stmt, 7, move->count_attempt ? writer->now_ms : 0);
    journal_bind_int(stmt, 8, writer->now_ms);
    journal_bind_text(stmt, 9, str_of(move->error != NULL ? err_kind_name(move->error->kind) : ""));
    journal_bind_text(stmt, 10, str_of(move->error != NULL ? move->error->message : ""));
    bind_or_null(stmt, 11, move->backup);
    bind_or_null(stmt, 12, move->detail);
    if (!journal_db_run(writer->db, stmt, err)) {
        return false;
    }
    writer->tally[move->from] -= known.found ? 1 : 0;
    writer->tally[move->to]++;
    return audit_move(writer, move, err);
}

static bool do_acknowledge(struct journal_writer *writer, const struct request *request,
                           struct err *err)
{
    struct known known;
    if (!change_read(writer, request->run, request->seq, &known, err)) {
        return false;
    }
    if (known.state != CHANGE_SENT) {
        return err_set(err, ERR_INTERNAL,
                       "could not acknowledge change %llu of run %lld: the journal has it as %s",
                       (unsigned long long)request->seq, (long long)request->run,
                       change_state_name(known.state));
    }
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_CHANGE_ACK, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, request->run);
    journal_bind_int(stmt, 2, (int64_t)request->seq);
    journal_bind_int(stmt, 3, writer->now_ms);
    char id[CHANGE_ID_HEX];
    num_hex(known.id, CHANGE_ID_BYTES, id);
    return journal_db_run(writer->db, stmt, err) &&
           audit(writer, request->run, id, "acknowledged", STR_NONE, err);
}

/* --- the rest ------------------------------------------------------------------------------- */

static bool do_stat(struct journal_writer *writer, const struct request *request, struct err *err)
{
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, SQL_STAT_PUT, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_int(stmt, 1, request->run);
    journal_bind_text(stmt, 2, request->name);
    journal_bind_text(stmt, 3, request->text);
    return journal_db_run(writer->db, stmt, err);
}

static bool do_memory(struct journal_writer *writer, const struct request *request, struct err *err)
{
    bool drop = request->text.ptr == NULL;
    sqlite3_stmt *stmt = journal_db_stmt(writer->db, drop ? SQL_MEMORY_DROP : SQL_MEMORY_PUT, err);
    if (stmt == NULL) {
        return false;
    }
    journal_bind_text(stmt, 1, request->name);
    if (!drop) {
        journal_bind_text(stmt, 2, request->text);
    }
    return journal_db_run(writer->db, stmt, err);
}

static bool carry_out(struct journal_writer *writer, struct request *request, struct err *err)
{
    switch (request->kind) {
    case REQUEST_RUN_NEW:
        return do_run_new(writer, request, err);
    case REQUEST_RUN_PLANNED:
        return do_run_planned(writer, request, err);
    case REQUEST_RUN_MOVE:
        return do_run_move(writer, request, err);
    case REQUEST_MOVE:
        return do_move(writer, request, err);
    case REQUEST_ACKNOWLEDGE:
        return do_acknowledge(writer, request, err);
    case REQUEST_STAT:
        return do_stat(writer, request, err);
    case REQUEST_AUDIT:
        return audit(writer, request->run, "", request->name.ptr, request->text, err);
    case REQUEST_MEMORY:
        return do_memory(writer, request, err);
    }
    abort(); /* GCOVR_EXCL_LINE: every kind is above */
}

static bool commit(struct journal_writer *writer, struct err *err)
{
    int injected = FAILPOINT("journal.before_commit");
    if (injected != 0) {
        return disk_fail(err, injected, "write the journal", writer->db->name);
    }
    bool ok = journal_db_simple(writer->db, SQL_COMMIT, err);
    (void)FAILPOINT("journal.after_commit"); /* a place to die; it is on the disk already */
    return ok;
}

bool journal_writer_group(struct journal_writer *writer, struct request *first, struct err *err)
{
    writer->now_ms = clock_real_ms(writer->clock);
    bool ok = journal_db_simple(writer->db, SQL_BEGIN_WRITE, err);
    uint64_t audit_before = writer->audit_seq;
    for (struct request *request = first; ok && request != NULL; request = request->next) {
        struct err refused = {0};
        request->ok = carry_out(writer, request, &refused);
        if (!request->ok && refused.fatal) {
            *err = refused;
            ok = false;
        } else if (!request->ok && request->err != NULL) {
            *request->err = refused;
        }
    }
    ok = ok && tally_write(writer, err) &&
         (writer->audit_seq == audit_before || audit_keep_head(writer, err)) && commit(writer, err);
    if (!ok) {
        err->fatal = true;
        /* Only to let go of the lock: what was not committed is not there, whatever this says. */
        (void)sqlite3_exec(writer->db->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return ok;
}
