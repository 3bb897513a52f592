/* SPDX-License-Identifier: MIT */
#include "sandbox/snowflake_sql.h"

#include "harness/tap.h"

/* Columns joined by ',', a null one with '!', and the limit where there is one; or code and message. */
static void understood(const char *sql, const char *expected)
{
    struct arena arena = {0};
    struct sql_query query;
    AUTO_BUF struct buf out = {0};
    sql_understand(&arena, str_of(sql), &query);
    if (query.code != NULL) {
        buf_printf(&out, "%s %s %" STR_FMT, query.code, query.sql_state, STR_ARG(query.message));
    } else {
        for (size_t i = 0; i < query.count; i++) {
            buf_printf(&out, "%s%" STR_FMT "%s", i > 0 ? "," : "", STR_ARG(query.columns[i].name),
                       query.columns[i].is_null ? "!" : "");
        }
        if (query.limit >= 0) {
            buf_printf(&out, " limit %d", (int)query.limit);
        }
    }
    CHECK_TEXT(buf_str(&out), expected);
    arena_done(&arena);
}

static void names_of_columns(void)
{
    understood("select u.ID from REV_USERS u", "ID");
    understood("SELECT u.id AS rev_user_id, u.Email as \"Email\" FROM rev_users AS u",
               "REV_USER_ID,Email");
    understood("select ID, NULL as \" \", NULL as X from CRM.DEVREV.REV_USERS", "ID, !,X!");
    understood("select IFF(STARTSWITH(u.EXTERNAL_REF, 'user_'), SUBSTR(u.EXTERNAL_REF, 6), NULL) "
               "as C, COUNT(r.WORK_ID) as \"a, b\" from REV_USERS u",
               "C,a, b");
    understood("-- a comment, from nowhere\nselect u.ID -- from X\nfrom REV_USERS u", "ID");
}

static void what_is_behind_the_tables(void)
{
    understood("select u.ID from REV_USERS u left join WORK_REPORTERS r on r.REV_USER_ID = u.ID "
               "where u.STATE <> 'deleted' group by u.ID order by u.ID limit 7",
               "ID limit 7");
    understood("select u.ID from REV_USERS u where false", "ID limit 0");
}

static void without_tables(void)
{
    understood("select current_user() as u, CURRENT_WAREHOUSE()", "U,CURRENT_WAREHOUSE");
    understood("select SEQ4() as N from table(generator(rowcount => 1))", "N");
    understood("select NOW()", "001003 42000 SQL compilation error: syntax error unexpected "
                               "'<EOF>'.");
    understood("select 1 as X from table(FLATTEN(1))",
               "001003 42000 SQL compilation error: syntax error unexpected 'FLATTEN'.");
}

static void what_snowflake_would_refuse(void)
{
    understood("", "000900 42601 SQL compilation error: empty statement.");
    understood("-- nothing", "000900 42601 SQL compilation error: empty statement.");
    understood("delete from REV_USERS",
               "001003 42000 SQL compilation error: syntax error unexpected 'DELETE'.");
    understood("select", "001003 42000 SQL compilation error: syntax error unexpected '<EOF>'.");
    understood("select ID", "001003 42000 SQL compilation error: syntax error unexpected '<EOF>'.");
    understood("select ID as \"x from REV_USERS",
               "001003 42000 SQL compilation error: syntax error unexpected 'AS'.");
    understood("select ID from REV_USERS limit all",
               "001003 42000 SQL compilation error: syntax error unexpected 'ALL'.");
    understood("select u.ID from USERS u",
               "002003 42S02 SQL compilation error:\nObject 'USERS' does "
               "not exist or not authorized.");
    understood("select u.ID from REV_USERS u join TICKETS t on t.ID = u.ID",
               "002003 42S02 SQL compilation error:\nObject 'TICKETS' does not exist or not "
               "authorized.");
    understood("select u.EMIAL as EMAIL from REV_USERS u",
               "000904 42000 SQL compilation error: error line 1 at position 7\ninvalid identifier "
               "'U.EMIAL'");
    understood("select u.ID from REV_USERS u order by u.NAME",
               "000904 42000 SQL compilation error: error line 1 at position 7\ninvalid identifier "
               "'U.NAME'");
}

TAP_MAIN(TAP_TEST(names_of_columns), TAP_TEST(what_is_behind_the_tables), TAP_TEST(without_tables),
         TAP_TEST(what_snowflake_would_refuse))
