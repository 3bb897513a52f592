/* SPDX-License-Identifier: MIT */
#include "match/rules.h"

#include <fcntl.h>

#include "base/fs.h"
#include "base/num.h"
#include "base/version.h"
#include "match/rules_internal.h"
#include "match/rules_labels.h"

void rules_free(struct rules *rules)
{
    if (rules == NULL) {
        return;
    }
    for (size_t i = 0; i < rules->list_count; i++) {
        words_done(&rules->lists[i].words);
    }
    arena_done(&rules->arena);
    free(rules);
}

/* --- scalars ---------------------------------------------------------------------------------- */

const char *rules_keep(struct rules_build *b, const char *text)
{
    return arena_strdup(&b->rules->arena, text);
}

bool rules_read_bool(struct rules_build *b, const char *text, bool fallback, bool *ret)
{
    *ret = fallback;
    return text == NULL || num_parse_bool(str_of(text), ret) ||
           WRONG(b, "expected yes or no, not '%s'", text);
}

bool rules_read_number(struct rules_build *b, const char *text, int64_t min, int64_t max,
                       uint32_t *ret)
{
    int64_t value = 0;
    bool octal = text[0] == '0' && text[1] != '\0'; /* to some readers of YAML */
    if (octal || !num_parse_i64(str_of(text), min, max, &value)) {
        return WRONG(b, "expected a number from %lld to %lld, not '%s'", (long long)min,
                     (long long)max, text);
    }
    *ret = (uint32_t)value;
    return true;
}

bool rules_is_name(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        bool plain = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_';
        if (!plain) {
            return false;
        }
    }
    return *text != '\0';
}

bool rules_check_name(struct rules_build *b, const char *text)
{
    return rules_is_name(text) || WRONG(b, "'%s' is no name: a-z, 0-9, '-' and '_'", text);
}

/* --- the whole -------------------------------------------------------------------------------- */

enum { DEFAULT_MAX_CLUSTER = 25 };

static bool build_head(struct rules_build *b)
{
    AT(b, "version");
    if (strcmp(b->raw->version, "1") != 0) {
        return WRONG(b, "version '%s' is not known here, 1 is", b->raw->version);
    }
    AT(b, "name");
    if (!rules_check_name(b, b->raw->name)) {
        return false;
    }
    AT(b, "kind");
    if (!rules_check_name(b, b->raw->kind)) {
        return false;
    }
    b->rules->name = rules_keep(b, b->raw->name);
    b->rules->summary = rules_keep(b, b->raw->summary);
    b->rules->kind = rules_keep(b, b->raw->kind);
    b->rules->max_cluster = DEFAULT_MAX_CLUSTER;
    AT(b, "limits/max-cluster");
    return b->raw->limits == NULL || b->raw->limits->max_cluster == NULL ||
           rules_read_number(b, b->raw->limits->max_cluster, 2, 1000000, &b->rules->max_cluster);
}

static bool build_share(struct rules_build *b)
{
    b->rules->max_share_of = -1;
    AT(b, "limits/max-share-of");
    return b->raw->limits == NULL || b->raw->limits->max_share_of == NULL ||
           rules_read_term(b, b->raw->limits->max_share_of, &b->rules->max_share_of);
}

struct rules *rules_parse(const char *file, str text, int dirfd, struct err *err)
{
    AUTO(rules_yaml_free)
    struct rules_yaml *yaml = rules_yaml_load(file, text, rules_schema(), err);
    if (yaml == NULL) {
        return NULL;
    }
    AUTO(rules_free) struct rules *rules = xnew(struct rules);
    AUTO(sha256_free) struct sha256 *sha = sha256_new();
    sha256_add(sha, text.ptr, text.len);
    struct rules_build b = {
        .rules = rules,
        .raw = rules_yaml_root(yaml),
        .yaml = yaml,
        .dirfd = dirfd,
        .sha = sha,
        .err = err,
    };
    rules->identity = -1;
    rules->path = arena_strdup(&rules->arena, file);
    if (!build_head(&b) || !rules_build_lists(&b) || !rules_build_columns(&b) ||
        !rules_build_values(&b) || !rules_build_facts(&b) || !rules_build_keys(&b) ||
        !rules_build_strategies(&b) || !rules_build_guards(&b) || !build_share(&b) ||
        !rules_labels_build(b.raw->labels, yaml, rules, err)) {
        return NULL;
    }
    uint8_t hash[SHA256_BYTES];
    sha256_end(sha, hash);
    num_hex(hash, sizeof(hash), rules->hash);
    return STEAL(rules);
}

/* --- idle guards ------------------------------------------------------------------------------ */

static bool has_term(const struct rules *rules, int term, const bool *has)
{
    if ((size_t)term < rules->column_count) {
        return has[term];
    }
    const struct rule_value *value = &rules->values[(size_t)term - rules->column_count];
    bool any = false;
    for (size_t i = 0; i < value->first_count; i++) {
        any |= has[value->first[i]];
    }
    return any;
}

void rules_drop_idle_guards(struct rules *rules, const bool *has)
{
    size_t kept = 0;
    for (size_t i = 0; i < rules->guard_count; i++) {
        if (has_term(rules, rules->guards[i].term, has)) {
            rules->guards[kept++] = rules->guards[i];
        }
    }
    rules->guard_count = kept;
}

static struct rules *load_file(const char *path, struct err *err)
{
    AUTO_BUF struct buf text = {.max = RULES_FILE_BYTES};
    if (!fs_read(AT_FDCWD, path, &text, err)) {
        if (err->kind == ERR_IO) {
            err->kind = ERR_CONFIG;
        }
        return NULL;
    }
    AUTO_FREE char *dir = xstrdup(path);
    char *slash = strrchr(dir, '/');
    if (slash != NULL) {
        slash[1] = '\0';
    }
    AUTO_CLOSE int dirfd =
        open(slash != NULL ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* -1: no lists */
    return rules_parse(path, buf_str(&text), dirfd, err);
}

struct rules *rules_load(const char *name_or_path, struct err *err)
{
    if (!rules_is_name(name_or_path)) {
        return load_file(name_or_path, err);
    }
    const char *given = getenv("STEWARD_DATA_DIR"); /* NOLINT(concurrency-mt-unsafe): never set */
    const char *data = given != NULL && given[0] != '\0' ? given : STEWARD_DATA_DIR;
    struct arena scratch = {0};
    struct rules *rules = NULL;
    const char *path = arena_printf(&scratch, "%s/rules/%s.yaml", data, name_or_path);
    if (fs_exists(AT_FDCWD, path)) {
        rules = load_file(path, err);
    } else {
        (void)err_set(err, ERR_NOT_FOUND, "could not find the rule set '%s'", name_or_path);
        (void)err_hint(err, "Give a built-in name (see `steward rules list`) or the path of a "
                            "rule file.");
    }
    arena_done(&scratch);
    return rules;
}
