# SPDX-License-Identifier: MIT
"""A sandbox process for tests, an HTTP client for it, and TAP. Standard library only."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse


class Sandbox:
    """steward-sandbox in a directory of its own; `with Sandbox(exe, "--seed", "3") as box:`"""

    def __init__(self, exe, *args, directory=None):
        self.exe = exe
        self.args = [str(arg) for arg in args]
        self.owns = directory is None
        self.dir = directory or tempfile.mkdtemp(prefix="steward-sandbox-")
        self.process = None
        self.base = self.token = None
        self.port = 0

    def path(self, name):
        return os.path.join(self.dir, name)

    def start(self, *extra):
        self.process = subprocess.Popen(
            [self.exe, *self.args, *[str(arg) for arg in extra]],
            stdout=subprocess.PIPE,
            cwd=self.dir,
            text=True,
        )
        env = {}
        for line in self.process.stdout:
            if line == "READY\n":
                break
            name, _, value = line.rstrip("\n").partition("=")
            env[name] = value
        else:
            raise RuntimeError(f"the sandbox ended with {self.process.wait()}")
        self.base = env["DEVREV_BASE_URL"]
        self.token = env["DEVREV_API_TOKEN"]
        self.port = int(self.base.rsplit(":", 1)[1])
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(timeout=30)
        self.process.stdout.close()
        return code

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.owns:
            shutil.rmtree(self.dir, ignore_errors=True)

    def client(self):
        return Client(self.port, self.token)

    def post(self, call, body=None, **kwargs):
        return self.client().post(call, body if body is not None else {}, **kwargs)

    def get(self, call, **query):
        return self.client().get(call, query)

    def state(self):
        return self.client().get("sandbox/state", {}).json

    def lines(self, name):
        """A file of JSON lines; a torn or empty line is an error."""
        with open(self.path(name), "rb") as file:
            data = file.read()
        assert data == b"" or data.endswith(b"\n"), f"{name} ends with a torn line"
        return [json.loads(line) for line in data.splitlines()]


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """One kept connection."""

    def __init__(self, port, token):
        self.port = port
        self.token = token
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def request(self, method, path, body=None, headers=None):
        send = {"Authorization": f"Bearer {self.token}"}
        send.update(headers or {})
        send = {name: value for name, value in send.items() if value is not None}
        self.connection.request(method, path, body=body, headers=send)
        response = self.connection.getresponse()
        return Answer(response.status, response.headers, response.read())

    def post(self, call, body, headers=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        send = {"Content-Type": "application/json"}
        send.update(headers or {})
        return self.request("POST", "/" + call, data, send)

    def get(self, call, query, headers=None):
        text = urllib.parse.urlencode(query, safe=",")
        return self.request("GET", f"/{call}" + (f"?{text}" if text else ""), headers=headers)

    def close(self):
        self.connection.close()


def pages(client, call, body, key):
    """Every page of a list, as the lists of its items."""
    result = []
    cursor = None
    seen = set()
    while True:
        ask = dict(body, **({"cursor": cursor} if cursor else {}))
        answer = client.post(call, ask)
        assert answer.status == 200, (call, ask, answer.status, answer.body)
        result.append(answer.json[key])
        cursor = answer.json.get("next_cursor")
        if not cursor:
            return result
        assert cursor not in seen, "a cursor came back twice"
        seen.add(cursor)


def wait_for(check, seconds=10):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError("waited in vain")


def raw_request(port, token, call, body):
    """A socket on which a POST was sent; the answer is the caller's."""
    data = json.dumps(body).encode()
    sock = socket.create_connection(("127.0.0.1", port), timeout=30)
    sock.sendall(
        (
            f"POST /{call} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
        ).encode()
        + data
    )
    return sock


def equal(actual, expected):
    assert actual == expected, f"got {actual!r}, expected {expected!r}"


def pair(box):
    """(survivor, loser) of some revu-pair with works on the loser."""
    state = box.state()
    by_email = {}
    for contact in state["contacts"]:
        if contact["merged_into"] is None:
            by_email.setdefault(contact["email"], []).append(contact)
    reported = {user for work in state["works"] for user in work["reported_by"]}
    for contacts in by_email.values():
        refs = sorted((c["external_ref"][:5], c["id"]) for c in contacts)
        if [ref for ref, _ in refs] == ["REVU-", "user_"] and refs[0][1] in reported:
            return refs[1][1], refs[0][1]
    raise AssertionError("no pair left")


def main(*tests):
    """Runs the tests, each with the path of the executable (argv[1]), and prints TAP."""
    exe = os.path.abspath(sys.argv[1])
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test(exe)
            print(f"ok {number} - {test.__name__}", flush=True)
        except Exception as why:  # any failure is a result, and the next test still runs
            failed += 1
            print(f"not ok {number} - {test.__name__}", flush=True)
            import traceback

            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
    sys.exit(1 if failed or not tests else 0)
