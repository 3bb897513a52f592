/* SPDX-License-Identifier: MIT */
/*
 * A value that must never be shown. It has no printf form, log fields of this type print "***", and
 * its memory is wiped. Only the one place that puts it on the wire may call secret_reveal.
 */
#ifndef STEWARD_BASE_SECRET_H
#define STEWARD_BASE_SECRET_H

#include <stdbool.h>

#include "base/str.h"

struct secret {
    char *hidden_; /* use secret_reveal */
    size_t len_;
};

/* Copies; the caller wipes its own copy. */
void secret_set(struct secret *secret, str value);
void secret_done(struct secret *secret);
bool secret_is_set(const struct secret *secret);
str secret_reveal(const struct secret *secret);

/* Wipes a buf that held a secret, then frees it. */
void secret_wipe_buf(struct buf *buf);

#endif
