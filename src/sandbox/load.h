/* SPDX-License-Identifier: MIT */
/*
 * --load contacts=FILE: contacts from a CSV in the shape of the contact query (M4).
 */
#ifndef STEWARD_SANDBOX_LOAD_H
#define STEWARD_SANDBOX_LOAD_H

#include "base/hash.h"
#include "sandbox/seed.h"

struct loaded {
    struct seed_contact *contacts;
    size_t len;
    char sha256[SHA256_HEX]; /* of the file; "" where none was loaded */
};

/* Texts go into the world's arena. A row that is broken, has no id or one that an earlier row has is
 * left out and named on stderr: such files are what steward is tested with. */
bool load_contacts(struct world *world, const char *path, struct loaded *ret,
                   struct err *err) MUST_CHECK;

#endif
