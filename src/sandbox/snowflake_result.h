/* SPDX-License-Identifier: MIT */
/*
 * The rows of a statement and the answers that carry them: cells as JSON text or null, in partitions.
 */
#ifndef STEWARD_SANDBOX_SNOWFLAKE_RESULT_H
#define STEWARD_SANDBOX_SNOWFLAKE_RESULT_H

#include "sandbox/snowflake_sql.h"
#include "sandbox/world.h"

enum { SNOWFLAKE_FIRST_PARTITION = 100 };

struct snowflake_result;

/* NULL where a column is asked for that neither --contacts-csv nor --pivot-csv has. */
struct snowflake_result *snowflake_result_new(const struct world *world,
                                              const struct sql_query *query);
void snowflake_result_free(struct snowflake_result *result);

/* `partition` -1: metadata and the first one. False where there is no such partition. *ret_gzip: the
 * body is compressed. */
bool snowflake_result_answer(const struct snowflake_result *result, const char *handle,
                             int64_t created_ms, int64_t partition, struct buf *out,
                             bool *ret_gzip);

#endif
