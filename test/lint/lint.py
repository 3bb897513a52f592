# SPDX-License-Identifier: MIT
"""What the lint programs share: the files to look at, C without comments and strings, TAP."""

import re
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
SKIPPED_DIRS = re.compile(r"^(\.git|\.cache|build[^/]*|demo|__pycache__)$")

# What a folder below src/ may include beside itself: the table in ARCHITECTURE.md.
LIBRARIES = {
    "base": set(),
    "format": {"base"},
    "net": {"base"},
    "store": {"base", "format"},
    "remote": {"base", "format", "net"},
    "match": {"base", "format"},
    "engine": {"base", "format", "net", "store"},
    "job": {"base", "format", "net", "store", "remote", "match", "engine"},
}
ALLOWED = {
    **LIBRARIES,
    "command": set(LIBRARIES),
    "main.c": {"base", "command"},
    # It stands in for remotes: it must not share the code that it is a test of.
    "sandbox": {"base", "format"},
}


def tree(*suffixes, below=""):
    """All files of the source tree with one of the suffixes, sorted; without suffixes all."""
    found = []
    pending = [TOP / below]
    while pending:
        for path in pending.pop().iterdir():
            if path.is_symlink():
                continue
            if path.is_dir():
                if not SKIPPED_DIRS.match(path.name):
                    pending.append(path)
            elif not suffixes or path.suffix in suffixes:
                found.append(path)
    return sorted(found)


def c_files(below="src"):
    return tree(".c", ".h", below=below)


def name(path):
    return path.relative_to(TOP).as_posix()


def code(path):
    """The text with comments and the insides of strings blanked; lines stay where they are."""
    text = path.read_text(encoding="utf-8")

    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] + " " * (len(found) - 2) + found[-1]
        return re.sub(r"[^\n]", " ", found)

    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])+'", blank, text,
                  flags=re.DOTALL)


def matches(pattern, text):
    """(line number, match) for each place where the pattern is found."""
    for match in re.finditer(pattern, text, re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, match


class Checks:
    """Collects what breaks each rule and prints one TAP line a rule."""

    def __init__(self):
        self.count = 0
        self.failed = False

    def rule(self, title, broken, looked_at):
        """`broken`: texts such as "src/a.c:3: why"; `looked_at`: how many files, 0 is a failure."""
        self.count += 1
        broken = list(broken)
        if not looked_at:
            broken.append("no file was looked at")
        for text in broken:
            print(f"# {text}")
        print(f"{'not ok' if broken else 'ok'} {self.count} - {title}")
        self.failed = self.failed or bool(broken)

    def finish(self):
        print(f"1..{self.count}")
        sys.exit(1 if self.failed else 0)
