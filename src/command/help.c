/* SPDX-License-Identifier: MIT */
/*
 * steward help [COMMAND], and --help of every command.
 */
#include "command/help.h"

#include <string.h>

#include "command/cli.h"
#include "command/registry.h"

enum { OPTION_INDENT = 2, OPTION_TEXT = 26, COMMAND_TEXT = 14 };

static void pad(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_addc(out, ' ');
    }
}

void help_wrap(struct buf *out, const char *text, size_t at, size_t indent, size_t columns)
{
    bool line_begins = true;
    while (*text != '\0') {
        if (*text == '\n') {
            buf_addz(out, text[1] == '\n' ? "\n\n" : "\n");
            text += text[1] == '\n' ? 2 : 1;
            pad(out, indent);
            at = indent;
            line_begins = true;
            continue;
        }
        if (*text == ' ') {
            text++;
            continue;
        }
        size_t len = strcspn(text, " \n");
        size_t gap = line_begins ? 0 : 1;
        if (!line_begins && at + gap + len > columns) {
            buf_addc(out, '\n');
            pad(out, indent);
            at = indent;
            gap = 0;
        }
        pad(out, gap);
        buf_add(out, text, len);
        at += gap + len;
        text += len;
        line_begins = false;
    }
    buf_addc(out, '\n');
}

void help_option_name(struct buf *out, const struct option *option)
{
    if (option->letter != 0) {
        buf_printf(out, "-%c, ", option->letter);
    }
    buf_printf(out, "--%s", option->name);
    if (option->argument != NULL) {
        buf_printf(out, option->optional ? " [%s]" : " %s", option->argument);
    }
}

static void add_entry(struct buf *out, str name, const char *text, size_t column)
{
    pad(out, OPTION_INDENT);
    buf_adds(out, name);
    size_t at = OPTION_INDENT + name.len;
    if (at + 2 > column) {
        buf_addc(out, '\n');
        at = 0;
    }
    pad(out, column - at);
    help_wrap(out, text, column, column, HELP_COLUMNS);
}

static void add_options(struct buf *out, const struct option *options)
{
    for (const struct option *o = options; o != NULL && o->name != NULL; o++) {
        AUTO_BUF struct buf name = {0};
        help_option_name(&name, o);
        AUTO_BUF struct buf text = {0};
        if (o->same_as != NULL) {
            buf_printf(&text, "the same as --%s", o->same_as);
        } else {
            buf_addz(&text, o->help);
        }
        add_entry(out, buf_str(&name), buf_z(&text), OPTION_TEXT);
    }
}

void help_overview(struct buf *out)
{
    buf_addz(out,
             "Usage: steward COMMAND [options]\n\n"
             "Safe bulk changes to customer records: plan, preview, back up, apply, verify.\n\n"
             "Commands:\n");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        add_entry(out, str_of((*c)->name), (*c)->summary, COMMAND_TEXT);
    }
    buf_addz(out, "\nOptions of every command:\n");
    add_options(out, cli_global_options);
    buf_addz(out, "\nsteward help COMMAND says more; steward --version names the version.\n");
}

void help_command(struct buf *out, const struct command *command)
{
    buf_addz(out, "Usage: ");
    AUTO_BUF struct buf usage = {0};
    buf_printf(&usage, "steward %s %s", command->name, command->usage);
    help_wrap(out, buf_z(&usage), 7, 15, HELP_COLUMNS);
    buf_addc(out, '\n');
    help_wrap(out, command->description, 0, 0, HELP_COLUMNS);
    buf_printf(out, "\nSafety: %s.\n", safety_text(command->safety));
    if (command->choices != NULL) {
        buf_addc(out, '\n');
        for (const struct choice *c = command->choices; c->name != NULL; c++) {
            add_entry(out, str_of(c->name), c->summary, COMMAND_TEXT);
        }
    }
    if (command->options != NULL) {
        buf_addz(out, "\nOptions:\n");
        add_options(out, command->options);
    }
    if (!command->pass_through) {
        buf_addz(out, "\nOptions of every command:\n");
        add_options(out, cli_global_options);
    }
    if (command->examples != NULL) {
        buf_addz(out, "\nExamples:\n");
        for (const char *const *e = command->examples; *e != NULL; e++) {
            buf_printf(out, "  %s\n", *e);
        }
    }
}

static int run_help(struct cli *cli, struct err *err)
{
    AUTO_BUF struct buf text = {0};
    if (cli->arg_count == 0) {
        help_overview(&text);
    } else {
        const struct command *command = command_find(cli->args[0]);
        if (command == NULL) {
            return command_fail(command_unknown(cli->args[0], err));
        }
        help_command(&text, command);
    }
    (void)fwrite(text.ptr, 1, text.len, stdout);
    return 0;
}

const struct command command_help = {
    .name = "help",
    .summary = "this list, or what one command does",
    .usage = "[COMMAND]",
    .description = "Prints the list of commands, or what one command does and takes.",
    .safety = SAFETY_READ_ONLY,
    .max_args = 1,
    .run = run_help,
};
