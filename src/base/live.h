/* SPDX-License-Identifier: MIT */
/*
 * A block of lines at the bottom of a terminal that is drawn over and over, and text that goes above it
 * (log lines). Whatever is written wipes the block, says what it says and draws the block again in one
 * write, so that nothing flickers and no line is lost. A block that has not changed is not drawn.
 *
 * The size of the terminal is asked for at every drawing. The cursor rests in the block's first row: where a
 * terminal lays lines anew because it became narrower, it goes along, and nobody has to know how many rows
 * the block takes then.
 *
 * The lines are ASCII without escapes. Any thread may call; one mutex, never held while anything else
 * than the terminal is waited for.
 */
#ifndef STEWARD_BASE_LIVE_H
#define STEWARD_BASE_LIVE_H

#include "base/str.h"

struct live;

struct live *live_new(int fd);
void live_free(struct live *live);
DEFINE_AUTO(struct live, live_free)

/* What `fd` has room for; 80 by 24 where that is not known. */
void live_size(const struct live *live, size_t *ret_columns, size_t *ret_rows);

/* The block from now on: lines, each with its line end. Lines that are too long for the terminal are cut, and
 * the last ones left out where it is not high enough. Empty: the block goes away. */
void live_show(struct live *live, str lines);

/* Whole lines that stay, above the block or, where there is none, as they are. */
void live_above(struct live *live, str text);

/* The block stays where it is, as if it had been printed. */
void live_keep(struct live *live);

#endif
