#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`steward sample` on generated files: groups are whole and connected as an independent search over the
rows says, rows are the input's bytes, the same seed gives the same bytes, and a plan of the sample decides
its contacts as a plan of the whole file does.

Usage: test_sample.py STEWARD [--files N]. Prints TAP.
"""

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

RULES = """\
name: two-keys
version: 1
summary: two keys, so that groups are chains
kind: merge-contact
columns:
  - {name: id, form: trim, identity: yes, required: yes}
  - {name: mail, form: email, required: yes}
  - {name: ref, form: trim, required: yes}
  - {name: note, form: trim, decides: no}
facts:
  - {name: main, all: [{column: ref, prefix: m}]}
  - {name: own, all: [{column: id, prefix: o}]}
  - {name: blocked, all: [{column: mail, part: local, equals: info}]}
keys:
  - {name: mail, columns: [mail], blocked: blocked, word: mail}
  - {name: ref, columns: [ref]}
strategies:
  - {name: by-mail, key: mail, when: [{exactly: 1, fact: main}], keep: main}
  - {name: by-ref, key: ref, when: [{exactly: 1, fact: own}], keep: own}
"""

NOTES = ["", "plain", "a, b", 'say "x"', "two\nlines", "two\r\nlines", " ", "\u00fc", "'"]


def quoted(text, rng):
    if any(c in text for c in ',"\r\n') or rng.random() < 0.2:
        return '"' + text.replace('"', '""') + '"'
    return text


class File:
    """A generated file, row by row as bytes."""

    def __init__(self, seed):
        rng = self.rng = random.Random(seed)
        rows = rng.choice([1, 2, 5, 30, 200])
        spread = rng.choice([3, 20, 200])
        self.end = rng.choice(["\n", "\r\n"])
        self.header = rng.choice(["", "\ufeff"]) + "id,note,ref,mail" + self.end
        self.rows = []
        self.fields = []
        for number in range(rows):
            identity = f"{rng.choice('ox')}{number if rng.random() < 0.9 else rng.randrange(rows)}"
            mail = rng.choice(["", "x", f"{rng.choice(['a', 'A', 'info'])}{rng.randrange(spread)}@example.com",
                               "info@example.com", f"b{rng.randrange(spread)}@Example.com"])
            ref = rng.choice(["", f"m{rng.randrange(spread)}", f" r{rng.randrange(spread)} "])
            fields = [identity, rng.choice(NOTES), ref, mail]
            dice = rng.random()
            if dice < 0.03:
                fields = fields[:3]
            elif dice < 0.05:
                fields[0] = ""
            self.fields.append(fields)
            self.rows.append(",".join(quoted(f, rng) for f in fields) + self.end)
        self.blanks = rng.random() < 0.3
        if rng.random() < 0.3:
            self.rows[-1] = self.rows[-1][: -len(self.end)]

    def bytes(self):
        blank = self.end if self.blanks else ""
        return (self.header + blank + blank.join(self.rows)).encode()

    def groups(self):
        """Sets of row numbers, by walking from row to row."""
        shared = {}
        keys_of = []
        for number, fields in enumerate(self.fields):
            keys = []
            if len(fields) == 4:
                identity, _, ref, mail = fields
                ref, mail = ref.strip(), mail.strip().casefold()
                keys += [("id", identity)] if identity else []
                keys += [("ref", ref)] if ref else []
                keys += [("mail", mail)] if mail.count("@") == 1 else []
            keys_of.append(keys)
            for key in keys:
                shared.setdefault(key, []).append(number)
        seen = set()
        found = []
        for start in range(len(self.fields)):
            if start in seen:
                continue
            group, open_rows = set(), [start]
            while open_rows:
                row = open_rows.pop()
                if row in group:
                    continue
                group.add(row)
                for key in keys_of[row]:
                    open_rows += shared[key]
            seen |= group
            identities = [self.fields[row][0] for row in group]
            distinct = len({i for i in identities if i}) + identities.count("")
            if distinct >= 2:
                found.append(group)
        return found


class Lab:
    def __init__(self, steward):
        self.steward = str(Path(steward).resolve())
        self.directory = Path(tempfile.mkdtemp(prefix="steward-sample-"))
        self.rules = self.directory / "rules.yaml"
        self.rules.write_text(RULES, encoding="utf-8")

    def run(self, *args):
        line = [self.steward, *map(str, args), "--json", "--workspace", str(self.directory)]
        return subprocess.run(line, capture_output=True, timeout=60, check=False)

    def draw(self, source, name, size, seed):
        output = self.directory / name
        output.unlink(missing_ok=True)
        done = self.run("sample", "--input", source, "--output", output, "--size", size, "--seed", seed,
                        "--rules", self.rules)
        return done, output.read_bytes() if output.exists() else None

    def decisions(self, source):
        out = self.directory / "decisions.csv"
        done = self.run("merge", "--csv", source, "--csv-out", out, "--rules", self.rules)
        if done.returncode not in (0, 3):
            return None
        with open(out, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))


def rows_in(file, sample):
    """The numbers of the rows that `sample` holds, in its order; None where it is not made of rows."""
    text = sample.decode()
    if not text.startswith(file.header):
        return None
    at = len(file.header)
    numbers = []
    for number, row in enumerate(file.rows):
        if text.startswith(row, at) and row:
            numbers.append(number)
            at += len(row)
    return numbers if at == len(text) else None


def check_file(lab, seed):
    file = File(seed)
    source = lab.directory / "input.csv"
    source.write_bytes(file.bytes())
    groups = file.groups()
    size = file.rng.choice([1, 2, 4, 1000])
    done, sample = lab.draw(source, "a.csv", size, seed)
    if not groups:
        return (done.returncode, sample) == (64, None) or f"no groups, but {done}"
    if done.returncode != 0:
        return f"{done}"
    told = json.loads(done.stdout)
    _, again = lab.draw(source, "b.csv", size, seed)
    if sample != again:
        return "the same seed gave other bytes"
    # equal rows may stand for one another: the groups are compared as contents
    wanted = {frozenset(g): sorted(file.rows[r].rstrip("\r\n") for r in g) for g in groups}
    numbers = rows_in(file, sample)
    if numbers is None:
        return "the sample is not made of rows of the input"
    left = sorted(file.rows[r].rstrip("\r\n") for r in numbers)
    drawn = [g for g in groups if all(row in left for row in wanted[frozenset(g)])]
    if sorted(row for g in drawn for row in wanted[frozenset(g)]) != left:
        return "a group is cut, or a row has no group"
    expected = min(size, len(groups))
    facts = {"groups": expected, "rows": len(left), "input_groups": len(groups),
             "input_rows": len(file.fields)}
    if len(drawn) != expected or any(told[name] != value for name, value in facts.items()):
        return f"{len(drawn)} groups of {len(groups)} were drawn; told: {told}"
    return check_decisions(lab, source, lab.directory / "a.csv", numbers)


def check_decisions(lab, source, sample, numbers):
    whole, part = lab.decisions(source), lab.decisions(sample)
    if whole is None or part is None:
        return whole is part or f"one of the plans failed: {whole is None}, {part is None}"
    for number, row in zip(numbers, part, strict=True):
        other = whole[number]
        if row["reason"].startswith("bad-row"):
            row["reason"] = other["reason"] = other["reason"].split(":")[0]
        if row != other:
            return f"row {number}: {row} in the sample, {other} in the whole"
    return True


def check_other_seeds(lab):
    """Over many seeds every group is drawn about equally often."""
    file = File("seeds")
    file.rows = [f"{r}{n},,,p{n}@example.com\n" for n in range(10) for r in "ox"]
    source = lab.directory / "input.csv"
    source.write_text("id,note,ref,mail\n" + "".join(file.rows), encoding="utf-8")
    counts = [0] * 10
    for seed in range(100):
        _, sample = lab.draw(source, "a.csv", 2, seed)
        lines = sample.decode().splitlines()[1:]
        if len(lines) != 4 or lines[0][1:] != lines[1][1:] or lines[2][1:] != lines[3][1:]:
            return f"seed {seed}: {lines}"
        for line in lines[::2]:
            counts[int(line[1])] += 1
    return all(6 <= c <= 38 for c in counts) or f"{counts} of 20 each"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("steward")
    parser.add_argument("--files", type=int, default=50)
    args = parser.parse_args()
    lab = Lab(args.steward)

    def files():
        for number in range(args.files):
            result = check_file(lab, f"{number}")
            if result is not True:
                return f"file {number}: {result}"
        return True

    checks = {f"{args.files} generated files": files,
              "other seeds draw other groups": lambda: check_other_seeds(lab)}
    print(f"1..{len(checks)}")
    failed = False
    for number, (name, check) in enumerate(checks.items(), 1):
        result = check()
        failed = failed or result is not True
        print(f"{'ok' if result is True else 'not ok'} {number} - {name}", flush=True)
        if result is not True:
            print(f"# {result}\n# kept in {lab.directory}", flush=True)
    if not failed:
        subprocess.run(["rm", "-r", lab.directory], check=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
