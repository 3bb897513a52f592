/* SPDX-License-Identifier: MIT */
#include "sandbox/seed.h"

#include "base/attr.h"
#include "sandbox/timeline.h"

#define CORE "don:core:dvrv-us-1:" WORLD_ORG

static const char *const SUBJECTS[] = {
    "Cannot log in after the update", "Invoice shows the wrong name",
    "Export stops at row 65536",      "Webhook fires twice",
    "Search finds nothing",           "Two-factor code never arrives",
    "Wrong time zone in the report",  "Please delete the old account"};
static const char *const TICKET_STAGES[] = {"queued", "work_in_progress",
                                            "awaiting_customer_response", "resolved"};
static const char *const ISSUE_STAGES[] = {"triage", "backlog", "in_development", "completed"};
static const char *const SEVERITIES[] = {"low", "medium", "high", "blocker"};
static const char *const PRIORITIES[] = {"p0", "p1", "p2", "p3"};
static const char *const REGIONS[] = {"emea", "amer", "apac"};
static const struct {
    const char *name;
    const char *mime;
} FILES[] = {{"screenshot.png", "image/png"},
             {"export.csv", "text/csv"},
             {"../../etc/report.pdf", "application/pdf"}, /* a name is not to be trusted */
             {"notes \xe2\x80\x93 final.txt", "text/plain"},
             {"data.bin", "application/octet-stream"}};

struct maker {
    struct world *world;
    struct rng *rng;
    uint32_t staff_first;
    uint32_t staff_count;
    uint32_t tickets;
    uint32_t issues;
};

static struct user *staff(struct maker *maker)
{
    uint64_t n = rng_below(maker->rng, maker->staff_count);
    return (struct user *)maker->world->all[KIND_USER].items[maker->staff_first + n];
}

static struct artifact *add_artifact(struct maker *maker, struct obj *parent, bool on_comment)
{
    struct world *world = maker->world;
    uint32_t number = (uint32_t)world->all[KIND_ARTIFACT].len + 1;
    struct artifact *artifact = arena_new(&world->arena, struct artifact);
    uint64_t dice = rng_next(maker->rng);
    artifact->obj.id = arena_printf(&world->arena, CORE ":artifact/%u", number);
    artifact->obj.display_id = arena_printf(&world->arena, "ARTIFACT-%u", number);
    artifact->obj.created_ms = parent->created_ms + 60000;
    artifact->parent = parent;
    artifact->on_comment = on_comment;
    artifact->name = FILES[dice % ARRAY_LEN(FILES)].name;
    artifact->mime = FILES[dice % ARRAY_LEN(FILES)].mime;
    artifact->size = dice / 8 % 17 == 0 ? 0 : (uint32_t)(1 + dice / 1024 % 9000);
    world_add(world, KIND_ARTIFACT, &artifact->obj);
    return artifact;
}

static uint32_t comment_artifacts(struct maker *maker, struct obj *obj)
{
    uint32_t first = (uint32_t)maker->world->all[KIND_ARTIFACT].len;
    for (uint32_t n = timeline_artifacts(maker->world, obj); n > 0; n--) {
        (void)add_artifact(maker, obj, true);
    }
    return first;
}

static void add_link(struct maker *maker, const char *type, struct obj *source, struct obj *target)
{
    struct world *world = maker->world;
    uint32_t number = (uint32_t)world->all[KIND_LINK].len + 1;
    struct link *link = arena_new(&world->arena, struct link);
    link->obj.id = arena_printf(&world->arena, CORE ":link/%u", number);
    link->obj.display_id = arena_printf(&world->arena, "LINK-%u", number);
    link->obj.created_ms = source->created_ms;
    link->type = type;
    link->source = source;
    link->target = target;
    world_add(world, KIND_LINK, &link->obj);
    list_add(&world->arena, &source->links, &link->obj);
    if (target != source) {
        list_add(&world->arena, &target->links, &link->obj);
    }
}

static void fill_work(struct maker *maker, struct work *work, struct work_version *version)
{
    struct world *world = maker->world;
    uint64_t dice = rng_next(maker->rng);
    const char *subject = SUBJECTS[dice % ARRAY_LEN(SUBJECTS)];
    version->since_ms = INT64_MIN;
    version->title = arena_printf(&world->arena, "%s (%s)", subject, work->obj.display_id);
    version->body =
        arena_printf(&world->arena, "%s.\nSeen since %u days.", subject, (unsigned)(dice / 8 % 30));
    version->part = (struct part *)world->all[KIND_PART].items[dice / 256 % 4];
    if (work->type == WORK_TICKET) {
        version->stage = TICKET_STAGES[dice / 1024 % 4];
        version->severity = SEVERITIES[dice / 4096 % 4];
        if (dice / 16384 % 3 == 0) {
            version->group = (struct group *)world->all[KIND_GROUP].items[dice / 65536 % 8];
        }
        version->custom_fields = dice >> 20 & 1
                                     ? arena_printf(&world->arena, "{\"tnt__region\":\"%s\"}",
                                                    REGIONS[(dice >> 21) % ARRAY_LEN(REGIONS)])
                                     : "{}";
    } else {
        version->stage = ISSUE_STAGES[dice / 1024 % 4];
        version->priority = PRIORITIES[dice / 4096 % 4];
        version->custom_fields = "{}";
    }
    if ((dice >> 30) % 4 == 0) {
        list_add(&world->arena, &version->tags, world->all[KIND_TAG].items[(dice >> 33) % 6]);
    }
    if ((dice >> 36) % 6 == 0) {
        version->target_close_ms = work->obj.created_ms + 14LL * 24 * 3600000;
    }
    version->modified_ms = work->obj.created_ms + (int64_t)(dice >> 44) * 1000;
    version->modified_by = staff(maker);
}

static struct work *begin_work(struct maker *maker, enum work_type type)
{
    struct world *world = maker->world;
    bool ticket = type == WORK_TICKET;
    uint32_t number = ticket ? ++maker->tickets : ++maker->issues;
    struct work *work = arena_new(&world->arena, struct work);
    work->type = type;
    work->obj.id = arena_printf(&world->arena, CORE ":%s/%u", ticket ? "ticket" : "issue", number);
    work->obj.display_id = arena_printf(&world->arena, "%s-%u", ticket ? "TKT" : "ISS", number);
    work->obj.created_ms = seed_time(maker->rng);
    work->now = arena_new(&world->arena, struct work_version);
    fill_work(maker, work, work->now);
    return work;
}

static void finish_work(struct maker *maker, struct work *work)
{
    struct world *world = maker->world;
    world_add(world, KIND_WORK, &work->obj);
    work->artifact_first = comment_artifacts(maker, &work->obj);
    if (rng_below(maker->rng, 12) == 0) {
        struct artifact *artifact = add_artifact(maker, &work->obj, false);
        list_add(&world->arena, &work->now->artifacts, &artifact->obj);
    }
    size_t ord = work->obj.ord;
    if (ord > 0 && rng_below(maker->rng, 8) == 0) {
        add_link(maker, work->type == WORK_TICKET ? "is_dependent_on" : "is_related_to", &work->obj,
                 world->all[KIND_WORK].items[rng_below(maker->rng, ord)]);
    }
    work_index(world, work);
}

static void add_contact_work(struct maker *maker, struct user *contact, enum work_type type)
{
    struct arena *arena = &maker->world->arena;
    struct work *work = begin_work(maker, type);
    uint64_t dice = rng_below(maker->rng, 100);
    work->account = contact->account;
    work->now->created_by = dice % 3 == 0 ? staff(maker) : contact;
    list_add(arena, &work->now->reported_by, &contact->obj);
    list_add(arena, &work->now->owned_by, dice == 50 ? &contact->obj : &staff(maker)->obj);
    finish_work(maker, work);
}

/* Works that name the contact without being reported by it. */
static void add_other_work(struct maker *maker, struct user *contact)
{
    struct arena *arena = &maker->world->arena;
    struct work *work = begin_work(maker, WORK_ISSUE);
    struct user *agent = staff(maker);
    work->account = contact->account;
    work->now->created_by = contact;
    list_add(arena, &work->now->reported_by, &agent->obj);
    list_add(arena, &work->now->owned_by,
             rng_below(maker->rng, 2) == 0 ? &contact->obj : &agent->obj);
    finish_work(maker, work);
}

static void add_conversation(struct maker *maker, struct user *contact, struct user *guest)
{
    struct world *world = maker->world;
    uint32_t number = (uint32_t)world->all[KIND_CONVERSATION].len + 1;
    struct conversation *conversation = arena_new(&world->arena, struct conversation);
    struct conversation_version *version = arena_new(&world->arena, struct conversation_version);
    uint64_t dice = rng_next(maker->rng);
    conversation->obj.id = arena_printf(&world->arena, CORE ":conversation/%u", number);
    conversation->obj.display_id = arena_printf(&world->arena, "CONV-%u", number);
    conversation->obj.created_ms = seed_time(maker->rng);
    conversation->account = contact->account;
    conversation->now = version;
    *version = (struct conversation_version){
        .since_ms = INT64_MIN,
        .title = SUBJECTS[dice % ARRAY_LEN(SUBJECTS)],
        .description = "Started from the help widget",
        .created_by = contact,
        .stage = dice / 8 % 2 == 0 ? "needs_response" : "resolved",
        .custom_fields = "{}",
        .modified_by = staff(maker),
        .modified_ms = conversation->obj.created_ms + (int64_t)(dice >> 44) * 1000};
    list_add(&world->arena, &version->members, &contact->obj);
    if (guest != NULL && guest != contact) {
        list_add(&world->arena, &version->members, &guest->obj);
    }
    struct user *agent = staff(maker);
    list_add(&world->arena, &version->members, &agent->obj);
    list_add(&world->arena, &version->owned_by, &agent->obj);
    if (dice / 16 % 3 == 0) {
        version->group = (struct group *)world->all[KIND_GROUP].items[dice / 64 % 8];
    }
    world_add(world, KIND_CONVERSATION, &conversation->obj);
    conversation->artifact_first = comment_artifacts(maker, &conversation->obj);
    if (contact->works.len > 0 && dice / 1024 % 4 == 0) {
        add_link(maker, "is_converted_to", &conversation->obj, contact->works.items[0]);
    }
    conversation_index(world, conversation);
}

static struct user *member_of(struct maker *maker, const struct group *group)
{
    return (struct user *)group->members.items[rng_below(maker->rng, group->members.len)];
}

static struct group *any_group(struct maker *maker)
{
    const struct list *groups = &maker->world->all[KIND_GROUP];
    return (struct group *)groups->items[rng_below(maker->rng, groups->len)];
}

static void fill(struct maker *maker, struct work *work, const struct group *group)
{
    work->now->custom_fields =
        arena_printf(&maker->world->arena, "{\"tnt__creator_group\":\"%s\"}", group->obj.id);
}

/* What a backfill meets. Of sixteen issues nine lack the field and have a creator whose group is clear. */
static void vary_issue(struct maker *maker, struct work *work, struct group *group, uint32_t n)
{
    const struct list *groups = &maker->world->all[KIND_GROUP];
    switch (n % 16) {
    case 3:
    case 7:
    case 11:
    case 15: /* filled */
        fill(maker, work, group);
        break;
    case 5: /* the last of the staff is in no group */
        work->now->created_by = (struct user *)maker->world->all[KIND_USER]
                                    .items[maker->staff_first + maker->staff_count - 1];
        work->assigned = NULL;
        break;
    case 9: /* every third of the staff is in two groups */
        work->now->created_by = (struct user *)maker->world->all[KIND_USER]
                                    .items[maker->staff_first + 2 +
                                           3 * rng_below(maker->rng, (maker->staff_count - 3) / 3)];
        work->assigned = NULL;
        break;
    case 13: /* filled differently */
        fill(maker, work,
             (struct group *)groups->items[group == (struct group *)groups->items[0] ? 1 : 0]);
        break;
    case 1:
        work->with_gone = true;
        break;
    default:
        break;
    }
}

static void add_issue(struct maker *maker, uint32_t n)
{
    struct world *world = maker->world;
    struct work *work = begin_work(maker, WORK_ISSUE);
    struct group *group = any_group(maker);
    work->now->created_by = member_of(maker, group);
    work->assigned = group;
    work->exported = true;
    list_add(&world->arena, &work->now->owned_by, &staff(maker)->obj);
    vary_issue(maker, work, group, n);
    finish_work(maker, work);
}

void seed_works(struct world *world, struct rng *rng, const struct seed_contact *contacts,
                size_t count, uint32_t issues)
{
    struct maker maker = {.world = world, .rng = rng};
    size_t first = world->all[KIND_USER].len - count;
    maker.staff_first = 1; /* behind the bot */
    maker.staff_count = (uint32_t)(first - 1);
    for (size_t i = 0; i < count; i++) {
        struct user *contact = (struct user *)world->all[KIND_USER].items[first + i];
        for (uint32_t n = contacts[i].tickets; n > 0; n--) {
            add_contact_work(&maker, contact, WORK_TICKET);
        }
        for (uint32_t n = contacts[i].issues; n > 0; n--) {
            add_contact_work(&maker, contact, WORK_ISSUE);
        }
        if (rng_below(rng, 12) == 0) {
            add_other_work(&maker, contact);
        }
        for (uint32_t n = contacts[i].conversations; n > 0; n--) {
            struct user *guest =
                rng_below(rng, 4) == 0
                    ? (struct user *)world->all[KIND_USER].items[first + rng_below(rng, count)]
                    : NULL;
            add_conversation(&maker, contact, guest);
        }
    }
    for (uint32_t i = 0; i < issues; i++) {
        add_issue(&maker, i);
    }
}
