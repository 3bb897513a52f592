/* SPDX-License-Identifier: MIT */
#include "sandbox/calls.h"

#include <stdlib.h>
#include <string.h>

#include "sandbox/jw.h"

enum {
    LOOK_BACK = 256
}; /* rows of one second and a few before: later ones make a row of their own */

void calls_done(struct calls *calls)
{
    free(calls->rows);
    arena_done(&calls->arena);
    *calls = (struct calls){0};
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

void calls_add(struct calls *calls, const struct call_row *row)
{
    const char *call = NULL;
    const char *cause = NULL;
    for (size_t i = calls->len; i > 0 && i + LOOK_BACK > calls->len; i--) {
        struct call_row *old = &calls->rows[i - 1];
        bool same_call = strcmp(old->call, row->call) == 0;
        bool same_cause = same_text(old->cause, row->cause);
        if (same_call && same_cause && old->second == row->second && old->status == row->status) {
            old->count += row->count;
            return;
        }
        call = same_call ? old->call : call;
        cause = same_cause ? old->cause : cause;
    }
    if (calls->len == calls->cap) {
        calls->cap = calls->cap == 0 ? 256 : calls->cap * 2;
        calls->rows = xrealloc(calls->rows, calls->cap, sizeof(struct call_row));
    }
    struct call_row *new = &calls->rows[calls->len++];
    *new = *row;
    new->call = call != NULL ? call : arena_strdup(&calls->arena, row->call);
    if (row->cause != NULL) {
        new->cause = cause != NULL ? cause : arena_strdup(&calls->arena, row->cause);
    }
}

void calls_json(const struct calls *calls, struct buf *out)
{
    jw_obj(out, NULL);
    jw_arr(out, "calls");
    for (size_t i = 0; i < calls->len; i++) {
        const struct call_row *row = &calls->rows[i];
        jw_obj(out, NULL);
        jw_int(out, "second", row->second);
        jw_str(out, "remote",
               str_starts(str_of(row->call), STR("statements.")) ? "snowflake" : "devrev");
        jw_str(out, "call", row->call);
        jw_int(out, "status", row->status);
        if (row->cause != NULL) {
            jw_str(out, "cause", row->cause);
        } else {
            jw_null(out, "cause");
        }
        jw_int(out, "count", row->count);
        jw_end_obj(out);
    }
    jw_end_arr(out);
    jw_end_obj(out);
}
