/* SPDX-License-Identifier: MIT */
/*
 * A merge as a person reads it, at most 100 columns:
 *
 *   merge REVU-12 into REVU-34
 *     why            revu-pairs: same email
 *     email          ann@example.com
 *     external_ref   user_34
 *     full_name      Ann Lee
 *     lost           external_ref   REVU-12
 *     lost           full_name      A. Lee
 *
 * First what the survivor keeps, then what the loser has and the survivor does not: after the merge
 * those values are only in the backup.
 */
#include "job/merge_internal.h"

#include "match/normalise.h"

enum { VALUE_BYTES = 60 };

/* Fields that describe the record, not the person: nothing is lost with them. */
bool merge_is_about_the_record(str remote)
{
    static const char *const fields[] = {
        "id", "display_id", "created_date", "modified_date", "created_by", "modified_by"};
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        str field = str_of(fields[i]);
        if (str_starts(remote, field) &&
            (remote.len == field.len || remote.ptr[field.len] == '.')) {
            return true;
        }
    }
    return false;
}

/* C0, DEL and (as UTF-8) C1: what a terminal might obey. */
static size_t control_bytes(str value, size_t at)
{
    unsigned char c = (unsigned char)value.ptr[at];
    if (c < 0x20 || c == 0x7f) {
        return 1;
    }
    unsigned char next = at + 1 < value.len ? (unsigned char)value.ptr[at + 1] : 0;
    return c == 0xc2 && next >= 0x80 && next < 0xa0 ? 2 : 0;
}

/* Printable and short: cut between characters of UTF-8, control characters as '?'. */
void merge_add_value(struct buf *out, str value)
{
    size_t len = value.len;
    if (len > VALUE_BYTES) {
        len = VALUE_BYTES;
        while (len > 0 && ((unsigned char)value.ptr[len] & 0xc0) == 0x80) {
            len--;
        }
    }
    str shown = {value.ptr, len};
    for (size_t i = 0; i < shown.len;) {
        size_t control = control_bytes(shown, i);
        buf_addc(out, control != 0 ? '?' : shown.ptr[i]);
        i += control != 0 ? control : 1;
    }
    if (len < value.len) {
        buf_addz(out, "...");
    }
}

static bool is_lost(const struct plan_column *column, const struct plan_value *value)
{
    return column->remote.len != 0 && !merge_is_about_the_record(column->remote) &&
           norm_trim(value->before).len != 0 &&
           !norm_same(column->form, value->before, value->after);
}

static void add_kept(const struct plan_header *plan, const struct plan_change *change,
                     struct buf *out)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        const struct plan_column *column = &plan->columns[i];
        str kept = norm_trim(change->values[i].after);
        if (column->remote.len == 0 || merge_is_about_the_record(column->remote) || kept.len == 0) {
            continue;
        }
        buf_printf(out, "  %-14.*s ", STR_ARG(column->name));
        merge_add_value(out, kept);
        buf_addc(out, '\n');
    }
}

static void add_lost(const struct plan_header *plan, const struct plan_change *change,
                     struct buf *out)
{
    for (size_t i = 0; i < plan->column_count; i++) {
        const struct plan_column *column = &plan->columns[i];
        if (!is_lost(column, &change->values[i])) {
            continue;
        }
        buf_printf(out, "  lost           %-14.*s ", STR_ARG(column->name));
        merge_add_value(out, norm_trim(change->values[i].before));
        buf_addc(out, '\n');
    }
}

void merge_describe(const struct plan_header *plan, const struct plan_change *change,
                    struct buf *out)
{
    buf_addz(out, "merge ");
    merge_add_value(out, change->target);
    /* ids that a person would type fit on one line, the remote's long ones do not */
    bool fits = change->target.len + change->survivor.len <= VALUE_BYTES;
    buf_addz(out, fits ? " into " : "\n into ");
    merge_add_value(out, change->survivor);
    buf_addz(out, "\n  why            ");
    merge_add_value(out, change->strategy);
    if (change->reason.len != 0) {
        buf_addz(out, ": ");
        merge_add_value(out, change->reason);
    }
    buf_addc(out, '\n');
    add_kept(plan, change, out);
    add_lost(plan, change, out);
}

void merge_describe_settings(const struct settings *settings, const struct plan_header *plan,
                             const struct plan_change *change, struct buf *out)
{
    for (size_t i = 0; settings->carry_external_ref && i < plan->column_count; i++) {
        str before = norm_trim(change->values[i].before);
        if (str_eqz(plan->columns[i].remote, "external_ref") &&
            merge_reference_is_generated(norm_trim(change->values[i].after)) &&
            !merge_reference_is_generated(before)) {
            buf_printf(out, "  carried over   %-14.*s ", STR_ARG(plan->columns[i].name));
            merge_add_value(out, before);
            buf_addc(out, '\n');
        }
    }
}
