#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Verifying backups, beside sha256sum over the same files on two cores.

10,000 backups of 24 files each are made: JSON of 0.3 to 12 kB and an attachment of 64 kB, as a merge of five
tickets leaves them. Then `steward backups verify` and `find | xargs -P2 sha256sum` take turns; the best of
each counts, with the files in the cache where they fit, and once without (as root). steward also looks for
files that are not listed and compares every hash; sha256sum only computes.

Usage: bench_verify.py BUILD_DIR [--backups N] [--rounds N]
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import time

THREADS = 2


def files_of(index):
    yield "metadata/contact_info.json", 3000
    yield "tickets/tickets.json", 12000
    yield "tickets/relationships.json", 2500
    yield "tickets/attachments/ISS-1_ARTIFACT-1.pdf", 65536
    for conversation in range(10):
        yield f"conversations/CONV-{index * 10 + conversation}/messages.json", 3800
        yield f"conversations/CONV-{index * 10 + conversation}/participants.json", 900


def make(folder, count):
    """Backups with verification.json, and how many files and bytes they hold."""
    source = random.Random(1).randbytes(1 << 20)
    files = total = 0
    for index in range(count):
        backup = folder / f"p{index}@example.com_20261124_120000"
        listed = []
        made = set()
        for path, size in files_of(index):
            at = (index * 7919 + len(listed) * 104729) % (len(source) - size)
            content = source[at:at + size]
            parent = os.path.dirname(path)
            if parent not in made:
                os.makedirs(backup / parent, mode=0o700)
                made.add(parent)
            with open(backup / path, "wb") as file:
                file.write(content)
            listed.append({"path": path, "bytes": size, "sha256": hashlib.sha256(content).hexdigest()})
            files += 1
            total += size
        listed.sort(key=lambda entry: entry["path"])
        (backup / "metadata/verification.json").write_text(
            json.dumps({"files": listed}, separators=(",", ":")) + "\n", encoding="ascii")
        (backup / "metadata/merge_state.json").write_text(
            json.dumps({"change": f"{index:032x}", "state": "verified"}), encoding="ascii")
    return files, total


def timed(command, **more):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr.decode()[-500:]}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def drop_cache():
    try:
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n", encoding="ascii")
        return True
    except OSError:
        return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--backups", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        backups = folder / "backups"
        backups.mkdir(mode=0o700)
        files, total = make(backups, options.backups)
        print(f"{options.backups} backups, {files} files, {total / 1e6:.0f} MB")
        env = {"PATH": os.environ["PATH"], "HOME": name}
        ours = [options.build.resolve() / "src/steward", "--workspace", folder, "backups", "verify"]
        peer = ["sh", "-c", f"find backups -type f -print0 | xargs -0 -P{THREADS} -n 1000 sha256sum"]

        def steward():
            wall, cpu, out = timed(ours, env=env)
            if not out.startswith(f"{options.backups} sound, 0 with differences".encode()):
                sys.exit(f"steward found: {out.decode()[-300:]}")
            return wall, cpu

        def sha256sum():
            wall, cpu, out = timed(peer, cwd=folder)
            if out.count(b"\n") < files:
                sys.exit("sha256sum did not read all files")
            return wall, cpu

        best = {}
        runs = [("cache", True), ("disk", False)] if drop_cache() else [("cache", True)]
        for kind, warm in runs:
            for _ in range(options.rounds if warm else 1):
                for tool in (steward, sha256sum):
                    if not warm:
                        drop_cache()
                    wall, cpu = tool()
                    key = (kind, tool.__name__)
                    best[key] = min(best.get(key, (wall, cpu)), (wall, cpu))
        for kind, _ in runs:
            for tool in ("steward", "sha256sum"):
                wall, cpu = best[kind, tool]
                print(f"from the {kind}: {tool:9} {wall:6.2f} s, CPU {cpu:6.2f} s, "
                      f"{options.backups / wall:6.0f} backups and {total / wall / 1e6:5.0f} MB a second")
            print(f"from the {kind}: {best[kind, 'steward'][0] / best[kind, 'sha256sum'][0]:.2f} of the wall "
                  f"and {best[kind, 'steward'][1] / best[kind, 'sha256sum'][1]:.2f} of the CPU time")
        sys.exit(0 if best["cache", "steward"][0] <= best["cache", "sha256sum"][0] else 1)


main()
