#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every fault action, WHICH in all its forms, the control address, and what is logged."""

import http.client
import json
import socket
import time

from harness import Sandbox, equal, main, pair, raw_request, wait_for

FILES = ("--effects", "e", "--requests", "r", "--merge-delay", "0")


def merge(box):
    survivor, loser = pair(box)
    return {"primary_user": survivor, "secondary_user": loser}


def merged_into(box, loser):
    return next(c["merged_into"] for c in box.state()["contacts"] if c["id"] == loser)


def dropped(box, call, body):
    """Nothing at all came back and the connection is closed."""
    with raw_request(box.port, box.token, call, body) as sock:
        return sock.recv(100) == b""


def test_drop_before(exe):
    with Sandbox(exe, *FILES, "--faults", "rev-users.merge@1=drop-before") as box:
        body = merge(box)
        assert dropped(box, "rev-users.merge", body)
        equal(box.lines("e"), [])
        equal(merged_into(box, body["secondary_user"]), None)
        line = box.lines("r")[0]
        equal((line["status"], line["cause"], line["effect"]), (0, "drop-before", None))
        equal(line["body"], body)
        equal(box.post("rev-users.merge", body).status, 200)


def test_drop_after(exe):
    with Sandbox(exe, *FILES, "--faults", "rev-users.merge@1=drop-after") as box:
        body = merge(box)
        assert dropped(box, "rev-users.merge", body)
        effects = box.lines("e")
        equal([line["call"] for line in effects], ["rev-users.merge", "rev-users.merge/done"])
        equal((effects[0]["fault"], effects[0]["answered"]), ("drop-after", False))
        equal(effects[1]["body"], body)
        equal(merged_into(box, body["secondary_user"]), body["primary_user"])
        line = box.lines("r")[0]
        equal((line["status"], line["cause"], line["effect"]), (0, "drop-after", 1))


def test_status(exe):
    specs = ("ping@1=status:429:2", "ping@2=status:500", "ping@3=status:503:7", "ping@4=status:403")
    args = [arg for spec in specs for arg in ("--faults", spec)]
    with Sandbox(exe, *FILES, *args) as box:
        client = box.client()
        answers = [client.post("ping", {}) for _ in range(5)]
        equal([a.status for a in answers], [429, 500, 503, 403, 200])
        equal([a.headers["Retry-After"] for a in answers], ["2", None, "7", None, None])
        equal(answers[0].json["type"], "too_many_requests")
        equal(answers[0].json["retry_after"], 2)
        equal([a.json.get("type") for a in answers[1:4]], ["internal_error", "service_unavailable", "forbidden"])
        equal([line["cause"] for line in box.lines("r")], [s.split("=")[1] for s in specs] + [None])
        body = merge(box)
        box.client().post("sandbox/faults", {"faults": ["rev-users.merge@1=status:500"]})
        equal(client.post("rev-users.merge", body).status, 500)
        equal(box.lines("e"), [])


def test_slow(exe):
    with Sandbox(exe, *FILES, "--faults", "ping@2=slow:0.5") as box:
        client = box.client()
        took = []
        for _ in range(3):
            begin = time.monotonic()
            equal(client.post("ping", {}).status, 200)
            took.append(time.monotonic() - begin)
        assert took[0] < 0.3 and 0.5 <= took[1] < 2 and took[2] < 0.3, took
        # a sleeping request holds up nobody, and stopping does not wait for it
        client.post("sandbox/faults", {"faults": ["ping@1=slow:60"]})
        with raw_request(box.port, box.token, "ping", {}):
            wait_for(lambda: box.client().post("dev-users.self", {}).status == 200)
            begin = time.monotonic()
            equal(box.stop(), 0)
            assert time.monotonic() - begin < 10


def test_truncate_and_reset(exe):
    with Sandbox(exe, *FILES) as box:
        client = box.client()
        for action, error in (
            ("truncate", http.client.IncompleteRead),
            ("reset-mid", ConnectionResetError),
        ):
            body = merge(box)
            client.post(
                "sandbox/faults",
                {"faults": [f"rev-users.list@1={action}", f"rev-users.merge@1={action}"]},
            )
            for call, ask in (("rev-users.list", {}), ("rev-users.merge", body)):
                try:
                    box.client().post(call, ask)
                except error as why:
                    if action == "truncate" and call == "rev-users.list":
                        assert 0 < len(why.partial) < 1 << 20
                else:
                    raise AssertionError(f"{action} of {call} came through")
            equal(merged_into(box, body["secondary_user"]), body["primary_user"])
            line = [line for line in box.lines("e") if line["call"] == "rev-users.merge"][-1]
            equal((line["fault"], line["answered"]), (action, False))
            equal(box.lines("r")[-1]["status"], 200)


def test_garbage(exe):
    with Sandbox(exe, *FILES, "--faults", "*@1=garbage") as box:
        body = merge(box)
        answer = box.post("rev-users.merge", body)
        equal(answer.status, 200)
        try:
            json.loads(answer.body)
        except ValueError:
            pass
        else:
            raise AssertionError("garbage was JSON")
        equal(merged_into(box, body["secondary_user"]), body["primary_user"])
        equal(box.lines("e")[0]["answered"], True)


def test_stale(exe):
    with Sandbox(exe, *FILES, "--faults", "rev-users.get@3=stale:2") as box:
        client = box.client()
        body = merge(box)
        loser = body["secondary_user"]
        old = client.post("rev-users.get", {"id": loser}).json["rev_user"]
        works = client.post("works.list", {"reported_by": [loser]}).json["works"]
        assert works
        equal(client.post("rev-users.merge", body).status, 200)
        new = client.post("rev-users.get", {"id": loser}).json["rev_user"]
        equal(new["primary_identity"]["id"], body["primary_user"])
        equal(new["state"], "deactivated")
        equal(client.post("rev-users.get", {"id": loser}).json["rev_user"], old)
        equal(client.post("rev-users.get", {"id": loser}).json["rev_user"], new)
        equal(box.lines("r")[-2]["cause"], "stale:2")
        every = ["works.list@*=stale:60", "jobs.list@*=stale:60", "rev-users.list@*=stale:60"]
        client.post("sandbox/faults", {"faults": every})
        equal(client.post("works.list", {"reported_by": [loser]}).json["works"], works)
        equal(client.post("jobs.list", {}).json["jobs"], [])
        made = client.post("rev-users.create", {"email": "late@example.com"}).json["rev_user"]
        ask = {"email": ["late@example.com"]}
        equal(client.post("rev-users.list", ask).json["rev_users"], [])
        client.post("sandbox/faults", {"faults": []})
        equal(client.post("rev-users.list", ask).json["rev_users"], [made])
        equal(client.post("works.list", {"reported_by": [loser]}).json["works"], [])
        equal(client.post("jobs.list", {}).json["jobs"][0]["state"], "completed")


def test_never(exe):
    every = ["--faults", "rev-users.merge@1=never", "--faults", "rev-users.update@1=never",
             "--faults", "rev-users.create@1=never", "--faults", "works.update@1=never",
             "--faults", "rev-users.delete@1=never", "--faults", "conversations.update@1=never"]
    with Sandbox(exe, *FILES, *every) as box:
        client = box.client()
        body = merge(box)
        loser = body["secondary_user"]
        before = box.state()
        answer = client.post("rev-users.merge", body)
        equal((answer.status, answer.json), (200, {}))
        equal(client.post("jobs.list", {}).json["jobs"], [])
        equal(box.lines("e"), [dict(box.lines("e")[0], call="rev-users.merge", fault="never", seq=1)])
        changed = client.post("rev-users.update", {"id": loser, "email": "x@example.com"})
        equal(changed.json["rev_user"]["email"], "x@example.com")
        equal(client.post("rev-users.create", {"email": "y@example.com"}).status, 201)
        equal(client.post("works.update", {"id": "TKT-1", "title": "T"}).json["work"]["title"], "T")
        equal(client.post("conversations.update", {"id": "CONV-1", "title": "T"}).status, 200)
        equal(client.post("rev-users.delete", {"id": loser}).status, 200)
        equal(box.state(), before)
        equal(len(box.lines("e")), 1)
        # the pair is untouched: it can still be merged
        equal(client.post("rev-users.merge", body).status, 200)
        equal(merged_into(box, loser), body["primary_user"])


def test_expire(exe):
    with Sandbox(exe, *FILES, "--faults", "ping@2=expire") as box:
        client = box.client()
        equal([client.post("ping", {}).status for _ in range(3)], [200, 401, 401])
        answer = client.post("rev-users.get", {"id": "REVU-1025"})
        equal((answer.status, answer.json["type"]), (401, "token_expired"))
        equal([line["cause"] for line in box.lines("r")], [None, "expire", "expire", "expire"])
        client.post("sandbox/faults", {"faults": []})
        equal(client.post("ping", {}).status, 200)


def test_redirect(exe):
    with Sandbox(exe, *FILES, "--faults", "rev-users.get@1=redirect") as box:
        answer = box.post("rev-users.get", {"id": "REVU-1025"})
        equal(answer.status, 301)
        equal(answer.headers["Location"], "http://other-host.invalid/rev-users.get")


def test_which(exe):
    with Sandbox(exe, "--seed", "5") as box:
        client = box.client()

        def pattern(which, count):
            client.post("sandbox/faults", {"faults": [f"ping@{which}=status:500"]})
            return [client.post("ping", {}).status == 500 for _ in range(count)]

        equal(pattern("3", 5), [False, False, True, False, False])
        equal(pattern("2-4", 5), [False, True, True, True, False])
        equal(pattern("*", 3), [True, True, True])
        equal(pattern("p0", 50), [False] * 50)
        equal(pattern("p1", 3), [True] * 3)
        share = pattern("p0.2", 1000)
        assert 140 <= sum(share) <= 260, sum(share)
        equal(pattern("p0.2", 1000), share)
        client.post("sandbox/faults", {"faults": ["*@2=status:500", "ping@2=status:503"]})
        equal(client.post("ping", {}).status, 200)
        equal(client.post("dev-users.self", {}).status, 500)
        equal(client.post("ping", {}).status, 503)


def test_bad_specs(exe):
    with Sandbox(exe, "--contacts", 4) as box:
        client = box.client()
        for spec in ("", "ping", "ping@1", "ping@0=garbage", "ping@3-2=garbage", "ping@p2=garbage",
                     "ping@1=status", "ping@1=status:99", "ping@1=slow", "ping@1=nope",
                     "ping@1=garbage:1", "@1=garbage"):
            answer = client.post("sandbox/faults", {"faults": [spec]})
            equal((spec, answer.status), (spec, 400))
            assert answer.json["message"].startswith("could not read the fault"), answer.body
        for body in ({}, {"faults": "x"}, {"faults": [1]}, []):
            equal(client.post("sandbox/faults", body).status, 400)
        equal(client.post("ping", {}).status, 200)


def test_latency_and_a_dead_sender(exe):
    with Sandbox(exe, "--effects", "e", "--merge-delay", "0", "--latency", "600") as box:
        body = merge(box)
        begin = time.time()
        sock = raw_request(box.port, box.token, "rev-users.merge", body)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        time.sleep(0.05)
        sock.close()  # a reset, as of a killed process with data unread
        equal(box.lines("e"), [])
        lines = wait_for(lambda: box.lines("e"))
        equal(lines[0]["body"], body)
        assert 250 <= lines[0]["at_ms"] - begin * 1000 <= 590, lines[0]["at_ms"] - begin * 1000
        begin = time.monotonic()
        equal(box.post("ping", {}).status, 200)
        assert time.monotonic() - begin >= 0.6


main(
    test_drop_before,
    test_drop_after,
    test_status,
    test_slow,
    test_truncate_and_reset,
    test_garbage,
    test_stale,
    test_never,
    test_expire,
    test_redirect,
    test_which,
    test_bad_specs,
    test_latency_and_a_dead_sender,
)
