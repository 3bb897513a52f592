/* SPDX-License-Identifier: MIT */
/*
 * Understands as much SQL as the shipped queries (those in queries/) and small changes of them need:
 *
 *   SELECT item [AS name], ... FROM table [AS] t [LEFT JOIN table [AS] t ON ...]...
 *   [WHERE ...] [GROUP BY ...] [ORDER BY ...] [LIMIT n]
 *
 * and two things that need no table of the account:
 *
 *   SELECT CURRENT_USER() [AS name], ...   also CURRENT_ROLE, _WAREHOUSE, _DATABASE, _SCHEMA
 *   SELECT item [AS name], ... FROM TABLE(GENERATOR(...))   one row of zeros, by a warehouse
 *
 * Tables: REV_USERS, ACCOUNTS, WORK_REPORTERS, ISSUES, of CRM.DEVREV. Another one is 002003, a column that they
 * do not have is 000904, anything that is not such a SELECT is 001003, as Snowflake answers. What a
 * column holds is told by its name: those of --contacts-csv and --pivot-csv (of
 * ISSUES: --issues-csv), and NULL alone is null. WHERE
 * is not looked into (merged and deleted contacts never come) but for `WHERE FALSE`; the order is always
 * that of the contact's id.
 */
#ifndef STEWARD_SANDBOX_SNOWFLAKE_SQL_H
#define STEWARD_SANDBOX_SNOWFLAKE_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { SQL_MAX_COLUMNS = 64, SQL_MAX_TABLES = 8 };

struct sql_column {
    str name; /* as it comes out: upper case unless quoted */
    bool is_null;
    str expression; /* its last name: of a function, its name */
    str constant;   /* SQL_CONTEXT and SQL_GENERATOR: the cell, empty is null */
};

enum sql_kind { SQL_TABLES, SQL_CONTEXT, SQL_GENERATOR };

struct sql_query {
    enum sql_kind kind;
    struct sql_column columns[SQL_MAX_COLUMNS];
    size_t count;
    bool issues;   /* it reads ISSUES */
    int64_t limit; /* -1: none */

    const char *code; /* NULL: understood; else Snowflake's code, sqlState and message */
    const char *sql_state;
    str message;
};

/* Texts are in `arena` or in `sql`. */
void sql_understand(struct arena *arena, str sql, struct sql_query *ret);

#endif
