/* SPDX-License-Identifier: MIT */
/*
 * mail_probe SERVER FROM TO [CA_FILE [USER PASSWORD]] <BODY: one e-mail as alerts send it, to the server
 * programs of test_mail.py. Prints "sent", or the error's kind, message and hint.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "net/http.h"
#include "net/mail.h"

int main(int argc, char **argv)
{
    struct err err = {0};
    struct secret password = {0};
    AUTO_BUF struct buf body = {0};
    if (argc < 4 || !fs_read(AT_FDCWD, "/dev/stdin", &body, &err)) {
        return 2;
    }
    if (argc > 6) {
        secret_set(&password, str_of(argv[6]));
    }
    const struct mail_options options = {.server = argv[1],
                                         .from = argv[2],
                                         .to = argv[3],
                                         .ca_file = argc > 4 && argv[4][0] != '\0' ? argv[4] : NULL,
                                         .user = argc > 6 ? argv[5] : NULL,
                                         .password = argc > 6 ? &password : NULL,
                                         .timeout_ms = 2000};
    const struct mail_message message = {
        .subject = "steward: a test", .body = buf_str(&body), .at_ms = 1795543923664};
    http_global_init();
    bool sent = mail_send(&options, &message, &err);
    (void)printf("%s\n", sent ? "sent" : err.message);
    if (!sent && err.hint[0] != '\0') {
        (void)printf("hint: %s\n", err.hint);
    }
    secret_done(&password);
    return sent ? 0 : 1;
}
