#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the command-line cases and compares what they print and how they end, to the byte.

A case is cases/<group>/<name>.sh, run by `sh -e` in an empty directory with prelude.sh read first.
Beside it lie what is expected:

    <name>.sh.stdout   standard output; none: nothing
    <name>.sh.stderr   standard error; none: nothing
    <name>.sh.exit     exit status; none: 0

What differs from run to run is replaced on both streams before comparing (see VOLATILE).
--set-exact-output writes what came out as what is expected: read the difference before committing.
TAP on standard output.
"""

import argparse
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
CASES = HERE / "cases"
SECONDS = 60

VOLATILE = [
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "@TIME@"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d(?= )"), "@MINUTE@        "),
    (re.compile(r"\b[0-9a-f]{64}\b"), "@SHA256@"),
    (re.compile(r"\b[0-9a-f]{32}\b"), "@ID@"),
    (re.compile(r"(?<=Plan )[0-9a-f]{16}\b"), "@PLAN@"),
    (re.compile(r"(?m)^(  )?[0-9a-f]{8}(?=$|  )"), r"\1@ID@"),
    (re.compile(r"\(pid \d+\)"), "(pid @PID@)"),
    (re.compile(r"for (\d+ \w+|less than a \w+)(?=\n)"), "for @AGE@"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:@PORT@"),
]


class Case:
    def __init__(self, script):
        self.script = script
        self.name = f"{script.parent.name}/{script.stem}"

    def expected(self, what):
        path = self.script.with_name(f"{self.script.name}.{what}")
        return path, path.read_text(encoding="utf-8") if path.exists() else ""

    def run(self, options):
        scratch = Path(tempfile.mkdtemp(prefix="cli-"))
        try:
            work = scratch / "work"
            work.mkdir(mode=0o700)
            (scratch / "bin").mkdir()
            (scratch / "bin" / "steward").symlink_to(options.steward)
            environment = {
                "PATH": f"{scratch}/bin:/usr/bin:/bin",
                "HOME": str(scratch),
                "TMPDIR": str(scratch),
                "LC_ALL": "C",
                "TZ": "UTC",
                "CASES": str(self.script.parent),
                "CLI": str(HERE),
                "PYTHON": sys.executable,
            }
            for name, value in os.environ.items():
                if name.endswith("SAN_OPTIONS"):
                    environment[name] = value
            done = subprocess.run(
                ["/bin/sh", "-e", "-c", f'. "{HERE}/prelude.sh"; . "{self.script}"'], cwd=work,
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, timeout=SECONDS)
            return {
                "stdout": self.plain(done.stdout, scratch, options),
                "stderr": self.plain(done.stderr, scratch, options),
                "exit": f"{done.returncode}\n",
            }
        except subprocess.TimeoutExpired:
            return {"stdout": "", "stderr": f"did not end within {SECONDS} seconds\n", "exit": "-\n"}
        finally:
            for directory, _, _ in os.walk(scratch):
                os.chmod(directory, 0o700)
            shutil.rmtree(scratch, ignore_errors=True)

    @staticmethod
    def plain(raw, scratch, options):
        text = raw.decode("utf-8", "backslashreplace")
        for path, name in ((scratch, "@SCRATCH@"), (options.data, "@DATA@")):
            text = text.replace(str(path), name)
        for pattern, name in VOLATILE:
            text = pattern.sub(name, text)
        return text

    def compare(self, actual):
        """Lines that say what differs."""
        problems = []
        for what, text in actual.items():
            _, expected = self.expected(what)
            if what == "exit" and expected == "":
                expected = "0\n"
            problems += [line.rstrip("\n") for line in difflib.unified_diff(
                expected.splitlines(), text.splitlines(), f"expected {what}", f"actual {what}",
                lineterm="")]
            if text != expected and text.splitlines() == expected.splitlines():
                problems.append(f"{what}: the last line end differs")
        return problems

    def set_expected(self, actual):
        for what, text in actual.items():
            path, _ = self.expected(what)
            if text in ("", "0\n" if what == "exit" else ""):
                path.unlink(missing_ok=True)
            else:
                path.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steward", required=True, type=Path, help="the program under test")
    parser.add_argument("--data", type=Path, default=HERE.parent.parent, help="where rules/ lies")
    parser.add_argument("--set-exact-output", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*", help="cases (group/name) or groups; none: all")
    options = parser.parse_args()
    options.steward = options.steward.resolve()
    options.data = options.data.resolve()

    cases = [Case(script) for script in sorted(CASES.glob("*/*.sh"))]
    if options.names:
        cases = [case for case in cases
                 if case.name in options.names or case.script.parent.name in options.names]
    stray = [path.name for path in CASES.glob("*/*.sh.*")
             if not path.with_suffix("").exists() or path.suffix not in (".stdout", ".stderr", ".exit")]
    failed = 0
    print(f"1..{len(cases) + 1}")
    with ThreadPoolExecutor(options.jobs) as pool:
        for number, (case, actual) in enumerate(
                zip(cases, pool.map(lambda case: case.run(options), cases)), 1):
            if options.set_exact_output:
                case.set_expected(actual)
            problems = case.compare(actual)
            for line in problems:
                print(f"# {line}")
            print(f"{'not ok' if problems else 'ok'} {number} - {case.name}", flush=True)
            failed += bool(problems)
    print(f"{'not ok' if stray or not cases else 'ok'} {len(cases) + 1} - every file belongs to a case "
          f"{' '.join(stray)}")
    return 1 if failed or stray or not cases else 0


sys.exit(main())
