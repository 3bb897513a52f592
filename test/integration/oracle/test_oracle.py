#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Thousands of hard little files: the planner decides as the oracle does, byte for byte.

Usage: test_oracle.py PLAN_DRIVER SOURCE_ROOT [--files N] [--seed N]. Prints TAP. A failing file is kept
and named.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import oracle  # noqa: E402
from planner import Planner, expected_csv, rows_of  # noqa: E402

LOCALS = ["ann", "Ann", "ANN", "bob", "bob+x", "bob+y", "info", "Info+z", "noreply", "no-reply", "na", "n/a",
          "st\u00e9phane", "ste\u0301phane", "STE\u0301PHANE", "\uff41\uff4e\uff4e", "stra\u00dfe", "strasse",
          "an\u00adn", "a b", "a  b", "+tag", "\u00b4x", "\u212aelvin", "kelvin", "\u0130x", "x\u200b"]
DOMAINS = ["example.com", "Example.COM", "example.com.", "example\u3002com", "\uff45xample.com",
           "example.com..", "stra\u00dfe.example", "strasse.example", "xn--strae-oqa.example", "b\u00fccher.example",
           "B\u00dcCHER.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example", "upwork.com", "cloud.upwork.com",
           "sub.upwork.com", "privaterelay.appleid.com", "x.duck.com", "notduck.com", "ex_ample.com",
           "ex  ample.com", "ex ample.com", " example.com", "\u2615.example", "a..b", "xn--zz--zz.example",
           "ab--cd.example", "\uff0e", ".", "example.com\uff61"]
ODD_EMAILS = ["", " ", "none", "n/a", "ann@", "@example.com", "ann@@example.com", "a@b@c", "ann",
              "ann\uff20example.com", "a\uff20b@example.com", "\u00ad@example.com", "\ufeff ann@example.com"]
REFS = ["REVU-1", "REVU-2", "REVU-", "revu-1", "user_1", "user_2", "user_", "User_1", "", "crm-7", " REVU-3 ",
        "\u00a0user_9\u3000", "REVU", "xuser_1"]
TICKETS = ["", "0", "7", "7.0", " 12 ", "123456789012345678", "1234567890123456789", "-1", "x", ".0", "1.5",
           "1.0.0", "\uff11", "+1", "0.0"]
IDS = ["u1", "u2", "don:identity:dvrv-us-1:devo/0x:revu/1", "don:identity:dvrv-us-1:devo/0x:revu/01", "", " ",
       "\u00fcser-1", "7d0c2c36-aaaa-bbbb-cccc-0123456789ab", "a,b", 'q"q', "two\nlines", "0", "00", "-", "Z9z",
       "123456789", "1234567890123456789012"]
HEADERS = {"id": ["REV_USER_ID", "User ID", "id", " rev_user_id "], "email": ["EMAIL", "Email", "email"],
           "external_ref": ["EXTERNAL_REF", "External Ref", "external_ref"],
           "tickets": ["TICKET_COUNT", "Tickets", "tickets"], "display_name": ["DISPLAY_NAME", "Display Name"],
           "full_name": ["FULL_NAME"], "uid": ["CXP User id", "cxp user ID"]}
SPACES = ["", "", "", "", " ", "\t", "\u00a0", "\u3000", " \u2003", "\r"]


class Generator:
    def __init__(self, rng):
        self.rng = rng
        self.small = rng.random() < 0.6  # few addresses: larger groups

    def email(self):
        rng = self.rng
        dice = rng.random()
        if dice < 0.12:
            return rng.choice(ODD_EMAILS)
        if self.small:
            return rng.choice(LOCALS[:7]) + "@" + rng.choice(DOMAINS[:5])
        return rng.choice(LOCALS) + "@" + rng.choice(DOMAINS)

    def contact(self, number):
        rng = self.rng
        ident = rng.choice(IDS) if rng.random() < 0.12 else f"don:identity:dvrv-us-1:devo/0x:revu/{number:x}"
        ref = rng.choice(REFS) if rng.random() < 0.8 else rng.choice(["REVU-%d", "user_%d"]) % number
        tickets = rng.choice(TICKETS[:6]) if rng.random() < 0.93 else rng.choice(TICKETS)
        name = rng.choice(["Ann", "O'Neil, Ann", 'Ann "A" Lee', "Zo\u00eb", "", "two\nlines", "end\r"])
        return {"id": ident, "email": self.email(), "external_ref": ref, "tickets": tickets,
                "uid": rng.choice(["", "", "n/a", "7", "7.0", " 8"]), "display_name": name,
                "full_name": name, "extra": rng.choice(["", "x", ",", "\n\n"])}

    def cell(self, text, pad):
        rng = self.rng
        if pad:
            text = rng.choice(SPACES) + text + rng.choice(SPACES)
        raw = text.encode("utf-8")
        if rng.random() < 0.003:
            raw += rng.choice([b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0"])
        if any(c in raw for c in b',"\n') or rng.random() < 0.1:
            return b'"' + raw.replace(b'"', b'""') + b'"'
        return raw

    def broken(self):
        return self.rng.choice([b"one", b"a,b", b",,,,,,,,,,,,", b'x"y,z', b'"a"b,c,d', b" ", b'""', b'"\n\n"', b",",
                                b'"", "",', b"\xff\xfe", b"a\0b", b'"x"\r,y'])

    def lines(self):
        """(header, lines), without line ends."""
        rng = self.rng
        columns = ["id", "email", "external_ref"]
        columns += [c for c in ("tickets", "display_name", "full_name", "extra") if rng.random() < 0.8]
        columns += ["uid"] if rng.random() < 0.4 else []
        rng.shuffle(columns)
        header = b",".join(
            rng.choice(HEADERS[c]).encode() if c in HEADERS else rng.choice([b"", b"NOTE"]) for c in columns)
        contacts = [self.contact(n) for n in range(rng.randrange(1, 30))]
        for _ in range(rng.randrange(3)):  # a contact on several lines, the same or changed a little
            again = dict(rng.choice(contacts))
            if rng.random() < 0.4:
                again[rng.choice(["email", "external_ref", "tickets", "display_name"])] += rng.choice([" ", "1"])
            contacts.insert(rng.randrange(len(contacts) + 1), again)
        lines = []
        for contact in contacts:
            lines.append(b",".join(self.cell(contact[c], c != "extra" and rng.random() < 0.1) for c in columns))
            if rng.random() < 0.02:
                lines.append(self.broken())
            if rng.random() < 0.03:
                lines.append(b"")
        return header, lines

    def file(self):
        rng = self.rng
        header, lines = self.lines()
        end = rng.choice([b"\n", b"\r\n"])
        data = rng.choice([b"", b"", b"\xef\xbb\xbf"]) + header + end
        data += b"".join(line + (end if rng.random() < 0.97 else rng.choice([b"\n", b"\r\n"])) for line in lines)
        if rng.random() < 0.1:
            data += rng.choice([b'"open', b"\r", b"u9,x", b'"closed"', b"\n\n", b"\0"])
        return data[:-len(end)] if rng.random() < 0.2 else data


def compare(planner, lists, name, data, **options):
    """None, or what differs."""
    code, out, errors, result = planner.run(name, data, **options)
    try:
        decisions = oracle.decide(data, lists)
    except oracle.Refused as refused:
        if code != 64 or out is not None:
            return f"the oracle refuses ({refused}), the planner gave {code}: {errors}"
        return None
    if code != 0:
        return f"the planner gave {code}: {errors}"
    expected = expected_csv(decisions)
    if any(d[4] == "conflict" for d in decisions):  # of which only the first word is fixed
        got = [(*row[:4], "conflict" if row[4].startswith("conflict: ") else row[4]) for row in rows_of(out)]
        out = expected_csv(got)
    if out != expected:
        pairs = zip(out.split(b"\n"), expected.split(b"\n"))
        where = next(((n, a, b) for n, (a, b) in enumerate(pairs) if a != b), ("length", len(out), len(expected)))
        return f"decisions differ at {where}"
    merges = sum(1 for d in decisions if d[1] == "merge")
    if result["rows"] != len(decisions) or result["merge"] != merges:
        return f"counts differ: {result}"
    return None


def check_files(planner, lists, count, seed):
    def one(number):
        rng = random.Random(f"{seed}-{number}")
        data = Generator(rng).file()
        return number, compare(planner, lists, f"f{number}", data, threads=1 + number % 3)

    with ThreadPoolExecutor(2) as pool:
        for number, problem in pool.map(one, range(count)):
            if problem is not None:
                return f"file f{number}.csv: {problem}"
            planner.forget(f"f{number}")
    return None


def check_order(planner, count, seed):
    """The order of the lines changes nothing but the order of the decisions."""
    for number in range(count):
        rng = random.Random(f"order-{seed}-{number}")
        header, lines = Generator(rng).lines()
        outs = []
        for _ in range(2):
            code, out, _, _ = planner.run("order", header + b"\n" + b"".join(line + b"\n" for line in lines))
            if code != 0:
                break
            # a bad row's reason names its line, which is what has changed
            outs.append(sorted(tuple(r[:4]) + (r[4].split(":")[0] if r[4].startswith("bad-row") else r[4],)
                               for r in rows_of(out)))
            rng.shuffle(lines)
        if len(outs) == 2 and outs[0] != outs[1]:
            return f"file {number}: decisions depend on the order"
    return None


def big_file():
    """More than two readers' worth, with quoted cells that look like rows in the wrong place."""
    rng = random.Random(11)
    trap = '"' + "\nu,info@example.com,user_1,5,x,y" * 40 + '"'
    lines = ["id,email,external_ref,tickets,a,b"]
    for n in range(60000):
        ref = f"REVU-{n}" if n % 2 else f"user_{n}"
        note = trap if rng.random() < 0.004 else "x" * rng.randrange(200)
        lines.append(f"contact/{n},person{rng.randrange(25000)}@example.com,{ref},{n % 9},{note},y")
    # one long cell around the middle: every place where a second reader could begin lies within it
    half, before, at = sum(len(line) + 1 for line in lines) // 2, 0, 0
    while before < half - 20000:
        before += len(lines[at]) + 1
        at += 1
    cell = "\nu,info@example.com,user_1,5,x,y" * 1900
    lines.insert(at, 'open,m@example.com,REVU-1,1,"' + cell + '",y')
    return ("\n".join(lines) + "\n").encode()


def check_threads(planner, lists):
    data = big_file()
    problem = compare(planner, lists, "big", data, threads=1, plan=True)
    if problem is not None:
        return problem
    first = (planner.directory / "big.out").read_bytes(), (planner.directory / "big.plan").read_bytes()
    for threads in (2, 3, 8):
        code, out, errors, _ = planner.run("big", data, threads=threads, plan=True)
        if (code, out, (planner.directory / "big.plan").read_bytes()) != (0, *first):
            return f"{threads} threads give other bytes (exit {code}) {errors}"
    return None


def check_locale(planner, seed):
    data = Generator(random.Random(f"locale-{seed}")).file()
    outs = {planner.run("locale", data, locale=name)[1] for name in ("C", "C.UTF-8", "tr_TR.UTF-8", "de_DE.UTF-8")}
    return None if len(outs) == 1 else "the locale changes decisions"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("source")
    parser.add_argument("--files", type=int,
                        default=500 if os.environ.get("STEWARD_TEST_FLAVOR", "") in ("asan", "tsan") else 1500)
    parser.add_argument("--seed", default="1")
    args = parser.parse_args()
    lists = oracle.Lists(Path(args.source) / "rules" / "lists")
    directory = tempfile.mkdtemp(prefix="steward-oracle-")
    planner = Planner(args.driver, directory)
    checks = {
        f"{args.files} generated files, seed {args.seed}":
            lambda: check_files(planner, lists, args.files, args.seed),
        "order of the rows": lambda: check_order(planner, 100, args.seed),
        "number of threads": lambda: check_threads(planner, lists),
        "locale": lambda: check_locale(planner, args.seed),
    }
    print(f"1..{len(checks)}")
    failed = False
    for number, (name, check) in enumerate(checks.items(), 1):
        problem = check()
        failed = failed or problem is not None
        print(f"{'ok' if problem is None else 'not ok'} {number} - {name}", flush=True)
        if problem is not None:
            print(f"# {problem}\n# kept in {directory}", flush=True)
    if not failed:
        subprocess.run(["rm", "-r", directory], check=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
