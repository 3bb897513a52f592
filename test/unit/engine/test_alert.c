/* SPDX-License-Identifier: MIT */
#include "engine/alert.h"

#include "harness/tap.h"

static const struct alert_limits limits = {
    .error_permille = 100, .batch_ms = 60000, .api_errors = 5};

static void judge(struct alert_facts facts, unsigned expected)
{
    CHECK_INT(alert_judge(&limits, &facts), expected);
}

static void thresholds(void)
{
    const unsigned rate = 1U << ALERT_ERROR_RATE;
    const unsigned batch = 1U << ALERT_BATCH_TIME;
    const unsigned api = 1U << ALERT_API_ERRORS;
    judge((struct alert_facts){0}, 0);
    judge((struct alert_facts){.done = 20, .failed = 2}, 0); /* not above */
    judge((struct alert_facts){.done = 20, .failed = 3}, rate);
    judge((struct alert_facts){.done = 9, .failed = 9}, 0); /* too few to say */
    judge((struct alert_facts){.done = 10, .failed = 10}, rate);
    judge((struct alert_facts){.batch_ms = 60000}, 0);
    judge((struct alert_facts){.batch_ms = 60001}, batch);
    judge((struct alert_facts){.api_errors = 4}, 0);
    judge((struct alert_facts){.api_errors = 5}, api);
    judge((struct alert_facts){.breaker_opened = 1}, 1U << ALERT_BREAKER);
    judge((struct alert_facts){.done = 10, .failed = 5, .batch_ms = 70000, .api_errors = 9},
          rate | batch | api);
}

static void a_limit_of_0_judges_nothing(void)
{
    const struct alert_limits none = {0};
    const struct alert_facts facts = {
        .done = 100, .failed = 100, .batch_ms = 1000000, .api_errors = 100};
    CHECK_INT(alert_judge(&none, &facts), 0);
}

static void text_of(enum alert_condition condition, const char *expected)
{
    const struct alert_facts facts = {
        .done = 20, .failed = 5, .batch_ms = 75500, .api_errors = 7, .breaker_opened = 1};
    AUTO_BUF struct buf out = {0};
    alert_text(condition, &limits, &facts, &out);
    CHECK_STR(buf_z(&out), expected);
}

static void what_is_told(void)
{
    text_of(ALERT_ERROR_RATE, "error rate 0.25 (5 of 20 changes), the limit is 0.1");
    text_of(ALERT_BATCH_TIME, "the batch at hand takes 75 s, the limit is 60 s");
    text_of(ALERT_API_ERRORS, "7 calls failed, the limit is 5");
    text_of(ALERT_BREAKER, "the circuit breaker has opened: the remote does not answer as it "
                           "should, and nothing is written until it does");
}

static void slack(void)
{
    AUTO_BUF struct buf out = {0};
    alert_slack_json(STR("a <b> & c"), STR("d\n\"e\""), &out);
    CHECK_STR(buf_z(&out), "{\"text\":\"a &lt;b&gt; &amp; c\\nd\\n\\\"e\\\"\"}");
    AUTO_BUF struct buf body = {0};
    for (int i = 0; i < 5000; i++) {
        buf_addc(&body, 'x');
    }
    buf_clear(&out);
    alert_slack_json(STR("s"), buf_str(&body), &out);
    CHECK_INT(out.len, 3000 + sizeof("{\"text\":\"\"}"));
}

TAP_MAIN(TAP_TEST(thresholds), TAP_TEST(a_limit_of_0_judges_nothing), TAP_TEST(what_is_told),
         TAP_TEST(slack))
