#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What scripts/embed_blocks.py makes of a template, and which templates it refuses."""

import subprocess
import sys
import tempfile
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "embed_blocks.py"
REFUSED = {
    "a slot among attributes": ('<p {{x}}>', "slot 'x' is neither in text nor in quotes"),
    "a slot as an attribute without quotes": ("<p class={{x}}>", "slot 'x' is neither in text nor in quotes"),
    "a slot in single quotes": ("<p class='{{x}}'>", "slot 'x' is neither in text nor in quotes"),
    "a slot in a style": ("<style>p { color: {{x}} }</style>", "slot 'x' is neither in text nor in quotes"),
    "a slot that is none": ("<p>{{X}}</p>", "has '{{' that begins no slot"),
    "a script": ("<script>{{x}}</script>", "runs or loads something"),
    "a handler": ('<p onclick="{{x}}">', "runs or loads something"),
    "an image": ('<img src="{{x}}">', "runs or loads something"),
    "an inline style": ('<p style="{{x}}">', "runs or loads something"),
    "a link to elsewhere": ('<a href="{{x}}">', "runs or loads something"),
    "an address": ("<p>https://example.com</p>", "runs or loads something"),
}


def embed(top, template, style=""):
    (top / "t.html").write_text(template, encoding="ascii")
    (top / "t.css").write_text(style, encoding="ascii")
    done = subprocess.run([sys.executable, SCRIPT, top / "t.html", top / "out.c", top / "out.h"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return None, None, done.stderr
    return (top / "out.c").read_text(), (top / "out.h").read_text(), ""


def good_templates(top):
    source, header, error = embed(top, """A comment.
<!-- block row -->
<tr class="a {{kind}}">
  <td>{{name}}, {{kind}}
    and more</td>
</tr>

<!-- block end -->
<style>{{> t.css}}</style> "quoted" \\
""", "p { /* why */\n  color: red;\n}\n")
    yield "no error", error == ""
    yield "slots are numbered by name", source is not None and all(piece in source for piece in (
        '{{"<tr class=\\"a ", 13}, 0},', '{{"\\"><td>", 6}, 1},', '{{", ", 2}, 0},',
        '{{" and more</td></tr>", 19}, -1},'))
    yield "the style sheet is taken in", source is not None and (
        '{{"<style>p { color: red; }</style> \\"quoted\\" \\\\", 43}, -1},' in source)
    yield "a struct for the block with slots only", header is not None and (
        "struct html_row {\n    str kind;\n    str name;\n};" in header and "struct html_end" not in header
        and "HTML_row,\n    HTML_end,\n    HTML_BLOCK_COUNT" in header)
    long = embed(top, "<!-- block long -->\n<p>" + "x" * 5000 + "</p>\n")[0]
    yield "long text is cut into literals", long is not None and max(map(len, long.splitlines())) < 1000


def refused_templates(top):
    for name, (text, message) in REFUSED.items():
        _, _, error = embed(top, f"<!-- block b -->\n{text}\n")
        yield name, message in error
    yield "a block twice", "block 'b' is there twice" in embed(top, "<!-- block b -->\n<!-- block b -->\n")[2]
    yield "no block", "has no block" in embed(top, "<p>\n")[2]
    yield "a style that loads", "loads or ends something" in embed(
        top, "<!-- block b -->\n<style>{{> t.css}}</style>\n", "@import 'x';")[2]
    yield "a style that ends", "loads or ends something" in embed(
        top, "<!-- block b -->\n<style>{{> t.css}}</style>\n", "</style>")[2]


def main():
    count = failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for checks in (good_templates, refused_templates):
            for name, good in checks(Path(directory)):
                count += 1
                failed += not good
                print(f"{'ok' if good else 'not ok'} {count} - {name}")
    print(f"1..{count}")
    sys.exit(1 if failed else 0)


main()
