/* SPDX-License-Identifier: MIT */
#include "sandbox/slack.h"

#include "harness/tap.h"
#include "sandbox/options.h"
#include "sandbox/sandbox.h"

static struct {
    struct options options;
    struct stop stop;
    struct sandbox sandbox;
    char path[128];
} rig;

static void open_sandbox(const char *fault)
{
    struct err err = {0};
    static char name[] = "sandbox";
    static char contacts[] = "--contacts=4";
    static char issues[] = "--issues=2";
    char *argv[] = {name, contacts, issues, NULL};
    AUTO_BUF struct buf env = {0};
    CHECK_OK(options_parse(3, argv, &rig.options, &err), err);
    stop_init(&rig.stop);
    CHECK_OK(sandbox_open(&rig.sandbox, &rig.options, &rig.stop, &err), err);
    if (fault != NULL) {
        struct faults faults = {.seed = 1};
        faults.len = 1;
        CHECK_OK(fault_parse(str_of(fault), &faults.rules[0], &err), err);
        sandbox_set_faults(&rig.sandbox, &faults);
    }
    slack_env(&rig.sandbox, 1234, &env);
    CHECK(str_starts(buf_str(&env), STR("#SLACK_WEBHOOK=http://127.0.0.1:1234/services/")));
    (void)snprintf(rig.path, sizeof(rig.path), "%.*s",
                   (int)(env.len - strlen("#SLACK_WEBHOOK=http://127.0.0.1:1234/") - 1),
                   env.ptr + strlen("#SLACK_WEBHOOK=http://127.0.0.1:1234/"));
}

static void close_sandbox(void)
{
    sandbox_close(&rig.sandbox);
    stop_done(&rig.stop);
}

static void post(const char *method, const char *path, str body, int status, const char *text)
{
    const struct visit visit = {.method = str_of(method), .call = str_of(path), .body = body};
    struct answer answer;
    slack_dispatch(&rig.sandbox, &visit, &answer);
    CHECK_INT(answer.status, status);
    CHECK_TEXT(buf_str(&answer.body), text);
    buf_done(&answer.body);
}

static void what_a_webhook_answers(void)
{
    AUTO_BUF struct buf longest = {0};
    open_sandbox(NULL);
    post("POST", rig.path, STR("{\"text\":\"hello\"}"), 200, "ok");
    post("POST", "services/T0/B0/other", STR("{\"text\":\"hello\"}"), 404, "no_service");
    post("GET", rig.path, STR(""), 404, "no_service");
    post("POST", rig.path, STR("text=hello"), 400, "invalid_payload");
    post("POST", rig.path, STR("[]"), 400, "invalid_payload");
    post("POST", rig.path, STR("{}"), 400, "no_text");
    post("POST", rig.path, STR("{\"text\":\"\"}"), 400, "no_text");
    post("POST", rig.path, STR("{\"text\":7}"), 400, "no_text");
    buf_addz(&longest, "{\"text\":\"");
    for (int i = 0; i < 40000; i++) {
        buf_addc(&longest, 'x');
    }
    size_t all = longest.len;
    buf_addz(&longest, "\"}");
    post("POST", rig.path, buf_str(&longest), 200, "ok");
    longest.len = all;
    buf_addz(&longest, "x\"}");
    post("POST", rig.path, buf_str(&longest), 400, "msg_too_long");
    close_sandbox();
}

static void the_path_outlives_a_restart(void)
{
    char before[sizeof(rig.path)];
    open_sandbox(NULL);
    memcpy(before, rig.path, sizeof(before));
    close_sandbox();
    open_sandbox(NULL);
    CHECK_STR(rig.path, before);
    close_sandbox();
}

static void faults(void)
{
    struct answer answer;
    const struct visit visit = {.method = STR("POST"), .body = STR("{\"text\":\"a\"}")};
    open_sandbox("webhook@1=status:429:3");
    struct visit here = visit;
    here.call = str_of(rig.path);
    slack_dispatch(&rig.sandbox, &here, &answer);
    CHECK_INT(answer.status, 429);
    CHECK_INT(answer.retry_after, 3);
    CHECK_TEXT(buf_str(&answer.body), "rate_limited");
    buf_done(&answer.body);
    post("POST", rig.path, visit.body, 200, "ok");
    close_sandbox();

    open_sandbox("webhook@1=drop-before");
    here.call = str_of(rig.path);
    slack_dispatch(&rig.sandbox, &here, &answer);
    CHECK_INT(answer.status, 0);
    buf_done(&answer.body);
    close_sandbox();

    open_sandbox("webhook@1=drop-after");
    here.call = str_of(rig.path);
    slack_dispatch(&rig.sandbox, &here, &answer);
    CHECK_INT(answer.action, FAULT_DROP_AFTER);
    CHECK_TEXT(buf_str(&answer.body), "ok"); /* it was posted; the answer is what gets lost */
    buf_done(&answer.body);
    close_sandbox();
}

TAP_MAIN(TAP_TEST(what_a_webhook_answers), TAP_TEST(the_path_outlives_a_restart), TAP_TEST(faults))
