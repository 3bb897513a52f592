/* SPDX-License-Identifier: MIT */
/*
 * steward backups list|verify|show|prune|export: what was saved before each change (docs/backups.md).
 */
#include "command/registry.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "command/backups.h"

static const struct choice verbs[] = {
    {"list", "every backup, whose it is, and what needs it"},
    {"verify", "[ID...]: check the files of these, or of all"},
    {"show", "ID [PATH]: what is in one, or a file of it"},
    {"prune", "what retention would remove; --apply removes it"},
    {"export", "ID --output DIR|FILE.tar: a plain copy of one"},
    {NULL, NULL},
};

static const struct option options[] = {
    {.name = "all", .help = "verify: all of them, as without an ID"},
    {.name = "verify-contacts", .help = "verify: are both contacts in it and readable?"},
    {.name = "verify-tickets", .help = "verify: are all counted tickets in it?"},
    {.name = "verify-conversations", .help = "verify: are all messages and participants in it?"},
    {.name = "apply", .help = "prune: remove, not only say what would be removed"},
    {.name = "force", .help = "prune: also what a run, undo or somebody else may need"},
    {.name = "retention-days",
     .argument = "N",
     .help = "prune: keep what is younger",
     .setting = "BACKUP_RETENTION_DAYS"},
    {.name = "max-size-gb",
     .argument = "N",
     .help = "prune: keep no more than this; 0: any",
     .setting = "MAX_BACKUP_SIZE_GB"},
    {.name = "output", .argument = "PATH", .help = "export: a new directory, or a new file .tar"},
    {.name = "backup-dir", .argument = "DIR", .help = "where backups lie", .setting = "BACKUP_DIR"},
    {.name = NULL},
};

/* Which verb takes which option; the others are for all. */
static const struct {
    const char *option;
    const char *verb;
} takes[] = {
    {"all", "verify"},
    {"verify-contacts", "verify"},
    {"verify-tickets", "verify"},
    {"verify-conversations", "verify"},
    {"apply", "prune"},
    {"force", "prune"},
    {"retention-days", "prune"},
    {"max-size-gb", "prune"},
    {"output", "export"},
};

/* --- what is shown of an entry -------------------------------------------------------------------- */

const struct catalogue_entry *backups_find(struct backups *backups, str id, struct err *err)
{
    return catalogue_find(&backups->catalogue, backups->journal, id, err);
}

void backups_bytes(uint64_t bytes, struct buf *out)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t unit = 0;
    if (bytes < 1000) {
        buf_printf(out, "%" PRIu64 " B", bytes);
        return;
    }
    for (size /= 1000; size >= 999.95 && unit + 1 < ARRAY_LEN(units); unit++) {
        size /= 1000;
    }
    buf_printf(out, "%.1f %s", size, units[unit]);
}

void backups_time(int64_t at_ms, struct buf *out)
{
    char at[CLOCK_TEXT_BYTES];
    clock_rfc3339(at_ms, at);
    buf_printf(out, "%.19sZ", at);
}

void backups_entry_text(const struct catalogue_entry *entry, struct buf *out)
{
    buf_printf(out, "%.8s  ", entry->change[0] != '\0' ? entry->change : "-       ");
    if (entry->known) {
        buf_printf(out, "run %-3lld  %-9s  ", (long long)entry->run,
                   change_state_name(entry->state));
    } else {
        buf_printf(out, "%-7s  %-9s  ", "no run", entry->leaving ? "leaving" : "orphan");
    }
    backups_time(entry->at_ms, out);
}

static void add_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text[0] != '\0') {
        buf_add_json(out, str_of(text));
    } else {
        buf_addz(out, "null");
    }
}

static const char *need_name(enum catalogue_need need)
{
    switch (need) {
    case NEED_RUN:
        return "run";
    case NEED_UNDO:
        return "undo";
    case NEED_NONE:
        break;
    }
    return "";
}

void backups_entry_json(const struct backups *backups, const struct catalogue_entry *entry,
                        struct buf *out)
{
    char at[CLOCK_TEXT_BYTES];
    AUTO_BUF struct buf directory = {0};
    buf_printf(&directory, "%s/%s", backups->session->settings.backup_dir, entry->name);
    clock_rfc3339(entry->at_ms, at);
    buf_addz(out, "{\"change\":");
    if (entry->change[0] != '\0') {
        buf_printf(out, "\"%s\"", entry->change);
    } else {
        buf_addz(out, "null");
    }
    add_text(out, "directory", buf_z(&directory));
    if (entry->known) {
        buf_printf(out, ",\"run\":%lld", (long long)entry->run);
    } else {
        buf_addz(out, ",\"run\":null");
    }
    add_text(out, "state", entry->known ? change_state_name(entry->state) : "");
    add_text(out, "needed_by", need_name(entry->need));
    buf_printf(out, ",\"at\":\"%s\",\"sealed\":%s,\"damaged\":%s,\"leaving\":%s,\"compressed\":%s",
               at, entry->sealed ? "true" : "false", entry->damaged ? "true" : "false",
               entry->leaving ? "true" : "false", entry->compressed ? "true" : "false");
    add_text(out, "key", entry->key);
    buf_printf(out, ",\"files\":%" PRIu64 ",\"bytes\":%" PRIu64, entry->files, entry->bytes);
}

/* --- list ----------------------------------------------------------------------------------------- */

static void add_traits(const struct catalogue_entry *entry, const char *key, struct buf *out)
{
    buf_addz(out, entry->damaged ? "damaged list" : entry->sealed ? "sealed" : "not finished");
    buf_addz(out, entry->compressed ? ", compressed" : "");
    if (entry->key[0] != '\0' && strcmp(entry->key, key) == 0) {
        buf_addz(out, ", encrypted");
    } else if (entry->key[0] != '\0') {
        buf_printf(out, ", other key %s", entry->key);
    }
    buf_addz(out, entry->need == NEED_RUN    ? ", needed by its run"
                  : entry->need == NEED_UNDO ? ", needed for undo"
                                             : "");
}

static void print_entry(const struct catalogue_entry *entry, const char *key)
{
    AUTO_BUF struct buf line = {0};
    AUTO_BUF struct buf size = {0};
    backups_entry_text(entry, &line);
    backups_bytes(entry->bytes, &size);
    buf_printf(&line, "  %8s  ", buf_z(&size));
    add_traits(entry, key, &line);
    (void)puts(buf_z(&line));
    if (!entry->known) {
        (void)printf("          %s\n", entry->name);
    }
}

static void list_json(const struct backups *backups, uint64_t bytes)
{
    const struct catalogue *catalogue = &backups->catalogue;
    (void)fputs("{\"backups\":[", stdout);
    for (size_t i = 0; i < catalogue->count; i++) {
        AUTO_BUF struct buf out = {0};
        buf_addz(&out, i == 0 ? "\n" : ",\n");
        backups_entry_json(backups, &catalogue->entries[i], &out);
        buf_addc(&out, '}');
        (void)fputs(buf_z(&out), stdout);
    }
    (void)fputs("],\n\"missing\":[", stdout);
    for (size_t i = 0; i < catalogue->missing_count; i++) {
        (void)printf("%s{\"change\":\"%s\",\"run\":%lld}", i == 0 ? "\n" : ",\n",
                     catalogue->missing[i].change, (long long)catalogue->missing[i].run);
    }
    (void)printf("],\n\"count\":%zu,\"bytes\":%" PRIu64 "}\n", catalogue->count, bytes);
}

static bool list(struct backups *backups, struct err *err)
{
    (void)err;
    const struct catalogue *catalogue = &backups->catalogue;
    AUTO_BUF struct buf size = {0};
    uint64_t bytes = 0;
    for (size_t i = 0; i < catalogue->count; i++) {
        bytes += catalogue->entries[i].bytes;
    }
    if (backups->cli->json) {
        list_json(backups, bytes);
        return true;
    }
    for (size_t i = 0; i < catalogue->count; i++) {
        print_entry(&catalogue->entries[i], vault_key_id(backups->vault));
    }
    for (size_t i = 0; i < catalogue->missing_count; i++) {
        (void)printf("%.8s  run %-3lld  missing: its directory is not there\n",
                     catalogue->missing[i].change, (long long)catalogue->missing[i].run);
    }
    backups_bytes(bytes, &size);
    (void)printf("%zu backups, %s\n", catalogue->count, buf_z(&size));
    return true;
}

/* --- the command ---------------------------------------------------------------------------------- */

static bool check_options(const struct cli *cli, const char *verb, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(takes); i++) {
        if (cli_has(cli, takes[i].option) && strcmp(takes[i].verb, verb) != 0) {
            (void)err_set(err, ERR_USAGE, "could not run 'steward backups %s': it takes no --%s",
                          verb, takes[i].option);
            return err_hint(err, "Run 'steward backups --help' for what it takes.");
        }
    }
    return true;
}

static bool check_arguments(const struct cli *cli, const char *verb, struct err *err)
{
    size_t least = strcmp(verb, "show") == 0 || strcmp(verb, "export") == 0 ? 2 : 1;
    size_t most = strcmp(verb, "show") == 0 ? 3 : strcmp(verb, "verify") == 0 ? SIZE_MAX : least;
    if (cli->arg_count < least || cli->arg_count > most) {
        (void)err_set(err, ERR_USAGE, "could not run 'steward backups %s': %s", verb,
                      cli->arg_count < least ? "the id of a backup is missing"
                      : least == 1           ? "it takes no argument"
                                             : "too many arguments");
        return err_hint(err, "Run 'steward backups --help' for what it takes.");
    }
    return check_options(cli, verb, err);
}

/* A workspace that lost its journal still has its backups. */
static bool open_session(struct session *session, const struct cli *cli, bool write,
                         struct err *err)
{
    struct err failure = {0};
    if (write && !fs_exists(AT_FDCWD, session_workspace(cli))) {
        return err_set(err, ERR_NOT_FOUND, "could not open the workspace '%s'",
                       session_workspace(cli));
    }
    bool ok = session_open(session, cli, write ? SESSION_WRITE : SESSION_READ, &failure);
    if (!ok && (write || failure.kind != ERR_NOT_FOUND)) {
        *err = failure;
        return false;
    }
    return true;
}

static bool open_backups(struct backups *backups, bool write, bool lists, struct err *err)
{
    const struct settings *settings = &backups->session->settings;
    const struct vault_options vault = {
        .key_file = settings->backup_key_file,
        .passphrase = &settings->backup_passphrase,
        .passphrase_file = settings->backup_passphrase_file,
        .read_only = true,
    };
    AUTO_CLOSE int workspace = -1;
    if (!fs_open_dir(AT_FDCWD, session_workspace(backups->cli), &workspace, err)) {
        return false;
    }
    if (write && !fs_exists(workspace, "steward.db")) {
        (void)err_set(err, ERR_NOT_FOUND,
                      "could not prune backups: there is no journal in '%s' that knows them",
                      session_workspace(backups->cli));
        return err_hint(err, "Give the workspace they were made in with --workspace.");
    }
    if (!open_session(backups->session, backups->cli, write, err)) {
        return false;
    }
    if (backups->session->engine != NULL) {
        backups->journal = engine_journal(backups->session->engine);
    }
    backups->vault = vault_open(workspace, settings->backup_dir, &vault, err);
    return backups->vault != NULL &&
           catalogue_read(backups->vault, backups->journal, lists, &backups->catalogue, err);
}

static bool run_verb(struct backups *backups, const char *verb, struct err *err)
{
    static const struct {
        const char *name;
        bool (*run)(struct backups *backups, struct err *err);
    } table[] = {
        {"list", list},           {"verify", backups_verify}, {"show", backups_show},
        {"prune", backups_prune}, {"export", backups_export},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (strcmp(table[i].name, verb) == 0) {
            return table[i].run(backups, err);
        }
    }
    return err_set(err, ERR_INTERNAL, "could not run 'steward backups %s'", verb);
}

static int run_backups(struct cli *cli, struct err *err)
{
    AUTO_SESSION struct session session = {.cli = cli};
    struct backups backups = {.cli = cli, .session = &session};
    const char *verb = cli->args[0];
    bool write = strcmp(verb, "prune") == 0 && cli_has(cli, "apply");
    bool ok = check_arguments(cli, verb, err) && session_settings(&session, cli, err) &&
              open_backups(&backups, write, strcmp(verb, "verify") != 0, err) &&
              run_verb(&backups, verb, err);
    catalogue_done(&backups.catalogue);
    vault_close(backups.vault);
    return ok ? 0 : command_fail(err);
}

static const char *const examples[] = {
    "steward backups list",
    "steward backups verify --verify-contacts --verify-tickets",
    "steward backups show 3fa91c02 tickets/tickets.json",
    "steward backups prune --retention-days 90",
    "steward backups export 3fa91c02 --output case-4711.tar",
    NULL,
};

const struct command command_backups = {
    .name = "backups",
    .summary = "list, check, read, prune or copy backups",
    .usage = "list | verify [ID...] | show ID [PATH] | prune [--apply] | export ID [options]",
    .description =
        "A backup is what a change would lose, saved and read back before the change is sent. ID "
        "is "
        "the change's id or its unique beginning, at least 4 characters; of a backup that no "
        "change "
        "knows, its directory's name.\n\n"
        "verify holds every file against verification.json: missing, extra and changed ones are "
        "named, and so are changes whose backup is not there. Exit code 5: a difference.\n\n"
        "prune only says what would go, until --apply. What a run that is not finished needs "
        "stays, "
        "and what undo needs stays for BACKUP_RETENTION_DAYS; above MAX_BACKUP_SIZE_GB the oldest "
        "of the rest goes earlier. Nothing is ever pruned by itself.\n\n"
        "show and export decrypt and decompress. With --json: one document.",
    .examples = examples,
    .options = options,
    .choices = verbs,
    .safety = SAFETY_WRITES_LOCAL,
    .min_args = 1,
    .max_args = INT_MAX,
    .run = run_backups,
};
