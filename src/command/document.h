/* SPDX-License-Identifier: MIT */
/* Documents made from the command table: the man page and the table as JSON. */
#ifndef STEWARD_COMMAND_DOCUMENT_H
#define STEWARD_COMMAND_DOCUMENT_H

#include "base/str.h"

/* steward(1), man(7) macros. */
void document_man(struct buf *out);

/* {"version":..,"commands":[{"name","summary","usage","safety","options":[...]}],...} for tools. */
void document_json(struct buf *out);

#endif
