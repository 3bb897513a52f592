/* SPDX-License-Identifier: MIT */
#include "sandbox/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/fs.h"
#include "base/num.h"

#define LOG_NAME "log"
#define NEW_NAME "log.new"

enum { SUM_HEX = 16 };
static const size_t FILE_MAX_BYTES = (size_t)4 << 30;

static _Noreturn void die(const char *what)
{
    int errnum = errno;
    (void)fprintf(stderr, "steward-sandbox: could not write the %s: %s\n", what,
                  err_errno_text(errnum));
    _exit(1);
}

static void append(int fd, str line, const char *what)
{
    ssize_t n = write(fd, line.ptr, line.len);
    if (n < 0 || (size_t)n != line.len) {
        die(what);
    }
}

void store_line(struct store *store, char kind, str fields)
{
    if (store->log_fd < 0) {
        return;
    }
    AUTO_BUF struct buf line = {0};
    char sum[SUM_HEX + 1];
    buf_printf(&line, "%0*d\t%c\t", SUM_HEX, 0, kind);
    buf_adds(&line, fields);
    (void)snprintf(sum, sizeof(sum), "%016llx",
                   (unsigned long long)XXH3_64bits(line.ptr + SUM_HEX, line.len - SUM_HEX));
    memcpy(line.ptr, sum, SUM_HEX);
    buf_addc(&line, '\n');
    append(store->log_fd, buf_str(&line), "state");
}

static void append_line(int fd, str json, const char *what)
{
    if (fd >= 0) {
        AUTO_BUF struct buf line = {0};
        buf_adds(&line, json);
        buf_addc(&line, '\n');
        append(fd, buf_str(&line), what);
    }
}

void store_effect(struct store *store, str json)
{
    append_line(store->effects_fd, json, "effects file");
}

void store_request(struct store *store, str json)
{
    append_line(store->requests_fd, json, "requests file");
}

/* --- replay ---------------------------------------------------------------------------------- */

struct lines {
    str *items;
    size_t len;
    size_t cap;
};

static void lines_add(struct lines *lines, str line)
{
    if (lines->len == lines->cap) {
        lines->cap = lines->cap == 0 ? 256 : lines->cap * 2;
        lines->items = xrealloc(lines->items, lines->cap, sizeof(str));
    }
    lines->items[lines->len++] = line;
}

static int64_t field_number(str text)
{
    int64_t n = 0;
    (void)num_parse_i64(text, INT64_MIN, INT64_MAX, &n); /* the checksum vouches for the line */
    return n;
}

static void replay_calls(const struct store_replay *replay, str fields)
{
    char call[96];
    char cause[200];
    str rest = fields;
    int64_t second = field_number(str_cut(rest, '\t', &rest));
    str name = str_cut(rest, '\t', &rest);
    int64_t status = field_number(str_cut(rest, '\t', &rest));
    str why = str_cut(rest, '\t', &rest);
    (void)snprintf(call, sizeof(call), "%" STR_FMT, STR_ARG(name));
    (void)snprintf(cause, sizeof(cause), "%" STR_FMT, STR_ARG(why));
    replay->calls(replay->ctx, second, call, (int)status, why.len > 0 ? cause : NULL,
                  field_number(rest));
}

static void replay_numbers(const struct store_replay *replay, str fields)
{
    str rest = fields;
    int64_t request_seq = field_number(str_cut(rest, '\t', &rest));
    int64_t effect_seq = field_number(str_cut(rest, '\t', &rest));
    int64_t port = field_number(str_cut(rest, '\t', &rest));
    replay->numbers(replay->ctx, request_seq, effect_seq, port, field_number(rest) != 0);
}

struct tails {
    struct lines effects;
    struct lines requests;
};

static bool replay_line(const struct store_replay *replay, char kind, str fields,
                        struct tails *tails, struct err *err)
{
    str rest;
    str line;
    int64_t flags = 0;
    switch (kind) {
    case 'H':
        return replay->identity(replay->ctx, fields, err);
    case 'F':
        return replay->faults(replay->ctx, fields, err);
    case 'C':
        replay_calls(replay, fields);
        return true;
    case 'A':
        replay->accepted(replay->ctx, field_number(fields));
        return true;
    case 'N':
        replay_numbers(replay, fields);
        return true;
    case 'E':
        lines_add(&tails->effects, fields);
        return replay->effect(replay->ctx, fields, err);
    case 'R':
        flags = field_number(str_cut(fields, '\t', &rest));
        line = str_cut(rest, '\t', &rest);
        lines_add(&tails->requests, line);
        if (!replay->request(replay->ctx, (int)flags, line, err)) {
            return false;
        }
        if (rest.len > 0) {
            lines_add(&tails->effects, rest);
            return replay->effect(replay->ctx, rest, err);
        }
        return true;
    default:
        return err_set(err, ERR_CORRUPT, "could not read the state: unknown record '%c'", kind);
    }
}

static bool sum_matches(str line)
{
    char sum[SUM_HEX + 1];
    if (line.len < SUM_HEX + 3) {
        return false;
    }
    (void)snprintf(sum, sizeof(sum), "%016llx",
                   (unsigned long long)XXH3_64bits(line.ptr + SUM_HEX, line.len - SUM_HEX));
    return memcmp(sum, line.ptr, SUM_HEX) == 0;
}

/* *ret_len: how much of the log is whole. */
static bool replay_log(str log, const struct store_replay *replay, struct tails *tails,
                       size_t *ret_len, struct err *err)
{
    size_t at = 0;
    while (at < log.len) {
        const char *end = memchr(log.ptr + at, '\n', log.len - at);
        str line = {log.ptr + at, end != NULL ? (size_t)(end - log.ptr) - at : log.len - at};
        if (end == NULL || !sum_matches(line)) {
            if (end != NULL && at + line.len + 1 < log.len) {
                return err_set(err, ERR_CORRUPT, "could not read the state: damaged at byte %zu",
                               at);
            }
            break;
        }
        str fields = {line.ptr + SUM_HEX + 3, line.len - SUM_HEX - 3};
        if (!replay_line(replay, line.ptr[SUM_HEX + 1], fields, tails, err)) {
            return false;
        }
        at += line.len + 1;
    }
    *ret_len = at;
    return true;
}

/* --- bringing a line file up to the log ------------------------------------------------------- */

/* Cuts a torn line and returns the last whole one in `last` (empty: none). */
static bool cut_torn(int fd, struct buf *last, const char *what, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not read the %s", what);
    }
    off_t size = st.st_size;
    size_t window = size > (1 << 20) ? (size_t)1 << 20 : (size_t)size; /* no line is longer */
    if (window == 0) {
        return true;
    }
    char *bytes = xcalloc(window, 1);
    ssize_t n = pread(fd, bytes, window, size - (off_t)window);
    bool ok = n == (ssize_t)window;
    size_t end = window;
    while (ok && end > 0 && bytes[end - 1] != '\n') {
        end--;
    }
    ok = ok && ftruncate(fd, size - (off_t)(window - end)) == 0;
    size_t start = end > 0 ? end - 1 : 0;
    while (ok && start > 0 && bytes[start - 1] != '\n') {
        start--;
    }
    if (ok && end > 0) {
        buf_add(last, bytes + start, end - 1 - start);
    }
    free(bytes);
    return ok || err_set_errno(err, ERR_IO, errno, "could not repair the %s", what);
}

/* Where the file ends with none of the lines: effects are all missing then; of the requests at most
 * one is (older ones are no longer in the log). */
static bool catch_up(int fd, const struct lines *lines, bool keeps_all, const char *what,
                     struct err *err)
{
    if (fd < 0) {
        return true;
    }
    AUTO_BUF struct buf last = {0};
    if (!cut_torn(fd, &last, what, err)) {
        return false;
    }
    size_t from = keeps_all || lines->len == 1 ? 0 : lines->len;
    for (size_t i = lines->len; i > 0; i--) {
        if (str_eq(lines->items[i - 1], buf_str(&last))) {
            from = i;
            break;
        }
    }
    for (size_t i = from; i < lines->len; i++) {
        append_line(fd, lines->items[i], what);
    }
    return true;
}

/* --- opening ---------------------------------------------------------------------------------- */

static bool open_append(const char *path, int *ret_fd, struct err *err)
{
    if (path == NULL) {
        return true;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not open '%s'", path);
    }
    *ret_fd = fd;
    return true;
}

static bool open_state(struct store *store, const char *dir, struct err *err)
{
    if (!fs_mkdirs(AT_FDCWD, dir, err) || !fs_open_dir(AT_FDCWD, dir, &store->dir_fd, err)) {
        return false;
    }
    if (flock(store->dir_fd, LOCK_EX | LOCK_NB) < 0) {
        return err_set(err, ERR_LOCKED, "could not use '%s': another sandbox holds it", dir);
    }
    store->log_fd = openat(store->dir_fd, LOG_NAME, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (store->log_fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not open the log of '%s'", dir);
    }
    return true;
}

static bool replay_state(struct store *store, const struct store_replay *replay,
                         struct tails *tails, struct buf *log, struct err *err)
{
    size_t whole = 0;
    log->max = FILE_MAX_BYTES;
    if (!fs_read(store->dir_fd, LOG_NAME, log, err) ||
        !replay_log(buf_str(log), replay, tails, &whole, err)) {
        return false;
    }
    if (ftruncate(store->log_fd, (off_t)whole) < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not repair the log");
    }
    return true;
}

bool store_open(struct store *store, const char *state_dir, const char *effects,
                const char *requests, const struct store_replay *replay, struct err *err)
{
    *store = (struct store){.dir_fd = -1, .log_fd = -1, .effects_fd = -1, .requests_fd = -1};
    struct tails tails = {0};
    AUTO_BUF struct buf log = {0}; /* the tails point into it */
    bool ok = open_append(effects, &store->effects_fd, err) &&
              open_append(requests, &store->requests_fd, err) &&
              (state_dir == NULL || (open_state(store, state_dir, err) &&
                                     replay_state(store, replay, &tails, &log, err))) &&
              catch_up(store->effects_fd, &tails.effects, true, "effects file", err) &&
              catch_up(store->requests_fd, &tails.requests, false, "requests file", err);
    free(tails.effects.items);
    free(tails.requests.items);
    if (!ok) {
        store_close(store);
    }
    return ok;
}

void store_close(struct store *store)
{
    int *fds[] = {&store->log_fd, &store->effects_fd, &store->requests_fd, &store->dir_fd};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        auto_close(fds[i]);
    }
}

bool store_rewrite_begin(struct store *store, struct err *err)
{
    if (store->log_fd < 0) {
        return true;
    }
    int fd =
        openat(store->dir_fd, NEW_NAME, O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not shorten the log");
    }
    auto_close(&store->log_fd);
    store->log_fd = fd;
    return true;
}

bool store_rewrite_end(struct store *store, struct err *err)
{
    if (store->log_fd >= 0 && renameat(store->dir_fd, NEW_NAME, store->dir_fd, LOG_NAME) < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not shorten the log");
    }
    return true;
}
