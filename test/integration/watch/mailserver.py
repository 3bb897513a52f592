# SPDX-License-Identifier: MIT
"""Real SMTP servers for the tests: aiosmtpd, with and without TLS and sign-in, and one that hangs."""

import logging
import socket
import ssl
import subprocess
import warnings

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

warnings.simplefilter("ignore")  # signing in without TLS is what is tested
logging.getLogger("mail.log").setLevel(logging.CRITICAL)

USER, PASSWORD = b"steward", b"swordfish-7"


class Mailbox:
    """What came in: (recipients, bytes as they were sent, dots undone by the server)."""

    def __init__(self, refuse=()):
        self.messages = []
        self.refuse = set(refuse)

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address in self.refuse:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.messages.append((envelope.rcpt_tos, envelope.content))
        return "250 OK"

    def subjects(self):
        return [line[len("Subject: "):] for _, content in self.messages
                for line in content.decode().split("\r\n") if line.startswith("Subject: ")]


class Server:
    """With `with`. `tls`: None, "starttls" or "smtps"; `auth`: signing in is needed."""

    def __init__(self, mailbox, tls=None, auth=False, certificate=None):
        options = {"data_size_limit": 1 << 26}
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate / "server.pem", certificate / "server.key")
        if tls == "starttls":
            options |= {"tls_context": context, "require_starttls": True}
        if auth:
            options |= {"authenticator": self.check, "auth_required": True,
                        "auth_require_tls": tls == "starttls"}
        self.controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(),
                                     ssl_context=context if tls == "smtps" else None, **options)

    @staticmethod
    def check(server, session, envelope, mechanism, data):
        return AuthResult(success=(data.login, data.password) == (USER, PASSWORD), handled=False)

    def __enter__(self):
        self.controller.start()
        return f"127.0.0.1:{self.controller.port}"

    def __exit__(self, *_):
        self.controller.stop()


class Hanging:
    """Takes connections and says nothing."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        return f"127.0.0.1:{self.socket.getsockname()[1]}"

    def __exit__(self, *_):
        self.socket.close()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def make_certificate(top):
    """ca.pem of an authority of our own, server.pem and server.key for 127.0.0.1."""

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=top, check=True, capture_output=True)

    (top / "names").write_text("subjectAltName=IP:127.0.0.1\n", encoding="ascii")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=test")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=127.0.0.1")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.pem")
    return top
