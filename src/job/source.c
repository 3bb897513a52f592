/* SPDX-License-Identifier: MIT */
#include "job/source.h"

#include <string.h>

#include "job/source_internal.h"

static const char SNOWFLAKE[] = "snowflake";

const char *source_query(const struct source_options *options)
{
    if (options->query != NULL) {
        return options->query;
    }
    bool pivot = options->rules != NULL && strcmp(options->rules, "external-contacts") == 0;
    return pivot ? "pivot" : "contacts";
}

void source_describe(const struct source_options *options, struct buf *out)
{
    buf_addz(out, options->name);
    if (strcmp(options->name, SNOWFLAKE) == 0) {
        buf_printf(out, ":%s", source_query(options));
    }
}

bool source_not_planned(struct err *err)
{
    if (err->kind == ERR_AUTH) {
        err->kind = ERR_REMOTE;
    }
    if (strstr(err->hint, "steward resume") != NULL) {
        err->hint[0] = '\0';
        (void)err_hint(err, "Check the network and DEVREV_BASE_URL, then plan again.");
    }
    return false;
}

static bool read_all(struct job_run *run, const struct source_options *options, struct spool *spool,
                     struct err *err)
{
    bool ok = strcmp(options->name, SNOWFLAKE) == 0
                  ? source_read_snowflake(run, options, spool, err)
                  : source_read_devrev(run, options, spool, err);
    if (!ok) {
        return source_not_planned(err);
    }
    if (spool_rows(spool) <= 1) {
        (void)err_set(err, ERR_INPUT, "could not plan from %s: it gave no row", options->name);
        return err_hint(err,
                        strcmp(options->name, SNOWFLAKE) == 0
                            ? "Run the query by hand with the same role: rights or a WHERE may "
                              "hide every row."
                            : "Check whose token DEVREV_API_TOKEN is: it sees no contacts.");
    }
    return true;
}

bool source_spool(struct job_run *run, const struct source_options *options,
                  char ret_path[SOURCE_PATH_BYTES], uint64_t *ret_rows, struct err *err)
{
    AUTO(spool_free) struct spool *spool = spool_new(run->workspace_fd, run->run, err);
    if (spool == NULL || !read_all(run, options, spool, err) ||
        !spool_finish(spool, ret_path, SOURCE_PATH_BYTES, err)) {
        return false;
    }
    *ret_rows = spool_rows(spool) - 1;
    if (run->log != NULL) {
        log_at(run->log, LOG_INFO, "source read", LOG_STR("source", options->name),
               LOG_INT("rows", *ret_rows));
    }
    return true;
}
