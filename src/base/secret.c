/* SPDX-License-Identifier: MIT */
#include "base/secret.h"

void secret_set(struct secret *secret, str value)
{
    secret_done(secret);
    secret->hidden_ = xcalloc(value.len + 1, 1);
    if (value.len != 0) {
        memcpy(secret->hidden_, value.ptr, value.len);
    }
    secret->len_ = value.len;
}

void secret_done(struct secret *secret)
{
    if (secret->hidden_ != NULL) {
        explicit_bzero(secret->hidden_, secret->len_);
        free(secret->hidden_);
    }
    *secret = (struct secret){0};
}

bool secret_is_set(const struct secret *secret)
{
    return secret->hidden_ != NULL && secret->len_ != 0;
}

str secret_reveal(const struct secret *secret)
{
    return (str){secret->hidden_, secret->len_};
}

void secret_wipe_buf(struct buf *buf)
{
    if (buf->ptr != NULL) {
        explicit_bzero(buf->ptr, buf->cap);
    }
    buf_done(buf);
}
