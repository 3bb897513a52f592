#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Two minutes of a limit in real time, no clock moved: 50 calls in 10 s, counted by the sandbox.

realtime.py [SHARD/SHARDS]

The sandbox allows exactly what steward is told. Nothing may be refused, no sliding window of 10 s may hold
more than 50 calls, and hardly one of the allowed calls may be left unused. Sanitized builds run for less.
"""

import signal
import sys
import time

from lab import SANITIZED, Lab, Tap, shard

CALLS, PERIOD = 50, 10
SECONDS = 25 if SANITIZED else 122


def two_minutes():
    with Lab(contacts=4, RATE_LIMIT_CALLS=str(CALLS), RATE_LIMIT_PERIOD=str(PERIOD)) as lab:
        lab.kill_sandbox()
        lab.arguments += ["--issues", "1200", "--issues-csv", str(lab.top / "issues.csv"),
                          "--limit", f"{CALLS}/{PERIOD}", "--latency", "20"]
        lab.requests_file.unlink(missing_ok=True)
        lab.start()
        lab.steward("backfill", "--csv", lab.top / "issues.csv", codes=(0,))
        process = lab.spawn("apply", "last", "--yes")
        time.sleep(SECONDS)
        process.send_signal(signal.SIGINT)
        lab.collect(process, ("apply",), (130,))
        requests = [line for line in lab.lines(lab.requests_file) if line["remote"] == "devrev"]
        refused = sum(line["cause"] == "limit" for line in requests)
        if refused:
            yield f"{refused} calls were refused"
        times = sorted(line["at_ms"] for line in requests if line["cause"] != "limit")
        fullest = first = 0
        for last, at in enumerate(times):
            while at - times[first] >= PERIOD * 1000:
                first += 1
            fullest = max(fullest, last - first + 1)
        if fullest > CALLS:
            yield f"{fullest} calls in {PERIOD} s"
        # the plan's own calls are in the first window; after Ctrl-C what was sent is still settled
        whole = SECONDS // PERIOD
        used = sum(at - times[0] < whole * PERIOD * 1000 for at in times)
        print(f"# {used} of {whole * CALLS} allowed calls used, fullest window {fullest}")
        if used < 0.99 * whole * CALLS:
            yield f"only {used} of {whole * CALLS} allowed calls were used"


def main():
    tap = Tap()
    tap.run(shard([("a limit in real time", two_minutes)], sys.argv[1] if len(sys.argv) > 1 else "1/1"))
    tap.finish()


main()
