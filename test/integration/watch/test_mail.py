#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test_mail.py MAIL_PROBE: e-mails of net/mail.c arrive at real servers as they were written, or are
refused for the right reason. The server is aiosmtpd."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mailserver import PASSWORD, USER, Hanging, Mailbox, Server, make_certificate

PROBE = sys.argv[1]
FROM = "steward@example.com"
failed = count = 0


def send(server, to="ops@example.com", body=b"one\n", ca="", user=None, password=None):
    sign_in = [] if user is None else [user, password]
    done = subprocess.run([PROBE, server, FROM, to, str(ca), *sign_in], input=body, check=False,
                          capture_output=True, timeout=30)
    if done.stderr:
        return f"stderr: {done.stderr.decode()}"
    return done.stdout.decode().strip()


def check(name, got, wanted):
    global failed, count
    count += 1
    if got != wanted:
        failed += 1
        print(f"# is        {got!r}\n#   should be {wanted!r}")
    print(f"{'ok' if got == wanted else 'not ok'} {count} - {name}", flush=True)


def text_of(mailbox):
    """The body of the one message."""
    if len(mailbox.messages) != 1:
        return f"{len(mailbox.messages)} messages"
    return mailbox.messages[0][1].split(b"\r\n\r\n", 1)[1]


def plain():
    mailbox = Mailbox()
    with Server(mailbox) as address:
        check("a plain relay", send(f"smtp://{address}", "a@example.com, b@example.org"), "sent")
        check("all recipients in one message", [to for to, _ in mailbox.messages],
              [["a@example.com", "b@example.org"]])
        check("its subject", mailbox.subjects(), ["steward: a test"])
        mailbox.messages.clear()
        body = b".\n..\n.leading dot\n\nlast . line\n.\n"
        send(f"smtp://{address}", body=body)
        check("dots at the beginning of lines", text_of(mailbox), body.replace(b"\n", b"\r\n"))
        mailbox.messages.clear()
        body = b"".join(b"%07d .%s\n" % (i, b"x" * 60) for i in range(30000))
        check("two megabytes", send(f"smtp://{address}", body=body), "sent")
        check("arrive whole", text_of(mailbox) == body.replace(b"\n", b"\r\n"), True)
        check("a server without STARTTLS is refused", send(address),
              f"could not send mail by '{address}': it offers no STARTTLS\n"
              "hint: Use smtps://host:465, or smtp://host for a relay that you trust.")
        check("and got nothing", len(mailbox.messages), 1)
        check("no password in the open", send(f"smtp://{address}", user="u", password="p"),
              f"could not send mail by 'smtp://{address}': a password would travel unencrypted")


def refused_recipients():
    mailbox = Mailbox(refuse=["gone@example.com", "away@example.com"])
    with Server(mailbox) as address:
        server = f"smtp://{address}"
        check("one of several is refused", send(server, "gone@example.com, ops@example.com"),
              f"could not send mail by '{server}' to all recipients: it answered 550 to some")
        check("the other gets it, once", [to for to, _ in mailbox.messages], [["ops@example.com"]])
        check("the only one is refused", send(server, "gone@example.com"),
              f"could not send mail by '{server}': it answered 550")
        check("all are refused", send(server, "gone@example.com,away@example.com"),
              f"could not send mail by '{server}': it answered 550")
        check("nobody got more", len(mailbox.messages), 1)


def encrypted(top):
    authority = top / "ca.pem"
    for scheme, tls in (("", "starttls"), ("smtps://", "smtps")):
        mailbox = Mailbox()
        name = tls.upper()
        with Server(mailbox, tls, True, top) as address:
            server = scheme + address
            check(f"{name}, signed in", send(server, ca=authority, user=USER.decode(),
                                             password=PASSWORD.decode()), "sent")
            check(f"{name}: the message", text_of(mailbox), b"one\r\n")
            check(f"{name}: a wrong password", send(server, ca=authority, user="steward", password="x"),
                  f"could not send mail by '{server}': the sign-in was refused\n"
                  "hint: Check SMTP_USER and SMTP_PASSWORD.")
            check(f"{name}: without a password", send(server, ca=authority),
                  f"could not send mail by '{server}': it answered 530")
            check(f"{name}: an authority that nobody knows",
                  send(server, user=USER.decode(), password=PASSWORD.decode()),
                  f"could not send mail by '{server}': its certificate is not trusted\n"
                  "hint: Name the file with its authority's certificate: SMTP_CA_FILE.")
            check(f"{name}: nothing else arrived", len(mailbox.messages), 1)


def silence():
    with Hanging() as address:
        begun = time.monotonic()
        check("a server that hangs", send(f"smtp://{address}"),
              f"could not send mail by 'smtp://{address}': Timeout was reached")
        check("is waited for as long as was said", 1.5 < time.monotonic() - begun < 6, True)
    check("nobody there", send(f"smtp://{address}"),
          f"could not send mail by 'smtp://{address}': Couldn't connect to server")
    check("a password in the server's name is not repeated", send("smtps://u:secret@mail.example.com"),
          "could not send mail: the server's name holds a user\n"
          "hint: SMTP_HOST names the server only: see SMTP_USER and SMTP_PASSWORD.")


def main():
    with tempfile.TemporaryDirectory(prefix="mail-") as top:
        plain()
        refused_recipients()
        encrypted(make_certificate(Path(top)))
        silence()
    print(f"1..{count}")
    sys.exit(1 if failed else 0)


main()
