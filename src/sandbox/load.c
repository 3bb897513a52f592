/* SPDX-License-Identifier: MIT */
#include "sandbox/load.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/num.h"
#include "format/csv.h"

enum column {
    COL_ID,
    COL_DISPLAY,
    COL_EMAIL,
    COL_REF,
    COL_FULL,
    COL_CREATED,
    COL_UPDATED,
    COL_TICKETS,
    COLS
};
enum { TICKETS_MAX = 10000 };

static const int64_t NO_DATE_MS = 1672531200000;

static const char *text(struct world *world, const struct csv_row *row,
                        const struct csv_column *columns, enum column column)
{
    int i = columns[column].index;
    return i >= 0 && (size_t)i < row->count ? str_z(&world->arena, row->fields[i]) : "";
}

static int64_t date(const struct csv_row *row, const struct csv_column *columns, enum column column)
{
    int64_t ms = NO_DATE_MS;
    int i = columns[column].index;
    if (i >= 0 && (size_t)i < row->count) {
        (void)clock_parse(str_trim_ascii(row->fields[i]), &ms);
    }
    return ms;
}

static void take_row(struct world *world, const struct csv_row *row,
                     const struct csv_column *columns, struct seed_contact *contact)
{
    int64_t tickets = 0;
    const char *count = text(world, row, columns, COL_TICKETS);
    (void)num_parse_i64(str_of(count), 0, TICKETS_MAX, &tickets);
    *contact = (struct seed_contact){.id = text(world, row, columns, COL_ID),
                                     .display_name = text(world, row, columns, COL_DISPLAY),
                                     .full_name = text(world, row, columns, COL_FULL),
                                     .email = text(world, row, columns, COL_EMAIL),
                                     .external_ref = text(world, row, columns, COL_REF),
                                     .created_ms = date(row, columns, COL_CREATED),
                                     .updated_ms = date(row, columns, COL_UPDATED),
                                     .tickets = (uint32_t)tickets,
                                     .conversations = tickets > 0 ? 1 : 0,
                                     .account = UINT32_MAX};
}

/* Why the row cannot be a contact, NULL where it can. */
static const char *objection(const struct csv_row *row, const struct csv_column *columns,
                             const struct map *ids)
{
    size_t i = (size_t)columns[COL_ID].index;
    if (row->problem != CSV_OK) {
        return csv_problem_text(row->problem);
    }
    if (i >= row->count || row->fields[i].len == 0) {
        return "no id";
    }
    return map_has(ids, row->fields[i]) ? "an earlier row has its id" : NULL;
}

static bool read_rows(struct world *world, const char *path, struct csv_reader *reader,
                      const struct csv_column *columns, struct loaded *ret, struct err *err)
{
    struct csv_row row;
    struct map ids = {0};
    bool more = true;
    bool ok = true;
    size_t cap = 0;
    while ((ok = csv_next(reader, &row, &more, err)) && more) {
        const char *why = objection(&row, columns, &ids);
        if (why != NULL) {
            (void)fprintf(stderr, "steward-sandbox: line %llu of '%s' is left out: %s\n",
                          (unsigned long long)row.line, path, why);
            continue;
        }
        if (ret->len == cap) {
            cap = cap == 0 ? 256 : cap * 2;
            ret->contacts = xrealloc(ret->contacts, cap, sizeof(struct seed_contact));
        }
        struct seed_contact *contact = &ret->contacts[ret->len++];
        take_row(world, &row, columns, contact);
        (void)map_put(&ids, str_of(contact->id), world);
    }
    map_done(&ids);
    return ok;
}

static bool read_file(struct world *world, const char *path, struct csv_reader *reader,
                      struct loaded *ret, struct err *err)
{
    struct csv_column columns[COLS] = {
        {"REV_USER_ID", NULL, true, -1}, {"DISPLAY_NAME", NULL, false, -1},
        {"EMAIL", NULL, true, -1},       {"EXTERNAL_REF", NULL, true, -1},
        {"FULL_NAME", NULL, false, -1},  {"CREATED_AT", NULL, false, -1},
        {"UPDATED_AT", NULL, false, -1}, {"TICKET_COUNT", NULL, false, -1}};
    struct csv_row row;
    bool more = false;
    if (!csv_next(reader, &row, &more, err)) {
        return false;
    }
    if (!more) {
        return err_set(err, ERR_INPUT, "could not load '%s': it is empty", path);
    }
    return csv_header_match(&row, path, columns, COLS, err) &&
           read_rows(world, path, reader, columns, ret, err);
}

bool load_contacts(struct world *world, const char *path, struct loaded *ret, struct err *err)
{
    AUTO_BUF struct buf bytes = {.max = (size_t)4 << 30};
    struct loaded loaded = {0};
    if (!fs_read(AT_FDCWD, path, &bytes, err)) {
        return false;
    }
    sha256_hex_of(bytes.ptr, bytes.len, loaded.sha256);
    struct csv_reader *reader = csv_reader_of(buf_str(&bytes), ',', NULL);
    bool ok = read_file(world, path, reader, &loaded, err);
    csv_reader_free(reader);
    if (!ok) {
        free(loaded.contacts);
        return false;
    }
    *ret = loaded;
    return true;
}
