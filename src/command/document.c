/* SPDX-License-Identifier: MIT */
#include "command/document.h"

#include <string.h>

#include "command/cli.h"
#include "command/command.h"
#include "engine/settings_table.h"

/* What the exit codes mean to a user (cli.md section 2). */
static const struct {
    int code;
    const char *meaning;
} exit_codes[] = {
    {0, "Done, all of it."},
    {1, "Failed; the message says what."},
    {2, "The command line or a setting is wrong."},
    {3, "Finished, but some changes failed, were skipped because the record had changed, or are "
        "unknown; or some rows of the input are bad."},
    {4, "Refused by a guard: not planned, not confirmed, a limit, already started."},
    {5, "Verification found a difference."},
    {6, "Stopped by its own safety; can be resumed."},
    {11, "Another steward holds the workspace."},
    {64, "Bad input data; nothing was planned."},
    {130, "Interrupted; can be resumed."},
};

static const struct {
    const char *path;
    const char *meaning;
} files[] = {
    {"steward.db", "The journal: every run, change, outcome and the audit trail."},
    {"plans/", "One plan a run, never changed once written."},
    {"backups/", "One directory a change, sealed before the change is sent."},
    {"reports/", "Reports of runs."},
    {"logs/", "JSON lines. No token, no personal data."},
    {".env", "Secrets and settings; mode 0600."},
    {"steward.ini", "Settings, in section [steward]."},
};

/* Text for man(7): a line must not begin with a dot or a quote, backslashes are doubled, a hyphen that
 * is typed stays a hyphen. */
static void add_man(struct buf *out, const char *text)
{
    bool line_begins = true;
    for (; *text != '\0'; text++) {
        if (text[0] == '\n' && text[1] == '\n') {
            buf_addz(out, "\n.PP\n");
            text++;
            line_begins = true;
            continue;
        }
        if (line_begins && (*text == '.' || *text == '\'')) {
            buf_addz(out, "\\&");
        }
        if (*text == '\\') {
            buf_addz(out, "\\e");
        } else if (*text == '-') {
            buf_addz(out, "\\-");
        } else {
            buf_addc(out, *text);
        }
        line_begins = *text == '\n';
    }
}

static void add_man_options(struct buf *out, const struct option *options)
{
    for (const struct option *o = options; o != NULL && o->name != NULL; o++) {
        buf_addz(out, ".TP\n");
        if (o->letter != 0) {
            buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
        }
        buf_addz(out, "\\fB\\-\\-");
        add_man(out, o->name);
        buf_addz(out, "\\fR");
        if (o->argument != NULL) {
            buf_printf(out, " \\fI%s\\fR", o->argument);
        }
        buf_addc(out, '\n');
        if (o->same_as != NULL) {
            buf_addz(out, "The same as \\fB\\-\\-");
            add_man(out, o->same_as);
            buf_addz(out, "\\fR");
        } else {
            add_man(out, o->help);
        }
        if (o->setting != NULL) {
            buf_printf(out, " (%s)", o->setting);
        }
        buf_addz(out, ".\n");
    }
}

static void add_man_command(struct buf *out, const struct command *command)
{
    buf_addz(out, ".SS ");
    add_man(out, command->name);
    buf_addz(out, "\n.B steward ");
    add_man(out, command->name);
    buf_addz(out, "\n");
    add_man(out, command->usage);
    buf_addz(out, "\n.PP\n");
    add_man(out, command->description);
    buf_printf(out, "\n.PP\nSafety: %s.\n", safety_text(command->safety));
    for (const struct choice *c = command->choices; c != NULL && c->name != NULL; c++) {
        buf_addz(out, ".TP\n.B ");
        add_man(out, c->name);
        buf_addc(out, '\n');
        add_man(out, c->summary);
        buf_addz(out, ".\n");
    }
    add_man_options(out, command->options);
    if (command->examples != NULL) {
        buf_addz(out, ".PP\n.nf\n");
        for (const char *const *e = command->examples; *e != NULL; e++) {
            buf_addz(out, "    ");
            add_man(out, *e);
            buf_addc(out, '\n');
        }
        buf_addz(out, ".fi\n");
    }
}

static void add_man_settings(struct buf *out)
{
    buf_addz(out,
             ".SH SETTINGS\nA flag goes before the environment, the environment before "
             "\\fB.env\\fR, and that before \\fBsteward.ini\\fR. An unknown name is named in a "
             "warning.\n");
    for (size_t i = 0; i < settings_table_len; i++) {
        const struct setting *setting = &settings_table[i];
        if (setting->kind == SETTING_KNOWN) {
            continue;
        }
        buf_printf(out, ".TP\n.B %s\n", setting->name);
        add_man(out, setting->help);
        if (setting->fallback != NULL) {
            buf_addz(out, " (default: ");
            add_man(out, setting->fallback);
            buf_addc(out, ')');
        }
        buf_addz(out, ".\n");
    }
    buf_addz(out,
             ".PP\nNames of the scripts that steward replaces are known too and have no effect "
             "yet:\n");
    for (size_t i = 0, n = 0; i < settings_table_len; i++) {
        if (settings_table[i].kind == SETTING_KNOWN) {
            buf_printf(out, "%s%s", n++ == 0 ? "" : ",\n", settings_table[i].name);
        }
    }
    buf_addz(out, ".\n");
}

void document_man(struct buf *out)
{
    buf_addz(out, ".TH STEWARD 1 \"\" \"steward " STEWARD_VERSION "\" \"User Commands\"\n"
                  ".SH NAME\nsteward \\- safe bulk changes to customer records\n"
                  ".SH SYNOPSIS\n.B steward\n\\fICOMMAND\\fR [\\fIoptions\\fR]\n"
                  ".SH DESCRIPTION\n"
                  "Every job runs the same life: plan, preview, back up, apply, verify, report. It "
                  "survives being killed at any point; no change is applied twice.\n"
                  "A run is a small number, counted up within a workspace, or \\fBlast\\fR.\n"
                  ".SH COMMANDS\n");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        add_man_command(out, *c);
    }
    buf_addz(out, ".SH OPTIONS OF EVERY COMMAND\n");
    add_man_options(out, cli_global_options);
    add_man_settings(out);
    buf_addz(out, ".SH FILES\nAll in the workspace; directories have mode 0700, files 0600.\n");
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        buf_printf(out, ".TP\n.B \\&%s\n", files[i].path);
        add_man(out, files[i].meaning);
        buf_addc(out, '\n');
    }
    buf_addz(out, ".SH EXIT STATUS\n");
    for (size_t i = 0; i < ARRAY_LEN(exit_codes); i++) {
        buf_printf(out, ".TP\n.B %d\n", exit_codes[i].code);
        add_man(out, exit_codes[i].meaning);
        buf_addc(out, '\n');
    }
}

static void add_json_options(struct buf *out, const struct option *options)
{
    buf_addc(out, '[');
    for (const struct option *o = options; o != NULL && o->name != NULL; o++) {
        buf_addz(out, o == options ? "{\"name\":" : ",{\"name\":");
        buf_add_json(out, str_of(o->name));
        if (o->letter != 0) {
            buf_printf(out, ",\"letter\":\"%c\"", o->letter);
        }
        if (o->argument != NULL) {
            buf_printf(out, ",\"argument\":\"%s\"", o->argument);
        }
        if (o->same_as != NULL) {
            buf_printf(out, ",\"same_as\":\"%s\"", o->same_as);
        } else {
            buf_addz(out, ",\"help\":");
            buf_add_json(out, str_of(o->help));
        }
        if (o->setting != NULL) {
            buf_printf(out, ",\"setting\":\"%s\"", o->setting);
        }
        if (o->among != NULL) {
            buf_addz(out, ",\"values\":[");
            for (const char *const *v = o->among; *v != NULL; v++) {
                buf_printf(out, "%s\"%s\"", v == o->among ? "" : ",", *v);
            }
            buf_addc(out, ']');
        }
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

static void add_json_command(struct buf *out, const struct command *command)
{
    buf_addz(out, "{\"name\":");
    buf_add_json(out, str_of(command->name));
    buf_addz(out, ",\"summary\":");
    buf_add_json(out, str_of(command->summary));
    buf_addz(out, ",\"usage\":");
    buf_add_json(out, str_of(command->usage));
    buf_printf(out, ",\"safety\":\"%s\",\"options\":", safety_name(command->safety));
    add_json_options(out, command->options);
    buf_addz(out, ",\"choices\":[");
    for (const struct choice *c = command->choices; c != NULL && c->name != NULL; c++) {
        buf_printf(out, "%s\"%s\"", c == command->choices ? "" : ",", c->name);
    }
    buf_addz(out, "]}");
}

void document_json(struct buf *out)
{
    buf_addz(out, "{\"version\":\"" STEWARD_VERSION "\",\"commands\":[\n");
    for (const struct command *const *c = commands; *c != NULL; c++) {
        buf_addz(out, c == commands ? "" : ",\n");
        add_json_command(out, *c);
    }
    buf_addz(out, "],\n\"global_options\":");
    add_json_options(out, cli_global_options);
    buf_addz(out, ",\n\"settings\":[");
    for (size_t i = 0; i < settings_table_len; i++) {
        buf_printf(out, "%s{\"name\":\"%s\",\"used\":%s}", i == 0 ? "" : ",",
                   settings_table[i].name,
                   settings_table[i].kind == SETTING_KNOWN ? "false" : "true");
    }
    buf_addz(out, "],\n\"exit_codes\":[");
    for (size_t i = 0; i < ARRAY_LEN(exit_codes); i++) {
        buf_printf(out, "%s%d", i == 0 ? "" : ",", exit_codes[i].code);
    }
    buf_addz(out, "]}\n");
}
