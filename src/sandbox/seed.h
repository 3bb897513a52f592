/* SPDX-License-Identifier: MIT */
/*
 * Fills a world: the same seed and sizes give the same bytes on every machine.
 *
 * Contacts: at least a quarter of their number are `revu-pairs` pairs with
 * the same address byte for byte; beside them pairs that differ in case or in the spelling of the
 * domain, groups of three and four, pairs of other shapes, role and missing addresses, singles, and
 * what each strategy of `external-contacts` looks for. The reference of a contact is unique within its
 * account, as DevRev wants it, not beyond.
 */
#ifndef STEWARD_SANDBOX_SEED_H
#define STEWARD_SANDBOX_SEED_H

#include "base/rng.h"
#include "sandbox/world.h"

enum seed_editor { EDITOR_ANYONE, EDITOR_BOT, EDITOR_AGENT };

struct seed_contact {
    const char *id; /* NULL: numbered */
    const char *display_name;
    const char *full_name;
    const char *email;        /* "" none */
    const char *external_ref; /* NULL: the system's own, REVU-<number> */
    int64_t created_ms;
    int64_t updated_ms;
    uint32_t tickets;
    uint32_t issues;
    uint32_t conversations;
    uint32_t account; /* place among the accounts; UINT32_MAX none */
    enum seed_editor editor;
    enum seed_label label;
    uint8_t label_strategy; /* 1 to 5, of `external-contacts` */
};

struct seed_sizes {
    uint64_t seed;
    uint32_t contacts;
    uint32_t issues;
};

/* `loaded` (may be NULL) takes the place of sizes->contacts made-up ones. */
void seed_world(struct world *world, const struct seed_sizes *sizes,
                const struct seed_contact *loaded, size_t loaded_len);

/* seed_contacts.c: sizes->contacts of them, in their final order, into the world's arena. */
struct seed_contact *seed_contacts(struct world *world, struct rng *rng, uint32_t count,
                                   uint32_t accounts);

/* seed_works.c */
void seed_works(struct world *world, struct rng *rng, const struct seed_contact *contacts,
                size_t count, uint32_t issues);

/* A time within the three years that the data covers. */
int64_t seed_time(struct rng *rng);

#endif
