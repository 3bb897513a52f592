/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/rng.h"

struct log {
    int fd; /* -1: none */
    struct log_options options;
    uint64_t pii_key;
};

static _Thread_local int64_t context_run;
static _Thread_local char context_change[80];

static const char *const level_names[] = {"debug", "info", "warn", "error"};
/* OpenTelemetry severity numbers */
static const int severity[] = {5, 9, 13, 17};

struct log *log_open(const char *path, const struct log_options *options, struct err *err)
{
    int fd = -1;
    if (path != NULL) {
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            (void)err_set_errno(err, ERR_IO, errno, "could not open log '%s'", path);
            return NULL;
        }
    }
    struct log *log = xnew(struct log);
    log->fd = fd;
    log->options = *options;
    if (log->options.clock == NULL) {
        log->options.clock = clock_system();
    }
    struct rng rng;
    rng_seed_system(&rng);
    log->pii_key = rng_next(&rng);
    return log;
}

void log_close(struct log *log)
{
    if (log == NULL) {
        return;
    }
    if (log->fd >= 0) {
        (void)close(log->fd); /* each line was written and checked; logs are not fsync'ed */
    }
    free(log);
}

void log_context(int64_t run, const char *change)
{
    context_run = run;
    (void)snprintf(context_change, sizeof(context_change), "%s", change);
}

static void add_value(const struct log *log, struct buf *line, const struct log_field *field,
                      bool json)
{
    char text[48];
    str value = field->text;
    switch (field->type) {
    case LOG_T_NUMBER:
        buf_printf(line, "%lld", (long long)field->number);
        return;
    case LOG_T_PERSONAL:
        (void)snprintf(text, sizeof(text), "personal:%08x",
                       (unsigned)XXH3_64bits_withSeed(value.ptr != NULL ? value.ptr : "", value.len,
                                                      log->pii_key));
        value = str_of(text);
        break;
    case LOG_T_SECRET:
        value = STR("***");
        break;
    case LOG_T_PUBLIC:
        break;
    }
    if (json) {
        buf_add_json(line, value);
    } else {
        buf_adds(line, value);
    }
}

static void write_line(int fd, const struct buf *line)
{
    /* A log that cannot be written must not stop a run; the journal is the record. */
    ssize_t n = write(fd, line->ptr, line->len);
    (void)n;
}

static void log_to_file(const struct log *log, enum log_level level, const char *message,
                        const struct log_field *fields, size_t count)
{
    AUTO_BUF struct buf line = {0};
    char stamp[CLOCK_TEXT_BYTES];
    clock_rfc3339(clock_real_ms(log->options.clock), stamp);
    buf_printf(&line,
               "{\"@timestamp\":\"%s\",\"log.level\":\"%s\",\"severity_number\":%d,\"message\":",
               stamp, level_names[level], severity[level]);
    buf_add_json(&line, str_of(message));
    if (context_run != 0) {
        buf_printf(&line, ",\"run.id\":%lld", (long long)context_run);
    }
    if (context_change[0] != '\0') {
        buf_addz(&line, ",\"change.id\":");
        buf_add_json(&line, str_of(context_change));
    }
    for (size_t i = 0; i < count; i++) {
        buf_addc(&line, ',');
        buf_add_json(&line, str_of(fields[i].key));
        buf_addc(&line, ':');
        add_value(log, &line, &fields[i], true);
    }
    buf_addz(&line, "}\n");
    write_line(log->fd, &line);
}

static void log_to_stderr(const struct log *log, enum log_level level, const char *message,
                          const struct log_field *fields, size_t count)
{
    static const char *const colors[] = {"\033[2m", "", "\033[33m", "\033[31m"};
    AUTO_BUF struct buf line = {0};
    buf_addz(&line, log->options.color ? colors[level] : "");
    buf_printf(&line, "steward: %s: %s", level_names[level], message);
    for (size_t i = 0; i < count; i++) {
        buf_printf(&line, " %s=", fields[i].key);
        add_value(log, &line, &fields[i], false);
    }
    buf_addz(&line, log->options.color && colors[level][0] != '\0' ? "\033[0m\n" : "\n");
    write_line(STDERR_FILENO, &line);
}

void log_event(struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count)
{
    if (log == NULL || level >= LOG_OFF) {
        return;
    }
    if (log->fd >= 0 && level >= log->options.file_level) {
        log_to_file(log, level, message, fields, count);
    }
    if (level >= log->options.stderr_level) {
        log_to_stderr(log, level, message, fields, count);
    }
}

bool log_level_parse(str s, enum log_level *ret)
{
    if (str_eq_nocase(s, STR("warning"))) {
        *ret = LOG_WARN;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
        if (str_eq_nocase(s, str_of(level_names[i]))) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    if (str_eq_nocase(s, STR("critical"))) {
        *ret = LOG_ERROR;
        return true;
    }
    return false;
}
