#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What every text file of the tree must keep to."""

import re

from lint import TOP, Checks, c_files, name, tree

OTHERS = {".py", ".sh", ".build", ".yaml", ".sql", ".md", ".txt", ".json"}
DATA = re.compile(r"^(test/(?:fuzz/corpus|cli|integration|fault)/|rules/lists/|bench/data/)")
MACHINE = re.compile(r"(?<![\w.])/(?:work|home|root|Users|mnt|workspace)/\w")
OPEN_ENDS = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
PRIVATE = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*[A-Za-z0-9+/=]{20}|\bAKIA[0-9A-Z]{16}\b|\beyJ[\w-]{40,}\.")


def lines(paths, broken):
    """ "file:line: text" for each line for which broken(line) is true."""
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if broken(line):
                yield f"{name(path)}:{number}: {line.strip()[:100]}"


def main():
    checks = Checks()
    sources = c_files() + c_files("test") + c_files("bench")
    scripts = [path for path in tree(".py", ".sh") if not name(path).startswith("test/fuzz/corpus/")]
    texts = sources + [path for path in tree(*OTHERS) if not DATA.match(name(path))]

    checks.rule("C files are ASCII", lines(sources, lambda line: not line.isascii()), len(sources))
    checks.rule("every C file and script carries its licence",
                [name(path) for path in sources + scripts
                 if "SPDX-License-Identifier: MIT" not in
                 "".join(path.read_text(encoding="utf-8").split("\n")[:3])],
                len(sources + scripts))
    checks.rule("no path of somebody's machine", lines(texts, MACHINE.search), len(texts))
    checks.rule("nothing is left for later", lines(texts, OPEN_ENDS.search), len(texts))
    checks.rule("no carriage returns, no spaces at the end of lines",
                lines(sources + scripts, lambda line: line != line.rstrip()), len(sources))
    checks.rule("text files end with a newline",
                [name(path) for path in texts
                 if path.stat().st_size and not path.read_bytes().endswith(b"\n")], len(texts))
    everything = tree()
    checks.rule("no private key or access key in the tree",
                [name(path) for path in everything if PRIVATE.search(path.read_bytes())],
                len(everything))

    pages = tree(".md")
    checks.rule("links of the documents lead somewhere",
                [f"{name(path)}: {link}" for path in pages
                 for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text(encoding="utf-8"))
                 if not (path.parent / link).exists()], len(pages))
    named = [path for path in texts if not name(path).startswith("test/lint/")]
    checks.rule("documents that are named exist",
                [f"{name(path)}: {page}" for path in named
                 for page in re.findall(r"(?<![\w/.<*-])(?:\w+/)*\w[\w-]*\.md\b",
                                        path.read_text(encoding="utf-8"))
                 if not any((place / page).exists() for place in (TOP, TOP / "docs", path.parent))],
                len(named))
    names = {}
    for path in sources:
        program = "sandbox" if name(path).startswith("src/sandbox/") else "steward"
        if path.name != "main.c":
            names.setdefault((program, path.name), []).append(name(path))
    checks.rule("no two C files of a program have the same name",
                [" ".join(paths) for paths in names.values() if len(paths) > 1], len(names))
    checks.finish()


main()
