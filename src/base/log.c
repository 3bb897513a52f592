/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <xxhash.h>

#include "base/logfile.h"
#include "base/rng.h"

struct log {
    struct logfile *file; /* NULL: none */
    struct log_options options;
    uint64_t pii_key;
    _Atomic int64_t lost; /* lines that the file did not take and was not told of yet */
    atomic_bool complained;
    struct live *live; /* stderr */
};

static _Thread_local int64_t context_run;
static _Thread_local char context_change[80];

static const char *const level_names[] = {"debug", "info", "warn", "error"};
/* OpenTelemetry severity numbers */
static const int severity[] = {5, 9, 13, 17};

struct log *log_open(const char *path, const struct log_options *options, struct err *err)
{
    struct log *log = xnew(struct log);
    log->options = *options;
    if (log->options.clock == NULL) {
        log->options.clock = clock_system();
    }
    if (path != NULL) {
        const struct logfile_options file_options = {
            .clock = log->options.clock, .max_bytes = options->max_bytes, .keep = options->keep};
        log->file = logfile_open(path, &file_options, err);
        if (log->file == NULL) {
            free(log);
            return NULL;
        }
    }
    struct rng rng;
    rng_seed_system(&rng);
    log->pii_key = rng_next(&rng);
    log->live = live_new(STDERR_FILENO);
    return log;
}

void log_close(struct log *log)
{
    if (log != NULL) {
        logfile_close(log->file);
        live_free(log->live);
        free(log);
    }
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

static bool log_to_file(const struct log *log, enum log_level level, const char *message,
                        const struct log_field *fields, size_t count, struct err *err)
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
    return logfile_write(log->file, buf_str(&line), err);
}

struct live *log_live(struct log *log)
{
    return log != NULL ? log->live : NULL;
}

/* For a person: what went wrong comes last and in words, and what only a program asks for is left out. */
static void log_to_stderr(const struct log *log, enum log_level level, const char *message,
                          const struct log_field *fields, size_t count)
{
    static const char *const colors[] = {"\033[2m", "", "\033[33m", "\033[31m"};
    AUTO_BUF struct buf line = {0};
    const struct log_field *error = NULL;
    buf_addz(&line, log->options.color ? colors[level] : "");
    buf_printf(&line, "steward: %s: %s", level_names[level], message);
    if (context_change[0] != '\0') { /* as much of it as `steward show` needs */
        buf_printf(&line, " change=%.8s", context_change);
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].key, "error.message") == 0) {
            error = &fields[i];
        } else if (strcmp(fields[i].key, "error.kind") != 0 &&
                   strcmp(fields[i].key, "duration_ms") != 0) {
            buf_printf(&line, " %s=", fields[i].key);
            add_value(log, &line, &fields[i], false);
        }
    }
    if (error != NULL) {
        buf_addz(&line, ": ");
        add_value(log, &line, error, false);
    }
    buf_addz(&line, log->options.color && colors[level][0] != '\0' ? "\033[0m\n" : "\n");
    live_above(log->live, buf_str(&line));
}

/* One lost line is enough for stderr; the file is told how many, once it takes lines again. */
static void keep_line(struct log *log, enum log_level level, const char *message,
                      const struct log_field *fields, size_t count)
{
    struct err err = {0};
    if (!log_to_file(log, level, message, fields, count, &err)) {
        (void)atomic_fetch_add(&log->lost, 1);
        if (!atomic_exchange(&log->complained, true) && log->options.stderr_level <= LOG_WARN) {
            log_to_stderr(log, LOG_WARN, "the log file misses lines",
                          (const struct log_field[]){LOG_ERR(&err)}, 2);
        }
        return;
    }
    int64_t lost = atomic_exchange(&log->lost, 0);
    if (lost != 0 && !log_to_file(log, LOG_WARN, "lines are missing before the one above",
                                  (const struct log_field[]){LOG_INT("lines", lost)}, 1, &err)) {
        (void)atomic_fetch_add(&log->lost, lost);
    }
}

void log_event(struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count)
{
    if (log == NULL || level >= LOG_OFF) {
        return;
    }
    if (log->file != NULL && level >= log->options.file_level) {
        keep_line(log, level, message, fields, count);
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
