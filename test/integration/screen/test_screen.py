#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a run shows of itself: the live block in a real terminal (tmux) of 40, 80 and 200 columns, resized
while it works; plain lines and JSON lines elsewhere; `steward show` beside it and after a kill; the
profile's files.

Usage: test_screen.py. STEWARD is the program under test. Prints TAP.
"""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "fault"))

from lab import PATIENCE, Lab, Problem, Tap  # noqa: E402

ROWS = 30
LABELS = ["run 1", "pace", "changes", "calls", "limit", "workers", "machine"]
PACE = {"RATE_LIMIT_CALLS": "150", "RATE_LIMIT_PERIOD": "1", "WORKERS": "4"}
# the third merge is refused: a line of the log in the middle of the run
REFUSED = ("rev-users.merge@3=status:400",)


class Terminal:
    """A tmux server of its own with one window, in which steward works."""

    def __init__(self, lab, columns, *arguments, **environment):
        self.lab = lab
        self.raw = lab.top / "raw"
        self.ended = lab.top / "ended"
        environment = {"TERM": "tmux-256color", **environment}
        kept = lab.environment()
        if "NO_COLOR" not in environment:
            del kept["NO_COLOR"]
        words = [f"{name}={value}" for name, value in {**kept, **environment}.items()]
        # the pause at the start lets tmux begin to write the bytes down; the screen is full already, because
        # tmux moves the upper lines of one that is not out of reach when it becomes narrower
        line = (f"seq -f 'before %g' 40; sleep 0.5; env -i {shlex.join(words)} {shlex.join(lab.command(*arguments))}; "
                f"echo code=$? >{shlex.quote(str(self.ended))}; sleep 600")
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(ROWS), line)
        self.tmux("pipe-pane", f"cat >{shlex.quote(str(self.raw))}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tmux("kill-server")

    def tmux(self, *words):
        done = subprocess.run(["tmux", "-S", str(self.lab.top / "tmux"), *words], text=True,
                              capture_output=True, check=False, timeout=PATIENCE,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
        if done.returncode != 0:
            raise Problem(f"tmux {words[0]}: {done.stderr}")
        return done.stdout

    def text(self):
        """All lines, those that have scrolled away, too."""
        return self.tmux("capture-pane", "-p", "-S", "-").rstrip("\n").split("\n")

    def resize(self, columns):
        self.tmux("resize-window", "-x", str(columns), "-y", str(ROWS))

    def wait(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            lines = self.text()
            if condition(lines):
                return lines
            time.sleep(0.1)
        raise Problem(f"waited for {what} in vain:\n" + "\n".join(self.text()))

    def wait_end(self):
        deadline = time.monotonic() + PATIENCE
        while not self.ended.exists() or not self.ended.read_text():
            if time.monotonic() > deadline:
                raise Problem("steward did not end:\n" + "\n".join(self.text()))
            time.sleep(0.1)
        time.sleep(0.3)
        return self.ended.read_text().strip()


def planned(contacts=80, faults=(), **settings):
    lab = Lab(contacts=contacts, faults=faults, **{**PACE, **settings})
    lab.arguments += ["--latency", "10"]
    return lab


def labels(lines):
    return [line[:9].rstrip() for line in lines if line[:1] not in (" ", "")]


def block_of(lines):
    """The block's lines, which are the last ones of the screen."""
    for number in range(len(lines) - 1, -1, -1):
        if re.match(r"run 1    (\[[#.]+\]  )?\d+/\d+  ", lines[number]):
            return lines[number:]
    return []


def screen_problems(lines, columns):
    block = block_of(lines)
    names = [name for name in labels(block) if name != "errors"]
    if names != LABELS:
        yield f"at {columns} columns the block's rows are {names}:\n" + "\n".join(lines)
    heads = [line for line in lines if line.startswith("run 1 ")]
    if len(heads) != 1:
        yield f"at {columns} columns the block stands there {len(heads)} times:\n" + "\n".join(lines)
    if max(map(len, block), default=0) >= columns:
        yield f"at {columns} columns a line is too long:\n" + "\n".join(lines)
    bar = re.search(r"\[([#.]+)\]", block[0] if block else "")
    if columns >= 80 and (bar is None or not 30 <= len(bar[1]) <= 60):
        yield f"at {columns} columns the bar is {bar}"


def the_block_survives_resizing():
    with planned(faults=REFUSED) as lab:
        lab.plan()
        with Terminal(lab, 80, "apply", "1", "--yes", "--monitor") as terminal:
            begun = terminal.wait(lambda lines: len(block_of(lines)) >= 7, "the block")
            yield from screen_problems(begun, 80)
            terminal.wait(lambda lines: any("change not done" in line for line in lines), "the log")
            for columns in (40, 200, 40, 80):
                terminal.resize(columns)
                time.sleep(0.6)  # two drawings
                if terminal.ended.exists():
                    yield f"the run was over before it had {columns} columns"
                yield from screen_problems(terminal.text(), columns)
            if terminal.wait_end() != "code=3":
                yield f"it ended with {terminal.wait_end()}"
            lines = terminal.text()
            logged = [line for line in lines if line.startswith("steward: warn: change not done")]
            if len(logged) != 1:
                yield f"the line of the log stands there {len(logged)} times:\n" + "\n".join(lines)
            heads = [number for number, line in enumerate(lines) if line.startswith("run 1 ")]
            if len(heads) != 1 or lines.index(logged[0]) > heads[0]:
                yield "the block does not stand once, below the log:\n" + "\n".join(lines)
            if not any(re.fullmatch(r"Run 1: done", line) for line in lines):
                yield "the outcome does not stand below it:\n" + "\n".join(lines)
            if b"\x1b[33msteward: warn:" not in terminal.raw.read_bytes():
                yield "the log's line has no colour"


def no_color_has_none():
    with planned(contacts=40, faults=REFUSED) as lab:
        lab.plan()
        with Terminal(lab, 80, "apply", "1", "--yes", NO_COLOR="1") as terminal:
            terminal.wait_end()
            raw = terminal.raw.read_bytes()
            if re.search(rb"\x1b\[[0-9;]*m", raw):
                yield "NO_COLOR is set and there is colour"
            if not re.search(rb"\x1b\[[67]A\r\x1b\[\?7lrun 1 ", raw):
                yield "the block was not drawn"


def a_dumb_terminal_gets_lines():
    with planned(contacts=40, faults=REFUSED) as lab:
        lab.plan()
        with Terminal(lab, 80, "apply", "1", "--yes", TERM="dumb") as terminal:
            terminal.wait_end()
            raw = terminal.raw.read_bytes()
            if b"\x1b" in raw:
                yield f"escapes on a dumb terminal: {raw}"
            if not re.search(rb"\nsteward: run 1: (\d+)/\1  100\.0 %  ", raw):
                yield f"no line at the end: {raw}"


def flicker_is_one_write():
    """A drawing wipes and draws at once, and what has not changed is not drawn again."""
    with planned(contacts=40) as lab:
        lab.plan()
        with Terminal(lab, 80, "apply", "1", "--yes") as terminal:
            terminal.wait_end()
            raw = terminal.raw.read_bytes()
            raw = raw[raw.index(b"\x1b[?7l"):]
            drawings = re.split(rb"\x1b\[\dA", raw)
            if len(drawings) < 3:
                yield f"{len(drawings)} drawings"
            for drawing in drawings[:-1]:
                if not re.match(rb"\s*\x1b\[\?7lrun 1 ", drawing):
                    yield f"a block was not drawn over the last one: {drawing[:80]}"
            if b"\x1b[2J" in raw or len(set(drawings)) != len(drawings):
                yield "the screen is cleared, or what has not changed is drawn again"


def show_tells_it_from_outside():
    with planned() as lab:
        lab.plan()
        process = lab.spawn("apply", "1", "--yes", "--quiet")
        try:
            deadline = time.monotonic() + PATIENCE
            while "progress" not in (beside := lab.json("show", "1")):
                if time.monotonic() > deadline or process.poll() is not None:
                    raise Problem("nothing is told from outside")
                time.sleep(0.2)
            if beside["working"] is not True:
                yield f"nobody is said to work on it: {beside['progress']}"
            yield from schema_problems("show", json.dumps(beside))
            yield from schema_problems("progress", json.dumps(beside["progress"]))
            text = lab.steward("show", "1", codes=(0,)).out
            if not re.search(r"\nA steward works on it: 'steward apply' \(pid \d+\) has held it for "
                             r".*\nrun 1    \[[#.]+\]  \d+/\d+  ", text):
                yield f"show beside it: {text[:600]}"
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        after = lab.json("show", "1")
        if after["working"] is not False or after["state"] != "applying":
            yield f"after the kill: {after['state']}, working {after['working']}"
        text = lab.steward("show", "1", codes=(0,)).out
        if not re.search(r"\nNo steward works on it; the last one at \d{4}-\S+Z:\nrun 1    \[", text):
            yield f"show after the kill: {text[:600]}"
        if f"  {after['progress']['done']}/{after['progress']['todo']}  " not in text:
            yield "text and JSON differ"
        lab.go_on((0,))
        done = lab.json("show", "1")
        if "progress" in done or "working" in done:
            yield "a run that is done still tells its progress"


def schema_problems(name, document, *flags):
    checker = HERE.parent.parent / "cli" / "check_schema.py"
    done = subprocess.run([sys.executable, checker, name, *flags], input=document, text=True,
                          capture_output=True, check=False)
    if done.returncode != 0:
        yield f"{name}: {done.stdout}{done.stderr}"


def json_lines_for_programs():
    with planned(contacts=40) as lab:
        lab.plan()
        done = lab.steward("apply", "1", "--yes", "--json", "--monitor", codes=(0,))
        if json.loads(done.out)["state"] != "done":
            yield "stdout is not the run's document"
        lines = [json.loads(line) for line in done.err.splitlines()]
        yield from schema_problems("progress", done.err, "--lines")
        for line in lines:
            if "machine" not in line or line["machine"]["memory_bytes"] < 1000000:
                yield f"the machine is not told of: {line}"
        if len(lines) < 2 or [line["ended"] for line in lines] != [False] * (len(lines) - 1) + [True]:
            yield f"{len(lines)} lines, ended: {[line['ended'] for line in lines]}"
        last = lines[-1]
        if not last["done"] == last["todo"] == last["verified"] > 0:
            yield f"the last line: {last}"
        asked = len(lab.lines(lab.requests_file))
        if not 0 < asked <= last["calls"]:
            yield f"{last['calls']} calls told, {asked} arrived"


def profile_problems(text, workers, elapsed_s):
    profile = json.loads(text)
    if profile["$schema"] != "https://www.speedscope.app/file-format-schema.json":
        yield "no speedscope"
    frames = [frame["name"] for frame in profile["shared"]["frames"]]
    names = [entry["name"] for entry in profile["profiles"]]
    if names[0] != "all workers" or len(names) != workers + 1:
        yield f"profiles: {names}"
    for entry in profile["profiles"]:
        if entry["type"] != "sampled" or len(entry["samples"]) != len(entry["weights"]):
            yield f"{entry['name']}: is not as speedscope wants it"
        if sum(entry["weights"]) != entry["endValue"] or min(entry["weights"]) <= 0:
            yield f"{entry['name']}: the weights do not add up"
        if max(max(stack) for stack in entry["samples"]) >= len(frames):
            yield f"{entry['name']}: a frame is missing"
    whole = profile["profiles"][0]["endValue"] / 1e9
    if not 0.5 * workers * elapsed_s < whole <= 1.02 * workers * elapsed_s:
        yield f"{whole} s of {workers} workers in {elapsed_s} s"
    stacks = [[frames[frame] for frame in stack] for stack in profile["profiles"][0]["samples"]]
    for wanted in (["apply", "devrev rev-users.merge", "waiting for the answer"],
                   ["check", "devrev rev-users.get", "waiting for the limit"]):
        if wanted not in stacks:
            yield f"{wanted} is not among {stacks}"


def the_profile_says_where_time_went():
    with planned(contacts=40) as lab:
        lab.plan()
        begun = time.monotonic()
        done = lab.steward("apply", "1", "--yes", "--profile", codes=(0,))
        elapsed = time.monotonic() - begun
        path = lab.workspace / "reports" / "run-1.speedscope.json"
        yield from profile_problems(path.read_text(encoding="utf-8"), 4, elapsed)
        if path.stat().st_mode & 0o077:
            yield "others can read it"
        if not re.search(r"\nWhere the time of run 1 went: [\d.]+ s, 4 workers, [\d.]+ s of CPU\n"
                         r"  phase +seconds +share +limit +answers +other +CPU\n  check  ", done.err):
            yield f"the table: {done.err}"
        for name in ("capture", "apply", "confirm", "journal", "rev-users.merge"):
            if not re.search(rf"\n  {re.escape(name)} +[\d.]+", done.err):
                yield f"{name} is not in the table: {done.err}"
    with planned(contacts=40) as lab:
        lab.plan()
        lab.steward("apply", "1", "--yes", "--quiet", "--profile=where.folded", codes=(0,))
        lines = (lab.top / "where.folded").read_text(encoding="utf-8").splitlines()
        bad = [line for line in lines if not re.fullmatch(r"worker-\d(;[a-zA-Z .-]+){2,3} \d+", line)]
        if bad or len(lines) < 8:
            yield f"{len(lines)} stacks, bad: {bad}"


CASES = [the_block_survives_resizing, no_color_has_none, a_dumb_terminal_gets_lines,
         flicker_is_one_write, show_tells_it_from_outside, json_lines_for_programs,
         the_profile_says_where_time_went]


def main():
    tap = Tap()
    print(f"1..{len(CASES)}", flush=True)
    tap.run([(case.__name__.replace("_", " "), case) for case in CASES], threads=2)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
