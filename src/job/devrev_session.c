/* SPDX-License-Identifier: MIT */
#include "job/devrev_session.h"

enum { RETRY_CAP_MS = 60000, SHOWN_BYTES = 100 };

static struct devrev_shared *shared_over(struct job_run *run, struct limiter *limiter,
                                         struct pressure *pressure, struct err *err)
{
    const struct settings *settings = run->settings;
    const struct devrev_options options = {
        .base_url = settings->devrev_base_url,
        .token = &settings->devrev_token,
        .limiter = limiter,
        .pressure = pressure,
        .calls = run->calls,
        .clock = run->clock,
        .stop = run->stop,
        .log = run->log,
        .retry = {.attempts = (int)settings->max_retries,
                  .base_ms = settings->retry_backoff_ms,
                  .cap_ms = RETRY_CAP_MS},
        .connect_timeout_ms = settings->connect_timeout_ms,
        .read_timeout_ms = settings->read_timeout_ms,
    };
    return devrev_shared_new(&options, err);
}

struct devrev_shared *devrev_session_shared(struct job_run *run, struct err *err)
{
    return shared_over(run, run->limiter, run->pressure, err);
}

bool devrev_session_open(struct job_run *run, int64_t rate_calls, int64_t rate_period_ms,
                         struct devrev_session *ret, struct err *err)
{
    const struct settings *settings = run->settings;
    const struct limiter_options limits = {
        .calls = settings->rate_limit_calls >= 0 ? settings->rate_limit_calls : rate_calls,
        .period_ms =
            settings->rate_limit_period_ms >= 0 ? settings->rate_limit_period_ms : rate_period_ms,
        .clock = run->clock,
    };
    *ret = (struct devrev_session){0};
    ret->limiter = limiter_open(run->workspace_fd, "limits/devrev", &limits, err);
    ret->shared = ret->limiter != NULL ? shared_over(run, ret->limiter, NULL, err) : NULL;
    ret->devrev = ret->shared != NULL ? devrev_new(ret->shared, err) : NULL;
    return ret->devrev != NULL;
}

void devrev_session_close(struct devrev_session *session)
{
    devrev_free(session->devrev);
    devrev_shared_free(session->shared);
    limiter_close(session->limiter);
    *session = (struct devrev_session){0};
}

const char *shown_id(struct arena *arena, str id)
{
    size_t len = id.ptr == NULL ? 0 : id.len < SHOWN_BYTES ? id.len : SHOWN_BYTES;
    char *text = arena_alloc(arena, len + 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)id.ptr[i];
        /* an address in the id column stays out of the logs */
        text[i] = c > 0x20 && c < 0x7f && c != '@' && c != '\'' ? id.ptr[i] : '?';
    }
    return text;
}
