#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""clang-format 14 would change nothing. `make format` mends it."""

import re
import subprocess

from lint import TOP, Checks, c_files, name


def main():
    checks = Checks()
    files = c_files() + c_files("test") + c_files("bench")
    done = subprocess.run(["clang-format-14", "--dry-run", *map(str, files)], cwd=TOP, text=True,
                          capture_output=True)
    places = {}
    for line in done.stderr.splitlines():
        match = re.match(r"(.+?):(\d+):\d+: (?:warning|error): ", line)
        if match:
            places.setdefault(match.group(1), []).append(match.group(2))
    broken = [f"{name(TOP / path)}: lines {' '.join(lines[:10])}" for path, lines in places.items()]
    if done.returncode != 0 and not broken:
        broken.append(done.stderr.strip()[:300])
    checks.rule("C files are laid out by clang-format", broken, len(files))
    checks.finish()


main()
