#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-tidy over every file of src/ that a build directory compiles; a warning is a failure.

tidy.py [--jobs N] BUILD-DIRECTORY [FILE...]

The result for a file is kept in the build directory until the file, a header, the configuration or
its command changes, because analysing everything takes minutes.
"""

import argparse
import hashlib
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


def digest(parts):
    whole = hashlib.sha256()
    for part in parts:
        whole.update(part if isinstance(part, bytes) else part.encode())
        whole.update(b"\0")
    return whole.hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("build", type=Path)
    parser.add_argument("files", nargs="*", type=Path)
    args = parser.parse_args()

    build = args.build.resolve()
    entries = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = (Path(entry["directory"]) / entry["file"]).resolve()
        if path.is_relative_to(TOP / "src"):
            entries[path] = entry["command"]
    if args.files:
        wanted = {path.resolve() for path in args.files}
        entries = {path: command for path, command in entries.items() if path in wanted}
    if not entries:
        print(f"tidy: {build} compiles nothing of src/")
        return 1

    headers = digest(path.read_bytes() for path in sorted((TOP / "src").rglob("*.h")))
    config = (TOP / ".clang-tidy").read_bytes()
    kept = build / "tidy"
    kept.mkdir(exist_ok=True)

    def check(item):
        path, command = item
        clean = kept / digest([headers, config, command, path.read_bytes()])
        if clean.exists():
            return ""
        done = subprocess.run(["clang-tidy-14", "--quiet", "-p", str(build), str(path)],
                              text=True, errors="replace", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        found = re.sub(rf"(?:{re.escape(str(TOP))}/)?(?:[\w.-]+/)?(?:\.\./)*(?=src/)", "",
                       done.stdout).strip()
        if done.returncode == 0 and not re.search(r": (?:warning|error): ", found):
            clean.touch()
            return ""
        return found or done.stderr.strip()

    with ThreadPoolExecutor(args.jobs) as pool:
        findings = [found for found in pool.map(check, sorted(entries.items())) if found]
    # A header's finding comes once for each file that includes it.
    seen = set()
    for found in findings:
        for block in re.split(r"\n(?=\S[^\n]*: (?:warning|error): )", found):
            if block not in seen:
                seen.add(block)
                print(block)
    print(f"tidy: {len(entries)} files, {len(seen)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
