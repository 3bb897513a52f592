/* SPDX-License-Identifier: MIT */
/*
 * The plan file: what a run intends to do, immutable once written. `plans/<run>.plan` in the
 * workspace. The journal records what happened to it; the two are joined by `seq`, a change's place
 * in the plan.
 *
 * Why a file and not rows: a plan of millions of changes is written once, in order, at the disk's
 * speed, hashed as it is written, and read once, in order. Only changes that leave `planned` get a
 * journal row.
 *
 * Format, version 1, little endian:
 *   "STWPLAN1"  u32 version
 *   blocks:     u8 type ('H' header, 'D' records, 'E' end), u32 bytes, u32 CRC-32C of the payload,
 *               payload
 *   'H'         the header as JSON text (canonical: fixed key order)
 *   'D'         records: u8 type ('C' change, 'R' review, 'B' bad row), LEB128 lengths, bytes;
 *               never split over blocks; about 64 KiB a block
 *   'E'         JSON: {"changes":n,"review":n,"bad":n} and the plan hash
 * The plan hash is SHA-256 over the payloads of 'H' and 'D' in order: same input, same bytes, same
 * hash, whatever the threads did. No time and no path of the machine is in it.
 * A change's id is the first 16 bytes of SHA-256(plan hash, kind, NUL, target), in hex.
 *
 * A damaged or cut file, or an unknown version, is ERR_CORRUPT naming the block; nothing is applied
 * from it. Writer and reader belong to one thread each.
 */
#ifndef STEWARD_STORE_PLAN_H
#define STEWARD_STORE_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"

enum { CHANGE_ID_BYTES = 16, CHANGE_ID_HEX = 33, PLAN_MAX_FIELDS = 64 };

/* A field that changes carry: what the plan saw, for drift, preview and report. */
struct plan_column {
    str name;     /* as people know it: "email" */
    str remote;   /* the remote's field: "email"; empty where it has none */
    str form;     /* normal form in which two values are compared: "email", "trim", "fold" ... */
    bool decides; /* the decision used it: a difference at apply time is drift */
};

struct plan_header {
    str job;        /* "merge" */
    str rules;      /* "revu-pairs" */
    str rules_hash; /* SHA-256 hex of the rule file and its lists */
    str kind;       /* "merge-contact": the kind of every change */
    str source;     /* "csv", "snowflake" ... */
    const struct plan_column *columns;
    size_t column_count;
};

struct plan_value {
    str before; /* merge: the loser's value; otherwise the value seen */
    str after;  /* merge: the survivor's value; otherwise the value to be written */
};

struct plan_change {
    uint64_t seq;           /* from 0; set by the writer and the reader */
    char id[CHANGE_ID_HEX]; /* set by the reader */
    str target;
    str survivor; /* empty where the job has none */
    str strategy;
    str reason;
    const struct plan_value *values; /* column_count of them, in the header's order */
};

/* A record left to people ('R', id not empty) or a bad row ('B', line not 0). */
struct plan_finding {
    str id;
    uint64_t line;
    str reason;
};

struct plan_totals {
    uint64_t changes;
    uint64_t review;
    uint64_t bad;
    uint8_t hash[SHA256_BYTES];
};

/* The first 16 bytes of SHA-256(plan hash, kind, NUL, target). The reader sets ids by itself. */
void plan_change_id(const uint8_t hash[SHA256_BYTES], str kind, str target,
                    uint8_t ret[CHANGE_ID_BYTES]);

/* --- writing ------------------------------------------------------------------------------- */

struct plan_writer;

/* Creates `path` (0600, it must not exist; its directory is made) below dirfd under the temporary
 * name <path>.tmp; one that a dead process left there is replaced, so the workspace lock must be
 * held. A text of more than 64 KiB, more than PLAN_MAX_FIELDS columns, a change without target:
 * ERR_INPUT; such a record is not in the plan, the writer goes on. */
struct plan_writer *plan_writer_new(int dirfd, const char *path, const struct plan_header *header,
                                    struct err *err) MUST_CHECK;
bool plan_add_change(struct plan_writer *writer, const struct plan_change *change,
                     struct err *err) MUST_CHECK;
bool plan_add_review(struct plan_writer *writer, const struct plan_finding *finding,
                     struct err *err) MUST_CHECK;
bool plan_add_bad(struct plan_writer *writer, const struct plan_finding *finding,
                  struct err *err) MUST_CHECK;
/* Writes the end, fsyncs, renames into place, fsyncs the directory. */
bool plan_writer_finish(struct plan_writer *writer, struct plan_totals *ret,
                        struct err *err) MUST_CHECK;
/* Before finish: removes the temporary file. */
void plan_writer_free(struct plan_writer *writer);
DEFINE_AUTO(struct plan_writer, plan_writer_free)

/* --- reading ------------------------------------------------------------------------------- */

struct plan_reader;

enum plan_item { PLAN_END, PLAN_CHANGE, PLAN_REVIEW, PLAN_BAD };

/* Reads header and end (so totals and hash are known at once); blocks are checked as they are read.
 * `expect_hash` NULL or the journal's hash: another one is ERR_CORRUPT. */
struct plan_reader *plan_reader_open(int dirfd, const char *path, const uint8_t *expect_hash,
                                     struct err *err) MUST_CHECK;
void plan_reader_free(struct plan_reader *reader);
DEFINE_AUTO(struct plan_reader, plan_reader_free)

const struct plan_header *plan_reader_header(const struct plan_reader *reader);
const struct plan_totals *plan_reader_totals(const struct plan_reader *reader);

/* The next record in order; views live until the next call. At PLAN_END the whole hash has been
 * checked. */
bool plan_next(struct plan_reader *reader, enum plan_item *ret_item, struct plan_change *ret_change,
               struct plan_finding *ret_finding, struct err *err) MUST_CHECK;
bool plan_rewind(struct plan_reader *reader, struct err *err) MUST_CHECK;

/* What a change does, as a JSON member: "survivor":"<id>" where it has one, otherwise the fields that it
 * writes, "set":{"<field>":"<new value>"}: columns of the remote whose value is to be another. */
void plan_change_effect(const struct plan_header *header, const struct plan_change *change,
                        struct buf *out);

/* Deep copy into an arena. */
struct plan_change *plan_change_copy(struct arena *arena, const struct plan_change *change,
                                     size_t column_count);

#endif
