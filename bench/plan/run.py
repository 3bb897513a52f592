#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Planning beside DuckDB: the same decisions file from the same CSV, two threads each.

Usage: run.py [--rules revu-pairs|external-contacts] --rows N [--runs N] [--build DIR] [--keep DIR]. Needs
the package duckdb. Runs every program in turn and prints medians, and our share of DuckDB's: wall and CPU
time (user and system) and peak memory. The outputs are compared first: byte for byte, and with
external-contacts but for what follows the first word of a reason.

csv       the planner without and with the plan file (values of every change, hashed, flushed to disk)
pairs     DuckDB, only what this clean data needs
checked   DuckDB with the checks on every row that the planner always makes
external  DuckDB, the five strategies, only what this clean data needs
trivial   the planner with one trivial strategy over the same columns: what reading and writing cost
"""
import argparse
import csv
import filecmp
import itertools
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


def generate(script, rows, seed, path):
    if not path.exists():
        subprocess.run([sys.executable, HERE / script, "--rows", str(rows), "--seed", str(seed),
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
    parser.add_argument("--rules", choices=list(BENCHES), default="revu-pairs")
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


def same_bytes(ours, peer):
    return filecmp.cmp(ours, peer, shallow=False)


def same_decisions(ours, peer):
    """Everything but the rest of a reason."""
    def decision(row):
        return row[:4] + [row[4].split(":")[0]] * (row[1] == "review")

    with open(ours, encoding="utf-8", newline="") as mine, open(peer, encoding="utf-8", newline="") as theirs:
        return all(a and b and decision(a) == decision(b)
                   for a, b in itertools.zip_longest(csv.reader(mine), csv.reader(theirs)))


def revu_pairs(source, ours, peer, plan, driver):
    us = [driver, "--csv", source, "--csv-out", ours, "--threads", "2"]
    duck = [sys.executable, HERE / "duck.py"]
    return {
        "pairs": ([*duck, "pairs", source, peer, LISTS], [peer]),
        "checked": ([*duck, "checked", source, peer, LISTS], [peer]),
        "csv": (us, [ours]),
        "csv+plan": ([*us, "--plan", plan], [ours, plan]),
    }


def external_contacts(source, ours, peer, plan, driver):
    us = [driver, "--csv", source, "--csv-out", ours, "--threads", "2", "--rules", "external-contacts"]
    return {
        "external": ([sys.executable, HERE / "duck_external.py", source, peer, LISTS], [peer]),
        "trivial": ([*us[:-1], HERE / "trivial.yaml", "--plan", plan], [ours, plan]),
        "csv": (us, [ours]),
        "csv+plan": ([*us, "--plan", plan], [ours, plan]),
    }


# the generator, the programs, how outputs are compared, and whom each of ours is held against
BENCHES = {
    "revu-pairs": ("generate.py", revu_pairs, same_bytes,
                   [(mine, theirs) for mine in ("csv", "csv+plan") for theirs in ("pairs", "checked")]),
    "external-contacts": ("generate_pivot.py", external_contacts, same_decisions,
                          [("csv", "external"), ("csv+plan", "external"), ("csv+plan", "trivial")]),
}


def bench(args, driver, directory):
    script, programs, same, pairs = BENCHES[args.rules]
    source = directory / f"{args.rules}-{args.rows}-{args.seed}.csv"
    ours, peer, plan = directory / "ours.csv", directory / "duckdb.csv", directory / "run.plan"
    generate(script, args.rows, args.seed, source)
    commands = programs(source, ours, peer, plan, driver)
    print(f"{args.rules}, rows {args.rows}, {source.stat().st_size / 1e6:.0f} MB, seed {args.seed}, {args.runs} runs, "
          f"duckdb {duckdb.__version__}, load {os.getloadavg()[0]:.1f}")
    figures = {name: [] for name in commands}
    for number in range(args.runs):
        for name, (command, outputs) in commands.items():
            figures[name].append(run(command, outputs))
            if number == 0 and name == "csv" and not same(ours, peer):
                sys.exit(f"{ours} and {peer} differ")
    medians = {name: [statistics.median(run[i] for run in runs) for i in range(3)] for name, runs in figures.items()}
    for name, (wall, cpu, peak) in medians.items():
        print(f"{name:10} {wall:7.2f} s wall {cpu:7.2f} s CPU {peak:7.0f} MiB")
    print(f"decisions the same, plan file {plan.stat().st_size / 1e6:.0f} MB")
    for mine, theirs in pairs:
        ratios = [a / b for a, b in zip(medians[mine], medians[theirs])]
        print(f"{mine:10} / {theirs:8} wall {ratios[0]:.2f}  CPU {ratios[1]:.2f}  memory {ratios[2]:.2f}")


if __name__ == "__main__":
    main()
