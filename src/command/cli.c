/* SPDX-License-Identifier: MIT */
#include "command/cli.h"

#include <string.h>

#include "engine/settings_nearest.h"

/* The last two are the old scripts' spellings. */
static const char *const log_levels[] = {"debug",   "info",     "warn", "error",
                                         "warning", "critical", NULL};

const struct option cli_global_options[] = {
    {.name = "workspace",
     .argument = "DIR",
     .help = "where journal, backups and reports lie (default: the current directory)"},
    {.name = "config", .argument = "FILE", .help = "settings (default: steward.ini there)"},
    {.name = "env", .argument = "FILE", .help = "secrets and settings (default: .env there)"},
    {.name = "log-level",
     .argument = "LEVEL",
     .help = "what the log file keeps: debug, info, warn, error",
     .setting = "LOG_LEVEL",
     .among = log_levels},
    {.name = "json", .help = "the result as JSON on stdout"},
    {.name = "quiet", .letter = 'q', .help = "no progress, only errors on stderr"},
    {.name = "verbose", .letter = 'v', .help = "the log on stderr too"},
    {.name = "yes", .help = "answer every question with yes"},
    {.name = "no-color", .help = "no colours (so does NO_COLOR)"},
    {.name = "help", .letter = 'h', .help = "this text"},
    {.name = NULL},
};

struct parser {
    struct cli *cli;
    int argc;
    char **argv;
    int next;
    int command_at; /* 0: none */
    size_t value_cap;
    size_t arg_cap;
};

static bool hint_usage(struct err *err, const struct command *command)
{
    if (command == NULL) {
        return err_hint(err, "Run 'steward help' for all commands.");
    }
    return err_hint(err, "Run 'steward %s --help' for what it takes.", command->name);
}

static const struct option *find_in(const struct option *options, str name)
{
    for (const struct option *o = options; o != NULL && o->name != NULL; o++) {
        if (str_eqz(name, o->name)) {
            return o;
        }
    }
    return NULL;
}

/* The command's own options go first: `report --json FILE` is not the global --json. */
static const struct option *find_long(const struct command *command, str name)
{
    const struct option *option = command != NULL ? find_in(command->options, name) : NULL;
    return option != NULL ? option : find_in(cli_global_options, name);
}

static const struct option *find_letter(const struct command *command, char letter)
{
    const struct option *sets[] = {command != NULL ? command->options : NULL, cli_global_options};
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        for (const struct option *o = sets[i]; o != NULL && o->name != NULL; o++) {
            if (o->letter == letter) {
                return o;
            }
        }
    }
    return NULL;
}

static bool unknown_option(const struct command *command, str name, struct err *err)
{
    struct nearest nearest = {.wanted = name};
    const struct option *sets[] = {command != NULL ? command->options : NULL, cli_global_options};
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        for (const struct option *o = sets[i]; o != NULL && o->name != NULL; o++) {
            nearest_offer(&nearest, o->name);
        }
    }
    (void)err_set(err, ERR_USAGE, "could not understand '--%" STR_FMT "'", STR_ARG(name));
    if (nearest.best != NULL) {
        return err_hint(err, "Did you mean '--%s'?", nearest.best);
    }
    return hint_usage(err, command);
}

static bool unknown_word(str word, const struct choice *choices, const struct command *command,
                         struct err *err)
{
    struct nearest nearest = {.wanted = word};
    if (choices != NULL) {
        for (const struct choice *c = choices; c->name != NULL; c++) {
            nearest_offer(&nearest, c->name);
        }
    } else {
        for (const struct command *const *c = commands; *c != NULL; c++) {
            nearest_offer(&nearest, (*c)->name);
        }
    }
    (void)err_set(err, ERR_USAGE, "could not understand '%" STR_FMT "'", STR_ARG(word));
    if (nearest.best != NULL) {
        return err_hint(err, "Did you mean '%s'?", nearest.best);
    }
    return hint_usage(err, command);
}

const struct err *command_unknown(const char *name, struct err *err)
{
    (void)unknown_word(str_of(name), NULL, NULL, err);
    return err;
}

static bool check_value(const struct option *option, const char *value,
                        const struct command *command, struct err *err)
{
    if (value[0] == '\0') {
        (void)err_set(err, ERR_USAGE, "could not use '--%s': its %s is empty", option->name,
                      option->argument);
        return hint_usage(err, command);
    }
    if (option->among == NULL) {
        return true;
    }
    struct nearest nearest = {.wanted = str_of(value)};
    for (const char *const *name = option->among; *name != NULL; name++) {
        if (str_eq_nocase(str_of(*name), str_of(value))) {
            return true;
        }
        nearest_offer(&nearest, *name);
    }
    struct buf all = {0};
    for (const char *const *name = option->among; *name != NULL; name++) {
        buf_printf(&all, "%s%s", name == option->among ? "" : ", ", *name);
    }
    (void)err_set(err, ERR_USAGE, "could not use '--%s %s': it must be one of %s", option->name,
                  value, buf_z(&all));
    if (nearest.best != NULL) {
        (void)err_hint(err, "Did you mean '%s'?", nearest.best);
    }
    buf_done(&all);
    return false;
}

static void note_global(struct cli *cli, const struct option *option, const char *value)
{
    const struct {
        const char *name;
        const char **text;
        bool *flag;
    } slots[] = {
        {"workspace", &cli->workspace, NULL},
        {"config", &cli->config, NULL},
        {"env", &cli->env, NULL},
        {"json", NULL, &cli->json},
        {"quiet", NULL, &cli->quiet},
        {"yes", NULL, &cli->yes},
        {"verbose", NULL, &cli->verbose},
        {"no-color", NULL, &cli->no_color},
        {"help", NULL, &cli->help},
    };
    for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
        if (strcmp(slots[i].name, option->name) != 0) {
            continue;
        }
        if (slots[i].text != NULL) {
            *slots[i].text = value;
        } else {
            *slots[i].flag = true;
        }
    }
}

static bool is_global(const struct option *option)
{
    return find_in(cli_global_options, str_of(option->name)) == option;
}

static bool add_value(struct parser *p, const struct option *option, const char *value,
                      struct err *err)
{
    struct cli *cli = p->cli;
    if (value != NULL && !check_value(option, value, cli->command, err)) {
        return false;
    }
    if (option->same_as != NULL) {
        option = find_long(cli->command, str_of(option->same_as));
    }
    if (is_global(option)) {
        note_global(cli, option, value);
    }
    if (cli->value_count == p->value_cap) {
        p->value_cap = p->value_cap == 0 ? 16 : p->value_cap * 2;
        cli->values = xrealloc(cli->values, p->value_cap, sizeof(*cli->values));
    }
    cli->values[cli->value_count++] = (struct cli_value){option, value};
    return true;
}

/* The next word as the option's value. A word that begins with two dashes is more likely a forgotten
 * value than a value; `--name=--value` still gives it. */
static bool take_value(struct parser *p, const struct option *option, const char **ret,
                       struct err *err)
{
    if (p->next >= p->argc || strncmp(p->argv[p->next], "--", 2) == 0) {
        (void)err_set(err, ERR_USAGE, "could not use '--%s': it needs a %s", option->name,
                      option->argument);
        return hint_usage(err, p->cli->command);
    }
    *ret = p->argv[p->next++];
    return true;
}

static bool takes_next_word(const struct command *command, const char *word)
{
    if (strncmp(word, "--", 2) != 0 || strchr(word, '=') != NULL) {
        return false;
    }
    const struct option *option = find_long(command, str_of(word + 2));
    return option != NULL && option->argument != NULL && !option->optional;
}

/* How many arguments stand at and after the next word. */
static int count_args(const struct parser *p, int from)
{
    int count = 0;
    for (int i = from; i < p->argc; i++) {
        const char *word = p->argv[i];
        if (strcmp(word, "--") == 0) {
            return count + p->argc - i - 1;
        }
        if (word[0] != '-' || word[1] == '\0') {
            count += i != p->command_at;
        } else if (takes_next_word(p->cli->command, word)) {
            i++;
        }
    }
    return count;
}

/* An optional value: the next word, unless it is a flag, the command, or an argument that the command
 * cannot do without. */
static const char *take_optional(struct parser *p)
{
    if (p->next >= p->argc || p->argv[p->next][0] == '-' || p->next == p->command_at) {
        return NULL;
    }
    int others = (int)p->cli->arg_count + count_args(p, p->next + 1);
    return others >= p->cli->command->min_args ? p->argv[p->next++] : NULL;
}

static bool parse_long(struct parser *p, const char *word, struct err *err)
{
    str value;
    str name = str_cut(str_of(word), '=', &value);
    const struct option *option = find_long(p->cli->command, name);
    if (option == NULL) {
        return unknown_option(p->cli->command, name, err);
    }
    if (option->argument == NULL) {
        if (value.ptr != NULL) {
            (void)err_set(err, ERR_USAGE, "could not use '--%s': it takes no value", option->name);
            return hint_usage(err, p->cli->command);
        }
        return add_value(p, option, NULL, err);
    }
    const char *text = value.ptr;
    if (text == NULL && option->optional) {
        return add_value(p, option, take_optional(p), err);
    }
    if (text == NULL && !take_value(p, option, &text, err)) {
        return false;
    }
    return add_value(p, option, text, err);
}

static bool parse_short(struct parser *p, const char *letters, struct err *err)
{
    for (const char *c = letters; *c != '\0'; c++) {
        const struct option *option = find_letter(p->cli->command, *c);
        if (option == NULL) {
            (void)err_set(err, ERR_USAGE, "could not understand '-%s'", letters);
            return hint_usage(err, p->cli->command);
        }
        if (!add_value(p, option, NULL, err)) {
            return false;
        }
    }
    return true;
}

static void add_arg(struct parser *p, const char *word)
{
    struct cli *cli = p->cli;
    if (cli->arg_count == p->arg_cap) {
        p->arg_cap = p->arg_cap == 0 ? 16 : p->arg_cap * 2;
        cli->args = xrealloc(cli->args, p->arg_cap, sizeof(*cli->args));
    }
    cli->args[cli->arg_count++] = word;
}

/* The command is the first word that is neither a flag nor the value of a global one. It must be known
 * before the flags are read, because they may stand in front of it. */
static bool find_command(struct parser *p, struct err *err)
{
    for (int i = 1; i < p->argc; i++) {
        const char *word = p->argv[i];
        if (strcmp(word, "--") == 0) {
            break;
        }
        if (word[0] != '-' || word[1] == '\0') {
            p->cli->command = command_find(word);
            p->command_at = i;
            return p->cli->command != NULL || unknown_word(str_of(word), NULL, NULL, err);
        }
        const struct option *option =
            word[1] == '-' ? find_in(cli_global_options, str_of(word + 2)) : NULL;
        if (option != NULL && option->argument != NULL) {
            i++;
        }
    }
    return true;
}

static bool check_args(const struct cli *cli, struct err *err)
{
    const struct command *command = cli->command;
    if (cli->help || command == NULL) {
        return true;
    }
    int count = (int)cli->arg_count;
    if (count < command->min_args) {
        (void)err_set(err, ERR_USAGE, "could not run 'steward %s': an argument is missing",
                      command->name);
        return err_hint(err, "Usage: steward %s %s", command->name, command->usage);
    }
    if (count > command->max_args) {
        (void)err_set(err, ERR_USAGE, "could not understand '%s': one argument too many",
                      cli->args[command->max_args]);
        return err_hint(err, "Usage: steward %s %s", command->name, command->usage);
    }
    if (command->choices == NULL || count == 0) {
        return true;
    }
    for (const struct choice *c = command->choices; c->name != NULL; c++) {
        if (strcmp(c->name, cli->args[0]) == 0) {
            return true;
        }
    }
    return unknown_word(str_of(cli->args[0]), command->choices, command, err);
}

bool cli_parse(struct cli *cli, int argc, char **argv, struct err *err)
{
    *cli = (struct cli){0};
    struct parser p = {.cli = cli, .argc = argc, .argv = argv, .next = 1};
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        cli->version = true;
        return true;
    }
    if (!find_command(&p, err)) {
        return false;
    }
    bool flags = true;
    while (p.next < argc) {
        int at = p.next;
        const char *word = argv[p.next++];
        if (at == p.command_at && at > 0) {
            if (cli->command->pass_through) {
                while (p.next < argc) {
                    add_arg(&p, argv[p.next++]);
                }
            }
            continue;
        }
        if (!flags || word[0] != '-' || word[1] == '\0') {
            add_arg(&p, word);
        } else if (strcmp(word, "--") == 0) {
            flags = false;
        } else if (word[1] == '-') {
            if (!parse_long(&p, word + 2, err)) {
                return false;
            }
        } else if (!parse_short(&p, word + 1, err)) {
            return false;
        }
    }
    return check_args(cli, err);
}

void cli_done(struct cli *cli)
{
    free(cli->values);
    free(cli->args);
    arena_done(&cli->arena);
    *cli = (struct cli){0};
}

const char *cli_get(const struct cli *cli, const char *name)
{
    for (size_t i = cli->value_count; i > 0; i--) {
        if (strcmp(cli->values[i - 1].option->name, name) == 0) {
            return cli->values[i - 1].value;
        }
    }
    return NULL;
}

bool cli_has(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->value_count; i++) {
        if (strcmp(cli->values[i].option->name, name) == 0) {
            return true;
        }
    }
    return false;
}
