#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Planning `revu-pairs` beside DuckDB: the same decisions file from the same CSV, two threads each.

Usage: run.py --rows N [--runs N] [--build DIR] [--keep DIR]. Needs the package duckdb. Runs every
program in turn and prints medians, and our share of DuckDB's: wall and CPU time (user and system) and
peak memory. The outputs are compared byte for byte first.

csv      the planner without and with the plan file (values of every change, hashed, flushed to disk)
pairs    DuckDB, only what this clean data needs
checked  DuckDB with the checks on every row that the planner always makes
"""
import argparse
import filecmp
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
LISTS = TOP / "rules" / "lists"


def generate(rows, seed, path):
    if not path.exists():
        subprocess.run([sys.executable, HERE / "generate.py", "--rows", str(rows), "--seed", str(seed),
                        "--out", path], check=True)


def run(command, outputs):
    """(wall seconds, CPU seconds, peak MiB) of one run; earlier outputs are removed first."""
    for path in outputs:
        path.unlink(missing_ok=True)
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    if status != 0:
        sys.exit(f"{command[0]} failed: {os.waitstatus_to_exitcode(status)}")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", type=Path, default=TOP / "build-bench")
    parser.add_argument("--keep", type=Path, help="directory for input and outputs, kept")
    args = parser.parse_args()
    driver = args.build / "bench" / "plan" / "plan_driver"
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as temporary:
        directory = args.keep or Path(temporary)
        bench(args, driver, directory)


def bench(args, driver, directory):
    source = directory / f"contacts-{args.rows}-{args.seed}.csv"
    ours, peer, plan = directory / "ours.csv", directory / "duckdb.csv", directory / "run.plan"
    generate(args.rows, args.seed, source)
    us = [driver, "--csv", source, "--csv-out", ours, "--threads", "2"]
    commands = {
        "pairs": ([sys.executable, HERE / "duck.py", "pairs", source, peer, LISTS], [peer]),
        "checked": ([sys.executable, HERE / "duck.py", "checked", source, peer, LISTS], [peer]),
        "csv": (us, [ours]),
        "csv+plan": ([*us, "--plan", plan], [ours, plan]),
    }
    print(f"rows {args.rows}, {source.stat().st_size / 1e6:.0f} MB, seed {args.seed}, {args.runs} runs, "
          f"duckdb {duckdb.__version__}, load {os.getloadavg()[0]:.1f}")
    figures = {name: [] for name in commands}
    for number in range(args.runs):
        for name, (command, outputs) in commands.items():
            figures[name].append(run(command, outputs))
            if number == 0 and name in ("checked", "csv") and ours.exists() and peer.exists():
                if not filecmp.cmp(ours, peer, shallow=False):
                    sys.exit(f"{ours} and {peer} differ")
    medians = {name: [statistics.median(run[i] for run in runs) for i in range(3)] for name, runs in figures.items()}
    for name, (wall, cpu, peak) in medians.items():
        print(f"{name:10} {wall:7.2f} s wall {cpu:7.2f} s CPU {peak:7.0f} MiB")
    print(f"decisions the same, plan file {plan.stat().st_size / 1e6:.0f} MB")
    for mine in ("csv", "csv+plan"):
        for theirs in ("pairs", "checked"):
            ratios = [a / b for a, b in zip(medians[mine], medians[theirs])]
            print(f"{mine:10} / {theirs:8} wall {ratios[0]:.2f}  CPU {ratios[1]:.2f}  memory {ratios[2]:.2f}")


if __name__ == "__main__":
    main()
