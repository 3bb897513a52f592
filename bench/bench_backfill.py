#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Backfills against the sandbox.

  ceiling   changes a second of `steward apply`, beside what bench/load gets out of the same sandbox: the same
            three calls an issue, nothing else, as many connections. Once with answers that take no time, where
            both and the sandbox share the cores and CPU times tell more than the ratio, and once with answers
            that take 20 ms, as a near remote's do.
  memory    the peak of planning and of applying, for 100,000 and for 1,000,000 rows
  watching  what progress, metrics (scraped every second) and the journal cost: CPU time of their threads, and
            of the same run without progress and metrics beside it

Usage: bench_backfill.py BUILD_DIR [--issues N] [--rows N] [--only ceiling|memory|watching]
"""

import argparse
import contextlib
import csv
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

WORKERS = 8
TICK = os.sysconf("SC_CLK_TCK")
TENANT = "don:core:dvrv-us-1:devo/0sandbox"


def cpu_of(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


class Sandbox:
    def __init__(self, build, root, issues, latency=0):
        self.csv = root / "issues.csv"
        env_file = root / "env"
        self.process = subprocess.Popen(
            [build / "src/steward", "sandbox", "--contacts", "100", "--issues", str(issues), "--issues-csv",
             self.csv, "--env-file", env_file, "--latency", str(latency)], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if line.strip() == "READY":
                break
        lines = [line for line in env_file.read_text().splitlines() if "=" in line]
        self.settings = dict(line.split("=", 1) for line in lines)
        self.settings.pop("SLACK_WEBHOOK", None)

    def cpu(self):
        return cpu_of(self.process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Steward:
    """A workspace; what a command cost stands in `wall`, `cpu`, `peak_kb` and `threads`."""

    def __init__(self, build, root, settings):
        self.program = build / "src/steward"
        self.workspace = root / "ws"
        self.workspace.mkdir(mode=0o700, exist_ok=True)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(root), "RATE_LIMIT_CALLS": "0",
                    "WORKERS": str(WORKERS), "MAX_BATCH_FAILURES": "0", "MAX_CHANGES": "2000000",
                    **settings}

    def run(self, *arguments, stop_after=None, **more):
        began = time.monotonic()
        process = subprocess.Popen([self.program, "--workspace", self.workspace, *map(str, arguments)],
                                   env={**self.env, **more}, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        told = []
        reader = threading.Thread(target=lambda: told.append(process.stderr.read()))
        reader.start()
        self.threads, self.peak_kb = {}, 0
        while True:  # a zombie's threads are gone: the last look before the end counts
            if stop_after is not None and time.monotonic() - began > stop_after:
                process.send_signal(signal.SIGINT)
                stop_after = None
            self.look(process.pid)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid != 0:
                break
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
        reader.join()
        self.wall = time.monotonic() - began
        self.cpu = usage.ru_utime + usage.ru_stime
        self.said = told[0]
        return process.returncode

    def look(self, pid):
        """CPU time of each thread, by name, workers together; and the peak so far. (rusage's would be that of
        the Python before its exec.)"""
        found = {}
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.peak_kb = int(line.split()[1])
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                name = (task / "comm").read_text().strip().partition("-")[0]
                ns = int((task / "schedstat").read_text().split()[0])
                found[name] = found.get(name, 0) + ns / 1e9
        for name, seconds in found.items():
            self.threads[name] = max(seconds, self.threads.get(name, 0))

    def changes(self):
        with contextlib.closing(sqlite3.connect(self.workspace / "steward.db")) as db:
            return dict(db.execute("SELECT state, count(*) FROM change GROUP BY state").fetchall())


def keep_known(path):
    """Leaves out issues that are gone. The number of rows, and the issues that nobody is going to change."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if ":issue/9000" not in row["issue_id"]]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    return len(rows), [row["issue_id"] for row in rows if row["creator_group"]]


def load(build, sandbox, issues):
    port = sandbox.settings["DEVREV_BASE_URL"].rpartition(":")[2]
    lines = "".join(f"{issue}\tdon:identity:dvrv-us-1:devo/0sandbox:group/4\n" for issue in issues)
    before = sandbox.cpu()
    done = subprocess.run([build / "bench/load", port, sandbox.settings["DEVREV_API_TOKEN"], str(WORKERS)],
                          input=lines, text=True, capture_output=True, check=True)
    calls, seconds, cpu, _ = done.stdout.split()
    return int(calls) / float(seconds), float(cpu), sandbox.cpu() - before


def ceiling(build, issues, latency):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        with Sandbox(build, root, issues, latency) as sandbox:
            planned, others = keep_known(sandbox.csv)
            steward = Steward(build, root, sandbox.settings)
            steward.run("backfill", "--csv", sandbox.csv)
            plan_cpu = steward.cpu
            some = (others * 40)[: max(300, planned // 2)]
            before = load(build, sandbox, some)[0]
            sandbox_cpu = sandbox.cpu()
            code = steward.run("apply", "last", "--yes", "--quiet")
            sandbox_cpu = sandbox.cpu() - sandbox_cpu
            after, load_cpu, load_sandbox = load(build, sandbox, some)
            states = steward.changes()
    changes = sum(states.values())
    done = states.get("verified", 0)
    calls = done * 3 + (changes - done)
    peer = (before + after) / 2
    print(f"answers take {latency} ms: {changes} changes in {steward.wall:.2f} s: {changes / steward.wall:.0f} a second, "
          f"{calls / steward.wall:.0f} calls a second; the load generator {before:.0f} before and {after:.0f} "
          f"after: {calls / steward.wall / peer:.0%} of it (exit {code})")
    print(f"   CPU a call: steward {steward.cpu / calls * 1e6:.0f} us, the load generator "
          f"{load_cpu / len(some) / 3 * 1e6:.0f} us, the sandbox {sandbox_cpu / calls * 1e6:.0f} us "
          f"(under the load generator {load_sandbox / len(some) / 3 * 1e6:.0f} us); "
          f"planning {plan_cpu / planned * 1e6:.1f} us a row; peak {steward.peak_kb / 1024:.0f} MiB")
    return code == 0 or code == 3


def write_rows(path, rows):
    with path.open("w", encoding="utf-8") as file:
        file.write("issue_id,creator_user_id,assigned_group,creator_group\n")
        for number in range(rows):
            creator = 1 + 3 * (number % 7)
            file.write(f"{TENANT}:issue/{10_000_000 + number},"
                       f"don:identity:dvrv-us-1:devo/0sandbox:devu/{creator},,\n")


def memory(build, rows):
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        with Sandbox(build, root, 100) as sandbox:
            for count in (rows // 10, rows):
                at = root / str(count)
                at.mkdir()
                steward = Steward(build, at, sandbox.settings)
                write_rows(at / "issues.csv", count)
                steward.run("backfill", "--csv", at / "issues.csv", "--quiet")
                planning, seconds = steward.peak_kb, steward.wall
                steward.run("apply", "last", "--yes", "--quiet", stop_after=6)
                peaks[count] = planning, steward.peak_kb
                changes = sum(steward.changes().values())
                print(f"{count} rows: planning {planning / 1024:.1f} MiB in {seconds:.1f} s, "
                      f"applying {steward.peak_kb / 1024:.1f} MiB ({changes} changes looked at)")
    small, large = peaks[rows // 10], peaks[rows]
    print(f"ten times the rows: planning {large[0] / small[0]:.2f} times the memory, "
          f"applying {large[1] / small[1]:.2f} times")
    return True


class Scraper:
    """Asks for /metrics every second."""

    def __init__(self, port):
        self.port, self.end = port, threading.Event()
        self.thread = threading.Thread(target=self.work)
        self.count = 0

    def work(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while not self.end.wait(1):
            with contextlib.suppress(OSError):
                opener.open(f"http://127.0.0.1:{self.port}/metrics", timeout=5).read()
                self.count += 1

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()


def watching(build, issues):
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    costs = {False: [], True: []}
    for watched in (False, True, False, True):
        with tempfile.TemporaryDirectory() as folder, Scraper(port) as scraper:
            root = pathlib.Path(folder)
            with Sandbox(build, root, issues) as sandbox:
                keep_known(sandbox.csv)
                steward = Steward(build, root, sandbox.settings)
                steward.run("backfill", "--csv", sandbox.csv, "--quiet")
                more = {"METRICS_LISTEN": f"127.0.0.1:{port}", "METRICS_FILE": "m.prom"} if watched else {}
                steward.run("apply", "last", "--yes", *([] if watched else ["--quiet"]), **more)
                changes = sum(steward.changes().values())
            total = sum(steward.threads.values())
            watchers = sum(steward.threads.get(name, 0) for name in ("progress", "MHD", "alerts", "control"))
            costs[watched].append((steward.cpu / changes * 1e6, watchers / total))
            shares = ", ".join(f"{name} {seconds / total:.1%}" for name, seconds in
                               sorted(steward.threads.items(), key=lambda item: -item[1]))
            print(f"{'watched' if watched else 'alone  '}: {steward.cpu / changes * 1e6:.0f} us CPU a change, "
                  f"{scraper.count if watched else 0} scrapes; threads: {shares}")
    alone, both = min(costs[False])[0], min(costs[True])[0]
    print(f"threads that watch: at most {max(share for _, share in costs[True]):.1%} of the CPU time; the better of two "
          f"runs each: {both / alone - 1:+.1%}")
    return True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--issues", type=int, default=20000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", choices=["ceiling", "memory", "watching"])
    options = parser.parse_args()
    ok = True
    if options.only in (None, "ceiling"):
        ok = ceiling(options.build, options.issues, 0) and ok
        ok = ceiling(options.build, max(600, options.issues // 5), 20) and ok
    if options.only in (None, "memory"):
        ok = memory(options.build, options.rows) and ok
    if options.only in (None, "watching"):
        ok = watching(options.build, options.issues // 2) and ok
    sys.exit(0 if ok else 1)


main()
