/* SPDX-License-Identifier: MIT */
/* What the files backups_*.c share: `steward backups`, one verb each. */
#ifndef STEWARD_COMMAND_BACKUPS_H
#define STEWARD_COMMAND_BACKUPS_H

#include "command/session.h"
#include "store/catalogue.h"

struct backups {
    const struct cli *cli;
    struct session *session;
    struct vault *vault;
    struct journal *journal; /* NULL: there is none in this workspace */
    struct catalogue catalogue;
};

/* The backup that the argument names. */
const struct catalogue_entry *backups_find(struct backups *backups, str id,
                                           struct err *err) MUST_CHECK;

/* Appends {"change":..,"directory":..,... without its end: what list, show and prune have in common. */
void backups_entry_json(const struct backups *backups, const struct catalogue_entry *entry,
                        struct buf *out);

/* "3fa91c02  run 7  verified" or "-  orphan" with the directory's name: how an entry begins in a list. */
void backups_entry_text(const struct catalogue_entry *entry, struct buf *out);

/* "1.2 MB" */
void backups_bytes(uint64_t bytes, struct buf *out);
/* "2026-11-24T12:00:00Z" */
void backups_time(int64_t at_ms, struct buf *out);

bool backups_verify(struct backups *backups, struct err *err) MUST_CHECK;
bool backups_show(struct backups *backups, struct err *err) MUST_CHECK;
bool backups_prune(struct backups *backups, struct err *err) MUST_CHECK;
bool backups_export(struct backups *backups, struct err *err) MUST_CHECK;

#endif
