/* SPDX-License-Identifier: MIT */
/*
 * Does the backup of a merge hold what a merge needs to be proven and undone? The old tool's three
 * checks, beside those of the files' hashes (store/vault.h).
 */
#ifndef STEWARD_JOB_MERGE_INSPECT_H
#define STEWARD_JOB_MERGE_INSPECT_H

#include "store/vault.h"

enum {
    INSPECT_CONTACTS = 1, /* both contacts, with id and e-mail that can be read */
    INSPECT_TICKETS = 2,  /* tickets.json holds the tickets that were counted, and their links */
    INSPECT_CONVERSATIONS =
        4, /* each contact, ticket and conversation has messages and participants */
};

/* Each difference is one call, without personal data. False: the backup could not be read at all. */
bool merge_inspect(struct backup *backup, unsigned checks,
                   void (*difference)(void *ctx, const char *text), void *ctx,
                   struct err *err) MUST_CHECK;

#endif
