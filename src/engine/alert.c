/* SPDX-License-Identifier: MIT */
#include "engine/alert.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/queue.h"
#include "net/http.h"
#include "net/mail.h"

enum {
    LOOK_MS = 1000,
    SEND_MS =
        10000, /* one message, one way; and all that is left to tell when the run has worked */
    SLACK_CHARS = 3000,
    HOST_BYTES = 256,
};

static const char *const names[] = {
#define X(condition, name) [condition] = (name),
    ALERT_CONDITIONS(X)
#undef X
};

struct alerts {
    struct job_run *run;
    const char *job;
    struct schedule *schedule;
    struct alert_limits limits;
    struct stop end;                /* level 1 ends the thread */
    _Atomic(int64_t) send_until_ns; /* monotonic; 0: the run works */
    pthread_t thread;
    unsigned told;
    uint64_t batch; /* the number of the batch at hand */
    int64_t batch_began_ms;
};

/* --- judging ---------------------------------------------------------------------------------- */

static bool is_above(uint64_t value, int64_t limit)
{
    return limit > 0 && value >= (uint64_t)limit;
}

unsigned alert_judge(const struct alert_limits *limits, const struct alert_facts *facts)
{
    unsigned met = 0;
    if (limits->error_permille > 0 && facts->done >= ALERT_MIN_DONE &&
        facts->failed * 1000 > facts->done * (uint64_t)limits->error_permille) {
        met |= 1U << ALERT_ERROR_RATE;
    }
    if (limits->batch_ms > 0 && facts->batch_ms > limits->batch_ms) {
        met |= 1U << ALERT_BATCH_TIME;
    }
    if (is_above(facts->api_errors, limits->api_errors)) {
        met |= 1U << ALERT_API_ERRORS;
    }
    if (facts->breaker_opened > 0) {
        met |= 1U << ALERT_BREAKER;
    }
    return met;
}

void alert_text(enum alert_condition condition, const struct alert_limits *limits,
                const struct alert_facts *facts, struct buf *out)
{
    switch (condition) {
    case ALERT_ERROR_RATE:
        buf_printf(out, "error rate %.3g (%" PRIu64 " of %" PRIu64 " changes), the limit is %.3g",
                   (double)facts->failed / (double)facts->done, facts->failed, facts->done,
                   (double)limits->error_permille / 1000);
        return;
    case ALERT_BATCH_TIME:
        buf_printf(out, "the batch at hand takes %" PRId64 " s, the limit is %.3g s",
                   facts->batch_ms / 1000, (double)limits->batch_ms / 1000);
        return;
    case ALERT_API_ERRORS:
        buf_printf(out, "%" PRIu64 " calls failed, the limit is %" PRId64, facts->api_errors,
                   limits->api_errors);
        return;
    case ALERT_BREAKER:
        buf_addz(out, "the circuit breaker has opened: the remote does not answer as it should, "
                      "and nothing is written until it does");
        return;
    case ALERT_CONDITION_COUNT:
        return;
    }
}

/* --- sending ------------------------------------------------------------------------------------- */

void alert_slack_json(str subject, str body, struct buf *out)
{
    AUTO_BUF struct buf text = {0};
    const str parts[] = {subject, STR("\n"), body};
    size_t chars = 0;
    for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
        for (size_t i = 0; i < parts[p].len && chars < SLACK_CHARS; i++, chars++) {
            char c = parts[p].ptr[i];
            buf_adds(&text, c == '&'   ? STR("&amp;")
                            : c == '<' ? STR("&lt;")
                            : c == '>' ? STR("&gt;")
                                       : (str){&c, 1});
        }
    }
    buf_addz(out, "{\"text\":");
    buf_add_json(out, buf_str(&text));
    buf_addc(out, '}');
}

static bool send_slack(const struct job_run *run, str subject, str body, int64_t timeout_ms,
                       struct err *err)
{
    const struct http_options options = {
        .connect_timeout_ms = timeout_ms, .read_timeout_ms = timeout_ms, .clock = run->clock};
    AUTO_BUF struct buf json = {0};
    struct buf url = {0};
    AUTO_RESPONSE struct http_response response = {0};
    AUTO(http_free) struct http *http = http_new(&options, err);
    if (http == NULL) {
        return false;
    }
    alert_slack_json(subject, body, &json);
    buf_adds(&url, secret_reveal(&run->settings->slack_webhook));
    const struct http_request request = {
        .method = "POST", .url = buf_z(&url), .is_write = true, .body = buf_str(&json)};
    bool ok = http_send(http, &request, &response, err);
    secret_wipe_buf(&url);
    if (ok && response.status != 200) {
        ok = err_set(err, ERR_REMOTE, "could not post to Slack: the webhook answered %d",
                     response.status);
        (void)err_hint(err, "Check SLACK_WEBHOOK; a webhook that was deleted answers 404.");
    }
    return ok;
}

static bool send_mail(const struct job_run *run, const char *subject, str body, int64_t timeout_ms,
                      struct err *err)
{
    const struct settings *settings = run->settings;
    AUTO_BUF struct buf from = {0};
    char host[HOST_BYTES] = "localhost";
    (void)gethostname(host, sizeof(host) - 1);
    buf_printf(&from, "steward@%s", host);
    const struct mail_options options = {
        .server = settings->smtp_host,
        .user = settings->smtp_user,
        .password = secret_is_set(&settings->smtp_password) ? &settings->smtp_password : NULL,
        .from = settings->smtp_from != NULL ? settings->smtp_from : buf_z(&from),
        .to = settings->alert_email,
        .timeout_ms = timeout_ms,
        .ca_file = settings->smtp_ca_file,
    };
    const struct mail_message message = {
        .subject = subject, .body = body, .at_ms = clock_real_ms(run->clock)};
    if (settings->smtp_host == NULL) {
        (void)err_set(err, ERR_CONFIG, "could not send mail: SMTP_HOST is not set");
        return err_hint(err, "Name the mail server: SMTP_HOST=mail.example.com.");
    }
    return mail_send(&options, &message, err);
}

static void note(const struct job_run *run, const char *condition, const char *by,
                 const struct err *err)
{
    AUTO_BUF struct buf detail = {0};
    bool sent = err == NULL;
    buf_printf(&detail, "{\"condition\":\"%s\",\"by\":\"%s\",\"sent\":%s}", condition, by,
               sent ? "true" : "false");
    journal_audit(run->journal, run->run, "alert", buf_str(&detail));
    if (sent) {
        log_at(run->log, LOG_INFO, "alert sent", LOG_STR("condition", condition),
               LOG_STR("by", by));
    } else {
        log_at(run->log, LOG_WARN, "could not send an alert", LOG_STR("condition", condition),
               LOG_STR("by", by), LOG_ERR(err));
    }
}

/* How long the next message may take. False: there is no time left for any. */
static bool has_time(struct alerts *alerts, int64_t *ret_ms, struct err *err)
{
    int64_t until_ns = alerts != NULL ? atomic_load(&alerts->send_until_ns) : 0;
    int64_t left_ms =
        until_ns == 0 ? SEND_MS : (until_ns - clock_mono_ns(clock_system())) / 1000000;
    *ret_ms = left_ms;
    return left_ms > 0 ||
           err_set(err, ERR_NETWORK, "could not send it: earlier ones took all the time there is");
}

/* `alerts` NULL: they have ended. */
static void send_all(struct alerts *alerts, const struct job_run *run, const char *condition,
                     const char *subject, str body)
{
    const struct settings *settings = run->settings;
    int64_t ms = 0;
    struct err err = {0};
    if (settings->alert_email != NULL) {
        bool ok = has_time(alerts, &ms, &err) && send_mail(run, subject, body, ms, &err);
        note(run, condition, "mail", ok ? NULL : &err);
    }
    if (secret_is_set(&settings->slack_webhook)) {
        err = (struct err){0};
        bool ok = has_time(alerts, &ms, &err) && send_slack(run, str_of(subject), body, ms, &err);
        note(run, condition, "slack", ok ? NULL : &err);
    }
}

/* --- while the run works ----------------------------------------------------------------------------- */

static void read_facts(struct alerts *alerts, struct alert_facts *ret)
{
    struct schedule_counts counts;
    struct callstats_totals calls;
    struct pressure_state pressure = {0};
    schedule_counts(alerts->schedule, &counts);
    callstats_totals(alerts->run->calls, &calls);
    pressure_look(alerts->run->pressure, &pressure);
    int64_t now_ms = clock_mono_ns(alerts->run->clock) / 1000000;
    uint64_t done =
        counts.done[WORK_VERIFIED] + counts.done[WORK_FAILED] + counts.done[WORK_SKIPPED];
    int64_t size = alerts->run->settings->batch_size;
    uint64_t batch = size > 0 ? done / (uint64_t)size : 0;
    if (batch != alerts->batch || alerts->batch_began_ms == 0 || pressure.held) {
        alerts->batch = batch;
        alerts->batch_began_ms = now_ms;
    }
    *ret = (struct alert_facts){
        .done = done,
        .failed = counts.done[WORK_FAILED],
        .api_errors = calls.errors,
        .batch_ms = done < counts.todo ? now_ms - alerts->batch_began_ms : 0,
        .breaker_opened = pressure.breaker_opened,
    };
}

static void add_place(const struct job_run *run, const char *job, struct buf *out)
{
    char host[HOST_BYTES] = "";
    (void)gethostname(host, sizeof(host) - 1);
    buf_printf(out, "run %" PRId64 " (%s) on %s", run->run, job, host);
}

static void tell(struct alerts *alerts, enum alert_condition condition,
                 const struct alert_facts *facts)
{
    const struct job_run *run = alerts->run;
    AUTO_BUF struct buf subject = {0};
    AUTO_BUF struct buf body = {0};
    buf_printf(&subject, "steward: %s in run %" PRId64, names[condition], run->run);
    add_place(run, alerts->job, &body);
    buf_addz(&body, ": ");
    alert_text(condition, &alerts->limits, facts, &body);
    buf_printf(&body,
               ".\n\n%" PRIu64 " changes ended so far, %" PRIu64 " of them failed.\n\n"
               "steward show %" PRId64 "     what happened to each change\n"
               "steward pause %" PRId64 "    stops new work; steward continue %" PRId64
               " goes on\n\nThis is told once.\n",
               facts->done, facts->failed, run->run, run->run, run->run);
    send_all(alerts, run, names[condition], buf_z(&subject), buf_str(&body));
}

static void look(struct alerts *alerts)
{
    struct alert_facts facts;
    read_facts(alerts, &facts);
    unsigned met = alert_judge(&alerts->limits, &facts) & ~alerts->told;
    alerts->told |= met;
    for (int i = 0; i < ALERT_CONDITION_COUNT; i++) {
        if ((met >> i & 1) != 0) {
            tell(alerts, (enum alert_condition)i, &facts);
        }
    }
}

static void *work(void *arg)
{
    struct alerts *alerts = arg;
    while (clock_sleep_ms(clock_system(), LOOK_MS, &alerts->end, 1)) {
        look(alerts);
    }
    look(alerts); /* what a short run met */
    return NULL;
}

static bool is_wanted(const struct settings *settings)
{
    return settings->alert_email != NULL || secret_is_set(&settings->slack_webhook);
}

struct alerts *alerts_start(struct job_run *run, const char *job, struct schedule *schedule,
                            struct err *err)
{
    const struct settings *settings = run->settings;
    if (!is_wanted(settings)) {
        return NULL;
    }
    struct alerts *alerts = xnew(struct alerts);
    *alerts = (struct alerts){
        .run = run,
        .job = job,
        .schedule = schedule,
        .limits = {.error_permille = settings->alert_error_permille,
                   .batch_ms = settings->alert_batch_ms,
                   .api_errors = settings->alert_api_errors},
    };
    stop_init(&alerts->end);
    if (!thread_start(&alerts->thread, "alerts", work, alerts, err)) {
        stop_done(&alerts->end);
        free(alerts);
        return NULL;
    }
    return alerts;
}

void alerts_stop(struct alerts *alerts)
{
    if (alerts == NULL) {
        return;
    }
    atomic_store(&alerts->send_until_ns,
                 clock_mono_ns(clock_system()) + INT64_C(1000000) * SEND_MS);
    stop_raise(&alerts->end, 1);
    pthread_join(alerts->thread, NULL);
    stop_done(&alerts->end);
    free(alerts);
}

/* --- at the end -------------------------------------------------------------------------------------- */

void alerts_ended(struct job_run *run, const struct run *row, enum run_state state,
                  const char *reason)
{
    AUTO_BUF struct buf subject = {0};
    AUTO_BUF struct buf body = {0};
    if (!is_wanted(run->settings)) {
        return;
    }
    buf_printf(&subject, "steward: run %" PRId64 " is %s", run->run, run_state_name(state));
    add_place(run, row->job, &body);
    buf_printf(&body, " is %s%s%s.\n\n", run_state_name(state), reason != NULL ? ": " : "",
               reason != NULL ? reason : "");
    for (int i = 0; i < CHANGE_STATE_COUNT; i++) {
        if (row->counts[i] != 0) {
            buf_printf(&body, "%-10s %10" PRIu64 "\n", change_state_name((enum change_state)i),
                       row->counts[i]);
        }
    }
    buf_printf(&body, "\n%s %" PRId64 "\n", state == RUN_DONE ? "steward verify" : "steward resume",
               run->run);
    send_all(NULL, run, "end", buf_z(&subject), buf_str(&body));
}
