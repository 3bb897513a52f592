/* SPDX-License-Identifier: MIT */
#include "engine/pace.h"

static void note_breaker(const struct job_run *run, const struct pressure_state *state)
{
    const char *name = breaker_state_name(state->breaker);
    log_at(run->log, state->breaker == BREAKER_CLOSED ? LOG_INFO : LOG_WARN, "circuit breaker",
           LOG_STR("state", name), LOG_INT("opened", state->breaker_opened),
           LOG_INT("broken_ms", state->broken_ms));
    AUTO_BUF struct buf detail = {0};
    buf_printf(&detail, "{\"state\":\"%s\"}", name);
    journal_audit(run->journal, run->run, "breaker", buf_str(&detail));
}

static void note_change(void *ctx, bool breaker, const struct pressure_state *state)
{
    const struct job_run *run = ctx;
    if (run->log == NULL) {
        return; /* opened for reading: nothing is kept */
    }
    if (breaker) {
        note_breaker(run, state);
        return;
    }
    log_at(run->log, LOG_INFO, "workers", LOG_INT("may_be_busy", state->width),
           LOG_INT("of", state->most), LOG_STR("because", state->sign != NULL ? state->sign : ""));
}

struct pressure *pace_new(struct job_run *run, const char *remote)
{
    const struct settings *settings = run->settings;
    const struct pressure_options options = {
        .remote = remote,
        .limiter = run->limiter,
        .clock = run->clock,
        .workers = settings->workers,
        .open_ms = settings->breaker_open_ms,
        .give_up_ms = settings->breaker_give_up_ms,
        .retry_percent = settings->retry_budget,
        .changed = note_change,
        .ctx = run,
    };
    return pressure_new(&options);
}

void pace_json(struct pressure *pressure, struct buf *out)
{
    struct pressure_state state;
    pressure_look(pressure, &state);
    buf_printf(out,
               "{\"breaker_opened\":%llu,\"breaker_ms\":%lld,\"writes_held_back\":%llu,"
               "\"cuts\":%llu,\"retries_delayed\":%llu}",
               (unsigned long long)state.breaker_opened, (long long)state.broken_ms,
               (unsigned long long)state.refused, (unsigned long long)state.cuts,
               (unsigned long long)state.delayed);
}
