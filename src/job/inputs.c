/* SPDX-License-Identifier: MIT */
#include "job/inputs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "base/num.h"
#include "format/jsonx.h"
#include "match/parallel.h"

enum { BLOCK_BYTES = 256 * 1024, DIGEST_BYTES = 16, DIGEST_HEX = 33, CHECKERS = 2 };

/* --- the content's hash ---------------------------------------------------------------------- */

/* The digest of a file is that of its blocks' digests, so that any number of readers comes to the same
 * one. */
struct hashing {
    int fd;
    uint64_t blocks;
    int readers;
    XXH128_canonical_t *digests;
    atomic_int failed; /* an errno; 0: none */
};

/* A block is shorter at the end of the file only. */
static bool read_block(int fd, uint64_t block, char *to, size_t *ret_len)
{
    size_t len = 0;
    while (len < BLOCK_BYTES) {
        ssize_t got = pread(fd, to + len, BLOCK_BYTES - len, (off_t)(block * BLOCK_BYTES + len));
        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (got == 0) {
            break;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    *ret_len = len;
    return true;
}

/* Every `readers`th block. */
static void read_share(void *arg, int index)
{
    struct hashing *hashing = arg;
    AUTO_FREE char *bytes = xcalloc(1, BLOCK_BYTES);
    for (uint64_t i = (uint64_t)index; i < hashing->blocks; i += (uint64_t)hashing->readers) {
        size_t len;
        if (!read_block(hashing->fd, i, bytes, &len)) {
            atomic_store(&hashing->failed, errno);
            break;
        }
        XXH128_canonicalFromHash(&hashing->digests[i], XXH3_128bits(bytes, len));
    }
}

static bool hash_file(int fd, uint64_t bytes, int threads, const char *path, char ret[DIGEST_HEX],
                      struct err *err)
{
    struct hashing hashing = {.fd = fd, .blocks = bytes / BLOCK_BYTES + 1};
    hashing.readers = (uint64_t)threads < hashing.blocks ? threads : (int)hashing.blocks;
    AUTO_FREE XXH128_canonical_t *digests = xcalloc(hashing.blocks, sizeof(*digests));
    hashing.digests = digests;
    if (!parallel_run(hashing.readers, read_share, &hashing, err)) {
        return false;
    }
    int failed = atomic_load(&hashing.failed);
    if (failed != 0) {
        return err_set_errno(err, ERR_IO, failed, "could not read '%s'", path);
    }
    XXH128_canonical_t whole;
    XXH128_canonicalFromHash(&whole, XXH3_128bits(digests, hashing.blocks * sizeof(*digests)));
    num_hex(whole.digest, DIGEST_BYTES, ret);
    return true;
}

/* --- noting ---------------------------------------------------------------------------------- */

static int64_t in_ns(const struct timespec *at)
{
    return (int64_t)at->tv_sec * 1000000000 + at->tv_nsec;
}

bool inputs_note(struct job_run *run, const char *name, int fd, const char *path, int threads,
                 struct err *err)
{
    struct stat st;
    char hash[DIGEST_HEX];
    if (fstat(fd, &st) != 0) {
        return err_set_errno(err, ERR_IO, errno, "could not read '%s'", path);
    }
    if (!hash_file(fd, (uint64_t)st.st_size, threads, path, hash, err)) {
        return false;
    }
    AUTO_FREE char *whole = realpath(path, NULL); /* apply may be called in another directory */
    struct buf *out = &run->facts;
    buf_printf(out, ",\"%s\":{\"path\":", name);
    buf_add_json(out, str_of(whole != NULL ? whole : path));
    buf_printf(out, ",\"bytes\":%" PRId64 ",\"mtime_ns\":%" PRId64 ",\"ctime_ns\":%" PRId64,
               (int64_t)st.st_size, in_ns(&st.st_mtim), in_ns(&st.st_ctim));
    buf_printf(out, ",\"inode\":%" PRId64 ",\"device\":%" PRId64 ",\"xxh3\":\"%s\"}",
               (int64_t)st.st_ino, (int64_t)st.st_dev, hash);
    return true;
}

/* --- checking -------------------------------------------------------------------------------- */

static bool is_int(const json_t *input, const char *name, int64_t value)
{
    int64_t noted;
    return jsonx_int(input, name, &noted) && noted == value;
}

static bool looks_the_same(const json_t *input, const struct stat *st)
{
    return is_int(input, "bytes", st->st_size) && is_int(input, "inode", (int64_t)st->st_ino) &&
           is_int(input, "device", (int64_t)st->st_dev) &&
           is_int(input, "mtime_ns", in_ns(&st->st_mtim)) &&
           is_int(input, "ctime_ns", in_ns(&st->st_ctim));
}

static bool tell_changed(const struct run *run, const char *path, const json_t *input,
                         const struct stat *st, struct err *err)
{
    int64_t bytes = 0;
    (void)jsonx_int(input, "bytes", &bytes); /* stays 0 where it is damaged */
    if (bytes != st->st_size) {
        (void)err_set(err, ERR_REFUSED,
                      "could not apply run %" PRId64 ": '%s' has changed since the plan: %" PRId64
                      " bytes then, %" PRId64 " now",
                      run->id, path, bytes, (int64_t)st->st_size);
    } else {
        (void)err_set(err, ERR_REFUSED,
                      "could not apply run %" PRId64
                      ": '%s' has changed since the plan: as long as then, with other content",
                      run->id, path);
    }
    return err_hint(err, "Plan again from what is there now; this plan stays to be looked at.");
}

static bool check_file(const struct run *run, const char *path, const json_t *input, int fd,
                       struct err *err)
{
    struct stat st;
    char hash[DIGEST_HEX];
    if (fstat(fd, &st) != 0) {
        return err_set_errno(err, ERR_IO, errno, "could not read '%s'", path);
    }
    if (looks_the_same(input, &st)) {
        return true;
    }
    if (!S_ISREG(st.st_mode) || !is_int(input, "bytes", st.st_size)) {
        return tell_changed(run, path, input, &st, err);
    }
    return hash_file(fd, (uint64_t)st.st_size, CHECKERS, path, hash, err) &&
           (str_eqz(jsonx_str(input, "xxh3"), hash) || tell_changed(run, path, input, &st, err));
}

static bool check_input(const struct run *run, const json_t *input, struct log *log,
                        struct err *err)
{
    const char *path = json_string_value(json_object_get(input, "path"));
    if (path == NULL || jsonx_str(input, "xxh3").len == 0) {
        return true; /* another fact */
    }
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0) {
        return check_file(run, path, input, fd, err);
    }
    if (log != NULL) {
        log_at(log, LOG_WARN, "a file that the plan was made from cannot be compared",
               LOG_STR("path", path), LOG_STR("cause", err_errno_text(errno)));
    }
    return true;
}

bool inputs_check(const struct run *run, struct log *log, struct err *err)
{
    if (run->options.len == 0) {
        return true;
    }
    AUTO(json_decref) json_t *options = jsonx_parse(run->options, 0, err);
    if (options == NULL) {
        return err_wrap(err, "could not read the options of run %" PRId64, run->id);
    }
    const char *name;
    json_t *value;
    json_object_foreach(options, name, value)
    {
        if (!check_input(run, value, log, err)) {
            return false;
        }
    }
    return true;
}
