/* SPDX-License-Identifier: MIT */
/*
 * The error object: the last parameter of every function that can fail.
 *
 * The caller owns it (usually on the stack, `struct err err = {0};`); nothing is allocated on the
 * failure path. A failing function fills it and returns false; on success it is not touched.
 * `err_set` returns false, so `return err_set(...)` is one line. Each level that knows more wraps:
 * `return err_wrap(err, "row %zu", line)`. Only command/ and engine/ print.
 *
 * Text: lowercase, "could not ...", the record or file in single quotes, no period. The hint is a
 * sentence that tells the operator what to do next. **No personal data**: name records by id,
 * change or line, never by address, because error texts reach stderr and logs.
 *
 * Beside the kind, three facts steer the executor:
 *   retryable  nothing happened and trying again later may work
 *   fatal      every further change would fail the same way: stop the run
 *   ambiguous  the remote may have carried the request out: settle by reading, never send again
 */
#ifndef STEWARD_BASE_ERR_H
#define STEWARD_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/attr.h"

/* kind, exit code (cli.md section 2), name in logs and JSON, when */
#define ERR_KINDS(X)                                                                               \
    X(ERR_NONE, 0, "none", "no error")                                                             \
    X(ERR_INTERNAL, 1, "internal", "a bug or an exhausted system resource")                        \
    X(ERR_IO, 1, "io", "a local file or directory failed")                                         \
    X(ERR_USAGE, 2, "usage", "the command line is wrong")                                          \
    X(ERR_CONFIG, 2, "config", "a setting is missing or wrong")                                    \
    X(ERR_INPUT, 64, "input", "bad input data, nothing was planned")                               \
    X(ERR_NETWORK, 1, "network", "no answer arrived: refused, reset, timed out")                   \
    X(ERR_REMOTE, 1, "remote", "the remote answered with an error")                                \
    X(ERR_PROTOCOL, 1, "protocol", "the remote's answer could not be understood")                  \
    X(ERR_AUTH, 6, "auth", "the remote refused the token")                                         \
    X(ERR_LIMITED, 1, "limited", "the remote asked to slow down")                                  \
    X(ERR_NOT_FOUND, 1, "not-found", "the thing that was named does not exist")                    \
    X(ERR_REFUSED, 4, "refused", "a guard refused: no preview, not confirmed, a limit, stale")     \
    X(ERR_DRIFT, 3, "drift", "the record changed since the plan")                                  \
    X(ERR_BACKUP, 3, "backup", "the backup could not be made or did not read back")                \
    X(ERR_PARTIAL, 3, "partial", "finished, but not every change is done")                         \
    X(ERR_VERIFY, 5, "verify", "verification found a difference")                                  \
    X(ERR_STOPPED, 6, "stopped", "stopped by its own safety, can be resumed")                      \
    X(ERR_LOCKED, 11, "locked", "another steward holds the workspace")                             \
    X(ERR_CORRUPT, 1, "corrupt", "a journal, plan or backup is damaged or too new")                \
    X(ERR_INTERRUPTED, 130, "interrupted", "stopped by a signal, can be resumed")

enum err_kind {
#define X(kind, exit_code, name, when) kind,
    ERR_KINDS(X)
#undef X
        ERR_KIND_COUNT
};

struct err {
    enum err_kind kind;
    bool retryable;
    bool fatal;
    bool ambiguous;
    int os_errno;       /* 0 where none */
    int http_status;    /* 0 where none */
    int retry_after_ms; /* what the remote asked for, 0 where nothing */
    char message[768];
    char hint[320];
};

/* Fills `err`, dropping what it held. Returns false. `err` may be NULL. */
bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set, and appends ": <text of errnum>". */
bool err_set_errno(struct err *err, enum err_kind kind, int errnum, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

/* Puts "<text>: " before the message. Returns false. */
bool err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Sets the hint, unless one is there already. Returns false. */
bool err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Says in the header that they return false, so that compilers and the analyser know which
 * variables a caller has set when a call succeeded. */
static inline bool err_false_(bool is_false)
{
    (void)is_false; /* it is */
    return false;
}

#define err_set(...) err_false_(err_set(__VA_ARGS__))
#define err_set_errno(...) err_false_(err_set_errno(__VA_ARGS__))
#define err_wrap(...) err_false_(err_wrap(__VA_ARGS__))
#define err_hint(...) err_false_(err_hint(__VA_ARGS__))

/* True where `err` holds an error. */
static inline bool err_is(const struct err *err)
{
    return err->kind != ERR_NONE;
}

const char *err_kind_name(enum err_kind kind);
int err_exit_code(enum err_kind kind);

/* Text of an errno value, thread-safe; the result is constant. */
const char *err_errno_text(int errnum);

#endif
