/* SPDX-License-Identifier: MIT */
/*
 * steward completion SHELL: completion of commands, options and their values for bash, zsh and fish,
 * generated from the command table. File names are completed by the shell; nothing of the workspace is
 * read while completing.
 */
#include "command/registry.h"

#include <string.h>

#include "command/cli.h"

/* Arguments that name a file or a directory. */
static bool wants_path(const struct option *option)
{
    return strcmp(option->argument, "FILE") == 0 || strcmp(option->argument, "DIR") == 0;
}

static void add_option_words(struct buf *out, const struct option *options)
{
    for (const struct option *o = options; o != NULL && o->name != NULL; o++) {
        buf_printf(out, " --%s", o->name);
    }
}

static void bash_values(struct buf *out, const struct option *options)
{
    for (const struct option *o = options; o != NULL && o->name != NULL; o++) {
        if (o->argument == NULL) {
            continue;
        }
        if (o->among != NULL) {
            buf_printf(out, "    --%s) words=\"", o->name);
            for (const char *const *v = o->among; *v != NULL; v++) {
                buf_printf(out, "%s%s", v == o->among ? "" : " ", *v);
            }
            buf_addz(out, "\" ;;\n");
        } else if (strcmp(o->argument, "DIR") == 0) {
            buf_printf(out, "    --%s) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n",
                       o->name);
        } else if (wants_path(o)) {
            buf_printf(out, "    --%s) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n",
                       o->name);
        } else {
            buf_printf(out, "    --%s) return ;;\n", o->name);
        }
    }
}

static void bash_command(struct buf *out, const struct command *command)
{
    buf_printf(out, "  %s)\n    case $prev in\n", command->name);
    bash_values(out, command->options);
    AUTO_BUF struct buf words = {0};
    add_option_words(&words, command->options);
    buf_printf(out, "    *) words=\"%s $global\"", words.len > 0 ? buf_z(&words) + 1 : "");
    if (command->choices != NULL || command == &command_help) {
        buf_addz(out, "\n      case $cur in -*) ;; *) words=\"");
        for (const struct choice *c = command->choices; c != NULL && c->name != NULL; c++) {
            buf_printf(out, "%s%s", c == command->choices ? "" : " ", c->name);
        }
        buf_printf(out, "%s\" ;; esac", command == &command_help ? "$commands" : "");
    }
    buf_addz(out, " ;;\n    esac ;;\n");
}

static void completion_bash(struct buf *out)
{
    buf_addz(out, "# bash completion for steward; made by: steward completion bash\n"
                  "_steward() {\n"
                  "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                  "  local command= word words= commands=\"");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        buf_printf(out, "%s%s", c == commands ? "" : " ", (*c)->name);
    }
    AUTO_BUF struct buf global = {0};
    add_option_words(&global, cli_global_options);
    buf_printf(out, "\"\n  local global=\"%s\"\n", buf_z(&global) + 1);
    buf_addz(out, "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
                  "    case \" $commands \" in *\" $word \"*) command=$word; break ;; esac\n"
                  "  done\n"
                  "  COMPREPLY=()\n"
                  "  case $prev in\n");
    bash_values(out, cli_global_options);
    buf_addz(out, "  esac\n"
                  "  if [ -z \"$words\" ]; then\n"
                  "  case $command in\n"
                  "  '') words=\"$commands --version $global\" ;;\n");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        bash_command(out, *c);
    }
    buf_addz(out, "  esac\n"
                  "  fi\n"
                  "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                  "}\n"
                  "complete -F _steward steward\n");
}

/* Text inside single quotes of a shell word. */
static void add_quoted(struct buf *out, const char *text, const char *escape)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            buf_addz(out, "'\\''");
            continue;
        }
        if (strchr(escape, *text) != NULL) {
            buf_addc(out, '\\');
        }
        buf_addc(out, *text);
    }
}

static const char *option_help(const struct option *option, char *text, size_t size)
{
    if (option->same_as == NULL) {
        return option->help;
    }
    (void)snprintf(text, size, "the same as --%s", option->same_as);
    return text;
}

static void zsh_options(struct buf *out, const struct option *options)
{
    for (const struct option *o = options; o != NULL && o->name != NULL; o++) {
        char same[80];
        buf_printf(out, "      '--%s[", o->name);
        add_quoted(out, option_help(o, same, sizeof(same)), "[]:\\");
        buf_addc(out, ']');
        if (o->argument != NULL) {
            buf_printf(out, ":%s:", o->argument);
            if (o->among != NULL) {
                buf_addc(out, '(');
                for (const char *const *v = o->among; *v != NULL; v++) {
                    buf_printf(out, "%s%s", v == o->among ? "" : " ", *v);
                }
                buf_addc(out, ')');
            } else if (wants_path(o)) {
                buf_addz(out, strcmp(o->argument, "DIR") == 0 ? "_files -/" : "_files");
            } else {
                buf_addc(out, ' ');
            }
        }
        buf_addz(out, "' \\\n");
    }
}

/* "--config|--env": the word behind them belongs to them. */
static void add_names_with_value(struct buf *out, const struct option *options)
{
    const char *bar = "";
    for (const struct option *o = options; o->name != NULL; o++) {
        if (o->argument != NULL) {
            buf_printf(out, "%s--%s", bar, o->name);
            bar = "|";
        }
    }
}

static void completion_zsh(struct buf *out)
{
    buf_addz(out, "#compdef steward\n"
                  "# zsh completion for steward; made by: steward completion zsh\n"
                  "_steward() {\n"
                  "  local context state state_descr line\n"
                  "  typeset -A opt_args\n"
                  "  local -a all\n"
                  "  all=(\n");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        buf_printf(out, "    '%s:", (*c)->name);
        add_quoted(out, (*c)->summary, ":\\");
        buf_addz(out, "'\n");
    }
    buf_addz(out, "  )\n"
                  "  local n=2\n"
                  "  while (( n < CURRENT )) && [[ $words[n] == -* ]]; do\n"
                  "    case $words[n] in\n"
                  "      ");
    add_names_with_value(out, cli_global_options);
    buf_addz(out, ") (( n += 2 )) ;;\n"
                  "      *) (( n++ )) ;;\n"
                  "    esac\n"
                  "  done\n"
                  "  if (( n > CURRENT )) || [[ $n -eq $CURRENT && $words[n] == -* ]]; then\n"
                  "    _arguments \\\n");
    zsh_options(out, cli_global_options);
    buf_addz(out, "      '--version[the version]'\n"
                  "    return\n"
                  "  fi\n"
                  "  if (( n == CURRENT )); then\n"
                  "    _describe command all\n"
                  "    return\n"
                  "  fi\n"
                  "  local command=$words[n]\n"
                  "  shift $(( n - 1 )) words\n"
                  "  (( CURRENT -= n - 1 ))\n"
                  "  case $command in\n");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        buf_printf(out, "    %s)\n      _arguments \\\n", (*c)->name);
        zsh_options(out, (*c)->options);
        zsh_options(out, cli_global_options);
        if (*c == &command_help) {
            buf_addz(out, "      '1:command:(");
            for (const struct command *const *other = commands; *other != NULL; other++) {
                buf_printf(out, "%s%s", other == commands ? "" : " ", (*other)->name);
            }
            buf_addz(out, ")' ;;\n");
        } else if ((*c)->choices != NULL) {
            buf_addz(out, "      '1:what:(");
            for (const struct choice *choice = (*c)->choices; choice->name != NULL; choice++) {
                buf_printf(out, "%s%s", choice == (*c)->choices ? "" : " ", choice->name);
            }
            buf_addz(out, ")' ;;\n");
        } else if ((*c)->max_args > 0) {
            buf_addz(out, "      '*:argument: ' ;;\n");
        } else {
            buf_addz(out, "      '*: : ' ;;\n");
        }
    }
    buf_addz(out, "  esac\n"
                  "}\n"
                  "_steward \"$@\"\n");
}

static void fish_options(struct buf *out, const struct option *options, const char *condition)
{
    for (const struct option *o = options; o != NULL && o->name != NULL; o++) {
        char same[80];
        buf_printf(out, "complete -c steward%s -l %s", condition, o->name);
        if (o->letter != 0) {
            buf_printf(out, " -s %c", o->letter);
        }
        if (o->argument != NULL) {
            buf_addz(out, " -r");
            if (o->among != NULL) {
                buf_addz(out, " -f -a '");
                for (const char *const *v = o->among; *v != NULL; v++) {
                    buf_printf(out, "%s%s", v == o->among ? "" : " ", *v);
                }
                buf_addc(out, '\'');
            } else if (wants_path(o)) {
                buf_addz(out, " -F");
            } else {
                buf_addz(out, " -f");
            }
        }
        buf_addz(out, " -d '");
        add_quoted(out, option_help(o, same, sizeof(same)), "");
        buf_addz(out, "'\n");
    }
}

static void completion_fish(struct buf *out)
{
    buf_addz(out, "# fish completion for steward; made by: steward completion fish\n"
                  "complete -c steward -f\n");
    fish_options(out, cli_global_options, "");
    buf_addz(out, "complete -c steward -n __fish_use_subcommand -l version -d 'the version'\n");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        buf_printf(out, "complete -c steward -n __fish_use_subcommand -a %s -d '", (*c)->name);
        add_quoted(out, (*c)->summary, "");
        buf_addz(out, "'\n");
    }
    for (const struct command *const *c = commands; *c != NULL; c++) {
        char condition[96];
        (void)snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s'",
                       (*c)->name);
        fish_options(out, (*c)->options, condition);
        for (const struct choice *choice = (*c)->choices; choice != NULL && choice->name != NULL;
             choice++) {
            buf_printf(out, "complete -c steward%s -a %s -d '", condition, choice->name);
            add_quoted(out, choice->summary, "");
            buf_addz(out, "'\n");
        }
    }
    buf_addz(out, "complete -c steward -n '__fish_seen_subcommand_from help' -a '");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        buf_printf(out, "%s%s", c == commands ? "" : " ", (*c)->name);
    }
    buf_addz(out, "'\n");
}

static int run_completion(struct cli *cli, struct err *err)
{
    (void)err; /* the parser has checked the shell's name */
    AUTO_BUF struct buf text = {0};
    if (strcmp(cli->args[0], "bash") == 0) {
        completion_bash(&text);
    } else if (strcmp(cli->args[0], "zsh") == 0) {
        completion_zsh(&text);
    } else {
        completion_fish(&text);
    }
    (void)fwrite(text.ptr, 1, text.len, stdout);
    return 0;
}

static const struct choice shells[] = {
    {"bash", "source it, or put it into /etc/bash_completion.d"},
    {"zsh", "put it as _steward into a directory of $fpath"},
    {"fish", "put it into ~/.config/fish/completions/steward.fish"},
    {NULL, NULL},
};

static const char *const examples[] = {
    "source <(steward completion bash)",
    NULL,
};

const struct command command_completion = {
    .name = "completion",
    .summary = "shell completion for bash, zsh or fish",
    .usage = "bash|zsh|fish",
    .description = "Prints a script that teaches a shell the commands and options of steward.",
    .examples = examples,
    .choices = shells,
    .safety = SAFETY_READ_ONLY,
    .min_args = 1,
    .max_args = 1,
    .run = run_completion,
};
