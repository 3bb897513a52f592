/* SPDX-License-Identifier: MIT */
/* Help texts from the command table; at most 80 columns. */
#ifndef STEWARD_COMMAND_HELP_H
#define STEWARD_COMMAND_HELP_H

#include "base/str.h"
#include "command/command.h"

enum { HELP_COLUMNS = 80 };

/* The list of commands. */
void help_overview(struct buf *out);
/* One command. */
void help_command(struct buf *out, const struct command *command);

/* Words of `text` in lines of at most `columns`, each after `indent` spaces; the first line goes on
 * where the cursor is, `at` columns in. Empty lines in `text` separate paragraphs. */
void help_wrap(struct buf *out, const char *text, size_t at, size_t indent, size_t columns);

/* "-q, --quiet" or "--csv FILE". */
void help_option_name(struct buf *out, const struct option *option);

#endif
