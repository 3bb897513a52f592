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

static bool write_csvs(struct sandbox *sandbox, struct err *err)
{
    const struct options *options = sandbox->options;
    const struct world *world = &sandbox->world;
    return (options->contacts_csv == NULL ||
            csv_write_contacts(world, options->contacts_csv, err)) &&
           (options->pivot_csv == NULL || csv_write_pivot(world, options->pivot_csv, err)) &&
           (options->issues_csv == NULL || csv_write_issues(world, options->issues_csv, err));
}

static bool announce(const struct sandbox *sandbox, struct err *err)
{
    AUTO_BUF struct buf env = {0};
    buf_printf(&env, "DEVREV_BASE_URL=http://127.0.0.1:%u\nDEVREV_API_TOKEN=%s\n", sandbox->port,
               sandbox->token);
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

/* A restart takes the port of the earlier process again, where it is still free. */
static struct server *start_server(struct sandbox *sandbox, struct err *err)
{
    uint16_t wanted = sandbox->options->port_base;
    if (wanted == 0 && sandbox->port != 0) {
        struct server *server = server_start(sandbox, sandbox->port, err);
        if (server != NULL) {
            return server;
        }
    }
    return server_start(sandbox, wanted, err);
}

static bool serve(struct sandbox *sandbox, const sigset_t *signals, struct err *err)
{
    pthread_t worker;
    struct server *server = start_server(sandbox, err);
    if (server == NULL) {
        return false;
    }
    pthread_mutex_lock(&sandbox->lock);
    sandbox_set_port(sandbox, server_port(server));
    bool ok = write_csvs(sandbox, err);
    pthread_mutex_unlock(&sandbox->lock);
    if (!ok || !announce(sandbox, err) ||
        !thread_start(&worker, "merges", sandbox_merge_worker, sandbox, err)) {
        server_stop(server);
        return false;
    }
    int signal_number = 0;
    (void)sigwait(signals, &signal_number); /* fails only for a bad set */
    stop_raise(sandbox->stop, 1);
    server_stop(server);
    pthread_mutex_lock(&sandbox->lock);
    (void)pthread_cond_signal(&sandbox->merges);
    pthread_mutex_unlock(&sandbox->lock);
    (void)pthread_join(worker, NULL);
    return true;
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
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    json_object_seed(1); /* before the first thread; member order never depends on it */
    stop_init(&stop);
    bool ok = sandbox_open(&sandbox, &options, &stop, &err) && serve(&sandbox, &signals, &err);
    sandbox_close(&sandbox);
    stop_done(&stop);
    return ok ? 0 : fail(&err);
}
