/* SPDX-License-Identifier: MIT */
/* steward-sandbox: the stand-ins of the remotes, an executable of their own (cli.md section 5). */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/queue.h"
#include "sandbox/csv_out.h"
#include "sandbox/sandbox.h"
#include "sandbox/server.h"
#include "sandbox/slack.h"
#include "sandbox/snowflake.h"

static bool write_csvs(struct sandbox *sandbox, struct err *err)
{
    const struct options *options = sandbox->options;
    const struct world *world = &sandbox->world;
    return (options->contacts_csv == NULL ||
            csv_write_contacts(world, options->contacts_csv, err)) &&
           (options->pivot_csv == NULL || csv_write_pivot(world, options->pivot_csv, err)) &&
           (options->issues_csv == NULL || csv_write_issues(world, options->issues_csv, err));
}

/* The stand-ins: their number is their distance from --port-base. */
enum { DEVREV, SNOWFLAKE, SLACK, STAND_INS };

struct front {
    struct sandbox *sandbox;
    struct snowflake *snowflake;
    struct server *servers[STAND_INS];
};

static void serve_devrev(void *ctx, const struct visit *visit, struct answer *ret)
{
    dispatch(((struct front *)ctx)->sandbox, visit, ret);
}

static void serve_snowflake(void *ctx, const struct visit *visit, struct answer *ret)
{
    snowflake_dispatch(((struct front *)ctx)->snowflake, visit, ret);
}

static void serve_slack(void *ctx, const struct visit *visit, struct answer *ret)
{
    slack_dispatch(((struct front *)ctx)->sandbox, visit, ret);
}

static const server_fn stand_ins[STAND_INS] = {
    [DEVREV] = serve_devrev, [SNOWFLAKE] = serve_snowflake, [SLACK] = serve_slack};

static bool announce(const struct front *front, struct err *err)
{
    const struct sandbox *sandbox = front->sandbox;
    AUTO_BUF struct buf env = {0};
    buf_printf(&env, "DEVREV_BASE_URL=http://127.0.0.1:%u\nDEVREV_API_TOKEN=%s\n", sandbox->port,
               sandbox->token);
    snowflake_env(front->snowflake, server_port(front->servers[SNOWFLAKE]), &env);
    slack_env(sandbox, server_port(front->servers[SLACK]), &env);
    if (sandbox->options->env_file != NULL &&
        !fs_write_atomic(AT_FDCWD, sandbox->options->env_file, buf_str(&env), err)) {
        return false;
    }
    (void)printf("%sREADY\n", buf_z(&env));
    if (fflush(stdout) != 0) {
        return err_set_errno(err, ERR_IO, errno, "could not write to standard output");
    }
    return true;
}

static bool start(struct front *front, struct err *err)
{
    struct sandbox *sandbox = front->sandbox;
    uint16_t base = sandbox->options->port_base;
    if (base == 0 && sandbox->port != 0) {
        /* a restart takes the port of the earlier process again, where it is still free */
        struct err taken = {0};
        front->servers[DEVREV] =
            server_start(sandbox, stand_ins[DEVREV], front, sandbox->port, &taken);
    }
    for (int i = 0; i < STAND_INS; i++) {
        if (front->servers[i] == NULL) {
            front->servers[i] = server_start(sandbox, stand_ins[i], front,
                                             base != 0 ? (uint16_t)(base + i) : 0, err);
        }
        if (front->servers[i] == NULL) {
            return false;
        }
    }
    return true;
}

static bool run(struct sandbox *sandbox, const sigset_t *signals, struct err *err)
{
    pthread_t worker;
    if (!thread_start(&worker, "merges", sandbox_merge_worker, sandbox, err)) {
        return false;
    }
    int signal_number = 0;
    (void)sigwait(signals, &signal_number); /* fails only for a bad set */
    stop_raise(sandbox->stop, 1);
    pthread_mutex_lock(&sandbox->lock);
    (void)pthread_cond_signal(&sandbox->merges);
    pthread_mutex_unlock(&sandbox->lock);
    (void)pthread_join(worker, NULL);
    return true;
}

static bool serve(struct sandbox *sandbox, struct snowflake *snowflake, const sigset_t *signals,
                  struct err *err)
{
    struct front front = {.sandbox = sandbox, .snowflake = snowflake};
    bool ok = start(&front, err);
    if (ok) {
        pthread_mutex_lock(&sandbox->lock);
        sandbox_set_port(sandbox, server_port(front.servers[DEVREV]));
        ok = write_csvs(sandbox, err);
        pthread_mutex_unlock(&sandbox->lock);
    }
    ok = ok && announce(&front, err) && run(sandbox, signals, err);
    for (int i = STAND_INS; i-- > 0;) {
        server_stop(front.servers[i]);
    }
    return ok;
}

static int fail(const struct err *err)
{
    (void)fprintf(stderr, "steward-sandbox: %s\n", err->message);
    if (err->hint[0] != '\0') {
        (void)fprintf(stderr, "hint: %s\n", err->hint);
    }
    return err_exit_code(err->kind);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    static struct options options;
    static struct sandbox sandbox;
    struct stop stop;
    sigset_t signals;
    if (!options_parse(argc, argv, &options, &err)) {
        return fail(&err);
    }
    if (options.help) {
        return fputs(OPTIONS_HELP, stdout) < 0 ? 1 : 0;
    }
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGPIPE); /* a reader that went away is an error of write */
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    json_object_seed(1); /* before the first thread; member order never depends on it */
    stop_init(&stop);
    struct snowflake *snowflake = NULL;
    bool ok = sandbox_open(&sandbox, &options, &stop, &err);
    if (ok) {
        snowflake = snowflake_open(&sandbox, options.snowflake_key, &err);
        ok = snowflake != NULL && serve(&sandbox, snowflake, &signals, &err);
    }
    snowflake_close(snowflake);
    sandbox_close(&sandbox);
    stop_done(&stop);
    return ok ? 0 : fail(&err);
}
