/* SPDX-License-Identifier: MIT */
#include "sandbox/store.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "harness/tap.h"

/* What a replay said, as text. */
static struct buf told;

static bool on_identity(void *ctx UNUSED, str text, struct err *err UNUSED)
{
    buf_printf(&told, "H(%" STR_FMT ")", STR_ARG(text));
    return true;
}

static bool on_faults(void *ctx UNUSED, str json, struct err *err UNUSED)
{
    buf_printf(&told, "F(%" STR_FMT ")", STR_ARG(json));
    return true;
}

static void on_calls(void *ctx UNUSED, int64_t second, const char *call, int status,
                     const char *cause, int64_t count)
{
    buf_printf(&told, "C(%d %s %d %s %d)", (int)second, call, status, cause != NULL ? cause : "-",
               (int)count);
}

static void on_accepted(void *ctx UNUSED, int64_t at_ms)
{
    buf_printf(&told, "A(%d)", (int)at_ms);
}

static void on_numbers(void *ctx UNUSED, int64_t request_seq, int64_t effect_seq, int64_t port,
                       bool expired)
{
    buf_printf(&told, "N(%d %d %d %d)", (int)request_seq, (int)effect_seq, (int)port, expired);
}

static bool on_request(void *ctx UNUSED, int flags, str line, struct err *err UNUSED)
{
    buf_printf(&told, "R(%d %" STR_FMT ")", flags, STR_ARG(line));
    return true;
}

static bool on_effect(void *ctx UNUSED, str line, struct err *err UNUSED)
{
    buf_printf(&told, "E(%" STR_FMT ")", STR_ARG(line));
    return true;
}

static const struct store_replay REPLAY = {.identity = on_identity,
                                           .faults = on_faults,
                                           .calls = on_calls,
                                           .accepted = on_accepted,
                                           .numbers = on_numbers,
                                           .request = on_request,
                                           .effect = on_effect};

static char dir[300];
static char effects[300];
static char requests[300];
static struct err err;

static bool open_all(struct store *store)
{
    (void)snprintf(dir, sizeof(dir), "%s/state", tap_tmpdir());
    (void)snprintf(effects, sizeof(effects), "%s/effects", tap_tmpdir());
    (void)snprintf(requests, sizeof(requests), "%s/requests", tap_tmpdir());
    buf_clear(&told);
    err = (struct err){0};
    return store_open(store, dir, effects, requests, &REPLAY, &err);
}

static void file_is(const char *path, const char *expected)
{
    AUTO_BUF struct buf text = {0};
    CHECK_OK(fs_read(AT_FDCWD, path, &text, &err), err);
    CHECK_STR(buf_z(&text), expected);
}

static void append(const char *path, const char *text)
{
    AUTO_CLOSE int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static void replays_every_kind(void)
{
    struct store store;
    CHECK_OK(open_all(&store), err);
    CHECK_STR(buf_z(&told), "");
    store_line(&store, 'H', STR("me"));
    store_line(&store, 'F', STR("{}"));
    store_line(&store, 'C', STR("5\tping\t429\tlimit\t3"));
    store_line(&store, 'C', STR("6\tping\t200\t\t1"));
    store_line(&store, 'A', STR("77"));
    store_line(&store, 'N', STR("1\t2\t3\t1"));
    store_line(&store, 'E', STR("{\"e\":1}"));
    store_effect(&store, STR("{\"e\":1}"));
    store_line(&store, 'R', STR("3\t{\"r\":1}\t"));
    store_request(&store, STR("{\"r\":1}"));
    store_close(&store);
    CHECK_OK(open_all(&store), err);
    CHECK_STR(buf_z(&told), "H(me)F({})C(5 ping 429 limit 3)C(6 ping 200 - 1)A(77)N(1 2 3 1)"
                            "E({\"e\":1})R(3 {\"r\":1})");
    store_close(&store);
    file_is(effects, "{\"e\":1}\n");
    file_is(requests, "{\"r\":1}\n");
    buf_done(&told);
}

static void writes_what_a_kill_left_out(void)
{
    struct store store;
    CHECK_OK(open_all(&store), err);
    store_line(&store, 'R', STR("3\t{\"r\":1}\t{\"e\":1}"));
    store_effect(&store, STR("{\"e\":1}"));
    store_request(&store, STR("{\"r\":1}"));
    store_line(&store, 'R', STR("3\t{\"r\":2}\t{\"e\":2}")); /* killed right after the log */
    store_close(&store);
    append(requests, "{\"r\"");
    CHECK_OK(open_all(&store), err);
    CHECK_STR(buf_z(&told), "R(3 {\"r\":1})E({\"e\":1})R(3 {\"r\":2})E({\"e\":2})");
    store_close(&store);
    file_is(effects, "{\"e\":1}\n{\"e\":2}\n");
    file_is(requests, "{\"r\":1}\n{\"r\":2}\n");
    CHECK(unlink(effects) == 0);
    CHECK_OK(open_all(&store), err);
    store_close(&store);
    file_is(effects, "{\"e\":1}\n{\"e\":2}\n");
    buf_done(&told);
}

static void cuts_a_torn_record_and_refuses_damage(void)
{
    struct store store;
    char log[320];
    CHECK_OK(open_all(&store), err);
    store_line(&store, 'A', STR("1"));
    store_close(&store);
    (void)snprintf(log, sizeof(log), "%s/log", dir);
    append(log, "0000000000000000\tA\t2");
    CHECK_OK(open_all(&store), err);
    store_line(&store, 'A', STR("3"));
    store_close(&store);
    CHECK_OK(open_all(&store), err);
    CHECK_STR(buf_z(&told), "A(1)A(3)");
    store_close(&store);
    append(log, "0000000000000000\tA\t2\n");
    append(log, "0000000000000000\tA\t4\n");
    CHECK_ERR(open_all(&store), err, ERR_CORRUPT, "could not read the state: damaged at byte 42");
    buf_done(&told);
}

static void shortens_the_log(void)
{
    struct store store;
    CHECK_OK(open_all(&store), err);
    store_line(&store, 'A', STR("1"));
    CHECK_OK(store_rewrite_begin(&store, &err), err);
    store_line(&store, 'A', STR("2"));
    store_close(&store); /* killed before the end: the old log counts */
    CHECK_OK(open_all(&store), err);
    CHECK_STR(buf_z(&told), "A(1)");
    CHECK_OK(store_rewrite_begin(&store, &err), err);
    store_line(&store, 'A', STR("2"));
    CHECK_OK(store_rewrite_end(&store, &err), err);
    store_line(&store, 'A', STR("3"));
    store_close(&store);
    CHECK_OK(open_all(&store), err);
    CHECK_STR(buf_z(&told), "A(2)A(3)");
    struct store other;
    CHECK(!store_open(&other, dir, NULL, NULL, &REPLAY, &err));
    CHECK_INT(err.kind, ERR_LOCKED);
    store_close(&store);
    buf_done(&told);
}

TAP_MAIN(TAP_TEST(replays_every_kind), TAP_TEST(writes_what_a_kill_left_out),
         TAP_TEST(cuts_a_torn_record_and_refuses_damage), TAP_TEST(shortens_the_log))
