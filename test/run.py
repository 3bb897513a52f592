#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds every flavor of steward, runs every suite in it and sums up.

A flavor is a build directory with its own compiler or sanitizer. One thread builds them in turn and,
at the end, runs the static analyser; another one tests each flavor as soon as it is built, because
many tests wait for something other than a processor. Counted are the single checks that tests report
(TAP), not programs.

The last line is "N passed, N failed". The exit status is 1 if anything failed, if a flavor did not
build, or if a suite that should run had no test in it. Skipped tests are named before that line; with
CI set they count as failures.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CI = os.environ.get("CI", "") not in ("", "0", "false")
SUMMARY = TOP / "build" / "test-summary.txt"
SLOW_SECONDS = 20
OUTPUT_LINES = 80

SUITES = ["unit", "cli", "integration", "fault", "fuzz", "lint"]


class Flavor:
    """What to build and which suites to run in it; suites empty: only build."""

    def __init__(self, name, directory, cc, options, suites, multiplier=1, environment=None):
        self.name = name
        self.directory = TOP / directory
        self.cc = cc
        self.options = options
        self.suites = suites
        self.multiplier = multiplier
        self.environment = environment or {}


# A sanitizer's exit status is one that steward never gives (cli.md has 1 to 6, 11, 64 and 130), and its
# reports go to files, because tests read the output of the programs that they run.
FLAVORS = [
    Flavor("gcc", "build", "gcc", [], SUITES),
    Flavor(
        "asan", "build-asan", "gcc", ["-Db_sanitize=address,undefined", "-Db_lundef=false"],
        ["unit", "integration", "fault", "fuzz"], 4,
        {
            "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:"
                            "exitcode=99:log_path={logs}/asan",
            "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1:exitcode=99:log_path={logs}/ubsan",
            "LSAN_OPTIONS": "suppressions={top}/test/lsan.supp:print_suppressions=0",
        },
    ),
    Flavor(
        "tsan", "build-tsan", "gcc", ["-Db_sanitize=thread", "-Db_lundef=false"],
        ["unit", "integration", "fault"], 8,
        {
            "TSAN_OPTIONS": "second_deadlock_stack=1:exitcode=99:log_path={logs}/tsan:"
                            "suppressions={top}/test/tsan.supp",
        },
    ),
    Flavor("clang", "build-clang", "clang-14", ["-Db_lundef=false"], []),
]
LINT = Flavor("gcc", "build", "gcc", [], ["lint"])
COVERAGE = Flavor("cov", "build-cov", "gcc", ["-Db_coverage=true", "-Dbuildtype=debug"],
                  ["unit", "cli", "integration"], 2)

print_lock = threading.Lock()


def say(text):
    with print_lock:
        print(text, flush=True)


class Tally:
    """What all threads found."""

    def __init__(self):
        self.lock = threading.Lock()
        self.passed = 0
        self.failures = []  # (name, output)
        self.skipped = []  # (name, reason); "optional: ..." is no failure in CI either

    def add(self, passed, failures, skipped):
        with self.lock:
            self.passed += passed
            self.failures += failures
            self.skipped += skipped


tally = Tally()


def run(command, env=None):
    """The exit status and everything that the command printed."""
    process = subprocess.run([str(part) for part in command], cwd=TOP, env=env, text=True,
                             errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return process.returncode, process.stdout


def build(flavor, jobs):
    """Configures and compiles; false after noting a failure."""
    started = time.monotonic()
    # gcc's own manual: its warnings are wrong at times in code that a sanitizer has changed.
    strict = not flavor.environment
    command = ["meson", "setup", f"-Dwerror={str(strict).lower()}", *flavor.options]
    if (flavor.directory / "build.ninja").exists():
        command.append("--reconfigure")
    status, output = run([*command, flavor.directory], dict(os.environ, CC=flavor.cc))
    if status == 0:
        status, output = run(["ninja", "-C", flavor.directory, "-j", jobs])
        warnings = [line for line in output.splitlines() if re.search(r"\bwarning: ", line)]
        if status == 0 and strict and warnings:  # such as the linker's
            status, output = 1, "\n".join(warnings)
    seconds = time.monotonic() - started
    if status != 0:
        tally.add(0, [(f"{flavor.name}: build", output)], [])
        say(f"{flavor.name}: build failed after {seconds:.0f} s")
        return False
    tally.add(1, [], [])
    say(f"{flavor.name}: built in {seconds:.0f} s")
    return True


def scratch_directory():
    """In memory where that is large enough: the kills need no disk that outlives the machine."""
    try:
        memory = os.statvfs("/dev/shm")
        roomy = memory.f_bavail * memory.f_frsize >= 2 << 30
    except OSError:
        roomy = False
    path = tempfile.mkdtemp(prefix="steward-test-", dir="/dev/shm" if roomy else None)
    os.chmod(path, 0o711)  # some tests give up root's rights on the way
    return path


def count_tap(test):
    """One test program's (passed, failed, skipped [(name, reason)], names of the failed)."""
    passed, failed, skipped = 0, [], []
    for line in (test.get("stdout") or "").splitlines():
        match = re.match(r"(not )?ok\b(?: +\d+)?(?: +-)? *(.*)", line)
        if not match:
            continue
        name, _, directive = match.group(2).partition(" # ")
        if directive.upper().startswith("SKIP"):
            skipped.append((name.strip(), directive[4:].strip()))
        elif match.group(1):
            failed.append(name.strip())
        else:
            passed += 1
    return passed, skipped, failed


def tail(text):
    lines = (text or "").splitlines()
    cut = len(lines) - OUTPUT_LINES
    return "\n".join(([f"... {cut} lines before"] if cut > 0 else []) + lines[-OUTPUT_LINES:])


def count_log(flavor, log, filters):
    """Adds up the records that Meson wrote, one JSON object a line, one for each program."""
    tests = json.loads((flavor.directory / "meson-info" / "intro-tests.json").read_text())
    suites = {test["name"]: [suite.split(":")[-1] for suite in test["suite"]] for test in tests}
    passed, failures, skipped, ran, slow = 0, [], [], set(), []
    for line in log.read_text(encoding="utf-8").splitlines():
        test = json.loads(line)
        short = test["name"].rpartition(" / ")[2]  # Meson may put the suite before it
        ran.update(suites.get(short, []))
        name = f"{flavor.name}: {short}"
        ok, skips, failed = count_tap(test)
        if test["result"] == "SKIP" and not skips:
            reason = (test.get("stdout") or test.get("stderr") or "").strip()[:200]
            skips = [("", reason.partition("SKIP ")[2] or reason)]
        elif test["result"] not in ("OK", "SKIP") and not failed:
            failed = [test["result"].lower()]
        elif test["result"] == "OK" and ok == 0 and not skips and not failed:
            ok = 1  # a program without TAP is one check
        passed += ok
        skipped += [(f"{name} {what}".strip(), reason) for what, reason in skips]
        output = "\n".join(
            tail(part) for part in (
                "\n".join(l for l in (test.get("stdout") or "").splitlines()
                          if not l.startswith("ok ")),
                test.get("stderr")) if part)
        for number, what in enumerate(failed):
            failures.append((f"{name} {what}", output if number == 0 else ""))
        if test["duration"] > SLOW_SECONDS:
            slow.append((test["duration"], short))
    if not filters:
        failures += [(f"{flavor.name}: suite {suite}", "no test ran")
                     for suite in flavor.suites if suite not in ran]
    return passed, failures, skipped, slow


def without_randomised_addresses():
    """The sanitizers of gcc 12 fail to start on kernels that randomise addresses with many bits."""
    if shutil.which("setarch"):
        status, _ = run(["setarch", "-R", "true"])
        if status == 0:
            return ["setarch", "-R"]
    return []


def test(flavor, processes, filters):
    started = time.monotonic()
    logs = flavor.directory / "sanitizer"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir()
    scratch = scratch_directory()
    env = {name: value for name, value in os.environ.items()
           if not name.startswith(("DEVREV_", "STEWARD_", "MESON"))}
    env.update({key: value.format(logs=logs, top=TOP) for key, value in flavor.environment.items()})
    env.update(STEWARD_TEST_FLAVOR=flavor.name, TMPDIR=scratch, LC_ALL="C.UTF-8", TZ="UTC")
    command = [*(without_randomised_addresses() if flavor.environment else []),
               "meson", "test", "-C", flavor.directory, "--no-rebuild", "--logbase", "testlog-run",
               "--timeout-multiplier", flavor.multiplier, "--num-processes", processes]
    for suite in flavor.suites:
        command += ["--suite", suite]
    log = flavor.directory / "meson-logs" / "testlog-run.json"
    log.unlink(missing_ok=True)
    process = subprocess.Popen([str(part) for part in [*command, *filters]], cwd=TOP, env=env, text=True,
                               errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = []
    for line in process.stdout:
        output.append(line)
        if re.match(r" *\d+/\d+ ", line):
            say(f"{flavor.name}: {line.strip()}")
    process.wait()
    shutil.rmtree(scratch, ignore_errors=True)
    if not log.exists():
        tally.add(0, [(f"{flavor.name}: meson test", tail("".join(output)))], [])
        return
    passed, failures, skipped, slow = count_log(flavor, log, filters)
    for report in sorted(logs.iterdir()):
        failures.append((f"{flavor.name}: report {report.name}",
                         tail(report.read_text(encoding="utf-8", errors="replace"))))
    if process.returncode != 0 and not failures:
        failures.append((f"{flavor.name}: meson test", tail("".join(output))))
    tally.add(passed, failures, skipped)
    say(f"{flavor.name}: {passed} passed, {len(failures)} failed in "
        f"{time.monotonic() - started:.0f} s")
    for seconds, name in sorted(slow, reverse=True)[:5]:
        say(f"{flavor.name}:   {seconds:.0f} s {name}")


def tidy(jobs):
    """clang-tidy over what the clang flavor compiles; every warning is a failure."""
    started = time.monotonic()
    status, output = run([sys.executable, TOP / "test" / "lint" / "tidy.py", "--jobs", jobs,
                          FLAVORS[-1].directory])
    tally.add(1 if status == 0 else 0, [] if status == 0 else [("clang-tidy", output)], [])
    say(f"clang-tidy: {'clean' if status == 0 else 'failed'} after {time.monotonic() - started:.0f} s")


def coverage():
    status, output = run(["gcovr", "--root", TOP, "--filter", "src/", "--exclude", "src/main.c",
                          "--gcov-ignore-parse-errors", "--object-directory", COVERAGE.directory,
                          COVERAGE.directory])
    say(output)
    if status != 0:
        tally.add(0, [("gcovr", "")], [])


def fuzz(seconds, jobs):
    """Runs every fuzzer from its corpus; what it finds stays in build-fuzz/found."""
    flavor = Flavor("fuzz", "build-fuzz", "clang-14",
                    ["-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false"], [])
    if not build(flavor, jobs):
        return
    targets = sorted((flavor.directory / "test" / "fuzz").glob("fuzz_*_libfuzzer"))
    if not targets:
        tally.add(0, [("fuzz", "no fuzzer was built")], [])
    for target in targets:
        name = target.name.removeprefix("fuzz_").removesuffix("_libfuzzer")
        grown = flavor.directory / "grown" / name
        found = flavor.directory / "found"
        grown.mkdir(parents=True, exist_ok=True)
        found.mkdir(exist_ok=True)
        status, output = run([target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                              "-print_final_stats=1", f"-artifact_prefix={found}/{name}-", grown,
                              TOP / "test" / "fuzz" / "corpus" / name])
        runs = re.search(r"number_of_executed_units: *(\d+)", output)
        say(f"fuzz: {name}: {runs.group(1) if runs else 'no'} runs")
        tally.add(int(status == 0), [] if status == 0 else [(f"fuzz {name}", tail(output))], [])


def everything(flavors, jobs, filters, with_tidy):
    """The builder works ahead of the tester."""
    built = {flavor.name: threading.Event() for flavor in flavors}
    good = set()

    def build_all():
        for flavor in flavors:
            try:
                if build(flavor, jobs):
                    good.add(flavor.name)
            finally:
                built[flavor.name].set()
        if with_tidy:
            tidy(jobs)

    builder = threading.Thread(target=build_all, daemon=True)
    builder.start()
    for flavor in flavors:
        built[flavor.name].wait()
        if flavor.suites and flavor.name in good:
            test(flavor, jobs, filters)
    builder.join()


def finish():
    for name, output in tally.failures:
        say(f"\nFAILED {name}")
        if output:
            say("\n".join("    " + line for line in output.splitlines()))
    missing = [skip for skip in tally.skipped if CI and not skip[1].startswith("optional:")]
    if tally.skipped:
        say("\nSkipped:")
        for name, reason in tally.skipped:
            say(f"    {name}: {reason}{' (counts as failed)' if (name, reason) in missing else ''}")
    failed = len(tally.failures) + len(missing)
    if tally.passed + failed == 0:
        say("\nnothing was tested")
        failed = 1
    line = f"{tally.passed} passed, {failed} failed"
    SUMMARY.parent.mkdir(exist_ok=True)
    SUMMARY.write_text(line + "\n", encoding="utf-8")
    say("\n" + line)
    return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--flavor", choices=[f.name for f in FLAVORS] + ["cov", "lint"])
    parser.add_argument("--fuzz-seconds", type=int)
    parser.add_argument("test", nargs="*", help="names of tests, as Meson prints them")
    args = parser.parse_args()

    if args.fuzz_seconds is not None:
        fuzz(args.fuzz_seconds, args.jobs)
    elif args.flavor == "cov":
        everything([COVERAGE], args.jobs, args.test, False)
        coverage()
    elif args.flavor == "lint":
        everything([LINT, FLAVORS[-1]], args.jobs, args.test, True)
    elif args.flavor:
        everything([f for f in FLAVORS if f.name == args.flavor], args.jobs, args.test, False)
    else:
        everything(FLAVORS, args.jobs, args.test, not args.test)
    return finish()


if __name__ == "__main__":
    sys.exit(main())
