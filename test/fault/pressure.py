#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A remote in trouble: the breaker, the learned limit, and what an operator does to a live run.

pressure.py [SHARD/SHARDS]

Judged by the sandbox's requests file, by their times of arrival: what was asked while the breaker was
open, what was written before it was closed again, how much was refused, how fast it went.
"""

import json
import sys
import time
from datetime import datetime

from lab import KILLED, Lab, Problem, Tap, problems, shard

MERGE = "rev-users.merge"
IN_FLIGHT_MS = 300  # a call that was let go before may arrive that much later


def breaker_log(lab):
    """(state, milliseconds since 1970) of every change of the breaker's state."""
    for line in (lab.workspace / "logs" / "steward.log").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["message"] == "circuit breaker":
            at = datetime.fromisoformat(entry["@timestamp"].replace("Z", "+00:00"))
            yield entry["state"], at.timestamp() * 1000


def requests(lab):
    return [line for line in lab.lines(lab.requests_file) if not line["call"].startswith("/")]


def breaker_problems(lab, open_ms):
    """Nothing may arrive while it is open, and nothing but reads until it is closed."""
    changes = list(breaker_log(lab)) + [("end", time.time() * 1000)]
    if changes[0][0] != "open":
        yield f"the breaker did not open: {changes}"
    for (state, begin), (_, end) in zip(changes, changes[1:]):
        inside = [request for request in requests(lab)
                  if begin + (IN_FLIGHT_MS if state == "open" else 0) < request["at_ms"] < end - 2]
        if state == "open" and inside:
            yield f"{len(inside)} calls arrived while the breaker was open"
        if state == "half-open" and len(inside) > 3:
            yield f"{len(inside)} calls arrived while it was half-open"
        writes = [request for request in inside if request["call"] == MERGE]
        if state in ("open", "half-open") and writes:
            yield f"{len(writes)} merges arrived while the breaker was {state}"
        ended = end == changes[-1][1]  # by the process, not by the breaker
        if state == "open" and end - begin < open_ms - 50 and not ended:
            yield f"the breaker was open for {end - begin:.0f} ms only"


def outage_is_waited_out():
    """Sixteen calls fail: the breaker opens, reads find out when it is over, every change is done."""
    with Lab(faults=["*@60-75=status:503"], BREAKER_OPEN_SECONDS="1", RETRY_BACKOFF="0.2") as lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        yield from breaker_problems(lab, 1000)
        if [state for state, _ in breaker_log(lab)][-1] != "closed":
            yield "the breaker is not closed at the end"
        report = lab.json("report", "last")
        if report["calls"]["pressure"]["breaker_opened"] != 1:
            yield f"the report says {report['calls']['pressure']}"
        if "workers" not in (lab.workspace / "logs" / "steward.log").read_text(encoding="utf-8"):
            yield "the log does not tell that fewer workers were busy"
        yield from problems(lab, {"verified"})


def outage_that_lasts():
    """The run stops itself with 6, nothing fails for the remote's sake, and it is gone on with."""
    with Lab(faults=["*@60-100000=status:503"], BREAKER_OPEN_SECONDS="0.3", RETRY_BACKOFF="0.2",
             BREAKER_GIVE_UP_SECONDS="2") as lab:
        lab.plan()
        done = lab.steward("apply", "last", "--yes", codes=(6,))
        if "the circuit breaker of devrev has not closed for 2 s" not in done.err:
            yield f"stderr does not name the breaker: {done.err[-400:]}"
        shown = lab.json("show", "last")
        if shown["state"] != "paused":
            yield f"the run is {shown['state']}"
        if shown["counts"]["failed"] or shown["counts"]["skipped"] or shown["counts"]["unknown"]:
            yield f"changes ended for the outage: {shown['counts']}"
        yield from breaker_problems(lab, 300)
        lab.set_faults()
        lab.go_on((0,))
        yield from problems(lab, {"verified"})


def killed_while_open():
    """The breaker's time outlives a kill: the next process waits for its end."""
    with Lab(faults=["*@60-80=status:503"], BREAKER_OPEN_SECONDS="3", RETRY_BACKOFF="0.2") as lab:
        lab.plan()
        process = lab.spawn("apply", "last", "--yes")
        deadline = time.monotonic() + 30
        while not any(True for _ in breaker_log(lab)):
            if time.monotonic() > deadline:
                process.kill()
                raise Problem("the breaker did not open")
            time.sleep(0.02)
        process.kill()
        lab.collect(process, ["apply"], codes=(KILLED,))
        opened = next(at for state, at in breaker_log(lab) if state == "open")
        lab.set_faults()
        lab.go_on((0,))
        early = [request for request in requests(lab)
                 if opened + IN_FLIGHT_MS < request["at_ms"] < opened + 2950]
        if early:
            yield f"{len(early)} calls arrived while the breaker was open"
        yield from problems(lab, {"verified"})


def limit_is_learned():
    """A remote that allows half of what we were told says so, and is not asked for more."""
    lab = Lab(RATE_LIMIT_CALLS="80", RATE_LIMIT_PERIOD="2")
    lab.arguments += ["--limit", "40/2"]
    with lab:
        lab.plan()
        lab.steward("apply", "last", "--yes", codes=(0,))
        made = requests(lab)
        refused = [request for request in made if request["status"] == 429]
        if len(refused) > len(made) * 0.02 + 4:
            yield f"{len(refused)} of {len(made)} calls were refused"
        span = (made[-1]["at_ms"] - made[0]["at_ms"]) / 1000
        used = len(made) / (span / 2 * 40 + 40)
        print(f"# {len(made)} calls, {len(refused)} refused, {used:.0%} of what was allowed")
        yield from problems(lab, {"verified"})


def main():
    cases = [
        ("an outage is waited out", outage_is_waited_out),
        ("an outage that lasts stops the run", outage_that_lasts),
        ("killed while the breaker was open", killed_while_open),
        ("the limit is learned", limit_is_learned),
    ]
    tap = Tap()
    tap.run(shard(cases, sys.argv[1] if len(sys.argv) > 1 else "1/1"))
    tap.finish()


if __name__ == "__main__":
    main()
