/* SPDX-License-Identifier: MIT */
#include "store/memory_link.h"

#include "format/jsonx.h"

#define PREFIX "link/"
#define SEPARATOR '\x1f'

static bool is_id(str id)
{
    for (size_t i = 0; i < id.len; i++) {
        if ((unsigned char)id.ptr[i] < 0x20 || id.ptr[i] == 0x7f) {
            return false;
        }
    }
    return id.len != 0 && str_is_utf8(id);
}

static bool check_pair(str a, str b, struct err *err)
{
    if (!is_id(a) || !is_id(b)) {
        return err_set(err, ERR_USAGE,
                       "could not use the link: an id is empty or holds control characters");
    }
    if (str_eq(a, b)) {
        return err_set(err, ERR_USAGE, "could not use the link: both ids are '%" STR_FMT "'",
                       STR_ARG(a));
    }
    return true;
}

static void add_key(struct buf *out, str a, str b)
{
    bool in_order = str_cmp(a, b) < 0;
    buf_adds(out, STR(PREFIX));
    buf_adds(out, in_order ? a : b);
    buf_addc(out, SEPARATOR);
    buf_adds(out, in_order ? b : a);
}

static const char *kind_name(const struct memory_link *link)
{
    return link->must ? "must" : "cannot";
}

static void audit(struct journal *journal, const char *kind, const struct memory_link *link)
{
    AUTO_BUF struct buf detail = {0};
    buf_printf(&detail, "{\"kind\":\"%s\",\"a\":", kind);
    buf_add_json(&detail, link->a);
    buf_addz(&detail, ",\"b\":");
    buf_add_json(&detail, link->b);
    if (link->why.len != 0) {
        buf_addz(&detail, ",\"why\":");
        buf_add_json(&detail, link->why);
    }
    buf_addc(&detail, '}');
    journal_audit(journal, link->run, "link", buf_str(&detail));
}

static str key_of(struct arena *arena, const struct memory_link *link)
{
    AUTO_BUF struct buf key = {0};
    add_key(&key, link->a, link->b);
    return str_dup(arena, buf_str(&key));
}

static str value_of(struct arena *arena, const struct memory_link *link, const char *at)
{
    AUTO_BUF struct buf value = {0};
    buf_printf(&value, "{\"kind\":\"%s\",\"run\":%lld,\"change\":", kind_name(link),
               (long long)link->run);
    buf_add_json(&value, link->change);
    buf_printf(&value, ",\"at\":\"%s\",\"why\":", at);
    buf_add_json(&value, link->why);
    if (link->must) {
        buf_addz(&value, ",\"survivor\":");
        buf_add_json(&value, link->b);
    }
    buf_addc(&value, '}');
    return str_dup(arena, buf_str(&value));
}

bool memory_link_put_all(struct journal *journal, const struct clock *clock,
                         const struct memory_link *links, size_t count, struct err *err)
{
    struct arena arena = {0};
    struct journal_memo *memos = arena_array(&arena, count, sizeof(*memos));
    char at[CLOCK_TEXT_BYTES];
    clock_rfc3339(clock_real_ms(clock), at);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        memos[i].key = key_of(&arena, &links[i]);
        memos[i].value = value_of(&arena, &links[i], at);
        ok = check_pair(links[i].a, links[i].b, err);
    }
    for (size_t i = 0; ok && i < count; i++) {
        audit(journal, kind_name(&links[i]), &links[i]);
    }
    ok = ok && journal_memory_put_all(journal, memos, count, err);
    arena_done(&arena);
    return ok;
}

bool memory_link_put(struct journal *journal, const struct clock *clock,
                     const struct memory_link *link, struct err *err)
{
    return memory_link_put_all(journal, clock, link, 1, err);
}

struct asked {
    str key;
    bool found;
};

/* Keys come in byte order: the first that starts with the one asked for is that one, or none is. */
static bool note_found(void *ctx, str key, str value)
{
    struct asked *asked = ctx;
    (void)value;
    asked->found = str_eq(key, asked->key);
    return false;
}

bool memory_link_remove(struct journal *journal, str a, str b, bool *ret_found, struct err *err)
{
    if (!check_pair(a, b, err)) {
        return false;
    }
    AUTO_BUF struct buf key = {0};
    add_key(&key, a, b);
    struct asked asked = {.key = buf_str(&key)};
    if (!journal_memory_each(journal, asked.key, note_found, &asked, err)) {
        return false;
    }
    *ret_found = asked.found;
    if (!asked.found) {
        return true;
    }
    audit(journal, "forgotten", &(struct memory_link){.a = a, .b = b});
    return journal_memory_put(journal, asked.key, STR_NONE, err);
}

struct walk {
    bool (*each)(void *ctx, const struct memory_link *link);
    void *ctx;
    struct err *err;
    bool failed;
};

static bool read_link(str key, const json_t *json, struct memory_link *ret)
{
    str pair = {key.ptr + sizeof(PREFIX) - 1, key.len - (sizeof(PREFIX) - 1)};
    str kind = jsonx_str(json, "kind");
    str survivor = jsonx_str(json, "survivor");
    *ret = (struct memory_link){.must = str_eqz(kind, "must"),
                                .change = jsonx_str(json, "change"),
                                .at = jsonx_str(json, "at"),
                                .why = jsonx_str(json, "why")};
    ret->a = str_cut(pair, SEPARATOR, &ret->b);
    if (ret->must && str_eq(survivor, ret->a)) {
        ret->a = ret->b;
        ret->b = survivor;
    }
    return jsonx_int(json, "run", &ret->run) && ret->a.len != 0 && ret->b.len != 0 &&
           (ret->must ? str_eq(survivor, ret->b) : str_eqz(kind, "cannot"));
}

static bool give_link(void *ctx, str key, str value)
{
    struct walk *walk = ctx;
    AUTO(json_decref) json_t *json = jsonx_parse(value, 0, walk->err);
    struct memory_link link;
    if (json == NULL || !read_link(key, json, &link)) {
        (void)err_set(walk->err, ERR_CORRUPT, "could not understand a remembered link");
        (void)err_hint(walk->err, "steward.db was changed by something else.");
        walk->failed = true;
        return false;
    }
    return walk->each(walk->ctx, &link);
}

bool memory_link_each(struct journal *journal,
                      bool (*each)(void *ctx, const struct memory_link *link), void *ctx,
                      struct err *err)
{
    struct walk walk = {.each = each, .ctx = ctx, .err = err};
    return journal_memory_each(journal, STR(PREFIX), give_link, &walk, err) && !walk.failed;
}
