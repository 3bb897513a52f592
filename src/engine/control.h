/* SPDX-License-Identifier: MIT */
/*
 * Control of a live run from another terminal: pause, continue, slow (E11).
 *
 * The process that works on a run listens on the Unix socket `control.sock` of the workspace (0600 in
 * a directory of 0700), and answers whoever has its own uid by SO_PEERCRED. One line of JSON asks, one
 * answers, and the connection ends:
 *
 *   {"run":7,"do":"pause"}   {"run":7,"do":"continue"}
 *   {"run":7,"do":"slow","calls":10,"period_ms":60000,"above":false}
 *   {"run":7,"state":"paused","limit":{"calls":45,"period_ms":60000},"configured":{...},
 *    "workers":{"may_be_busy":8,"of":8},"breaker":"closed"}
 *   {"error":{"kind":"refused","message":"could not ...","hint":"..."}}
 *
 * Paused: nothing is sent any more, what was sent is still confirmed; the journal says `paused`, so
 * that `show` does. A kill ends the pause with the process: resume goes on with the run. A slower limit
 * holds for this process only.
 *
 * The address of a Unix socket has room for 107 bytes only: it is named through /proc/self/fd, so that
 * a workspace may lie as deep as it likes.
 */
#ifndef STEWARD_ENGINE_CONTROL_H
#define STEWARD_ENGINE_CONTROL_H

#include "engine/job.h"

struct control;

/* Before the workers start. NULL: the socket could not be made, which is no reason not to run. */
struct control *control_start(struct job_run *run, struct err *err) MUST_CHECK;
/* A run that is still paused is `applying` again, for whoever records its end. NULL is fine. */
void control_stop(struct control *control);

enum control_order { CONTROL_PAUSE, CONTROL_CONTINUE, CONTROL_SLOW };

struct control_request {
    int64_t run;
    enum control_order order;
    int64_t calls; /* SLOW */
    int64_t period_ms;
    bool above; /* also where that is more than the configured limit */
};

struct control_limit {
    int64_t calls; /* 0: none */
    int64_t period_ms;
};

struct control_answer {
    bool paused;
    struct control_limit limit;
    struct control_limit configured;
    int64_t width;
    int64_t most;
    char breaker[16];
};

/* Asks the process that works in the workspace. Nobody works there: ERR_NOT_FOUND. */
bool control_ask(int workspace_fd, const struct control_request *request,
                 struct control_answer *ret, struct err *err) MUST_CHECK;

/* True where `slower` cannot let more calls through in any of the periods of `limit` than it. */
bool control_keeps(const struct control_limit *slower, const struct control_limit *limit);

#endif
