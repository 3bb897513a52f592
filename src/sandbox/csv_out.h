/* SPDX-License-Identifier: MIT */
/*
 * The files that the scripts' Snowflake queries would have given for the data.
 */
#ifndef STEWARD_SANDBOX_CSV_OUT_H
#define STEWARD_SANDBOX_CSV_OUT_H

#include "base/err.h"
#include "sandbox/world.h"

/* REV_USER_ID,...,TICKET_COUNT: contacts that are neither merged nor deleted. */
void csv_contacts(const struct world *world, struct buf *out);
bool csv_write_contacts(const struct world *world, const char *path, struct err *err) MUST_CHECK;
/* The pivot export (M4), one header of which is empty. */
void csv_pivot(const struct world *world, struct buf *out);
bool csv_write_pivot(const struct world *world, const char *path, struct err *err) MUST_CHECK;
/* issue_id,creator_user_id,assigned_group,creator_group (B1); some issues are gone since. */
void csv_issues(const struct world *world, struct buf *out);
bool csv_write_issues(const struct world *world, const char *path, struct err *err) MUST_CHECK;

#endif
