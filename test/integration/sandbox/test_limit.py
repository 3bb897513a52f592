#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sliding limit: 429 exactly when CALLS calls were accepted in the SECONDS before."""

import threading
import time

from harness import Sandbox, equal, main


def check_window(lines, calls, period_ms):
    """Every decision in the requests file follows from the accepted ones before it."""
    accepted = []
    refused = 0
    for line in sorted(lines, key=lambda line: line["seq"]):
        within = sum(line["at_ms"] - at < period_ms for at in accepted[-calls:])
        should = within >= calls
        equal((line["seq"], line["status"] == 429 and line["cause"] == "limit"), (line["seq"], should))
        if should:
            refused += 1
        elif line["status"] != 429:
            accepted.append(line["at_ms"])
    return len(accepted), refused


def test_window(exe):
    with Sandbox(exe, "--contacts", 8, "--limit", "5/1", "--requests", "r") as box:
        client = box.client()
        left = []
        for number in range(7):
            answer = client.post("ping", {})
            equal(answer.status, 200 if number < 5 else 429)
            equal(answer.headers["X-Ratelimit-Limit"], "5")
            left.append(int(answer.headers["X-Ratelimit-Remaining"]))
        equal(left, [4, 3, 2, 1, 0, 0, 0])
        equal(answer.json["type"], "too_many_requests")
        wait = int(answer.headers["Retry-After"])
        equal((wait, answer.json["retry_after"]), (1, 1))
        assert abs(int(answer.headers["X-Ratelimit-Reset"]) - time.time()) <= 2
        time.sleep(wait)
        equal(client.post("ping", {}).status, 200)
        equal(client.get("sandbox/state", {}).status, 200)
        equal(check_window(box.lines("r"), 5, 1000), (6, 2))


def test_many_threads(exe):
    with Sandbox(exe, "--contacts", 8, "--limit", "40/0.25", "--requests", "r") as box:
        end = time.monotonic() + 2

        def run():
            client = box.client()
            while time.monotonic() < end:
                client.post("ping", {})

        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        accepted, refused = check_window(box.lines("r"), 40, 250)
        assert accepted >= 240 and refused > 0, (accepted, refused)
        rows = box.client().get("sandbox/calls", {}).json["calls"]
        equal(sum(r["count"] for r in rows if r["cause"] == "limit"), refused)
        equal(sum(r["count"] for r in rows if r["status"] == 200), accepted)


def test_what_counts(exe):
    faults = ["--faults", "ping@1=status:429:0", "--faults", "ping@2=drop-before"]
    with Sandbox(exe, "--contacts", 8, "--limit", "3/60", *faults) as box:
        client = box.client()
        equal(client.post("ping", {}).status, 429)  # refused: not counted
        try:
            box.client().post("ping", {})
        except ConnectionError:
            pass
        bad = client.post("ping", {}, headers={"Authorization": "Bearer x"})
        equal(bad.status, 401)
        equal(client.get("nope", {}).status, 404)
        statuses = [client.post("rev-users.get", {"id": 5}).status for _ in range(4)]
        equal(statuses, [400, 400, 400, 429])


def test_unlimited(exe):
    with Sandbox(exe, "--contacts", 8) as box:
        answer = box.post("ping")
        equal(answer.headers["X-Ratelimit-Limit"], "1000000")
        assert int(answer.headers["X-Ratelimit-Remaining"]) > 0
        assert int(answer.headers["X-Ratelimit-Reset"]) > time.time()


def test_over_a_restart(exe):
    with Sandbox(exe, "--contacts", 8, "--limit", "4/30", "--state", "s") as box:
        client = box.client()
        for _ in range(3):
            equal(client.post("ping", {}).status, 200)
        box.kill()
        box.start()
        client = box.client()
        equal([client.post("ping", {}).status for _ in range(2)], [200, 429])
        box.kill()
        box.start()
        equal(box.post("ping").status, 429)


main(test_window, test_many_threads, test_what_counts, test_unlimited, test_over_a_restart)
