/* SPDX-License-Identifier: MIT */
/*
 * A plain text e-mail over SMTP, by libcurl. One message, one attempt: who calls decides about another.
 *
 * `server`: "mail.example.com" and "mail.example.com:587" use STARTTLS and refuse a server without it;
 * smtps://host[:465] is TLS from the first byte; smtp://host[:25] is plain, for a local relay, and takes
 * no password. The certificate is verified. Addresses and subject with a line break or beyond ASCII are
 * ERR_CONFIG: nothing can be smuggled into the header. Messages of errors name the server, never an
 * address. Where the server takes some of several recipients only, those get the message, and ERR_REMOTE
 * says so. http_global_init comes first; then any thread may call.
 */
#ifndef STEWARD_NET_MAIL_H
#define STEWARD_NET_MAIL_H

#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

struct mail_options {
    const char *server;
    const char *user;              /* NULL: no sign-in */
    const struct secret *password; /* of `user` */
    const char *from;
    const char *to; /* one or several, separated by commas */
    int64_t timeout_ms;
    const char *ca_file; /* NULL: the system's */
};

struct mail_message {
    const char *subject;
    str body; /* UTF-8, lines end with LF */
    int64_t at_ms;
};

/* ERR_NETWORK: not reached, or broken off; ERR_AUTH: the sign-in was refused; ERR_REMOTE: refused. */
bool mail_send(const struct mail_options *options, const struct mail_message *message,
               struct err *err) MUST_CHECK;

/* Connects, with TLS and sign-in as mail_send does, and leaves: nothing is sent. `from` and `to` are not used. */
bool mail_probe(const struct mail_options *options, struct err *err) MUST_CHECK;

/* The message with its header, as it is sent: lines end with CRLF. `nonce` makes the Message-ID. */
bool mail_compose(const struct mail_options *options, const struct mail_message *message,
                  uint64_t nonce, struct buf *out, struct err *err) MUST_CHECK;

#endif
