/* SPDX-License-Identifier: MIT */
#include "engine/control.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/queue.h"

enum {
    LOOK_MS = 100,     /* between two looks at the end */
    ASK_SECONDS = 10,  /* until the answer is there: the journal may be slow */
    HEAR_SECONDS = 1,  /* who connects and says nothing keeps nobody waiting */
    MOST_BYTES = 4096, /* of either */
};

static const char socket_name[] = "control.sock";
static const char *const orders[] = {"pause", "continue", "slow"};

struct control {
    struct job_run *run;
    struct control_limit configured;
    int fd;
    struct stop end;
    pthread_t thread;
    bool paused; /* the thread's; control_stop reads it after the join */
};

/* --- both ends ----------------------------------------------------------------------------- */

static struct sockaddr_un address_in(int workspace_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", workspace_fd,
                   socket_name);
    return address;
}

static void limit_talk(int fd, int seconds)
{
    const struct timeval most = {.tv_sec = seconds};
    /* without them a talk may last for ever, and no worse: nothing to do where they fail */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most));
}

/* Up to the line end, which is cut. */
static bool receive_line(int fd, struct buf *out)
{
    char piece[512];
    for (;;) {
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        const char *end = memchr(piece, '\n', (size_t)n);
        buf_add(out, piece, end != NULL ? (size_t)(end - piece) : (size_t)n);
        if (end != NULL) {
            return true;
        }
        if (out->len > MOST_BYTES) {
            return false;
        }
    }
}

static bool send_line(int fd, struct buf *line)
{
    buf_addc(line, '\n');
    size_t sent = 0;
    while (sent < line->len) {
        ssize_t n = send(fd, line->ptr + sent, line->len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR) {
            return false;
        }
        sent += n > 0 ? (size_t)n : 0;
    }
    return true;
}

bool control_keeps(const struct control_limit *slower, const struct control_limit *limit)
{
    if (limit->calls == 0) {
        return true;
    }
    int64_t periods = (limit->period_ms + slower->period_ms - 1) / slower->period_ms;
    return slower->calls <= limit->calls / periods;
}

/* --- orders -------------------------------------------------------------------------------- */

static bool set_paused(struct control *control, bool paused, struct err *err)
{
    struct job_run *run = control->run;
    if (control->paused == paused) {
        return true;
    }
    if (!journal_run_move(run->journal, run->run, paused ? RUN_PAUSED : RUN_APPLYING,
                          paused ? "by `steward pause`" : NULL, err)) {
        return false;
    }
    control->paused = paused;
    pressure_hold(run->pressure, paused);
    log_at(run->log, LOG_INFO, paused ? "paused" : "continued");
    return true;
}

static bool set_slow(struct control *control, const struct control_request *request,
                     struct err *err)
{
    struct job_run *run = control->run;
    const struct control_limit *configured = &control->configured;
    const struct control_limit wanted = {request->calls, request->period_ms};
    if (wanted.calls < 1 || wanted.period_ms < 1) {
        return err_set(err, ERR_REFUSED, "could not slow run %lld: at least one call must be left",
                       (long long)run->run);
    }
    if (!request->above && !control_keeps(&wanted, configured)) {
        (void)err_set(err, ERR_REFUSED,
                      "could not slow run %lld: that is more than the %lld calls in %.12g s that "
                      "are configured",
                      (long long)run->run, (long long)configured->calls,
                      (double)configured->period_ms / 1000);
        return err_hint(err, "If the remote allows more, say so with --above.");
    }
    if (!limiter_set(run->limiter, wanted.calls, wanted.period_ms, err)) {
        return false;
    }
    AUTO_BUF struct buf detail = {0};
    buf_printf(&detail, "{\"calls\":%lld,\"period_ms\":%lld}", (long long)wanted.calls,
               (long long)wanted.period_ms);
    journal_audit(run->journal, run->run, "slow", buf_str(&detail));
    log_at(run->log, LOG_INFO, "limit changed", LOG_INT("calls", wanted.calls),
           LOG_INT("period_ms", wanted.period_ms));
    return true;
}

static bool carry_out(struct control *control, const struct control_request *request,
                      struct err *err)
{
    if (request->run != control->run->run) {
        (void)err_set(
            err, ERR_REFUSED, "could not %s run %lld: run %lld is what is being worked on",
            orders[request->order], (long long)request->run, (long long)control->run->run);
        return false;
    }
    switch (request->order) {
    case CONTROL_PAUSE:
        return set_paused(control, true, err);
    case CONTROL_CONTINUE:
        return set_paused(control, false, err);
    case CONTROL_SLOW:
        return set_slow(control, request, err);
    }
    return err_set(err, ERR_INTERNAL, "could not understand the order");
}

/* --- the listening end --------------------------------------------------------------------- */

static bool parse_request(str line, struct control_request *ret)
{
    json_t *json = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
    const char *order = json_string_value(json_object_get(json, "do"));
    bool known = false;
    for (size_t i = 0; order != NULL && i < ARRAY_LEN(orders); i++) {
        if (strcmp(order, orders[i]) == 0) {
            ret->order = (enum control_order)i;
            known = true;
        }
    }
    ret->run = json_integer_value(json_object_get(json, "run"));
    ret->calls = json_integer_value(json_object_get(json, "calls"));
    ret->period_ms = json_integer_value(json_object_get(json, "period_ms"));
    ret->above = json_is_true(json_object_get(json, "above"));
    json_decref(json);
    return known;
}

static void add_limit(struct buf *out, const char *name, const struct control_limit *limit)
{
    buf_printf(out, ",\"%s\":{\"calls\":%lld,\"period_ms\":%lld}", name, (long long)limit->calls,
               (long long)limit->period_ms);
}

static void add_state(struct control *control, struct buf *out)
{
    struct limiter_state limit;
    struct pressure_state pressure;
    limiter_look(control->run->limiter, &limit);
    pressure_look(control->run->pressure, &pressure);
    buf_printf(out, "{\"run\":%lld,\"state\":\"%s\"", (long long)control->run->run,
               run_state_name(control->paused ? RUN_PAUSED : RUN_APPLYING));
    add_limit(out, "limit", &(struct control_limit){limit.calls, limit.period_ms});
    add_limit(out, "configured", &control->configured);
    buf_printf(out, ",\"workers\":{\"may_be_busy\":%d,\"of\":%d},\"breaker\":\"%s\"}",
               pressure.width, pressure.most, breaker_state_name(pressure.breaker));
}

static void add_error(const struct err *err, struct buf *out)
{
    buf_printf(out, "{\"error\":{\"kind\":\"%s\",\"message\":", err_kind_name(err->kind));
    buf_add_json(out, str_of(err->message));
    buf_addz(out, ",\"hint\":");
    buf_add_json(out, str_of(err->hint));
    buf_addz(out, "}}");
}

static bool is_own_user(int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == geteuid();
}

static void talk(struct control *control, int fd)
{
    AUTO_BUF struct buf line = {0};
    AUTO_BUF struct buf answer = {0};
    struct control_request request = {0};
    struct err err = {0};
    limit_talk(fd, HEAR_SECONDS);
    if (!is_own_user(fd)) {
        log_at(control->run->log, LOG_WARN, "control by another user refused");
        return;
    }
    if (!receive_line(fd, &line)) {
        return;
    }
    if (!parse_request(buf_str(&line), &request)) {
        (void)err_set(&err, ERR_USAGE, "could not understand what was asked of the run");
    } else if (!carry_out(control, &request, &err)) {
        log_at(control->run->log, LOG_WARN, "control refused", LOG_ERR(&err));
    }
    if (err_is(&err)) {
        add_error(&err, &answer);
    } else {
        add_state(control, &answer);
    }
    (void)send_line(fd, &answer); /* whoever asked has gone: it is done all the same */
}

static void *listen_for_orders(void *arg)
{
    struct control *control = arg;
    log_context(control->run->run, "");
    while (stop_level(&control->end) == 0) {
        struct pollfd waiting = {.fd = control->fd, .events = POLLIN};
        if (poll(&waiting, 1, LOOK_MS) <= 0) {
            continue;
        }
        int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) {
            talk(control, fd);
            (void)close(fd); /* nothing is buffered */
        }
    }
    return NULL;
}

static int open_socket(int workspace_fd, struct err *err)
{
    struct sockaddr_un address = address_in(workspace_fd);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* what a killed process left is in the way; the workspace's lock is ours */
    if (unlinkat(workspace_fd, socket_name, 0) != 0 && errno != ENOENT && fd >= 0) {
        (void)close(fd);
        fd = -1;
    }
    /* the mode of the socket is that of the file that bind makes: nobody else for no instant */
    if (fd < 0 || fchmod(fd, 0600) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 8) != 0) {
        (void)err_set_errno(err, ERR_IO, errno, "could not listen on '%s'", socket_name);
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    return fd;
}

struct control *control_start(struct job_run *run, struct err *err)
{
    int fd = open_socket(run->workspace_fd, err);
    if (fd < 0) {
        return NULL;
    }
    struct limiter_state limit;
    limiter_look(run->limiter, &limit); /* nothing was sent yet: what is configured */
    struct control *control = xnew(struct control);
    control->run = run;
    control->fd = fd;
    control->configured = (struct control_limit){limit.calls, limit.period_ms};
    stop_init(&control->end);
    if (!thread_start(&control->thread, "control", listen_for_orders, control, err)) {
        stop_done(&control->end);
        (void)close(fd);
        free(control);
        return NULL;
    }
    return control;
}

void control_stop(struct control *control)
{
    if (control == NULL) {
        return;
    }
    stop_raise(&control->end, 1);
    pthread_join(control->thread, NULL);
    (void)unlinkat(control->run->workspace_fd, socket_name, 0); /* the next one would do it */
    (void)close(control->fd);
    struct err err = {0};
    if (!set_paused(control, false, &err)) {
        log_at(control->run->log, LOG_ERROR, "could not write the journal", LOG_ERR(&err));
    }
    stop_done(&control->end);
    free(control);
}

/* --- the asking end ------------------------------------------------------------------------ */

static void take_limit(const json_t *json, const char *name, struct control_limit *ret)
{
    const json_t *limit = json_object_get(json, name);
    ret->calls = json_integer_value(json_object_get(limit, "calls"));
    ret->period_ms = json_integer_value(json_object_get(limit, "period_ms"));
}

static bool take_error(const json_t *error, struct err *err)
{
    const char *message = json_string_value(json_object_get(error, "message"));
    const char *hint = json_string_value(json_object_get(error, "hint"));
    (void)err_set(err, ERR_REFUSED, "%s", message != NULL ? message : "");
    return hint == NULL || hint[0] == '\0' ? false : err_hint(err, "%s", hint);
}

static bool take_answer(str line, struct control_answer *ret, struct err *err)
{
    json_t *json = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *error = json_object_get(json, "error");
    const char *state = json_string_value(json_object_get(json, "state"));
    const char *breaker = json_string_value(json_object_get(json, "breaker"));
    const json_t *workers = json_object_get(json, "workers");
    bool ok = state != NULL && breaker != NULL;
    if (error != NULL) {
        (void)take_error(error, err);
    } else if (!ok) {
        (void)err_set(err, ERR_PROTOCOL, "could not understand the running steward's answer");
    } else {
        ret->paused = strcmp(state, run_state_name(RUN_PAUSED)) == 0;
        take_limit(json, "limit", &ret->limit);
        take_limit(json, "configured", &ret->configured);
        ret->width = json_integer_value(json_object_get(workers, "may_be_busy"));
        ret->most = json_integer_value(json_object_get(workers, "of"));
        (void)snprintf(ret->breaker, sizeof(ret->breaker), "%s", breaker);
    }
    json_decref(json);
    return ok;
}

static bool ask(int fd, const struct control_request *request, struct buf *answer)
{
    AUTO_BUF struct buf line = {0};
    buf_printf(&line, "{\"run\":%lld,\"do\":\"%s\",\"calls\":%lld,\"period_ms\":%lld,\"above\":%s}",
               (long long)request->run, orders[request->order], (long long)request->calls,
               (long long)request->period_ms, request->above ? "true" : "false");
    limit_talk(fd, ASK_SECONDS);
    return send_line(fd, &line) && receive_line(fd, answer);
}

bool control_ask(int workspace_fd, const struct control_request *request,
                 struct control_answer *ret, struct err *err)
{
    AUTO_BUF struct buf line = {0};
    struct sockaddr_un address = address_in(workspace_fd);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_set_errno(err, ERR_INTERNAL, errno, "could not make a socket");
    }
    bool ok = false;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)err_set_errno(err, errno == ENOENT || errno == ECONNREFUSED ? ERR_NOT_FOUND : ERR_IO,
                            errno, "could not reach a running steward");
    } else if (!ask(fd, request, &line)) {
        (void)err_set(err, ERR_IO, "could not talk to the running steward: no answer came");
    } else {
        ok = take_answer(buf_str(&line), ret, err);
    }
    (void)close(fd); /* nothing is buffered */
    return ok;
}
