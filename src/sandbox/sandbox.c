/* SPDX-License-Identifier: MIT */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/hash.h"
#include "sandbox/devrev_schema.h"
#include "sandbox/dispatch.h"
#include "sandbox/jw.h"
#include "sandbox/load.h"
#include "sandbox/seed.h"

/* What a replay needs beside the sandbox. */
struct replay {
    struct sandbox *sandbox;
    char identity[200];
    char given[FAULTS_MAX][160]; /* the --faults of the earlier process */
    size_t given_len;
    struct arena arena;
    str *effects; /* every effect line, for the shortened log */
    size_t len;
    size_t cap;
};

/* --- faults as JSON ----------------------------------------------------------------------------- */

static void log_faults(struct sandbox *sandbox)
{
    AUTO_BUF struct buf out = {0};
    const struct faults *given = &sandbox->options->faults;
    jw_obj(&out, NULL);
    jw_arr(&out, "given");
    for (size_t i = 0; i < given->len; i++) {
        jw_str(&out, NULL, given->rules[i].spec);
    }
    jw_end_arr(&out);
    jw_arr(&out, "rules");
    for (size_t i = 0; i < sandbox->faults.len; i++) {
        jw_obj(&out, NULL);
        jw_str(&out, "spec", sandbox->faults.rules[i].spec);
        jw_int(&out, "seen", sandbox->faults.rules[i].seen);
        jw_end_obj(&out);
    }
    jw_end_arr(&out);
    jw_end_obj(&out);
    store_line(&sandbox->store, 'F', buf_str(&out));
}

static bool on_faults(void *ctx, str json, struct err *err)
{
    struct replay *replay = ctx;
    struct faults *faults = &replay->sandbox->faults;
    json_t *record = json_loadb(json.ptr, json.len, 0, NULL);
    const json_t *given = json_object_get(record, "given");
    const json_t *rules = json_object_get(record, "rules");
    bool ok = json_array_size(given) <= FAULTS_MAX && json_array_size(rules) <= FAULTS_MAX;
    replay->given_len = ok ? json_array_size(given) : 0;
    for (size_t i = 0; i < replay->given_len; i++) {
        (void)snprintf(replay->given[i], sizeof(replay->given[i]), "%s",
                       json_string_value(json_array_get(given, i)));
    }
    faults->len = 0;
    for (size_t i = 0; ok && i < json_array_size(rules); i++) {
        const json_t *rule = json_array_get(rules, i);
        const char *spec = json_string_value(json_object_get(rule, "spec"));
        ok = fault_parse(str_of(spec), &faults->rules[i], err);
        faults->rules[i].seen = json_integer_value(json_object_get(rule, "seen"));
        faults->len = ok ? i + 1 : i;
    }
    replay->sandbox->expired = false;
    json_decref(record);
    return ok;
}

void sandbox_set_faults(struct sandbox *sandbox, const struct faults *faults)
{
    sandbox->faults = *faults;
    sandbox->faults.seed = sandbox->options->seed;
    sandbox->expired = false;
    log_faults(sandbox);
}

/* The rules of the earlier process go on, unless the command line now asks for others. */
static bool same_faults(const struct replay *replay)
{
    const struct faults *faults = &replay->sandbox->options->faults;
    bool same = replay->given_len == faults->len;
    for (size_t i = 0; same && i < faults->len; i++) {
        same = strcmp(replay->given[i], faults->rules[i].spec) == 0;
    }
    return same;
}

/* --- replay ------------------------------------------------------------------------------------- */

static bool on_identity(void *ctx, str text, struct err *err)
{
    const struct replay *replay = ctx;
    if (!str_eqz(text, replay->identity)) {
        (void)err_set(err, ERR_REFUSED,
                      "could not use the state: it was made with another seed, sizes or file");
        return err_hint(err, "Give the same --seed, --contacts, --issues, --leads and --load as "
                             "before, or another --state directory.");
    }
    return true;
}

static void on_calls(void *ctx, int64_t second, const char *call, int status, const char *cause,
                     int64_t count)
{
    struct replay *replay = ctx;
    struct call_row row = {second, call, status, cause, count};
    calls_add(&replay->sandbox->calls, &row);
}

static void on_accepted(void *ctx, int64_t at_ms)
{
    struct replay *replay = ctx;
    limit_accept(&replay->sandbox->limit, at_ms);
}

static void on_numbers(void *ctx, int64_t request_seq, int64_t effect_seq, int64_t port,
                       bool expired)
{
    struct sandbox *sandbox = ((struct replay *)ctx)->sandbox;
    sandbox->request_seq = request_seq;
    sandbox->effect_seq = effect_seq;
    sandbox->port = (uint16_t)port;
    sandbox->expired = expired;
}

static bool on_request(void *ctx, int flags, str line, struct err *err)
{
    struct sandbox *sandbox = ((struct replay *)ctx)->sandbox;
    json_t *json = json_loadb(line.ptr, line.len, 0, NULL);
    const char *call = json_string_value(json_object_get(json, "call"));
    if (call == NULL) {
        json_decref(json);
        return err_set(err, ERR_CORRUPT, "could not replay the state: not a request");
    }
    int64_t at_ms = json_integer_value(json_object_get(json, "at_ms"));
    struct call_row row = {.second = at_ms / 1000,
                           .call = call,
                           .status = (int)json_integer_value(json_object_get(json, "status")),
                           .cause = json_string_value(json_object_get(json, "cause")),
                           .count = 1};
    calls_add(&sandbox->calls, &row);
    sandbox->request_seq = json_integer_value(json_object_get(json, "seq"));
    sandbox->now_ms = at_ms > sandbox->now_ms ? at_ms : sandbox->now_ms;
    if ((flags & STORE_COUNTED) != 0) {
        (void)faults_hit(&sandbox->faults, call);
    }
    if ((flags & STORE_ACCEPTED) != 0) {
        limit_accept(&sandbox->limit, at_ms);
    }
    sandbox->expired = sandbox->expired || (flags & STORE_EXPIRED) != 0;
    json_decref(json);
    return true;
}

static bool on_effect(void *ctx, str line, struct err *err)
{
    struct replay *replay = ctx;
    if (replay->len == replay->cap) {
        replay->cap = replay->cap == 0 ? 256 : replay->cap * 2;
        replay->effects = xrealloc(replay->effects, replay->cap, sizeof(str));
    }
    replay->effects[replay->len++] = str_dup(&replay->arena, line);
    return dispatch_replay(replay->sandbox, line, err);
}

/* --- the shortened log -------------------------------------------------------------------------- */

static void log_numbers(struct sandbox *sandbox)
{
    AUTO_BUF struct buf out = {0};
    buf_printf(&out, "%" PRId64 "\t%" PRId64 "\t%u\t%d", sandbox->request_seq, sandbox->effect_seq,
               sandbox->port, sandbox->expired ? 1 : 0);
    store_line(&sandbox->store, 'N', buf_str(&out));
}

static void log_calls(struct sandbox *sandbox)
{
    AUTO_BUF struct buf out = {0};
    for (size_t i = 0; i < sandbox->calls.len; i++) {
        const struct call_row *row = &sandbox->calls.rows[i];
        buf_clear(&out);
        buf_printf(&out, "%" PRId64 "\t%s\t%d\t%s\t%" PRId64, row->second, row->call, row->status,
                   row->cause != NULL ? row->cause : "", row->count);
        store_line(&sandbox->store, 'C', buf_str(&out));
    }
}

static void log_accepted(struct sandbox *sandbox)
{
    AUTO_BUF struct buf out = {0};
    const struct limit *limit = &sandbox->limit;
    for (size_t i = 0; i < limit->filled; i++) {
        size_t at = (limit->next + limit->calls - limit->filled + i) % limit->calls;
        if (sandbox->now_ms - limit->accepted[at] < limit->period_ms) {
            buf_clear(&out);
            buf_printf(&out, "%" PRId64, limit->accepted[at]);
            store_line(&sandbox->store, 'A', buf_str(&out));
        }
    }
}

/* Effects come before the numbers: the last effect line of the log may be of a later time. */
static bool rewrite(struct sandbox *sandbox, const struct replay *replay, struct err *err)
{
    if (!store_rewrite_begin(&sandbox->store, err)) {
        return false;
    }
    store_line(&sandbox->store, 'H', str_of(replay->identity));
    for (size_t i = 0; i < replay->len; i++) {
        store_line(&sandbox->store, 'E', replay->effects[i]);
    }
    log_calls(sandbox);
    log_accepted(sandbox);
    log_faults(sandbox);
    log_numbers(sandbox);
    return store_rewrite_end(&sandbox->store, err);
}

/* --- life --------------------------------------------------------------------------------------- */

static bool identify(const struct options *options, const struct loaded *loaded, char *out,
                     size_t size)
{
    int len = snprintf(
        out, size, "v1 seed=%" PRIu64 " contacts=%u issues=%u leads=%u moves=%d%d%d%d load=%s",
        options->seed, options->contacts, options->issues, options->leads, options->moves.reported,
        options->moves.owned, options->moves.created, options->moves.conversations, loaded->sha256);
    return len > 0 && (size_t)len < size;
}

static void compile_schemas(struct sandbox *sandbox)
{
    sandbox->book = schema_book_new(DEVREV_TYPES, DEVREV_TYPES_LEN);
    sandbox->schemas = xcalloc(endpoint_count(), sizeof(struct schema *));
    for (size_t i = 0; i < DEVREV_REQUESTS_LEN; i++) {
        const struct endpoint *endpoint = endpoint_find(str_of(DEVREV_REQUESTS[i].name));
        sandbox->schemas[endpoint_place(endpoint)] =
            schema_compile(sandbox->book, DEVREV_REQUESTS[i].text);
    }
}

static bool open_store(struct sandbox *sandbox, const struct loaded *loaded, struct err *err)
{
    const struct options *options = sandbox->options;
    struct replay *replay = xnew(struct replay);
    replay->sandbox = sandbox;
    (void)identify(options, loaded, replay->identity, sizeof(replay->identity));
    struct store_replay hooks = {.identity = on_identity,
                                 .faults = on_faults,
                                 .calls = on_calls,
                                 .accepted = on_accepted,
                                 .numbers = on_numbers,
                                 .request = on_request,
                                 .effect = on_effect,
                                 .ctx = replay};
    bool ok = store_open(&sandbox->store, options->state_dir, options->effects, options->requests,
                         &hooks, err);
    if (ok && !same_faults(replay)) {
        sandbox->faults = options->faults;
        sandbox->expired = false;
    }
    sandbox->faults.seed = options->seed;
    ok = ok && rewrite(sandbox, replay, err);
    arena_done(&replay->arena);
    free(replay->effects);
    free(replay);
    return ok;
}

static void init_locks(struct sandbox *sandbox)
{
    pthread_mutex_init(&sandbox->lock, NULL);
    pthread_cond_init(&sandbox->merges, NULL);
}

bool sandbox_open(struct sandbox *sandbox, const struct options *options, struct stop *stop,
                  struct err *err)
{
    *sandbox = (struct sandbox){.options = options, .stop = stop};
    sandbox->store = (struct store){-1, -1, -1, -1};
    init_locks(sandbox);
    compile_schemas(sandbox);
    limit_init(&sandbox->limit, options->limit_calls, options->limit_ms);
    bool load = options->load_contacts != NULL;
    struct seed_sizes sizes = {options->seed, load ? 0 : options->contacts, options->issues};
    struct loaded loaded = {0};
    if (load && !load_contacts(&sandbox->world, options->load_contacts, &loaded, err)) {
        return false;
    }
    seed_world(&sandbox->world, &sizes, loaded.contacts, loaded.len);
    free(loaded.contacts);
    (void)snprintf(sandbox->token, sizeof(sandbox->token), "sandbox-%016llx%016llx",
                   (unsigned long long)world_mix(&sandbox->world, 1, 1),
                   (unsigned long long)world_mix(&sandbox->world, 2, 2));
    if (!open_store(sandbox, &loaded, err)) {
        return false;
    }
    merges_run(sandbox, sandbox_tick(sandbox));
    return true;
}

void sandbox_close(struct sandbox *sandbox)
{
    store_close(&sandbox->store);
    world_done(&sandbox->world);
    calls_done(&sandbox->calls);
    limit_done(&sandbox->limit);
    schema_book_free(sandbox->book);
    free(sandbox->schemas);
    pthread_cond_destroy(&sandbox->merges);
    pthread_mutex_destroy(&sandbox->lock);
}

void sandbox_set_port(struct sandbox *sandbox, uint16_t port)
{
    sandbox->port = port;
    log_numbers(sandbox);
}

void *sandbox_merge_worker(void *ctx)
{
    struct sandbox *sandbox = ctx;
    pthread_mutex_lock(&sandbox->lock);
    while (stop_level(sandbox->stop) == 0) {
        merges_run(sandbox, sandbox_tick(sandbox));
        int64_t due = merges_next(sandbox);
        if (due == INT64_MAX) {
            (void)pthread_cond_wait(&sandbox->merges, &sandbox->lock);
        } else {
            struct timespec until = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000};
            (void)pthread_cond_timedwait(&sandbox->merges, &sandbox->lock, &until);
        }
    }
    pthread_mutex_unlock(&sandbox->lock);
    return NULL;
}
