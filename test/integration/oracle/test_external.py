#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""`external-contacts`: the planner decides as the oracle does, on cases and on thousands of hard files.

Usage: test_external.py PLAN_DRIVER STEWARD SOURCE_ROOT [--files N] [--seed N] [--keep DIR]. Prints TAP.
A file on which they differ is made as small as it gets and kept.
"""
import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import external  # noqa: E402
import external_cases  # noqa: E402
import generate  # noqa: E402
import oracle  # noqa: E402
from external_cases import HEADER, contacts_of, csv_of, decisions_of  # noqa: E402
from planner import Planner, rows_of  # noqa: E402

SANITIZED = os.environ.get("STEWARD_TEST_FLAVOR", "") in ("asan", "tsan")

PAIR = contacts_of("""
    a email=x@e.example acc=1 ref=user_1
    b email=x@e.example acc=1 ref=crm
    """)
PAIR_OUT = "a keep cxp-uid; b merge:a cxp-uid"
GOOD = csv_of(PAIR)


def without(word):
    return csv_of(PAIR, {w: name for w, name in HEADER.items() if w != word})


def renamed(**names):
    return csv_of(PAIR, {**HEADER, **names})


# (what, file, decisions or "" where nothing is planned, exit code of `merge`, and with --strict)
FILES = [
    ("the pivot shape as it comes", GOOD, PAIR_OUT, 0, 0),
    ("a byte order mark", b"\xef\xbb\xbf" + GOOD, PAIR_OUT, 0, 0),
    ("CRLF", GOOD.replace(b"\n", b"\r\n"), PAIR_OUT, 0, 0),
    ("no line end at the end", GOOD[:-1], PAIR_OUT, 0, 0),
    ("blank lines are no rows", GOOD.replace(b"\n", b"\n\n\r\n"), PAIR_OUT, 0, 0),
    ("columns in any order", csv_of(PAIR, dict(reversed(HEADER.items()))), PAIR_OUT, 0, 0),
    ("headers in any case, with blanks", renamed(email=" EMAIL ", uid="cxp USER id"), PAIR_OUT, 0, 0),
    ("the headers of the other shape", renamed(id="REV_USER_ID", ref="EXTERNAL_REF", at="UPDATED_AT",
                                               tickets="TICKET_COUNT"), PAIR_OUT, 0, 0),
    ("columns that nobody needs may be missing",
     csv_of(PAIR, {w: HEADER[w] for w in ("id", "email", "ref", "by", "acc", "name", "at", "uid", "bi", "tickets")}),
     PAIR_OUT, 0, 0),
    ("quoted commas, quotes and line ends",
     csv_of(contacts_of("a email='\"x,y\"@e.example' name='One,\n\"Two\"' ref=user_1\n"
                        "b email='\"X,Y\"@e.example' name='one, \"two\"' ref=crm".replace("\n\"T", " \"T"))),
     PAIR_OUT, 0, 0),
    ("every cell quoted", b"\n".join(b",".join(b'"' + cell + b'"' for cell in line.split(b","))
                                    for line in GOOD.split(b"\n")[:-1]), PAIR_OUT, 0, 0),
    ("a row with too few fields", GOOD + b"x@e.example,crm\n", PAIR_OUT + "; '' bad-row", 3, 64),
    ("a row with too many fields", GOOD + GOOD.split(b"\n")[1] + b",\n", PAIR_OUT + "; '' bad-row", 3, 64),
    ("a row that is not UTF-8, in a column that nobody reads",
     GOOD + csv_of(contacts_of("c email=x@e.example acc=1 type=TYPE")).split(b"\n")[1].replace(b"TYPE", b"\xff"),
     PAIR_OUT + "; '' bad-row", 3, 64),
    ("bad tickets", csv_of(PAIR + contacts_of("c email=c@e.example tickets=many")), PAIR_OUT + "; c bad-row", 3, 64),
    ("no good row", csv_of(contacts_of("a tickets=x")), "", 64, 64),
    ("no row", GOOD.split(b"\n")[0] + b"\n", "", 64, 64),
    ("nothing", b"", "", 64, 64),
    ("a column twice", csv_of(PAIR, {**HEADER, "type": "Email"}), "", 64, 64),
    ("the REVU shape",
     b"REV_USER_ID,DISPLAY_NAME,EMAIL,EXTERNAL_REF,FULL_NAME,CREATED_AT,UPDATED_AT,TICKET_COUNT\n"
     b"a,A,x@e.example,,A,,,1\n",
     "", 64, 64),
    *((f"without the column '{HEADER[word]}'", without(word), "", 64, 64)
      for word in ("id", "email", "ref", "by", "acc", "name", "at", "uid", "bi", "tickets")),
]


def decide(data, lists):
    """The oracle's decisions, or None where it plans nothing."""
    try:
        return external.decide(data, lists)
    except oracle.Refused:
        return None


def first_words(out):
    """The decisions of a --csv-out file; of the reason the first word, on rows left to people."""
    return [(*row[:4], row[4].split(":")[0] if row[1] == "review" else "") for row in rows_of(out)]


def compare(planner, name, data, expected, **options):
    """None, or what differs. `expected`: decisions, or None where nothing is to be planned."""
    code, out, errors, result = planner.run(name, data, **options)
    if expected is None:
        return None if code == 64 and out is None else f"expected a refusal, got {code}: {errors}"
    if code != 0:
        return f"the planner gave {code}: {errors}"
    got = first_words(out)
    for want, have in zip(expected, got):
        if want != have:
            return f"expected {want}, got {have}"
    if len(got) != len(expected):
        return f"expected {len(expected)} rows, got {len(got)}"
    if any(not row[4] for row in rows_of(out)):
        return "a decision without a reason"
    counts = collections.Counter(row[1] for row in got)
    for action in ("keep", "merge", "review", "none"):
        if result[action] != counts[action]:
            return f"counts differ: {result}"
    return None


# --- the oracle itself ----------------------------------------------------------------------------


def check_oracle(lists):
    for sentence, contacts, decisions in external_cases.CASES:
        got, want = decide(csv_of(contacts_of(contacts)), lists), decisions_of(decisions)
        if got != want:
            return f"{sentence}: got {got}, expected {want}"
    for what, data, decisions, _, _ in FILES:
        got = decide(data, lists)
        if got != (decisions_of(decisions) if decisions else None):
            return f"{what}: got {got}"
    return None


def check_generator(lists, count, seed):
    """The files are hard: everything that can come out does, and often."""
    seen = collections.Counter()
    for number in range(count):
        decisions = decide(generate.generate(random.Random(f"{seed}-{number}")).data(), lists)
        if decisions is None:
            seen["refused"] += 1
            continue
        seen.update({(action, strategy or word) for _, action, strategy, _, word in decisions})
    names = [name for name, _, _ in external.STRATEGIES]
    wanted = [(action, name) for action in ("keep", "merge") for name in names]
    wanted += [("review", word) for word in ("bad-row", "email", "undecided", "conflict", "too-large")]
    wanted += [("none", ""), "refused"]
    rare = [what for what in wanted if seen[what] < count // 200]
    paths = {strategy for what in seen if what[0] == "merge" for strategy in [what[1]] if "+" in strategy}
    if rare or len(paths) < 5:
        return f"too rare: {rare}; paths: {sorted(paths)}"
    return None


# --- the planner ----------------------------------------------------------------------------------


def check_cases(planner):
    for sentence, contacts, decisions in external_cases.CASES:
        problem = compare(planner, "case", csv_of(contacts_of(contacts)), decisions_of(decisions))
        if problem:
            return f"{sentence}: {problem}"
    return None


def check_command(planner, steward):
    """The same through the command line: decisions and exit codes."""
    for what, data, decisions, code, strict in FILES:
        source, target = planner.directory / "command.csv", planner.directory / "command.out"
        workspace = planner.directory / "workspace"
        source.write_bytes(data)
        for more, expected_code in (([], code), (["--strict"], strict)):
            shutil.rmtree(workspace, ignore_errors=True)
            workspace.mkdir(mode=0o700)
            target.unlink(missing_ok=True)
            done = subprocess.run([steward, "--workspace", workspace, "merge", "--rules", "external-contacts", "--csv",
                                   source, "--csv-out", target, *more], capture_output=True, check=False, timeout=120)
            if done.returncode != expected_code:
                return f"{what} {more}: exit code {done.returncode}, not {expected_code}: {done.stderr.decode()}"
            if expected_code == 64:
                if target.exists():
                    return f"{what} {more}: refused, and yet there are decisions"
            elif first_words(target.read_bytes()) != decisions_of(decisions):
                return f"{what}: got {first_words(target.read_bytes())}"
    return None


def check_files(planner, lists, count, seed, keep):
    def differs(file, name):
        return compare(planner, name, file.data(), decide(file.data(), lists))

    def one(number):
        file = generate.generate(random.Random(f"{seed}-{number}"))
        data = file.data()
        return number, file, compare(planner, f"f{number}", data, decide(data, lists), threads=1 + number % 3)

    with ThreadPoolExecutor(2) as pool:
        for number, file, problem in pool.map(one, range(count)):
            if problem is None:
                planner.forget(f"f{number}")
                continue
            small = generate.smaller(file, lambda less: differs(less, "less") is not None)
            (keep / f"{seed}-{number}.csv").write_bytes(small.data())
            return f"file {number}: {differs(small, 'less') or problem}; kept as {keep / f'{seed}-{number}.csv'}"
    return None


def some_links(rng, file, lists):
    """(cannot, must): pairs of ids, most of them of contacts that the rules put together."""
    ids = {oracle.trim(line["id"]) for line in file.lines if isinstance(line, dict)}
    ids = sorted(ids - {""}) + ["nobody"]
    stars = collections.defaultdict(list)
    for ident, action, _, survivor, _ in decide(file.data(), lists) or []:
        if action in ("keep", "merge"):
            stars[survivor].append(ident)
    together = [sorted(set(star)) for star in stars.values()]

    def pair():
        among = rng.choice(together) if together and rng.random() < 0.6 else ids
        return rng.sample(among, 2) if len(among) > 1 else [among[0], "somebody"]

    cannot = [pair() for _ in range(rng.randint(0, 2))]
    must = {}  # each loser once, and never in a circle
    for loser, survivor in [sorted(pair()) for _ in range(rng.randint(0, 3))]:
        if {loser, survivor} not in [set(parted) for parted in cannot] or rng.random() < 0.5:
            must.setdefault(loser, survivor)
    return cannot, list(must.items())


def check_links(planner, steward, lists, count, seed):
    """What people decided about pairs stands above the rules, through the command line."""
    words = collections.Counter()
    for number in range(count):
        rng = random.Random(f"links-{seed}-{number}")
        file = generate.generate(rng)
        cannot, must = some_links(rng, file, lists)
        last = {frozenset(pair): ("cannot", pair) for pair in cannot}  # of a pair the last link counts
        last.update({frozenset(pair): ("must", pair) for pair in must})
        workspace, source, target = (planner.directory / f"links{number}{end}" for end in ("", ".csv", ".out"))
        workspace.mkdir(mode=0o700)
        source.write_bytes(file.data())
        base = [steward, "--workspace", workspace]
        for kind, pair in last.values():
            subprocess.run([*base, "links", kind, *pair], check=True, capture_output=True)
        parted = {pair for pair, (kind, _) in last.items() if kind == "cannot"}
        try:
            expected = external.decide(file.data(), lists, lambda a, b, parted=parted: frozenset((a, b)) in parted,
                                       [tuple(pair) for kind, pair in last.values() if kind == "must"])
        except oracle.Refused:
            expected = None
        done = subprocess.run([*base, "merge", "--rules", "external-contacts", "--csv", source, "--csv-out", target],
                              capture_output=True, check=False)
        if done.returncode not in ((0, 3) if expected is not None else (64,)):
            return f"file {number}: exit code {done.returncode}: {done.stderr.decode()}"
        got = first_words(target.read_bytes()) if expected is not None else None
        if got != expected:
            different = [pair for pair in zip(expected, got) if pair[0] != pair[1]][:2]
            return f"file {source} with {list(last.values())}: {different}"
        words.update(row[4] for row in expected or [])
        words.update(row[2].split("+")[0] for row in expected or [])
        shutil.rmtree(workspace)
        source.unlink()
        target.unlink(missing_ok=True)
    return None if words["cannot-link"] and words["must-link"] else f"nothing was tried: {words}"


def check_explain(planner, steward, count, seed):
    """`rules explain` ends with the decision that is planned, word for word."""
    for number in range(count):
        rng = random.Random(f"explain-{seed}-{number}")
        code, out, _, _ = planner.run("explain", generate.generate(rng).data())
        first_line_last = reversed(rows_of(out)) if code == 0 else []
        decided = {row[0]: row[1:] for row in first_line_last if row[0]}
        for ident in rng.sample(sorted(decided), min(2, len(decided))):
            done = subprocess.run([steward, "rules", "explain", "--rules", "external-contacts", "--json", "--csv",
                                   planner.directory / "explain.csv", "--", ident], capture_output=True, check=False)
            if done.returncode != 0:
                return f"file {number}, {ident}: exit code {done.returncode}: {done.stderr.decode()}"
            told = json.loads(done.stdout)
            told = [told["action"], told["strategy"] or "", told["survivor"] or "", told["reason"]]
            if told != decided[ident]:
                return f"file {number}, {ident}: planned {decided[ident]}, explained {told}"
    return None


def check_order(planner, count, seed):
    """The order of the lines changes nothing but the order of the decisions."""
    for number in range(count):
        rng = random.Random(f"order-{seed}-{number}")
        file = generate.generate(rng)
        outs = []
        for _ in range(2):
            code, out, errors, _ = planner.run("order", file.data())
            if code not in (0, 64):
                return f"file {number}: {code}: {errors}"
            outs.append(sorted(first_words(out)) if code == 0 else code)
            rng.shuffle(file.lines)
        if outs[0] != outs[1]:
            return f"file {number}: decisions depend on the order of the lines"
    return None


def large_file(rng, groups):
    """Many generated files in one, each in a world of its own, shuffled."""
    contacts = []
    for number in range(groups):
        for contact in generate.Generator(rng).contacts():
            contact["id"] = contact["id"] and f"{contact['id']}/{number}"
            for word in ("email", "ref"):
                value = contact[word]
                contact[word] = value and (f"w{number}.{value}" if word == "email" else f"{value}.{number}")
            contacts.append(contact)
    rng.shuffle(contacts)
    return generate.File(list(HEADER), list(HEADER.values()), contacts).data()


def check_threads(planner, lists, seed, groups):
    data = large_file(random.Random(f"large-{seed}"), groups)
    problem = compare(planner, "large", data, decide(data, lists), threads=1, plan=True)
    if problem is not None:
        return problem
    first = [(planner.directory / f"large.{kind}").read_bytes() for kind in ("out", "plan")]
    for threads in range(2, 9):
        code, out, errors, _ = planner.run("large", data, threads=threads, plan=True)
        if (code, [out, (planner.directory / "large.plan").read_bytes()]) != (0, first):
            return f"{threads} threads give other bytes (exit {code}) {errors}"
    return None


def check_locale(planner, seed):
    locales = ["C", "C.UTF-8"]
    made = subprocess.run(["localedef", "-i", "tr_TR", "-f", "UTF-8", planner.directory / "tr_TR.UTF-8"],
                          capture_output=True, check=False)
    if made.returncode == 0:
        os.environ["LOCPATH"] = str(planner.directory)
        locales.append("tr_TR.UTF-8")
    data = large_file(random.Random(f"locale-{seed}"), 40)
    outs = {}
    for locale in locales:
        code, out, _, result = planner.run("locale", data, locale=locale, plan=True)
        outs[locale] = (code, out, result and result["plan_hash"])
    os.environ.pop("LOCPATH", None)
    return None if len(set(outs.values())) == 1 and outs["C"][0] == 0 else "the locale changes decisions"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("steward")
    parser.add_argument("source", type=Path)
    parser.add_argument("--files", type=int, default=500 if SANITIZED else 1500)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--keep", type=Path, help="where files are kept on which the two differ")
    parser.add_argument("--oracle-only", action="store_true", help="check nothing but the oracle and its files")
    args = parser.parse_args()
    lists = oracle.Lists(args.source / "rules" / "lists")
    directory = Path(tempfile.mkdtemp(prefix="steward-external-"))
    planner = Planner(args.driver, directory, "external-contacts")
    keep = args.keep or directory
    checks = {
        "the oracle decides the cases": lambda: check_oracle(lists),
        "the generated files are hard": lambda: check_generator(lists, 2000, args.seed),
        f"{len(external_cases.CASES)} cases": lambda: check_cases(planner),
        f"{len(FILES)} files through the command line": lambda: check_command(planner, args.steward),
        f"{args.files} generated files, seed {args.seed}":
            lambda: check_files(planner, lists, args.files, args.seed, keep),
        "order of the rows": lambda: check_order(planner, args.files // 10, args.seed),
        "links": lambda: check_links(planner, args.steward, lists, max(24, args.files // 50), args.seed),
        "explanations": lambda: check_explain(planner, args.steward, args.files // 50, args.seed),
        "number of threads": lambda: check_threads(planner, lists, args.seed, 300 if SANITIZED else 2000),
        "locale": lambda: check_locale(planner, args.seed),
    }
    if args.oracle_only:
        checks = dict(list(checks.items())[:2])
    print(f"1..{len(checks)}")
    failed = False
    for number, (name, check) in enumerate(checks.items(), 1):
        problem = check()
        failed = failed or problem is not None
        print(f"{'ok' if problem is None else 'not ok'} {number} - {name}", flush=True)
        if problem is not None:
            print(f"# {problem}\n# in {directory}", flush=True)
    if not failed:
        shutil.rmtree(directory)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
