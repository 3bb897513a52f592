#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""--state: everything is kept over restarts, and kill -9 at any instant leaves files that agree."""

import os
import random
import subprocess
import sys
import threading
import time

from harness import Sandbox, equal, main, wait_for

LOOPS = int(os.environ.get("STEWARD_SANDBOX_KILLS", "25"))
ARGS = ("--state", "s", "--effects", "e", "--requests", "r")


def pairs_of(state):
    by_email = {}
    for contact in state["contacts"]:
        if contact["merged_into"] is None and contact["email"]:
            by_email.setdefault(contact["email"], []).append(contact["id"])
    return [ids for ids in by_email.values() if len(ids) >= 2]


def test_restart_keeps_everything(exe):
    args = ("--contacts", 60, "--faults", "ping@4=status:500", "--faults", "tags.list@2=expire")
    with Sandbox(exe, *ARGS, *args, "--merge-delay", "100000") as box:
        client = box.client()
        token, port = box.token, box.port
        winner, loser = pairs_of(box.state())[0][:2]
        body = {"primary_user": winner, "secondary_user": loser}
        equal(client.post("rev-users.merge", body).status, 200)
        made = client.post("rev-users.create", {"email": "n@example.com"}).json["rev_user"]
        equal(client.post("rev-users.update", {"id": made["id"], "display_name": "N"}).status, 200)
        equal([client.post("ping", {}).status for _ in range(2)], [200, 200])
        job = client.post("jobs.list", {}).json["jobs"][0]
        state, calls = box.state(), client.get("sandbox/calls", {}).body
        for kill in (True, False):
            (box.kill if kill else box.stop)()
            box.start()
            equal((box.token, box.port), (token, port))
            equal(box.state(), state)
            equal(box.client().get("sandbox/calls", {}).body, calls)
        client = box.client()
        again = client.post("jobs.get", {"id": job["id"]}).json["job"]
        equal((again["id"], again["created_date"]), (job["id"], job["created_date"]))
        equal([client.post("ping", {}).status for _ in range(3)], [200, 500, 200])
        equal([client.post("tags.list", {}).status for _ in range(2)], [200, 401])
        box.kill()
        box.start()
        equal(box.post("ping").status, 401)
        # other faults on the command line take the place of the old ones
        box.stop()
        box.args = [arg for arg in box.args if not arg.startswith(("ping@", "tags.list@", "--faults"))]
        box.args[box.args.index("--merge-delay") + 1] = "50"
        box.start()
        wait_for(lambda: any(c["merged_into"] == winner for c in box.state()["contacts"]))
        equal(box.post("ping").status, 200)
        seqs = [line["seq"] for line in box.lines("e")]
        equal(seqs, list(range(1, len(seqs) + 1)))
        seqs = [line["seq"] for line in box.lines("r")]
        equal(seqs, list(range(1, len(seqs) + 1)))


def test_faults_that_were_posted_are_kept(exe):
    with Sandbox(exe, *ARGS, "--contacts", 8) as box:
        box.client().post("sandbox/faults", {"faults": ["ping@3=status:500"]})
        equal([box.post("ping").status for _ in range(2)], [200, 200])
        box.kill()
        box.start()
        equal([box.post("ping").status for _ in range(2)], [500, 200])


def test_identity(exe):
    with Sandbox(exe, "--state", "s", "--contacts", 8, "--seed", 3) as box:
        box.stop()
        for args in (("--contacts", "9", "--seed", "3"), ("--contacts", "8", "--seed", "4")):
            run = subprocess.run(
                [exe, "--state", "s", *args], cwd=box.dir, capture_output=True, text=True, check=False
            )
            equal(run.returncode, 4)
            equal(
                run.stderr.splitlines()[0],
                "steward-sandbox: could not use the state: it was made with another seed, sizes or file",
            )
        box.start()
        run = subprocess.run(
            [exe, "--state", "s", "--contacts", "8", "--seed", "3"],
            cwd=box.dir, capture_output=True, text=True, check=False,
        )
        equal((run.returncode, run.stderr), (11, "steward-sandbox: could not use 's': another sandbox holds it\n"))


def replay(lines, contacts):
    """The world as the effects file tells it."""
    merged, names, extra = {}, {}, 0
    pending = set()
    for line in lines:
        body = line["body"]
        if line["call"] == "rev-users.merge":
            assert body["secondary_user"] not in pending, "accepted twice"
            pending.add(body["secondary_user"])
        elif line["call"] == "rev-users.merge/done":
            pending.remove(body["secondary_user"])
            merged[body["secondary_user"]] = body["primary_user"]
        elif line["call"] == "rev-users.update":
            names[body["id"]] = body["display_name"]
        elif line["call"] == "rev-users.create":
            extra += 1
    return merged, names, contacts + extra, pending


def hammer(box, stop, answered, number):
    """Writes until the sandbox dies; what was answered must be in the files."""
    try:
        client = box.client()
        chosen = random.Random(number)
        state = client.get("sandbox/state", {}).json
        ids = pairs_of(state)
        chosen.shuffle(ids)
        while not stop.is_set():
            kind = chosen.random()
            if kind < 0.4 and ids:
                winner, loser = ids.pop()[:2]
                answer = client.post("rev-users.merge", {"primary_user": winner, "secondary_user": loser})
                if answer.status == 200:
                    answered.append(("merge", loser))
            elif kind < 0.8:
                who = chosen.choice(state["contacts"])["id"]
                name = f"{number}-{chosen.random()}"
                answer = client.post("rev-users.update", {"id": who, "display_name": name})
                if answer.status == 200:
                    answered.append(("update", name))
            elif kind < 0.9:
                client.post("rev-users.create", {"display_name": "made"})
            else:
                client.post("rev-users.get", {"id": chosen.choice(state["contacts"])["id"]})
    except Exception:  # the sandbox was killed, as it should be
        pass


def run_until_killed(box, loop, answered):
    stop = threading.Event()
    threads = [
        threading.Thread(target=hammer, args=(box, stop, answered, loop * 10 + n)) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    time.sleep(random.Random(loop).uniform(0.005, 0.15))
    box.kill()
    stop.set()
    for thread in threads:
        thread.join()


def test_kill_loops(exe):
    with Sandbox(exe, *ARGS, "--contacts", 400, "--merge-delay", "5") as box:
        for loop in range(LOOPS):
            answered = []
            run_until_killed(box, loop, answered)
            # even before the restart no line is torn, and what was answered is there
            lines = box.lines("e")
            box.lines("r")
            told = {line["body"].get("display_name") for line in lines}
            accepted = {line["body"].get("secondary_user") for line in lines}
            for kind, value in answered:
                assert value in (accepted if kind == "merge" else told), (loop, kind, value)
            box.start()
            state = box.state()
            now = box.lines("e")
            equal(now[: len(lines)], lines)
            equal([line["seq"] for line in now], list(range(1, len(now) + 1)))
            merged, names, count, _ = replay(now, 400)
            # merges go on after the restart: the state lies between the file before and after
            shown = {c["id"]: c["merged_into"] for c in state["contacts"] if c["merged_into"]}
            assert set(replay(lines, 400)[0].items()) <= set(shown.items()) <= set(merged.items())
            equal(len(state["contacts"]), count)
            display = {c["id"]: c["display_name"] for c in state["contacts"]}
            equal({who: display[who] for who in names}, names)
        wait_for(lambda: not replay(box.lines("e"), 400)[3])
        merged = replay(box.lines("e"), 400)[0]
        shown = {c["id"]: c["merged_into"] for c in box.state()["contacts"] if c["merged_into"]}
        equal(shown, merged)
        requests = box.lines("r")
        equal([line["seq"] for line in requests], list(range(1, len(requests) + 1)))
        linked = [line["effect"] for line in requests if line["effect"]]
        direct = [line["seq"] for line in box.lines("e") if not line["call"].endswith("/done")]
        equal(sorted(linked), direct)
        rows = box.client().get("sandbox/calls", {}).json["calls"]
        equal(sum(row["count"] for row in rows), len(requests))


def test_torn_and_missing_lines(exe):
    with Sandbox(exe, *ARGS, "--contacts", 40, "--merge-delay", "0") as box:
        winner, loser = pairs_of(box.state())[0][:2]
        box.post("rev-users.merge", {"primary_user": winner, "secondary_user": loser})
        box.post("rev-users.create", {})
        box.kill()
        whole = open(box.path("e"), "rb").read()
        cuts = [len(whole) - n for n in (1, 5, 40)] + [whole.index(b"\n") + 1, 0]
        for cut in cuts:
            with open(box.path("e"), "wb") as file:
                file.write(whole[:cut])
            box.start()
            equal(open(box.path("e"), "rb").read(), whole)
            box.kill()
        # a torn line at the end of the log is as if the request had not come
        log = open(box.path("s/log"), "rb").read()
        with open(box.path("s/log"), "ab") as file:
            file.write(b"0123456789abcdef\tR\t3\t{\"seq\":9")
        box.start()
        equal(len(box.state()["contacts"]), 41)
        box.kill()
        # damage before the end is an error, not a guess
        with open(box.path("s/log"), "wb") as file:
            file.write(log.replace(b"rev-users.merge", b"rev-users.MERGE", 1))
        run = subprocess.run([exe, *box.args], cwd=box.dir, capture_output=True, text=True, check=False)
        equal(run.returncode, 1)
        assert run.stderr.startswith("steward-sandbox: could not read the state: damaged at byte"), run.stderr


def test_in_memory_files_are_appended(exe):
    with Sandbox(exe, "--effects", "e", "--contacts", 8) as box:
        box.post("rev-users.create", {})
        box.kill()
        with open(box.path("e"), "ab") as file:
            file.write(b'{"seq":2')
        box.start()
        box.post("rev-users.create", {})
        equal([line["seq"] for line in box.lines("e")], [1, 1])


if __name__ == "__main__":
    sys.setswitchinterval(0.001)
    main(
        test_restart_keeps_everything,
        test_faults_that_were_posted_are_kept,
        test_identity,
        test_kill_loops,
        test_torn_and_missing_lines,
        test_in_memory_files_are_appended,
    )
