/* SPDX-License-Identifier: MIT */
/*
 * steward validate FILE | groups: what a backfill would stumble over, before it is planned.
 */
#include "command/registry.h"

#include <inttypes.h>
#include <string.h>

#include "command/planned.h"
#include "command/session.h"
#include "job/backfill.h"

static const struct option options[] = {
    {.name = "field",
     .argument = "NAME",
     .help = "groups: the custom field that is to be filled (default: " BACKFILL_FIELD ")"},
    {.name = NULL},
};

/* --- groups -------------------------------------------------------------------------------------- */

struct listing {
    struct buf groups;
    struct buf ambiguous;
    size_t group_count;
    size_t empty;
    size_t ambiguous_count;
    bool json;
};

static void list_group(void *ctx, str id, str display_id, str name, size_t members)
{
    struct listing *listing = ctx;
    listing->empty += members == 0;
    if (!listing->json) {
        buf_printf(&listing->groups, "  %-12.*s %6zu  %.*s\n", STR_ARG(display_id), members,
                   STR_ARG(name));
    } else {
        buf_addz(&listing->groups, listing->group_count == 0 ? "\n{\"id\":" : ",\n{\"id\":");
        buf_add_json(&listing->groups, id);
        buf_addz(&listing->groups, ",\"display_id\":");
        buf_add_json(&listing->groups, display_id);
        buf_addz(&listing->groups, ",\"name\":");
        buf_add_json(&listing->groups, name);
        buf_printf(&listing->groups, ",\"members\":%zu}", members);
    }
    listing->group_count++;
}

static void list_ambiguous(void *ctx, str user, str groups)
{
    struct listing *listing = ctx;
    if (!listing->json) {
        buf_printf(&listing->ambiguous, "  %.*s\n    %.*s\n", STR_ARG(user), STR_ARG(groups));
    } else {
        buf_addz(&listing->ambiguous,
                 listing->ambiguous_count == 0 ? "\n{\"user\":" : ",\n{\"user\":");
        buf_add_json(&listing->ambiguous, user);
        buf_addz(&listing->ambiguous, ",\"groups\":");
        buf_add_json(&listing->ambiguous, groups);
        buf_addc(&listing->ambiguous, '}');
    }
    listing->ambiguous_count++;
}

static void print_listing(const struct listing *listing, const char *field)
{
    if (listing->json) {
        (void)printf("{\"field\":\"%s\",\"groups\":[%s],\n\"ambiguous\":[%s]}\n", field,
                     buf_z(&listing->groups), buf_z(&listing->ambiguous));
        return;
    }
    (void)printf("Field %s takes groups\n\nGroups (%zu, %zu without members)\n%s", field,
                 listing->group_count, listing->empty, buf_z(&listing->groups));
    if (listing->ambiguous_count != 0) {
        (void)printf("\nIn several groups (%zu): their issues need an assigned_group\n%s",
                     listing->ambiguous_count, buf_z(&listing->ambiguous));
    }
}

static bool validate_groups(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {.cli = cli};
    const char *field = cli_get(cli, "field");
    struct listing listing = {.json = cli->json};
    const struct backfill_groups_report report = {
        .group = list_group, .ambiguous = list_ambiguous, .ctx = &listing};
    bool ok = session_make_workspace(cli, err) && session_settings(&session, cli, err) &&
              session_open(&session, cli, SESSION_WRITE, err);
    if (ok) {
        struct job_run run = engine_planning_run(session.engine);
        ok = backfill_check_groups(&run, field, &report, err);
    }
    if (ok) {
        print_listing(&listing, field != NULL ? field : BACKFILL_FIELD);
    }
    buf_done(&listing.groups);
    buf_done(&listing.ambiguous);
    return ok;
}

/* --- rows ----------------------------------------------------------------------------------------- */

static bool validate_file(const struct cli *cli, const char *path, struct err *err)
{
    struct plan_summary summary = {0};
    return backfill_validate(path, NULL, &summary, err) &&
           planned_validated(cli, path, &summary, err);
}

static int run_validate(struct cli *cli, struct err *err)
{
    const char *what = cli->args[0];
    bool ok =
        strcmp(what, "groups") == 0 ? validate_groups(cli, err) : validate_file(cli, what, err);
    return ok ? 0 : command_fail(err);
}

static const char *const examples[] = {
    "steward validate issues.csv",
    "steward validate groups",
    NULL,
};

const struct command command_validate = {
    .name = "validate",
    .summary = "check the rows of a backfill, or the groups that it will use",
    .usage = "FILE | groups [options]",
    .description =
        "validate FILE reads every row of an issues CSV and says which are bad, and where.\n\n"
        "validate groups asks the remote: does the field exist and take groups, which groups are "
        "there, and who is in several of them, so that an issue of theirs needs an "
        "assigned_group.",
    .examples = examples,
    .options = options,
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 1,
    .max_args = 1,
    .run = run_validate,
};
