/* SPDX-License-Identifier: MIT */
/*
 * Would alerts arrive? The mail server is signed in to and left, Slack's host is asked for its front page.
 * Nothing is sent, nothing is posted.
 */
#include "command/doctor.h"
#include "net/http.h"
#include "net/mail.h"

enum { TIMEOUT_MS = 10000 };

void doctor_mail(struct checkup *checkup, const struct settings *settings)
{
    if (settings->smtp_host == NULL) {
        checkup_add(checkup, "mail", FINDING_FAIL, "SMTP_HOST is not set");
        checkup_fix(checkup, "Name the mail server: SMTP_HOST=mail.example.com.");
        return;
    }
    const struct mail_options options = {
        .server = settings->smtp_host,
        .user = settings->smtp_user,
        .password = secret_is_set(&settings->smtp_password) ? &settings->smtp_password : NULL,
        .timeout_ms = TIMEOUT_MS,
        .ca_file = settings->smtp_ca_file,
    };
    struct err err = {0};
    if (!mail_probe(&options, &err)) {
        checkup_add(checkup, "mail", FINDING_FAIL, "%s", err.message);
        checkup_fix(checkup, "%s",
                    err.hint[0] != '\0' ? err.hint : "Check SMTP_HOST, SMTP_USER, SMTP_PASSWORD.");
        return;
    }
    checkup_add(checkup, "mail", FINDING_OK, "'%s' answers%s", settings->smtp_host,
                settings->smtp_user != NULL ? ", signed in" : "");
    if (settings->alert_email == NULL) {
        checkup_add(checkup, "mail recipients", FINDING_WARN, "ALERT_EMAIL is not set");
        checkup_fix(checkup, "Name who is to be told: ALERT_EMAIL=ops@example.com.");
    }
}

/* "https://host:port/" of the webhook, which is a secret as a whole. */
static bool front_page(const struct secret *webhook, struct buf *out)
{
    str url = secret_reveal(webhook);
    size_t at = 0;
    for (int slashes = 0; at < url.len && slashes < 3; at++) {
        slashes += url.ptr[at] == '/';
    }
    buf_add(out, url.ptr, at);
    return at > 0 && out->ptr[out->len - 1] == '/';
}

void doctor_slack(struct checkup *checkup, const struct settings *settings)
{
    if (!secret_is_set(&settings->slack_webhook)) {
        checkup_add(checkup, "Slack", FINDING_FAIL, "SLACK_WEBHOOK is not set");
        checkup_fix(checkup, "Make an incoming webhook at Slack and put it into .env.");
        return;
    }
    const struct http_options options = {
        .connect_timeout_ms = TIMEOUT_MS, .read_timeout_ms = TIMEOUT_MS, .clock = clock_system()};
    AUTO_BUF struct buf url = {0};
    AUTO_RESPONSE struct http_response response = {0};
    struct err err = {0};
    AUTO(http_free) struct http *http = http_new(&options, &err);
    bool good = http != NULL && front_page(&settings->slack_webhook, &url);
    const struct http_request request = {.method = "GET", .url = buf_z(&url)};
    /* whatever it answers, a redirect too: it is there, and TLS is right */
    if (good && (http_send(http, &request, &response, &err) || err.kind == ERR_REMOTE)) {
        checkup_add(checkup, "Slack", FINDING_OK,
                    "its host answers; whether the webhook is known only a message would tell");
        return;
    }
    checkup_add(checkup, "Slack", FINDING_FAIL, "%s",
                err_is(&err) ? err.message : "SLACK_WEBHOOK is no URL");
    checkup_fix(checkup, "Check SLACK_WEBHOOK, network and proxy.");
}
