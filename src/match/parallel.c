/* SPDX-License-Identifier: MIT */
#include "match/parallel.h"

#include "base/queue.h"

struct part {
    void (*work)(void *arg, int index);
    void *arg;
    int index;
};

static void *run_part(void *arg)
{
    const struct part *part = arg;
    part->work(part->arg, part->index);
    return NULL;
}

bool parallel_run(int threads, void (*work)(void *arg, int index), void *arg, struct err *err)
{
    struct part parts[PARALLEL_MAX];
    pthread_t handles[PARALLEL_MAX];
    int started = 1;
    bool ok = true;
    for (; started < threads && started < PARALLEL_MAX && ok; started += ok) {
        parts[started] = (struct part){work, arg, started};
        ok = thread_start(&handles[started], "plan", run_part, &parts[started], err);
    }
    work(arg, 0);
    for (int i = 1; i < started; i++) {
        (void)pthread_join(handles[i], NULL); /* a thread of ours, joined once */
    }
    return ok;
}
