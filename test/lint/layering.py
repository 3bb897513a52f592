#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Folders depend downwards only (ARCHITECTURE.md), and every header is found by its path."""

from lint import ALLOWED, TOP, Checks, c_files, code, matches, name

TEST_ONLY = "harness"


def includes(path):
    text = path.read_text(encoding="utf-8")
    blanked = code(path)
    for line, match in matches(r'^[ \t]*#[ \t]*include[ \t]+"', blanked):
        start = match.end()
        yield line, text[start : text.index('"', start)]


def main():
    checks = Checks()
    files = c_files()
    upwards, unknown, missing = [], [], []
    for path in files:
        folder = path.relative_to(TOP / "src").parts[0]
        if folder not in ALLOWED:
            unknown.append(f"{name(path)}: '{folder}' has no place in ALLOWED of test/lint/lint.py")
            continue
        for line, header in includes(path):
            target = header.split("/")[0]
            if "/" not in header:
                missing.append(f"{name(path)}:{line}: '{header}' is not named with its folder")
            elif target not in ALLOWED[folder] | {folder}:
                upwards.append(f"{name(path)}:{line}: {folder} may not include '{header}'")
    checks.rule("folders include downwards only", upwards + unknown, len(files))
    checks.rule("headers are included by their path below src/", missing, len(files))

    own_first = []
    sources = [path for path in files if path.suffix == ".c" and path.with_suffix(".h").exists()]
    for path in sources:
        own = path.with_suffix(".h").relative_to(TOP / "src").as_posix()
        first = next((header for _, header in includes(path)), None)
        if first != own:
            own_first.append(f"{name(path)}: '{own}' is not the first header")
    checks.rule("a file includes its own header first", own_first, len(sources))

    tests = c_files("test")
    private = [f"{name(path)}:{line}: '{header}'" for path in tests
               for line, header in includes(path) if header.endswith(".c")]
    private += [f"{name(path)}:{line}: '{header}'" for path in files
                for line, header in includes(path)
                if header.endswith(".c") or header.startswith(TEST_ONLY)]
    checks.rule("nothing includes a .c file or, below src/, the test harness", private, len(tests))
    checks.finish()


main()
