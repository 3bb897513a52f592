/* SPDX-License-Identifier: MIT */
#include "sandbox/csv_out.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "format/csv.h"

static const size_t FILE_MAX_BYTES = (size_t)4 << 30;

static void field(struct buf *out, const char *text, bool first)
{
    csv_add_field(out, str_of(text != NULL ? text : ""), first);
}

static void field_time(struct buf *out, int64_t ms)
{
    char text[CLOCK_TEXT_BYTES];
    clock_rfc3339(ms, text);
    field(out, text, false);
}

static uint32_t reported(const struct user *user)
{
    uint32_t count = 0;
    for (size_t i = 0; i < user->works.len; i++) {
        const struct work *work = (const struct work *)user->works.items[i];
        count += list_has(&work->now->reported_by, &user->obj);
    }
    return count;
}

static void field_number(struct buf *out, uint32_t number)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%u", number);
    field(out, text, false);
}

static bool is_live(const struct user *user)
{
    return user->type == USER_REV && user->now->merged_into == NULL && !user->now->deleted;
}

static bool write_file(const char *path, struct buf *out, struct err *err)
{
    if (out->overflow) {
        return err_set(err, ERR_IO, "could not write '%s': more than 4 GiB", path);
    }
    return fs_write_atomic(AT_FDCWD, path, buf_str(out), err);
}

void csv_contacts(const struct world *world, struct buf *out)
{
    buf_addz(out, "REV_USER_ID,DISPLAY_NAME,EMAIL,EXTERNAL_REF,FULL_NAME,CREATED_AT,UPDATED_AT,"
                  "TICKET_COUNT\n");
    for (size_t i = 0; i < world->all[KIND_USER].len; i++) {
        const struct user *user = (const struct user *)world->all[KIND_USER].items[i];
        if (!is_live(user)) {
            continue;
        }
        const struct user_version *version = user->now;
        field(out, user->obj.id, true);
        field(out, version->display_name, false);
        field(out, version->email, false);
        field(out, version->external_ref, false);
        field(out, version->full_name, false);
        field_time(out, user->obj.created_ms);
        field_time(out, version->modified_ms);
        field_number(out, reported(user));
        csv_end_row(out);
    }
}

bool csv_write_contacts(const struct world *world, const char *path, struct err *err)
{
    AUTO_BUF struct buf out = {.max = FILE_MAX_BYTES};
    csv_contacts(world, &out);
    return write_file(path, &out, err);
}

/* --- the pivot ---------------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
    return text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
}

/* The application's own number of the contact, which stands in its reference. */
static const char *cxp_user_id(const char *ref)
{
    return strncmp(ref, "user_", 5) == 0 ? ref + 5 : is_number(ref) ? ref : "";
}

static void pivot_row(struct buf *out, const struct user *user)
{
    static const char *const labels[] = {
        [LABEL_NONE] = "", [LABEL_MERGE] = "Merge", [LABEL_MAIN] = "Main"};
    const struct user_version *version = user->now;
    const struct account *account = user->account;
    field(out, version->email, true);
    field(out, version->external_ref, false);
    field(out, version->modified_by->now->display_name, false);
    field(out, user->obj.id, false);
    field(out, "rev_user", false);
    field(out, user->obj.display_id, false);
    field(out, account != NULL ? account->obj.id : "", false);
    field(out, account != NULL ? account->name : "", false);
    field_time(out, version->modified_ms);
    field(out, cxp_user_id(version->external_ref), false);
    field(out, user->obj.ord % 5 == 0 ? "Yes" : "No", false);
    field(out, "", false);
    field(out, account != NULL ? "Yes" : "No", false);
    field_number(out, reported(user));
    field(out, labels[user->label], false);
    if (user->label != LABEL_NONE) {
        field_number(out, user->label_strategy);
    } else {
        field(out, "", false);
    }
    csv_end_row(out);
}

void csv_pivot(const struct world *world, struct buf *out)
{
    buf_addz(out, "Email,External Ref,Modified By Name,User ID,Type,Display ID,Devrev Account ID,"
                  "Devrev Account Name,Updated At,CXP User id,Updated by BI service,,Linked to acc,"
                  "Tickets,Action,Strategy\n");
    for (size_t i = 0; i < world->all[KIND_USER].len; i++) {
        const struct user *user = (const struct user *)world->all[KIND_USER].items[i];
        if (is_live(user)) {
            pivot_row(out, user);
        }
    }
}

bool csv_write_pivot(const struct world *world, const char *path, struct err *err)
{
    AUTO_BUF struct buf out = {.max = FILE_MAX_BYTES};
    csv_pivot(world, &out);
    return write_file(path, &out, err);
}

/* "don:...:issue/7" as an issue that nobody knows any more: "don:...:issue/90000007". */
static void field_gone(struct buf *out, const char *id)
{
    const char *number = strrchr(id, '/') + 1;
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "%.*s9%0*d%s", (int)(number - id), id, (int)(7 - strlen(number)), 0, number);
    csv_add_field(out, buf_str(&text), true);
}

static void issue_row(struct buf *out, const struct work *work, bool gone)
{
    static const char MARK[] = "\"tnt__creator_group\":\"";
    const char *found = gone ? NULL : strstr(work->now->custom_fields, MARK);
    str value = STR("");
    str rest;
    if (found != NULL) {
        value = str_cut(str_of(found + sizeof(MARK) - 1), '"', &rest);
    }
    if (gone) {
        field_gone(out, work->obj.id);
    } else {
        field(out, work->obj.id, true);
    }
    field(out, work->now->created_by->obj.id, false);
    field(out, work->assigned != NULL ? work->assigned->obj.id : "", false);
    csv_add_field(out, value, false);
    csv_end_row(out);
}

void csv_issues(const struct world *world, struct buf *out)
{
    buf_addz(out, "issue_id,creator_user_id,assigned_group,creator_group\n");
    for (size_t i = 0; i < world->all[KIND_WORK].len; i++) {
        const struct work *work = (const struct work *)world->all[KIND_WORK].items[i];
        if (work->exported) {
            issue_row(out, work, false);
        }
        if (work->with_gone) {
            issue_row(out, work, true);
        }
    }
}

bool csv_write_issues(const struct world *world, const char *path, struct err *err)
{
    AUTO_BUF struct buf out = {.max = FILE_MAX_BYTES};
    csv_issues(world, &out);
    return write_file(path, &out, err);
}
