/* SPDX-License-Identifier: MIT */
#include "job/source_internal.h"

#include <fcntl.h>
#include <string.h>

#include "base/fs.h"
#include "base/version.h"
#include "remote/snowflake.h"

/* --- the query ------------------------------------------------------------------------------- */

/* A name without a slash and a dot is one of those that ship. */
static bool ships(const char *query)
{
    return strpbrk(query, "/.") == NULL;
}

static bool load_query(const char *query, struct buf *out, struct err *err)
{
    out->max = SOURCE_QUERY_MAX_BYTES;
    AUTO_BUF struct buf path = {0};
    if (ships(query)) {
        const char *given =
            getenv("STEWARD_DATA_DIR"); /* NOLINT(concurrency-mt-unsafe): never set */
        buf_printf(&path, "%s/queries/%s.sql",
                   given != NULL && given[0] != '\0' ? given : STEWARD_DATA_DIR, query);
    } else {
        buf_addz(&path, query);
    }
    if (!fs_read(AT_FDCWD, buf_z(&path), out, err)) {
        err->kind = ERR_INPUT;
        return err_hint(err, "--query takes contacts, pivot, or a file with one SELECT; write "
                             "./name for a file without an ending.");
    }
    if (!str_is_utf8(buf_str(out)) || memchr(buf_z(out), '\0', out->len) != NULL) {
        return err_set(err, ERR_INPUT, "could not use '%s': it is not text", buf_z(&path));
    }
    if (str_trim_ascii(buf_str(out)).len == 0) {
        return err_set(err, ERR_INPUT, "could not use '%s': it is empty", buf_z(&path));
    }
    return true;
}

/* --- rows ------------------------------------------------------------------------------------ */

struct take {
    struct spool *spool;
    struct arena arena;
    uint64_t partition; /* that the mark stands before, and 1; 0: none yet */
};

/* Names are trimmed: a name of one blank is how a query gives a column without a name. */
static bool take_columns(void *ctx, const str *names, size_t count, struct err *err)
{
    struct take *take = ctx;
    str *trimmed = arena_array(&take->arena, count, sizeof(str));
    for (size_t i = 0; i < count; i++) {
        trimmed[i] = str_trim_ascii(names[i]);
    }
    return spool_row(take->spool, trimmed, count, err);
}

static bool take_partition(void *ctx, uint64_t number, struct err *err)
{
    struct take *take = ctx;
    if (take->partition == number + 1) {
        return spool_rewind(take->spool, err);
    }
    take->partition = number + 1;
    return spool_mark(take->spool, err);
}

static bool take_row(void *ctx, const str *cells, size_t count, struct err *err)
{
    struct take *take = ctx;
    return spool_row(take->spool, cells, count, err);
}

struct snowflake_options source_snowflake_options(const struct settings *settings,
                                                  const struct clock *clock)
{
    return (struct snowflake_options){
        .account = settings->snowflake_account,
        .user = settings->snowflake_user,
        .base_url = settings->snowflake_host,
        .private_key_path = settings->snowflake_private_key_path,
        .passphrase = &settings->snowflake_key_passphrase,
        .token = &settings->snowflake_token,
        .password = &settings->snowflake_password,
        .warehouse = settings->snowflake_warehouse,
        .database = settings->snowflake_database,
        .schema = settings->snowflake_schema,
        .role = settings->snowflake_role,
        .clock = clock,
        .retry = {.attempts = (int)settings->max_retries,
                  .base_ms = settings->retry_backoff_ms,
                  .cap_ms = SOURCE_RETRY_CAP_MS},
        .connect_timeout_ms = settings->connect_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
    };
}

bool source_read_snowflake(struct job_run *run, const struct source_options *options,
                           struct spool *spool, struct err *err)
{
    AUTO_BUF struct buf sql = {0};
    if (!load_query(source_query(options), &sql, err)) {
        return false;
    }
    struct snowflake_options wanted = source_snowflake_options(run->settings, run->clock);
    wanted.calls = run->calls;
    wanted.stop = run->stop;
    wanted.log = run->log;
    AUTO(snowflake_free) struct snowflake *snowflake = snowflake_new(&wanted, err);
    if (snowflake == NULL) {
        return false;
    }
    struct take take = {.spool = spool};
    const struct snowflake_sink sink = {take_columns, take_partition, take_row, &take};
    struct snowflake_result result;
    bool ok = snowflake_query(snowflake, buf_str(&sql), &sink, &result, err);
    arena_done(&take.arena);
    return ok;
}
