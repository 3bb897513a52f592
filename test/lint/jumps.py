#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`goto` goes forward only: to what releases, never back into what was done."""

import re

from lint import Checks, c_files, code, name


def functions(text):
    """(number of the first line, lines) between two lines that begin with a closing brace."""
    first, body = 1, []
    for number, line in enumerate(text.split("\n"), 1):
        body.append(line)
        if line.startswith("}"):
            yield first, body
            first, body = number + 1, []


def backward_jumps(path):
    for first, body in functions(code(path)):
        labels = {}
        for offset, line in enumerate(body):
            match = re.match(r"\s*(\w+):\s*(?:$|[^:])", line)
            if match and match.group(1) not in ("default", "case"):
                labels[match.group(1)] = offset
        for offset, line in enumerate(body):
            for target in re.findall(r"\bgoto\s+(\w+)\s*;", line):
                if labels.get(target, -1) <= offset:
                    yield f"{name(path)}:{first + offset}: goto {target}"


def main():
    checks = Checks()
    files = [path for path in c_files() + c_files("test") if path.suffix == ".c"]
    checks.rule("goto goes forward only",
                [text for path in files for text in backward_jumps(path)], len(files))
    checks.finish()


main()
