/* SPDX-License-Identifier: MIT */
/*
 * Two channels. JSON lines in a file (base/logfile.h, ECS-like names) for machines, short human
 * lines on stderr for people. A file that cannot be written stops nothing: the journal is the
 * record. stderr says so once, and the file, as soon as it takes lines again, how many are missing.
 * Library layers report through `struct err`; they log at debug only, a remote's failed calls at
 * info.
 *
 * Redaction is by type: a field is public (ids, counts, call names), personal (printed as a keyed
 * hash, the same for the same value within one log) or secret (never printed). Messages are
 * constants and hold no data.
 *
 * Any thread may log. Thread-local context (run, change) is put in front of every line that the
 * thread writes to the file; stderr, where one run is looked at, gets the change.
 */
#ifndef STEWARD_BASE_LOG_H
#define STEWARD_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/live.h"
#include "base/secret.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

enum log_type { LOG_T_PUBLIC, LOG_T_NUMBER, LOG_T_PERSONAL, LOG_T_SECRET };

struct log_field {
    const char *key;
    enum log_type type;
    str text;
    int64_t number;
};

#define LOG_STR(key, value) ((struct log_field){(key), LOG_T_PUBLIC, str_of(value), 0})
#define LOG_TEXT(key, value) ((struct log_field){(key), LOG_T_PUBLIC, (value), 0})
#define LOG_INT(key, value) ((struct log_field){(key), LOG_T_NUMBER, STR_NONE, (int64_t)(value)})
#define LOG_PERSONAL(key, value) ((struct log_field){(key), LOG_T_PERSONAL, (value), 0})
#define LOG_SECRET(key) ((struct log_field){(key), LOG_T_SECRET, STR_NONE, 0})
/* kind and message of an error (err.h: messages hold no personal data) */
#define LOG_ERR(error)                                                                             \
    LOG_STR("error.kind", err_kind_name((error)->kind)), LOG_STR("error.message", (error)->message)

struct log;

struct log_options {
    const struct clock *clock; /* NULL: clock_system() */
    enum log_level file_level;
    enum log_level stderr_level; /* LOG_OFF: nothing on stderr */
    bool color;
    int64_t max_bytes; /* base/logfile.h; 0: one file for ever */
    int64_t keep;
};

/* `path` NULL: stderr only. Appends to "X.log"; the file is created 0600. */
struct log *log_open(const char *path, const struct log_options *options,
                     struct err *err) MUST_CHECK;
void log_close(struct log *log);

/* For the calling thread: run number (0 none) and change id ("" none). */
void log_context(int64_t run, const char *change);

void log_event(struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count);

#define log_at(log, level, message, ...)                                                           \
    log_event((log), (level), (message), (const struct log_field[]){__VA_ARGS__},                  \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

/* Where lines for stderr go: above what is drawn over and over there. */
struct live *log_live(struct log *log);

bool log_level_parse(str s, enum log_level *ret);

#endif
