#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Snowflake's own connector for Python as the judge of both sides: the tokens that steward and it sign
say the same, the sandbox takes the connector's, and the values that steward writes are those that the
connector reads from the same cells."""

import csv
import datetime
import http.server
import json
import os
import random
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sandbox"))

import jwt  # noqa: E402  (PyJWT, which the connector brings)
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: E402
from harness import Client, Sandbox, equal, main  # noqa: E402
from snowflake.connector.auth.keypair import AuthByKeyPair  # noqa: E402
from snowflake.connector.converter import SnowflakeConverter  # noqa: E402

STEWARD = os.path.abspath(sys.argv[2])


def make_key(directory):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with open(os.path.join(directory, "key.p8"), "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    with open(os.path.join(directory, "key.pub"), "wb") as file:
        file.write(
            key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    return key


class Api:
    """A SQL API that answers every statement at once with one result; notes the tokens."""

    def __init__(self, columns, rows):
        self.tokens = []
        self.kinds = []
        api = self
        answer = json.dumps(
            {
                "statementHandle": "1",
                "resultSetMetaData": {
                    "numRows": len(rows),
                    "partitionInfo": [{"rowCount": len(rows)}],
                    "rowType": [{"name": name, "type": kind} for name, kind in columns],
                },
                "data": rows,
            }
        ).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                api.tokens.append(self.headers["Authorization"].removeprefix("Bearer "))
                api.kinds.append(self.headers["X-Snowflake-Authorization-Token-Type"])
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def merge(self, directory, **settings):
        env = {name: value for name, value in os.environ.items() if not name.startswith("SNOWFLAKE")}
        env |= {"SNOWFLAKE_HOST": f"http://127.0.0.1:{self.server.server_port}"} | settings
        result = subprocess.run(
            [STEWARD, "merge", "--source", "snowflake", "--workspace", directory],
            env=env, capture_output=True, text=True, timeout=60,
        )
        equal((result.returncode, result.stderr), (0, ""))
        with open(os.path.join(directory, "sources", "1.csv"), newline="", encoding="utf-8") as file:
            return list(csv.reader(file))


CONTACT = [("REV_USER_ID", "text"), ("EMAIL", "text"), ("EXTERNAL_REF", "text")]


def test_both_sign_the_same_claims(_):
    for account, user in (
        ("xy12345.eu-central-1", "Steward"), ("myorg-my_account", "stew.ard"), ("XY12345", "S"),
    ):
        with tempfile.TemporaryDirectory() as directory:
            key = make_key(directory)
            with Api(CONTACT, [["1", None, None]]) as api:
                api.merge(
                    directory, SNOWFLAKE_ACCOUNT=account, SNOWFLAKE_USER=user,
                    SNOWFLAKE_PRIVATE_KEY_PATH=os.path.join(directory, "key.p8"),
                )
            equal(api.kinds, ["KEYPAIR_JWT"])
            ours = jwt.decode(api.tokens[0], key.public_key(), algorithms=["RS256"])
            theirs = jwt.decode(
                AuthByKeyPair(key).prepare(account=account, user=user),
                key.public_key(), algorithms=["RS256"],
            )
            equal((ours["iss"], ours["sub"]), (theirs["iss"], theirs["sub"]))
            equal(sorted(ours), sorted(theirs))
            equal(jwt.get_unverified_header(api.tokens[0])["alg"], "RS256")
            assert 0 < ours["exp"] - ours["iat"] <= 3600
            assert abs(ours["iat"] - theirs["iat"]) <= 60


def test_the_sandbox_takes_the_connectors_tokens(exe):
    with tempfile.TemporaryDirectory() as directory:
        key = make_key(directory)
        args = ("--contacts", 10, "--env-file", "env", "--snowflake-key", "key.pub")
        with Sandbox(exe, *args, directory=directory) as box:
            with open(box.path("env"), encoding="utf-8") as file:
                env = dict(line.rstrip("\n").split("=", 1) for line in file)
            port = int(env["SNOWFLAKE_HOST"].rsplit(":", 1)[1])
            stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            for signer, account, user, status in (
                (key, "sandbox-steward", "steward", 400),  # signed in; no such statement
                (key, "sandbox-steward.eu-central-1", "STEWARD", 400),
                (key, "sandbox-steward", "other", 401),
                (key, "other", "steward", 401),
                (stranger, "sandbox-steward", "steward", 401),
            ):
                client = Client(port, AuthByKeyPair(signer).prepare(account=account, user=user))
                headers = {
                    "X-Snowflake-Authorization-Token-Type": "KEYPAIR_JWT", "User-Agent": "peer",
                }
                answer = client.get("api/v2/statements/x", {}, headers)
                equal((user, account, answer.status), (user, account, status))
                code = {400: "000709", 401: "390144"}[status]
                equal(answer.json["code"], code)
                client.close()


def written(value):
    """As steward writes what the connector read."""
    if isinstance(value, datetime.datetime):
        text = value.replace(tzinfo=None).isoformat(timespec="microseconds")
        text = text[:-3] if text.endswith("000") else text
        offset = value.utcoffset()
        if not offset:
            return text + "Z"
        minutes = int(offset.total_seconds()) // 60
        sign = "-" if minutes < 0 else "+"
        return f"{text}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    if isinstance(value, datetime.time):
        text = value.isoformat(timespec="microseconds")
        text = text[:-3] if text.endswith("000") else text
        return text.removesuffix(".000")
    return value.isoformat()


def test_values_are_those_that_the_connector_reads(_):
    seed = random.randrange(1 << 32)
    print(f"# seed {seed}")
    draw = random.Random(seed)
    scale = 6
    columns = CONTACT + [
        ("D", "DATE"), ("T", "TIME"), ("N", "timestamp_ntz"), ("Z", "timestamp_tz"),
    ]
    converter = SnowflakeConverter()
    readers = [
        converter.to_python_method(kind, {"scale": scale})
        for kind in ("DATE", "TIME", "TIMESTAMP_NTZ", "TIMESTAMP_TZ")
    ]

    def instant():
        micros = draw.choice(
            [draw.randrange(-(10**15), 10**16), draw.randrange(-(10**7), 10**7),
             draw.randrange(-100, 100) * 10**6, draw.randrange(10**12) * 1000]
        )
        sign = "-" if micros < 0 else ""
        return f"{sign}{abs(micros) // 10**6}.{abs(micros) % 10**6:06}"

    rows = [
        [
            str(i), None, None, str(draw.randrange(-150000, 2900000)),
            f"{draw.randrange(86400)}.{draw.randrange(10**6):06}", instant(),
            f"{instant()} {draw.randrange(0, 1440) + 720}",
        ]
        for i in range(5000)
    ]
    with tempfile.TemporaryDirectory() as directory:
        with Api(columns, rows) as api:
            got = api.merge(
                directory, SNOWFLAKE_ACCOUNT="a", SNOWFLAKE_TOKEN="t", SNOWFLAKE_USER="u"
            )
        equal(api.kinds, ["PROGRAMMATIC_ACCESS_TOKEN"])
        equal(len(got), len(rows) + 1)
        for row, cells in zip(rows, got[1:]):
            expected = [written(read(cell)) for read, cell in zip(readers, row[3:])]
            assert cells[3:] == expected, (row[3:], cells[3:], expected)


main(
    test_both_sign_the_same_claims,
    test_the_sandbox_takes_the_connectors_tokens,
    test_values_are_those_that_the_connector_reads,
)
