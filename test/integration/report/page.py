# SPDX-License-Identifier: MIT
"""Reads a report as a browser does, without one: checks the markup and finds what it says."""

import re
from html.parser import HTMLParser

VOID = {"meta", "br"}
LOADS = {"src", "srcset", "action", "data", "poster", "background", "style", "formaction", "ping"}
ALLOWED = {"html", "head", "meta", "title", "style", "body", "main", "header", "nav", "a", "p", "b", "i", "h1",
           "h2", "h3", "h4", "ul", "li", "span", "small", "section", "dl", "div", "dt", "dd", "figure",
           "figcaption", "svg", "text", "rect", "line", "table", "thead", "tbody", "tr", "th", "td",
           "details", "summary", "article", "bdi", "code", "br", "footer"}


class Page(HTMLParser):
    """`problems`; `text`: by the id of an element; `cards`: a list of changes; `links`: fragments."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.problems, self.text, self.cards, self.links, self.titles = [], {}, [], set(), []
        self.open, self.cells = [], None
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"<{self.open[-1][0]}> is never closed")
        for link in self.links - set(self.text):
            self.problems.append(f"a link leads to '#{link}', which is not there")

    def handle_starttag(self, tag, attributes):
        if tag not in ALLOWED:
            self.problems.append(f"<{tag}> does not belong into a report")
        for name, value in attributes:
            if name.startswith("on") or name in LOADS:
                self.problems.append(f"<{tag} {name}> would run or load something")
            if name == "href" and not re.fullmatch(r"#[\w-]+", value):
                self.problems.append(f"a link leads to '{value}'")
            elif name == "href":
                self.links.add(value[1:])
        attributes = dict(attributes)
        identity = attributes.get("id")
        if identity in self.text:
            self.problems.append(f"the id '{identity}' is there twice")
        if identity:
            self.text[identity] = ""
        if tag == "article":
            self.cards.append({"id": identity[1:], "state": attributes["class"].split()[1],
                               "before": {}, "after": {}})
        if tag == "tr":
            self.cells = []
        if tag in ("th", "td") and self.cells is not None:
            self.cells.append("")
        if tag not in VOID:
            self.open.append((tag, identity))

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.problems.append(f"</{tag}> closes nothing")
            return
        self.open.pop()
        inside = {name for name, _ in self.open}
        if tag == "tr" and "article" in inside and "tbody" in inside:
            name, before, after = self.cells
            self.cards[-1]["before"][name], self.cards[-1]["after"][name] = before, after

    def handle_data(self, data):
        for tag, identity in self.open:
            if identity and tag not in ("article", "section"):
                self.text[identity] += data
        if self.cells:
            self.cells[-1] += data

    def number(self, identity):
        return int(self.text[identity].replace(",", ""))
