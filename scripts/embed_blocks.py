#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes C out of an HTML template: embed_blocks.py TEMPLATE OUT.c OUT.h

A template is a file of blocks. `<!-- block NAME -->` on a line of its own begins one; text before the
first is a comment. `{{slot}}` is where a value goes, `{{> FILE}}` takes in a style sheet beside the
template. Spaces at the ends of lines are for the reader of the template only: they are left out beside
a tag and are one space elsewhere.

A value is always escaped by the program, in the one way that is right in text and inside the double
quotes of an attribute. So a slot anywhere else is an error here, and so are scripts and attributes that
would make a browser run or load something.

OUT.h has for each block NAME a `struct html_NAME` with a `str` for each slot; OUT.c has its pieces.
"""

import re
import sys
from pathlib import Path

BLOCK = re.compile(r"^<!-- block ([a-z][a-z0-9_]*) -->$")
TOKEN = re.compile(r"\{\{(?:> (?P<file>[a-z_.]+)|(?P<slot>[a-z][a-z0-9_]*))\}\}")
FORBIDDEN = re.compile(r"<script|\bon[a-z]+=|javascript:|\bsrc=|\bstyle=|https?:|<link|<base|@import|url\(",
                       re.IGNORECASE)
LINK = re.compile(r'\bhref="(?!#)', re.IGNORECASE)
LONGEST = 900  # bytes of one literal; compilers promise at least 4,095


def fail(path, text):
    sys.exit(f"{path}: {text}")


def joined(lines):
    text = ""
    for line in (line.strip() for line in lines):
        if not line:
            continue
        if text and not text.endswith(">") and not line.startswith("<"):
            text += " "
        text += line
    return text


def style(path):
    text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="ascii"), flags=re.DOTALL)
    if "<" in text or FORBIDDEN.search(text):
        fail(path, "loads or ends something")
    return " ".join(text.split())


def blocks(path):
    found, name = {}, None
    for line in path.read_text(encoding="ascii").splitlines():
        match = BLOCK.match(line.strip())
        if match:
            name = match.group(1)
            if name in found:
                fail(path, f"block '{name}' is there twice")
            found[name] = []
        elif name is not None:
            found[name].append(line)
    if not found:
        fail(path, "has no block")
    return {name: joined(lines) for name, lines in found.items()}


class Place:
    """Where in the markup a slot stands."""

    def __init__(self):
        self.in_tag = self.in_quotes = self.in_style = False

    def walk(self, text):
        for at, char in enumerate(text):
            if self.in_tag:
                self.in_quotes ^= char == '"'
                self.in_tag = self.in_quotes or char != ">"
            elif char == "<":
                self.in_tag = True
                self.in_style = text.startswith("<style", at)

    def is_safe(self):
        return not self.in_style and (self.in_quotes or not self.in_tag)


def pieces(path, name, text):
    """[(literal, slot or None)], each slot checked to be in text or in a quoted attribute."""
    if FORBIDDEN.search(text) or LINK.search(text):
        fail(path, f"block '{name}' runs or loads something")
    found, literal, at, place = [], "", 0, Place()
    for match in TOKEN.finditer(text):
        place.walk(text[at : match.start()])
        literal += text[at : match.start()]
        at = match.end()
        if match.group("file"):
            literal += style(path.parent / match.group("file"))
            continue
        if not place.is_safe():
            fail(path, f"block '{name}': slot '{match.group('slot')}' is neither in text nor in quotes")
        found.append((literal, match.group("slot")))
        literal = ""
    if "{{" in text[at:]:
        fail(path, f"block '{name}' has '{{{{' that begins no slot")
    return found + [(literal + text[at:], None)]


def quoted_c(text):
    """C literals, one a line."""
    parts = [text[i : i + LONGEST] for i in range(0, len(text), LONGEST)] or [""]
    escaped = [part.replace("\\", "\\\\").replace('"', '\\"') for part in parts]
    return "\n        ".join(f'"{part}"' for part in escaped)


def main():
    template, out_c, out_h = (Path(argument) for argument in sys.argv[1:4])
    parsed = {name: pieces(template, name, text) for name, text in blocks(template).items()}
    title = f"/* Made from {template.name} by scripts/{Path(__file__).name}. */"
    guard = "STEWARD_ENGINE_" + re.sub(r"\W", "_", out_h.name.upper())
    header = [title, f"#ifndef {guard}", f"#define {guard}", "", '#include "base/str.h"', "",
              "enum html_block {"]
    header += [f"    HTML_{name}," for name in parsed] + ["    HTML_BLOCK_COUNT", "};", ""]
    source = [title, '#include "engine/report_html_page.h"', ""]
    for name, found in parsed.items():
        slots = list(dict.fromkeys(slot for _, slot in found if slot is not None))
        if slots:
            header += [f"struct html_{name} {{"] + [f"    str {slot};" for slot in slots] + ["};", ""]
        source.append(f"static const struct html_piece {name}[] = {{")
        for literal, slot in found:
            number = -1 if slot is None else slots.index(slot)
            source.append(f"    {{{{{quoted_c(literal)}, {len(literal)}}}, {number}}},")
        source.append("};\n")
    source.append("const struct html_pieces html_blocks[HTML_BLOCK_COUNT] = {")
    source += [f"    {{{name}, sizeof({name}) / sizeof({name}[0])}}," for name in parsed] + ["};"]
    out_h.write_text("\n".join(header + ["#endif"]) + "\n", encoding="ascii")
    out_c.write_text("\n".join(source) + "\n", encoding="ascii")


main()
