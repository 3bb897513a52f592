#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks JSON from standard input against schemas/NAME.schema.json, with the standard library only.

Knows the keywords that our schemas use and refuses all others, so that none is ignored silently.
"""

import json
import re
import sys
from pathlib import Path

SCHEMAS = Path(__file__).resolve().parent.parent.parent / "schemas"
SILENT = {"$schema", "$defs", "title", "description"}
TYPES = {
    "object": dict, "array": list, "string": str, "boolean": bool, "null": type(None),
}


def has_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


class Checker:
    def __init__(self, schema):
        self.root = schema
        self.problems = []

    def fail(self, path, text):
        self.problems.append(f"{path or 'the document'}: {text}")

    def check(self, value, schema, path=""):
        if schema is True:
            return
        for keyword, argument in schema.items():
            if keyword not in SILENT:
                getattr(self, "on_" + keyword.replace("$", ""))(value, argument, path, schema)

    def on_ref(self, value, argument, path, _):
        self.check(value, self.root["$defs"][argument.removeprefix("#/$defs/")], path)

    def on_type(self, value, argument, path, _):
        names = [argument] if isinstance(argument, str) else argument
        if not any(has_type(value, name) for name in names):
            self.fail(path, f"is not of type {' or '.join(names)}")

    def on_properties(self, value, argument, path, _):
        if isinstance(value, dict):
            for name, schema in argument.items():
                if name in value:
                    self.check(value[name], schema, f"{path}.{name}")

    def on_required(self, value, argument, path, _):
        for name in argument if isinstance(value, dict) else []:
            if name not in value:
                self.fail(path, f"lacks '{name}'")

    def on_additionalProperties(self, value, argument, path, schema):
        for name in value if isinstance(value, dict) else []:
            if name in schema.get("properties", {}):
                continue
            if argument is False:
                self.fail(path, f"has '{name}', which is not in the schema")
            else:
                self.check(value[name], argument, f"{path}.{name}")

    def on_items(self, value, argument, path, _):
        for number, item in enumerate(value if isinstance(value, list) else []):
            self.check(item, argument, f"{path}[{number}]")

    def on_minItems(self, value, argument, path, _):
        if isinstance(value, list) and len(value) < argument:
            self.fail(path, f"has fewer than {argument} items")

    def on_maxItems(self, value, argument, path, _):
        if isinstance(value, list) and len(value) > argument:
            self.fail(path, f"has more than {argument} items")

    def on_uniqueItems(self, value, argument, path, _):
        if argument and isinstance(value, list) and len(set(map(json.dumps, value))) != len(value):
            self.fail(path, "holds an item twice")

    def on_enum(self, value, argument, path, _):
        if value not in argument:
            self.fail(path, f"is {json.dumps(value)}")

    def on_const(self, value, argument, path, _):
        if value != argument or isinstance(value, bool) != isinstance(argument, bool):
            self.fail(path, f"is not {json.dumps(argument)}")

    def on_pattern(self, value, argument, path, _):
        if isinstance(value, str) and re.search(argument, value) is None:
            self.fail(path, f"does not match {argument}")

    def on_minimum(self, value, argument, path, _):
        if has_type(value, "number") and value < argument:
            self.fail(path, f"is below {argument}")


def main():
    name, lines = sys.argv[1], "--lines" in sys.argv[2:]
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    text = sys.stdin.read()
    documents = text.splitlines() if lines else [text]
    if not documents:
        print("there is nothing to check")
        return 1
    for document in documents:
        checker = Checker(schema)
        checker.check(json.loads(document), schema)
        for problem in checker.problems:
            print(problem)
        if checker.problems:
            return 1
    return 0


sys.exit(main())
