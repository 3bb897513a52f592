/* SPDX-License-Identifier: MIT */
#include "base/logfile.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/failpoint.h"
#include "base/fs.h"
#include "base/num.h"

enum {
    NAME_BYTES = 256,
    PIECE_BYTES = 64 * 1024,
    STAMP_LEN = 15,         /* YYYYMMDD_HHMMSS */
    MAX_IN_A_SECOND = 1000, /* a number has three digits, so that names sort by age */
    ZSTD_LEVEL = 3,
};

static const char plain_end[] = ".log";
static const char packed_end[] = ".log.zst";
static const char partial_end[] = ".log.zst.part";

struct logfile {
    pthread_mutex_t lock; /* one writer in this process; the directory's flock is for the others */
    struct logfile_options options;
    int dirfd;
    char name[NAME_BYTES]; /* steward.log */
    char stem[NAME_BYTES]; /* steward */
    int fd;                /* GUARDED_BY lock, like all below */
    ino_t ino;             /* of the file that fd is */
    dev_t dev;
    int64_t size;     /* after our last line */
    int64_t aside_at; /* put aside at this size; further off after a failure */
};

/* --- the file that has the name ---------------------------------------------------------------- */

/* Cuts off what is left of a line that never became whole. */
static bool mend_end(const struct logfile *file, int64_t *size)
{
    char piece[4096];
    int64_t end = *size;
    while (end > 0) {
        int64_t from = end > (int64_t)sizeof(piece) ? end - (int64_t)sizeof(piece) : 0;
        ssize_t n = pread(file->fd, piece, (size_t)(end - from), from);
        if (n != end - from) {
            return false;
        }
        const char *last = memrchr(piece, '\n', (size_t)n);
        if (last != NULL) {
            end = from + (last - piece) + 1;
            break;
        }
        end = from;
    }
    if (end != *size && ftruncate(file->fd, end) != 0) {
        return false;
    }
    *size = end;
    return true;
}

static bool open_current(struct logfile *file, struct err *err)
{
    int fd =
        openat(file->dirfd, file->name, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set_errno(err, ERR_IO, errno, "could not open log '%s'", file->name);
    }
    if (file->fd >= 0) {
        (void)close(file->fd); /* each line was written and checked; logs are not fsync'ed */
    }
    file->fd = fd;
    file->size = -1; /* not looked at yet */
    file->aside_at = file->options.max_bytes;
    return true;
}

/* Makes file->fd the file that has the name, with a whole line at its end. */
static bool follow_name(struct logfile *file, struct err *err)
{
    struct stat named;
    bool same = file->fd >= 0 &&
                fstatat(file->dirfd, file->name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
                named.st_ino == file->ino && named.st_dev == file->dev;
    if (!same) {
        if (!open_current(file, err)) {
            return false;
        }
        if (fstat(file->fd, &named) != 0) {
            return err_set_errno(err, ERR_IO, errno, "could not look at log '%s'", file->name);
        }
        file->ino = named.st_ino;
        file->dev = named.st_dev;
    }
    int64_t size = named.st_size;
    if (size != file->size && !mend_end(file, &size)) {
        return err_set_errno(err, ERR_IO, errno, "could not mend the end of log '%s'", file->name);
    }
    file->size = size;
    return true;
}

/* --- old files --------------------------------------------------------------------------------- */

/* "steward-YYYYMMDD_HHMMSS.log", with "_002" where there is more than one in a second. */
static bool is_aside(const struct logfile *file, const char *name, const char *end)
{
    str rest = str_of(name);
    if (!str_starts(rest, str_of(file->stem)) || !str_ends(rest, str_of(end))) {
        return false;
    }
    size_t head = strlen(file->stem) + 1;
    size_t fixed = head + strlen(end);
    if (rest.len != fixed + STAMP_LEN && rest.len != fixed + STAMP_LEN + 4) {
        return false;
    }
    for (size_t i = head; i < rest.len - strlen(end); i++) {
        bool line = i == head + 8 || i == head + STAMP_LEN;
        if (line ? name[i] != '_' : isdigit((unsigned char)name[i]) == 0) {
            return false;
        }
    }
    return name[head - 1] == '-';
}

static bool pack_piece(int out, ZSTD_CCtx *zstd, str piece, ZSTD_EndDirective end, struct err *err)
{
    char room[PIECE_BYTES];
    ZSTD_inBuffer in = {piece.ptr, piece.len, 0};
    size_t left;
    do {
        ZSTD_outBuffer to = {room, sizeof(room), 0};
        left = ZSTD_compressStream2(zstd, &to, &in, end);
        if (ZSTD_isError(left) != 0) {
            return err_set(err, ERR_INTERNAL, "could not compress a log: %s",
                           ZSTD_getErrorName(left));
        }
        int injected = FAILPOINT("logfile.compress");
        if (injected != 0) {
            return err_set_errno(err, ERR_IO, injected, "could not write a compressed log");
        }
        if (!fs_write_all(out, (str){room, to.pos}, "a compressed log", err)) {
            return false;
        }
    } while (end == ZSTD_e_end ? left != 0 : in.pos < in.size);
    return true;
}

static bool pack_bytes(int in, int out, struct err *err)
{
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    if (zstd == NULL) {
        return err_set(err, ERR_INTERNAL, "could not compress a log: no memory");
    }
    (void)ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL); /* both are valid */
    (void)ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1);
    char piece[PIECE_BYTES];
    bool ok = true;
    ssize_t n = 0;
    while (ok && (n = read(in, piece, sizeof(piece))) > 0) {
        ok = pack_piece(out, zstd, (str){piece, (size_t)n}, ZSTD_e_continue, err);
    }
    if (ok && n < 0) {
        ok = err_set_errno(err, ERR_IO, errno, "could not read a log");
    }
    ok = ok && pack_piece(out, zstd, STR_NONE, ZSTD_e_end, err) &&
         fs_fsync(out, "a compressed log", err);
    (void)ZSTD_freeCCtx(zstd); /* cannot fail */
    return ok;
}

/* "x.log" becomes "x.log.zst". What fails leaves "x.log" as it is. */
static void pack(const struct logfile *file, const char *plain)
{
    char packed[NAME_BYTES + 8];
    char partial[NAME_BYTES + 16];
    (void)snprintf(packed, sizeof(packed), "%s.zst", plain);
    (void)snprintf(partial, sizeof(partial), "%s.part", packed);
    if (!fs_exists(file->dirfd, packed)) { /* or a kill came before the old one was removed */
        AUTO_CLOSE int in = openat(file->dirfd, plain, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        AUTO_CLOSE int out = openat(file->dirfd, partial,
                                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        struct err ignored = {0}; /* it is tried again when the next one is put aside */
        if (in < 0 || out < 0 || !pack_bytes(in, out, &ignored) ||
            renameat(file->dirfd, partial, file->dirfd, packed) != 0) {
            (void)unlinkat(file->dirfd, partial, 0);
            return;
        }
    }
    if (FAILPOINT("logfile.compressed") == 0 && fsync(file->dirfd) == 0) {
        (void)unlinkat(file->dirfd, plain, 0); /* tried again, for the packed one is there */
    }
}

struct names {
    char (*list)[NAME_BYTES];
    size_t count;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The names in the directory that are old files with such an end, oldest first. */
static void find_names(const struct logfile *file, const char *end, struct names *names)
{
    int fd = openat(file->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (is_aside(file, entry->d_name, end)) {
            names->list = xrealloc(names->list, names->count + 1, sizeof(*names->list));
            (void)snprintf(names->list[names->count++], NAME_BYTES, "%s", entry->d_name);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); /* read only */
    } else if (fd >= 0) {
        (void)close(fd); /* read only */
    }
    if (names->count != 0) {
        qsort(names->list, names->count, sizeof(*names->list), compare_names);
    }
}

static void remove_oldest(const struct logfile *file, const struct names *names, size_t keep)
{
    for (size_t i = 0; i + keep < names->count; i++) {
        (void)unlinkat(file->dirfd, names->list[i], 0); /* tried again the next time */
    }
}

/* Finishes what was begun, and removes what is too old. */
static void tidy(const struct logfile *file)
{
    struct names partial = {0};
    struct names plain = {0};
    struct names packed = {0};
    find_names(file, partial_end, &partial);
    remove_oldest(file, &partial, 0);
    find_names(file, plain_end, &plain);
    size_t keep = (size_t)file->options.keep;
    for (size_t i = 0; i < plain.count; i++) {
        if (plain.count - i <= keep) {
            pack(file, plain.list[i]);
        }
    }
    remove_oldest(file, &plain, keep);
    find_names(file, packed_end, &packed);
    remove_oldest(file, &packed, keep);
    free(partial.list);
    free(plain.list);
    free(packed.list);
}

/* A name that sorts behind all there are, whatever the clock does. */
static bool next_name(const struct logfile *file, char *ret, size_t room)
{
    struct names plain = {0};
    struct names packed = {0};
    find_names(file, plain_end, &plain);
    find_names(file, packed_end, &packed);
    char stamp[CLOCK_TEXT_BYTES];
    clock_stamp(clock_real_ms(file->options.clock), stamp);
    int number = 1;
    const size_t head = strlen(file->stem) + 1;
    for (size_t i = 0; i < 2; i++) {
        const struct names *names = i == 0 ? &plain : &packed;
        const char *last = names->count != 0 ? names->list[names->count - 1] + head : "";
        int64_t seen = 1;
        if (last[0] != '\0' && last[STAMP_LEN] == '_') {
            (void)num_parse_i64((str){last + STAMP_LEN + 1, 3}, 0, MAX_IN_A_SECOND, &seen);
        }
        int order = strncmp(last, stamp, STAMP_LEN);
        if (last[0] != '\0' && (order > 0 || (order == 0 && seen >= number))) {
            memcpy(stamp, last, STAMP_LEN);
            number = (int)seen + 1;
        }
    }
    free(plain.list);
    free(packed.list);
    char more[8] = "";
    if (number > 1) {
        (void)snprintf(more, sizeof(more), "_%03d", number % MAX_IN_A_SECOND);
    }
    (void)snprintf(ret, room, "%s-%s%s%s", file->stem, stamp, more, plain_end);
    return number < MAX_IN_A_SECOND;
}

static bool put_aside(struct logfile *file, struct err *err)
{
    char aside[NAME_BYTES];
    if (!next_name(file, aside, sizeof(aside)) ||
        renameat2(file->dirfd, file->name, file->dirfd, aside, RENAME_NOREPLACE) != 0) {
        file->aside_at = file->size + file->options.max_bytes / 8; /* not at each line */
        return true;
    }
    (void)FAILPOINT("logfile.renamed"); /* a place to die */
    tidy(file);
    return follow_name(file, err);
}

/* --- life -------------------------------------------------------------------------------------- */

/* Blocks until it is ours. A file system without locks is written to without: there O_APPEND keeps
 * lines apart, and only putting aside at the same instant could lose one. */
static void lock_directory(const struct logfile *file)
{
    while (flock(file->dirfd, LOCK_EX) != 0 && errno == EINTR) {
    }
}

static bool set_names(struct logfile *file, const char *name, struct err *err)
{
    size_t len = strlen(name);
    size_t longest = NAME_BYTES - sizeof(partial_end) - STAMP_LEN - 8;
    if (len > longest || len <= sizeof(plain_end) - 1 ||
        !str_ends((str){name, len}, str_of(plain_end))) {
        return err_set(err, ERR_INTERNAL, "could not open log '%s': its name is not X.log", name);
    }
    memcpy(file->name, name, len + 1);
    memcpy(file->stem, name, len - (sizeof(plain_end) - 1));
    return true;
}

struct logfile *logfile_open(const char *path, const struct logfile_options *options,
                             struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    AUTO_FREE char *parent = xstrdup(slash != NULL ? path : ".");
    if (slash != NULL) {
        parent[slash == path ? 1 : slash - path] = '\0';
    }
    struct logfile *file = xnew(struct logfile);
    (void)pthread_mutex_init(&file->lock, NULL); /* cannot fail on Linux */
    file->options = *options;
    if (file->options.clock == NULL) {
        file->options.clock = clock_system();
    }
    file->fd = -1;
    file->dirfd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = file->dirfd >= 0 ||
              err_set_errno(err, ERR_IO, errno, "could not open the directory of log '%s'", name);
    if (ok && set_names(file, name, err)) {
        struct err failure = {0};
        lock_directory(file);
        ok = follow_name(file, &failure);
        if (ok && file->options.max_bytes != 0) {
            tidy(file);
        }
        (void)flock(file->dirfd, LOCK_UN); /* it is held, or locks are not to be had */
        if (ok) {
            return file;
        }
        *err = failure;
    }
    logfile_close(file);
    return NULL;
}

void logfile_close(struct logfile *file)
{
    if (file == NULL) {
        return;
    }
    if (file->fd >= 0) {
        (void)close(file->fd); /* each line was written and checked; logs are not fsync'ed */
    }
    if (file->dirfd >= 0) {
        (void)close(file->dirfd); /* a directory opened for reading */
    }
    (void)pthread_mutex_destroy(&file->lock);
    free(file);
}

static bool append(struct logfile *file, str line, struct err *err)
{
    int injected = FAILPOINT("logfile.write");
    str begun = {line.ptr, injected != 0 ? line.len / 2 : line.len};
    ssize_t n = write(file->fd, begun.ptr, begun.len);
    if (n == (ssize_t)line.len) {
        file->size += n;
        return true;
    }
    int cause = injected != 0 ? injected : n < 0 ? errno : ENOSPC;
    file->size = -1; /* what there is of the line is cut off now, or before the next one */
    struct err ignored = {0};
    (void)follow_name(file, &ignored);
    return err_set_errno(err, ERR_IO, cause, "could not write log '%s'", file->name);
}

bool logfile_write(struct logfile *file, str line, struct err *err)
{
    struct err failure = {0};
    pthread_mutex_lock(&file->lock);
    lock_directory(file);
    bool ok = follow_name(file, &failure);
    if (ok && file->options.max_bytes != 0 && file->size != 0 &&
        file->size + (int64_t)line.len > file->aside_at) {
        ok = put_aside(file, &failure);
    }
    ok = ok && append(file, line, &failure);
    (void)flock(file->dirfd, LOCK_UN); /* it is held, or locks are not to be had */
    pthread_mutex_unlock(&file->lock);
    if (!ok && err != NULL) {
        *err = failure;
    }
    return ok;
}
