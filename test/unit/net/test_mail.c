/* SPDX-License-Identifier: MIT */
#include "net/mail.h"

#include "harness/tap.h"

static struct err err;

static bool compose(const char *from, const char *to, const char *subject, const char *body,
                    struct buf *out)
{
    const struct mail_options options = {.server = "mail.example.com", .from = from, .to = to};
    const struct mail_message message = {
        .subject = subject, .body = str_of(body), .at_ms = 1795543923664};
    buf_clear(out);
    return mail_compose(&options, &message, 0x1f, out, &err);
}

static void a_message(void)
{
    AUTO_BUF struct buf out = {0};
    CHECK_OK(compose("steward@example.com", "a@example.com, b@example.org",
                     "steward: run 7 is done", "one\n.two\nthree \xc3\xa4", &out),
             err);
    CHECK_STR(buf_z(&out), "Date: Tue, 24 Nov 2026 18:12:03 +0000\r\n"
                           "From: <steward@example.com>\r\n"
                           "To: <a@example.com>,\r\n <b@example.org>\r\n"
                           "Subject: steward: run 7 is done\r\n"
                           "Message-ID: <000000000000001f.1795543923664@example.com>\r\n"
                           "MIME-Version: 1.0\r\n"
                           "Content-Type: text/plain; charset=utf-8\r\n"
                           "Content-Transfer-Encoding: 8bit\r\n"
                           "Auto-Submitted: auto-generated\r\n"
                           "\r\n"
                           "one\r\n.two\r\nthree \xc3\xa4\r\n");
}

static void nothing_gets_into_the_header(void)
{
    AUTO_BUF struct buf out = {0};
    CHECK_ERR(compose("a@example.com\r\nBcc: x@example.com", "a@example.com", "s", "b", &out), err,
              ERR_CONFIG, "could not use the sender: it is no address");
    CHECK_ERR(compose("a@example.com", "a@example.com\nBcc:x@example.com", "s", "b", &out), err,
              ERR_CONFIG, "could not use the recipients: number 1 is no address");
    CHECK_ERR(compose("a@example.com", "a@example.com,,b@example.com", "s", "b", &out), err,
              ERR_CONFIG, "could not use the recipients: number 2 is no address");
    CHECK_ERR(compose("a@example.com", "a@example.com", "s\r\nBcc: x", "b", &out), err, ERR_CONFIG,
              "could not use the subject: it holds more than printable ASCII");
    CHECK_ERR(compose("a@example.com", "a b@example.com", "s", "b", &out), err, ERR_CONFIG,
              "could not use the recipients: number 1 is no address");
    CHECK_ERR(compose("@example.com", "a@example.com", "s", "b", &out), err, ERR_CONFIG,
              "could not use the sender: it is no address");
}

static void long_lines_are_broken(void)
{
    AUTO_BUF struct buf out = {0};
    AUTO_BUF struct buf body = {0};
    for (int i = 0; i < 2000; i++) {
        buf_addc(&body, 'x');
    }
    CHECK_OK(compose("a@example.com", "a@example.com", "s", buf_z(&body), &out), err);
    size_t in_line = 0;
    size_t longest = 0;
    for (size_t i = 0; i < out.len; i++) {
        in_line = out.ptr[i] == '\n' ? 0 : in_line + 1;
        longest = in_line > longest ? in_line : longest;
    }
    CHECK(longest < 998);
}

static void a_password_does_not_travel_in_the_open(void)
{
    struct secret password = {0};
    secret_set(&password, STR("x"));
    const struct mail_options options = {.server = "smtp://mail.example.com",
                                         .user = "u",
                                         .password = &password,
                                         .from = "a@example.com",
                                         .to = "b@example.com",
                                         .timeout_ms = 100};
    const struct mail_message message = {.subject = "s", .body = STR("b")};
    CHECK_ERR(mail_send(&options, &message, &err), err, ERR_CONFIG,
              "could not send mail by 'smtp://mail.example.com': a password would travel "
              "unencrypted");
    struct mail_options other = options;
    other.server = "mail.example.com";
    other.password = NULL;
    CHECK_ERR(mail_send(&other, &message, &err), err, ERR_CONFIG,
              "could not send mail by 'mail.example.com': there is no password");
    other.server = "smtps://u:secret@mail.example.com";
    CHECK_ERR(mail_send(&other, &message, &err), err, ERR_CONFIG,
              "could not send mail: the server's name holds a user");
    secret_done(&password);
}

TAP_MAIN(TAP_TEST(a_message), TAP_TEST(nothing_gets_into_the_header),
         TAP_TEST(long_lines_are_broken), TAP_TEST(a_password_does_not_travel_in_the_open))
