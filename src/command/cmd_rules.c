/* SPDX-License-Identifier: MIT */
/*
 * steward rules list|check FILE|explain ID: what decides, and why. With --json the list holds the rule
 * files as they are and every word of their lists, so that another program can decide the same.
 */
#include "command/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "command/session.h"
#include "job/merge_explain.h"
#include "job/merge_memory.h"
#include "match/rules.h"

enum { MAX_RULE_SETS = 256 };

static const char *data_dir(void)
{
    const char *dir = getenv("STEWARD_DATA_DIR");
    return dir != NULL && dir[0] != '\0' ? dir : STEWARD_DATA_DIR;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of <data>/rules/<name>.yaml, in byte order. */
static bool find_names(struct arena *arena, const char **ret_names, size_t *ret_count,
                       struct err *err)
{
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/rules", data_dir());
    DIR *dir = opendir(buf_z(&path));
    if (dir == NULL) {
        (void)err_set_errno(err, ERR_IO, errno, "could not read the directory of rule sets '%s'",
                            buf_z(&path));
        return err_hint(err, "Name the directory that holds rules/ in STEWARD_DATA_DIR.");
    }
    size_t count = 0;
    struct dirent *entry;
    while (count < MAX_RULE_SETS && (entry = readdir(dir)) != NULL) {
        str name = str_of(entry->d_name);
        if (str_ends(name, STR(".yaml"))) {
            ret_names[count++] = str_z(arena, (str){name.ptr, name.len - 5});
        }
    }
    (void)closedir(dir);
    qsort(ret_names, count, sizeof(*ret_names), compare_names);
    *ret_count = count;
    return true;
}

static int compare_strs(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

static void add_list(struct buf *out, const struct rule_list *list)
{
    const struct map *map = &list->words.map;
    str *words = xcalloc(map->len + 1, sizeof(*words));
    size_t count = 0;
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].used) {
            words[count++] = map->slots[i].key;
        }
    }
    qsort(words, count, sizeof(*words), compare_strs);
    buf_addz(out, "{\"name\":");
    buf_add_json(out, str_of(list->name));
    buf_addz(out, ",\"words\":[");
    for (size_t i = 0; i < count; i++) {
        buf_addz(out, i == 0 ? "" : ",");
        buf_add_json(out, words[i]);
    }
    buf_addz(out, "]}");
    free(words);
}

static bool add_rules(struct buf *out, const struct rules *rules, struct err *err)
{
    AUTO_BUF struct buf text = {.max = RULES_FILE_BYTES};
    if (!fs_read(AT_FDCWD, rules->path, &text, err)) {
        return false;
    }
    buf_addz(out, "{\"name\":");
    buf_add_json(out, str_of(rules->name));
    buf_addz(out, ",\"summary\":");
    buf_add_json(out, str_of(rules->summary));
    buf_addz(out, ",\"kind\":");
    buf_add_json(out, str_of(rules->kind));
    buf_printf(out, ",\"hash\":\"%s\",\"max_cluster\":%u,\n\"strategies\":[", rules->hash,
               rules->max_cluster);
    for (size_t i = 0; i < rules->strategy_count; i++) {
        buf_addz(out, i == 0 ? "" : ",");
        buf_add_json(out, str_of(rules->strategies[i].name));
    }
    buf_addz(out, "],\n\"lists\":[");
    for (size_t i = 0; i < rules->list_count; i++) {
        buf_addz(out, i == 0 ? "\n" : ",\n");
        add_list(out, &rules->lists[i]);
    }
    buf_addz(out, "],\n\"text\":");
    buf_add_json(out, buf_str(&text));
    buf_addc(out, '}');
    return true;
}

static void print_rules(const struct rules *rules)
{
    (void)printf("%-20s %s\n%20s %.16s  %s\n", rules->name, rules->summary, "", rules->hash,
                 rules->path);
}

static bool list_rules(const struct cli *cli, struct err *err)
{
    struct arena arena = {0};
    const char *names[MAX_RULE_SETS];
    size_t count;
    bool ok = find_names(&arena, names, &count, err);
    AUTO_BUF struct buf json = {0};
    buf_addz(&json, "{\"rules\":[");
    for (size_t i = 0; ok && i < count; i++) {
        AUTO(rules_free) struct rules *rules = rules_load(names[i], err);
        ok = rules != NULL;
        if (ok && cli->json) {
            buf_addz(&json, i == 0 ? "\n" : ",\n");
            ok = add_rules(&json, rules, err);
        } else if (ok) {
            print_rules(rules);
        }
    }
    if (ok && cli->json) {
        buf_addz(&json, "]}\n");
        (void)fwrite(json.ptr, 1, json.len, stdout);
    }
    arena_done(&arena);
    return ok;
}

static bool check_rules(const struct cli *cli, struct err *err)
{
    AUTO(rules_free) struct rules *rules = rules_load(cli->args[1], err);
    if (rules == NULL) {
        return false;
    }
    AUTO_BUF struct buf json = {0};
    if (!cli->json) {
        print_rules(rules);
        return true;
    }
    if (!add_rules(&json, rules, err)) {
        return false;
    }
    (void)fwrite(json.ptr, 1, json.len, stdout);
    (void)putchar('\n');
    return true;
}

/* --- explain ---------------------------------------------------------------------------------- */

/* What people decided in this workspace, where there is one: `merge` would obey it. */
static bool read_links(const struct cli *cli, struct links **ret, struct err *err)
{
    AUTO_SESSION struct session session = {0};
    AUTO_BUF struct buf path = {0};
    buf_printf(&path, "%s/steward.db", session_workspace(cli));
    *ret = NULL;
    if (!fs_exists(AT_FDCWD, buf_z(&path))) {
        return true;
    }
    if (!session_open(&session, cli, SESSION_READ, err)) {
        return false;
    }
    *ret = merge_memory_links(engine_journal(session.engine), engine_workspace_fd(session.engine),
                              err);
    return *ret != NULL;
}

static bool explain_contact(const struct cli *cli, struct err *err)
{
    const char *csv = cli_get(cli, "csv");
    const char *rules = cli_get(cli, "rules");
    if (csv == NULL) {
        (void)err_set(err, ERR_USAGE, "could not explain '%s': no file was named", cli->args[1]);
        return err_hint(err, "Name the file that holds the contact with --csv FILE.");
    }
    AUTO(links_free) struct links *links = NULL;
    AUTO_BUF struct buf text = {0};
    if (!read_links(cli, &links, err)) {
        return false;
    }
    const struct merge_plan_options options = {
        .csv_path = csv,
        .rules = rules != NULL ? rules : "revu-pairs",
        .map = cli_get(cli, "map"),
        .links = links,
    };
    if (!merge_explain(&options, str_of(cli->args[1]), cli->json, &text, err)) {
        return false;
    }
    (void)fwrite(text.ptr, 1, text.len, stdout);
    return true;
}

/* --- the command ------------------------------------------------------------------------------ */

static bool check_usage(const struct cli *cli, struct err *err)
{
    const char *verb = cli->args[0];
    bool list = strcmp(verb, "list") == 0;
    bool explain = strcmp(verb, "explain") == 0;
    bool more = cli_has(cli, "csv") || cli_has(cli, "rules") || cli_has(cli, "map");
    const char *problem = list && cli->arg_count != 1 ? "it takes no argument"
                          : !list && cli->arg_count != 2
                              ? (explain ? "an id is missing" : "a rule file is missing")
                          : more && !explain ? "--csv, --rules and --map are for 'explain'"
                                             : NULL;
    if (problem == NULL) {
        return true;
    }
    (void)err_set(err, ERR_USAGE, "could not run 'steward rules %s': %s", verb, problem);
    return err_hint(err, "Run 'steward rules --help' for what it takes.");
}

static int run_rules(struct cli *cli, struct err *err)
{
    if (!check_usage(cli, err)) {
        return command_fail(err);
    }
    const char *verb = cli->args[0];
    bool ok = strcmp(verb, "list") == 0    ? list_rules(cli, err)
              : strcmp(verb, "check") == 0 ? check_rules(cli, err)
                                           : explain_contact(cli, err);
    return ok ? 0 : command_fail(err);
}

static const struct choice choices[] = {
    {"list", "the rule sets that come with steward"},
    {"check", "read a rule file and say what is wrong with it"},
    {"explain", "say of one contact what the rules found, step by step"},
    {NULL, NULL},
};

static const struct option options[] = {
    {.name = "csv", .argument = "FILE", .help = "explain: the file that holds the contact"},
    {.name = "rules",
     .argument = "NAME",
     .help = "explain: rule set, a name or a file (default: revu-pairs)"},
    {.name = "map",
     .argument = "FILE",
     .help = "explain: which header of the file is which column"},
    {.name = NULL},
};

static const char *const examples[] = {
    "steward rules check own-rules.yaml",
    "steward rules explain REVU-123 --csv contacts.csv --rules external-contacts",
    NULL,
};

const struct command command_rules = {
    .name = "rules",
    .summary = "list rule sets, check one, or explain what one decides",
    .usage = "list | check NAME|FILE | explain ID --csv FILE [options]",
    .description =
        "A rule set says what makes two contacts one, who survives, and what is left to people. It "
        "is a "
        "YAML file; the sets that come with steward are such files too.\n\n"
        "`explain` plans the file as `steward merge` would, with what this workspace remembers of "
        "pairs, and tells of one contact which values, facts and keys it has, what each strategy "
        "found, and what came of it. Nothing is stored.\n\n"
        "With --json: the rule files as they are and every word of their lists, so that another "
        "program can decide the same; or the explanation.",
    .examples = examples,
    .options = options,
    .choices = choices,
    .safety = SAFETY_READ_ONLY,
    .min_args = 1,
    .max_args = 2,
    .run = run_rules,
};
