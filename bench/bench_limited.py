#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A whole merge at the default limit, 45 calls in 60 s, from its first call to its end.

How long it took beside the shortest time in which so many calls are allowed at all, and the fullest
sliding window, both counted by the sandbox and not by steward. The run is so small that it ends within
three minutes; bench_apply.py measures long runs.

Usage: bench_limited.py BUILD_DIR [--contacts N]
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

CALLS, PERIOD_S = 45, 60


def fullest_window(times):
    fullest = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= PERIOD_S * 1000:
            first += 1
        fullest = max(fullest, last - first + 1)
    return fullest


def bench(steward, root, contacts):
    workspace, env_file, csv = root / "workspace", root / "env", root / "contacts.csv"
    workspace.mkdir()
    sandbox = subprocess.Popen(
        [steward, "sandbox", "--seed", "1", "--contacts", str(contacts), "--issues", "0", "--latency", "20",
         "--merge-delay", "200", "--limit", f"{CALLS}/{PERIOD_S}", "--env-file", env_file,
         "--contacts-csv", csv, "--requests", root / "requests"], stdout=subprocess.PIPE, text=True)
    try:
        while sandbox.stdout.readline().strip() not in ("READY", ""):
            pass
        base = [steward, "--workspace", workspace, "--env", env_file]
        env = {"PATH": os.environ["PATH"], "HOME": str(workspace)}
        subprocess.run([*base, "merge", "--csv", csv, "--quiet"], env=env, check=True,
                       stdout=subprocess.DEVNULL)
        begin = time.monotonic()
        done = subprocess.run([*base, "apply", "last", "--yes", "--quiet"], env=env, timeout=420,
                              text=True, capture_output=True, check=False)
        wall = time.monotonic() - begin
        shown = subprocess.run([*base, "show", "last", "--json"], env=env, check=True, text=True,
                               capture_output=True).stdout
    finally:
        sandbox.terminate()
        sandbox.wait()
    requests = [json.loads(line) for line in (root / "requests").read_text(encoding="utf-8").splitlines()]
    metered = [line for line in requests if line["call"] != "artifact"]
    times = sorted(line["at_ms"] for line in metered if line["cause"] != "limit")
    refused = sum(line["cause"] == "limit" for line in requests)
    least = (len(times) - 1) // CALLS * PERIOD_S
    fullest = fullest_window(times)
    verified = json.loads(shown)["counts"]["verified"]
    print(f"{verified} merges to their end at {CALLS} calls in {PERIOD_S} s: {len(times)} calls in {wall:.1f} s; "
          f"the limit allows them in {least} s at the least; fullest window {fullest} of {CALLS}, "
          f"{refused} refused, exit {done.returncode}")
    sys.stderr.write(done.stderr)
    return done.returncode == 0 and refused == 0 and fullest <= CALLS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--contacts", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        ok = bench(options.build.resolve() / "src/steward", pathlib.Path(folder), options.contacts)
    sys.exit(0 if ok else 1)


main()
