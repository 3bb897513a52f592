/* SPDX-License-Identifier: MIT */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* the functions, not the macros that tell callers of them */
#undef err_set
#undef err_set_errno
#undef err_wrap
#undef err_hint

static const struct {
    int exit_code;
    const char *name;
} kinds[] = {
#define X(kind, exit_code, name, when) {exit_code, name},
    ERR_KINDS(X)
#undef X
};

PRINTF_LIKE(3, 0)
static void format_into(char *out, size_t size, const char *fmt, va_list args)
{
    int n = vsnprintf(out, size, fmt, args);
    if (n >= 0 && (size_t)n >= size && size > 4) {
        memcpy(out + size - 4, "...", 4);
    }
}

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    if (err == NULL) {
        return false;
    }
    /* The text may be built from the old content (`err->message`), so format before clearing. */
    char text[sizeof(err->message)];
    va_list args;
    va_start(args, fmt);
    format_into(text, sizeof(text), fmt, args);
    va_end(args);
    *err = (struct err){.kind = kind};
    memcpy(err->message, text, sizeof(text));
    return false;
}

bool err_set_errno(struct err *err, enum err_kind kind, int errnum, const char *fmt, ...)
{
    if (err == NULL) {
        return false;
    }
    char text[sizeof(err->message)];
    va_list args;
    va_start(args, fmt);
    format_into(text, sizeof(text), fmt, args);
    va_end(args);
    (void)err_set(err, kind, "%s: %s", text, err_errno_text(errnum));
    err->os_errno = errnum;
    return false;
}

bool err_wrap(struct err *err, const char *fmt, ...)
{
    if (err == NULL) {
        return false;
    }
    char text[sizeof(err->message)];
    va_list args;
    va_start(args, fmt);
    format_into(text, sizeof(text), fmt, args);
    va_end(args);
    size_t len = strlen(text);
    if (len + 2 < sizeof(text)) {
        text[len] = ':';
        text[len + 1] = ' ';
        size_t room = sizeof(text) - len - 3;
        size_t old = strlen(err->message);
        size_t take = old < room ? old : room;
        memcpy(text + len + 2, err->message, take);
        text[len + 2 + take] = '\0';
        if (take < old && take > 3) {
            memcpy(text + len + 2 + take - 3, "...", 3);
        }
    }
    memcpy(err->message, text, sizeof(text));
    return false;
}

bool err_hint(struct err *err, const char *fmt, ...)
{
    if (err == NULL || err->hint[0] != '\0') {
        return false;
    }
    va_list args;
    va_start(args, fmt);
    format_into(err->hint, sizeof(err->hint), fmt, args);
    va_end(args);
    return false;
}

const char *err_kind_name(enum err_kind kind)
{
    return (unsigned)kind < ARRAY_LEN(kinds) ? kinds[kind].name : "unknown";
}

int err_exit_code(enum err_kind kind)
{
    return (unsigned)kind < ARRAY_LEN(kinds) ? kinds[kind].exit_code : 1;
}

const char *err_errno_text(int errnum)
{
    const char *text = strerrordesc_np(errnum);
    return text != NULL ? text : "unknown error";
}
