#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Applying merges against the sandbox.

  unlimited   merges a second with backups, over a few hundred pairs
  limited     at 45 calls per 60 s and 50 per 10 s: the share of the allowed calls that is used, and the
              fullest sliding window of the period, both counted by the sandbox and not by steward

The figures include backups of both contacts of a pair with all their tickets, on the disk below $TMPDIR. The
sandbox runs on the same cores, so its CPU time is told too: the cores are shared by both. On ext4 without a
journal, files that were removed there within the last minutes slow down the making of new ones.

Usage: bench_apply.py BUILD_DIR [--contacts N] [--seconds N] [--only unlimited|limited]
"""

import argparse
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request


def start_sandbox(build, root, *options):
    env_file = root / "env"
    process = subprocess.Popen(
        [build / "src/steward", "sandbox", "--env-file", env_file, "--seed", "1", *options],
        stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.strip() == "READY":
            break
    settings = dict(line.split("=", 1) for line in env_file.read_text().splitlines() if "=" in line)
    return process, settings


def steward(build, workspace, settings, *args, **more):
    env = {"PATH": os.environ["PATH"], "HOME": str(workspace), **settings}
    return subprocess.run([build / "src/steward", "--workspace", workspace, *args], env=env,
                          text=True, capture_output=True, **more)


def unlimited(build, contacts):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        workspace = root / "ws"
        workspace.mkdir()
        sandbox, settings = start_sandbox(build, root, "--contacts", str(contacts), "--merge-delay", "0",
                                          "--contacts-csv", root / "contacts.csv")
        settings |= {"RATE_LIMIT_CALLS": "0", "MERGE_SETTLE_SECONDS": "30"}
        try:
            planned = steward(build, workspace, settings, "merge", "--csv", root / "contacts.csv", "--json")
            changes = json.loads(planned.stdout)["counts"]["planned"]
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.monotonic()
            applied = steward(build, workspace, settings, "apply", "last", "--yes", "--quiet")
            wall = time.monotonic() - start
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            calls = steward_calls(settings)
            sandbox_cpu = cpu_of(sandbox.pid)
        finally:
            sandbox.send_signal(signal.SIGTERM)
            sandbox.wait()
        user = (after.ru_utime - before.ru_utime) * 1000 / changes
        system = (after.ru_stime - before.ru_stime) * 1000 / changes
        files = sum(len(names) for _, _, names in os.walk(workspace / "backups"))
        folders = sum(len(names) for _, names, _ in os.walk(workspace / "backups"))
        print(f"unlimited: {changes} merges in {wall:.2f} s: {changes / wall:.0f} a second, "
              f"{calls / changes:.1f} calls a merge, {calls / wall:.0f} calls a second, "
              f"peak memory {after.ru_maxrss / 1024:.0f} MiB, exit {applied.returncode}")
        print(f"           a merge: {files / changes:.1f} files in {folders / changes:.1f} directories, steward's CPU "
              f"{user:.2f} ms and {system:.2f} ms in the kernel, the sandbox's {sandbox_cpu * 1000 / changes:.2f} ms")
        if applied.returncode != 0:
            sys.stderr.write(applied.stderr)
        return applied.returncode == 0


def cpu_of(pid):
    """Seconds of CPU time that a process has used."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def steward_calls(settings):
    with urllib.request.urlopen(settings["DEVREV_BASE_URL"] + "/sandbox/calls") as answer:
        return sum(entry["count"] for entry in json.load(answer)["calls"])


def limited(build, calls, period, seconds):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        workspace = root / "ws"
        workspace.mkdir()
        sandbox, settings = start_sandbox(
            build, root, "--contacts", "4000", "--contacts-csv", root / "contacts.csv", "--merge-delay", "0",
            "--latency", "20", "--limit", f"{calls}/{period}", "--requests", root / "requests")
        settings |= {"RATE_LIMIT_CALLS": str(calls), "RATE_LIMIT_PERIOD": str(period)}
        try:
            steward(build, workspace, settings, "merge", "--csv", root / "contacts.csv", "--quiet")
            env = {"PATH": os.environ["PATH"], "HOME": str(workspace), **settings}
            process = subprocess.Popen(
                [build / "src/steward", "--workspace", workspace, "apply", "last", "--yes", "--quiet"], env=env,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            process.send_signal(signal.SIGTERM)
            process.wait()
        finally:
            sandbox.send_signal(signal.SIGTERM)
            sandbox.wait()
        requests = [json.loads(line) for line in (root / "requests").read_text().splitlines()]
    times = sorted(r["at_ms"] for r in requests if r["cause"] != "limit" and r["remote"] == "devrev")
    refused = sum(1 for r in requests if r["cause"] == "limit")
    fullest = 0
    first = 0
    for last, at in enumerate(times):
        while at - times[first] >= period * 1000:
            first += 1
        fullest = max(fullest, last - first + 1)
    # What could be used: every whole period after the first call, and the calls at its beginning.
    whole = int((times[-1] - times[0]) / (period * 1000))
    inside = [t for t in times if t - times[0] < whole * period * 1000]
    allowed = calls * whole
    print(f"limited to {calls} per {period} s: {len(inside)} of {allowed} allowed calls used "
          f"({100 * len(inside) / allowed:.2f} %), fullest window {fullest} of {calls}, refused {refused}")
    return refused == 0 and fullest <= calls


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--contacts", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=200)
    parser.add_argument("--only", choices=["unlimited", "limited"])
    options = parser.parse_args()
    build = options.build.resolve()
    ok = options.only == "limited" or unlimited(build, options.contacts)
    if options.only != "unlimited":
        ok = limited(build, 50, 10, min(options.seconds, 65)) and ok
        ok = limited(build, 45, 60, max(options.seconds, 65)) and ok
    sys.exit(0 if ok else 1)


main()
