/* SPDX-License-Identifier: MIT */
#include "job/out_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/str.h"

bool out_file_open(const char *path, const struct stat *input, struct out_file *out,
                   struct err *err)
{
    struct stat st;
    bool exists = stat(path, &st) == 0;
    if (exists && st.st_dev == input->st_dev && st.st_ino == input->st_ino) {
        return err_set(err, ERR_USAGE, "could not write '%s': it is the input", path);
    }
    if (exists && S_ISDIR(st.st_mode)) {
        return err_set(err, ERR_IO, "could not write '%s': it is a directory", path);
    }
    if (exists && !S_ISREG(st.st_mode)) {
        out->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    } else {
        struct rng rng;
        rng_seed_system(&rng);
        AUTO_BUF struct buf temp = {0};
        buf_printf(&temp, "%s.%08x.tmp", path, (unsigned)rng_next(&rng));
        out->temp = xstrdup(buf_z(&temp));
        out->fd = open(out->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    return out->fd >= 0 || err_set_errno(err, ERR_IO, errno, "could not create '%s'", path);
}

bool out_file_close(const char *path, struct out_file *out, bool ok, struct err *err)
{
    if (out->fd >= 0 && close(out->fd) != 0 && ok) {
        ok = err_set_errno(err, ERR_IO, errno, "could not write '%s'", path);
    }
    if (out->temp != NULL && ok && rename(out->temp, path) != 0) {
        ok = err_set_errno(err, ERR_IO, errno, "could not put '%s' in place", path);
    }
    if (out->temp != NULL && !ok) {
        (void)unlink(out->temp); /* the first error is the one told */
    }
    free(out->temp);
    return ok;
}
