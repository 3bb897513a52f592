/* SPDX-License-Identifier: MIT */
/*
 * Loading: every source only notes who gave which setting last; at the end each setting's winner is
 * checked and stored. A wrong value that a stronger source overrides therefore hurts nobody.
 */
#include "engine/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/num.h"
#include "engine/settings_nearest.h"
#include "engine/settings_table.h"
#include "format/envfile.h"
#include "format/ini.h"
#include "net/http.h"

enum { MAX_FILE = 1024 * 1024, MAX_SHOWN = 60 };

struct given {
    char *value; /* NULL: not given; may hold NUL */
    size_t len;
    const char *where;
};

struct loader {
    struct settings *settings;
    struct given *given; /* one for each row of the table */
    const char *file;    /* being read */
    bool holds_secret;   /* the file being read */
    void (*warn)(void *ctx, const char *text);
    void *warn_ctx;
};

static void PRINTF_LIKE(2, 3) warn(struct loader *loader, const char *fmt, ...)
{
    AUTO_BUF struct buf text = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&text, fmt, args);
    va_end(args);
    if (loader->warn != NULL) {
        loader->warn(loader->warn_ctx, buf_z(&text));
    }
}

static bool is_secret_name(const struct setting *setting)
{
    return setting->kind == SETTING_SECRET || str_ends(str_of(setting->name), STR("_PASSWORD")) ||
           str_ends(str_of(setting->name), STR("_TOKEN")) ||
           str_ends(str_of(setting->name), STR("_SECRET")) ||
           str_ends(str_of(setting->name), STR("_ACCESS_KEY"));
}

/* Copies of a secret end here; only struct secret keeps one. */
static void wipe(const struct setting *setting, struct given *given)
{
    if (given->value != NULL && is_secret_name(setting)) {
        explicit_bzero(given->value, given->len);
    }
}

static void note(struct loader *loader, const struct setting *setting, str value, const char *where)
{
    if (value.len == 0) {
        return; /* `NAME=` in a sample file means: not set */
    }
    struct given *given = &loader->given[setting - settings_table];
    wipe(setting, given);
    *given = (struct given){str_z(&loader->settings->arena, value), value.len, where};
}

static const char *place(struct loader *loader, uint64_t line)
{
    return arena_printf(&loader->settings->arena, "%s, line %llu", loader->file,
                        (unsigned long long)line);
}

static void warn_unknown(struct loader *loader, str name, uint64_t line)
{
    struct nearest nearest = {.wanted = name};
    for (size_t i = 0; i < settings_table_len; i++) {
        nearest_offer(&nearest, settings_table[i].name);
    }
    if (nearest.best != NULL) {
        warn(loader, "unknown setting '%" STR_FMT "' (%s): did you mean %s?", STR_ARG(name),
             place(loader, line), nearest.best);
    } else {
        warn(loader, "unknown setting '%" STR_FMT "' (%s)", STR_ARG(name), place(loader, line));
    }
}

static bool on_env(void *ctx, uint64_t line, str name, str value)
{
    struct loader *loader = ctx;
    const struct setting *setting = settings_find(name);
    if (setting == NULL) {
        warn_unknown(loader, name, line);
        return true;
    }
    loader->holds_secret |= value.len > 0 && is_secret_name(setting);
    note(loader, setting, value, place(loader, line));
    return true;
}

static const struct settings_ini_name *find_ini(str section, str key)
{
    for (size_t i = 0; i < settings_ini_names_len; i++) {
        const struct settings_ini_name *name = &settings_ini_names[i];
        if (str_eq_nocase(section, str_of(name->section)) &&
            str_eq_nocase(key, str_of(name->key))) {
            return name;
        }
    }
    return NULL;
}

static void warn_unknown_ini(struct loader *loader, str section, str key, uint64_t line)
{
    struct nearest nearest = {.wanted = key};
    bool known_section = false;
    for (size_t i = 0; i < settings_ini_names_len; i++) {
        if (str_eq_nocase(section, str_of(settings_ini_names[i].section))) {
            known_section = true;
            nearest_offer(&nearest, settings_ini_names[i].key);
        }
    }
    AUTO_BUF struct buf text = {0};
    buf_printf(&text, "unknown setting '%" STR_FMT "' in section [%" STR_FMT "] (%s)", STR_ARG(key),
               STR_ARG(section), place(loader, line));
    if (nearest.best != NULL) {
        buf_printf(&text, ": did you mean %s?", nearest.best);
    } else if (!known_section && settings_find(key) != NULL) {
        buf_addz(&text, ": it belongs into section [steward]");
    }
    warn(loader, "%s", buf_z(&text));
}

static bool on_ini(void *ctx, uint64_t line, str section, str key, str value)
{
    struct loader *loader = ctx;
    if (section.len == 0 || str_eq_nocase(section, STR("steward"))) {
        return on_env(ctx, line, key, value);
    }
    const struct settings_ini_name *name = find_ini(section, key);
    if (name == NULL) {
        warn_unknown_ini(loader, section, key, line);
        return true;
    }
    loader->holds_secret |= value.len > 0 && str_eqz(key, "password");
    if (name->name != NULL) {
        return on_env(ctx, line, str_of(name->name), value);
    }
    return true;
}

static void warn_open_mode(struct loader *loader, int dirfd, const char *path)
{
    struct stat st;
    if (loader->holds_secret && fstatat(dirfd, path, &st, 0) == 0 && (st.st_mode & 077) != 0) {
        warn(loader, "%s holds a secret and others can read it (mode %04o): chmod 600 %s",
             loader->file, (unsigned)(st.st_mode & 07777), loader->file);
    }
}

/* `named`: the user asked for this very file, so it must be there. */
static bool load_file(struct loader *loader, const struct settings_sources *sources, bool is_env,
                      struct err *err)
{
    const char *named = is_env ? sources->env_file : sources->config_file;
    int dirfd = named != NULL ? AT_FDCWD : sources->workspace_fd;
    const char *path = named;
    if (path == NULL) {
        path = is_env ? ".env" : "steward.ini";
        if (!fs_exists(dirfd, path)) {
            return true;
        }
    }
    loader->file = path;
    loader->holds_secret = false;
    struct buf text = {.max = MAX_FILE};
    bool ok = fs_read(dirfd, path, &text, err);
    if (ok && is_env) {
        ok = envfile_parse(buf_str(&text), path, on_env, loader, err);
    } else if (ok) {
        ok = ini_parse(buf_str(&text), path, on_ini, loader, err);
    }
    secret_wipe_buf(&text);
    if (!ok) {
        err->kind = ERR_CONFIG;
        return err_hint(err, is_env ? "Name another file with --env, or repair this one."
                                    : "Name another file with --config, or repair this one.");
    }
    warn_open_mode(loader, dirfd, path);
    return true;
}

/* --- values ------------------------------------------------------------------------------ */

static bool PRINTF_LIKE(4, 5) refuse(const struct setting *setting, const struct given *given,
                                     struct err *err, const char *fmt, ...)
{
    AUTO_BUF struct buf cause = {0};
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&cause, fmt, args);
    va_end(args);
    /* a URL may hold a password before the '@' */
    if (is_secret_name(setting) || memchr(given->value, '@', given->len) != NULL) {
        return err_set(err, ERR_CONFIG, "could not use %s (%s): %s", setting->name, given->where,
                       buf_z(&cause));
    }
    /* A control byte in an error could play tricks on the terminal. */
    char shown[MAX_SHOWN + 1];
    size_t len = given->len < MAX_SHOWN ? given->len : MAX_SHOWN;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)given->value[i];
        shown[i] = (char)(c < 0x20 || c >= 0x7f ? '?' : c);
    }
    shown[len] = '\0';
    return err_set(err, ERR_CONFIG, "could not use %s '%s'%s (%s): %s", setting->name, shown,
                   len < given->len ? "..." : "", given->where, buf_z(&cause));
}

static str value_of(const struct given *given)
{
    return (str){given->value, given->len};
}

static bool store_int(const struct setting *setting, const struct given *given, int64_t *slot,
                      struct err *err)
{
    if (num_parse_i64(value_of(given), setting->min, setting->max, slot)) {
        return true;
    }
    return refuse(setting, given, err, "it must be a whole number from %lld to %lld",
                  (long long)setting->min, (long long)setting->max);
}

static bool store_seconds(const struct setting *setting, const struct given *given, int64_t *slot,
                          struct err *err)
{
    double least = (double)setting->min / 1000;
    double most = (double)setting->max / 1000;
    double seconds;
    if (num_parse_decimal(value_of(given), least, most, &seconds)) {
        *slot = (int64_t)(seconds * 1000 + 0.5);
        return true;
    }
    return refuse(setting, given, err, "it must be a number of seconds from %.12g to %.12g", least,
                  most);
}

/* A line break in a token would end the header early and begin another one. */
static bool store_secret(const struct setting *setting, const struct given *given,
                         struct secret *slot, struct err *err)
{
    for (size_t i = 0; i < given->len; i++) {
        unsigned char c = (unsigned char)given->value[i];
        if (c == '\n' || c == '\r') {
            return refuse(setting, given, err, "it holds a line break");
        }
        if (c <= 0x20 || c >= 0x7f) {
            return refuse(setting, given, err,
                          "it holds a space, a control byte or a non-ASCII letter");
        }
    }
    secret_set(slot, value_of(given));
    return true;
}

static bool store_url(const struct setting *setting, const struct given *given, const char **slot,
                      struct arena *arena, struct err *err)
{
    str url = value_of(given);
    while (url.len > 0 && url.ptr[url.len - 1] == '/') {
        url.len--;
    }
    const char *text = str_z(arena, url);
    struct err cause = {0};
    if (memchr(url.ptr, '\0', url.len) != NULL) {
        return refuse(setting, given, err, "it holds a NUL byte");
    }
    if (!http_check_base_url(setting->name, text, &cause)) {
        /* "could not use '<name>': <cause>": this message says where it was given, too */
        (void)refuse(setting, given, err, "%s",
                     cause.message + strlen("could not use '': ") + strlen(setting->name));
        return err_hint(err, "Write the whole address, for instance https://api.devrev.ai");
    }
    *slot = text;
    return true;
}

static bool store_text(const struct setting *setting, const struct given *given, const char **slot,
                       struct err *err)
{
    if (memchr(given->value, '\0', given->len) != NULL) {
        return refuse(setting, given, err, "it holds a NUL byte");
    }
    *slot = given->value; /* lives in the arena */
    return true;
}

static bool store(struct settings *settings, const struct setting *setting,
                  const struct given *given, struct err *err)
{
    void *slot = (char *)settings + setting->offset;
    switch (setting->kind) {
    case SETTING_TEXT:
        return store_text(setting, given, slot, err);
    case SETTING_URL:
        return store_url(setting, given, slot, &settings->arena, err);
    case SETTING_SECRET:
        return store_secret(setting, given, slot, err);
    case SETTING_INT:
        return store_int(setting, given, slot, err);
    case SETTING_SECONDS:
        return store_seconds(setting, given, slot, err);
    case SETTING_BOOL:
        return num_parse_bool(value_of(given), slot) ||
               refuse(setting, given, err, "it must be true or false");
    case SETTING_LEVEL:
        return log_level_parse(value_of(given), slot) ||
               refuse(setting, given, err, "it must be debug, info, warn or error");
    case SETTING_KNOWN:
        return true;
    }
    return err_set(err, ERR_INTERNAL, "could not use %s: unknown kind", setting->name);
}

static bool store_all(struct loader *loader, struct err *err)
{
    struct settings *settings = loader->settings;
    for (size_t i = 0; i < settings_table_len; i++) {
        const struct setting *setting = &settings_table[i];
        struct given *given = &loader->given[i];
        if (given->value == NULL && setting->fallback != NULL) {
            note(loader, setting, str_of(setting->fallback), "default");
        }
        if (given->value != NULL) {
            if (!store(settings, setting, given, err)) {
                return false;
            }
        } else if (setting->kind == SETTING_INT || setting->kind == SETTING_SECONDS) {
            *(int64_t *)(void *)((char *)settings + setting->offset) = -1;
        }
    }
    return true;
}

static bool is_loopback(const char *url)
{
    static const char *const hosts[] = {"http://127.", "http://localhost", "http://[::1]"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        if (str_starts(str_of(url), str_of(hosts[i]))) {
            return true;
        }
    }
    return false;
}

static void note_environment(struct loader *loader)
{
    for (size_t i = 0; i < settings_table_len; i++) {
        const char *value = getenv(settings_table[i].name);
        if (value != NULL) {
            note(loader, &settings_table[i], str_of(value), "environment");
        }
    }
}

/* A flag's value is never empty: the parser refuses it. */
static void note_flags(struct loader *loader, const struct settings_sources *sources)
{
    for (size_t i = 0; i < sources->flag_count; i++) {
        const struct settings_flag *flag = &sources->flags[i];
        const struct setting *setting = settings_find(str_of(flag->name));
        if (setting != NULL) {
            note(loader, setting, str_of(flag->value), flag->flag);
        }
    }
}

static bool load(struct loader *loader, const struct settings_sources *sources, struct err *err)
{
    struct settings *settings = loader->settings;
    if (!load_file(loader, sources, false, err) || !load_file(loader, sources, true, err)) {
        return false;
    }
    note_environment(loader);
    note_flags(loader, sources);
    if (!store_all(loader, err)) {
        return false;
    }
    if (settings->debug_mode) {
        settings->log_level = LOG_DEBUG;
    }
    if (str_starts(str_of(settings->devrev_base_url), STR("http://")) &&
        !is_loopback(settings->devrev_base_url)) {
        warn(loader, "DEVREV_BASE_URL begins with http://: the token would travel unencrypted");
    }
    if (settings->snowflake_host != NULL &&
        str_starts(str_of(settings->snowflake_host), STR("http://")) &&
        !is_loopback(settings->snowflake_host)) {
        warn(loader, "SNOWFLAKE_HOST begins with http://: the token would travel unencrypted");
    }
    return true;
}

bool settings_load(struct settings *settings, const struct settings_sources *sources,
                   void (*warn_fn)(void *ctx, const char *text), void *ctx, struct err *err)
{
    *settings = (struct settings){0};
    struct loader loader = {.settings = settings, .warn = warn_fn, .warn_ctx = ctx};
    loader.given = xcalloc(settings_table_len, sizeof(*loader.given));
    bool ok = load(&loader, sources, err);
    for (size_t i = 0; i < settings_table_len; i++) {
        wipe(&settings_table[i], &loader.given[i]);
    }
    free(loader.given);
    if (!ok) {
        settings_done(settings);
    }
    return ok;
}

void settings_done(struct settings *settings)
{
    for (size_t i = 0; i < settings_table_len; i++) {
        if (settings_table[i].kind == SETTING_SECRET) {
            secret_done((struct secret *)(void *)((char *)settings + settings_table[i].offset));
        }
    }
    arena_done(&settings->arena);
    *settings = (struct settings){0};
}
