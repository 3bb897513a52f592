/* SPDX-License-Identifier: MIT */
#include "job/merge_inspect.h"

#include <fcntl.h>

#include "base/fs.h"
#include "harness/tap.h"

#define ALL (INSPECT_CONTACTS | INSPECT_TICKETS | INSPECT_CONVERSATIONS)
#define CONTACT(id, email) "{\"id\":\"" id "\",\"display_id\":\"REVU-" id "\",\"email\":" email "}"

struct file {
    const char *path;
    const char *text;
};

static const struct file whole[] = {
    {"metadata/contact_info.json",
     "{\"version\":1,\"loser\":" CONTACT("L", "\"l@example.com\"") ",\"survivor\":" CONTACT(
         "S", "null") ",\"works\":[{\"id\":\"w1\",\"display_id\":\"TKT-1\"}],"
                      "\"conversations\":[{\"id\":\"c1\",\"display_id\":\"CONV-1\"}]}"},
    {"metadata/merge_state.json", "{\"works\":1}"},
    {"tickets/tickets.json", "{\"works\":[{\"id\":\"w1\",\"raw\":{}}]}"},
    {"tickets/relationships.json", "{\"objects\":[]}"},
    {"conversations/L/messages.json", "{\"object\":\"L\",\"entries\":[]}"},
    {"conversations/L/participants.json", "{\"object\":\"L\",\"participants\":[]}"},
    {"conversations/S/messages.json", "{\"object\":\"S\",\"entries\":[]}"},
    {"conversations/S/participants.json", "{\"object\":\"S\",\"participants\":[]}"},
    {"conversations/TKT-1/messages.json", "{\"object\":\"w1\",\"entries\":[]}"},
    {"conversations/TKT-1/participants.json", "{\"object\":\"w1\",\"participants\":[]}"},
    {"conversations/CONV-1/messages.json", "{\"object\":\"c1\",\"entries\":[]}"},
    {"conversations/CONV-1/participants.json", "{\"object\":\"c1\",\"participants\":[]}"},
};

static void collect(void *ctx, const char *text)
{
    buf_addz(ctx, text);
    buf_addc(ctx, '\n');
}

/* A backup that was sealed like this, with one file given another text (NULL: left out). */
static void check(const char *path, const char *text, unsigned checks, const char *expected)
{
    struct err err;
    int dir = -1;
    static const struct vault_options options = {.free_floor_bytes = 1, .compress = true};
    CHECK_OK(fs_open_dir(AT_FDCWD, tap_tmpdir(), &dir, &err), err);
    CHECK_OK(fs_remove_tree(dir, "backups", &err), err);
    AUTO(vault_close) struct vault *vault = vault_open(dir, "backups", &options, &err);
    AUTO(backup_free)
    struct backup *backup =
        vault_begin(vault, STR("l@example.com"), "20261124_120000", "ab", 0, &err);
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        bool other = strcmp(whole[i].path, path) == 0;
        const char *content = other ? text : whole[i].text;
        if (content != NULL && strcmp(whole[i].path, "metadata/merge_state.json") != 0) {
            CHECK_OK(backup_add(backup, whole[i].path, str_of(content), &err), err);
        } else if (content != NULL) {
            CHECK_OK(backup_state(backup, str_of(content), &err), err);
        }
    }
    CHECK_OK(backup_seal(backup, &err), err);
    AUTO_BUF struct buf out = {0};
    CHECK_OK(merge_inspect(backup, checks, collect, &out, &err), err);
    CHECK_STR(buf_z(&out), expected);
    (void)close(dir); /* a directory opened for reading */
}

static void a_whole_backup_passes(void)
{
    check("", "", ALL, "");
    check("", "", 0, "");
}

static void contacts_are_checked(void)
{
    static const char record[] = "metadata/contact_info.json";
    static const char broken[] =
        "could not read 'metadata/contact_info.json' of the backup: it is damaged or of another "
        "version\n";
    check(record, "{\"version\":1,\"loser\":{},\"survivor\":{\"id\":\"S\"}}", INSPECT_CONTACTS,
          broken);
    check(record, "not JSON", INSPECT_CONTACTS, broken);
    check(record, NULL, INSPECT_CONTACTS,
          "could not read the backup: could not open 'metadata/contact_info.json': No such file or "
          "directory\n");
    check(record,
          "{\"version\":1,\"loser\":" CONTACT("S", "1") ",\"survivor\":" CONTACT(
              "S", "\"s@example.com\"") ",\"works\":[],\"conversations\":[]}",
          INSPECT_CONTACTS,
          "'metadata/contact_info.json': the loser's e-mail is no text\n"
          "'metadata/contact_info.json': loser and survivor are the same contact\n");
}

static void tickets_are_counted(void)
{
    check("tickets/tickets.json", "{\"works\":[]}", INSPECT_TICKETS,
          "'tickets/tickets.json': ticket 'TKT-1' is missing\n"
          "'tickets/tickets.json' holds 0 tickets, 'metadata/contact_info.json' 1\n"
          "'tickets/tickets.json' holds 0 tickets, 'metadata/merge_state.json' says 1\n");
    check("tickets/tickets.json", "{\"works\":[{\"id\":\"w1\",\"raw\":{}},{\"id\":\"w2\"}]}",
          INSPECT_TICKETS,
          "'tickets/tickets.json': ticket 2 has no id or is not whole\n"
          "'tickets/tickets.json' holds 2 tickets, 'metadata/contact_info.json' 1\n"
          "'tickets/tickets.json' holds 2 tickets, 'metadata/merge_state.json' says 1\n");
    check("tickets/tickets.json", "[", INSPECT_TICKETS, "'tickets/tickets.json' is not JSON\n");
    check("tickets/tickets.json", "{}", INSPECT_TICKETS,
          "'tickets/tickets.json' holds no list of tickets\n");
    check("tickets/tickets.json", NULL, INSPECT_CONTACTS, "");
    check("metadata/merge_state.json", "{\"works\":3}", INSPECT_TICKETS,
          "'tickets/tickets.json' holds 1 tickets, 'metadata/merge_state.json' says 3\n");
    check("tickets/relationships.json", "{}", INSPECT_TICKETS,
          "'tickets/relationships.json' holds no list of objects\n");
}

static void conversations_are_looked_into(void)
{
    check("conversations/CONV-1/messages.json", NULL, INSPECT_CONVERSATIONS,
          "the messages of conversation 'CONV-1' are missing\n");
    check("conversations/TKT-1/messages.json", "{\"object\":\"w1\"}", INSPECT_CONVERSATIONS,
          "'conversations/TKT-1/messages.json' holds no messages of an object\n");
    check("conversations/L/messages.json", "{", INSPECT_CONVERSATIONS,
          "'conversations/L/messages.json' is not JSON\n"
          "the messages of the loser are missing\n");
    check("conversations/S/participants.json", NULL, INSPECT_CONVERSATIONS,
          "could not read the backup: could not open 'conversations/S/participants.json': No such "
          "file or directory\n");
    check("conversations/S/participants.json", "{\"object\":\"L\",\"participants\":[]}",
          INSPECT_CONVERSATIONS,
          "'conversations/S/participants.json' holds no participants of the same object\n");
    check("conversations/S/participants.json", "{", INSPECT_TICKETS, "");
}

TAP_MAIN(TAP_TEST(a_whole_backup_passes), TAP_TEST(contacts_are_checked),
         TAP_TEST(tickets_are_counted), TAP_TEST(conversations_are_looked_into))
