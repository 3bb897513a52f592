#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`steward merge --score` counted once more, from the decisions file and the labels: the sandbox's pivot
file as it is, and with labels changed at random, rows broken and ids doubled.

Usage: test_score.py SANDBOX STEWARD. Prints TAP.
"""

import csv
import json
import os
import random
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "sandbox"))

from harness import Sandbox, equal, main  # noqa: E402

STEWARD = os.path.abspath(sys.argv[2])
STRATEGIES = ["cxp-uid", "bot-amended", "external-ref", "upwork", "velocity-global"]
ACTION, STRATEGY = 14, 15


def measure(decided, labelled):
    """Of two lists of booleans, a row each."""
    agreed = sum(d and label for d, label in zip(decided, labelled, strict=True))
    found = {"decided": sum(decided), "labelled": sum(labelled), "agreed": agreed}
    found["precision"] = round(agreed / sum(decided), 6) if any(decided) else None
    found["recall"] = round(agreed / sum(labelled), 6) if any(labelled) else None
    return found


def expected(rows, decisions):
    """The document, but for the run's number, and the rows that disagree by position."""
    good = [(row, d) for row, d in zip(rows, decisions, strict=True) if not d["reason"].startswith("bad-row")]
    labels = [row[ACTION].strip() for row, _ in good]
    numbers = [int(row[STRATEGY]) if row[STRATEGY] in set("12345") and label in ("Merge", "Main") else 0
               for (row, _), label in zip(good, labels, strict=True)]
    actions = [d["action"] for _, d in good]
    names = [d["strategy"].split("+")[:1 if d["action"] == "merge" else None] for _, d in good]

    def of(action, label):
        return measure([a == action for a in actions], [x == label for x in labels])

    def of_strategy(number, name, action, label):
        return measure([a == action and name in n for a, n in zip(actions, names, strict=True)],
                       [x == label and k == number for x, k in zip(labels, numbers, strict=True)])

    wanted = {"Merge": "merge", "Main": "keep"}
    other_action = [wanted.get(x) != (a if a in ("merge", "keep") else None)
                    for x, a in zip(labels, actions, strict=True)]
    other_strategy = [not other and k != 0 and STRATEGIES[k - 1] not in n
                      for other, k, n in zip(other_action, numbers, names, strict=True)]
    return {
        "rules": "external-contacts",
        "rows": {"good": len(good), "bad": len(rows) - len(good)},
        "merge": of("merge", "Merge"),
        "keep": of("keep", "Main"),
        "strategies": [
            {"number": n, "name": name, "merge": of_strategy(n, name, "merge", "Merge"),
             "keep": of_strategy(n, name, "keep", "Main")} for n, name in enumerate(STRATEGIES, 1)],
        "disagree": {
            "action": sum(other_action), "strategy": sum(other_strategy), "omitted": 0,
            "rows": [d["user_id"] for (_, d), a, s in zip(good, other_action, other_strategy, strict=True)
                     if a or s]},
    }


def score(lab, path, out):
    line = [STEWARD, "merge", "--csv", path, "--rules", "external-contacts", "--score", "--json", "--quiet",
            "--csv-out", out, "--workspace", lab.path("w")]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode in (0, 3), done
    document = json.loads(done.stdout)
    document.pop("run")
    for row in document["disagree"]["rows"]:
        assert row["reason"] and row["line"] > 1, row
    document["disagree"]["rows"] = [row["id"] for row in document["disagree"]["rows"]]
    return document


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def check(lab, rows, header):
    path, out = lab.path("labelled.csv"), lab.path("decisions.csv")
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header] + rows)
    found = score(lab, path, out)
    with open(out, newline="", encoding="utf-8") as file:
        decisions = list(csv.DictReader(file))
    equal(found, expected(rows, decisions))
    return found


def test_the_sandboxs_labels(exe):
    with Sandbox(exe, "--contacts", 1500, "--pivot-csv", "pivot.csv") as lab:
        header, *rows = read(lab.path("pivot.csv"))
        found = check(lab, rows, header)
        assert found["merge"]["labelled"] > 300, found["merge"]
        assert all(part["merge"]["agreed"] > 0 for part in found["strategies"]), found["strategies"]


def test_labels_changed_at_random(exe):
    with Sandbox(exe, "--contacts", 600, "--pivot-csv", "pivot.csv") as lab:
        header, *rows = read(lab.path("pivot.csv"))
        for seed in range(10):
            rng = random.Random(seed)
            changed = [list(row) for row in rows]
            for row in changed:
                if rng.random() < 0.3:
                    row[ACTION] = rng.choice(["", "Merge", "Main", " Merge ", "merge", "Mains", "Keep"])
                if rng.random() < 0.3:
                    row[STRATEGY] = rng.choice(["", "1", "2", "3", "4", "5", "0", "6", "x", "-1"])
                if rng.random() < 0.02:
                    row[13] = "many"
            changed += [list(rng.choice(changed)) for _ in range(20)]
            found = check(lab, changed, header)
            assert found["disagree"]["action"] > 0 and found["disagree"]["strategy"] > 0, found["disagree"]


main(test_the_sandboxs_labels, test_labels_changed_at_random)
