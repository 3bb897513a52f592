#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random rule sets on hard files: the planner decides as the language says, and what is always true holds.

Usage: test_rules.py PLAN_DRIVER SOURCE_ROOT [--sets N] [--seed N] [--keep DIR]. Prints TAP. For each rule
set and file: decisions and first words are those of language.py; stars only; a star within the limit; the
order of the rows and the number of threads change nothing; the program never ends but with 0 or 64.
"""
import argparse
import collections
import os
import random
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import yaml  # noqa: E402

import external  # noqa: E402
import generate  # noqa: E402
import language  # noqa: E402
import oracle  # noqa: E402
import random_rules  # noqa: E402
from planner import Planner, rows_of  # noqa: E402

SANITIZED = os.environ.get("STEWARD_TEST_FLAVOR", "") in ("asan", "tsan")
FILES_A_SET = 3


def decide(data, rules):
    try:
        return language.decide(data, rules)
    except oracle.Refused:
        return None


def shipped(path):
    """A rule file with the words of its lists."""
    rules = yaml.safe_load(path.read_text(encoding="utf-8"))
    for entry in rules["lists"]:
        if "file" in entry:
            lines = (path.parent / entry["file"]).read_text(encoding="utf-8").splitlines()
            entry["words"] = [line.split("#")[0] for line in lines if line.split("#")[0].strip()]
    return rules


# --- what is always true --------------------------------------------------------------------------


def star_problem(rows, names, limit):
    """Stars only, whoever decided."""
    by_id = collections.defaultdict(set)
    for row in rows:
        if row[0]:
            by_id[row[0]].add(tuple(row[:4]))
    stars = collections.Counter()
    kept = {ident for ident, decisions in by_id.items() if "keep" in {d[1] for d in decisions}}
    for ident, decisions in by_id.items():
        if len(decisions) > 1:
            return f"{ident} is decided in several ways"
        _, action, strategy, survivor = next(iter(decisions))
        if action in ("review", "none"):
            if strategy or survivor:
                return f"{ident} is {action} and yet has a strategy or survivor"
            continue
        path = strategy.split("+")
        if [name for name in path if name not in names] or len(set(path)) < len(path):
            return f"{ident}: strategy '{strategy}'"
        if action == "keep" and survivor != ident:
            return f"{ident} is kept and its survivor is {survivor}"
        if action == "merge" and (survivor == ident or survivor not in kept):
            return f"{ident} goes into {survivor}, which is not kept"
        stars[survivor] += 1
    if stars and (min(stars.values()) < 2 or max(stars.values()) > limit):
        return f"a star of {min(stars.values())} or {max(stars.values())} contacts"
    return None


def first_words(out):
    return [(*row[:4], row[4].split(":")[0] if row[1] == "review" else "") for row in rows_of(out)]


def difference(planner, rules, name, file, threads=1):
    """None, or what is wrong with the planner's decisions on the file."""
    data = file.data()
    expected = decide(data, rules)
    code, out, errors, _ = planner.run(name, data, threads=threads)
    if expected is None or code != 0:
        return None if expected is None and code == 64 else f"exit code {code}: {errors}"
    got = first_words(out)
    for want, have in zip(expected, got):
        if want[:4] != have[:4] or have[4] not in want[4]:
            return f"expected {want}, got {have}"
    if len(got) != len(expected):
        return f"{len(got)} rows, expected {len(expected)}"
    names = [strategy["name"] for strategy in rules["strategies"]]
    return star_problem(got, names, rules.get("limits", {}).get("max-cluster", 25))


def check_set(planner, number, seed, keep):
    """(what is wrong, how many merges were decided)"""
    rng = random.Random(f"{seed}-{number}")
    rules = random_rules.rules_of(rng)
    path = planner.directory / f"{number}.yaml"
    path.write_text(random_rules.yaml_of(rules), encoding="utf-8")
    mine = Planner(planner.driver, planner.directory, path)
    merges = 0
    for turn in range(FILES_A_SET):
        name = f"{number}-{turn}"
        file = generate.generate(rng)
        problem = difference(mine, rules, name, file, threads=1 + turn)
        if problem is None and turn == 0:
            problem = order_problem(mine, name, file, rng)
        if problem is not None:
            small = generate.smaller(file, lambda less: difference(mine, rules, f"{name}-less", less) is not None)
            problem = difference(mine, rules, name, small) or problem
            shutil.copy(path, keep / f"{seed}-{number}.yaml")
            (keep / f"{seed}-{number}.csv").write_bytes(small.data())
            return f"rule set {number}: {problem}; kept as {keep / f'{seed}-{number}'}.yaml and .csv", 0
        merges += sum(row[1] == "merge" for row in decide(file.data(), rules) or [])
        mine.forget(name)
    path.unlink()
    return None, merges


def order_problem(planner, name, file, rng):
    outs = []
    lines = list(file.lines)
    for threads in (1, 2):
        code, out, _, _ = planner.run(f"{name}-order", file.having(lines).data(), threads=threads)
        outs.append(sorted(first_words(out)) if code == 0 else code)
        rng.shuffle(lines)
    planner.forget(f"{name}-order")
    return None if outs[0] == outs[1] else "decisions depend on the order of the lines"


def check_sets(planner, count, seed, keep):
    merging = 0
    with ThreadPoolExecutor(2) as pool:
        for problem, merges in pool.map(lambda n: check_set(planner, n, seed, keep), range(count)):
            if problem is not None:
                return problem
            merging += merges > 0
    return None if merging >= count // 8 else f"only {merging} of {count} rule sets merge anything"


def check_shipped(path, lists, seed):
    """The language read slowly and the strategies written out by hand agree on what ships."""
    rules = shipped(path)
    for number in range(500):
        data = generate.generate(random.Random(f"shipped-{seed}-{number}")).data()
        by_language = decide(data, rules)
        try:
            by_hand = external.decide(data, lists)
        except oracle.Refused:
            by_hand = None
        if (by_hand is None) != (by_language is None):
            return f"file {number}: one refuses, one does not"
        for hand, read in zip(by_hand or [], by_language or []):
            if hand[:4] != read[:4] or hand[4] not in read[4]:
                return f"file {number}: {hand} by hand, {read} by the language"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("source", type=Path)
    parser.add_argument("--sets", type=int, default=80 if SANITIZED else 300)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--keep", type=Path, help="where rule sets and files are kept on which the two differ")
    args = parser.parse_args()
    rules = args.source / "rules"
    directory = Path(tempfile.mkdtemp(prefix="steward-rules-"))
    planner = Planner(args.driver, directory)
    checks = {
        "external-contacts, by hand and by the language":
            lambda: check_shipped(rules / "external-contacts.yaml", oracle.Lists(rules / "lists"), args.seed),
        f"{args.sets} random rule sets, seed {args.seed}":
            lambda: check_sets(planner, args.sets, args.seed, args.keep or directory),
    }
    print(f"1..{len(checks)}")
    failed = False
    for number, (name, check) in enumerate(checks.items(), 1):
        problem = check()
        failed = failed or problem is not None
        print(f"{'ok' if problem is None else 'not ok'} {number} - {name}", flush=True)
        if problem is not None:
            print(f"# {problem}", flush=True)
    if not failed:
        shutil.rmtree(directory)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
