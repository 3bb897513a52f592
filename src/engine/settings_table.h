/* SPDX-License-Identifier: MIT */
/*
 * The table of settings: name, type, range, default, meaning. It drives loading (settings.c), the man
 * page and the checks of doctor.
 */
#ifndef STEWARD_ENGINE_SETTINGS_TABLE_H
#define STEWARD_ENGINE_SETTINGS_TABLE_H

#include "engine/settings.h"

enum setting_kind {
    SETTING_TEXT,    /* const char * */
    SETTING_URL,     /* const char *, http or https with a host; a slash at its end is cut */
    SETTING_SECRET,  /* struct secret, visible ASCII */
    SETTING_INT,     /* int64_t */
    SETTING_SECONDS, /* int64_t milliseconds, given in seconds, decimals allowed */
    SETTING_BOOL,    /* bool */
    SETTING_LEVEL,   /* enum log_level */
    SETTING_KNOWN,   /* a name of the old scripts that no command uses yet: accepted */
};

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset; /* in struct settings */
    int64_t min;   /* INT; SECONDS in milliseconds */
    int64_t max;
    const char *fallback; /* NULL: none (numbers: -1) */
    const char *help;
};

extern const struct setting settings_table[];
extern const size_t settings_table_len;

const struct setting *settings_find(str name);

/* Names in steward.ini outside of [steward]: "[section] key" of the old scripts. */
struct settings_ini_name {
    const char *section;
    const char *key;
    const char *name; /* the setting; NULL: known, and not used yet */
};

extern const struct settings_ini_name settings_ini_names[];
extern const size_t settings_ini_names_len;

#endif
