/* SPDX-License-Identifier: MIT */
#include "sandbox/seed.h"

#include "base/attr.h"

#define IDENTITY "don:identity:dvrv-us-1:" WORLD_ORG
#define CORE "don:core:dvrv-us-1:" WORLD_ORG

enum { DEV_USERS = 24, GROUPS = 8, TAGS = 6 };

static const int64_t EPOCH_MS = 1672531200000;        /* 2023-01-01 */
static const int64_t SPAN_MS = 1095LL * 24 * 3600000; /* three years */

static const char *const DEV_NAMES[] = {"Maya Lindholm", "Owen Baptiste", "Ines Carvalho",
                                        "Tomas Novak",   "Aisha Rahman",  "Ravi Menon",
                                        "Lucia Moretti", "Jonas Weber"};
static const char *const GROUP_NAMES[] = {"Support EMEA", "Support AMER", "Support APAC",
                                          "Payments",     "Platform",     "Data",
                                          "Onboarding",   "Trust"};
static const char *const TAG_NAMES[] = {"billing", "login", "data-quality",
                                        "urgent",  "vip",   "migrated"};
static const char *const PARTS[][2] = {{"product", "Console"},
                                       {"capability", "Search"},
                                       {"feature", "Export"},
                                       {"enhancement", "SSO"}};
static const char *const FIRST_WORDS[] = {"Blue",  "Granite", "Harbour", "Linden", "Meridian",
                                          "North", "Quartz",  "River",   "Summit", "Violet"};
static const char *const LAST_WORDS[] = {"Analytics", "Foods",     "Freight", "Health",
                                         "Labs",      "Logistics", "Media",   "Systems"};

int64_t seed_time(struct rng *rng)
{
    return EPOCH_MS + (int64_t)rng_below(rng, (uint64_t)SPAN_MS / 1000) * 1000;
}

static struct user *add_user(struct world *world, enum user_type type, const char *word,
                             const char *prefix, uint32_t number, const char *name,
                             const char *email)
{
    struct user *user = arena_new(&world->arena, struct user);
    user->type = type;
    user->obj.id = arena_printf(&world->arena, IDENTITY ":%s/%u", word, number);
    user->obj.display_id = arena_printf(&world->arena, "%s-%u", prefix, number);
    user->obj.created_ms = EPOCH_MS;
    user->now = arena_new(&world->arena, struct user_version);
    *user->now = (struct user_version){.since_ms = INT64_MIN,
                                       .display_name = name,
                                       .full_name = name,
                                       .email = email,
                                       .state = "active",
                                       .modified_ms = EPOCH_MS};
    world_add(world, KIND_USER, &user->obj);
    return user;
}

static void seed_staff(struct world *world)
{
    world->bot = add_user(world, USER_SYS, "sysu", "SYSU", 1, "DevRev Bot", NULL);
    for (uint32_t i = 0; i < DEV_USERS; i++) {
        const char *base = DEV_NAMES[i % ARRAY_LEN(DEV_NAMES)];
        const char *name = i < ARRAY_LEN(DEV_NAMES)
                               ? base
                               : arena_printf(&world->arena, "%s %u", base,
                                              (unsigned)(i / ARRAY_LEN(DEV_NAMES) + 1));
        const char *email = arena_printf(&world->arena, "agent%u@devrev.example.com", i + 1);
        struct user *user = add_user(world, USER_DEV, "devu", "DEVU", i + 1, name, email);
        if (i == 0) {
            world->self = user;
        }
        user->now->modified_by = world->self;
        user->created_by = world->self;
    }
    world->bot->created_by = world->self;
    world->bot->now->modified_by = world->self;
}

static struct user *dev_user(const struct world *world, uint64_t number)
{
    return (struct user *)world->all[KIND_USER].items[1 + number % DEV_USERS];
}

static void seed_groups(struct world *world)
{
    for (uint32_t i = 0; i < GROUPS; i++) {
        struct group *group = arena_new(&world->arena, struct group);
        group->obj.id = arena_printf(&world->arena, IDENTITY ":group/%u", i + 1);
        group->obj.display_id = arena_printf(&world->arena, "GROUP-%u", i + 1);
        group->obj.created_ms = EPOCH_MS;
        group->name = GROUP_NAMES[i];
        group->description = arena_printf(&world->arena, "%s agents", GROUP_NAMES[i]);
        world_add(world, KIND_GROUP, &group->obj);
    }
    /* Everybody but the last three is in one group, every third in a second one. */
    for (uint32_t i = 0; i + 3 < DEV_USERS; i++) {
        struct group *home = (struct group *)world->all[KIND_GROUP].items[i % GROUPS];
        list_add(&world->arena, &home->members, &dev_user(world, i)->obj);
        if (i % 3 == 2) {
            struct group *other = (struct group *)world->all[KIND_GROUP].items[(i + 3) % GROUPS];
            list_add(&world->arena, &other->members, &dev_user(world, i)->obj);
        }
    }
}

static void seed_tags_and_parts(struct world *world)
{
    for (uint32_t i = 0; i < TAGS; i++) {
        struct tag *tag = arena_new(&world->arena, struct tag);
        tag->obj.id = arena_printf(&world->arena, CORE ":tag/%u", i + 1);
        tag->obj.display_id = arena_printf(&world->arena, "TAG-%u", i + 1);
        tag->obj.created_ms = EPOCH_MS;
        tag->name = TAG_NAMES[i];
        world_add(world, KIND_TAG, &tag->obj);
    }
    static const char *const prefixes[] = {"PROD", "CAPL", "FEAT", "ENH"};
    for (uint32_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        struct part *part = arena_new(&world->arena, struct part);
        part->obj.id = arena_printf(&world->arena, CORE ":%s/%u", PARTS[i][0], i + 1);
        part->obj.display_id = arena_printf(&world->arena, "%s-%u", prefixes[i], i + 1);
        part->obj.created_ms = EPOCH_MS;
        part->type = PARTS[i][0];
        part->name = PARTS[i][1];
        world_add(world, KIND_PART, &part->obj);
    }
}

static const char *account_name(struct world *world, uint32_t i)
{
    if (i == 0) {
        return "Velocity Global - OTHER";
    }
    if (i == 1) {
        return "Upwork";
    }
    return arena_printf(&world->arena, "%s %s %u", FIRST_WORDS[i % ARRAY_LEN(FIRST_WORDS)],
                        LAST_WORDS[i / 3 % ARRAY_LEN(LAST_WORDS)], i);
}

static void seed_accounts(struct world *world, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct account *account = arena_new(&world->arena, struct account);
        account->obj.id = arena_printf(&world->arena, IDENTITY ":account/%u", i + 1);
        account->obj.display_id = arena_printf(&world->arena, "ACC-%u", i + 1);
        account->obj.created_ms = EPOCH_MS + (int64_t)i * 60000;
        account->name = account_name(world, i);
        account->domain = arena_printf(&world->arena, "account%u.example.com", i + 1);
        account->owner = dev_user(world, i);
        world_add(world, KIND_ACCOUNT, &account->obj);
        struct rev_org *org = arena_new(&world->arena, struct rev_org);
        org->obj.id = arena_printf(&world->arena, IDENTITY ":revo/%u", i + 1);
        org->obj.display_id = arena_printf(&world->arena, "REV-%u", i + 1);
        org->obj.created_ms = account->obj.created_ms;
        org->account = account;
        account->rev_org = org;
        world_add(world, KIND_REV_ORG, &org->obj);
    }
}

/* "don:...:revu/123" or "REVU-123" give the display id; anything else is numbered. */
static const char *display_of(struct world *world, const char *id, uint32_t number)
{
    const char *slash = id != NULL ? strrchr(id, '/') : NULL;
    if (slash != NULL && strstr(id, ":revu/") != NULL) {
        return arena_printf(&world->arena, "REVU-%s", slash + 1);
    }
    if (id != NULL && strncmp(id, "REVU-", 5) == 0) {
        return id;
    }
    return arena_printf(&world->arena, "REVU-%u", number);
}

static void add_contact(struct world *world, struct rng *rng, const struct seed_contact *seed)
{
    uint32_t number = 1000 + (uint32_t)world->all[KIND_USER].len;
    struct user *user = arena_new(&world->arena, struct user);
    user->type = USER_REV;
    user->obj.display_id = display_of(world, seed->id, number);
    user->obj.id =
        seed->id != NULL ? seed->id : arena_printf(&world->arena, IDENTITY ":revu/%u", number);
    user->obj.created_ms = seed->created_ms;
    user->created_by = dev_user(world, rng_below(rng, DEV_USERS));
    if (seed->account != UINT32_MAX) {
        user->account = (struct account *)world->all[KIND_ACCOUNT].items[seed->account];
    }
    user->label = seed->label;
    user->label_strategy = seed->label_strategy;
    struct user_version *version = arena_new(&world->arena, struct user_version);
    *version = (struct user_version){
        .since_ms = INT64_MIN,
        .display_name = seed->display_name,
        .full_name = seed->full_name,
        .email = seed->email[0] != '\0' ? seed->email : NULL,
        .external_ref = seed->external_ref != NULL ? seed->external_ref : user->obj.display_id,
        .state = "active",
        .modified_ms = seed->updated_ms};
    uint64_t dice = rng_next(rng);
    bool by_bot = seed->editor == EDITOR_ANYONE ? dice % 9 == 0 : seed->editor == EDITOR_BOT;
    version->modified_by = by_bot ? world->bot : dev_user(world, dice / 16);
    if (dice % 3 == 0) {
        version->phone_numbers =
            arena_printf(&world->arena, "[\"+1202555%04u\"]", (unsigned)(dice / 1024 % 10000));
    }
    if (dice % 4 == 0) {
        version->custom_fields = dice % 8 == 0 ? "{\"tnt__tier\":\"gold\"}"
                                               : "{\"tnt__tier\":\"silver\",\"tnt__seats\":5}";
    }
    user->now = version;
    world_add(world, KIND_USER, &user->obj);
    contact_index(world, user);
}

void seed_world(struct world *world, const struct seed_sizes *sizes,
                const struct seed_contact *loaded, size_t loaded_len)
{
    world->seed = sizes->seed;
    struct rng rng;
    rng_seed(&rng, sizes->seed);
    size_t count = loaded != NULL ? loaded_len : sizes->contacts;
    uint32_t accounts = 4 + (uint32_t)(count / 25);
    seed_staff(world);
    seed_groups(world);
    seed_tags_and_parts(world);
    seed_accounts(world, accounts);
    if (loaded == NULL) {
        loaded = seed_contacts(world, &rng, sizes->contacts, accounts);
    }
    for (size_t i = 0; i < count; i++) {
        add_contact(world, &rng, &loaded[i]);
    }
    world->next_contact = (uint32_t)world->all[KIND_USER].len;
    seed_works(world, &rng, loaded, count, sizes->issues);
}
