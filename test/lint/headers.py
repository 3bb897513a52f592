#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each header compiles by itself and twice, and guards itself by its path."""

import json
import os
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lint import TOP, Checks, c_files, name


def flags():
    """The compiler, and every include and macro that some file of the build is compiled with."""
    build = Path(os.environ["STEWARD_BUILD"])
    kept = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        words = shlex.split(entry["command"])
        for place, word in enumerate(words):
            if re.match(r"-(?:I|D|isystem|std=)", word) and word != "-isystem":
                kept[word] = None
            elif word == "-isystem":
                kept[f"-isystem{words[place + 1]}"] = None
    return build, [flag for flag in kept if flag != "-D_FORTIFY_SOURCE=3"]


def main():
    checks = Checks()
    build, options = flags()
    headers = [path for path in c_files() if path.suffix == ".h" and path.name != "banned.h"]

    def compile_alone(path):
        include = path.relative_to(TOP / "src").as_posix()
        text = f'#include "{include}"\n#include "{include}"\nextern int unused_;\n'
        done = subprocess.run(["gcc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
                               "-Wno-missing-field-initializers", *options, "-x", "c", "-"],
                              input=text, cwd=build, text=True, capture_output=True)
        if done.returncode == 0:
            return None
        first = next((line for line in done.stderr.splitlines() if "error" in line), "failed")
        return f"{name(path)}: {first}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        broken = [text for text in pool.map(compile_alone, headers) if text]
    checks.rule("every header compiles alone, and twice", broken, len(headers))

    broken = []
    for path in headers:
        inside = path.relative_to(TOP / "src").as_posix()
        guard = "STEWARD_" + re.sub(r"[^A-Z0-9]", "_", inside.upper())
        text = path.read_text(encoding="utf-8")
        if f"#ifndef {guard}\n#define {guard}\n" not in text:
            broken.append(f"{name(path)}: is not guarded by {guard}")
    checks.rule("headers are guarded by their path", broken, len(headers))
    checks.finish()


main()
