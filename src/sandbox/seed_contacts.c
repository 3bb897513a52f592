/* SPDX-License-Identifier: MIT */
#include "sandbox/seed.h"

#include "base/attr.h"

struct name {
    const char *text;
    const char *ascii; /* for addresses */
};

static const struct name FIRST[] = {
    {"Anna", "anna"},
    {"Bj\xc3\xb6rn", "bjorn"},
    {"Chloe", "chloe"},
    {"Dmitri", "dmitri"},
    {"Eva", "eva"},
    {"Farid", "farid"},
    {"Grace", "grace"},
    {"Hana", "hana"},
    {"Igor", "igor"},
    {"Jos\xc3\xa9", "jose"},
    {"Kofi", "kofi"},
    {"Lena", "lena"},
    {"\xe6\x98\x8e", "ming"},
    {"Noor", "noor"},
    {"Oscar", "oscar"},
    {"Priya", "priya"},
    {"Quinn", "quinn"},
    {"Rosa", "rosa"},
    {"S\xc3\xb8ren", "soren"},
    {"Tara", "tara"},
};
static const struct name LAST[] = {
    {"Andersen", "andersen"},
    {"Brandt", "brandt"},
    {"Castillo", "castillo"},
    {"Dubois", "dubois"},
    {"Eriksson", "eriksson"},
    {"Ferrari", "ferrari"},
    {"Garc\xc3\xad"
     "a",
     "garcia"},
    {"Haddad", "haddad"},
    {"Ivanova", "ivanova"},
    {"Jensen", "jensen"},
    {"Kowalski", "kowalski"},
    {"Larsson", "larsson"},
    {"M\xc3\xbcller", "mueller"},
    {"Nakamura", "nakamura"},
    {"O'Connor", "o'connor"},
    {"Petrov", "petrov"},
    {"\xe7\x8e\x8b", "wang"},
    {"Rossi", "rossi"},
};
static const char *const DOMAINS[] = {"example.com",      "example.org",      "example.net",
                                      "mail.example.com", "corp.example.org", "team.example.net"};

/* The two accounts whose contacts belong to somebody else's account (seed.c names them). */
enum { ACCOUNT_OTHER = 0, ACCOUNT_GENERIC = 1, ACCOUNTS_NAMED = 2 };

struct maker {
    struct world *world;
    struct rng *rng;
    struct seed_contact *out;
    uint32_t len;
    uint32_t max;
    uint32_t accounts;
    uint32_t groups; /* made so far: makes every address different */
    uint32_t turn;   /* of the strategies */
};

static const char *address(struct maker *maker, const struct name *first, const struct name *last)
{
    struct arena *arena = &maker->world->arena;
    uint32_t n = maker->groups;
    const char *domain = DOMAINS[rng_below(maker->rng, ARRAY_LEN(DOMAINS))];
    switch (rng_below(maker->rng, 24)) {
    case 0:
        return arena_printf(arena, "%s+news%u@%s", first->ascii, n, domain);
    case 1:
        return arena_printf(arena, "\"%s %s %u\"@%s", first->ascii, last->ascii, n, domain);
    case 2:
        return arena_printf(arena,
                            "%s.%u@b\xc3\xbc"
                            "cher.example.com",
                            last->ascii, n);
    case 3:
        return arena_printf(arena, "%s_%u%%x=y/z@%s", last->ascii, n, domain);
    case 4:
        return arena_printf(arena, "%s{%u}!#$&*@%s", first->ascii, n, domain);
    default:
        return arena_printf(arena, "%s.%s%u@%s", first->ascii, last->ascii, n, domain);
    }
}

/* One more contact of the group that shares `email`. */
static struct seed_contact *add(struct maker *maker, const char *email, const struct name *first,
                                const struct name *last, uint32_t account)
{
    if (maker->len == maker->max) {
        return NULL;
    }
    struct arena *arena = &maker->world->arena;
    struct seed_contact *contact = &maker->out[maker->len++];
    uint64_t style = rng_below(maker->rng, 10);
    const char *full = arena_printf(arena, "%s %s", first->text, last->text);
    const char *display =
        style == 0   ? first->text
        : style == 1 ? arena_printf(arena, "%s, %s", last->text, first->text)
        : style == 2 ? arena_printf(arena, "%s \"%s\" %s", first->text, first->ascii, last->text)
                     : full;
    *contact = (struct seed_contact){.email = email,
                                     .full_name = full,
                                     .display_name = display,
                                     .account = account,
                                     .created_ms = seed_time(maker->rng)};
    contact->updated_ms = contact->created_ms + (int64_t)rng_below(maker->rng, 1 << 24) * 1000;
    return contact;
}

static const char *user_ref(struct maker *maker)
{
    return arena_printf(&maker->world->arena, "user_%010llx",
                        (unsigned long long)(rng_next(maker->rng) & 0xffffffffff));
}

static void activity(struct maker *maker, struct seed_contact *contact, uint32_t most)
{
    contact->tickets = (uint32_t)rng_below(maker->rng, most + 1);
    contact->issues = (uint32_t)rng_below(maker->rng, most > 2 ? 3 : 1);
    contact->conversations = (uint32_t)rng_below(maker->rng, 3);
    if (maker->groups % 60 == 17) {
        contact->tickets = 52 + (uint32_t)rng_below(maker->rng, 12); /* more than one page */
    }
}

static const struct name *pick(struct maker *maker, const struct name *names, size_t len)
{
    return &names[rng_below(maker->rng, len)];
}

static uint32_t some_account(struct maker *maker)
{
    uint64_t real = maker->accounts - ACCOUNTS_NAMED;
    return ACCOUNTS_NAMED + (uint32_t)rng_below(maker->rng, real);
}

static const char *upper(struct maker *maker, const char *text)
{
    char *copy = arena_strdup(&maker->world->arena, text);
    for (char *c = copy; *c != '\0'; c++) {
        if (*c >= 'a' && *c <= 'z') {
            *c = (char)(*c - 32);
        }
    }
    return copy;
}

/* What people would have written beside it. */
static void label(struct seed_contact *contact, enum seed_label label, uint8_t strategy)
{
    contact->label = label;
    contact->label_strategy = strategy;
}

/* One generated reference, one user_ reference. `twist`: the addresses differ in case. */
static void add_pair(struct maker *maker, bool twist)
{
    const struct name *first = pick(maker, FIRST, ARRAY_LEN(FIRST));
    const struct name *last = pick(maker, LAST, ARRAY_LEN(LAST));
    const char *email = address(maker, first, last);
    uint32_t account = maker->groups % 11 == 5 ? UINT32_MAX : some_account(maker);
    uint32_t other = maker->groups % 10 == 3 ? some_account(maker) : account;
    struct seed_contact *loser =
        add(maker, twist ? upper(maker, email) : email, first, last, account);
    if (loser != NULL) {
        activity(maker, loser, 6);
    }
    struct seed_contact *survivor = add(maker, email, first, last, other);
    if (survivor != NULL) {
        survivor->external_ref = user_ref(maker);
        activity(maker, survivor, 6);
        if (loser != NULL && account == other && account != UINT32_MAX) {
            label(loser, LABEL_MERGE, 1);
            label(survivor, LABEL_MAIN, 1);
        }
    }
    maker->groups++;
}

/* `generated` and `cxp` references and `other` ones behind one address. */
static void add_group(struct maker *maker, const char *email, uint32_t generated, uint32_t cxp,
                      uint32_t other)
{
    const struct name *first = pick(maker, FIRST, ARRAY_LEN(FIRST));
    const struct name *last = pick(maker, LAST, ARRAY_LEN(LAST));
    if (email == NULL) {
        email = address(maker, first, last);
    }
    for (uint32_t i = 0; i < generated + cxp + other; i++) {
        struct seed_contact *contact = add(maker, email, first, last, some_account(maker));
        if (contact == NULL) {
            break;
        }
        if (i >= generated && i < generated + cxp) {
            contact->external_ref = user_ref(maker);
        } else if (i >= generated + cxp) {
            contact->external_ref =
                arena_printf(&maker->world->arena, "crm-%u-%u", maker->groups, i);
        }
        activity(maker, contact, 2);
    }
    maker->groups++;
}

/* --- the other strategies of `external-contacts` ------------------------------------------------ */

/* A person who has several contacts. */
struct person {
    const struct name *first;
    const struct name *last;
    const char *local; /* of addresses */
};

static struct person somebody(struct maker *maker)
{
    struct person person = {pick(maker, FIRST, ARRAY_LEN(FIRST)),
                            pick(maker, LAST, ARRAY_LEN(LAST)), NULL};
    person.local = arena_printf(&maker->world->arena, "%s.%s%u", person.first->ascii,
                                person.last->ascii, maker->groups);
    return person;
}

/* `ref` NULL: the system's own. NULL where the world is full. */
static struct seed_contact *add_of(struct maker *maker, const struct person *person,
                                   const char *email, uint32_t account, const char *ref)
{
    struct seed_contact *contact = add(maker, email, person->first, person->last, account);
    if (contact != NULL) {
        contact->external_ref = ref;
        activity(maker, contact, 4);
    }
    return contact;
}

static void label_if(struct seed_contact *contact, enum seed_label which, uint8_t strategy)
{
    if (contact != NULL) {
        label(contact, which, strategy);
    }
}

static const char *number_ref(struct maker *maker)
{
    return arena_printf(&maker->world->arena, "%u", 700000 + maker->groups);
}

/* All from the application, all but one amended by the bot. */
static void add_amended(struct maker *maker)
{
    struct person person = somebody(maker);
    const char *email = address(maker, person.first, person.last);
    uint32_t account = some_account(maker);
    uint64_t amended = 1 + rng_below(maker->rng, 2);
    for (uint64_t i = 0; i <= amended; i++) {
        struct seed_contact *contact = add_of(maker, &person, email, account, user_ref(maker));
        if (contact != NULL) {
            contact->editor = i < amended ? EDITOR_BOT : EDITOR_AGENT;
            label(contact, i < amended ? LABEL_MERGE : LABEL_MAIN, 2);
        }
    }
    maker->groups++;
}

/* One reference in several accounts; the one with an address and on a real account is the main one. */
static void add_shared_ref(struct maker *maker)
{
    struct person person = somebody(maker);
    const char *email = address(maker, person.first, person.last);
    const char *ref = arena_printf(&maker->world->arena, "crm-%u", maker->groups);
    bool blank = rng_below(maker->rng, 2) == 0;
    label_if(add_of(maker, &person, email, some_account(maker), ref), LABEL_MAIN, 3);
    label_if(add_of(maker, &person, blank ? "" : email, ACCOUNT_OTHER, ref), LABEL_MERGE, 3);
    if (rng_below(maker->rng, 3) == 0) {
        label_if(add_of(maker, &person, "", UINT32_MAX, ref), LABEL_MERGE, 3);
    }
    maker->groups++;
}

/* On the generic account and on a real one. `chain`: what goes into the real one has survived before. */
static void add_upwork(struct maker *maker, bool chain)
{
    struct person person = somebody(maker);
    struct arena *arena = &maker->world->arena;
    const char *plain = arena_printf(arena, "%s@upwork.com", person.local);
    const char *tagged = arena_printf(arena, "%s+team@cloud.upwork.com", person.local);
    const char *ref = arena_printf(arena, "crm-%u", maker->groups);
    label_if(add_of(maker, &person, tagged, some_account(maker), chain ? ref : user_ref(maker)),
             LABEL_MAIN, 4);
    label_if(add_of(maker, &person, plain, ACCOUNT_GENERIC, NULL), LABEL_MERGE, chain ? 1 : 4);
    if (chain) {
        label_if(add_of(maker, &person, plain, ACCOUNT_GENERIC, user_ref(maker)), LABEL_MERGE, 4);
    }
    maker->groups++;
}

/* On OTHER and on a real account; with `more`, the reference that is the contact's own id tells. */
static void add_velocity(struct maker *maker, bool more)
{
    struct person person = somebody(maker);
    const char *email = address(maker, person.first, person.last);
    label_if(add_of(maker, &person, email, some_account(maker), number_ref(maker)), LABEL_MAIN, 5);
    label_if(add_of(maker, &person, email, ACCOUNT_OTHER, NULL), LABEL_MERGE, 5);
    if (more) {
        const char *ref = arena_printf(&maker->world->arena, "crm-%u", maker->groups);
        label_if(add_of(maker, &person, email, ACCOUNT_OTHER, ref), LABEL_MERGE, 5);
    }
    maker->groups++;
}

static void add_strategy(struct maker *maker)
{
    switch (maker->turn++ % 6) {
    case 0:
        add_shared_ref(maker);
        break;
    case 1:
        add_upwork(maker, false);
        break;
    case 2:
        add_upwork(maker, true);
        break;
    case 3:
        add_velocity(maker, false);
        break;
    case 4:
        add_velocity(maker, true);
        break;
    default:
        add_amended(maker);
        break;
    }
}

/* Everything that is no pair, in turn. */
static void add_other(struct maker *maker)
{
    static const char *const roles[] = {"info", "support", "noreply", "billing"};
    const char *role = arena_printf(&maker->world->arena, "%s@account%u.example.com",
                                    roles[maker->groups % ARRAY_LEN(roles)], maker->groups / 48);
    switch (rng_below(maker->rng, 23)) {
    case 0:
        add_group(maker, NULL, 1, 2, 0);
        break;
    case 1:
        add_group(maker, NULL, 2, 1, 1);
        break;
    case 2:
        add_group(maker, NULL, 0, 2, 0);
        break;
    case 3:
        add_group(maker, NULL, 1, 0, 1);
        break;
    case 4:
        add_group(maker, role, 1, 1, 0);
        break;
    case 5:
        add_group(maker, "", 1, 0, 0);
        break;
    case 6:
        add_pair(maker, true);
        break;
    case 7:
        add_group(maker, NULL, 0, 0, 1);
        break;
    case 8:
    case 9:
        add_group(maker, NULL, 1, 0, 0);
        break;
    case 10:
    case 11:
    case 12:
    case 13:
    case 14:
    case 15:
    case 16:
    case 17:
        add_strategy(maker);
        break;
    default:
        add_group(maker, NULL, 0, 1, 0);
        break;
    }
}

static void shuffle(struct rng *rng, struct seed_contact *contacts, uint32_t count)
{
    for (uint32_t i = count; i > 1; i--) {
        uint32_t j = (uint32_t)rng_below(rng, i);
        struct seed_contact spare = contacts[i - 1];
        contacts[i - 1] = contacts[j];
        contacts[j] = spare;
    }
}

struct seed_contact *seed_contacts(struct world *world, struct rng *rng, uint32_t count,
                                   uint32_t accounts)
{
    struct maker maker = {.world = world, .rng = rng, .max = count, .accounts = accounts};
    maker.out = arena_array(&world->arena, (size_t)count + 1, sizeof(struct seed_contact));
    uint32_t pairs = (count + 3) / 4;
    pairs = pairs > count / 2 ? count / 2 : pairs;
    for (uint32_t i = 0; i < pairs; i++) {
        add_pair(&maker, false);
    }
    while (maker.len < count) {
        add_other(&maker);
    }
    shuffle(rng, maker.out, count);
    return maker.out;
}
