/* SPDX-License-Identifier: MIT */
/*
 * The audit trail's last word on each run and change, so that it can be held against the journal's
 * tables: whoever edits a state there, without writing an entry, is found out.
 *
 * Sixteen bytes a change at half load: 32 MB for a million. A change is known by 64 bits of a hash of
 * run and id. Pure; one thread at a time.
 */
#ifndef STEWARD_STORE_AUDIT_LAST_H
#define STEWARD_STORE_AUDIT_LAST_H

#include "store/journal.h"

struct audit_last;

struct audit_last *audit_last_new(void);
void audit_last_free(struct audit_last *last);
DEFINE_AUTO(struct audit_last, audit_last_free)

/* An entry of the trail, in order. False: it is not written as this program writes them. */
bool audit_last_entry(struct audit_last *last, uint64_t seq, str body);

/* A row of the tables. What differs from the trail is counted, and the first difference is described.
 * `plan_hash`: hex, or STR_NONE where there is no plan. */
void audit_last_run(struct audit_last *last, int64_t run, enum run_state state, str plan_hash);
void audit_last_change(struct audit_last *last, int64_t run, const uint8_t id[CHANGE_ID_BYTES],
                       enum change_state state);
/* How many changes of the run are kept as in that state. */
void audit_last_tally(struct audit_last *last, int64_t run, enum change_state state, uint64_t n);

/* After all rows: what the trail tells of and no row is there for. *ret_first: the first difference,
 * "" none; valid as long as `last`. */
uint64_t audit_last_end(struct audit_last *last, const char **ret_first);

#endif
