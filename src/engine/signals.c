/* SPDX-License-Identifier: MIT */
#include "engine/signals.h"

#include <pthread.h>
#include <signal.h>

#include "base/queue.h"
#include "base/str.h"

static void say(const char *text)
{
    ssize_t n = write(STDERR_FILENO, text, strlen(text));
    (void)n; /* nobody to tell */
}

static void *wait_for_signals(void *arg)
{
    struct stop *stop = arg;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    for (;;) {
        int number;
        if (sigwait(&set, &number) != 0) {
            continue;
        }
        if (stop_level(stop) == 0) {
            say("\nsteward: finishing what is begun; press Ctrl-C again to stop at once\n");
            stop_raise(stop, 1);
        } else {
            say("\nsteward: stopping at once; `steward resume` goes on from here\n");
            stop_raise(stop, 2);
        }
    }
    return NULL;
}

bool signals_start(struct stop *stop, struct err *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL); /* cannot fail for a valid signal */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_t thread;
    if (!thread_start(&thread, "signals", wait_for_signals, stop, err)) {
        return false;
    }
    pthread_detach(thread);
    return true;
}
