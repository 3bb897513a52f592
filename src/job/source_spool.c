/* SPDX-License-Identifier: MIT */
#include "job/source_spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fs.h"
#include "format/csv.h"

enum { FLUSH_BYTES = 1024 * 1024, NAME_BYTES = 48 };

static const char DIRECTORY[] = "sources";
static const char UNFINISHED[] = ".part";

struct spool {
    int dir_fd;
    int fd; /* -1: closed */
    char name[NAME_BYTES];
    char part[NAME_BYTES]; /* what it is called until it is finished; "" once it is */
    struct buf pending;
    uint64_t rows;
    off_t mark_at;
    uint64_t mark_rows;
};

static bool fail(const struct spool *spool, struct err *err)
{
    return err_set_errno(err, ERR_IO, errno, "could not write 'sources/%s'", spool->part);
}

/* The workspace's lock is held, so nobody else writes there. */
static void remove_unfinished(int dir_fd)
{
    int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (dir == NULL) {
        (void)(copy >= 0 && close(copy)); /* clean-up only: the next spool tries again */
        return;
    }
    rewinddir(dir);
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (str_ends(str_of(entry->d_name), str_of(UNFINISHED))) {
            (void)unlinkat(dir_fd, entry->d_name, 0);
        }
    }
    (void)closedir(dir);
}

struct spool *spool_new(int workspace_fd, int64_t run, struct err *err)
{
    int dir_fd = -1;
    if (!fs_mkdirs(workspace_fd, DIRECTORY, err) ||
        !fs_open_dir(workspace_fd, DIRECTORY, &dir_fd, err)) {
        return NULL;
    }
    remove_unfinished(dir_fd);
    AUTO(spool_free) struct spool *spool = xnew(struct spool);
    spool->dir_fd = dir_fd;
    spool->pending.max = BUF_DEFAULT_MAX * (size_t)8;
    (void)snprintf(spool->name, sizeof(spool->name), "%" PRId64 ".csv", run);
    (void)snprintf(spool->part, sizeof(spool->part), "%" PRId64 ".csv%s", run, UNFINISHED);
    spool->fd =
        openat(dir_fd, spool->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (spool->fd < 0) {
        (void)fail(spool, err);
        return NULL;
    }
    return STEAL(spool);
}

void spool_free(struct spool *spool)
{
    if (spool == NULL) {
        return;
    }
    if (spool->fd >= 0) {
        (void)close(spool->fd); /* what was not finished is of no use */
    }
    if (spool->part[0] != '\0') {
        (void)unlinkat(spool->dir_fd, spool->part, 0);
    }
    (void)close(spool->dir_fd);
    buf_done(&spool->pending);
    free(spool);
}

static bool flush(struct spool *spool, struct err *err)
{
    if (spool->pending.overflow) {
        return err_set(err, ERR_INPUT, "could not write 'sources/%s': a row is too large",
                       spool->name);
    }
    char name[NAME_BYTES + sizeof(DIRECTORY)];
    (void)snprintf(name, sizeof(name), "%s/%s", DIRECTORY, spool->name);
    bool ok = fs_write_all(spool->fd, buf_str(&spool->pending), name, err);
    buf_clear(&spool->pending);
    return ok;
}

bool spool_row(struct spool *spool, const str *cells, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        csv_add_field(&spool->pending, cells[i], i == 0);
    }
    if (count == 1 && cells[0].len == 0) {
        buf_addz(&spool->pending, "\"\""); /* an empty line would be no row */
    }
    csv_end_row(&spool->pending);
    spool->rows++;
    return spool->pending.len < FLUSH_BYTES || flush(spool, err);
}

bool spool_mark(struct spool *spool, struct err *err)
{
    if (!flush(spool, err)) {
        return false;
    }
    spool->mark_at = lseek(spool->fd, 0, SEEK_CUR);
    spool->mark_rows = spool->rows;
    return spool->mark_at >= 0 || fail(spool, err);
}

bool spool_rewind(struct spool *spool, struct err *err)
{
    buf_clear(&spool->pending);
    spool->rows = spool->mark_rows;
    return (ftruncate(spool->fd, spool->mark_at) == 0 &&
            lseek(spool->fd, spool->mark_at, SEEK_SET) == spool->mark_at) ||
           fail(spool, err);
}

uint64_t spool_rows(const struct spool *spool)
{
    return spool->rows;
}

bool spool_finish(struct spool *spool, char *ret_path, size_t ret_size, struct err *err)
{
    if (!flush(spool, err) || !fs_fsync(spool->fd, spool->part, err)) {
        return false;
    }
    int fd = spool->fd;
    spool->fd = -1;
    if (close(fd) != 0 || renameat(spool->dir_fd, spool->part, spool->dir_fd, spool->name) != 0) {
        return fail(spool, err);
    }
    spool->part[0] = '\0';
    (void)snprintf(ret_path, ret_size, "%s/%s", DIRECTORY, spool->name);
    return fs_fsync(spool->dir_fd, DIRECTORY, err);
}
